//! `tieout report`: one report, or all into the configured folder.

use crate::output::Output;
use office::Call;
use office::jobs::{self, report};
use std::io::Write as _;
use std::path::Path;

pub(crate) async fn run(
    call: &Call,
    name: Option<&str>,
    format: &str,
    file: Option<&Path>,
    output: Output,
) -> anyhow::Result<bool> {
    let Some(name) = name else {
        let written = jobs::run(call, "report").await?;
        let text = written
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|path| path.as_str());
        output.result(&written, &text.collect::<Vec<_>>().join("\n"))?;
        return Ok(true);
    };
    let Some(format) = reports::Format::from_name(format) else {
        anyhow::bail!("there is no format `{format}`; there are html, xlsx, csv, json");
    };
    let books = call.store.snapshot().await?;
    let built = report::build(call, &books, name).await?;
    if let Some(path) = file {
        report::write(&built, format, &books, path).await?;
    } else {
        let mut out = std::io::BufWriter::new(std::io::stdout());
        format.write(&built, &books, &mut out).await?;
        out.flush()?;
    }
    Ok(true)
}
