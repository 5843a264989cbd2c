//! Readers that formats share: bytes as text, CSV, XML.

pub mod text;
pub mod xml;
