//! Readers that formats share: bytes as text, JSON, XML, SGML, tables, SWIFT's fields and what stands in them, the
//! bounds of texts, and what a file is.

pub mod amounts;
pub mod bounds;
pub mod closed;
pub mod counted;
pub mod days;
pub mod decoded;
pub mod head;
pub mod json;
pub mod lines;
pub mod plain;
pub mod records;
pub mod remittance;
pub mod sgml;
pub mod swift;
pub mod table;
pub mod text;
pub mod what;
pub mod xml;
