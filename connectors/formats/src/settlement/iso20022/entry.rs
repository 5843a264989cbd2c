//! An entry: read part by part, then made a line.

use super::charges::Charges;
use super::codes::{self, Guess};
use super::details::Details;
use super::exchange;
use super::parties::Party;
use crate::error::ParseError;
use crate::read::counted::Repeats;
use crate::read::plain::squeezed;
use crate::read::xml::{Element, MAX_ELEMENT, Step, Tag, Walk};
use crate::settlement::movements;
use chrono::NaiveDate;
use ledger::encode::Encoder;
use ledger::{Currency, Money, Movement, Place, Reference, ReferenceKind, SettlementLine};

/// What each sub-family of ISO's bank transaction codes is, whatever its family.
const SUB_FAMILIES: &[(&str, Movement)] = &[
    ("CHRG", Movement::Fee),
    ("COMM", Movement::Fee),
    ("COME", Movement::Fee),
    ("COMI", Movement::Fee),
    ("COMT", Movement::Fee),
    ("FEES", Movement::Fee),
    ("ADJT", Movement::Adjustment),
    ("CAJT", Movement::Adjustment),
    ("DAJT", Movement::Adjustment),
    ("TAXE", Movement::Tax),
];

/// What each family is where its sub-family says nothing, where money came and where it went: a direct
/// debit of ours that goes back was disputed. A code that is in neither list is `Other`.
const FAMILIES: &[(&str, Movement, Movement)] = &[
    ("RCDT", Movement::Transfer, Movement::Transfer),
    ("ICDT", Movement::Transfer, Movement::Transfer),
    ("RRCT", Movement::Transfer, Movement::Transfer),
    ("IRCT", Movement::Transfer, Movement::Transfer),
    ("RDDT", Movement::Transfer, Movement::Transfer),
    ("IDDT", Movement::Charge, Movement::Dispute),
    ("MCRD", Movement::Charge, Movement::Charge),
];

/// What an entry needs to know of its statement.
#[derive(Debug)]
pub(super) struct About<'d> {
    pub(super) owner: Party,
    pub(super) servicer: &'d str,
    /// The day of an entry that names none.
    pub(super) day: Option<NaiveDate>,
}

/// An entry while its parts come in.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    position: u64,
    head: Element,
    /// The bytes of its head.
    held: u64,
    details: Details,
}

impl Entry {
    /// Reads an entry to its end.
    pub(super) fn read(walk: &mut Walk<'_>, tag: &Tag, position: u64) -> Result<Self, ParseError> {
        let mut entry = Self {
            place: tag.begins,
            position,
            head: Element::default(),
            held: 0,
            details: Details::default(),
        };
        entry.parts(walk)?;
        entry.place = walk.since(tag.begins);
        Ok(entry)
    }

    fn parts(&mut self, walk: &mut Walk<'_>) -> Result<(), ParseError> {
        while let Step::Open(tag) = walk.step()? {
            let line = tag.begins.line;
            let at = |error: Guess, position: u64| {
                ParseError::new(line, format!("entry {position}: {error}"))
            };
            // Version .01 knows no `NtryDtls`, and has both at the entry.
            match tag.name.as_str() {
                "NtryDtls" => self.parts(walk)?,
                "TxDtls" => {
                    let detail = walk.element(&tag)?;
                    let taken = self.details.take(detail);
                    taken.map_err(|error| at(error, self.position))?;
                }
                "Btch" => self.details.take_batch(&walk.element(&tag)?),
                "SplmtryData" => walk.skip()?,
                _ => {
                    let part = walk.element(&tag)?;
                    self.held += walk.since(tag.begins).length;
                    if self.held > MAX_ELEMENT {
                        let what = format!("more than {MAX_ELEMENT} bytes beside its details");
                        return Err(at(Guess(what), self.position));
                    }
                    self.head.push(tag.name, part);
                }
            }
        }
        Ok(())
    }

    fn error(&self, what: impl std::fmt::Display) -> ParseError {
        let position = self.position;
        ParseError::new(self.place.line, format!("entry {position}: {what}"))
    }

    /// Whether it moved money, and which way.
    pub(super) fn direction(&self) -> Result<Option<bool>, ParseError> {
        let refused = |error: Guess| self.error(error);
        if !codes::is_booked(&self.head).map_err(refused)? {
            return Ok(None);
        }
        let is_debit = codes::is_debit(&self.head).map_err(refused)?;
        // Its sign already shows the movement; a word that is neither may mean that it does not.
        codes::flag(&self.head, "RvslInd").map_err(refused)?;
        Ok(Some(is_debit))
    }

    /// Its currency.
    pub(super) fn currency(&self) -> Result<&str, ParseError> {
        let amount = self
            .head
            .child("Amt")
            .ok_or_else(|| self.error("it has no `Amt`"))?;
        amount
            .currency
            .as_deref()
            .ok_or_else(|| self.error("its `Amt` names no currency (`Ccy`)"))
    }

    /// The same, where it is told.
    pub(super) fn told_currency(&self) -> Option<&str> {
        self.head.child("Amt")?.currency.as_deref()
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The line of a booked entry in the account's currency.
    pub(super) fn line(
        self,
        is_debit: bool,
        currency: Currency,
        about: &About<'_>,
        repeats: &mut Repeats,
    ) -> Result<SettlementLine, ParseError> {
        let net = self.net(is_debit, currency)?;
        let day = |name: &str| self.head.child(name).and_then(codes::day_in);
        let value_on = day("ValDt");
        let booked_on = day("BookgDt").or(value_on).or(about.day);
        let booked_on = booked_on.ok_or_else(|| self.error("it has no booking date"))?;
        let fees = self.fees(is_debit, net, about)?;
        let fee = fees
            .iter()
            .fold(0_i64, |sum, part| sum.saturating_add(part.amount.amount()));
        let gross = Money::minor(net.amount().saturating_add(fee), currency);
        let original = exchange::original(&self.head, self.details.only(), net);
        let counterparty = self.details.sides.other(is_debit, &about.owner);
        let mut text = self.details.text.clone();
        text.take(self.head.text_at(&["AddtlNtryInf"]).unwrap_or_default());
        let description = text.into_string();
        let references = self.references();
        let bank = self.bank_reference();
        let said = [
            self.head.text_at(&["NtryRef"]).unwrap_or_default(),
            &counterparty,
            &description,
        ];
        let identity = identity(&bank, (net, booked_on), &references, said, repeats);
        Ok(SettlementLine {
            references,
            gross,
            fee: Money::minor(fee, currency),
            fees,
            original: original.map(|(amount, _)| amount),
            rate: original.and_then(|(_, rate)| rate),
            value_on,
            counterparty,
            description,
            ..SettlementLine::new(
                identity,
                self.place,
                (self.movement(is_debit), &self.code(is_debit)),
                net,
                booked_on,
            )
        })
    }

    fn net(&self, is_debit: bool, currency: Currency) -> Result<Money, ParseError> {
        let amount = self.head.child("Amt").map(|amount| amount.text.as_str());
        let size = codes::unsigned(amount.unwrap_or_default());
        let size = size.map_err(|error| self.error(error))?;
        let size = Money::exact(size, currency);
        let size = size.map_err(|error| self.error(format!("`Amt`: {error}")))?;
        let sign = if is_debit { -1 } else { 1 };
        Ok(Money::minor(sign * size.amount(), currency))
    }

    /// Charges of the entry are those of its details again.
    fn fees(
        &self,
        is_debit: bool,
        net: Money,
        about: &About<'_>,
    ) -> Result<Vec<ledger::FeePart>, ParseError> {
        let mut own = Charges::default();
        own.take(&self.head).map_err(|error| self.error(error))?;
        let charges = if own.is_empty() {
            &self.details.charges
        } else {
            &own
        };
        let details = self.details.total(is_debit, net.currency());
        charges
            .deducted(net, details, about.servicer)
            .map_err(|error| self.error(error))
    }

    fn references(&self) -> Vec<Reference> {
        let mut references = self.details.references();
        references.take(ReferenceKind::Bank, self.head.text_at(&["AcctSvcrRef"]));
        references.into_list()
    }

    /// The bank's own name of it.
    fn bank_reference(&self) -> String {
        let own = codes::name(self.head.text_at(&["AcctSvcrRef"]).unwrap_or_default());
        if !own.is_empty() {
            return own;
        }
        let only = self.details.only();
        let only = only.and_then(|only| only.text_at(&["Refs", "AcctSvcrRef"]));
        codes::name(only.unwrap_or_default())
    }

    fn transaction_code(&self) -> Option<&Element> {
        let told = |code: &&Element| code.child("Domn").is_some() || code.child("Prtry").is_some();
        self.head
            .child("BkTxCd")
            .filter(told)
            .or_else(|| self.details.only()?.child("BkTxCd"))
    }

    /// The bank's own word: its transaction code, or which way the money went.
    fn code(&self, is_debit: bool) -> String {
        let code = self.transaction_code();
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
        let own = at(&["Prtry", "Cd"]).map(squeezed);
        own.unwrap_or_else(|| if is_debit { "debit" } else { "credit" }.to_owned())
    }

    fn movement(&self, is_debit: bool) -> Movement {
        let family = self
            .transaction_code()
            .and_then(|code| code.at(&["Domn", "Fmly"]));
        let at = |name: &str| family.and_then(|family| family.text_at(&[name]));
        let of_family = |known: &str| at("Cd") == Some(known);
        match movements::of(SUB_FAMILIES, at("SubFmlyCd").unwrap_or_default()) {
            Movement::Other => movements::by_way(FAMILIES, of_family, !is_debit),
            movement => Some(movement),
        }
        .unwrap_or(Movement::Other)
    }
}

/// The bank's own reference with its amount and day, or what the entry says; equal ones are counted.
fn identity(
    bank: &str,
    (net, booked_on): (Money, NaiveDate),
    references: &[Reference],
    said: [&str; 3],
    repeats: &mut Repeats,
) -> String {
    let mut encoder = Encoder::new("tieout.bank-line.v2");
    encoder.text(bank);
    encoder.money(net);
    encoder.value(booked_on);
    if bank.is_empty() {
        for reference in references {
            encoder.text(reference.kind.name());
            encoder.text(&reference.text);
        }
        for text in said {
            encoder.text(text);
        }
    }
    let content = encoder.finish().short();
    repeats.name(if bank.is_empty() {
        content
    } else {
        format!("{bank}#{content}")
    })
}
