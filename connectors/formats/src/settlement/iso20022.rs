//! What the bank messages of ISO 20022 share: camt.052, camt.053 and camt.054, versions .01 to .08
//! and newer, with or without prefixes and a namespace. The element under `Document` says which
//! message it is.
//!
//! A document is read entry by entry and an entry detail by detail: nothing grows with it but what is
//! kept of each entry of a statement to count equal ones (see `read::counted`).
//!
//! **Entries.** One line per booked `Ntry`; its details explain it and their sum need not be it.
//! `Amt` has no sign, `CdtDbtInd` signs it; an entry that takes one back (`RvslInd`) already shows the
//! movement and is not flipped again. A status other than BOOK (PDNG, INFO, FUTR) moved nothing yet
//! and makes no line. A sign, status or reversal flag that is none of its list is refused. Amounts
//! have the decimals of their currency (zeros may follow), or are refused. An entry in another
//! currency than the account's is told as a contradiction.
//!
//! **Charges.** A charge is part of an entry, so that its gross is the amount before it, where the
//! sender says so (`ChrgInclInd`), or where nothing is said and the sum of the details less all charges
//! is the entry. It stands beside the entry, and is none of its fees, where neither holds; where it
//! is in another currency; and where another bank took it (`Agt`, `Pty`) than the account's.
//! A tax on charges is its own part where `TtlChrgsAndTaxAmt` tells whether it is in the amounts.
//!
//! **Identity.** The bank's own reference (`AcctSvcrRef`, of the entry or of its only detail), day and
//! amount: text is left out, as banks send it again otherwise. Without a reference: what the entry
//! says, that is day, amount, all references, `NtryRef`, the other side and its text. `NtryRef` alone
//! names nothing: it counts within a statement, or is a contract's. Equal entries of a statement are
//! genuine and are counted.
//!
//! **Texts.** A batch has the references of all its details, the first thousand; its description is
//! cut after ten thousand bytes and its other side is told where all details name the same. The other
//! side is the creditor of a debit and the debtor of a credit, except where that is the account
//! itself, as in returns, which keep the parties of the original. The reason of a return
//! (`RtrInf`) stands in the description. Names that mean none (NOTPROVIDED, NONREF) are none.
//! Proprietary references are left out.
//!
//! **Foreign money.** The original is the first amount of `AmtDtls` in another currency than the
//! account's, and the rate is `XchgRate`. Banks disagree on which way they quote: the way in which the
//! original times the rate is the entry, within a tenth, is taken, turned round to ten decimals where
//! it has to be; a rate that fits neither way is left out, as is an original with too many decimals.
//!
//! **Statements.** Opening is OPBD or else PRCD, closing CLBD; of several the earliest and the last.
//! Interim balances (ITBD) are the ends of pages, and close a camt.052 where they prove themselves.
//! Days are as the sender wrote them, whatever zone stands behind. A statement reaches as far as
//! `FrToDt`, its booked balances and its lines say, but not by `FrToDt` beyond the day it was made,
//! nor to a midnight at which its last day ends; a `FrToDt` that is over before all of them is not
//! believed. Where an entry of a camt.052 or .054 names no day, it is that on which the message was
//! made. `MsgPgntn` numbers pages where a message has a single statement without pages of its own.
//! A report or notice without entries and currency says nothing, and is passed over.
//!
//! **Copies** (`CpyDplctInd`) are read like their originals and keep their identities, so that what
//! the books hold already is known again; nothing else tells them apart.

mod balances;
mod charges;
mod codes;
mod details;
mod draft;
mod entry;
mod exchange;
mod parties;

use super::{ParseError, Sink};
use crate::read::plain::squeezed;
use crate::read::xml::{self, Element, Step, Walk};
use chrono::NaiveDate;
use draft::Draft;
use ledger::{Basis, Page};
use quick_xml::events::Event;
use std::io::BufRead;

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    /// What its namespaces are called.
    name: &'static str,
    /// The element under `Document`; version .01 adds `V01`.
    root: &'static str,
    /// One account's part.
    part: &'static str,
    pagination: &'static str,
    basis: Basis,
}

/// camt.052.
pub(super) const REPORT: Message = Message {
    name: "camt.052",
    root: "BkToCstmrAcctRpt",
    part: "Rpt",
    pagination: "RptPgntn",
    basis: Basis::Interim,
};

/// camt.053.
pub(super) const STATEMENT: Message = Message {
    name: "camt.053",
    root: "BkToCstmrStmt",
    part: "Stmt",
    pagination: "StmtPgntn",
    basis: Basis::Final,
};

/// camt.054.
pub(super) const NOTICE: Message = Message {
    name: "camt.054",
    root: "BkToCstmrDbtCdtNtfctn",
    part: "Ntfctn",
    pagination: "NtfctnPgntn",
    basis: Basis::Notice,
};

/// Whether a text begins as this message does.
pub(super) fn recognises(message: &Message, head: &str) -> bool {
    begun(head).is_some_and(|found| found.name == message.name)
}

/// The message that a text begins: by the element under `Document`, or by the namespace of that.
fn begun(head: &str) -> Option<&'static Message> {
    const MESSAGES: [&Message; 3] = [&REPORT, &STATEMENT, &NOTICE];
    if !head.trim_start().starts_with('<') {
        return None;
    }
    let mut reader = quick_xml::Reader::from_reader(head.as_bytes());
    let mut spaces = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => {
                let name = xml::local(&start);
                let is_root = |message: &&&Message| name.starts_with(message.root);
                if let Some(found) = MESSAGES.iter().find(is_root) {
                    return Some(found);
                }
                spaces = (name == "Document").then(|| start.attributes_raw().to_owned());
            }
            // The head may end in the middle of anything.
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let spaces = spaces?;
    let named = |message: &&&Message| spaces.contains(message.name);
    MESSAGES.iter().find(named).copied()
}

/// What a message says of itself.
#[derive(Clone, Debug, Default)]
struct Header {
    identity: String,
    made_on: Option<NaiveDate>,
    page: Option<Page>,
}

impl Header {
    fn of(element: &Element) -> Self {
        Self {
            identity: squeezed(element.text_at(&["MsgId"]).unwrap_or_default()),
            made_on: element.text_at(&["CreDtTm"]).and_then(codes::day_of),
            page: element.child("MsgPgntn").and_then(codes::page),
        }
    }
}

/// Reads a document to its end.
pub(super) fn read(
    message: &'static Message,
    input: &mut dyn BufRead,
    out: &mut dyn Sink,
) -> Result<(), ParseError> {
    let mut walk = Walk::new(input);
    let mut header = Header::default();
    // The last statement waits: only at the end it is known to be the only one.
    let mut held: Option<Draft> = None;
    let mut number = 0;
    loop {
        match walk.step()? {
            Step::End => break,
            Step::Close => {}
            Step::Open(tag) if tag.name == "GrpHdr" => header = Header::of(&walk.element(&tag)?),
            Step::Open(tag) if tag.name == message.part => {
                let draft = Draft::read(message, &header, number, &mut walk, out)?;
                if draft.says_nothing() {
                    continue;
                }
                number += 1;
                if let Some(before) = held.replace(draft) {
                    before.close(None, out)?;
                }
            }
            Step::Open(_) => {}
        }
    }
    match held {
        Some(only) if number == 1 => only.close(header.page, out),
        Some(last) => last.close(None, out),
        None => {
            let what = format!("the document holds no statement (`{}`)", message.part);
            Err(ParseError::new(1, what))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test that cannot go on should say where"
    )]

    use super::*;
    use ledger::{SettlementLine, Statement};
    use std::cell::Cell;
    use std::io::{self, Read};
    use std::rc::Rc;

    /// A document that is made while it is read.
    struct Made<I> {
        parts: I,
        held: Vec<u8>,
        so_far: Rc<Cell<u64>>,
    }

    impl<I: Iterator<Item = String>> Read for Made<I> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let read = self.fill_buf()?.read(out)?;
            self.consume(read);
            Ok(read)
        }
    }

    impl<I: Iterator<Item = String>> BufRead for Made<I> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            if self.held.is_empty() {
                self.held = self.parts.next().unwrap_or_default().into_bytes();
                let more = u64::try_from(self.held.len()).unwrap();
                self.so_far.set(self.so_far.get() + more);
            }
            Ok(&self.held)
        }

        fn consume(&mut self, amount: usize) {
            self.held.drain(..amount);
        }
    }

    /// Counts lines, and how far the document was made when each came.
    #[derive(Default)]
    struct Counting {
        made: Rc<Cell<u64>>,
        lines: u64,
        ahead: u64,
        references: usize,
        verdict: String,
        total: i64,
    }

    impl Sink for Counting {
        fn line(&mut self, _statement: usize, line: SettlementLine) -> Result<(), ParseError> {
            let end = line.place.offset + line.place.length;
            self.ahead = self.ahead.max(self.made.get() - end);
            self.lines += 1;
            self.references = line.references.len();
            self.total += line.net.amount();
            Ok(())
        }

        fn statement(&mut self, _number: usize, statement: Statement) -> Result<(), ParseError> {
            let closing = statement.closing.unwrap().amount();
            let closes = statement.opening.unwrap().amount() + self.total == closing;
            self.verdict = if closes { "closes" } else { "does not close" }.to_owned();
            Ok(())
        }
    }

    fn counted(parts: impl Iterator<Item = String>) -> Counting {
        let made = Rc::default();
        let mut input = Made {
            parts,
            held: Vec::new(),
            so_far: Rc::clone(&made),
        };
        let mut out = Counting {
            made,
            ..Counting::default()
        };
        read(&STATEMENT, &mut input, &mut out).unwrap();
        out
    }

    fn wrapped(inside: impl Iterator<Item = String>, closing: u32) -> impl Iterator<Item = String> {
        let balance = |code: &str, amount: u32| {
            format!(
                "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount}</Amt>\
                 <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-01-05</Dt></Dt></Bal>"
            )
        };
        let head = "<Document><BkToCstmrStmt><Stmt><Id>1</Id><Acct><Id><IBAN>X</IBAN></Id></Acct>";
        let tail = "</Stmt></BkToCstmrStmt></Document>";
        let ends = format!("{}{}", balance("OPBD", 0), balance("CLBD", closing));
        std::iter::once(head.to_owned())
            .chain(inside)
            .chain([ends, tail.to_owned()])
    }

    const ENTRY: &str = "<Ntry><Amt Ccy='EUR'>1</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>\
        <BookgDt><Dt>2026-01-05</Dt></BookgDt>";

    #[test]
    fn a_long_statement_is_read_entry_by_entry() {
        let entries = (0..20_000).map(|_| format!("{ENTRY}</Ntry>\n"));
        let found = counted(wrapped(entries, 20_000));
        assert_eq!((found.lines, found.verdict.as_str()), (20_000, "closes"));
        assert!(found.ahead < 1000, "{} bytes ahead", found.ahead);
    }

    #[test]
    fn a_batch_may_be_larger_than_what_is_held() {
        let detail = |number: u32| {
            format!(
                "<TxDtls><Refs><EndToEndId>E-{number}</EndToEndId></Refs><RmtInf><Ustrd>{}\
                 </Ustrd></RmtInf></TxDtls>",
                "é".repeat(70)
            )
        };
        let opened = std::iter::once(format!("{ENTRY}<NtryDtls>"));
        let closed = std::iter::once("</NtryDtls></Ntry>".to_owned());
        let details = (0..20_000).map(detail);
        let found = counted(wrapped(opened.chain(details).chain(closed), 1));
        assert_eq!((found.lines, found.verdict.as_str()), (1, "closes"));
        assert_eq!(found.references, 1000);
        assert!(found.made.get() > 2 * xml::MAX_ELEMENT);
    }

    #[test]
    fn the_message_decides_and_not_what_is_told_about_it() {
        let space = |name: &str| format!("xmlns='urn:iso:std:iso:20022:tech:xsd:{name}'");
        let (old, new) = (space("camt.052.001.02"), space("camt.053.001.08"));
        for (head, wanted) in [
            (format!("<Document {new}><BkToCstmrStmt>"), Some("camt.053")),
            (
                format!("<!-- was camt.052.001.02 --><Document {new}>"),
                Some("camt.053"),
            ),
            (format!("<Document {old}><BkToCstmrStmt"), Some("camt.052")),
            (format!("<Document {old}><BkToCstmrStmt>"), Some("camt.053")),
            ("<BkToCstmrAcctRptV01>".to_owned(), Some("camt.052")),
            ("\n<n:BkToCstmrDbtCdtNtfctn>".to_owned(), Some("camt.054")),
            (
                format!(
                    "<Document {}><AcctRptgReq><ReqdMsgNmId>camt.053.001.02<",
                    space("camt.060.001.03")
                ),
                None,
            ),
            ("camt.053.001.02".to_owned(), None),
        ] {
            let found = begun(&head).map(|message| message.name);
            assert_eq!(found, wanted, "{head}");
        }
    }
}
