//! Books against what a target already holds, before the first export after a start.
//!
//! Books that were restored from an older backup would give numbers a second time that the receiver has seen.
//! The manifests that lie in the target's folder say how far it got; where they say more than the books,
//! or something else, nothing is made and nothing is sent.

use crate::call::Call;
use crate::evidence::manifest::{Manifest, number};
use anyhow::Context as _;
use connectors::erp::ErpConnector;
use ledger::hash::hex;
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// Of so many of the newest manifests the content is compared; of older ones the number.
const NEWEST: usize = 50;

/// Compares, unless this process already has.
pub(super) async fn once(
    call: &Call,
    name: &str,
    target: i64,
    connector: &dyn ErpConnector,
) -> anyhow::Result<()> {
    let done = |name: &str| {
        let compared = call.compared.lock();
        compared
            .unwrap_or_else(PoisonError::into_inner)
            .contains(name)
    };
    if done(name) {
        return Ok(());
    }
    compare(call, name, target, connector).await?;
    let mut compared = call.compared.lock().unwrap_or_else(PoisonError::into_inner);
    compared.insert(name.to_owned());
    Ok(())
}

async fn compare(
    call: &Call,
    name: &str,
    target: i64,
    connector: &dyn ErpConnector,
) -> anyhow::Result<()> {
    let Some(shelf) = connector.shelf() else {
        return Ok(());
    };
    let found = shelf.list().await.with_context(|| {
        format!("what `{name}` already holds cannot be compared with the books")
    })?;
    let numbered: BTreeMap<i64, String> = found
        .into_iter()
        .filter_map(|file| Some((number(name, &file)?, file)))
        .collect();
    for (number, file) in numbered.iter().rev().take(NEWEST) {
        let Some(bytes) = shelf.read(file).await? else {
            continue;
        };
        // What is no manifest of this target is in the way of one number at most, and told when that is sent.
        let Some(manifest) = Manifest::read(name, file, &bytes) else {
            continue;
        };
        let known = call.store.batch_numbered(target, *number).await?;
        let same = known.as_ref().is_some_and(|(uuid, hash)| {
            *uuid == manifest.batch
                && hash
                    .as_ref()
                    .is_none_or(|hash| hex(hash) == manifest.artifact.sha256)
        });
        if !same {
            let last = call.store.last_batch_number(target).await?;
            anyhow::bail!(more(name, &manifest, file, last));
        }
    }
    Ok(())
}

fn more(name: &str, manifest: &Manifest, file: &str, last: i64) -> String {
    let what = if manifest.number > last {
        format!("these books end with batch {last}")
    } else {
        format!("batch {} of these books is another one", manifest.number)
    };
    format!(
        "`{name}` holds `{file}` of batch {}, and {what}: were they restored from an older backup? Nothing is exported to `{name}`. Restore the newest backup; if there is none and the receiver never booked those files, move them out of its folder and export again",
        manifest.batch
    )
}
