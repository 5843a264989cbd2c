//! What a bank tells beside a movement, in SWIFT's field 86: every country divides it in its own way.
//!
//! A dialect is a row of `GRAMMARS`: by what it is recognised, how its text is divided into words
//! and what stands after each, and what each word is. What stands before the first word is part of
//! the purpose, what stands after an unknown one is left out.
//!
//! Lines are broken without regard to words: one of 64 characters or more runs on into the next. So
//! does a subfield of 27.

use super::plain::{joined, squeezed};
use ledger::{Reference, ReferenceKind};
use serde::Deserialize;

/// What stands after a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The bank's code of what moved.
    Code,
    /// What moved, in words.
    Posting,
    /// What it is for.
    Purpose,
    /// The purpose in ISO's structure: `USTD//text` or `STRD/issuer/reference`.
    Structured,
    /// Who is at the other end.
    Name,
    /// With which account.
    Account,
    /// At which bank.
    Bank,
    /// All three with strokes between them: account, bank, name.
    Party,
    /// Begins what is said of somebody behind the other end, up to the next party.
    Behind,
    /// Begins what is said of the other end.
    Front,
    /// What it refers to.
    Reference(ReferenceKind),
    /// What the customer paid, in another currency.
    Original,
    /// Nothing that is kept.
    Ignored,
}

/// How a bank divides the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// A code, then parts that two digits after a sign name: `166?00Transfer?20EREF+...`.
    Subfields,
    /// Words between strokes: `/EREF/.../REMI/...`.
    Keywords,
    /// No division.
    Free,
}

/// One way to divide the text.
struct Grammar {
    dialect: Dialect,
    recognises: fn(&str) -> bool,
    /// The lines as one text.
    join: fn(&[String]) -> String,
    /// The words in their order with what stands after each; the first may have none.
    divide: fn(&str, &[(&str, Part)]) -> Vec<(String, String)>,
    parts: &'static [(&'static str, Part)],
}

/// The dialects; the last one reads whatever the others do not recognise.
const GRAMMARS: &[Grammar] = &[
    Grammar {
        dialect: Dialect::Subfields,
        recognises: |text| sign_of(text).is_some(),
        join: |lines| lines.concat(),
        divide: subfields,
        parts: SUBFIELDS,
    },
    Grammar {
        dialect: Dialect::Keywords,
        recognises: |text| {
            let mut words = KEYWORDS.iter();
            text.trim_start().starts_with('/') && words.any(|(word, _)| text.contains(word))
        },
        join: unbroken,
        divide: words,
        parts: KEYWORDS,
    },
    Grammar {
        dialect: Dialect::Free,
        recognises: |_| true,
        join: unbroken,
        divide: |text, _| vec![("text".to_owned(), text.to_owned())],
        parts: &[("text", Part::Purpose)],
    },
];

/// Germany, Austria, Poland and others: a code, a sign, and two digits before each part.
const SUBFIELDS: &[(&str, Part)] = &[
    ("", Part::Code),
    ("00", Part::Posting),
    ("20", Part::Purpose),
    ("21", Part::Purpose),
    ("22", Part::Purpose),
    ("23", Part::Purpose),
    ("24", Part::Purpose),
    ("25", Part::Purpose),
    ("26", Part::Purpose),
    ("27", Part::Purpose),
    ("28", Part::Purpose),
    ("29", Part::Purpose),
    ("30", Part::Bank),
    ("31", Part::Account),
    ("32", Part::Name),
    ("33", Part::Name),
    ("60", Part::Purpose),
    ("61", Part::Purpose),
    ("62", Part::Purpose),
    ("63", Part::Purpose),
];

/// The Netherlands, and banks that follow SWIFT's own code words.
const KEYWORDS: &[(&str, Part)] = &[
    ("/EREF/", Part::Reference(ReferenceKind::EndToEnd)),
    ("/MARF/", Part::Reference(ReferenceKind::Mandate)),
    ("/MREF/", Part::Reference(ReferenceKind::Mandate)),
    ("/PREF/", Part::Reference(ReferenceKind::Batch)),
    ("/KREF/", Part::Reference(ReferenceKind::Batch)),
    ("/SREF/", Part::Reference(ReferenceKind::Bank)),
    ("/IREF/", Part::Reference(ReferenceKind::Merchant)),
    ("/REMI/", Part::Structured),
    ("/SVWZ/", Part::Purpose),
    ("/NAME/", Part::Name),
    ("/IBAN/", Part::Account),
    ("/BIC/", Part::Bank),
    ("/CNTP/", Part::Party),
    ("/BENM/", Part::Front),
    ("/ORDP/", Part::Front),
    ("/ULTB/", Part::Behind),
    ("/ULTC/", Part::Behind),
    ("/ULTD/", Part::Behind),
    ("/UDTR/", Part::Behind),
    ("/UCRD/", Part::Behind),
    ("/TRTP/", Part::Posting),
    ("/OCMT/", Part::Original),
    ("/RTRN/", Part::Purpose),
    ("/ADDR/", Part::Ignored),
    ("/CHGS/", Part::Ignored),
    ("/CSID/", Part::Ignored),
    ("/CTRY/", Part::Ignored),
    ("/EXCH/", Part::Ignored),
    ("/ID/", Part::Ignored),
    ("/ISDT/", Part::Ignored),
    ("/PURP/", Part::Ignored),
    ("/TRCD/", Part::Ignored),
];

/// The words that SEPA has within a purpose.
const SEPA: &[(&str, Part)] = &[
    ("EREF+", Part::Reference(ReferenceKind::EndToEnd)),
    ("KREF+", Part::Reference(ReferenceKind::Batch)),
    ("MREF+", Part::Reference(ReferenceKind::Mandate)),
    ("BREF+", Part::Reference(ReferenceKind::Bank)),
    ("SVWZ+", Part::Purpose),
    ("MTLG:", Part::Purpose),
    ("IBAN+", Part::Account),
    ("BIC+", Part::Bank),
    ("ABWA+", Part::Ignored),
    ("ABWE+", Part::Ignored),
    ("COAM+", Part::Ignored),
    ("CRED+", Part::Ignored),
    ("DEBT+", Part::Ignored),
    ("OAMT+", Part::Ignored),
    ("PURP+", Part::Ignored),
];

/// What stands where a reference would and is none.
const NO_REFERENCE: &[&str] = &[
    "EREF",
    "KREF+",
    "MARF",
    "NONREF",
    "NOREF",
    "NOTPROVIDED",
    "PREF",
];

/// The most characters of a reference. What is longer has a text after it, or is one.
const REFERENCE: usize = 35;

/// The most characters of a name with its account.
const PARTY: usize = 250;

/// A line of this many characters runs on into the next.
const FULL_LINE: usize = 64;

/// A subfield of this many characters runs on into the next.
const FULL_SUBFIELD: usize = 27;

/// What a text tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The bank's code of what moved.
    pub code: String,
    /// What moved, in words.
    pub posting: String,
    /// What it is for.
    pub purpose: String,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// Who is at the other end.
    pub name: String,
    /// With which account.
    pub account: String,
    /// At which bank.
    pub bank: String,
    /// What the customer paid, as it is written: `USD12,50`.
    pub original: String,
}

impl Told {
    /// Name and account of the other end; an account that is no IBAN is named with its bank.
    pub fn counterparty(&self) -> String {
        let is_national =
            |text: &str| !text.is_empty() && text.bytes().all(|sign| sign.is_ascii_digit());
        let account = match (self.account.as_str(), self.bank.as_str()) {
            ("", _) => String::new(),
            (account, bank) if !is_iban(account) && is_national(bank) => {
                format!("{bank}/{account}")
            }
            (account, _) => account.to_owned(),
        };
        party(&self.name, &account)
    }

    fn take(&mut self, part: Part, text: &str, is_behind: bool) {
        let text = squeezed(text);
        match part {
            Part::Code => self.code = text,
            Part::Posting => add(&mut self.posting, &text),
            Part::Purpose => add(&mut self.purpose, &text),
            Part::Name if !is_behind => add(&mut self.name, text.trim_matches('/')),
            Part::Account if !is_behind => first(&mut self.account, text.trim_matches('/')),
            Part::Bank if !is_behind => first(&mut self.bank, text.trim_matches('/')),
            Part::Party => {
                let mut parts = text.split('/');
                let mut next = || parts.next().unwrap_or_default().trim().to_owned();
                (self.account, self.bank, self.name) = (next(), next(), next());
            }
            Part::Reference(kind) => self.refers(kind, text.trim_end_matches('/')),
            Part::Original => text.trim_matches('/').clone_into(&mut self.original),
            Part::Name | Part::Account | Part::Bank => {}
            Part::Structured | Part::Front | Part::Behind | Part::Ignored => {}
        }
    }

    /// Takes a reference in ISO's structure; what is none is text.
    fn structured(&mut self, text: &str) -> String {
        let text = squeezed(text);
        let text = text.trim_end_matches('/');
        let structure = text.strip_prefix("STRD/");
        if let Some((_issuer, reference)) = structure.and_then(|rest| rest.split_once('/')) {
            self.refers(ReferenceKind::Remittance, reference);
            return String::new();
        }
        let text = text.strip_prefix("USTD/").unwrap_or(text);
        text.trim_start_matches('/').to_owned()
    }

    fn refers(&mut self, kind: ReferenceKind, text: &str) {
        let is_short = |text: &str| text.chars().count() <= REFERENCE;
        let (name, more) = match text.split_once(' ') {
            _ if is_short(text) => (text, ""),
            Some((name, more)) if is_short(name) => (name, more),
            _ => ("", text),
        };
        self.references.extend(reference(kind, name));
        add(&mut self.purpose, more);
    }
}

/// Name and account of somebody, cut where they are too long.
pub fn party(name: &str, account: &str) -> String {
    joined(&[name, account], ", ").chars().take(PARTY).collect()
}

/// A reference; none where the text says that there is none.
pub fn reference(kind: ReferenceKind, text: &str) -> Option<Reference> {
    let text = text.trim();
    let is_none = NO_REFERENCE.contains(&text.to_ascii_uppercase().as_str());
    // A single letter names nothing: banks fill the field with one.
    let is_filled = text.chars().nth(1).is_none();
    Reference::of(kind, if is_none || is_filled { "" } else { text })
}

/// Whether a text is an IBAN by its shape.
pub fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    (15..=34).contains(&bytes.len())
        && bytes.iter().take(2).all(u8::is_ascii_uppercase)
        && bytes.iter().skip(2).take(2).all(u8::is_ascii_digit)
        && bytes.iter().skip(4).all(u8::is_ascii_alphanumeric)
}

/// Reads the lines of a text; in the dialect that is given, or in the first one that recognises it.
pub fn read(lines: &[String], dialect: Option<Dialect>) -> Told {
    let beginning = lines.iter().find(|line| !line.trim().is_empty());
    let beginning = beginning.map_or("", String::as_str);
    let mut told = Told::default();
    let found = GRAMMARS.iter().find(|known| match dialect {
        Some(dialect) => known.dialect == dialect,
        None => (known.recognises)(beginning),
    });
    let Some(found) = found else {
        return told;
    };
    let text = (found.join)(lines);
    let mut purpose = String::new();
    let mut before = String::new();
    let mut is_behind = false;
    for (word, text) in (found.divide)(&text, found.parts) {
        let part = found.parts.iter().find(|(known, _)| *known == word);
        let otherwise = if word.is_empty() {
            Part::Purpose
        } else {
            Part::Ignored
        };
        let part = part.map_or(otherwise, |(_, part)| *part);
        match part {
            Part::Behind => is_behind = true,
            Part::Front | Part::Party => is_behind = false,
            _ => {}
        }
        match part {
            Part::Purpose => {
                if !follows(&before, &word) {
                    purpose.push(' ');
                }
                append(&mut purpose, &text);
                before = word;
            }
            Part::Structured => {
                purpose.push_str(&told.structured(&text));
                purpose.push(' ');
            }
            // A name of two subfields runs on like a purpose.
            Part::Name if found.dialect == Dialect::Subfields => append(&mut told.name, &text),
            part => told.take(part, &text, is_behind),
        }
    }
    told.name = squeezed(&told.name);
    for (word, text) in words(&purpose, SEPA) {
        let part = SEPA.iter().find(|(known, _)| *known == word);
        told.take(part.map_or(Part::Purpose, |(_, part)| *part), &text, false);
    }
    told
}

fn add(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more.trim());
}

fn first(text: &mut String, found: &str) {
    if text.is_empty() {
        found.clone_into(text);
    }
}

/// Whether a subfield of the purpose goes on with the one before: those from 60 follow the 29.
fn follows(before: &str, word: &str) -> bool {
    let number = |text: &str| text.parse::<u8>().ok();
    match (number(before), number(word)) {
        (Some(29), Some(60)) => true,
        (Some(before), Some(word)) => before + 1 == word,
        _ => true,
    }
}

/// Adds a subfield, which runs on where the one before was full. Its own length decides for the next
/// one: a full one adds nothing after itself, a shorter one a blank.
fn append(text: &mut String, part: &str) {
    text.push_str(part);
    if part.chars().count() < FULL_SUBFIELD {
        text.push(' ');
    }
}

fn unbroken(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        if line.chars().count() < FULL_LINE {
            text.push(' ');
        }
    }
    text
}

/// The sign before two digits that divides a text of subfields: after the bank's code of three
/// digits, or at the very beginning.
fn sign_of(text: &str) -> Option<char> {
    let text = text.trim_start();
    let numbers = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut signs = text.get(numbers..)?.chars();
    let sign = signs.next()?;
    let two = (signs.next()?, signs.next()?);
    let is_division = ['?', '>', '<', '~', '^', '|', '@'].contains(&sign)
        && (numbers == 0 || numbers == 3)
        && two.0.is_ascii_digit()
        && two.1.is_ascii_digit();
    is_division.then_some(sign)
}

fn subfields(text: &str, _parts: &[(&str, Part)]) -> Vec<(String, String)> {
    let sign = sign_of(text).unwrap_or('?');
    let mut pieces = text.trim_start().split(sign);
    let code = pieces.next().unwrap_or_default();
    // What is longer than a code is text of a bank that divides only some of its texts.
    let first = if code.trim().chars().count() > 3 {
        "20"
    } else {
        ""
    };
    let mut found = vec![(first.to_owned(), code.to_owned())];
    for piece in pieces {
        let (number, rest) = match (piece.get(..2), piece.get(2..)) {
            (Some(number), Some(rest)) => (number, rest),
            _ => ("", piece),
        };
        let is_number = number.len() == 2 && number.bytes().all(|sign| sign.is_ascii_digit());
        match found.last_mut() {
            // A sign without digits after it is part of the text.
            Some((_, text)) if !is_number => {
                text.push(sign);
                text.push_str(piece);
            }
            _ => found.push((number.to_owned(), rest.to_owned())),
        }
    }
    found
}

/// Divides a text at each of the words that occurs in it, in one pass.
fn words(text: &str, parts: &[(&str, Part)]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut word, mut begins) = ("", 0);
    let begins_word = |sign: u8| sign == b'/' || sign.is_ascii_uppercase();
    for (at, _) in text
        .bytes()
        .enumerate()
        .filter(|(_, sign)| begins_word(*sign))
    {
        let rest = text.get(at..).unwrap_or_default();
        let next = parts.iter().find(|(next, _)| rest.starts_with(next));
        if let Some((next, _)) = next.filter(|_| at >= begins) {
            let before = text.get(begins..at).unwrap_or_default();
            found.push((word.to_owned(), before.to_owned()));
            (word, begins) = (next, at + next.len());
        }
    }
    let last = text.get(begins..).unwrap_or_default();
    found.push((word.to_owned(), last.to_owned()));
    found
}
