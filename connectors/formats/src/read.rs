//! Readers that formats share: bytes as text, XML, SGML, the bounds of texts, and what a file is.

pub mod bounds;
pub mod lines;
pub mod records;
pub mod sgml;
pub mod table;
pub mod text;
pub mod what;
pub mod xml;
