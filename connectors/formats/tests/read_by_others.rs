//! The files that we write, read by programs of other people, or by a strict reader where there is none: each finds
//! what the entries say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{case, fixtures};
use formats::erp::{ExportBatch, FileKind};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Debits less credits by account number and day, without what is nothing.
type Sums = BTreeMap<(String, String), Decimal>;

fn add(sums: &mut Sums, account: &str, day: &str, amount: Decimal) {
    let key = (account.to_owned(), day.to_owned());
    *sums.entry(key).or_default() += amount;
}

fn settled(mut sums: Sums) -> Sums {
    sums.retain(|_, sum| !sum.is_zero());
    sums
}

/// What the entries say, under the numbers that the options give the accounts.
fn said(batch: &ExportBatch, options: &Value) -> Sums {
    let mut sums = Sums::new();
    for item in &batch.entries {
        let header = item.entry.header();
        for line in item.entry.lines() {
            let number = options["accounts"][&line.account].as_str().unwrap();
            let mut amount = line.functional.to_decimal();
            amount.set_sign_negative(line.side == ledger::Side::Credit);
            add(&mut sums, number, &header.date.to_string(), amount);
        }
    }
    settled(sums)
}

/// Every case of a kind: its name, the batch, the options, and the files that were written.
fn cases(kind: &str) -> Vec<(String, ExportBatch, Value, BTreeMap<String, Vec<u8>>)> {
    let folders = std::fs::read_dir(fixtures("erp").join(kind)).unwrap();
    let cases = folders.map(|folder| {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (options, batch) = case(&folder);
        let format = FileKind::find(kind).unwrap().open(options.clone()).unwrap();
        let artifact = format.artifact(&batch).unwrap();
        let mut files = BTreeMap::new();
        if artifact.bytes.starts_with(b"PK\x03\x04") {
            let bytes = std::io::Cursor::new(artifact.bytes);
            let mut archive = zip::ZipArchive::new(bytes).unwrap();
            for place in 0..archive.len() {
                let mut file = archive.by_index(place).unwrap();
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).unwrap();
                files.insert(file.name().unwrap().to_string(), bytes);
            }
        } else {
            files.insert(artifact.name, artifact.bytes);
        }
        (name, batch, options, files)
    });
    let cases: Vec<_> = cases.collect();
    assert!(cases.len() > 2, "{kind} has its cases");
    cases
}

/// What a script says of files, with the readers of other people at hand: lines of account, day and amount.
fn read_in_python(script: &str, case: &str, files: &BTreeMap<String, Vec<u8>>) -> Sums {
    let folder = std::env::temp_dir().join(format!("tieout-read-{case}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let paths: Vec<PathBuf> = files.keys().map(|name| folder.join(name)).collect();
    for (path, bytes) in paths.iter().zip(files.values()) {
        std::fs::write(path, bytes).unwrap();
    }
    let tools = std::env::var_os("TIEOUT_TOOLS").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/tieout-tools"),
        PathBuf::from,
    );
    let output = Command::new("python3")
        .env("PYTHONPATH", tools.join("readers"))
        .arg("-c")
        .arg(script)
        .args(&paths)
        .output()
        .expect("python3 is missing; `make test` installs it");
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !said.contains("ModuleNotFoundError"),
        "a reader is missing; `make test` installs it: {said}"
    );
    assert!(output.status.success(), "{case}: {said}");
    let mut sums = Sums::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [account, day, amount] = words[..] else {
            panic!("{line}");
        };
        add(&mut sums, account, day, amount.parse().unwrap());
    }
    settled(sums)
}

/// The text of bytes in a charset, as the system's own tables have it.
fn decoded(charset: &str, bytes: &[u8]) -> String {
    let mut child = Command::new("iconv")
        .args(["-f", charset, "-t", "UTF-8"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("iconv is missing; it comes with the C library");
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "not in {charset}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_strict_reader_finds_the_entries_in_datev_files() {
    let script = "\
import sys
from mloda.community.feature_groups.experimental.german_ledger.datev import read_batch
for path in sys.argv[1:]:
    header, legs = read_batch(path)
    for account, day, amount in zip(legs['Konto'], legs['Buchungsdatum'], legs['Betrag']):
        print(account, day, amount)
";
    for (name, batch, options, files) in cases("datev") {
        let found = read_in_python(script, &format!("datev-{name}"), &files);
        assert_eq!(found, said(&batch, &options), "{name}");
        for bytes in files.values() {
            let text = decoded("CP1252", bytes);
            assert!(text.contains("Geschäftspartnerbank"));
            datev_rows(&text);
        }
    }
}

/// What the strict reader does not look at: the number of fields, which of them are quoted, and the amounts' shape.
fn datev_rows(text: &str) {
    let rows: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    let header = rows[0].split(';').count();
    assert_eq!(header, 31);
    assert_eq!(rows[1].split(';').count(), 125);
    for row in &rows[2..] {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(b';')
            .has_headers(false)
            .from_reader(row.as_bytes());
        let fields: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(fields.len(), 1, "one record, one line: {row}");
        let fields = &fields[0];
        assert_eq!(fields.len(), 125);
        let (whole, cents) = fields[0].split_once(',').unwrap();
        assert!((1..=10).contains(&whole.len()) && cents.len() == 2, "{row}");
        assert_ne!(&fields[0], "0,00");
        assert_ne!(&fields[6], &fields[7], "an account against itself");
        assert!(fields[10].chars().count() <= 36 && fields[13].chars().count() <= 60);
        assert!(
            matches!(&fields[113], "0" | "1"),
            "empty would lock for good"
        );
        assert!(!row.contains(char::is_control), "{row}");
    }
}

/// A record of a SIE file: its name and its fields, objects as one field.
fn sie_record(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (field, after) = if let Some(text) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut signs = text.char_indices();
            let end = loop {
                match signs.next().expect("a quote that does not end") {
                    (_, '\\') => field.push(signs.next().unwrap().1),
                    (end, '"') => break end,
                    (_, sign) => field.push(sign),
                }
            };
            (field, &text[end + 1..])
        } else if let Some(list) = rest.strip_prefix('{') {
            let mut is_text = false;
            let mut before = ' ';
            let end = list.find(|sign| {
                is_text ^= sign == '"' && before != '\\';
                before = sign;
                sign == '}' && !is_text
            });
            let end = end.expect("a list of objects that does not end");
            (list[..end].to_owned(), &list[end + 1..])
        } else {
            let end = rest.find(' ').unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        fields.push(field);
        rest = after;
        if !rest.is_empty() {
            rest = rest.strip_prefix(' ').expect("a blank between fields");
        }
    }
    fields
}

/// What a verification may name, as it was declared before.
#[derive(Default)]
struct Declared {
    year: (String, String),
    accounts: BTreeSet<String>,
    objects: BTreeSet<(String, String)>,
    numbers: BTreeSet<String>,
}

/// Reads a SIE 4I file by its specification, strictly: the order of the records, what each must have, sums of nothing.
fn read_sie(text: &str, sums: &mut Sums) {
    let lines: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    let begins = [
        "#FLAGGA 0",
        "#PROGRAM ",
        "#FORMAT PC8",
        "#GEN ",
        "#SIETYP 4",
        "#ORGNR ",
        "#FNAMN ",
        "#RAR 0 ",
    ];
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line} is not {begin}");
    }
    let order = [
        "#KPTYP", "#VALUTA", "#KONTO", "#KTYP", "#DIM", "#OBJEKT", "#VER",
    ];
    let mut declared = Declared::default();
    let mut lines = lines[begins.len() - 1..].iter();
    let mut last = 0;
    while let Some(line) = lines.next() {
        assert!(!line.contains(char::is_control), "{line}");
        let fields = sie_record(line);
        let place = order.iter().position(|name| *name == fields[0]);
        // A type stands behind its account.
        let place = place.map_or(0, |place| if place == 3 { 2 } else { place });
        assert!(place >= last, "{line} stands too late");
        last = place;
        match fields[0].as_str() {
            "#RAR" => declared.year = (fields[2].clone(), fields[3].clone()),
            "#KONTO" => assert!(declared.accounts.insert(fields[1].clone()), "{line}"),
            "#KTYP" => assert!(declared.accounts.contains(&fields[1]), "{line}"),
            "#OBJEKT" => {
                let object = (fields[1].clone(), fields[2].clone());
                assert!(declared.objects.insert(object), "{line}");
            }
            "#VER" => read_verification(&fields, &mut lines, &mut declared, sums),
            "#KPTYP" | "#VALUTA" | "#DIM" => {}
            other => panic!("{other} is no record of such a file"),
        }
    }
}

fn read_verification<'t>(
    fields: &[String],
    lines: &mut impl Iterator<Item = &'t &'t str>,
    declared: &mut Declared,
    sums: &mut Sums,
) {
    let [_, series, number, day, text, made] = fields else {
        panic!("{fields:?}");
    };
    assert!(!series.is_empty() && !text.is_empty() && made.len() == 8);
    assert!(declared.numbers.insert(number.clone()), "{number} twice");
    assert!(
        *declared.year.0 <= **day && **day <= *declared.year.1,
        "{day}"
    );
    assert_eq!(*lines.next().unwrap(), "{");
    let mut sum = Decimal::ZERO;
    for line in lines {
        if *line == "}" {
            assert!(sum.is_zero(), "verification {number} leaves {sum}");
            return;
        }
        let row = sie_record(line);
        assert_eq!(row[0], "#TRANS");
        assert!(declared.accounts.contains(&row[1]), "{line}");
        let objects = sie_record(&row[2]);
        for object in objects.chunks(2) {
            let object = (object[0].clone(), object[1].clone());
            assert!(declared.objects.contains(&object), "{line}");
        }
        let amount: Decimal = row[3].parse().unwrap();
        assert!(amount.scale() <= 2 && row[4] == *day);
        sum += amount;
        let day = chrono::NaiveDate::parse_from_str(&row[4], "%Y%m%d").unwrap();
        add(sums, &row[1], &day.to_string(), amount);
    }
    panic!("a verification that does not end");
}

/// No program that knows this format's charset can be installed by its name; the reader is ours, from the
/// specification, and only the charset's table is the system's.
#[test]
fn a_reader_by_the_specification_finds_the_entries_in_sie_files() {
    for (name, batch, options, files) in cases("sie4") {
        let mut found = Sums::new();
        for bytes in files.values() {
            read_sie(&decoded("CP437", bytes), &mut found);
        }
        assert_eq!(settled(found), said(&batch, &options), "{name}");
    }
}

#[test]
fn an_open_reader_finds_the_entries_in_fec_files() {
    let script = "\
import sys
from fec_parser.parser import FECParser
for path in sys.argv[1:]:
    for row in FECParser.from_bytesio(open(path, 'rb')).get_ecritures():
        print(row.compte_num, row.ecriture_date, row.debit - row.credit)
";
    for (name, batch, options, files) in cases("fec") {
        let found = read_in_python(script, &format!("fec-{name}"), &files);
        assert_eq!(found, said(&batch, &options), "{name}");
        for (file, bytes) in &files {
            let text = decoded("ISO-8859-15", bytes);
            fec_rows(file, &text);
        }
    }
}

/// What the law says of each column, and what no reader looks at.
fn fec_rows(file: &str, text: &str) {
    let (siren, closing) = file
        .strip_suffix(".txt")
        .unwrap()
        .split_once("FEC")
        .unwrap();
    assert!(siren.len() == 9 && closing.len() == 8, "{file}");
    let rows: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    let mut sums = BTreeMap::<&str, Decimal>::new();
    for row in &rows[1..] {
        assert!(!row.replace('\t', "").contains(char::is_control), "{row}");
        let columns: Vec<&str> = row.split('\t').collect();
        assert_eq!(columns.len(), 18, "{row}");
        for required in [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15] {
            assert!(!columns[required].trim().is_empty(), "{row}");
        }
        for day in [3, 9, 15] {
            chrono::NaiveDate::parse_from_str(columns[day], "%Y%m%d").unwrap();
        }
        assert!(columns[3] <= closing, "{row}");
        let amount = |column: usize| {
            let (_, cents) = columns[column].split_once(',').unwrap();
            assert_eq!(cents.len(), 2, "{row}");
            columns[column]
                .replace(',', ".")
                .parse::<Decimal>()
                .unwrap()
        };
        let (debit, credit) = (amount(11), amount(12));
        assert!(debit.is_zero() || credit.is_zero(), "{row}");
        assert_eq!(columns[16].is_empty(), columns[17].is_empty(), "{row}");
        *sums.entry(columns[2]).or_default() += debit - credit;
    }
    assert!(sums.values().all(Decimal::is_zero), "{sums:?}");
}

/// The schema's judgement needs the schema, and is `make corpus`; here is what a schema cannot say.
#[test]
fn audit_files_sum_to_what_they_say() {
    for (name, batch, options, files) in cases("saft_no") {
        let mut found = Sums::new();
        for bytes in files.values() {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(!text.replace('\n', "").contains(char::is_control), "{name}");
            read_saft(text, &mut found);
        }
        assert_eq!(settled(found), said(&batch, &options), "{name}");
    }
}

/// The text of the first element of a name.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

/// Every element of a name.
fn elements<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(open.as_str()).skip(1);
    parts
        .map(|part| part.split_once(close.as_str()).unwrap().0)
        .collect()
}

fn read_saft(text: &str, sums: &mut Sums) {
    let decimal = |text: &str, name: &str| {
        let amount = element(text, name)?;
        Some(amount.trim().parse::<Decimal>().unwrap())
    };
    let mut totals = (Decimal::ZERO, Decimal::ZERO);
    let mut moved = BTreeMap::<&str, Decimal>::new();
    let transactions = elements(text, "Transaction");
    for transaction in &transactions {
        let day = element(transaction, "GLPostingDate").unwrap();
        let mut left = Decimal::ZERO;
        for line in elements(transaction, "Line") {
            let account = element(line, "AccountID").unwrap();
            let debit = element(line, "DebitAmount").and_then(|side| decimal(side, "Amount"));
            let credit = element(line, "CreditAmount").and_then(|side| decimal(side, "Amount"));
            assert!(debit.is_some() != credit.is_some(), "{line}");
            let amount = debit.unwrap_or_default() - credit.unwrap_or_default();
            totals.0 += debit.unwrap_or_default();
            totals.1 += credit.unwrap_or_default();
            left += amount;
            *moved.entry(account).or_default() += amount;
            add(sums, account, day, amount);
        }
        assert!(left.is_zero(), "{transaction}");
    }
    assert_eq!(
        element(text, "NumberOfEntries").unwrap(),
        transactions.len().to_string()
    );
    assert_eq!(decimal(text, "TotalDebit"), Some(totals.0));
    assert_eq!(decimal(text, "TotalCredit"), Some(totals.1));
    let accounts = elements(text, "Account");
    assert_eq!(accounts.len(), moved.len());
    for account in accounts {
        let closing = decimal(account, "ClosingDebitBalance").unwrap_or_default()
            - decimal(account, "ClosingCreditBalance").unwrap_or_default();
        assert_eq!(moved[element(account, "AccountID").unwrap()], closing);
    }
}

/// What a kind says to a case whose file was changed, options and entries alike.
fn answer(kind: &str, change: impl Fn(&mut Value), replaced: &[(&str, &str)]) -> String {
    let from = fixtures("erp").join(kind).join("two-currencies/batch.json");
    let mut text = std::fs::read_to_string(from).unwrap();
    for (before, after) in replaced {
        assert!(text.contains(before), "{before}");
        text = text.replace(before, after);
    }
    let mut value: Value = serde_json::from_str(&text).unwrap();
    change(&mut value["options"]);
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let asked = ASKED.fetch_add(1, Ordering::Relaxed);
    let name = format!("tieout-answer-{}-{asked}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("batch.json"), value.to_string()).unwrap();
    let (options, batch) = case(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    match FileKind::find(kind).unwrap().open(options) {
        Err(error) => error.source.to_string(),
        Ok(format) => match format.artifact(&batch) {
            Err(error) => error.to_string(),
            Ok(_) => "written".to_owned(),
        },
    }
}

#[test]
fn options_that_a_file_cannot_hold_are_refused_by_name() {
    let number = "/accounts/accounts-receivable";
    for (kind, option, value, wanted) in [
        ("datev", "/clients", json!({}), "add it to `clients`"),
        ("datev", number, json!("123456"), "no account of 4 digits"),
        ("datev", "/clearing", json!("15X0"), "`15X0` is no account"),
        ("datev", "/account_digits", json!(9), "between 4 and 8"),
        ("datev", "/automatic", json!(["84-x"]), "`84-x` is neither"),
        ("datev", "/clients/de/consultant", json!(7), "between 1001"),
        ("fec", number, json!("AR1"), "begins with three digits"),
        ("fec", "/companies/fr/siren", json!("12"), "no SIREN"),
        ("fec", "/companies", json!({}), "add it to `companies`"),
        ("saft_no", "/grouping", json!({}), "add it to `grouping`"),
        ("sie4", "/series", json!(" "), "a series has a name"),
        ("sie4", number, json!("15-10"), "those are digits"),
    ] {
        let change = |options: &mut Value| *options.pointer_mut(option).unwrap() = value.clone();
        let said = answer(kind, change, &[]);
        assert!(said.contains(wanted), "{kind}: {said}");
    }
}

#[test]
fn amounts_that_a_file_cannot_hold_are_refused_by_document_and_line() {
    let large = [("119.00", "10000000019.00"), ("100.00", "10000000000.00")];
    let francs = [("\"EUR\"", "\"CHF\""), (" EUR\"", " CHF\"")];
    let crowns = [("\"SEK\"", "\"NOK\""), (" SEK\"", " NOK\"")];
    let line = |entity: &str, line: i32| {
        format!("line {line} of document `{entity}-2026-000041` does not fit the target: ")
    };
    for (kind, replaced, wanted) in [
        (
            "datev",
            &large,
            line("de", 2) + "it has more than ten digits",
        ),
        (
            "datev",
            &francs,
            line("de", 2) + "its functional currency is CHF",
        ),
        (
            "fec",
            &francs,
            line("fr", 1) + "its functional currency is CHF",
        ),
        (
            "sie4",
            &crowns,
            line("se", 1) + "its functional currency is NOK",
        ),
    ] {
        let said = answer(kind, |_| {}, replaced);
        assert!(said.contains(&wanted), "{kind}: {said}");
    }
}

#[test]
fn numbers_of_verifications_can_be_theirs() {
    let folder = fixtures("erp").join("sie4/two-currencies");
    let (mut options, batch) = case(&folder);
    options["numbers"] = json!("theirs");
    let format = FileKind::find("sie4").unwrap().open(options).unwrap();
    let text = decoded("CP437", &format.artifact(&batch).unwrap().bytes);
    assert_eq!(text.matches("#VER \"T\" \"\" ").count(), 2, "{text}");
}

/// More rows than a file may have: entries stay whole, and every file is read by itself.
#[test]
fn a_batch_beyond_the_rows_of_a_datev_file_is_cut_between_entries() {
    let (options, mut batch) = case(&fixtures("erp").join("datev/two-currencies"));
    let entry = batch.entries[0].clone();
    batch.entries = (1..=40_000)
        .map(|id| {
            let mut entry = entry.clone();
            entry.id = id;
            entry
        })
        .collect();
    let format = FileKind::find("datev").unwrap().open(options).unwrap();
    let artifact = format.artifact(&batch).unwrap();
    assert_eq!(artifact.name, "tieout-books-000003.zip");
    let bytes = std::io::Cursor::new(artifact.bytes);
    let mut archive = zip::ZipArchive::new(bytes).unwrap();
    let mut rows = Vec::new();
    for place in 0..archive.len() {
        let mut text = Vec::new();
        archive
            .by_index(place)
            .unwrap()
            .read_to_end(&mut text)
            .unwrap();
        rows.push(text.split(|byte| *byte == b'\n').count() - 3);
    }
    // Three lines make two rows; a file is cut by its lines, of which it never has fewer.
    assert_eq!(rows, [66_666, 13_334]);
}
