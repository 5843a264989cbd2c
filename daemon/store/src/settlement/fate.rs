//! What becomes of a line: new, or known already and then the same, completed, or in conflict.
//!
//! The sender's own reference is part of a line's identity where there is one, so that what is known by its
//! identity is the same movement. Banks without references of their own write equal lines about different
//! movements, and there the balances decide: a line that equals one of another statement is another movement
//! where one of the two statements begins with the balance that the other ended with. It is then named with a
//! number behind, the first that is free, so that a later statement over both finds each of them. Where
//! balances say nothing the line counts once, and that is told.

use super::numeric;
use super::take::Taking;
use crate::{StoreError, Tx};
use chrono::NaiveDate;
use ledger::cash::line_key;
use ledger::hash::{EventKey, hex};
use ledger::{Basis, Money, Origin, ReferenceKind, SettlementLine, Statement};
use sqlx_macros::FromRow;
use std::collections::BTreeMap;

/// A line that is in the books, as it is known now.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Known {
    key: Vec<u8>,
    pub(super) id: i64,
    pub(super) statement_id: i64,
    origin: String,
    currency_id: i64,
    gross: i64,
    fee: i64,
    payout: String,
    paid_on: Option<NaiveDate>,
    reference: String,
    original: Option<i64>,
}

/// Lines that are in the books, by their keys.
pub(super) type KnownLines = BTreeMap<EventKey, Known>;

/// What became of a line.
pub(super) enum Fate {
    /// It is new, by its own name or by another.
    New(EventKey, Option<String>),
    /// It is in the books.
    Seen(Known),
}

/// How a line that is known compares.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It says nothing else.
    Same,
    /// It says what was not known.
    Completed(Added),
    /// It says other money.
    Conflict(String),
}

/// What a later sight of a line adds where nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) payout: String,
    pub(super) paid_on: Option<NaiveDate>,
    pub(super) fee: Option<Money>,
    pub(super) reference: String,
    pub(super) original: Option<Money>,
}

impl Known {
    /// A line that goes into the books now.
    pub(super) fn of(
        (id, statement_id): (i64, i64),
        key: EventKey,
        origin: Origin,
        line: &SettlementLine,
    ) -> Self {
        Self {
            key: key.as_bytes().to_vec(),
            id,
            statement_id,
            origin: origin.name().to_owned(),
            currency_id: numeric(line.net.currency()),
            gross: line.gross.amount(),
            fee: line.fee.amount(),
            payout: line.payout.clone(),
            paid_on: line.paid_on,
            reference: line.reference().to_owned(),
            original: line.original.map(Money::amount),
        }
    }

    pub(super) fn key(&self) -> Option<EventKey> {
        EventKey::from_slice(&self.key)
    }

    /// Compares what a file says now.
    pub(super) fn compare(&self, line: &SettlementLine) -> Sight {
        let was = (self.currency_id, self.gross);
        let is = (numeric(line.gross.currency()), line.gross.amount());
        let net = self.gross.saturating_sub(self.fee);
        let later_fee = self.is_fee_awaited() && line.net.amount() == line_net(line);
        let same_fee = (self.fee, net) == (line.fee.amount(), line.net.amount());
        if was != is || !(same_fee || later_fee) {
            return Sight::Conflict(self.other_money(line));
        }
        if !self.payout.is_empty() && !line.payout.is_empty() && self.payout != line.payout {
            return Sight::Conflict(format!(
                "it says the payout `{}`, and `{}` is in the books",
                line.payout, self.payout
            ));
        }
        let where_empty = |known: &str, said: &str| {
            if known.is_empty() {
                said.to_owned()
            } else {
                String::new()
            }
        };
        let added = Added {
            payout: where_empty(&self.payout, &line.payout),
            paid_on: line.paid_on.filter(|_| self.paid_on.is_none()),
            fee: Some(line.fee).filter(|_| !same_fee),
            reference: where_empty(&self.reference, line.reference()),
            original: line.original.filter(|_| self.original.is_none()),
        };
        if added == Added::default() {
            return Sight::Same;
        }
        Sight::Completed(added)
    }

    /// Whether no fee may mean that nobody knows it yet: a payout has its line's fee.
    fn is_fee_awaited(&self) -> bool {
        self.origin == Origin::Processor.name() && self.payout.is_empty() && self.fee == 0
    }

    fn other_money(&self, line: &SettlementLine) -> String {
        let (gross, fee) = (line.gross, line.fee);
        let before = |amount| {
            ledger::Currency::from_numeric(self.currency_id).map_or_else(
                |_none| format!("{amount}"),
                |currency| Money::minor(amount, currency).to_string(),
            )
        };
        format!(
            "it says {gross} less fees of {fee}, and {} less fees of {} is in the books",
            before(self.gross),
            before(self.fee)
        )
    }

    /// Keeps what completed it, for the same line may come once more in the file.
    pub(super) fn complete(&mut self, added: &Added) {
        if !added.payout.is_empty() {
            self.payout.clone_from(&added.payout);
        }
        if !added.reference.is_empty() {
            self.reference.clone_from(&added.reference);
        }
        self.paid_on = self.paid_on.or(added.paid_on);
        self.fee = added.fee.map_or(self.fee, Money::amount);
        self.original = self.original.or(added.original.map(Money::amount));
    }
}

fn line_net(line: &SettlementLine) -> i64 {
    line.gross.amount().saturating_sub(line.fee.amount())
}

/// What a statement says of itself, as far as two are compared.
#[derive(Clone, Debug, FromRow)]
pub(super) struct Brief {
    pub(super) id: i64,
    pub(super) identity: String,
    pub(super) opening: Option<i64>,
    pub(super) closing: Option<i64>,
    pub(super) start_on: NaiveDate,
    pub(super) end_on: NaiveDate,
    pub(super) verdict: String,
    pub(super) basis: String,
    pub(super) sequence: Option<i64>,
    pub(super) lines: i64,
    pub(super) own_lines: i64,
}

/// How two statements stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// One begins where the other ends: equal lines are two movements.
    Follows,
    /// Equal lines are one movement.
    Overlaps,
    /// Nobody can say: equal lines count once.
    Unknown,
}

impl Brief {
    /// Of a statement that comes in.
    pub(super) fn of(id: i64, statement: &Statement, total: i64, lines: i64) -> Self {
        Self {
            id,
            identity: statement.identity.clone(),
            opening: statement.opening.map(Money::amount),
            closing: statement.closing.map(Money::amount),
            start_on: statement.from,
            end_on: statement.to,
            verdict: statement.verdict_of(total),
            basis: statement.basis.name().to_owned(),
            sequence: statement
                .sequence
                .and_then(|number| i64::try_from(number).ok()),
            lines,
            own_lines: 0,
        }
    }

    pub(super) fn closes(&self) -> bool {
        self.verdict == "closes"
    }

    /// Final before interim before notice.
    pub(super) fn rank(&self) -> Option<Basis> {
        Basis::from_name(&self.basis)
    }

    /// How it stands to another statement of the same account and currency.
    pub(super) fn relation(&self, other: &Self) -> Relation {
        if self.basis != other.basis {
            return Relation::Overlaps;
        }
        let balances = |one: &Self| one.opening.zip(one.closing);
        let (Some((opening, closing)), Some((begun, ended))) = (balances(self), balances(other))
        else {
            let same = self.identity == other.identity && self.sequence == other.sequence;
            return if same {
                Relation::Overlaps
            } else {
                Relation::Unknown
            };
        };
        let follows = opening == ended && self.end_on >= other.end_on;
        let precedes = closing == begun && self.end_on <= other.end_on;
        if !follows && !precedes {
            return Relation::Overlaps;
        }
        // Where nothing moved on the whole, both begin and end with one balance.
        if (opening, closing) == (begun, ended) {
            let numbered = self.sequence.is_some() && other.sequence.is_some();
            return match (self.identity == other.identity, numbered) {
                (true, _) => Relation::Overlaps,
                (false, true) if self.sequence != other.sequence => Relation::Follows,
                (false, _) => Relation::Unknown,
            };
        }
        Relation::Follows
    }
}

/// Whether what a line is called has its sender's own reference in it.
fn is_named(origin: Origin, line: &SettlementLine) -> bool {
    let own = |reference: &ledger::Reference| reference.kind == ReferenceKind::Bank;
    origin == Origin::Processor || line.references.iter().any(own)
}

/// A name with a number behind, apart.
fn counted(identity: &str) -> Option<(&str, u32)> {
    let (base, number) = identity.rsplit_once('.')?;
    let number = number.parse().ok().filter(|number| *number > 1)?;
    Some((base, number))
}

impl Tx {
    /// The lines that are in the books, by these keys.
    pub(super) async fn known_lines(
        &mut self,
        keys: &[EventKey],
    ) -> Result<KnownLines, StoreError> {
        crate::fault::point()?;
        let rows: Vec<Known> = match self {
            Self::Sqlite(tx) => {
                let keys: Vec<String> = keys.iter().map(|key| hex(key.as_bytes())).collect();
                let keys = crate::books::json(&keys)?;
                let statement = sql!("settlement/known", sqlite);
                sqlx::query_as(statement)
                    .bind(keys)
                    .fetch_all(&mut **tx)
                    .await?
            }
            Self::Postgres(tx) => {
                let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
                let statement = sql!("settlement/known", postgres);
                sqlx::query_as(statement)
                    .bind(keys)
                    .fetch_all(&mut **tx)
                    .await?
            }
        };
        let keyed = |row: Known| Some((row.key()?, row));
        Ok(rows.into_iter().filter_map(keyed).collect())
    }

    /// What becomes of a line of the file's statement with this number.
    pub(super) async fn fate(
        &mut self,
        taking: &mut Taking,
        number: usize,
        line: &SettlementLine,
        known: &mut KnownLines,
    ) -> Result<Fate, StoreError> {
        let statement = taking.statement(number)?;
        let (origin, account) = (statement.origin, statement.account.clone());
        let key = line_key(origin, &account, &line.identity);
        if is_named(origin, line) {
            return Ok(match known.get(&key) {
                Some(found) => Fate::Seen(found.clone()),
                None => Fate::New(key, None),
            });
        }
        let (base, first) = taking.first_name(number, &line.identity);
        for count in first.. {
            let name = if count == 1 {
                base.clone()
            } else {
                format!("{base}.{count}")
            };
            let key = line_key(origin, &account, &name);
            if !known.contains_key(&key) && name != line.identity {
                known.extend(self.known_lines(&[key]).await?);
            }
            let found = known.get(&key).cloned();
            let is_other = match &found {
                Some(found) => self.is_another(taking, number, found).await?,
                None => false,
            };
            if is_other {
                continue;
            }
            taking.named(number, base, count);
            return Ok(match found {
                Some(found) => {
                    taking.claim(number, found.id);
                    Fate::Seen(found)
                }
                None => Fate::New(key, Some(name).filter(|name| *name != line.identity)),
            });
        }
        Err(StoreError::Overflow("of equal lines".to_owned()))
    }

    /// Whether an equal line in the books is another movement.
    async fn is_another(
        &mut self,
        taking: &mut Taking,
        number: usize,
        found: &Known,
    ) -> Result<bool, StoreError> {
        if taking.is_claimed(number, found) {
            return Ok(true);
        }
        let other = self.brief(taking, found.statement_id).await?;
        let own = taking.brief(number)?;
        let relation = own.relation(&other);
        if relation == Relation::Unknown {
            taking.doubt(&own, &other);
        }
        Ok(relation == Relation::Follows)
    }

    /// A statement of the file or of the books.
    pub(super) async fn brief(
        &mut self,
        taking: &mut Taking,
        id: i64,
    ) -> Result<Brief, StoreError> {
        if let Some(known) = taking.known_brief(id)? {
            return Ok(known);
        }
        let found: Brief = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("settlement/brief")).bind(id).fetch_one(db).await?);
        taking.keep_brief(found.clone());
        Ok(found)
    }
}

/// A name and the number behind it, where lines of this base were renamed.
pub(super) fn split(identity: &str) -> Option<(&str, u32)> {
    counted(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(id: i64, opening: i64, closing: i64) -> Brief {
        let day = "2026-01-05".parse().unwrap();
        Brief {
            id,
            identity: format!("S-{id}"),
            opening: Some(opening),
            closing: Some(closing),
            start_on: day,
            end_on: day,
            verdict: "closes".to_owned(),
            basis: "final".to_owned(),
            sequence: None,
            lines: 1,
            own_lines: 1,
        }
    }

    #[test]
    fn balances_say_whether_equal_lines_are_two_movements() {
        let first = brief(1, 1000, 1050);
        let numbered = |id, sequence| Brief {
            sequence: Some(sequence),
            ..brief(id, 50, 50)
        };
        let bare = |id| Brief {
            opening: None,
            ..brief(id, 0, 0)
        };
        let interim = Brief {
            basis: "interim".to_owned(),
            ..brief(9, 1050, 1100)
        };
        for (one, other, wanted) in [
            (brief(2, 1050, 1100), &first, Relation::Follows),
            (brief(2, 950, 1000), &first, Relation::Follows),
            (brief(2, 1000, 1050), &first, Relation::Overlaps),
            (brief(2, 1000, 1100), &first, Relation::Overlaps),
            (interim, &first, Relation::Overlaps),
            (numbered(2, 2), &numbered(1, 1), Relation::Follows),
            (brief(2, 50, 50), &brief(3, 50, 50), Relation::Unknown),
            (brief(3, 50, 50), &brief(3, 50, 50), Relation::Overlaps),
            (bare(1), &bare(1), Relation::Overlaps),
            (bare(1), &bare(2), Relation::Unknown),
        ] {
            assert_eq!(one.relation(other), wanted, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_number_behind_a_name_is_no_amount() {
        assert_eq!(split("a.2"), Some(("a", 2)));
        for name in ["a", "a.1", "a.x", "a.-3"] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
