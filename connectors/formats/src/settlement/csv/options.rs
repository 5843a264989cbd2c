//! The options of a table: what its file looks like and which column says what. They are checked as a
//! whole when they are opened, before any file is.

use super::cells::{Days, Numbers};
use ledger::{Currency, FeeKind, Movement, Origin, ReferenceKind};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A column: its name, several spellings of it, or its number from 1.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a column is its name, a list of its spellings, or its number; a name that YAML takes for something else stands in quotes"
)]
pub enum Column {
    /// Its number, from 1.
    Number(usize),
    /// Its name.
    Name(String),
    /// Its names in different files.
    Spellings(Vec<String>),
}

/// Columns whose cells are joined.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a column is its name, a list of its spellings, or its number; a name that YAML takes for something else stands in quotes"
)]
pub enum Joined {
    /// Several.
    Many(Vec<Column>),
    /// One.
    One(Column),
}

impl Joined {
    pub(super) fn columns(&self) -> &[Column] {
        match self {
            Self::Many(columns) => columns,
            Self::One(column) => std::slice::from_ref(column),
        }
    }
}

/// What all rows share, or a column says.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "an account or a currency is a text, or `column` says which column it stands in"
)]
pub enum Told {
    /// All rows share it.
    Fixed(String),
    /// A column says it.
    Column {
        /// Which.
        column: Column,
    },
}

impl Told {
    pub(super) fn column(&self) -> Option<&Column> {
        match self {
            Self::Fixed(_) => None,
            Self::Column { column } => Some(column),
        }
    }
}

/// Whose table it is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// A bank's.
    Bank,
    /// A processor's.
    Processor,
}

/// Where the names of the columns stand.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// In the first row.
    #[default]
    First,
    /// In the first row that has all that are named here.
    Search,
    /// Nowhere: columns are numbers.
    None,
}

/// How an amount is written whose column says which way the money went.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Written {
    /// As a positive number.
    #[default]
    Positive,
    /// As a negative number.
    Negative,
}

/// In which order the rows stand.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    #[serde(rename = "oldest first")]
    Oldest,
    /// The newest first.
    #[serde(rename = "newest first")]
    Newest,
}

/// A column of words that decide the sign.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// Which.
    pub column: Column,
    /// Money came in.
    pub plus: Vec<String>,
    /// Money went out.
    pub minus: Vec<String>,
}

/// A column whose words say what a row is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Which.
    pub column: Column,
    /// Money moved. Where there are such words, one that is in no list is refused.
    #[serde(default)]
    pub line: Vec<String>,
    /// No money moved: pending, declined.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// The balance before the lines.
    #[serde(default)]
    pub opening: Vec<String>,
    /// The balance after the lines.
    #[serde(default)]
    pub closing: Vec<String>,
    /// The sum of the lines.
    #[serde(default)]
    pub total: Vec<String>,
}

/// How amounts are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Amounts {
    decimal: String,
    thousands: Option<String>,
    symbols: Vec<String>,
    minor: bool,
    rounding: Option<Round>,
}

impl Default for Amounts {
    fn default() -> Self {
        Self {
            decimal: ".".to_owned(),
            thousands: None,
            symbols: Vec::new(),
            minor: false,
            rounding: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
enum Round {
    #[serde(rename = "half-even")]
    HalfEven,
}

/// Which column says what.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// The sender's own name of a line, unique in the account.
    pub identity: Option<Joined>,
    /// The day it was booked.
    pub booked_on: Column,
    /// The day from which it bears interest.
    pub value_on: Option<Column>,
    /// The day its payout was made.
    pub paid_on: Option<Column>,
    /// The amount, signed, or unsigned with `sign`.
    pub amount: Option<Column>,
    /// What went out.
    pub debit: Option<Column>,
    /// What came in.
    pub credit: Option<Column>,
    /// Before fees.
    pub gross: Option<Column>,
    /// Fees.
    pub fee: Option<Column>,
    /// Fees by their kind.
    #[serde(default)]
    pub fees: BTreeMap<String, Column>,
    /// After fees.
    pub net: Option<Column>,
    /// What the customer paid, in another currency.
    pub original: Option<Column>,
    /// Which currency that is.
    pub original_currency: Option<Column>,
    /// Units of the account's currency for one of the customer's.
    pub rate: Option<Column>,
    /// The payout that a line belongs to.
    pub payout: Option<Column>,
    /// The statement that a line belongs to.
    pub statement: Option<Column>,
    /// Names, by their kind.
    #[serde(default)]
    pub references: BTreeMap<String, Column>,
    /// Who is at the other end.
    pub counterparty: Option<Joined>,
    /// Free text.
    pub description: Option<Joined>,
    /// What moved, in the sender's word.
    pub kind: Option<Column>,
    /// The balance before all lines, on every row.
    pub opening: Option<Column>,
    /// The balance after all lines, on every row.
    pub closing: Option<Column>,
    /// The balance after this line.
    pub balance: Option<Column>,
}

/// The options as they are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    origin: Whose,
    account: Told,
    currency: Told,
    encoding: Option<String>,
    delimiter: Option<String>,
    quote: Option<String>,
    #[serde(default)]
    skip: u64,
    #[serde(default)]
    header: Header,
    #[serde(default)]
    trailer: usize,
    columns: Columns,
    sign: Option<Sign>,
    #[serde(default)]
    debit_is: Written,
    #[serde(default)]
    fee_is: Written,
    #[serde(default)]
    negate: bool,
    days: Option<Vec<String>>,
    #[serde(default)]
    amounts: Amounts,
    #[serde(default)]
    movements: BTreeMap<String, String>,
    #[serde(default)]
    rows: Vec<Rows>,
    order: Option<Order>,
}

/// The options, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Draft")]
pub struct Config {
    pub(super) origin: Origin,
    pub(super) account: Told,
    pub(super) currency: Told,
    pub(super) fixed_currency: Option<Currency>,
    pub(super) encoding: Option<String>,
    pub(super) delimiter: char,
    pub(super) quote: Option<char>,
    pub(super) skip: u64,
    pub(super) header: Header,
    pub(super) trailer: usize,
    pub(super) columns: Columns,
    pub(super) references: Vec<(ReferenceKind, Column)>,
    pub(super) fees: Vec<(FeeKind, Column)>,
    pub(super) sign: Option<Sign>,
    pub(super) debit_is: Written,
    pub(super) fee_is: Written,
    pub(super) negate: bool,
    pub(super) days: Vec<Days>,
    pub(super) numbers: Numbers,
    /// Whether digits beyond the currency's are rounded, half to even, or refused.
    pub(super) rounds: bool,
    pub(super) movements: BTreeMap<String, Movement>,
    pub(super) rows: Vec<Rows>,
    pub(super) order: Option<Order>,
}

impl TryFrom<Draft> for Config {
    type Error = String;

    fn try_from(draft: Draft) -> Result<Self, String> {
        let columns = &draft.columns;
        amounts(columns, draft.sign.is_some())?;
        beside(columns, &draft)?;
        rows(&draft.rows, draft.sign.as_ref())?;
        named(&draft)?;
        let fixed_currency = match &draft.currency {
            Told::Fixed(code) => {
                Some(Currency::from_code(code).map_err(|error| format!("currency: {error}"))?)
            }
            Told::Column { .. } => None,
        };
        let references = by_kind(
            "references",
            &columns.references,
            &ReferenceKind::ALL,
            ReferenceKind::name,
        )?;
        let fees = by_kind("fees", &columns.fees, &FeeKind::ALL, FeeKind::name)?;
        let delimiter = match draft.delimiter.as_deref() {
            None => ',',
            Some("tab") => '\t',
            Some(text) => sign("delimiter", text)?,
        };
        let quote = match draft.quote.as_deref() {
            None => Some('"'),
            Some("none") => None,
            Some(text) => Some(sign("quote", text)?),
        };
        if let Some(label) = &draft.encoding {
            crate::read::text::known(label).map_err(|error| format!("encoding: {}", error.what))?;
        }
        Ok(Self {
            origin: match draft.origin {
                Whose::Bank => Origin::Bank,
                Whose::Processor => Origin::Processor,
            },
            fixed_currency,
            delimiter,
            quote,
            references,
            fees,
            days: days(draft.days.as_deref())?,
            numbers: numbers(&draft.amounts)?,
            rounds: draft.amounts.rounding.is_some(),
            movements: movements(&draft.movements)?,
            account: draft.account,
            currency: draft.currency,
            encoding: draft.encoding,
            skip: draft.skip,
            header: draft.header,
            trailer: draft.trailer,
            columns: draft.columns,
            sign: draft.sign,
            debit_is: draft.debit_is,
            fee_is: draft.fee_is,
            negate: draft.negate,
            rows: draft.rows,
            order: draft.order,
        })
    }
}

/// The amount stands in one way.
fn amounts(columns: &Columns, signed: bool) -> Result<(), String> {
    let sides = columns.debit.is_some() || columns.credit.is_some();
    let has_fee = columns.fee.is_some() || !columns.fees.is_empty();
    let parts = [columns.gross.is_some(), has_fee, columns.net.is_some()];
    let parts = parts.iter().filter(|part| **part).count();
    let ways = [columns.amount.is_some(), sides, parts > 0];
    if ways.iter().filter(|way| **way).count() != 1 {
        return Err(
            "columns: the amount is `amount`, or `debit` and `credit`, or two or three of `gross`, `fee` (or `fees`) and `net`"
                .to_owned(),
        );
    }
    if sides && (columns.debit.is_none() || columns.credit.is_none()) {
        return Err("columns: `debit` and `credit` stand together".to_owned());
    }
    if parts == 1 {
        return Err(
            "columns: two of `gross`, `fee` (or `fees`) and `net` are needed; one alone is `amount`"
                .to_owned(),
        );
    }
    if signed && columns.amount.is_none() {
        return Err("sign: it decides the sign of `amount`, which is not named".to_owned());
    }
    if columns.original.is_some() != columns.original_currency.is_some() {
        return Err("columns: `original` and `original_currency` stand together".to_owned());
    }
    Ok(())
}

/// What excludes one another beside the amount.
fn beside(columns: &Columns, draft: &Draft) -> Result<(), String> {
    let balances = [&columns.opening, &columns.closing, &columns.balance];
    let has_balance = balances.iter().any(|column| column.is_some())
        || draft
            .rows
            .iter()
            .any(|rows| !rows.opening.is_empty() || !rows.closing.is_empty());
    if columns.payout.is_none() {
        return Ok(());
    }
    if matches!(draft.origin, Whose::Bank) {
        return Err("columns: `payout` is a column of processors".to_owned());
    }
    if columns.statement.is_some() {
        return Err("columns: a line belongs to a `payout` or to a `statement`".to_owned());
    }
    if has_balance {
        return Err(
            "columns: a `payout` closes with what it pays; leave the balances out, or the payout"
                .to_owned(),
        );
    }
    Ok(())
}

fn rows(all: &[Rows], sign: Option<&Sign>) -> Result<(), String> {
    for rows in all {
        let words = [
            &rows.line,
            &rows.leave_out,
            &rows.opening,
            &rows.closing,
            &rows.total,
        ];
        if words.iter().all(|words| words.is_empty()) {
            return Err("rows: a column without words says nothing".to_owned());
        }
        once("rows", &words)?;
        if !rows.leave_out.is_empty() && rows.line.is_empty() {
            return Err(
                "rows: where `leave_out` says what moved no money, `line` says what did; a word that is in neither is refused"
                    .to_owned(),
            );
        }
    }
    match sign {
        Some(sign) if sign.plus.is_empty() || sign.minus.is_empty() => {
            Err("sign: `plus` and `minus` both have words".to_owned())
        }
        Some(sign) => once("sign", &[&sign.plus, &sign.minus]),
        None => Ok(()),
    }
}

/// A word stands in one list only.
fn once(of: &str, lists: &[&Vec<String>]) -> Result<(), String> {
    let mut words: Vec<&String> = lists.iter().flat_map(|list| list.iter()).collect();
    words.sort();
    match words.windows(2).find(|two| two.first() == two.last()) {
        Some(two) => Err(format!(
            "{of}: `{}` stands twice",
            two.first().map_or("", |word| word.as_str())
        )),
        None => Ok(()),
    }
}

/// Columns have names or numbers; where the file has no names, numbers.
fn named(draft: &Draft) -> Result<(), String> {
    if matches!(&draft.account, Told::Fixed(account) if account.trim().is_empty()) {
        return Err("account: it is empty".to_owned());
    }
    let beside = [draft.account.column(), draft.currency.column()];
    let sign = draft.sign.as_ref().map(|sign| &sign.column);
    let rows = draft.rows.iter().map(|rows| &rows.column);
    let all = draft
        .columns
        .all()
        .chain(beside.into_iter().flatten())
        .chain(sign)
        .chain(rows);
    for column in all {
        let names = match column {
            Column::Number(0) => return Err("columns: they are counted from 1".to_owned()),
            Column::Number(_) => continue,
            Column::Name(name) => std::slice::from_ref(name),
            Column::Spellings(names) => names,
        };
        if names.is_empty() || names.iter().any(|name| name.trim().is_empty()) {
            return Err("columns: one has an empty name; say its number, from 1".to_owned());
        }
        if draft.header == Header::None {
            return Err(format!(
                "columns: `{}` is a name, and the file has no header; say its number, from 1",
                names.join("`, `")
            ));
        }
    }
    Ok(())
}

impl Columns {
    /// All columns that are named.
    fn all(&self) -> impl Iterator<Item = &Column> {
        let single = [
            Some(&self.booked_on),
            self.value_on.as_ref(),
            self.paid_on.as_ref(),
            self.amount.as_ref(),
            self.debit.as_ref(),
            self.credit.as_ref(),
            self.gross.as_ref(),
            self.fee.as_ref(),
            self.net.as_ref(),
            self.original.as_ref(),
            self.original_currency.as_ref(),
            self.rate.as_ref(),
            self.payout.as_ref(),
            self.statement.as_ref(),
            self.kind.as_ref(),
            self.opening.as_ref(),
            self.closing.as_ref(),
            self.balance.as_ref(),
        ];
        let joined = [&self.identity, &self.counterparty, &self.description];
        let joined = joined.into_iter().flatten().flat_map(Joined::columns);
        let by_kind = self.fees.values().chain(self.references.values());
        single.into_iter().flatten().chain(joined).chain(by_kind)
    }
}

/// Columns by a kind that the books know, in its order.
fn by_kind<K: Copy>(
    of: &str,
    told: &BTreeMap<String, Column>,
    all: &[K],
    name: fn(K) -> &'static str,
) -> Result<Vec<(K, Column)>, String> {
    let unknown = told
        .keys()
        .find(|word| !all.iter().any(|kind| name(*kind) == word.as_str()));
    if let Some(unknown) = unknown {
        let all: Vec<&str> = all.iter().map(|kind| name(*kind)).collect();
        return Err(format!("{of}: `{unknown}` is none of {}", all.join(", ")));
    }
    let column = |kind: &K| Some((*kind, told.get(name(*kind))?.clone()));
    Ok(all.iter().filter_map(column).collect())
}

fn sign(of: &str, text: &str) -> Result<char, String> {
    let mut signs = text.chars();
    match (signs.next(), signs.next()) {
        (Some(sign), None) if !sign.is_alphanumeric() => Ok(sign),
        _ => Err(format!("{of}: `{text}` is not one sign")),
    }
}

fn days(told: Option<&[String]>) -> Result<Vec<Days>, String> {
    let told = told.unwrap_or_default();
    let mut days: Vec<Days> = Vec::new();
    for way in told {
        let way = Days::of(way).map_err(|error| format!("days: {error}"))?;
        if days.iter().any(|other| way.collides(other)) {
            return Err(format!(
                "days: {} are two readings of one text",
                told.join(", ")
            ));
        }
        days.push(way);
    }
    if days.is_empty() {
        days.push(Days::of("YYYY-MM-DD")?);
    }
    Ok(days)
}

fn numbers(told: &Amounts) -> Result<Numbers, String> {
    let decimal = sign("amounts: decimal", &told.decimal)?;
    let thousands = match told.thousands.as_deref() {
        Some(text) => Some(sign("amounts: thousands", text)?),
        None => None,
    };
    if thousands == Some(decimal) {
        return Err("amounts: `decimal` and `thousands` are the same sign".to_owned());
    }
    if told.symbols.iter().any(|symbol| symbol.trim().is_empty()) {
        return Err("amounts: an empty text is no symbol".to_owned());
    }
    Ok(Numbers {
        decimal,
        thousands,
        symbols: told.symbols.clone(),
        minor: told.minor,
    })
}

fn movements(told: &BTreeMap<String, String>) -> Result<BTreeMap<String, Movement>, String> {
    let known = |(word, name): (&String, &String)| {
        let found = Movement::ALL
            .into_iter()
            .find(|movement| movement.name() == name.replace('_', " "));
        let found = found.ok_or_else(|| {
            let all: Vec<&str> = Movement::ALL.iter().map(|known| known.name()).collect();
            format!("movements: `{name}` is none of {}", all.join(", "))
        })?;
        Ok((word.clone(), found))
    };
    told.iter().map(known).collect()
}
