//! Kafka: CloudEvents in structured and binary content mode, by the protocol binding 1.0.2.
//!
//! A consumer group shares out the partitions; where each starts is the ledger's checkpoint, not
//! the broker's. A partition that is assigned is moved there before any of its messages counts; where
//! the broker no longer holds what the checkpoint points at, the source stops and says so. From then
//! on a message behind the checkpoint was taken before and is skipped, and a hole between offsets is
//! the broker's own (a transaction's marker, a compacted message). The broker's offset commit is a
//! courtesy after the ledger's.

use super::{BatchLimit, Checkpoints, EventBatch, EventSource, RawEvent, SourceError};
use crate::secret::{Secret, SecretRef};
use async_trait::async_trait;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How the configuration names a topic.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `host:port`, several joined by commas.
    pub brokers: String,
    /// The topic.
    pub topic: String,
    /// The consumer group.
    pub group: String,
    /// The password of SASL, where the options ask for one.
    pub password: Option<SecretRef>,
    /// Options handed on to librdkafka as they are: `security.protocol`, `sasl.username`, ….
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// How long a poll waits for a first message, and then for the next one.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the first message of a batch.
    pub first: Duration,
    /// For each further one.
    pub next: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            next: Duration::from_millis(20),
        }
    }
}

/// A topic as a source of events.
pub struct KafkaSource {
    topic: String,
    consumer: StreamConsumer,
    limit: BatchLimit,
    patience: Patience,
    /// The next offset wanted from each assigned partition, once the source was moved there.
    wanted: BTreeMap<i32, i64>,
    /// A message that belongs to the next batch.
    held: Option<(i32, RawEvent)>,
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSource")
            .field("topic", &self.topic)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// Joins the consumer group. The password, where there is one, comes from `config.password`.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`] when the options are refused.
    pub fn open(
        config: &Config,
        password: Option<&Secret>,
        limit: BatchLimit,
        patience: Patience,
    ) -> Result<Self, SourceError> {
        let mut client = ClientConfig::new();
        for (name, value) in &config.options {
            client.set(name, value);
        }
        client
            .set("bootstrap.servers", &config.brokers)
            .set("group.id", &config.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest");
        if let Some(password) = password {
            client.set("sasl.password", password.reveal());
        }
        let unavailable = |error| unavailable(&config.topic, error);
        let consumer: StreamConsumer = client.create().map_err(unavailable)?;
        consumer
            .subscribe(&[config.topic.as_str()])
            .map_err(unavailable)?;
        let topic = config.topic.clone();
        Ok(Self {
            topic,
            consumer,
            limit,
            patience,
            wanted: BTreeMap::new(),
            held: None,
        })
    }

    fn partition_name(&self, partition: i32) -> String {
        format!("{}/{partition}", self.topic)
    }

    /// Waits for a message and says where it stands.
    async fn receive(&self, patience: Duration) -> Result<Option<(i32, RawEvent)>, SourceError> {
        match tokio::time::timeout(patience, self.consumer.recv()).await {
            Err(_elapsed) => Ok(None),
            Ok(Ok(message)) => Ok(Some((message.partition(), raw_event(&message)))),
            Ok(Err(error)) => Err(unavailable(&self.topic, error)),
        }
    }

    /// Forgets partitions that were taken away, and moves new ones to the ledger's checkpoint.
    async fn follow_assignment(
        &mut self,
        checkpoints: &dyn Checkpoints,
    ) -> Result<(), SourceError> {
        let assignment = self
            .consumer
            .assignment()
            .map_err(|error| unavailable(&self.topic, error))?;
        let assigned: Vec<i32> = assignment
            .elements()
            .iter()
            .map(rdkafka::topic_partition_list::TopicPartitionListElem::partition)
            .collect();
        self.wanted
            .retain(|partition, _| assigned.contains(partition));
        for partition in assigned {
            if !self.wanted.contains_key(&partition) {
                self.start_at_checkpoint(partition, checkpoints).await?;
            }
        }
        Ok(())
    }

    async fn start_at_checkpoint(
        &mut self,
        partition: i32,
        checkpoints: &dyn Checkpoints,
    ) -> Result<(), SourceError> {
        const LIMIT: Duration = Duration::from_secs(10);
        let name = self.partition_name(partition);
        let checkpoint = checkpoints.position(&name).await?;
        let (low, _high) = self
            .consumer
            .fetch_watermarks(&self.topic, partition, LIMIT)
            .map_err(|error| unavailable(&self.topic, error))?;
        if checkpoint > 0 && low > checkpoint {
            let what = format!(
                "the checkpoint wants offset {checkpoint} and the broker holds nothing before {low}; bring the missing events as a file"
            );
            return Err(SourceError::Broken { name, what });
        }
        // A partition that is not fetched yet cannot be moved; until it can, none of its messages
        // counts, and the next poll tries again.
        let target = Offset::Offset(checkpoint.max(low));
        match self.consumer.seek(&self.topic, partition, target, LIMIT) {
            Ok(()) => drop(self.wanted.insert(partition, checkpoint)),
            Err(error) => tracing::debug!(partition = %name, %error, "not ready to be moved yet"),
        }
        Ok(())
    }
}

#[async_trait]
impl EventSource for KafkaSource {
    async fn poll(
        &mut self,
        checkpoints: &dyn Checkpoints,
    ) -> Result<Option<EventBatch>, SourceError> {
        self.follow_assignment(checkpoints).await?;
        let mut batch: Option<(i32, EventBatch)> = None;
        let mut bytes = 0;
        loop {
            let patience = if batch.is_some() {
                self.patience.next
            } else {
                self.patience.first
            };
            let next = match self.held.take() {
                Some(held) => Some(held),
                None => self.receive(patience).await?,
            };
            let Some((partition, event)) = next else {
                break;
            };
            if let Some((own, _)) = &batch
                && *own != partition
            {
                self.held = Some((partition, event));
                break;
            }
            let Some(from) = self.wanted.get(&partition).copied() else {
                // Just assigned: what came before the move to the checkpoint will come again.
                self.start_at_checkpoint(partition, checkpoints).await?;
                continue;
            };
            if event.position < from {
                continue;
            }
            let through = event.position + 1;
            self.wanted.insert(partition, through);
            bytes += event.payload.len();
            let name = self.partition_name(partition);
            let (_, batch) = batch.get_or_insert_with(|| {
                (
                    partition,
                    EventBatch {
                        partition: name,
                        from,
                        through,
                        events: Vec::new(),
                    },
                )
            });
            batch.through = through;
            batch.events.push(event);
            if batch.events.len() >= self.limit.events || bytes >= self.limit.bytes {
                break;
            }
        }
        Ok(batch.map(|(_, batch)| batch))
    }

    async fn release(&mut self, partition: &str, through: i64) -> Result<(), SourceError> {
        let number = partition
            .rsplit('/')
            .next()
            .and_then(|number| number.parse().ok());
        let Some(number) = number else { return Ok(()) };
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset(&self.topic, number, Offset::Offset(through))
            .and_then(|()| self.consumer.commit(&offsets, CommitMode::Async))
            .map_err(|error| unavailable(&self.topic, error))
    }
}

fn unavailable(topic: &str, error: rdkafka::error::KafkaError) -> SourceError {
    SourceError::Unavailable {
        name: topic.to_owned(),
        source: Box::new(error),
    }
}

fn raw_event(message: &BorrowedMessage<'_>) -> RawEvent {
    let headers: Vec<(String, Vec<u8>)> = message
        .headers()
        .map(|headers| {
            headers
                .iter()
                .map(|header| {
                    (
                        header.key.to_owned(),
                        header.value.map(<[u8]>::to_vec).unwrap_or_default(),
                    )
                })
                .collect()
        })
        .unwrap_or_default();
    let value = message.payload().unwrap_or_default();
    decode(message.offset(), &headers, value)
}

/// Turns a message into the structured form; a structured one is passed on as it is.
pub fn decode(position: i64, headers: &[(String, Vec<u8>)], value: &[u8]) -> RawEvent {
    let text = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let content_type = text("content-type").unwrap_or_default();
    let structured = content_type
        .to_ascii_lowercase()
        .starts_with("application/cloudevents");
    let binary = headers
        .iter()
        .any(|(key, _)| key.to_ascii_lowercase().starts_with("ce_"));
    if structured || !binary {
        return RawEvent {
            position,
            payload: value.to_vec(),
            problem: None,
        };
    }
    match assemble(headers, &content_type, value) {
        Ok(payload) => RawEvent {
            position,
            payload,
            problem: None,
        },
        Err(problem) => RawEvent {
            position,
            payload: value.to_vec(),
            problem: Some(problem),
        },
    }
}

fn assemble(
    headers: &[(String, Vec<u8>)],
    content_type: &str,
    value: &[u8],
) -> Result<Vec<u8>, String> {
    let mut event = Map::new();
    for (key, value) in headers {
        let key = key.to_ascii_lowercase();
        let Some(name) = key.strip_prefix("ce_") else {
            continue;
        };
        let text = std::str::from_utf8(value)
            .map_err(|_bad| format!("the header `{key}` is not UTF-8"))?;
        event.insert(name.to_owned(), Value::String(text.to_owned()));
    }
    if !content_type.is_empty() {
        event.insert(
            "datacontenttype".to_owned(),
            Value::String(content_type.to_owned()),
        );
    }
    if !value.is_empty() {
        let data = serde_json::from_slice(value)
            .map_err(|error| format!("the value is not JSON: {error}"))?;
        event.insert("data".to_owned(), data);
    }
    serde_json::to_vec(&Value::Object(event)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn the_content_type_tells_the_modes_apart() {
        let structured = headers(&[(
            "Content-Type",
            "application/cloudevents+json; charset=UTF-8",
        )]);
        assert_eq!(
            decode(7, &structured, b"{\"id\":\"1\"}").payload,
            b"{\"id\":\"1\"}"
        );
        let binary = headers(&[
            ("content-type", "application/json"),
            ("ce_id", "1"),
            ("ce_source", "s"),
            ("ce_specversion", "1.0"),
            ("ce_type", "t"),
        ]);
        let event: Value =
            serde_json::from_slice(&decode(7, &binary, b"{\"a\":1.10}").payload).unwrap();
        assert_eq!(event["data"]["a"].to_string(), "1.10");
        assert_eq!(event["source"], "s");
        assert_eq!(event["datacontenttype"], "application/json");
    }

    #[test]
    fn what_cannot_be_read_is_kept_with_the_reason() {
        let binary = headers(&[("ce_id", "1")]);
        let event = decode(7, &binary, b"\xff\xfe");
        assert_eq!(event.payload, b"\xff\xfe");
        assert!(event.problem.unwrap().starts_with("the value is not JSON"));
    }
}
