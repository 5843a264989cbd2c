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

use super::declared::{Declared, Names, declared, kind};
use super::limits::{Limits, Sides};
use super::{
    ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, is_plain, one_line, written,
};
use chrono::NaiveDate;
use ledger::{AccountType, EntryKind, Line, Side};
use serde::Deserialize;
use std::borrow::Cow;
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
        let mut names = Names::default();
        let mut text = String::new();
        for item in &batch.entries {
            text.clear();
            transaction(batch, item, &mut names, &mut text);
            out.write_all(text.as_bytes()).map_err(RenderError::write)?;
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
        // Collected, all of them would be held before they are sorted.
        let mut currencies = BTreeSet::new();
        currencies.extend(priced.map(|line| line.functional.currency()));
        for currency in currencies {
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

fn transaction<'b>(
    batch: &'b ExportBatch,
    item: &'b ExportEntry,
    names: &mut Names<'b>,
    out: &mut String,
) {
    let header = item.entry.header();
    out.push('\n');
    written::day(out, header.date, "-");
    put(out, &[" * ", &quoted(&header.description), "\n"]);
    for (key, text) in [
        ("document", &item.document),
        ("reference", &header.reference),
        ("entity", &header.entity),
        ("rule", &header.rule.rule),
    ] {
        put(out, &["  ", key, ": ", &quoted(text), "\n"]);
    }
    if header.kind != EntryKind::Original {
        put(out, &["  kind: ", &quoted(header.kind.name()), "\n"]);
    }
    if let Some(own) = header.event_on {
        put(out, &["  belongs-to: ", &own.to_string(), "\n"]);
    }
    for line in item.entry.lines() {
        let place = names.place(batch, header, line, name);
        posting(line, names.get(place), out);
    }
}

fn put(out: &mut String, texts: &[&str]) {
    out.extend(texts.iter().copied());
}

fn posting(line: &Line, name: &str, out: &mut String) {
    let sign = match line.side {
        Side::Debit => "",
        Side::Credit => "-",
    };
    put(out, &["  ", name, "  ", sign]);
    written::amount(out, line.amount);
    put(out, &[" ", line.amount.currency().code()]);
    if is_foreign(line) {
        out.push_str(" @@ ");
        written::amount(out, line.functional);
        put(out, &[" ", line.functional.currency().code()]);
    }
    out.push('\n');
    let mut taken = BTreeSet::new();
    for (name, value) in &line.dimensions {
        let mut key = key(name);
        while taken.contains(&key) {
            key.to_mut().push('_');
        }
        put(out, &["    ", &key, ": ", &quoted(value), "\n"]);
        taken.insert(key);
    }
}

fn is_foreign(line: &Line) -> bool {
    line.functional.currency() != line.amount.currency()
}

/// A text as a string.
fn quoted(text: &str) -> String {
    if is_plain(text) && !text.contains(['\\', '"']) {
        return ["\"", text, "\""].concat();
    }
    let text = one_line(text).replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// A dimension's name as a key: `[a-z][a-zA-Z0-9_-]+`, and none that beancount fills itself.
fn key(name: &str) -> Cow<'_, str> {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
    let text = if name.chars().all(fits) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.replace(|sign| !fits(sign), "-"))
    };
    let plain = text.len() > 1 && text.starts_with(|sign: char| sign.is_ascii_lowercase());
    if plain && !matches!(text.as_ref(), "filename" | "lineno") {
        text
    } else {
        Cow::Owned(format!("dimension-{text}"))
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
    let mut part = String::with_capacity(text.len() + 2);
    match signs.next() {
        Some(first) if fits(first) => part.push(first.to_ascii_uppercase()),
        first => part.extend(['X', first.unwrap_or('-')]),
    }
    part.extend(signs);
    part
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
