//! A plain text journal that `ledger --strict --pedantic` accepts.
//!
//! Accounts are named `entity:type:account`; every account, commodity and tag is declared in ledger's own
//! directives. Amounts are in major units with all places of the currency, debits positive and credits
//! negative; foreign amounts carry their total in the functional currency (`@@`). The code of a transaction
//! is the reference, or the document number where there is none, and its payee is the description.
//!
//! UTF-8, LF. What breaks a line or is a control character becomes a space. Ledger reads more into texts
//! than stands there, so these are replaced: `(` `)` in a reference and `[` `]` in a tag's value by each
//! other (a code ends at `)`, and `[2026/03/01]` would move the date), and `;` in a description by `,` (it
//! begins a note). An entity's `:`, brackets, quotes, blanks and `;` become `-` in account names. Ledger refuses
//! lines of more than 4096 bytes: names are cut to 120 characters, references to 200, descriptions to 600,
//! and the values of tags to 800.

use super::declared::{Declared, declared, kind};
use super::limits::{Limits, Sides};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, one_line};
use ledger::{AccountType, Currency, EntryKind, Line, Side};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<Ledger>("ledger", "Ledger journal", "{}").holding(Limits {
        sides: Sides::Signed,
        ..Limits::NONE
    });

/// A reference holds so many characters, of at most four bytes each.
const REFERENCE: usize = 200;

/// A description holds so many.
const DESCRIPTION: usize = 600;

/// A tag's value holds so many.
const VALUE: usize = 800;

/// A tag, and a part of an account's name, hold so many.
const NAME: usize = 120;

/// A text on one line, cut to so many characters.
fn fit(text: &str, most: usize) -> String {
    one_line(text.trim()).chars().take(most).collect()
}

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Ledger;

impl FileFormat for Ledger {
    type Config = Config;

    fn new(_config: Config) -> Self {
        Self
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("ledger")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let accounts = declared(batch, name)?;
        let mut out = BufWriter::with_capacity(64 << 10, out);
        directives(batch, accounts.keys(), &mut out).map_err(RenderError::write)?;
        for item in &batch.entries {
            transaction(batch, item, &mut out).map_err(RenderError::write)?;
        }
        out.flush().map_err(RenderError::write)
    }
}

/// What pedantic checks want to have read before it is used.
fn directives<'n>(
    batch: &ExportBatch,
    accounts: impl Iterator<Item = &'n String>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut currencies = BTreeSet::new();
    let mut tags = BTreeSet::new();
    for item in &batch.entries {
        let told = about(item);
        tags.extend(told.into_iter().map(|(name, _)| name.to_owned()));
        for line in item.entry.lines() {
            currencies.extend([line.amount.currency(), line.functional.currency()]);
            let filled = line.dimensions.iter().filter(|(_, value)| is_told(value));
            tags.extend(filled.map(|(name, _)| tag(name)));
        }
    }
    let (id, number, target) = (&batch.id, batch.number, fit(&batch.target, VALUE));
    writeln!(out, "; batch {id} number {number} of {target}\n")?;
    for currency in currencies {
        writeln!(out, "commodity {currency}\n    format {}", sample(currency))?;
    }
    writeln!(out)?;
    for account in accounts {
        writeln!(out, "account {account}")?;
    }
    writeln!(out)?;
    for tag in tags {
        writeln!(out, "tag {tag}")?;
    }
    Ok(())
}

fn transaction(batch: &ExportBatch, item: &ExportEntry, out: &mut impl Write) -> io::Result<()> {
    let header = item.entry.header();
    let reference = if is_told(&header.reference) {
        &header.reference
    } else {
        &item.document
    };
    let code = fit(reference, REFERENCE)
        .replace('(', "[")
        .replace(')', "]");
    let payee = fit(&header.description, DESCRIPTION).replace(';', ",");
    let head = format!("{} * ({}) {}", header.date, code.trim(), payee.trim());
    writeln!(out, "\n{}", head.trim_end())?;
    for (name, text) in about(item) {
        writeln!(out, "    ; {name}: {}", value(&text))?;
    }
    let names = item.entry.lines().iter().map(|line| {
        let called = batch.called(&line.account, header.date);
        let entity = &header.entity;
        name(Declared {
            entity,
            called,
            line,
        })
    });
    let names: Vec<String> = names.collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    for (line, name) in item.entry.lines().iter().zip(&names) {
        posting(line, name, width.unwrap_or(0), out)?;
    }
    Ok(())
}

/// What a transaction says about itself, as tags.
fn about(item: &ExportEntry) -> Vec<(&'static str, String)> {
    let header = item.entry.header();
    let mut told = vec![
        ("document", item.document.clone()),
        ("entity", header.entity.clone()),
        ("rule", header.rule.rule.clone()),
    ];
    if header.kind != EntryKind::Original {
        told.push(("kind", header.kind.name().to_owned()));
    }
    if let Some(own) = header.event_on {
        told.push(("belongs-to", own.to_string()));
    }
    told.retain(|(_, text)| is_told(text));
    told
}

fn posting(line: &Line, name: &str, width: usize, out: &mut impl Write) -> io::Result<()> {
    let sign = match line.side {
        Side::Debit => "",
        Side::Credit => "-",
    };
    let amount = format!("{sign}{}", line.amount);
    write!(out, "    {name:width$}  {amount:>16}")?;
    if line.functional.currency() != line.amount.currency() {
        write!(out, " @@ {}", line.functional)?;
    }
    writeln!(out)?;
    for (name, text) in line.dimensions.iter().filter(|(_, text)| is_told(text)) {
        writeln!(out, "    ; {}: {}", tag(name), value(text))?;
    }
    Ok(())
}

/// Whether there is anything to say.
fn is_told(text: &str) -> bool {
    !one_line(text).trim().is_empty()
}

/// A tag's value, in which no date hides.
fn value(text: &str) -> String {
    let text = fit(text, VALUE).replace('[', "(").replace(']', ")");
    text.trim().to_owned()
}

/// A dimension's name as a tag; those to which ledger gives a meaning are set apart.
fn tag(name: &str) -> String {
    let fits = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_');
    let name: String = name
        .chars()
        .map(|sign| if fits(sign) { sign } else { '-' })
        .take(NAME)
        .collect();
    match name.to_lowercase().as_str() {
        "payee" | "value" | "uuid" | "" => format!("dimension-{name}"),
        _ => name,
    }
}

fn name(account: Declared<'_>) -> String {
    let kind = match kind(account.called) {
        AccountType::Asset => "assets",
        AccountType::Liability => "liabilities",
        AccountType::Equity => "equity",
        AccountType::Revenue => "revenues",
        AccountType::Expense => "expenses",
    };
    format!(
        "{}:{kind}:{}",
        part(account.entity),
        part(account.called.account)
    )
}

/// A part of an account's name, in which nothing ends it.
fn part(text: &str) -> String {
    let ends = |sign: char| {
        sign.is_whitespace() || sign.is_control() || ":;()[]{}<>\"'|*!=@#%&".contains(sign)
    };
    fit(text, NAME).replace(ends, "-")
}

/// An amount that shows ledger how many places a commodity has.
fn sample(currency: Currency) -> String {
    let places = usize::try_from(currency.exponent()).unwrap_or(0);
    let point = if places > 0 { "." } else { "" };
    format!("1000{point}{} {currency}", "0".repeat(places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_their_values_mean_nothing_else() {
        for (name, shown) in [
            ("region", "region"),
            ("cost centre", "cost-centre"),
            ("a:b", "a-b"),
            ("Value", "dimension-Value"),
            ("payee", "dimension-payee"),
            ("", "dimension-"),
        ] {
            assert_eq!(tag(name), shown);
        }
        assert_eq!(value(" [=2026/03/01]\n:x: "), "(=2026/03/01) :x:");
        assert_eq!(value(&"😀".repeat(900)).chars().count(), VALUE);
        assert_eq!(part("EU: (a; b)"), "EU---a--b-");
        let sample = |code: &str| sample(Currency::from_code(code).unwrap());
        assert_eq!(
            ["EUR", "JPY", "KWD"].map(sample),
            ["1000.00 EUR", "1000 JPY", "1000.000 KWD"]
        );
    }
}
