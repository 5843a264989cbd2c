//! `tieout`: the daemon, with every stage also a command.
//!
//! This crate wires the others together and is the only one that knows them all, the clock, and
//! who is asking. Results go to standard output, everything else to standard error; the exit code
//! is 0 when it is done, 1 when something does not hold, 2 for usage and configuration.

mod cli;
mod clock;
mod demo;
mod health;
mod http;
mod log;
mod output;
mod run;
mod schedule;
mod starter;
mod wording;

use std::process::ExitCode;
use std::time::Duration;

/// Events are made of many small texts, taken on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long work that cannot be called back may hold up the end.
const LAST_WORK: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    private();
    small_pages(true);
    let arguments = match cli::Arguments::read() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if !arguments.only_asks() {
        small_pages(false);
    }
    // A question is one thing after the other, and is answered sooner without threads that wait for work.
    let mut builder = if arguments.only_asks() {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::failure(&error.into()),
    };
    let code = runtime.block_on(cli::main(&arguments));
    // A folder on a server that does not answer holds a thread; the end does not wait for it.
    runtime.shutdown_timeout(LAST_WORK);
    code
}

/// The allocator asks for pages of two megabytes, which pays for whoever works for seconds. A question that is
/// answered in milliseconds would spend a third of them on clearing memory that it never uses.
fn small_pages(only: bool) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(only) {
        tracing::debug!(%error, "pages stay as large as the system makes them");
    }
    #[cfg(not(target_os = "linux"))]
    let _all_are_small = only;
}

/// What is written here is a company's money: whatever is made from now on, books and what lies beside them,
/// exports, reports, evidence, is its owner's to write, its group's to read, and nobody else's. A tighter
/// mask of whoever starts it stays.
fn private() {
    use rustix::fs::Mode;
    use rustix::process::umask;
    let others = Mode::WGRP | Mode::RWXO;
    let given = umask(others);
    umask(given | others);
}
