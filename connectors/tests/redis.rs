//! Redis Streams on a real Redis, which `TIEOUT_TEST_REDIS` names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use async_trait::async_trait;
use connectors::source::redis::{Config, RedisSource};
use connectors::source::{BatchLimit, Checkpoints, EventSource, SourceError};
use redis::aio::MultiplexedConnection;
use std::time::Duration;

struct At(i64);

#[async_trait]
impl Checkpoints for At {
    async fn position(&self, _partition: &str) -> Result<i64, SourceError> {
        Ok(self.0)
    }
}

async fn stream(name: &str) -> (MultiplexedConnection, Config) {
    let url = std::env::var("TIEOUT_TEST_REDIS")
        .expect("TIEOUT_TEST_REDIS is not set; `make test` starts a Redis and sets it");
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{name}-{}", std::process::id());
    let _gone: () = redis::cmd("DEL")
        .arg(&key)
        .query_async(&mut connection)
        .await
        .unwrap();
    let config = Config {
        url,
        username: None,
        password: None,
        streams: vec![key],
        group: "books".into(),
        field: "event".into(),
        envelope: None,
    };
    (connection, config)
}

async fn add(
    connection: &mut MultiplexedConnection,
    key: &str,
    id: &str,
    field: &str,
    value: &str,
) {
    let _id: String = redis::cmd("XADD")
        .arg(&[key, id, field, value])
        .query_async(connection)
        .await
        .unwrap();
}

async fn open(config: &Config) -> RedisSource {
    let limit = BatchLimit {
        events: 3,
        bytes: 1 << 20,
    };
    RedisSource::open(config, None, limit, Duration::from_millis(100))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_stream_is_read_from_the_ledgers_checkpoint_on() {
    let (mut connection, config) = stream("checkpoint").await;
    let key = config.streams[0].clone();
    for n in 1..=5 {
        add(
            &mut connection,
            &key,
            &format!("{n}-0"),
            "event",
            &format!("{{\"n\":{n}}}"),
        )
        .await;
    }
    let mut source = open(&config).await;
    let first = source.poll(&At(0)).await.unwrap().remove(0);
    assert_eq!((first.from, first.events.len()), (0, 3));
    assert_eq!(first.events[2].payload, b"{\"n\":3}"[..]);
    let second = source.poll(&At(0)).await.unwrap().remove(0);
    assert_eq!((second.from, second.events.len()), (first.through, 2));
    assert!(
        source.poll(&At(0)).await.unwrap().is_empty(),
        "nothing for now"
    );
    source.release(&key, second.through).await.unwrap();
    assert_eq!(
        source.state().lag.get(&key),
        Some(&0),
        "the group shows how far the books are"
    );
    // The group stands at the end; the ledger does not, and the ledger is right.
    let mut again = open(&config).await;
    let rest = again.poll(&At(first.through)).await.unwrap().remove(0);
    assert_eq!(rest, second);
    // Somebody else moved the checkpoint: what was read is forgotten.
    again.fenced(&key).await.unwrap();
    let moved = again.poll(&At(0)).await.unwrap().remove(0);
    assert_eq!(moved.from, 0);
}

#[tokio::test]
async fn a_stream_trimmed_beyond_the_checkpoint_stops_the_source() {
    let (mut connection, config) = stream("deleted").await;
    let key = config.streams[0].clone();
    for n in 1..=3 {
        add(&mut connection, &key, &format!("{n}-0"), "event", "{}").await;
    }
    let _cut: i64 = redis::cmd("XTRIM")
        .arg(&[key.as_str(), "MAXLEN", "1"])
        .query_async(&mut connection)
        .await
        .unwrap();
    let after = |id: i64| At((id << 20) + 1);
    let refused = open(&config).await.poll(&after(1)).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("entry 1-0, the last one taken"),
        "{refused}"
    );
    assert!(open(&config).await.poll(&after(3)).await.is_ok());
}

#[tokio::test]
async fn an_entry_without_an_event_is_kept_with_its_fields() {
    let (mut connection, config) = stream("poison").await;
    let key = config.streams[0].clone();
    add(&mut connection, &key, "1-0", "note", "hello").await;
    let batch = open(&config).await.poll(&At(0)).await.unwrap().remove(0);
    let problem = batch.events[0].problem.clone().unwrap();
    assert_eq!(problem.headers.as_deref(), Some(r#"{"note":"hello"}"#));
}
