//! Readers that formats share: bytes as text, XML, the bounds of texts,
//! SWIFT's fields and what stands in them, and what a file is.

pub mod bounds;
pub mod counted;
pub mod lines;
pub mod remittance;
pub mod swift;
pub mod table;
pub mod text;
pub mod what;
pub mod xml;
