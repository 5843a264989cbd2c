//! Breaks to a spreadsheet and back: what the sheet is like, what a filled one does, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{config, configure, demo, expect};
use serde_json::Value;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use zip::write::SimpleFileOptions;

const HEADER: [&str; 5] = ["id", "decision", "to", "why", "version"];

fn tieout(user: &str, dir: &Path, code: i32, arguments: &[&str]) -> (Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tieout"))
        .args(["-c", &config(dir), "--json"])
        .args(arguments)
        .env("USER", user)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (answer, error)
}

fn import(user: &str, dir: &Path, code: i32, file: &Path, yes: bool) -> (Value, String) {
    let mut arguments = vec!["breaks", "import", file.to_str().unwrap()];
    if yes {
        arguments.push("--yes");
    }
    tieout(user, dir, code, &arguments)
}

/// A member of a workbook.
fn part(file: &Path, name: &str) -> String {
    let mut parts = zip::ZipArchive::new(std::fs::File::open(file).unwrap()).unwrap();
    let mut text = String::new();
    let mut part = parts.by_name(name).unwrap();
    part.read_to_string(&mut text).unwrap();
    text
}

/// The sheet as it was written.
fn exported(dir: &Path, name: &str) -> (PathBuf, String) {
    let file = dir.join(name);
    tieout("ana", dir, 0, &["breaks", "export", file.to_str().unwrap()]);
    let text = part(&file, "xl/worksheets/sheet1.xml");
    (file, text)
}

/// Ids and versions of the rows of a written sheet.
fn versions(sheet: &str) -> Vec<(String, String)> {
    let texts = |column: &str| -> Vec<String> {
        let cells = sheet.split("<c r=\"").filter(|cell| {
            let name: String = cell.chars().take_while(char::is_ascii_alphabetic).collect();
            name == column
        });
        let text = cells.filter_map(|cell| {
            let text = cell.split_once("<t>")?.1;
            Some(text.split_once("</t>")?.0.to_owned())
        });
        text.skip(1).collect()
    };
    let (ids, versions) = (texts("A"), texts("P"));
    assert_eq!(ids.len(), versions.len());
    ids.into_iter().zip(versions).collect()
}

/// A workbook of one sheet with these rows below the header; a cell that begins with `=` is a formula.
fn workbook(rows: &[Vec<&str>]) -> Vec<u8> {
    let mut sheet = String::from(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>",
    );
    for (row, number) in rows.iter().zip(1..) {
        sheet += &format!("<row r=\"{number}\">");
        for (cell, column) in row.iter().zip('A'..) {
            sheet += &match cell.strip_prefix('=') {
                Some(formula) => format!("<c r=\"{column}{number}\"><f>{formula}</f><v>1</v></c>"),
                None => {
                    format!("<c r=\"{column}{number}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>")
                }
            };
        }
        sheet += "</row>";
    }
    packed(&(sheet + "</sheetData></worksheet>"))
}

fn packed(sheet: &str) -> Vec<u8> {
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let parts = [
        (
            "[Content_Types].xml",
            format!("<Types xmlns=\"{package}/content-types\"/>"),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"{office}\"><sheets><sheet name=\"breaks\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", sheet.to_owned()),
    ];
    let mut file = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        file.start_file(name, SimpleFileOptions::default()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
    file.finish().unwrap().into_inner()
}

fn filled(dir: &Path, rows: &[Vec<&str>]) -> PathBuf {
    let mut all = vec![HEADER.to_vec()];
    all.extend_from_slice(rows);
    let file = dir.join("filled.xlsx");
    std::fs::write(&file, workbook(&all)).unwrap();
    file
}

fn history(dir: &Path, id: &str) -> Vec<String> {
    let (shown, _) = tieout("ana", dir, 0, &["breaks", "show", id]);
    let rows = shown["history"].as_array().unwrap().clone();
    let deed = |row: &Value| row["deed"].as_str().unwrap().to_owned();
    rows.iter().map(deed).collect()
}

#[test]
fn a_sheet_is_typed_and_comes_back_empty() {
    let dir = demo("sheet-looks", "2000", "7");
    let (file, sheet) = exported(&dir, "breaks.xlsx");
    let (list, _) = tieout("ana", &dir, 0, &["breaks", "list"]);
    let open = list.as_array().unwrap().iter();
    let open = open.filter(|row| row["status"] == "open").count();
    assert_eq!(versions(&sheet).len(), open);
    for said in [
        "state=\"frozen\"",
        "orientation=\"landscape\"",
        "<autoFilter ref=\"A1:P",
        "assign,comment,explain,accept,dispute,resolve,post,write-off,reopen",
        "hidden=\"1\"",
    ] {
        assert!(sheet.contains(said), "{said}");
    }
    let amount = sheet.split("<c r=\"H2\"").nth(1).unwrap();
    assert!(
        amount.split_once("</c>").unwrap().0.contains("<v>"),
        "a number"
    );
    assert!(
        !amount.split_once("</c>").unwrap().0.contains("t="),
        "a number"
    );
    let (answer, _) = import("ana", &dir, 0, &file, true);
    assert_eq!(answer["rows"], open);
    assert_eq!(answer["done"], false, "nothing is decided");
    assert_eq!(
        answer["ignored"],
        Value::Array(vec![]),
        "nothing was changed"
    );
    let again = tieout(
        "ana",
        &dir,
        2,
        &["breaks", "export", file.to_str().unwrap()],
    );
    assert!(again.1.contains("not there yet"), "{}", again.1);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn all_of_a_sheet_is_done_or_nothing() {
    let dir = demo("sheet-decides", "2000", "7");
    configure(&dir, |text| text + "\ndesk: { four_eyes: [write-off] }\n");
    let (_, sheet) = exported(&dir, "breaks.xlsx");
    let rows = versions(&sheet);
    let [(a, va), (b, vb), (c, vc), ..] = rows.as_slice() else {
        panic!("the demo has three breaks")
    };
    let good = [
        vec![a.as_str(), "assign", "ben", "", va],
        vec![b.as_str(), "Resolve", "", "it came", vb],
        vec![c.as_str(), "write-off", "", "too small", vc],
    ];
    let bad = [
        (
            vec!["BRK-none", "resolve", "", "x", va],
            "there is no break",
        ),
        (
            vec![a, "forget", "", "x", va],
            "there is no decision `forget`",
        ),
        (vec![a, "resolve", "", "", va], "`why` is empty"),
        (vec![a, "reopen", "", "x", va], "cannot be reopened"),
        (
            vec![a, "resolve", "", "x", vb],
            "changed after the sheet was written",
        ),
        (vec![a, "", "", "so it was", va], "decides nothing"),
        (
            vec![a, "resolve", "ben", "x", va],
            "`to` says nothing about `resolve`",
        ),
        (vec![a, "accept", "soon", "x", va], "which is no day"),
        (
            vec![a, "accept", "", "x", va],
            "`to` is empty; say the last day",
        ),
        (
            vec![a, "post", "nothing", "x", va],
            "no rule `nothing` posts breaks",
        ),
        (vec![a, "assign", "", "x", va], "`to` is empty; say who"),
        (
            vec![a, "resolve", "", "=1+1", va],
            "cell D4 holds a formula",
        ),
        (vec![b, "comment", "", "x", vb], "row 3 is about"),
    ];
    for (row, why) in bad {
        let file = filled(&dir, &[good[2].clone(), good[1].clone(), row]);
        for yes in [false, true] {
            let (answer, _) = import("ana", &dir, 1, &file, yes);
            let refused = answer["refused"].as_array().unwrap();
            assert_eq!(refused.len(), 1, "{answer}");
            assert_eq!(refused[0]["row"], 4);
            let because = refused[0]["because"].as_str().unwrap();
            assert!(because.contains(why), "{why}: {because}");
            assert_eq!(answer["done"], false);
        }
    }
    assert_eq!(history(&dir, b), ["found"], "one refused row, nothing done");
    let file = filled(&dir, &good);
    let (preview, _) = import("ana", &dir, 0, &file, false);
    assert_eq!(preview["decisions"].as_array().unwrap().len(), 3);
    assert_eq!(preview["decisions"][2]["waits"], true);
    assert_eq!(history(&dir, a), ["found"], "a preview does nothing");
    let (done, _) = import("ana", &dir, 0, &file, true);
    assert_eq!(done["done"], true);
    assert_eq!(history(&dir, a), ["found", "assigned"]);
    assert_eq!(history(&dir, b), ["found", "resolved"]);
    assert_eq!(history(&dir, c), ["found"], "a write-off waits");
    let (again, _) = import("ana", &dir, 1, &file, true);
    assert_eq!(again["refused"].as_array().unwrap().len(), 3, "{again}");
    let proposal = done["decisions"][2]["proposal"].to_string();
    tieout("ana", &dir, 2, &["proposals", "approve", &proposal]);
    tieout("ben", &dir, 0, &["proposals", "approve", &proposal]);
    assert_eq!(history(&dir, c), ["found", "written-off"]);
    expect(0, &["-c", &config(&dir), "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn killed_at_any_statement_a_sheet_is_done_whole_or_not_at_all() {
    let dir = demo("sheet-killed", "2000", "7");
    let (_, sheet) = exported(&dir, "breaks.xlsx");
    let rows = versions(&sheet);
    let [(a, va), (b, vb), ..] = rows.as_slice() else {
        panic!("the demo has breaks")
    };
    let file = filled(
        &dir,
        &[
            vec![a.as_str(), "dispute", "the bank", "it came", va],
            vec![b.as_str(), "resolve", "", "it came", vb],
        ],
    );
    let import = ["breaks", "import", file.to_str().unwrap(), "--yes"];
    let mut stops = 0;
    for number in (1..400).step_by(2) {
        if !common::killed(&dir, "ana", number, &import) {
            break;
        }
        stops += 1;
        assert_eq!(
            (history(&dir, a), history(&dir, b)),
            (vec!["found".to_owned()], vec!["found".to_owned()]),
            "statement {number}"
        );
    }
    assert!(stops > 5, "only {stops} stops");
    assert_eq!(history(&dir, a), ["found", "disputed"]);
    assert_eq!(history(&dir, b), ["found", "resolved"]);
    expect(0, &["-c", &config(&dir), "verify"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn foreign_and_hostile_files_end_in_words() {
    let dir = demo("sheet-hostile", "2000", "7");
    let (file, _) = exported(&dir, "breaks.xlsx");
    let whole = std::fs::read(&file).unwrap();
    let wide: Vec<&str> = vec!["x"; 5];
    let cell = |name: &str| {
        format!(
            "<worksheet><sheetData><row><c r=\"{name}\" t=\"str\"><v>x</v></c></row></sheetData></worksheet>"
        )
    };
    let bomb = "<worksheet>".to_owned() + &" ".repeat(257 << 20);
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "it is no XLSX"),
        ("text", b"id,decision\n".to_vec(), "it is no XLSX"),
        (
            "an old one",
            vec![0xd0, 0xcf, 0x11, 0xe0, 0, 0],
            "protected by a password",
        ),
        (
            "half a file",
            whole[..whole.len() / 2].to_vec(),
            "can be read",
        ),
        ("another sheet", workbook(&[wide]), "it has no column `id`"),
        ("empty", workbook(&[]), "it is empty"),
        (
            "a column twice",
            workbook(&[["id"; 2].to_vec()]),
            "two columns `id`",
        ),
        (
            "a formula as header",
            workbook(&[vec!["=1"]]),
            "formula in A1",
        ),
        ("too wide", packed(&cell("CZ1")), "more than 64 columns"),
        (
            "too long",
            packed(&cell("A200000")),
            "more than 100,000 rows",
        ),
        (
            "no such cell",
            packed(&cell("A99999999999999")),
            "can be read",
        ),
        (
            "cut XML",
            packed("<worksheet><sheetData><row><c r=\"A1\">"),
            "can be read",
        ),
        (
            "much in little",
            packed(&bomb),
            "unpacks to more than 256 MiB",
        ),
        (
            "too large",
            vec![b'P'; (32 << 20) + 1],
            "larger than 32 MiB",
        ),
    ];
    for (name, bytes, why) in table {
        let file = dir.join("hostile.xlsx");
        std::fs::write(&file, bytes).unwrap();
        let (_, error) = import("ana", &dir, 2, &file, true);
        assert!(error.contains(why), "{name}: {error}");
        assert!(error.contains("tieout breaks export"), "{name}: {error}");
        assert!(!error.contains("panicked"), "{name}: {error}");
    }
    // Any byte may be wrong; what is read then is another matter.
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let file = dir.join("hostile.xlsx");
        std::fs::write(&file, bytes).unwrap();
        let output = common::tieout(&[
            "-c",
            &config(&dir),
            "breaks",
            "import",
            file.to_str().unwrap(),
        ]);
        assert!(
            output.status.code().is_some_and(|code| code <= 2),
            "byte {at}"
        );
    }
    std::fs::remove_dir_all(dir).unwrap();
}
