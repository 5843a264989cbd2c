//! `tieout trace ID`: from anything to everything.

use crate::output::Output;
use office::Call;
use office::questions::trace;

pub(crate) async fn run(call: &Call, id: &str, output: Output) -> anyhow::Result<bool> {
    let told = trace::trace(call, id).await?;
    let mut text = String::new();
    for one in &told {
        text.push_str(&format!("{}\n", one.what));
        for line in one.sentences.lines() {
            text.push_str(&format!("    {line}\n"));
        }
        text.push('\n');
    }
    output.result(&told, &text)?;
    Ok(true)
}
