//! The chart of accounts: every account has a type, and its normal side follows or is named.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
}

impl Account {
    /// The side on which this account usually stands.
    pub fn normal_side(&self) -> Side {
        self.normal.unwrap_or_else(|| self.kind.normal_side())
    }
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
    /// A name that is not lower case words joined by `-`.
    #[error("`{0}` is no account name: use lower-case letters, digits and `-`")]
    BadName(String),
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
            let well_formed = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if !well_formed {
                return Err(ChartError::BadName(name));
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
        Ok(Self(by_name))
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
        self.0
            .keys()
            .map(|known| (distance(known, name), known))
            .min()
            .filter(|(far, _)| *far <= 3)
            .map(|(_, known)| known.as_str())
    }
}

/// Levenshtein distance, for names of a few dozen characters.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.chars().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX);
            let left = row.get(j).copied().unwrap_or(usize::MAX);
            let value = (diagonal + usize::from(x != y))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = value;
            }
        }
    }
    row.last().copied().unwrap_or(0)
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
    fn a_misspelt_account_finds_its_neighbour() {
        let chart = Chart::new(vec![account("bank", "1"), account("tax-payable", "2")]).unwrap();
        assert_eq!(chart.nearest("tax-payble"), Some("tax-payable"));
        assert_eq!(chart.nearest("inventory-of-ships"), None);
    }
}
