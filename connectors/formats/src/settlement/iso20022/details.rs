//! The details of an entry, folded one after the other: what remains does not grow with them.

use super::charges::Charges;
use super::codes::{self, Guess};
use super::parties::Sides;
use crate::read::xml::Element;
use ledger::{Currency, Reference, ReferenceKind};
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// The most references of an entry.
const MOST_REFERENCES: usize = 1000;

/// The most bytes of an entry's text.
const MOST_TEXT: usize = 10_000;

/// Where the references of a detail stand, the most telling first.
const REFERENCES: &[(&str, ReferenceKind)] = &[
    ("EndToEndId", ReferenceKind::EndToEnd),
    ("UETR", ReferenceKind::EndToEnd),
    ("AcctOwnrTxId", ReferenceKind::Merchant),
    ("MndtId", ReferenceKind::Mandate),
    ("PmtInfId", ReferenceKind::Batch),
    ("MsgId", ReferenceKind::Batch),
    ("AcctSvcrRef", ReferenceKind::Bank),
    ("TxId", ReferenceKind::Bank),
    ("ClrSysRef", ReferenceKind::Bank),
    ("InstrId", ReferenceKind::Bank),
    ("AcctSvcrTxId", ReferenceKind::Bank),
    ("MktInfrstrctrTxId", ReferenceKind::Bank),
    ("ChqNb", ReferenceKind::Bank),
];

/// References, each once, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    list: Vec<Reference>,
    seen: BTreeSet<Reference>,
}

impl References {
    pub(super) fn take(&mut self, kind: ReferenceKind, text: Option<&str>) {
        let name = codes::name(text.unwrap_or_default());
        let Some(reference) = Reference::of(kind, &name) else {
            return;
        };
        if self.list.len() < MOST_REFERENCES && self.seen.insert(reference.clone()) {
            self.list.push(reference);
        }
    }

    fn append(&mut self, more: &Self) {
        for reference in &more.list {
            self.take(reference.kind, Some(&reference.text));
        }
    }

    pub(super) fn into_list(self) -> Vec<Reference> {
        self.list
    }
}

/// Free text, cut where it is too long.
#[derive(Clone, Debug, Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn take(&mut self, part: &str) {
        let part = part.trim();
        // Banks repeat the text of an only detail at the entry.
        if part.is_empty() || self.0.ends_with(part) || self.0.len() >= MOST_TEXT {
            return;
        }
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        if self.0.len() + part.len() <= MOST_TEXT {
            self.0.push_str(part);
            return;
        }
        for sign in part.chars() {
            if self.0.len() >= MOST_TEXT {
                break;
            }
            self.0.push(sign);
        }
        self.0.push('…');
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// What the details sum up to: those with a sign of their own apart from those with the entry's.
#[derive(Debug, Default)]
struct Sums {
    currency: Option<String>,
    signed: Decimal,
    unsigned: Decimal,
    is_unknown: bool,
}

impl Sums {
    fn take(&mut self, detail: &Element) -> Result<(), Guess> {
        let own = detail.child("Amt").is_some();
        let amount = detail
            .child("Amt")
            .or_else(|| detail.at(&["AmtDtls", "TxAmt", "Amt"]))
            .or_else(|| detail.at(&["AmtDtls", "InstdAmt", "Amt"]));
        let Some(amount) = amount else {
            self.is_unknown = true;
            return Ok(());
        };
        let size = codes::unsigned(&amount.text)?;
        let currency = amount.currency.clone().unwrap_or_default();
        let first = self.currency.get_or_insert_with(|| currency.clone());
        self.is_unknown |= *first != currency;
        let sign = if own {
            codes::may_be_debit(detail)?
        } else {
            None
        };
        let (sum, add) = match sign {
            Some(true) => (&mut self.signed, -size),
            Some(false) => (&mut self.signed, size),
            None => (&mut self.unsigned, size),
        };
        match sum.checked_add(add) {
            Some(total) => *sum = total,
            None => self.is_unknown = true,
        }
        Ok(())
    }

    fn total(&self, is_debit: bool, currency: Currency) -> Option<Decimal> {
        if self.is_unknown || self.currency.as_deref() != Some(currency.code()) {
            return None;
        }
        if is_debit {
            self.signed.checked_sub(self.unsigned)
        } else {
            self.signed.checked_add(self.unsigned)
        }
    }
}

/// All details of an entry.
#[derive(Debug, Default)]
pub(super) struct Details {
    count: u64,
    first: Option<Element>,
    references: References,
    batch: References,
    sums: Sums,
    pub(super) text: Text,
    pub(super) charges: Charges,
    pub(super) sides: Sides,
}

impl Details {
    /// Takes the next `TxDtls`.
    pub(super) fn take(&mut self, detail: Element) -> Result<(), Guess> {
        self.count += 1;
        refer(&detail, &mut self.references);
        describe(&detail, &mut self.text);
        self.charges.take(&detail)?;
        self.sums.take(&detail)?;
        self.sides.take(&detail);
        self.first = (self.count == 1).then_some(detail);
        Ok(())
    }

    /// Takes a `Btch`.
    pub(super) fn take_batch(&mut self, batch: &Element) {
        for name in ["PmtInfId", "MsgId"] {
            self.batch
                .take(ReferenceKind::Batch, batch.text_at(&[name]));
        }
    }

    /// The only one; a batch of several has none.
    pub(super) const fn only(&self) -> Option<&Element> {
        self.first.as_ref()
    }

    /// What they sum up to, signed, where all tell their amounts in this currency.
    pub(super) fn total(&self, is_debit: bool, currency: Currency) -> Option<Decimal> {
        self.sums.total(is_debit, currency)
    }

    /// The references of all: the batch first where they are several.
    pub(super) fn references(&self) -> References {
        let (first, second) = if self.count > 1 {
            (&self.batch, &self.references)
        } else {
            (&self.references, &self.batch)
        };
        let mut all = first.clone();
        all.append(second);
        all
    }
}

fn refer(detail: &Element, references: &mut References) {
    let structured = || detail.all("RmtInf").flat_map(|info| info.all("Strd"));
    for info in structured().flat_map(|structured| structured.all("CdtrRefInf")) {
        let reference = info.text_at(&["Ref"]);
        let reference = reference.or_else(|| info.text_at(&["CdtrRef"]));
        references.take(ReferenceKind::Remittance, reference);
    }
    let names = detail.child("Refs");
    let name = |name: &str| names.and_then(|names| names.text_at(&[name]));
    for (place, kind) in REFERENCES {
        references.take(*kind, name(place));
        // An invoice that we wrote tells more than what banks passed on.
        if *place == "EndToEndId" {
            for document in structured().flat_map(|structured| structured.all("RfrdDocInf")) {
                let number = document.text_at(&["Nb"]);
                let number = number.or_else(|| document.text_at(&["RfrdDocNb"]));
                references.take(ReferenceKind::Merchant, number);
            }
        }
    }
}

fn describe(detail: &Element, text: &mut Text) {
    for info in detail.all("RmtInf") {
        let structured = info.all("Strd").flat_map(|one| one.all("AddtlRmtInf"));
        for part in info.all("Ustrd").chain(structured) {
            text.take(&part.text);
        }
    }
    text.take(detail.text_at(&["AddtlTxInf"]).unwrap_or_default());
    if let Some(returned) = detail.child("RtrInf") {
        text.take(&reason(returned));
    }
}

/// Why money came back: `returned: AC04 ACCOUNT CLOSED`.
fn reason(returned: &Element) -> String {
    let code = ["Rsn", "RtrRsn"].iter().find_map(|reason| {
        let reason = returned.child(reason)?;
        reason
            .text_at(&["Cd"])
            .or_else(|| reason.text_at(&["Prtry"]))
    });
    let more = returned
        .all("AddtlInf")
        .chain(returned.all("AddtlRtrRsnInf"))
        .map(|more| more.text.trim());
    let parts: Vec<&str> = code.into_iter().chain(more).collect();
    if parts.is_empty() {
        return "returned".to_owned();
    }
    format!("returned: {}", parts.join(" "))
}
