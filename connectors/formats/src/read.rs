//! Readers that formats share: bytes as text, tables, JSON, XML, the bounds of texts, and what a
//! file is.

pub mod bounds;
pub mod head;
pub mod json;
pub mod lines;
pub mod table;
pub mod text;
pub mod what;
pub mod xml;
