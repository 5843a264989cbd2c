//! Kafka: CloudEvents in structured and binary content mode, by the protocol binding 1.0.2, or plain
//! JSON with an envelope.
//!
//! A consumer group shares out the partitions, cooperatively; where each starts is the ledger's
//! checkpoint, not the broker's. A partition that is assigned is moved there before any of its messages
//! counts; where the broker no longer holds what the checkpoint points at, the source stops and says so.
//! From then on a message behind the checkpoint was taken before and is skipped, and a hole between
//! offsets is the broker's own (a transaction's marker, a compacted message). The broker's offset commit is
//! a courtesy after the ledger's.

use super::encoding;
use super::{
    BatchLimit, Checkpoints, EventBatch, EventSource, Problem, RawEvent, SourceError, SourceState,
};
use crate::secret::{self, Exposed, Secret, SecretRef};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use formats::envelope::Envelope;
use futures_util::{FutureExt, StreamExt};
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer,
};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, ClientContext, Offset, Statistics, TopicPartitionList};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

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
    /// Where the attributes of plain JSON messages stand; without it messages are CloudEvents.
    pub envelope: Option<Envelope>,
    /// Options handed on to librdkafka as they are: `security.protocol`, `sasl.username`,
    /// `ssl.ca.location`, ….
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Options that are secrets, by the same names: `ssl.key.password: { env: NAME }`.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretRef>,
}

impl Config {
    /// Refuses a secret among what is written.
    ///
    /// # Errors
    /// [`Exposed`], which shows the option's name and not its value.
    pub fn check(&self) -> Result<(), Exposed> {
        let named = "`password: { env: NAME }` for `sasl.password`, `secrets: { OPTION: { env: NAME } }` for others";
        for (name, value) in &self.options {
            let place = format!("the option `{name}`");
            if secret::is_secret_name(name) {
                let instead = named.to_owned();
                return Err(Exposed { place, instead });
            }
            if value.contains("://") {
                secret::refuse_in_url(value, &place, named)?;
            }
        }
        secret::refuse_in_url(&self.brokers, "`brokers`", named)
    }

    /// The same, with files of secrets taken from a folder.
    #[must_use]
    pub fn below(&self, base: &Path) -> Self {
        let mut own = self.clone();
        own.password = own.password.map(|place| place.below(base));
        for place in own.secrets.values_mut() {
            *place = place.below(base);
        }
        own
    }
}

/// Options that are this source's own: another value would break its promise.
const OWN: [&str; 5] = [
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
];

/// How long a poll waits for a first message, and how long it then gathers when they trickle.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the first message of a batch.
    pub first: Duration,
    /// From the first message to the end of a batch that is not full.
    pub linger: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            linger: Duration::from_millis(20),
        }
    }
}

/// What librdkafka tells from its own threads.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<SourceState>>);

impl Told {
    fn change(&self, change: impl FnOnce(&mut SourceState)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ClientContext for Told {
    fn stats(&self, statistics: Statistics) {
        self.change(|state| {
            state.lag.clear();
            for (topic, found) in &statistics.topics {
                for (number, partition) in &found.partitions {
                    if *number >= 0 && partition.consumer_lag >= 0 {
                        let name = format!("{topic}/{number}");
                        state.lag.insert(name, partition.consumer_lag);
                    }
                }
            }
        });
    }
}

impl ConsumerContext for Told {
    fn post_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = partitions.count(), "partitions were assigned");
            }
            Rebalance::Revoke(partitions) => {
                tracing::info!(
                    partitions = partitions.count(),
                    "partitions were taken away"
                );
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalancing failed"),
        }
        self.change(|state| state.rebalances += 1);
    }
}

/// A topic as a source of events.
pub struct KafkaSource {
    topic: String,
    consumer: StreamConsumer<Told>,
    told: Told,
    limit: BatchLimit,
    patience: Patience,
    envelope: Option<Envelope>,
    /// The next offset wanted from each assigned partition, once the source was moved there.
    wanted: BTreeMap<i32, i64>,
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSource")
            .field("topic", &self.topic)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

/// A message as it came.
struct Received {
    partition: i32,
    event: RawEvent,
    at: Option<DateTime<Utc>>,
}

impl KafkaSource {
    /// Joins the consumer group. The password, where there is one, comes from `config.password`.
    ///
    /// # Errors
    /// [`SourceError::Broken`] when an option is one that the source sets itself;
    /// [`SourceError::Unavailable`] when librdkafka refuses the options.
    pub fn open(
        config: &Config,
        password: Option<&Secret>,
        limit: BatchLimit,
        patience: Patience,
    ) -> Result<Self, SourceError> {
        let client = client_config(config, password)?;
        let unavailable = |error| unavailable(&config.topic, error);
        let told = Told::default();
        let consumer: StreamConsumer<Told> = client
            .create_with_context(told.clone())
            .map_err(unavailable)?;
        consumer
            .subscribe(&[config.topic.as_str()])
            .map_err(unavailable)?;
        Ok(Self {
            topic: config.topic.clone(),
            consumer,
            told,
            limit,
            patience,
            envelope: config.envelope.clone(),
            wanted: BTreeMap::new(),
        })
    }

    fn partition_name(&self, partition: i32) -> String {
        format!("{}/{partition}", self.topic)
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

    /// Waits for a first message, then takes what is there.
    async fn receive(&self) -> Result<Vec<Received>, SourceError> {
        let failed = |error| unavailable(&self.topic, error);
        let mut stream = self.consumer.stream();
        let mut received = Vec::new();
        let mut bytes = 0;
        let mut wait_until = Instant::now() + self.patience.first;
        while received.len() < self.limit.events && bytes < self.limit.bytes {
            let ready = stream.next().now_or_never();
            let next = match ready {
                Some(next) => next,
                None => match tokio::time::timeout_at(wait_until, stream.next()).await {
                    Ok(next) => next,
                    Err(_elapsed) => break,
                },
            };
            let Some(message) = next else { break };
            let message = message.map_err(failed)?;
            if received.is_empty() {
                wait_until = Instant::now() + self.patience.linger;
            }
            let event = raw_event(&message, self.envelope.as_ref());
            bytes += event.payload.len();
            received.push(Received {
                partition: message.partition(),
                event,
                at: message
                    .timestamp()
                    .to_millis()
                    .and_then(DateTime::from_timestamp_millis),
            });
        }
        Ok(received)
    }

    fn gather(&mut self, batches: &mut BTreeMap<i32, EventBatch>, received: Received) {
        let Received {
            partition,
            event,
            at,
        } = received;
        let Some(from) = self.wanted.get(&partition).copied() else {
            // Just assigned: what came before the move to the checkpoint will come again.
            return;
        };
        if event.position < from {
            return;
        }
        let through = event.position + 1;
        self.wanted.insert(partition, through);
        let name = self.partition_name(partition);
        let batch = batches.entry(partition).or_insert_with(|| EventBatch {
            partition: name,
            from,
            through,
            events: Vec::new(),
            oldest: at,
        });
        batch.through = through;
        batch.oldest = batch.oldest.min(at).or(at);
        batch.events.push(event);
    }
}

fn client_config(config: &Config, password: Option<&Secret>) -> Result<ClientConfig, SourceError> {
    let mut client = ClientConfig::new();
    client
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("statistics.interval.ms", "5000")
        // A broker that does not answer as soon as there is something is asked again soon.
        .set("fetch.wait.max.ms", "100")
        // What waits in the client is memory: two batches are enough, where the next are asked for as soon
        // as there is room (librdkafka rests for a second otherwise).
        .set("queued.min.messages", "20000")
        .set("queued.max.messages.kbytes", "32768")
        .set("fetch.queue.backoff.ms", "20");
    for (name, value) in &config.options {
        if OWN.contains(&name.as_str()) {
            return Err(SourceError::Broken {
                name: config.topic.clone(),
                what: format!("the option `{name}` is set by the source itself; take it out"),
            });
        }
        client.set(name, value);
    }
    client
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", &config.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest");
    for (name, place) in &config.secrets {
        let secret = place.read().map_err(|error| SourceError::Broken {
            name: config.topic.clone(),
            what: error.to_string(),
        })?;
        client.set(name, secret.reveal());
    }
    if let Some(password) = password {
        client.set("sasl.password", password.reveal());
    }
    Ok(client)
}

#[async_trait]
impl EventSource for KafkaSource {
    async fn poll(
        &mut self,
        checkpoints: &dyn Checkpoints,
    ) -> Result<Vec<EventBatch>, SourceError> {
        self.follow_assignment(checkpoints).await?;
        let mut batches = BTreeMap::new();
        for received in self.receive().await? {
            self.gather(&mut batches, received);
        }
        Ok(batches.into_values().collect())
    }

    async fn release(&mut self, partition: &str, through: i64) -> Result<(), SourceError> {
        let Some(number) = number_of(partition) else {
            return Ok(());
        };
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset(&self.topic, number, Offset::Offset(through))
            .and_then(|()| self.consumer.commit(&offsets, CommitMode::Async))
            .map_err(|error| unavailable(&self.topic, error))
    }

    async fn fenced(&mut self, partition: &str) -> Result<(), SourceError> {
        if let Some(number) = number_of(partition) {
            self.wanted.remove(&number);
        }
        Ok(())
    }

    fn state(&self) -> SourceState {
        let told = self.told.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone()
    }
}

fn number_of(partition: &str) -> Option<i32> {
    partition.rsplit('/').next()?.parse().ok()
}

fn unavailable(topic: &str, error: rdkafka::error::KafkaError) -> SourceError {
    SourceError::Unavailable {
        name: topic.to_owned(),
        source: Box::new(error),
    }
}

fn raw_event(message: &BorrowedMessage<'_>, envelope: Option<&Envelope>) -> RawEvent {
    let headers: Vec<(String, Vec<u8>)> = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|header| {
                (
                    header.key.to_owned(),
                    header.value.map(<[u8]>::to_vec).unwrap_or_default(),
                )
            })
            .collect()
    });
    let value = message.payload().unwrap_or_default();
    decode(message.offset(), &headers, value, envelope)
}

/// Turns a message into the structured form; a structured one is passed on as it is, in UTF-8.
pub fn decode(
    position: i64,
    headers: &[(String, Vec<u8>)],
    value: &[u8],
    envelope: Option<&Envelope>,
) -> RawEvent {
    let sent = value;
    let value = encoding::utf8(sent);
    let value = value.as_ref();
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
    let made = match envelope {
        Some(envelope) if !structured && !binary => envelope
            .wrap(value)
            .map(|wrapped| RawEvent::wrapped(position, wrapped)),
        _ if binary && !structured => {
            assemble(headers, &content_type, value).map(|payload| RawEvent::new(position, payload))
        }
        _ => Ok(RawEvent::new(position, value.to_vec())),
    };
    made.unwrap_or_else(|reason| {
        let problem = Problem {
            reason,
            headers: told(headers),
            whole: None,
        };
        RawEvent::unreadable(position, sent.to_vec(), problem)
    })
}

/// Headers as a JSON object of texts.
pub(super) fn told(headers: &[(String, Vec<u8>)]) -> Option<String> {
    let map: Map<String, Value> = headers
        .iter()
        .map(|(key, value)| {
            let text = String::from_utf8_lossy(value).into_owned();
            (key.clone(), Value::String(text))
        })
        .collect();
    (!map.is_empty()).then(|| Value::Object(map).to_string())
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
        let earlier = event.insert(name.to_owned(), Value::String(text.to_owned()));
        if earlier.is_some() {
            return Err(format!("the header `{key}` is there twice"));
        }
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
            decode(7, &structured, b"{\"id\":\"1\"}", None).payload,
            b"{\"id\":\"1\"}"[..]
        );
        let binary = headers(&[
            ("content-type", "application/json"),
            ("ce_id", "1"),
            ("ce_source", "s"),
            ("ce_specversion", "1.0"),
            ("ce_type", "t"),
        ]);
        let event: Value =
            serde_json::from_slice(&decode(7, &binary, b"{\"a\":1.10}", None).payload).unwrap();
        assert_eq!(event["data"]["a"].to_string(), "1.10");
        assert_eq!(event["source"], "s");
        assert_eq!(event["datacontenttype"], "application/json");
    }

    #[test]
    fn an_attribute_that_is_there_twice_is_refused() {
        let binary = headers(&[("ce_id", "1"), ("CE_ID", "2")]);
        let problem = decode(7, &binary, b"{}", None).problem.unwrap();
        assert_eq!(problem.reason, "the header `ce_id` is there twice");
        assert_eq!(
            problem.headers.as_deref(),
            Some(r#"{"CE_ID":"2","ce_id":"1"}"#)
        );
    }

    #[test]
    fn a_message_in_another_encoding_with_its_mark_is_read() {
        let text = "{\"id\":\"é\"}";
        let little = text.encode_utf16().flat_map(u16::to_le_bytes);
        let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(little).collect();
        assert_eq!(decode(7, &[], &little, None).payload, text.as_bytes());
        let marked = format!("\u{feff}{text}");
        assert_eq!(
            decode(7, &[], marked.as_bytes(), None).payload,
            text.as_bytes()
        );
    }

    #[test]
    fn what_cannot_be_read_is_kept_with_the_reason() {
        let binary = headers(&[("ce_id", "1")]);
        let event = decode(7, &binary, b"\xff\xfd", None);
        assert_eq!(event.payload, b"\xff\xfd"[..]);
        let problem = event.problem.unwrap();
        assert!(problem.reason.starts_with("the value is not JSON"));
        assert_eq!(problem.headers.as_deref(), Some(r#"{"ce_id":"1"}"#));
    }
}
