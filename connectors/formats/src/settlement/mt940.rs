//! Bank statements by SWIFT, MT940, and interim reports, MT942; with their blocks or without.
//!
//! A movement is a `:61:` with the `:86:` after it. Its sign stands in the mark: `C` and `RD` are
//! money that came, `D` and `RC` money that went; any other mark is refused. `EC` and `ED` of an
//! interim report are expected and have not moved. A letter after the mark is the third one of the
//! currency, so that `DR` is a debit in EUR and no reversal. An entry date has no year and takes the
//! one that brings it closest to the value date; without one the value date is the booking day. Days
//! are the bank's own. A day that its month does not have is the month's last: in a value date that
//! is how banks reckon interest, anywhere else the statement contradicts itself.
//!
//! Opening is `:60F:` or `:60M:`, closing `:62F:` or `:62M:`, and an `M` makes the statement a page.
//! The opening balance is that of the evening before: a statement begins on the day after it, unless
//! a line is booked on that very day. An MT942 has no balances; its `:90D:` and `:90C:` must tell as
//! many entries and as much money as there are, where no floor (`:34F:`) leaves entries out.
//!
//! The account is `:25:` as it stands there, without the currency that some banks write after it.
//! Amounts have a comma and the decimals that are written, never more than the currency has. How
//! `:86:` is divided is recognised for each one (see `read::remittance`), or given as
//! `dialect`. A `:86:` after the balances is the statement's own and is left out.
//!
//! SWIFT's own letters are ASCII; a file in another encoding than UTF-8 is read where the option
//! `encoding` names it. A line has no name of its own: it is called by the bank's reference and a hash
//! of its booking day, amount, references and text, and equal lines are counted (see
//! `read::counted`).

use super::contradictions::Contradictions;
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::counted::{self, Counted};
use crate::read::plain::squeezed;
use crate::read::remittance::{self, Dialect, Told, reference};
use crate::read::swift::{self, Day, Field, Piece, Pieces};
use chrono::NaiveDate;
use ledger::{
    Basis, Currency, Money, Movement, Origin, Page, Place, Reference, ReferenceKind,
    SettlementLine, Statement,
};
use serde::Deserialize;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Mt940>(
    "mt940",
    "SWIFT bank statement, MT940, and interim report, MT942",
    "{}",
);

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How the bank divides `:86:`, where that is not to be recognised: `subfields`, `keywords` or
    /// `free`.
    #[serde(default)]
    pub dialect: Option<Dialect>,
    /// The encoding of the bank's files, such as `windows-1252`; UTF-8 without it.
    #[serde(default)]
    pub encoding: Option<String>,
}

/// The format.
#[derive(Clone, Debug)]
pub struct Mt940 {
    config: Config,
}

impl SettlementFormat for Mt940 {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn encoding(&self) -> Option<&str> {
        self.config.encoding.as_deref()
    }

    fn recognises(head: &str) -> bool {
        let mut lines = head.split(['\n', '\r']).map(|line| {
            let line = line.trim_start_matches(|sign: char| sign.is_control() || sign == ' ');
            line.split_once("{4:").map_or(line, |(_, fields)| fields)
        });
        lines.any(|line| line.starts_with(":20:"))
            && lines.any(|line| line.starts_with(":25:") || line.starts_with(":25P:"))
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut pieces = Pieces::new(input);
        let mut reading = Reading {
            dialect: self.config.dialect,
            out,
            number: 0,
            made_on: None,
            draft: None,
            counted: Counted::default(),
            page: None,
        };
        while let Some(piece) = pieces.next_piece()? {
            match piece {
                Piece::Header {
                    line,
                    kind,
                    made_on,
                } => reading.header(line, &kind, made_on)?,
                Piece::Field(field) => reading.field(field)?,
            }
        }
        reading.close()
    }
}

/// A text while it is read.
struct Reading<'o> {
    dialect: Option<Dialect>,
    out: &'o mut dyn Sink,
    number: usize,
    made_on: Option<NaiveDate>,
    draft: Option<Draft>,
    counted: Counted,
    /// The account of the statement before, and which page it was.
    page: Option<(String, u32)>,
}

/// A statement while its fields come in.
#[derive(Default)]
struct Draft {
    line: u64,
    reference: String,
    account: Option<String>,
    number: String,
    currency: Option<Currency>,
    opening: Option<Balance>,
    closing: Option<Balance>,
    made_on: Option<NaiveDate>,
    is_interim: bool,
    /// Whether entries may be left out, so that sums prove nothing.
    is_partial: bool,
    entry: Option<Entry>,
    booked: Option<(NaiveDate, NaiveDate)>,
    debits: Sum,
    credits: Sum,
    contradictions: Contradictions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    amount: i64,
}

#[derive(Clone, Copy, Debug)]
struct Balance {
    money: Money,
    on: NaiveDate,
    is_page: bool,
}

/// The most bytes of an entry with its texts.
const MAX_ENTRY: u64 = 200_000;

/// A movement while its texts come in.
#[derive(Debug)]
struct Entry {
    place: Place,
    money: Money,
    value_on: NaiveDate,
    booked_on: NaiveDate,
    kind: String,
    references: Vec<Reference>,
    beside: Beside,
    /// The lines of `:86:`.
    text: Vec<String>,
    /// The lines of `:NS:`, which banks write instead.
    own: Vec<String>,
}

/// What stands beside the references of a `:61:`.
#[derive(Debug, Default)]
struct Beside {
    /// Its second line.
    text: String,
    /// The other end's account, where a bank writes it in place of a reference.
    account: String,
    /// The other end's name, where a bank writes it after the reference.
    name: String,
}

impl Reading<'_> {
    fn header(
        &mut self,
        line: u64,
        kind: &str,
        made_on: Option<NaiveDate>,
    ) -> Result<(), ParseError> {
        self.close()?;
        if !["", "940", "942", "950"].contains(&kind) {
            let what = format!("a message MT{kind}; an MT940, an MT942 or an MT950 is wanted");
            return Err(ParseError::new(line, what));
        }
        self.made_on = made_on;
        Ok(())
    }

    fn field(&mut self, field: Field) -> Result<(), ParseError> {
        if field.tag == "20" {
            self.close()?;
            self.draft = Some(Draft {
                line: field.place.line,
                reference: field.first().to_owned(),
                made_on: self.made_on.take(),
                ..Draft::default()
            });
            return Ok(());
        }
        let Some(draft) = self.draft.as_mut() else {
            // Banks write fields of their own before the first message, such as `:940:`.
            return match field.tag.as_str() {
                "25" | "60F" | "60M" | "61" | "62F" | "62M" => {
                    Err(field.error("it stands before any `:20:`, in which a statement begins"))
                }
                _ => Ok(()),
            };
        };
        match field.tag.as_str() {
            "86" => draft.text(field, |entry| &mut entry.text)?,
            tag if tag.starts_with("NS") => draft.text(field, |entry| &mut entry.own)?,
            "61" => {
                self.entry()?;
                self.begin(&field)?;
            }
            _ => {
                self.entry()?;
                if let Some(draft) = self.draft.as_mut() {
                    draft.take(&field)?;
                }
            }
        }
        Ok(())
    }

    /// Takes a `:61:`.
    fn begin(&mut self, field: &Field) -> Result<(), ParseError> {
        let Some(draft) = self.draft.as_mut() else {
            return Ok(());
        };
        if draft.closing.is_some() {
            return Err(field.error("an entry after the closing balance of its statement"));
        }
        let account = draft.account.clone().ok_or_else(|| {
            field.error("the statement names no account (`:25:`) before its first entry")
        })?;
        let currency = draft.currency.ok_or_else(|| {
            field.error(
                "the statement names no currency before its first entry; that stands in `:60F:`, in an MT942 in `:34F:`",
            )
        })?;
        if draft.booked.is_none() {
            draft.count(&account, &mut self.counted);
        }
        match entry(field, currency)? {
            Some(entry) => {
                draft.sum(&entry);
                draft.entry = Some(entry);
            }
            None => draft.is_partial = true,
        }
        Ok(())
    }

    /// Hands on the movement whose texts are complete.
    fn entry(&mut self) -> Result<(), ParseError> {
        let Some(entry) = self.draft.as_mut().and_then(|draft| draft.entry.take()) else {
            return Ok(());
        };
        let line = entry.line(self.dialect, &mut self.counted);
        self.out.line(self.number, line)
    }

    fn close(&mut self) -> Result<(), ParseError> {
        self.entry()?;
        let Some(draft) = self.draft.take() else {
            return Ok(());
        };
        if let (None, Some(account)) = (draft.booked, draft.account.as_deref()) {
            draft.count(account, &mut self.counted);
        }
        let before = self.page.take();
        let statement = draft.close(before)?;
        let page = statement.page.map(|page| page.number);
        self.page = Some((statement.account.clone(), page.unwrap_or(0)));
        self.counted.end(statement.closing);
        self.out.statement(self.number, statement)?;
        self.number += 1;
        Ok(())
    }
}

impl Draft {
    /// Adds a text to the entry that it follows; without one it is the statement's own.
    fn text(
        &mut self,
        field: Field,
        of: impl FnOnce(&mut Entry) -> &mut Vec<String>,
    ) -> Result<(), ParseError> {
        if let Some(entry) = self.entry.as_mut() {
            let (begins, last) = (entry.place.offset, field.place);
            entry.place.length = (last.offset + last.length).saturating_sub(begins);
            if entry.place.length > MAX_ENTRY {
                let what = format!("an entry of more than {MAX_ENTRY} bytes with its texts");
                return Err(field.error(what));
            }
            of(entry).extend(field.lines);
        }
        Ok(())
    }

    /// Begins to count the lines. Interim reports of one day may repeat one another.
    fn count(&self, account: &str, counted: &mut Counted) {
        if self.is_interim {
            counted.restart();
        }
        let opening = self.opening.map(|balance| balance.money);
        // A page has lines of the days of the one before.
        let whole = self.opening.filter(|balance| !balance.is_page);
        counted.begin(account, opening, whole.map(|balance| balance.on));
    }

    fn take(&mut self, field: &Field) -> Result<(), ParseError> {
        match field.tag.as_str() {
            "25" | "25P" => {
                if self.account.is_some() {
                    return Err(field.error("the statement names two accounts"));
                }
                let account = field.first();
                if account.is_empty() {
                    return Err(field.error("the account is empty"));
                }
                self.account = Some(account.to_owned());
            }
            "28" | "28C" => field.first().clone_into(&mut self.number),
            "13" | "13D" => {
                let day = field.first().get(..6).and_then(swift::day);
                let day = day.ok_or_else(|| field.error("it begins with no day (YYMMDD)"))?;
                self.made_on = Some(day.day);
            }
            "34F" => self.floor(field)?,
            "60F" | "60M" => {
                if self.opening.is_some() {
                    return Err(field.error("the statement has two opening balances"));
                }
                self.opening = self.balance(field)?;
            }
            "62F" | "62M" => {
                if self.closing.is_some() {
                    return Err(field.error("the statement has two closing balances"));
                }
                self.closing = self.balance(field)?;
            }
            "90D" => self.prove(field, self.debits, "debits")?,
            "90C" => self.prove(field, self.credits, "credits")?,
            _ => {}
        }
        Ok(())
    }

    /// An interim report leaves out what is below its floor.
    fn floor(&mut self, field: &Field) -> Result<(), ParseError> {
        let (currency, rest) = currency(field.first());
        let currency = currency.ok_or_else(|| field.error("it names no currency"))?;
        self.know(field, currency)?;
        let amount = rest.trim_start_matches(['C', 'D', ' ']);
        let amount = swift::decimal(amount).map_err(|told| field.error(told))?;
        self.is_interim = true;
        self.is_partial |= amount
            .bytes()
            .any(|sign| !['0', '.'].contains(&char::from(sign)));
        Ok(())
    }

    /// The currency of the statement, by the first field that names it.
    fn know(&mut self, field: &Field, code: &str) -> Result<Currency, ParseError> {
        let found = Currency::from_code(code).map_err(|error| field.error(error))?;
        Ok(*self.currency.get_or_insert(found))
    }

    fn balance(&mut self, field: &Field) -> Result<Option<Balance>, ParseError> {
        let text = field.first();
        let negative = match text.get(..1) {
            Some("C") => false,
            Some("D") => true,
            _ => {
                return Err(field.error(format!("`{text}` begins with neither `C` nor `D`")));
            }
        };
        let on = text.get(1..7).and_then(swift::day);
        let on = on.ok_or_else(|| field.error(format!("`{text}` has no day (YYMMDD)")))?;
        if on.is_odd {
            let told = text.get(1..7).unwrap_or_default();
            let told = format!("`:{}:` has the day {told}, which does not exist", field.tag);
            self.contradictions.add(told);
        }
        let (code, amount) = currency(text.get(7..).unwrap_or_default());
        let own = match (code, self.currency) {
            (Some(code), _) => self.know(field, code)?,
            (None, Some(currency)) => currency,
            (None, None) => return Err(field.error(format!("`{text}` names no currency"))),
        };
        if let Some(code) = code.filter(|code| *code != own.code()) {
            let told = format!("`:{}:` is in {code}, the statement in {own}", field.tag);
            self.contradictions.add(told);
            return Ok(None);
        }
        Ok(Some(Balance {
            money: money(field, amount, own, negative)?,
            on: on.day,
            is_page: field.tag.ends_with('M'),
        }))
    }

    fn sum(&mut self, entry: &Entry) {
        let sum = if entry.money.amount() < 0 {
            &mut self.debits
        } else {
            &mut self.credits
        };
        sum.count += 1;
        sum.amount = sum.amount.saturating_add(entry.money.amount().abs());
        let (first, last) = self.booked.unwrap_or((entry.booked_on, entry.booked_on));
        self.booked = Some((first.min(entry.booked_on), last.max(entry.booked_on)));
    }

    /// Compares the entries of one side with what the report tells of them.
    fn prove(&mut self, field: &Field, found: Sum, side: &str) -> Result<(), ParseError> {
        self.is_interim |= self.opening.is_none();
        let text = field.first();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, rest) = text.split_at(digits);
        let (code, amount) = currency(rest);
        let code = code.ok_or_else(|| field.error(format!("`{text}` names no currency")))?;
        let own = self.know(field, code)?;
        let told = Sum {
            count: count.parse().unwrap_or(0),
            amount: money(field, amount, own, false)?.amount(),
        };
        if told != found && !self.is_partial {
            let (all, sum) = (
                Money::minor(told.amount, own),
                Money::minor(found.amount, own),
            );
            self.contradictions.add(format!(
                "`:{}:` tells {} {side} of {all}, and there are {} of {sum}",
                field.tag, told.count, found.count
            ));
        }
        Ok(())
    }

    fn close(mut self, before: Option<(String, u32)>) -> Result<Statement, ParseError> {
        let line = self.line;
        let refused = |what: &str| ParseError::new(line, format!("the statement {what}"));
        let account = self.account.clone();
        let account = account.ok_or_else(|| refused("names no account (`:25:`)"))?;
        let currency = self.currency;
        let currency = currency.ok_or_else(|| refused("names no currency"))?;
        let account = without(&account, currency).to_owned();
        let days = self.days();
        let (from, to) = days.ok_or_else(|| refused("names no day"))?;
        if self.opening.is_some() && self.closing.is_none() {
            let told =
                "there is an opening balance and no closing one (`:62F:`); it may be cut off";
            self.contradictions.add(told.to_owned());
        }
        let page = self.page(&account, before);
        let number = self
            .number
            .split('/')
            .next()
            .and_then(|number| number.trim().parse().ok());
        let identity = format!("{} {}", self.reference, self.number);
        Ok(Statement {
            origin: Origin::Bank,
            account,
            identity: identity.trim().to_owned(),
            currency,
            opening: self.opening.map(|balance| balance.money),
            closing: self.closing.map(|balance| balance.money),
            from,
            to,
            basis: if self.is_interim {
                Basis::Interim
            } else {
                Basis::Final
            },
            // Banks that do not number write zeros.
            sequence: number.filter(|number| *number > 0),
            page,
            made_on: self.made_on,
            lines: Vec::new(),
            contradictions: self.contradictions.into_list(),
        })
    }

    fn days(&mut self) -> Option<(NaiveDate, NaiveDate)> {
        let (first, last) = match self.booked {
            Some((first, last)) => (Some(first), Some(last)),
            None => (None, None),
        };
        if self.is_interim {
            let from = first.or(self.made_on)?;
            let to = last.max(self.made_on)?;
            return Some((from.min(to), to));
        }
        let opening = self.opening.map(|balance| balance.on);
        let to = self
            .closing
            .map(|balance| balance.on)
            .or(last)
            .or(opening)?;
        let Some(opening) = opening else {
            return Some((first.unwrap_or(to).min(to), to));
        };
        if opening > to {
            let told =
                format!("the closing balance of {to} is older than the opening of {opening}");
            self.contradictions.add(told);
        }
        let from = if first.is_some_and(|first| first <= opening) {
            opening
        } else {
            opening.succ_opt()?
        };
        Some((from.min(to), to))
    }

    /// Which page of a statement it is, where one of its balances is one between pages.
    fn page(&self, account: &str, before: Option<(String, u32)>) -> Option<Page> {
        let continues = self.opening.is_some_and(|balance| balance.is_page);
        let goes_on = self.closing.is_some_and(|balance| balance.is_page);
        if !continues && !goes_on {
            return None;
        }
        let told = self.number.split_once('/');
        let told = told.and_then(|(_, page)| page.trim().parse().ok());
        let before = before
            .filter(|(of, _)| of == account)
            .map_or(0, |(_, page)| page);
        let number = match told {
            _ if !continues => 1,
            Some(told) if told > 1 => told,
            _ => before.max(1).saturating_add(1),
        };
        Some(Page {
            number,
            is_last: !goes_on,
        })
    }
}

/// What each mark of a `:61:` means: whether money went, or nothing where it has not moved.
const MARKS: &[(&str, Option<bool>)] = &[
    ("RC", Some(true)),
    ("RD", Some(false)),
    ("EC", None),
    ("ED", None),
    ("C", Some(false)),
    ("D", Some(true)),
];

/// Reads a `:61:`; none where its money is only expected.
fn entry(field: &Field, currency: Currency) -> Result<Option<Entry>, ParseError> {
    let mut lines = field.lines.iter().map(|line| line.trim());
    let mut text = lines.next().unwrap_or_default().to_owned();
    if !has_amount(&text) {
        // A bank breaks the line before the amount.
        text.push_str(lines.next().unwrap_or_default());
    }
    let second: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let value = text.get(..6).and_then(swift::day);
    let value =
        value.ok_or_else(|| field.error(format!("`{text}` begins with no day (YYMMDD)")))?;
    let mut rest = text.get(6..).unwrap_or_default();
    let mut booked = value;
    if let Some(month_day) = rest.get(..4).filter(|four| is_digits(four)) {
        let found = swift::day_near(month_day, value.day);
        let no_day = || field.error(format!("`{month_day}` is no day (MMDD)"));
        booked = found.ok_or_else(no_day)?;
        rest = rest.get(4..).unwrap_or_default();
    }
    let mark = MARKS.iter().find(|(mark, _)| rest.starts_with(mark));
    let (mark, negative) = mark.ok_or_else(|| {
        let marks: Vec<&str> = MARKS.iter().map(|(mark, _)| *mark).collect();
        let found: String = rest.chars().take(2).collect();
        field.error(format!(
            "its mark is `{found}`; it is one of {}",
            marks.join(", ")
        ))
    })?;
    let Some(negative) = *negative else {
        return Ok(None);
    };
    rest = rest.get(mark.len()..).unwrap_or_default();
    // The third letter of the currency.
    rest = rest
        .strip_prefix(|sign: char| sign.is_ascii_uppercase())
        .unwrap_or(rest);
    let is_amount = |sign: char| sign.is_ascii_digit() || [',', '.', ' '].contains(&sign);
    let end = rest.find(|sign| !is_amount(sign)).unwrap_or(rest.len());
    let (amount, rest) = rest.split_at(end);
    let money = money(field, amount, currency, negative)?;
    Ok(Some(named(
        field,
        money,
        (value, booked),
        rest,
        &second.join(" "),
    )))
}

/// The type, the references and the second line of a `:61:`.
fn named(field: &Field, money: Money, days: (Day, Day), rest: &str, second: &str) -> Entry {
    let (kind, rest) = match rest.char_indices().nth(4) {
        Some((at, _)) => rest.split_at(at),
        None => (rest, ""),
    };
    let (customer, bank) = rest.split_once("//").unwrap_or((rest, ""));
    let mut beside = Beside {
        text: squeezed(second),
        ..Beside::default()
    };
    // A bank fills the reference with blanks and writes a name after it.
    let (customer, name) = customer
        .trim()
        .split_once("  ")
        .unwrap_or((customer.trim(), ""));
    beside.name = squeezed(name);
    let mut references = Vec::new();
    if remittance::is_iban(customer) {
        customer.clone_into(&mut beside.account);
    } else {
        references.extend(reference(ReferenceKind::Merchant, customer));
    }
    references.extend(reference(ReferenceKind::Bank, bank));
    Entry {
        place: field.place,
        money,
        value_on: days.0.day,
        booked_on: days.1.day,
        kind: kind.trim().to_owned(),
        references,
        beside,
        text: Vec::new(),
        own: Vec::new(),
    }
}

impl Entry {
    fn line(self, dialect: Option<Dialect>, counted: &mut Counted) -> SettlementLine {
        let mut raw = self.text.concat();
        raw.push_str(&self.own.concat());
        raw.push_str(&self.beside.text);
        let base = counted::base(self.money, self.booked_on, &self.references, &raw);
        let identity = counted.name(base, self.booked_on);
        let mut told = remittance::read(&self.text, dialect);
        own_fields(&mut told, &self.own);
        if told.original.is_empty() {
            let beside = remittance::read(std::slice::from_ref(&self.beside.text), None);
            told.original = beside.original;
        }
        if told.name.is_empty() {
            told.name = self.beside.name;
        }
        let of_account = [self.beside.account, self.beside.text.clone()];
        let mut of_account = of_account.into_iter();
        if told.account.is_empty() {
            let iban = of_account.find(|text| remittance::is_iban(text));
            told.account = iban.unwrap_or_default();
        }
        let movement = movement(&self.kind, &told.code, self.money);
        let kind = match (self.kind.as_str(), told.code.as_str()) {
            ("", "") if self.money.amount() < 0 => "debit".to_owned(),
            ("", "") => "credit".to_owned(),
            (kind, "") => kind.to_owned(),
            ("", code) => code.to_owned(),
            (kind, code) => format!("{kind}-{code}"),
        };
        let texts = [&told.purpose, &told.posting, &self.beside.text];
        let is_text = |text: &&String| !text.is_empty() && **text != told.account;
        let description = texts.into_iter().find(is_text);
        SettlementLine {
            counterparty: told.counterparty(),
            original: original(&told.original, self.money),
            description: description.cloned().unwrap_or_default(),
            references: ordered(told.references, self.references),
            value_on: Some(self.value_on),
            ..SettlementLine::new(
                identity,
                self.place,
                (movement, &kind),
                self.money,
                self.booked_on,
            )
        }
    }
}

/// The references of both fields, the most telling first, each once.
fn ordered(told: Vec<Reference>, named: Vec<Reference>) -> Vec<Reference> {
    const ORDER: &[ReferenceKind] = &[
        ReferenceKind::EndToEnd,
        ReferenceKind::Remittance,
        ReferenceKind::Merchant,
        ReferenceKind::Mandate,
        ReferenceKind::Batch,
        ReferenceKind::Bank,
    ];
    let mut all: Vec<Reference> = told.into_iter().chain(named).collect();
    all.sort_by_key(|reference| ORDER.iter().position(|kind| *kind == reference.kind));
    all.dedup();
    all
}

/// What a bank writes in lines of two digits and a text: the purpose up to 14, then the name.
fn own_fields(told: &mut Told, lines: &[String]) {
    let mut purpose = Vec::new();
    let mut name = Vec::new();
    for line in lines {
        let number = line.get(..2).and_then(|two| two.parse::<u8>().ok());
        let text = line.get(2..).unwrap_or_default().trim();
        match number {
            Some(1..=14) => purpose.push(text),
            Some(15 | 16) => name.push(text),
            _ => {}
        }
    }
    if told.purpose.is_empty() {
        told.purpose = squeezed(&purpose.join(" "));
    }
    if told.name.is_empty() {
        told.name = squeezed(&name.join(" "));
    }
}

/// What the customer paid, where it is an amount in another currency.
fn original(text: &str, money: Money) -> Option<Money> {
    let (code, amount) = currency(text);
    let own = Currency::from_code(code?).ok()?;
    let amount = swift::decimal(amount).ok()?;
    let found = Money::parse(&amount, own).ok()?;
    let signed = Money::minor(found.amount() * money.amount().signum(), own);
    (own != money.currency()).then_some(signed)
}

/// What the last three letters of a SWIFT type are, where money came and where it went. One that is
/// not here is `Other`.
const TYPES: &[(&str, Movement, Movement)] = &[
    ("BRF", Movement::Fee, Movement::Fee),
    ("CHG", Movement::Fee, Movement::Fee),
    ("CHK", Movement::Transfer, Movement::Transfer),
    ("COM", Movement::Fee, Movement::Fee),
    ("COL", Movement::Charge, Movement::Transfer),
    ("DDT", Movement::Charge, Movement::Transfer),
    ("LBX", Movement::Charge, Movement::Transfer),
    ("RTI", Movement::Transfer, Movement::Dispute),
    ("STO", Movement::Transfer, Movement::Transfer),
    ("TAX", Movement::Tax, Movement::Tax),
    ("TRF", Movement::Transfer, Movement::Transfer),
];

/// The same for the codes of the German banks, which say more: collections of direct debits and their
/// returns, transfers, fees.
const CODES: &[(&str, Movement, Movement)] = &[
    ("104", Movement::Transfer, Movement::Transfer),
    ("105", Movement::Transfer, Movement::Transfer),
    ("108", Movement::Transfer, Movement::Dispute),
    ("109", Movement::Transfer, Movement::Dispute),
    ("116", Movement::Transfer, Movement::Transfer),
    ("117", Movement::Transfer, Movement::Transfer),
    ("152", Movement::Transfer, Movement::Transfer),
    ("153", Movement::Transfer, Movement::Transfer),
    ("159", Movement::Transfer, Movement::Transfer),
    ("166", Movement::Transfer, Movement::Transfer),
    ("167", Movement::Transfer, Movement::Transfer),
    ("168", Movement::Transfer, Movement::Transfer),
    ("171", Movement::Charge, Movement::Transfer),
    ("174", Movement::Charge, Movement::Transfer),
    ("177", Movement::Transfer, Movement::Transfer),
    ("181", Movement::Transfer, Movement::Transfer),
    ("184", Movement::Transfer, Movement::Transfer),
    ("191", Movement::Transfer, Movement::Transfer),
    ("192", Movement::Charge, Movement::Transfer),
    ("194", Movement::Transfer, Movement::Transfer),
    ("196", Movement::Charge, Movement::Transfer),
    ("808", Movement::Fee, Movement::Fee),
    ("809", Movement::Fee, Movement::Fee),
    ("820", Movement::Transfer, Movement::Transfer),
];

fn movement(kind: &str, code: &str, money: Money) -> Movement {
    let letters = kind.strip_prefix(['N', 'F', 'S']).unwrap_or_default();
    let came = money.amount() >= 0;
    movements::by_way(CODES, |known| known == code, came)
        .or_else(|| movements::by_way(TYPES, |known| known == letters, came))
        .unwrap_or(Movement::Other)
}

/// An account without the currency that some banks write after it, which the statement has itself.
fn without(account: &str, currency: Currency) -> &str {
    let shorter = account.strip_suffix(currency.code());
    let ends_account = |sign: char| sign.is_ascii_digit() || [' ', '/'].contains(&sign);
    match shorter.filter(|shorter| shorter.ends_with(ends_account)) {
        Some(shorter) => shorter.trim_end_matches([' ', '/']),
        None => account,
    }
}

/// Three letters of a currency, and what follows them.
fn currency(text: &str) -> (Option<&str>, &str) {
    let code = text
        .get(..3)
        .filter(|code| code.bytes().all(|sign| sign.is_ascii_uppercase()));
    match code {
        Some(code) => (Some(code), text.get(3..).unwrap_or_default()),
        None => (None, text),
    }
}

fn money(
    field: &Field,
    amount: &str,
    currency: Currency,
    negative: bool,
) -> Result<Money, ParseError> {
    let text = swift::decimal(amount.trim()).map_err(|told| field.error(told))?;
    let money = Money::parse(&text, currency).map_err(|error| field.error(error))?;
    Ok(if negative {
        Money::minor(-money.amount(), currency)
    } else {
        money
    })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|sign| sign.is_ascii_digit())
}

/// Whether a `:61:` goes on after its mark.
fn has_amount(text: &str) -> bool {
    let after = text.trim_start_matches(|sign: char| sign.is_ascii_digit());
    after.bytes().any(|sign| sign.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;
    use serde_json::json;

    fn read(options: serde_json::Value, text: &str) -> Result<Vec<SettlementLine>, ParseError> {
        let opening = ":20:X\n:25:DE02120300000000202051\n:60F:C260310EUR0,00\n:61:2603110311C1,00NTRFNONREF\n:86:";
        let closing = ":62F:C260311EUR1,00\n-\n";
        // One byte a letter, as a bank's older systems write.
        let bytes: Vec<u8> = format!("{opening}{text}\n{closing}")
            .chars()
            .map(|sign| u8::try_from(sign).unwrap())
            .collect();
        let format = KIND.open(options).unwrap();
        let mut statements = format.parse(&bytes)?;
        Ok(statements.remove(0).lines)
    }

    #[test]
    fn a_dialect_is_taken_where_it_is_given() {
        let text = "Order /EREF/INV-1/REMI/Rechnung";
        let line = |options| read(options, text).unwrap().remove(0);
        let recognised = line(json!({}));
        assert_eq!(recognised.description, text);
        let given = line(json!({ "dialect": "keywords" }));
        let told = (given.reference(), given.description.as_str());
        assert_eq!(told, ("INV-1", "Order Rechnung"));
        assert_eq!(
            recognised.identity, given.identity,
            "a name does not depend on the dialect"
        );
        let given = line(json!({ "dialect": "subfields" }));
        assert_eq!((given.reference(), given.description.as_str()), ("", text));
        assert_eq!(given.kind, "NTRF");
        assert!(KIND.open(json!({ "dialect": "klingon" })).is_err());
    }

    #[test]
    fn an_encoding_is_taken_where_it_is_given() {
        let told = read(json!({}), "Geb\u{fc}hr").unwrap_err();
        assert!(told.what.contains("0xFC is no UTF-8"), "{told}");
        let lines = read(json!({ "encoding": "windows-1252" }), "Geb\u{fc}hr").unwrap();
        assert_eq!(lines.first().unwrap().description, "Geb\u{fc}hr");
        assert!(read(json!({ "encoding": "klingon" }), "A").is_err());
    }
}
