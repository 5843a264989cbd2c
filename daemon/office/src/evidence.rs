//! Evidence: what an outsider needs to check a period without trusting us.
//!
//! A close signs a [`seal::Statement`]: the head of the chain, the balances of the period and the control
//! equation. A bundle holds the statement, the chain, and every entry of the period; `check` needs nothing
//! else. How everything is encoded stands in the bundle's first line.

pub mod bundle;
pub mod check;
pub mod heads;
pub(crate) mod manifest;
pub mod seal;
