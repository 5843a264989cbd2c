//! Readers that formats share: bytes as text, tables, XML, JSON, the bounds of texts, and what a file is.

pub mod bounds;
pub mod json;
pub mod lines;
pub mod table;
pub mod text;
pub mod what;
pub mod xml;
