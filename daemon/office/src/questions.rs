//! What can be asked. A question changes nothing.

pub mod check;
pub mod connectors;
pub(crate) mod expected;
mod settlement;
pub mod verify;
