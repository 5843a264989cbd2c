//! Where settlement files come from: a folder behind a real SFTP server, HTTP, and the folder of this machine while
//! somebody writes into it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod common;

use common::{
    Daemon, block_on, config, configure, eventually, expect, expect_json, folder, free_port, peer,
    tieout,
};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EVENTS: &str = "a-token-for-events";
const FILES: &str = "a-token-for-files";

/// A bank's day in camt.053, with one line.
fn statement(number: u32, amount: u32) -> String {
    let day = format!("2026-01-{number:02}");
    let balance = |code: &str, amount: u32| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{amount}.00</Amt>\
             <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt>\
         <GrpHdr><MsgId>M-{number}</MsgId><CreDtTm>{day}T20:00:00</CreDtTm></GrpHdr>\
         <Stmt><Id>S-{number}</Id><CreDtTm>{day}T20:00:00</CreDtTm>\
         <Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}\
         <Ntry><Amt Ccy=\"EUR\">{amount}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>\
         <BookgDt><Dt>{day}</Dt></BookgDt><AcctSvcrRef>R-{number}</AcctSvcrRef></Ntry></Stmt>\
         </BkToCstmrStmt></Document>\n",
        balance("OPBD", 0),
        balance("CLBD", amount)
    )
}

/// A starter company with these words under `settlement`.
fn company(name: &str, settlement: &str) -> PathBuf {
    let dir = folder(name);
    expect(0, &["init", dir.to_str().unwrap()]);
    configure(&dir, |text| {
        let before = "settlement: { folder: settlements }";
        assert!(text.contains(before));
        text.replace(before, &format!("settlement: {{ {settlement} }}"))
    });
    dir
}

/// A folder of the SFTP server, and a source that looks at it.
fn sftp(name: &str, more: &str) -> (PathBuf, String) {
    let ssh = PathBuf::from(peer("TIEOUT_TEST_SFTP"));
    let there = ssh.join("inbound").join(name);
    std::fs::create_dir_all(there.join("done")).unwrap();
    let public = std::fs::read_to_string(ssh.join("host.pub")).unwrap();
    let key: Vec<&str> = public.split_whitespace().take(2).collect();
    let source = format!(
        "host: 127.0.0.1, port: {}, user: {}, host_key: \"{}\", folder: \"{}\", key: {{ file: \"{}\" }}, timeout_seconds: 10, {more}",
        peer("TIEOUT_TEST_SFTP_PORT"),
        peer("TIEOUT_TEST_SFTP_USER"),
        key.join(" "),
        there.display(),
        ssh.join("client").display()
    );
    (there, source)
}

fn settle(dir: &Path, code: i32) -> Value {
    expect_json(code, &["-c", &config(dir), "--json", "settle"])
}

fn texts<'v>(told: &'v Value, name: &str) -> Vec<&'v str> {
    let texts = told[name].as_array().unwrap().iter();
    texts.map(|text| text.as_str().unwrap()).collect()
}

fn received(told: &Value) -> Vec<[&str; 3]> {
    let received = told["received"].as_array().unwrap().iter();
    received
        .map(|file| ["file", "source", "outcome"].map(|name| file[name].as_str().unwrap()))
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Nothing that came from elsewhere stays beside the books.
fn nothing_is_left(dir: &Path) {
    let spool = dir.join(".tieout-spool");
    assert_eq!(names(&spool), Vec::<String>::new());
}

#[test]
fn a_file_behind_sftp_is_taken_when_two_looks_found_it_the_same() {
    let (there, source) = sftp("at-rest", "stable_seconds: 2, match: \"*.xml\"");
    let dir = company("sftp-rest", &format!("sftp: {{ bank: {{ {source} }} }}"));
    std::fs::write(there.join("a.xml"), statement(5, 10)).unwrap();
    std::fs::write(there.join("a.csv"), "no name that is taken").unwrap();
    let told = settle(&dir, 0);
    assert_eq!(texts(&told, "waiting"), ["sftp:bank/a.xml"]);
    assert_eq!(told["files"], 0);
    std::fs::write(there.join("a.xml"), statement(5, 100)).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let told = settle(&dir, 0);
    assert_eq!(
        (&told["files"], texts(&told, "waiting")),
        (&json!(0), vec!["sftp:bank/a.xml"]),
        "it grew between the looks"
    );
    std::thread::sleep(Duration::from_secs(3));
    let told = settle(&dir, 0);
    assert_eq!(received(&told), [["a.xml", "sftp:bank", "taken"]]);
    assert_eq!(told["statements"][0]["source"], "sftp:bank");
    assert_eq!(told["statements"][0]["closing"], "100.00");
    let told = settle(&dir, 0);
    assert_eq!(
        (&told["files"], &told["repeated_files"]),
        (&json!(0), &json!(1))
    );
    assert!(
        received(&told).is_empty(),
        "it is not fetched again: {told}"
    );
    // An old name, new content.
    std::fs::write(there.join("a.xml"), statement(6, 1_000)).unwrap();
    settle(&dir, 0);
    std::thread::sleep(Duration::from_secs(3));
    let told = settle(&dir, 0);
    assert_eq!(told["statements"][0]["closing"], "1000.00");
    nothing_is_left(&dir);
    let told = tieout(&["-c", &config(&dir), "--json", "verify"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["failures"], json!([]), "{told}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_file_that_was_taken_is_put_away_and_one_that_was_refused_stays() {
    let (there, source) = sftp("put-away", "stable_seconds: 0, done: done");
    let dir = company("sftp-done", &format!("sftp: {{ bank: {{ {source} }} }}"));
    std::fs::write(there.join("a.xml"), statement(5, 100)).unwrap();
    std::fs::write(there.join("picture.png"), b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    symlink("/etc/passwd", there.join("link.xml")).unwrap();
    std::fs::write(there.join("two\nlines.xml"), "x").unwrap();
    let told = settle(&dir, 1);
    assert_eq!(told["files"], 1);
    let refused = texts(&told, "refused");
    let wanted = [
        "sftp:bank/link.xml: it is a symbolic link",
        "sftp:bank/picture.png: this is",
        "sftp:bank/two\\nlines.xml: its name holds control characters",
    ];
    assert_eq!(refused.len(), wanted.len(), "{refused:?}");
    for (told, wanted) in refused.iter().zip(wanted) {
        assert!(told.starts_with(wanted), "{told}");
    }
    assert_eq!(names(&there.join("done")), ["a.xml"]);
    assert_eq!(
        names(&there),
        ["done", "link.xml", "picture.png", "two\nlines.xml"]
    );
    // The same bytes once more, and other bytes under a name that was put away.
    std::fs::write(there.join("a.xml"), statement(5, 100)).unwrap();
    std::fs::write(there.join("b.xml"), statement(6, 100)).unwrap();
    let told = settle(&dir, 1);
    assert_eq!(
        received(&told),
        [
            ["a.xml", "sftp:bank", "repeated"],
            ["b.xml", "sftp:bank", "taken"],
            ["picture.png", "sftp:bank", "refused"]
        ],
        "a person asks: what was refused is tried again"
    );
    let away = names(&there.join("done"));
    assert_eq!(away.len(), 3, "{away:?}");
    assert!(away[1].starts_with("a.xml."), "{away:?}");
    nothing_is_left(&dir);
    std::fs::remove_dir_all(dir).unwrap();
}

/// As after a process that ended between taking a file and putting it away.
#[test]
fn what_could_not_be_put_away_is_put_away_later_and_not_fetched_again() {
    let (there, source) = sftp("later", "stable_seconds: 0, done: done");
    let dir = company("sftp-later", &format!("sftp: {{ bank: {{ {source} }} }}"));
    std::fs::remove_dir(there.join("done")).unwrap();
    std::fs::write(there.join("a.xml"), statement(5, 100)).unwrap();
    let told = settle(&dir, 0);
    assert_eq!(received(&told), [["a.xml", "sftp:bank", "taken"]]);
    let problem = texts(&told, "told")[0];
    for part in ["sftp:bank/a.xml: it was taken", "make that folder"] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    std::fs::create_dir(there.join("done")).unwrap();
    let told = settle(&dir, 0);
    assert!(
        received(&told).is_empty() && texts(&told, "told").is_empty(),
        "{told}"
    );
    assert_eq!(
        (names(&there), names(&there.join("done"))),
        (vec!["done".to_owned()], vec!["a.xml".to_owned()])
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_source_that_is_away_stops_no_other() {
    let (there, source) = sftp("others", "stable_seconds: 0");
    std::fs::write(there.join("a.xml"), statement(5, 100)).unwrap();
    let other = std::fs::read_to_string(PathBuf::from(peer("TIEOUT_TEST_SFTP")).join("other.pub"));
    let other = other.unwrap();
    let other: Vec<&str> = other.split_whitespace().take(2).collect();
    let port = peer("TIEOUT_TEST_SFTP_PORT");
    let (away, host_key) = (
        source.replace(&format!("port: {port}"), "port: 1"),
        source.find("host_key: \"").unwrap() + "host_key: \"".len(),
    );
    let end = host_key + source[host_key..].find('"').unwrap();
    let impostor = format!(
        "{}{}{}",
        &source[..host_key],
        other.join(" "),
        &source[end..]
    );
    let dir = company(
        "sftp-away",
        &format!(
            "folder: settlements, sftp: {{ away: {{ {away} }}, impostor: {{ {impostor} }}, sound: {{ {source} }} }}"
        ),
    );
    std::fs::write(dir.join("settlements/b.xml"), statement(6, 10)).unwrap();
    let told = settle(&dir, 1);
    assert_eq!(
        received(&told),
        [
            ["b.xml", "folder", "taken"],
            ["a.xml", "sftp:sound", "taken"]
        ]
    );
    let refused = texts(&told, "refused");
    for (told, parts) in refused.iter().zip([
        [
            "sftp:away: ",
            "could not be reached: connecting",
            "tieout connectors test away",
        ],
        [
            "sftp:impostor: ",
            "shows another host key",
            "have its owner confirm",
        ],
    ]) {
        for part in parts {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
    let test = |code: i32, name: &str| {
        let told = expect_json(
            code,
            &["-c", &config(&dir), "--json", "connectors", "test", name],
        );
        told["reachable"].as_bool().unwrap()
    };
    assert_eq!(
        (test(1, "away"), test(1, "impostor"), test(0, "sound")),
        (false, false, true)
    );
    expect(0, &["-c", &config(&dir), "check"]);
    configure(&dir, |text| text.replace("/client\" }", "/no-such-key\" }"));
    let told = tieout(&["-c", &config(&dir), "check"]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("settlement: sftp: `sound`"), "{told}");
    std::fs::remove_dir_all(dir).unwrap();
}

/// The daemon looks twice whatever its schedule, and never takes half a file.
#[test]
fn the_daemon_waits_until_a_file_is_complete() {
    let (there, source) = sftp("daemon", "stable_seconds: 2, done: done");
    let dir = company(
        "sftp-daemon",
        &format!("folder: settlements, stable_seconds: 2, sftp: {{ bank: {{ {source} }} }}"),
    );
    configure(&dir, |text| {
        let at = text.find("schedule:").unwrap();
        format!(
            "{}schedule: {{ settle: \"*/10 * * * * *\" }}\n",
            &text[..at]
        )
    });
    let whole = [statement(5, 100), statement(6, 100)];
    let places = [dir.join("settlements/a.xml"), there.join("b.xml")];
    let daemon = Daemon::start(&dir, EVENTS);
    // As long as somebody writes, nothing is taken: a half of it would be refused.
    for part in 1..=20 {
        for (place, text) in places.iter().zip(&whole) {
            std::fs::write(place, &text[..text.len() * part / 20]).unwrap();
        }
        std::thread::sleep(Duration::from_millis(800));
    }
    let log = || std::fs::read_to_string(dir.join("daemon.log")).unwrap();
    eventually(Duration::from_mins(1), || {
        let away = names(&there.join("done"));
        let told = tieout(&["-c", &config(&dir), "trace", "R-5"]);
        let found = String::from_utf8_lossy(&told.stdout).contains("bank line R-5");
        if away == ["b.xml"] && found {
            Ok(())
        } else {
            Err(format!("{away:?} {found}"))
        }
    });
    assert_eq!(daemon.stop(), Some(0));
    assert!(!log().contains("\"message\":\"refused\""), "{}", log());
    nothing_is_left(&dir);
    std::fs::remove_dir_all(dir).unwrap();
}

/// A company whose HTTP takes files for a token of their own.
fn listening(name: &str, more: &str) -> (PathBuf, String) {
    let token = format!("http: {{ token: {{ file: files-token }}{more} }}");
    let dir = company(name, &token);
    let path = dir.join("files-token");
    std::fs::write(&path, FILES).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let port = free_port();
    configure(&dir, |text| {
        text.replace(
            "http: { listen: \"127.0.0.1:8080\" }",
            &format!(
                "http: {{ listen: \"127.0.0.1:{port}\", token: {{ env: TIEOUT_EVENTS_TOKEN }}, limits: {{ idle_seconds: 2 }} }}"
            ),
        )
    });
    (dir, format!("http://127.0.0.1:{port}"))
}

fn put(url: &str, name: &str, token: &str, body: Vec<u8>) -> (u16, Value) {
    block_on(async {
        let sent = reqwest::Client::new()
            .put(format!("{url}/v1/settlements/{name}"))
            .bearer_auth(token)
            .body(body);
        let response = sent.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    })
}

fn ready(url: &str) {
    eventually(Duration::from_secs(30), || {
        block_on(async {
            let asked = reqwest::get(format!("{url}/readyz")).await;
            let status = asked.map_err(|error| error.to_string())?.status();
            status.is_success().then_some(()).ok_or(status.to_string())
        })
    });
}

#[test]
fn a_file_comes_by_http_and_is_answered_after_the_commit() {
    let (dir, url) = listening("upload", ", most_bytes: 100000");
    let daemon = Daemon::start(&dir, EVENTS);
    ready(&url);
    let bytes = || statement(5, 100).into_bytes();
    assert_eq!(put(&url, "a.xml", EVENTS, bytes()).0, 401, "another token");
    let (status, told) = put(&url, "a.xml", FILES, bytes());
    assert_eq!((status, &told["outcome"]), (200, &json!("taken")), "{told}");
    let one = &told["statements"][0];
    let text = ["account", "closing", "total", "verdict", "source"]
        .map(|name| one[name].as_str().unwrap());
    let wanted = [
        "DE02120300000000202051",
        "100.00",
        "100.00",
        "closes",
        "http",
    ];
    assert_eq!(text, wanted);
    let (status, told) = put(&url, "again.xml", FILES, bytes());
    assert_eq!(
        (status, &told["outcome"]),
        (200, &json!("repeated")),
        "{told}"
    );
    let (status, told) = put(
        &url,
        "picture.png",
        FILES,
        b"\x89PNG\r\n\x1a\n\0\0".to_vec(),
    );
    assert_eq!(
        (status, &told["outcome"]),
        (422, &json!("refused")),
        "{told}"
    );
    let error = told["error"].as_str().unwrap();
    assert!(error.starts_with("http/picture.png: this is"), "{error}");
    for (name, part) in [
        ("..%2F..%2Fkey", "not a plain name"),
        ("a%0Ab.xml", "control characters"),
        (".hidden", "begins with a dot"),
    ] {
        let (status, told) = put(&url, name, FILES, bytes());
        assert_eq!(status, 422, "{name}: {told}");
        assert!(told["error"].as_str().unwrap().contains(part), "{told}");
    }
    let (status, told) = put(&url, "large.xml", FILES, vec![b' '; 100_001]);
    assert_eq!(status, 413, "{told}");
    let events = block_on(async {
        let sent = reqwest::Client::new()
            .post(format!("{url}/v1/events"))
            .bearer_auth(FILES)
            .body("{}");
        sent.send().await.unwrap().status().as_u16()
    });
    assert_eq!(events, 401, "who may bring files may not bring events");
    assert_eq!(daemon.stop(), Some(0));
    nothing_is_left(&dir);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn slow_senders_are_cut_off_and_only_so_many_come_at_once() {
    use std::io::{Read as _, Write as _};
    let (dir, url) = listening("upload-slow", ", seconds: 4, at_once: 1");
    let daemon = Daemon::start(&dir, EVENTS);
    ready(&url);
    let address = url.strip_prefix("http://").unwrap();
    let begin = |name: &str| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let head = format!(
            "PUT /v1/settlements/{name} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {FILES}\r\ncontent-length: 5000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(b"<?xml").unwrap();
        stream
    };
    let answer = |mut stream: std::net::TcpStream| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    // One that says nothing more is told so, and one that goes on too slowly too.
    let silent = begin("silent.xml");
    std::thread::sleep(Duration::from_millis(300));
    let (status, told) = put(&url, "a.xml", FILES, statement(5, 100).into_bytes());
    assert_eq!(status, 503, "{told}");
    let told = answer(silent);
    assert!(
        told.starts_with("HTTP/1.1 408") && told.contains("came to a rest"),
        "{told}"
    );
    let mut slow = begin("slow.xml");
    for _ in 0..10 {
        let _cut = slow.write_all(b" ");
        std::thread::sleep(Duration::from_millis(500));
    }
    let told = answer(slow);
    assert!(
        told.starts_with("HTTP/1.1 408") && told.contains("took too long"),
        "{told}"
    );
    // One that goes away leaves nothing.
    drop(begin("gone.xml"));
    let (status, told) = eventually(Duration::from_secs(10), || {
        let (status, told) = put(&url, "a.xml", FILES, statement(5, 100).into_bytes());
        if status == 503 {
            Err(told.to_string())
        } else {
            Ok((status, told))
        }
    });
    assert_eq!((status, &told["outcome"]), (200, &json!("taken")), "{told}");
    assert_eq!(daemon.stop(), Some(0));
    nothing_is_left(&dir);
    std::fs::remove_dir_all(dir).unwrap();
}

/// What `verify` finds wrong.
fn failures(dir: &Path) -> String {
    let told = tieout(&["-c", &config(dir), "--json", "verify"]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    told["failures"].to_string()
}

/// How many pieces of files the books hold themselves.
fn chunks(dir: &Path) -> i64 {
    use sqlx::Connection as _;
    block_on(async {
        let url = format!("sqlite:{}", dir.join("tieout.db").display());
        let mut books = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let count = "SELECT COUNT(*) FROM settlement_file_chunk";
        sqlx::query_scalar(count)
            .fetch_one(&mut books)
            .await
            .unwrap()
    })
}

/// `ab/abcdef…`, as bytes lie where they are kept.
fn key(bytes: &[u8]) -> String {
    let hash = ledger::hash::hex(ledger::Hash::of(bytes).as_bytes());
    format!("{}/{hash}", &hash[..2])
}

#[test]
fn files_are_kept_in_a_folder_under_their_hash_and_read_back() {
    let dir = company(
        "keep-folder",
        "folder: settlements, keep: { folder: { path: kept } }",
    );
    let text = statement(5, 100);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, text.as_bytes()).unwrap();
    std::fs::write(dir.join("settlements/a.xml.gz"), gz.finish().unwrap()).unwrap();
    std::fs::write(dir.join("settlements/b.png"), b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    // What a crash before the commit leaves there, or somebody else put there, does not stay.
    let place = dir.join("kept").join(key(text.as_bytes()));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, "half").unwrap();
    let told = settle(&dir, 1);
    assert_eq!(told["files"], 1, "{told}");
    assert_eq!(std::fs::read_to_string(&place).unwrap(), text);
    assert_eq!(
        names(&dir.join("kept")).len(),
        1,
        "the refused one left nothing"
    );
    assert_eq!(names(place.parent().unwrap()).len(), 1);
    assert_eq!(chunks(&dir), 0, "the books hold no second copy");
    assert_eq!(failures(&dir), "[]");
    let trace = || expect(0, &["-c", &config(&dir), "trace", "R-5"]);
    assert!(trace().contains("as it was received"), "{}", trace());
    std::fs::write(&place, text.replace("100.00", "900.00")).unwrap();
    let told = failures(&dir);
    assert!(
        told.contains("`a.xml.gz` is not what was received"),
        "{told}"
    );
    assert!(trace().contains("not what was received"), "{}", trace());
    std::fs::remove_file(&place).unwrap();
    let told = failures(&dir);
    for part in ["`a.xml.gz` is missing", "bring it back from a backup"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    configure(&dir, |text| {
        text.replace(", keep: { folder: { path: kept } }", "")
    });
    let told = failures(&dir);
    assert!(told.contains("does not say where"), "{told}");
    std::fs::remove_dir_all(dir).unwrap();
}

/// The S3 looks whether a request is signed, not by whom.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=tests/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// An S3 that ends with the test.
struct S3 {
    process: std::process::Child,
    url: String,
}

impl S3 {
    fn start() -> Self {
        let port = free_port();
        let process = std::process::Command::new("python3")
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
            .arg(port.to_string())
            .env("PYTHONPATH", peer("TIEOUT_TEST_S3"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let bucket = format!("{url}/kept");
        eventually(Duration::from_secs(30), || {
            block_on(async {
                let sent = reqwest::Client::new().put(&bucket).send().await;
                let status = sent.map_err(|error| error.to_string())?.status();
                status.is_success().then_some(()).ok_or(status.to_string())
            })
        });
        Self { process, url }
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

#[test]
fn files_are_kept_in_a_bucket_and_nothing_is_taken_while_it_is_away() {
    let s3 = S3::start();
    let dir = company(
        "keep-bucket",
        &format!(
            "keep: {{ bucket: {{ url: \"s3://kept/files\", endpoint: \"{}\", key_id: {{ file: id }}, secret: {{ file: secret }} }} }}",
            s3.url
        ),
    );
    for name in ["id", "secret"] {
        let path = dir.join(name);
        std::fs::write(&path, "tests").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
    }
    // One in a single request, and one in parts.
    let small = statement(5, 100);
    let padding = format!("<!--{}-->\n", "x".repeat(100_000)).repeat(250);
    let large = format!("{}{padding}", statement(6, 100));
    for (name, text) in [("small.xml", &small), ("large.xml", &large)] {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        expect(0, &["-c", &config(&dir), "settle", path.to_str().unwrap()]);
        let url = format!("{}/kept/files/{}", s3.url, key(text.as_bytes()));
        let kept = block_on(async {
            let asked = reqwest::Client::new().get(url);
            let found = asked.header("authorization", SIGNED).send().await.unwrap();
            assert_eq!(found.status().as_u16(), 200, "{name}");
            found.bytes().await.unwrap()
        });
        assert!(kept == text.as_bytes(), "{name} lies there as it is");
    }
    assert_eq!(chunks(&dir), 0);
    assert_eq!(failures(&dir), "[]");
    let gone = format!("{}/kept/files/{}", s3.url, key(small.as_bytes()));
    block_on(async {
        let asked = reqwest::Client::new().delete(gone);
        asked.header("authorization", SIGNED).send().await.unwrap()
    });
    let told = failures(&dir);
    assert!(told.contains("`small.xml` is missing"), "{told}");
    drop(s3);
    let path = dir.join("third.xml");
    std::fs::write(&path, statement(7, 100)).unwrap();
    let told = tieout(&["-c", &config(&dir), "settle", path.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(2), "{said}");
    assert!(said.contains("`s3://kept/files` cannot be used"), "{said}");
    let told = tieout(&["-c", &config(&dir), "trace", "R-7"]);
    assert!(!told.status.success(), "nothing of it was taken");
    std::fs::remove_dir_all(dir).unwrap();
}
