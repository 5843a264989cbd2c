//! A plain text ledger that `bean-check` accepts.
//!
//! Accounts are named `Type:Entity:Account`, each part beginning with a capital or a digit
//! (`Assets:Eu:Accounts-receivable`); the file opens those that it uses, on one early day, with their codes.
//! Amounts are in major units with all places of the currency, debits positive and credits negative; foreign
//! amounts carry their total in the functional currency (`@@`). The narration is the description; what else
//! is known stands in metadata: `document`, `reference`, `entity`, `rule`, and each line's dimensions.
//!
//! UTF-8, LF. What breaks a line or is a control character becomes a space; quotes and backslashes are
//! escaped. Signs that an account's name cannot hold become `-`. Beancount divides a total price by the
//! amount, and of that division a remainder beyond the 20th digit may stay: the tolerance of a functional
//! currency is set to a ten-thousandth, less than half of any minor unit. Books that include the file and
//! have foreign amounts set it in their first file.

use super::declared::{Declared, declared, kind};
use super::limits::{Limits, Sides};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, one_line};
use chrono::NaiveDate;
use ledger::{AccountType, EntryKind, Line, Side};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Beancount>("beancount", "Beancount ledger", EXAMPLE)
    .holding(Limits {
        sides: Sides::Signed,
        ..Limits::NONE
    });

const EXAMPLE: &str = "\
# Whether the file opens the accounts that it uses, and on which day. An account is opened once: `false` is for books
# that include every batch and open their accounts in a file of their own.
open_accounts: true
opened_on: \"1970-01-01\"
";

/// The options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether the file opens the accounts that it uses.
    #[serde(default = "default_open_accounts")]
    pub open_accounts: bool,
    /// The day on which it opens them; nothing may be posted before it.
    #[serde(default)]
    pub opened_on: NaiveDate,
}

const fn default_open_accounts() -> bool {
    true
}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Beancount {
    config: Config,
}

impl FileFormat for Beancount {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("beancount")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let accounts = declared(batch, name)?;
        self.refuse_what_comes_before(batch)?;
        let mut out = BufWriter::with_capacity(64 << 10, out);
        self.directives(batch, &accounts, &mut out)
            .map_err(RenderError::write)?;
        for item in &batch.entries {
            transaction(batch, item, &mut out).map_err(RenderError::write)?;
        }
        out.flush().map_err(RenderError::write)
    }
}

impl Beancount {
    /// An entry on a day on which no account is open yet would be refused by the reader.
    fn refuse_what_comes_before(&self, batch: &ExportBatch) -> Result<(), RenderError> {
        let opened = self.config.opened_on;
        let mut early = batch.entries.iter();
        let early = early.find(|item| item.entry.header().date < opened);
        match early.filter(|_| self.config.open_accounts) {
            None => Ok(()),
            Some(item) => Err(RenderError::Unfit {
                document: item.document.clone(),
                line: 1,
                what: format!(
                    "its day, {}, is before `opened_on`, {opened}",
                    item.entry.header().date
                ),
            }),
        }
    }

    fn directives(
        self,
        batch: &ExportBatch,
        accounts: &BTreeMap<String, Declared<'_>>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let (id, number, target) = (&batch.id, batch.number, one_line(&batch.target));
        writeln!(out, "; batch {id} number {number} of {target}\n")?;
        let lines = batch.entries.iter().flat_map(|item| item.entry.lines());
        let priced = lines.filter(|line| is_foreign(line));
        let priced: BTreeSet<_> = priced.map(|line| line.functional.currency()).collect();
        for currency in priced {
            writeln!(
                out,
                "option \"inferred_tolerance_default\" \"{currency}:0.0001\""
            )?;
        }
        if self.config.open_accounts {
            for (name, account) in accounts {
                writeln!(out, "{} open {name}", self.config.opened_on)?;
                if let Some(code) = account.called.code {
                    writeln!(out, "  code: {}", quoted(code))?;
                }
            }
        }
        Ok(())
    }
}

fn transaction(batch: &ExportBatch, item: &ExportEntry, out: &mut impl Write) -> io::Result<()> {
    let header = item.entry.header();
    let narration = quoted(&header.description);
    writeln!(out, "\n{} * {narration}", header.date)?;
    for (key, text) in [
        ("document", &item.document),
        ("reference", &header.reference),
        ("entity", &header.entity),
        ("rule", &header.rule.rule),
    ] {
        writeln!(out, "  {key}: {}", quoted(text))?;
    }
    if header.kind != EntryKind::Original {
        writeln!(out, "  kind: {}", quoted(header.kind.name()))?;
    }
    if let Some(own) = header.event_on {
        writeln!(out, "  belongs-to: {own}")?;
    }
    for line in item.entry.lines() {
        let called = batch.called(&line.account, header.date);
        let entity = &header.entity;
        let name = name(Declared {
            entity,
            called,
            line,
        });
        posting(line, &name, out)?;
    }
    Ok(())
}

fn posting(line: &Line, name: &str, out: &mut impl Write) -> io::Result<()> {
    let sign = match line.side {
        Side::Debit => "",
        Side::Credit => "-",
    };
    write!(out, "  {name}  {sign}{}", line.amount)?;
    if is_foreign(line) {
        write!(out, " @@ {}", line.functional)?;
    }
    writeln!(out)?;
    let mut taken = BTreeSet::new();
    for (name, value) in &line.dimensions {
        let mut key = key(name);
        while !taken.insert(key.clone()) {
            key.push('_');
        }
        writeln!(out, "    {key}: {}", quoted(value))?;
    }
    Ok(())
}

fn is_foreign(line: &Line) -> bool {
    line.functional.currency() != line.amount.currency()
}

/// A text as a string.
fn quoted(text: &str) -> String {
    let text = one_line(text).replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// A dimension's name as a key: `[a-z][a-zA-Z0-9_-]+`, and none that beancount fills itself.
fn key(name: &str) -> String {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
    let text: String = name
        .chars()
        .map(|sign| if fits(sign) { sign } else { '-' })
        .collect();
    let plain = text.len() > 1 && text.starts_with(|sign: char| sign.is_ascii_lowercase());
    if plain && !matches!(text.as_str(), "filename" | "lineno") {
        text
    } else {
        format!("dimension-{text}")
    }
}

fn name(account: Declared<'_>) -> String {
    let kind = match kind(account.called) {
        AccountType::Asset => "Assets",
        AccountType::Liability => "Liabilities",
        AccountType::Equity => "Equity",
        AccountType::Revenue => "Income",
        AccountType::Expense => "Expenses",
    };
    format!(
        "{kind}:{}:{}",
        part(account.entity),
        part(account.called.account)
    )
}

/// A part of an account's name: letters, digits and `-`, the first a capital or a digit.
fn part(text: &str) -> String {
    let fits = |sign: char| sign.is_ascii_alphanumeric();
    let mut signs = text.chars().map(|sign| if fits(sign) { sign } else { '-' });
    let first = match signs.next() {
        Some(first) if fits(first) => first.to_ascii_uppercase().to_string(),
        first => format!("X{}", first.unwrap_or('-')),
    };
    first + &signs.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_names_are_such_that_the_reader_takes_them() {
        for (name, shown) in [
            ("region", "region"),
            ("cost centre", "cost-centre"),
            ("Region", "dimension-Region"),
            ("a", "dimension-a"),
            ("lineno", "dimension-lineno"),
            ("größe", "gr--e"),
            ("", "dimension-"),
        ] {
            assert_eq!(key(name), shown);
        }
        for (text, shown) in [
            ("accounts-receivable", "Accounts-receivable"),
            ("eu", "Eu"),
            ("1200", "1200"),
            ("-odd", "X-odd"),
            ("Zürich AG", "Z-rich-AG"),
            ("", "X-"),
        ] {
            assert_eq!(part(text), shown);
        }
        assert_eq!(quoted("a \"b\" \\ \n"), r#""a \"b\" \\  ""#);
        let day = serde_json::from_str::<Config>("{}").unwrap().opened_on;
        assert_eq!(day.to_string(), "1970-01-01");
    }
}
