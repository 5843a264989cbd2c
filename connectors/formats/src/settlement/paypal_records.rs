//! The records that PayPal's settlement and transaction detail reports share.
//!
//! The first field says what a row is: RH report, FH file, SH section (an account and its days), CH the
//! names of the columns, SB a transaction, SF and SC the section's footers and its count of rows, RF and
//! RC the report's, FF the end of the file. Another one refuses the file, and so does a file that has a
//! head and no FF: it was cut. Fields stand between commas or tabs; columns are matched by name, blanks
//! within a name are one.
//!
//! Amounts are unsigned counts of the currency's smallest unit: `10000` is 100.00 USD and 10000 JPY. The
//! sign stands beside it: CR came in, DR went out, nothing else. A fee that is DR was taken. PayPal
//! counts no decimals in HUF and TWD elsewhere, which ISO 4217 has: nobody outside knows what it writes
//! here, so the option `decimals` must say it.
//!
//! A transaction id names one movement of a balance in its account; two rows of one id that follow each
//! other are counted (`.2`). The event code (T-code) is the line's kind; its first two digits suffice
//! for what moved, says PayPal, and a few codes are told apart here beyond that. An unknown one is
//! `Other`. Days are those of the completion, in the zone that is written beside them.

use super::contradictions::Contradictions;
use super::names::Names;
use super::{ParseError, Sink, movements};
use crate::read::counted::numbered;
use crate::read::plain::{shown, squeezed};
use crate::read::table::{Row, Table};
use crate::read::{amounts, closed};
use chrono::NaiveDate;
use ledger::{
    Basis, Currency, FeeKind, FeePart, Money, Movement, Origin, Page, Reference, ReferenceKind,
    SettlementLine, Statement,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::BufRead;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the account is called here.
    #[serde(default = "default_account")]
    pub account: String,
    /// Whether each PayPal account is an account of its own, `paypal:EZ782AXEUJUW8`. Without it a file
    /// with two of them is refused.
    #[serde(default)]
    pub by_account: bool,
    /// How many decimals the amounts of a currency have, where they are not those of ISO 4217.
    #[serde(default)]
    pub decimals: BTreeMap<String, u32>,
}

fn default_account() -> String {
    "paypal".to_owned()
}

/// Which of the reports it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// What moved a balance (STL).
    Settlement,
    /// Every transaction (TRR).
    Detail,
}

/// What the first field of a row may be.
const RECORDS: [&str; 10] = ["RH", "FH", "SH", "CH", "SB", "SF", "SC", "RF", "RC", "FF"];

/// The column that tells a transaction detail report from a settlement report.
const STATUS: &str = "Transactional Status";

/// The columns of signs.
const SIGN: &str = "Transaction Debit or Credit";
const FEE_SIGN: &str = "Fee Debit or Credit";

/// Currencies of which PayPal counts other units than ISO 4217.
const UNCERTAIN: [&str; 2] = ["HUF", "TWD"];

/// The most sections of a file.
const MAX_SECTIONS: usize = 10_000;

/// As many fields of a row are names of columns where a file is looked at.
const COLUMNS: usize = 200;

/// Which report a file is, by its beginning.
pub fn report(head: &str) -> Option<Report> {
    let delimiter = delimiter(head.as_bytes());
    let fields = |line: &str| -> Vec<String> {
        line.split(delimiter)
            .take(COLUMNS)
            .map(|field| squeezed(field.trim().trim_matches('"')))
            .collect()
    };
    let mut lines = head.lines().filter(|line| !line.trim().is_empty());
    let names = lines
        .by_ref()
        .map(fields)
        .take_while(|fields| {
            fields
                .first()
                .is_some_and(|id| RECORDS.contains(&id.as_str()))
        })
        .find(|fields| fields.first().is_some_and(|id| id == "CH"))?;
    let has = |name: &str| names.iter().any(|column| column == name);
    if !has("Transaction Event Code") || !has("Gross Transaction Amount") {
        return None;
    }
    Some(if has(STATUS) {
        Report::Detail
    } else {
        Report::Settlement
    })
}

/// What stands after the first field.
fn delimiter(beginning: &[u8]) -> char {
    let found = beginning.iter().find(|byte| b",\t\n\r".contains(byte));
    if found == Some(&b'\t') { '\t' } else { ',' }
}

/// Reads a report.
///
/// # Errors
/// [`ParseError`]: nothing of the file is taken.
pub fn read(
    config: &Config,
    report: Report,
    input: &mut dyn BufRead,
    out: &mut dyn Sink,
) -> Result<(), ParseError> {
    let delimiter = delimiter(input.fill_buf().map_err(ParseError::unread)?);
    let mut table = Table::unnamed(input, delimiter);
    let mut reading = Reading::new(config, report);
    let mut columns = None;
    while let Some(row) = table.next_row()? {
        match row.text(0) {
            "CH" => {
                table.name_columns();
                columns = Some(Columns::find(&table, report)?);
            }
            "SB" => {
                let columns = columns.as_ref().ok_or_else(|| {
                    let what = "a transaction (SB) before the names of its columns (CH)";
                    ParseError::new(row.place.line, what)
                })?;
                row.whole()?;
                reading.transaction(&row, columns, out)?;
            }
            "" if row.is_blank() => {}
            record => reading.record(record, &row)?,
        }
    }
    reading.close(out)
}

/// A file, half read.
struct Reading<'c> {
    config: &'c Config,
    report: Report,
    made_on: Option<NaiveDate>,
    /// Whose report it is, for rows of a section that began in another file.
    id: String,
    file: Option<u32>,
    has_head: bool,
    has_end: bool,
    is_last: bool,
    sections: Vec<Section>,
    groups: BTreeMap<(usize, Currency), Group>,
    footers: BTreeMap<Currency, Footer>,
    rows: u64,
    count: Option<u64>,
    before: (String, u32),
}

/// An account and its days.
#[derive(Default)]
struct Section {
    id: String,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    rows: u64,
    count: Option<u64>,
}

/// The transactions of a section in one currency, summed.
struct Group {
    number: usize,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    totals: Totals,
    footer: Option<Footer>,
}

/// Sums of minor units.
#[derive(Clone, Copy, Default)]
struct Totals {
    credits: i64,
    debits: i64,
    fee_credits: i64,
    fee_debits: i64,
}

impl Totals {
    fn plus(self, other: Self) -> Self {
        Self {
            credits: self.credits.saturating_add(other.credits),
            debits: self.debits.saturating_add(other.debits),
            fee_credits: self.fee_credits.saturating_add(other.fee_credits),
            fee_debits: self.fee_debits.saturating_add(other.fee_debits),
        }
    }

    fn of(line: &SettlementLine) -> Self {
        let (gross, fee) = (line.gross.amount(), line.fee.amount());
        Self {
            credits: gross.max(0),
            debits: (-gross).max(0),
            fee_credits: (-fee).max(0),
            fee_debits: fee.max(0),
        }
    }
}

/// The sums of all sections, each with the first of its currency.
struct Sums(BTreeMap<Currency, ((usize, Currency), Totals)>);

impl Sums {
    fn of(groups: &BTreeMap<(usize, Currency), Group>) -> Self {
        let mut sums = BTreeMap::new();
        for (key, group) in groups {
            let sum = sums.entry(key.1).or_insert((*key, Totals::default()));
            sum.1 = sum.1.plus(group.totals);
        }
        Self(sums)
    }
}

/// What a footer says of a currency, in minor units.
#[derive(Clone, Copy)]
struct Footer {
    line: u64,
    credits: i64,
    debits: i64,
    fees: [i64; 2],
    opening: Option<i64>,
    closing: Option<i64>,
}

impl<'c> Reading<'c> {
    fn new(config: &'c Config, report: Report) -> Self {
        Self {
            config,
            report,
            made_on: None,
            id: String::new(),
            file: None,
            has_head: false,
            has_end: false,
            is_last: false,
            sections: Vec::new(),
            groups: BTreeMap::new(),
            footers: BTreeMap::new(),
            rows: 0,
            count: None,
            before: (String::new(), 0),
        }
    }

    /// Takes a record that is neither columns nor a transaction.
    fn record(&mut self, record: &str, row: &Row<'_>) -> Result<(), ParseError> {
        match record {
            "RH" => {
                self.has_head = true;
                self.made_on = day(row, 1, "RH, day of the report")?;
                row.text(3).clone_into(&mut self.id);
            }
            "FH" => {
                self.has_head = true;
                let number = counted(row, "FH, number of the file")?;
                self.file = Some(u32::try_from(number).unwrap_or(u32::MAX));
            }
            "SH" => self.section(row)?,
            "SF" | "RF" => self.footer(record, row)?,
            "SC" => {
                let count = counted(row, "SC, count of rows")?;
                self.here().count = Some(count);
            }
            "RC" => {
                self.is_last = true;
                self.count = Some(counted(row, "RC, count of rows")?);
            }
            "FF" => self.has_end = true,
            _ => {
                let known = RECORDS.join(", ");
                let what = format!("`{}` is no record; one of {known} is wanted", shown(record));
                return Err(ParseError::new(row.place.line, what));
            }
        }
        Ok(())
    }

    /// The section that is open; a file that goes on where another ended has no head of it.
    fn here(&mut self) -> &mut Section {
        if self.sections.is_empty() {
            self.sections.push(Section {
                id: self.id.clone(),
                ..Section::default()
            });
        }
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }

    fn section(&mut self, row: &Row<'_>) -> Result<(), ParseError> {
        let id = row.text(3).to_owned();
        let other = self.sections.iter().find(|section| section.id != id);
        if let Some(other) = other.filter(|_| !self.config.by_account) {
            let what = format!(
                "a section of the PayPal account `{}` after one of `{}`; set `by_account: true`, so \
                 that each is an account of its own",
                shown(&id),
                shown(&other.id)
            );
            return Err(ParseError::new(row.place.line, what));
        }
        if self.sections.len() >= MAX_SECTIONS {
            let what = format!("more than {MAX_SECTIONS} sections (SH); ask for one report each");
            return Err(ParseError::new(row.place.line, what));
        }
        let (from, to) = (day(row, 1, "SH, first day")?, day(row, 2, "SH, last day")?);
        if let Some((from, to)) = from.zip(to).filter(|(from, to)| from > to) {
            let what = format!("a section (SH) that begins on {from} and ends on {to}");
            return Err(ParseError::new(row.place.line, what));
        }
        self.sections.push(Section {
            id,
            from,
            to,
            ..Section::default()
        });
        Ok(())
    }

    fn footer(&mut self, record: &str, row: &Row<'_>) -> Result<(), ParseError> {
        self.is_last |= record == "RF";
        if self.report == Report::Detail {
            return Ok(());
        }
        let refused = |what: &str| ParseError::new(row.place.line, format!("{record}: {what}"));
        let code = row.text(1).to_ascii_uppercase();
        let currency = Currency::from_code(&code).map_err(|error| refused(&error.to_string()))?;
        let amount = |at: usize| {
            let amount = self.amount(row.text(at), currency);
            amount.map_err(|what| refused(&what))
        };
        let balance = |at: usize| -> Result<Option<i64>, ParseError> {
            if row.text(at).is_empty() && row.text(at + 1).is_empty() {
                return Ok(None);
            }
            let is_credit = sign(row.place.line, record, row.text(at))?;
            let amount = amount(at + 1)?;
            Ok(Some(if is_credit { amount } else { -amount }))
        };
        let footer = Footer {
            line: row.place.line,
            credits: amount(2)?,
            debits: amount(3)?,
            fees: [amount(4)?, amount(5)?],
            opening: balance(6)?,
            closing: balance(8)?,
        };
        if record == "RF" {
            self.footers.insert(currency, footer);
        } else {
            self.here();
            let section = self.sections.len() - 1;
            self.group(section, currency).footer = Some(footer);
        }
        Ok(())
    }

    fn group(&mut self, section: usize, currency: Currency) -> &mut Group {
        let number = self.groups.len();
        self.groups
            .entry((section, currency))
            .or_insert_with(|| Group {
                number,
                from: None,
                to: None,
                totals: Totals::default(),
                footer: None,
            })
    }

    /// A count of smallest units; nothing is zero.
    fn amount(&self, text: &str, currency: Currency) -> Result<i64, String> {
        let code = currency.code();
        let decimals = match self.config.decimals.get(code) {
            Some(decimals) => *decimals,
            None if UNCERTAIN.contains(&code) => {
                return Err(format!(
                    "PayPal does not say how many decimals its amounts in {code} have; say it in the \
                     option `decimals`, as `decimals: {{{code}: 2}}`"
                ));
            }
            None => currency.exponent(),
        };
        if text.is_empty() {
            return Ok(0);
        }
        let count = text
            .bytes()
            .all(|sign| sign.is_ascii_digit())
            .then(|| text.parse::<i64>().ok())
            .flatten()
            .ok_or_else(|| {
                let text = shown(text);
                format!("`{text}` is no unsigned count of the smallest units of {code}")
            })?;
        let money = amounts::minor_of(count, decimals, currency);
        Ok(money.map_err(|error| error.to_string())?.amount())
    }

    fn transaction(
        &mut self,
        row: &Row<'_>,
        columns: &Columns,
        out: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        self.rows += 1;
        self.here().rows += 1;
        row.agree(&columns.twins)?;
        if !columns.moved(row)? {
            // Its day is covered, also where nothing else happened.
            if let Ok(currency) = row.currency(columns.currency) {
                self.group(self.sections.len() - 1, currency);
            }
            return Ok(());
        }
        let mut line = columns.line(row, |text, currency| self.amount(text, currency))?;
        if line.identity == self.before.0 {
            self.before.1 = self.before.1.saturating_add(1);
            line.identity = numbered(line.identity, self.before.1);
        } else {
            self.before = (line.identity.clone(), 1);
        }
        let section = self.sections.len() - 1;
        let group = self.group(section, line.net.currency());
        group.totals = group.totals.plus(Totals::of(&line));
        let day = line.booked_on;
        group.from = Some(group.from.map_or(day, |from| from.min(day)));
        group.to = Some(group.to.map_or(day, |to| to.max(day)));
        out.line(group.number, line)
    }

    fn close(mut self, out: &mut dyn Sink) -> Result<(), ParseError> {
        if self.has_head && !self.has_end {
            let what = "the file has a head (RH, FH) and ends without its footer (FF): it was cut; \
                        fetch it again";
            return Err(ParseError::new(0, what));
        }
        if self.sections.len() == 1 {
            // The report's footers are the section's then.
            for (currency, footer) in self.footers.clone() {
                self.group(0, currency).footer.get_or_insert(footer);
            }
        }
        let page = self.page();
        let report = Sums::of(&self.groups);
        for ((section, currency), group) in &self.groups {
            let mut statement = self.statement(*section, *currency, group)?;
            if page.is_none() {
                let key = (*section, *currency);
                statement.contradictions = self.contradictions(key, group, &report);
            }
            statement.page = page;
            if let (Some(page), Some(footer)) = (page, group.footer) {
                // The balances are those of all files of the report.
                let minor = |amount: i64| Money::minor(amount, *currency);
                let opening = footer.opening.filter(|_| page.number == 1);
                let closing = footer.closing.filter(|_| page.is_last);
                statement.opening = opening.map(minor);
                statement.closing = closing.map(minor);
            }
            out.statement(group.number, statement)?;
        }
        Ok(())
    }

    /// Which of several files of a report it is; none where it is the only one.
    fn page(&self) -> Option<Page> {
        let number = self.file?;
        let page = Page {
            number,
            is_last: self.is_last,
        };
        (number > 1 || !self.is_last).then_some(page)
    }

    fn contradictions(&self, key: (usize, Currency), group: &Group, report: &Sums) -> Vec<String> {
        let (section, currency) = key;
        let mut told = Contradictions::new();
        if let Some(footer) = &group.footer {
            footer.prove(&group.totals, currency, &mut told);
        }
        // The report's footer is told of once, and not where it stands for the section's.
        let of_report = report.0.get(&currency).filter(|(first, _)| *first == key);
        if let Some(((_, totals), footer)) = of_report.zip(self.footers.get(&currency))
            && group.footer.is_none_or(|own| own.line != footer.line)
        {
            footer.prove(totals, currency, &mut told);
        }
        let section = self.sections.get(section);
        let counts = section.map(|section| ("section (SC)", section.count, section.rows));
        for (of, count, rows) in counts
            .into_iter()
            .chain([("report (RC)", self.count, self.rows)])
        {
            if let Some(count) = count.filter(|count| *count != rows) {
                told.add(format!("the {of} counts {count} rows, there are {rows}"));
            }
        }
        told.into_list()
    }

    fn statement(
        &self,
        section: usize,
        currency: Currency,
        group: &Group,
    ) -> Result<Statement, ParseError> {
        let empty = Section::default();
        let section = self.sections.get(section).unwrap_or(&empty);
        let days = section.from.or(group.from).or(self.made_on);
        let from = days.ok_or_else(|| {
            let what = format!("nothing says of which day the statement in {currency} is");
            ParseError::new(0, what)
        })?;
        let to = section.to.or(group.to).unwrap_or(from);
        let from = from.min(to);
        let (report, basis) = match self.report {
            Report::Settlement => ("settlement", Basis::Final),
            Report::Detail => ("transactions", Basis::Notice),
        };
        let mut identity = vec![report.to_owned()];
        identity.extend((!section.id.is_empty()).then(|| section.id.clone()));
        identity.push(from.to_string());
        identity.extend((to != from).then(|| format!("to {to}")));
        let account = &self.config.account;
        let balance = |of: fn(&Footer) -> Option<i64>| {
            let amount = group.footer.as_ref().and_then(of);
            amount.map(|amount| Money::minor(amount, currency))
        };
        Ok(Statement {
            origin: Origin::Processor,
            account: match self.config.by_account {
                true if section.id.is_empty() => {
                    let what = "no section head (SH) says of which account the rows are";
                    return Err(ParseError::new(0, what));
                }
                true => format!("{account}:{}", section.id),
                false => account.clone(),
            },
            identity: identity.join(" "),
            currency,
            opening: balance(|footer| footer.opening),
            closing: balance(|footer| footer.closing),
            from,
            to,
            basis,
            sequence: None,
            page: None,
            made_on: self.made_on,
            lines: Vec::new(),
            contradictions: Vec::new(),
        })
    }
}

impl Footer {
    /// Tells what the rows say otherwise. Whichever of the fee totals is which.
    fn prove(&self, rows: &Totals, currency: Currency, told: &mut Contradictions) {
        let money = |amount: i64| Money::minor(amount, currency);
        let line = self.line;
        for (of, said, found) in [
            ("gross credits", self.credits, rows.credits),
            ("gross debits", self.debits, rows.debits),
        ] {
            if said != found {
                told.add(format!(
                    "the footer at line {line} says {of} of {}, the rows {}",
                    money(said),
                    money(found)
                ));
            }
        }
        let [one, other] = self.fees;
        let fees = [rows.fee_credits, rows.fee_debits];
        if fees != [one, other] && fees != [other, one] {
            told.add(format!(
                "the footer at line {line} says fees of {} and {}, the rows {} given back and {} taken",
                money(one),
                money(other),
                money(rows.fee_credits),
                money(rows.fee_debits)
            ));
        }
    }
}

/// Where the columns stand.
struct Columns {
    id: usize,
    invoice: Option<usize>,
    related: Option<usize>,
    related_kind: Option<usize>,
    code: usize,
    initiated: Option<usize>,
    completed: usize,
    sign: usize,
    gross: usize,
    currency: usize,
    fee_sign: usize,
    fee: usize,
    fee_currency: Option<usize>,
    status: Option<usize>,
    custom: Option<usize>,
    consumer: Option<usize>,
    tracking: Option<usize>,
    bank: Option<usize>,
    subject: Option<usize>,
    note: Option<usize>,
    twins: Vec<(usize, usize)>,
}

impl Columns {
    fn find(table: &Table<'_>, report: Report) -> Result<Self, ParseError> {
        let mut columns = Self {
            id: table.need(&["Transaction ID"])?,
            invoice: table.column(&["Invoice ID"]),
            related: table.column(&["PayPal Reference ID"]),
            related_kind: table.column(&["PayPal Reference ID Type"]),
            code: table.need(&["Transaction Event Code"])?,
            initiated: table.column(&["Transaction Initiation Date"]),
            completed: table.need(&["Transaction Completion Date"])?,
            sign: table.need(&[SIGN])?,
            gross: table.need(&["Gross Transaction Amount"])?,
            currency: table.need(&["Gross Transaction Currency"])?,
            fee_sign: table.need(&[FEE_SIGN])?,
            fee: table.need(&["Fee Amount"])?,
            fee_currency: table.column(&["Fee Currency"]),
            status: match report {
                Report::Settlement => None,
                Report::Detail => Some(table.need(&[STATUS])?),
            },
            custom: table.column(&["Custom Field"]),
            consumer: table.column(&["Consumer ID"]),
            tracking: table.column(&["Payment Tracking ID"]),
            bank: table.column(&["Bank Reference ID"]),
            subject: table.column(&["Transaction Subject"]),
            note: table.column(&["Transaction Note"]),
            twins: Vec::new(),
        };
        let mut read = vec![
            columns.id,
            columns.code,
            columns.completed,
            columns.sign,
            columns.gross,
            columns.currency,
            columns.fee_sign,
            columns.fee,
        ];
        read.extend(columns.fee_currency);
        read.extend(columns.status);
        columns.twins = table.twins(&read);
        Ok(columns)
    }

    /// Whether a row moved a balance: all do in a settlement report.
    fn moved(&self, row: &Row<'_>) -> Result<bool, ParseError> {
        let Some(status) = self.status else {
            return Ok(true);
        };
        let code = row.text(self.code);
        let is_shown = ["T13", "T98"].iter().any(|group| code.starts_with(group));
        let list = [("S", true), ("V", true), ("P", false), ("D", false)];
        let moved = closed::one_of_at(row.place.line, STATUS, row.text(status), &list)?;
        Ok(moved && !is_shown)
    }

    fn line(
        &self,
        row: &Row<'_>,
        amount: impl Fn(&str, Currency) -> Result<i64, String>,
    ) -> Result<SettlementLine, ParseError> {
        let id = row.need(self.id)?;
        let code = row.need(self.code)?;
        let currency = row.currency(self.currency)?;
        let amount = |at: usize| {
            let amount = amount(row.text(at), currency);
            amount.map_err(|what| row.error(at, &what))
        };
        row.need(self.gross)?;
        let is_credit = sign(row.place.line, SIGN, row.text(self.sign))?;
        let gross = amount(self.gross)?;
        let gross = if is_credit { gross } else { -gross };
        let fee = self.fee(row, currency, amount(self.fee)?)?;
        let movement = movement(code, is_credit);
        let completed = day(row, self.completed, "Transaction Completion Date")?;
        let initiated = match self.initiated {
            Some(at) => day(row, at, "Transaction Initiation Date")?,
            None => None,
        };
        let booked_on = completed
            .or(initiated)
            .ok_or_else(|| row.error(self.completed, "is empty"))?;
        let fee = Money::minor(fee, currency);
        let kind = FeeKind::Processor;
        let net = Money::minor(gross - fee.amount(), currency);
        let subject = row.optional(self.subject);
        let described = if subject.is_empty() {
            row.optional(self.note)
        } else {
            subject
        };
        Ok(SettlementLine {
            references: self.references(row, movement),
            payout: self.payout(row, movement).to_owned(),
            gross: Money::minor(gross, currency),
            fee,
            fees: Vec::from_iter((fee.amount() != 0).then_some(FeePart { kind, amount: fee })),
            counterparty: row.optional(self.consumer).to_owned(),
            description: described.to_owned(),
            ..SettlementLine::new(id.to_owned(), row.place, (movement, code), net, booked_on)
        })
    }

    /// What was taken is positive.
    fn fee(&self, row: &Row<'_>, currency: Currency, amount: i64) -> Result<i64, ParseError> {
        let is_credit = match row.text(self.fee_sign) {
            "" if amount == 0 => false,
            text => sign(row.place.line, FEE_SIGN, text)?,
        };
        if let Some(at) = self.fee_currency.filter(|_| amount != 0) {
            let own = row.currency(at)?;
            if own != currency {
                let what = format!("a fee in {own} on an amount in {currency} cannot be taken off");
                return Err(row.error(at, &what));
            }
        }
        Ok(if is_credit { -amount } else { amount })
    }

    /// A withdrawal is a payout of its own name; where it came back, of the withdrawal's.
    fn payout<'r>(&self, row: &Row<'r>, movement: Movement) -> &'r str {
        match movement {
            Movement::Payout => row.text(self.id),
            Movement::PayoutFailure if !row.optional(self.related).is_empty() => {
                row.optional(self.related)
            }
            Movement::PayoutFailure => row.text(self.id),
            _ => "",
        }
    }

    fn references(&self, row: &Row<'_>, movement: Movement) -> Vec<Reference> {
        let own = match movement {
            Movement::Refund => ReferenceKind::Refund,
            Movement::Dispute | Movement::DisputeReversal => ReferenceKind::Dispute,
            _ => ReferenceKind::Charge,
        };
        let of = match row.optional(self.related_kind) {
            "TXN" => ReferenceKind::Charge,
            "SUB" | "PAP" => ReferenceKind::Mandate,
            _ => ReferenceKind::Payment,
        };
        let own = (own, row.text(self.id));
        let of = (of, row.optional(self.related));
        // A payment is known by its own name; what follows one, by the payment's.
        let (first, second) = match (movement, of.0) {
            (Movement::Charge, _) => (own, of),
            (_, ReferenceKind::Charge) => (of, own),
            _ => (own, of),
        };
        let mut names = Names::default();
        for (kind, text) in [
            first,
            second,
            (ReferenceKind::Merchant, row.optional(self.invoice)),
            (ReferenceKind::Merchant, row.optional(self.custom)),
            (ReferenceKind::Payment, row.optional(self.tracking)),
            (ReferenceKind::Bank, row.optional(self.bank)),
        ] {
            names.add(kind, text);
        }
        names.into_list()
    }
}

/// Whether a sign is a credit.
fn sign(line: u64, name: &str, text: &str) -> Result<bool, ParseError> {
    closed::one_of_at(line, name, text, &[("CR", true), ("DR", false)])
}

/// The day with which a field begins, `2026/01/31`; none where the field is empty.
fn day(row: &Row<'_>, at: usize, name: &str) -> Result<Option<NaiveDate>, ParseError> {
    let text = row.text(at);
    if text.is_empty() {
        return Ok(None);
    }
    let day = text.get(..10).unwrap_or(text);
    let day = NaiveDate::parse_from_str(day, "%Y/%m/%d").map_err(|_error| {
        let what = format!("{name}: `{}` is no day; expected 2026/01/31", shown(text));
        ParseError::new(row.place.line, what)
    })?;
    Ok(Some(day))
}

fn counted(row: &Row<'_>, name: &str) -> Result<u64, ParseError> {
    let text = row.text(1);
    text.parse().map_err(|_error| {
        let what = format!("{name}: `{}` is no number", shown(text));
        ParseError::new(row.place.line, what)
    })
}

/// What codes are that are not what their group is: on a credit, and on a debit.
const CODES: &[(&str, Movement, Movement)] = &[
    ("T1101", Movement::PayoutFailure, Movement::PayoutFailure),
    ("T1102", Movement::Transfer, Movement::Transfer),
    ("T1104", Movement::Transfer, Movement::Transfer),
    ("T1105", Movement::Release, Movement::Reserve),
    ("T1106", Movement::DisputeReversal, Movement::Dispute),
    ("T1107", Movement::Refund, Movement::Refund),
    ("T1108", Movement::Fee, Movement::Fee),
    ("T1109", Movement::Fee, Movement::Fee),
    ("T1110", Movement::Release, Movement::Reserve),
    ("T1111", Movement::Release, Movement::Reserve),
    ("T1113", Movement::Refund, Movement::Refund),
    ("T1114", Movement::Transfer, Movement::Transfer),
    ("T1115", Movement::Transfer, Movement::Transfer),
    ("T1201", Movement::DisputeReversal, Movement::Dispute),
    ("T1202", Movement::DisputeReversal, Movement::Dispute),
    ("T1205", Movement::DisputeReversal, Movement::Dispute),
    ("T1207", Movement::DisputeReversal, Movement::Dispute),
    ("T1208", Movement::DisputeReversal, Movement::Dispute),
    ("T2109", Movement::Other, Movement::Other),
    ("T2110", Movement::Other, Movement::Other),
];

/// What the groups of codes are, on a credit and on a debit.
const GROUPS: &[(&str, Movement, Movement)] = &[
    // Money that the account sent to another one is no refund.
    ("T00", Movement::Charge, Movement::Transfer),
    ("T01", Movement::Fee, Movement::Fee),
    ("T02", Movement::Transfer, Movement::Transfer),
    ("T03", Movement::Transfer, Movement::Transfer),
    ("T04", Movement::PayoutFailure, Movement::Payout),
    ("T05", Movement::Transfer, Movement::Transfer),
    ("T06", Movement::Transfer, Movement::Transfer),
    ("T07", Movement::Transfer, Movement::Transfer),
    ("T10", Movement::Transfer, Movement::Transfer),
    ("T12", Movement::Adjustment, Movement::Adjustment),
    ("T15", Movement::Release, Movement::Reserve),
    ("T16", Movement::Transfer, Movement::Transfer),
    ("T17", Movement::Transfer, Movement::Transfer),
    ("T18", Movement::Transfer, Movement::Transfer),
    ("T19", Movement::Adjustment, Movement::Adjustment),
    ("T20", Movement::Transfer, Movement::Transfer),
    ("T21", Movement::Release, Movement::Reserve),
    ("T22", Movement::Transfer, Movement::Transfer),
];

fn movement(code: &str, is_credit: bool) -> Movement {
    let group = || movements::by_way(GROUPS, |group| code.starts_with(group), is_credit);
    movements::by_way(CODES, |known| known == code, is_credit)
        .or_else(group)
        .unwrap_or(Movement::Other)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;
    use crate::settlement::Collected;
    use serde_json::{Value, json};

    const CH: &str = "CH,Transaction ID,Transaction Event Code,Transaction Completion Date,\
        Transaction Debit or Credit,Gross Transaction Amount,Gross Transaction Currency,\
        Fee Debit or Credit,Fee Amount";

    fn statements(options: Value, text: &str) -> Vec<Statement> {
        let config: Config = serde_json::from_value(options).unwrap();
        let mut collected = Collected::default();
        read(
            &config,
            Report::Settlement,
            &mut text.as_bytes(),
            &mut collected,
        )
        .unwrap();
        collected.into_statements()
    }

    #[test]
    fn each_account_of_its_own_where_it_is_asked_for() {
        let days = "2026/02/10 00:00:00 -0800,2026/02/10 23:59:59 -0800";
        let text = format!(
            "SH,{days},ONE\n{CH}\nSB,1,T0006,2026/02/10,CR,100,USD,,\nSF,USD,100,0,0,0,CR,0,CR,100\n\
             SH,{days},TWO\n{CH}\nSB,2,T0006,2026/02/10,CR,200,USD,,\nSF,USD,200,0,0,0,CR,0,CR,200\n\
             RF,USD,300,0,0,7,CR,0,CR,300\n"
        );
        let found = statements(json!({ "by_account": true }), &text);
        let [one, two] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((one.account.as_str(), one.total()), ("paypal:ONE", 100));
        assert_eq!((two.account.as_str(), two.total()), ("paypal:TWO", 200));
        assert_eq!(two.verdict(), "closes");
        let wrong = "the footer at line 9 says fees of 0.00 USD and 0.07 USD, the rows 0.00 USD given \
                     back and 0.00 USD taken";
        assert_eq!(
            one.contradictions,
            [wrong],
            "the report's footer is of both"
        );
    }

    #[test]
    fn decimals_are_those_that_somebody_says() {
        let text = format!("{CH}\nSB,1,T0006,2026/02/10,CR,1200,HUF,DR,5\n");
        for (decimals, wanted) in [(0, "1195.00 HUF"), (2, "11.95 HUF")] {
            let found = statements(json!({ "decimals": { "HUF": decimals } }), &text);
            let net = found.first().and_then(|statement| statement.lines.first());
            assert_eq!(net.unwrap().net.to_string(), wanted);
        }
    }
}
