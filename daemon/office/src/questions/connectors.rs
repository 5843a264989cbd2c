//! The kinds of ERP connector of this build, and whether a configured one can be reached.

use crate::jobs::export;
use crate::{Call, Refusal, RefusalKind};
use connectors::erp::ErpKind;
use connectors::transport;
use formats::erp::limits::Limits;
use std::time::Duration;

/// A kind of connector.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Kind {
    /// Its name in the configuration.
    pub kind: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// How journals reach it: `file`, which goes to the target's `drop`, or `api`; `drop` where it is such a place.
    pub way: &'static str,
    /// Its options by example, as YAML.
    pub options: &'static str,
    /// What a target of it can hold; the core keeps to it.
    pub limits: Limits,
    /// The same, and what it bears, in sentences.
    pub holds: Vec<String>,
}

impl From<ErpKind> for Kind {
    fn from(kind: ErpKind) -> Self {
        Self {
            kind: kind.id,
            title: kind.title,
            way: if kind.writes_files() { "file" } else { "api" },
            options: kind.example,
            limits: kind.limits,
            holds: holds(&kind),
        }
    }
}

fn holds(kind: &ErpKind) -> Vec<String> {
    let mut told = kind.limits.sentences();
    if let Some(pace) = kind.pace {
        told.push(
            "each entry is a document: it is looked for before it is sent, and read back after"
                .to_owned(),
        );
        told.push(match pace.concurrency {
            0 | 1 => "documents go one after the other".to_owned(),
            several => format!("up to {several} documents are under way at once"),
        });
        told.extend(
            pace.per_minute
                .map(|most| format!("at most {most} documents are handed over in a minute")),
        );
        if pace.patience > Duration::ZERO {
            told.push(format!(
                "what the ERP books later is waited for {} seconds, and asked again at the next export",
                pace.patience.as_secs()
            ));
        }
    }
    told
}

/// Every kind.
pub fn kinds() -> Vec<Kind> {
    connectors::erp::kinds().map(Kind::from).collect()
}

/// Every kind of place that files go to.
fn drops() -> impl Iterator<Item = Kind> {
    transport::KINDS.iter().map(|drop| Kind {
        kind: drop.id,
        title: drop.title,
        way: "drop",
        options: drop.example,
        limits: Limits::NONE,
        holds: Vec::new(),
    })
}

/// One kind of connector, or of place that files go to.
///
/// # Errors
/// [`RefusalKind::Missing`].
pub fn describe(id: &str) -> Result<Kind, Refusal> {
    let place = || drops().find(|drop| drop.kind == id);
    let found = ErpKind::find(id).map(Kind::from).or_else(place);
    found.ok_or_else(|| {
        let what = format!("there is no kind `{id}`; see `tieout connectors list`");
        Refusal::new(RefusalKind::Missing, what)
    })
}

/// Whether a target or a source can be reached.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Reached {
    /// The target or source.
    pub target: String,
    /// Whether it can.
    pub reachable: bool,
    /// Why not.
    pub problem: Option<String>,
}

/// Tries to reach a target, or a source of settlement files, without changing anything there.
///
/// # Errors
/// [`RefusalKind::Missing`] for a name that the configuration does not have.
pub async fn test(call: &Call, name: &str) -> Result<Reached, Refusal> {
    let settlement = call.config.settlement.as_ref();
    let source = settlement.and_then(|settlement| settlement.sftp.get(name));
    let answer = match (call.config.targets.get(name), source) {
        (Some(target), _) => export::open(call, name, target)?.check().await,
        (None, Some(source)) => match source.open(&call.base) {
            Ok(pickup) => pickup.check().await,
            Err(error) => Err(error),
        },
        (None, None) => {
            let what = format!(
                "there is no target and no source of settlement files `{name}` in the configuration"
            );
            return Err(Refusal::new(RefusalKind::Missing, what));
        }
    };
    let problem = answer
        .err()
        .map(|error| format!("{:#}", anyhow::Error::from(error)));
    Ok(Reached {
        target: name.to_owned(),
        reachable: problem.is_none(),
        problem,
    })
}
