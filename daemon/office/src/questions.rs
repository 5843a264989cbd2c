//! What can be asked. A question changes nothing.

pub mod check;
pub mod connectors;
pub(crate) mod expected;
pub mod verify;
