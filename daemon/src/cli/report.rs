//! `tieout report`: one report, or all into the configured folder.

use crate::output::Output;
use chrono::NaiveDate;
use office::Call;
use office::jobs;
use office::jobs::report::{self, Part};
use std::io::Write as _;
use std::path::PathBuf;

/// What is asked for.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// control, trial-balance, journal-register, reconciliation, account-statement, payouts, ageing, clearing, fees,
    /// match-quality or waiting.
    name: Option<String>,
    /// html, xlsx, csv or json.
    #[arg(long, default_value = "html")]
    format: String,
    /// The file; standard output when not named.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// The first day: account-statement, payouts, clearing, fees.
    #[arg(long, requires = "name")]
    from: Option<NaiveDate>,
    /// The last day of them.
    #[arg(long, requires = "name")]
    to: Option<NaiveDate>,
    /// One account of the ledger, processor or bank: account-statement, payouts, clearing, fees.
    #[arg(long, requires = "name")]
    account: Option<String>,
}

impl Arguments {
    /// Whether one is asked for, and not all.
    pub(crate) const fn is_one(&self) -> bool {
        self.name.is_some()
    }
}

/// The reports that show a part of the books.
const OF_A_PART: [&str; 4] = ["account-statement", "payouts", "clearing", "fees"];

pub(crate) async fn run(
    call: &Call,
    arguments: &Arguments,
    output: Output,
) -> anyhow::Result<bool> {
    let Some(name) = arguments.name.as_deref() else {
        let written = jobs::run(call, "report").await?;
        let text = written
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|path| path.as_str());
        output.result(&written, &text.collect::<Vec<_>>().join("\n"))?;
        return Ok(true);
    };
    let Some(format) = reports::Format::from_name(&arguments.format) else {
        anyhow::bail!(
            "there is no format `{}`; there are html, xlsx, csv, json",
            arguments.format
        );
    };
    let part = Part {
        from: arguments.from,
        to: arguments.to,
        account: arguments.account.clone(),
    };
    let is_part = part.from.or(part.to).is_some() || part.account.is_some();
    if is_part && !OF_A_PART.contains(&name) {
        anyhow::bail!(
            "`{name}` shows the whole books; --from, --to and --account are for {}",
            OF_A_PART.join(", ")
        );
    }
    let books = call.store.snapshot().await?;
    let built = report::build(call, &books, name, &part).await?;
    if let Some(path) = &arguments.output {
        report::write(&built, format, &books, path).await?;
    } else {
        let mut out = std::io::BufWriter::new(std::io::stdout());
        format.write(&built, &books, &mut out).await?;
        out.flush()?;
    }
    Ok(true)
}
