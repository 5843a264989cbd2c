//! The use cases, without a face: what a command line, a web page and a schedule all call.
//!
//! A [`Call`] says which company, who asks and when; a verb takes it and a request and gives an answer that
//! can be serialised, or a [`Refusal`]. Jobs ([`jobs`]) take no input and may run twice; deeds ([`deeds`])
//! are what a person decides; questions ([`questions`]) change nothing. Nobody here knows a terminal, a
//! table of text, or the environment of a process.

mod answers;
mod call;
mod class;
mod closed;
pub mod company;
pub mod config;
pub mod deeds;
pub mod effect;
pub mod evidence;
mod expected;
mod fault;
mod items;
pub mod jobs;
mod lease;
mod mapper;
pub mod metric;
pub mod panics;
pub mod pipeline;
mod progress;
pub mod questions;

pub use call::{Call, Refusal, RefusalKind};
pub use class::class;
pub use company::Company;
pub use progress::{Progress, Unwatched};
