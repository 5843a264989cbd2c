//! Bank statements by BAI, version 2: the reports of American and Canadian banks.
//!
//! One statement per account record (`03`), of the day of its group (`02`), in the bank's own time;
//! one line per detail (`16`). A sign stands in a detail's type: 100 to 399 and 920 to 959 came, 400 to
//! 699 and 960 to 999 went, 890 to 899 is a text without money and left out; any other type is
//! refused. Opening is 010, closing 015, the ledger's own balances. Amounts are minor units of the
//! currency of the account, else of its group, else of the option `currency`, which is USD.
//!
//! Totals and counts of records prove that nothing is missing: `49` sums all amounts of its account,
//! `98` the accounts of its group, `99` the groups of the file, and 100 and 400 of an account its
//! details. What does not hold is a contradiction of the statement, for `98` and `99` of the last one
//! that they sum up. A total that is blank proves nothing; a trailer that is missing is told.
//!
//! The modifier of a group makes its statements interim (1, 3) or final (2, 4, none). A group that
//! takes another back (2) or only tests (4) is refused. A record ends with its line or with a stroke
//! and blanks before the next one; `88` goes on with the next field, or with the text where that has
//! begun, and so does a line that is no record. A text may hold strokes and commas.
//!
//! A line has no name of its own: it is called by the bank's reference and a hash of its day, amount,
//! type, references and text, and equal lines are counted (see `read::counted`). What statements say of
//! themselves is kept to the end of the file, whose totals may contradict the last of them.

use super::contradictions::Contradictions;
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::counted::{self, Counted};
use crate::read::lines::Lines;
use crate::read::plain::squeezed;
use crate::read::remittance::{party, reference};
use crate::read::{amounts, closed, swift};
use chrono::NaiveDate;
use ledger::{
    Basis, Currency, Money, Movement, Origin, Place, Reference, ReferenceKind, SettlementLine,
    Statement,
};
use serde::Deserialize;
use std::collections::VecDeque;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind =
    SettlementKind::of::<Bai2>("bai2", "BAI2 bank statement", "currency: USD\n");

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The currency of accounts for which the file names none.
    #[serde(default = "default_currency")]
    pub currency: String,
}

fn default_currency() -> String {
    "USD".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Bai2 {
    config: Config,
}

impl SettlementFormat for Bai2 {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let mut records = head
            .split(['\n', '\r', '/'])
            .map(str::trim)
            .filter(|record| !record.is_empty());
        let Some(first) = records.next().and_then(|first| first.strip_prefix("01,")) else {
            return false;
        };
        let day = first.split(',').nth(2).map(str::trim);
        day.and_then(swift::day).is_some() && records.any(|record| record.starts_with("02,"))
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut records = Records::new(input);
        let mut reading = Reading {
            currency: &self.config.currency,
            out,
            file: None,
            group: None,
            account: None,
            statements: Vec::new(),
            is_closed: false,
            records: 0,
            counted: Counted::default(),
        };
        while let Some(record) = records.next_record()? {
            reading.take(&record)?;
        }
        reading.close()
    }
}

/// A record with those that continue it.
#[derive(Debug)]
struct Record {
    place: Place,
    code: &'static str,
    /// What stands in it and in each `88`, without the stroke at the end.
    parts: Vec<String>,
    /// How many records these are.
    count: u64,
}

impl Record {
    fn error(&self, what: impl std::fmt::Display) -> ParseError {
        ParseError::new(self.place.line, format!("record {}: {what}", self.code))
    }

    fn fields(&self) -> Fields<'_> {
        Fields {
            parts: self.parts.iter().map(String::as_str).collect(),
            begun: false,
        }
    }
}

/// The records that there are.
const CODES: &[&str] = &["01", "02", "03", "16", "49", "88", "98", "99"];

/// The most bytes of a record with those that continue it.
const MAX_RECORD: usize = 100_000;

/// The records of a text.
struct Records<'i> {
    lines: Lines<'i>,
    record: Option<Record>,
    bytes: usize,
    ready: VecDeque<Record>,
}

impl<'i> Records<'i> {
    fn new(input: &'i mut dyn BufRead) -> Self {
        Self {
            lines: Lines::new(input),
            record: None,
            bytes: 0,
            ready: VecDeque::new(),
        }
    }

    fn next_record(&mut self) -> Result<Option<Record>, ParseError> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Ok(Some(record));
            }
            let Some((place, text)) = self.lines.next_line()? else {
                return Ok(self.record.take());
            };
            let text = text
                .trim_matches(|sign: char| sign.is_control() || sign == ' ')
                .to_owned();
            for piece in pieces(&text) {
                self.take(place, piece)?;
            }
        }
    }

    fn take(&mut self, place: Place, text: &str) -> Result<(), ParseError> {
        let text = text.trim();
        let code = code_of(text);
        let body = match code {
            Some(_) => text.get(3..).unwrap_or_default(),
            None => text,
        };
        let body = body.strip_suffix('/').unwrap_or(body).trim_end().to_owned();
        // With the break after it: records without any sign have a size too.
        self.bytes += body.len() + 1;
        let (Some(code), true) = (code, code != Some("88")) else {
            if text.is_empty() {
                return Ok(());
            }
            let Some(record) = self.record.as_mut() else {
                let what = "the file does not begin with a record 01";
                return Err(ParseError::new(place.line, what));
            };
            if self.bytes > MAX_RECORD {
                return Err(record.error(format!("it is longer than {MAX_RECORD} bytes")));
            }
            let end = place.offset + place.length;
            record.place.length = end.saturating_sub(record.place.offset);
            record.count += u64::from(code.is_some());
            record.parts.push(body);
            return Ok(());
        };
        self.bytes = body.len() + 1;
        self.ready.extend(self.record.take());
        self.record = Some(Record {
            place,
            code,
            parts: vec![body],
            count: 1,
        });
        Ok(())
    }
}

/// The record that a text begins. A bank has written a colon after `88`.
fn code_of(text: &str) -> Option<&'static str> {
    let code = CODES.iter().copied().find(|code| text.starts_with(code))?;
    let after = text.get(2..3)?;
    (after == "," || (code == "88" && after == ":")).then_some(code)
}

/// The records of a line: a stroke and blanks before another record end one.
fn pieces(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut begins = 0;
    for (at, _) in line.match_indices('/') {
        let rest = line.get(at + 1..).unwrap_or_default();
        let next = rest.trim_start();
        if next.len() < rest.len() && begins_record(next) {
            found.push(line.get(begins..=at).unwrap_or_default());
            begins = at + 1;
        }
    }
    found.push(line.get(begins..).unwrap_or_default());
    found
}

/// Whether what follows a stroke is a record and no text that begins like one.
fn begins_record(text: &str) -> bool {
    let Some(code) = code_of(text).filter(|_| !text.starts_with("88:")) else {
        return false;
    };
    let field = |number: usize| text.split(',').nth(number).unwrap_or_default().trim();
    match code {
        "16" => is_type(field(1)) && amount(field(2)).is_some(),
        "49" | "98" | "99" => amount(field(1)).is_some() && text.contains('/'),
        _ => true,
    }
}

/// Fields, one after the other: an `88` goes on with the next one.
struct Fields<'r> {
    parts: VecDeque<&'r str>,
    /// Whether a field of the first of the parts was taken.
    begun: bool,
}

impl<'r> Fields<'r> {
    fn next(&mut self) -> Option<&'r str> {
        let part = self.parts.pop_front()?;
        let (field, rest) = match part.split_once(',') {
            Some((field, rest)) => (field, Some(rest)),
            None => (part, None),
        };
        self.begun = rest.is_some();
        if let Some(rest) = rest {
            self.parts.push_front(rest);
        }
        Some(field.trim())
    }

    fn text(&mut self) -> &'r str {
        self.next().unwrap_or_default()
    }

    /// The next field where it is a type, and whether an `88` begins with it.
    fn peek_type(&self) -> Option<bool> {
        let field = self.parts.front()?.split(',').next()?.trim();
        is_type(field).then_some(!self.begun)
    }

    /// Passes the fields that belong to a type of funds; tells a day from which they are good.
    fn funds(&mut self, record: &Record) -> Result<Option<NaiveDate>, ParseError> {
        match self.text() {
            "" | "0" | "1" | "2" | "Z" => Ok(None),
            "V" => {
                let day = swift::day(self.text());
                self.next();
                Ok(day.map(|day| day.day))
            }
            "S" => {
                let _amounts = (self.next(), self.next(), self.next());
                Ok(None)
            }
            "D" => {
                let count: usize = self.text().parse().unwrap_or(0);
                let _days = (0..count.saturating_mul(2))
                    .map_while(|_| self.next())
                    .last();
                Ok(None)
            }
            other => Err(record.error(format!(
                "the type of funds is `{other}`; it is empty or one of 0, 1, 2, V, S, D, Z"
            ))),
        }
    }

    /// What is left: the text that a part goes on with, and the parts after it.
    fn rest(self) -> Vec<&'r str> {
        self.parts.into_iter().collect()
    }
}

/// A text while it is read.
struct Reading<'o> {
    currency: &'o str,
    out: &'o mut dyn Sink,
    file: Option<File>,
    group: Option<Group>,
    account: Option<Account>,
    /// Those that are read: what sums up all of them comes at the end.
    statements: Vec<(Statement, Contradictions)>,
    is_closed: bool,
    /// Records so far, with those that continue others.
    records: u64,
    counted: Counted,
}

/// What a group's modifier says of how final it is.
const MODIFIERS: &[(&str, Basis)] = &[
    ("", Basis::Final),
    ("1", Basis::Interim),
    ("2", Basis::Final),
    ("3", Basis::Interim),
    ("4", Basis::Final),
];

struct File {
    made_on: Option<NaiveDate>,
    name: String,
    total: i64,
    groups: u64,
}

struct Group {
    day: NaiveDate,
    currency: String,
    basis: Basis,
    total: i64,
    accounts: u64,
    /// Records of the file before it.
    before: u64,
}

struct Account {
    number: usize,
    name: String,
    currency: Currency,
    opening: Option<Money>,
    closing: Option<Money>,
    /// What the account tells of all its credits and debits.
    told: (Told, Told),
    found: (Sum, Sum),
    control: i64,
    before: u64,
}

#[derive(Clone, Copy, Default)]
struct Told {
    amount: Option<i64>,
    count: Option<u64>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    amount: i64,
    count: u64,
}

impl Reading<'_> {
    fn take(&mut self, record: &Record) -> Result<(), ParseError> {
        if self.file.is_none() && record.code != "01" {
            return Err(record.error("the file does not begin with a record 01"));
        }
        if self.is_closed && record.code != "01" {
            return Err(record.error("it stands after the record 99 that ends its file"));
        }
        let before = self.records;
        self.records += record.count;
        match record.code {
            "01" => self.begin_file(record),
            "02" => self.begin_group(record, before),
            "03" => self.begin_account(record, before),
            "16" => self.detail(record),
            "49" => self.end_account(Some(record)),
            "98" => self.end_group(Some(record)),
            _ => self.end_file(record),
        }
    }

    fn begin_file(&mut self, record: &Record) -> Result<(), ParseError> {
        if self.file.is_some() && !self.is_closed {
            self.end_group(None)?;
            self.contradict("the file has no record 99; it may be cut off".to_owned());
        }
        let mut fields = record.fields();
        let (sender, _receiver) = (fields.text(), fields.text());
        let (day, _time, id) = (fields.text(), fields.text(), fields.text());
        let version = (fields.text(), fields.text(), fields.text()).2;
        if !["", "2"].contains(&version) {
            let what = format!("the version is `{version}`; BAI version 2 is wanted");
            return Err(record.error(what));
        }
        self.is_closed = false;
        self.counted.restart();
        self.records = record.count;
        self.file = Some(File {
            made_on: swift::day(day).map(|day| day.day),
            name: format!("{sender} {day} {id}"),
            total: 0,
            groups: 0,
        });
        Ok(())
    }

    fn begin_group(&mut self, record: &Record, before: u64) -> Result<(), ParseError> {
        self.end_group(None)?;
        let mut fields = record.fields();
        let (_receiver, _originator) = (fields.text(), fields.text());
        let is_correction = match fields.text() {
            "1" => false,
            "3" => true,
            status => {
                let what = format!(
                    "its status is `{status}`; 1 (update) and 3 (correction) are read, a deletion (2) or a test (4) is not"
                );
                return Err(record.error(what));
            }
        };
        let told = fields.text();
        let day = swift::day(told).filter(|day| !day.is_odd);
        let day = day.ok_or_else(|| record.error(format!("`{told}` is no day (YYMMDD)")))?;
        let (_time, currency, modifier) = (fields.text(), fields.text(), fields.text());
        let basis = closed::one_of("modifier", modifier, MODIFIERS);
        let basis = basis.map_err(|what| record.error(what))?;
        if is_correction || basis == Basis::Interim {
            // It may repeat what was told before.
            self.counted.restart();
        }
        if let Some(file) = self.file.as_mut() {
            file.groups += 1;
        }
        self.group = Some(Group {
            day: day.day,
            currency: currency.to_owned(),
            basis,
            total: 0,
            accounts: 0,
            before,
        });
        Ok(())
    }

    fn begin_account(&mut self, record: &Record, before: u64) -> Result<(), ParseError> {
        self.end_account(None)?;
        let Some(group) = self.group.as_mut() else {
            return Err(record.error("it stands in no group (02)"));
        };
        group.accounts += 1;
        let mut fields = record.fields();
        let account = fields.text();
        if account.is_empty() {
            return Err(record.error("it names no account"));
        }
        let codes = [fields.text(), group.currency.as_str(), self.currency];
        let code = codes.into_iter().find(|code| !code.is_empty());
        let code = code.unwrap_or_default();
        let currency = Currency::from_code(code).map_err(|error| record.error(error))?;
        let mut found = Account {
            number: self.statements.len(),
            name: account.to_owned(),
            currency,
            opening: None,
            closing: None,
            told: (Told::default(), Told::default()),
            found: (Sum::default(), Sum::default()),
            control: 0,
            before,
        };
        found.summaries(record, fields)?;
        self.counted.begin(account, found.opening, Some(group.day));
        self.account = Some(found);
        Ok(())
    }

    fn detail(&mut self, record: &Record) -> Result<(), ParseError> {
        let (Some(group), Some(account)) = (self.group.as_ref(), self.account.as_mut()) else {
            return Err(record.error("it stands in no account (03)"));
        };
        let found = Detail::read(record, account.currency)?;
        account.control = account.control.saturating_add(found.told);
        let Some(went) = found.went else {
            return Ok(());
        };
        let sum = if went {
            &mut account.found.1
        } else {
            &mut account.found.0
        };
        sum.amount = sum.amount.saturating_add(found.told);
        sum.count += 1;
        let line = found.line(record.place, group.day, &mut self.counted);
        self.out.line(account.number, line)
    }

    fn end_account(&mut self, trailer: Option<&Record>) -> Result<(), ParseError> {
        let (Some(account), Some(group)) = (self.account.take(), self.group.as_mut()) else {
            return match trailer {
                Some(record) => Err(record.error("it stands in no account (03)")),
                None => Ok(()),
            };
        };
        let mut contradictions = account.contradictions();
        let mut total = account.control;
        match trailer {
            Some(record) => {
                let mut fields = record.fields();
                let told = number(record, fields.text())?;
                compare(&mut contradictions, "49: the total", told, account.control);
                total = told.unwrap_or(total);
                let count = count(record, fields.text())?;
                let found = self.records - account.before;
                compare(
                    &mut contradictions,
                    "49: the number of records",
                    count,
                    found,
                );
            }
            None => contradictions.add("the account has no record 49".to_owned()),
        }
        self.counted.end(account.closing);
        group.total = group.total.saturating_add(total);
        let file = self.file.as_ref();
        let name = file.map_or("", |file| file.name.as_str());
        let statement = Statement {
            origin: Origin::Bank,
            identity: format!("{name}/{}", account.number + 1),
            account: account.name,
            currency: account.currency,
            opening: account.opening,
            closing: account.closing,
            from: group.day,
            to: group.day,
            basis: group.basis,
            sequence: None,
            page: None,
            made_on: file.and_then(|file| file.made_on),
            lines: Vec::new(),
            contradictions: Vec::new(),
        };
        self.statements.push((statement, contradictions));
        Ok(())
    }

    fn end_group(&mut self, trailer: Option<&Record>) -> Result<(), ParseError> {
        self.end_account(None)?;
        let (Some(group), Some(file)) = (self.group.take(), self.file.as_mut()) else {
            return match trailer {
                Some(record) => Err(record.error("it stands in no group (02)")),
                None => Ok(()),
            };
        };
        let mut contradictions = Contradictions::new();
        let mut total = group.total;
        match trailer {
            Some(record) => {
                let mut fields = record.fields();
                let told = number(record, fields.text())?;
                compare(&mut contradictions, "98: the total", told, group.total);
                total = told.unwrap_or(total);
                let accounts = count(record, fields.text())?;
                compare(
                    &mut contradictions,
                    "98: the number of accounts",
                    accounts,
                    group.accounts,
                );
                let records = count(record, fields.text())?;
                let found = self.records - group.before;
                compare(
                    &mut contradictions,
                    "98: the number of records",
                    records,
                    found,
                );
            }
            None => contradictions.add("the group has no record 98".to_owned()),
        }
        file.total = file.total.saturating_add(total);
        contradictions
            .into_list()
            .into_iter()
            .for_each(|told| self.contradict(told));
        Ok(())
    }

    fn end_file(&mut self, record: &Record) -> Result<(), ParseError> {
        self.end_group(None)?;
        let Some(file) = self.file.as_ref() else {
            return Err(record.error("it stands in no file (01)"));
        };
        self.is_closed = true;
        let mut contradictions = Contradictions::new();
        let mut fields = record.fields();
        let told = number(record, fields.text())?;
        compare(&mut contradictions, "99: the total", told, file.total);
        let groups = count(record, fields.text())?;
        compare(
            &mut contradictions,
            "99: the number of groups",
            groups,
            file.groups,
        );
        let records = count(record, fields.text())?;
        compare(
            &mut contradictions,
            "99: the number of records",
            records,
            self.records,
        );
        contradictions
            .into_list()
            .into_iter()
            .for_each(|told| self.contradict(told));
        Ok(())
    }

    fn contradict(&mut self, told: String) {
        if let Some((_, last)) = self.statements.last_mut() {
            last.add(told);
        }
    }

    fn close(mut self) -> Result<(), ParseError> {
        self.end_group(None)?;
        if self.file.is_some() && !self.is_closed {
            self.contradict("the file has no record 99; it may be cut off".to_owned());
        }
        for (number, (statement, told)) in self.statements.into_iter().enumerate() {
            let contradictions = told.into_list();
            self.out.statement(
                number,
                Statement {
                    contradictions,
                    ..statement
                },
            )?;
        }
        Ok(())
    }
}

impl Account {
    /// The balances and totals of an account: a type, an amount, a count and a type of funds each.
    fn summaries(&mut self, record: &Record, mut fields: Fields<'_>) -> Result<(), ParseError> {
        while let Some(code) = fields.next() {
            if !code.is_empty() && !is_type(code) {
                return Err(record.error(format!("`{code}` is no type, which has three digits")));
            }
            let told = number(record, fields.text())?;
            self.control = self.control.saturating_add(told.unwrap_or(0));
            let amount = told
                .map(|told| money(record, told, self.currency))
                .transpose()?;
            // A bank leaves the count and the funds out at the end of a record.
            let items = match fields.peek_type() {
                Some(true) => None,
                _ => count(record, fields.text())?,
            };
            if fields.peek_type().is_none() {
                fields.funds(record)?;
            }
            let told = Told {
                amount: told,
                count: items,
            };
            match code {
                "010" => self.opening = amount,
                "015" => self.closing = amount,
                "100" => self.told.0 = told,
                "400" => self.told.1 = told,
                _ => {}
            }
        }
        Ok(())
    }

    /// What the account's own totals say against its details, where it has any.
    fn contradictions(&self) -> Contradictions {
        let mut found = Contradictions::new();
        if self.found.0.count + self.found.1.count == 0 {
            return found;
        }
        for (told, sum, amounts, counts) in [
            (
                self.told.0,
                self.found.0,
                "100: the sum of credits",
                "100: the number of credits",
            ),
            (
                self.told.1,
                self.found.1,
                "400: the sum of debits",
                "400: the number of debits",
            ),
        ] {
            compare(&mut found, amounts, told.amount, sum.amount);
            compare(&mut found, counts, told.count, sum.count);
        }
        found
    }
}

/// A movement.
struct Detail {
    code: String,
    /// The amount in minor units as it is written.
    told: i64,
    money: Money,
    /// Whether money went; none where none has moved.
    went: Option<bool>,
    value_on: Option<NaiveDate>,
    references: Vec<Reference>,
    parts: Vec<String>,
}

/// What each range of types means: whether money went, or nothing where a type tells no money.
const RANGES: &[(u16, u16, Option<bool>)] = &[
    (100, 399, Some(false)),
    (400, 699, Some(true)),
    (890, 899, None),
    (920, 959, Some(false)),
    (960, 999, Some(true)),
];

impl Detail {
    fn read(record: &Record, currency: Currency) -> Result<Self, ParseError> {
        let mut fields = record.fields();
        let code = fields.text();
        let range = RANGES.iter().find(|(first, last, _)| {
            let number = code.parse().ok().filter(|_| is_type(code));
            number.is_some_and(|number: u16| (*first..=*last).contains(&number))
        });
        let (_, _, went) = range.ok_or_else(|| {
            let ranges: Vec<String> = RANGES
                .iter()
                .map(|(first, last, _)| format!("{first} to {last}"))
                .collect();
            let ranges = ranges.join(", ");
            record.error(format!(
                "its type is `{code}`; a detail's is one of {ranges}"
            ))
        })?;
        let told = number(record, fields.text())?;
        let told = match (told, went) {
            (Some(told), _) if told < 0 => {
                return Err(
                    record.error(format!("its amount is {told}; its sign stands in its type"))
                );
            }
            (Some(told), _) => told,
            (None, None) => 0,
            (None, Some(_)) => return Err(record.error("it has no amount")),
        };
        let signed = if *went == Some(true) { -told } else { told };
        let value_on = fields.funds(record)?;
        let (bank, customer) = (fields.text(), fields.text());
        let customer = reference(ReferenceKind::Merchant, customer);
        let bank = reference(ReferenceKind::Bank, bank);
        Ok(Self {
            code: code.to_owned(),
            told,
            money: money(record, signed, currency)?,
            went: *went,
            value_on,
            references: customer.into_iter().chain(bank).collect(),
            parts: fields.rest().into_iter().map(squeezed).collect(),
        })
    }

    fn line(self, place: Place, day: NaiveDate, counted: &mut Counted) -> SettlementLine {
        let description = squeezed(&self.parts.join(" "));
        let said = format!("{} {description}", self.code);
        let base = counted::base(self.money, day, &self.references, &said);
        let identity = counted.name(base, day);
        let labelled = |label: &str| {
            let mut found = self
                .parts
                .iter()
                .filter_map(|part| part.strip_prefix(label));
            found
                .find_map(|text| text.strip_prefix(':'))
                .unwrap_or_default()
                .trim()
        };
        let ends = if self.went == Some(true) {
            [labelled("CRNM"), labelled("CACT")]
        } else {
            [labelled("DBNM"), labelled("DACT")]
        };
        let [name, account] = ends;
        let counterparty = party(name, account);
        let end_to_end = reference(ReferenceKind::EndToEnd, labelled("EREF"));
        let references = end_to_end
            .into_iter()
            .chain(self.references.iter().cloned())
            .collect();
        let movement = movements::of(MOVEMENTS, &self.code);
        SettlementLine {
            references,
            counterparty,
            description,
            value_on: self.value_on,
            ..SettlementLine::new(identity, place, (movement, &self.code), self.money, day)
        }
    }
}

/// What each type is. One that is not here is `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("115", Movement::Charge),
    ("142", Movement::Transfer),
    ("165", Movement::Transfer),
    ("169", Movement::Transfer),
    ("175", Movement::Transfer),
    ("191", Movement::Transfer),
    ("195", Movement::Transfer),
    ("201", Movement::Transfer),
    ("206", Movement::Transfer),
    ("208", Movement::Transfer),
    ("252", Movement::Adjustment),
    ("255", Movement::Transfer),
    ("257", Movement::Transfer),
    ("275", Movement::Transfer),
    ("301", Movement::Transfer),
    ("451", Movement::Transfer),
    ("455", Movement::Transfer),
    ("469", Movement::Transfer),
    ("475", Movement::Transfer),
    ("491", Movement::Transfer),
    ("495", Movement::Transfer),
    ("501", Movement::Transfer),
    ("506", Movement::Transfer),
    ("508", Movement::Transfer),
    ("552", Movement::Adjustment),
    ("555", Movement::Dispute),
    ("557", Movement::Dispute),
    ("575", Movement::Transfer),
    ("631", Movement::Adjustment),
    ("661", Movement::Fee),
    ("698", Movement::Fee),
];

fn is_type(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|sign| sign.is_ascii_digit())
}

/// Digits with or without a sign before them.
fn amount(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|sign| sign.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// An amount in minor units; none where it is blank.
fn number(record: &Record, text: &str) -> Result<Option<i64>, ParseError> {
    if text.is_empty() {
        return Ok(None);
    }
    let what = || format!("`{text}` is no amount, which is minor units without a point");
    amount(text).map(Some).ok_or_else(|| record.error(what()))
}

fn count(record: &Record, text: &str) -> Result<Option<u64>, ParseError> {
    if text.is_empty() {
        return Ok(None);
    }
    let found = text.parse().map(Some);
    found.map_err(|_bad| record.error(format!("`{text}` is no count")))
}

fn money(record: &Record, minor: i64, currency: Currency) -> Result<Money, ParseError> {
    amounts::minor(minor, currency).map_err(|error| record.error(error))
}

fn compare<T: PartialEq + std::fmt::Display>(
    contradictions: &mut Contradictions,
    what: &str,
    told: Option<T>,
    found: T,
) {
    if let Some(told) = told.filter(|told| *told != found) {
        contradictions.add(format!("{what} is told as {told} and comes to {found}"));
    }
}
