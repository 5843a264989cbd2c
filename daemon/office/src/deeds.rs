//! What a person decides: each deed says who did it and when, in the transaction that does it.

pub mod activate;
pub mod close;
pub mod reprocess;
