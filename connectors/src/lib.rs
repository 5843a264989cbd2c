//! Everything that reaches out: event sources, settlement formats, ERP formats, transports.
//!
//! A vendor is a string in a registry: one file beside its kin, two lines in the list above them.
//! Connectors return values and never see the store. What computes (formats) does not reach out;
//! what reaches out (sources, transports) does not compute.

pub mod erp;
pub mod secret;
pub mod settlement;
pub mod source;
pub mod transport;
