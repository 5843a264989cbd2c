//! The control equation: from what was received to what arrived.

use super::{Subject, breaks_table};
use crate::ReportError;
use crate::control::{Control, money};
use crate::model::{Cell, Column, Report, Row, Table};
use crate::picture::{Bar, Tone, bars};

pub(super) fn build(subject: &Subject, control: &Control) -> Result<Report, ReportError> {
    let (verdict, sentence) = control.verdict();
    Ok(Report {
        name: "control",
        title: "Control equation".to_owned(),
        purpose: "Everything received is somewhere, and every sum agrees with its parts. Each row should leave no difference; what is missing or differs has a name below.".to_owned(),
        facts: subject.facts(),
        verdict: Some((verdict.name().to_owned(), sentence)),
        pictures: vec![picture(control)],
        tables: vec![
            intake(control),
            journal(control)?,
            targets(control),
            read_back(control)?,
            cash(control)?,
            clearing(control)?,
            breaks_table(&control.breaks)?,
            runs(control),
        ],
        more: None,
    })
}

fn picture(control: &Control) -> String {
    let drawn: Vec<Bar> = control
        .intake
        .iter()
        .map(|row| Bar {
            label: row.source.clone(),
            segments: vec![
                ("posted".into(), row.posted, Tone::Good),
                ("ignored by a rule".into(), row.ignored, Tone::Quiet),
                ("duplicates".into(), row.duplicates, Tone::Quiet),
                ("suspended".into(), row.suspended, Tone::Waiting),
                ("quarantined".into(), row.quarantined, Tone::Bad),
                ("conflicts".into(), row.conflicts, Tone::Bad),
            ],
        })
        .collect();
    bars("What became of everything received", &drawn)
}

fn intake(control: &Control) -> Table {
    let rows = control.intake.iter().map(|row| {
        let counts = [
            row.received,
            row.posted,
            row.ignored,
            row.suspended,
            row.duplicates,
            row.conflicts,
            row.quarantined,
            row.difference(),
        ];
        let mut cells = vec![Cell::text(&row.source)];
        cells.extend(counts.map(Cell::Count));
        Row::holding(row.difference() == 0, cells)
    });
    Table {
        name: "intake",
        title: "Received = posted + ignored + suspended + duplicates + conflicts + quarantined"
            .into(),
        note: "Received is counted when the checkpoint moves, the others from their own rows."
            .into(),
        columns: vec![
            Column::text("source", "Source"),
            Column::count("received", "Received"),
            Column::count("posted", "Posted"),
            Column::count("ignored", "Ignored"),
            Column::count("suspended", "Suspended"),
            Column::count("duplicates", "Duplicates"),
            Column::count("conflicts", "Conflicts"),
            Column::count("quarantined", "Quarantined"),
            Column::count("difference", "Difference"),
        ],
        rows: rows.collect(),
    }
}

fn journal(control: &Control) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for total in &control.totals {
        let debit = money(total.debit, total.currency_id)?;
        rows.push(Row::holding(
            total.debit == total.credit,
            vec![
                Cell::text(&total.entity),
                Cell::text(&total.period),
                Cell::text(debit.currency().code()),
                Cell::Count(total.entries),
                Cell::Amount(debit),
                Cell::Amount(money(total.credit, total.currency_id)?),
                Cell::unless_zero(money(total.debit - total.credit, total.currency_id)?),
            ],
        ));
    }
    Ok(Table {
        name: "journal",
        title: "Debits = credits".into(),
        note: "From the lines, per entity, period and currency; balances kept by postings agree with them, or are named above.".into(),
        columns: vec![
            Column::text("entity", "Entity"),
            Column::text("period", "Period"),
            Column::text("currency", "Currency"),
            Column::count("entries", "Entries"),
            Column::amount("debit", "Debit"),
            Column::amount("credit", "Credit"),
            Column::amount("difference", "Difference"),
        ],
        rows,
    })
}

fn targets(control: &Control) -> Table {
    let rows = control.targets.iter().map(|target| {
        let counts = [
            target.counts.posted,
            target.counts.exported,
            target.waiting(),
            target.acknowledged,
            target.delivered,
            target.unknown,
            target.rejected,
            target.differing,
            target.difference(),
        ];
        let mut cells = vec![
            Cell::text(&target.counts.target),
            Cell::text(&target.counts.kind),
        ];
        cells.extend(counts.map(Cell::Count));
        Row::holding(
            target.difference() == 0
                && target.amounts_agree
                && target.rejected == 0
                && target.differing == 0,
            cells,
        )
    });
    Table {
        name: "targets",
        title: "Posted = exported + not yet; exported = acknowledged + delivered + unknown + rejected + differing".into(),
        note: "Entries per target. A file that lies where the ERP takes it from is delivered; what was read back from the ERP, and is what was sent, is acknowledged; what stands there otherwise differs.".into(),
        columns: vec![
            Column::text("target", "Target"),
            Column::text("kind", "Kind"),
            Column::count("posted", "Posted"),
            Column::count("exported", "Exported"),
            Column::count("not_yet_exported", "Not yet"),
            Column::count("acknowledged", "Acknowledged"),
            Column::count("delivered", "Delivered"),
            Column::count("unknown", "Unknown"),
            Column::count("rejected", "Rejected"),
            Column::count("differing", "Differing"),
            Column::count("difference", "Difference"),
        ],
        rows: rows.collect(),
    }
}

fn read_back(control: &Control) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for row in &control.read_back {
        let amount = |amount| money(amount, row.currency_id);
        let open = row.debit - row.read_debit;
        rows.push(Row::holding(
            row.differing == 0,
            vec![
                Cell::text(&row.target),
                Cell::text(&row.entity),
                Cell::text(&row.period),
                Cell::text(amount(0)?.currency().code()),
                Cell::Count(row.documents),
                Cell::Amount(amount(row.debit)?),
                Cell::Count(row.read_documents),
                Cell::Amount(amount(row.read_debit)?),
                Cell::Count(row.differing),
                Cell::unless_zero(amount(open)?),
            ],
        ));
    }
    Ok(Table {
        name: "read_back",
        title: "Acknowledged = what the ERP reads back".into(),
        note: "Documents of targets that answer one by one, per entity and period, and their debits in the currency of the entity's books. Read back is what was compared line by line and found equal; not read back is what was refused, is under way, or differs.".into(),
        columns: vec![
            Column::text("target", "Target"),
            Column::text("entity", "Entity"),
            Column::text("period", "Period"),
            Column::text("currency", "Currency"),
            Column::count("documents", "Sent"),
            Column::amount("debit", "Debit sent"),
            Column::count("read_documents", "Read back"),
            Column::amount("read_debit", "Debit read back"),
            Column::count("differing", "Differing"),
            Column::amount("not_read_back", "Not read back"),
        ],
        rows,
    })
}

fn cash(control: &Control) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for row in &control.cash {
        let amount = |amount| money(amount, row.currency_id);
        rows.push(Row::holding(
            row.difference() == 0,
            vec![
                Cell::text(&row.reconciliation),
                Cell::text(amount(0)?.currency().code()),
                Cell::text(&row.movement),
                Cell::Amount(amount(row.left)?),
                Cell::Amount(amount(row.right)?),
                Cell::unless_zero(amount(row.open)?),
                Cell::unless_zero(amount(row.breaks)?),
                Cell::unless_zero(amount(row.difference())?),
            ],
        ));
    }
    Ok(Table {
        name: "cash",
        title: "Left = right + open + breaks, each movement on its own".into(),
        note: "Payments: left is what billing booked on the clearing account, and the fees that it booked; right what the processor says moved, and the fees that it withheld. Payouts: left is what the processor settled, right what the bank received. Open is what one side is not due to show yet.".into(),
        columns: vec![
            Column::text("reconciliation", "Reconciliation"),
            Column::text("currency", "Currency"),
            Column::text("movement", "Movement"),
            Column::amount("left", "Left"),
            Column::amount("right", "Right"),
            Column::amount("open", "Open"),
            Column::amount("breaks", "Breaks"),
            Column::amount("difference", "Difference"),
        ],
        rows,
    })
}

fn clearing(control: &Control) -> Result<Table, ReportError> {
    let mut rows = Vec::new();
    for row in &control.clearing {
        let amount = |amount| money(amount, row.currency_id);
        let difference = row.balance - row.open_items;
        rows.push(Row::holding(
            difference == 0,
            vec![
                Cell::text(&row.account),
                Cell::text(&row.entity),
                Cell::text(amount(0)?.currency().code()),
                Cell::Amount(amount(row.balance)?),
                Cell::Amount(amount(row.open_items)?),
                Cell::Count(row.count),
                Cell::unless_zero(amount(difference)?),
            ],
        ));
    }
    Ok(Table {
        name: "clearing",
        title: "Balance of a clearing account = sum of its open items".into(),
        note: "Lines that a payout closed leave nothing; what is left is on its way, or a break."
            .into(),
        columns: vec![
            Column::text("account", "Account"),
            Column::text("entity", "Entity"),
            Column::text("currency", "Currency"),
            Column::amount("balance", "Balance"),
            Column::amount("open_items", "Open items"),
            Column::count("count", "Items"),
            Column::amount("difference", "Difference"),
        ],
        rows,
    })
}

/// Who did what, newest first.
fn runs(control: &Control) -> Table {
    let rows = control.runs.iter().map(|run| {
        Row::holding(
            run.succeeded,
            vec![
                Cell::Count(run.id),
                Cell::text(&run.job),
                Cell::text(&run.actor),
                Cell::text(run.started_at.format("%Y-%m-%d %H:%M:%S").to_string()),
                Cell::Count((run.finished_at - run.started_at).num_milliseconds()),
                Cell::text(if run.succeeded { "done" } else { "failed" }),
                Cell::text(&run.summary),
            ],
        )
    });
    Table {
        name: "runs",
        title: "Newest runs".into(),
        note: "Every run of a job and every change of state by a person, with what it did.".into(),
        columns: vec![
            Column::count("run", "Run"),
            Column::text("job", "Job"),
            Column::text("actor", "Who"),
            Column::text("started_at", "Started (UTC)"),
            Column::count("duration_ms", "Milliseconds"),
            Column::text("result", "Result"),
            Column::text("summary", "Summary"),
        ],
        rows: rows.collect(),
    }
}
