//! What people and machines see: results on standard output, everything else on standard error.
//!
//! Texts come from strangers: a customer's name may hold what moves a cursor, colours a line green or
//! turns it around. What people see passes [`visible`], which shows such characters instead of obeying
//! them. JSON is for machines and says all by its own escapes.

use indicatif::{ProgressBar, ProgressStyle};
use office::{Progress, Unwatched};
use serde::Serialize;
use std::borrow::Cow;
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
            writeln!(out, "{}", visible(text.trim_end()))?;
        }
        Ok(())
    }

    /// Bytes as they are.
    pub(crate) fn bytes(self, bytes: &[u8]) -> anyhow::Result<()> {
        std::io::stdout().lock().write_all(bytes)?;
        Ok(())
    }
}

/// Text for people: every character that would act on a terminal, or on the order of its neighbours, is
/// written out as `\u{1b}`. Only line breaks stay what they are.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    written_out(text, |c| c != '\n' && acts(c))
}

/// The same for what has to stay in its line: a cell of a table, a value in a log.
pub(crate) fn visible_line(text: &str) -> Cow<'_, str> {
    written_out(text, acts)
}

fn written_out(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' if hidden(c) => shown.extend(c.escape_default()),
            c if hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does something instead of being seen: controls (C0, DEL, C1), marks and overrides of
/// direction, breaks of lines, and those without a width that make two names look alike.
const fn acts(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A line for people who wait.
pub(crate) fn note(text: &str) {
    // Standard error may be closed; that is no reason to fail.
    let _ignored = writeln!(std::io::stderr().lock(), "{}", visible(text));
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
        self.0.set_message(visible_line(what).into_owned());
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
        let shown = cells.iter().map(|cell| visible_line(cell).into_owned());
        self.rows.push(shown.collect());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_and_letters_stay() {
        let table = [
            ("\u{1b}[2J\u{1b}[32mTIES", "\\u{1b}[2J\\u{1b}[32mTIES"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("a\rb\tc\u{8}\u{7f}", "a\\rb\\tc\\u{8}\\u{7f}"),
            (
                "invoice \u{202e}00.001\u{202c}",
                "invoice \\u{202e}00.001\\u{202c}",
            ),
            (
                "\u{2066}x\u{2069}\u{200b}\u{200f}\u{61c}\u{feff}",
                "\\u{2066}x\\u{2069}\\u{200b}\\u{200f}\\u{61c}\\u{feff}",
            ),
            (
                "Müller & Søn, 東京, עברית, €1.00",
                "Müller & Søn, 東京, עברית, €1.00",
            ),
        ];
        for (text, shown) in table {
            assert_eq!(visible(text), shown);
            assert_eq!(visible_line(text), shown);
        }
        assert_eq!(visible("two\nlines"), "two\nlines");
        assert_eq!(visible_line("two\nlines"), "two\\nlines");
    }

    #[test]
    fn a_cell_stays_in_its_row() {
        let mut table = TextTable::new(&["name", "amount"]);
        table.row(vec!["x\n  forged  1.00".to_owned(), "2.00".to_owned()]);
        assert_eq!(table.to_string().lines().count(), 3);
    }
}
