//! What can be asked. A question changes nothing.

pub mod check;
pub mod connectors;
mod settlement;
pub mod trace;
pub mod verify;
