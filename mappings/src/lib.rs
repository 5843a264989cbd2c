//! The mapping language: rules that turn events into balanced entries.
//!
//! A pack is a folder of YAML rules, CSV tables and a chart of accounts. Compiling it resolves
//! every account, table and expression, proves that each rule balances, and collects all
//! diagnostics with file, line and column. A compiled [`Program`] is a value: the same event gives
//! the same decision, with no clock, no I/O and no randomness in reach.

pub mod compile;
pub mod data;
pub mod diagnostic;
pub mod evaluate;
pub mod event;
pub mod expression;
pub mod golden;
pub mod infer;
mod linear;
mod native;
pub mod pack;
pub mod packs;
pub mod program;
mod reading;
mod schema;
pub mod table;
mod yaml;

pub use compile::compile;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use evaluate::{Context, DateBounds, Evaluator, EvaluatorError};
pub use event::{Event, EventError, content_of};
pub use pack::Pack;
pub use program::Program;
