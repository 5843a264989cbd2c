//! Settlement files on their way into the books: packed or plain, whole or in halves, once or again, and what is said
//! where one is missing; the same on both databases.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, configure, database, drop_database, expect, expect_json, folder, tieout};
use serde_json::Value;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

fn company(name: &str) -> PathBuf {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    dir
}

/// A camt.053 of one day; each entry is an amount, a text and the bank's reference, if there is one.
fn statement(number: u32, day: &str, balances: [i64; 2], entries: &[(i64, &str, &str)]) -> String {
    let balance = |code: &str, amount: i64| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{amount}.00</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        )
    };
    let entry = |(amount, text, reference): &(i64, &str, &str)| {
        let reference = if reference.is_empty() {
            String::new()
        } else {
            format!("<AcctSvcrRef>{reference}</AcctSvcrRef>")
        };
        format!(
            "<Ntry><Amt Ccy=\"EUR\">{amount}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>\
             <BookgDt><Dt>{day}</Dt></BookgDt>{reference}<NtryDtls><TxDtls><RmtInf><Ustrd>{text}</Ustrd>\
             </RmtInf></TxDtls></NtryDtls></Ntry>"
        )
    };
    let entries: String = entries.iter().map(entry).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt>\
         <GrpHdr><MsgId>M-{number}</MsgId><CreDtTm>{day}T20:00:00</CreDtTm></GrpHdr>\
         <Stmt><Id>S-{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb><CreDtTm>{day}T20:00:00</CreDtTm>\
         <Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}{entries}</Stmt>\
         </BkToCstmrStmt></Document>\n",
        balance("OPBD", balances[0]),
        balance("CLBD", balances[1])
    )
}

fn settle(dir: &Path, code: i32, files: &[&str]) -> Value {
    let config = config(dir);
    let mut arguments = vec!["-c", &config, "--json", "settle"];
    let paths: Vec<String> = files
        .iter()
        .map(|file| dir.join(file).display().to_string())
        .collect();
    arguments.extend(paths.iter().map(String::as_str));
    expect_json(code, &arguments)
}

fn verdict(dir: &Path) -> (String, String) {
    let told = tieout(&["-c", &config(dir), "--json", "verify"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    (text("verdict"), told.to_string())
}

#[test]
fn a_statement_that_is_missing_has_days_and_an_amount_until_it_comes() {
    let dir = company("gap");
    let days = [
        statement(5, "2026-01-05", [0, 100], &[(100, "first", "R-1")]),
        statement(6, "2026-01-06", [100, 180], &[(80, "second", "R-2")]),
        statement(7, "2026-01-07", [180, 200], &[(20, "third", "R-3")]),
    ];
    for (name, text) in ["5.xml", "6.xml", "7.xml"].iter().zip(&days) {
        std::fs::write(dir.join(name), text).unwrap();
    }
    let told = settle(&dir, 0, &["5.xml", "7.xml"]);
    let statements = told["statements"].as_array().unwrap();
    assert_eq!(statements.len(), 2);
    let first = &statements[0];
    assert_eq!(first["account"], "DE02120300000000202051");
    assert_eq!(
        (&first["from"], &first["to"]),
        (&"2026-01-05".into(), &"2026-01-05".into())
    );
    assert_eq!(
        (&first["lines"], &first["new_lines"]),
        (&1.into(), &1.into())
    );
    let sums = ["opening", "total", "closing", "verdict"].map(|name| first[name].as_str().unwrap());
    assert_eq!(sums, ["0.00", "100.00", "100.00", "closes"]);
    let (found, told) = verdict(&dir);
    assert_eq!(found, "INCOMPLETE", "{told}");
    for part in [
        "2026-01-06 to 2026-01-06",
        "100.00",
        "180.00",
        "80.00",
        "ask the bank",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let report = expect(
        0,
        &[
            "-c",
            &config(&dir),
            "report",
            "reconciliation",
            "--format",
            "json",
        ],
    );
    assert!(report.contains("statement missing"), "{report}");
    settle(&dir, 0, &["6.xml"]);
    let (_, told) = verdict(&dir);
    assert!(!told.contains("is missing, "), "{told}");
}

#[test]
fn packed_files_are_read_and_kept_as_what_is_in_them() {
    let dir = company("packed");
    let texts = [
        statement(1, "2026-01-05", [0, 100], &[(100, "gz", "R-1")]),
        statement(2, "2026-01-06", [100, 200], &[(100, "zstd", "R-2")]),
        statement(3, "2026-01-07", [200, 300], &[(100, "zip", "R-3")]),
    ];
    let [one, two, three] = &texts;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(one.as_bytes()).unwrap();
    // The name says nothing about how a file is packed.
    std::fs::write(dir.join("a.xml"), gz.finish().unwrap()).unwrap();
    std::fs::write(
        dir.join("b.xml.zst"),
        zstd::encode_all(two.as_bytes(), 1).unwrap(),
    )
    .unwrap();
    let mut zip = zip::ZipWriter::new(File::create(dir.join("c.zip")).unwrap());
    for (name, text) in [("three.xml", three), ("again.xml", one)] {
        zip.start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let told = settle(&dir, 0, &["a.xml", "b.xml.zst", "c.zip"]);
    assert_eq!(
        (&told["files"], &told["lines"]),
        (&3.into(), &3.into()),
        "{told}"
    );
    assert_eq!(
        told["repeated_files"], 1,
        "what is in a file makes it the same: {told}"
    );
    let (found, told) = verdict(&dir);
    assert_eq!(found, "INCOMPLETE", "no source has spoken: {told}");
    assert!(told.contains("\"failures\":[]"), "{told}");
}

#[test]
fn files_of_several_banks_are_told_apart_by_their_names() {
    let dir = company("names");
    let options = "{ origin: bank, account: ACCOUNT, currency: EUR, columns: { booked_on: Day, amount: AMOUNT, description: Text } }";
    configure(&dir, |text| {
        let own = |account: &str, amount: &str| {
            options
                .replace("ACCOUNT", account)
                .replace("AMOUNT", amount)
        };
        let files = format!(
            "[{{ match: \"north-*.csv\", kind: csv, options: {} }}, {{ match: \"*south?.csv\", kind: csv, options: {} }}]",
            own("north", "Amount"),
            own("south", "Sum")
        );
        let lines = text.lines().map(|line| {
            if line.starts_with("settlement:") {
                format!("settlement: {{ folder: settlements, files: {files} }}\n")
            } else {
                format!("{line}\n")
            }
        });
        lines.collect()
    });
    let folder = dir.join("settlements");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("north-01.csv"),
        "Day,Amount,Text\n2026-01-05,1.00,a\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("the-south1.csv"),
        "Day,Sum,Text\n2026-01-05,2.00,b\n",
    )
    .unwrap();
    std::fs::write(
        folder.join("other.csv"),
        "Day,Sum,Text\n2026-01-05,2.00,b\n",
    )
    .unwrap();
    let told = settle(&dir, 1, &[]);
    let mut accounts: Vec<&str> = told["statements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|statement| statement["account"].as_str().unwrap())
        .collect();
    accounts.sort_unstable();
    assert_eq!(accounts, ["north", "south"], "{told}");
    let refused = told["refused"][0].as_str().unwrap();
    assert!(
        refused.contains("other.csv: this is CSV separated by commas")
            && refused.contains("settlement: files:"),
        "{refused}"
    );
}

/// A bank without references of its own: balances decide, in whichever order files come.
fn equal_entries(dir: &Path) {
    let one = statement(1, "2026-01-12", [1_000, 1_050], &[(50, "deposit", "")]);
    let two = statement(2, "2026-01-12", [1_050, 1_100], &[(50, "deposit", "")]);
    let both = statement(
        3,
        "2026-01-12",
        [1_000, 1_100],
        &[(50, "deposit", ""), (50, "deposit", "")],
    );
    std::fs::write(dir.join("one.xml"), &one).unwrap();
    std::fs::write(dir.join("two.xml"), &two).unwrap();
    std::fs::write(dir.join("two-again.xml"), two.replace("M-2", "M-4")).unwrap();
    std::fs::write(dir.join("both.xml"), both).unwrap();
    let lines = |told: &Value| told["lines"].as_i64().unwrap();
    assert_eq!(lines(&settle(dir, 0, &["two.xml", "one.xml"])), 2);
    assert_eq!(lines(&settle(dir, 0, &["two-again.xml", "both.xml"])), 0);
    let (_, told) = verdict(dir);
    assert!(told.contains("\"failures\":[]"), "{told}");
    assert!(!told.contains("overlap"), "{told}");
}

#[test]
fn equal_entries_of_two_statements_are_two_movements() {
    let dir = company("equal");
    equal_entries(&dir);
    let dir = company("equal-postgres");
    let url = database("settle_equal");
    configure(&dir, |text| text.replace("sqlite:tieout.db", &url));
    equal_entries(&dir);
    drop_database(&url);
}

#[test]
fn other_money_for_a_line_is_told_and_the_first_counts() {
    let dir = company("conflict");
    let head = "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id";
    let report = |gross: &str| {
        format!(
            "{head}\npo_1,2026-01-09 00:00:00,txn_1,2026-01-05 10:00:00,eur,{gross},0.00,{gross},charge,ch_1\n"
        )
    };
    std::fs::write(dir.join("one.csv"), report("30.00")).unwrap();
    std::fs::write(dir.join("two.csv"), report("31.00")).unwrap();
    settle(&dir, 0, &["one.csv"]);
    let told = settle(&dir, 1, &["two.csv"]);
    assert_eq!((&told["conflicts"], &told["lines"]), (&1.into(), &0.into()));
    let sentence = told["told"][0].as_str().unwrap();
    for part in [
        "two.csv: line 2: `txn_1`",
        "31.00",
        "30.00",
        "Ask the sender",
    ] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    let (_, told) = verdict(&dir);
    assert!(told.contains("again in two.csv at 2"), "{told}");
}

#[test]
fn a_file_that_is_cut_off_or_spoilt_leaves_nothing_behind() {
    let dir = company("spoilt");
    let whole = statement(1, "2026-01-05", [0, 100], &[(100, "one", "R-1")]);
    let cut = &whole[..whole.len() - 40];
    std::fs::write(dir.join("cut.xml"), cut).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(whole.as_bytes()).unwrap();
    let packed = gz.finish().unwrap();
    std::fs::write(dir.join("cut.xml.gz"), &packed[..packed.len() - 12]).unwrap();
    std::fs::write(dir.join("whole.xml"), &whole).unwrap();
    let told = settle(&dir, 1, &["cut.xml", "cut.xml.gz", "whole.xml"]);
    assert_eq!(told["refused"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!((&told["files"], &told["lines"]), (&1.into(), &1.into()));
    let again = settle(&dir, 0, &["whole.xml"]);
    assert_eq!(
        (&again["files"], &again["repeated_files"]),
        (&0.into(), &1.into())
    );
}
