//! Files for ERPs read back by readers that share nothing with their writers and forgive nothing: what they sum to per
//! company and currency are the batch's control totals, and per account its balances.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{case, fixtures};
use formats::erp::{Artifact, ExportBatch, FileKind, KINDS};
use ledger::{Currency, Side};
use quick_xml::events::Event;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// What a file sums to, in minor units.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    /// Entries, lines, debit and credit, by company and currency.
    control: BTreeMap<(String, String), (usize, usize, i128, i128)>,
    /// Debit less credit, by company, account and currency: sides that are swapped sum to the same control totals.
    balances: BTreeMap<(String, String, String), i128>,
}

/// What a row says, as it is written.
#[derive(Debug, Default)]
struct Row {
    document: String,
    company: String,
    account: String,
    currency: String,
    debit: Option<i128>,
    credit: Option<i128>,
}

/// Sums rows; a row has one side, and an entry balances in each of its currencies.
fn summed(rows: &[Row]) -> Totals {
    let mut totals = Totals::default();
    let mut documents = BTreeMap::<(&str, &str), i128>::new();
    for row in rows {
        let (debit, credit) = match (row.debit, row.credit) {
            (Some(debit), None) if debit > 0 => (debit, 0),
            (None, Some(credit)) if credit > 0 => (0, credit),
            _ => panic!("a row needs one positive side: {row:?}"),
        };
        assert!(!row.document.is_empty(), "{row:?}");
        let place = (row.company.clone(), row.currency.clone());
        let of_account = (place.0.clone(), row.account.clone(), place.1.clone());
        *totals.balances.entry(of_account).or_default() += debit - credit;
        let total = totals.control.entry(place).or_default();
        let balance = documents.entry((&row.document, &row.currency));
        total.0 += usize::from(matches!(
            balance,
            std::collections::btree_map::Entry::Vacant(_)
        ));
        *balance.or_default() += debit - credit;
        *total = (total.0, total.1 + 1, total.2 + debit, total.3 + credit);
    }
    assert!(documents.values().all(|sum| *sum == 0), "{documents:?}");
    totals
}

/// The batch's own totals, with the companies that the options name.
fn wanted(options: &Value, batch: &ExportBatch) -> Totals {
    let named = |map: &str, name: &str| options[map][name].as_str().map(str::to_owned);
    let mut wanted = Totals::default();
    for ((entity, currency), total) in batch.totals() {
        let company = named("companies", &entity).unwrap_or(entity);
        let count = |number: i64| usize::try_from(number).unwrap();
        let sums = (
            count(total.entries),
            count(total.lines),
            total.debit,
            total.credit,
        );
        wanted
            .control
            .insert((company, currency.code().to_owned()), sums);
    }
    for entry in batch.entries.iter().map(|item| &item.entry) {
        for line in entry.lines() {
            let entity = &entry.header().entity;
            let company = named("companies", entity).unwrap_or(entity.clone());
            let code = || batch.chart.find(&line.account).unwrap().code.clone();
            let account = named("accounts", &line.account).unwrap_or_else(code);
            let place = (company, account, line.amount.currency().code().to_owned());
            let amount = i128::from(line.amount.amount());
            *wanted.balances.entry(place).or_default() += match line.side {
                Side::Debit => amount,
                Side::Credit => -amount,
            };
        }
    }
    wanted
}

/// Each case of a kind: its options, its batch and what was written of it.
fn cases(kind: &str) -> Vec<(String, Value, ExportBatch, Artifact)> {
    let folder = fixtures("erp").join(kind);
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let (options, batch) = case(&path);
        let format = FileKind::find(kind).unwrap().open(options.clone()).unwrap();
        let artifact = format.artifact(&batch).unwrap();
        found.push((path.display().to_string(), options, batch, artifact));
    }
    assert!(found.len() > 2, "{kind} has few cases");
    found
}

/// Minor units of an amount: digits, and as many after the decimal sign as there must be.
fn minor(text: &str, sign: char, currency: &str, places: Option<u64>) -> i128 {
    let exponent = usize::try_from(Currency::from_code(currency).unwrap().exponent()).unwrap();
    let places = places.map_or(exponent, |places| usize::try_from(places).unwrap());
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, part) = digits.split_once(sign).unwrap_or((digits, ""));
    assert_eq!(part.len(), places, "`{text}` in {currency}");
    assert!(
        !whole.is_empty() && (whole == "0" || !whole.starts_with('0')),
        "{text}"
    );
    assert!(
        whole
            .bytes()
            .chain(part.bytes())
            .all(|sign| sign.is_ascii_digit()),
        "{text}"
    );
    let kept = part.len().min(exponent);
    let (kept, beyond) = part.split_at(kept);
    assert!(beyond.bytes().all(|digit| digit == b'0'), "{text}");
    let amount: i128 = format!("{whole}{kept:0<exponent$}").parse().unwrap();
    if negative { -amount } else { amount }
}

/// The fields of one physical line, and whether each is quoted.
fn fields(line: &str, separator: char, has_quotes: bool) -> Vec<(String, bool)> {
    if !has_quotes {
        let fields = line.split(separator);
        return fields.map(|field| (field.to_owned(), false)).collect();
    }
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, is_quoted, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let ends = quoted
                .replace("\"\"", "\u{1}\u{1}")
                .find('"')
                .expect("a closed quote");
            let (field, after) = quoted.split_at(ends);
            (field.replace("\"\"", "\""), true, &after[1..])
        } else {
            let ends = rest.find(separator).unwrap_or(rest.len());
            let (field, after) = rest.split_at(ends);
            assert!(!field.contains('"'), "a stray quote in {line}");
            (field.to_owned(), false, after)
        };
        fields.push((field, is_quoted));
        let Some(after) = after.strip_prefix(separator) else {
            assert!(after.is_empty(), "`{after}` after a quote in {line}");
            return fields;
        };
        rest = after;
    }
}

/// Physical lines, each with its line end and none within.
fn lines<'t>(text: &'t str, end: &str) -> Vec<&'t str> {
    let mut lines: Vec<&str> = text.split(end).collect();
    assert_eq!(lines.pop(), Some(""), "the last line has no end");
    for line in &lines {
        let odd = |sign: char| sign.is_control() && sign != '\t';
        assert!(!line.contains(odd), "{line:?}");
    }
    lines
}

/// Lines of fields without what says whether they are quoted.
fn table(text: &str, separator: char) -> Vec<Vec<String>> {
    let rows = lines(text, "\r\n").into_iter();
    let rows = rows.map(|line| {
        fields(line, separator, true)
            .into_iter()
            .map(|field| field.0)
    });
    rows.map(Iterator::collect).collect()
}

/// The members of a ZIP, in their order.
fn members(artifact: &Artifact) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(artifact.bytes.as_slice())).unwrap();
    let mut members = Vec::new();
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        members.push((member.name().unwrap().to_string(), bytes));
    }
    members
}

/// A parser of another house takes it for XML.
fn is_xml(bytes: &[u8]) {
    let judge = Command::new("xmllint")
        .args(["--noout", "--nonet", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut judge = judge.expect("xmllint is missing; `make test` installs it");
    judge.stdin.take().unwrap().write_all(bytes).unwrap();
    let told = judge.wait_with_output().unwrap();
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
}

/// What a described file is read by: nothing but its description.
struct Description<'o> {
    options: &'o Value,
    separator: char,
    quotes: &'o str,
    decimal: char,
    places: Option<u64>,
}

impl<'o> Description<'o> {
    fn of(options: &'o Value) -> Self {
        let sign = |value: &Value, default| {
            value
                .as_str()
                .map_or(default, |text| text.chars().next().unwrap())
        };
        Self {
            options,
            separator: sign(&options["separator"], ';'),
            quotes: options["quotes"].as_str().unwrap_or("needed"),
            decimal: sign(&options["numbers"]["decimal"], '.'),
            places: options["numbers"]["places"].as_u64(),
        }
    }

    fn text(&self, bytes: &[u8]) -> String {
        let (bytes, charset) = match self.options["charset"].as_str().unwrap_or("utf-8") {
            "utf-8" => (bytes, encoding_rs::UTF_8),
            "utf-8-bom" => (
                bytes.strip_prefix(b"\xef\xbb\xbf").unwrap(),
                encoding_rs::UTF_8,
            ),
            "windows-1252" => (bytes, encoding_rs::WINDOWS_1252),
            "iso-8859-1" => return bytes.iter().map(|byte| char::from(*byte)).collect(),
            other => panic!("{other}"),
        };
        let (text, had_errors) = charset.decode_without_bom_handling(bytes);
        assert!(!had_errors && !text.contains('\u{feff}'));
        text.into_owned()
    }

    fn columns(&self) -> &'o Vec<Value> {
        self.options["columns"].as_array().unwrap()
    }

    /// Where a field stands.
    fn place(&self, field: &str) -> Option<usize> {
        self.columns()
            .iter()
            .position(|column| column["field"] == field)
    }

    fn row(&self, line: &str) -> Row {
        let cells = fields(line, self.separator, self.quotes != "never");
        assert_eq!(cells.len(), self.columns().len(), "{line}");
        for (cell, column) in cells.iter().zip(self.columns()) {
            let bare = [
                "entry", "line", "date", "debit", "credit", "amount", "unsigned", "rate",
            ];
            let is_bare = column["field"].as_str().is_some_and(|field| {
                bare.contains(&field.strip_prefix("functional_").unwrap_or(field))
            });
            let must = match self.quotes {
                "always" => true,
                "texts" => !is_bare,
                _ => cell.1,
            };
            assert_eq!(cell.1, must, "{line}");
            let most = column["max"]
                .as_u64()
                .map_or(usize::MAX, |most| usize::try_from(most).unwrap());
            assert!(cell.0.chars().count() <= most, "{line}");
        }
        let cell = |field: &str| self.place(field).map(|place| cells[place].0.clone());
        let currency = cell("currency").unwrap();
        let amount = |field: &str| {
            let text = cell(field).filter(|text| !text.is_empty())?;
            Some(minor(&text, self.decimal, &currency, self.places)).filter(|amount| *amount != 0)
        };
        let (debit, credit) = if let Some(unsigned) = amount("unsigned") {
            let word = cell("side").unwrap();
            let is_debit = self.options["sides"]["debit"] == word.as_str();
            assert!(
                is_debit || self.options["sides"]["credit"] == word.as_str(),
                "{line}"
            );
            (
                Some(unsigned).filter(|_| is_debit),
                Some(unsigned).filter(|_| !is_debit),
            )
        } else if let Some(signed) = amount("amount") {
            let is_debit = (signed < 0) == (self.options["numbers"]["negative"] == "debit");
            (
                Some(signed.abs()).filter(|_| is_debit),
                Some(signed.abs()).filter(|_| !is_debit),
            )
        } else {
            (amount("debit"), amount("credit"))
        };
        Row {
            document: cell("document").unwrap(),
            company: cell("company").or_else(|| cell("entity")).unwrap(),
            account: cell("account_code").unwrap(),
            currency,
            debit,
            credit,
        }
    }
}

#[test]
fn a_described_file_reads_as_it_is_described() {
    for (name, options, batch, artifact) in cases("template") {
        let description = Description::of(&options);
        let text = description.text(&artifact.bytes);
        let end = if options["line_end"] == "lf" {
            "\n"
        } else {
            "\r\n"
        };
        let mut lines = lines(&text, end);
        let count = |option: &str| options[option].as_array().map_or(0, Vec::len);
        lines.truncate(lines.len() - count("after"));
        lines.drain(..count("before"));
        if options["header"] != false {
            let header = fields(
                lines.remove(0),
                description.separator,
                description.quotes != "never",
            );
            let names = description
                .columns()
                .iter()
                .map(|column| column["header"].as_str().unwrap());
            assert!(
                names.eq(header.iter().map(|field| field.0.as_str())),
                "{name}"
            );
        }
        let totals = lines.split_off(batch.line_count());
        let rows: Vec<Row> = lines.iter().map(|line| description.row(line)).collect();
        let found = summed(&rows);
        let has_company = description.place("company").is_some();
        let options = if has_company {
            options.clone()
        } else {
            Value::Null
        };
        assert_eq!(found, wanted(&options, &batch), "{name}");
        assert!(
            totals.is_empty() || totals.len() == found.control.len(),
            "{name}"
        );
    }
}

#[test]
fn a_journal_of_the_import_is_the_rows_of_its_id() {
    for (name, options, batch, artifact) in cases("netsuite_csv") {
        let files = if artifact.name.ends_with(".zip") {
            members(&artifact)
                .into_iter()
                .map(|member| member.1)
                .collect()
        } else {
            vec![artifact.bytes]
        };
        let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
        for bytes in files {
            let text = String::from_utf8(bytes).unwrap();
            let mut table = table(&text, ',');
            let header = table.remove(0);
            let place = |name: &str| header.iter().position(|column| column == name).unwrap();
            let most = options["rows"].as_u64().unwrap_or(25_000);
            assert!(u64::try_from(table.len()).unwrap() <= most, "{name}");
            let journal = place("Journal Entry - Line: Account");
            for rows in table.chunk_by(|one, other| one[0] == other[0]) {
                assert!(
                    seen.insert(rows[0][0].clone()),
                    "a journal stands in one place"
                );
                for row in rows {
                    assert_eq!(row.len(), header.len());
                    assert_eq!(
                        row[..journal],
                        rows[0][..journal],
                        "a journal says one thing"
                    );
                    assert!(row[place("Memo")].encode_utf16().count() <= 999);
                    let currency = match row[place("Currency")].as_str() {
                        "Kuwaiti Dinar" => "KWD",
                        code => code,
                    };
                    let side = |column| {
                        let text = &row[place(column)];
                        let places = if currency == "KWD" { Some(2) } else { None };
                        (!text.is_empty()).then(|| minor(text, '.', currency, places))
                    };
                    all.push(Row {
                        document: row[0].clone(),
                        company: row[place("Subsidiary")].clone(),
                        account: row[journal].clone(),
                        currency: currency.to_owned(),
                        debit: side("Journal Entry - Line: Debit"),
                        credit: side("Journal Entry - Line: Credit"),
                    });
                }
            }
        }
        assert_eq!(summed(&all), wanted(&options, &batch), "{name}");
    }
}

#[test]
fn a_package_is_read_by_its_manifest() {
    for (name, options, batch, artifact) in cases("dynamics_fo") {
        let members = members(&artifact);
        let names: Vec<&str> = members.iter().map(|member| member.0.as_str()).collect();
        assert_eq!(
            names,
            ["Manifest.xml", "PackageHeader.xml", "General journal.csv"]
        );
        is_xml(&members[0].1);
        is_xml(&members[1].1);
        let (columns, paths) = (
            told(&members[0].1, "XMLField"),
            told(&members[0].1, "InputFilePath"),
        );
        assert_eq!(columns, told(&members[0].1, "EntityField"));
        assert_eq!(paths, [names[2]]);
        let units = members[2]
            .1
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let text = String::from_utf16(&units.collect::<Vec<_>>()).unwrap();
        let mut table = table(text.strip_prefix('\u{feff}').unwrap(), ',');
        assert_eq!(table.remove(0), columns);
        let place = |name: &str| columns.iter().position(|column| column == name).unwrap();
        let entities: BTreeSet<&str> = batch
            .entries
            .iter()
            .map(|item| item.entry.header().entity.as_str())
            .collect();
        let entity = entities.into_iter().next().unwrap();
        let mut rows = Vec::new();
        for (row, number) in table.iter().zip(1_usize..) {
            assert_eq!(row.len(), columns.len());
            assert_eq!(row[place("LINENUMBER")], number.to_string());
            for shared in ["JOURNALBATCHNUMBER", "JOURNALNAME", "DESCRIPTION"] {
                assert_eq!(row[place(shared)], table[0][place(shared)]);
            }
            assert!(row[place("TEXT")].encode_utf16().count() <= 60);
            assert!(row[place("VOUCHER")].len() <= 20);
            let delimiter = options["delimiter"].as_str().unwrap_or("-");
            let segments = row[place("ACCOUNTDISPLAYVALUE")].split(delimiter);
            let segments: Vec<&str> = segments.collect();
            assert_eq!(segments.len(), 3, "{row:?}");
            let currency = &row[place("CURRENCYCODE")];
            let side = |column| {
                Some(minor(&row[place(column)], '.', currency, None)).filter(|side| *side != 0)
            };
            rows.push(Row {
                document: row[place("VOUCHER")].clone(),
                company: options["companies"][entity].as_str().unwrap().to_owned(),
                account: segments[0].to_owned(),
                currency: currency.clone(),
                debit: side("DEBITAMOUNT"),
                credit: side("CREDITAMOUNT"),
            });
        }
        assert_eq!(summed(&rows), wanted(&options, &batch), "{name}");
    }
}

/// What stands in each element of a name.
fn told(bytes: &[u8], name: &str) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let begin = format!("<{name}>");
    let pieces = text.split(&begin).skip(1);
    let end = format!("</{name}>");
    pieces
        .map(|piece| piece.split(&end).next().unwrap().to_owned())
        .collect()
}

#[test]
fn an_upload_is_read_by_its_technical_names() {
    for (name, options, batch, artifact) in cases("sap_csv") {
        let text = String::from_utf8(artifact.bytes).unwrap();
        let sign = |option: &str, default| {
            options[option]
                .as_str()
                .map_or(default, |text| text.chars().next().unwrap())
        };
        let (separator, decimal) = (sign("separator", ','), sign("decimal", '.'));
        let table = table(&text, separator);
        let mut rows = Vec::new();
        let mut at = 6;
        while at < table.len() {
            let number = rows
                .iter()
                .map(|row: &Row| &row.document)
                .collect::<BTreeSet<_>>()
                .len()
                + 1;
            assert_eq!(table[at], [number.to_string(), "Header".to_owned()]);
            let header: BTreeMap<&String, &String> =
                table[at + 1].iter().zip(&table[at + 3]).collect();
            assert_eq!(table[at + 1].len(), table[at + 2].len());
            assert_eq!(table[at + 5], ["", "Line Items"]);
            let fields = &table[at + 7];
            let mut line = at + 9;
            while let Some(values) = table.get(line).filter(|row| row.len() > 1) {
                assert_eq!(values.len(), fields.len(), "{values:?}");
                let of =
                    |name: &str| &values[fields.iter().position(|field| field == name).unwrap()];
                let in_header = |name: &str| header[&name.to_owned()].clone();
                for (field, most) in [("BUKRS", 4), ("HKONT", 10), ("SGTXT", 50), ("ZUONR", 18)] {
                    assert!(of(field).encode_utf16().count() <= most, "{values:?}");
                }
                assert_eq!(of("BUKRS"), &in_header("BUKRS"));
                let currency = in_header("WAERS");
                let side = |name: &str| {
                    let text = of(name);
                    (!text.is_empty()).then(|| minor(text, decimal, &currency, None))
                };
                rows.push(Row {
                    document: in_header("XBLNR"),
                    company: of("BUKRS").clone(),
                    account: of("HKONT").clone(),
                    debit: side("WRSOL"),
                    credit: side("WRHAB"),
                    currency,
                });
                line += 1;
            }
            // Two blank lines stand before the next entry.
            at = line + 2;
        }
        assert_eq!(summed(&rows), wanted(&options, &batch), "{name}");
    }
}

/// The elements of a journal and of a line, in the order of the service.
const ORDER: [&[&str]; 2] = [
    &[
        "Accounting_Journal_ID",
        "Submit",
        "Company_Reference",
        "Currency_Reference",
        "Ledger_Type_Reference",
        "Accounting_Date",
        "Journal_Source_Reference",
        "Journal_Entry_Memo",
        "External_Reference_ID",
        "Journal_Entry_Line_Replacement_Data",
    ],
    &[
        "Line_Order",
        "Ledger_Account_Reference",
        "Debit_Amount",
        "Credit_Amount",
        "Currency_Reference",
        "Currency_Rate",
        "Ledger_Debit_Amount",
        "Ledger_Credit_Amount",
        "Memo",
        "Worktags_Reference",
    ],
];

/// An element: its name without a prefix, its text, its children.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut reader = quick_xml::Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => open.push(Self {
                    name: start.local_name().as_ref().to_owned(),
                    ..Self::default()
                }),
                Event::Text(found) => open
                    .last_mut()
                    .unwrap()
                    .text
                    .push_str(&found.xml10_content()),
                Event::GeneralRef(found) => {
                    let sign = quick_xml::escape::resolve_xml_entity(&found).unwrap();
                    open.last_mut().unwrap().text.push_str(sign);
                }
                Event::End(_) => {
                    let closed = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(closed);
                }
                Event::Decl(_) => {}
                Event::Eof => return open.pop().unwrap().children.pop().unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }

    fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the one child of a name, or of the id in it.
    fn one(&self, name: &str) -> Option<&str> {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let child = found.next()?;
        assert!(found.next().is_none(), "{name} stands twice");
        Some(
            child
                .children
                .first()
                .map_or(child.text.as_str(), |id| id.text.as_str()),
        )
    }

    fn is_in_order(&self, order: &[&str]) {
        let places = self.children.iter().map(|child| {
            let place = order.iter().position(|name| *name == child.name);
            place.unwrap_or_else(|| panic!("{} is none of its elements", child.name))
        });
        assert!(places.is_sorted(), "{self:?}");
    }
}

#[test]
fn a_request_stands_in_the_order_of_the_service() {
    for (name, options, batch, artifact) in cases("workday_eib") {
        is_xml(&artifact.bytes);
        let root = Element::read(&artifact.bytes);
        let mut rows = Vec::new();
        for (request, item) in root.children.iter().zip(&batch.entries) {
            assert_eq!(request.name, "Submit_Accounting_Journal_Request");
            let [journal] = request.children.as_slice() else {
                panic!("a request has one journal");
            };
            journal.is_in_order(ORDER[0]);
            let functional = item.entry.lines()[0].functional.currency().code();
            let mut balance = 0;
            for (line, number) in journal
                .all("Journal_Entry_Line_Replacement_Data")
                .zip(1_usize..)
            {
                line.is_in_order(ORDER[1]);
                assert_eq!(line.one("Line_Order"), Some(number.to_string().as_str()));
                let currency = line.one("Currency_Reference").unwrap();
                let side = |name: &str| line.one(name).map(|text| minor(text, '.', currency, None));
                let in_ledger = |side: &str| {
                    let own = line.one(&format!("{side}_Amount"));
                    let told = line.one(&format!("Ledger_{side}_Amount"));
                    let is_foreign = currency != functional;
                    assert!(told.is_some() == (own.is_some() && is_foreign), "{line:?}");
                    let text = if is_foreign { told } else { own };
                    text.map_or(0, |text| minor(text, '.', functional, None))
                };
                balance += in_ledger("Debit") - in_ledger("Credit");
                rows.push(Row {
                    document: journal.one("Accounting_Journal_ID").unwrap().to_owned(),
                    company: journal.one("Company_Reference").unwrap().to_owned(),
                    account: line.one("Ledger_Account_Reference").unwrap().to_owned(),
                    currency: currency.to_owned(),
                    debit: side("Debit_Amount"),
                    credit: side("Credit_Amount"),
                });
            }
            assert_eq!(balance, 0, "the ledger's amounts balance");
        }
        assert_eq!(root.children.len(), batch.entries.len());
        assert_eq!(summed(&rows), wanted(&options, &batch), "{name}");
    }
}

/// What the documentation shows is enough to write a batch with.
#[test]
fn every_example_writes_the_batch_of_two_currencies() {
    for kind in KINDS {
        let example = serde_saphyr::from_str(kind.example).unwrap();
        let (_, batch) = case(&fixtures("erp").join(kind.id).join("two-currencies"));
        let artifact = kind.open(example).unwrap().artifact(&batch).unwrap();
        assert!(!artifact.bytes.is_empty(), "{}", kind.id);
    }
}

/// What a kind says of a batch that its target cannot hold.
fn refusal(kind: &str, case_name: &str, change: impl FnOnce(&mut Value)) -> String {
    let (mut options, batch) = case(&fixtures("erp").join(kind).join(case_name));
    change(&mut options);
    let format = FileKind::find(kind).unwrap().open(options).unwrap();
    format.artifact(&batch).unwrap_err().to_string()
}

#[test]
fn what_a_target_cannot_hold_is_refused_by_document_and_line() {
    let of = |kind, case, option: &'static str, value: Value| {
        refusal(kind, case, |options| options[option] = value)
    };
    let told = [
        of(
            "template",
            "two-currencies",
            "columns",
            serde_json::json!([{ "header": "D", "field": "document", "max": 9 }]),
        ),
        of(
            "template",
            "traps",
            "numbers",
            serde_json::json!({ "places": 1 }),
        ),
        of("netsuite_csv", "traps", "places", 1.into()),
        of("netsuite_csv", "traps", "companies", serde_json::json!({})),
        of("dynamics_fo", "traps", "delimiter", ",".into()),
        of(
            "dynamics_fo",
            "two-currencies",
            "companies",
            serde_json::json!({}),
        ),
        of(
            "sap_csv",
            "traps",
            "accounts",
            serde_json::json!({ "revenue-access": "41000000000" }),
        ),
        of(
            "sap_csv",
            "traps",
            "columns",
            serde_json::json!({ "KOSTL": "{dimensions.product}" }),
        ),
        of(
            "workday_eib",
            "traps",
            "worktags",
            serde_json::json!({ "Fund_ID": "{fund}" }),
        ),
    ];
    let wanted = [
        "line 1 of document `eu-2026-000041` does not fit the target: `eu-2026-000041` in column `D` has 14 characters, and 9 are held",
        "line 1 of document `eu-2026-000051` does not fit the target: 1234567.89 EUR needs more decimal places than `places` gives column `Debit`",
        "line 1 of document `eu-2026-000051` does not fit the target: 1234567.89 EUR has more than 1 decimal places",
        "entity `eu` has no counterpart in the target; add it to `companies` of the target's configuration",
        "line 2 of document `eu-2026-000051` does not fit the target: segment `a,b` holds the delimiter `,`; name another in `delimiter`",
        "entity `eu` has no counterpart in the target; add it to `companies` of the target's configuration",
        "line 2 of document `eu-2026-000051` does not fit the target: HKONT `41000000000` has 11 characters, and 10 are held",
        "place `{dimensions.product}` has no counterpart in the target; add it to `columns` of the target's configuration",
        "place `{fund}` has no counterpart in the target; add it to `worktags` of the target's configuration",
    ];
    assert_eq!(told, wanted);
}

/// What one journal, or one package, cannot hold beside something else.
#[test]
fn what_a_target_cannot_hold_together_is_refused() {
    let (_, batch) = case(&fixtures("erp").join("workday_eib/two-currencies-in-one-entry"));
    for id in ["netsuite_csv", "sap_csv"] {
        let kind = FileKind::find(id).unwrap();
        let example = serde_saphyr::from_str(kind.example).unwrap();
        let told = kind.open(example).unwrap().artifact(&batch).unwrap_err();
        assert_eq!(
            told.to_string(),
            "line 3 of document `eu-2026-000061` does not fit the target: it is in EUR, and a journal of the target is in one currency, here USD"
        );
    }
    let (_, batch) = case(&fixtures("erp").join("csv/two-currencies"));
    let kind = FileKind::find("dynamics_fo").unwrap();
    let options = serde_json::json!({ "companies": { "eu": "A", "us": "B" }, "journal": "J" });
    let told = kind
        .open(options)
        .unwrap()
        .artifact(&batch)
        .unwrap_err()
        .to_string();
    assert!(told.contains("one legal entity"), "{told}");
}
