//! The ledger's values: money, currencies, accounts, entities, periods, entries, cash, hashes.
//!
//! What this crate promises: a value that exists is right. Money has a currency and fits 64 bits,
//! an account is of a known type, a period belongs to one calendar, an entry balances in every
//! currency, transaction and functional. Nothing here reads a clock, a file or a database.

pub mod account;
pub mod bounds;
pub mod cash;
pub mod chain;
pub mod class;
pub mod clock;
pub mod encode;
pub mod entity;
pub mod entry;
pub mod hash;
pub mod money;
pub mod posting;
pub mod record;
pub mod reversal;
pub mod spelling;
pub mod text;

pub use account::{Account, AccountType, Chart, ChartError, Formerly, Label, Labels, Side};
pub use cash::{
    Basis, FeeKind, FeePart, ItemKind, ItemRef, Movement, Origin, Page, Place, Reference,
    ReferenceKind, SettlementLine, Statement,
};
pub use class::Class;
pub use clock::{Clock, FixedClock, IdGen, SequentialIds};
pub use entity::{Calendar, CalendarError, EndsOn, Entity, FiscalPeriod, NamedFor, Pattern};
pub use entry::{
    Deferral, Dimensions, EntryError, EntryHeader, EntryKind, JournalEntry, Line, RuleRef,
};
pub use hash::{EventKey, Hash};
pub use money::{Currency, MinorUnits, Money, MoneyError, Rounding, allocate};
pub use posting::{BREAK_EVENTS, Decision, Posting, Reversal, Wanted};
pub use reversal::{Asked, Part, Remaining, ReversalError};
