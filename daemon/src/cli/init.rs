//! `tieout init`: a starter company in a folder.

use crate::output::Output;
use crate::starter;
use office::evidence::seal::write_key;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(dir: &Path, pack: &str, output: Output) -> anyhow::Result<bool> {
    let config = dir.join("tieout.yaml");
    anyhow::ensure!(
        !config.exists(),
        "`{}` is there already; nothing was changed",
        config.display()
    );
    starter::write(dir, pack)?;
    let key = dir.join("seal-key.pem");
    if !key.exists() {
        write_key(&key)?;
    }
    let text = format!(
        "a starter company lies in {}\nnext: put events into {}, then `tieout -c {} ingest`",
        dir.display(),
        dir.join("inbox").display(),
        config.display()
    );
    output.result(&json!({ "config": config }), &text)?;
    Ok(true)
}
