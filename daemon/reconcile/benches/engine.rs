//! The engine beside a polars script and a duckdb script, on the same CSV files.
//!
//! A world of so many payments is made (`EVENTS`, a million; `LARGE`, five times as many), with what goes wrong in
//! it and the truth beside it. Each contestant is a process of its own: it reads the four files, matches payments
//! with the processor's lines, proves payouts by their lines, matches payouts with the bank's lines, and writes
//! matches and breaks. CPU seconds are those of the process as the kernel counts them, the better of two runs;
//! memory is the most that it held. What the engine finds must be the truth, exactly.
//!
//! `PYTHON` names an interpreter that has polars and duckdb; else a virtual environment is made.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::print_stdout,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "a measurement that cannot go on should say where, and its results are for people"
)]

#[path = "../tests/planted/world.rs"]
mod world;

use chrono::NaiveDate;
use ledger::{Currency, ItemRef, Movement, Origin, ReferenceKind};
use reconcile::{Coverage, Findings, Input, Item, Plan, Which, reconcile_on};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use world::File;

/// What the daemon allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEED: u64 = 7;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["--make", folder, payments] => make(Path::new(folder), payments.parse().unwrap()),
        ["--match", folder] => run(Path::new(folder), None),
        ["--check", folder, payments] => run(Path::new(folder), Some(payments.parse().unwrap())),
        ["--equal", items] => equal(items.parse().unwrap()),
        _ => measure(),
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// What a contestant cost.
#[derive(Clone, Copy)]
struct Cost {
    /// Hundredths of a second.
    cpu: u64,
    /// KiB.
    memory: u64,
}

/// So many thousandths of something, as people write it.
fn ratio(part: u64, whole: u64) -> String {
    let thousandths = part * 1_000 / whole.max(1);
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

fn measure() {
    let events = setting("EVENTS", 1_000_000);
    let large = setting("LARGE", 5 * events);
    let folder = std::env::temp_dir().join(format!("tieout-engine-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let python = python(&folder);
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let (small, big) = (folder.join("small"), folder.join("large"));
    own(&["--make", small.to_str().unwrap(), &events.to_string()]);
    own(&["--check", small.to_str().unwrap(), &events.to_string()]);
    println!("{events} payments: found what was planted, exactly");
    let ours = contest("ours", own_command(&["--match", small.to_str().unwrap()]));
    let mut others = Vec::new();
    for name in ["polars", "duckdb"] {
        let mut command = Command::new(&python);
        command
            .arg(scripts.join(format!("{name}_way.py")))
            .arg(&small);
        others.push(contest(name, command));
    }
    let cpu = others.iter().map(|cost| cost.cpu).min().unwrap();
    let memory = others.iter().map(|cost| cost.memory).min().unwrap();
    println!("ratio cpu.1m.ours/best {}", ratio(ours.cpu, cpu));
    println!("ratio memory.1m.ours/best {}", ratio(ours.memory, memory));
    std::fs::remove_dir_all(&small).unwrap();
    if large > 0 {
        own(&["--make", big.to_str().unwrap(), &large.to_string()]);
        let most = contest(
            "ours, large",
            own_command(&["--match", big.to_str().unwrap()]),
        );
        own(&["--check", big.to_str().unwrap(), &large.to_string()]);
        println!("{large} payments: found what was planted, exactly");
        let (events, large) = (
            u64::try_from(events).unwrap(),
            u64::try_from(large).unwrap(),
        );
        println!(
            "ratio cpu.5m/1m.per_payment {}",
            ratio(most.cpu * events, ours.cpu * large)
        );
        println!("peak {} MiB", most.memory / 1_024);
    }
    let few = contest("equal amounts", own_command(&["--equal", "100000"]));
    let many = contest(
        "equal amounts, ten times as many",
        own_command(&["--equal", "1000000"]),
    );
    println!("ratio equal_amounts.10x {}", ratio(many.cpu, few.cpu));
    std::fs::remove_dir_all(&folder).unwrap();
}

fn own_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments);
    command
}

fn own(arguments: &[&str]) {
    assert!(own_command(arguments).status().unwrap().success());
}

/// The processes that ended, in hundredths of a second: what the kernel says of the children of this one.
fn children() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = text.rsplit_once(')').unwrap();
    let ticks = rest.split_whitespace().skip(13).take(2);
    ticks.map(|text| text.parse::<u64>().unwrap()).sum()
}

fn contest(name: &str, mut command: Command) -> Cost {
    let runs = (0..2).map(|_| {
        let (before, began) = (children(), Instant::now());
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let cpu = children() - before;
        let said = String::from_utf8(output.stdout).unwrap();
        let peak = said
            .lines()
            .find_map(|line| line.strip_prefix("peak "))
            .unwrap();
        let memory = peak.trim().parse().unwrap();
        let wall = began.elapsed().as_millis();
        println!(
            "{name}: {}.{:02} CPU s, {wall} ms, {} MiB",
            cpu / 100,
            cpu % 100,
            memory / 1_024
        );
        for line in said.lines().filter(|line| line.starts_with("  ")) {
            println!("{line}");
        }
        Cost { cpu, memory }
    });
    runs.min_by_key(|cost| cost.cpu).unwrap()
}

fn python(folder: &Path) -> PathBuf {
    if let Ok(python) = std::env::var("PYTHON") {
        return python.into();
    }
    let own = folder.join("venv");
    let run = |program: PathBuf, arguments: &[&str]| {
        assert!(
            Command::new(program)
                .args(arguments)
                .status()
                .unwrap()
                .success()
        );
    };
    run("python3".into(), &["-m", "venv", own.to_str().unwrap()]);
    run(
        own.join("bin/pip"),
        &["install", "--quiet", "polars", "duckdb"],
    );
    own.join("bin/python")
}

fn peak() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    println!("peak {}", line.split_whitespace().next().unwrap());
}

/// Writes the four files of a world.
fn make(folder: &Path, payments: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let mut files: BTreeMap<File, BufWriter<std::fs::File>> = BTreeMap::new();
    for file in File::ALL {
        let path = folder.join(format!("{}.csv", file.name()));
        let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(path).unwrap());
        writeln!(out, "{}", COLUMNS.join(",")).unwrap();
        files.insert(file, out);
    }
    let days: Vec<String> = (0..200)
        .map(|day| (world::first_day() + chrono::Duration::days(day)).to_string())
        .collect();
    world::make(payments, SEED, &mut |file, row| {
        let day = &days[usize::try_from(row.day).unwrap()];
        let (original, code) = row.original.map_or((String::new(), ""), |(amount, code)| {
            (amount.to_string(), code)
        });
        writeln!(
            files.get_mut(&file).unwrap(),
            "{},{},{},{},{},{day},{},{},{},{},{},{},{},{original},{code},{}",
            row.id,
            row.reference,
            row.payment,
            row.merchant,
            row.currency,
            row.amount,
            row.fee,
            row.payout,
            row.customer,
            row.invoice,
            row.account,
            row.movement,
            row.text
        )
        .unwrap();
    });
    for out in files.values_mut() {
        out.flush().unwrap();
    }
}

const COLUMNS: [&str; 16] = [
    "id",
    "reference",
    "payment",
    "merchant",
    "currency",
    "day",
    "amount",
    "fee",
    "payout",
    "customer",
    "invoice",
    "account",
    "movement",
    "original_amount",
    "original_currency",
    "text",
];

/// Reads a file into its side.
fn read(folder: &Path, file: File, input: &mut Input) {
    let path = folder.join(format!("{}.csv", file.name()));
    let length = std::fs::metadata(&path).unwrap().len();
    let mut reader = csv::ReaderBuilder::new()
        .buffer_capacity(1 << 18)
        .from_path(path)
        .unwrap();
    let header: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let places: Vec<usize> = COLUMNS
        .iter()
        .map(|column| header.iter().position(|name| name == column).unwrap())
        .collect();
    let mut record = csv::StringRecord::new();
    let mut currencies: Vec<(String, Currency)> = Vec::new();
    let mut number = 0;
    while reader.read_record(&mut record).unwrap() {
        number += 1;
        if number == 1_000 {
            let rows = usize::try_from(length * 1_000 / reader.position().byte()).unwrap();
            let bytes = usize::try_from(length / 2).unwrap();
            input.expect(file.which(), rows + rows / 50, bytes);
            if file == File::Billing {
                input.expect_names(rows + rows / 20, rows * 21);
            }
        }
        let field = |column: usize| record.get(places[column]).unwrap_or_default();
        let known = currencies.iter().find(|(code, _)| code == field(4));
        let currency = known.map_or_else(
            || Currency::from_code(field(4)).unwrap(),
            |(_, currency)| *currency,
        );
        if known.is_none() {
            currencies.push((field(4).to_owned(), currency));
        }
        let names = [
            (ReferenceKind::Payment, field(2)),
            (ReferenceKind::Merchant, field(3)),
        ];
        let is_ours = matches!(file, File::Billing | File::Payouts);
        let item = if is_ours {
            ItemRef::entry(number, 1)
        } else {
            ItemRef::line(Origin::Processor, number)
        };
        let item = Item {
            fee: parse(field(7)),
            reference: field(1),
            references: if file == File::Settlement {
                &names
            } else {
                &[]
            },
            group: field(8),
            identity: field(0),
            movement: movement(field(12)),
            text: field(15),
            account: field(11),
            customer: field(9),
            invoice: field(10),
            original: (!field(13).is_empty())
                .then(|| (parse(field(13)), Currency::from_code(field(14)).unwrap())),
            ..Item::new(item, day(field(5)), parse(field(6)), currency)
        };
        input.push(file.which(), &item).unwrap();
    }
}

fn parse(text: &str) -> i64 {
    text.parse().unwrap()
}

fn movement(name: &str) -> Option<Movement> {
    Movement::ALL.into_iter().find(|one| one.name() == name)
}

fn day(text: &str) -> NaiveDate {
    let part = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap();
    NaiveDate::from_ymd_opt(text[..4].parse().unwrap(), part(5..7), part(8..10)).unwrap()
}

/// Reads, matches and writes; or holds what was found against the truth.
fn run(folder: &Path, payments: Option<usize>) {
    let began = Instant::now();
    let mut said = Vec::new();
    let mut step = |name: &str| said.push(format!("  {name} {} ms", began.elapsed().as_millis()));
    let mut out = Writer::new(folder);
    let payments_plan = world::plan(world::PAYMENTS);
    let mut input = Input::new();
    read(folder, File::Billing, &mut input);
    read(folder, File::Settlement, &mut input);
    world::cover(&mut input, world::LAST);
    step("payments read");
    let findings = reconcile_on(&payments_plan, &input, 2);
    step("payments matched");
    let truth = payments.map(|payments| world::make(payments, SEED, &mut |_, _| {}));
    if let Some(truth) = &truth {
        let found = world::told(&payments_plan, &input, &findings, "reference");
        assert!(found == truth.payments, "payments are not what was planted");
    }
    out.write(&payments_plan, &input, &findings);
    step("payments written");
    let sums = input.groups(Which::Right).unwrap();
    let nets: BTreeMap<(&str, Currency), i64> = sums
        .iter()
        .map(|sum| ((sum.group, sum.currency), sum.amount - sum.fee))
        .collect();
    drop(findings);
    let payouts_plan = world::plan(world::PAYOUTS);
    let mut second = Input::new();
    read(folder, File::Payouts, &mut second);
    read(folder, File::Bank, &mut second);
    world::cover(&mut second, world::LAST);
    out.prove(&nets, &second);
    let findings = reconcile_on(&payouts_plan, &second, 2);
    if let Some(truth) = &truth {
        let found = world::told(&payouts_plan, &second, &findings, "payout id");
        assert!(found == truth.payouts, "payouts are not what was planted");
    }
    out.write(&payouts_plan, &second, &findings);
    out.matches.flush().unwrap();
    out.breaks.flush().unwrap();
    step("payouts written");
    println!("{}", said.join("\n"));
    peak();
}

struct Writer {
    matches: BufWriter<std::fs::File>,
    breaks: BufWriter<std::fs::File>,
}

impl Writer {
    fn new(folder: &Path) -> Self {
        let open = |name: &str| {
            let file = std::fs::File::create(folder.join(name)).unwrap();
            BufWriter::with_capacity(1 << 18, file)
        };
        Self {
            matches: open("matches-ours.csv"),
            breaks: open("breaks-ours.csv"),
        }
    }

    fn write(&mut self, plan: &Plan, input: &Input, findings: &Findings) {
        for found in findings.matches.iter(plan, input) {
            self.matches.write_all(found.pass().as_bytes()).unwrap();
            for which in Which::SIDES {
                for item in found.items(which) {
                    self.matches.write_all(b",").unwrap();
                    self.matches.write_all(item.identity.as_bytes()).unwrap();
                }
            }
            self.matches.write_all(b"\n").unwrap();
        }
        for found in &findings.breaks {
            writeln!(
                self.breaks,
                "{},{},{},\"{}\"",
                found.kind, found.reference, found.amount, found.detail
            )
            .unwrap();
        }
    }

    /// Payouts that their lines do not add up to.
    fn prove(&mut self, nets: &BTreeMap<(&str, Currency), i64>, payouts: &Input) {
        for payout in payouts.groups(Which::Left).unwrap() {
            let net = nets.get(&(payout.group, payout.currency));
            if net != Some(&payout.amount) {
                writeln!(
                    self.breaks,
                    "decomposition,{},{},",
                    payout.group, payout.amount
                )
                .unwrap();
            }
        }
    }
}

/// Items of one amount and no name: nothing may be paired, and all are to be told.
fn equal(items: u32) {
    let mut input = Input::new();
    let eur = Currency::from_code("EUR").unwrap();
    for number in 0..items {
        let on = world::first_day() + chrono::Duration::days(i64::from(number % 90));
        for which in Which::SIDES {
            let identity = format!("{which:?}-{number}");
            let item = Item {
                identity: &identity,
                ..Item::new(ItemRef::payout(number.into()), on, 1_000, eur)
            };
            input.push(which, &item).unwrap();
        }
    }
    input.left_until = Coverage::through(Some(world::first_day() + chrono::Duration::days(200)));
    input.right_until = input.left_until.clone();
    let findings = reconcile_on(&world::plan(world::PAYOUTS), &input, 1);
    assert!(findings.matches.is_empty() && !findings.breaks.is_empty());
    peak();
}
