//! Whole lines before and after the rows, with places for what a batch says of itself.

use super::options::Config;
use crate::erp::{ControlTotal, ExportBatch, RenderError};
use ledger::Currency;
use rust_decimal::Decimal;

/// What stands in such a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Batch,
    Number,
    Target,
    CreatedOn,
    Entries,
    Lines,
    Entity,
    Company,
    Currency,
    Debit,
    Credit,
}

impl Place {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "batch" => Self::Batch,
            "number" => Self::Number,
            "target" => Self::Target,
            "created_on" => Self::CreatedOn,
            "entries" => Self::Entries,
            "lines" => Self::Lines,
            "entity" => Self::Entity,
            "company" => Self::Company,
            "currency" => Self::Currency,
            "debit" => Self::Debit,
            "credit" => Self::Credit,
            _ => return None,
        })
    }

    /// Whether only a total has it.
    const fn is_of_a_total(self) -> bool {
        matches!(
            self,
            Self::Entity | Self::Company | Self::Currency | Self::Debit | Self::Credit
        )
    }
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Place(Place),
}

/// A line with places.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// A line about the whole batch.
    pub(super) fn whole(line: &str) -> Result<Self, String> {
        let pattern = Self::total(line)?;
        let odd = pattern.0.iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Place(place) => place.is_of_a_total(),
        });
        if odd {
            return Err(format!(
                "entity, company, currency and sums stand in `totals` alone, not in `{line}`"
            ));
        }
        Ok(pattern)
    }

    /// A line about what an entity's entries sum to in one currency.
    pub(super) fn total(line: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = line;
        while let Some((text, after)) = rest.split_once('{') {
            pieces.push(Piece::Text(text.to_owned()));
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| format!("a place in `{line}` is not closed"))?;
            let place = Place::of(name);
            let place = place.ok_or_else(|| format!("`{{{name}}}` in `{line}` is unknown"))?;
            pieces.push(Piece::Place(place));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }
}

impl Config {
    /// A line about the whole batch.
    pub(super) fn whole(&self, pattern: &Pattern, batch: &ExportBatch) -> String {
        self.line(pattern, |place| match place {
            Place::Entries => batch.entries.len().to_string(),
            Place::Lines => batch.line_count().to_string(),
            place => self.named(place, batch),
        })
    }

    /// A line about one total.
    pub(super) fn total(
        &self,
        pattern: &Pattern,
        batch: &ExportBatch,
        (entity, currency): &(String, Currency),
        total: &ControlTotal,
    ) -> Result<String, RenderError> {
        let has_company = pattern
            .0
            .iter()
            .any(|piece| matches!(piece, Piece::Place(Place::Company)));
        let company = self.companies.get(entity);
        if has_company && company.is_none() {
            return Err(RenderError::Unknown {
                what: "entity",
                name: entity.clone(),
                option: "companies",
            });
        }
        let debit = self.sum(total.debit, *currency)?;
        let credit = self.sum(total.credit, *currency)?;
        Ok(self.line(pattern, |place| match place {
            Place::Entity => entity.clone(),
            Place::Company => company.cloned().unwrap_or_default(),
            Place::Currency => currency.code().to_owned(),
            Place::Debit => debit.clone(),
            Place::Credit => credit.clone(),
            Place::Entries => total.entries.to_string(),
            Place::Lines => total.lines.to_string(),
            place => self.named(place, batch),
        }))
    }

    fn named(&self, place: Place, batch: &ExportBatch) -> String {
        match place {
            Place::Batch => batch.id.clone(),
            Place::Number => batch.number.to_string(),
            Place::Target => batch.target.clone(),
            Place::CreatedOn => self.dates.text(batch.created_at.date_naive()),
            _ => String::new(),
        }
    }

    fn sum(&self, sum: i128, currency: Currency) -> Result<String, RenderError> {
        let sum = Decimal::try_from_i128_with_scale(sum, currency.exponent());
        let sum = sum.map_err(RenderError::write)?;
        self.numbers.text(sum).ok_or_else(|| {
            RenderError::write(format!(
                "a total of {sum} {currency} needs more decimal places than `places` gives"
            ))
        })
    }

    fn line(&self, pattern: &Pattern, place: impl Fn(Place) -> String) -> String {
        let mut line = String::new();
        for piece in &pattern.0 {
            match piece {
                Piece::Text(text) => line.push_str(text),
                Piece::Place(named) => line.push_str(&place(*named)),
            }
        }
        self.charset.text(&line).into_owned()
    }
}
