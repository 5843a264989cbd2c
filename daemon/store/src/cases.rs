//! What runs find wrong, and the cases that people work on.
//!
//! A finding belongs to the newest run of its reconciliation and is replaced by the next. Its case stays:
//! what it was when it was first found, and a history to which runs and people only add.

pub mod posting;

use crate::bulk::Kind::{Day, Int, Moment, Text};
use crate::bulk::{Field, Table};
use crate::intake::Stamp;
use crate::reconciliation::BreakRow;
use crate::record::{Span, kinds};
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use ledger::ItemRef;
use sqlx_macros::FromRow;
use std::collections::{BTreeMap, BTreeSet};

/// A case: what was wrong when it was first found.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct CaseRow {
    /// The break's id.
    pub id: String,
    /// The reconciliation.
    pub reconciliation: String,
    /// What was wrong.
    pub kind: String,
    /// What people look for.
    pub reference: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// Left less right.
    pub amount: i64,
    /// A sentence for people.
    pub detail: String,
    /// When it was first found.
    pub opened_at: DateTime<Utc>,
}

/// A line of a case's history.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct DeedRow {
    /// Its number within the case.
    pub number: i64,
    /// `found`, `cleared`, `assigned`, `resolved`, ….
    pub deed: String,
    /// By whom; for what a run saw, who ran it.
    pub actor: String,
    /// When.
    pub done_at: DateTime<Utc>,
    /// Why, or what was said.
    pub why: String,
    /// Who looks after it from now on; for `disputed`, who is asked.
    pub assignee: String,
    /// The amount at that time, left less right.
    pub amount: i64,
    /// The decision that it comes from.
    pub proposal_id: Option<i64>,
    /// Until when, for `accepted`.
    pub until_on: Option<NaiveDate>,
}

/// A line of the history of something that the newest runs find.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct PastRow {
    /// The break.
    pub id: String,
    /// The deed's word.
    pub deed: String,
    /// The amount at that time, left less right.
    pub amount: i64,
}

/// A deed to be added.
#[derive(Clone, Debug, Default)]
pub struct NewDeed {
    /// The deed's word.
    pub deed: &'static str,
    /// Why, or what is said.
    pub why: String,
    /// Who looks after it, for `assigned`; who is asked, for `disputed`.
    pub assignee: String,
    /// The amount now.
    pub amount: i64,
    /// The decision that it comes from.
    pub proposal_id: Option<i64>,
    /// Until when, for `accepted`.
    pub until_on: Option<NaiveDate>,
}

/// A line of a case's history, with what the case is about.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct HistoryRow {
    /// The break.
    pub id: String,
    /// The reconciliation.
    pub reconciliation: String,
    /// What is wrong.
    pub kind: String,
    /// What people look for.
    pub reference: String,
    /// ISO number of the currency.
    pub currency_id: i64,
    /// A sentence for people, from when it was first found.
    pub detail: String,
    /// The deed's word.
    pub deed: String,
    /// By whom.
    pub actor: String,
    /// When.
    pub done_at: DateTime<Utc>,
    /// Why, or what was said.
    pub why: String,
    /// The amount at that time, left less right.
    pub amount: i64,
    /// Until when, for `accepted`.
    pub until_on: Option<NaiveDate>,
}

#[derive(Debug, FromRow)]
struct Before {
    id: String,
    amount: i64,
    lasting: bool,
}

impl Snapshot {
    /// A case.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn case(&self, id: &str) -> Result<Option<CaseRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("cases/case"))
            .bind(id).fetch_optional(db).await?))
    }

    /// What happened to all cases before a moment: by reconciliation and break, each in its order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn case_history(&self, before: DateTime<Utc>) -> Result<Vec<HistoryRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cases/history"))
            .bind(before).fetch_all(db).await?),
        )
    }

    /// What runs found, lost and saw change, from one moment to another.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn case_changes(
        &self,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<HistoryRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cases/changes"))
            .bind(from).bind(to).fetch_all(db).await?),
        )
    }

    /// A case's history.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn case_deeds(&self, id: &str) -> Result<Vec<DeedRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("cases/deeds"))
            .bind(id).fetch_all(db).await?))
    }

    /// The histories of all that the newest runs find, each from its beginning.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn findings_past(&self) -> Result<Vec<PastRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("cases/findings_past"))
            .fetch_all(db).await?),
        )
    }
}

impl Tx {
    /// A case as it stands while others wait, with its history.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn case_seen(
        &mut self,
        id: &str,
    ) -> Result<Option<(CaseRow, Vec<DeedRow>)>, StoreError> {
        let case: Option<CaseRow> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("cases/case")).bind(id).fetch_optional(db).await?);
        let Some(case) = case else { return Ok(None) };
        let deeds = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("cases/deeds")).bind(id).fetch_all(db).await?);
        Ok(Some((case, deeds)))
    }

    /// Adds to a case's history.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_deed(
        &mut self,
        case: &str,
        deed: &NewDeed,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let serial = self.next_deed().await?;
        self.insert_deed(case, deed, stamp).await?;
        self.seal_rows(&kinds::CASE_DEED, Span::one(serial), stamp)
            .await
    }

    async fn next_deed(&mut self) -> Result<i64, StoreError> {
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("cases/next_deed")).fetch_one(db).await?))
    }

    async fn next_case(&mut self) -> Result<i64, StoreError> {
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("cases/next_case")).fetch_one(db).await?))
    }

    /// A deed that whoever calls covers.
    async fn insert_deed(
        &mut self,
        case: &str,
        deed: &NewDeed,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let serial = self.next_deed().await?;
        on_tx!(&mut *self, db => sqlx::query(sql!("cases/insert_deed"))
            .bind(case).bind(deed.deed).bind(&stamp.actor).bind(stamp.now).bind(&deed.why)
            .bind(&deed.assignee).bind(deed.amount).bind(deed.proposal_id).bind(serial).bind(deed.until_on)
            .execute(db).await?.rows_affected());
        Ok(())
    }

    /// Covers the cases and deeds that were added from these serials on.
    async fn seal_cases(
        &mut self,
        (case, deed): (i64, i64),
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let cases = Span::keys(case, self.next_case().await? - 1);
        let deeds = Span::keys(deed, self.next_deed().await? - 1);
        for (record, span) in [(&kinds::BREAK_CASE, cases), (&kinds::CASE_DEED, deeds)] {
            if span.last >= span.first {
                self.seal_rows(record, span, stamp).await?;
            }
        }
        Ok(())
    }

    /// Replaces a reconciliation's findings by those of a new run, and tells the cases what changed.
    /// What comes from a match stays, for no later run finds that match again.
    pub(crate) async fn replace_findings(
        &mut self,
        reconciliation: &str,
        found: &[BreakRow],
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        let first = (self.next_case().await?, self.next_deed().await?);
        let before: Vec<Before> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("cases/findings_before")).bind(reconciliation).fetch_all(db).await?);
        let matched: Vec<(String, i64, String)> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("cases/how_cleared")).bind(reconciliation).fetch_all(db).await?);
        let matched: BTreeMap<&str, (i64, &str)> = matched
            .iter()
            .map(|(id, by, pass)| (id.as_str(), (*by, pass.as_str())))
            .collect();
        on_tx!(&mut *self, db => sqlx::query(sql!("cases/clear_findings"))
            .bind(reconciliation).execute(db).await?.rows_affected());
        let now: BTreeSet<&str> = found.iter().map(|row| row.id.as_str()).collect();
        for gone in before
            .iter()
            .filter(|row| !row.lasting && !now.contains(row.id.as_str()))
        {
            let why = match matched.get(gone.id.as_str()) {
                Some((id, pass)) => format!("matched in match {id} (`{pass}`)"),
                None => "no run finds it any more".to_owned(),
            };
            let deed = NewDeed {
                deed: "cleared",
                why,
                ..NewDeed::default()
            };
            self.insert_deed(&gone.id, &deed, stamp).await?;
        }
        let before: BTreeMap<&str, &Before> =
            before.iter().map(|row| (row.id.as_str(), row)).collect();
        let mut unseen = Vec::new();
        for row in found {
            match before.get(row.id.as_str()) {
                Some(known) => self.tell_case(row, known, stamp).await?,
                None => unseen.push(row),
            }
        }
        self.open_cases(&unseen, stamp).await?;
        self.seal_cases(first, stamp).await?;
        self.insert_finding_items(found).await?;
        self.insert_findings(found).await
    }

    /// The items of each finding, in place of those of findings that are gone.
    async fn insert_finding_items(&mut self, found: &[BreakRow]) -> Result<(), StoreError> {
        on_tx!(&mut *self, db => sqlx::query(sql!("cases/clear_finding_items"))
            .execute(db).await?.rows_affected());
        const ITEMS: Table<5> = Table {
            name: "finding_item",
            columns: [
                ("finding_id", Text),
                ("position", Int),
                ("item_kind", Int),
                ("item_id", Int),
                ("item_sub", Int),
            ],
        };
        let items: Vec<(&str, i64, ItemRef)> = found
            .iter()
            .flat_map(|row| {
                let numbered = (1..).zip(&row.items);
                numbered.map(|(position, item)| (row.id.as_str(), position, *item))
            })
            .collect();
        let rows = items.iter().map(|(of, position, item)| {
            [
                Field::Text(of),
                Field::Int(*position),
                Field::Int(item.kind.number()),
                Field::Int(item.id),
                Field::Int(item.sub),
            ]
        });
        self.insert(ITEMS, rows).await
    }

    /// A finding that the run before had as well: its case hears of another amount.
    async fn tell_case(
        &mut self,
        row: &BreakRow,
        before: &Before,
        stamp: &Stamp,
    ) -> Result<(), StoreError> {
        if before.lasting {
            on_tx!(&mut *self, db => sqlx::query(sql!("cases/delete_finding"))
                .bind(&row.id).execute(db).await?.rows_affected());
        }
        if before.amount == row.amount {
            return Ok(());
        }
        self.insert_deed(&row.id, &seen(row, "changed"), stamp)
            .await
    }

    /// Findings that the run before did not have: a new case, or the one that it had long ago.
    async fn open_cases(&mut self, unseen: &[&BreakRow], stamp: &Stamp) -> Result<(), StoreError> {
        let ids: Vec<&str> = unseen.iter().map(|row| row.id.as_str()).collect();
        let ids = crate::books::json(&ids)?;
        let statement = sql_of!(&*self, "cases/known");
        let known: BTreeSet<String> = on_tx!(&mut *self, db =>
            sqlx::query_scalar::<_, String>(statement).bind(&ids).fetch_all(db).await?)
        .into_iter()
        .collect();
        let (returned, new): (Vec<&BreakRow>, Vec<&BreakRow>) =
            unseen.iter().partition(|row| known.contains(&row.id));
        for row in returned {
            self.insert_deed(&row.id, &seen(row, "returned"), stamp)
                .await?;
        }
        let first = self.next_case().await?;
        let numbered: Vec<(i64, &BreakRow)> = (first..).zip(new.iter().copied()).collect();
        let cases = numbered.iter().map(|(serial, row)| {
            [
                Field::Text(&row.id),
                Field::Text(&row.reconciliation),
                Field::Text(&row.kind),
                Field::Text(&row.reference),
                Field::Int(row.currency_id),
                Field::Int(row.amount),
                Field::Text(&row.detail),
                Field::Moment(stamp.now),
                Field::Int(*serial),
            ]
        });
        self.insert(CASES, cases).await?;
        let first = self.next_deed().await?;
        let numbered: Vec<(i64, &BreakRow)> = (first..).zip(new).collect();
        let deeds = numbered.iter().map(|(serial, row)| {
            [
                Field::Text(&row.id),
                Field::Int(1),
                Field::Text("found"),
                Field::Text(&stamp.actor),
                Field::Moment(stamp.now),
                Field::Text(&row.detail),
                Field::Text(""),
                Field::Int(row.amount),
                Field::Int(*serial),
            ]
        });
        self.insert(DEEDS, deeds).await
    }

    async fn insert_findings(&mut self, found: &[BreakRow]) -> Result<(), StoreError> {
        let rows = found.iter().map(|row| {
            [
                Field::Text(&row.id),
                Field::Text(&row.reconciliation),
                Field::Text(&row.kind),
                Field::Text(&row.status),
                Field::Text(&row.reference),
                Field::Text(&row.account),
                Field::Int(row.currency_id),
                Field::Int(row.amount),
                Field::Day(row.since_on),
                Field::Int(row.age_days),
                Field::Text(&row.detail),
                Field::Int(row.lasting.into()),
            ]
        });
        self.insert(FINDINGS, rows).await
    }
}

/// What a run saw of a finding, for its case.
fn seen(row: &BreakRow, deed: &'static str) -> NewDeed {
    NewDeed {
        deed,
        why: row.detail.clone(),
        amount: row.amount,
        ..NewDeed::default()
    }
}

const FINDINGS: Table<12> = Table {
    name: "finding",
    columns: [
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
};

const CASES: Table<9> = Table {
    name: "break_case",
    columns: [
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
};

const DEEDS: Table<9> = Table {
    name: "case_deed",
    columns: [
        ("case_id", Text),
        ("number", Int),
        ("deed", Text),
        ("actor", Text),
        ("done_at", Moment),
        ("why", Text),
        ("assignee", Text),
        ("amount", Int),
        ("serial", Int),
    ],
};
