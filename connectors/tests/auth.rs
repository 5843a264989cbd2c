//! Credentials against a token endpoint that is strict, and one that breaks.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

mod peer;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use connectors::http::auth::{Auth, AuthConfig, AuthError, Headers};
use connectors::transport::TransportError;
use ledger::Clock;
use peer::{Act, Request, serve};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What no error, log or `Debug` may hold.
const SECRET: &str = "hunter2/+ %";

#[derive(Debug)]
struct MovingClock(Mutex<DateTime<Utc>>);

impl Clock for MovingClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A folder with secrets, and a clock.
struct Desk {
    dir: PathBuf,
    clock: Arc<MovingClock>,
}

impl Desk {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("tieout-auth-{name}-{}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let now = "2026-02-01T08:00:00Z".parse().unwrap();
        Self {
            dir,
            clock: Arc::new(MovingClock(Mutex::new(now))),
        }
    }

    fn secret(&self, name: &str, text: &str) -> Value {
        let path = self.dir.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        json!({ "file": name })
    }

    fn open(&self, config: Value) -> Result<Auth, AuthError> {
        let config: AuthConfig = serde_json::from_value(config).unwrap();
        let clock: Arc<dyn Clock> = self.clock.clone();
        Auth::open(config, &self.dir, &clock)
    }

    fn pass(&self, seconds: i64) {
        *self.clock.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }

    fn openssl(&self, args: &[&str]) -> Output {
        let mut command = Command::new("openssl");
        command.args(args).current_dir(&self.dir).output().unwrap()
    }

    fn made(&self, args: &[&str]) {
        let output = self.openssl(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

type Form = BTreeMap<String, String>;

fn form(request: &Request) -> Form {
    let body = String::from_utf8(request.body.clone()).unwrap();
    let read = Url::parse(&format!("http://form/?{body}")).unwrap();
    let pairs = read.query_pairs();
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// What an endpoint was asked, one form after the other, each with what stood in `authorization`.
type Asked = Arc<Mutex<Vec<Form>>>;

/// An endpoint that notes what it is asked, and then answers.
fn endpoint(mut answer: impl FnMut(&Form) -> Act + Send + 'static) -> (String, Asked) {
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    let url = serve(move |request| {
        let mut form = form(request);
        assert_eq!(
            request.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
        if let Some(value) = request.headers.get("authorization") {
            form.insert("authorization".to_owned(), value.clone());
        }
        noted.lock().unwrap().push(form.clone());
        answer(&form)
    });
    (format!("{url}/token"), asked)
}

/// One that gives out `token-1`, `token-2` and so on, for an hour each.
fn giving() -> (String, Asked) {
    let mut given = 0;
    endpoint(move |_| {
        given += 1;
        granted(
            json!({ "access_token": format!("token-{given}"), "token_type": "Bearer", "expires_in": 3600 }),
        )
    })
}

fn granted(answer: Value) -> Act {
    Act::Answer(200, "cache-control: no-store\r\n", answer.to_string())
}

async fn headers(auth: &Auth) -> Result<Headers, TransportError> {
    let url = Url::parse("https://erp.example/journals?limit=1").unwrap();
    auth.headers(&Method::GET, &url).await
}

async fn value(auth: &Auth) -> String {
    let headers = headers(auth).await.unwrap();
    let [(name, value)] = headers.as_slice() else {
        unreachable!("{headers:?}");
    };
    assert_eq!(name.as_str(), "authorization");
    value.to_str().unwrap().to_owned()
}

fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    told
}

fn client(desk: &Desk, url: &str) -> Value {
    json!({ "oauth2": { "token_url": url, "client_id": "tie out", "client_secret": desk.secret("client", SECRET) } })
}

fn refresh(desk: &Desk, url: &str, token: &str) -> Value {
    json!({ "oauth2_refresh": {
        "token_url": url, "client_id": "tieout", "client_secret": desk.secret("client", SECRET),
        "refresh_token": desk.secret("refresh", token), "keep": "kept",
    } })
}

#[tokio::test]
async fn headers_that_stay_are_what_the_rfcs_say() {
    let desk = Desk::new("fixed");
    let basic = json!({ "basic": { "user": "Aladdin", "password": desk.secret("basic", "open sesame\n") } });
    let basic = desk.open(basic).unwrap();
    assert_eq!(value(&basic).await, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let bearer = desk.open(json!({ "bearer": desk.secret("bearer", "mF_9.B5f-4.1JqM") }));
    assert_eq!(value(&bearer.unwrap()).await, "Bearer mF_9.B5f-4.1JqM");
    let own = json!({ "headers": { "X-App": desk.secret("a", "one"), "X-Grant": desk.secret("b", "two") } });
    let own = desk.open(own).unwrap();
    let sent = headers(&own).await.unwrap();
    let shown: Vec<(&str, &str)> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(shown, [("x-app", "one"), ("x-grant", "two")]);
    assert!(!own.refused(&sent), "the same would be sent again");
}

#[tokio::test]
async fn a_token_is_fetched_once_until_it_is_about_to_end() {
    let desk = Desk::new("cached");
    let (url, asked) = giving();
    let auth = desk.open(client(&desk, &url)).unwrap();
    for (passed, token) in [(0, 1), (3539, 1), (1, 2), (3539, 2), (10_000, 3)] {
        desk.pass(passed);
        assert_eq!(value(&auth).await, format!("Bearer token-{token}"));
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    let sent = STANDARD.encode("tie%20out:hunter2%2F%2B%20%25");
    assert_eq!(asked[0]["authorization"], format!("Basic {sent}"));
    assert_eq!(asked[0]["grant_type"], "client_credentials");
    assert!(!asked[0].contains_key("client_secret"));
}

#[tokio::test]
async fn a_client_says_who_it_is_where_the_server_looks() {
    let desk = Desk::new("style");
    let (url, asked) = giving();
    let mut config = client(&desk, &url);
    config["oauth2"]["style"] = json!("body");
    config["oauth2"]["scope"] = json!("a b");
    config["oauth2"]["audience"] = json!("https://erp.example/");
    value(&desk.open(config).unwrap()).await;
    let wanted = [
        ("audience", "https://erp.example/"),
        ("client_id", "tie out"),
        ("client_secret", SECRET),
        ("grant_type", "client_credentials"),
        ("scope", "a b"),
    ];
    let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked.lock().unwrap()[0], Form::from(wanted));
}

#[tokio::test]
async fn a_token_that_is_refused_is_fetched_again_once() {
    let desk = Desk::new("refused");
    let (url, asked) = giving();
    let auth = desk.open(client(&desk, &url)).unwrap();
    let first = headers(&auth).await.unwrap();
    let also = headers(&auth).await.unwrap();
    assert!(auth.refused(&first));
    assert_eq!(value(&auth).await, "Bearer token-2");
    // The other call was sent with the first token too; the second one is not to be blamed.
    assert!(auth.refused(&also));
    assert_eq!(value(&auth).await, "Bearer token-2");
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn callers_at_once_share_one_fetch() {
    let desk = Desk::new("shared");
    let (url, asked) = endpoint(|_| {
        std::thread::sleep(Duration::from_millis(200));
        granted(json!({ "access_token": "one", "expires_in": 60 }))
    });
    let auth = Arc::new(desk.open(client(&desk, &url)).unwrap());
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let auth = Arc::clone(&auth);
            tokio::spawn(async move { value(&auth).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "Bearer one");
    }
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_loses_no_token() {
    let desk = Desk::new("patience");
    let (url, asked) = endpoint(|_| {
        std::thread::sleep(Duration::from_millis(300));
        granted(json!({ "access_token": "late", "expires_in": 60, "refresh_token": "second" }))
    });
    let auth = desk.open(refresh(&desk, &url, "first")).unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), headers(&auth)).await;
    assert!(early.is_err());
    assert_eq!(value(&auth).await, "Bearer late");
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert!(
        std::fs::read_to_string(desk.dir.join("kept"))
            .unwrap()
            .contains("second")
    );
}

/// A server that takes each refresh token once.
fn rotating() -> (String, Asked) {
    let mut valid = "first".to_owned();
    let mut count = 0;
    endpoint(move |form| {
        if form["refresh_token"] != valid {
            let error = json!({ "error": "invalid_grant", "error_description": "used or unknown" });
            return Act::Answer(400, "", error.to_string());
        }
        count += 1;
        valid = format!("refresh-{count}");
        granted(
            json!({ "access_token": format!("token-{count}"), "expires_in": 60, "refresh_token": valid }),
        )
    })
}

#[tokio::test]
async fn a_refresh_token_that_is_replaced_outlives_the_process() {
    let desk = Desk::new("rotated");
    let (url, asked) = rotating();
    let auth = desk.open(refresh(&desk, &url, "first")).unwrap();
    assert_eq!(value(&auth).await, "Bearer token-1");
    desk.pass(60);
    assert_eq!(value(&auth).await, "Bearer token-2");
    let mode = std::fs::metadata(desk.dir.join("kept"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    // Another process begins with what the first one was given last.
    let other = desk.open(refresh(&desk, &url, "first")).unwrap();
    assert_eq!(value(&other).await, "Bearer token-3");
    // And the first one goes on with what the other one was given.
    desk.pass(60);
    assert_eq!(value(&auth).await, "Bearer token-4");
    let sent: Vec<String> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|form| form["refresh_token"].clone())
        .collect();
    assert_eq!(sent, ["first", "refresh-1", "refresh-2", "refresh-3"]);
    // A token that the configuration names anew is taken, whatever the file holds.
    let anew = desk.open(refresh(&desk, &url, "authorised again")).unwrap();
    let error = told(&headers(&anew).await.unwrap_err());
    assert_eq!(
        asked.lock().unwrap()[4]["refresh_token"],
        "authorised again"
    );
    for words in [
        "invalid_grant: used or unknown",
        "`refresh_token`",
        "tieout",
    ] {
        assert!(error.contains(words), "{error}");
    }
    let left: BTreeSet<String> = std::fs::read_dir(&desk.dir)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    let wanted = [".kept.lock", "client", "kept", "refresh"].map(str::to_owned);
    assert_eq!(left, BTreeSet::from(wanted), "nothing else holds a token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_share_a_file_never_use_a_refresh_token_twice() {
    let desk = Desk::new("processes");
    let (url, asked) = rotating();
    let callers: Vec<_> = (0..6)
        .map(|_| {
            let auth = desk.open(refresh(&desk, &url, "first")).unwrap();
            tokio::spawn(async move {
                for _ in 0..5 {
                    let sent = headers(&auth).await.unwrap();
                    auth.refused(&sent);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(asked.lock().unwrap().len(), 30);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_no_refresh_token() {
    let desk = Desk::new("folder");
    let (url, asked) = rotating();
    let mut config = refresh(&desk, &url, "first");
    config["oauth2_refresh"]["keep"] = json!("later/kept");
    let auth = desk.open(config).unwrap();
    let error = told(&headers(&auth).await.unwrap_err());
    assert!(error.contains("later/kept"), "{error}");
    assert!(asked.lock().unwrap().is_empty(), "nothing was asked");
    std::fs::create_dir(desk.dir.join("later")).unwrap();
    assert_eq!(value(&auth).await, "Bearer token-1");
}

#[tokio::test]
async fn a_refresh_token_that_cannot_be_kept_is_kept_before_anything_else() {
    let desk = Desk::new("unkept");
    let kept = desk.dir.join("kept");
    let inside = kept.join("in the way");
    let blocked = inside.clone();
    let (url, asked) = endpoint(move |_| {
        std::fs::create_dir_all(&blocked).unwrap();
        granted(json!({ "access_token": "one", "expires_in": 60, "refresh_token": "second" }))
    });
    let auth = desk.open(refresh(&desk, &url, "first")).unwrap();
    for _ in 0..2 {
        let error = told(&headers(&auth).await.unwrap_err());
        assert!(error.contains("keeping a refresh token"), "{error}");
        assert!(!error.contains("second"), "{error}");
    }
    std::fs::remove_dir_all(&kept).unwrap();
    assert_eq!(value(&auth).await, "Bearer one");
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("second"));
}

#[tokio::test]
async fn a_kept_file_that_is_not_ours_or_not_ours_alone_is_refused() {
    let desk = Desk::new("strange");
    let (url, asked) = rotating();
    let auth = desk.open(refresh(&desk, &url, "first")).unwrap();
    desk.secret("kept", SECRET);
    let error = told(&headers(&auth).await.unwrap_err());
    assert!(
        error.contains("move it away") && !error.contains("hunter2"),
        "{error}"
    );
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(desk.dir.join("kept"), open).unwrap();
    let error = told(&headers(&auth).await.unwrap_err());
    assert!(error.contains("chmod 600"), "{error}");
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn what_a_token_endpoint_says_is_told_without_secrets() {
    let echo = json!({ "error": "invalid_client", "error_description": format!("no client has {SECRET}, try\nagain") });
    let long = json!({ "error": "invalid_scope", "error_description": "x ".repeat(2000) });
    let answer = |status, headers, body: String| Act::Answer(status, headers, body);
    let table = [
        (
            answer(401, "", echo.to_string()),
            "invalid_client: no client has ***, try again",
        ),
        (answer(200, "", echo.to_string()), "invalid_client"),
        (answer(400, "", long.to_string()), "invalid_scope: x x"),
        (answer(500, "", echo.to_string()), "answers 500"),
        (answer(404, "", format!("<p>{SECRET}</p>")), "answers 404"),
        (
            answer(302, "location: http://127.0.0.1:1/\r\n", String::new()),
            "another address",
        ),
        (
            answer(200, "", format!("<p>{SECRET}</p>")),
            "no `access_token`",
        ),
        (answer(200, "", String::new()), "no `access_token`"),
        (
            answer(200, "", json!({ "access_token": [SECRET] }).to_string()),
            "no `access_token`",
        ),
        (
            answer(200, "", json!({ "access_token": "" }).to_string()),
            "no `access_token`",
        ),
        (
            answer(
                200,
                "",
                json!({ "access_token": format!("{SECRET}\r\nx: y") }).to_string(),
            ),
            "no `access_token`",
        ),
        (
            answer(
                200,
                "",
                json!({ "access_token": SECRET, "token_type": "mac" }).to_string(),
            ),
            "no bearer token",
        ),
        (
            answer(
                200,
                "",
                json!({ "access_token": SECRET.repeat(10_000) }).to_string(),
            ),
            "longer than",
        ),
        (Act::Drop, "127.0.0.1"),
        (Act::Half, "127.0.0.1"),
    ];
    for (act, words) in table {
        let desk = Desk::new("words");
        let said = format!("{act:?}");
        let said = said.get(..100).unwrap_or(&said);
        let (url, _) = endpoint(move |_| act.clone());
        let auth = desk.open(client(&desk, &url)).unwrap();
        let error = headers(&auth).await.unwrap_err();
        let shown = format!("{} {error:?}", told(&error));
        assert!(shown.contains(words), "{said}: {shown}");
        assert!(!shown.contains("hunter2"), "{said}: {shown}");
        assert!(shown.len() < 3000, "{said}: {shown}");
    }
}

/// The parts of a statement: what is signed, header, claims, signature.
fn parts(statement: &str) -> (String, Value, Value, Vec<u8>) {
    let (signed, signature) = statement.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    (signed.to_owned(), read(header), read(claims), signature)
}

/// Keys of all kinds, made by another program.
fn keys(desk: &Desk) {
    let rsa = [
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
        "rsa.pem",
    ];
    desk.made(&rsa);
    desk.made(&["rsa", "-in", "rsa.pem", "-traditional", "-out", "pkcs1.pem"]);
    desk.made(&["rsa", "-in", "rsa.pem", "-pubout", "-out", "rsa.pub"]);
    desk.made(&[
        "req",
        "-x509",
        "-key",
        "rsa.pem",
        "-subj",
        "/CN=tieout",
        "-out",
        "cert.pem",
    ]);
    desk.made(&[
        "x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der",
    ]);
    let ec = [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        "ec.pem",
    ];
    desk.made(&ec);
    desk.made(&["ec", "-in", "ec.pem", "-out", "sec1.pem"]);
    desk.made(&[
        "ec", "-in", "ec.pem", "-pubout", "-outform", "DER", "-out", "ec.der",
    ]);
    desk.made(&[
        "pkcs8",
        "-topk8",
        "-in",
        "rsa.pem",
        "-passout",
        "pass:x",
        "-out",
        "locked.pem",
    ]);
}

fn stated(desk: &Desk, url: &str, key: &str, algorithm: &str) -> Value {
    let text = std::fs::read_to_string(desk.dir.join(key)).unwrap();
    json!({ "jwt": {
        "as": "client", "token_url": url, "issuer": "me", "key": desk.secret(key, &text), "algorithm": algorithm,
    } })
}

fn is_signed(desk: &Desk, algorithm: &str, signed: &str, signature: &[u8]) -> bool {
    if algorithm == "ES256" {
        let der = std::fs::read(desk.dir.join("ec.der")).unwrap();
        let point = &der[der.len() - 65..];
        let way = &ring::signature::ECDSA_P256_SHA256_FIXED;
        let key = ring::signature::UnparsedPublicKey::new(way, point);
        return key.verify(signed.as_bytes(), signature).is_ok();
    }
    std::fs::write(desk.dir.join("signed"), signed).unwrap();
    std::fs::write(desk.dir.join("signature"), signature).unwrap();
    let mut args = vec![
        "dgst",
        "-sha256",
        "-verify",
        "rsa.pub",
        "-signature",
        "signature",
    ];
    if algorithm == "PS256" {
        args.extend([
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            "rsa_pss_saltlen:digest",
        ]);
    }
    args.push("signed");
    desk.openssl(&args).status.success()
}

#[tokio::test]
async fn statements_are_signed_as_others_verify_them() {
    let desk = Desk::new("signed");
    keys(&desk);
    let (url, asked) = giving();
    for (key, algorithm) in [
        ("rsa.pem", "RS256"),
        ("rsa.pem", "PS256"),
        ("pkcs1.pem", "PS256"),
        ("ec.pem", "ES256"),
    ] {
        let auth = desk.open(stated(&desk, &url, key, algorithm)).unwrap();
        value(&auth).await;
        let form = asked.lock().unwrap().last().unwrap().clone();
        let (signed, header, _, signature) = parts(&form["client_assertion"]);
        assert_eq!(header, json!({ "alg": algorithm, "typ": "JWT" }));
        assert!(
            is_signed(&desk, algorithm, &signed, &signature),
            "{key} {algorithm}"
        );
        let other = signed.replacen('e', "f", 1);
        assert!(
            !is_signed(&desk, algorithm, &other, &signature),
            "{key} {algorithm}"
        );
    }
}

#[tokio::test]
async fn a_statement_says_who_it_is_and_for_how_long() {
    let desk = Desk::new("claims");
    keys(&desk);
    let (url, asked) = giving();
    let mut config = stated(&desk, &url, "rsa.pem", "PS256");
    config["jwt"]["key_id"] = json!("key-1");
    config["jwt"]["certificate"] = json!("cert.pem");
    config["jwt"]["claims"] = json!({ "scope": ["restlets", "rest_webservices"] });
    let auth = desk.open(config.clone()).unwrap();
    let first = headers(&auth).await.unwrap();
    auth.refused(&first);
    value(&auth).await;
    config["jwt"]["as"] = json!("grant");
    config["jwt"]["subject"] = json!("books@example.com");
    config["jwt"]["audience"] = json!("https://login.example");
    config["jwt"]["scope"] = json!("journals");
    value(&desk.open(config).unwrap()).await;
    let asked = asked.lock().unwrap();
    let (client, again, grant) = (&asked[0], &asked[1], &asked[2]);
    assert_eq!(client["grant_type"], "client_credentials");
    assert_eq!(
        client["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let (_, header, mut claims, _) = parts(&client["client_assertion"]);
    let der = std::fs::read(desk.dir.join("cert.der")).unwrap();
    let print = ring::digest::digest(&ring::digest::SHA256, &der);
    let print = URL_SAFE_NO_PAD.encode(print);
    assert_eq!(
        header,
        json!({ "alg": "PS256", "typ": "JWT", "kid": "key-1", "x5t#S256": print })
    );
    let id = claims["jti"].take();
    let now = 1_769_932_800;
    assert_eq!(
        claims,
        json!({ "iss": "me", "sub": "me", "aud": url, "iat": now, "exp": now + 180, "jti": null,
                "scope": ["restlets", "rest_webservices"] })
    );
    let (.., other, _) = parts(&again["client_assertion"]);
    assert_ne!(id, other["jti"], "no statement is made twice");
    assert_eq!(
        grant["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    assert_eq!(grant["scope"], "journals");
    let (.., claims, _) = parts(&grant["assertion"]);
    assert_eq!(claims["sub"], "books@example.com");
    assert_eq!(claims["aud"], "https://login.example");
}

#[test]
fn a_key_of_another_kind_is_refused_with_the_way_to_mend_it() {
    let desk = Desk::new("keys");
    keys(&desk);
    desk.made(&[
        "pkcs8",
        "-topk8",
        "-nocrypt",
        "-in",
        "sec1.pem",
        "-out",
        "mended.pem",
    ]);
    let small = [
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:1024",
        "-out",
        "small.pem",
    ];
    desk.made(&small);
    std::fs::write(desk.dir.join("text"), SECRET).unwrap();
    let one_line = std::fs::read_to_string(desk.dir.join("rsa.pem"))
        .unwrap()
        .replace('\n', "\\n");
    std::fs::write(desk.dir.join("one-line.pem"), one_line).unwrap();
    let table = [
        ("sec1.pem", "ES256", Some("SEC 1")),
        ("mended.pem", "ES256", None),
        ("one-line.pem", "RS256", None),
        ("locked.pem", "RS256", Some("encrypted")),
        ("ec.pem", "PS256", Some("another kind")),
        ("rsa.pem", "ES256", Some("another kind")),
        ("small.pem", "RS256", Some("2048")),
        ("rsa.pub", "RS256", Some("a public key")),
        ("cert.pem", "RS256", Some("a certificate")),
        ("text", "RS256", Some("no PEM")),
    ];
    for (key, algorithm, why) in table {
        let opened = desk.open(stated(&desk, "https://login.example/", key, algorithm));
        assert_eq!(opened.is_ok(), why.is_none(), "{key} {algorithm}");
        let Err(error) = opened else { continue };
        let shown = format!("{} {error:?}", told(&error));
        assert!(
            shown.contains(why.unwrap()) && shown.contains("openssl pkcs8"),
            "{shown}"
        );
        assert!(
            !shown.contains("hunter2") && !shown.contains("MII"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_signed_request_names_the_realm_and_is_signed_once() {
    let desk = Desk::new("oauth1");
    let auth = desk.open(oauth1(&desk)).unwrap();
    let sent = headers(&auth).await.unwrap();
    let text = sent[0].1.to_str().unwrap().to_owned();
    let start = "OAuth realm=\"1234567_SB1\", oauth_consumer_key=\"consumer\", oauth_nonce=\"";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("oauth_timestamp=\"1769932800\""), "{text}");
    assert!(!auth.refused(&sent), "another signature is no better");
    assert_ne!(value(&auth).await, text);
}

fn oauth1(desk: &Desk) -> Value {
    json!({ "oauth1": {
        "consumer_key": desk.secret("ck", "consumer"), "consumer_secret": desk.secret("cs", SECRET),
        "token": desk.secret("tk", "hunter2-token"), "token_secret": desk.secret("ts", SECRET), "realm": "1234567_SB1",
    } })
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let desk = Desk::new("shown");
    keys(&desk);
    let (url, _) = endpoint(|_| {
        granted(
            json!({ "access_token": "hunter2-access", "expires_in": 60, "refresh_token": "hunter2-next" }),
        )
    });
    let mut body = client(&desk, &url);
    body["oauth2"]["style"] = json!("body");
    for config in [
        json!({ "basic": { "user": "me", "password": desk.secret("p", SECRET) } }),
        json!({ "bearer": desk.secret("b", SECRET) }),
        json!({ "headers": { "X-Key": desk.secret("h", SECRET) } }),
        client(&desk, &url),
        body,
        refresh(&desk, &url, "hunter2-refresh"),
        stated(&desk, &url, "rsa.pem", "PS256"),
        stated(&desk, &url, "ec.pem", "ES256"),
        oauth1(&desk),
    ] {
        let read: AuthConfig = serde_json::from_value(config.clone()).unwrap();
        let auth = desk.open(config.clone()).unwrap();
        let before = format!("{read:?} {auth:?} {auth:#?}");
        let sent = headers(&auth).await.unwrap();
        let shown = format!("{before} {auth:?} {auth:#?} {sent:?}");
        let held = sent[0].1.to_str().unwrap();
        for secret in [
            "hunter2",
            &STANDARD.encode(format!("me:{SECRET}")),
            "MII",
            held,
        ] {
            assert!(!shown.contains(secret), "{config}: {shown}");
        }
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn what_is_configured_wrongly_is_refused_and_not_repeated() {
    let desk = Desk::new("wrong");
    let secret = desk.secret("s", SECRET);
    let place = "https://login.example/";
    let client = |name: &str, value: Value| {
        let mut options = json!({ "token_url": place, "client_id": "me", "client_secret": secret });
        options[name] = value;
        json!({ "oauth2": options })
    };
    let refresh = |keep: &str| json!({ "oauth2_refresh": { "token_url": place, "client_id": "me", "client_secret": secret, "refresh_token": secret, "keep": keep } });
    std::fs::write(desk.dir.join("lines"), "a\nb").unwrap();
    let lines = desk.secret("lines", "hunter2\nhunter2");
    for (config, why) in [
        (json!("hunter2"), "one of"),
        (json!({ "hunter2": "x" }), "one of"),
        (json!({}), "one of"),
        (json!({ "bearer": secret, "basic": {} }), "one of"),
        (json!({ "bearer": "hunter2" }), "a secret is named"),
        (json!({ "basic": "hunter2" }), "by their names"),
        (json!({ "oauth2": ["hunter2"] }), "by their names"),
        (
            json!({ "headers": { "X-Key": "hunter2" } }),
            "a secret is named",
        ),
        (json!({ "headers": { "X Key": secret } }), "`headers.X Key`"),
        (json!({ "headers": { "X-Key": lines } }), "`headers.X-Key`"),
        (json!({ "bearer": lines }), "`bearer`"),
        (
            json!({ "basic": { "user": "a:b", "password": secret } }),
            "colon",
        ),
        (client("other", json!(1)), "other"),
        (
            client("client_secret", json!("hunter2")),
            "a secret is named",
        ),
        (client("style", json!("form")), "body"),
        (client("token_url", json!("http://login.example/")), "https"),
        (
            client("token_url", json!("https://me:hunter2@login.example/")),
            "`token_url`",
        ),
        (
            client("client_secret", json!({ "file": "absent" })),
            "absent",
        ),
        (
            client("client_secret", json!({ "command": ["false"] })),
            "exit status: 1",
        ),
        (refresh("s"), "`keep`"),
        (
            json!({ "jwt": { "as": "client", "token_url": place, "issuer": "me", "key": secret, "algorithm": "none" } }),
            "RS256",
        ),
        (
            json!({ "jwt": { "as": "client", "token_url": place, "issuer": "me", "key": secret, "algorithm": "RS256", "claims": { "exp": 1 } } }),
            "`claims.exp`",
        ),
        (
            json!({ "oauth1": { "consumer_key": secret, "consumer_secret": secret, "token": secret, "token_secret": secret, "realm": "a\"b" } }),
            "`realm`",
        ),
    ] {
        let clock: Arc<dyn Clock> = desk.clock.clone();
        let error = match serde_json::from_value::<AuthConfig>(config.clone()) {
            Err(error) => error.to_string(),
            Ok(read) => {
                let error = Auth::open(read, &desk.dir, &clock).unwrap_err();
                format!("{} {error:?}", told(&error))
            }
        };
        assert!(error.contains(why), "{config}: {error}");
        assert!(!error.contains("hunter2"), "{config}: {error}");
    }
}

#[test]
fn the_examples_of_the_readme_are_credentials() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = readme.unwrap();
    let (_, section) = readme.split_once("## Credentials").unwrap();
    let (_, block) = section.split_once("```yaml\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let examples: Vec<AuthConfig> = serde_saphyr::from_str(block).unwrap();
    assert_eq!(examples.len(), 9);
}
