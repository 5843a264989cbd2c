//! The options of a described table. They are checked as a whole when they are opened, before any batch is.

use super::cells::{Numbers, Quotes};
use super::charset::Charset;
use super::lines::Pattern;
use crate::erp::csv::Formulas;
use crate::erp::mapped::Names;
use crate::erp::written::{Days, full_days};
use ledger::Side;
use serde::Deserialize;

/// What is known of a line.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The batch's name outside: a UUID.
    Batch,
    /// Its running number within the target.
    BatchNumber,
    /// The entry's number in the journal.
    Entry,
    /// Its document number, without a gap per entity and fiscal year.
    Document,
    /// Which of the entry's lines it is, from 1.
    Line,
    /// The entity's code.
    Entity,
    /// What `companies` calls the entity.
    Company,
    /// The period's code.
    Period,
    /// The accounting date.
    Date,
    /// The day on which the batch was made, in UTC.
    CreatedOn,
    /// What kind of entry: `original`, `reversal`.
    Kind,
    /// The document that people know.
    Reference,
    /// What happened, for people.
    Description,
    /// The rule that made the entry.
    Rule,
    /// The account's name.
    Account,
    /// The account's number: what `accounts` says, else its code.
    AccountCode,
    /// The amount of a debit.
    Debit,
    /// The amount of a credit.
    Credit,
    /// The amount with a sign.
    Amount,
    /// The amount without a sign.
    Unsigned,
    /// The word for debit or credit.
    Side,
    /// The currency of the amount.
    Currency,
    /// The amount of a debit in the functional currency.
    FunctionalDebit,
    /// The amount of a credit in the functional currency.
    FunctionalCredit,
    /// The amount in the functional currency, with a sign.
    FunctionalAmount,
    /// The amount in the functional currency, without a sign.
    FunctionalUnsigned,
    /// The functional currency.
    FunctionalCurrency,
    /// Functional units for one transaction unit; blank where the currencies are the same.
    Rate,
}

/// Where a column's cells come from.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Field(Field),
    Dimension(String),
    Text(String),
}

impl Content {
    /// Whether people read it, so that a part of it says less but nothing else.
    pub(super) const fn is_for_people(&self) -> bool {
        matches!(
            self,
            Self::Field(Field::Reference | Field::Description | Field::Account | Field::Rule)
        )
    }
}

/// A column as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftColumn {
    #[serde(default)]
    header: String,
    field: Option<Field>,
    dimension: Option<String>,
    text: Option<String>,
    max: Option<usize>,
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) header: String,
    pub(super) content: Content,
    pub(super) max: Option<usize>,
}

impl Column {
    /// The column, which is the `number`th from 1.
    fn of(draft: DraftColumn, number: usize) -> Result<Self, String> {
        let content = match (draft.field, draft.dimension, draft.text) {
            (Some(field), None, None) => Content::Field(field),
            (None, Some(dimension), None) => Content::Dimension(dimension),
            (None, None, Some(text)) => Content::Text(text),
            _ => {
                return Err(format!(
                    "column {number} needs one of `field`, `dimension` and `text`"
                ));
            }
        };
        if draft.max == Some(0) {
            return Err(format!("column {number} holds nothing: its `max` is 0"));
        }
        Ok(Self {
            header: draft.header,
            content,
            max: draft.max,
        })
    }
}

/// How a line ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LineEnd {
    /// Carriage return and line feed.
    #[default]
    Crlf,
    /// Line feed.
    Lf,
}

impl LineEnd {
    pub(super) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Crlf => b"\r\n",
            Self::Lf => b"\n",
        }
    }
}

/// The words for debit and credit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sides {
    debit: String,
    credit: String,
}

impl Default for Sides {
    fn default() -> Self {
        Self {
            debit: "D".to_owned(),
            credit: "C".to_owned(),
        }
    }
}

impl Sides {
    pub(super) fn word(&self, side: Side) -> &str {
        match side {
            Side::Debit => &self.debit,
            Side::Credit => &self.credit,
        }
    }
}

/// The options as they are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    columns: Vec<DraftColumn>,
    #[serde(default = "csv")]
    ending: String,
    #[serde(default)]
    charset: Charset,
    #[serde(default = "semicolon")]
    separator: char,
    #[serde(default)]
    quotes: Quotes,
    #[serde(default)]
    line_end: LineEnd,
    #[serde(default = "yes")]
    header: bool,
    #[serde(default)]
    before: Vec<String>,
    totals: Option<String>,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default = "Days::iso", deserialize_with = "full_days")]
    dates: Days,
    #[serde(default)]
    numbers: Numbers,
    #[serde(default)]
    sides: Sides,
    #[serde(default)]
    companies: Names,
    #[serde(default)]
    accounts: Names,
    #[serde(default)]
    blank: String,
    #[serde(default)]
    formulas: Formulas,
}

fn csv() -> String {
    "csv".to_owned()
}

const fn semicolon() -> char {
    ';'
}

const fn yes() -> bool {
    true
}

/// The options, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Draft")]
pub struct Config {
    pub(super) columns: Vec<Column>,
    pub(super) ending: String,
    pub(super) charset: Charset,
    pub(super) separator: char,
    pub(super) quotes: Quotes,
    pub(super) line_end: LineEnd,
    pub(super) header: bool,
    pub(super) before: Vec<Pattern>,
    pub(super) totals: Option<Pattern>,
    pub(super) after: Vec<Pattern>,
    pub(super) dates: Days,
    pub(super) numbers: Numbers,
    pub(super) sides: Sides,
    pub(super) companies: Names,
    pub(super) accounts: Names,
    pub(super) blank: String,
    pub(super) formulas: Formulas,
}

impl Draft {
    /// What cannot be read back is refused before it is written.
    fn check(&self) -> Result<(), String> {
        if self.columns.is_empty() {
            return Err("`columns` is empty".to_owned());
        }
        let ending = self.ending.as_bytes();
        let is_plain = ending.iter().all(u8::is_ascii_alphanumeric);
        if ending.is_empty() || ending.len() > 8 || !is_plain {
            return Err(format!("`{}` is no ending of a file's name", self.ending));
        }
        let separator = self.separator;
        let is_sign = separator.is_ascii_punctuation() || matches!(separator, '\t' | ' ');
        if !is_sign || matches!(separator, '"' | '-' | '\'') {
            return Err(format!("`{separator}` cannot separate columns"));
        }
        let is_bare = matches!(self.quotes, Quotes::Never | Quotes::Texts);
        let is_within = self.numbers.writes(separator) || self.dates.writes(separator);
        if is_bare && is_within {
            return Err(format!(
                "`{separator}` separates columns and stands in numbers or dates, which are not quoted"
            ));
        }
        Ok(())
    }
}

impl TryFrom<Draft> for Config {
    type Error = String;

    fn try_from(draft: Draft) -> Result<Self, String> {
        draft.check()?;
        let whole = |lines: &[String]| {
            let lines = lines.iter().map(|line| Pattern::whole(line));
            lines.collect::<Result<Vec<_>, String>>()
        };
        let columns = draft.columns.into_iter().zip(1..);
        Ok(Self {
            columns: columns
                .map(|(column, number)| Column::of(column, number))
                .collect::<Result<_, _>>()?,
            before: whole(&draft.before)?,
            totals: draft.totals.as_deref().map(Pattern::total).transpose()?,
            after: whole(&draft.after)?,
            ending: draft.ending,
            charset: draft.charset,
            separator: draft.separator,
            quotes: draft.quotes,
            line_end: draft.line_end,
            header: draft.header,
            dates: draft.dates,
            numbers: draft.numbers,
            sides: draft.sides,
            companies: draft.companies,
            accounts: draft.accounts,
            blank: draft.blank,
            formulas: draft.formulas,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_be_read_back_are_refused() {
        let read = |more: &str| {
            let text = format!("{{\"columns\":[{{\"field\":\"debit\"}}]{more}}}");
            serde_json::from_str::<Config>(&text)
        };
        assert!(read("").is_ok());
        assert!(read(",\"separator\":\"\\t\",\"quotes\":\"never\"").is_ok());
        for odd in [
            ",\"separator\":\",\",\"quotes\":\"never\",\"numbers\":{\"decimal\":\",\"}",
            ",\"separator\":\".\",\"quotes\":\"texts\"",
            ",\"separator\":\"x\"",
            ",\"separator\":\"\\n\"",
            ",\"separator\":\"\\\"\"",
            ",\"numbers\":{\"decimal\":\"'\"}",
            ",\"numbers\":{\"places\":7}",
            ",\"numbers\":{\"places\":\"all\"}",
            ",\"dates\":\"MM/YYYY\"",
            ",\"charset\":\"utf-16\"",
            ",\"ending\":\"../csv\"",
            ",\"before\":[\"{debit}\"]",
            ",\"totals\":\"{nothing}\"",
            ",\"columns\":[]",
        ] {
            assert!(read(odd).is_err(), "{odd}");
        }
        for odd in [
            "{}",
            "{\"columns\":[]}",
            "{\"columns\":[{\"header\":\"A\"}]}",
            "{\"columns\":[{\"field\":\"debit\",\"text\":\"a\"}]}",
            "{\"columns\":[{\"field\":\"debits\"}]}",
            "{\"columns\":[{\"text\":\"a\",\"max\":0}]}",
        ] {
            assert!(serde_json::from_str::<Config>(odd).is_err(), "{odd}");
        }
    }
}
