//! DATEV: booking batches as `EXTF` files, header version 700, format version 13, for the tax adviser's import.
//!
//! Windows-1252 without a mark, `;`, CRLF after every line; a header of 31 fields, 125 column names, 125 fields a row;
//! texts in quotes, numbers bare with `,`. A file holds one client, one fiscal year and at most 99,999 rows, so a batch
//! that spans more leaves as a ZIP of such files.
//!
//! A row is a pair of accounts with one positive amount in euros. An entry with one line on a side becomes a row for
//! each line of the other side; an entry with several on both goes line by line against the `clearing` account, which
//! every entry leaves at nothing. A line in another currency gives that amount and its euros; where the fields cannot
//! hold the amount (three decimals, more than ten digits), the row is in euros and the amount stands beside it as a
//! receipt information. A line that is worth nothing in euros is no row: the format knows no zero.
//!
//! An account of the `automatic` list computes its own tax, and takes amounts for gross. Ours are net and the tax has
//! its own line, so such an account stands as the contra account with key 40, which switches its automatism off.
//!
//! Document field 1 has the reference, of its signs those that the field allows, and the receipt informations have
//! it whole, beside the document number; cost centres come from the dimensions that `cost_centers` names, and every
//! dimension stands in the additional informations, up to the twenty that a row has. Amounts above ten digits before
//! the decimal sign are refused. Not run against the live system.

use super::charset::Charset;
use super::company::{self, Part, bounded, in_currency, january, of_entity, unfit};
use super::limits::{Limits, Sides, Within};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, written};
use chrono::{Datelike, NaiveDate};
use ledger::{Line, Money, Side};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

/// This kind's registration.
pub const KIND: FileKind = FileKind::of::<Datev>("datev", "DATEV (EXTF booking batch)", EXAMPLE)
    .holding(Limits {
        sides: Sides::Pairs,
        within: Within::Year,
        ..Limits::NONE
    });

const EXAMPLE: &str = r#"# The adviser's number for themselves and for the client, by entity.
clients:
  de: { consultant: 29098, client: 55003, first_month: 1 }
# Through it go entries with several debits and several credits.
clearing: "1590"
# Numbers that are not the chart's codes.
accounts: { accounts-receivable: "1400", tax-payable: "1776", revenue-access: "8400" }
# Accounts that compute their own tax.
automatic: ["8300-8339", "8400-8449"]
account_digits: 4
chart: "03"
cost_centers: [product]
"#;

/// The most rows of a file.
const ROWS: usize = 99_999;

/// The most minor units of an amount field: ten digits and two decimals.
const LARGEST: i64 = 999_999_999_999;

/// The fields of a row.
const FIELDS: usize = 125;

const TEXTS: Charset = Charset::Windows1252;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whose books an entity's are.
    pub clients: BTreeMap<String, Client>,
    /// The account between several debits and several credits.
    #[serde(deserialize_with = "digits")]
    pub clearing: String,
    /// Account numbers by the account's name, where they are not the chart's codes.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
    /// Accounts that compute their own tax, `8400` or `8400-8449`.
    #[serde(default)]
    pub automatic: Vec<Accounts>,
    /// Digits of the general ledger's accounts, 4 to 8; personal accounts have one more.
    #[serde(default = "four", deserialize_with = "bounded::<_, 4, 8>")]
    pub account_digits: u32,
    /// The chart of accounts, `03` or `04`; empty for another.
    #[serde(default)]
    pub chart: String,
    /// The dimensions for cost centres 1 and 2.
    #[serde(default)]
    pub cost_centers: Vec<String>,
    /// Whether the rows are locked on import.
    #[serde(default)]
    pub locked: bool,
}

fn digits<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text);
    }
    let what = format!("`{text}` is no account number: those are digits");
    Err(serde::de::Error::custom(what))
}

const fn four() -> u32 {
    4
}

/// A client of a tax adviser.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The adviser's number.
    #[serde(deserialize_with = "bounded::<_, 1001, 9_999_999>")]
    pub consultant: u32,
    /// The client's number with that adviser.
    #[serde(deserialize_with = "bounded::<_, 1, 99_999>")]
    pub client: u32,
    /// The month with which the fiscal year begins.
    #[serde(default = "january", deserialize_with = "bounded::<_, 1, 12>")]
    pub first_month: u32,
}

/// One account, or those from one to another.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Accounts {
    first: u64,
    last: u64,
}

impl TryFrom<String> for Accounts {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!(
                "`{text}` is neither an account nor two with `-` between"
            )),
        }
    }
}

/// The format.
#[derive(Clone, Debug)]
pub struct Datev {
    config: Config,
}

impl FileFormat for Datev {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        company::name_of(batch, &self.parts(batch), file_name)
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let parts = self.parts(batch);
        company::plain_or_packed(&parts, out, file_name, |part, out| self.file(part, out))
    }
}

/// The import lists no file of another beginning.
fn file_name(part: &Part<'_>) -> String {
    format!("EXTF_{}.csv", part.name())
}

/// A row before it is written: an amount between two accounts.
#[derive(Clone, Copy)]
struct Pair<'e> {
    account: &'e str,
    contra: &'e str,
    side: Side,
    /// The line that the amount is of, and its place in the entry.
    line: &'e Line,
    place: usize,
    /// The line on the other side, where one line stands there.
    other: Option<&'e Line>,
}

impl Datev {
    fn parts<'b>(&self, batch: &'b ExportBatch) -> Vec<Part<'b>> {
        let first_month = |entity: &str| {
            let client = self.config.clients.get(entity);
            client.map_or(january(), |client| client.first_month)
        };
        company::parts(batch, first_month, ROWS)
    }

    fn file(&self, part: &Part<'_>, out: &mut dyn Write) -> Result<(), RenderError> {
        let client = of_entity(&self.config.clients, part.entity, "clients")?;
        let head = format!("{}\r\n{}\r\n", self.header(part, *client), names());
        out.write_all(&TEXTS.bytes(&head))
            .map_err(RenderError::write)?;
        let mut line = String::new();
        for item in part.entries() {
            let numbers = self.numbers(part.batch, item)?;
            for pair in self.pairs(item, &numbers) {
                if let Some(row) = self.row(item, pair)? {
                    line.clear();
                    row.put(&mut line);
                    out.write_all(&TEXTS.bytes(&line))
                        .map_err(RenderError::write)?;
                }
            }
        }
        Ok(())
    }

    /// The first line: whose file it is, and which days it covers.
    fn header(&self, part: &Part<'_>, client: Client) -> String {
        let config = &self.config;
        let day = |day: NaiveDate| day.format("%Y%m%d").to_string();
        let title = format!("{} {}", part.batch.target, part.batch.number);
        let title: String = TEXTS.fit(&title, 30);
        let allowed = |sign: char| sign.is_ascii_alphanumeric() || "_.-/ ".contains(sign);
        let title = title.replace(|sign: char| !allowed(sign), "-");
        let (from, to) = (day(part.days.0), day(part.days.1));
        [
            "\"EXTF\";700;21;\"Buchungsstapel\";13".to_owned(),
            part.batch.created_at.format("%Y%m%d%H%M%S%3f").to_string(),
            ";\"TO\";\"Tieout\";\"\"".to_owned(),
            format!("{};{}", client.consultant, client.client),
            format!("{};{};{from};{to}", day(part.year.0), config.account_digits),
            format!("\"{title}\";\"\";1;0;{}", u8::from(config.locked)),
            "\"EUR\";;\"\";;".to_owned(),
            quoted(&TEXTS.fit(&config.chart, 2)),
            ";;\"\";\"\"".to_owned(),
        ]
        .join(";")
    }

    /// The account number of each line.
    fn numbers<'e>(
        &'e self,
        batch: &'e ExportBatch,
        item: &'e ExportEntry,
    ) -> Result<Vec<&'e str>, RenderError> {
        let lines = item.entry.lines().iter().zip(1..);
        let numbers = lines.map(|(line, place)| {
            let called = batch.called(&line.account, item.entry.header().date);
            let number = company::number(&self.config.accounts, line, called)?;
            self.checked(item, place, number)
        });
        numbers.collect()
    }

    /// An account number: digits, as many as the ledger's accounts have or one more.
    fn checked<'e>(
        &self,
        item: &ExportEntry,
        place: usize,
        number: &'e str,
    ) -> Result<&'e str, RenderError> {
        let digits = usize::try_from(self.config.account_digits).unwrap_or(usize::MAX);
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && (1..=digits + 1).contains(&number.len()) {
            return Ok(number);
        }
        let what = format!("`{number}` is no account of {digits} digits, or one more");
        Err(unfit(item, place, what))
    }

    fn is_automatic(&self, number: &str) -> bool {
        let ranges = &self.config.automatic;
        let number: Option<u64> = number.parse().ok();
        number.is_some_and(|number| {
            let mut ranges = ranges.iter();
            ranges.any(|range| (range.first..=range.last).contains(&number))
        })
    }

    /// The pairs of an entry.
    fn pairs<'e>(&'e self, item: &'e ExportEntry, numbers: &[&'e str]) -> Vec<Pair<'e>> {
        let lines = item.entry.lines();
        let all = lines.iter().zip(numbers.iter().copied()).zip(1..);
        let of = |side| all.clone().filter(move |((line, _), _)| line.side == side);
        let debits = of(Side::Debit).count();
        let single = if debits == 1 {
            of(Side::Debit).next()
        } else {
            of(Side::Credit)
                .next()
                .filter(|_| debits + 1 == lines.len())
        };
        // Neither an account and itself nor two that compute their own tax can stand in one row.
        let single = single.filter(|((single, own), _)| {
            let mut others = of(single.side.opposite());
            let is_automatic = self.is_automatic(own);
            !others
                .any(|((_, number), _)| number == *own || is_automatic && self.is_automatic(number))
        });
        let Some(((single, own), _)) = single else {
            let through = all.map(|((line, number), place)| Pair {
                account: &self.config.clearing,
                contra: number,
                side: line.side.opposite(),
                line,
                place,
                other: None,
            });
            return through.collect();
        };
        let pairs = of(single.side.opposite()).map(|((line, number), place)| {
            // The key concerns the contra account.
            let (account, contra, side) = if self.is_automatic(own) {
                (number, own, line.side)
            } else {
                (own, number, single.side)
            };
            Pair {
                account,
                contra,
                side,
                line,
                place,
                other: Some(single),
            }
        });
        pairs.collect()
    }

    /// The row of a pair; none where it is worth nothing in euros.
    fn row(&self, item: &ExportEntry, pair: Pair<'_>) -> Result<Option<Row>, RenderError> {
        let Pair { line, place, .. } = pair;
        in_currency(item, place, line.functional.currency(), "EUR")?;
        if line.functional.amount() == 0 {
            return Ok(None);
        }
        let euros = amount(line.functional).ok_or_else(|| {
            unfit(
                item,
                place,
                "it has more than ten digits before the decimal sign",
            )
        })?;
        self.checked(item, place, pair.account)?;
        let header = item.entry.header();
        let mut row = Row::new();
        let mut aside = vec![("Beleg", Cow::Borrowed(item.document.as_str()))];
        aside.push(("Referenz", Cow::Borrowed(header.reference.as_str())));
        if line.amount.currency() == line.functional.currency() {
            row.set(1, euros);
        } else if let Some(foreign) = amount(line.amount) {
            row.set(1, foreign);
            row.set(3, line.amount.currency().code());
            row.set(5, euros);
            row.set(6, "EUR");
        } else {
            row.set(1, euros);
            aside.push(("Betrag", Cow::Owned(line.amount.to_string())));
        }
        row.set(2, if pair.side == Side::Debit { "S" } else { "H" });
        row.set(7, pair.account);
        row.set(8, pair.contra);
        if self.is_automatic(pair.contra) {
            row.set(9, "40");
        }
        let day = header.date;
        let mut of_year = String::with_capacity(4);
        written::padded(&mut of_year, day.day(), 2);
        written::padded(&mut of_year, day.month(), 2);
        row.set(10, of_year);
        row.set(11, document_field(&header.reference, &item.document));
        row.set(14, TEXTS.fit(&header.description, 60));
        row.informations(
            21,
            8,
            aside.iter().map(|(kind, text)| (*kind, text.as_ref())),
        );
        self.dimensions(&mut row, pair);
        row.set(114, u8::from(self.config.locked).to_string());
        Ok(Some(row))
    }

    /// Cost centres and dimensions: the line's own, then those of the line on the other side.
    fn dimensions(&self, row: &mut Row, pair: Pair<'_>) {
        let other = pair.other.into_iter();
        let all = other.chain([pair.line]).flat_map(|line| &line.dimensions);
        let all = all.map(|(name, value)| (name.as_str(), value.as_str()));
        let all: BTreeMap<&str, &str> = all.collect();
        for (position, name) in (37..=38).zip(&self.config.cost_centers) {
            let value = all.get(name.as_str()).copied().unwrap_or_default();
            let is_word = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | ' ');
            let value = TEXTS.text(value).replace(|sign: char| !is_word(sign), " ");
            row.set(position, TEXTS.fit(&value, 36));
        }
        row.informations(48, 20, all.into_iter());
    }
}

/// A row whose fields are named by their position, from 1.
struct Row(Vec<String>);

impl Row {
    fn new() -> Self {
        Self(vec![String::new(); FIELDS])
    }

    fn set(&mut self, position: usize, value: impl Into<String>) {
        let place = position.checked_sub(1);
        if let Some(field) = place.and_then(|place| self.0.get_mut(place)) {
            *field = value.into();
        }
    }

    /// Pairs of a kind and a text, from a position on, as many as there is room for; without a text there is no pair.
    fn informations<'e>(
        &mut self,
        from: usize,
        most: usize,
        all: impl Iterator<Item = (&'e str, &'e str)>,
    ) {
        let fitting = all.map(|(kind, text)| (TEXTS.fit(kind, 20), TEXTS.fit(text, 210)));
        let fitting = fitting.filter(|(_, text)| !text.is_empty());
        for (place, (kind, text)) in (0..most).zip(fitting) {
            self.set(from + 2 * place, kind);
            self.set(from + 2 * place + 1, text);
        }
    }

    fn put(&self, line: &mut String) {
        for (field, position) in self.0.iter().zip(1..) {
            if position > 1 {
                line.push(';');
            }
            if is_text(position) {
                quote(line, field);
            } else {
                line.push_str(field);
            }
        }
        line.push_str("\r\n");
    }
}

/// Whether a field is a text, which stands in quotes also where it is empty.
const fn is_text(position: usize) -> bool {
    matches!(
        position,
        2 | 3 | 6 | 9 | 11 | 12 | 14 | 16 | 20..=38 | 40 | 42 | 48..=87 | 91 | 95 | 96 | 98 | 102 | 103
            | 105 | 107 | 109 | 110 | 112 | 118 | 120 | 121 | 123
    )
}

fn quote(to: &mut String, text: &str) {
    to.push('"');
    if text.contains('"') {
        to.push_str(&text.replace('"', "\"\""));
    } else {
        to.push_str(text);
    }
    to.push('"');
}

fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    quote(&mut quoted, text);
    quoted
}

/// An amount with two decimals and `,`; none where the field cannot hold it.
fn amount(money: Money) -> Option<String> {
    let exponent = money.currency().exponent();
    let cents = money
        .amount()
        .checked_mul(10_i64.pow(2_u32.checked_sub(exponent)?))?;
    let fits = (1..=LARGEST).contains(&cents);
    fits.then(|| {
        let mut text = String::with_capacity(13);
        written::count(&mut text, cents / 100);
        text.push(',');
        written::padded(&mut text, cents % 100, 2);
        text
    })
}

/// The reference in the signs that document field 1 allows: what else stands in it becomes `-`, once for a run.
fn document_field(reference: &str, document: &str) -> String {
    let allowed = |sign: char| sign.is_ascii_alphanumeric() || "_$&%*+/-".contains(sign);
    let fit = |text: &str| {
        let text = TEXTS.text(text).into_owned();
        let words = text.split(|sign: char| !allowed(sign));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        TEXTS.fit(&words.join("-"), 36)
    };
    let fitting = fit(reference);
    if fitting.is_empty() {
        fit(document)
    } else {
        fitting
    }
}

/// The names of the columns.
fn names() -> String {
    let pair = |kind: &str, text: &str, most: usize| {
        let names = (1..=most).map(|number| format!("{kind} {number};{text} {number}"));
        names.collect::<Vec<String>>().join(";")
    };
    [
        Cow::Borrowed(FIRST_NAMES),
        Cow::Owned(pair("Beleginfo - Art", "Beleginfo - Inhalt", 8)),
        Cow::Borrowed(MIDDLE_NAMES),
        Cow::Owned(pair(
            "Zusatzinformation - Art",
            "Zusatzinformation- Inhalt",
            20,
        )),
        Cow::Borrowed(LAST_NAMES),
    ]
    .join(";")
}

/// Columns 1 to 20.
const FIRST_NAMES: &str = "\
Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Kurs;Basis-Umsatz;WKZ Basis-Umsatz;Konto;\
Gegenkonto (ohne BU-Schlüssel);BU-Schlüssel;Belegdatum;Belegfeld 1;Belegfeld 2;Skonto;Buchungstext;\
Postensperre;Diverse Adressnummer;Geschäftspartnerbank;Sachverhalt;Zinssperre;Beleglink";

/// Columns 37 to 47.
const MIDDLE_NAMES: &str = "\
KOST1 - Kostenstelle;KOST2 - Kostenstelle;Kost-Menge;EU-Land u. UStID (Bestimmung);\
EU-Steuersatz (Bestimmung);Abw. Versteuerungsart;Sachverhalt L+L;Funktionsergänzung L+L;\
BU 49 Hauptfunktionstyp;BU 49 Hauptfunktionsnummer;BU 49 Funktionsergänzung";

/// Columns 88 to 125.
const LAST_NAMES: &str = "\
Stück;Gewicht;Zahlweise;Forderungsart;Veranlagungsjahr;Zugeordnete Fälligkeit;Skontotyp;Auftragsnummer;\
Buchungstyp;USt-Schlüssel (Anzahlungen);EU-Land (Anzahlungen);Sachverhalt L+L (Anzahlungen);\
EU-Steuersatz (Anzahlungen);Erlöskonto (Anzahlungen);Herkunft-Kz;Buchungs GUID;KOST-Datum;\
SEPA-Mandatsreferenz;Skontosperre;Gesellschaftername;Beteiligtennummer;Identifikationsnummer;Zeichnernummer;\
Postensperre bis;Bezeichnung SoBil-Sachverhalt;Kennzeichen SoBil-Buchung;Festschreibung;Leistungsdatum;\
Datum Zuord. Steuerperiode;Fälligkeit;Generalumkehr (GU);Steuersatz;Land;Abrechnungsreferenz;BVV-Position;\
EU-Land u. UStID (Ursprung);EU-Steuersatz (Ursprung);Abw. Skontokonto";
