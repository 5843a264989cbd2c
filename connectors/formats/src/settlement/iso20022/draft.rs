//! A statement while its parts come in: its lines go out at once, what it says of itself at its end.

use super::balances::{Balance, Balances};
use super::codes;
use super::entry::{About, Entry};
use super::parties::{self, Party};
use super::{Header, Message};
use crate::error::ParseError;
use crate::read::counted::Repeats;
use crate::read::plain::squeezed;
use crate::read::xml::{Element, Step, Tag, Walk};
use crate::settlement::Sink;
use crate::settlement::contradictions::Contradictions;
use chrono::{NaiveDate, Timelike};
use ledger::{Basis, Currency, Money, Origin, Page, SettlementLine, Statement};

/// A statement while its parts come in.
#[derive(Debug)]
pub(super) struct Draft {
    message: &'static Message,
    number: usize,
    identity: String,
    account: String,
    owner: String,
    servicer: String,
    currency: Option<Currency>,
    told_currency: Option<String>,
    balances: Balances,
    period: Option<Period>,
    sequence: [Option<u64>; 2],
    page: Option<Page>,
    /// Whether it counts its own pages, be it the only one.
    is_paged: bool,
    made_on: Option<NaiveDate>,
    entries: u64,
    total: i64,
    booked: Option<(NaiveDate, NaiveDate)>,
    contradictions: Contradictions,
    repeats: Repeats,
    /// The line of its last tag.
    end: u64,
}

/// What `FrToDt` says.
#[derive(Clone, Copy, Debug)]
struct Period {
    from: NaiveDate,
    to: NaiveDate,
}

impl Period {
    fn of(element: &Element) -> Option<Self> {
        let from = element.text_at(&["FrDtTm"]).and_then(codes::day_of)?;
        let text = element.text_at(&["ToDtTm"])?;
        let mut to = codes::day_of(text)?;
        let time = text.get(11..19).and_then(|time| time.parse().ok());
        let midnight =
            time.is_some_and(|time: chrono::NaiveTime| time.num_seconds_from_midnight() == 0);
        if midnight && from < to {
            to = to.pred_opt()?;
        }
        Some(Self { from, to })
    }
}

impl Draft {
    /// Reads a statement to its end, and hands on its lines.
    pub(super) fn read(
        message: &'static Message,
        header: &Header,
        number: usize,
        walk: &mut Walk<'_>,
        out: &mut dyn Sink,
    ) -> Result<Self, ParseError> {
        let mut draft = Self::new(message, header, number);
        while let Step::Open(tag) = walk.step()? {
            if tag.name == "Ntry" {
                draft.entries += 1;
                let entry = Entry::read(walk, &tag, draft.entries)?;
                draft.entry(entry, out)?;
            } else {
                draft.part(walk, &tag)?;
            }
        }
        draft.end = walk.line();
        Ok(draft)
    }

    fn new(message: &'static Message, header: &Header, number: usize) -> Self {
        Self {
            message,
            number,
            identity: header.identity.clone(),
            account: String::new(),
            owner: String::new(),
            servicer: String::new(),
            currency: None,
            told_currency: None,
            balances: Balances::default(),
            period: None,
            sequence: [None; 2],
            page: None,
            is_paged: false,
            made_on: header.made_on,
            entries: 0,
            total: 0,
            booked: None,
            contradictions: Contradictions::new(),
            repeats: Repeats::default(),
            end: 0,
        }
    }

    fn part(&mut self, walk: &mut Walk<'_>, tag: &Tag) -> Result<(), ParseError> {
        let line = tag.begins.line;
        let message = self.message;
        match tag.name.as_str() {
            "Id" => self.identity = squeezed(&walk.element(tag)?.text),
            "Acct" => self.account_is(&walk.element(tag)?),
            "Bal" => {
                let element = walk.element(tag)?;
                let taken = self.balances.take(&element, line);
                taken.map_err(|error| ParseError::new(line, format!("a balance: {error}")))?;
            }
            "FrToDt" => self.period = Period::of(&walk.element(tag)?),
            "ElctrncSeqNb" => self.sequence[0] = walk.element(tag)?.text.trim().parse().ok(),
            "LglSeqNb" => self.sequence[1] = walk.element(tag)?.text.trim().parse().ok(),
            "CreDtTm" => {
                let made_on = codes::day_of(&walk.element(tag)?.text);
                self.made_on = made_on.or(self.made_on);
            }
            name if name == message.pagination => {
                self.page = codes::page(&walk.element(tag)?);
                self.is_paged = true;
            }
            _ => walk.skip()?,
        }
        Ok(())
    }

    fn account_is(&mut self, element: &Element) {
        let account = element.child("Id").and_then(parties::account);
        self.account = account.unwrap_or_default();
        self.told_currency = element.text_at(&["Ccy"]).map(str::to_owned);
        let text = |path: &[&str]| element.text_at(path).unwrap_or_default().to_owned();
        self.owner = text(&["Ownr", "Nm"]);
        let servicer = |code: &str| text(&["Svcr", "FinInstnId", code]);
        self.servicer = servicer("BICFI");
        if self.servicer.is_empty() {
            self.servicer = servicer("BIC");
        }
    }

    fn entry(&mut self, entry: Entry, out: &mut dyn Sink) -> Result<(), ParseError> {
        let line = entry.place.line;
        if self.currency.is_none() {
            let told = self.told_currency.as_deref();
            let code = told.or(self.balances.currency());
            if let Some(code) = code.or_else(|| entry.told_currency()) {
                self.currency = Some(currency(code, line)?);
            }
        }
        let Some(is_debit) = entry.direction()? else {
            return Ok(());
        };
        let own = entry.currency()?;
        let currency = match self.currency {
            Some(currency) if own == currency.code() => currency,
            known => {
                let account = known.map_or("none", Currency::code);
                let position = entry.position();
                let told = format!("entry {position} is in {own}, the account in {account}");
                self.contradictions.add(told);
                return Ok(());
            }
        };
        let about = About {
            owner: Party::owner(&self.account, &self.owner),
            servicer: &self.servicer,
            day: self.made_on.filter(|_| self.message.basis != Basis::Final),
        };
        let line = entry.line(is_debit, currency, &about, &mut self.repeats)?;
        self.booked(&line);
        out.line(self.number, line)
    }

    fn booked(&mut self, line: &SettlementLine) {
        self.total = self.total.saturating_add(line.net.amount());
        let day = line.booked_on;
        let (first, last) = self.booked.unwrap_or((day, day));
        self.booked = Some((first.min(day), last.max(day)));
    }

    /// A report or a notice without entries, balances and currency: nobody could say of what it is.
    pub(super) fn says_nothing(&self) -> bool {
        self.message.basis != Basis::Final
            && self.entries == 0
            && self.told_currency.is_none()
            && self.balances.currency().is_none()
    }

    /// Hands on what the statement says of itself; `page` is the message's.
    pub(super) fn close(
        mut self,
        page: Option<Page>,
        out: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        if self.account.is_empty() {
            let what = "the statement names no account (`Acct`, `Id`)";
            return Err(ParseError::new(self.end, what));
        }
        if !self.is_paged {
            self.page = page;
        }
        let told = self.told_currency.as_deref();
        let currency = match (self.currency, told.or(self.balances.currency())) {
            (Some(currency), _) => currency,
            (None, Some(code)) => currency(code, self.end)?,
            (None, None) => {
                return Err(ParseError::new(self.end, "the statement names no currency"));
            }
        };
        let (opening, closing) = self.ends(currency)?;
        let (from, to) = self.days()?;
        let statement = Statement {
            origin: Origin::Bank,
            account: self.account,
            identity: self.identity,
            currency,
            opening,
            closing,
            from,
            to,
            basis: self.message.basis,
            sequence: self.sequence.into_iter().flatten().next(),
            page: self.page,
            made_on: self.made_on,
            lines: Vec::new(),
            contradictions: self.contradictions.into_list(),
        };
        out.statement(self.number, statement)
    }

    /// The balances that open and close it.
    fn ends(&mut self, currency: Currency) -> Result<(Option<Money>, Option<Money>), ParseError> {
        let (opening, closing) = (self.balances.opening(), self.balances.closing());
        let (opening, closing) = (opening.cloned(), closing.cloned());
        let booked_opening = self.money(opening.as_ref(), currency)?;
        let booked_closing = self.money(closing.as_ref(), currency)?;
        let is_interim = self.message.basis == Basis::Interim;
        let begins_inside = is_interim || self.page.is_some_and(|page| page.number > 1);
        let ends_inside = is_interim || self.page.is_some_and(|page| !page.is_last);
        let (opens, closes) = (
            opening.is_none() && begins_inside,
            closing.is_none() && ends_inside,
        );
        if !opens && !closes {
            return Ok((booked_opening, booked_closing));
        }
        let first = self
            .balances
            .interim_opening(closes)
            .filter(|_| opens)
            .cloned();
        let last = self
            .balances
            .interim_closing(opens)
            .filter(|_| closes)
            .cloned();
        let opening = booked_opening.or(self.money(first.as_ref(), currency)?);
        let closing = booked_closing.or(self.money(last.as_ref(), currency)?);
        if !is_interim {
            return Ok((opening, closing));
        }
        let proven = opening.zip(closing).is_some_and(|(opening, closing)| {
            opening.amount().saturating_add(self.total) == closing.amount()
        });
        Ok(if proven {
            (opening, closing)
        } else {
            (booked_opening, booked_closing)
        })
    }

    fn money(
        &mut self,
        balance: Option<&Balance>,
        currency: Currency,
    ) -> Result<Option<Money>, ParseError> {
        let Some(balance) = balance else {
            return Ok(None);
        };
        let money = balance.money(currency);
        let money = money.map_err(|(line, error)| ParseError::new(line, error.to_string()))?;
        if money.is_none() {
            let (code, other) = (&balance.code, &balance.currency);
            let told = format!("the balance {code} is in {other}, the account in {currency}");
            self.contradictions.add(told);
        }
        Ok(money)
    }

    /// How far it reaches.
    fn days(&self) -> Result<(NaiveDate, NaiveDate), ParseError> {
        let (first, last) = self.booked.unzip();
        let opened = self.balances.first_day();
        let closed = self.balances.last_day();
        let known = [opened, closed, first].into_iter().flatten().min();
        let period = self
            .period
            .filter(|period| known.is_none_or(|known| known <= period.to));
        let until = period.map(|period| self.made_on.map_or(period.to, |made| period.to.min(made)));
        let to = [until, closed, last].into_iter().flatten().max();
        let from = period.map(|period| period.from).or(opened);
        let from = [from, first].into_iter().flatten().min();
        let fallback = self.made_on.filter(|_| self.message.basis != Basis::Final);
        let (from, to) = (from.or(to), to.or(from));
        match (from.or(fallback), to.or(fallback)) {
            (Some(from), Some(to)) => Ok((from.min(to), to)),
            _ => Err(ParseError::new(self.end, "the statement names no day")),
        }
    }
}

fn currency(code: &str, line: u64) -> Result<Currency, ParseError> {
    Currency::from_code(code).map_err(|error| ParseError::money(line, "Ccy", &error))
}
