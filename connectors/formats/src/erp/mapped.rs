//! What the options of a target say of entities, accounts and dimensions, in the same words for every kind.
//!
//! `companies` gives an entity its name in the target, `accounts` an account (by its name in the books; the
//! chart's code without it). A place is a text, `{company}`, `{account}` or `{dimension.NAME}`; `blank` stands for
//! a dimension that a line does not have. Texts are cut to what a field holds; what the target finds something by
//! (a document, an account, a company) is never cut but refused, since a cut name may be another's.

use super::{ExportBatch, ExportEntry, RenderError, one_line};
use ledger::{Currency, EntryHeader, Line};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Names by names in the books.
pub type Names = BTreeMap<String, String>;

/// A line of an entry, where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'b> {
    /// The batch.
    pub batch: &'b ExportBatch,
    /// The entry.
    pub item: &'b ExportEntry,
    /// The line.
    pub line: &'b Line,
    /// Which of the entry's lines it is, from 1.
    pub number: usize,
    /// The one foreign currency of its entry, which the entry's rate is of.
    rated: Option<Currency>,
}

/// Whether a line's amount is in another currency than its entity's books.
fn is_foreign(line: &Line) -> bool {
    line.amount.currency() != line.functional.currency()
}

impl<'b> Placed<'b> {
    /// The lines of an entry.
    pub fn of(batch: &'b ExportBatch, item: &'b ExportEntry) -> impl Iterator<Item = Placed<'b>> {
        let lines = item.entry.lines();
        let mut foreign = lines.iter().filter(|line| is_foreign(line));
        let first = foreign.next().map(|line| line.amount.currency());
        let rated = first.filter(|first| foreign.all(|line| line.amount.currency() == *first));
        lines.iter().zip(1..).map(move |(line, number)| Placed {
            batch,
            item,
            line,
            number,
            rated,
        })
    }

    /// The lines of an entry, for who asks for no rate.
    pub(super) fn unrated(
        batch: &'b ExportBatch,
        item: &'b ExportEntry,
    ) -> impl Iterator<Item = Placed<'b>> {
        let lines = item.entry.lines().iter().zip(1..);
        lines.map(move |(line, number)| Placed {
            batch,
            item,
            line,
            number,
            rated: None,
        })
    }

    /// What its entry says about itself.
    pub fn header(&self) -> &'b EntryHeader {
        self.item.entry.header()
    }

    /// Whether its amount is in another currency than its entity's books.
    pub fn is_foreign(&self) -> bool {
        is_foreign(self.line)
    }

    /// Functional units for one unit of its currency, where they differ. An entry has one rate, so that lines in
    /// several foreign currencies have none.
    pub fn rate(&self) -> Option<Decimal> {
        let is_rated = self.is_foreign() && self.rated.is_some();
        self.header().rate.filter(|_| is_rated)
    }

    /// Why the target cannot hold it.
    pub fn unfit(&self, what: impl Into<String>) -> RenderError {
        RenderError::Unfit {
            document: self.item.document.clone(),
            line: self.number,
            what: what.into(),
        }
    }

    /// What the target finds something by: on one line, and refused where its field is too short.
    pub fn key(&self, field: &str, text: &str, most: usize) -> Result<String, RenderError> {
        let text = one_line(text);
        let long = text.encode_utf16().count();
        if long > most {
            let what = format!("{field} `{text}` has {long} characters, and {most} are held");
            return Err(self.unfit(what));
        }
        Ok(text)
    }

    /// Refuses a line in another currency than its entry's first, for targets whose journals have one.
    pub fn in_one_currency(&self) -> Result<Currency, RenderError> {
        let found = self.line.amount.currency();
        let first = self.item.entry.lines().first();
        let wanted = first.map_or(found, |line| line.amount.currency());
        if found == wanted {
            return Ok(found);
        }
        let what = format!(
            "it is in {found}, and a journal of the target is in one currency, here {wanted}"
        );
        Err(self.unfit(what))
    }

    /// The name that the target gives its entity.
    pub fn company<'c>(&self, companies: &'c Names) -> Result<&'c str, RenderError> {
        let entity = &self.header().entity;
        let found = companies.get(entity).map(String::as_str);
        found.ok_or_else(|| RenderError::Unknown {
            what: "entity",
            name: entity.clone(),
            option: "companies",
        })
    }

    /// The account's number: the one that the options give its name, else its code.
    pub fn account<'c>(&self, accounts: &'c Names) -> Result<&'c str, RenderError>
    where
        'b: 'c,
    {
        let called = self.batch.called(&self.line.account, self.header().date);
        let mut named = accounts.get(called.account);
        // A name that was never another is looked for once.
        if named.is_none() && !std::ptr::eq(called.account, self.line.account.as_str()) {
            named = accounts.get(&self.line.account);
        }
        let number = named.map(String::as_str).or(called.code);
        number.ok_or_else(|| RenderError::Unknown {
            what: "account",
            name: self.line.account.clone(),
            option: "accounts",
        })
    }
}

/// How places are filled.
#[derive(Clone, Copy, Debug)]
pub struct Filling<'c> {
    /// The target's names of entities.
    pub companies: &'c Names,
    /// The target's numbers of accounts.
    pub accounts: &'c Names,
    /// What stands for a dimension that a line does not have.
    pub blank: &'c str,
    /// The option that holds the places.
    pub option: &'static str,
}

impl Filling<'_> {
    /// What stands in a place.
    pub fn fill(&self, at: &Placed<'_>, place: &str) -> Result<String, RenderError> {
        let within = place.strip_prefix('{');
        let Some(name) = within.and_then(|rest| rest.strip_suffix('}')) else {
            return Ok(place.to_owned());
        };
        if let Some(dimension) = name.strip_prefix("dimension.") {
            let value = at.line.dimensions.get(dimension);
            return Ok(value.map_or(self.blank, String::as_str).to_owned());
        }
        match name {
            "company" => at.company(self.companies).map(str::to_owned),
            "account" => at.account(self.accounts).map(str::to_owned),
            _ => Err(RenderError::Unknown {
                what: "place",
                name: place.to_owned(),
                option: self.option,
            }),
        }
    }
}

/// A text on one line, cut to the most characters that a field holds. They are counted as those systems do that
/// keep texts in UTF-16: an emoji is two of them, and is kept whole or not at all.
pub fn fit(text: &str, most: usize) -> String {
    let text = one_line(text);
    // What is short in bytes is short however it is counted.
    if text.len() <= most {
        return text.trim().to_owned();
    }
    let mut long = 0;
    let kept = text.trim().chars().take_while(|sign| {
        long += sign.len_utf16();
        long <= most
    });
    let kept: String = kept.collect();
    kept.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        let table = [
            ("short", 10, "short"),
            ("one two", 4, "one"),
            ("\u{1f4b6}\u{1f4b6}", 3, "\u{1f4b6}"),
            ("\u{1f4b6}\u{1f4b6}", 4, "\u{1f4b6}\u{1f4b6}"),
            (" a\r\nb\t", 9, "a  b"),
            ("שלום", 2, "של"),
            ("", 0, ""),
        ];
        for (text, most, kept) in table {
            assert_eq!(fit(text, most), kept, "{text}");
        }
    }
}
