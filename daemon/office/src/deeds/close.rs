//! A period's close: number what has no number yet, and sign what stands there.
//!
//! One transaction: the period is closed, its documents are numbered, the seal is kept, and who did so. As a writer
//! it holds the books still, so that head, balances and control equation belong together.

use crate::call::Call;
use crate::evidence::seal::{
    Balance, Bounds, Chain, Control, Documents, FORMAT, Record, Statement, signer, verified,
};
use anyhow::{Context as _, ensure};
use chrono::SecondsFormat;
use ledger::chain::{Merkle, document, merkle_root};
use ledger::{Currency, Hash};
use store::evidence::NewSeal;
use store::intake::Stamp;
use store::runs::RunRow;
use store::{Snapshot, Tx};

/// How many documents are read at once.
const PAGE: i64 = 10_000;

/// What a close did.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Closed {
    /// The entity's code.
    pub entity: String,
    /// The period's code.
    pub period: String,
    /// False when it was closed already, or never posted to.
    pub changed: bool,
    /// Entries of the period.
    pub entries: i64,
    /// Entries that were numbered now.
    pub numbered: i64,
    /// Posting batches under the seal.
    pub batches: i64,
}

/// Closes and seals a period; nothing changes when it is closed already.
pub async fn close(call: &Call, entity: &str, period: &str) -> anyhow::Result<Closed> {
    let signer = signer(call)?;
    let stamp = call.stamp();
    let mut tx = call.store.begin().await?;
    let changed = tx.set_period_state(entity, period, true, &stamp).await?;
    let mut closed = Closed {
        entity: entity.to_owned(),
        period: period.to_owned(),
        changed,
        entries: 0,
        numbered: 0,
        batches: 0,
    };
    if !changed {
        return Ok(closed);
    }
    closed.numbered = tx.number_period(entity, period, &stamp).await?;
    let documents = documents(&mut tx, entity, period).await?;
    let statement = statement(call, entity, period, &stamp).await?;
    let statement = Statement {
        documents: Some(documents),
        ..statement
    };
    closed.entries = statement.entries;
    closed.batches = statement.chain.batches;
    let text = serde_json::to_string(&statement)?;
    let seal = NewSeal {
        entity: entity.to_owned(),
        period: period.to_owned(),
        batch: statement.chain.batches,
        signature: signer.sign(&text),
        public_key: signer.public_key(),
        statement: text,
    };
    verified(&seal.statement, &seal.signature, &seal.public_key)
        .context("the new seal does not verify; nothing is closed")?;
    tx.insert_seal(&seal, &stamp).await?;
    record(call, &mut tx, &stamp, &closed).await?;
    tx.commit().await?;
    Ok(closed)
}

/// Who closed it, in the transaction that does: neither is there without the other.
async fn record(call: &Call, tx: &mut Tx, started: &Stamp, closed: &Closed) -> anyhow::Result<()> {
    let run = RunRow {
        id: 0,
        job: "period close".to_owned(),
        actor: started.actor.clone(),
        started_at: started.now,
        finished_at: call.clock.now(),
        succeeded: true,
        summary: serde_json::to_string(closed)?,
    };
    Ok(tx.record_run(&run).await?)
}

async fn statement(
    call: &Call,
    entity: &str,
    period: &str,
    stamp: &Stamp,
) -> anyhow::Result<Statement> {
    // What is written here is not seen, and nobody else writes meanwhile.
    let books = &call.store.snapshot().await?;
    let links: Vec<Hash> = books
        .links()
        .await?
        .iter()
        .map(|stored| stored.hash)
        .collect();
    let seals = books.seals().await?;
    let balances = balances(books, entity, period).await?;
    let control: Vec<Control> = books
        .intake_control()
        .await?
        .into_iter()
        .map(|row| Control {
            source: row.source,
            received: row.received,
            posted: row.posted,
            ignored: row.ignored,
            suspended: row.suspended,
            duplicates: row.duplicates,
            conflicts: row.conflicts,
            quarantined: row.quarantined,
        })
        .collect();
    if let Some(open) = control.iter().find(|row| row.difference() != 0) {
        anyhow::bail!(
            "the control equation of source `{}` does not close; run `tieout verify` before the period is closed",
            open.source
        );
    }
    Ok(Statement {
        format: FORMAT.to_owned(),
        company: call.config.company.clone(),
        entity: entity.to_owned(),
        period: period.to_owned(),
        sealed_at: stamp.now.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        sealed_by: stamp.actor.clone(),
        chain: Chain {
            batches: i64::try_from(links.len())?,
            head: links.last().copied().unwrap_or(Hash::ZERO).to_string(),
            root: merkle_root(&links).to_string(),
        },
        entries: books.entries_of_period(entity, period).await?,
        balances,
        control,
        previous_seal: seals
            .last()
            .map_or(Hash::ZERO, |seal| Hash::of(seal.statement.as_bytes()))
            .to_string(),
        bounds: Some(bounds(books, entity, period).await?),
        documents: None,
        record: Some(stood(books).await?),
    })
}

async fn stood(books: &Snapshot) -> anyhow::Result<Record> {
    let heads = books.heads().await?;
    Ok(Record {
        links: heads.record,
        head: heads.record_head.to_string(),
    })
}

async fn bounds(books: &Snapshot, entity: &str, period: &str) -> anyhow::Result<Bounds> {
    let periods = books.periods().await?;
    let row = periods
        .iter()
        .find(|row| (row.entity.as_str(), row.code.as_str()) == (entity, period))
        .with_context(|| format!("`{entity}` has no period {period}"))?;
    Ok(Bounds {
        first_day: row.start_on,
        last_day: row.end_on,
    })
}

/// The numbers of the period's documents, and the root over them.
async fn documents(tx: &mut Tx, entity: &str, period: &str) -> anyhow::Result<Documents> {
    let year = period.split('-').next().unwrap_or_default();
    let mut documents = Documents {
        fiscal_year: year
            .parse()
            .with_context(|| format!("period `{period}` names no fiscal year"))?,
        lowest: 0,
        highest: 0,
        elsewhere: 0,
        root: String::new(),
    };
    let (mut merkle, mut count, mut after) = (Merkle::default(), 0, 0);
    loop {
        let page = tx.numbered((entity, period), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for row in &page {
            let hash = Hash::from_slice(&row.hash)
                .with_context(|| format!("entry {} has no hash; run `tieout verify`", row.id))?;
            merkle.add(&document(row.id, row.number, &hash));
            count += 1;
            documents.highest = documents.highest.max(row.number);
            documents.lowest = match documents.lowest {
                0 => row.number,
                lowest => lowest.min(row.number),
            };
        }
    }
    if count > 0 {
        documents.elsewhere = documents.highest - documents.lowest + 1 - count;
    }
    documents.root = merkle.root().to_string();
    Ok(documents)
}

/// What the period's accounts stand at; their sum is zero, or nothing is sealed.
async fn balances(books: &Snapshot, entity: &str, period: &str) -> anyhow::Result<Vec<Balance>> {
    let all = books.balances().await?;
    let labels = books.labels().await?;
    let last = bounds(books, entity, period).await?.last_day;
    let mut own = Vec::new();
    for row in all
        .iter()
        .filter(|row| row.entity == entity && row.period == period)
    {
        own.push(Balance {
            account: row.account.clone(),
            currency: Currency::from_numeric(row.currency_id)?.code().to_owned(),
            debit: row.debit,
            credit: row.credit,
            functional_currency: Currency::from_numeric(row.functional_id)?.code().to_owned(),
            functional_debit: row.functional_debit,
            functional_credit: row.functional_credit,
            code: labels
                .on(&row.account, last)
                .map(|label| label.code.clone()),
        });
    }
    own.sort();
    let difference: i64 = own
        .iter()
        .map(|row| row.functional_debit - row.functional_credit)
        .sum();
    ensure!(
        difference == 0,
        "the balances of {period} do not sum to zero; run `tieout verify`"
    );
    Ok(own)
}
