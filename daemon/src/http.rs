//! The HTTP server: events in, health and metrics out.
//!
//! `POST /v1/events` takes CloudEvents in structured mode, one (`application/cloudevents+json`) or
//! many (`application/cloudevents-batch+json`), from whoever shows the token. The answer comes after
//! the commit and says what became of each; a body that is no JSON is answered and not stored. An
//! element that is no event is kept in quarantine.

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use connectors::secret::Secret;
use connectors::source::{EventBatch, RawEvent};
use ledger::Class;
use metrics_exporter_prometheus::PrometheusHandle;
use office::pipeline::{self, SourceName};
use office::{Call, class};
use serde_json::json;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::writer::Writer;
use tokio::sync::Mutex;

/// The largest body: 8 MiB.
const MAX_BODY: usize = 8 << 20;

/// The most events in one body.
const MAX_EVENTS: usize = 5_000;

const SOURCE: &str = "http";
const PARTITION: &str = "v1/events";

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) call: Call,
    pub(crate) token: Option<Secret>,
    pub(crate) metrics: PrometheusHandle,
    /// False once the daemon stops: load balancers look elsewhere.
    pub(crate) ready: Arc<AtomicBool>,
    /// One body at a time moves the checkpoint of this source.
    pub(crate) writer: Arc<Mutex<Writer>>,
}

/// The routes.
pub(crate) fn router(server: Server) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/events", post(events))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(server)
}

async fn ready(State(server): State<Server>) -> Response {
    if !server.ready.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match server.call.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "the books do not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the books do not answer\n").into_response()
        }
    }
}

async fn metrics(State(server): State<Server>) -> String {
    server.metrics.render()
}

async fn events(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = authorised(&server, &headers) {
        return refused;
    }
    let payloads = match payloads(&headers, &body) {
        Ok(payloads) => payloads,
        Err((status, what)) => return (status, Json(json!({ "error": what }))).into_response(),
    };
    match take(&server, payloads).await {
        Ok(summary) => (StatusCode::OK, Json(summary)).into_response(),
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "events could not be stored");
            let what = json!({ "error": "the events could not be stored; send them again" });
            (StatusCode::SERVICE_UNAVAILABLE, Json(what)).into_response()
        }
    }
}

fn authorised(server: &Server, headers: &HeaderMap) -> Result<(), Response> {
    let refused = |status, what: &str| (status, Json(json!({ "error": what }))).into_response();
    let Some(token) = &server.token else {
        return Err(refused(
            StatusCode::FORBIDDEN,
            "no token is configured under `http`, so no events are taken",
        ));
    };
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if shown.is_some_and(|shown| token.matches(shown)) {
        return Ok(());
    }
    Err(refused(
        StatusCode::UNAUTHORIZED,
        "the bearer token is missing or wrong",
    ))
}

type Refused = (StatusCode, String);

/// The events of a body, each as its own bytes.
fn payloads(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let bad = |error: serde_json::Error| {
        (
            StatusCode::BAD_REQUEST,
            format!("the body is no JSON: {error}"),
        )
    };
    match kind.as_str() {
        "application/cloudevents+json" => {
            let event: &RawValue = serde_json::from_slice(body).map_err(bad)?;
            Ok(vec![event.get().as_bytes().to_vec()])
        }
        "application/cloudevents-batch+json" => {
            let events: Vec<&RawValue> = serde_json::from_slice(body).map_err(bad)?;
            if events.len() > MAX_EVENTS {
                let what = format!(
                    "{} events are more than the {MAX_EVENTS} that one body may have",
                    events.len()
                );
                return Err((StatusCode::PAYLOAD_TOO_LARGE, what));
            }
            Ok(events
                .into_iter()
                .map(|event| event.get().as_bytes().to_vec())
                .collect())
        }
        other => Err((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "`{other}` is not taken; send application/cloudevents+json or application/cloudevents-batch+json"
            ),
        )),
    }
}

/// Another instance may take a body at the same moment; then this one begins after it.
const TURNS: usize = 10;

async fn take(
    server: &Server,
    payloads: Vec<Vec<u8>>,
) -> anyhow::Result<store::intake::IntakeSummary> {
    let writer = server.writer.lock().await;
    let call = &server.call;
    let name = SourceName {
        name: SOURCE.to_owned(),
        kind: "http",
    };
    let mut turn = 0;
    loop {
        turn += 1;
        let from = call.store.checkpoint(SOURCE, PARTITION).await?;
        let events: Vec<RawEvent> = (from..)
            .zip(&payloads)
            .map(|(position, payload)| RawEvent::new(position, payload.clone()))
            .collect();
        let batch = EventBatch {
            partition: PARTITION.to_owned(),
            from,
            through: from + i64::try_from(events.len())?,
            events,
            oldest: None,
        };
        match pipeline::take_one(call, &name, batch, &writer).await {
            Err(error) if turn < TURNS && class(&error) == Class::Refuse => {}
            other => return other,
        }
    }
}

/// Serves until `stop` says so.
pub(crate) async fn serve(
    server: Server,
    listen: std::net::SocketAddr,
    mut stop: tokio::sync::watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("http: `{listen}` cannot be listened on"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, router(server))
        .with_graceful_shutdown(async move {
            // An error means that the daemon is gone, which is a stop too.
            let _gone = stop.wait_for(|stop| *stop).await;
        })
        .await?;
    Ok(())
}
