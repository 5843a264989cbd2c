//! Everything that reaches out: event sources, transports, ERP connectors.
//!
//! A vendor is a string in a registry: one file beside its kin, two lines in the list above them.
//! Connectors return values and never see the store. What computes does not reach out: the formats
//! of files are a crate of their own, `formats`, which knows no network.

pub mod bucket;
pub mod caller;
pub mod erp;
pub mod failure;
mod host;
pub mod http;
pub mod keep;
pub mod regular;
pub mod secret;
pub mod source;
pub mod transport;
pub mod unpack;
