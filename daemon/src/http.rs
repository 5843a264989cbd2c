//! The HTTP server: events in, health and metrics out.
//!
//! `POST /v1/events` takes `CloudEvents` in structured mode, one (`application/cloudevents+json`) or
//! many (`application/cloudevents-batch+json`), from whoever shows the token. The answer comes after
//! the commit and says what became of each; a body that is no JSON is answered and not stored. An
//! element that is no event is kept in quarantine. `POST /v1/events/NAME` takes a message of a source that the
//! configuration calls so, `application/json`, and its envelope makes an event of it: what webhooks send.
//! `PUT /v1/settlements/NAME` takes a settlement file (`settlements.rs`), for a token of its own.
//!
//! Strangers cost little: the token is looked at before a byte of a body, then the media type, then the
//! length; what is read is bounded per body and in sum (`body.rs`), connections are bounded in number and
//! in time (`listener.rs`). `/healthz` and `/readyz` are open; `/metrics` wants a token, or has a listener
//! of its own.

mod access;
mod body;
mod listener;
mod live;
mod settlements;

pub(crate) use access::Access;
pub(crate) use body::Bounds;
pub(crate) use listener::{Listener, certificates};
pub(crate) use live::{Live, Server};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post, put};
use connectors::source::{EventBatch, Problem, RawEvent};
use formats::envelope::Envelope;
use ledger::Class;
use office::class;
use office::config::SourceConfig;
use office::pipeline::{self, SourceName};
use serde_json::json;
use serde_json::value::RawValue;

/// The most events in one body.
const MAX_EVENTS: usize = 5_000;

/// How long the books may take to say that they are there.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(5);

const SOURCE: &str = "http";
const PARTITION: &str = "v1/events";

/// The routes that senders of events see.
pub(crate) fn router(server: Server) -> Router {
    let apart = server.live().access.metrics_apart;
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/v1/events", post(events))
        .route("/v1/events/{source}", post(messages))
        .route(
            "/v1/settlements/{name}",
            put(settlements::put).post(settlements::put),
        );
    if apart {
        router.with_state(server)
    } else {
        router.route("/metrics", get(metrics)).with_state(server)
    }
}

/// The routes of the metrics' own listener.
pub(crate) fn metrics_router(server: Server) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .with_state(server)
}

/// Whether this instance takes events, and what is wrong elsewhere. 503 says that load balancers should look
/// for another; one who watches and wants to hear of every trouble asks `/readyz?strict`.
async fn ready(State(server): State<Server>, request: Request) -> Response {
    let strict = request.uri().query() == Some("strict");
    let problems = server.health.problems();
    let (ready, state) = if server.health.is_stopping() {
        (false, "stopping")
    } else if !books_answer(&server).await {
        (false, "the books do not answer")
    } else if problems.is_empty() {
        (true, "ready")
    } else {
        (!strict, "degraded")
    };
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({ "state": state, "problems": problems })),
    )
        .into_response()
}

async fn books_answer(server: &Server) -> bool {
    let call = server.live().call.clone();
    match tokio::time::timeout(ANSWER, call.store.ping()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the books do not answer");
            false
        }
        Err(_elapsed) => {
            tracing::warn!("the books do not answer in time");
            false
        }
    }
}

async fn metrics(State(server): State<Server>, headers: HeaderMap) -> Response {
    match server.live().access.metrics(&headers) {
        Ok(()) => server.metrics.render().into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// Why a request is not done, for whoever sent it.
#[derive(Debug)]
pub(crate) struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.0, Json(json!({ "error": self.1 }))).into_response();
        let headers = response.headers_mut();
        if self.0 == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                header::HeaderValue::from_static("Bearer"),
            );
        }
        if self.0 == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

async fn events(State(server): State<Server>, request: Request) -> Response {
    answer(received(&server, None, request).await)
}

async fn messages(
    State(server): State<Server>,
    Path(source): Path<String>,
    request: Request,
) -> Response {
    answer(received(&server, Some(source), request).await)
}

fn answer(outcome: Result<store::intake::IntakeSummary, Refused>) -> Response {
    match outcome {
        Ok(summary) => (StatusCode::OK, Json(summary)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// Where a body comes from, and how it becomes events.
struct Way {
    name: String,
    partition: String,
    envelope: Option<Envelope>,
}

impl Way {
    fn of(server: &Server, source: Option<String>) -> Result<Self, Refused> {
        let Some(name) = source else {
            return Ok(Self {
                name: SOURCE.to_owned(),
                partition: PARTITION.to_owned(),
                envelope: None,
            });
        };
        let live = server.live();
        match live.call.config.sources.get(&name) {
            Some(SourceConfig::Http(config)) => Ok(Self {
                partition: format!("{PARTITION}/{name}"),
                envelope: config.envelope.clone(),
                name,
            }),
            _ => Err(Refused(
                StatusCode::NOT_FOUND,
                "the configuration has no source of kind `http` of this name".to_owned(),
            )),
        }
    }

    /// The event that a part of a body is, or why it is none.
    fn event(&self, position: i64, payload: &Bytes) -> RawEvent {
        let Some(envelope) = &self.envelope else {
            return RawEvent::new(position, payload.clone());
        };
        match envelope.wrap(payload) {
            Ok(wrapped) => RawEvent::wrapped(position, wrapped),
            Err(reason) => RawEvent::unreadable(position, payload.clone(), Problem::new(reason)),
        }
    }
}

async fn received(
    server: &Server,
    source: Option<String>,
    request: Request,
) -> Result<store::intake::IntakeSummary, Refused> {
    let (head, body) = request.into_parts();
    server.live().access.events(&head.headers)?;
    let way = Way::of(server, source)?;
    let form = Form::of(&head.headers, way.envelope.is_some())?;
    // Room for the body is held until the answer: what waits for the books is memory too.
    let _underway = server.health.begin("a request".to_owned());
    let held = server.bounds.read(body).await?;
    let payloads = form.payloads(&held.bytes)?;
    take(server, &way, payloads).await.map_err(|error| {
        tracing::error!(error = %format!("{error:#}"), "events could not be stored");
        let what = "the events could not be stored; send them again".to_owned();
        Refused(StatusCode::SERVICE_UNAVAILABLE, what)
    })
}

/// What a body is said to hold.
#[derive(Clone, Copy, Debug)]
enum Form {
    One,
    Many,
}

impl Form {
    fn of(headers: &HeaderMap, is_message: bool) -> Result<Self, Refused> {
        let text = |name| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_ascii_lowercase()
        };
        let refused = |what| Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, what);
        let encoding = text(header::CONTENT_ENCODING);
        if !matches!(encoding.trim(), "" | "identity") {
            return Err(refused(format!(
                "a body encoded as `{encoding}` is not taken; send it as it is"
            )));
        }
        let kind = text(header::CONTENT_TYPE);
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" if is_message => Ok(Self::One),
            other if is_message => Err(refused(format!(
                "`{other}` is not taken here; send application/json"
            ))),
            "application/cloudevents+json" => Ok(Self::One),
            "application/cloudevents-batch+json" => Ok(Self::Many),
            other => Err(refused(format!(
                "`{other}` is not taken; send application/cloudevents+json or application/cloudevents-batch+json"
            ))),
        }
    }

    /// The events of a body, each as its own part of the bytes.
    fn payloads(self, body: &Bytes) -> Result<Vec<Bytes>, Refused> {
        let bad = |error: serde_json::Error| {
            Refused(
                StatusCode::BAD_REQUEST,
                format!("the body is no JSON: {error}"),
            )
        };
        let part = |event: &RawValue| body.slice_ref(event.get().as_bytes());
        match self {
            Self::One => Ok(vec![part(serde_json::from_slice(body).map_err(bad)?)]),
            Self::Many => {
                let events: Vec<&RawValue> = serde_json::from_slice(body).map_err(bad)?;
                if events.len() > MAX_EVENTS {
                    let what = format!(
                        "{} events are more than the {MAX_EVENTS} that one body may have",
                        events.len()
                    );
                    return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, what));
                }
                Ok(events.into_iter().map(part).collect())
            }
        }
    }
}

/// Another instance may take a body at the same moment; then this one begins after it.
const TURNS: usize = 10;

async fn take(
    server: &Server,
    way: &Way,
    payloads: Vec<Bytes>,
) -> anyhow::Result<store::intake::IntakeSummary> {
    let writer = server.writer.lock().await;
    // Read under the writer: after a reload nothing is posted by the mapping that was in force before.
    let live = server.live();
    let call = &live.call;
    let name = SourceName {
        name: way.name.clone(),
        kind: "http",
    };
    let mut turn = 0;
    loop {
        turn += 1;
        let from = call.store.checkpoint(&way.name, &way.partition).await?;
        let events: Vec<RawEvent> = (from..)
            .zip(&payloads)
            .map(|(position, payload)| way.event(position, payload))
            .collect();
        let batch = EventBatch {
            partition: way.partition.clone(),
            from,
            through: from + i64::try_from(events.len())?,
            events,
            oldest: None,
        };
        match pipeline::take_one(call, &name, batch, &writer).await {
            Err(error) if turn < TURNS && class(&error) == Class::Refuse => {}
            Ok(summary) => {
                if summary.asking > 0 {
                    server.asks.notify_one();
                }
                return Ok(summary);
            }
            Err(error) => return Err(error),
        }
    }
}
