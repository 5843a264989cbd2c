//! Readers that formats share: bytes as text, lines, JSON, XML, SGML, tables, SWIFT's fields and what
//! stands in them; amounts, days and closed lists; names that are counted; the bounds of texts, and what
//! a file is.

pub mod amounts;
pub mod bounds;
pub mod closed;
pub mod counted;
pub mod days;
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
