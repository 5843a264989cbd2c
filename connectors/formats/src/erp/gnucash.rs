//! A GnuCash book: XML, version 2, not compressed.
//!
//! Each batch is a book of its own, with the accounts that it uses under `Type`, entity, account; the codes
//! are the chart's. GnuCash keeps an account in one currency: an account in the functional currency of the
//! entry keeps its name, in another one it gets the currency's code behind it (`accounts-receivable JPY`).
//! The currency of a transaction is the functional one: a split has its value in that and its quantity in
//! the account's, both as fractions of integers, debits positive. The number of a transaction is the
//! reference; document, rule and kind stand in its notes, the dimensions of a line in the split's memo. A
//! transaction is entered when the batch was made. The same account and the same document have the same
//! GUID in every batch.
//!
//! UTF-8, LF. What breaks a line or is a control character becomes a space, what XML cannot hold U+FFFD, and
//! `:`, which parts the names of accounts, `-` in theirs.

use super::declared::{Declared, declared, kind};
use super::limits::{Limits, Sides};
use super::{
    Called, ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, is_plain, one_line,
    written,
};
use ledger::hash::hex;
use ledger::{AccountType, Currency, EntryKind, Hash, Line, Money};
use quick_xml::escape::escape;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<GnuCash>("gnucash", "GnuCash book", "{}").holding(Limits {
        sides: Sides::Signed,
        ..Limits::NONE
    });

/// What the elements of a book are named after; the reader looks at the prefixes.
const SPACES: [&str; 9] = [
    "gnc", "act", "book", "cd", "cmdty", "slot", "split", "trn", "ts",
];

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct GnuCash;

impl FileFormat for GnuCash {
    type Config = Config;

    fn new(_config: Config) -> Self {
        Self
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("gnucash")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let accounts = declared(batch, |account| path(account).join(":"))?;
        let mut out = BufWriter::with_capacity(64 << 10, out);
        book(batch, accounts, &mut out).map_err(RenderError::write)
    }
}

fn book(
    batch: &ExportBatch,
    accounts: BTreeMap<String, Declared<'_>>,
    out: &mut impl Write,
) -> io::Result<()> {
    let nodes: BTreeMap<Vec<String>, Node<'_>> = accounts.into_values().flat_map(nodes).collect();
    let lines = batch.entries.iter().flat_map(|item| item.entry.lines());
    let all = lines.flat_map(|line| [line.amount.currency(), line.functional.currency()]);
    // Collected, all of them would be held before they are sorted.
    let mut currencies = BTreeSet::new();
    currencies.extend(all);
    writeln!(out, "<?xml version=\"1.0\" encoding=\"utf-8\" ?>")?;
    write!(out, "<gnc-v2")?;
    for space in SPACES {
        write!(
            out,
            "\n  xmlns:{space}=\"http://www.gnucash.org/XML/{space}\""
        )?;
    }
    writeln!(
        out,
        ">\n<gnc:count-data cd:type=\"book\">1</gnc:count-data>"
    )?;
    writeln!(out, "<gnc:book version=\"2.0.0\">")?;
    let id = guid(&["book", &batch.id]);
    writeln!(out, "<book:id type=\"guid\">{id}</book:id>")?;
    for (what, count) in [
        ("commodity", currencies.len()),
        ("account", nodes.len() + 1),
        ("transaction", batch.entries.len()),
    ] {
        writeln!(
            out,
            "<gnc:count-data cd:type=\"{what}\">{count}</gnc:count-data>"
        )?;
    }
    for currency in currencies {
        commodity(currency, out)?;
    }
    root(out)?;
    for (path, node) in &nodes {
        account(path, node, out)?;
    }
    let mut known = Known {
        entered: batch
            .created_at
            .format("%Y-%m-%d %H:%M:%S +0000")
            .to_string(),
        accounts: BTreeMap::new(),
    };
    for item in &batch.entries {
        transaction(batch, item, &mut known, out)?;
    }
    writeln!(out, "</gnc:book>\n</gnc-v2>")?;
    out.flush()
}

/// An account of the tree: one that holds splits, or one above such.
struct Node<'b> {
    kind: AccountType,
    currency: Currency,
    /// Of one that holds splits.
    leaf: Option<Declared<'b>>,
}

/// An account and those above it. They are in its currency; nothing is posted to them.
fn nodes(account: Declared<'_>) -> [(Vec<String>, Node<'_>); 3] {
    let [kind_name, entity, own] = path(account);
    let node = |currency, leaf| Node {
        kind: kind(account.called),
        currency,
        leaf,
    };
    let functional = account.line.functional.currency();
    [
        (vec![kind_name.clone()], node(functional, None)),
        (
            vec![kind_name.clone(), entity.clone()],
            node(functional, None),
        ),
        (
            vec![kind_name, entity, own],
            node(account.line.amount.currency(), Some(account)),
        ),
    ]
}

/// Where an account stands in the tree.
fn path(account: Declared<'_>) -> [String; 3] {
    let kind = match kind(account.called) {
        AccountType::Asset => "Assets",
        AccountType::Liability => "Liabilities",
        AccountType::Equity => "Equity",
        AccountType::Revenue => "Income",
        AccountType::Expense => "Expenses",
    };
    let part = |text: &str| one_line(text).replace(':', "-");
    let (amount, functional) = (account.line.amount, account.line.functional);
    let mut own = part(account.called.account);
    if amount.currency() != functional.currency() {
        own = format!("{own} {}", amount.currency());
    }
    [kind.to_owned(), part(account.entity), own]
}

fn commodity(currency: Currency, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<gnc:commodity version=\"2.0.0\">")?;
    writeln!(out, "  <cmdty:space>CURRENCY</cmdty:space>")?;
    writeln!(out, "  <cmdty:id>{currency}</cmdty:id>")?;
    writeln!(out, "</gnc:commodity>")
}

/// A reference to a currency, as the element `name`.
fn currency_of(name: &str, currency: Currency, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "  <{name}>")?;
    writeln!(out, "    <cmdty:space>CURRENCY</cmdty:space>")?;
    writeln!(out, "    <cmdty:id>{currency}</cmdty:id>")?;
    writeln!(out, "  </{name}>")
}

fn root(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<gnc:account version=\"2.0.0\">")?;
    writeln!(out, "  <act:name>Root Account</act:name>")?;
    writeln!(
        out,
        "  <act:id type=\"guid\">{}</act:id>",
        guid(&["account"])
    )?;
    writeln!(out, "  <act:type>ROOT</act:type>\n</gnc:account>")
}

fn account(path: &[String], node: &Node<'_>, out: &mut impl Write) -> io::Result<()> {
    let (name, above) = path.split_last().map_or(("", path), |(name, above)| {
        let name: &str = name;
        (name, above)
    });
    let kind = match node.kind {
        AccountType::Asset => "ASSET",
        AccountType::Liability => "LIABILITY",
        AccountType::Equity => "EQUITY",
        AccountType::Revenue => "INCOME",
        AccountType::Expense => "EXPENSE",
    };
    writeln!(out, "<gnc:account version=\"2.0.0\">")?;
    writeln!(out, "  <act:name>{}</act:name>", xml(name))?;
    writeln!(
        out,
        "  <act:id type=\"guid\">{}</act:id>",
        account_guid(path)
    )?;
    writeln!(out, "  <act:type>{kind}</act:type>")?;
    currency_of("act:commodity", node.currency, out)?;
    let units = units(node.currency);
    writeln!(out, "  <act:commodity-scu>{units}</act:commodity-scu>")?;
    match node.leaf.map(|leaf| leaf.called.code) {
        Some(Some(code)) => writeln!(out, "  <act:code>{}</act:code>", xml(code))?,
        Some(None) => {}
        None => {
            writeln!(out, "  <act:slots>")?;
            slot("placeholder", "string", "true", out)?;
            writeln!(out, "  </act:slots>")?;
        }
    }
    let above = account_guid(above);
    writeln!(out, "  <act:parent type=\"guid\">{above}</act:parent>")?;
    writeln!(out, "</gnc:account>")
}

/// What transactions share.
struct Known<'b> {
    /// When they are entered.
    entered: String,
    /// The GUIDs of accounts by what their paths are made of.
    accounts: BTreeMap<(&'b str, Called<'b>, [Currency; 2]), String>,
}

impl<'b> Known<'b> {
    fn account(&mut self, account: Declared<'b>) -> &str {
        let (amount, functional) = (account.line.amount, account.line.functional);
        let currencies = [amount.currency(), functional.currency()];
        let key = (account.entity, account.called, currencies);
        let guid = self.accounts.entry(key);
        guid.or_insert_with(|| account_guid(&path(account)))
    }
}

fn transaction<'b>(
    batch: &'b ExportBatch,
    item: &'b ExportEntry,
    known: &mut Known<'b>,
    out: &mut impl Write,
) -> io::Result<()> {
    let header = item.entry.header();
    let document = [
        batch.target.as_str(),
        header.entity.as_str(),
        &item.document,
    ];
    let [target, entity, number] = document;
    writeln!(out, "<gnc:transaction version=\"2.0.0\">")?;
    let id = guid(&["transaction", target, entity, number]);
    writeln!(out, "  <trn:id type=\"guid\">{id}</trn:id>")?;
    if let Some(line) = item.entry.lines().first() {
        currency_of("trn:currency", line.functional.currency(), out)?;
    }
    writeln!(out, "  <trn:num>{}</trn:num>", xml(&header.reference))?;
    // The time of day at which GnuCash itself keeps days: one day wherever the book is opened.
    let day = written::day_of(header.date, "-");
    let posted = format!("{day} 10:59:00 +0000");
    for (name, time) in [("date-posted", &posted), ("date-entered", &known.entered)] {
        writeln!(
            out,
            "  <trn:{name}>\n    <ts:date>{time}</ts:date>\n  </trn:{name}>"
        )?;
    }
    let description = xml(&header.description);
    writeln!(out, "  <trn:description>{description}</trn:description>")?;
    writeln!(out, "  <trn:slots>")?;
    slot("date-posted", "gdate", &day, out)?;
    slot("notes", "string", &notes(item), out)?;
    writeln!(out, "  </trn:slots>\n  <trn:splits>")?;
    for (line, line_no) in item.entry.lines().iter().zip(1..) {
        let line_no: usize = line_no;
        let called = batch.called(&line.account, header.date);
        let account = known.account(Declared {
            entity,
            called,
            line,
        });
        let id = guid(&["split", target, entity, number, &line_no.to_string()]);
        split(line, &id, account, out)?;
    }
    writeln!(out, "  </trn:splits>\n</gnc:transaction>")
}

fn notes(item: &ExportEntry) -> String {
    let header = item.entry.header();
    let mut text = format!("document {}, rule {}", item.document, header.rule.rule);
    if header.kind != EntryKind::Original {
        text.push_str(&format!(", kind {}", header.kind.name()));
    }
    if let Some(own) = header.event_on {
        text.push_str(&format!(", belongs to {own}"));
    }
    text
}

fn split(line: &Line, id: &str, account: &str, out: &mut impl Write) -> io::Result<()> {
    let memo = line.dimensions.iter();
    let memo: Vec<String> = memo
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    writeln!(out, "    <trn:split>")?;
    writeln!(out, "      <split:id type=\"guid\">{id}</split:id>")?;
    if !memo.is_empty() {
        let memo = memo.join("; ");
        writeln!(out, "      <split:memo>{}</split:memo>", xml(&memo))?;
    }
    writeln!(
        out,
        "      <split:reconciled-state>n</split:reconciled-state>"
    )?;
    for (name, money) in [("value", line.functional), ("quantity", line.amount)] {
        let amount = fraction(line, money);
        writeln!(out, "      <split:{name}>{amount}</split:{name}>")?;
    }
    writeln!(
        out,
        "      <split:account type=\"guid\">{account}</split:account>"
    )?;
    writeln!(out, "    </trn:split>")
}

fn slot(key: &str, kind: &str, value: &str, out: &mut impl Write) -> io::Result<()> {
    let value = match kind {
        "gdate" => Cow::Owned(format!("<gdate>{value}</gdate>")),
        _ => xml(value),
    };
    writeln!(out, "    <slot>")?;
    writeln!(out, "      <slot:key>{key}</slot:key>")?;
    writeln!(
        out,
        "      <slot:value type=\"{kind}\">{value}</slot:value>"
    )?;
    writeln!(out, "    </slot>")
}

/// Minor units over their number in a major one: `-11900/100`.
fn fraction(line: &Line, money: Money) -> String {
    let signed = line.side.signed(money.amount());
    format!("{signed}/{}", units(money.currency()))
}

/// How many minor units are a major one.
fn units(currency: Currency) -> u64 {
    10_u64.saturating_pow(currency.exponent())
}

fn account_guid(path: &[String]) -> String {
    let parts = path.iter().map(String::as_str);
    let parts: Vec<&str> = std::iter::once("account").chain(parts).collect();
    guid(&parts)
}

/// 128 bits of the hash over parts, each behind its length, so that no two things share them.
fn guid(parts: &[&str]) -> String {
    let mut text = String::with_capacity(80);
    for part in parts {
        written::count(&mut text, part.len());
        text.push(':');
        text.push_str(part);
    }
    let hash = Hash::of(text.as_bytes());
    hex(hash.as_bytes().get(..16).unwrap_or_default())
}

/// A text as XML on one line.
fn xml(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return escape(text);
    }
    let text = one_line(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    Cow::Owned(escape(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_such_that_xml_holds_them() {
        for (text, shown) in [
            (
                "a & b <c> \"d\" 'e'",
                "a &amp; b &lt;c&gt; &quot;d&quot; &apos;e&apos;",
            ),
            ("a\r\nb\u{7}\u{2028}c", "a  b  c"),
            ("\u{ffff}😀]]>", "\u{fffd}😀]]&gt;"),
        ] {
            assert_eq!(xml(text), shown);
        }
    }

    #[test]
    fn the_same_thing_has_the_same_guid_and_no_other_one() {
        let first = guid(&["transaction", "books", "eu", "eu-2026-000017"]);
        assert_eq!(first.len(), 32);
        assert!(first.chars().all(|sign| sign.is_ascii_hexdigit()));
        assert_eq!(
            first,
            guid(&["transaction", "books", "eu", "eu-2026-000017"])
        );
        assert_ne!(
            first,
            guid(&["transaction", "books", "us", "eu-2026-000017"])
        );
        assert_ne!(guid(&["account", "a"]), guid(&["account"]));
    }
}
