//! Decisions, one way for all of them: a proposal, an approval where the policy asks for one, and the deed.
//!
//! Whatever is decided is a [`Deed`], which says what it is about, what is there to see, and how it is done.
//! Where one person suffices, [`decide`] writes the proposal and does the deed in one transaction, and nobody's
//! approval is made up. Where the policy asks for four eyes it writes the proposal alone; [`approve`] by another
//! person does the deed in the transaction of the decision, over what the first one saw or not at all.

use super::by_hand;
pub use super::case::state_of;
pub(crate) use super::case::{case_of, check_deed, last_amount, missing, money_of};
use super::posting::{self, Away, Posted, WRITE_OFF};
use super::resend;
use crate::call::{Call, Refusal, RefusalKind};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use desk::case::{CaseState, Deed as CaseDeed};
use desk::{Actor, Decision, Eyes, Kind, Measure, Policy, Proposal, Role, State, Verdict};
use ledger::{Currency, Hash, Money};
use reconcile::Resolve;
use serde::{Deserialize, Serialize};
use store::cases::{CaseRow, DeedRow, NewDeed};
use store::desk::{NewProposal, ProposalRow};
use store::intake::Stamp;
use store::quarantine::QuarantineDecision;
use store::runs::RunRow;
use store::{Snapshot, Tx};

/// Something that a person decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Deed {
    /// A closed period takes postings again.
    PeriodReopen {
        /// The entity.
        entity: String,
        /// The period.
        period: String,
    },
    /// Bytes in quarantine will never be an event.
    QuarantineDiscard {
        /// Their number.
        id: i64,
    },
    /// A break needs nothing more.
    BreakResolve {
        /// The break.
        id: String,
    },
    /// A break's amount is given up, which the rule `write-off` posts where no other is named.
    WriteOff {
        /// The break.
        id: String,
        /// How it is posted.
        #[serde(default)]
        how: How,
    },
    /// A break's amount goes where a rule of the mapping puts it.
    BreakPost {
        /// The break.
        id: String,
        /// How it is posted.
        #[serde(default)]
        how: How,
    },
    /// A break is a matter of time, until a day.
    BreakAccept {
        /// The break.
        id: String,
        /// The last day on which it is.
        until: NaiveDate,
    },
    /// Open items of a reconciliation belong together.
    Match {
        /// The reconciliation.
        reconciliation: String,
        /// The items: `entry:12/1`, `bank:7`.
        items: Vec<String>,
    },
    /// Items that were matched by hand do not belong together.
    MatchUndo {
        /// The match.
        id: i64,
    },
    /// What was decided about a break is taken back, and what was posted about it.
    BreakReopen {
        /// The break.
        id: String,
    },
    /// A batch that its target refused is sent again, byte for byte.
    BatchResend {
        /// The batch's outside name.
        batch: String,
    },
    /// The entries of a batch that its target refused go into another, which names it.
    BatchRelease {
        /// The batch's outside name.
        batch: String,
    },
    /// A batch of which nobody knows arrived: it is not sent again.
    BatchArrived {
        /// The batch's outside name.
        batch: String,
    },
    /// A batch of which nobody knows did not arrive: it is sent again.
    BatchMissing {
        /// The batch's outside name.
        batch: String,
    },
    /// Another version of the mapping decides what is posted from now on.
    MappingActivation {
        /// The pack.
        pack: String,
        /// The version: 64 hexadecimal digits.
        version: String,
    },
    /// An event came again with other content; the first stands.
    ConflictAccept {
        /// The conflict's number.
        id: i64,
    },
}

/// How a break is posted away, as far as somebody said it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whose books, where the break's items do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The accounting date; the day of the decision where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<NaiveDate>,
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// The proposal; none where there was nothing to change.
    pub proposal: Option<i64>,
    /// What about.
    pub subject: String,
    /// `done`, or `waiting` for another person; `approved`, `rejected` or `withdrawn` after one.
    pub state: Option<State>,
    /// Whether the deed is done.
    pub changed: bool,
    /// The entries that it made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<i64>,
    /// The match that it made.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matched: Option<i64>,
}

/// What a deed made in the books.
#[derive(Debug, Default)]
struct Made {
    entries: Vec<i64>,
    matched: Option<i64>,
}

impl Made {
    fn entries(entries: Vec<i64>) -> Self {
        Self {
            entries,
            ..Self::default()
        }
    }
}

/// A subject as it is now.
struct Seen {
    hash: Hash,
    amount: Option<Money>,
    /// Whose books, where that is known.
    entity: Option<String>,
}

impl Seen {
    fn of(text: &str, amount: Option<Money>) -> Self {
        let hash = Hash::of(text.as_bytes());
        Self {
            hash,
            amount,
            entity: None,
        }
    }

    /// With something more that is seen.
    fn with(self, more: &str) -> Self {
        let hash = Hash::of(format!("{} {more}", self.hash).as_bytes());
        Self { hash, ..self }
    }

    /// With what of it would be posted, and how.
    fn posted(self, away: &Posted) -> Self {
        let (amount, entity) = (Some(away.amount), Some(away.entity.clone()));
        let seen = Self {
            amount,
            entity,
            ..self
        };
        seen.with(&away.text)
    }
}

impl How {
    /// By a rule.
    pub fn by(rule: &str) -> Self {
        Self {
            rule: Some(rule.to_owned()),
            ..Self::default()
        }
    }

    fn away(&self) -> Away {
        Away {
            rule: self.rule.as_deref().unwrap_or(WRITE_OFF).to_owned(),
            entity: self.entity.clone(),
            on: self.on,
        }
    }
}

impl Deed {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::PeriodReopen { .. } => Kind::PeriodReopen,
            Self::QuarantineDiscard { .. } => Kind::QuarantineDiscard,
            Self::BreakResolve { .. } => Kind::BreakResolve,
            Self::WriteOff { .. } => Kind::WriteOff,
            // Whatever the verb: who may not write off alone may not post by the rule that writes off.
            Self::BreakPost { how, .. } if how.rule.as_deref() == Some(WRITE_OFF) => Kind::WriteOff,
            Self::BreakPost { .. } => Kind::BreakPost,
            Self::BreakAccept { .. } => Kind::BreakAccept,
            Self::Match { .. } => Kind::Match,
            Self::MatchUndo { .. } => Kind::MatchUndo,
            Self::BreakReopen { .. } => Kind::BreakReopen,
            Self::BatchResend { .. } => Kind::BatchResend,
            Self::BatchRelease { .. } => Kind::BatchRelease,
            Self::BatchArrived { .. } => Kind::BatchArrived,
            Self::BatchMissing { .. } => Kind::BatchMissing,
            Self::MappingActivation { .. } => Kind::MappingActivation,
            Self::ConflictAccept { .. } => Kind::ConflictAccept,
        }
    }

    /// What it is about.
    pub fn subject(&self) -> String {
        match self {
            Self::PeriodReopen { entity, period } => format!("{entity} {period}"),
            Self::QuarantineDiscard { id } | Self::ConflictAccept { id } => id.to_string(),
            Self::BreakResolve { id }
            | Self::WriteOff { id, .. }
            | Self::BreakPost { id, .. }
            | Self::BreakAccept { id, .. }
            | Self::BreakReopen { id } => id.clone(),
            Self::Match {
                reconciliation,
                items,
            } => format!("{reconciliation} {}", items.join(" ")),
            Self::MatchUndo { id } => format!("match:{id}"),
            Self::BatchResend { batch }
            | Self::BatchRelease { batch }
            | Self::BatchArrived { batch }
            | Self::BatchMissing { batch } => batch.clone(),
            Self::MappingActivation { pack, version } => format!("{pack} {version}"),
        }
    }

    /// Whose books it is about, where entries say so.
    async fn entity(&self, books: &Snapshot) -> Result<Option<String>, Refusal> {
        match self {
            Self::BreakResolve { id }
            | Self::WriteOff { id, .. }
            | Self::BreakPost { id, .. }
            | Self::BreakAccept { id, .. }
            | Self::BreakReopen { id } => {
                let finding = books.finding(id).await?;
                let items = finding.map(|found| found.items).unwrap_or_default();
                posting::entity_among(books, items.into_iter()).await
            }
            Self::Match { items, .. } => {
                let items = items.iter().filter_map(|item| item.parse().ok());
                posting::entity_among(books, items).await
            }
            _ => Ok(None),
        }
    }

    /// How it posts a break away, where it does.
    pub(crate) fn away(&self) -> Option<Away> {
        match self {
            Self::WriteOff { how, .. } | Self::BreakPost { how, .. } => Some(how.away()),
            _ => None,
        }
    }

    /// The job's name in the list of runs.
    const fn job(&self) -> &'static str {
        match self {
            Self::PeriodReopen { .. } => "period reopen",
            Self::QuarantineDiscard { .. } => "quarantine discard",
            Self::BreakResolve { .. } => "break resolve",
            Self::WriteOff { .. } => "write-off",
            Self::BreakPost { .. } => "break post",
            Self::BreakAccept { .. } => "break accept",
            Self::Match { .. } => "match",
            Self::MatchUndo { .. } => "match undo",
            Self::BreakReopen { .. } => "break reopen",
            Self::BatchResend { .. } => "export resend",
            Self::BatchRelease { .. } => "export release",
            Self::BatchArrived { .. } | Self::BatchMissing { .. } => "export resolve",
            Self::MappingActivation { .. } => "mapping activation",
            Self::ConflictAccept { .. } => "conflict accept",
        }
    }

    /// The subject as it is; none where there is nothing to change.
    async fn seen(&self, call: &Call, tx: &mut Tx) -> Result<Option<Seen>, Refusal> {
        match self {
            Self::PeriodReopen { entity, period } => {
                let found = tx.period_seen(entity, period).await?;
                let closed = found.filter(|(state, _)| state == "closed");
                Ok(closed.map(|(state, seals)| Seen::of(&format!("{state} {seals}"), None)))
            }
            Self::QuarantineDiscard { id } => match tx.quarantine_seen(*id).await? {
                None => Err(missing(format!(
                    "there is no {id} in quarantine; `tieout quarantine list` shows what there is"
                ))),
                Some(None) => Ok(Some(Seen::of("waiting", None))),
                Some(Some(_)) => Ok(None),
            },
            Self::BreakResolve { id } => break_seen(tx, id, CaseDeed::Resolved).await.map(Some),
            Self::WriteOff { id, how } => {
                let seen = break_seen(tx, id, CaseDeed::WrittenOff).await?;
                let away = posting::seen(call, tx, id, &how.away()).await?;
                Ok(Some(match away {
                    Some(away) => seen.posted(&away),
                    None => seen,
                }))
            }
            Self::BreakPost { id, how } => {
                let seen = break_seen(tx, id, CaseDeed::Resolved).await?;
                let away = posting::seen(call, tx, id, &how.away()).await?;
                let away = away.ok_or_else(|| posting::nothing(id))?;
                Ok(Some(seen.posted(&away)))
            }
            Self::BreakAccept { id, until } => {
                let seen = break_seen(tx, id, CaseDeed::Accepted).await?;
                let (case, _) = case_of(tx, id).await?;
                not_over(call, &case, *until).await?;
                Ok(Some(seen))
            }
            Self::Match {
                reconciliation,
                items,
            } => {
                let items = by_hand::together(call, reconciliation, items).await?;
                Ok(Some(Seen::of(&items.text(), Some(items.amount()))))
            }
            Self::MatchUndo { id } => {
                let made = by_hand::standing(tx, *id).await?;
                let items = by_hand::of(call, &made).await?;
                Ok(Some(Seen::of(&format!("match {id}"), Some(items.amount()))))
            }
            Self::BreakReopen { id } => reopening(tx, id).await.map(Some),
            Self::BatchResend { batch } | Self::BatchRelease { batch } => {
                let (attempt, said) = resend::refused(tx, batch).await?;
                Ok(Some(Seen::of(&format!("{attempt} {said}"), None)))
            }
            Self::BatchArrived { batch } | Self::BatchMissing { batch } => {
                let open = resend::undecided(tx, batch).await?;
                Ok(open.map(|attempt| Seen::of(&attempt.to_string(), None)))
            }
            Self::MappingActivation { version, .. } => {
                let before = tx.mapping_in_force().await?;
                let before = before.map_or_else(String::new, |before| before.to_string());
                Ok((before != *version).then(|| Seen::of(&before, None)))
            }
            Self::ConflictAccept { id } => match tx.conflict_seen(*id).await? {
                None => Err(missing(format!(
                    "there is no conflict {id}; `tieout conflicts list` shows what there is"
                ))),
                Some((hash, false)) => Ok(Some(Seen::of(&ledger::hash::hex(&hash), None))),
                Some((_, true)) => Ok(None),
            },
        }
    }

    /// Gives what it made.
    async fn perform(
        &self,
        call: &Call,
        tx: &mut Tx,
        (proposal, why): (i64, &str),
        stamp: &Stamp,
    ) -> Result<Made, Refusal> {
        let add = |deed: CaseDeed, amount: i64| NewDeed {
            deed: deed.name(),
            why: why.to_owned(),
            amount,
            proposal_id: Some(proposal),
            ..NewDeed::default()
        };
        match self {
            Self::PeriodReopen { entity, period } => {
                tx.set_period_state(entity, period, false, stamp).await?;
            }
            Self::QuarantineDiscard { id } => {
                let discarded = QuarantineDecision::Discarded;
                tx.decide_quarantine(*id, discarded, why, stamp).await?;
            }
            Self::BreakResolve { id } => {
                let deed = add(CaseDeed::Resolved, amount_of(tx, id).await?);
                tx.add_deed(id, &deed, stamp).await?;
            }
            Self::WriteOff { id, how } | Self::BreakPost { id, how } => {
                let done = match self.kind() {
                    Kind::WriteOff => CaseDeed::WrittenOff,
                    _ => CaseDeed::Resolved,
                };
                let entries = posting::post(call, tx, (id, proposal), &how.away(), stamp).await?;
                let deed = add(done, amount_of(tx, id).await?);
                tx.add_deed(id, &deed, stamp).await?;
                return Ok(Made::entries(entries));
            }
            Self::BreakAccept { id, until } => {
                let accepted = NewDeed {
                    until_on: Some(*until),
                    ..add(CaseDeed::Accepted, amount_of(tx, id).await?)
                };
                tx.add_deed(id, &accepted, stamp).await?;
            }
            Self::Match {
                reconciliation,
                items,
            } => {
                let items = by_hand::together(call, reconciliation, items).await?;
                let matched =
                    by_hand::make(tx, reconciliation, &items, (proposal, why), stamp).await?;
                return Ok(Made {
                    matched: Some(matched),
                    ..Made::default()
                });
            }
            Self::MatchUndo { id } => {
                let made = by_hand::standing(tx, *id).await?;
                tx.undo_match(&made, (proposal, why), stamp).await?;
            }
            Self::BreakReopen { id } => {
                let deed = add(CaseDeed::Reopened, amount_of(tx, id).await?);
                tx.add_deed(id, &deed, stamp).await?;
                let back = posting::take_back(call, tx, (id, why), stamp).await?;
                return Ok(Made::entries(back));
            }
            Self::BatchResend { batch } => resend::resend(tx, batch, why, stamp).await?,
            Self::BatchRelease { batch } => resend::release(tx, batch, why, stamp).await?,
            Self::BatchArrived { batch } => resend::arrived(tx, batch, why, stamp).await?,
            Self::BatchMissing { batch } => resend::not_there(tx, batch, why, stamp).await?,
            Self::MappingActivation { pack, version } => {
                put_in_force(tx, (pack, version), stamp).await?;
            }
            // The proposal itself says it.
            Self::ConflictAccept { .. } => {}
        }
        Ok(Made::default())
    }
}

/// Decides, or proposes where the policy asks for another person.
///
/// # Errors
/// The rule that it would break; nothing is written then.
pub async fn decide(call: &Call, deed: &Deed, why: &str) -> Result<Decided, Refusal> {
    let mut tx = call.store.begin().await?;
    let decided = decide_in(call, &mut tx, deed, why).await?;
    if decided.proposal.is_some() {
        tx.commit().await?;
    }
    Ok(decided)
}

/// The same as one of several in a transaction; whoever began it ends it.
///
/// # Errors
/// The rule that it would break; what the transaction holds by then must not be committed.
pub(crate) async fn decide_in(
    call: &Call,
    tx: &mut Tx,
    deed: &Deed,
    why: &str,
) -> Result<Decided, Refusal> {
    let why = reason(why)?;
    let actor = person(call)?;
    let policy = call.config.policy()?;
    let mut stamp = call.stamp();
    actor.name().clone_into(&mut stamp.actor);
    let subject = deed.subject();
    let Some(seen) = undecided(call, tx, deed).await? else {
        return Ok(Decided {
            proposal: None,
            subject,
            state: None,
            changed: false,
            entries: Vec::new(),
            matched: None,
        });
    };
    let eyes = eyes(call, tx, &policy, (deed, &seen), (&actor, &stamp)).await?;
    write(call, tx, (deed, why), (&seen, eyes), &stamp).await
}

/// A policy's decision, where its limits let it: by the amount, and by what it decided on this day already. Gives the amount
/// that it posted.
///
/// # Errors
/// Why it cannot be done; what the transaction holds by then must not be committed.
pub(crate) async fn decide_by_policy(
    call: &Call,
    tx: &mut Tx,
    (deed, why): (&Deed, &str),
    (policy, today): (&Resolve, i64),
) -> Result<Option<Money>, Refusal> {
    let stamp = call.stamp();
    let Deed::BreakPost { id, .. } = deed else {
        return Ok(None);
    };
    // Somebody may have come to it since it was listed.
    if !tx.is_untouched(id).await? {
        return Ok(None);
    }
    let Some(seen) = undecided(call, tx, deed).await? else {
        return Ok(None);
    };
    let Some(amount) = seen.amount else {
        return Ok(None);
    };
    if !policy.takes(amount, today) {
        return Ok(None);
    }
    write(call, tx, (deed, why), (&seen, Eyes::One), &stamp).await?;
    Ok(Some(amount))
}

/// What a policy decided on this day already.
pub(crate) async fn decided_today(
    call: &Call,
    books: &Snapshot,
    currency: Currency,
) -> Result<i64, Refusal> {
    let actor = Actor::new(&call.actor).map_err(refused)?;
    let rows = books
        .decided_alone(day_of(&call.stamp()), i64::from(currency.numeric()))
        .await?;
    Ok(alone(rows, None, &actor))
}

/// A subject of which nobody waits for a decision; none where there is nothing to change.
async fn undecided(call: &Call, tx: &mut Tx, deed: &Deed) -> Result<Option<Seen>, Refusal> {
    let Some(seen) = deed.seen(call, tx).await? else {
        return Ok(None);
    };
    let subject = deed.subject();
    match tx.waiting_proposal(deed.kind().name(), &subject).await? {
        Some(proposal) => Err(refused(desk::Refusal::AlreadyProposed {
            proposal,
            subject,
        })),
        None => Ok(Some(seen)),
    }
}

/// The proposal, and the deed where one person suffices.
async fn write(
    call: &Call,
    tx: &mut Tx,
    (deed, why): (&Deed, &str),
    (seen, eyes): (&Seen, Eyes),
    stamp: &Stamp,
) -> Result<Decided, Refusal> {
    let subject = deed.subject();
    let proposal = NewProposal {
        kind: deed.kind().name().to_owned(),
        subject: subject.clone(),
        seen: seen.hash,
        payload: serde_json::to_string(deed).map_err(anyhow::Error::from)?,
        why: why.to_owned(),
        four_eyes: eyes != Eyes::One,
        role: match &eyes {
            Eyes::Two(Some(role)) => role.name().to_owned(),
            Eyes::One | Eyes::Two(None) => String::new(),
        },
    };
    let id = tx.insert_proposal(&proposal, stamp).await?;
    let changed = eyes == Eyes::One;
    let mut decided = Decided {
        proposal: Some(id),
        subject,
        state: Some(if changed { State::Done } else { State::Waiting }),
        changed,
        entries: Vec::new(),
        matched: None,
    };
    if changed {
        let made = deed.perform(call, tx, (id, why), stamp).await?;
        (decided.entries, decided.matched) = (made.entries, made.matched);
    }
    let job = if changed { deed.job() } else { "propose" };
    record(call, tx, job, stamp, &decided).await?;
    Ok(decided)
}

/// How many have to look: by the amount, whose books it is about, and what the same person decided alone today.
async fn eyes(
    call: &Call,
    tx: &mut Tx,
    policy: &Policy,
    (deed, seen): (&Deed, &Seen),
    (actor, stamp): (&Actor, &Stamp),
) -> Result<Eyes, Refusal> {
    let kind = deed.kind();
    let entity = match &seen.entity {
        None if policy.limits_entities(kind) => deed.entity(&call.store.snapshot().await?).await?,
        known => known.clone(),
    };
    let mut measure = Measure {
        amount: seen.amount,
        entity: entity.as_deref(),
        today: 0,
    };
    if let Some(amount) = seen.amount
        && policy.counts_days(kind)
    {
        let numeric = i64::from(amount.currency().numeric());
        let rows = tx.decided_alone(day_of(stamp), numeric).await?;
        measure.today = alone(rows, Some(policy), actor);
    }
    Ok(policy.weigh(kind, &measure))
}

/// The day (UTC) of a moment.
pub(crate) fn day_of(stamp: &Stamp) -> (DateTime<Utc>, DateTime<Utc>) {
    let begin = stamp.now.date_naive().and_time(NaiveTime::MIN).and_utc();
    (begin, begin + Duration::days(1))
}

/// What somebody decided alone, of the kinds that a policy sums up; of all without one.
pub(crate) fn alone(
    rows: Vec<(String, String, i64)>,
    policy: Option<&Policy>,
    actor: &Actor,
) -> i64 {
    let own = rows.into_iter().filter(|(kind, by, _)| {
        let counts = Kind::find(kind)
            .is_some_and(|kind| policy.is_none_or(|policy| policy.counts_days(kind)));
        counts && Actor::new(by).is_ok_and(|by| by.is(actor))
    });
    own.fold(0, |sum, (.., size)| sum.saturating_add(size))
}

/// Who decides: a person, for what a policy decides goes another way.
///
/// # Errors
/// When there is no name, or it is a policy's.
pub(crate) fn person(call: &Call) -> Result<Actor, Refusal> {
    let actor = Actor::new(&call.actor).map_err(refused)?;
    if actor.is_policy() {
        let what = format!("`{actor}` is the name of a policy; decide in your own");
        return Err(Refusal::new(RefusalKind::Forbidden, what));
    }
    Ok(actor)
}

/// Approves a proposal and does what it says, in one transaction.
///
/// # Errors
/// The rule that it would break; nothing is written then.
pub async fn approve(call: &Call, id: i64, why: &str) -> Result<Decided, Refusal> {
    conclude(call, id, true, why).await
}

/// Rejects a proposal; one's own is withdrawn.
///
/// # Errors
/// The rule that it would break; nothing is written then.
pub async fn reject(call: &Call, id: i64, why: &str) -> Result<Decided, Refusal> {
    conclude(call, id, false, reason(why)?).await
}

async fn conclude(call: &Call, id: i64, approved: bool, why: &str) -> Result<Decided, Refusal> {
    let actor = person(call)?;
    let policy = call.config.policy()?;
    let mut stamp = call.stamp();
    actor.name().clone_into(&mut stamp.actor);
    let mut tx = call.store.begin().await?;
    let row = tx.proposal(id).await?.ok_or_else(|| {
        missing(format!(
            "there is no proposal {id}; `tieout proposals list` shows what there is"
        ))
    })?;
    let (proposal, earlier) = known(&row)?;
    let deed: Deed = serde_json::from_str(&row.payload).map_err(anyhow::Error::from)?;
    let verdict = match approved {
        true => Verdict::Approved,
        false if actor.is(&proposal.proposed_by) => Verdict::Withdrawn,
        false => Verdict::Rejected,
    };
    let wanted = Decision {
        proposal: id,
        verdict,
        decided_by: actor,
        decided_at: stamp.now,
        why: why.trim().to_owned(),
    };
    let now = match (earlier.is_none() && approved, &deed) {
        (true, deed) => match deed.seen(call, &mut tx).await {
            // What is gone, or was decided meanwhile, is no longer what was proposed.
            Err(refusal) if is_settled(&refusal) => None,
            seen => seen?,
        },
        (false, _) => None,
    };
    let now = now.map_or(Hash::ZERO, |seen| seen.hash);
    let decision = proposal
        .decide(earlier.as_ref(), &policy, now, wanted)
        .map_err(refused)?;
    if verdict == Verdict::Withdrawn {
        // One person under one spelling: the database folds fewer letters than people do.
        proposal.proposed_by.name().clone_into(&mut stamp.actor);
    }
    tx.insert_decision(&row, verdict.name(), &decision.why, &stamp)
        .await?;
    let mut made = Made::default();
    if approved {
        let why = (id, proposal.why.as_str());
        made = deed.perform(call, &mut tx, why, &stamp).await?;
    }
    let decided = Decided {
        proposal: Some(id),
        subject: proposal.subject.clone(),
        state: Some(proposal.state(Some(&decision))),
        changed: approved,
        entries: made.entries,
        matched: made.matched,
    };
    let job = if approved { deed.job() } else { verdict.name() };
    record(call, &mut tx, job, &stamp, &decided).await?;
    tx.commit().await?;
    Ok(decided)
}

/// Whether a refusal speaks of the subject, and not of books that could not be asked.
fn is_settled(refusal: &Refusal) -> bool {
    matches!(refusal.kind(), RefusalKind::Missing | RefusalKind::Conflict)
}

/// The run's row, in the transaction of what it tells.
pub(crate) async fn record(
    call: &Call,
    tx: &mut Tx,
    job: &str,
    started: &Stamp,
    decided: &impl Serialize,
) -> Result<(), Refusal> {
    let run = RunRow {
        id: 0,
        job: job.to_owned(),
        actor: started.actor.clone(),
        started_at: started.now,
        finished_at: call.clock.now(),
        succeeded: true,
        summary: serde_json::to_string(decided).map_err(anyhow::Error::from)?,
    };
    Ok(tx.record_run(&run).await?)
}

/// A stored proposal as the desk knows it, and its decision.
///
/// # Errors
/// When the rows hold what no version of this program wrote.
pub fn known(row: &ProposalRow) -> Result<(Proposal, Option<Decision>), Refusal> {
    let broken = |what: &str| {
        let what = format!("proposal {}: {what}; run `tieout verify`", row.id);
        Refusal::new(RefusalKind::Broken, what)
    };
    let eyes = match (row.eyes, row.role.as_str()) {
        (2, _) => Eyes::One,
        (_, "") => Eyes::Two(None),
        (_, role) => Eyes::Two(Some(Role::new(role))),
    };
    let proposal = Proposal {
        id: row.id,
        kind: Kind::find(&row.kind).ok_or_else(|| broken("its kind is unknown"))?,
        subject: row.subject.clone(),
        seen: Hash::from_slice(&row.seen).ok_or_else(|| broken("what it saw is no hash"))?,
        payload: row.payload.clone(),
        why: row.why.clone(),
        eyes,
        proposed_by: Actor::new(&row.proposed_by).map_err(refused)?,
        proposed_at: row.proposed_at,
    };
    let (Some(verdict), Some(by), Some(at)) = (&row.verdict, &row.decided_by, row.decided_at)
    else {
        return Ok((proposal, None));
    };
    let decision = Decision {
        proposal: row.id,
        verdict: Verdict::find(verdict).ok_or_else(|| broken("its decision is unknown"))?,
        decided_by: Actor::new(by).map_err(refused)?,
        decided_at: at,
        why: row.decided_why.clone().unwrap_or_default(),
    };
    Ok((proposal, Some(decision)))
}

/// The rest of what a proposal wants, a line each: the rule, the day, the items.
///
/// # Errors
/// When no version of this program wrote it.
pub fn said(proposal: &Proposal) -> Result<Vec<String>, Refusal> {
    let deed: serde_json::Value =
        serde_json::from_str(&proposal.payload).map_err(anyhow::Error::from)?;
    let mut lines = Vec::new();
    let mut open = vec![&deed];
    while let Some(value) = open.pop() {
        for (name, value) in value.as_object().into_iter().flatten() {
            match value {
                serde_json::Value::Object(_) => open.push(value),
                serde_json::Value::String(text) if *text != proposal.subject => {
                    lines.push(format!("{name}: {text}"));
                }
                serde_json::Value::Array(all) => {
                    let all: Vec<&str> = all.iter().filter_map(|one| one.as_str()).collect();
                    lines.push(format!("{name}: {}", all.join(" ")));
                }
                _ => {}
            }
        }
    }
    Ok(lines)
}

/// What a proposal that waits would put into the books now, a line each; or why it would not.
///
/// # Errors
/// When the books cannot be asked.
pub async fn outlook(call: &Call, proposal: &Proposal) -> Result<Vec<String>, Refusal> {
    let deed: Deed = serde_json::from_str(&proposal.payload).map_err(anyhow::Error::from)?;
    let found = match &deed {
        Deed::WriteOff { id, how } | Deed::BreakPost { id, how } => {
            would_post(call, id, &how.away()).await
        }
        Deed::Match {
            reconciliation,
            items,
        } => by_hand::together(call, reconciliation, items)
            .await
            .map(|items| items.lines()),
        _ => Ok(Vec::new()),
    };
    match found {
        Err(refusal) if refusal.kind() != RefusalKind::Unavailable => {
            Ok(vec![format!("cannot be done now: {refusal}")])
        }
        found => found,
    }
}

async fn would_post(call: &Call, id: &str, away: &Away) -> Result<Vec<String>, Refusal> {
    let books = call.store.snapshot().await?;
    let Some(case) = books.case(id).await? else {
        return Ok(Vec::new());
    };
    let about = posting::About {
        case: &case,
        deeds: &books.case_deeds(id).await?,
        postings: &books.break_postings(id).await?,
        looks: true,
    };
    let posted = posting::would_post(call, &books, &about, away).await?;
    Ok(posted.map_or_else(Vec::new, |posted| {
        let head = format!("would post in `{}`:", posted.entity);
        std::iter::once(head).chain(posted.lines).collect()
    }))
}

/// Why something is decided, in words.
///
/// # Errors
/// [`RefusalKind::Invalid`] when there are none.
pub(crate) fn reason(why: &str) -> Result<&str, Refusal> {
    let why = why.trim();
    if why.is_empty() {
        return Err(refused(desk::Refusal::NoReason));
    }
    Ok(why)
}

pub(crate) fn refused(refusal: desk::Refusal) -> Refusal {
    use desk::Refusal as Rule;
    let kind = match &refusal {
        Rule::Nameless | Rule::NoReason => RefusalKind::Invalid,
        Rule::SamePerson { .. } | Rule::NotTheirs { .. } | Rule::RoleMissing { .. } => {
            RefusalKind::Forbidden
        }
        Rule::AlreadyDecided { .. }
        | Rule::AlreadyProposed { .. }
        | Rule::SubjectChanged { .. } => RefusalKind::Conflict,
    };
    Refusal::new(kind, refusal.to_string())
}

/// What a decision about a break sees: everything in its history that says how it stands, not who looks after
/// it or what was said.
async fn break_seen(tx: &mut Tx, id: &str, deed: CaseDeed) -> Result<Seen, Refusal> {
    let (case, deeds) = case_of(tx, id).await?;
    check_deed(id, &deeds, deed)?;
    let stands =
        |row: &&DeedRow| !matches!(row.deed.as_str(), "assigned" | "commented" | "attached");
    let last = deeds.iter().rev().find(stands).map_or(0, |row| row.number);
    let money = money_of(&case, &deeds)?;
    let amount = money.amount();
    Ok(Seen::of(&format!("{id} {last} {amount}"), Some(money)))
}

/// How many days a break may be accepted for: what takes longer is no matter of time.
const ACCEPTED_DAYS: i64 = 366;

/// Refuses a day that the break's reconciliation has passed, for the break would be open again at once, and one that is far
/// away.
pub(crate) async fn not_over(call: &Call, case: &CaseRow, until: NaiveDate) -> Result<(), Refusal> {
    let states = call.store.snapshot().await?.reconciliation_states().await?;
    let own = states
        .iter()
        .filter(|row| row.reconciliation == case.reconciliation);
    let as_of = own.map(|row| row.as_of_on).max();
    let last = as_of.unwrap_or_else(|| call.now.date_naive()) + Duration::days(ACCEPTED_DAYS);
    if until > last {
        return Err(Refusal::new(
            RefusalKind::Invalid,
            format!(
                "{until} is more than a year away; name a day up to {last}, or resolve the break"
            ),
        ));
    }
    match as_of.filter(|as_of| until < *as_of) {
        None => Ok(()),
        Some(as_of) => Err(Refusal::new(
            RefusalKind::Invalid,
            format!(
                "`{}` is as of {as_of}, which is after {until}; name a later day",
                case.reconciliation
            ),
        )),
    }
}

/// A break as it is reopened: where something stands posted about it, also while a run finds it otherwise.
async fn reopening(tx: &mut Tx, id: &str) -> Result<Seen, Refusal> {
    let (_, deeds) = case_of(tx, id).await?;
    let is_open = state_of(&deeds) == CaseState::Open;
    let posted = posting::standing(tx, id).await?;
    let last = posted.last().map_or(0, |row| row.proposal_id);
    let deed = if is_open && last > 0 {
        CaseDeed::Commented
    } else {
        CaseDeed::Reopened
    };
    let seen = break_seen(tx, id, deed).await?;
    Ok(seen.with(&format!("posted by {last}")))
}

async fn amount_of(tx: &mut Tx, id: &str) -> Result<i64, Refusal> {
    let (case, deeds) = case_of(tx, id).await?;
    Ok(last_amount(&case, &deeds))
}

/// Puts a version in force that a decision names.
async fn put_in_force(
    tx: &mut Tx,
    (pack, version): (&str, &str),
    stamp: &Stamp,
) -> Result<(), Refusal> {
    let hash = Hash::from_hex(version).ok_or_else(|| {
        let what = format!("`{version}` is no version of a mapping; run `tieout verify`");
        Refusal::new(RefusalKind::Broken, what)
    })?;
    tx.activate_mapping(pack, hash, stamp.now, &stamp.actor)
        .await?;
    Ok(())
}
