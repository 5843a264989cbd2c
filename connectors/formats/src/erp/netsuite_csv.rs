//! NetSuite: a CSV of journal entries for the import assistant.
//!
//! UTF-8, comma, CRLF, one header row. A row is a line of a journal: what the journal says stands on each of its
//! rows, and the rows of one journal share `External ID`, which is the entry's document number: a second import of
//! it finds the first one. Debit and credit have a column each, the other is blank; `.` decimals. Days are written
//! as the account's preference wants them (`dates`). Subsidiary, account and dimensions (`columns`, by the name of
//! their column) are names or internal ids, as the saved import says. A journal is in one currency; the rate is base
//! units for one unit of it, and NetSuite computes the base amounts from it, so that they may differ from the books by
//! a rounding.
//!
//! An import takes 25,000 rows (`rows`): a larger batch leaves as a ZIP of several files, cut between two journals.
//! NetSuite's currencies have no or two decimal places (`places`); an amount that needs more is refused. Memos are cut
//! after 999 characters. What breaks a line in a text becomes a space. Not run against the live system.

use super::limits::{Currencies, Limits};
use super::mapped::{Filling, Names, Placed, fit};
use super::packed::Packed;
use super::written::{self, Days, full_days};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError};
use chrono::NaiveDate;
use ledger::Side;
use serde::Deserialize;
use std::io::Write;
use std::ops::Range;

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<NetSuite>(
    "netsuite_csv",
    "NetSuite (CSV import of journal entries)",
    EXAMPLE,
)
.holding(Limits {
    number: Some(100),
    currencies: Currencies::One,
    ..Limits::NONE
});

const EXAMPLE: &str = r#"companies: { us: "Parent : US", eu: "Parent : EU" }
accounts: { tax-payable: "2100.10" }
columns: { Class: "{dimension.product}", Location: "{dimension.region}" }
dates: MM/DD/YYYY
"#;

/// What a journal says.
const JOURNAL: [&str; 6] = [
    "External ID",
    "Date",
    "Subsidiary",
    "Currency",
    "Exchange Rate",
    "Memo",
];

/// What a line says.
const LINE: [&str; 4] = [
    "Journal Entry - Line: Account",
    "Journal Entry - Line: Debit",
    "Journal Entry - Line: Credit",
    "Journal Entry - Line: Memo",
];

/// A memo holds so many characters.
const MEMO: usize = 999;

/// An external id holds so many.
const EXTERNAL_ID: usize = 100;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The subsidiary's name or internal id by entity.
    companies: Names,
    /// The account's number by its name in the books, where it is not the chart's code.
    #[serde(default)]
    accounts: Names,
    /// Further columns of lines, by name: text, `{company}`, `{account}` or `{dimension.NAME}`.
    #[serde(default)]
    columns: Names,
    /// What stands for a dimension that a line does not have.
    #[serde(default)]
    blank: String,
    /// The currency's name by its ISO code, where it is another.
    #[serde(default)]
    currencies: Names,
    /// How days are written.
    #[serde(default = "american", deserialize_with = "full_days")]
    dates: Days,
    /// How a period is named, `MMM YYYY`; without it NetSuite takes the day's.
    #[serde(default)]
    periods: Option<Days>,
    /// The most decimal places of an amount.
    #[serde(default = "cents")]
    places: u32,
    /// The most rows of a file.
    #[serde(default = "most_rows")]
    rows: usize,
}

fn american() -> Days {
    Days::try_from("MM/DD/YYYY".to_owned()).unwrap_or_else(|_| Days::iso())
}

const fn cents() -> u32 {
    2
}

const fn most_rows() -> usize {
    25_000
}

/// The format.
#[derive(Clone, Debug)]
pub struct NetSuite {
    config: Config,
}

impl FileFormat for NetSuite {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        let is_one = batch.line_count() <= self.config.rows;
        batch.file_name(if is_one { "csv" } else { "zip" })
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        if batch.line_count() <= self.config.rows {
            return self.file(batch, &batch.entries, out);
        }
        let mut packed = Packed::new();
        for (part, number) in self.parts(batch).zip(1..) {
            let number: usize = number;
            let entries = batch.entries.get(part).unwrap_or_default();
            let name = format!("tieout-{}-{:06}-{number}.csv", batch.target, batch.number);
            packed.member(&name, |out| self.file(batch, entries, out))?;
        }
        packed.finish(out)
    }
}

impl NetSuite {
    /// The entries of each file: as many as it holds, and at least one.
    fn parts(&self, batch: &ExportBatch) -> impl Iterator<Item = Range<usize>> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let mut rows = 0;
            let rest = batch.entries.get(from..).unwrap_or_default();
            let taken = rest.iter().take_while(|item| {
                rows += item.entry.lines().len();
                rows <= self.config.rows
            });
            let taken = taken.count().max(1).min(rest.len());
            let part = from..from + taken;
            from = part.end;
            Some(part).filter(|part| !part.is_empty())
        })
    }

    fn file(
        &self,
        batch: &ExportBatch,
        entries: &[ExportEntry],
        out: &mut dyn Write,
    ) -> Result<(), RenderError> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .buffer_capacity(64 << 10)
            .from_writer(out);
        let period = self.config.periods.as_ref().map(|_| "Posting Period");
        let names = self
            .config
            .columns
            .keys()
            .map(|name| format!("Journal Entry - Line: {name}"));
        let header = JOURNAL.into_iter().chain(period).chain(LINE);
        let header = header.map(str::to_owned).chain(names);
        writer
            .write_record(header.collect::<Vec<_>>())
            .map_err(RenderError::write)?;
        for item in entries {
            for at in Placed::of(batch, item) {
                let row = self.row(&at)?;
                writer.write_record(&row).map_err(RenderError::write)?;
            }
        }
        writer.flush().map_err(RenderError::write)
    }

    fn row(&self, at: &Placed<'_>) -> Result<Vec<String>, RenderError> {
        let (config, header, line) = (&self.config, at.header(), at.line);
        if at.number > config.rows {
            let what = format!(
                "a journal stands in one file, which holds {} rows",
                config.rows
            );
            return Err(at.unfit(what));
        }
        let code = at.in_one_currency()?.code();
        let currency = config.currencies.get(code).map_or(code, String::as_str);
        let rate = at.rate().map(|rate| rate.normalize().to_string());
        let memo = format!("{} {}", header.reference, header.description);
        let mut row = vec![
            at.key("External ID", &at.item.document, EXTERNAL_ID)?,
            config.dates.text(header.date),
            at.company(&config.companies)?.to_owned(),
            currency.to_owned(),
            rate.unwrap_or_default(),
            fit(&memo, MEMO),
        ];
        if let Some(pattern) = &config.periods {
            row.push(period(at, pattern)?);
        }
        row.push(at.account(&config.accounts)?.to_owned());
        let amount = self.amount(at)?;
        row.extend(match line.side {
            Side::Debit => [amount, String::new()],
            Side::Credit => [String::new(), amount],
        });
        row.push(fit(&header.description, MEMO));
        let filling = Filling {
            companies: &config.companies,
            accounts: &config.accounts,
            blank: &config.blank,
            option: "columns",
        };
        for place in config.columns.values() {
            row.push(super::one_line(&filling.fill(at, place)?));
        }
        Ok(row)
    }

    /// The amount in major units, with the places of its currency as far as NetSuite has them.
    fn amount(&self, at: &Placed<'_>) -> Result<String, RenderError> {
        let money = at.line.amount;
        if money.currency().exponent() <= self.config.places {
            return Ok(written::amount_of(money));
        }
        let mut amount = money.to_decimal();
        if amount.scale() > self.config.places {
            amount.normalize_assign();
            let least = amount.scale();
            if least > self.config.places {
                let what = format!(
                    "{money} has more than {} decimal places",
                    self.config.places
                );
                return Err(at.unfit(what));
            }
            amount.rescale(self.config.places);
        }
        Ok(amount.to_string())
    }
}

/// The name of the period, whose code is a month: `2026-01`.
fn period(at: &Placed<'_>, pattern: &Days) -> Result<String, RenderError> {
    let code = &at.item.period;
    let first: Option<NaiveDate> = format!("{code}-01").parse().ok();
    let first = first.ok_or_else(|| {
        at.unfit(format!(
            "its period `{code}` is no month, and `periods` names months"
        ))
    })?;
    Ok(pattern.text(first))
}
