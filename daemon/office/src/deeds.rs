//! What a person decides: each deed says who did it and when, in the transaction that does it.

pub mod activate;
mod by_hand;
pub mod case;
pub mod cases;
pub mod close;
pub mod desk;
pub mod posting;
pub mod quarantine;
pub mod reprocess;
mod resend;
pub mod sheet;
