//! A starter company: its configuration, and a mapping pack with its golden tests that this binary carries.

use anyhow::Context as _;
use mappings::{Pack, packs};
use std::path::Path;

/// The pack of the company that the demo shows.
pub(crate) const BILLING: &str = "billing";

/// The configuration of a network company with three entities.
pub(crate) const CONFIG: &str = include_str!("starter.yaml");

/// What the configuration of every other pack begins with.
const OTHER: &str = include_str!("starter-pack.yaml");

/// Writes configuration, mapping and empty folders.
pub(crate) fn write(dir: &Path, pack: &str) -> anyhow::Result<()> {
    let found = packs::find(pack).with_context(|| {
        let known: Vec<&str> = packs::names().collect();
        format!("there is no pack `{pack}`; there are {}", known.join(", "))
    })?;
    for folder in ["inbox", "settlements", "exports", "reports"] {
        std::fs::create_dir_all(dir.join(folder))?;
    }
    std::fs::write(dir.join("tieout.yaml"), configuration(&found)?)?;
    let folder = dir.join("mappings").join(pack);
    for (name, bytes) in &found.files {
        let path = folder.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

/// The configuration of a company whose events a pack maps. The source reads messages as the pack's golden
/// tests do.
fn configuration(pack: &Pack) -> anyhow::Result<String> {
    if pack.name == BILLING {
        return Ok(CONFIG.to_owned());
    }
    let program = mappings::compile(pack).map_err(|found| anyhow::anyhow!("{found}"))?;
    let envelope = match &program.envelope {
        Some(envelope) => format!(", envelope: {}", serde_json::to_string(envelope)?),
        None => String::new(),
    };
    Ok(OTHER
        .replace("{pack}", &pack.name)
        .replace("{envelope}", &envelope))
}
