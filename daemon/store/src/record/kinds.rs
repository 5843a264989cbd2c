//! What the record chain covers: which columns of which tables, and what orders their rows.
//!
//! A table is added by one [`Record`] here, its line in [`RECORDS`], and a call of [`crate::Tx::seal_rows`] where
//! its rows are written. Columns stand in the order of their numbers: a new one goes to the end, and may be empty.

use crate::bulk::Kind::{self, Bytes, Day, Int, Moment, Text};
use crate::bulk::Table;

/// Rows that are never changed.
#[derive(Debug)]
pub(crate) struct Record {
    /// The kind in the chain.
    pub(crate) kind: &'static str,
    /// The table; of the kind's name, where it was not renamed since.
    pub(crate) table: &'static str,
    /// What the keys count within; `0` where the whole table is one series.
    pub(crate) scope: &'static str,
    /// That a row is of scope `$1`, in a way that an index serves.
    pub(crate) within: &'static str,
    /// What orders the rows of a scope: unique there.
    pub(crate) key: &'static str,
    /// Whether somebody may only give names here: rows that nothing refers to say nothing, so that new
    /// ones are found and covered by [`crate::Tx::seal_names`].
    pub(crate) names: bool,
    /// How many keys are read at once: few where a row may be large.
    pub(crate) window: i64,
    /// The columns that a row's hash covers.
    pub(crate) columns: &'static [(&'static str, Kind)],
}

/// A table with a dense number of its own.
const fn numbered(kind: &'static str, columns: &'static [(&'static str, Kind)]) -> Record {
    Record {
        kind,
        table: kind,
        scope: "0",
        // Named, so that both databases see the parameter.
        within: "CAST($1 AS BIGINT) = 0",
        key: "id",
        names: false,
        window: 2_048,
        columns,
    }
}

/// A dictionary.
const fn names(kind: &'static str, columns: &'static [(&'static str, Kind)]) -> Record {
    Record {
        names: true,
        ..numbered(kind, columns)
    }
}

/// What a checkpoint moved over: scope is the partition, the keys its positions, the rows its inputs.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// A period's state: scope is the period, the key 1 for open and 2 for closed.
pub(crate) const PERIOD_STATE: &str = "period_state";

/// The key of a period that takes postings.
pub(crate) const OPEN: i64 = 1;

/// The key of one that takes none.
pub(crate) const CLOSED: i64 = 2;

pub(crate) const POSTING_BATCHES: Table<8> = Table {
    name: "posting_batch",
    columns: [
        ("id", Int),
        ("first_entry", Int),
        ("entries", Int),
        ("root", Bytes),
        ("previous", Bytes),
        ("hash", Bytes),
        ("posted_at", Moment),
        ("posted_by", Text),
    ],
};

pub(crate) const EVENTS: Table<11> = Table {
    name: "event",
    columns: [
        ("id", Int),
        ("key", Bytes),
        ("content_hash", Bytes),
        ("origin_id", Int),
        ("event_type_id", Int),
        ("partition_id", Int),
        ("position", Int),
        ("occurred_at", Moment),
        ("received_at", Moment),
        ("payload", Bytes),
        ("content_version", Int),
    ],
};

pub(crate) const OUTCOMES: Table<5> = Table {
    name: "outcome",
    columns: [
        ("event_id", Int),
        ("kind", Int),
        ("rule_id", Int),
        ("reason", Text),
        ("decided_at", Moment),
    ],
};

pub(crate) const REPETITIONS: Table<9> = Table {
    name: "repetition",
    columns: [
        ("id", Int),
        ("event_id", Int),
        ("kind", Int),
        ("partition_id", Int),
        ("position", Int),
        ("content_hash", Bytes),
        ("payload", Bytes),
        ("received_at", Moment),
        ("content_version", Int),
    ],
};

pub(crate) const QUARANTINED: Table<9> = Table {
    name: "quarantine",
    columns: [
        ("id", Int),
        ("partition_id", Int),
        ("position", Int),
        ("reason", Text),
        ("raw", Bytes),
        ("headers", Text),
        ("received_at", Moment),
        ("whole_length", Int),
        ("whole_hash", Bytes),
    ],
};

pub(crate) const DOCUMENTS: Table<4> = Table {
    name: "document",
    columns: [
        ("entity_id", Int),
        ("fiscal_year", Int),
        ("number", Int),
        ("entry_id", Int),
    ],
};

pub(crate) const BATCHES_HELD: Table<5> = Table {
    name: "batch_held",
    columns: [
        ("id", Int),
        ("batch_id", Int),
        ("entry_id", Int),
        ("own", Int),
        ("why", Text),
    ],
};

pub(crate) const BATCHES_SUMMED: Table<4> = Table {
    name: "batch_summary",
    columns: [
        ("id", Int),
        ("batch_id", Int),
        ("entry_id", Int),
        ("number", Text),
    ],
};

pub(crate) const BATCH_DOCUMENTS: Table<8> = Table {
    name: "batch_document",
    columns: [
        ("batch_id", Int),
        ("no", Int),
        ("number", Text),
        ("entry_id", Int),
        ("entries", Int),
        ("lines", Int),
        ("currency_id", Int),
        ("debit", Int),
    ],
};

pub(crate) const DOCUMENT_ANSWERS: Table<7> = Table {
    name: "document_answer",
    columns: [
        ("id", Int),
        ("batch_id", Int),
        ("no", Int),
        ("attempt", Int),
        ("state", Int),
        ("theirs", Text),
        ("words", Text),
    ],
};

pub(crate) const SETTLEMENT_LINES: Table<30> = Table {
    name: "settlement_line_received",
    columns: [
        ("id", Int),
        ("key", Bytes),
        ("file_id", Int),
        ("statement_id", Int),
        ("position", Int),
        ("origin", Text),
        ("account", Text),
        ("identity", Text),
        ("kind", Text),
        ("reference", Text),
        ("payout", Text),
        ("currency_id", Int),
        ("gross", Int),
        ("fee", Int),
        ("net", Int),
        ("booked_on", Day),
        ("paid_on", Day),
        ("description", Text),
        ("raw", Text),
        ("movement", Int),
        ("place_offset", Int),
        ("place_length", Int),
        ("reference_list", Text),
        ("fee_parts", Text),
        ("exact", Text),
        ("original", Int),
        ("original_currency_id", Int),
        ("rate", Text),
        ("value_on", Day),
        ("counterparty", Text),
    ],
};

pub(crate) const STATEMENTS: Table<21> = Table {
    name: "statement",
    columns: [
        ("id", Int),
        ("file_id", Int),
        ("origin", Text),
        ("account", Text),
        ("identity", Text),
        ("currency_id", Int),
        ("opening", Int),
        ("closing", Int),
        ("total", Int),
        ("start_on", Day),
        ("end_on", Day),
        ("verdict", Text),
        ("basis", Text),
        ("sequence", Int),
        ("page", Int),
        ("is_last_page", Int),
        ("made_on", Day),
        ("lines", Int),
        ("own_lines", Int),
        ("first_line", Int),
        ("last_line", Int),
    ],
};

pub(crate) const REPEATS: Table<3> = Table {
    name: "settlement_repeat",
    columns: [("id", Int), ("statement_id", Int), ("line_id", Int)],
};

pub(crate) const COMPLETIONS: Table<12> = Table {
    name: "settlement_completion",
    columns: [
        ("id", Int),
        ("line_id", Int),
        ("statement_id", Int),
        ("payout", Text),
        ("paid_on", Day),
        ("fee", Int),
        ("fee_parts", Text),
        ("reference", Text),
        ("reference_list", Text),
        ("original", Int),
        ("original_currency_id", Int),
        ("rate", Text),
    ],
};

pub(crate) const CONFLICTS: Table<10> = Table {
    name: "settlement_conflict",
    columns: [
        ("id", Int),
        ("line_id", Int),
        ("statement_id", Int),
        ("position", Int),
        ("gross", Int),
        ("fee", Int),
        ("net", Int),
        ("currency_id", Int),
        ("payout", Text),
        ("what", Text),
    ],
};

pub(crate) const SUPERSESSIONS: Table<3> = Table {
    name: "statement_supersession",
    columns: [("statement_id", Int), ("id", Int), ("by_statement_id", Int)],
};

pub(crate) const SIGHTS: Table<10> = Table {
    name: "settlement_sight",
    columns: [
        ("id", Int),
        ("source", Text),
        ("name", Text),
        ("bytes", Int),
        ("changed_at", Moment),
        ("outcome", Int),
        ("hash", Bytes),
        ("why", Text),
        ("seen_at", Moment),
        ("seen_by", Text),
    ],
};

pub(crate) const MATCHES: Table<9> = Table {
    name: "reconciliation_match_made",
    columns: [
        ("id", Int),
        ("reconciliation", Text),
        ("pass", Text),
        ("currency_id", Int),
        ("left_amount", Int),
        ("right_amount", Int),
        ("explanation", Text),
        ("matched_at", Moment),
        ("proposal_id", Int),
    ],
};

pub(crate) const MATCH_ITEMS: Table<9> = Table {
    name: "match_item_made",
    columns: [
        ("reconciliation", Text),
        ("side", Text),
        ("item_kind", Int),
        ("item_id", Int),
        ("item_sub", Int),
        ("match_id", Int),
        ("amount", Int),
        ("serial", Int),
        ("again", Int),
    ],
};

pub(crate) static POSTING_BATCH: Record = numbered("posting_batch", &POSTING_BATCHES.columns);
pub(crate) static EVENT: Record = numbered("event", &EVENTS.columns);
pub(crate) static OUTCOME: Record = Record {
    key: "event_id",
    ..numbered("outcome", &OUTCOMES.columns)
};
pub(crate) static REDECISION: Record = numbered(
    "redecision",
    &[
        ("id", Int),
        ("event_id", Int),
        ("former_kind", Int),
        ("former_rule_id", Int),
        ("former_reason", Text),
        ("former_decided_at", Moment),
        ("kind", Int),
        ("rule_id", Int),
        ("reason", Text),
        ("decided_at", Moment),
        ("decided_by", Text),
    ],
);
pub(crate) static REPETITION: Record = numbered("repetition", &REPETITIONS.columns);
pub(crate) static QUARANTINE: Record = Record {
    window: 16,
    ..numbered("quarantine", &QUARANTINED.columns)
};
pub(crate) static QUARANTINE_DECISION: Record = Record {
    key: "quarantine_id",
    ..numbered(
        "quarantine_decision",
        &[
            ("quarantine_id", Int),
            ("kind", Int),
            ("why", Text),
            ("decided_at", Moment),
            ("decided_by", Text),
        ],
    )
};
pub(crate) static CORRECTION: Record = Record {
    key: "entry_id",
    ..numbered(
        "correction",
        &[
            ("entry_id", Int),
            ("event_id", Int),
            ("reverses", Int),
            ("substance", Bytes),
            ("why", Text),
        ],
    )
};
pub(crate) static REVERSAL: Record = Record {
    key: "entry_id",
    ..numbered(
        "reversal",
        &[("entry_id", Int), ("reverses", Int), ("part", Text)],
    )
};
pub(crate) static ACCOUNT_LABEL: Record = names(
    "account_label",
    &[
        ("id", Int),
        ("account_id", Int),
        ("from_on", Day),
        ("name", Text),
        ("code", Text),
    ],
);
/// A series is an entity's fiscal year.
pub(crate) static DOCUMENT: Record = Record {
    scope: "entity_id * 10000 + fiscal_year",
    within: "entity_id = CAST($1 AS BIGINT) / 10000 AND fiscal_year = CAST($1 AS BIGINT) % 10000",
    key: "number",
    ..numbered("document", &DOCUMENTS.columns)
};
pub(crate) static SEAL: Record = numbered(
    "seal",
    &[
        ("id", Int),
        ("period_id", Int),
        ("batch", Int),
        ("statement", Text),
        ("hash", Bytes),
        ("signature", Bytes),
        ("public_key", Bytes),
        ("sealed_at", Moment),
        ("sealed_by", Text),
    ],
);
/// But for the artifact itself, which its hash covers.
pub(crate) static BATCH: Record = numbered(
    "batch",
    &[
        ("id", Int),
        ("uuid", Text),
        ("target_id", Int),
        ("number", Int),
        ("first_entry", Int),
        ("last_entry", Int),
        ("entries", Int),
        ("lines", Int),
        ("created_at", Moment),
        ("created_by", Text),
        ("artifact_name", Text),
        ("artifact_hash", Bytes),
        ("manifest", Text),
    ],
);
pub(crate) static BATCH_RANGE: Record = Record {
    key: "batch_id",
    ..numbered(
        "batch_range",
        &[
            ("batch_id", Int),
            ("uuid", Text),
            ("target_id", Int),
            ("number", Int),
            ("first_entry", Int),
            ("last_entry", Int),
            ("follows", Int),
            ("ends", Int),
            ("replaces", Int),
            ("claimed_at", Moment),
            ("claimed_by", Text),
            ("supplements", Int),
            ("partial", Int),
        ],
    )
};
/// Rows of a batch, in an order within it.
const fn of_batch(kind: &'static str, columns: &'static [(&'static str, Kind)]) -> Record {
    Record {
        scope: "batch_id",
        within: "batch_id = $1",
        ..numbered(kind, columns)
    }
}
pub(crate) static BATCH_HELD: Record = numbered("batch_held", &BATCHES_HELD.columns);
pub(crate) static BATCH_TAKEN: Record = numbered(
    "batch_taken",
    &[("id", Int), ("batch_id", Int), ("entry_id", Int)],
);
pub(crate) static BATCH_SUMMARY: Record = numbered("batch_summary", &BATCHES_SUMMED.columns);
pub(crate) static BATCH_DOCUMENT: Record = Record {
    key: "no",
    ..of_batch("batch_document", &BATCH_DOCUMENTS.columns)
};
pub(crate) static DOCUMENT_ANSWER: Record = numbered("document_answer", &DOCUMENT_ANSWERS.columns);
pub(crate) static DELIVERY_BEGUN: Record = Record {
    key: "attempt",
    ..of_batch(
        "delivery_begun",
        &[
            ("batch_id", Int),
            ("attempt", Int),
            ("begun_at", Moment),
            ("begun_by", Text),
        ],
    )
};
pub(crate) static BATCH_RELEASE: Record = Record {
    key: "batch_id",
    ..numbered(
        "batch_release",
        &[
            ("batch_id", Int),
            ("why", Text),
            ("decided_at", Moment),
            ("decided_by", Text),
        ],
    )
};
pub(crate) static BATCH_RESEND: Record = Record {
    key: "attempt",
    ..of_batch(
        "batch_resend",
        &[
            ("batch_id", Int),
            ("attempt", Int),
            ("why", Text),
            ("decided_at", Moment),
            ("decided_by", Text),
        ],
    )
};
pub(crate) static PROPOSAL: Record = numbered(
    "proposal",
    &[
        ("id", Int),
        ("kind", Text),
        ("subject", Text),
        ("seen", Bytes),
        ("payload", Text),
        ("why", Text),
        ("eyes", Int),
        ("role", Text),
        ("proposed_by", Text),
        ("proposed_at", Moment),
    ],
);
pub(crate) static DECISION: Record = Record {
    key: "proposal_id",
    ..numbered(
        "decision",
        &[
            ("proposal_id", Int),
            ("verdict", Text),
            ("proposed_by", Text),
            ("decided_by", Text),
            ("decided_at", Moment),
            ("why", Text),
        ],
    )
};
pub(crate) static DELIVERY: Record = Record {
    key: "attempt",
    ..of_batch(
        "delivery",
        &[
            ("batch_id", Int),
            ("attempt", Int),
            ("kind", Int),
            ("message", Text),
            ("attempted_at", Moment),
            ("attempted_by", Text),
        ],
    )
};
/// But for the bytes, which the hash covers.
pub(crate) static SETTLEMENT_FILE: Record = numbered(
    "settlement_file",
    &[
        ("id", Int),
        ("hash", Bytes),
        ("name", Text),
        ("format", Text),
        ("received_at", Moment),
        ("received_by", Text),
        ("format_version", Int),
        ("options", Text),
        ("source", Text),
        ("kept", Text),
    ],
);
pub(crate) static SIGHT: Record = numbered("settlement_sight", &SIGHTS.columns);
pub(crate) static STATEMENT: Record = numbered("statement", &STATEMENTS.columns);
pub(crate) static REPEAT: Record = numbered("settlement_repeat", &REPEATS.columns);
pub(crate) static COMPLETION: Record = numbered("settlement_completion", &COMPLETIONS.columns);
pub(crate) static CONFLICT: Record = numbered("settlement_conflict", &CONFLICTS.columns);
pub(crate) static SUPERSESSION: Record = numbered("statement_supersession", &SUPERSESSIONS.columns);
pub(crate) static SETTLEMENT_LINE: Record = Record {
    table: SETTLEMENT_LINES.name,
    ..numbered("settlement_line", &SETTLEMENT_LINES.columns)
};
pub(crate) static MATCH: Record = Record {
    table: MATCHES.name,
    ..numbered("reconciliation_match", &MATCHES.columns)
};
pub(crate) static MATCH_ITEM: Record = Record {
    table: MATCH_ITEMS.name,
    key: "serial",
    ..numbered("match_item", &MATCH_ITEMS.columns)
};
pub(crate) static MATCH_UNDONE: Record = numbered(
    "match_undone",
    &[
        ("id", Int),
        ("match_id", Int),
        ("reconciliation", Text),
        ("proposal_id", Int),
        ("why", Text),
        ("undone_at", Moment),
        ("undone_by", Text),
    ],
);
/// But for the bytes, which the hash covers.
pub(crate) static ATTACHMENT: Record = numbered(
    "attachment",
    &[
        ("id", Int),
        ("subject", Text),
        ("name", Text),
        ("hash", Bytes),
        ("size", Int),
        ("attached_at", Moment),
        ("attached_by", Text),
    ],
);
pub(crate) static BREAK_CASE: Record = Record {
    key: "serial",
    ..numbered(
        "break_case",
        &[
            ("id", Text),
            ("reconciliation", Text),
            ("kind", Text),
            ("reference", Text),
            ("currency_id", Int),
            ("amount", Int),
            ("detail", Text),
            ("opened_at", Moment),
            ("serial", Int),
        ],
    )
};
pub(crate) static CASE_DEED: Record = Record {
    key: "serial",
    ..numbered(
        "case_deed",
        &[
            ("case_id", Text),
            ("number", Int),
            ("deed", Text),
            ("actor", Text),
            ("done_at", Moment),
            ("why", Text),
            ("assignee", Text),
            ("amount", Int),
            ("proposal_id", Int),
            ("serial", Int),
            ("until_on", Day),
        ],
    )
};
/// Entries that end breaks, by the decision that made them.
pub(crate) static BREAK_POSTING: Record = Record {
    key: "proposal_id",
    ..numbered(
        "break_posting",
        &[
            ("proposal_id", Int),
            ("case_id", Text),
            ("event_id", Int),
            ("first_entry", Int),
            ("entries", Int),
            ("amount", Int),
        ],
    )
};
/// What a run leaves in place of what the one before left: the newest link of a reconciliation covers all of it.
const fn replaced(kind: &'static str, columns: &'static [(&'static str, Kind)]) -> Record {
    Record {
        within: "reconciliation = $1",
        ..numbered(kind, columns)
    }
}
pub(crate) static FINDING: Record = replaced(
    "finding",
    &[
        ("id", Text),
        ("reconciliation", Text),
        ("kind", Text),
        ("status", Text),
        ("reference", Text),
        ("account", Text),
        ("currency_id", Int),
        ("amount", Int),
        ("since_on", Day),
        ("age_days", Int),
        ("detail", Text),
        ("lasting", Int),
    ],
);
pub(crate) static STATE: Record = replaced(
    "reconciliation_state",
    &[
        ("reconciliation", Text),
        ("account", Text),
        ("currency_id", Int),
        ("left_total", Int),
        ("right_total", Int),
        ("left_matched", Int),
        ("right_matched", Int),
        ("left_pending", Int),
        ("right_pending", Int),
        ("breaks", Int),
        ("as_of_on", Day),
    ],
);
pub(crate) static CASH: Record = replaced(
    "reconciliation_cash",
    &[
        ("reconciliation", Text),
        ("currency_id", Int),
        ("movement", Text),
        ("left_total", Int),
        ("right_total", Int),
        ("left_open", Int),
        ("right_open", Int),
        ("breaks", Int),
    ],
);
/// All that runs replace.
pub(crate) static REPLACED: [&Record; 3] = [&FINDING, &STATE, &CASH];
pub(crate) static RUN: Record = numbered(
    "run",
    &[
        ("id", Int),
        ("job", Text),
        ("actor", Text),
        ("started_at", Moment),
        ("finished_at", Moment),
        (
            "CASE WHEN succeeded THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END",
            Int,
        ),
        ("summary", Text),
    ],
);
pub(crate) static MAPPING: Record = numbered(
    "mapping",
    &[
        ("id", Int),
        ("pack", Text),
        ("version", Bytes),
        ("activated_at", Moment),
        ("activated_by", Text),
    ],
);
pub(crate) static ACTIVATION: Record = numbered(
    "mapping_activation",
    &[
        ("id", Int),
        ("mapping_id", Int),
        ("activated_at", Moment),
        ("activated_by", Text),
    ],
);
static RULE: Record = names("rule", &[("id", Int), ("mapping_id", Int), ("name", Text)]);
static EVENT_TYPE: Record = names("event_type", &[("id", Int), ("name", Text)]);
static ORIGIN: Record = names("origin", &[("id", Int), ("name", Text)]);
static SOURCE: Record = names("source", &[("id", Int), ("name", Text), ("kind", Text)]);
/// But for the checkpoint, which moves.
static PARTITION: Record = names(
    "source_partition",
    &[("id", Int), ("source_id", Int), ("name", Text)],
);
static PAYOUT: Record = names(
    "payout",
    &[
        ("id", Int),
        ("account", Text),
        ("identity", Text),
        ("currency_id", Int),
    ],
);
static TARGET: Record = names("target", &[("id", Int), ("name", Text), ("kind", Text)]);
/// But for what people call it.
static ENTITY: Record = names(
    "entity",
    &[
        ("id", Int),
        ("code", Text),
        ("functional_id", Int),
        ("zone", Text),
        ("calendar", Text),
    ],
);
/// But for the chart's code and what people call it.
static ACCOUNT: Record = names(
    "account",
    &[
        ("id", Int),
        ("name", Text),
        ("type", Text),
        ("normal_side", Int),
    ],
);
/// But for its state, which is a fact of its own.
static PERIOD: Record = names(
    "period",
    &[
        ("id", Int),
        ("entity_id", Int),
        ("code", Text),
        ("start_on", Day),
        ("end_on", Day),
    ],
);

/// Everything that is covered.
pub(crate) static RECORDS: &[&Record] = &[
    &POSTING_BATCH,
    &EVENT,
    &OUTCOME,
    &REDECISION,
    &REPETITION,
    &QUARANTINE,
    &QUARANTINE_DECISION,
    &CORRECTION,
    &REVERSAL,
    &DOCUMENT,
    &SEAL,
    &BATCH,
    &BATCH_RANGE,
    &BATCH_TAKEN,
    &BATCH_HELD,
    &BATCH_DOCUMENT,
    &BATCH_SUMMARY,
    &BATCH_RELEASE,
    &BATCH_RESEND,
    &DELIVERY_BEGUN,
    &DELIVERY,
    &DOCUMENT_ANSWER,
    &SETTLEMENT_FILE,
    &SIGHT,
    &STATEMENT,
    &SETTLEMENT_LINE,
    &REPEAT,
    &COMPLETION,
    &CONFLICT,
    &SUPERSESSION,
    &MATCH,
    &MATCH_ITEM,
    &MATCH_UNDONE,
    &BREAK_CASE,
    &CASE_DEED,
    &BREAK_POSTING,
    &ATTACHMENT,
    &RUN,
    &PROPOSAL,
    &DECISION,
    &MAPPING,
    &ACTIVATION,
    &RULE,
    &EVENT_TYPE,
    &ORIGIN,
    &ACCOUNT_LABEL,
    &SOURCE,
    &PARTITION,
    &PAYOUT,
    &TARGET,
    &ENTITY,
    &ACCOUNT,
    &PERIOD,
];

impl Record {
    /// The kind with this name.
    pub(crate) fn named(kind: &str) -> Option<&'static Self> {
        RECORDS.iter().find(|record| record.kind == kind).copied()
    }

    /// The rows of a scope (`$1`) from one key to another (`$2`, `$3`), in order, each after its key.
    pub(crate) fn rows(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let (table, within, key) = (self.table, self.within, self.key);
        format!(
            "SELECT {key}, {} FROM {table} WHERE {within} AND {key} >= $2 AND {key} <= $3 ORDER BY {key}",
            columns.join(", "),
        )
    }

    /// The rows of a reconciliation (`$1`), each after a number that says nothing.
    pub(crate) fn replaced_rows(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let (table, within) = (self.table, self.within);
        let columns = columns.join(", ");
        format!("SELECT CAST(0 AS BIGINT), {columns} FROM {table} WHERE {within}")
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> String {
        format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {}", self.table)
    }

    /// All scopes, with their first and last keys.
    pub(crate) fn scopes(&self) -> String {
        let (scope, key) = (self.scope, self.key);
        format!(
            "SELECT scope, MIN(row_key) AS first_key, MAX(row_key) AS last_key FROM (SELECT CAST({scope} AS BIGINT) AS scope, CAST({key} AS BIGINT) AS row_key FROM {}) AS keyed GROUP BY scope ORDER BY scope",
            self.table
        )
    }
}
