//! What a file is, for people whose file is not what is wanted.
//!
//! A refusal that says what lies there (an intraday report, a table with semicolons, a PDF) tells
//! its reader what to do; nothing here decides how a file is read.

use super::plain::shown;
use super::text;
use quick_xml::events::Event;

/// Messages of ISO 20022 that are met where a bank statement is wanted.
const MESSAGES: &[(&str, &str)] = &[
    ("camt.052", "an intraday account report"),
    ("camt.053", "a bank statement"),
    ("camt.054", "a debit and credit notification"),
    ("camt.060", "a request for a report; a camt.053 is wanted"),
    ("pain.001", "a payment order; a camt.053 is wanted"),
    (
        "pain.002",
        "the status of a payment order; a camt.053 is wanted",
    ),
    ("pain.008", "a direct debit order; a camt.053 is wanted"),
];

/// How files that are no text begin.
const MAGIC: &[(&[u8], &str)] = &[
    (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd file; unpack it first"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel workbook (XLS); save it as CSV",
    ),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"SQLite format 3\0", "a SQLite database"),
];

/// As many columns of a table are named.
const COLUMNS: usize = 16;

/// What is shorter is a whole file.
const BEGINNING: usize = 64 << 10;

/// What a file is, in a few words: `XML with the root …`, `CSV separated by …`, `a PDF`.
pub fn describe(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    if let Some(what) = binary(bytes) {
        return what.to_owned();
    }
    let text = match text::decode(whole_signs(bytes)) {
        Ok(text) => text,
        Err(error) => return format!("no text: {error}"),
    };
    let start = text.trim_start();
    if start.starts_with('<') {
        return xml(start);
    }
    if start.starts_with(['{', '[']) && !start.starts_with("{1:") {
        return "JSON".to_owned();
    }
    if start.starts_with("OFXHEADER") {
        return "OFX, a download of bank or card statements".to_owned();
    }
    if start.starts_with("{1:") || start.starts_with(":20:") {
        return "a SWIFT message, a bank statement (MT940) or its kin".to_owned();
    }
    if start.starts_with("01,") && start.contains("\n02,") {
        return "a bank statement by BAI (BAI2)".to_owned();
    }
    table(start)
}

/// Bytes up to their last whole sign, for they may be the beginning of a longer file.
fn whole_signs(bytes: &[u8]) -> &[u8] {
    let is_cut = |at: usize| bytes.len() >= BEGINNING && bytes.len() - at < 4;
    match text::decode(bytes) {
        Err(error) if is_cut(error.offset) => bytes.get(..error.offset).unwrap_or(bytes),
        _ => bytes,
    }
}

/// What a file is that is no text, by how it begins.
pub fn binary(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"PK\x03\x04") {
        return Some(zip(bytes));
    }
    let known = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    known.map(|(_, what)| *what)
}

fn zip(bytes: &[u8]) -> &'static str {
    let head = bytes.get(..bytes.len().min(64 << 10)).unwrap_or_default();
    let workbook = head.windows(3).any(|three| three == b"xl/");
    if workbook {
        "an Excel workbook (XLSX); save it as CSV"
    } else {
        "a ZIP archive; unpack it first"
    }
}

fn xml(text: &str) -> String {
    let mut reader = quick_xml::Reader::from_reader(text.as_bytes());
    let (root, spaces) = loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => {
                let spaces: Vec<String> = start
                    .attributes()
                    // Looking for doubles among a million of them takes hours.
                    .with_checks(false)
                    .flatten()
                    .filter(|attribute| attribute.key.as_ref().starts_with("xmlns"))
                    .map(|attribute| attribute.value.into_owned())
                    .collect();
                break (start.local_name().as_ref().to_owned(), spaces);
            }
            Ok(Event::Eof) => return "XML without an element".to_owned(),
            Err(error) => return format!("no XML: {error}"),
            Ok(_) => {}
        }
    };
    if root.eq_ignore_ascii_case("html") {
        return "an HTML page; the download may have asked for a login".to_owned();
    }
    let message = spaces.iter().find_map(|space| {
        let name = space.rsplit(':').next()?;
        MESSAGES
            .iter()
            .find(|(message, _)| name.starts_with(message))
    });
    if let Some((message, what)) = message {
        return format!("{message}, {what}");
    }
    let space = spaces.first().map_or_else(
        || "no namespace".to_owned(),
        |space| format!("the namespace `{}`", shown(space)),
    );
    format!("XML with the root `{}` and {space}", shown(&root))
}

fn table(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let separators = [
        (',', "commas"),
        (';', "semicolons"),
        ('\t', "tabs"),
        ('|', "bars"),
    ];
    let most = separators
        .iter()
        .map(|(sign, name)| (first.matches(*sign).count(), *sign, *name))
        .max_by_key(|(count, _, _)| *count);
    let Some((count, sign, name)) = most.filter(|(count, _, _)| *count > 0) else {
        return format!("text that begins `{}`", shown(first));
    };
    let columns: Vec<String> = first
        .split(sign)
        .take(COLUMNS)
        .map(|column| format!("`{}`", shown(column.trim().trim_matches('"'))))
        .collect();
    let more = if count + 1 > COLUMNS { ", …" } else { "" };
    format!(
        "CSV separated by {name} with the columns {}{more}",
        columns.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_what_they_are() {
        let camt = |version: &str| {
            format!(
                "<?xml version=\"1.0\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{version}\"/>"
            )
        };
        for (bytes, expected) in [
            (Vec::new(), "an empty file"),
            (b"%PDF-1.7".to_vec(), "a PDF"),
            (
                b"PK\x03\x04....xl/workbook.xml".to_vec(),
                "an Excel workbook (XLSX); save it as CSV",
            ),
            (
                b"PK\x03\x04....a.csv".to_vec(),
                "a ZIP archive; unpack it first",
            ),
            (b"\x1f\x8b\x08".to_vec(), "a gzip file; unpack it first"),
            (
                camt("camt.052.001.08").into_bytes(),
                "camt.052, an intraday account report",
            ),
            (
                camt("camt.053.001.02").into_bytes(),
                "camt.053, a bank statement",
            ),
            (
                b"<!doctype html><html lang='de'>".to_vec(),
                "an HTML page; the download may have asked for a login",
            ),
            (
                b"<a:list xmlns:a='urn:own'>".to_vec(),
                "XML with the root `list` and the namespace `urn:own`",
            ),
            (
                b"<list>".to_vec(),
                "XML with the root `list` and no namespace",
            ),
            (b"{\"id\": 1}".to_vec(), "JSON"),
            (
                b":20:STMT".to_vec(),
                "a SWIFT message, a bank statement (MT940) or its kin",
            ),
            (
                "\u{feff}Datum;\"Betrag\";Text\r\n".as_bytes().to_vec(),
                "CSV separated by semicolons with the columns `Datum`, `Betrag`, `Text`",
            ),
            (
                b"01,A,B,260102,0800,1,,,2/\n02,".to_vec(),
                "a bank statement by BAI (BAI2)",
            ),
            (b"hello\nworld".to_vec(), "text that begins `hello`"),
        ] {
            assert_eq!(describe(&bytes), expected);
        }
        let told = describe(b"a\n\xff\xff");
        assert!(told.starts_with("no text: line 2:"), "{told}");
    }
}
