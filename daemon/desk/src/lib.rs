//! Decisions of people: a proposal, an approval and a deed, whatever it is about.
//!
//! Pure. A [`Policy`] says which kinds of decision take a second person. Where one suffices, proposal
//! and deed are one and nobody's approval is made up; where two are needed, the second decides over what
//! the first saw, or not at all. A break's [`case`] is what people did about it, in order.

pub mod actor;
pub mod case;
pub mod kind;
pub mod policy;
pub mod proposal;

pub use actor::{Actor, Role};
pub use kind::Kind;
pub use policy::{Eyes, Measure, Policy, PolicyError, Rule};
pub use proposal::{Decision, Proposal, Refusal, State, Verdict};
