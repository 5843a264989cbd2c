//! Tables of banks and processors that have no kind of their own, described in the options: which
//! column says what, how days and amounts are written, which rows move money.
//!
//! Never recognised by content: the configuration or the command line names it. The options are
//! checked when they are opened; a column that a file does not have is refused with those that it has.
//!
//! **Rows.** A word of a closed list says whether a row moved money; one that no list has is refused.
//! A row with fewer cells than the header is refused as cut off, one with more as shifted.
//! **Signs.** An amount is signed as the account holder sees it (`negate` for tables that see it from
//! the other side), or its sign stands in a column of closed words, or it stands in one of two
//! columns, debit and credit. `gross - fee = net`: what is not named is computed, what is named and
//! contradicts is told, and the fee then is what lies between. Digits beyond the currency's are
//! refused, or with `rounding: half-even` rounded to the nearest, a tie to the even neighbour, and the
//! net is kept exactly.
//! **Identity.** The sender's own columns, joined; one that stands twice in a file is refused. Without
//! them, or where they are empty, what the line says, and equal lines are counted. Where equal lines
//! come in files of their own, that takes them for one: day, amount and the balance after it, joined,
//! are a better name. Of each line the hash of its name is kept (see `read::counted`), and nothing else.
//! **Statements.** One per account and currency, and per payout or statement where a column names it.
//! A payout opens at zero and closes with its own row, which is no line (a total leaves it out too);
//! other statements have the balances that rows or columns say. A column of balances after each row
//! must follow from row to row; whether the oldest or the newest stands first is proven by that.
//! **Days** are those that stand there, in the sender's zone.

mod cells;
mod group;
pub mod options;

use super::{ParseError, SettlementFormat, SettlementKind, Sink};
use crate::read::counted::{Once, Repeats};
use crate::read::records::{Record, Records};
use crate::read::{amounts, plain};
use chrono::NaiveDate;
use group::{Group, Key};
use ledger::encode::Encoder;
use ledger::money::Rounding;
use ledger::{
    Currency, FeeKind, FeePart, Money, Movement, Reference, ReferenceKind, SettlementLine,
};
use options::{Column, Config, Header, Joined, Rows, Sign, Told, Written};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, VecDeque};
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind =
    SettlementKind::of::<Csv>("csv", "Any table of a bank or processor (CSV)", EXAMPLE);

const EXAMPLE: &str = "\
origin: bank
account: main
currency: EUR
encoding: windows-1252
delimiter: \";\"
skip: 2
days: [DD.MM.YYYY, DD.MM.YY]
amounts:
  decimal: \",\"
  thousands: \".\"
columns:
  booked_on: [Buchungstag, Buchungsdatum]
  value_on: Valutadatum
  amount: Betrag
  counterparty: Name
  description: [Buchungstext, Verwendungszweck]
  references:
    end-to-end: Kundenreferenz
  kind: Buchungstext
  balance: Saldo
movements:
  Entgelt: fee
rows:
  - column: Info
    line: [Umsatz gebucht]
    leave_out: [Umsatz vorgemerkt]
";

/// As many rows are searched for the names of the columns.
const SEARCHED: usize = 100;

/// As many columns of a file are named in a refusal, and as many characters of each.
const NAMES_SHOWN: usize = 60;
const NAME_SHOWN: usize = 60;

/// As many rows may say balances and totals.
const SPECIAL: usize = 10_000;

/// The format.
#[derive(Clone, Debug)]
pub struct Csv {
    config: Config,
}

impl SettlementFormat for Csv {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn encoding(&self) -> Option<&str> {
        self.config.encoding.as_deref()
    }

    fn recognises(_head: &str) -> bool {
        false
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let config = &self.config;
        let mut records = Records::new(input, config.delimiter, config.quote);
        records.skip(config.skip)?;
        let places = Places::find(&mut records, config)?;
        let mut reading = Reading::new(&places, config);
        let mut waiting = VecDeque::new();
        while let Some(record) = records.next_record()? {
            if record.width() == 0 {
                continue;
            }
            waiting.push_back(record);
            if waiting.len() > config.trailer
                && let Some(record) = waiting.pop_front()
            {
                reading.take(&record, out)?;
            }
        }
        reading.close(out)
    }
}

/// Where the columns stand.
struct Places {
    header: Vec<String>,
    /// As many cells a row has at least.
    width: usize,
    account: Option<usize>,
    currency: Option<usize>,
    identity: Vec<usize>,
    booked_on: usize,
    value_on: Option<usize>,
    paid_on: Option<usize>,
    amounts: Amounts,
    original: Option<(usize, usize)>,
    rate: Option<usize>,
    group: Option<usize>,
    references: Vec<(ReferenceKind, usize)>,
    counterparty: Vec<usize>,
    description: Vec<usize>,
    kind: Option<usize>,
    opening: Option<usize>,
    closing: Option<usize>,
    balance: Option<usize>,
    rows: Vec<usize>,
}

/// Where the amount stands.
enum Amounts {
    Signed(usize),
    WithSign(usize, usize),
    Sides(usize, usize),
    Parts {
        gross: Option<usize>,
        fee: Option<usize>,
        fees: Vec<(FeeKind, usize)>,
        net: Option<usize>,
    },
}

impl Places {
    /// Reads to the names of the columns, if there are any.
    fn find(records: &mut Records<'_>, config: &Config) -> Result<Self, ParseError> {
        let most = match config.header {
            Header::None => {
                let found = Self::within(Vec::new(), config);
                return found.map_err(|what| ParseError::new(1, what));
            }
            Header::First => 1,
            Header::Search => SEARCHED,
        };
        let mut best: Option<(usize, ParseError)> = None;
        let mut searched = 0;
        while searched < most {
            let Some(record) = records.next_record()? else {
                break;
            };
            // Spreadsheets say their separator so.
            let says_separator = record.place.line == 1 && record.text(0).starts_with("sep=");
            if record.width() == 0 || says_separator {
                continue;
            }
            searched += 1;
            let (line, width) = (record.place.line, record.width());
            let header = record.fields().map(str::to_owned).collect();
            match Self::within(header, config) {
                Ok(found) => return Ok(found),
                Err(what) if best.as_ref().is_none_or(|(most, _)| width > *most) => {
                    best = Some((width, ParseError::new(line, what)));
                }
                Err(_) => {}
            }
        }
        let missing = || ParseError::new(1, "the names of the columns are missing");
        Err(best.map_or_else(missing, |(_, error)| error))
    }

    fn within(header: Vec<String>, config: &Config) -> Result<Self, String> {
        let columns = &config.columns;
        let mut places = Finder {
            header: &header,
            named: config.header != Header::None,
            last: 0,
        };
        let amounts = places.amounts(config)?;
        let original = match (&columns.original, &columns.original_currency) {
            (Some(amount), Some(currency)) => Some((places.one(amount)?, places.one(currency)?)),
            _ => None,
        };
        let group = columns.payout.as_ref().or(columns.statement.as_ref());
        let mut found = Self {
            width: 0,
            account: places.maybe(config.account.column())?,
            currency: places.maybe(config.currency.column())?,
            identity: places.all(columns.identity.as_ref())?,
            booked_on: places.one(&columns.booked_on)?,
            value_on: places.maybe(columns.value_on.as_ref())?,
            paid_on: places.maybe(columns.paid_on.as_ref())?,
            amounts,
            original,
            rate: places.maybe(columns.rate.as_ref())?,
            group: places.maybe(group)?,
            references: places.kinds(&config.references)?,
            counterparty: places.all(columns.counterparty.as_ref())?,
            description: places.all(columns.description.as_ref())?,
            kind: places.maybe(columns.kind.as_ref())?,
            opening: places.maybe(columns.opening.as_ref())?,
            closing: places.maybe(columns.closing.as_ref())?,
            balance: places.maybe(columns.balance.as_ref())?,
            rows: config
                .rows
                .iter()
                .map(|rows| places.one(&rows.column))
                .collect::<Result<_, _>>()?,
            header: Vec::new(),
        };
        let last = header.iter().rposition(|name| !name.is_empty());
        found.width = last.unwrap_or(places.last) + 1;
        found.header = header;
        Ok(found)
    }

    fn name(&self, at: usize) -> String {
        match self.header.get(at).filter(|name| !name.is_empty()) {
            Some(name) => name.clone(),
            None => format!("column {}", at + 1),
        }
    }
}

/// Looks for columns, and remembers the last.
struct Finder<'h> {
    header: &'h [String],
    named: bool,
    last: usize,
}

impl Finder<'_> {
    fn one(&mut self, column: &Column) -> Result<usize, String> {
        let at = match column {
            Column::Number(number) => number.saturating_sub(1),
            Column::Name(name) => self.spelled(std::slice::from_ref(name))?,
            Column::Spellings(names) => self.spelled(names)?,
        };
        if self.named && at >= self.header.len() {
            return Err(format!("column {} is missing; {}", at + 1, self.listed()));
        }
        self.last = self.last.max(at);
        Ok(at)
    }

    fn spelled(&self, names: &[String]) -> Result<usize, String> {
        let stands = |name: &String| {
            let own = name.trim();
            let first = self.header.iter().position(|column| column == own)?;
            let last = self.header.iter().rposition(|column| column == own)?;
            Some((first, last))
        };
        match names.iter().find_map(stands) {
            Some((first, last)) if first == last => Ok(first),
            Some((first, last)) => Err(format!(
                "the column `{}` stands twice; say its number, {} or {}",
                self.header.get(first).map_or("", String::as_str),
                first + 1,
                last + 1
            )),
            None => Err(format!(
                "the column `{}` is missing; {}",
                names.join("` or `"),
                self.listed()
            )),
        }
    }

    fn listed(&self) -> String {
        let short = |name: &String| name.chars().take(NAME_SHOWN).collect::<String>();
        let names = self.header.iter().take(NAMES_SHOWN);
        let names: Vec<String> = names.map(|name| format!("`{}`", short(name))).collect();
        let more = if self.header.len() > NAMES_SHOWN {
            ", …"
        } else {
            ""
        };
        format!("the columns are {}{more}", names.join(", "))
    }

    fn maybe(&mut self, column: Option<&Column>) -> Result<Option<usize>, String> {
        column.map(|column| self.one(column)).transpose()
    }

    fn all(&mut self, joined: Option<&Joined>) -> Result<Vec<usize>, String> {
        let columns = joined.map(Joined::columns).unwrap_or_default();
        columns.iter().map(|column| self.one(column)).collect()
    }

    fn kinds<K: Copy>(&mut self, told: &[(K, Column)]) -> Result<Vec<(K, usize)>, String> {
        told.iter()
            .map(|(kind, column)| Ok((*kind, self.one(column)?)))
            .collect()
    }

    fn amounts(&mut self, config: &Config) -> Result<Amounts, String> {
        let columns = &config.columns;
        match (&columns.amount, &columns.debit, &columns.credit) {
            (Some(amount), _, _) => {
                let amount = self.one(amount)?;
                let sign = config.sign.as_ref().map(|sign| &sign.column);
                Ok(match self.maybe(sign)? {
                    Some(sign) => Amounts::WithSign(amount, sign),
                    None => Amounts::Signed(amount),
                })
            }
            (None, Some(debit), Some(credit)) => {
                Ok(Amounts::Sides(self.one(debit)?, self.one(credit)?))
            }
            _ => Ok(Amounts::Parts {
                gross: self.maybe(columns.gross.as_ref())?,
                fee: self.maybe(columns.fee.as_ref())?,
                fees: self.kinds(&config.fees)?,
                net: self.maybe(columns.net.as_ref())?,
            }),
        }
    }
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Line,
    LeftOut,
    Opening,
    Closing,
    Total,
}

/// A row that says a balance or a total. Which statement it is of shows when all are there.
struct Special {
    role: Role,
    account: Option<String>,
    currency: Option<Currency>,
    name: String,
    text: Cell,
    day: Option<NaiveDate>,
    line: u64,
}

/// An amount whose currency is not known yet.
enum Cell {
    Read(Money),
    Unread(Record),
}

/// A table while its rows come in.
struct Reading<'p> {
    places: &'p Places,
    config: &'p Config,
    groups: BTreeMap<Key, Group>,
    identities: Once,
    repeats: Repeats,
    special: Vec<Special>,
}

impl<'p> Reading<'p> {
    fn new(places: &'p Places, config: &'p Config) -> Self {
        Self {
            places,
            config,
            groups: BTreeMap::new(),
            identities: Once::default(),
            repeats: Repeats::default(),
            special: Vec::new(),
        }
    }

    fn take(&mut self, record: &Record, out: &mut dyn Sink) -> Result<(), ParseError> {
        let row = Row {
            places: self.places,
            config: self.config,
            record,
        };
        match row.role()? {
            Role::LeftOut => Ok(()),
            Role::Line => self.line(&row, out),
            role => self.special(role, &row),
        }
    }

    fn line(&mut self, row: &Row<'_>, out: &mut dyn Sink) -> Result<(), ParseError> {
        row.whole()?;
        let account = row
            .account()
            .ok_or_else(|| row.error(self.places.account, "is empty"))?;
        let currency = row
            .currency()?
            .ok_or_else(|| row.error(self.places.currency, "is empty"))?;
        let (mut line, contradiction) = row.line(currency)?;
        let key = Key {
            account,
            name: row.optional(self.places.group).to_owned(),
            currency,
        };
        line.identity = self.identity(row, &line, &key)?;
        let balance = row.balance(self.places.balance, currency)?;
        let opening = row.balance(self.places.opening, currency)?;
        let closing = row.balance(self.places.closing, currency)?;
        let next = self.groups.len();
        let group = self.groups.entry(key).or_insert_with(|| Group::new(next));
        if let Some(what) = contradiction {
            group.contradict(what);
        }
        let at = row.record.place.line;
        if let Some(opening) = opening {
            group.opening(opening, at);
        }
        if let Some(closing) = closing {
            group.closing(closing, at);
        }
        if group::is_payout(&line) {
            group.payout(&line);
            return Ok(());
        }
        group.line(&line, balance);
        out.line(group.number, line)
    }

    /// The sender's name of a line; where it has none, what it says, counted.
    fn identity(
        &mut self,
        row: &Row<'_>,
        line: &SettlementLine,
        key: &Key,
    ) -> Result<String, ParseError> {
        let own = row.joined(&self.places.identity, "/");
        let at = row.record.place.line;
        if !own.is_empty() {
            let name = format!("{}\n{own}", key.account);
            return match self.identities.before(&name, at) {
                None => Ok(own),
                Some(before) => {
                    let what = format!(
                        "the identity `{own}` stands at line {before} too; name more columns in `identity`, or none"
                    );
                    Err(ParseError::new(at, what))
                }
            };
        }
        let mut encoder = Encoder::new("tieout.csv-line.v1");
        encoder.value(line.booked_on);
        encoder.value(line.net);
        encoder.text(&line.kind);
        for reference in &line.references {
            encoder.text(reference.kind.name());
            encoder.text(&reference.text);
        }
        encoder.text(&line.counterparty);
        encoder.text(&line.description);
        // An account's lines are counted apart from another's.
        let base = encoder.finish().short();
        let name = self.repeats.name(format!("{}\n{base}", key.account));
        let counted = name.rsplit_once('\n').map(|(_, name)| name.to_owned());
        Ok(counted.unwrap_or(name))
    }

    fn special(&mut self, role: Role, row: &Row<'_>) -> Result<(), ParseError> {
        let line = row.record.place.line;
        if self.special.len() >= SPECIAL {
            let what = format!("more than {SPECIAL} rows of balances and totals");
            return Err(ParseError::new(line, what));
        }
        let currency = row.currency()?;
        let text = match currency {
            Some(currency) => Cell::Read(row.special(role, currency)?),
            None => Cell::Unread(row.record.clone()),
        };
        self.special.push(Special {
            role,
            account: row.account(),
            currency,
            name: row.optional(self.places.group).to_owned(),
            text,
            day: row.day(self.places.booked_on).ok().flatten(),
            line,
        });
        Ok(())
    }

    fn close(mut self, out: &mut dyn Sink) -> Result<(), ParseError> {
        for special in std::mem::take(&mut self.special) {
            self.told(&special)?;
        }
        if self.groups.is_empty() {
            let what = "the table has no row that moved money, and no balance";
            return Err(ParseError::new(0, what));
        }
        for (key, group) in self.groups {
            let number = group.number;
            out.statement(number, group.close(key, self.config)?)?;
        }
        Ok(())
    }

    /// Gives a balance or a total to its statement.
    fn told(&mut self, special: &Special) -> Result<(), ParseError> {
        let key = self.key(special)?;
        let found = match &special.text {
            Cell::Read(found) => *found,
            Cell::Unread(record) => {
                let row = Row {
                    places: self.places,
                    config: self.config,
                    record,
                };
                row.special(special.role, key.currency)?
            }
        };
        let next = self.groups.len();
        let group = self.groups.entry(key).or_insert_with(|| {
            // A statement of days without any line.
            let mut group = Group::new(next);
            special.day.into_iter().for_each(|day| group.day(day));
            group
        });
        match special.role {
            Role::Opening => group.opening(found, special.line),
            Role::Closing => {
                special.day.into_iter().for_each(|day| group.day(day));
                group.closing(found, special.line);
            }
            _ => group.total(found, special.line),
        }
        Ok(())
    }

    /// The only statement that a balance or a total can be of.
    fn key(&self, special: &Special) -> Result<Key, ParseError> {
        // Most name theirs wholly: thousands of them are not each looked for among all statements.
        if let (Some(account), Some(currency)) = (&special.account, special.currency)
            && (self.places.group.is_none() || !special.name.is_empty())
        {
            let key = Key {
                account: account.clone(),
                name: special.name.clone(),
                currency,
            };
            if self.groups.contains_key(&key) {
                return Ok(key);
            }
        }
        let fits = |key: &&Key| {
            special
                .account
                .as_ref()
                .is_none_or(|own| *own == key.account)
                && special.currency.is_none_or(|own| own == key.currency)
                && (special.name.is_empty() || special.name == key.name)
        };
        let mut fitting = self.groups.keys().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key.clone()),
            (None, _) => {
                let (account, currency) = (special.account.clone(), special.currency);
                let known = account.zip(currency).filter(|_| special.day.is_some());
                let (account, currency) = known.ok_or_else(|| {
                    let what = "a balance or a total of a statement that has no line, and names no account, currency and day";
                    ParseError::new(special.line, what)
                })?;
                Ok(Key {
                    account,
                    name: special.name.clone(),
                    currency,
                })
            }
            (Some(_), Some(_)) => {
                let what =
                    "a balance or a total of one of several statements; of which cannot be told";
                Err(ParseError::new(special.line, what))
            }
        }
    }
}

/// A row with what its columns mean.
struct Row<'r> {
    places: &'r Places,
    config: &'r Config,
    record: &'r Record,
}

/// The amounts of a row, in major units.
struct Values {
    gross: Decimal,
    net: Decimal,
    fees: Vec<(FeeKind, Decimal)>,
    /// Whether gross, fee and net are all told, and contradict.
    contradicts: bool,
}

impl Row<'_> {
    fn error(&self, at: Option<usize>, what: impl std::fmt::Display) -> ParseError {
        let name = at.map_or_else(String::new, |at| format!("{}: ", self.places.name(at)));
        ParseError::new(self.record.place.line, format!("{name}{what}"))
    }

    fn optional(&self, at: Option<usize>) -> &str {
        at.map_or("", |at| self.record.text(at))
    }

    fn joined(&self, all: &[usize], by: &str) -> String {
        let parts: Vec<&str> = all.iter().map(|at| self.record.text(*at)).collect();
        plain::joined(&parts, by)
    }

    /// Refuses a row whose cells are not those of the header.
    fn whole(&self) -> Result<(), ParseError> {
        let named = if self.places.header.is_empty() {
            self.places.width.max(self.record.width())
        } else {
            self.places.width
        };
        let fits = self.record.fits(named, self.config.delimiter);
        fits.map_err(|what| self.error(None, what))
    }

    fn role(&self) -> Result<Role, ParseError> {
        for (rows, at) in self.config.rows.iter().zip(&self.places.rows) {
            let role = role_of(self.record.text(*at), rows);
            match role.map_err(|what| self.error(Some(*at), what))? {
                Role::Line => {}
                other => return Ok(other),
            }
        }
        Ok(Role::Line)
    }

    fn account(&self) -> Option<String> {
        match &self.config.account {
            Told::Fixed(account) => Some(account.clone()),
            Told::Column { .. } => {
                let text = self.optional(self.places.account);
                Some(text.to_owned()).filter(|text| !text.is_empty())
            }
        }
    }

    fn currency(&self) -> Result<Option<Currency>, ParseError> {
        match self.places.currency {
            Some(at) => self.code(at),
            None => Ok(self.config.fixed_currency),
        }
    }

    fn code(&self, at: usize) -> Result<Option<Currency>, ParseError> {
        match self.record.text(at) {
            "" => Ok(None),
            code => amounts::currency(code)
                .map(Some)
                .map_err(|error| self.error(Some(at), error)),
        }
    }

    fn day(&self, at: usize) -> Result<Option<NaiveDate>, ParseError> {
        match self.record.text(at) {
            "" => Ok(None),
            text => cells::day(text, &self.config.days)
                .map(Some)
                .map_err(|what| self.error(Some(at), what)),
        }
    }

    fn maybe_day(&self, at: Option<usize>) -> Result<Option<NaiveDate>, ParseError> {
        at.map_or(Ok(None), |at| self.day(at))
    }

    fn decimal(&self, at: usize, currency: Currency) -> Result<Option<Decimal>, ParseError> {
        match self.record.text(at) {
            "" => Ok(None),
            text => self
                .config
                .numbers
                .read(text, currency)
                .map(Some)
                .map_err(|what| self.error(Some(at), what)),
        }
    }

    /// An amount that is signed as the sender sees it.
    fn signed(&self, at: usize, currency: Currency) -> Result<Option<Decimal>, ParseError> {
        let value = self.decimal(at, currency)?;
        Ok(value.map(|value| if self.config.negate { -value } else { value }))
    }

    fn need(&self, at: usize, value: Option<Decimal>) -> Result<Decimal, ParseError> {
        value.ok_or_else(|| self.error(Some(at), "is empty"))
    }

    fn money(&self, value: Decimal, currency: Currency) -> Result<Money, ParseError> {
        let money = if self.config.rounds {
            Money::round(value, currency, Rounding::HalfEven)
        } else {
            Money::exact(value, currency)
        };
        money.map_err(|error| self.error(None, error))
    }

    fn balance(&self, at: Option<usize>, currency: Currency) -> Result<Option<Money>, ParseError> {
        let value = at.map_or(Ok(None), |at| self.signed(at, currency))?;
        value.map(|value| self.money(value, currency)).transpose()
    }

    /// What a row of a balance or a total says: in the column of balances, or as its amount.
    fn special(&self, role: Role, currency: Currency) -> Result<Money, ParseError> {
        let balance = match role {
            Role::Total => None,
            _ => self.balance(self.places.balance, currency)?,
        };
        match balance {
            Some(balance) => Ok(balance),
            None => self.money(self.values(currency)?.net, currency),
        }
    }

    fn values(&self, currency: Currency) -> Result<Values, ParseError> {
        let single = |value: Decimal| Values {
            gross: value,
            net: value,
            fees: Vec::new(),
            contradicts: false,
        };
        match &self.places.amounts {
            Amounts::Signed(at) => {
                let value = self.signed(*at, currency)?;
                self.need(*at, value).map(single)
            }
            Amounts::WithSign(at, sign) => {
                let value = self.decimal(*at, currency)?;
                let value = self.need(*at, value)?;
                if value.is_sign_negative() && !value.is_zero() {
                    let what = format!(
                        "is `{}`; its sign stands in `{}`",
                        self.record.text(*at),
                        self.places.name(*sign)
                    );
                    return Err(self.error(Some(*at), what));
                }
                let negative = self.is_minus(*sign)? != self.config.negate;
                Ok(single(if negative { -value } else { value }))
            }
            Amounts::Sides(debit, credit) => self.sides(*debit, *credit, currency).map(single),
            Amounts::Parts {
                gross,
                fee,
                fees,
                net,
            } => {
                let told = |at: &Option<usize>| at.map_or(Ok(None), |at| self.signed(at, currency));
                let (gross, net) = (told(gross)?, told(net)?);
                let (fee, fees) = self.fees(*fee, fees, currency)?;
                self.parts(gross, fee, net, fees)
            }
        }
    }

    fn is_minus(&self, at: usize) -> Result<bool, ParseError> {
        let word = self.record.text(at);
        let Some(Sign { plus, minus, .. }) = &self.config.sign else {
            return Ok(false);
        };
        if minus.iter().any(|known| known == word) {
            return Ok(true);
        }
        if plus.iter().any(|known| known == word) {
            return Ok(false);
        }
        let words = [plus.join(", "), minus.join(", ")].join(", ");
        Err(self.error(Some(at), format!("is `{word}`; it is one of {words}")))
    }

    /// What came in less what went out: one of the two.
    fn sides(
        &self,
        debit: usize,
        credit: usize,
        currency: Currency,
    ) -> Result<Decimal, ParseError> {
        let out = self.one_way(debit, self.config.debit_is, currency)?;
        let into = self.one_way(credit, Written::Positive, currency)?;
        let value = match (out.filter(|out| !out.is_zero()), into) {
            (Some(_), Some(into)) if !into.is_zero() => {
                return Err(self.both(debit, credit, "filled"));
            }
            (Some(out), _) => -out,
            (None, Some(into)) => into,
            (None, None) if out.is_some() => Decimal::ZERO,
            (None, None) => {
                return Err(self.both(debit, credit, "empty"));
            }
        };
        Ok(if self.config.negate { -value } else { value })
    }

    fn both(&self, debit: usize, credit: usize, state: &str) -> ParseError {
        let (debit, credit) = (self.places.name(debit), self.places.name(credit));
        self.error(None, format!("`{debit}` and `{credit}` are both {state}"))
    }

    /// The size of an amount whose column says which way the money went.
    fn one_way(
        &self,
        at: usize,
        written: Written,
        currency: Currency,
    ) -> Result<Option<Decimal>, ParseError> {
        let Some(value) = self.decimal(at, currency)? else {
            return Ok(None);
        };
        let size = match written {
            Written::Positive => value,
            Written::Negative => -value,
        };
        if size.is_sign_negative() && !size.is_zero() {
            let what = format!(
                "is `{}`; its column already says which way the money went",
                self.record.text(at)
            );
            return Err(self.error(Some(at), what));
        }
        Ok(Some(size))
    }

    /// The fee that is told, or the sum of its kinds; and the kinds.
    fn fees(
        &self,
        fee: Option<usize>,
        fees: &[(FeeKind, usize)],
        currency: Currency,
    ) -> Result<(Option<Decimal>, Vec<(FeeKind, Decimal)>), ParseError> {
        let taken = |at: usize| {
            let value = self.decimal(at, currency)?;
            Ok(value.map(|value| match self.config.fee_is {
                Written::Positive => value,
                Written::Negative => -value,
            }))
        };
        let told = fee.map_or(Ok(None), taken)?;
        let mut kinds = Vec::new();
        for (kind, at) in fees {
            let value = taken(*at)?.unwrap_or_default();
            if !value.is_zero() {
                kinds.push((*kind, value));
            }
        }
        let sum = kinds.iter().map(|(_, value)| *value).sum::<Decimal>();
        Ok(match (told, fees.is_empty()) {
            (Some(told), false) if told != sum => {
                let at = fee;
                return Err(self.error(at, format!("is {told}, its kinds sum up to {sum}")));
            }
            (told, true) => (told, kinds),
            (_, false) => (Some(sum), kinds),
        })
    }

    /// What is not told follows from the other two; an empty fee is none.
    fn parts(
        &self,
        gross: Option<Decimal>,
        fee: Option<Decimal>,
        net: Option<Decimal>,
        fees: Vec<(FeeKind, Decimal)>,
    ) -> Result<Values, ParseError> {
        let taken = fee.unwrap_or_default();
        let (gross, net, contradicts) = match (gross, net) {
            (Some(gross), Some(net)) => {
                let Amounts::Parts { fee, fees, .. } = &self.places.amounts else {
                    return Err(self.error(None, "has no parts"));
                };
                let told = fee.is_some() || !fees.is_empty();
                (gross, net, told && gross - taken != net)
            }
            (Some(gross), None) => (gross, gross - taken, false),
            (None, Some(net)) => (net + taken, net, false),
            // A fee on its own is all that moved.
            (None, None) if fee.is_some() => (Decimal::ZERO, -taken, false),
            (None, None) => return Err(self.error(None, "gross, fee and net are all empty")),
        };
        Ok(Values {
            gross,
            net,
            fees,
            contradicts,
        })
    }

    fn line(&self, currency: Currency) -> Result<(SettlementLine, Option<String>), ParseError> {
        let values = self.values(currency)?;
        let (gross, net) = (
            self.money(values.gross, currency)?,
            self.money(values.net, currency)?,
        );
        let fee = Money::minor(gross.amount() - net.amount(), currency);
        let booked_on = self
            .day(self.places.booked_on)?
            .ok_or_else(|| self.error(Some(self.places.booked_on), "is empty"))?;
        let word = match (self.optional(self.places.kind), net.amount() < 0) {
            ("", true) => "debit",
            ("", false) => "credit",
            (word, _) => word,
        };
        let known = self.config.movements.get(word);
        let movement = known.copied().unwrap_or(Movement::Other);
        let contradicts = values.contradicts.then(|| {
            let line = self.record.place.line;
            format!("net at line {line} is not gross less fee")
        });
        let references = self.places.references.iter();
        let references =
            references.filter_map(|(kind, at)| Reference::of(*kind, self.record.text(*at)));
        let in_payout = self.config.columns.payout.is_some();
        let payout = self.places.group.filter(|_| in_payout);
        let one_line = |text: String| text.split(['\n', '\r']).collect::<Vec<_>>().join(" ");
        let line = SettlementLine {
            references: references.collect(),
            payout: self.optional(payout).to_owned(),
            gross,
            fee,
            fees: if values.contradicts {
                Vec::new()
            } else {
                self.fee_parts(&values.fees, fee)?
            },
            exact: (values.net != net.to_decimal()).then_some(values.net),
            original: self.original()?,
            rate: self.rate(currency)?,
            value_on: self.maybe_day(self.places.value_on)?,
            paid_on: self.maybe_day(self.places.paid_on)?,
            counterparty: one_line(self.joined(&self.places.counterparty, " ")),
            description: self.joined(&self.places.description, " "),
            ..SettlementLine::new(
                String::new(),
                self.record.place,
                (movement, word),
                net,
                booked_on,
            )
        };
        Ok((line, contradicts))
    }

    /// The kinds of a fee, which sum up to it: what rounding leaves goes to the last.
    fn fee_parts(
        &self,
        told: &[(FeeKind, Decimal)],
        fee: Money,
    ) -> Result<Vec<FeePart>, ParseError> {
        let mut parts = Vec::new();
        let mut rest = fee.amount();
        for (kind, value) in told {
            let amount = self.money(*value, fee.currency())?;
            rest -= amount.amount();
            parts.push(FeePart {
                kind: *kind,
                amount,
            });
        }
        if let Some(last) = parts.last_mut() {
            let amount = last.amount.amount() + rest;
            last.amount = Money::minor(amount, fee.currency());
        }
        Ok(parts)
    }

    fn original(&self) -> Result<Option<Money>, ParseError> {
        let Some((amount, currency)) = self.places.original else {
            return Ok(None);
        };
        let Some(currency) = self.code(currency)? else {
            return Ok(None);
        };
        let own = self.currency()?;
        let value = self.signed(amount, currency)?;
        let money = value.map(|value| {
            Money::exact(value, currency).map_err(|error| self.error(Some(amount), error))
        });
        money
            .transpose()
            .map(|money| money.filter(|_| own != Some(currency)))
    }

    fn rate(&self, currency: Currency) -> Result<Option<Decimal>, ParseError> {
        let Some(at) = self.places.rate else {
            return Ok(None);
        };
        let numbers = cells::Numbers {
            minor: false,
            ..self.config.numbers.clone()
        };
        match self.record.text(at) {
            "" => Ok(None),
            text => numbers
                .read(text, currency)
                .map(Some)
                .map_err(|what| self.error(Some(at), what)),
        }
    }
}

/// What a word says of its row. Where lines have words, a word that is in no list may mean anything.
fn role_of(word: &str, rows: &Rows) -> Result<Role, String> {
    let lists = [
        (&rows.line, Role::Line),
        (&rows.leave_out, Role::LeftOut),
        (&rows.opening, Role::Opening),
        (&rows.closing, Role::Closing),
        (&rows.total, Role::Total),
    ];
    let known = lists
        .iter()
        .find(|(words, _)| words.iter().any(|known| known == word));
    match known {
        Some((_, role)) => Ok(*role),
        None if rows.line.is_empty() => Ok(Role::Line),
        None => {
            let all: Vec<&str> = lists
                .iter()
                .flat_map(|(words, _)| words.iter().map(String::as_str))
                .collect();
            Err(format!("is `{word}`; it is one of {}", all.join(", ")))
        }
    }
}
