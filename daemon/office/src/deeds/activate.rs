//! Putting the mapping of the folder in force.
//!
//! What one version decided is posted only while that version is in force, whichever process decided it. So
//! two processes with two versions do not post in turn: the one that activated last goes on, the other is
//! refused until it has read the folder again. Where the policy asks for four eyes, no process puts in force what
//! it happens to find: a person proposes the version, and another approves it.

use super::desk::{Decided, Deed, decide};
use crate::call::{Call, Refusal, RefusalKind};
use ::desk::{Eyes, Kind};

/// What an activation did.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Activated {
    /// The version that is in force now.
    pub version: String,
    /// Whether another was before.
    pub changed: bool,
}

/// Puts the version that this process read in force, if it is not, and records who did so.
///
/// # Errors
/// When the policy asks for another person, or the books cannot be written.
pub async fn activate(call: &Call) -> Result<Activated, Refusal> {
    let program = call.program()?;
    let version = program.version;
    let stamp = call.stamp();
    let alone = call.config.policy()?.eyes(Kind::MappingActivation, None) == Eyes::One;
    let mut tx = call.store.begin().await?;
    if !alone && tx.mapping_in_force().await? != Some(version) {
        let what = format!(
            "version {} of the mapping lies in the folder and is not in force, and `desk.four_eyes` asks for two people; propose it with `tieout mappings activate --why …`, and another approves it",
            version.short()
        );
        return Err(Refusal::new(RefusalKind::Forbidden, what));
    }
    let changed = tx
        .activate_mapping(&program.pack, version, stamp.now, &stamp.actor)
        .await?;
    if changed {
        let accounts = program.chart.accounts();
        tx.label_accounts(accounts, &stamp)
            .await?
            .map_err(|error| Refusal::new(RefusalKind::Conflict, error.to_string()))?;
    }
    tx.commit().await?;
    if changed {
        tracing::info!(mapping.version = %version, "another mapping version is in force");
    }
    Ok(Activated {
        version: version.to_string(),
        changed,
    })
}

/// Decides that the folder's version is in force, or proposes it where the policy asks for another person.
///
/// # Errors
/// The rule that it would break; nothing is written then.
pub async fn propose(call: &Call, why: &str) -> Result<Decided, Refusal> {
    let program = call.program()?;
    let deed = Deed::MappingActivation {
        pack: program.pack.clone(),
        version: program.version.to_string(),
    };
    decide(call, &deed, why).await
}
