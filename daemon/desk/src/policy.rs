//! Which decisions take a second person.

use crate::{Actor, Kind, Role};
use ledger::{Currency, Money};
use std::collections::{BTreeMap, BTreeSet};

/// How many have to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Eyes {
    /// Whoever proposes does it.
    One,
    /// Another decides; one who has the role, where a role is named.
    Two(Option<Role>),
}

/// When a kind of decision takes a second person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// In which role; anybody else's eyes will do when not named.
    pub by: Option<Role>,
    /// Only above these amounts. A currency that is not named has no limit below which one suffices.
    pub above: BTreeMap<Currency, i64>,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A rule names a role that nobody has.
    #[error(
        "desk.four_eyes: `{kind}` is decided by role `{role}`, which nobody has; name its people under desk.roles"
    )]
    RoleOfNobody {
        /// The kind.
        kind: Kind,
        /// The role.
        role: Role,
    },
    /// A rule that nobody but one could ever fulfil.
    #[error(
        "desk.four_eyes: `{kind}` is decided by role `{role}`, which only `{only}` has; what they propose could never be decided"
    )]
    RoleOfOne {
        /// The kind.
        kind: Kind,
        /// The role.
        role: Role,
        /// Who has it.
        only: Actor,
    },
}

/// Roles and rules. The default asks for nobody's approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    roles: BTreeMap<Role, BTreeSet<Actor>>,
    rules: BTreeMap<Kind, Rule>,
}

impl Policy {
    /// A policy that can be fulfilled.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn new(
        roles: BTreeMap<Role, BTreeSet<Actor>>,
        rules: BTreeMap<Kind, Rule>,
    ) -> Result<Self, PolicyError> {
        for (kind, rule) in &rules {
            let Some(role) = &rule.by else { continue };
            let people = roles.get(role);
            let mut people = people.into_iter().flatten();
            let (kind, role) = (*kind, role.clone());
            match (people.next(), people.next()) {
                (None, _) => return Err(PolicyError::RoleOfNobody { kind, role }),
                (Some(only), None) => {
                    let only = only.clone();
                    return Err(PolicyError::RoleOfOne { kind, role, only });
                }
                _ => {}
            }
        }
        Ok(Self { roles, rules })
    }

    /// What a decision of this kind takes; about a break, with its amount.
    pub fn eyes(&self, kind: Kind, amount: Option<Money>) -> Eyes {
        let Some(rule) = self.rules.get(&kind) else {
            return Eyes::One;
        };
        let is_small = amount.is_some_and(|amount| {
            let limit = rule.above.get(&amount.currency());
            limit.is_some_and(|limit| {
                amount.amount().unsigned_abs() <= u64::try_from(*limit).unwrap_or(0)
            })
        });
        if is_small {
            Eyes::One
        } else {
            Eyes::Two(rule.by.clone())
        }
    }

    /// Whether somebody has a role.
    pub fn has(&self, actor: &Actor, role: &Role) -> bool {
        self.roles
            .get(role)
            .is_some_and(|people| people.iter().any(|person| person.is(actor)))
    }
}
