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

use super::declared::{Declared, Names, declared, kind};
use super::limits::{Limits, Sides};
use super::{
    ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, is_plain, one_line, written,
};
use ledger::{AccountType, Currency, EntryKind, Line, Side};
use serde::Deserialize;
use std::borrow::Cow;
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

/// An amount and its currency stand in so many, or more where they need it.
const AMOUNT: usize = 16;

/// A tag, and a part of an account's name, hold so many.
const NAME: usize = 120;

/// A text on one line, cut to so many characters.
fn fit(text: &str, most: usize) -> Cow<'_, str> {
    let text = text.trim();
    // What is short in bytes is short in characters.
    if text.len() <= most && is_plain(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(one_line(text).chars().take(most).collect())
}

/// A text in which one sign stands for another.
fn replaced<'t>(text: Cow<'t, str>, sign: char, by: &str) -> Cow<'t, str> {
    if text.contains(sign) {
        return Cow::Owned(text.replace(sign, by));
    }
    text
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

/// What pedantic checks want to have read before it is used.
fn directives<'n>(
    batch: &ExportBatch,
    accounts: impl Iterator<Item = &'n String>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut currencies = BTreeSet::new();
    let mut tags = BTreeSet::new();
    let mut dimensions = BTreeSet::new();
    for item in &batch.entries {
        let told = about(item);
        tags.extend(told.into_iter().map(|(name, _)| Cow::Borrowed(name)));
        for line in item.entry.lines() {
            currencies.extend([line.amount.currency(), line.functional.currency()]);
            let filled = line.dimensions.iter().filter(|(_, value)| is_told(value));
            dimensions.extend(filled.map(|(name, _)| name));
        }
    }
    tags.extend(dimensions.into_iter().map(|name| tag(name)));
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

fn transaction<'b>(
    batch: &'b ExportBatch,
    item: &'b ExportEntry,
    names: &mut Names<'b>,
    out: &mut String,
) {
    let header = item.entry.header();
    let reference = if is_told(&header.reference) {
        &header.reference
    } else {
        &item.document
    };
    let code = replaced(fit(reference, REFERENCE), '(', "[");
    let code = replaced(code, ')', "]");
    let payee = replaced(fit(&header.description, DESCRIPTION), ';', ",");
    out.push('\n');
    written::day(out, header.date, "-");
    put(out, &[" * (", code.trim(), ") ", payee.trim()]);
    out.truncate(out.trim_end().len());
    out.push('\n');
    for (name, text) in about(item) {
        put(out, &["    ; ", name, ": ", &value(&text), "\n"]);
    }
    let lines = item.entry.lines();
    let places = lines.iter();
    let places = places.map(|line| names.place(batch, header, line, name));
    let places: Vec<usize> = places.collect();
    let of_lines = places.iter().map(|place| names.get(*place));
    let widths = of_lines.clone().map(|name| name.chars().count());
    let width = widths.max().unwrap_or(0);
    for (line, name) in lines.iter().zip(of_lines) {
        posting(line, name, width, out);
    }
}

fn put(out: &mut String, texts: &[&str]) {
    out.extend(texts.iter().copied());
}

fn blanks(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// What a transaction says about itself, as tags.
fn about(item: &ExportEntry) -> Vec<(&'static str, Cow<'_, str>)> {
    let header = item.entry.header();
    let mut told = vec![
        ("document", Cow::Borrowed(item.document.as_str())),
        ("entity", Cow::Borrowed(header.entity.as_str())),
        ("rule", Cow::Borrowed(header.rule.rule.as_str())),
    ];
    if header.kind != EntryKind::Original {
        told.push(("kind", Cow::Borrowed(header.kind.name())));
    }
    if let Some(own) = header.event_on {
        told.push(("belongs-to", Cow::Owned(own.to_string())));
    }
    told.retain(|(_, text)| is_told(text));
    told
}

fn posting(line: &Line, name: &str, width: usize, out: &mut String) {
    let sign = match line.side {
        Side::Debit => "",
        Side::Credit => "-",
    };
    let amount = written::amount_of(line.amount);
    let currency = line.amount.currency().code();
    put(out, &["    ", name]);
    blanks(out, width.saturating_sub(name.chars().count()) + 2);
    let long = sign.len() + amount.len() + 1 + currency.len();
    blanks(out, AMOUNT.saturating_sub(long));
    put(out, &[sign, &amount, " ", currency]);
    if line.functional.currency() != line.amount.currency() {
        out.push_str(" @@ ");
        written::amount(out, line.functional);
        put(out, &[" ", line.functional.currency().code()]);
    }
    out.push('\n');
    for (name, text) in line.dimensions.iter().filter(|(_, text)| is_told(text)) {
        put(out, &["    ; ", &tag(name), ": ", &value(text), "\n"]);
    }
}

/// Whether there is anything to say.
fn is_told(text: &str) -> bool {
    text.contains(|sign: char| !sign.is_control() && !sign.is_whitespace())
}

/// A tag's value, in which no date hides.
fn value(text: &str) -> Cow<'_, str> {
    let text = replaced(replaced(fit(text, VALUE), '[', "("), ']', ")");
    if text.trim().len() == text.len() {
        return text;
    }
    Cow::Owned(text.trim().to_owned())
}

/// A dimension's name as a tag; those to which ledger gives a meaning are set apart.
fn tag(name: &str) -> Cow<'_, str> {
    let fits = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_');
    let name = if name.len() <= NAME && name.chars().all(fits) {
        Cow::Borrowed(name)
    } else {
        let signs = name.chars();
        let signs = signs.map(|sign| if fits(sign) { sign } else { '-' });
        Cow::Owned(signs.take(NAME).collect())
    };
    let is_theirs = |theirs: &&str| name.eq_ignore_ascii_case(theirs);
    if ["payee", "value", "uuid", ""].iter().any(is_theirs) {
        return Cow::Owned(format!("dimension-{name}"));
    }
    name
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
