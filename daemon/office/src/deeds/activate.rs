//! Putting the mapping of the folder in force.
//!
//! What one version decided is posted only while that version is in force, whichever process decided it. So
//! two processes with two versions do not post in turn: the one that activated last goes on, the other is
//! refused until it has read the folder again.

use crate::call::{Call, Refusal};

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
/// When the books cannot be written.
pub async fn activate(call: &Call) -> Result<Activated, Refusal> {
    let version = call.program.version;
    let stamp = call.stamp();
    let mut tx = call.store.begin().await?;
    let changed = tx
        .activate_mapping(&call.program.pack, version, stamp.now, &stamp.actor)
        .await?;
    tx.commit().await?;
    if changed {
        tracing::info!(mapping.version = %version, "another mapping version is in force");
    }
    Ok(Activated {
        version: version.to_string(),
        changed,
    })
}
