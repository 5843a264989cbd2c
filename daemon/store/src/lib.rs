//! Everything SQL. Two databases, one text.
//!
//! A [`Snapshot`] reads, a [`Tx`] writes. A transaction takes the writer's row before it asks where the books
//! stand: writers stand in line, so that ids stay dense and the hash chain stays one. Data and checkpoint
//! share it.
//! Statements live in `sql/**/*.sql` and serve both databases; where the dialects differ there are
//! two files, `name.sqlite.sql` and `name.postgres.sql`.

mod ahead;
mod arrivals;
#[macro_use]
mod backend;
#[macro_use]
mod snapshot;
mod apart;
pub mod artifact;
pub mod attachment;
pub mod books;
mod bulk;
pub mod by_hand;
pub mod cases;
pub mod cash;
pub mod claim;
pub mod control;
pub mod correction;
pub mod decision;
pub mod desk;
pub mod entries;
pub mod evidence;
pub mod export;
mod fault;
mod file;
mod index;
pub mod intake;
pub mod items;
pub mod journal;
pub mod kept;
mod keys;
pub mod lease;
pub mod narrow;
mod numbers;
mod open;
mod outlook;
pub mod plan;
mod prepare;
pub mod quarantine;
mod rebuild;
pub mod reconciliation;
pub mod record;
pub mod register;
pub mod reversal;
mod rows;
pub mod runs;
pub mod settlement;
mod sort;
pub mod statistics;
mod take;
pub mod turn;
pub mod waiting;
pub mod writer;

pub use backend::{Access, Store, StoreError, Tx};
pub use file::BookFile;
pub use keys::SharedKeys;
pub use open::STALL;
pub use snapshot::Snapshot;
