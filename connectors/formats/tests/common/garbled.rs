//! Files that were spoilt with some knowledge of what files are made of: lines, fields, numbers, days,
//! quotes, brackets.

#![allow(dead_code, reason = "each test uses its own part of what is shared")]

use fastrand::Rng;

/// Numbers that somebody might not have thought of, and days.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "00000000000000000000000000000001",
    "9223372036854775807",
    "-9223372036854775808",
    "1000000000000000",
    "10000000000000.00",
    "10000000000000.01",
    "79228162514264337593543950335",
    "-79228162514264337593543950335",
    "0.0000000000000000000000000001",
    "99999999999999999999999999999999999999999999",
    "1e28",
    "1e-28",
    "1e999999999999",
    "4294967296",
    "260230",
    "991231",
    "0229",
    "9999-12-31",
    "0000-01-01",
    "+12345-01-01",
    "2026-02-30",
    "99991231",
];

/// Signs between which fields stand, in one format or another.
const BETWEEN: &[u8] = b",;\t|:/<>\"?{}[]= \n";

/// What is put somewhere.
const ODD: &[&str] = &[
    "\"",
    "'",
    "\u{feff}",
    "é",
    "\u{2028}",
    "\u{85}",
    "\0",
    "\r",
    "\r\n",
    "\n\n",
    "&",
    "&#x10FFFF;",
    "&lol;",
    "]]>",
    "<![CDATA[",
    "<!--",
    "<!DOCTYPE a>",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "/",
    "\\",
    "\\u0000",
    "null",
    "NaN",
    "-",
    "88,",
    "\n:61:",
    "\n:86:",
    "\n:20:",
    "\n:62F:",
    "</Ntry>",
    "<Ntry>",
    "<STMTTRN>",
    "</STMTRS>",
    "XXX",
    "JPY",
    "KWD",
    "DR",
    "CR",
    "RC",
];

/// A file that was spoilt in a few places, with parts of another one.
pub(crate) fn garbled(rng: &mut Rng, file: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..rng.usize(1..5) {
        match rng.u32(..14) {
            0 => bytes.truncate(rng.usize(..=bytes.len())),
            1 | 2 => flip(rng, &mut bytes),
            3 => splice(rng, &mut bytes, file),
            4 => splice(rng, &mut bytes, other),
            5 => lose_a_line(rng, &mut bytes),
            6 | 7 => swap_fields(rng, &mut bytes),
            8..=10 => number(rng, &mut bytes),
            11 => deep(rng, &mut bytes),
            12 => long(rng, &mut bytes),
            _ => {
                let odd = ODD[rng.usize(..ODD.len())];
                insert(rng, &mut bytes, odd.as_bytes());
            }
        }
    }
    bytes
}

fn insert(rng: &mut Rng, bytes: &mut Vec<u8>, more: &[u8]) {
    let at = rng.usize(..=bytes.len());
    bytes.splice(at..at, more.iter().copied());
}

fn flip(rng: &mut Rng, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = rng.usize(..bytes.len());
        bytes[at] = rng.u8(..);
    }
}

/// Where each line begins, and the end.
fn lines(bytes: &[u8]) -> Vec<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let begins = ends.map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(begins)
        .chain([bytes.len()])
        .collect()
}

/// Puts some lines of a file between two others.
fn splice(rng: &mut Rng, bytes: &mut Vec<u8>, from: &[u8]) {
    let (into, of) = (lines(bytes), lines(from));
    let at = into[rng.usize(..into.len())];
    let first = rng.usize(..of.len());
    let last = rng.usize(first..of.len());
    let more = &from[of[first]..of[last]];
    bytes.splice(at..at, more.iter().copied());
}

fn lose_a_line(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let all = lines(bytes);
    let at = rng.usize(..all.len() - 1);
    bytes.drain(all[at]..all[at + 1]);
}

/// Puts a field in another one's place.
fn swap_fields(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let sign = BETWEEN[rng.usize(..BETWEEN.len())];
    let fields: Vec<Vec<u8>> = bytes
        .split(|byte| *byte == sign)
        .map(<[u8]>::to_vec)
        .collect();
    let (one, two) = (rng.usize(..fields.len()), rng.usize(..fields.len()));
    let mut fields = fields;
    fields.swap(one, two);
    *bytes = fields.join(&sign);
}

/// Writes another number where one stands.
fn number(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let begins: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[*at - 1].is_ascii_digit()))
        .collect();
    if begins.is_empty() {
        return;
    }
    let from = begins[rng.usize(..begins.len())];
    let digits = bytes[from..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let to = from + digits.count();
    let number = NUMBERS[rng.usize(..NUMBERS.len())];
    bytes.splice(from..to, number.bytes());
}

/// Nests without end.
fn deep(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let part = ["[", "{\"a\":", "<a>", "<NtryDtls>", "{\"data\":["][rng.usize(..5)];
    let all = part.repeat(rng.usize(1..200));
    insert(rng, bytes, all.as_bytes());
}

/// Swells a line, sometimes beyond what is kept of it.
fn long(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let sign = [b"x", b" ", b"9", b",", b"\n", b"/"][rng.usize(..6)];
    let length = [40, 300, 400, 5_000, 100_001][rng.usize(..5)];
    insert(rng, bytes, &sign.repeat(length));
}
