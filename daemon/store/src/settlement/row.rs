//! A line as a row, and back. What is a list in a line is one text in its row: references by their lines
//! (`kind:text`), parts of a fee by blanks (`kind:amount`).

use super::fate::Added;
use super::{BETWEEN, StoredLine, numeric};
use crate::bulk::Field;
use crate::record::kinds;
use chrono::NaiveDate;
use ledger::hash::EventKey;
use ledger::{
    Currency, FeeKind, FeePart, Money, Movement, Origin, Place, Reference, ReferenceKind,
    SettlementLine, Statement,
};
use rust_decimal::Decimal;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use std::fmt::Write as _;

/// As many columns a line has.
pub(super) const COLUMNS: usize = kinds::SETTLEMENT_LINES.columns.len();

/// A line that goes into the books.
pub(super) struct NewLine<'a> {
    pub(super) id: i64,
    pub(super) statement_id: i64,
    pub(super) key: EventKey,
    /// Where another line has the name that the file gives it, one with a number behind.
    pub(super) identity: Option<String>,
    pub(super) line: &'a SettlementLine,
    pub(super) statement: &'a Statement,
    texts: Texts,
}

/// What is put together for a row.
struct Texts {
    references: String,
    fees: Option<String>,
    exact: Option<String>,
    rate: Option<String>,
}

impl<'a> NewLine<'a> {
    pub(super) fn new(
        (id, statement_id): (i64, i64),
        key: EventKey,
        identity: Option<String>,
        line: &'a SettlementLine,
        statement: &'a Statement,
    ) -> Self {
        Self {
            id,
            statement_id,
            key,
            identity,
            line,
            statement,
            texts: Texts::of(line),
        }
    }

    pub(super) fn fields(&self, file_id: i64) -> [Field<'_>; COLUMNS] {
        let (line, texts) = (self.line, &self.texts);
        let original = line.original;
        [
            Field::Int(self.id),
            Field::Bytes(self.key.as_bytes()),
            Field::Int(file_id),
            Field::Int(self.statement_id),
            Field::Int(int(line.place.line)),
            Field::Text(self.statement.origin.name()),
            Field::Text(&self.statement.account),
            Field::Text(self.identity.as_deref().unwrap_or(&line.identity)),
            Field::Text(&line.kind),
            Field::Text(line.reference()),
            Field::Text(&line.payout),
            Field::Int(numeric(line.net.currency())),
            Field::Int(line.gross.amount()),
            Field::Int(line.fee.amount()),
            Field::Int(line.net.amount()),
            Field::Day(line.booked_on),
            line.paid_on.map_or(Field::Null, Field::Day),
            Field::Text(&line.description),
            // The file has it.
            Field::Text(""),
            Field::Int(line.movement.number()),
            Field::Int(int(line.place.offset)),
            Field::Int(int(line.place.length)),
            Field::Text(&texts.references),
            text(texts.fees.as_deref()),
            text(texts.exact.as_deref()),
            Field::int(original.map(Money::amount)),
            Field::int(original.map(|money| numeric(money.currency()))),
            text(texts.rate.as_deref()),
            line.value_on.map_or(Field::Null, Field::Day),
            Field::Text(&line.counterparty),
        ]
    }
}

/// What a later sight of a line added, on its way into the books.
pub(super) struct Completion {
    pub(super) id: i64,
    pub(super) line_id: i64,
    pub(super) statement_id: i64,
    pub(super) added: Added,
    texts: Texts,
}

impl Completion {
    pub(super) fn new(
        id: i64,
        (line_id, statement_id): (i64, i64),
        added: Added,
        line: &SettlementLine,
    ) -> Self {
        Self {
            id,
            line_id,
            statement_id,
            added,
            texts: Texts::of(line),
        }
    }

    pub(super) fn fields(&self) -> [Field<'_>; kinds::COMPLETIONS.columns.len()] {
        let (added, texts) = (&self.added, &self.texts);
        let refers = !added.reference.is_empty();
        let rate = texts.rate.as_deref().filter(|_| added.original.is_some());
        let parts = texts.fees.as_deref().filter(|_| added.fee.is_some());
        [
            Field::Int(self.id),
            Field::Int(self.line_id),
            Field::Int(self.statement_id),
            Field::Text(&added.payout),
            added.paid_on.map_or(Field::Null, Field::Day),
            Field::int(added.fee.map(Money::amount)),
            text(parts),
            text(refers.then_some(added.reference.as_str())),
            text(refers.then_some(texts.references.as_str())),
            Field::int(added.original.map(Money::amount)),
            Field::int(added.original.map(|money| numeric(money.currency()))),
            text(rate),
        ]
    }
}

fn text(text: Option<&str>) -> Field<'_> {
    text.map_or(Field::Null, Field::Text)
}

pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Texts {
    fn of(line: &SettlementLine) -> Self {
        let mut references = String::new();
        for reference in &line.references {
            if !references.is_empty() {
                references.push_str(BETWEEN);
            }
            references.push_str(reference.kind.name());
            references.push(':');
            references.push_str(&reference.text);
        }
        let mut fees = String::new();
        for part in &line.fees {
            let between = if fees.is_empty() { "" } else { " " };
            // Writing to a text never fails.
            let _written = write!(
                fees,
                "{between}{}:{}",
                part.kind.name(),
                part.amount.amount()
            );
        }
        Self {
            references,
            fees: Some(fees).filter(|fees| !fees.is_empty()),
            exact: line.exact.map(|value| value.to_string()),
            rate: line.rate.map(|value| value.to_string()),
        }
    }
}

/// What a row says that no line can.
#[derive(Debug, thiserror::Error)]
#[error("settlement line {id}: {what}")]
struct Unreadable {
    id: i64,
    what: String,
}

impl<'r, R> FromRow<'r, R> for StoredLine
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    NaiveDate: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let id = row.try_get("id")?;
        let unreadable = |what: String| sqlx::Error::Decode(Box::new(Unreadable { id, what }));
        let origin: String = row.try_get("origin")?;
        let origin = Origin::from_name(&origin)
            .ok_or_else(|| unreadable(format!("`{origin}` is no origin")))?;
        let line = line(row)?.map_err(unreadable)?;
        Ok(Self {
            id,
            origin,
            account: row.try_get("account")?,
            payout_id: row.try_get("payout_id")?,
            file_id: row.try_get("file_id")?,
            file: row.try_get("file")?,
            line,
        })
    }
}

/// The line of a row, or what in it is none.
fn line<'r, R>(row: &'r R) -> Result<Result<SettlementLine, String>, sqlx::Error>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    NaiveDate: Decode<'r, R::Database> + Type<R::Database>,
{
    let count = |column: &'static str| {
        let value: Option<i64> = row.try_get(column)?;
        Ok::<_, sqlx::Error>(value.unwrap_or(0).unsigned_abs())
    };
    let place = Place {
        line: count("position")?,
        offset: count("place_offset")?,
        length: count("place_length")?,
    };
    let numbers: [i64; 5] = [
        row.try_get("movement")?,
        row.try_get("currency_id")?,
        row.try_get("gross")?,
        row.try_get("fee")?,
        row.try_get("net")?,
    ];
    let listed: Option<String> = row.try_get("reference_list")?;
    let first: String = row.try_get("reference")?;
    let fees: Option<String> = row.try_get("fee_parts")?;
    let (exact, rate): (Option<String>, Option<String>) =
        (row.try_get("exact")?, row.try_get("rate")?);
    let original: (Option<i64>, Option<i64>) = (
        row.try_get("original")?,
        row.try_get("original_currency_id")?,
    );
    let mut line = SettlementLine {
        kind: row.try_get("kind")?,
        payout: row.try_get("payout")?,
        value_on: row.try_get("value_on")?,
        paid_on: row.try_get("paid_on")?,
        counterparty: row
            .try_get::<Option<String>, _>("counterparty")?
            .unwrap_or_default(),
        description: row.try_get("description")?,
        ..SettlementLine::new(
            row.try_get("identity")?,
            place,
            (Movement::Other, ""),
            Money::minor(0, Currency::from_numeric(978).map_err(undecoded)?),
            row.try_get("booked_on")?,
        )
    };
    let filled = (|| {
        amounts(&mut line, numbers)?;
        line.references = references(listed.as_deref(), &first)?;
        line.fees = parts(fees.as_deref().unwrap_or_default(), line.fee.currency())?;
        line.exact = decimal(exact.as_deref())?;
        line.rate = decimal(rate.as_deref())?;
        if let (Some(amount), Some(id)) = original {
            line.original = Some(Money::minor(amount, currency(id)?));
        }
        Ok(line)
    })();
    Ok(filled)
}

fn undecoded(error: ledger::MoneyError) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

fn amounts(line: &mut SettlementLine, numbers: [i64; 5]) -> Result<(), String> {
    let [movement, id, gross, fee, net] = numbers;
    line.movement =
        Movement::from_number(movement).ok_or_else(|| format!("{movement} is no movement"))?;
    let currency = currency(id)?;
    line.gross = Money::minor(gross, currency);
    line.fee = Money::minor(fee, currency);
    line.net = Money::minor(net, currency);
    Ok(())
}

fn currency(id: i64) -> Result<Currency, String> {
    Currency::from_numeric(id).map_err(|error| error.to_string())
}

fn decimal(text: Option<&str>) -> Result<Option<Decimal>, String> {
    let Some(text) = text else { return Ok(None) };
    let value = text.parse();
    value
        .map(Some)
        .map_err(|_none| format!("`{text}` is no decimal"))
}

/// Rows of an earlier version have one reference, of a kind that nobody wrote down.
fn references(listed: Option<&str>, first: &str) -> Result<Vec<Reference>, String> {
    let Some(listed) = listed else {
        return Ok(Reference::of(ReferenceKind::Charge, first)
            .into_iter()
            .collect());
    };
    let listed = listed.split(BETWEEN).filter(|one| !one.is_empty());
    listed
        .map(|one| {
            let (kind, text) = one.split_once(':').unwrap_or((one, ""));
            let kind = ReferenceKind::from_name(kind)
                .ok_or_else(|| format!("`{kind}` is no kind of reference"))?;
            Ok(Reference {
                kind,
                text: text.to_owned(),
            })
        })
        .collect()
}

fn parts(text: &str, currency: Currency) -> Result<Vec<FeePart>, String> {
    text.split_whitespace()
        .map(|one| {
            let read = one.split_once(':').and_then(|(kind, amount)| {
                let amount = amount.parse().ok()?;
                Some((FeeKind::from_name(kind)?, amount))
            });
            let (kind, amount) = read.ok_or_else(|| format!("`{one}` is no part of a fee"))?;
            Ok(FeePart {
                kind,
                amount: Money::minor(amount, currency),
            })
        })
        .collect()
}
