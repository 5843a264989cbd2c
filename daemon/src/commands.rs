//! Commands that are no jobs: they look, explain, or change one thing that a person decided.

pub(crate) mod breaks;
pub(crate) mod check;
pub(crate) mod connectors;
pub(crate) mod evidence;
pub(crate) mod init;
pub(crate) mod mappings;
pub(crate) mod period;
pub(crate) mod quarantine;
pub(crate) mod reprocess;
pub(crate) mod trace;
pub(crate) mod verify;
