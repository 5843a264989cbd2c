//! The kinds of ERP connector of this build, and whether a configured one can be reached.

use crate::jobs::export;
use crate::{Call, Refusal, RefusalKind};
use connectors::erp::ErpKind;

/// A kind of connector.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Kind {
    /// Its name in the configuration.
    pub kind: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Its options by example, as YAML.
    pub options: &'static str,
}

impl From<ErpKind> for Kind {
    fn from(kind: ErpKind) -> Self {
        Self {
            kind: kind.id,
            title: kind.title,
            options: kind.example,
        }
    }
}

/// Every kind.
pub fn kinds() -> Vec<Kind> {
    connectors::erp::kinds().map(Kind::from).collect()
}

/// One kind.
///
/// # Errors
/// [`RefusalKind::Missing`].
pub fn describe(id: &str) -> Result<Kind, Refusal> {
    ErpKind::find(id).map(Kind::from).ok_or_else(|| {
        let what = format!("there is no kind `{id}`; see `tieout connectors list`");
        Refusal::new(RefusalKind::Missing, what)
    })
}

/// Whether a target can be reached.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Reached {
    /// The target.
    pub target: String,
    /// Whether it can.
    pub reachable: bool,
    /// Why not.
    pub problem: Option<String>,
}

/// Tries to reach a target without leaving anything there.
///
/// # Errors
/// [`RefusalKind::Missing`] for a target that the configuration does not have.
pub async fn test(call: &Call, name: &str) -> Result<Reached, Refusal> {
    let target = call.config.targets.get(name).ok_or_else(|| {
        let what = format!("there is no target `{name}` in the configuration");
        Refusal::new(RefusalKind::Missing, what)
    })?;
    let answer = export::open(call, name, target)?.check().await;
    let problem = answer
        .err()
        .map(|error| format!("{:#}", anyhow::Error::from(error)));
    Ok(Reached {
        target: name.to_owned(),
        reachable: problem.is_none(),
        problem,
    })
}
