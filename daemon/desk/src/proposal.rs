//! A proposal, what becomes of it, and which rule stands in the way.

use crate::{Actor, Eyes, Kind, Policy, Role};
use chrono::{DateTime, Utc};
use ledger::Hash;
use serde::Serialize;

/// What somebody wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub id: i64,
    /// What it decides.
    pub kind: Kind,
    /// What about: a period, a break, a batch.
    pub subject: String,
    /// The subject as it was when it was proposed: what is approved is what was seen.
    pub seen: Hash,
    /// The rest of the deed, as JSON.
    pub payload: String,
    /// Why.
    pub why: String,
    /// What the policy asked for at that time.
    pub eyes: Eyes,
    /// By whom.
    pub proposed_by: Actor,
    /// When.
    pub proposed_at: DateTime<Utc>,
}

/// What another person said, or the same one who took it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is done.
    Approved,
    /// It is not done.
    Rejected,
    /// The proposer took it back.
    Withdrawn,
}

impl Verdict {
    /// The word in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The verdict of a word.
    pub fn find(name: &str) -> Option<Self> {
        [Self::Approved, Self::Rejected, Self::Withdrawn]
            .into_iter()
            .find(|verdict| verdict.name() == name)
    }
}

/// The end of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which proposal.
    pub proposal: i64,
    /// What was said.
    pub verdict: Verdict,
    /// By whom.
    pub decided_by: Actor,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// Why.
    pub why: String,
}

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Somebody else has to look.
    Waiting,
    /// One person sufficed: proposed and done.
    Done,
    /// Approved and done.
    Approved,
    /// Not done.
    Rejected,
    /// Not done, at the proposer's own word.
    Withdrawn,
}

impl State {
    /// The word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The rule that a decision would break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Who does it must be known.
    #[error("who decides must have a name of up to 200 bytes without control characters")]
    Nameless,
    /// A decision without a reason.
    #[error("--why says why, for whoever asks later")]
    NoReason,
    /// The same person proposed it.
    #[error("proposal {proposal} is `{actor}`'s own; another person has to approve it")]
    SamePerson {
        /// The proposal.
        proposal: i64,
        /// Who proposed it.
        actor: Actor,
    },
    /// Somebody else's proposal is not taken back, but rejected.
    #[error("proposal {proposal} is not `{actor}`'s; whoever did not propose it can reject it")]
    NotTheirs {
        /// The proposal.
        proposal: i64,
        /// Who wanted to take it back.
        actor: Actor,
    },
    /// Who decides lacks the role.
    #[error("proposal {proposal} is decided by role `{role}`, which `{actor}` does not have")]
    RoleMissing {
        /// The proposal.
        proposal: i64,
        /// The role.
        role: Role,
        /// Who wanted to decide.
        actor: Actor,
    },
    /// It is over.
    #[error("proposal {proposal} is {} already", state.name())]
    AlreadyDecided {
        /// The proposal.
        proposal: i64,
        /// How it ended.
        state: State,
    },
    /// The same is waiting.
    #[error(
        "`{subject}` waits as proposal {proposal} already; approve, reject or withdraw that one"
    )]
    AlreadyProposed {
        /// The one that waits.
        proposal: i64,
        /// What about.
        subject: String,
    },
    /// What was seen is not what is there.
    #[error(
        "`{subject}` changed after proposal {proposal} was made; reject it and propose anew what is there now"
    )]
    SubjectChanged {
        /// The proposal.
        proposal: i64,
        /// What about.
        subject: String,
    },
}

impl Proposal {
    /// Where it stands.
    pub fn state(&self, decision: Option<&Decision>) -> State {
        match (decision.map(|decision| decision.verdict), &self.eyes) {
            (Some(Verdict::Approved), _) => State::Approved,
            (Some(Verdict::Rejected), _) => State::Rejected,
            (Some(Verdict::Withdrawn), _) => State::Withdrawn,
            (None, Eyes::One) => State::Done,
            (None, Eyes::Two(_)) => State::Waiting,
        }
    }

    /// Decides it: `now` is the subject as it is. The roles are those in force, the need for them is
    /// the one that the proposal was made under.
    ///
    /// # Errors
    /// [`Refusal`], the rule that it would break.
    pub fn decide(
        &self,
        earlier: Option<&Decision>,
        policy: &Policy,
        now: Hash,
        decision: Decision,
    ) -> Result<Decision, Refusal> {
        let proposal = self.id;
        let state = self.state(earlier);
        if state != State::Waiting {
            return Err(Refusal::AlreadyDecided { proposal, state });
        }
        let actor = decision.decided_by.clone();
        let is_own = actor.is(&self.proposed_by);
        if decision.verdict == Verdict::Withdrawn {
            return if is_own {
                Ok(decision)
            } else {
                Err(Refusal::NotTheirs { proposal, actor })
            };
        }
        if is_own {
            return Err(Refusal::SamePerson { proposal, actor });
        }
        if let Eyes::Two(Some(role)) = &self.eyes
            && !policy.has(&actor, role)
        {
            let role = role.clone();
            return Err(Refusal::RoleMissing {
                proposal,
                role,
                actor,
            });
        }
        if decision.why.trim().is_empty() && decision.verdict == Verdict::Rejected {
            return Err(Refusal::NoReason);
        }
        if decision.verdict == Verdict::Approved && now != self.seen {
            let subject = self.subject.clone();
            return Err(Refusal::SubjectChanged { proposal, subject });
        }
        Ok(decision)
    }
}
