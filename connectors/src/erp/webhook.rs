//! A webhook of your own: each batch as one signed JSON message, for a ledger in the house.
//!
//! Signed as Standard Webhooks says: `webhook-id` (the batch's UUID, the same for each attempt, so that a receiver can leave out
//! what it has), `webhook-timestamp` (seconds), and `webhook-signature` (`v1,` and the Base64 of HMAC-SHA256 over
//! `id.timestamp.body`). Source: the Standard Webhooks specification, 1.0.0.
//!
//! The body is `{ "type", "timestamp", "data": { "batch", "number", "target", "entries": [...] } }`; amounts are decimal texts in
//! major units, unsigned, with a `side`. A receiver answers 2xx when it has booked all of it. What it says in JSON may be
//! `{ "acknowledged": TEXT }`, which is kept, or `{ "error": TEXT }`, which is a refusal though the status is 2xx. A 4xx is a
//! refusal of all of it, but for those that say who asks or when; of a 5xx or a lost answer nobody knows, and the same message is
//! sent again. A receiver that has the message already answers as it did the first time; one that does not look is
//! `deduplicates: false`, and a message of which nobody knows waits until a person says whether it arrived.

use super::{Delivery, ErpApi, ErpConnector, ErpKind, Host, OpenError};
use crate::http::{AddressError, Answer, Peer};
use crate::secret::{Secret, SecretRef};
use crate::transport::TransportError;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formats::erp::{Artifact, ExportBatch, ExportEntry, RenderError};
use ledger::{Clock, Line, Side};
use reqwest::Method;
use ring::hmac;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};
use std::sync::Arc;

/// This kind's registration.
pub const KIND: ErpKind =
    ErpKind::api::<Webhook>("webhook", "Signed JSON to an address of your own", EXAMPLE);

const EXAMPLE: &str = "\
url: https://ledger.example/journals
# What the messages are signed with, as Standard Webhooks writes it: whsec_ and Base64.
secret: { env: TIEOUT_WEBHOOK_SECRET }
# Whether the receiver leaves out a message that it has. Where it does not, a lost answer waits for a person.
deduplicates: true
";

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where messages go.
    pub url: String,
    /// What they are signed with.
    pub secret: SecretRef,
    /// Whether the receiver leaves out a message whose id it has.
    #[serde(default = "yes")]
    pub deduplicates: bool,
}

const fn yes() -> bool {
    true
}

/// The connector.
#[derive(Debug)]
pub struct Webhook {
    peer: Peer,
    key: hmac::Key,
    deduplicates: bool,
    clock: Arc<dyn Clock>,
}

impl ErpApi for Webhook {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            peer: Peer::new(&config.url)?,
            key: key(&config.secret.below(&host.base).read()?)?,
            deduplicates: config.deduplicates,
            clock: Arc::clone(&host.clock),
        })
    }
}

fn key(secret: &Secret) -> Result<hmac::Key, AddressError> {
    let text = secret.reveal();
    let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text));
    // What it is must not be shown, nor where it is wrong.
    let bytes = bytes.ok().filter(|bytes| bytes.len() >= 16);
    let bytes = bytes.ok_or_else(|| {
        AddressError::Unreadable(
            "`secret` has to be `whsec_` and the Base64 of 16 bytes or more".to_owned(),
        )
    })?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[async_trait]
impl ErpConnector for Webhook {
    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("json")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        write(batch, &mut out).map_err(RenderError::write)
    }

    async fn deliver(
        &self,
        artifact: &Artifact,
        manifest: &str,
    ) -> Result<Delivery, TransportError> {
        let manifest: Value =
            serde_json::from_str(manifest).map_err(|error| self.peer.broken(error))?;
        let id = manifest["batch"].as_str().unwrap_or(&artifact.name);
        let sent_at = self.clock.now().timestamp().to_string();
        let mut signing = hmac::Context::with_key(&self.key);
        for part in [id.as_bytes(), b".", sent_at.as_bytes(), b"."] {
            signing.update(part);
        }
        signing.update(&artifact.bytes);
        let signature = format!("v1,{}", STANDARD.encode(signing.sign()));
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", sent_at),
            ("webhook-signature", signature),
        ];
        let answer = if self.deduplicates {
            self.peer.post("", &headers, &artifact.bytes).await?
        } else {
            let headers = self.peer.headers(&headers)?;
            self.peer
                .call(&Method::POST, "", headers, &artifact.bytes)
                .await?
        };
        self.understood(&answer)
    }

    fn may_repeat(&self) -> bool {
        self.deduplicates
    }

    /// The address is not called: each call would be a message.
    async fn check(&self) -> Result<(), TransportError> {
        Ok(())
    }
}

impl Webhook {
    fn understood(&self, answer: &Answer) -> Result<Delivery, TransportError> {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = match &said["error"] {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            error @ (Value::Object(_) | Value::Array(_)) => Some(error.to_string()),
            _ => None,
        };
        let words = || {
            format!(
                "{} answers {}: {}",
                self.peer.name(),
                answer.status,
                answer.words()
            )
        };
        match answer.status {
            200..=299 if error.is_some() => Ok(Delivery::Rejected {
                reason: error.unwrap_or_default(),
            }),
            200..=299 => {
                let receipt = said["acknowledged"].as_str().unwrap_or("accepted");
                Ok(Delivery::Accepted(receipt.chars().take(200).collect()))
            }
            // Nothing was looked at yet: who it is, or how busy the receiver is, lies in the way.
            401 | 403 | 404 | 408 | 421 | 425 | 429 => Ok(Delivery::Blocked { reason: words() }),
            300..=399 => Ok(Delivery::Blocked {
                reason: format!(
                    "{} sends to another address, which is not followed; name that one in `url`",
                    self.peer.name()
                ),
            }),
            400..=499 => Ok(Delivery::Rejected {
                reason: error.unwrap_or_else(words),
            }),
            _ => Err(self.peer.broken(words())),
        }
    }
}

fn write(batch: &ExportBatch, out: &mut impl Write) -> std::io::Result<()> {
    write!(
        out,
        "{{\"type\":\"tieout.journal.batch.v1\",\"timestamp\":{},\"data\":{{\"batch\":{},\"number\":{},\"target\":{},\"entries\":[",
        json!(batch.created_at),
        json!(batch.id),
        batch.number,
        json!(batch.target)
    )?;
    for (place, item) in batch.entries.iter().enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, &entry(batch, item))?;
    }
    out.write_all(b"]}}\n")?;
    out.flush()
}

fn entry(batch: &ExportBatch, item: &ExportEntry) -> Value {
    let header = item.entry.header();
    let lines = item.entry.lines().iter();
    json!({
        "entry": item.id,
        "document": item.document,
        "entity": header.entity,
        "period": item.period,
        "date": header.date,
        "kind": header.kind.name(),
        "reference": header.reference,
        "description": header.description,
        "rate": header.rate.map(|rate| rate.to_string()),
        "lines": lines.map(|line| line_of(batch, item, line)).collect::<Vec<_>>(),
    })
}

fn line_of(batch: &ExportBatch, item: &ExportEntry, line: &Line) -> Value {
    let called = batch.called(&line.account, item.entry.header().date);
    json!({
        "account": called.account,
        "code": called.code,
        "side": match line.side { Side::Debit => "debit", Side::Credit => "credit" },
        "amount": line.amount.to_decimal().to_string(),
        "currency": line.amount.currency().code(),
        "functional_amount": line.functional.to_decimal().to_string(),
        "functional_currency": line.functional.currency().code(),
        "dimensions": line.dimensions,
    })
}
