//! Bank statements by ISO 20022, camt.053, versions .02 to .08.
//!
//! One statement per `Stmt`; one line per booked `Ntry`, signed by `CdtDbtInd` (a reversal already
//! shows the movement and is not flipped again). Pending and informational entries are left out.
//! Opening is OPBD (or PRCD), closing CLBD; opening + lines = closing is checked. The document type
//! declaration is refused and depth is bounded, so that no entity can be expanded and no nesting
//! can exhaust the stack.

use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use crate::read::what;
use crate::read::xml::{self, Element, MAX_DEPTH, Walk};
use chrono::NaiveDate;
use ledger::encode::Encoder;
use ledger::{
    Basis, Currency, Money, Movement, Origin, Place, Reference, ReferenceKind, SettlementLine,
    Statement,
};
use quick_xml::events::Event;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind =
    SettlementKind::of::<Camt053>("camt053", "ISO 20022 bank statement, camt.053 (XML)", "{}");

/// No options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Camt053;

impl SettlementFormat for Camt053 {
    type Config = Config;

    const VERSION: i64 = 3;

    fn new(_config: Config) -> Self {
        Self
    }

    fn recognises(head: &str) -> bool {
        head.contains("camt.053.001.")
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        // A whole document in memory: a statement's entries need its balances, which may follow them.
        let mut text = String::new();
        input
            .read_to_string(&mut text)
            .map_err(ParseError::unread)?;
        let mut walk = Walk::new(text.as_bytes());
        let mut statements = Vec::new();
        let mut depth = 0usize;
        let mut current: Option<Draft> = None;
        loop {
            match walk.event()? {
                Event::Eof => break,
                Event::Start(start) => {
                    let name = xml::local(&start);
                    if let Some(draft) = current.as_mut() {
                        let line = walk.line();
                        let element = walk.element(&start, 0)?;
                        draft.take(&name, element, line)?;
                        continue;
                    }
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(walk.error("the elements are nested too deeply"));
                    }
                    if name == "Stmt" {
                        current = Some(Draft::default());
                    }
                }
                Event::End(_) => {
                    depth = depth.saturating_sub(1);
                    if let Some(draft) = current.take() {
                        statements.push(draft.close(walk.line())?);
                    }
                }
                _ => {}
            }
        }
        if statements.is_empty() {
            let what = what::describe(text.as_bytes());
            let what = format!("the document holds no statement (`Stmt`); it is {what}");
            return Err(ParseError::new(0, what));
        }
        for (number, mut statement) in statements.into_iter().enumerate() {
            for line in std::mem::take(&mut statement.lines) {
                out.line(number, line)?;
            }
            out.statement(number, statement)?;
        }
        Ok(())
    }
}

/// A statement while its parts come in.
#[derive(Debug, Default)]
struct Draft {
    identity: String,
    account: String,
    currency: Option<String>,
    balances: Vec<Balance>,
    period: (Option<NaiveDate>, Option<NaiveDate>),
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Balance {
    code: String,
    amount: String,
    currency: String,
    negative: bool,
    on: Option<NaiveDate>,
    line: u64,
}

#[derive(Debug)]
struct Entry {
    element: Element,
    line: u64,
}

impl Draft {
    fn take(&mut self, name: &str, element: Element, line: u64) -> Result<(), ParseError> {
        match name {
            "Id" => element.text.trim().clone_into(&mut self.identity),
            "Acct" => {
                let id = element
                    .text_at(&["Id", "IBAN"])
                    .or_else(|| element.text_at(&["Id", "Othr", "Id"]));
                let id = id.or_else(|| element.text_at(&["Id", "PrtryAcct", "Id"]));
                id.unwrap_or("unnamed").clone_into(&mut self.account);
                self.currency = element.text_at(&["Ccy"]).map(str::to_owned);
            }
            "FrToDt" => {
                self.period = (
                    element.text_at(&["FrDtTm"]).and_then(day_of),
                    element.text_at(&["ToDtTm"]).and_then(day_of),
                );
            }
            "Bal" => self.balances.push(balance(&element, line)?),
            "Ntry" => self.entries.push(Entry { element, line }),
            _ => {}
        }
        Ok(())
    }

    fn close(self, end: u64) -> Result<Statement, ParseError> {
        let code = self
            .currency
            .clone()
            .or_else(|| {
                self.balance(&["OPBD", "CLBD", "PRCD"])
                    .map(|b| b.currency.clone())
            })
            .or_else(|| self.entries.first()?.element.child("Amt")?.currency.clone())
            .ok_or_else(|| ParseError::new(end, "the statement names no currency"))?;
        let currency =
            Currency::from_code(&code).map_err(|error| ParseError::money(end, "Ccy", &error))?;
        let mut contradictions = Vec::new();
        let opening = self.money(&["OPBD", "PRCD"], currency, &mut contradictions)?;
        let closing = self.money(&["CLBD"], currency, &mut contradictions)?;
        let mut lines = Vec::new();
        let mut repeats = BTreeMap::<String, u32>::new();
        for (index, entry) in self.entries.iter().enumerate() {
            let position = i64::try_from(index + 1).unwrap_or(0);
            match entry.line(currency, position, &mut repeats)? {
                Found::Line(line) => lines.push(*line),
                Found::NotBooked => {}
                Found::OtherCurrency(other) => contradictions.push(format!(
                    "entry {position} is in {other}, the account in {currency}"
                )),
            }
        }
        let (from, to) = self.days(&lines, end)?;
        Ok(Statement {
            origin: Origin::Bank,
            account: self.account,
            identity: self.identity,
            currency,
            opening,
            closing,
            from,
            to,
            basis: Basis::Final,
            sequence: None,
            page: None,
            made_on: None,
            lines,
            contradictions,
        })
    }

    fn balance(&self, codes: &[&str]) -> Option<&Balance> {
        codes
            .iter()
            .find_map(|code| self.balances.iter().find(|balance| balance.code == *code))
    }

    fn money(
        &self,
        codes: &[&str],
        currency: Currency,
        contradictions: &mut Vec<String>,
    ) -> Result<Option<Money>, ParseError> {
        let Some(balance) = self.balance(codes) else {
            return Ok(None);
        };
        if balance.currency != currency.code() {
            contradictions.push(format!(
                "the balance {} is in {}, the account in {currency}",
                balance.code, balance.currency
            ));
            return Ok(None);
        }
        signed(&balance.amount, currency, balance.negative, balance.line).map(Some)
    }

    fn days(
        &self,
        lines: &[SettlementLine],
        end: u64,
    ) -> Result<(NaiveDate, NaiveDate), ParseError> {
        let first = lines.iter().map(|line| line.booked_on).min();
        let last = lines.iter().map(|line| line.booked_on).max();
        let balance_days = || self.balances.iter().filter_map(|balance| balance.on);
        let from = self.period.0.or_else(|| balance_days().min()).or(first);
        let to = self.period.1.or_else(|| balance_days().max()).or(last);
        match (from, to) {
            (Some(from), Some(to)) => Ok((from.min(to), to)),
            _ => Err(ParseError::new(end, "the statement names no day")),
        }
    }
}

/// What each sub-family of ISO's bank transaction codes is, whatever its family.
const SUB_FAMILIES: &[(&str, Movement)] = &[
    ("CHRG", Movement::Fee),
    ("COMM", Movement::Fee),
    ("FEES", Movement::Fee),
    ("ADJT", Movement::Adjustment),
    ("TAXE", Movement::Tax),
];

/// What each family is where its sub-family says nothing. A code that is in neither list is `Other`.
const FAMILIES: &[(&str, Movement)] = &[
    ("RCDT", Movement::Transfer),
    ("ICDT", Movement::Transfer),
    ("RRCT", Movement::Transfer),
    ("IRCT", Movement::Transfer),
    ("RDDT", Movement::Transfer),
    ("IDDT", Movement::Charge),
    ("MCRD", Movement::Charge),
];

enum Found {
    Line(Box<SettlementLine>),
    NotBooked,
    OtherCurrency(String),
}

impl Entry {
    fn line(
        &self,
        currency: Currency,
        position: i64,
        repeats: &mut BTreeMap<String, u32>,
    ) -> Result<Found, ParseError> {
        let entry = &self.element;
        let at = |error: Guess| {
            let what = format!("entry {position}: {error}");
            ParseError::new(self.line, what)
        };
        if !is_booked(entry).map_err(at)? {
            return Ok(Found::NotBooked);
        }
        let negative = is_debit(entry).map_err(at)?;
        is_reversal(entry).map_err(at)?;
        let amount = entry
            .child("Amt")
            .ok_or_else(|| ParseError::new(self.line, "an entry has no `Amt`"))?;
        let own = amount
            .currency
            .as_deref()
            .ok_or_else(|| at(Guess("its `Amt` names no currency (`Ccy`)".to_owned())))?;
        if own != currency.code() {
            return Ok(Found::OtherCurrency(own.to_owned()));
        }
        let money = signed(amount.text.trim(), currency, negative, self.line)?;
        let booked = entry.child("BookgDt").or_else(|| entry.child("ValDt"));
        let booked_on = booked
            .and_then(|date| date.text_at(&["Dt"]).or_else(|| date.text_at(&["DtTm"])))
            .and_then(day_of)
            .ok_or_else(|| ParseError::new(self.line, "an entry has no booking date"))?;
        let description = self.description();
        let bank_reference = entry
            .text_at(&["AcctSvcrRef"])
            .or_else(|| entry.text_at(&["NtryRef"]));
        let identity = identity(bank_reference, money, booked_on, &description, repeats);
        let code = self.code(negative);
        let reference = self.reference().unwrap_or_default();
        let reference = Reference::of(ReferenceKind::EndToEnd, reference);
        let place = Place {
            line: self.line,
            ..Place::default()
        };
        Ok(Found::Line(Box::new(SettlementLine {
            references: reference.into_iter().collect(),
            description,
            ..SettlementLine::new(identity, place, (self.movement(), &code), money, booked_on)
        })))
    }

    /// The bank's own word: its transaction code, or which way the money went.
    fn code(&self, negative: bool) -> String {
        let code = self.element.at(&["BkTxCd"]);
        let at = |path: &[&str]| code.and_then(|code| code.text_at(path));
        let parts = [
            at(&["Domn", "Cd"]),
            at(&["Domn", "Fmly", "Cd"]),
            at(&["Domn", "Fmly", "SubFmlyCd"]),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            return parts.join("-");
        }
        let own = at(&["Prtry", "Cd"]);
        own.unwrap_or(if negative { "debit" } else { "credit" })
            .to_owned()
    }

    fn movement(&self) -> Movement {
        let family = self.element.at(&["BkTxCd", "Domn", "Fmly"]);
        let at = |name: &str| family.and_then(|family| family.text_at(&[name]));
        let known = |table: &[(&str, Movement)], code: Option<&str>| {
            let found = table.iter().find(|(known, _)| Some(*known) == code);
            found.map(|(_, movement)| *movement)
        };
        known(SUB_FAMILIES, at("SubFmlyCd"))
            .or_else(|| known(FAMILIES, at("Cd")))
            .unwrap_or(Movement::Other)
    }

    /// The reference of the entry's only transaction; a batch of several has none of its own.
    fn reference(&self) -> Option<&str> {
        let mut details = self
            .element
            .all("NtryDtls")
            .flat_map(|details| details.all("TxDtls"));
        let (first, second) = (details.next()?, details.next());
        if second.is_some() {
            return None;
        }
        let reference = first.text_at(&["RmtInf", "Strd", "CdtrRefInf", "Ref"]);
        reference.or_else(|| {
            first
                .text_at(&["Refs", "EndToEndId"])
                .filter(|id| *id != "NOTPROVIDED")
        })
    }

    fn description(&self) -> String {
        let details = self
            .element
            .all("NtryDtls")
            .flat_map(|details| details.all("TxDtls"));
        let mut parts: Vec<&str> = details
            .filter_map(|transaction| transaction.child("RmtInf"))
            .flat_map(|info| info.all("Ustrd"))
            .map(|text| text.text.trim())
            .collect();
        parts.extend(self.element.text_at(&["AddtlNtryInf"]));
        parts.join(" ")
    }
}

/// The bank's own reference, or what the entry says; equal entries of a file are counted.
fn identity(
    bank_reference: Option<&str>,
    money: Money,
    booked_on: NaiveDate,
    description: &str,
    repeats: &mut BTreeMap<String, u32>,
) -> String {
    let mut encoder = Encoder::new("tieout.bank-line.v1");
    encoder.text(bank_reference.unwrap_or_default());
    encoder.value(money);
    encoder.value(booked_on);
    encoder.text(description);
    let content = encoder.finish().short();
    let base = match bank_reference {
        Some(reference) => format!("{reference}#{content}"),
        None => content,
    };
    let count = repeats.entry(base.clone()).or_default();
    *count += 1;
    if *count == 1 {
        base
    } else {
        format!("{base}.{count}")
    }
}

fn balance(element: &Element, line: u64) -> Result<Balance, ParseError> {
    let amount = element
        .child("Amt")
        .ok_or_else(|| ParseError::new(line, "a balance has no `Amt`"))?;
    let date = element.child("Dt");
    let on = date
        .and_then(|date| date.text_at(&["Dt"]).or_else(|| date.text_at(&["DtTm"])))
        .and_then(day_of);
    Ok(Balance {
        code: element
            .text_at(&["Tp", "CdOrPrtry", "Cd"])
            .unwrap_or_default()
            .to_owned(),
        amount: amount.text.trim().to_owned(),
        currency: amount.currency.clone().unwrap_or_default(),
        negative: is_debit(element)
            .map_err(|error| ParseError::new(line, format!("a balance: {error}")))?,
        on,
        line,
    })
}

/// What decides a sign, or whether money moved, and is not there: it is never guessed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Guess(String);

/// What one of a closed list of codes means; anything else is refused.
fn one_of<T: Copy>(name: &str, found: Option<&str>, list: &[(&str, T)]) -> Result<T, Guess> {
    let known = list.iter().find(|(code, _)| Some(*code) == found);
    known.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let codes: Vec<&str> = list.iter().map(|(code, _)| *code).collect();
        let codes = codes.join(", ");
        Guess(match found {
            Some(other) => format!("`{name}` is `{other}`; it is one of {codes}"),
            None => format!("`{name}` is missing; it is one of {codes}"),
        })
    })
}

fn is_debit(element: &Element) -> Result<bool, Guess> {
    let sign = element.text_at(&["CdtDbtInd"]);
    one_of("CdtDbtInd", sign, &[("CRDT", false), ("DBIT", true)])
}

/// Whether an entry moved money: what is pending or future is left out until it is booked.
fn is_booked(entry: &Element) -> Result<bool, Guess> {
    let status = entry
        .text_at(&["Sts", "Cd"])
        .or_else(|| entry.text_at(&["Sts"]));
    let list = [
        ("BOOK", true),
        ("PDNG", false),
        ("INFO", false),
        ("FUTR", false),
    ];
    one_of("Sts", status, &list)
}

/// Whether an entry takes one back. Its sign already shows the movement; a word that is neither
/// may mean that it does not.
fn is_reversal(entry: &Element) -> Result<bool, Guess> {
    let list = [("true", true), ("1", true), ("false", false), ("0", false)];
    match entry.child("RvslInd") {
        Some(found) => one_of("RvslInd", Some(found.text.trim()), &list),
        None => Ok(false),
    }
}

fn signed(text: &str, currency: Currency, negative: bool, line: u64) -> Result<Money, ParseError> {
    let money =
        Money::parse(text, currency).map_err(|error| ParseError::money(line, "Amt", &error))?;
    if money.amount() < 0 {
        let what = format!("`Amt` is {text}; its sign stands in `CdtDbtInd`");
        return Err(ParseError::new(line, what));
    }
    Ok(if negative {
        Money::minor(-money.amount(), currency)
    } else {
        money
    })
}

fn day_of(text: &str) -> Option<NaiveDate> {
    text.get(..10)?.parse().ok()
}
