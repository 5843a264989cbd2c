//! Exports to a bucket: against an S3 of other people, and a store that does what a test tells it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod peer;

use connectors::bucket::Config;
use connectors::secret::SecretRef;
use connectors::transport::bucket::Bucket;
use connectors::transport::{Content, FileDrop, Placed};
use peer::{Act, serve};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The S3 looks whether a request is signed, not by whom.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=tests/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// An S3 that ends with the test, with a bucket.
struct S3 {
    process: Child,
    url: String,
}

impl S3 {
    async fn start() -> Self {
        let tools = std::env::var("TIEOUT_TEST_S3")
            .expect("TIEOUT_TEST_S3 is not set; `make test` sets it");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let process = Command::new("python3")
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
            .arg(port.to_string())
            .env("PYTHONPATH", tools)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let own = Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        };
        for _ in 0..300 {
            let made = reqwest::Client::new().put(format!("{}/exports", own.url));
            if made
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return own;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the S3 did not start");
    }

    async fn ask(&self, path: &str) -> (u16, String) {
        let asked = reqwest::Client::new().get(format!("{}/{path}", self.url));
        let found = asked.header("authorization", SIGNED).send().await.unwrap();
        (found.status().as_u16(), found.text().await.unwrap())
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

fn secret() -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::temp_dir().join(format!("tieout-bucket-{}.secret", std::process::id()));
    std::fs::write(&path, "hunter2\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn config(url: &str, endpoint: &str) -> Config {
    Config {
        url: url.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        region: "us-east-1".to_owned(),
        key_id: SecretRef::File(secret()),
        secret: SecretRef::File(secret()),
        conditional: None,
    }
}

fn open(config: &Config) -> Bucket {
    config.check().unwrap();
    Bucket::new(config, Path::new("/")).unwrap()
}

#[tokio::test]
async fn a_file_is_an_object_and_none_is_replaced() {
    let s3 = S3::start().await;
    let drop = open(&config("s3://exports/erp", &s3.url));
    drop.check().await.unwrap();
    let (_, listed) = s3.ask("exports?list-type=2").await;
    assert!(
        !listed.contains("<Key>"),
        "a check leaves nothing: {listed}"
    );
    let (_, begun) = s3.ask("exports?uploads").await;
    assert!(!begun.contains("tieout-probe"), "{begun}");
    let bytes: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(drop.put("batch.csv", &bytes).await.unwrap(), Placed::Sent);
    assert_eq!(
        drop.put("batch.csv", &bytes).await.unwrap(),
        Placed::Already
    );
    for other in [&bytes[1..], &bytes[..7], b"", b"other"] {
        assert_eq!(
            drop.put("batch.csv", other).await.unwrap(),
            Placed::Occupied
        );
    }
    assert_eq!(drop.put("empty.csv", b"").await.unwrap(), Placed::Sent);
    assert_eq!(drop.put("empty.csv", b"").await.unwrap(), Placed::Already);
    assert_eq!(drop.put("empty.csv", b"x").await.unwrap(), Placed::Occupied);
    let beginning = Content::marked(&bytes, 100, 0);
    assert_eq!(
        drop.holds("batch.csv", beginning).await.unwrap(),
        Some(true)
    );
    assert_eq!(
        drop.holds("empty.csv", beginning).await.unwrap(),
        Some(false)
    );
    assert_eq!(drop.holds("nothing.csv", beginning).await.unwrap(), None);
    drop.put("batch.csv.manifest.json", b"{}").await.unwrap();
    // Of another target, and what only begins like it.
    let deeper = open(&config("s3://exports/erp/deeper", &s3.url));
    deeper.put("other.csv", b"bytes").await.unwrap();
    let beside = open(&config("s3://exports/erp-2", &s3.url));
    beside.put("beside.csv", b"bytes").await.unwrap();
    let shelf = drop.shelf().unwrap();
    let mut listed = shelf.list().await.unwrap();
    listed.sort();
    assert_eq!(
        listed,
        ["batch.csv", "batch.csv.manifest.json", "empty.csv"]
    );
    assert_eq!(shelf.read("batch.csv").await.unwrap().unwrap(), bytes);
    assert_eq!(shelf.read("empty.csv").await.unwrap().unwrap(), b"");
    assert_eq!(shelf.read("nothing.csv").await.unwrap(), None);
    let (status, manifest) = s3.ask("exports/erp/batch.csv.manifest.json").await;
    assert_eq!((status, manifest.as_str()), (200, "{}"));
    // A bucket without a prefix, of which nothing is there yet.
    let whole = open(&config("s3://exports", &s3.url));
    assert_eq!(
        whole.shelf().unwrap().list().await.unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(whole.put("top.csv", b"bytes").await.unwrap(), Placed::Sent);
    assert_eq!(whole.shelf().unwrap().list().await.unwrap(), ["top.csv"]);
    let nowhere = open(&config("s3://nobody", &s3.url));
    assert!(nowhere.check().await.is_err());
    assert!(
        nowhere.shelf().unwrap().list().await.is_err(),
        "nobody knows"
    );
    assert!(!format!("{drop:?}").contains("hunter2"));
}

/// A store in which another writer may come between our look and our write.
fn store(script: Vec<Act>) -> (String, Arc<Mutex<Vec<String>>>) {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, mut script) = (Arc::clone(&seen), VecDeque::from(script));
    let url = serve(move |request| {
        let condition = request.headers.get("if-none-match");
        let condition = condition.map_or_else(String::new, |it| format!(" {it}"));
        let line = format!("{}{condition}", request.method);
        kept.lock().unwrap().push(line);
        script.pop_front().unwrap_or(Act::Drop)
    });
    (url, seen)
}

const OBJECT: &str = "etag: \"1\"\r\nlast-modified: Sun, 01 Feb 2026 08:00:00 GMT\r\n";

fn found(text: &str) -> Act {
    Act::Answer(200, OBJECT, text.to_owned())
}

fn part(text: &str) -> Act {
    let headers = match text {
        "bytes" => {
            "etag: \"1\"\r\nlast-modified: Sun, 01 Feb 2026 08:00:00 GMT\r\ncontent-range: bytes 0-4/5\r\n"
        }
        _ => panic!("five bytes: {text}"),
    };
    Act::Answer(206, headers, text.to_owned())
}

fn status(status: u16) -> Act {
    Act::Answer(status, OBJECT, String::new())
}

#[tokio::test]
async fn a_store_that_looks_in_the_same_step_replaces_nothing() {
    // Nothing lies there; then something does.
    let table = [
        (
            "the same",
            vec![status(404), status(412), found("bytes"), part("bytes")],
            Some(Placed::Already),
        ),
        (
            "another",
            vec![
                status(404),
                status(412),
                found("other bytes"),
                part("bytes"),
            ],
            Some(Placed::Occupied),
        ),
        (
            "gone again",
            vec![status(404), status(412), status(404)],
            None,
        ),
        ("it refuses", vec![status(404), status(403)], None),
    ];
    for (what, script, wanted) in table {
        let (url, seen) = store(script);
        let placed = open(&config("s3://exports", &url))
            .put("a.csv", b"bytes")
            .await;
        assert_eq!(placed.ok(), wanted, "{what}");
        assert_eq!(seen.lock().unwrap()[..2], ["HEAD", "PUT *"], "{what}");
    }
    let (url, seen) = store(vec![status(404), status(200)]);
    let plain = Config {
        conditional: Some(false),
        ..config("s3://exports", &url)
    };
    assert_eq!(
        open(&plain).put("a.csv", b"bytes").await.unwrap(),
        Placed::Sent
    );
    assert_eq!(
        *seen.lock().unwrap(),
        ["HEAD", "PUT"],
        "it is not asked what it does not know"
    );
}
