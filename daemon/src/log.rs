//! Logs on standard error: lines for people, or JSON for machines.
//!
//! A line is one event: what values hold is written out, so that no value begins a line of its own or acts
//! on the terminal that shows it. Colours are for terminals, and for those who have not set `NO_COLOR`.

use crate::output::visible_line;
use std::fmt::Debug;
use std::io::IsTerminal;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Starts them, from this level on; `TIEOUT_LOG` names another, in the words of `tracing`.
pub(crate) fn start(level: &str, form: &str) {
    let filter = EnvFilter::try_from_env("TIEOUT_LOG")
        .unwrap_or_else(|_unset| EnvFilter::new(format!("{level},sqlx=error,librdkafka=warn")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if form == "json" {
        builder.json().init();
    } else {
        builder
            .with_ansi(coloured())
            .fmt_fields(debug_fn(value).delimited(" "))
            .init();
    }
}

/// <https://no-color.org>: set and not empty means none.
fn coloured() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused
}

fn value(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let text = format!("{value:?}");
    let text = visible_line(&text);
    match field.name() {
        "message" => write!(writer, "{text}"),
        name if writer.has_ansi_escapes() => {
            write!(writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{text}")
        }
        name => write!(writer, "{name}={text}"),
    }
}
