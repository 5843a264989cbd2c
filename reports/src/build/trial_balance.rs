//! The trial balance: every account with a balance, per entity and currency. A read of the
//! balances that postings keep, never a sum over lines.

use super::Subject;
use crate::ReportError;
use crate::control::money;
use crate::frame::sum_by;
use crate::model::{Cell, Column, Report, Row, Table};
use ledger::AccountType;
use std::collections::BTreeMap;
use store::Snapshot;
use store::books::AccountRow;
use store::journal::BalanceRow;

pub(super) async fn build(books: &Snapshot, subject: &Subject) -> Result<Report, ReportError> {
    let balances = books.balances().await?;
    let accounts: BTreeMap<String, AccountRow> = books
        .accounts()
        .await?
        .into_iter()
        .map(|row| (row.name.clone(), row))
        .collect();
    let periods = balances.iter().map(|row| row.period.as_str());
    let mut facts = subject.facts();
    if let (Some(first), Some(last)) = (periods.clone().min(), periods.max()) {
        facts.push(("periods".into(), format!("{first} to {last}")));
    }
    Ok(Report {
        name: "trial-balance",
        title: "Trial balance".into(),
        purpose: "Every account with a movement. Debits equal credits in every entity and currency, and so do the balances.".into(),
        facts,
        tables: vec![Table {
            name: "trial_balance",
            title: "Accounts".into(),
            note: "Movements of all periods shown; the balance stands on the side where it is. Functional amounts are in the entity's own currency.".into(),
            columns: COLUMNS.to_vec(),
            rows: rows(&balances, &accounts)?,
        }],
        ..Report::default()
    })
}

const COLUMNS: [Column; 11] = [
    Column::text("entity", "Entity"),
    Column::text("currency", "Currency"),
    Column::text("code", "Code"),
    Column::text("account", "Account"),
    Column::text("type", "Type"),
    Column::amount("debit", "Debits"),
    Column::amount("credit", "Credits"),
    Column::amount("debit_balance", "Debit balance"),
    Column::amount("credit_balance", "Credit balance"),
    Column::text("functional_currency", "Functional"),
    Column::amount("functional_balance", "Functional balance"),
];

/// One row per account, and a total after each entity and currency.
fn rows(
    balances: &[BalanceRow],
    accounts: &BTreeMap<String, AccountRow>,
) -> Result<Vec<Row>, ReportError> {
    let mut rows = Vec::new();
    let mut sums = Sums::default();
    let mut group: Option<(String, i64)> = None;
    for (key, value) in summed(balances, accounts)? {
        let [entity, currency, code, account, functional] = key.as_slice() else {
            continue;
        };
        let [debit, credit, functional_debit, functional_credit] = value.as_slice() else {
            continue;
        };
        let currency: i64 = currency.parse().unwrap_or(0);
        let functional: i64 = functional.parse().unwrap_or(0);
        let this = (entity.clone(), currency);
        if let Some(done) = group.replace(this.clone())
            && done != this
        {
            rows.push(sums.total(&done)?);
            sums = Sums::default();
        }
        let balance = debit - credit;
        let functional_balance = functional_debit - functional_credit;
        sums.add(*debit, *credit, functional_balance, functional);
        let kind = accounts
            .get(account)
            .and_then(|row| AccountType::from_name(&row.kind));
        rows.push(Row::plain(vec![
            Cell::text(entity),
            Cell::text(money(0, currency)?.currency().code()),
            Cell::text(code),
            Cell::text(account),
            Cell::text(kind.map(AccountType::name).unwrap_or_default()),
            Cell::unless_zero(money(*debit, currency)?),
            Cell::unless_zero(money(*credit, currency)?),
            Cell::unless_zero(money(balance.max(0), currency)?),
            Cell::unless_zero(money((-balance).max(0), currency)?),
            Cell::text(money(0, functional)?.currency().code()),
            Cell::unless_zero(money(functional_balance, functional)?),
        ]));
    }
    if let Some(done) = group {
        rows.push(sums.total(&done)?);
    }
    Ok(rows)
}

/// Balances of all periods by entity, currency, code, account and functional currency.
fn summed(
    balances: &[BalanceRow],
    accounts: &BTreeMap<String, AccountRow>,
) -> Result<Vec<(Vec<String>, Vec<i64>)>, ReportError> {
    let code = |name: &str| {
        accounts
            .get(name)
            .map(|row| row.code.clone())
            .unwrap_or_default()
    };
    let keys = [
        balances.iter().map(|row| row.entity.clone()).collect(),
        balances
            .iter()
            .map(|row| format!("{:03}", row.currency_id))
            .collect(),
        balances.iter().map(|row| code(&row.account)).collect(),
        balances.iter().map(|row| row.account.clone()).collect(),
        balances
            .iter()
            .map(|row| format!("{:03}", row.functional_id))
            .collect(),
    ];
    let values = [
        balances.iter().map(|row| row.debit).collect(),
        balances.iter().map(|row| row.credit).collect(),
        balances.iter().map(|row| row.functional_debit).collect(),
        balances.iter().map(|row| row.functional_credit).collect(),
    ];
    sum_by(&keys, &values)
}

#[derive(Default)]
struct Sums {
    debit: i64,
    credit: i64,
    debit_balance: i64,
    credit_balance: i64,
    functional: i64,
    functional_id: i64,
}

impl Sums {
    fn add(&mut self, debit: i64, credit: i64, functional: i64, functional_id: i64) {
        self.debit += debit;
        self.credit += credit;
        self.debit_balance += (debit - credit).max(0);
        self.credit_balance += (credit - debit).max(0);
        self.functional += functional;
        self.functional_id = functional_id;
    }

    fn total(&self, (entity, currency): &(String, i64)) -> Result<Row, ReportError> {
        let amount = |amount| money(amount, *currency).map(Cell::Amount);
        Ok(Row::total(vec![
            Cell::text(entity),
            Cell::text(money(0, *currency)?.currency().code()),
            Cell::Empty,
            Cell::text("total"),
            Cell::Empty,
            amount(self.debit)?,
            amount(self.credit)?,
            amount(self.debit_balance)?,
            amount(self.credit_balance)?,
            Cell::text(money(0, self.functional_id)?.currency().code()),
            money(self.functional, self.functional_id).map(Cell::Amount)?,
        ]))
    }
}
