//! The trial balance: every account with a balance, per entity and currency. A read of the
//! balances that postings keep, never a sum over lines.

use super::Subject;
use crate::ReportError;
use crate::control::money;
use crate::model::{Cell, Column, Report, Row, Table};
use chrono::NaiveDate;
use ledger::{AccountType, Label};
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
    let labels = books.labels().await?;
    let last = last_day(books, &balances).await?;
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
            note: "Movements of all periods shown; the balance stands on the side where it is. Functional amounts are in the entity's own currency. Accounts are called what they are called on the last day of the last period.".into(),
            columns: COLUMNS.to_vec(),
            rows: rows(&balances, &accounts, &|account| labels.on(account, last))?,
        }],
        ..Report::default()
    })
}

/// The last day of the last period that has a balance.
async fn last_day(books: &Snapshot, balances: &[BalanceRow]) -> Result<NaiveDate, ReportError> {
    let periods = books.periods().await?;
    let has_balance = |period: &&store::books::PeriodRow| {
        balances
            .iter()
            .any(|row| (&row.entity, &row.period) == (&period.entity, &period.code))
    };
    let days = periods.iter().filter(has_balance).map(|row| row.end_on);
    Ok(days.max().unwrap_or(NaiveDate::MAX))
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
fn rows<'b>(
    balances: &'b [BalanceRow],
    accounts: &'b BTreeMap<String, AccountRow>,
    label: &dyn Fn(&str) -> Option<&'b Label>,
) -> Result<Vec<Row>, ReportError> {
    let mut rows = Vec::new();
    let mut sums = Sums::default();
    let mut group: Option<(String, i64)> = None;
    for (key, [debit, credit, functional_debit, functional_credit]) in
        summed(balances, accounts, label)?
    {
        let (entity, currency, code, account, functional, kind) = key;
        let this = (entity.to_owned(), currency);
        if let Some(done) = group.replace(this.clone())
            && done != this
        {
            rows.push(sums.total(&done)?);
            sums = Sums::default();
        }
        let balance = debit - credit;
        let functional_balance = functional_debit - functional_credit;
        sums.add(debit, credit, functional_balance, functional);
        let kind = AccountType::from_name(kind);
        rows.push(Row::plain(vec![
            Cell::text(entity),
            Cell::text(money(0, currency)?.currency().code()),
            Cell::text(code),
            Cell::text(account),
            Cell::text(kind.map(AccountType::name).unwrap_or_default()),
            Cell::unless_zero(money(debit, currency)?),
            Cell::unless_zero(money(credit, currency)?),
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

/// Entity, currency, code, account, functional currency and the type's name.
type Key<'b> = (&'b str, i64, &'b str, &'b str, i64, &'b str);

/// Balances of all periods, in the order of the report. They are few: a frame would take longer to begin.
fn summed<'b>(
    balances: &'b [BalanceRow],
    accounts: &'b BTreeMap<String, AccountRow>,
    label: &dyn Fn(&str) -> Option<&'b Label>,
) -> Result<BTreeMap<Key<'b>, [i64; 4]>, ReportError> {
    let mut sums = BTreeMap::<Key<'b>, [i64; 4]>::new();
    let mut sizes = [0_i128; 4];
    for row in balances {
        let found = accounts.get(&row.account);
        let (code, account) = match label(&row.account) {
            Some(label) => (label.code.as_str(), label.account.as_str()),
            None => (found.map_or("", |found| &found.code), row.account.as_str()),
        };
        let kind = found.map_or("", |found| &found.kind);
        let entity = row.entity.as_str();
        let key = (
            entity,
            row.currency_id,
            code,
            account,
            row.functional_id,
            kind,
        );
        let functional = (row.functional_debit, row.functional_credit);
        let amounts = [row.debit, row.credit, functional.0, functional.1];
        let into = sums.entry(key).or_default().iter_mut().zip(&mut sizes);
        for ((sum, size), amount) in into.zip(amounts) {
            *size += i128::from(amount).abs();
            // Where all sizes together fit, no sum of some of them can fail to.
            i64::try_from(*size).map_err(|_beyond| ReportError::Overflow)?;
            *sum += amount;
        }
    }
    Ok(sums)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(period: &str, debit: i64) -> BalanceRow {
        BalanceRow {
            entity: "eu".into(),
            period: period.into(),
            account: "bank".into(),
            currency_id: 978,
            functional_id: 978,
            debit,
            credit: 3,
            functional_debit: debit,
            functional_credit: 3,
        }
    }

    #[test]
    fn periods_are_summed_and_an_overflow_is_told() {
        let none = BTreeMap::new();
        let balances = [balance("2026-01", 5), balance("2026-02", 7)];
        let sums = summed(&balances, &none, &|_| None).unwrap();
        let wanted = BTreeMap::from([(("eu", 978, "", "bank", 978, ""), [12, 6, 12, 6])]);
        assert_eq!(sums, wanted);
        let beyond = [balance("2026-01", i64::MAX), balance("2026-02", 1)];
        assert!(matches!(
            summed(&beyond, &none, &|_| None),
            Err(ReportError::Overflow)
        ));
        // Two names of one account are one account.
        let label = Label {
            from: NaiveDate::MIN,
            account: "house-bank".into(),
            code: "1".into(),
        };
        let former = [
            balance("2026-01", 5),
            BalanceRow {
                account: "giro".into(),
                ..balance("2026-02", 7)
            },
        ];
        let sums = summed(&former, &none, &|_| Some(&label)).unwrap();
        let wanted = BTreeMap::from([(("eu", 978, "1", "house-bank", 978, ""), [12, 6, 12, 6])]);
        assert_eq!(sums, wanted);
    }
}
