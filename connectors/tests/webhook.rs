//! The signed message, against a receiver that is strict and one that is not there when it should be.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

#[path = "../formats/tests/common/mod.rs"]
mod common;
mod peer;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{case, fixtures};
use connectors::erp::{Delivery, ErpConnector, ErpKind, Host};
use formats::erp::Artifact;
use ledger::FixedClock;
use peer::{Act, Request, serve};
use ring::hmac;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const SECRET: &[u8] = b"a secret of twenty-four by";
const MANIFEST: &str = r#"{ "batch": "0198-batch" }"#;

fn host() -> Host {
    Host {
        drop: None,
        base: PathBuf::from("/"),
        clock: Arc::new(FixedClock("2026-02-01T08:00:00Z".parse().unwrap())),
    }
}

fn secret_file() -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::temp_dir().join(format!("tieout-webhook-{}.secret", std::process::id()));
    let text = format!("whsec_{}\n", STANDARD.encode(SECRET));
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn open(url: &str) -> Box<dyn ErpConnector> {
    let options = json!({ "url": url, "secret": { "file": secret_file() } });
    let kind = ErpKind::find("webhook").unwrap();
    kind.open(options, &host()).unwrap()
}

fn artifact(connector: &dyn ErpConnector) -> Artifact {
    let (_, batch) = case(&fixtures("erp").join("webhook").join("two-currencies"));
    let mut bytes = Vec::new();
    connector.render(&batch, &mut bytes).unwrap();
    Artifact {
        name: connector.name(&batch),
        bytes,
    }
}

/// What a receiver has booked, by the message's id.
type Booked = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Books what is signed rightly, once, and then does the next of what the script says.
fn receiver(script: Vec<Act>, books_when_busy: bool) -> (String, Booked) {
    let booked = Booked::default();
    let (kept, mut script) = (Arc::clone(&booked), VecDeque::from(script));
    let url = serve(move |request| {
        if let Some(problem) = unsigned(request) {
            return Act::Answer(400, "", problem);
        }
        let act = script
            .pop_front()
            .unwrap_or_else(|| Act::Answer(200, "", r#"{"acknowledged":"journal 12"}"#.to_owned()));
        let is_busy = matches!(&act, Act::Answer(status, ..) if *status != 200 && *status < 500);
        if !is_busy || books_when_busy {
            let id = request.headers["webhook-id"].clone();
            kept.lock()
                .unwrap()
                .entry(id)
                .or_insert_with(|| request.body.clone());
        }
        act
    });
    (url, booked)
}

fn unsigned(request: &Request) -> Option<String> {
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let mut signed =
        format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).into_bytes();
    signed.extend_from_slice(&request.body);
    let signature = header("webhook-signature");
    let signature = STANDARD.decode(signature.strip_prefix("v1,")?).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    hmac::verify(&key, &signed, &signature)
        .is_err()
        .then(|| "the signature is not ours".to_owned())
}

fn answer(status: u16, headers: &'static str, body: &str) -> Act {
    Act::Answer(status, headers, body.to_owned())
}

#[tokio::test]
async fn a_batch_is_one_signed_message_however_often_it_is_sent() {
    let (url, booked) = receiver(Vec::new(), false);
    let connector = open(&url);
    let artifact = artifact(connector.as_ref());
    for _ in 0..2 {
        let answer = connector.deliver(&artifact, MANIFEST).await.unwrap();
        assert_eq!(answer, Delivery::Accepted("journal 12".to_owned()));
    }
    let booked = booked.lock().unwrap();
    assert_eq!(booked.keys().collect::<Vec<_>>(), ["0198-batch"]);
    let body: Value = serde_json::from_slice(&booked["0198-batch"]).unwrap();
    let entries = body["data"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["lines"][0]["amount"], "119.00");
    assert_eq!(entries[1]["lines"][0]["currency"], "JPY");
    assert_eq!(entries[1]["lines"][0]["amount"], "12000");
    let error = String::from_utf8(STANDARD.encode(SECRET).into_bytes()).unwrap();
    assert!(
        !format!("{connector:?}").contains(&error),
        "the secret is not shown"
    );
}

#[tokio::test]
async fn what_the_receiver_says_is_understood() {
    enum Then {
        Accepted,
        Rejected(&'static str),
        Blocked(&'static str),
        Unknown,
    }
    let table = [
        (
            vec![answer(429, "retry-after: 0\r\n", ""), answer(503, "", "")],
            Then::Accepted,
        ),
        (
            vec![answer(200, "", r#"{"error":"period 2026-01 is closed"}"#)],
            Then::Rejected("period 2026-01 is closed"),
        ),
        (
            vec![answer(422, "", "line 3: no such account")],
            Then::Rejected("line 3: no such account"),
        ),
        (
            vec![answer(413, "", "too large")],
            Then::Rejected("too large"),
        ),
        (vec![answer(401, "", "who?")], Then::Blocked("401")),
        (
            vec![answer(302, "location: http://127.0.0.1:1/\r\n", "")],
            Then::Blocked("another address"),
        ),
        (vec![answer(500, "", "oops")], Then::Unknown),
        (
            vec![answer(
                504,
                "",
                r#"{"status":504,"error":"Gateway Timeout"}"#,
            )],
            Then::Unknown,
        ),
        (
            vec![answer(401, "", r#"{"error":"Unauthorized"}"#)],
            Then::Blocked("401"),
        ),
        (
            vec![answer(200, "", r#"{"error":false,"acknowledged":"7"}"#)],
            Then::Accepted,
        ),
        (vec![Act::Drop], Then::Unknown),
        (vec![Act::Half], Then::Unknown),
    ];
    for (script, then) in table {
        let said = format!("{script:?}");
        let (url, booked) = receiver(script, false);
        let connector = open(&url);
        let artifact = artifact(connector.as_ref());
        let found = connector.deliver(&artifact, MANIFEST).await;
        match (then, found) {
            (Then::Accepted, Ok(Delivery::Accepted(_))) => {}
            (Then::Rejected(words), Ok(Delivery::Rejected { reason }))
            | (Then::Blocked(words), Ok(Delivery::Blocked { reason })) => {
                assert!(reason.contains(words), "{said}: {reason}");
            }
            (Then::Unknown, Err(_)) => {
                // Sent again it is there once.
                let again = connector.deliver(&artifact, MANIFEST).await.unwrap();
                assert!(matches!(again, Delivery::Accepted(_)), "{said}: {again:?}");
                assert_eq!(booked.lock().unwrap().len(), 1, "{said}");
            }
            (_, found) => unreachable!("{said}: {found:?}"),
        }
    }
}

#[test]
fn what_could_show_a_secret_or_go_astray_is_refused() {
    let kind = ErpKind::find("webhook").unwrap();
    let secret = json!({ "file": secret_file() });
    for (options, why) in [
        (
            json!({ "url": "http://ledger.example/", "secret": secret }),
            "https",
        ),
        (
            json!({ "url": "https://user:pass@ledger.example/", "secret": secret }),
            "secret",
        ),
        (json!({ "url": "ledger", "secret": secret }), "no address"),
        (
            json!({ "url": "https://ledger.example/", "secret": "whsec_abc" }),
            "secret",
        ),
        (
            json!({ "url": "https://ledger.example/", "secret": secret, "other": 1 }),
            "other",
        ),
    ] {
        let error = kind.open(options.clone(), &host()).unwrap_err();
        let mut told = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            told.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        assert!(told.contains(why), "{options}: {told}");
        assert!(
            !told.contains("pass@") && !told.contains("whsec_abc"),
            "{told}"
        );
    }
}
