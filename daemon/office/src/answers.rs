//! What only the books can answer about events: which entries they take back, and on which day late ones stand.

use crate::call::Call;
use crate::closed::{Closed, posting};
use crate::mapper::Deciding;
use crate::{fault, lease};
use ledger::{Decision, JournalEntry, Posting, Remaining, Wanted, bounds};
use mappings::Event;
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::intake::{IntakeSummary, SuspendedEvent};
use store::reversal::{Redecided, TakesBack};

/// The books as they are asked about some decisions. What one decision takes back is gone for the next.
pub(crate) struct Answers<'c> {
    call: &'c Call,
    closed: Closed,
    /// Entries that may be taken back, with what is left of each, and in how many parts the rest went.
    standing: BTreeMap<i64, (Remaining, i64)>,
    /// Them by their reference.
    by_reference: BTreeMap<String, Vec<i64>>,
}

impl<'c> Answers<'c> {
    /// Looks up what some decisions ask for.
    pub(crate) async fn of(
        call: &'c Call,
        decisions: impl Iterator<Item = &Decision>,
    ) -> anyhow::Result<Self> {
        let books = &call.store.snapshot().await?;
        let mut answers = Self {
            call,
            closed: Closed::of(&books.periods().await?),
            standing: BTreeMap::new(),
            by_reference: BTreeMap::new(),
        };
        let (mut references, mut rules) = (BTreeSet::new(), BTreeSet::new());
        for decision in decisions {
            if let Decision::Asks { wanted, .. } = decision {
                references.extend(wanted.iter().map(|one| one.reference.as_str()));
                rules.extend(wanted.iter().flat_map(|one| &one.rules).map(String::as_str));
            }
        }
        if references.is_empty() {
            return Ok(answers);
        }
        for id in books.standing(&references, &rules).await? {
            let (left, parts) = remaining(books, id).await?;
            let reference = left.entry().header().reference.clone();
            answers.by_reference.entry(reference).or_default().push(id);
            answers.standing.insert(id, (left, parts));
        }
        Ok(answers)
    }

    /// What is decided about an event, as the books see it.
    pub(crate) fn answer(&mut self, event: i64, decision: Decision) -> anyhow::Result<Redecided> {
        let (rule, postings, wanted) = match decision {
            Decision::Posted { rule, postings } => (rule, postings, Vec::new()),
            Decision::Asks {
                rule,
                postings,
                wanted,
            } => (rule, postings, wanted),
            other => {
                return Ok(Redecided {
                    event,
                    decision: other,
                    takes_back: Vec::new(),
                });
            }
        };
        let mut made: Vec<Posting> = Vec::with_capacity(postings.len() + wanted.len());
        for one in postings {
            made.push(self.dated(one.entry)?);
        }
        let (mut takes_back, mut before) = (Vec::new(), Vec::new());
        for one in &wanted {
            if let Err(reason) = self.take(one, &mut made, &mut takes_back, &mut before)? {
                // All of an event's entries, or none.
                self.standing.extend(before.into_iter().rev());
                let rule = Some(rule);
                return Ok(Redecided {
                    event,
                    decision: Decision::Suspended { rule, reason },
                    takes_back: Vec::new(),
                });
            }
        }
        Ok(Redecided {
            event,
            decision: Decision::Posted {
                rule,
                postings: made,
            },
            takes_back,
        })
    }

    fn dated(&self, entry: JournalEntry) -> anyhow::Result<Posting> {
        posting(self.call, self.closed.late(self.call, entry)?)
    }

    fn take(
        &mut self,
        wanted: &Wanted,
        made: &mut Vec<Posting>,
        takes_back: &mut Vec<TakesBack>,
        before: &mut Vec<(i64, (Remaining, i64))>,
    ) -> anyhow::Result<Result<(), String>> {
        let ids = self.by_reference.get(&wanted.reference);
        let mut found: BTreeMap<i64, Remaining> = ids
            .into_iter()
            .flatten()
            .filter_map(|id| Some((*id, self.standing.get(id)?.0.clone())))
            .filter(|(_, left)| wanted.is_of(left.entry()))
            .collect();
        let reversals = match wanted.answer(&mut found) {
            Ok(reversals) => reversals,
            Err(reason) => return Ok(Err(reason)),
        };
        for reversal in reversals {
            let Some((left, parts)) = self.standing.get_mut(&reversal.reverses) else {
                continue;
            };
            takes_back.push(TakesBack {
                at: made.len(),
                reverses: reversal.reverses,
                part: reversal.part,
                before: *parts,
            });
            before.push((reversal.reverses, (left.clone(), *parts)));
            *parts += 1;
            if let Some(after) = found.remove(&reversal.reverses) {
                *left = after;
            }
            made.push(self.dated(reversal.entry)?);
        }
        Ok(Ok(()))
    }
}

/// What is left of an entry, and in how many parts the rest went.
pub(crate) async fn remaining(books: &Snapshot, id: i64) -> anyhow::Result<(Remaining, i64)> {
    let stored = books.entry(id).await?;
    let entry = stored.map(|stored| stored.entry);
    let Some(Ok(entry)) = entry else {
        anyhow::bail!("entry {id} cannot be read; run `tieout verify`");
    };
    let parts = books.parts_of(id).await?;
    let mut left = Remaining::of(entry);
    for part in &parts {
        left.take(*part).map_err(|error| {
            anyhow::anyhow!(
                "entry {id} was taken back beyond what it was ({error}); run `tieout verify`"
            )
        })?;
    }
    Ok((left, i64::try_from(parts.len())?))
}

/// Events that are decided at once: what they take back is looked for in one pass over the entries.
const PAGE: i64 = 5_000;

/// Decides those again that the books may answer: what takes entries back and was not asked for yet, and, where an entity
/// wants late events on its first open day, what may be late. Nothing, while another process decides suspended events.
pub(crate) async fn answer(call: &Call, may_be_late: bool) -> anyhow::Result<IntakeSummary> {
    let late = may_be_late && call.config.takes_late();
    let first = call.store.snapshot().await?.first_asking().await?;
    let after = match first {
        _ if late => 0,
        Some(first) => first - 1,
        None => return Ok(IntakeSummary::default()),
    };
    fault::point("asking").await;
    let answered = lease::alone(call, "post", "suspended", decide_from(call, after)).await?;
    Ok(answered.unwrap_or_default())
}

/// Decides the suspended events after one again, as the mapping and the books say now.
pub(crate) async fn decide_from(call: &Call, after: i64) -> anyhow::Result<IntakeSummary> {
    let mut total = IntakeSummary::default();
    let mut after = after;
    loop {
        let page = call.store.suspended_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(total);
        };
        after = last.id;
        let decisions = decide_again(call, &page).await?;
        let mut summary = IntakeSummary::default();
        if !decisions.is_empty() {
            let mut tx = call.store.begin().await?;
            let version = call.program()?.version;
            summary = tx.redecide(decisions, version, &call.stamp()).await?;
            tx.commit().await?;
        }
        // What waits for the same reason as before is not written again.
        let same = i64::try_from(page.len())? - summary.received;
        summary.received += same;
        summary.suspended += same;
        total.add(&summary);
    }
}

/// What the mapping says of suspended events.
fn decided(call: &Call, page: &[SuspendedEvent]) -> anyhow::Result<Vec<Decision>> {
    let mut deciding = Deciding::sound(call.program()?, &call.context)?;
    let decisions = page
        .iter()
        .map(|suspended| match Event::stored(&suspended.payload) {
            Ok(event) => deciding.decide(&event, suspended.received_at),
            Err(error) => Decision::Suspended {
                rule: None,
                reason: error.to_string(),
            },
        })
        .collect();
    Ok(decisions)
}

async fn decide_again(call: &Call, page: &[SuspendedEvent]) -> anyhow::Result<Vec<Redecided>> {
    let decisions = decided(call, page)?;
    let mut answers = Answers::of(call, decisions.iter()).await?;
    let mut redecided = Vec::new();
    for (suspended, decision) in page.iter().zip(decisions) {
        let one = answers.answer(suspended.id, decision)?;
        let still = match &one.decision {
            Decision::Suspended { reason, .. } => Some(bounds::REASON.cut(reason)),
            _ => None,
        };
        if still.is_none_or(|reason| suspended.reason.as_deref() != Some(reason.as_ref())) {
            redecided.push(one);
        }
    }
    Ok(redecided)
}
