//! What every ERP that takes documents one by one must keep, whatever breaks on the way.
//!
//! A kind brings a [`Maker`]: a server of the test's own, written from what the maker publishes and as strict, which
//! books what it is given and says how often each number is booked. The suite stands between it and the
//! connector and loses, cuts and delays what they say to each other.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    missing_debug_implementations,
    reason = "each test file uses its own part of this, and a test that cannot go on says where"
)]

use crate::common::batch;
use crate::peer::{Act, Request, serve};
use connectors::erp::{Answered, Delivery, ErpConnector, ErpKind, Host, Said};
use formats::erp::{Artifact, ExportBatch};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use ledger::FixedClock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What a secret is in these tests: it must be seen by the maker's server and by nobody else.
pub const SECRET: &str = "s3cret-that-nobody-shows";

/// The account that no maker's server knows.
pub const UNKNOWN_ACCOUNT: &str = "9999";

/// An ERP of the test's own.
pub trait Maker: Send + 'static {
    /// What it answers, and what it books before it does.
    fn answer(&mut self, request: &Request) -> Act;

    /// Whether a call may change something.
    fn changes(&self, request: &Request) -> bool;

    /// How often each number of ours is booked.
    fn booked(&self) -> BTreeMap<String, usize>;

    /// Leftovers that are no document: drafts, lines of nobody.
    fn leftovers(&self) -> usize {
        0
    }

    /// Changes an amount of what is booked, as an ERP that does not keep what it was given.
    fn falsify(&mut self);
}

/// A kind under test.
pub struct Subject<M> {
    pub kind: &'static str,
    /// The options for a server at this address; secrets are files that [`secret`] makes.
    pub options: fn(&str) -> Value,
    pub maker: fn() -> M,
    /// What the maker says of an account that it does not know.
    pub unknown_account: &'static str,
    /// Whether it holds entries in other currencies than that of the books.
    pub foreign: bool,
}

/// A file that holds [`SECRET`].
pub fn secret() -> Value {
    secret_of("plain", SECRET)
}

/// A file that holds a secret of this name.
pub fn secret_of(name: &str, content: &str) -> Value {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::temp_dir().join(format!("tieout-suite-{name}-{}", std::process::id()));
    if !path.exists() {
        // Whole at once: other tests of this process read it.
        let part = path.with_extension(format!("{:?}", std::thread::current().id()));
        std::fs::write(&part, content).unwrap();
        std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(&part, &path).unwrap();
    }
    json!({ "file": path })
}

pub fn host() -> Host {
    Host {
        drop: None,
        base: PathBuf::from("/"),
        clock: Arc::new(FixedClock("2026-02-01T08:00:00Z".parse().unwrap())),
    }
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is carried out, and the answer is lost.
    LostAnswer,
    /// It never arrives.
    LostCall,
    /// It is carried out, and half an answer arrives.
    HalfAnswer,
    /// It is carried out, and the answer is this status.
    ErrorAfter(u16),
    /// It is not carried out, and the answer is this status.
    ErrorBefore(u16),
}

const FAULTS: [Fault; 8] = [
    Fault::LostAnswer,
    Fault::LostCall,
    Fault::HalfAnswer,
    Fault::ErrorAfter(500),
    Fault::ErrorAfter(503),
    Fault::ErrorBefore(500),
    Fault::ErrorBefore(503),
    Fault::ErrorBefore(429),
];

type Shared<M> = Arc<Mutex<Between<M>>>;

/// Stands between the connector and the maker's server.
struct Between<M> {
    maker: M,
    /// How many calls are still let through before the fault.
    before: usize,
    fault: Option<Fault>,
    calls: usize,
    paths: Vec<String>,
}

impl<M: Maker> Between<M> {
    fn pass(&mut self, request: &Request) -> Act {
        self.calls += 1;
        self.paths.push(request.path.clone());
        let fault = match self.before.checked_sub(1) {
            Some(before) => {
                self.before = before;
                None
            }
            None => self.fault.take(),
        };
        match fault {
            None => self.maker.answer(request),
            Some(Fault::LostCall) => Act::Drop,
            Some(Fault::ErrorBefore(status)) => {
                Act::Answer(status, "retry-after: 0\r\n", "busy".into())
            }
            Some(fault) => {
                let _lost = self.maker.answer(request);
                match fault {
                    Fault::HalfAnswer => Act::Half,
                    Fault::ErrorAfter(status) => {
                        Act::Answer(status, "retry-after: 0\r\n", "busy".into())
                    }
                    _ => Act::Drop,
                }
            }
        }
    }
}

fn between<M: Maker>(subject: &Subject<M>, fault: Option<(usize, Fault)>) -> (String, Shared<M>) {
    let shared = Arc::new(Mutex::new(Between {
        maker: (subject.maker)(),
        before: fault.map_or(0, |(before, _)| before),
        fault: fault.map(|(_, fault)| fault),
        calls: 0,
        paths: Vec::new(),
    }));
    let serving = Arc::clone(&shared);
    let url = serve(move |request| serving.lock().unwrap().pass(request));
    (url, shared)
}

fn open<M>(subject: &Subject<M>, url: &str) -> Box<dyn ErpConnector> {
    let kind = ErpKind::find(subject.kind).unwrap();
    kind.open((subject.options)(url), &host()).unwrap()
}

/// A line of an entry: account, amount, currency, and the amount in the currency of the books where that is another.
pub type Lines<'l> = &'l [(&'l str, &'l str, &'l str)];

pub fn entry(id: i64, text: &str, lines: Lines<'_>) -> Value {
    let lines: Vec<Value> = lines
        .iter()
        .map(|(side, account, amount)| {
            let (amount, functional) = amount.split_once(" = ").unwrap_or((amount, ""));
            let mut line = json!({ (*side): account, "amount": amount });
            if !functional.is_empty() {
                line["functional"] = json!(functional);
            }
            line["dimensions"] = json!({ "customer": "C-7" });
            line
        })
        .collect();
    let foreign = lines.iter().any(|line| line["functional"].is_string());
    let mut entry = json!({
        "id": id, "entity": "eu", "period": "2026-01", "date": "2026-01-15", "kind": "original",
        "reference": format!("INV-{id}"), "description": text, "functional": "EUR", "lines": lines,
    });
    if foreign {
        entry["rate"] = json!("0.8");
    }
    entry
}

/// Three entries of one entity, with what texts can hold.
fn ordinary(foreign: bool) -> ExportBatch {
    let mut entries = vec![
        entry(
            41,
            "invoice \u{1f9fe} \"quoted\" =1+1\r\nsecond line <b>&amp;</b>",
            &[
                ("debit", "accounts-receivable", "119.00 EUR"),
                ("credit", "revenue-access", "100.00 EUR"),
                ("credit", "tax-payable", "19.00 EUR"),
            ],
        ),
        entry(
            42,
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd} right to left; 'semicolon'",
            &[
                ("debit", "revenue-access", "0.01 EUR"),
                ("credit", "accounts-receivable", "0.01 EUR"),
            ],
        ),
        entry(
            43,
            "two equal lines, and one to the limit",
            &[
                ("debit", "accounts-receivable", "10.00 EUR"),
                ("debit", "accounts-receivable", "10.00 EUR"),
                ("debit", "accounts-receivable", "99999999999.99 EUR"),
                ("credit", "revenue-access", "100000000019.99 EUR"),
            ],
        ),
    ];
    if foreign {
        entries.push(entry(
            44,
            "yen",
            &[
                ("debit", "accounts-receivable", "12000 JPY = 9600.00 EUR"),
                ("credit", "revenue-access", "12000 JPY = 9600.00 EUR"),
            ],
        ));
        entries.push(entry(
            45,
            "dinar",
            &[
                ("debit", "accounts-receivable", "1.235 KWD = 0.99 EUR"),
                ("credit", "revenue-access", "1.235 KWD = 0.99 EUR"),
            ],
        ));
    }
    batch("books", &json!(entries))
}

pub fn artifact(connector: &dyn ErpConnector, batch: &ExportBatch) -> Artifact {
    let mut bytes = Vec::new();
    connector.render(batch, &mut bytes).unwrap();
    let mut again = Vec::new();
    connector.render(batch, &mut again).unwrap();
    assert_eq!(bytes, again, "the same batch, the same bytes");
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains(SECRET), "no artifact holds a secret");
    Artifact {
        name: connector.name(batch),
        bytes,
    }
}

pub async fn delivered(connector: &dyn ErpConnector, artifact: &Artifact) -> Vec<Answered> {
    match connector.deliver(artifact, "{}").await.unwrap() {
        Delivery::Documents(answers) => {
            assert!(
                !format!("{answers:?}").contains(SECRET),
                "no answer shows a secret"
            );
            answers
        }
        other => panic!("{other:?}"),
    }
}

fn all_acknowledged(answers: &[Answered]) -> bool {
    answers
        .iter()
        .all(|one| matches!(one.said, Said::Acknowledged { .. }))
}

fn once_each<M: Maker>(shared: &Shared<M>, documents: usize, said: &str) {
    let between = shared.lock().unwrap();
    let booked = between.maker.booked();
    assert_eq!(booked.len(), documents, "{said}: {booked:?}");
    assert!(
        booked.values().all(|times| *times == 1),
        "{said}: {booked:?}"
    );
    assert_eq!(between.maker.leftovers(), 0, "{said}: leftovers");
}

/// All of it.
pub async fn keeps_the_contract<M: Maker>(subject: Subject<M>) {
    options(&subject);
    twice(&subject).await;
    faults(&subject).await;
    refusals(&subject).await;
    a_lie(&subject).await;
    strangers(&subject).await;
}

fn options<M: Maker>(subject: &Subject<M>) {
    let kind = ErpKind::find(subject.kind).unwrap();
    let mut options = (subject.options)("http://127.0.0.1:9");
    let connector = kind.open(options.clone(), &host()).unwrap();
    assert!(
        !format!("{connector:?}").contains(SECRET),
        "Debug shows no secret"
    );
    options["no_such_option"] = json!(1);
    let refused = kind.open(options, &host()).unwrap_err().to_string();
    assert!(!refused.is_empty());
    let open = kind.open((subject.options)("http://erp.example"), &host());
    assert!(open.is_err(), "what is not encrypted is refused");
}

/// Sent twice it is there once, and both times read back.
async fn twice<M: Maker>(subject: &Subject<M>) {
    let (url, shared) = between(subject, None);
    let connector = open(subject, &url);
    connector.check().await.unwrap();
    let batch = ordinary(subject.foreign);
    let artifact = artifact(connector.as_ref(), &batch);
    for round in 0..2 {
        let answers = delivered(connector.as_ref(), &artifact).await;
        assert!(all_acknowledged(&answers), "round {round}: {answers:?}");
        let numbers: Vec<&str> = answers.iter().map(|one| one.document.as_str()).collect();
        let wanted: Vec<&str> = batch
            .entries
            .iter()
            .map(|one| one.document.as_str())
            .collect();
        assert_eq!(numbers, wanted);
        once_each(&shared, wanted.len(), "sent twice");
    }
    for path in &shared.lock().unwrap().paths {
        assert!(!path.contains(SECRET), "no path holds a secret: {path}");
    }
}

/// Each call of a delivery, broken in each way, and after it as many deliveries as it takes.
async fn faults<M: Maker>(subject: &Subject<M>) {
    let batch = ordinary(false);
    let calls = {
        let (url, shared) = between(subject, None);
        let connector = open(subject, &url);
        delivered(connector.as_ref(), &artifact(connector.as_ref(), &batch)).await;
        shared.lock().unwrap().calls
    };
    // Most of it is waiting, so that many wait at once.
    let all = (0..calls).flat_map(|before| FAULTS.map(|fault| (before, fault)));
    let broken = all.map(|fault| broken(subject, &batch, fault, calls).boxed_local());
    let mut broken = stream::iter(broken).buffer_unordered(16);
    while broken.next().await.is_some() {}
}

/// One call broken in one way.
async fn broken<M: Maker>(
    subject: &Subject<M>,
    batch: &ExportBatch,
    (before, fault): (usize, Fault),
    calls: usize,
) {
    let said = format!("call {before} of {calls}, {fault:?}");
    let (url, shared) = between(subject, Some((before, fault)));
    let connector = open(subject, &url);
    let artifact = artifact(connector.as_ref(), batch);
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers = match connector.deliver(&artifact, "{}").await {
            Ok(Delivery::Documents(answers)) => answers,
            Ok(other) => panic!("{said}: {other:?}"),
            Err(_nobody_knows) => continue,
        };
        for one in &answers {
            assert!(
                !matches!(one.said, Said::Refused(_) | Said::Differs { .. }),
                "{said}: what breaks on the way is no refusal: {one:?}"
            );
        }
        if all_acknowledged(&answers) {
            break;
        }
    }
    assert!(all_acknowledged(&answers), "{said}: {answers:?}");
    once_each(&shared, batch.entries.len(), &said);
}

/// What the maker refuses is refused for that document alone, in its words, and cured without a trace.
async fn refusals<M: Maker>(subject: &Subject<M>) {
    let (url, shared) = between(subject, None);
    let mut options = (subject.options)(&url);
    let right = options["accounts"]["tax-payable"].clone();
    options["accounts"]["tax-payable"] = json!(UNKNOWN_ACCOUNT);
    let kind = ErpKind::find(subject.kind).unwrap();
    let connector = kind.open(options.clone(), &host()).unwrap();
    let batch = ordinary(false);
    let refused = delivered(connector.as_ref(), &artifact(connector.as_ref(), &batch)).await;
    let Said::Refused(words) = &refused[0].said else {
        panic!("{refused:?}");
    };
    assert!(
        words.contains(subject.unknown_account),
        "the maker's words: {words}"
    );
    assert!(all_acknowledged(&refused[1..]), "{refused:?}");
    once_each(&shared, batch.entries.len() - 1, "one refused");
    options["accounts"]["tax-payable"] = right;
    let cured = kind.open(options, &host()).unwrap();
    let answers = delivered(cured.as_ref(), &artifact(cured.as_ref(), &batch)).await;
    assert!(all_acknowledged(&answers), "{answers:?}");
    once_each(&shared, batch.entries.len(), "cured");
}

/// An ERP that holds another amount than it was given is found out.
async fn a_lie<M: Maker>(subject: &Subject<M>) {
    let (url, shared) = between(subject, None);
    let connector = open(subject, &url);
    let artifact = artifact(connector.as_ref(), &ordinary(false));
    delivered(connector.as_ref(), &artifact).await;
    shared.lock().unwrap().maker.falsify();
    let answers = delivered(connector.as_ref(), &artifact).await;
    let differing = answers
        .iter()
        .filter(|one| matches!(one.said, Said::Differs { .. }));
    assert_eq!(differing.count(), 1, "{answers:?}");
}

/// Credentials that are refused hold everything up, and nothing is told as refused or sent twice.
async fn strangers<M: Maker>(subject: &Subject<M>) {
    let url = serve(|_request| Act::Answer(401, "", "who are you?".into()));
    let connector = open(subject, &url);
    let artifact = artifact(connector.as_ref(), &ordinary(false));
    match connector.deliver(&artifact, "{}").await {
        Ok(Delivery::Documents(answers)) => {
            let unsent = |one: &Answered| matches!(one.said, Said::Unsent(_) | Said::Unknown(_));
            assert!(answers.iter().all(unsent), "{answers:?}");
        }
        Ok(Delivery::Blocked { .. }) | Err(_) => {}
        Ok(other) => panic!("{other:?}"),
    }
}

/// For ERPs that keep a number or a call from being booked twice by their own hand: a call that is carried out after it was
/// given up, and two who deliver the same at the same time, leave one document.
pub async fn is_booked_once_whoever_is_late<M: Maker>(subject: Subject<M>) {
    let batch = ordinary(false);
    for after in [false, true] {
        let shared = Arc::new(Mutex::new((subject.maker)()));
        let serving = Arc::clone(&shared);
        let (mut changes, mut held) = (0, None);
        let url = serve(move |request| {
            let mut maker = serving.lock().unwrap();
            if !maker.changes(request) {
                return maker.answer(request);
            }
            changes += 1;
            if changes == 1 {
                held = Some(request.clone());
                return Act::Drop;
            }
            let late = held.take();
            let before = late.as_ref().filter(|_| !after);
            let _nobody_hears = before.map(|late| maker.answer(late));
            let act = maker.answer(request);
            let afterwards = late.as_ref().filter(|_| after);
            let _nobody_hears = afterwards.map(|late| maker.answer(late));
            act
        });
        let connector = open(&subject, &url);
        let artifact = artifact(connector.as_ref(), &batch);
        let answers = delivered(connector.as_ref(), &artifact).await;
        assert!(all_acknowledged(&answers), "late {after}: {answers:?}");
        let booked = shared.lock().unwrap().booked();
        assert!(
            booked.values().all(|times| *times == 1),
            "late {after}: {booked:?}"
        );
    }
    let (url, shared) = between(&subject, None);
    let (one, other) = (open(&subject, &url), open(&subject, &url));
    let artifact = artifact(one.as_ref(), &batch);
    let (one, other) = tokio::join!(
        delivered(one.as_ref(), &artifact),
        delivered(other.as_ref(), &artifact)
    );
    assert!(
        all_acknowledged(&one) && all_acknowledged(&other),
        "{one:?} {other:?}"
    );
    once_each(&shared, batch.entries.len(), "two at once");
}
