//! Readers that formats share: bytes as text, XML, the bounds of texts, and what a file is.

pub mod bounds;
pub mod lines;
pub mod table;
pub mod text;
pub mod what;
pub mod xml;
