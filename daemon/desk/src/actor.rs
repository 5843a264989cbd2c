//! Who acts, and in which role.

use crate::proposal::Refusal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest name.
const LONGEST: usize = 200;

/// A person or a program, by the name that the operating system or a directory gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// A name that can be held against another: no blanks around it, nothing invisible in it.
    ///
    /// # Errors
    /// [`Refusal::Nameless`].
    pub fn new(name: &str) -> Result<Self, Refusal> {
        let name = name.trim();
        let visible = !name.chars().any(char::is_control);
        if name.is_empty() || name.len() > LONGEST || !visible {
            return Err(Refusal::Nameless);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether it is the name of a policy, which no person goes by.
    pub fn is_policy(&self) -> bool {
        self.0.to_lowercase().starts_with("policy:")
    }

    /// Whether both are one person: `Ana` is no second pair of eyes for `ana`.
    pub fn is(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What people are asked to decide as: `controller`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Role(String);

impl Role {
    /// The role of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
