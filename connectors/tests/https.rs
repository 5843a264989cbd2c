//! Files put over HTTP, against a server that is strict and one that is not there when it should be.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on says where"
)]

mod peer;

use connectors::secret::SecretRef;
use connectors::transport::https::{Basic, Config, Https};
use connectors::transport::{Content, FileDrop, Placed, TransportError};
use peer::{Act, Request, serve};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What lies at the server, by path.
type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// What becomes of the next PUT.
#[derive(Clone, Debug)]
enum Then {
    /// It is taken, unless something lies there.
    Take,
    /// It is answered so, and not taken.
    Say(u16, &'static str, &'static str),
    /// It is lost on its way.
    Lose,
    /// It is taken, and the answer is lost.
    TakeAndLose,
    /// Another writer was faster with these bytes.
    Faster(&'static [u8]),
}

/// A server that takes files from one user, and replaces none.
fn server(script: Vec<Then>) -> (String, Files) {
    let files = Files::default();
    let (kept, mut script) = (Arc::clone(&files), VecDeque::from(script));
    let url = serve(move |request| {
        let mut files = kept.lock().unwrap();
        if request.headers.get("authorization").map(String::as_str) != Some("Bearer hunter2") {
            return Act::Answer(401, "", "who?".to_owned());
        }
        if request.method != "PUT" {
            return look(&files, request);
        }
        if request.headers.get("if-none-match").map(String::as_str) != Some("*") {
            return Act::Answer(428, "", "say `If-None-Match: *`".to_owned());
        }
        let mut take = || {
            if files.contains_key(&request.path) {
                return Act::Answer(412, "", "something lies there".to_owned());
            }
            files.insert(request.path.clone(), request.body.clone());
            Act::Answer(201, "", String::new())
        };
        match script.pop_front().unwrap_or(Then::Take) {
            Then::Take => take(),
            Then::Say(status, headers, body) => Act::Answer(status, headers, body.to_owned()),
            Then::Lose => Act::Drop,
            Then::TakeAndLose => {
                take();
                Act::Drop
            }
            Then::Faster(bytes) => {
                files.insert(request.path.clone(), bytes.to_vec());
                Act::Answer(412, "", "something lies there".to_owned())
            }
        }
    });
    (format!("{url}/inbound"), files)
}

fn look(files: &BTreeMap<String, Vec<u8>>, request: &Request) -> Act {
    match files.get(&request.path) {
        Some(bytes) => Act::Answer(200, "", String::from_utf8(bytes.clone()).unwrap()),
        None => Act::Answer(404, "", "nothing is there".to_owned()),
    }
}

/// A file that holds a secret, and goes with the test.
struct Kept(PathBuf);

impl Kept {
    fn new(text: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tieout-https-{}-{number}.secret", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self(path)
    }

    fn named(&self) -> SecretRef {
        SecretRef::File(self.0.clone())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

fn config(url: &str, bearer: Option<SecretRef>) -> Config {
    Config {
        url: url.to_owned(),
        headers: BTreeMap::new(),
        secrets: BTreeMap::new(),
        basic: None,
        bearer,
        asks: true,
    }
}

fn open(url: &str, asks: bool) -> Https {
    let token = Kept::new("hunter2\n");
    let config = Config {
        asks,
        ..config(url, Some(token.named()))
    };
    config.check().unwrap();
    Https::new(&config, Path::new("/")).unwrap()
}

#[tokio::test]
async fn a_file_lies_there_once_and_no_other_is_replaced() {
    let (url, files) = server(Vec::new());
    let drop = open(&url, true);
    drop.check().await.unwrap();
    assert_eq!(drop.put("a b.csv", b"bytes").await.unwrap(), Placed::Sent);
    assert_eq!(
        drop.put("a b.csv", b"bytes").await.unwrap(),
        Placed::Already
    );
    for other in [b"bytes and more".as_slice(), b"byte", b"other"] {
        assert_eq!(drop.put("a b.csv", other).await.unwrap(), Placed::Occupied);
    }
    drop.check().await.unwrap();
    let files = files.lock().unwrap();
    let names: Vec<&String> = files.keys().collect();
    assert_eq!(names, ["/inbound/a%20b.csv"], "a check leaves nothing");
    assert_eq!(files["/inbound/a%20b.csv"], b"bytes");
    assert!(drop.shelf().is_none());
    assert!(!format!("{drop:?}").contains("hunter2"));
}

#[tokio::test]
async fn what_the_server_says_is_understood() {
    let busy = [
        Then::Say(429, "retry-after: 0\r\n", ""),
        Then::Say(503, "", "later"),
    ];
    let table: Vec<(Vec<Then>, Result<Placed, &str>)> = vec![
        (busy.to_vec(), Ok(Placed::Sent)),
        (vec![Then::Faster(b"bytes")], Ok(Placed::Already)),
        (vec![Then::Faster(b"other")], Ok(Placed::Occupied)),
        (vec![Then::Say(412, "", "no")], Err("412 no")),
        (vec![Then::Say(401, "", "who?")], Err("credentials")),
        (vec![Then::Say(403, "", "no")], Err("credentials")),
        (
            vec![Then::Say(307, "location: http://127.0.0.1:1/\r\n", "")],
            Err("another address"),
        ),
        (vec![Then::Say(413, "", "too large")], Err("413 too large")),
        (
            vec![Then::Say(507, "", "the disk is full")],
            Err("507 the disk is full"),
        ),
        (vec![Then::Say(500, "", "")], Err("500")),
        (vec![Then::Lose], Err("could not be reached")),
        (vec![Then::TakeAndLose], Err("could not be reached")),
    ];
    for (script, wanted) in table {
        let said = format!("{script:?}");
        let arrived = matches!(script[..], [Then::TakeAndLose]);
        let (url, files) = server(script);
        let drop = open(&url, true);
        let found = drop.put("a.csv", b"bytes").await;
        match (&wanted, &found) {
            (Ok(wanted), Ok(found)) => assert_eq!(wanted, found, "{said}"),
            (Err(part), Err(error)) => {
                let told = error.to_string();
                assert!(
                    told.contains(part) && !told.contains("hunter2"),
                    "{said}: {told}"
                );
                // Tried again it is there, once.
                let again = drop.put("a.csv", b"bytes").await.unwrap();
                let wanted = if arrived {
                    Placed::Already
                } else {
                    Placed::Sent
                };
                assert_eq!(again, wanted, "{said}");
                assert_eq!(files.lock().unwrap()["/inbound/a.csv"], b"bytes", "{said}");
            }
            _ => unreachable!("{said}: {found:?}"),
        }
        assert_eq!(files.lock().unwrap().len(), 1, "{said}");
    }
}

#[tokio::test]
async fn where_nobody_can_ask_a_lost_answer_stays_unknown() {
    for then in [Then::Lose, Then::TakeAndLose] {
        let arrived = matches!(then, Then::TakeAndLose);
        let (url, files) = server(vec![then]);
        let drop = open(&url, false);
        drop.check().await.unwrap();
        let lost = drop.put("a.csv", b"bytes").await.unwrap_err();
        assert!(matches!(lost, TransportError::Unreachable { .. }), "{lost}");
        for _ in 0..2 {
            let again = drop.put("a.csv", b"bytes").await;
            if arrived {
                let told = again.unwrap_err().to_string();
                assert!(told.contains("`asks: false`"), "{told}");
            } else {
                assert_eq!(again.unwrap(), Placed::Sent);
                break;
            }
        }
        assert_eq!(files.lock().unwrap()["/inbound/a.csv"], b"bytes");
    }
}

#[tokio::test]
async fn a_server_that_shows_everywhere_something_is_found_out() {
    let url = serve(|_| Act::Answer(200, "", "welcome".to_owned()));
    let told = open(&url, true).check().await.unwrap_err().to_string();
    assert!(told.contains("`asks: false`"), "{told}");
    let stranger = Https::new(&config(&server(Vec::new()).0, None), Path::new("/")).unwrap();
    let told = stranger.check().await.unwrap_err().to_string();
    assert!(told.contains("credentials"), "{told}");
}

#[tokio::test]
async fn who_comes_and_what_else_is_said_goes_with_each_request() {
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let url = serve(move |request| {
        kept.lock().unwrap().push(request.clone());
        let status = if request.method == "PUT" { 204 } else { 404 };
        Act::Answer(status, "", String::new())
    });
    let (password, key) = (Kept::new("pass:word"), Kept::new("hunter2"));
    let config = Config {
        headers: BTreeMap::from([("x-ms-blob-type".to_owned(), "BlockBlob".to_owned())]),
        secrets: BTreeMap::from([("x-api-key".to_owned(), key.named())]),
        basic: Some(Basic {
            user: "tieout".to_owned(),
            password: password.named(),
        }),
        ..config(&format!("{url}/in/?api-version=2"), None)
    };
    config.check().unwrap();
    let drop = Https::new(&config, Path::new("/")).unwrap();
    assert_eq!(drop.put("a.csv", b"bytes").await.unwrap(), Placed::Sent);
    assert_eq!(drop.peer(), format!("{url}/in"));
    let seen = seen.lock().unwrap();
    let methods: Vec<&str> = seen.iter().map(|one| one.method.as_str()).collect();
    assert_eq!(methods, ["GET", "PUT"]);
    for request in seen.iter() {
        assert_eq!(request.path, "/in/a.csv?api-version=2");
        assert_eq!(request.headers["x-ms-blob-type"], "BlockBlob");
        assert_eq!(request.headers["x-api-key"], "hunter2");
        // tieout:pass:word
        assert_eq!(
            request.headers["authorization"],
            "Basic dGllb3V0OnBhc3M6d29yZA=="
        );
    }
    let shown = format!("{drop:?}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("dGll"),
        "{shown}"
    );
}

#[tokio::test]
async fn nobody_is_there() {
    let drop = open("http://127.0.0.1:1/", true);
    let error = drop.put("a.csv", b"bytes").await.unwrap_err();
    assert!(
        matches!(error, TransportError::Unreachable { .. }),
        "{error}"
    );
    assert!(drop.check().await.is_err());
}

#[tokio::test]
async fn what_differs_each_time_is_known_by_how_it_begins_and_ends() {
    let (url, files) = server(Vec::new());
    let drop = open(&url, true);
    let ours = Content::marked(b"file 17: first\nend\n", 8, 4);
    for (left, wanted) in [
        (None, Placed::Sent),
        (
            Some(&b"file 17: another time, longer\nend\n"[..]),
            Placed::Already,
        ),
        (Some(b"file 17: ano"), Placed::Occupied),
        (Some(b"file 18: first\nend\n"), Placed::Occupied),
        (Some(b""), Placed::Occupied),
    ] {
        let path = "/inbound/a.pgp".to_owned();
        files.lock().unwrap().remove(&path);
        if let Some(left) = left {
            files.lock().unwrap().insert(path, left.to_vec());
        }
        let placed = drop.place("a.pgp", ours).await.unwrap();
        assert_eq!(placed, wanted, "{left:?}");
    }
}
