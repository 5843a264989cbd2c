//! What a target lacks, found before anything is rendered: an entry of each entity on each account of the chart is written
//! into nothing, and what has no counterpart is told.

use super::maps::Tables;
use chrono::{DateTime, NaiveDate};
use connectors::erp::ErpConnector;
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use ledger::{
    Chart, Currency, Dimensions, EntryHeader, EntryKind, EventKey, Hash, JournalEntry, Labels,
    Line, Money, RuleRef, Side,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What has no counterpart, each once.
pub(crate) fn lacking(
    connector: &dyn ErpConnector,
    tables: &Tables,
    chart: &Arc<Chart>,
    entities: &[(String, Currency)],
    on: NaiveDate,
) -> Vec<String> {
    let mut lacking = BTreeSet::new();
    for (entity, currency) in entities {
        for account in chart.accounts() {
            let Some(item) = entry(entity, *currency, &account.account, on) else {
                continue;
            };
            let mut batch = ExportBatch {
                id: String::new(),
                number: 1,
                target: "check".to_owned(),
                created_at: DateTime::UNIX_EPOCH,
                entries: vec![item],
                chart: Arc::clone(chart),
                labels: Arc::new(Labels::default()),
                accounts: None,
            };
            tables.apply(&mut batch);
            let tried = connector.render(&batch, &mut std::io::sink());
            if let Err(unknown @ RenderError::Unknown { .. }) = tried {
                lacking.insert(unknown.to_string());
            }
        }
    }
    lacking.into_iter().collect()
}

/// One unit moved from an account to itself.
fn entry(entity: &str, currency: Currency, account: &str, on: NaiveDate) -> Option<ExportEntry> {
    let one = Money::minor(100, currency);
    let line = |side| Line {
        account: account.to_owned(),
        side,
        amount: one,
        functional: one,
        dimensions: Dimensions::new(),
        deferral: None,
    };
    let header = EntryHeader {
        entity: entity.to_owned(),
        date: on,
        event_on: None,
        kind: EntryKind::Original,
        reference: "check".to_owned(),
        description: "check".to_owned(),
        event: EventKey::new("check", "check"),
        rule: RuleRef {
            mapping: Hash::ZERO,
            rule: "check".into(),
        },
        rate: None,
    };
    let entry = JournalEntry::new(header, vec![line(Side::Debit), line(Side::Credit)]).ok()?;
    Some(ExportEntry {
        id: 1,
        document: format!("{entity}-{}-000001", on.format("%Y")),
        period: on.format("%Y-%m").to_string(),
        entry,
    })
}
