//! What only the books can answer about events: which entries they take back, and on which day late ones stand.

use crate::call::Call;
use crate::closed::{Closed, posting};
use ledger::{Decision, JournalEntry, Posting, Remaining, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use store::Snapshot;
use store::intake::Redecided;
use store::reversal::TakesBack;

/// The books as they are asked about some decisions. What one decision takes back is gone for the next.
pub(super) struct Answers<'c> {
    call: &'c Call,
    closed: Closed,
    /// Entries that may be taken back, with what is left of each, and in how many parts the rest went.
    standing: BTreeMap<i64, (Remaining, i64)>,
    /// Them by their reference.
    by_reference: BTreeMap<String, Vec<i64>>,
}

impl<'c> Answers<'c> {
    /// Looks up what some decisions ask for.
    pub(super) async fn of(
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
    pub(super) fn answer(&mut self, event: i64, decision: Decision) -> anyhow::Result<Redecided> {
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
