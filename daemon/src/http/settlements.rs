//! `PUT /v1/settlements/NAME`: a settlement file, from whoever shows the token for that.
//!
//! Nothing of it stands in memory: it goes to a place of its own beside the books as it comes, bounded in bytes and
//! time, and so many at once. It is read when all of it is there, and the answer comes after the commit. A sender
//! that goes away before then loses nothing but the answer: the same file again is `repeated`.

use super::Refused;
use super::live::Server;
use anyhow::Context as _;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use futures_util::StreamExt as _;
use office::Call;
use office::config::settlement::UploadConfig;
use office::jobs::settle;
use office::jobs::settle::spool::Spooled;
use office::metric;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

/// As many parts of a body wait to be written.
const PARTS: usize = 4;

/// How many files come at once; a reload may say another number, and then that many more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    of: Arc<Mutex<BTreeMap<usize, Arc<Semaphore>>>>,
}

impl Turns {
    fn take(&self, at_once: usize) -> Result<OwnedSemaphorePermit, Refused> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = of
            .entry(at_once)
            .or_insert_with(|| Arc::new(Semaphore::new(at_once)));
        Arc::clone(turns).try_acquire_owned().map_err(|_full| {
            metric::http_refused("settlement files at once");
            let what = "as many files come already as are taken at once; send it again in a moment";
            Refused(StatusCode::SERVICE_UNAVAILABLE, what.to_owned())
        })
    }
}

/// What a sender is told.
#[derive(Serialize)]
struct Answer<'s> {
    /// `taken`, `repeated` or `refused`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    told: settle::Told<'s>,
}

pub(super) async fn put(
    State(server): State<Server>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    match received(&server, &name, request).await {
        Ok(summary) => answer(&summary),
        Err(refused) => refused.into_response(),
    }
}

fn answer(summary: &settle::Summary) -> Response {
    let (status, outcome) = if !summary.refused.is_empty() {
        (StatusCode::UNPROCESSABLE_ENTITY, "refused")
    } else if summary.counts.files > 0 {
        (StatusCode::OK, "taken")
    } else {
        (StatusCode::OK, "repeated")
    };
    let error = (!summary.refused.is_empty()).then(|| summary.refused.join("; "));
    let told = summary.as_told();
    let answer = Answer {
        outcome,
        error,
        told,
    };
    (status, Json(answer)).into_response()
}

async fn received(
    server: &Server,
    name: &str,
    request: Request,
) -> Result<settle::Summary, Refused> {
    let (head, body) = request.into_parts();
    let live = server.live();
    live.access.settlements(&head.headers)?;
    let call = Call::new(live.call.company.clone(), live.call.actor.clone());
    let config = call.config.settlement.as_ref();
    let Some(config) = config.and_then(|found| found.http.clone()) else {
        let none = "no settlement files are taken by HTTP: name `settlement: { http: … }`";
        return Err(Refused(StatusCode::FORBIDDEN, none.to_owned()));
    };
    let _turn = server.turns.take(config.at_once)?;
    let rest = call.config.http.as_ref().map(|http| http.limits.idle());
    let bounds = Bounds {
        rest: rest.unwrap_or(config.time()),
        upload: config,
    };
    bounds.check(&head.headers, &body)?;
    let _underway = server.health.begin("a settlement file".to_owned());
    let spooled = spooled(&call, name).await?;
    bounds.gather(body, &spooled).await?;
    // Who sent it may go away while it is read; what was begun is ended all the same.
    let taking = tokio::spawn(async move { settle::take_sent(&call, &spooled).await });
    let taken = taking.await.context("the reading broke off");
    taken.and_then(|taken| taken).map_err(|error| {
        tracing::error!(error = %format!("{error:#}"), "a settlement file could not be stored");
        let what = "the file could not be stored; send it again".to_owned();
        Refused(StatusCode::SERVICE_UNAVAILABLE, what)
    })
}

async fn spooled(call: &Call, name: &str) -> Result<Spooled, Refused> {
    let refused = |what: String| Refused(StatusCode::UNPROCESSABLE_ENTITY, what);
    if let Some(problem) = connectors::regular::name_problem(name) {
        return Err(refused(problem.to_owned()));
    }
    if name.starts_with('.') {
        let what = "its name begins with a dot, as names do of files that are not finished";
        return Err(refused(what.to_owned()));
    }
    let (call, name) = (call.clone(), name.to_owned());
    let made = tokio::task::spawn_blocking(move || Spooled::new(&call, &name)).await;
    made.context("the work was given up")
        .and_then(|made| made)
        .map_err(|error| no_place(&error))
}

fn no_place(error: &anyhow::Error) -> Refused {
    tracing::error!(error = %format!("{error:#}"), "a settlement file finds no place");
    let what = "there is no place for the file; its operator was told, send it again later";
    Refused(StatusCode::INSUFFICIENT_STORAGE, what.to_owned())
}

/// How much one file may take.
struct Bounds {
    upload: UploadConfig,
    /// The longest between two parts.
    rest: Duration,
}

impl Bounds {
    fn check(&self, headers: &HeaderMap, body: &Body) -> Result<(), Refused> {
        let encoding = headers.get(header::CONTENT_ENCODING);
        let encoding = encoding.map_or(Ok(""), |value| value.to_str());
        if !encoding.is_ok_and(|found| ["", "identity"].contains(&found.trim())) {
            let what = "an encoded body is not taken; send the file as it is, packed or not";
            return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, what.to_owned()));
        }
        match body.size_hint().exact() {
            Some(said) if said > self.upload.most_bytes => Err(self.too_large()),
            _ => Ok(()),
        }
    }

    fn too_large(&self) -> Refused {
        let what = format!(
            "the file is larger than {} bytes; pack it, or have `most_bytes` raised",
            self.upload.most_bytes
        );
        Refused(StatusCode::PAYLOAD_TOO_LARGE, what)
    }

    /// Writes a body to its place as it comes.
    async fn gather(&self, body: Body, spooled: &Spooled) -> Result<(), Refused> {
        let file = spooled.create();
        let file = file.map_err(|error| no_place(&error.into()))?;
        let (to, parts) = mpsc::channel(PARTS);
        let writing = tokio::task::spawn_blocking(move || write(file, parts));
        let sent = match timeout(self.upload.time(), self.pass_on(body, to)).await {
            Ok(sent) => sent,
            Err(_elapsed) => Err(late("the file took too long to come")),
        };
        let written = writing.await.map_err(io::Error::other).flatten();
        sent?;
        written.map_err(|error| no_place(&error.into()))
    }

    /// One who no longer writes says so at the end.
    async fn pass_on(&self, body: Body, to: mpsc::Sender<Bytes>) -> Result<(), Refused> {
        let (mut parts, mut bytes) = (body.into_data_stream(), 0_u64);
        loop {
            let part = match timeout(self.rest, parts.next()).await {
                Ok(Some(Ok(part))) => part,
                Ok(None) => return Ok(()),
                Ok(Some(Err(error))) => {
                    let what = format!("the file broke off: {error}");
                    return Err(Refused(StatusCode::BAD_REQUEST, what));
                }
                Err(_elapsed) => return Err(late("the file came to a rest before its end")),
            };
            bytes = bytes.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            if bytes > self.upload.most_bytes {
                return Err(self.too_large());
            }
            if to.send(part).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn late(what: &str) -> Refused {
    Refused(StatusCode::REQUEST_TIMEOUT, what.to_owned())
}

fn write(mut file: File, mut parts: mpsc::Receiver<Bytes>) -> io::Result<()> {
    while let Some(part) = parts.blocking_recv() {
        file.write_all(&part)?;
    }
    Ok(())
}
