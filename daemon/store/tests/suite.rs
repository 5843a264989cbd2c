//! One suite, two databases. Every test runs on SQLite and on the PostgreSQL that
//! `TIEOUT_TEST_POSTGRES` names; where that is missing, the test fails and says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use chrono::{DateTime, Utc};
use futures_util::future;
use ledger::record::RowsDigest;
use ledger::{
    Account, AccountType, Basis, Calendar, Currency, Decision, Deferral, Dimensions, Entity,
    EntryHeader, EntryKind, EventKey, FeeKind, FeePart, Hash, ItemRef, JournalEntry, Line, Money,
    Movement, Origin, Place, Posting, Reference, ReferenceKind, RuleRef, SettlementLine, Side,
    Statement,
};
use sqlx::{
    AssertSqlSafe, Connection, Either, Executor, PgConnection, PgPool, SqlitePool, Statement as _,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use store::artifact::{Parcel, Rendered};
use store::cases::NewDeed;
use store::claim::Claim;
use store::desk::NewProposal;
use store::export::DeliveryKind;
use store::intake::{IntakeBatch, IntakePart, ReadEvent, Stamp, Unreadable};
use store::plan::Taken;
use store::reconciliation::{BreakRow, NewMatch};
use store::record::Guards;
use store::reversal::Redecided;
use store::settlement::{
    Announced, FileReader, NewFile, NewSight, SettleSummary, SightOutcome, StatementRow,
    Taken as TakenFile,
};
use store::turn::Turns;
use store::writer::Writer;
use store::{SharedKeys, Snapshot, Store, StoreError};

static NEXT: AtomicU32 = AtomicU32::new(0);

async fn sqlite() -> Store {
    let name = format!(
        "tieout-suite-{}-{}.db",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let path = std::env::temp_dir().join(name);
    for ending in ["", "-wal", "-shm"] {
        let _absent = std::fs::remove_file(format!("{}{ending}", path.display()));
    }
    Store::open(&format!("sqlite:{}", path.display()), None)
        .await
        .unwrap()
}

async fn postgres() -> Store {
    let url = std::env::var("TIEOUT_TEST_POSTGRES")
        .expect("TIEOUT_TEST_POSTGRES is not set; `make test` starts a PostgreSQL and sets it");
    let name = format!(
        "suite_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let mut connection = PgConnection::connect(&url).await.unwrap();
    connection
        .execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}")))
        .await
        .unwrap();
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let base = url
        .rsplit_once('/')
        .map_or(url.as_str(), |(base, _)| base)
        .to_owned();
    Store::open(&format!("{base}/{name}"), None).await.unwrap()
}

/// Each test as one per database.
macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite { $(#[tokio::test] async fn $name() { super::$name(super::sqlite().await).await; })* }
        mod on_postgres { $(#[tokio::test] async fn $name() { super::$name(super::postgres().await).await; })* }
    };
}

suite!(
    a_batch_is_taken_once_with_its_checkpoint,
    a_moved_checkpoint_refuses_the_batch,
    duplicates_and_conflicts_are_told_apart,
    balances_are_the_sums_of_lines_and_the_chain_links,
    a_closed_period_suspends_and_a_reopened_one_posts,
    nothing_that_was_written_can_be_changed,
    an_entry_is_in_one_batch_per_target,
    a_claim_without_an_artifact_is_found_and_an_artifact_comes_back,
    a_batch_has_the_state_of_its_best_attempt,
    a_refused_batch_is_sent_again_or_released_into_another,
    a_lease_has_one_holder,
    a_reader_builds_what_was_posted,
    overlapping_files_never_count_a_line_twice,
    lines_come_back_as_they_went_in,
    the_newest_look_at_a_file_counts,
    balances_decide_whether_equal_lines_are_new,
    a_line_seen_again_is_compared,
    a_line_is_shown_as_it_is_known_now,
    a_half_file_gives_way_to_the_whole_one,
    a_day_counts_once_whoever_tells_of_it,
    coverage_is_never_later_than_its_file,
    matches_and_breaks_keep_their_items,
    entries_come_back_as_they_went_in,
    views_show_names_and_decimals,
    a_known_event_is_found_in_whichever_run_it_came,
    a_batch_goes_ahead_of_the_one_before_it,
    what_went_ahead_gives_way_to_whoever_came_between,
    what_went_ahead_waits_while_the_one_before_fails,
    a_snapshot_sees_the_books_at_one_moment,
    what_another_version_decided_is_not_written,
    nobody_approves_what_they_proposed,
    a_case_outlives_its_finding,
    what_the_books_refuse_stands_alone_in_quarantine,
    what_is_refused_in_a_batch_that_goes_ahead_keeps_nobody_out,
    of_bytes_that_are_too_large_the_head_is_kept,
    contents_of_the_first_version_are_compared_by_what_they_say,
    an_event_without_effect_says_why,
    every_row_beside_the_journal_is_under_the_record_chain,
    what_was_there_before_the_record_chain_is_covered_once,
    guards_that_are_gone_or_changed_are_named,
);

fn stamp() -> Stamp {
    Stamp {
        now: "2026-01-31T12:00:00.123456Z".parse().unwrap(),
        actor: "suite".into(),
    }
}

fn mapping() -> Hash {
    Hash::of(b"mapping")
}

async fn books(store: &Store) {
    let entity = |code: &str, currency: &str| Entity {
        code: code.into(),
        name: code.to_uppercase(),
        functional: Currency::from_code(currency).unwrap(),
        zone: "Europe/Berlin".parse().unwrap(),
        calendar: Calendar::months_from(1),
    };
    let account = |name: &str, code: &str, kind| Account {
        account: name.into(),
        code: code.into(),
        kind,
        normal: None,
        title: name.into(),
        formerly: Vec::new(),
    };
    let accounts = [
        account("bank", "1000", AccountType::Asset),
        account("revenue", "4000", AccountType::Revenue),
    ];
    let mut tx = store.begin().await.unwrap();
    tx.set_up(&[entity("eu", "EUR"), entity("jp", "JPY")], accounts.iter())
        .await
        .unwrap();
    tx.activate_mapping("suite", mapping(), stamp().now, "suite")
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

fn posting(id: &str, amount: i64, currency: &str) -> Posting {
    let eur = Currency::from_code("EUR").unwrap();
    let amount = Money::minor(amount, Currency::from_code(currency).unwrap());
    let foreign = amount.currency() != eur;
    let functional = if foreign {
        Money::minor(77, eur)
    } else {
        amount
    };
    let line = |account: &str, side| Line {
        account: account.into(),
        side,
        amount,
        functional,
        dimensions: Dimensions::from([("product".to_owned(), "access".to_owned())]),
        deferral: (side == Side::Credit).then(|| Deferral {
            release_account: "revenue".into(),
            method: "daily".into(),
            from: "2026-01-01".parse().unwrap(),
            to: "2026-01-31".parse().unwrap(),
        }),
    };
    let header = EntryHeader {
        entity: "eu".into(),
        date: "2026-01-15".parse().unwrap(),
        event_on: None,
        kind: EntryKind::Original,
        reference: format!("R-{id}"),
        description: "a sale".into(),
        event: EventKey::new("suite", id),
        rule: RuleRef {
            mapping: mapping(),
            rule: "sale".into(),
        },
        rate: foreign.then(|| "0.0061".parse().unwrap()),
    };
    let lines = vec![line("bank", Side::Debit), line("revenue", Side::Credit)];
    let entry = JournalEntry::new(header, lines).unwrap();
    let period = Calendar::months_from(1)
        .period(entry.header().date)
        .unwrap();
    Posting { entry, period }
}

/// One input of a batch.
enum Input {
    Event {
        id: String,
        content: String,
        decision: Decision,
    },
    Unreadable(Unreadable),
}

fn event(id: &str, content: &str, decision: Decision) -> Input {
    Input::Event {
        id: id.to_owned(),
        content: content.to_owned(),
        decision,
    }
}

fn sale(id: &str, amount: i64, currency: &str) -> Input {
    let postings = vec![posting(id, amount, currency)];
    event(
        id,
        &format!("{id} {amount}"),
        Decision::Posted {
            rule: "sale".into(),
            postings,
        },
    )
}

/// Inputs in parts of at most two, so that what a batch shares among its parts is shared.
fn batch(from: i64, inputs: Vec<Input>) -> IntakeBatch {
    let mut parts = Vec::new();
    let through = from + i64::try_from(inputs.len()).unwrap();
    for (position, input) in (from..).zip(inputs) {
        if parts.last().is_none_or(|part: &IntakePart| part.len() == 2) {
            parts.push(IntakePart::new(mapping()));
        }
        add(parts.last_mut().unwrap(), position, input);
    }
    IntakeBatch {
        source: "suite".into(),
        source_kind: "file".into(),
        partition: "p".into(),
        from,
        through,
        parts,
    }
}

fn add(part: &mut IntakePart, position: i64, input: Input) {
    match input {
        Input::Unreadable(bytes) => part.unreadable(position, bytes),
        Input::Event {
            id,
            content,
            decision,
        } => {
            let read = ReadEvent {
                key: EventKey::new("suite", &id),
                content: Hash::of(content.as_bytes()),
                origin: part.origin("suite"),
                event_type: part.event_type("sale.v1"),
                occurred_at: "2026-01-15T10:00:00Z".parse().unwrap(),
                payload: content.into_bytes().into(),
            };
            part.event(position, read, decision);
        }
    }
}

async fn take(
    store: &Store,
    batch: &IntakeBatch,
) -> Result<store::intake::IntakeSummary, StoreError> {
    let batches = std::slice::from_ref(batch);
    let written = Writer::new(store).write(batches, &stamp()).await?;
    match written.taken.first() {
        Some(Taken::Fenced { found }) => Err(StoreError::CheckpointMoved {
            partition: format!("{}/{}", batch.source, batch.partition),
            expected: batch.from,
            found: *found,
        }),
        _ => Ok(written.summary),
    }
}

async fn a_batch_is_taken_once_with_its_checkpoint(store: Store) {
    books(&store).await;
    let contents = vec![
        sale("1", 100, "EUR"),
        event(
            "2",
            "ignored",
            Decision::Ignored {
                rule: "draft".into(),
                reason: "a draft".into(),
            },
        ),
        event(
            "3",
            "waits",
            Decision::Suspended {
                rule: None,
                reason: "no rule".into(),
            },
        ),
        Input::Unreadable(Unreadable::new(b"\xff".to_vec(), "not JSON")),
    ];
    let summary = take(&store, &batch(0, contents)).await.unwrap();
    assert_eq!(
        (
            summary.received,
            summary.posted,
            summary.ignored,
            summary.suspended,
            summary.quarantined
        ),
        (4, 1, 1, 1, 1)
    );
    assert_eq!(store.checkpoint("suite", "p").await.unwrap(), 4);
    let control = now(&store).await.intake_control().await.unwrap();
    assert_eq!(control[0].received, 4);
    assert_eq!(control[0].difference(), 0);
    assert_eq!(
        now(&store).await.stray_events().await.unwrap(),
        (vec![], vec![])
    );
    assert_eq!(
        now(&store).await.quarantined().await.unwrap()[0].raw,
        b"\xff"
    );
}

/// What became of a batch: posted, quarantined, duplicates.
fn fate(summary: store::intake::IntakeSummary) -> [i64; 3] {
    [summary.posted, summary.quarantined, summary.duplicates]
}

/// A posting whose reference PostgreSQL cannot hold, and that no door looked at.
fn with_a_null(id: &str) -> Input {
    let posting = posting(&format!("{id}\0"), 7, "EUR");
    let rule = "sale".into();
    let postings = vec![posting];
    event(id, id, Decision::Posted { rule, postings })
}

async fn what_the_books_refuse_stands_alone_in_quarantine(store: Store) {
    let writer = books_in_use(&store).await;
    // The second and the third do not fit a balance together, and the second not even with what is there.
    let inputs = vec![
        sale("1", 100, "EUR"),
        sale("2", i64::MAX, "EUR"),
        sale("3", 7, "EUR"),
        sale("1", 100, "EUR"),
        Input::Unreadable(Unreadable::new(b"\xff".to_vec(), "not JSON")),
    ];
    let written = writer.write(&[batch(1, inputs)], &stamp()).await.unwrap();
    assert_eq!(fate(written.summary), [2, 2, 1]);
    assert_eq!(written.summary.received, 5);
    assert_eq!(store.checkpoint("suite", "p").await.unwrap(), 6);
    let refused = now(&store).await.quarantined().await.unwrap();
    assert!(
        refused[0].reason.starts_with("the books refused it: "),
        "{}",
        refused[0].reason
    );
    assert_eq!(refused[0].position, 2);
    // The one that was refused is not known; the others are.
    let again = vec![
        sale("1", 100, "EUR"),
        sale("3", 7, "EUR"),
        sale("2", 5, "EUR"),
    ];
    let written = writer.write(&[batch(6, again)], &stamp()).await.unwrap();
    assert_eq!(fate(written.summary), [1, 0, 2]);
    is_whole(&store, 4).await;
}

async fn what_is_refused_in_a_batch_that_goes_ahead_keeps_nobody_out(store: Store) {
    let writer = books_in_use(&store).await;
    let mut turns = Turns::default();
    let [one, two, three] = &mut [turns.give(), turns.give(), turns.give()];
    let mut second = sales(51..=60);
    second.insert(3, with_a_null("odd"));
    let batches = [
        [batch(1, sales(1..=50))],
        [batch(51, second)],
        [batch(62, sales(55..=70))],
    ];
    let stamp = stamp();
    let first = pin!(writer.write_in_turn(one, &batches[0], &stamp));
    let second = pin!(writer.write_in_turn(two, &batches[1], &stamp));
    let third = pin!(writer.write_in_turn(three, &batches[2], &stamp));
    let (first, second, third) = future::join3(first, second, third).await;
    assert_eq!(fate(first.unwrap().summary), [50, 0, 0]);
    assert_eq!(fate(second.unwrap().summary), [10, 1, 0]);
    assert_eq!(fate(third.unwrap().summary), [10, 0, 6]);
    assert_eq!(store.checkpoint("suite", "p").await.unwrap(), 78);
    is_whole(&store, 71).await;
}

async fn of_bytes_that_are_too_large_the_head_is_kept(store: Store) {
    books(&store).await;
    let large = vec![b'x'; (1 << 20) + 1];
    let inputs = vec![
        Input::Unreadable(Unreadable::new(large.clone(), "too \0 large")),
        Input::Unreadable(Unreadable::new(vec![b'y'; 1 << 20], "z".repeat(10_000))),
    ];
    take(&store, &batch(0, inputs)).await.unwrap();
    let listed = now(&store).await.quarantined().await.unwrap();
    assert_eq!(listed[0].raw, large[..240]);
    assert_eq!(listed[0].reason, "too   large");
    assert_eq!(
        (listed[0].length, listed[1].length),
        ((1 << 20) + 1, 1 << 20)
    );
    assert_eq!(listed[1].reason.len(), 2_000);
    let head = now(&store).await.quarantine_item(1).await.unwrap().unwrap();
    assert_eq!(head.raw, large[..4_096]);
    assert_eq!(
        head.whole_hash.as_deref(),
        Some(Hash::of(&large).as_bytes().as_slice())
    );
    let whole = now(&store).await.quarantine_item(2).await.unwrap().unwrap();
    assert_eq!((whole.raw.len(), whole.whole_hash), (1 << 20, None));
    let waiting = now(&store)
        .await
        .quarantine_waiting()
        .await
        .unwrap()
        .unwrap();
    assert_eq!((waiting.id, waiting.waiting, waiting.position), (1, 2, 0));
}

/// What a text says without the digits in which it says it: the content of today.
#[allow(
    clippy::unnecessary_wraps,
    reason = "other readings fail; this one does not"
)]
fn said(text: &[u8]) -> Option<Hash> {
    Some(Hash::of(&text.to_ascii_lowercase()))
}

async fn contents_of_the_first_version_are_compared_by_what_they_say(store: Store) {
    books(&store).await;
    let ignored = |content: &str| {
        let rule = "draft".into();
        let reason = "a draft".into();
        event("1", content, Decision::Ignored { rule, reason })
    };
    take(&store, &batch(0, vec![ignored("SAID")]))
        .await
        .unwrap();
    match &store {
        Store::Sqlite { write, .. } => {
            for statement in [
                "DROP TRIGGER event_no_update",
                "UPDATE event SET content_version = 1, content_hash = zeroblob(32)",
            ] {
                sqlx::query(statement).execute(write).await.unwrap();
            }
        }
        Store::Postgres { pool, .. } => {
            for statement in [
                "ALTER TABLE event DISABLE TRIGGER USER",
                "UPDATE event SET content_version = 1, content_hash = decode(repeat('00', 32), 'hex')",
            ] {
                sqlx::query(statement).execute(pool).await.unwrap();
            }
        }
    }
    let mut again = batch(1, vec![]);
    for (position, content) in (1..).zip(["said", "SAID", "something else"]) {
        let mut part = IntakePart::new(mapping()).comparing(said);
        let read = ReadEvent {
            key: EventKey::new("suite", "1"),
            content: said(content.as_bytes()).unwrap(),
            origin: part.origin("suite"),
            event_type: part.event_type("sale.v1"),
            occurred_at: stamp().now,
            payload: content.as_bytes().to_vec().into(),
        };
        let reason = "no rule".into();
        part.event(position, read, Decision::Suspended { rule: None, reason });
        again.parts.push(part);
    }
    again.through = 4;
    let summary = take(&store, &again).await.unwrap();
    assert_eq!((summary.duplicates, summary.conflicts), (2, 1));
    let versions: i64 = one(
        &store,
        "SELECT content_version FROM repetition WHERE id = 1",
    )
    .await;
    assert_eq!(versions, 2);
}

async fn an_event_without_effect_says_why(store: Store) {
    books(&store).await;
    let rule = "sale".into();
    let reason = "every amount is zero".into();
    let nothing = event("1", "1", Decision::NoEffect { rule, reason });
    let summary = take(&store, &batch(0, vec![nothing])).await.unwrap();
    assert_eq!((summary.ignored, summary.entries), (1, 0));
    let event = now(&store).await.event(1).await.unwrap().unwrap();
    assert_eq!(event.reason.as_deref(), Some("every amount is zero"));
    assert_eq!(event.rule.as_deref(), Some("sale"));
}

/// More events than one run of the key's index holds, written in turn by two who do not share what they
/// remember: every repetition is found, also by one who begins with what the first two stored.
async fn a_known_event_is_found_in_whichever_run_it_came(store: Store) {
    const BATCH: i64 = 10_000;
    const BATCHES: i64 = 14;
    books(&store).await;
    let ignored = |number: i64| {
        let rule = "draft".into();
        let reason = "a draft".into();
        event(
            &number.to_string(),
            "ignored",
            Decision::Ignored { rule, reason },
        )
    };
    let other = again(&store);
    let mut writers = [Writer::new(&store), Writer::new(&other)];
    for batch in 0..BATCHES {
        let contents = (batch * BATCH..(batch + 1) * BATCH).map(ignored).collect();
        let mut batch = self::batch(batch * BATCH, contents);
        batch.through = batch.from + BATCH;
        writers.reverse();
        let written = writers[0].write(&[batch], &stamp()).await.unwrap();
        assert_eq!(
            (written.summary.received, written.summary.ignored),
            (BATCH, BATCH)
        );
    }
    let filters: i64 = one(&store, "SELECT COUNT(*) FROM key_filter").await;
    assert_eq!(filters, BATCHES * BATCH / 65_536);
    // The first and last of each run, some in between, and one that is new.
    let repeated = [
        0,
        1,
        65_534,
        65_535,
        65_536,
        77_777,
        131_070,
        131_071,
        BATCHES * BATCH - 1,
    ];
    for (round, store) in [&store, &other, &again(&store)].into_iter().enumerate() {
        let from = BATCHES * BATCH + i64::try_from(round).unwrap() * 10;
        let contents = repeated.into_iter().chain([from]).map(ignored).collect();
        let told = take(store, &batch(from, contents)).await.unwrap();
        assert_eq!((told.duplicates, told.ignored), (9, 1), "round {round}");
    }
    let twice: i64 = now(&store).await.keys_twice().await.unwrap();
    assert_eq!(twice, 0);
}

/// Books that know the names which sales use, so that a batch of sales may go ahead.
async fn books_in_use(store: &Store) -> Writer {
    books(store).await;
    let writer = Writer::new(store);
    let first = [batch(0, vec![sale("0", 100, "EUR")])];
    writer.write(&first, &stamp()).await.unwrap();
    writer
}

fn sales(numbers: std::ops::RangeInclusive<i64>) -> Vec<Input> {
    numbers
        .map(|number| sale(&number.to_string(), number, "EUR"))
        .collect()
}

/// What must hold whoever went ahead of whom.
async fn is_whole(store: &Store, events: i64) {
    let control = now(store).await.intake_control().await.unwrap();
    assert_eq!(control[0].difference(), 0);
    assert_eq!(
        now(store).await.stray_events().await.unwrap(),
        (vec![], vec![])
    );
    let ends: i64 = one(store, "SELECT MAX(id) FROM event").await;
    let outcomes: i64 = one(store, "SELECT COUNT(DISTINCT event_id) FROM outcome").await;
    let rows: i64 = one(store, "SELECT COUNT(*) FROM outcome").await;
    assert_eq!((ends, outcomes, rows), (events, events, events));
    let (last, entries) = now(store).await.journal_extent().await.unwrap();
    for stored in now(store).await.entries(0, last).await.unwrap() {
        assert_eq!(stored.entry.unwrap().hash(), stored.stored_hash);
    }
    let mut previous = Hash::ZERO;
    let mut linked = 0;
    for link in now(store).await.links().await.unwrap() {
        assert_eq!(link.link.previous, previous);
        assert_eq!(link.link.first_entry, linked + 1);
        (previous, linked) = (link.hash, linked + link.link.entries);
    }
    assert_eq!((last, linked), (entries, entries));
    let sums = now(store).await.line_sums().await.unwrap();
    let kept = now(store).await.balances().await.unwrap();
    let amounts = |row: &store::journal::BalanceRow| (row.account.clone(), row.debit, row.credit);
    assert_eq!(
        sums.iter().map(amounts).collect::<Vec<_>>(),
        kept.iter().map(amounts).collect::<Vec<_>>()
    );
}

/// The second batch brings events of the first again before anybody else can see them.
async fn a_batch_goes_ahead_of_the_one_before_it(store: Store) {
    let writer = books_in_use(&store).await;
    let mut turns = Turns::default();
    let [one, two, three] = &mut [turns.give(), turns.give(), turns.give()];
    let mut second = sales(40..=60);
    second.push(sale("7", 999, "EUR"));
    second.push(Input::Unreadable(Unreadable::new(
        b"\xff".to_vec(),
        "not JSON",
    )));
    let batches = [
        [batch(1, sales(1..=50))],
        [batch(51, second)],
        [batch(74, sales(55..=70))],
    ];
    let stamp = stamp();
    let first = pin!(writer.write_in_turn(one, &batches[0], &stamp));
    let second = pin!(writer.write_in_turn(two, &batches[1], &stamp));
    let third = pin!(writer.write_in_turn(three, &batches[2], &stamp));
    let (first, second, third) = future::join3(first, second, third).await;
    let (first, second, third) = (first.unwrap(), second.unwrap(), third.unwrap());
    assert_eq!(first.summary.posted, 50);
    let told = second.summary;
    assert_eq!(
        (
            told.posted,
            told.duplicates,
            told.conflicts,
            told.quarantined
        ),
        (10, 11, 1, 1)
    );
    assert_eq!((third.summary.posted, third.summary.duplicates), (10, 6));
    let server = matches!(store, Store::Postgres { .. });
    assert_eq!(
        [first.ahead, second.ahead, third.ahead],
        [false, server, server]
    );
    is_whole(&store, 71).await;
}

/// Another instance takes the same events, or a period is closed, just before a batch that went ahead has its
/// turn.
async fn what_went_ahead_gives_way_to_whoever_came_between(store: Store) {
    let writer = books_in_use(&store).await;
    let other = again(&store);
    let stamp = stamp();
    let mut turns = Turns::default();
    let [one, two, three] = &mut [turns.give(), turns.give(), turns.give()];
    let batches = [
        [batch(1, sales(1..=50))],
        [batch(51, sales(51..=80))],
        [batch(81, sales(81..=90))],
    ];

    let first = pin!(writer.write_in_turn(one, &batches[0], &stamp));
    let second = pin!(writer.write_in_turn(two, &batches[1], &stamp));
    let future::Either::Left((first, second)) = future::select(first, second).await else {
        panic!("the second came first");
    };
    assert_eq!(first.unwrap().summary.posted, 50);
    let mut between = batch(0, sales(60..=70));
    between.partition = "q".into();
    take(&other, &between).await.unwrap();

    let third = pin!(writer.write_in_turn(three, &batches[2], &stamp));
    let future::Either::Left((second, third)) = future::select(second, third).await else {
        panic!("the third came first");
    };
    let second = second.unwrap();
    assert!(!second.ahead, "it had to begin again");
    assert_eq!((second.summary.posted, second.summary.duplicates), (19, 11));
    let mut tx = store.begin().await.unwrap();
    assert!(
        tx.set_period_state("eu", "2026-01", true, &stamp)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();

    let third = third.await.unwrap();
    assert!(!third.ahead);
    assert_eq!((third.summary.posted, third.summary.suspended), (0, 10));
    is_whole(&store, 91).await;
}

/// What the first told came to nothing: it fails after it was told, and what is written in its turn then is
/// something else.
async fn what_went_ahead_waits_while_the_one_before_fails(store: Store) {
    let writer = books_in_use(&store).await;
    let stamp = stamp();
    let mut turns = Turns::default();
    let (mut one, mut two) = (turns.give(), turns.give());
    let moved = batch(1, sales(1..=50));
    let second = [batch(51, sales(51..=60))];
    // Twice, it would move the checkpoint twice, which is refused at the very end.
    let failing = [moved.clone(), moved.clone()];
    let moved = [moved];
    let second = pin!(writer.write_in_turn(&mut two, &second, &stamp));
    let failed = Box::pin(writer.write_in_turn(&mut one, &failing, &stamp));
    let future::Either::Left((failed, second)) = future::select(failed, second).await else {
        panic!("the second came first");
    };
    let failed = failed.unwrap_err();
    assert!(
        matches!(failed, StoreError::CheckpointMoved { .. }),
        "{failed}"
    );
    let first = writer.write_in_turn(&mut one, &moved, &stamp);
    let (first, second) = future::join(first, second).await;
    assert_eq!(first.unwrap().summary.posted, 50);
    let second = second.unwrap();
    assert_eq!((second.summary.posted, second.ahead), (10, false));
    is_whole(&store, 61).await;

    // Who was given up takes those behind along.
    let (gone, mut behind) = (turns.give(), turns.give());
    drop(gone);
    let batches = [batch(61, sales(61..=62))];
    let waiting = pin!(writer.write_in_turn(&mut behind, &batches, &stamp));
    let patience = pin!(tokio::time::sleep(Duration::from_millis(100)));
    assert!(matches!(
        future::select(waiting, patience).await,
        future::Either::Right(_)
    ));
    is_whole(&store, 61).await;
}

/// The same books for one who remembers nothing of them.
fn again(store: &Store) -> Store {
    match store.clone() {
        Store::Sqlite {
            write,
            read,
            file,
            access,
            was_whole,
            ..
        } => Store::Sqlite {
            write,
            read,
            keys: SharedKeys::default(),
            file,
            access,
            was_whole,
        },
        Store::Postgres {
            pool,
            stall,
            access,
            ..
        } => Store::Postgres {
            pool,
            stall,
            keys: SharedKeys::default(),
            ahead: Arc::default(),
            access,
        },
    }
}

/// The books as they stand now.
async fn now(store: &Store) -> Snapshot {
    store.snapshot().await.unwrap()
}

async fn one(store: &Store, statement: &'static str) -> i64 {
    match store {
        Store::Sqlite { read, .. } => sqlx::query_scalar(statement).fetch_one(read).await,
        Store::Postgres { pool, .. } => sqlx::query_scalar(statement).fetch_one(pool).await,
    }
    .unwrap()
}

async fn a_snapshot_sees_the_books_at_one_moment(store: Store) {
    books(&store).await;
    let before = now(&store).await;
    take(&store, &batch(0, vec![sale("1", 100, "EUR")]))
        .await
        .unwrap();
    assert_eq!(before.journal_extent().await.unwrap(), (0, 0));
    assert!(before.balances().await.unwrap().is_empty());
    let after = now(&store).await;
    assert_eq!(after.journal_extent().await.unwrap(), (1, 1));
    assert_eq!(
        after.balances().await.unwrap(),
        after.line_sums().await.unwrap()
    );
    assert!(after.is_whole().await.unwrap());
}

async fn what_another_version_decided_is_not_written(store: Store) {
    books(&store).await;
    let activate = async |version| {
        let mut tx = store.begin().await.unwrap();
        let changed = tx
            .activate_mapping("suite", version, stamp().now, "suite")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        changed
    };
    let other = Hash::of(b"another mapping");
    assert!(activate(other).await);
    assert!(!activate(other).await, "it is in force already");
    let refused = take(&store, &batch(0, vec![sale("1", 100, "EUR")])).await;
    assert!(
        matches!(refused, Err(StoreError::OtherMapping { .. })),
        "{refused:?}"
    );
    assert_eq!(now(&store).await.journal_extent().await.unwrap(), (0, 0));
    assert!(activate(mapping()).await);
    take(&store, &batch(0, vec![sale("1", 100, "EUR")]))
        .await
        .unwrap();
    let books = now(&store).await;
    assert_eq!(books.mapping_in_force().await.unwrap(), Some(mapping()));
    let versions: Vec<Vec<u8>> = books
        .activations()
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.version)
        .collect();
    let wanted = [mapping(), other, mapping()].map(|version| version.as_bytes().to_vec());
    assert_eq!(versions, wanted);
}

/// A path for books of their own, with nothing there.
fn place() -> PathBuf {
    let name = format!(
        "tieout-place-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let folder = std::env::temp_dir().join(name);
    let _absent = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("books.db")
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

/// Whether a file of books says of itself that it holds all.
async fn says_that_it_is_whole(path: &Path) -> bool {
    let store = Store::open_to_read(&url(path), None).await.unwrap();
    let whole = now(&store).await.is_whole().await.unwrap();
    store.close().await.unwrap();
    whole
}

#[tokio::test]
async fn a_copy_without_its_log_is_told_and_one_that_is_whole_is_not() {
    let path = place();
    let store = Store::open(&url(&path), None).await.unwrap();
    books(&store).await;
    let copied = |name: &str, with_log: bool| {
        let copy = path.with_file_name(name);
        std::fs::copy(&path, &copy).unwrap();
        if with_log {
            let beside = |path: &Path| format!("{}-wal", path.display());
            std::fs::copy(beside(&path), beside(&copy)).unwrap();
        }
        copy
    };
    let (bare, full) = (copied("bare.db", false), copied("full.db", true));
    assert!(says_that_it_is_whole(&path).await, "beside one who writes");
    assert!(says_that_it_is_whole(&full).await, "with its log");
    assert!(!says_that_it_is_whole(&bare).await, "without its log");
    let vacuumed = path.with_file_name("vacuumed.db");
    let Store::Sqlite { write, .. } = &store else {
        unreachable!()
    };
    sqlx::query("VACUUM INTO $1")
        .bind(vacuumed.display().to_string())
        .execute(write)
        .await
        .unwrap();
    assert!(says_that_it_is_whole(&vacuumed).await, "made by SQLite");
    store.close().await.unwrap();
    assert!(says_that_it_is_whole(&path).await, "closed");
    let closed = copied("closed.db", false);
    assert!(says_that_it_is_whole(&closed).await, "copied when closed");
    // Whoever works on the copy is told, once, and it is whole from then on.
    let again = Store::open(&url(&bare), None).await.unwrap();
    assert!(!again.was_whole());
    assert!(!now(&again).await.is_whole().await.unwrap());
    again.close().await.unwrap();
    assert!(Store::open(&url(&closed), None).await.unwrap().was_whole());
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn one_of_two_who_closes_does_not_speak_for_the_other() {
    let path = place();
    let first = Store::open(&url(&path), None).await.unwrap();
    let second = Store::open(&url(&path), None).await.unwrap();
    books(&second).await;
    second.close().await.unwrap();
    let Store::Sqlite { write, .. } = &first else {
        unreachable!()
    };
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(write)
        .await
        .unwrap();
    let copy = path.with_file_name("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    assert!(!says_that_it_is_whole(&copy).await, "it is still open");
    first.close().await.unwrap();
    std::fs::copy(&path, &copy).unwrap();
    assert!(says_that_it_is_whole(&copy).await);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn books_that_are_read_take_nothing_and_are_not_made() {
    let path = place();
    let missing = Store::open_to_read(&url(&path), None).await;
    assert!(matches!(missing, Err(StoreError::NoBooks)), "{missing:?}");
    assert!(!path.exists());
    Store::open(&url(&path), None)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let beside = Store::open_to_read(&url(&path), None).await.unwrap();
    mode(&path, 0o444);
    let reading = Store::open_to_read(&url(&path), None).await.unwrap();
    mode(&path, 0o644);
    for store in [&beside, &reading] {
        let refused = store.begin().await;
        assert!(matches!(refused, Err(StoreError::ReadOnly)), "{refused:?}");
    }
    // Somebody begins to write: the owner's reader takes turns with it, the other reads the file as it lies.
    let writing = Store::open(&url(&path), None).await.unwrap();
    books(&writing).await;
    assert!(now(&beside).await.is_whole().await.unwrap());
    let moved = reading.close().await;
    assert!(matches!(moved, Err(StoreError::Moved)), "{moved:?}");
    beside.close().await.unwrap();
    writing.close().await.unwrap();
    let left: Vec<PathBuf> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|item| item.unwrap().path())
        .collect();
    assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[tokio::test]
async fn books_of_another_version_are_not_read() {
    let path = place();
    let store = Store::open(&url(&path), None).await.unwrap();
    let Store::Sqlite { write, .. } = &store else {
        unreachable!()
    };
    for (statement, newer) in [
        (
            "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
            true,
        ),
        ("DELETE FROM _sqlx_migrations WHERE version >= 15", false),
    ] {
        sqlx::query(statement).execute(write).await.unwrap();
        let refused = Store::open_to_read(&url(&path), None).await;
        match refused {
            Err(StoreError::NewerSchema) if newer => {}
            Err(StoreError::OlderSchema) if !newer => {}
            other => panic!("{statement}: {other:?}"),
        }
    }
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

async fn a_moved_checkpoint_refuses_the_batch(store: Store) {
    books(&store).await;
    take(&store, &batch(0, vec![sale("1", 100, "EUR")]))
        .await
        .unwrap();
    let refused = take(&store, &batch(0, vec![sale("2", 100, "EUR")]))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::CheckpointMoved {
                expected: 0,
                found: 1,
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(
        now(&store).await.journal_extent().await.unwrap(),
        (1, 1),
        "nothing of the batch was written"
    );
}

async fn duplicates_and_conflicts_are_told_apart(store: Store) {
    books(&store).await;
    take(&store, &batch(0, vec![sale("1", 100, "EUR")]))
        .await
        .unwrap();
    let again = vec![
        sale("1", 100, "EUR"),
        sale("1", 999, "EUR"),
        sale("2", 5, "EUR"),
        sale("2", 5, "EUR"),
    ];
    let summary = take(&store, &batch(1, again)).await.unwrap();
    assert_eq!(
        (summary.duplicates, summary.conflicts, summary.posted),
        (2, 1, 1)
    );
    let kinds: Vec<i64> = now(&store)
        .await
        .repetitions()
        .await
        .unwrap()
        .iter()
        .map(|row| row.kind)
        .collect();
    assert_eq!(kinds, [1, 2, 1]);
}

async fn balances_are_the_sums_of_lines_and_the_chain_links(store: Store) {
    books(&store).await;
    take(
        &store,
        &batch(0, vec![sale("1", 100, "EUR"), sale("2", 250, "EUR")]),
    )
    .await
    .unwrap();
    take(&store, &batch(2, vec![sale("3", 1200, "JPY")]))
        .await
        .unwrap();
    let balances = now(&store).await.balances().await.unwrap();
    assert_eq!(balances, now(&store).await.line_sums().await.unwrap());
    let bank = balances
        .iter()
        .find(|row| row.account == "bank" && row.currency_id == 978)
        .unwrap();
    assert_eq!(
        (bank.debit, bank.credit, bank.period.as_str()),
        (350, 0, "2026-01")
    );
    let links = now(&store).await.links().await.unwrap();
    assert_eq!(links.len(), 2);
    assert_eq!(links[1].link.previous, links[0].link.hash());
    assert_eq!((links[1].link.first_entry, links[1].link.entries), (3, 1));
}

async fn a_closed_period_suspends_and_a_reopened_one_posts(store: Store) {
    books(&store).await;
    take(&store, &batch(0, vec![sale("1", 100, "EUR")]))
        .await
        .unwrap();
    let close = |closed| {
        let store = store.clone();
        async move {
            let mut tx = store.begin().await.unwrap();
            assert!(
                tx.set_period_state("eu", "2026-01", closed, &stamp())
                    .await
                    .unwrap()
            );
            tx.commit().await.unwrap();
        }
    };
    close(true).await;
    let summary = take(&store, &batch(1, vec![sale("2", 100, "EUR")]))
        .await
        .unwrap();
    assert_eq!(summary.suspended, 1);
    let waiting = store.suspended_after(0, 10).await.unwrap();
    assert!(
        waiting[0]
            .reason
            .as_deref()
            .unwrap()
            .contains("period 2026-01 of `eu` is closed")
    );
    close(false).await;
    let decision = Decision::Posted {
        rule: "sale".into(),
        postings: vec![posting("2", 100, "EUR")],
    };
    let mut tx = store.begin().await.unwrap();
    let summary = tx
        .redecide(
            vec![Redecided {
                event: waiting[0].id,
                decision,
                takes_back: Vec::new(),
            }],
            mapping(),
            &stamp(),
        )
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!((summary.posted, summary.entries), (1, 1));
    let waiting = now(&store).await.suspended_after(0, 1).await.unwrap();
    assert!(waiting.is_empty());
}

async fn nothing_that_was_written_can_be_changed(store: Store) {
    books(&store).await;
    take(&store, &batch(0, vec![sale("1", 100, "EUR")]))
        .await
        .unwrap();
    let statements = [
        "UPDATE line SET amount = amount + 1",
        "DELETE FROM line",
        "UPDATE entry SET reference = 'x'",
        "DELETE FROM entry",
        "UPDATE event SET payload = payload",
        "DELETE FROM posting_batch",
        "UPDATE outcome SET kind = 2",
        "DELETE FROM outcome",
    ];
    for statement in statements {
        let refused = match &store {
            Store::Sqlite { write, .. } => sqlx::query(statement).execute(write).await.err(),
            Store::Postgres { pool, .. } => sqlx::query(statement).execute(pool).await.err(),
        };
        let message = refused
            .unwrap_or_else(|| panic!("`{statement}` was allowed"))
            .to_string();
        assert!(message.contains("append-only"), "`{statement}`: {message}");
    }
}

/// Walks the record chain as an outsider would; says how many rows each kind has under it.
async fn recorded(store: &Store) -> BTreeMap<String, i64> {
    let store = &store.snapshot().await.unwrap();
    let heads = store.heads().await.unwrap();
    let links = store.record_links(0, i64::MAX).await.unwrap();
    let mut previous = Hash::ZERO;
    let mut covered = BTreeMap::new();
    for (stored, number) in links.iter().zip(1..) {
        let link = &stored.link;
        assert_eq!((link.id, link.previous), (number, previous));
        assert_eq!(link.hash(), stored.hash, "link {number}");
        previous = stored.hash;
        *covered.entry(link.kind.clone()).or_default() += link.rows;
        if store::record::record_kinds().any(|kind| kind == link.kind) {
            let rows = store
                .record_rows(&link.kind, link.scope, link.first, link.last)
                .await
                .unwrap();
            let mut digest = RowsDigest::default();
            rows.iter().for_each(|row| digest.add(&row.hash()));
            let digested = digest.finish();
            assert_eq!(digested.rows, link.rows, "link {number}: {}", link.kind);
            let nothing = link.adopted && link.rows == 0;
            assert!(
                nothing || digested.digest == link.digest,
                "link {number}: {}",
                link.kind
            );
        }
    }
    assert_eq!(
        (heads.record, heads.record_head),
        (i64::try_from(links.len()).unwrap(), previous)
    );
    for kind in store::record::record_kinds() {
        let rows = store.record_count(kind).await.unwrap();
        assert_eq!(covered.get(kind).copied().unwrap_or(0), rows, "{kind}");
    }
    covered
}

async fn every_row_beside_the_journal_is_under_the_record_chain(store: Store) {
    store.adopt(&stamp()).await.unwrap();
    books(&store).await;
    let mut tx = store.begin().await.unwrap();
    tx.seal_names(&stamp()).await.unwrap();
    tx.commit().await.unwrap();
    let items = vec![
        sale("1", 100, "EUR"),
        sale("1", 100, "EUR"),
        sale("1", 200, "EUR"),
        sale("2", 300, "EUR"),
        Input::Unreadable(Unreadable {
            raw: "no event".into(),
            headers: None,
            reason: "it is none".into(),
            whole: None,
        }),
    ];
    take(&store, &batch(0, items)).await.unwrap();
    let decision = store::quarantine::QuarantineDecision::Discarded;
    let target = {
        let mut tx = store.begin().await.unwrap();
        let target = tx.target_id("erp", "csv").await.unwrap();
        tx.commit().await.unwrap();
        target
    };
    let claim = claimed(&store, target, 2, "u").await.unwrap();
    rendered(&store, &claim).await;
    for kind in [DeliveryKind::Unknown, DeliveryKind::Delivered] {
        attempted(&store, claim.batch_id, kind).await;
    }
    let mut tx = store.begin().await.unwrap();
    assert!(
        tx.decide_quarantine(1, decision, "no use", &stamp())
            .await
            .unwrap()
    );
    assert!(
        tx.set_period_state("eu", "2026-01", true, &stamp())
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let covered = recorded(&store).await;
    let counts = [
        "event",
        "outcome",
        "repetition",
        "quarantine",
        "quarantine_decision",
    ];
    assert_eq!(counts.map(|kind| covered[kind]), [2, 2, 2, 1, 1]);
    let counts = ["document", "batch", "batch_range", "delivery", "checkpoint"];
    assert_eq!(counts.map(|kind| covered[kind]), [2, 1, 1, 2, 5]);
    assert_eq!(store.adopt(&stamp()).await.unwrap(), 0);
}

async fn what_was_there_before_the_record_chain_is_covered_once(store: Store) {
    books(&store).await;
    take(&store, &batch(0, vec![sale("1", 100, "EUR")]))
        .await
        .unwrap();
    let forget: &[&'static str] = match &store {
        Store::Sqlite { .. } => &[
            "DROP TRIGGER record_link_no_delete",
            "DELETE FROM record_link",
        ],
        Store::Postgres { .. } => &["TRUNCATE record_link"],
    };
    let reset = "UPDATE writer SET record = 0, record_head = head WHERE id = 1";
    let zero = "UPDATE writer SET record_head = (SELECT previous FROM posting_batch WHERE id = 1)";
    for statement in forget.iter().copied().chain([reset, zero]) {
        match &store {
            Store::Sqlite { write, .. } => {
                sqlx::query(statement).execute(write).await.unwrap();
            }
            Store::Postgres { pool, .. } => {
                sqlx::query(statement).execute(pool).await.unwrap();
            }
        }
    }
    assert!(store.adopt(&stamp()).await.unwrap() > 5);
    let before = store.snapshot().await.unwrap().heads().await.unwrap();
    assert_eq!(store.adopt(&stamp()).await.unwrap(), 0);
    let after = store.snapshot().await.unwrap().heads().await.unwrap();
    assert_eq!(after, before);
    let covered = recorded(&store).await;
    assert_eq!(
        (covered["event"], covered["outcome"], covered["checkpoint"]),
        (1, 1, 1)
    );
}

async fn guards_that_are_gone_or_changed_are_named(store: Store) {
    let told = async || match now(&store).await.guards().await.unwrap() {
        Guards::Compared(problems) => problems
            .into_iter()
            .map(|guard| format!("{} {}", guard.what, guard.problem))
            .collect::<Vec<_>>(),
        Guards::NotCompared(why) => vec![why],
    };
    assert_eq!(told().await, Vec::<String>::new());
    let (edits, named): (&[&str], &[&str]) = match &store {
        Store::Sqlite { .. } => (
            &[
                "DROP TRIGGER seal_no_update",
                "DROP VIEW trial_balance",
                "CREATE VIEW trial_balance AS SELECT 1 AS empty",
                "DROP INDEX event_key",
                "CREATE INDEX somebodys_own ON entry (reference)",
            ],
            &[
                "index event_key on event is gone",
                "trigger seal_no_update on seal is gone",
                "view trial_balance on trial_balance is not as it was put up",
            ],
        ),
        Store::Postgres { .. } => (
            &[
                "ALTER TABLE seal DISABLE TRIGGER seal_append_only",
                "CREATE OR REPLACE VIEW trial_balance AS SELECT entity, period, account_code, account, type, currency, credit AS debit, debit AS credit FROM (SELECT NULL::text AS entity, NULL::text AS period, NULL::text AS account_code, NULL::text AS account, NULL::text AS type, NULL::text AS currency, NULL::text AS debit, NULL::text AS credit) AS nothing",
                "ALTER TABLE batch_range DROP CONSTRAINT batch_range_uuid_key",
                "DROP INDEX event_key",
                "ALTER TABLE entry ALTER COLUMN reference DROP NOT NULL",
                "CREATE INDEX somebodys_own ON entry (reference)",
            ],
            &[
                "column reference of entry is not as it was put up",
                "constraint batch_range_uuid_key on batch_range is gone",
                "index batch_range_uuid_key on batch_range is gone",
                "index event_key on event is gone",
                "trigger seal_append_only on seal is not as it was put up",
                "view trial_balance is not as it was put up",
            ],
        ),
    };
    for edit in edits {
        match &store {
            Store::Sqlite { write, .. } => {
                sqlx::query(*edit).execute(write).await.unwrap();
            }
            Store::Postgres { pool, .. } => {
                sqlx::query(*edit).execute(pool).await.unwrap();
            }
        }
    }
    assert_eq!(told().await, named);
}

async fn sold(store: &Store, from: i64, ids: &[&str]) {
    let sales = ids.iter().map(|id| sale(id, 100, "EUR")).collect();
    take(store, &batch(from, sales)).await.unwrap();
}

async fn claimed(store: &Store, target: i64, limit: i64, uuid: &str) -> Option<Claim> {
    let mut tx = store.begin().await.unwrap();
    let claim = tx
        .claim((target, i64::MAX), limit, uuid, &stamp())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    claim
}

/// What an artifact of the tests holds: more than one chunk.
fn bytes() -> Vec<u8> {
    (0..3_000_000u32)
        .map(|n| u8::try_from(n % 253).unwrap())
        .collect()
}

async fn rendered(store: &Store, claim: &Claim) {
    let mut parcel = Parcel::default();
    std::io::Write::write_all(&mut parcel, &bytes()).unwrap();
    let artifact = parcel.seal().unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.insert_rendered(&Rendered {
        claim,
        lines: 2 * (claim.last_entry - claim.first_entry + 1),
        entries: claim.last_entry - claim.first_entry + 1,
        held: &[],
        documents: &[],
        summed: &[],
        name: "a.csv",
        artifact: &artifact,
        manifest: "{}",
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

async fn attempted(store: &Store, batch: i64, kind: DeliveryKind) {
    let mut tx = store.begin().await.unwrap();
    let attempt = tx.begin_delivery(batch, &stamp()).await.unwrap();
    tx.insert_delivery((batch, attempt), kind, "said so", &stamp())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn standing(store: &Store, uuid: &str) -> (Option<i64>, i64) {
    let mut tx = store.begin().await.unwrap();
    let batch = tx.batch_standing(uuid).await.unwrap().unwrap();
    (batch.state, batch.due)
}

async fn refused_by_the_database(store: &Store, statement: &str) -> bool {
    let statement = AssertSqlSafe(statement.to_owned());
    match store {
        Store::Sqlite { write, .. } => sqlx::query(statement).execute(write).await.is_err(),
        Store::Postgres { pool, .. } => sqlx::query(statement).execute(pool).await.is_err(),
    }
}

async fn an_entry_is_in_one_batch_per_target(store: Store) {
    books(&store).await;
    sold(&store, 0, &["1", "2", "3"]).await;
    let mut tx = store.begin().await.unwrap();
    let target = tx.target_id("books", "csv").await.unwrap();
    let other = tx.target_id("other", "csv").await.unwrap();
    tx.commit().await.unwrap();
    let one = claimed(&store, target, 2, "b-1").await.unwrap();
    let two = claimed(&store, target, 2, "b-2").await.unwrap();
    assert_eq!((one.number, one.first_entry, one.last_entry), (1, 1, 2));
    assert_eq!((two.number, two.first_entry, two.last_entry), (2, 3, 3));
    assert_eq!(claimed(&store, target, 2, "b-3").await, None);
    let all = claimed(&store, other, 9, "o-1").await.unwrap();
    assert_eq!((all.number, all.first_entry, all.last_entry), (1, 1, 3));
    assert_eq!(store.documents(0, 9).await.unwrap().len(), 3);
    // Whatever a program believes: no run begins again, overlaps, leaves a gap, or takes what was not released.
    let range = |first: i64, last: i64, follows: &str, ends: &str, replaces: &str| {
        format!(
            "INSERT INTO batch_range SELECT 9, 'x', {target}, 9, {first}, {last}, {follows}, {ends}, {replaces}, claimed_at, 'x', NULL, NULL FROM batch_range WHERE batch_id = 1"
        )
    };
    for (first, last, follows, ends, replaces) in [
        (1, 2, "NULL", "2", "NULL"),
        (1, 9, "NULL", "9", "NULL"),
        (2, 9, "1", "9", "NULL"),
        (3, 3, "2", "3", "NULL"),
        (3, 9, "2", "9", "NULL"),
        (5, 9, "4", "9", "NULL"),
        (4, 9, "NULL", "9", "NULL"),
        (1, 2, "NULL", "NULL", "1"),
        (1, 2, "NULL", "NULL", "NULL"),
    ] {
        let statement = range(first, last, follows, ends, replaces);
        assert!(
            refused_by_the_database(&store, &statement).await,
            "{statement}"
        );
    }
}

async fn a_claim_without_an_artifact_is_found_and_an_artifact_comes_back(store: Store) {
    books(&store).await;
    sold(&store, 0, &["1", "2"]).await;
    let mut tx = store.begin().await.unwrap();
    let target = tx.target_id("books", "csv").await.unwrap();
    tx.commit().await.unwrap();
    let claim = claimed(&store, target, 9, "b-1").await.unwrap();
    assert_eq!(store.next_due(target, 0).await.unwrap().map(|b| b.id), None);
    let found = store.unrendered(target).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&claim));
    rendered(&store, &claim).await;
    assert_eq!(store.unrendered(target).await.unwrap(), []);
    let due = store.next_due(target, 0).await.unwrap().unwrap();
    assert_eq!(due.uuid, "b-1");
    assert_eq!(store.artifact(due.id).await.unwrap(), bytes());
    assert!(
        now(&store)
            .await
            .check_artifact(due.id)
            .await
            .unwrap()
            .sound
    );
    // An earlier version kept the bytes in the row.
    let statement = format!(
        "INSERT INTO batch SELECT 7, 'old', {target}, 7, first_entry, last_entry, entries, lines, created_at, created_by, 'old.csv', artifact_hash, artifact_hash, manifest FROM batch WHERE id = {}",
        due.id
    );
    assert!(!refused_by_the_database(&store, &statement).await);
    assert_eq!(store.artifact(7).await.unwrap(), due.artifact_hash);
    assert!(!now(&store).await.check_artifact(7).await.unwrap().sound);
}

async fn a_batch_has_the_state_of_its_best_attempt(store: Store) {
    use DeliveryKind::{Acknowledged, Delivered, Rejected, Unknown};
    books(&store).await;
    let mut tx = store.begin().await.unwrap();
    let target = tx.target_id("books", "csv").await.unwrap();
    tx.commit().await.unwrap();
    let table: [(&[DeliveryKind], Option<i64>, i64); 8] = [
        (&[], None, 1),
        (&[Unknown], Some(4), 1),
        (&[Rejected], Some(3), 0),
        (&[Rejected, Unknown], Some(4), 1),
        (&[Unknown, Rejected], Some(3), 0),
        (&[Delivered, Unknown], Some(1), 0),
        (&[Unknown, Delivered, Rejected], Some(3), 0),
        (&[Acknowledged, Delivered, Unknown], Some(2), 0),
    ];
    for (at, (attempts, state, due)) in (0i64..).zip(table) {
        sold(&store, at, &[&at.to_string()]).await;
        let uuid = format!("b-{at}");
        let claim = claimed(&store, target, 1, &uuid).await.unwrap();
        rendered(&store, &claim).await;
        for kind in attempts {
            attempted(&store, claim.batch_id, *kind).await;
        }
        assert_eq!(standing(&store, &uuid).await, (state, due), "{attempts:?}");
        let entry = now(&store).await.batches_of_entry(at + 1).await.unwrap();
        assert_eq!((entry.len(), entry[0].state), (1, state), "{attempts:?}");
        let all = now(&store).await.batch_states().await.unwrap();
        assert_eq!(all.last().unwrap().state, state, "{attempts:?}");
        let sent = store.next_due(target, claim.number - 1).await.unwrap();
        assert_eq!(sent.is_some(), due == 1, "{attempts:?}");
    }
}

async fn a_refused_batch_is_sent_again_or_released_into_another(store: Store) {
    books(&store).await;
    sold(&store, 0, &["1", "2"]).await;
    let mut tx = store.begin().await.unwrap();
    let target = tx.target_id("books", "csv").await.unwrap();
    tx.commit().await.unwrap();
    let claim = claimed(&store, target, 9, "b-1").await.unwrap();
    rendered(&store, &claim).await;
    attempted(&store, claim.batch_id, DeliveryKind::Rejected).await;
    let mut tx = store.begin().await.unwrap();
    tx.resend_batch(claim.batch_id, 1, "they mended it", &stamp())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(standing(&store, "b-1").await, (Some(3), 1));
    attempted(&store, claim.batch_id, DeliveryKind::Rejected).await;
    assert_eq!(standing(&store, "b-1").await, (Some(3), 0), "once");
    let exported = async || now(&store).await.target_control().await.unwrap()[0].exported;
    assert_eq!(exported().await, 2);
    let mut tx = store.begin().await.unwrap();
    tx.release_batch(claim.batch_id, "another account", &stamp())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        standing(&store, "b-1").await,
        (Some(store::export::RELEASED), 0)
    );
    assert_eq!(exported().await, 0, "its entries wait again");
    sold(&store, 2, &["3"]).await;
    // All of them, in a batch of their own, once; then what came since.
    let again = claimed(&store, target, 1, "b-2").await.unwrap();
    assert_eq!(
        (again.first_entry, again.last_entry, again.number),
        (1, 2, 2)
    );
    assert_eq!(again.replaces.as_deref(), Some("b-1"));
    assert_eq!(
        store.unrendered(target).await.unwrap(),
        std::slice::from_ref(&again)
    );
    let last = claimed(&store, target, 9, "b-3").await.unwrap();
    assert_eq!((last.first_entry, last.last_entry), (3, 3));
    assert_eq!(claimed(&store, target, 9, "b-4").await, None);
    assert_eq!(exported().await, 3);
    let of_one = now(&store).await.batches_of_entry(1).await.unwrap();
    let states: Vec<_> = of_one.iter().map(|b| (b.number, b.state)).collect();
    assert_eq!(states, [(1, Some(5)), (2, None)]);
    for table in [
        "batch_range",
        "delivery_begun",
        "batch_release",
        "batch_resend",
        "artifact_chunk",
    ] {
        let statement = format!("DELETE FROM {table}");
        assert!(refused_by_the_database(&store, &statement).await, "{table}");
    }
}

async fn a_lease_has_one_holder(store: Store) {
    let mut held = store.lease("export", "files").await.unwrap().unwrap();
    held.keep().await.unwrap();
    assert!(store.lease("export", "files").await.unwrap().is_none());
    let other = store.lease("export", "books").await.unwrap();
    assert!(other.is_some(), "another subject is free");
    held.end().await;
    assert!(store.lease("export", "files").await.unwrap().is_some());
}

async fn a_reader_builds_what_was_posted(store: Store) {
    books(&store).await;
    sold(&store, 0, &["1", "2"]).await;
    take(&store, &batch(2, vec![sale("3", 1200, "JPY")]))
        .await
        .unwrap();
    let mut reader = store.reader();
    let mut read = reader.read(0, 2).await.unwrap();
    read.extend(reader.read(2, 9).await.unwrap());
    let one_by_one = now(&store).await.entries(0, 9).await.unwrap();
    assert_eq!(read.len(), 3);
    for (new, old) in read.iter().zip(&one_by_one) {
        assert_eq!((new.id, new.event_id), (old.id, old.event_id));
        assert_eq!(
            (&new.period, new.stored_hash),
            (&old.period, old.stored_hash)
        );
        assert_eq!(new.entry, old.entry);
        assert_eq!(new.entry.as_ref().unwrap().hash(), new.stored_hash);
    }
}

/// A processor's line of 100 less 3.
fn processor_line(identity: &str, payout: &str) -> SettlementLine {
    let euro = |amount| Money::minor(amount, Currency::from_code("EUR").unwrap());
    let reference = |kind, text| Reference::of(kind, text).unwrap();
    SettlementLine {
        references: vec![
            reference(ReferenceKind::Charge, "ch"),
            reference(ReferenceKind::Merchant, "order: 7"),
        ],
        payout: payout.into(),
        fee: euro(3),
        fees: vec![
            FeePart {
                kind: FeeKind::Scheme,
                amount: euro(2),
            },
            FeePart {
                kind: FeeKind::Tax,
                amount: euro(1),
            },
        ],
        net: euro(97),
        exact: Some("0.9699".parse().unwrap()),
        original: Some(Money::minor(108, Currency::from_code("USD").unwrap())),
        rate: Some("0.92".parse().unwrap()),
        value_on: Some("2026-01-11".parse().unwrap()),
        counterparty: "a customer".into(),
        ..SettlementLine::new(
            identity.into(),
            Place {
                line: 1,
                offset: 20,
                length: 7,
            },
            (Movement::Charge, "charge"),
            euro(100),
            "2026-01-10".parse().unwrap(),
        )
    }
}

/// A file with what it says.
struct File {
    name: String,
    statements: Vec<Statement>,
}

fn statement(identity: &str, days: [&str; 2], lines: Vec<SettlementLine>) -> Statement {
    Statement {
        origin: Origin::Processor,
        account: "stripe".into(),
        identity: identity.into(),
        currency: Currency::from_code("EUR").unwrap(),
        opening: None,
        closing: None,
        from: days[0].parse().unwrap(),
        to: days[1].parse().unwrap(),
        basis: Basis::Final,
        sequence: None,
        page: None,
        made_on: None,
        lines,
        contradictions: Vec::new(),
    }
}

fn processor_file(name: &str, end: &str, lines: Vec<SettlementLine>) -> File {
    File {
        name: name.into(),
        statements: vec![statement(name, ["2026-01-01", end], lines)],
    }
}

/// Takes a file as it is read: lines a few at a time, and its bytes, which are its name.
async fn taken(store: &Store, file: &File) -> TakenFile {
    use std::io::Write as _;
    let mut parcel = Parcel::default();
    parcel.write_all(file.name.as_bytes()).unwrap();
    let sealed = parcel.seal().unwrap();
    let new = NewFile {
        name: file.name.clone(),
        format: "stripe".into(),
        format_version: 2,
        options: "{}".into(),
        hash: sealed.hash(),
        source: "folder".into(),
        kept: None,
        statements: file.statements.iter().map(Announced::of).collect(),
    };
    let mut tx = store.begin().await.unwrap();
    let Some(mut taking) = tx.begin_file(new, &stamp()).await.unwrap() else {
        return TakenFile {
            summary: SettleSummary {
                repeated_files: 1,
                ..SettleSummary::default()
            },
            ..TakenFile::default()
        };
    };
    for (number, statement) in file.statements.iter().enumerate() {
        let lines: Vec<_> = statement
            .lines
            .iter()
            .map(|line| (number, line.clone()))
            .collect();
        for lines in lines.chunks(2) {
            tx.take_lines(&mut taking, lines).await.unwrap();
        }
    }
    let taken = tx
        .end_file(taking, &sealed.into_packed(), &stamp())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    taken
}

async fn take_file(store: &Store, file: &File) -> SettleSummary {
    taken(store, file).await.summary
}

/// A line of a bank's statement, which has a reference of the bank's or none.
fn bank_line(identity: &str, reference: &str, amount: i64, day: &str) -> SettlementLine {
    SettlementLine {
        references: Reference::of(ReferenceKind::Bank, reference)
            .into_iter()
            .collect(),
        ..SettlementLine::new(
            identity.into(),
            Place::default(),
            (Movement::Other, "NTRF"),
            Money::minor(amount, Currency::from_code("EUR").unwrap()),
            day.parse().unwrap(),
        )
    }
}

fn bank_statement(
    identity: &str,
    days: [&str; 2],
    balances: [i64; 2],
    lines: Vec<SettlementLine>,
) -> Statement {
    let euro = |amount| Some(Money::minor(amount, Currency::from_code("EUR").unwrap()));
    Statement {
        origin: Origin::Bank,
        account: "main".into(),
        opening: euro(balances[0]),
        closing: euro(balances[1]),
        ..statement(identity, days, lines)
    }
}

fn bank_file(name: &str, statements: Vec<Statement>) -> File {
    File {
        name: name.into(),
        statements,
    }
}

/// What a bank's lines are called, in their order.
async fn bank_lines(store: &Store) -> Vec<String> {
    let lines = now(store)
        .await
        .settlement_lines(Origin::Bank)
        .await
        .unwrap();
    lines
        .into_iter()
        .map(|stored| stored.line.identity)
        .collect()
}

async fn balances_decide_whether_equal_lines_are_new(store: Store) {
    const DAY: [&str; 2] = ["2026-01-05", "2026-01-05"];
    let line = |identity| bank_line(identity, "", 50, DAY[0]);
    let one = bank_statement("1", DAY, [1000, 1050], vec![line("a")]);
    let two = bank_statement("2", DAY, [1050, 1150], vec![line("a"), line("a.2")]);
    let over = bank_statement(
        "3",
        DAY,
        [1000, 1150],
        vec![line("a"), line("a.2"), line("a.3")],
    );
    for (name, statement, new, superseded) in [
        ("one", &one, 1, 0),
        ("two", &two, 2, 0),
        ("two in other words", &two, 0, 1),
        ("both", &over, 0, 2),
        ("one in other words", &one, 0, 0),
    ] {
        let found = take_file(&store, &bank_file(name, vec![statement.clone()])).await;
        assert_eq!((found.lines, found.conflicts), (new, 0), "{name}");
        assert!(
            found.superseded_statements >= superseded,
            "{name}: {found:?}"
        );
    }
    assert_eq!(bank_lines(&store).await, ["a", "a.2", "a.3"]);
    // Where no balances are, each counts once, and that is told.
    let bare = |identity: &str| Statement {
        opening: None,
        ..bank_statement(identity, DAY, [0, 0], vec![line("b")])
    };
    take_file(&store, &bank_file("bare", vec![bare("4")])).await;
    let again = taken(&store, &bank_file("bare too", vec![bare("5")])).await;
    assert_eq!(again.summary.lines, 0);
    assert!(
        again.told[0].contains("without balances"),
        "{:?}",
        again.told
    );
    // The bank's own reference is enough.
    let own = |identity: &str, balances| {
        let lines = vec![bank_line("c", "REF", 50, DAY[0])];
        bank_file(
            identity,
            vec![bank_statement(identity, DAY, balances, lines)],
        )
    };
    assert_eq!(take_file(&store, &own("6", [1150, 1200])).await.lines, 1);
    assert_eq!(take_file(&store, &own("7", [1200, 1250])).await.lines, 0);
}

async fn a_line_seen_again_is_compared(store: Store) {
    let mut pending = processor_line("txn_1", "");
    let first = processor_file(
        "one",
        "2026-01-10",
        vec![pending.clone(), processor_line("txn_2", "po_1")],
    );
    take_file(&store, &first).await;
    pending.payout = "po_2".into();
    pending.paid_on = Some("2026-01-12".parse().unwrap());
    let second = processor_file("two", "2026-01-12", vec![pending.clone()]);
    let found = take_file(&store, &second).await;
    assert_eq!(
        (found.lines, found.repeated_lines, found.completed_lines),
        (0, 1, 1)
    );
    let stored = now(&store)
        .await
        .settlement_lines(Origin::Processor)
        .await
        .unwrap();
    let completed = &stored[0];
    assert_eq!(
        (completed.line.payout.as_str(), completed.line.paid_on),
        ("po_2", pending.paid_on)
    );
    assert_eq!(completed.payout_id, Some(2));
    let other = |change: fn(&mut SettlementLine)| {
        let mut line = pending.clone();
        change(&mut line);
        line
    };
    let euro = |amount| Money::minor(amount, Currency::from_code("EUR").unwrap());
    assert_eq!(pending.net, euro(97));
    for (name, line) in [
        (
            "money",
            other(|line| line.net = Money::minor(96, line.net.currency())),
        ),
        ("payout", other(|line| line.payout = "po_3".into())),
    ] {
        let found = taken(&store, &processor_file(name, "2026-01-12", vec![line])).await;
        assert_eq!(
            (found.summary.lines, found.summary.conflicts),
            (0, 1),
            "{name}"
        );
        assert!(
            found.told[0].contains("`txn_1` came before"),
            "{:?}",
            found.told
        );
    }
    let conflicts = now(&store).await.settlement_conflicts().await.unwrap();
    assert_eq!(conflicts.len(), 2);
    assert!(
        conflicts[1].what.contains("the payout `po_3`, and `po_2`"),
        "{conflicts:?}"
    );
    let stored = now(&store)
        .await
        .settlement_lines(Origin::Processor)
        .await
        .unwrap();
    assert_eq!(stored[0].line.net, euro(97), "what came first counts");
}

async fn a_line_is_shown_as_it_is_known_now(store: Store) {
    let whole = SettlementLine {
        paid_on: None,
        ..processor_line("txn_1", "")
    };
    let bare = SettlementLine {
        references: Vec::new(),
        fee: Money::minor(0, whole.fee.currency()),
        fees: Vec::new(),
        net: whole.gross,
        original: None,
        rate: None,
        ..whole.clone()
    };
    let file = |name, line: &SettlementLine| processor_file(name, "2026-01-10", vec![line.clone()]);
    take_file(&store, &file("pending", &bare)).await;
    let paid = SettlementLine {
        payout: "po_1".into(),
        paid_on: Some("2026-01-12".parse().unwrap()),
        ..whole.clone()
    };
    for (name, line) in [("fee", &whole), ("payout", &paid)] {
        let found = take_file(&store, &file(name, line)).await;
        assert_eq!(
            (found.lines, found.completed_lines, found.conflicts),
            (0, 1, 0),
            "{name}"
        );
    }
    let books = now(&store).await;
    let stored = books.settlement_lines(Origin::Processor).await.unwrap();
    assert_eq!(stored.len(), 1);
    let known = SettlementLine {
        place: stored[0].line.place,
        ..paid.clone()
    };
    assert_eq!(stored[0].line, known);
    let named = books.settlement_lines_named("order: 7").await.unwrap();
    assert_eq!(
        named.len(),
        1,
        "it is found by the reference that came later"
    );
    // Once it is in a payout, its fee is that payout's.
    let dearer = SettlementLine {
        fee: Money::minor(4, paid.fee.currency()),
        net: Money::minor(96, paid.net.currency()),
        ..paid
    };
    let found = take_file(&store, &file("dearer", &dearer)).await;
    assert_eq!((found.completed_lines, found.conflicts), (0, 1));
}

async fn a_half_file_gives_way_to_the_whole_one(store: Store) {
    let whole = |end, lines: Vec<SettlementLine>| Statement {
        opening: Some(Money::minor(0, Currency::from_code("EUR").unwrap())),
        closing: Some(Money::minor(2 * 97, Currency::from_code("EUR").unwrap())),
        ..statement("po_1", ["2026-01-01", end], lines)
    };
    let (one, two) = (
        processor_line("txn_1", "po_1"),
        processor_line("txn_2", "po_1"),
    );
    let half = bank_file("half", vec![whole("2026-01-10", vec![one.clone()])]);
    assert_eq!(take_file(&store, &half).await.open_statements, 1);
    let full = bank_file("full", vec![whole("2026-01-11", vec![one, two])]);
    let found = take_file(&store, &full).await;
    assert_eq!((found.open_statements, found.superseded_statements), (0, 1));
    let rows = now(&store).await.statements().await.unwrap();
    let open: Vec<bool> = rows.iter().map(StatementRow::is_open).collect();
    assert_eq!(open, [false, false]);
}

async fn a_day_counts_once_whoever_tells_of_it(store: Store) {
    const DAY: [&str; 2] = ["2026-01-05", "2026-01-05"];
    let of = |basis, identity: &str, balances, lines| Statement {
        basis,
        ..bank_statement(identity, DAY, balances, lines)
    };
    let line = |identity: &str, reference: &str| bank_line(identity, reference, 50, DAY[0]);
    let notice = of(Basis::Notice, "n", [0, 0], vec![line("as told", "")]);
    let notice = Statement {
        opening: None,
        closing: None,
        ..notice
    };
    take_file(&store, &bank_file("notice", vec![notice])).await;
    assert_eq!(bank_lines(&store).await, ["as told"]);
    let report = of(Basis::Interim, "r", [0, 50], vec![line("r", "REF")]);
    take_file(&store, &bank_file("report", vec![report])).await;
    assert_eq!(bank_lines(&store).await, ["r"]);
    let end = of(
        Basis::Final,
        "s",
        [0, 100],
        vec![line("r", "REF"), line("s", "")],
    );
    take_file(&store, &bank_file("statement", vec![end])).await;
    assert_eq!(bank_lines(&store).await, ["r", "s"]);
    let coverage = now(&store).await.coverage().await.unwrap();
    assert_eq!(
        (coverage[0].covered_on.to_string().as_str(), coverage.len()),
        (DAY[1], 1)
    );
}

async fn coverage_is_never_later_than_its_file(store: Store) {
    let made = |currency: &str, made_on: &str| Statement {
        currency: Currency::from_code(currency).unwrap(),
        made_on: Some(made_on.parse().unwrap()),
        ..bank_statement(currency, ["2026-01-01", "2026-01-31"], [0, 0], Vec::new())
    };
    let mut file = bank_file(
        "both",
        vec![made("EUR", "2026-02-01"), made("USD", "2026-01-10")],
    );
    file.statements[1].opening = None;
    take_file(&store, &file).await;
    let rows = now(&store).await.coverage().await.unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.currency_id, row.covered_on.to_string()))
        .collect();
    assert_eq!(
        found,
        [
            (840, "2026-01-10".to_owned()),
            (978, "2026-01-31".to_owned())
        ]
    );
}

async fn lines_come_back_as_they_went_in(store: Store) {
    let mut second = processor_line("txn_2", "po_2");
    (second.movement, second.kind) = (Movement::Other, "a word of its own".into());
    let lines = vec![
        processor_line("txn_1", "po_1"),
        second,
        processor_line("txn_3", "po_1"),
        processor_line("txn_4", ""),
    ];
    take_file(&store, &processor_file("one", "2026-01-10", lines.clone())).await;
    let again = vec![processor_line("txn_5", "po_2")];
    take_file(&store, &processor_file("two", "2026-01-11", again)).await;
    let stored = now(&store)
        .await
        .settlement_lines(Origin::Processor)
        .await
        .unwrap();
    for (stored, expected) in stored.iter().zip(&lines) {
        assert_eq!(stored.line, *expected);
    }
    let payouts: Vec<Option<i64>> = stored.iter().map(|line| line.payout_id).collect();
    assert_eq!(payouts, [Some(1), Some(2), Some(1), None, Some(2)]);
    let books = now(&store).await;
    let file = &books.settlement_files().await.unwrap()[0];
    assert_eq!((file.format_version, file.options.as_str()), (2, "{}"));
    assert_eq!(file.source.as_deref(), Some("folder"));
    let (mut reader, mut bytes) = (FileReader::of(file.id), Vec::new());
    while let Some(piece) = reader.next(&books).await.unwrap() {
        bytes.extend(piece);
    }
    assert_eq!(bytes, b"one");
    let named = books.settlement_lines_named("order: 7").await.unwrap();
    assert_eq!(named.len(), 5);
    assert!(
        books
            .settlement_lines_named("order")
            .await
            .unwrap()
            .is_empty()
    );
    let extent = books.file_extent(2).await.unwrap();
    assert_eq!(extent, (5, 5));
    let own = books
        .lines_of_file(2, extent.0 - 1, extent.1)
        .await
        .unwrap();
    assert_eq!(own[0].line.identity, "txn_5");
}

async fn the_newest_look_at_a_file_counts(store: Store) {
    let hash = Hash::of(b"bytes");
    let look = |name: &str, bytes: i64, outcome: &SightOutcome| NewSight {
        name: name.into(),
        bytes,
        changed_at: "2026-01-10T08:00:00Z".parse().unwrap(),
        outcome: outcome.clone(),
    };
    let taken = SightOutcome::Taken(Some(hash));
    let refused = SightOutcome::Refused("it is a picture".into());
    let table = [
        ("sftp:bank", "a.csv", 3, &SightOutcome::Seen),
        ("sftp:bank", "b.csv", 5, &SightOutcome::Seen),
        ("sftp:bank", "a.csv", 4, &SightOutcome::Seen),
        ("sftp:bank", "a.csv", 4, &taken),
        ("sftp:bank", "b.csv", 5, &refused),
        ("folder", "b.csv", 6, &SightOutcome::Seen),
        ("sftp:bank", "c.csv", 7, &SightOutcome::PutAway),
    ];
    for (source, name, bytes, outcome) in table {
        let mut tx = store.begin().await.unwrap();
        let sights = [look(name, bytes, outcome)];
        tx.add_sights(source, &sights, &stamp()).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut found = store.settlement_sights("sftp:bank").await.unwrap();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    let found: Vec<_> = found
        .iter()
        .map(|sight| (sight.name.as_str(), sight.bytes, sight.outcome()))
        .collect();
    assert_eq!(
        found,
        [
            ("a.csv", 4, taken),
            ("b.csv", 5, refused),
            ("c.csv", 7, SightOutcome::PutAway)
        ]
    );
    let folder = store.settlement_sights("folder").await.unwrap();
    assert_eq!((folder.len(), folder[0].seen_at), (1, stamp().now));
    assert!(store.settlement_sights("http").await.unwrap().is_empty());
}

async fn matches_and_breaks_keep_their_items(store: Store) {
    let (left, right) = (ItemRef::entry(12, 1), ItemRef::line(Origin::Processor, 5));
    let (payout, bank) = (ItemRef::payout(3), ItemRef::line(Origin::Bank, 5));
    let found = |left, right| NewMatch {
        pass: "reference".into(),
        currency_id: 978,
        left: vec![(left, 100)],
        right: vec![(right, 100)],
        explanation: "agrees".into(),
        proposal_id: None,
    };
    let mut row = BreakRow {
        id: "BRK-1".into(),
        reconciliation: "payments".into(),
        kind: "amount".into(),
        status: "open".into(),
        state: "open".into(),
        reference: "R".into(),
        account: "eu".into(),
        currency_id: 978,
        amount: 5,
        since_on: "2026-01-10".parse().unwrap(),
        age_days: 0,
        items: vec![left, right, payout],
        detail: "differs".into(),
        lasting: false,
        assignee: None,
    };
    let matches = [found(left, right), found(payout, bank)];
    for (matches, items) in [
        (matches.as_slice(), vec![left, right, payout]),
        (&[], vec![bank]),
    ] {
        row.items.clone_from(&items);
        let mut tx = store.begin().await.unwrap();
        let breaks = [row.clone()];
        let mut adding = tx.begin_matches().await.unwrap();
        tx.add_matches(&mut adding, "payments", matches, &stamp())
            .await
            .unwrap();
        tx.end_matches(adding, &stamp()).await.unwrap();
        tx.write_findings("payments", &breaks, &[], &stamp())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(now(&store).await.breaks().await.unwrap(), [row.clone()]);
        assert_eq!(now(&store).await.breaks().await.unwrap()[0].items, items);
    }
    let related = now(&store).await.related_items(left).await.unwrap();
    let items: Vec<ItemRef> = related.iter().map(|item| item.item).collect();
    assert_eq!(items, [left, right]);
    assert!(now(&store).await.is_matched(12).await.unwrap());
    assert!(!now(&store).await.is_matched(1).await.unwrap());
    assert!(
        !now(&store).await.is_matched(5).await.unwrap(),
        "a settlement line is no entry"
    );
    let consumed = now(&store).await.match_items("payments").await.unwrap();
    assert!(
        consumed
            .iter()
            .any(|row| row.side == "right" && row.item == bank)
    );
    assert_eq!(consumed.len(), 4);
}

async fn overlapping_files_never_count_a_line_twice(store: Store) {
    let file = |name: &str, end: &str, identities: &[&str]| {
        let lines = identities
            .iter()
            .map(|identity| processor_line(identity, "po"));
        processor_file(name, end, lines.collect())
    };
    let mut counts = Vec::new();
    for file in [
        file("first", "2026-01-10", &["txn_1", "txn_2"]),
        file("second", "2026-01-20", &["txn_2", "txn_3"]),
        file("first", "2026-01-10", &["txn_1", "txn_2"]),
    ] {
        let summary = take_file(&store, &file).await;
        counts.push((
            summary.lines,
            summary.repeated_lines,
            summary.repeated_files,
        ));
    }
    assert_eq!(counts, [(2, 0, 0), (1, 1, 0), (0, 0, 1)]);
    assert_eq!(
        now(&store)
            .await
            .settlement_lines(Origin::Processor)
            .await
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        now(&store).await.coverage().await.unwrap()[0]
            .covered_on
            .to_string(),
        "2026-01-20"
    );
}

async fn entries_come_back_as_they_went_in(store: Store) {
    books(&store).await;
    take(
        &store,
        &batch(0, vec![sale("1", 100, "EUR"), sale("2", 1200, "JPY")]),
    )
    .await
    .unwrap();
    let stored = now(&store).await.entries(0, 10).await.unwrap();
    for (stored, expected) in stored
        .iter()
        .zip([posting("1", 100, "EUR"), posting("2", 1200, "JPY")])
    {
        assert_eq!(stored.entry.as_ref().unwrap(), &expected.entry);
        assert_eq!(stored.stored_hash, expected.entry.hash());
    }
    let event = now(&store).await.event(1).await.unwrap().unwrap();
    assert_eq!(
        event.received_at,
        stamp().now,
        "a moment survives the round trip"
    );
    assert_eq!(now(&store).await.events_named("2").await.unwrap(), [2]);
    assert_eq!(
        now(&store).await.entries_by_reference("R-2").await.unwrap(),
        [2]
    );
}

async fn views_show_names_and_decimals(store: Store) {
    books(&store).await;
    take(
        &store,
        &batch(0, vec![sale("1", 12_305, "EUR"), sale("2", 1200, "JPY")]),
    )
    .await
    .unwrap();
    const LINES: &str =
        "SELECT account, side, amount, currency FROM journal_line ORDER BY entry_id, line_no";
    const BALANCE: &str = "SELECT account, debit, credit, currency FROM trial_balance WHERE account = 'bank' ORDER BY currency";
    for (statement, expected) in [
        (
            LINES,
            vec![
                ["bank", "debit", "123.05", "EUR"],
                ["revenue", "credit", "123.05", "EUR"],
                ["bank", "debit", "1200", "JPY"],
                ["revenue", "credit", "1200", "JPY"],
            ],
        ),
        (
            BALANCE,
            vec![
                ["bank", "123.05", "0.00", "EUR"],
                ["bank", "1200", "0", "JPY"],
            ],
        ),
    ] {
        let rows: Vec<(String, String, String, String)> = match &store {
            Store::Sqlite { read, .. } => sqlx::query_as(statement).fetch_all(read).await.unwrap(),
            Store::Postgres { pool, .. } => {
                sqlx::query_as(statement).fetch_all(pool).await.unwrap()
            }
        };
        let found: Vec<[&str; 4]> = rows
            .iter()
            .map(|(a, b, c, d)| [a.as_str(), b.as_str(), c.as_str(), d.as_str()])
            .collect();
        assert_eq!(found, expected);
    }
}

/// Runs a statement past all that the store itself would look at.
async fn directly(store: &Store, statement: &str) -> Result<u64, sqlx::Error> {
    let statement = AssertSqlSafe(statement.to_owned());
    Ok(match store {
        Store::Sqlite { write, .. } => sqlx::query(statement).execute(write).await?.rows_affected(),
        Store::Postgres { pool, .. } => sqlx::query(statement).execute(pool).await?.rows_affected(),
    })
}

async fn nobody_approves_what_they_proposed(store: Store) {
    let proposal = |four_eyes| NewProposal {
        kind: "period-reopen".into(),
        subject: "eu 2026-01".into(),
        seen: Hash::of(b"closed"),
        payload: "{}".into(),
        why: "late".into(),
        four_eyes,
        role: String::new(),
    };
    let mut tx = store.begin().await.unwrap();
    let two = tx.insert_proposal(&proposal(true), &stamp()).await.unwrap();
    let one = tx
        .insert_proposal(&proposal(false), &stamp())
        .await
        .unwrap();
    assert_eq!((two, one), (1, 2));
    let waiting = tx.waiting_proposal("period-reopen", "eu 2026-01").await;
    assert_eq!(waiting.unwrap(), Some(two));
    tx.commit().await.unwrap();
    let decision = |proposal: i64, verdict: &str, of: &str, by: &str| {
        format!(
            "INSERT INTO decision (proposal_id, verdict, proposed_by, decided_by, decided_at, why) VALUES ({proposal}, '{verdict}', '{of}', '{by}', '2026-02-01T00:00:00Z', '')"
        )
    };
    let refused = [
        decision(two, "approved", "suite", "suite"),
        decision(two, "approved", "suite", "SUITE"),
        decision(two, "rejected", "suite", "suite"),
        decision(two, "withdrawn", "suite", "other"),
        // The proposer's name is the proposal's own, or nothing is written.
        decision(two, "approved", "somebody", "suite"),
        decision(7, "approved", "suite", "other"),
        decision(one, "approved", "suite", "other"),
        decision(two, "perhaps", "suite", "other"),
    ];
    for statement in refused {
        assert!(directly(&store, &statement).await.is_err(), "{statement}");
    }
    let mut tx = store.begin().await.unwrap();
    let row = tx.proposal(two).await.unwrap().unwrap();
    let other = Stamp {
        actor: "other".into(),
        ..stamp()
    };
    tx.insert_decision(&row, "approved", "seen", &other)
        .await
        .unwrap();
    assert_eq!(
        tx.waiting_proposal("period-reopen", "eu 2026-01")
            .await
            .unwrap(),
        None
    );
    tx.commit().await.unwrap();
    for statement in [
        decision(two, "rejected", "suite", "third"),
        "UPDATE decision SET decided_by = 'third'".to_owned(),
        "DELETE FROM decision".to_owned(),
        "UPDATE proposal SET proposed_by = 'third'".to_owned(),
        "DELETE FROM proposal WHERE id = 2".to_owned(),
    ] {
        assert!(directly(&store, &statement).await.is_err(), "{statement}");
    }
    let all = store
        .snapshot()
        .await
        .unwrap()
        .proposals(None)
        .await
        .unwrap();
    let verdicts: Vec<Option<&str>> = all.iter().map(|row| row.verdict.as_deref()).collect();
    assert_eq!(verdicts, [Some("approved"), None]);
    assert_eq!(all[0].decided_by.as_deref(), Some("other"));
}

fn found(id: &str, amount: i64, lasting: bool) -> BreakRow {
    BreakRow {
        id: id.into(),
        reconciliation: "payments".into(),
        kind: "amount".into(),
        status: "open".into(),
        state: "open".into(),
        reference: format!("ref {id}"),
        account: "eu".into(),
        currency_id: 978,
        amount,
        since_on: "2026-01-10".parse().unwrap(),
        age_days: 3,
        items: vec![ItemRef::entry(1, 1)],
        detail: format!("{amount} differ"),
        lasting,
        assignee: None,
    }
}

async fn a_case_outlives_its_finding(store: Store) {
    let run = async |rows: &[BreakRow]| {
        let mut tx = store.begin().await.unwrap();
        tx.write_findings("payments", rows, &[], &stamp())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    let deed = async |id: &str, deed: &'static str, assignee: &str| {
        let mut tx = store.begin().await.unwrap();
        let proposal = NewProposal {
            kind: "break-resolve".into(),
            subject: id.into(),
            seen: Hash::of(b""),
            payload: "{}".into(),
            why: "seen".into(),
            four_eyes: false,
            role: String::new(),
        };
        let is_decision = matches!(deed, "resolved" | "written-off" | "reopened");
        let proposal_id = if is_decision {
            Some(tx.insert_proposal(&proposal, &stamp()).await.unwrap())
        } else {
            None
        };
        let new = NewDeed {
            deed,
            why: "seen".into(),
            assignee: assignee.into(),
            amount: 5,
            proposal_id,
            until_on: None,
        };
        tx.add_deed(id, &new, &stamp()).await.unwrap();
        tx.commit().await.unwrap();
    };
    let listed = async || -> Vec<(String, String, i64, Option<String>)> {
        let rows = store.snapshot().await.unwrap().breaks().await.unwrap();
        rows.into_iter()
            .map(|row| (row.id, row.status, row.amount, row.assignee))
            .collect()
    };
    let line = |id: &str, status: &str, amount, assignee: Option<&str>| {
        (
            id.to_owned(),
            status.to_owned(),
            amount,
            assignee.map(ToOwned::to_owned),
        )
    };
    run(&[found("A", 5, false), found("B", 7, true)]).await;
    deed("A", "assigned", "ana").await;
    deed("A", "resolved", "").await;
    deed("A", "commented", "").await;
    let resolved = [
        line("A", "resolved", 5, Some("ana")),
        line("B", "open", 7, None),
    ];
    assert_eq!(listed().await, resolved);
    // The same again overwrites nothing; what comes from a match is not found again and stays.
    run(&[found("A", 5, false)]).await;
    assert_eq!(listed().await, resolved);
    // Another amount is not what was resolved.
    run(&[found("A", 6, false)]).await;
    assert_eq!(listed().await[0], line("A", "open", 6, Some("ana")));
    // To say how it came about changes how far it is, and nothing about the sum.
    deed("A", "explained", "").await;
    deed("A", "commented", "").await;
    assert_eq!(listed().await[0], line("A", "open", 6, Some("ana")));
    let rows = store.snapshot().await.unwrap().breaks().await.unwrap();
    assert_eq!(rows[0].state, "explained");
    deed("A", "written-off", "").await;
    run(&[]).await;
    assert_eq!(listed().await, [line("B", "open", 7, None)]);
    run(&[found("A", 6, false)]).await;
    assert_eq!(listed().await[0], line("A", "open", 6, Some("ana")));
    let now = store.snapshot().await.unwrap();
    let history: Vec<String> = now
        .case_deeds("A")
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.deed)
        .collect();
    let expected = [
        "found",
        "assigned",
        "resolved",
        "commented",
        "changed",
        "explained",
        "commented",
        "written-off",
        "cleared",
        "returned",
    ];
    assert_eq!(history, expected);
    let case = now.case("A").await.unwrap().unwrap();
    drop(now);
    assert_eq!(
        (case.amount, case.kind.as_str()),
        (5, "amount"),
        "as it was first found"
    );
    for statement in [
        "UPDATE case_deed SET deed = 'commented'",
        "DELETE FROM case_deed",
        "UPDATE break_case SET amount = 0",
        "DELETE FROM break_case",
        // A decision about a break names its proposal.
        "INSERT INTO case_deed (case_id, number, deed, actor, done_at, why, assignee, amount) VALUES ('A', 99, 'resolved', 'x', '2026-02-01T00:00:00Z', '', '', 0)",
    ] {
        assert!(directly(&store, statement).await.is_err(), "{statement}");
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// `$1`, `$2`, … in a statement: the highest.
fn parameters(text: &str) -> usize {
    text.split('$')
        .skip(1)
        .filter_map(|rest| {
            rest.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
                .parse()
                .ok()
        })
        .max()
        .unwrap_or(0)
}

fn count<T>(parameters: Option<Either<&[T], usize>>) -> usize {
    match parameters {
        Some(Either::Left(known)) => known.len(),
        Some(Either::Right(count)) => count,
        None => 0,
    }
}

#[tokio::test]
async fn a_table_that_grew_is_summed_up_once() {
    let (sqlite, postgres) = (sqlite().await, postgres().await);
    assert_eq!(sqlite.refresh_statistics(1).await.unwrap(), 0);
    books(&postgres).await;
    take(&postgres, &batch(0, vec![sale("1", 100, "EUR")]))
        .await
        .unwrap();
    let Store::Postgres { pool, .. } = &postgres else {
        unreachable!()
    };
    // The server counts rows a little later than they come.
    let mut seen: Option<bool> = None;
    for _ in 0..200 {
        postgres.refresh_statistics(1).await.unwrap();
        seen = sqlx::query_scalar(
            "SELECT last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'line'",
        )
        .fetch_optional(pool)
        .await
        .unwrap();
        if seen == Some(true) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, Some(true));
    assert_eq!(postgres.refresh_statistics(1_000_000).await.unwrap(), 0);
}

#[tokio::test]
async fn every_statement_prepares_on_both_databases() {
    let (sqlite, postgres) = (sqlite().await, postgres().await);
    let (Store::Sqlite { read, .. }, Store::Postgres { pool, .. }) = (&sqlite, &postgres) else {
        unreachable!()
    };
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("sql");
    let mut all = Vec::new();
    files(&root, &mut all);
    assert!(all.len() > 80, "only {} statements were found", all.len());
    let source: String = {
        let mut code = Vec::new();
        files(
            &PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("src"),
            &mut code,
        );
        code.iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect()
    };
    for path in all {
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let stem = name
            .trim_end_matches(".sql")
            .trim_end_matches(".sqlite")
            .trim_end_matches(".postgres");
        assert!(
            source.contains(&format!("\"{stem}\"")),
            "nobody uses {name}"
        );
        let wanted = parameters(&text);
        if !name.ends_with(".postgres.sql") {
            prepared_on_sqlite(read, &name, &text, wanted).await;
        }
        if !name.ends_with(".sqlite.sql") {
            prepared_on_postgres(pool, &name, &text, wanted).await;
        }
    }
}

async fn prepared_on_sqlite(pool: &SqlitePool, name: &str, text: &str, wanted: usize) {
    let text = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(text.to_owned()));
    let statement = pool
        .prepare(text)
        .await
        .unwrap_or_else(|error| panic!("{name} on SQLite: {error}"));
    let found = count(statement.parameters());
    assert_eq!(found, wanted, "{name}: parameters on SQLite");
}

async fn prepared_on_postgres(pool: &PgPool, name: &str, text: &str, wanted: usize) {
    let text = sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(text.to_owned()));
    let statement = pool
        .prepare(text)
        .await
        .unwrap_or_else(|error| panic!("{name} on PostgreSQL: {error}"));
    let found = count(statement.parameters());
    assert_eq!(found, wanted, "{name}: parameters on PostgreSQL");
}

#[tokio::test]
async fn both_databases_have_the_same_logical_schema() {
    let (sqlite, postgres) = (sqlite().await, postgres().await);
    let (Store::Sqlite { read, .. }, Store::Postgres { pool, .. }) = (&sqlite, &postgres) else {
        unreachable!()
    };
    const ON_SQLITE: &str = "SELECT m.name AS t, c.name AS c, c.\"notnull\" AS n FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY 1, 2";
    const ON_POSTGRES: &str = "SELECT c.table_name::text AS t, c.column_name::text AS c, CASE c.is_nullable WHEN 'NO' THEN 1 ELSE 0 END::bigint AS n FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE '\\_sqlx%' ORDER BY 1, 2";
    let mut left: Vec<(String, String, i64)> =
        sqlx::query_as(ON_SQLITE).fetch_all(read).await.unwrap();
    let mut right: Vec<(String, String, i64)> =
        sqlx::query_as(ON_POSTGRES).fetch_all(pool).await.unwrap();
    left.sort();
    right.sort();
    assert!(left.len() > 100);
    assert_eq!(left, right);
}

#[test]
fn migrations_have_the_same_names_and_never_change_once_released() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../migrations");
    let list = |folder: &str| -> BTreeMap<String, String> {
        let mut found = Vec::new();
        files(&root.join(folder), &mut found);
        found
            .into_iter()
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, Hash::of(&std::fs::read(path).unwrap()).short())
            })
            .collect()
    };
    let (sqlite, postgres) = (list("sqlite"), list("postgres"));
    assert_eq!(
        sqlite.keys().collect::<Vec<_>>(),
        postgres.keys().collect::<Vec<_>>()
    );
    let pinned = std::fs::read_to_string(root.join("released.txt")).unwrap();
    for (folder, found) in [("sqlite", sqlite), ("postgres", postgres)] {
        for (name, hash) in found {
            let line = format!("{folder}/{name} {hash}");
            assert!(
                pinned.lines().any(|pin| pin == line),
                "`{line}` is not in migrations/released.txt: add a line for a new file; a released one is never edited"
            );
        }
    }
}

#[test]
fn a_moment_is_kept_to_the_microsecond() {
    let time: DateTime<Utc> = "2026-01-31T12:00:00.123456789Z".parse().unwrap();
    assert_eq!(
        ledger::clock::truncate_to_micros(time),
        "2026-01-31T12:00:00.123456Z"
            .parse::<DateTime<Utc>>()
            .unwrap()
    );
}
