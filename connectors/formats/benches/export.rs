//! Every kind of file at a million lines: how fast a batch is rendered beside the bare writer of its library, and what
//! memory that takes above the batch.
//!
//! `ratio KIND` is the rate at which a kind renders a batch of LINES lines into a sink that counts bytes over that at
//! which a bare writer writes the same cells, kept ready as texts: `csv::Writer` for text, the words of a line as its
//! fields where nothing else parts them; the events of `quick_xml::Writer` for XML; for a ZIP either of them into
//! `zip::ZipWriter`; for a workbook and a Parquet file the calls of their library. Both run in one process, one after
//! the other; what counts is CPU seconds, of RUNS runs the middle one. `peak KIND` is the most memory in MiB that
//! rendering took above what its process held before, which is the batch: `batch` says how much that is. LINES and
//! KINDS (`csv xlsx`) make it smaller.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a measurement that cannot go on should say where, and its results are for people"
)]

#[path = "export/bare.rs"]
mod bare;
#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../../../daemon/benches/measure/mod.rs"]
mod measure;

use bare::Bare;
use formats::erp::{ExportBatch, ExportEntry, FileKind, KINDS, Render};
use ledger::{EntryHeader, EventKey, JournalEntry, Line, Money};
use measure::{memory, setting, stat};
use std::io::{self, Write};
use std::process::Command;

/// What the daemon allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a bare writer writes again and again is so large a part of the whole.
const PART: usize = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let lines = setting("LINES", 1_000_000);
    if let [flag, kind] = arguments.as_slice() {
        let kind = FileKind::find(kind).unwrap();
        match flag.as_str() {
            "--kind" => return measured(kind, lines),
            // For a profiler, or to see whether the bytes are still the same.
            "--render" => {
                let (format, small) = opened(kind);
                let batch = grown(&small, lines);
                for _ in 1..setting("RUNS", 1) {
                    rendered(format.as_ref(), &batch);
                }
                let artifact = format.artifact(&batch).unwrap();
                let hash = ledger::Hash::of(&artifact.bytes);
                return println!("{} {} {hash}", artifact.name, artifact.bytes.len());
            }
            _ => {}
        }
    }
    // `cargo test --benches` runs this too, and wants nothing of it.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let wanted = std::env::var("KINDS").unwrap_or_default();
    let wanted: Vec<&str> = wanted
        .split([' ', ','])
        .filter(|id| !id.is_empty())
        .collect();
    let mut results = Vec::new();
    for kind in KINDS {
        if !wanted.is_empty() && !wanted.contains(&kind.id) {
            continue;
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--kind", kind.id])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", kind.id);
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            if line.starts_with("ratio") || line.starts_with("peak") {
                results.push(line.to_owned());
            } else {
                println!("{line}");
            }
        }
    }
    println!();
    for line in results {
        println!("{line}");
    }
}

/// Counts bytes.
#[derive(Debug, Default)]
pub(crate) struct Counting(u64);

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(bytes.len()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One kind, in a process of its own.
fn measured(kind: &FileKind, lines: usize) {
    let (format, small) = opened(kind);
    let batch = grown(&small, lines);
    let held = resident();
    let begun = forget_peak();
    let bytes = rendered(format.as_ref(), &batch);
    let peak = memory(std::process::id()).saturating_sub(begun);
    // What is written again and again would be known already to a dictionary of values.
    let part = if kind.id == "parquet" { 1 } else { PART };
    let is_packed = format.name(&batch).ends_with(".zip");
    let sample = format.artifact(&grown(&small, lines.div_ceil(part)));
    let bare = Bare::of(&sample.unwrap(), is_packed);
    let (mut own, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..setting("RUNS", 3) {
        own.push(timed(|| rendered(format.as_ref(), &batch)));
        beside.push(timed(|| bare.write(part)));
    }
    let (own, beside) = (middle(own), middle(beside));
    println!(
        "{:<14} {:>7.2} s  bare {:>7.2} s ({:>5.1} and {:>5.1} MB)  batch {} MiB",
        kind.id,
        own.0,
        beside.0,
        bytes as f64 / 1e6,
        beside.1 as f64 / 1e6,
        held / 1024,
    );
    println!("ratio {} {:.2}", kind.id, beside.0 / own.0);
    println!("peak {} {}", kind.id, peak / 1024);
}

/// A kind with the options and the entries of its case.
fn opened(kind: &FileKind) -> (Box<dyn Render>, ExportBatch) {
    let folder = common::fixtures("erp").join(kind.id).join("two-currencies");
    let (options, small) = common::case(&folder);
    (kind.open(options).unwrap(), small)
}

fn rendered(format: &dyn Render, batch: &ExportBatch) -> u64 {
    let mut sink = Counting::default();
    format.render(batch, &mut sink).unwrap();
    sink.0
}

fn timed(work: impl FnOnce() -> u64) -> (f64, u64) {
    let begun = seconds();
    let bytes = work();
    (seconds() - begun, bytes)
}

/// CPU seconds of this process: others may want the machine too.
fn seconds() -> f64 {
    stat("self").unwrap().own
}

fn middle(mut times: Vec<(f64, u64)>) -> (f64, u64) {
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    times[times.len() / 2]
}

/// What this process holds, in KiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Lets the kernel begin anew with the most that this process held, and says where it begins.
fn forget_peak() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    memory(std::process::id())
}

/// A batch of at least so many lines: the entries of a case again and again, with numbers, references and amounts of
/// their own.
fn grown(case: &ExportBatch, lines: usize) -> ExportBatch {
    let mut entries = Vec::new();
    let mut held = 0;
    for (item, number) in case.entries.iter().cycle().zip(1_i64..) {
        if held >= lines {
            break;
        }
        held += item.entry.lines().len();
        entries.push(another(item, number));
    }
    ExportBatch {
        entries,
        ..case.clone()
    }
}

fn another(item: &ExportEntry, number: i64) -> ExportEntry {
    let (header, lines) = item.entry.clone().into_parts();
    let reference = format!("INV-{number:09}");
    // Both sides by the same factor: they stay equal.
    let grown = |money: Money| Money::minor(money.amount() * (1 + number % 97), money.currency());
    let lines = lines.into_iter().map(|line| Line {
        amount: grown(line.amount),
        functional: grown(line.functional),
        ..line
    });
    let header = EntryHeader {
        event: EventKey::new("bench", &reference),
        reference,
        ..header
    };
    ExportEntry {
        id: number,
        document: format!("{}-2026-{number:06}", header.entity),
        period: item.period.clone(),
        entry: JournalEntry::new(header, lines.collect()).unwrap(),
    }
}
