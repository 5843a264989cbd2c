//! The chart of accounts: every account has a type, and its normal side follows or is named.

use crate::spelling;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Debit or credit. Amounts beside it are positive; signs appear only in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The left side.
    Debit,
    /// The right side.
    Credit,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }

    /// `debit` or `credit`, as in YAML and SQL views.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }

    /// How the store numbers a side.
    pub const fn number(self) -> i64 {
        match self {
            Self::Debit => 1,
            Self::Credit => 2,
        }
    }

    /// Reads [`Side::number`] back.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Debit),
            2 => Some(Self::Credit),
            _ => None,
        }
    }

    /// An amount with the sign that reports use: debits positive.
    pub fn signed(self, amount: i64) -> i128 {
        match self {
            Self::Debit => i128::from(amount),
            Self::Credit => -i128::from(amount),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The five types of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountType {
    /// What the company has.
    Asset,
    /// What it owes.
    Liability,
    /// What is left to its owners.
    Equity,
    /// What it earned.
    Revenue,
    /// What it spent.
    Expense,
}

impl AccountType {
    /// All types, in the order of a trial balance.
    pub const ALL: [Self; 5] = [
        Self::Asset,
        Self::Liability,
        Self::Equity,
        Self::Revenue,
        Self::Expense,
    ];

    /// The side on which the account usually stands.
    pub const fn normal_side(self) -> Side {
        match self {
            Self::Asset | Self::Expense => Side::Debit,
            Self::Liability | Self::Equity | Self::Revenue => Side::Credit,
        }
    }

    /// The word in YAML, SQL and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Liability => "liability",
            Self::Equity => "equity",
            Self::Revenue => "revenue",
            Self::Expense => "expense",
        }
    }

    /// Reads [`AccountType::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What an account was called before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formerly {
    /// Its name then, if it was another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Its code then, if it was another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The last day on which it was called so; the day on which this chart came in force where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
}

/// What an account is called from a day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The first day.
    pub from: NaiveDate,
    /// Its name.
    pub account: String,
    /// Its code.
    pub code: String,
}

/// What accounts are called on which day, by the names under which lines know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(BTreeMap<String, Vec<Label>>);

impl Labels {
    /// Adds what an account is called from a day on. What is added later for the same day holds.
    pub fn add(&mut self, account: &str, label: Label) {
        let labels = self.0.entry(account.to_owned()).or_default();
        labels.push(label);
        labels.sort_by_key(|label| label.from);
    }

    /// What an account is called on a day.
    pub fn on(&self, account: &str, day: NaiveDate) -> Option<&Label> {
        let labels = self.0.get(account)?;
        labels.iter().rev().find(|label| label.from <= day)
    }

    /// Whether an account has this name, or had or will have it on some day.
    pub fn is_called(&self, account: &str, name: &str) -> bool {
        let labels = self.0.get(account).into_iter().flatten();
        account == name || labels.into_iter().any(|label| label.account == name)
    }

    /// What an account is called now.
    pub fn now(&self, account: &str) -> Option<&Label> {
        self.0.get(account)?.last()
    }
}

/// An account of the chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The name that mappings use: lower case words joined by `-`.
    pub account: String,
    /// The code that the chart and most ERPs use, `1200`.
    pub code: String,
    /// What it is in the books.
    #[serde(rename = "type")]
    pub kind: AccountType,
    /// The normal side, where it differs from the type's (contra accounts).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<Side>,
    /// What people call it.
    pub title: String,
    /// What it was called before, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<Formerly>,
}

impl Account {
    /// The side on which this account usually stands.
    pub fn normal_side(&self) -> Side {
        self.normal.unwrap_or_else(|| self.kind.normal_side())
    }

    /// Its name and those that it had before.
    pub fn names(&self) -> BTreeSet<&str> {
        let before = self.formerly.iter();
        let before = before.filter_map(|then| then.account.as_deref());
        before.chain([self.account.as_str()]).collect()
    }

    /// What it is called from which day on, where the chart says; the last stands without a day where it does not.
    pub fn labels(&self) -> Vec<(Option<NaiveDate>, &str, &str)> {
        let mut labels = Vec::new();
        let mut from = Some(NaiveDate::MIN);
        for then in &self.formerly {
            let account = then.account.as_deref().unwrap_or(&self.account);
            labels.push((from, account, then.code.as_deref().unwrap_or(&self.code)));
            from = then.to.and_then(|to| to.succ_opt());
        }
        labels.push((from, self.account.as_str(), self.code.as_str()));
        labels
    }

    /// What is wrong with what it was called before.
    fn misnamed(&self) -> Option<String> {
        let last = self.formerly.len().saturating_sub(1);
        let mut before = None;
        for (at, then) in self.formerly.iter().enumerate() {
            if then.account.is_none() && then.code.is_none() {
                return Some("says neither `account` nor `code`".to_owned());
            }
            if then.to.is_none() && at < last {
                return Some("needs `to:` everywhere but in its last part".to_owned());
            }
            if before.is_some_and(|before| then.to.is_some_and(|to| to <= before)) {
                return Some(
                    "is not in the order of its days; the earliest comes first".to_owned(),
                );
            }
            before = then.to;
        }
        None
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(fits)
}

/// All accounts by name.
#[derive(Clone, Debug, Default)]
pub struct Chart(BTreeMap<String, Account>);

/// Why a chart cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChartError {
    /// Two accounts of one name.
    #[error("account `{0}` stands twice in the chart; give one of them another name")]
    DuplicateName(String),
    /// Two accounts of one code.
    #[error("code `{code}` belongs to both `{first}` and `{second}`; codes are unique")]
    DuplicateCode {
        /// The code.
        code: String,
        /// The account that came first.
        first: String,
        /// The account that repeats it.
        second: String,
    },
    /// Former names or codes that cannot be.
    #[error("`formerly:` of account `{account}` {problem}")]
    Formerly {
        /// The account.
        account: String,
        /// What is wrong.
        problem: String,
    },
    /// A name that is not lower case words joined by `-`.
    #[error("`{0}` is no account name: use lower-case letters, digits and `-`")]
    BadName(String),
}

impl ChartError {
    /// The account that it is about.
    pub fn account(&self) -> &str {
        match self {
            Self::DuplicateName(account) | Self::BadName(account) => account,
            Self::DuplicateCode { second, .. } => second,
            Self::Formerly { account, .. } => account,
        }
    }
}

impl Chart {
    /// Builds a chart.
    ///
    /// # Errors
    /// [`ChartError`] for names or codes that are not unique, or names that are not well formed.
    pub fn new(accounts: Vec<Account>) -> Result<Self, ChartError> {
        let mut by_name = BTreeMap::new();
        let mut by_code = BTreeMap::<String, String>::new();
        for account in accounts {
            let name = account.account.clone();
            if let Some(bad) = account.names().into_iter().find(|name| !is_name(name)) {
                return Err(ChartError::BadName(bad.to_owned()));
            }
            if let Some(problem) = account.misnamed() {
                return Err(ChartError::Formerly {
                    account: name,
                    problem,
                });
            }
            if let Some(first) = by_code.insert(account.code.clone(), name.clone()) {
                return Err(ChartError::DuplicateCode {
                    code: account.code,
                    first,
                    second: name,
                });
            }
            if by_name.insert(name.clone(), account).is_some() {
                return Err(ChartError::DuplicateName(name));
            }
        }
        for account in by_name.values() {
            let taken = |name: &&str| *name != account.account && by_name.contains_key(*name);
            if let Some(taken) = account.names().into_iter().find(taken) {
                return Err(ChartError::Formerly {
                    account: account.account.clone(),
                    problem: format!("names `{taken}`, which stands in the chart itself"),
                });
            }
        }
        Ok(Self(by_name))
    }

    /// An account by its name, or by one that it had before.
    pub fn find(&self, name: &str) -> Option<&Account> {
        self.get(name).or_else(|| {
            let all = self.0.values();
            let mut all = all.filter(|account| account.names().contains(name));
            all.next()
        })
    }

    /// An account by its name.
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.0.get(name)
    }

    /// All accounts, by name.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.0.values()
    }

    /// The name in the chart that is nearest to a misspelt one, for error messages.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        spelling::nearest(name, self.0.keys().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, code: &str) -> Account {
        Account {
            account: name.to_owned(),
            code: code.to_owned(),
            kind: AccountType::Asset,
            normal: None,
            title: String::new(),
            formerly: Vec::new(),
        }
    }

    #[test]
    fn a_chart_has_unique_names_and_codes() {
        let twice = Chart::new(vec![account("bank", "1"), account("bank", "2")]);
        assert_eq!(twice.unwrap_err(), ChartError::DuplicateName("bank".into()));
        let code = Chart::new(vec![account("bank", "1"), account("cash", "1")]);
        assert!(matches!(
            code.unwrap_err(),
            ChartError::DuplicateCode { .. }
        ));
        assert!(Chart::new(vec![account("Bank", "1")]).is_err());
    }

    #[test]
    fn an_account_is_called_what_it_was_called_then() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let then = |account: Option<&str>, code: Option<&str>, to: Option<&str>| Formerly {
            account: account.map(str::to_owned),
            code: code.map(str::to_owned),
            to: to.map(day),
        };
        let with = |formerly: Vec<Formerly>| Account {
            formerly,
            ..account("income", "4010")
        };
        let renamed = with(vec![
            then(None, Some("400"), Some("2024-12-31")),
            then(Some("revenue"), Some("4000"), None),
        ]);
        assert_eq!(
            renamed.labels(),
            [
                (Some(NaiveDate::MIN), "income", "400"),
                (Some(day("2025-01-01")), "revenue", "4000"),
                (None, "income", "4010"),
            ]
        );
        let chart = Chart::new(vec![renamed.clone(), account("bank", "1")]).unwrap();
        assert_eq!(chart.find("revenue"), Some(&renamed));
        let mut labels = Labels::default();
        for (from, account, code) in renamed.labels() {
            let label = Label {
                from: from.unwrap_or(day("2026-03-01")),
                account: account.to_owned(),
                code: code.to_owned(),
            };
            labels.add("revenue", label);
        }
        let code = |on: &str| labels.on("revenue", day(on)).unwrap().code.as_str();
        assert_eq!(
            ["2024-12-31", "2025-01-01", "2026-02-28", "2026-03-01"].map(code),
            ["400", "4000", "4000", "4010"]
        );
        for (formerly, wanted) in [
            (vec![then(None, None, None)], "says neither"),
            (
                vec![then(None, Some("1"), None), then(None, Some("2"), None)],
                "needs `to:`",
            ),
            (
                vec![
                    then(None, Some("1"), Some("2025-01-31")),
                    then(None, Some("2"), Some("2025-01-31")),
                ],
                "not in the order",
            ),
            (vec![then(Some("bank"), None, None)], "names `bank`"),
            (
                vec![then(Some("Bank"), None, None)],
                "`Bank` is no account name",
            ),
        ] {
            let refused = Chart::new(vec![with(formerly), account("bank", "1")]).unwrap_err();
            assert!(refused.to_string().contains(wanted), "{refused}");
        }
    }

    #[test]
    fn a_misspelt_account_finds_its_neighbour() {
        let chart = Chart::new(vec![account("bank", "1"), account("tax-payable", "2")]).unwrap();
        assert_eq!(chart.nearest("tax-payble"), Some("tax-payable"));
        assert_eq!(chart.nearest("inventory-of-ships"), None);
    }
}
