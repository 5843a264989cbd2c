//! What can be asked. A question changes nothing.

pub mod breaks;
pub mod check;
pub mod connectors;
pub mod difference;
pub mod exports;
mod settlement;
pub mod trace;
pub mod verify;
pub mod waiting;
