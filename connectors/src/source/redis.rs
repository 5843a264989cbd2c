//! Redis Streams: one entry is one event. Each stream is a partition.
//!
//! An entry that has a field `event` (or the one that the configuration names) carries a structured event
//! there; otherwise `ce_…` fields are attributes and `data` is the data, as in Kafka's binary mode.
//!
//! Where a stream is read from is the ledger's checkpoint and nothing else: `XREAD` from there, so that what
//! is read always follows what is in the books. `XREADGROUP` would hand every other entry to another
//! instance, and a checkpoint could then step over entries that nobody wrote. The consumer group is the
//! courtesy: after the ledger's commit its position is set there, so that `XINFO GROUPS` shows the lag and
//! whoever trims the stream sees how far that is safe.

use super::{
    BatchLimit, Checkpoints, EventBatch, EventSource, Problem, RawEvent, SourceError, SourceState,
    kafka,
};
use crate::secret::{self, Exposed, Secret, SecretRef};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use formats::envelope::Envelope;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How the configuration names streams.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `redis://host:port/db`, without a password.
    pub url: String,
    /// The user, where the server knows users.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretRef>,
    /// The streams' keys.
    pub streams: Vec<String>,
    /// The consumer group that shows how far the ledger is.
    pub group: String,
    /// The field that carries the event.
    #[serde(default = "event_field")]
    pub field: String,
    /// Where the attributes of plain JSON stand; without it the field carries an event of `CloudEvents`.
    pub envelope: Option<Envelope>,
}

impl Config {
    /// Refuses a URL that holds a password.
    ///
    /// # Errors
    /// [`Exposed`], which does not show it.
    pub fn check(&self) -> Result<(), Exposed> {
        secret::refuse_in_url(&self.url, "`url`", "`password: { env: NAME }`")
    }
}

fn event_field() -> String {
    "event".to_owned()
}

/// Bits of a position that count entries within a millisecond.
const SEQUENCE_BITS: u32 = 20;

/// How long the server is waited for.
const ANSWER: Duration = Duration::from_secs(10);

/// Streams as a source of events.
pub struct RedisSource {
    config: Config,
    connection: MultiplexedConnection,
    limit: BatchLimit,
    wait: Duration,
    /// The next position wanted from each stream, once its checkpoint was read.
    wanted: BTreeMap<String, i64>,
    state: SourceState,
}

impl fmt::Debug for RedisSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSource")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

type Entry = (String, Vec<Vec<u8>>);
type Read = Option<Vec<(String, Vec<Entry>)>>;

impl RedisSource {
    /// Connects, and makes the consumer group where it is missing.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`] when the server cannot be reached or refuses.
    pub async fn open(
        config: &Config,
        password: Option<&Secret>,
        limit: BatchLimit,
        wait: Duration,
    ) -> Result<Self, SourceError> {
        let failed = |error| unavailable(config, error);
        let info = config.url.as_str().into_connection_info().map_err(failed)?;
        let mut settings = info.redis_settings().clone();
        if let Some(username) = &config.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = password {
            settings = settings.set_password(password.reveal());
        }
        let client = Client::open(info.set_redis_settings(settings)).map_err(failed)?;
        let timeouts = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER + wait));
        let connection = client
            .get_multiplexed_async_connection_with_config(&timeouts)
            .await
            .map_err(failed)?;
        let mut source = Self {
            config: config.clone(),
            connection,
            limit,
            wait,
            wanted: BTreeMap::new(),
            state: SourceState::default(),
        };
        source.make_groups().await?;
        Ok(source)
    }

    async fn make_groups(&mut self) -> Result<(), SourceError> {
        for stream in &self.config.streams {
            let made: Result<(), RedisError> = redis::cmd("XGROUP")
                .arg(&["CREATE", stream, &self.config.group, "0", "MKSTREAM"])
                .query_async(&mut self.connection)
                .await;
            match made {
                Err(error) if error.code() != Some("BUSYGROUP") => {
                    return Err(unavailable(&self.config, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Starts streams that have not been read yet at the ledger's checkpoint.
    async fn start(&mut self, checkpoints: &dyn Checkpoints) -> Result<(), SourceError> {
        for stream in self.config.streams.clone() {
            if self.wanted.contains_key(&stream) {
                continue;
            }
            let checkpoint = checkpoints.position(&stream).await?;
            self.refuse_a_gap(&stream, checkpoint).await?;
            self.wanted.insert(stream, checkpoint);
        }
        Ok(())
    }

    /// The last entry taken must still be there: once it is gone, nobody can tell whether others that
    /// were not taken went with it. `XTRIM … MINID` with the group's last id keeps it.
    async fn refuse_a_gap(&mut self, stream: &str, checkpoint: i64) -> Result<(), SourceError> {
        if checkpoint == 0 {
            return Ok(());
        }
        let last = id(checkpoint - 1);
        let found: Vec<Entry> = redis::cmd("XRANGE")
            .arg(&[stream, &last, &last])
            .query_async(&mut self.connection)
            .await
            .map_err(|error| unavailable(&self.config, error))?;
        if !found.is_empty() {
            return Ok(());
        }
        let what = format!(
            "entry {last}, the last one taken, is no longer in the stream, and entries after it may be gone too; bring the missing events as a file, and trim with MINID and the group's last id"
        );
        Err(SourceError::Broken {
            name: stream.to_owned(),
            what,
        })
    }

    async fn read(&mut self) -> Result<Read, SourceError> {
        let mut command = redis::cmd("XREAD");
        command
            .arg("COUNT")
            .arg(self.limit.events)
            .arg("BLOCK")
            .arg(u64::try_from(self.wait.as_millis()).unwrap_or(1))
            .arg("STREAMS");
        for stream in self.wanted.keys() {
            command.arg(stream);
        }
        for wanted in self.wanted.values() {
            // XREAD gives what comes after an id.
            command.arg(id((wanted - 1).max(0)));
        }
        command
            .query_async(&mut self.connection)
            .await
            .map_err(|error| unavailable(&self.config, error))
    }

    fn batch(&mut self, stream: &str, entries: Vec<Entry>) -> Result<EventBatch, SourceError> {
        let from = self.wanted.get(stream).copied().unwrap_or(0);
        let mut events = Vec::with_capacity(entries.len());
        let (mut through, mut bytes) = (from, 0);
        let mut oldest = None;
        for (entry, fields) in entries {
            let at = position(&entry).ok_or_else(|| SourceError::Broken {
                name: stream.to_owned(),
                what: format!(
                    "entry `{entry}` has a number that does not fit: more than a million in a millisecond"
                ),
            })?;
            if bytes >= self.limit.bytes {
                break;
            }
            oldest = oldest.or_else(|| DateTime::from_timestamp_millis(at >> SEQUENCE_BITS));
            let event = self.event(at, fields);
            bytes += event.payload.len();
            events.push(event);
            through = at + 1;
        }
        self.wanted.insert(stream.to_owned(), through);
        Ok(EventBatch {
            partition: stream.to_owned(),
            from,
            through,
            events,
            oldest,
        })
    }

    fn event(&self, position: i64, fields: Vec<Vec<u8>>) -> RawEvent {
        let mut headers = Vec::new();
        let (mut event, mut data) = (None, None);
        let mut fields = fields.into_iter();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            match String::from_utf8_lossy(&name).into_owned() {
                name if name == self.config.field => event = Some(value),
                name if name == "data" => data = Some(value),
                name => headers.push((name, value)),
            }
        }
        match (event, data) {
            (Some(event), _) => kafka::decode(position, &[], &event, self.config.envelope.as_ref()),
            (None, Some(data)) => kafka::decode(position, &headers, &data, None),
            (None, None) => {
                let problem = Problem {
                    reason: format!(
                        "the entry has neither a field `{}` nor `data`",
                        self.config.field
                    ),
                    headers: kafka::told(&headers),
                    whole: None,
                };
                RawEvent::unreadable(position, Bytes::new(), problem)
            }
        }
    }

    async fn measure(&mut self, stream: &str) {
        let groups: Result<Vec<BTreeMap<String, redis::Value>>, _> = redis::cmd("XINFO")
            .arg(&["GROUPS", stream])
            .query_async(&mut self.connection)
            .await;
        let Ok(groups) = groups else { return };
        for group in groups {
            let text = |name: &str| {
                let value = group.get(name)?;
                redis::from_redis_value_ref::<String>(value).ok()
            };
            if text("name").as_ref() == Some(&self.config.group)
                && let Some(lag) = text("lag").and_then(|lag| lag.parse().ok())
            {
                self.state.lag.insert(stream.to_owned(), lag);
            }
        }
    }
}

#[async_trait]
impl EventSource for RedisSource {
    async fn poll(
        &mut self,
        checkpoints: &dyn Checkpoints,
    ) -> Result<Vec<EventBatch>, SourceError> {
        self.start(checkpoints).await?;
        let Some(read) = self.read().await? else {
            return Ok(Vec::new());
        };
        read.into_iter()
            .filter(|(_, entries)| !entries.is_empty())
            .map(|(stream, entries)| self.batch(&stream, entries))
            .collect()
    }

    async fn release(&mut self, partition: &str, through: i64) -> Result<(), SourceError> {
        let _set: () = redis::cmd("XGROUP")
            .arg(&["SETID", partition, &self.config.group, &id(through - 1)])
            .query_async(&mut self.connection)
            .await
            .map_err(|error| unavailable(&self.config, error))?;
        self.measure(partition).await;
        Ok(())
    }

    async fn fenced(&mut self, partition: &str) -> Result<(), SourceError> {
        self.wanted.remove(partition);
        // Another instance reads this stream: let it get ahead rather than race it for every batch.
        tokio::time::sleep(self.wait).await;
        Ok(())
    }

    fn state(&self) -> SourceState {
        self.state.clone()
    }
}

/// An entry's id as a position: its milliseconds, then its number within them.
fn position(id: &str) -> Option<i64> {
    let (millis, sequence) = id.split_once('-')?;
    let (millis, sequence): (i64, i64) = (millis.parse().ok()?, sequence.parse().ok()?);
    let fits = (0..1 << SEQUENCE_BITS).contains(&sequence)
        && (0..1 << (63 - SEQUENCE_BITS)).contains(&millis);
    fits.then_some((millis << SEQUENCE_BITS) | sequence)
}

/// The id of a position.
fn id(position: i64) -> String {
    format!(
        "{}-{}",
        position >> SEQUENCE_BITS,
        position & ((1 << SEQUENCE_BITS) - 1)
    )
}

fn unavailable(config: &Config, error: RedisError) -> SourceError {
    SourceError::Unavailable {
        name: config.streams.join(", "),
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_positions_and_back_in_the_same_order() {
        let ids = [
            "0-1",
            "0-2",
            "1767225600123-0",
            "1767225600123-7",
            "1767225600124-0",
        ];
        let positions: Vec<i64> = ids.iter().map(|id| position(id).unwrap()).collect();
        assert!(positions.is_sorted());
        let back: Vec<String> = positions.into_iter().map(id).collect();
        assert_eq!(back, ids);
        assert_eq!(position("1-1048576"), None);
        assert_eq!(position("soon"), None);
    }
}
