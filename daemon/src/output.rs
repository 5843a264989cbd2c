//! What people and machines see: results on standard output, everything else on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use office::{Progress, Unwatched};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// How a command answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// A result: as JSON for machines, else as the text.
    pub(crate) fn result(self, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, value)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }

    /// Bytes as they are.
    pub(crate) fn bytes(self, bytes: &[u8]) -> anyhow::Result<()> {
        std::io::stdout().lock().write_all(bytes)?;
        Ok(())
    }
}

/// A line for people who wait.
pub(crate) fn note(text: &str) {
    // Standard error may be closed; that is no reason to fail.
    let _ignored = writeln!(std::io::stderr().lock(), "{text}");
}

/// An error with all its causes, and the exit code for it.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    let mut text = format!("error: {error}");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  because: {cause}"));
    }
    note(&text);
    ExitCode::from(2)
}

/// A bar for a terminal.
#[derive(Debug)]
struct Bar(ProgressBar);

impl Progress for Bar {
    fn begin(&self, length: Option<u64>, what: &str) {
        if let Some(length) = length {
            self.0.set_length(length);
        }
        let template = if length.is_some() {
            "{msg:18} {bar:32} {human_pos}/{human_len} {eta}"
        } else {
            "{msg:18} {spinner} {human_pos}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.set_message(what.to_owned());
    }

    fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}

/// A progress bar on a terminal; nobody watches elsewhere.
pub(crate) fn progress(length: Option<u64>, what: &str) -> Arc<dyn Progress> {
    if !std::io::stderr().is_terminal() {
        return Arc::new(Unwatched);
    }
    let bar = Bar(ProgressBar::new_spinner());
    bar.begin(length, what);
    Arc::new(bar)
}

/// A table with aligned columns; numbers are set flush right.
#[derive(Debug, Default)]
pub(crate) struct TextTable {
    rows: Vec<Vec<String>>,
}

impl TextTable {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|title| (*title).to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl std::fmt::Display for TextTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, at: usize| row.get(at).cloned().unwrap_or_default();
        let width: Vec<usize> = (0..columns)
            .map(|at| {
                self.rows
                    .iter()
                    .map(|row| cell(row, at).chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let number: Vec<bool> = (0..columns)
            .map(|at| {
                let mut body = self.rows.iter().skip(1).map(|row| cell(row, at)).peekable();
                body.peek().is_some() && body.all(|text| is_number(&text))
            })
            .collect();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::from("  ");
            for at in 0..columns {
                let text = cell(row, at);
                let (width, number) = (
                    width.get(at).copied().unwrap_or(0),
                    number.get(at) == Some(&true),
                );
                line.push_str(&if number {
                    format!("{text:>width$}  ")
                } else {
                    format!("{text:width$}  ")
                });
            }
            writeln!(f, "{}", line.trim_end())?;
            if index == 0 {
                let rule: Vec<String> = width.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(f, "  {}", rule.join("  "))?;
            }
        }
        Ok(())
    }
}

fn is_number(text: &str) -> bool {
    text.is_empty()
        || text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ',' | '.' | '-'))
}
