//! The Kafka source against librdkafka's own mock cluster: modes, and whose offset counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use async_trait::async_trait;
use connectors::source::kafka::{Config, KafkaSource, Patience};
use connectors::source::{BatchLimit, Checkpoints, EventSource, SourceError};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use std::collections::BTreeMap;
use std::time::Duration;

struct At(i64);

#[async_trait]
impl Checkpoints for At {
    async fn position(&self, _partition: &str) -> Result<i64, SourceError> {
        Ok(self.0)
    }
}

async fn produce(
    cluster: &MockCluster<'static, DefaultProducerContext>,
    topic: &str,
    count: usize,
) {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .create()
        .unwrap();
    for number in 0..count {
        let binary = number % 2 == 1;
        let (payload, headers) = if binary {
            let headers = [
                ("content-type", "application/json"),
                ("ce_specversion", "1.0"),
                ("ce_source", "s"),
                ("ce_type", "t"),
            ];
            let mut all = OwnedHeaders::new();
            for (key, value) in headers {
                all = all.insert(Header {
                    key,
                    value: Some(value),
                });
            }
            let id = number.to_string();
            (
                format!("{{\"n\":{number}}}"),
                all.insert(Header {
                    key: "ce_id",
                    value: Some(id.as_str()),
                }),
            )
        } else {
            let event = format!(
                "{{\"specversion\":\"1.0\",\"id\":\"{number}\",\"source\":\"s\",\"type\":\"t\",\"data\":{{\"n\":{number}}}}}"
            );
            let header = Header {
                key: "content-type",
                value: Some("application/cloudevents+json"),
            };
            (event, OwnedHeaders::new().insert(header))
        };
        let record: FutureRecord<'_, (), String> = FutureRecord::to(topic)
            .payload(&payload)
            .headers(headers)
            .partition(0);
        producer
            .send(record, Duration::from_secs(10))
            .await
            .unwrap();
    }
}

fn source(cluster: &MockCluster<'static, DefaultProducerContext>, topic: &str) -> KafkaSource {
    let group = format!("group-{topic}-{}", fastrand::u64(..));
    source_of_group(cluster, topic, &group)
}

fn source_of_group(
    cluster: &MockCluster<'static, DefaultProducerContext>,
    topic: &str,
    group: &str,
) -> KafkaSource {
    let config = Config {
        brokers: cluster.bootstrap_servers(),
        topic: topic.into(),
        group: group.into(),
        password: None,
        envelope: None,
        // A member that left is forgotten quickly, so that the next one need not wait for it.
        options: BTreeMap::from([("session.timeout.ms".to_owned(), "6000".to_owned())]),
        secrets: BTreeMap::new(),
    };
    let patience = Patience {
        first: Duration::from_secs(1),
        linger: Duration::from_millis(400),
    };
    KafkaSource::open(
        &config,
        None,
        BatchLimit {
            events: 4,
            bytes: 1 << 20,
        },
        patience,
    )
    .unwrap()
}

/// Offsets of every event that the source brings, batch by batch.
async fn offsets(source: &mut KafkaSource, from: i64, wanted: usize) -> Vec<Vec<i64>> {
    let mut batches: Vec<Vec<i64>> = Vec::new();
    let mut waits = 0;
    while batches.iter().map(Vec::len).sum::<usize>() < wanted {
        let polled = source.poll(&At(from)).await.unwrap();
        let Some(batch) = polled.into_iter().next() else {
            // Nothing for now: joining the group takes its time, but not for ever.
            waits += 1;
            assert!(
                waits < 40,
                "the source brought {batches:?} and then nothing more"
            );
            continue;
        };
        let seen: Vec<i64> = batch.events.iter().map(|event| event.position).collect();
        assert_eq!(batch.from, seen[0]);
        assert_eq!(batch.through, seen[seen.len() - 1] + 1);
        for event in &batch.events {
            let value: serde_json::Value = serde_json::from_slice(&event.payload).unwrap();
            assert_eq!(
                value["data"]["n"].as_i64(),
                Some(event.position),
                "both modes read alike"
            );
            assert_eq!(value["id"], event.position.to_string());
        }
        source
            .release(&batch.partition, batch.through)
            .await
            .unwrap();
        batches.push(seen);
    }
    batches
}

#[tokio::test(flavor = "multi_thread")]
async fn both_modes_are_read_from_the_checkpoint_on() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("billing", 1, 1).unwrap();
    produce(&cluster, "billing", 10).await;
    let all = offsets(&mut source(&cluster, "billing"), 0, 10).await;
    assert_eq!(all.concat(), (0..10).collect::<Vec<i64>>());
    assert!(
        all.iter().all(|batch| batch.len() <= 4),
        "batches are bounded: {all:?}"
    );
    let rest = offsets(&mut source(&cluster, "billing"), 6, 4).await;
    assert_eq!(
        rest.concat(),
        [6, 7, 8, 9],
        "what the ledger has is skipped, whatever the broker says"
    );
}

/// A ledger restored from a backup stands behind what the broker was told: no new message may be
/// needed before the missing ones are read.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_behind_the_brokers_offset_is_caught_up() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("restored", 1, 1).unwrap();
    produce(&cluster, "restored", 10).await;
    let mut first = source_of_group(&cluster, "restored", "books");
    assert_eq!(offsets(&mut first, 0, 10).await.concat().len(), 10);
    // The commit is asynchronous; one more poll lets it go out before the member leaves.
    assert!(first.poll(&At(10)).await.unwrap().is_empty());
    drop(first);
    let again = offsets(&mut source_of_group(&cluster, "restored", "books"), 6, 4).await;
    assert_eq!(again.concat(), [6, 7, 8, 9]);
}
