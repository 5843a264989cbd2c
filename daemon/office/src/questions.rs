//! What can be asked. A question changes nothing.

pub mod verify;
