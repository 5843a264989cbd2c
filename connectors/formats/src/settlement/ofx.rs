//! Downloads of banks and card issuers in OFX: 1.x (SGML with unclosed values), 2.x (XML), and the
//! same as QFX and QBO, the downloads for programs of Intuit's.
//!
//! One statement per `STMTRS` (bank) or `CCSTMTRS` (card), however many lists it has, with none too;
//! its account is `BANKID/ACCTID`, or `ACCTID` where no bank is named. One line per `STMTTRN`.
//!
//! The sign stands in `TRNAMT`, as the account holder sees it, also for cards; `TRNTYPE` is only a
//! word, and where `DEBIT` comes with a plus or `CREDIT` with a minus, the statement says so as a
//! contradiction. A comma is a decimal sign, and there is none between thousands. Pending
//! transactions (`BANKTRANLISTP`, and `HOLD`) moved no money yet and are left out.
//!
//! A `FITID` is unique within an account in theory only: the identity of a line is its `FITID` with
//! the day and the amount, and what still is equal is counted (see `read::counted` for what is kept of
//! each). Without a `FITID` its texts stand in.
//!
//! Days are those that stand there, in the zone that the sender wrote. `LEDGERBAL` is the closing
//! balance; it is that of `DTASOF`, and a statement reaches no further than that day. OFX has no
//! opening balance, and none is made up: closing less lines would always close.
//!
//! Refused: an answer that is an error, a correction of a transaction that came before
//! (`CORRECTACTION`), an amount without a currency. Investment statements are not read.

use super::contradictions::Contradictions;
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::counted::{Repeats, numbered};
use crate::read::plain::joined;
use crate::read::sgml::{Event, Sgml, Shape};
use crate::read::{amounts, closed};
use chrono::NaiveDate;
use ledger::encode::Encoder;
use ledger::{
    Basis, Currency, Money, Movement, Origin, Place, Reference, ReferenceKind, SettlementLine,
    Statement,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind =
    SettlementKind::of::<Ofx>("ofx", "OFX, QFX and QBO bank and card downloads", EXAMPLE);

const EXAMPLE: &str = "\
# For accounts whose bank leaves `CURDEF` empty.
currency: EUR
# Where a bank gives a checking and a savings account one number, their types tell them apart.
account_with_type: false
";

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The currency of statements that name none.
    #[serde(default)]
    pub currency: Option<String>,
    /// Whether an account's type is part of its name.
    #[serde(default)]
    pub account_with_type: bool,
}

/// The format.
#[derive(Clone, Debug)]
pub struct Ofx {
    config: Config,
}

impl SettlementFormat for Ofx {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let head = head.trim_start().to_ascii_uppercase();
        head.starts_with("OFXHEADER")
            || head.starts_with("<OFX>")
            || (head.starts_with("<?") && (head.contains("<?OFX ") || head.contains("<OFX>")))
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut sgml = Sgml::new(input, SHAPE);
        let mut answer = Answer::new(&self.config);
        while let Some(event) = sgml.event()? {
            match event {
                Event::Open(name) => answer.open(&name, &sgml)?,
                Event::Value(name, text) => answer.value(&name, text, &sgml)?,
                Event::Close(name) => answer.close(&name, &sgml, out)?,
            }
        }
        if !answer.is_ofx {
            return Err(ParseError::new(1, "the file has no element `OFX`"));
        }
        if answer.count == 0 {
            let what = "the file holds no statement of a bank or a card (`STMTRS`, `CCSTMTRS`)";
            let more = match answer.message {
                _ if answer.invests => "; it holds investments, which are not read".to_owned(),
                Some(message) => format!("; its sender says `{message}`"),
                None => String::new(),
            };
            return Err(ParseError::new(0, format!("{what}{more}")));
        }
        Ok(())
    }
}

/// Elements that hold others, and matter here; whatever else holds some is walked through.
const SHAPE: Shape = Shape {
    holders: &[
        "OFX",
        "SIGNONMSGSRSV1",
        "SONRS",
        "STATUS",
        "BANKMSGSRSV1",
        "CREDITCARDMSGSRSV1",
        "STMTTRNRS",
        "CCSTMTTRNRS",
        "STMTRS",
        "CCSTMTRS",
        "BANKACCTFROM",
        "CCACCTFROM",
        "BANKACCTTO",
        "CCACCTTO",
        "BANKTRANLIST",
        "BANKTRANLISTP",
        "STMTTRN",
        "STMTTRNP",
        "PAYEE",
        "CURRENCY",
        "ORIGCURRENCY",
        "LEDGERBAL",
        "AVAILBAL",
        "BALLIST",
        "BAL",
        "INVSTMTMSGSRSV1",
        "INVSTMTRS",
    ],
    // Some issuers forget to close it.
    unclosed: &["BANKTRANLIST"],
};

/// What each `TRNTYPE` is. One that is not here is `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("FEE", Movement::Fee),
    ("SRVCHG", Movement::Fee),
    ("XFER", Movement::Transfer),
    ("PAYMENT", Movement::Transfer),
    ("REPEATPMT", Movement::Transfer),
    ("DIRECTDEP", Movement::Transfer),
    ("DIRECTDEBIT", Movement::Transfer),
];

/// A file while it comes in: an answer of the sender's server.
struct Answer<'c> {
    config: &'c Config,
    made_on: Option<NaiveDate>,
    /// The sender's own message, if it wrote one.
    message: Option<String>,
    is_ofx: bool,
    /// Whether there is a statement of investments.
    invests: bool,
    status: BTreeMap<String, String>,
    count: usize,
    current: Option<Draft>,
    /// The type of each account, and how often each statement came.
    types: BTreeMap<String, String>,
    identities: BTreeMap<String, u32>,
}

impl<'c> Answer<'c> {
    fn new(config: &'c Config) -> Self {
        Self {
            config,
            made_on: None,
            message: None,
            is_ofx: false,
            invests: false,
            status: BTreeMap::new(),
            count: 0,
            current: None,
            types: BTreeMap::new(),
            identities: BTreeMap::new(),
        }
    }

    fn open(&mut self, name: &str, sgml: &Sgml<'_>) -> Result<(), ParseError> {
        match (name, self.current.as_mut()) {
            ("STMTRS" | "CCSTMTRS", Some(_)) => {
                return Err(sgml.error("a statement inside a statement"));
            }
            ("STMTRS" | "CCSTMTRS", None) => self.current = Some(Draft::new(sgml.place().line)),
            ("STMTTRN", Some(draft)) => draft.transaction = Some(Transaction::at(sgml.place())),
            ("STATUS", _) => self.status.clear(),
            ("OFX", _) => self.is_ofx = true,
            ("INVSTMTRS", _) => self.invests = true,
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, name: &str, text: String, sgml: &Sgml<'_>) -> Result<(), ParseError> {
        let within = sgml.path().next_back().unwrap_or_default();
        match (within, name) {
            ("SONRS", "DTSERVER") => self.made_on = day(name, &text, sgml)?,
            ("STATUS", "CODE" | "SEVERITY" | "MESSAGE") => {
                self.status.insert(name.to_owned(), text);
            }
            _ => {
                if let Some(draft) = &mut self.current {
                    draft.value(within, name, text, sgml)?;
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, name: &str, sgml: &Sgml<'_>, out: &mut dyn Sink) -> Result<(), ParseError> {
        match name {
            "STATUS" => return self.accepted(sgml),
            "STMTTRN" => {
                let Some(draft) = &mut self.current else {
                    return Ok(());
                };
                if let Some(line) = draft.take(self.config, sgml)? {
                    out.line(self.count, line)?;
                }
            }
            "STMTRS" | "CCSTMTRS" => {
                let Some(draft) = self.current.take() else {
                    return Ok(());
                };
                let statement = self.statement(draft, sgml)?;
                out.statement(self.count, statement)?;
                self.count += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses an answer that is an error: a part of what was asked for is not there.
    fn accepted(&mut self, sgml: &Sgml<'_>) -> Result<(), ParseError> {
        let at = |name: &str| self.status.get(name).map_or("", String::as_str);
        let message = Some(at("MESSAGE")).filter(|message| !message.is_empty());
        let told = message.map_or(String::new(), |message| format!(" (`{message}`)"));
        let list = [("INFO", false), ("WARN", false), ("ERROR", true)];
        let erred = closed::one_of("SEVERITY", at("SEVERITY"), &list);
        if erred.map_err(|what| sgml.error(what))? {
            let what = format!(
                "the sender's answer is the error {}{told}; ask for the file again",
                at("CODE")
            );
            return Err(sgml.error(what));
        }
        self.message = message.map(str::to_owned).or(self.message.take());
        Ok(())
    }

    fn statement(&mut self, draft: Draft, sgml: &Sgml<'_>) -> Result<Statement, ParseError> {
        let currency = draft.currency(self.config, "", sgml)?;
        let account = self.account(&draft, sgml)?;
        let closing = match &draft.balance {
            Some((text, line)) => {
                let money = money(text, currency).map_err(|what| {
                    ParseError::new(*line, format!("`BALAMT` of `LEDGERBAL`: {what}"))
                })?;
                Some(money)
            }
            None => None,
        };
        let (from, to) = draft.days().ok_or_else(|| {
            let what = "the statement names no day (`DTSTART`, `DTEND`, `DTASOF`)";
            ParseError::new(draft.line, what)
        })?;
        let (first, last) = (draft.start.unwrap_or(from), draft.end.unwrap_or(to));
        let base = format!("{first}..{last}");
        let count = self
            .identities
            .entry(format!("{account} {currency} {base}"))
            .or_default();
        *count += 1;
        Ok(Statement {
            origin: Origin::Bank,
            account,
            identity: numbered(base, *count),
            currency,
            opening: None,
            closing,
            from,
            to,
            basis: Basis::Final,
            sequence: None,
            page: None,
            made_on: self.made_on,
            lines: Vec::new(),
            contradictions: draft.contradictions.into_list(),
        })
    }

    fn account(&mut self, draft: &Draft, sgml: &Sgml<'_>) -> Result<String, ParseError> {
        let at = |name: &str| draft.account.get(name).map_or("", String::as_str);
        if at("ACCTID").is_empty() {
            let what = "the statement names no account (`ACCTID`)";
            return Err(ParseError::new(draft.line, what));
        }
        let with_type = self.config.account_with_type;
        let own_type = if with_type { at("ACCTTYPE") } else { "" };
        let account = joined(&[at("BANKID"), at("ACCTID"), own_type], "/");
        let before = self
            .types
            .entry(account.clone())
            .or_insert_with(|| at("ACCTTYPE").to_owned());
        if before != at("ACCTTYPE") {
            let what = format!(
                "`{account}` is a {before} and a {} account; say `account_with_type: true`",
                at("ACCTTYPE")
            );
            return Err(sgml.error(what));
        }
        Ok(account)
    }
}

/// A statement while it comes in.
#[derive(Debug, Default)]
struct Draft {
    line: u64,
    currency: Option<Currency>,
    account: BTreeMap<String, String>,
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
    balance: Option<(String, u64)>,
    balance_on: Option<NaiveDate>,
    /// The days of the first and the last line.
    booked: Option<(NaiveDate, NaiveDate)>,
    repeats: Repeats,
    transaction: Option<Transaction>,
    contradictions: Contradictions,
}

impl Draft {
    fn new(line: u64) -> Self {
        Self {
            line,
            ..Self::default()
        }
    }

    fn value(
        &mut self,
        within: &str,
        name: &str,
        text: String,
        sgml: &Sgml<'_>,
    ) -> Result<(), ParseError> {
        match (within, name) {
            (_, "CURDEF") if !text.is_empty() => self.currency = Some(currency(&text, sgml)?),
            ("BANKACCTFROM" | "CCACCTFROM", "BANKID" | "ACCTID" | "ACCTTYPE") => {
                self.account.entry(name.to_owned()).or_insert(text);
            }
            ("BANKTRANLIST", "DTSTART") => {
                self.start = [self.start, day(name, &text, sgml)?]
                    .into_iter()
                    .flatten()
                    .min();
            }
            ("BANKTRANLIST", "DTEND") => self.end = self.end.max(day(name, &text, sgml)?),
            ("LEDGERBAL", "BALAMT") if !text.is_empty() => {
                self.balance = Some((text, sgml.place().line));
            }
            ("LEDGERBAL", "DTASOF") => self.balance_on = day(name, &text, sgml)?,
            _ => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.value(within, name, text);
                }
            }
        }
        Ok(())
    }

    /// The statement's currency, or what its first transaction says, or the options.
    fn currency(
        &self,
        config: &Config,
        own: &str,
        sgml: &Sgml<'_>,
    ) -> Result<Currency, ParseError> {
        match (self.currency, own, config.currency.as_deref()) {
            (Some(told), _, _) => Ok(told),
            (None, "", Some(configured)) => currency(configured, sgml),
            (None, "", None) => Err(ParseError::new(
                self.line,
                "the statement names no currency (`CURDEF`); say `currency` in the options",
            )),
            (None, own, _) => currency(own, sgml),
        }
    }

    /// The transaction that ends here as a line; none where no money moved.
    fn take(
        &mut self,
        config: &Config,
        sgml: &Sgml<'_>,
    ) -> Result<Option<SettlementLine>, ParseError> {
        let Some(mut transaction) = self.transaction.take() else {
            return Ok(None);
        };
        transaction.place.length = sgml.offset().saturating_sub(transaction.place.offset);
        let own = transaction.at_name("CURRENCY.CURSYM");
        let currency = self.currency(config, own, sgml)?;
        self.currency = Some(currency);
        let line = transaction.place.line;
        if !own.is_empty() && !own.eq_ignore_ascii_case(currency.code()) {
            self.contradictions.add(format!(
                "the transaction at line {line} is in {own}, the account in {currency}"
            ));
            return Ok(None);
        }
        let kind = transaction.at_name("TRNTYPE").to_ascii_uppercase();
        if kind == "HOLD" {
            return Ok(None);
        }
        let found = transaction.line(currency, &kind, &mut self.repeats)?;
        let amount = found.net.amount();
        if (kind == "DEBIT" && amount > 0) || (kind == "CREDIT" && amount < 0) {
            self.contradictions.add(format!(
                "the transaction at line {line} is a {kind} of {}",
                found.net
            ));
        }
        let (first, last) = self.booked.unwrap_or((found.booked_on, found.booked_on));
        self.booked = Some((first.min(found.booked_on), last.max(found.booked_on)));
        Ok(Some(found))
    }

    /// The first day, and the last that the statement surely knows: it ends where its list or its
    /// balance ends, whichever is earlier.
    fn days(&self) -> Option<(NaiveDate, NaiveDate)> {
        let reach = [self.end, self.balance_on].into_iter().flatten().min();
        let last = self.booked.map(|(_, last)| last);
        let to = reach.max(last).max(self.start)?;
        let first = self.booked.map(|(first, _)| first);
        let from = [self.start, first].into_iter().flatten().min();
        Some((from.unwrap_or(to), to))
    }
}

/// What a transaction says, and where that stands.
const FIELDS: &[(&str, &str, &str)] = &[
    ("STMTTRN", "TRNTYPE", "TRNTYPE"),
    ("STMTTRN", "DTPOSTED", "DTPOSTED"),
    ("STMTTRN", "DTAVAIL", "DTAVAIL"),
    // Not OFX's own, and met.
    ("STMTTRN", "VALUEDATE", "DTAVAIL"),
    ("STMTTRN", "TRNAMT", "TRNAMT"),
    ("STMTTRN", "FITID", "FITID"),
    ("STMTTRN", "CORRECTFITID", "CORRECTFITID"),
    ("STMTTRN", "CORRECTACTION", "CORRECTFITID"),
    ("STMTTRN", "CHECKNUM", "CHECKNUM"),
    ("STMTTRN", "REFNUM", "REFNUM"),
    ("STMTTRN", "NAME", "NAME"),
    ("PAYEE", "NAME", "NAME"),
    ("STMTTRN", "MEMO", "MEMO"),
    ("BANKACCTTO", "ACCTID", "ACCTTO"),
    ("CCACCTTO", "ACCTID", "ACCTTO"),
    ("CURRENCY", "CURSYM", "CURRENCY.CURSYM"),
    ("ORIGCURRENCY", "CURRATE", "ORIGCURRENCY.CURRATE"),
];

/// A transaction while it comes in.
#[derive(Debug, Default)]
struct Transaction {
    place: Place,
    fields: BTreeMap<&'static str, String>,
}

impl Transaction {
    fn at(place: Place) -> Self {
        Self {
            place,
            fields: BTreeMap::new(),
        }
    }

    fn value(&mut self, within: &str, name: &str, text: String) {
        let known = FIELDS
            .iter()
            .find(|(holder, own, _)| (*holder, *own) == (within, name));
        if let Some((_, _, field)) = known.filter(|_| !text.is_empty()) {
            self.fields.entry(field).or_insert(text);
        }
    }

    fn at_name(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn error(&self, what: impl std::fmt::Display) -> ParseError {
        ParseError::new(self.place.line, format!("a transaction: {what}"))
    }

    fn day(&self, name: &str) -> Result<Option<NaiveDate>, ParseError> {
        day_of(self.at_name(name)).map_err(|what| self.error(format!("`{name}`: {what}")))
    }

    fn line(
        &self,
        currency: Currency,
        kind: &str,
        repeats: &mut Repeats,
    ) -> Result<SettlementLine, ParseError> {
        if !self.at_name("CORRECTFITID").is_empty() {
            let what = "it corrects one that came before (`CORRECTFITID`), which is not taken: ask for a statement that holds what is right";
            return Err(self.error(what));
        }
        let amount = self.at_name("TRNAMT");
        if amount.is_empty() {
            return Err(self.error("`TRNAMT` is missing"));
        }
        let amount =
            money(amount, currency).map_err(|what| self.error(format!("`TRNAMT`: {what}")))?;
        let booked_on = self
            .day("DTPOSTED")?
            .ok_or_else(|| self.error("`DTPOSTED` is missing"))?;
        let identity = repeats.name(self.identity(amount, booked_on));
        let movement = movements::of(MOVEMENTS, kind);
        let word = match (kind, amount.amount() < 0) {
            ("", true) => "debit",
            ("", false) => "credit",
            (kind, _) => kind,
        };
        // Zeros stand where a transaction is no cheque.
        let cheque = self.at_name("CHECKNUM").trim_matches('0');
        let cheque = if cheque.is_empty() {
            ""
        } else {
            self.at_name("CHECKNUM")
        };
        let references = [self.at_name("REFNUM"), cheque]
            .into_iter()
            .filter_map(|text| Reference::of(ReferenceKind::Bank, text));
        let other = [self.at_name("NAME"), self.at_name("ACCTTO")];
        // Told for information only: nothing is computed with it.
        let rate = ledger::money::parse_decimal(self.at_name("ORIGCURRENCY.CURRATE")).ok();
        Ok(SettlementLine {
            references: references.collect(),
            rate,
            value_on: self.day("DTAVAIL")?,
            counterparty: joined(&other, " "),
            description: self.description(),
            ..SettlementLine::new(identity, self.place, (movement, word), amount, booked_on)
        })
    }

    fn identity(&self, amount: Money, booked_on: NaiveDate) -> String {
        let own = self.at_name("FITID");
        let base = if own.is_empty() {
            let mut encoder = Encoder::new("tieout.ofx-line.v1");
            for name in ["TRNTYPE", "NAME", "MEMO", "REFNUM", "CHECKNUM"] {
                encoder.text(self.at_name(name));
            }
            encoder.finish().short()
        } else {
            own.to_owned()
        };
        format!("{base}#{booked_on}#{}", amount.to_decimal())
    }

    /// Name and memo, of which one often repeats the other, cut at 32 characters.
    fn description(&self) -> String {
        let (name, memo) = (self.at_name("NAME"), self.at_name("MEMO"));
        if memo.starts_with(name) {
            return memo.to_owned();
        }
        if name.starts_with(memo) {
            return name.to_owned();
        }
        joined(&[name, memo], " ")
    }
}

fn currency(code: &str, sgml: &Sgml<'_>) -> Result<Currency, ParseError> {
    amounts::currency(code).map_err(|error| sgml.error(error.to_string()))
}

/// An amount with a point or a comma before its decimals.
fn money(text: &str, currency: Currency) -> Result<Money, String> {
    let (points, commas) = (text.matches('.').count(), text.matches(',').count());
    if commas > 1 || (commas == 1 && points > 0) {
        return Err(format!(
            "`{text}` has signs between thousands, which OFX does not know"
        ));
    }
    let decimals = text.split_once(',').map(|(_, decimals)| decimals.len());
    if decimals == Some(3) && currency.exponent() != 3 {
        return Err(format!(
            "`{text}`: whether the comma stands before decimals or thousands cannot be told"
        ));
    }
    Money::parse(&text.replace(',', "."), currency).map_err(|error| error.to_string())
}

fn day(name: &str, text: &str, sgml: &Sgml<'_>) -> Result<Option<NaiveDate>, ParseError> {
    day_of(text).map_err(|what| sgml.error(format!("`{name}`: {what}")))
}

/// The day with which a moment begins, `20260131120000.000[-5:EST]`; none where it is empty or zeros.
fn day_of(text: &str) -> Result<Option<NaiveDate>, String> {
    let digits = text.get(..8).unwrap_or(text);
    if text.is_empty() || digits == "00000000" {
        return Ok(None);
    }
    let all = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let day = NaiveDate::parse_from_str(digits, "%Y%m%d").ok();
    day.filter(|_| all)
        .map(Some)
        .ok_or_else(|| format!("`{text}` is no day; expected 20260131, with or without a time"))
}
