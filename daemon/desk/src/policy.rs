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
    /// The same where it is about the books of one of these entities.
    pub above_in: BTreeMap<String, BTreeMap<Currency, i64>>,
    /// And only as long as what one person decides alone on one day stays within these sums; no sum counts where none is
    /// named, and a currency beside those that are has none left.
    pub per_day: BTreeMap<Currency, i64>,
}

/// What a decision is measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure<'m> {
    /// How much it is about, where it is about money.
    pub amount: Option<Money>,
    /// Whose books, where that is known; where it is not, the limits of every entity hold.
    pub entity: Option<&'m str>,
    /// What the same person decided alone on the same day, in the same currency.
    pub today: i64,
}

impl Rule {
    /// Whether one person suffices.
    fn suffices(&self, measure: &Measure<'_>) -> bool {
        let Some(amount) = measure.amount else {
            return false;
        };
        let size = amount.amount().unsigned_abs();
        let within = |limit: i64, sum: u64| sum <= u64::try_from(limit).unwrap_or(0);
        let is_in = |limits: &BTreeMap<Currency, i64>| {
            let limit = limits.get(&amount.currency());
            limit.is_some_and(|limit| within(*limit, size))
        };
        let is_small = match measure.entity {
            Some(entity) => is_in(self.above_in.get(entity).unwrap_or(&self.above)),
            None => is_in(&self.above) && self.above_in.values().all(is_in),
        };
        let sum = size.saturating_add(measure.today.unsigned_abs());
        let left = self.per_day.get(&amount.currency());
        is_small && (self.per_day.is_empty() || left.is_some_and(|left| within(*left, sum)))
    }
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
        let measure = Measure {
            amount,
            ..Measure::default()
        };
        self.weigh(kind, &measure)
    }

    /// The same of somebody's books, and after what the same person decided alone on that day.
    pub fn weigh(&self, kind: Kind, measure: &Measure<'_>) -> Eyes {
        match self.rules.get(&kind) {
            None => Eyes::One,
            Some(rule) if rule.suffices(measure) => Eyes::One,
            Some(rule) => Eyes::Two(rule.by.clone()),
        }
    }

    /// Whether what one person decides alone on a day is summed up for a kind.
    pub fn counts_days(&self, kind: Kind) -> bool {
        let rule = self.rules.get(&kind);
        rule.is_some_and(|rule| !rule.per_day.is_empty())
    }

    /// Whether the books of some entities have limits of their own for a kind.
    pub fn limits_entities(&self, kind: Kind) -> bool {
        let rule = self.rules.get(&kind);
        rule.is_some_and(|rule| !rule.above_in.is_empty())
    }

    /// Whether somebody has a role.
    pub fn has(&self, actor: &Actor, role: &Role) -> bool {
        self.roles
            .get(role)
            .is_some_and(|people| people.iter().any(|person| person.is(actor)))
    }
}
