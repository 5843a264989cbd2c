//! Dictionaries, periods and mapping versions: the names behind the numbers.

use crate::bulk::Kind::{Bytes, Int, Text};
use crate::bulk::{Field, Table};
use crate::index::Index;
use crate::intake::Stamp;
use crate::record::kinds::{self, CLOSED, OPEN, PERIOD_STATE};
use crate::record::{NewLink, Span};
use crate::{Snapshot, StoreError, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use ledger::{Account, Currency, Dimensions, Entity, FiscalPeriod, Hash, Label, Labels};
use sqlx_macros::FromRow;
use std::collections::{BTreeMap, BTreeSet};

/// A name and its number.
#[derive(Debug, FromRow)]
pub(crate) struct NamedId {
    pub(crate) id: i64,
    pub(crate) code: String,
}

/// A period as people see it.
#[derive(Clone, Debug, FromRow, serde::Serialize)]
pub struct PeriodRow {
    /// The entity's code.
    pub entity: String,
    /// `2026-01`.
    pub code: String,
    /// The first day.
    pub start_on: NaiveDate,
    /// The last day.
    pub end_on: NaiveDate,
    /// `open` or `closed`.
    pub state: String,
}

/// An account as the books hold it.
#[derive(Clone, Debug, FromRow)]
pub struct AccountRow {
    /// The name.
    pub name: String,
    /// The chart's code.
    pub code: String,
    /// The type's name.
    pub kind: String,
    /// The number of the normal side.
    pub normal_side: i64,
    /// What people call it.
    pub title: String,
}

/// Before it there are no days in the books.
const FIRST_DAY: NaiveDate = match NaiveDate::from_ymd_opt(1, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

#[derive(Debug, FromRow)]
struct LabelRow {
    /// The name under which lines know the account.
    account: String,
    from_on: NaiveDate,
    name: String,
    code: String,
}

fn labelled(rows: Vec<LabelRow>) -> Labels {
    let mut labels = Labels::default();
    for row in rows {
        let label = Label {
            from: row.from_on,
            account: row.name,
            code: row.code,
        };
        labels.add(&row.account, label);
    }
    labels
}

#[derive(Debug, FromRow)]
struct ClosedPeriod {
    entity: String,
    period: String,
    end_on: NaiveDate,
}

/// Why the books do not take what a chart calls its accounts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// It would change what is sealed.
    #[error(
        "account `{account}` is called otherwise from {first} on, and {closed} is closed until {end}: what was closed keeps its names and codes; say `to: {end}` or later under `formerly:`"
    )]
    Closed {
        /// The account.
        account: String,
        /// From when on.
        first: NaiveDate,
        /// Entity and period.
        closed: String,
        /// The last closed day.
        end: NaiveDate,
    },
    /// An account became another type of account.
    #[error(
        "account `{account}` was `{former}`, which is of the type {kind} in the books; give it that type, or another name"
    )]
    OtherType {
        /// The account.
        account: String,
        /// Its name in the books.
        former: String,
        /// Its type there.
        kind: String,
    },
}

/// A version of the mapping that was put in force.
#[derive(Clone, Debug, FromRow)]
pub struct ActivationRow {
    /// Its number: the highest is in force.
    pub id: i64,
    /// The pack's name.
    pub pack: String,
    /// The version.
    pub version: Vec<u8>,
    /// When.
    pub activated_at: DateTime<Utc>,
    /// By whom.
    pub activated_by: String,
}

/// The numbers behind names, kept between transactions: a name never changes its number, so what
/// was committed stays true. After a transaction that was not, start again with an empty one.
#[derive(Debug, Default)]
pub struct Names {
    pub(crate) entities: BTreeMap<String, i64>,
    pub(crate) accounts: BTreeMap<String, i64>,
    pub(crate) currencies: BTreeSet<u16>,
    pub(crate) rules: BTreeMap<Hash, BTreeMap<String, i64>>,
    pub(crate) types: BTreeMap<String, i64>,
    pub(crate) origins: BTreeMap<String, i64>,
    pub(crate) dimension_sets: Index<Hash, i64>,
    pub(crate) periods: BTreeMap<(i64, i32, u32), i64>,
    /// Read anew in every transaction: another process may close a period.
    pub(crate) closed: BTreeSet<i64>,
    /// Whether names were given that the record chain does not cover yet.
    pub(crate) fresh: bool,
}

/// The most dimension sets that are remembered; beyond it all are forgotten and looked up again.
const MAX_DIMENSION_SETS: usize = 200_000;

/// Names that a batch uses and [`Names`] does not know.
#[derive(Debug, Default)]
pub(crate) struct Missing<'b> {
    pub(crate) entities: BTreeSet<&'b str>,
    pub(crate) accounts: BTreeSet<&'b str>,
    pub(crate) currencies: BTreeSet<Currency>,
    pub(crate) rules: BTreeSet<(Hash, &'b str)>,
    pub(crate) types: BTreeSet<&'b str>,
    pub(crate) origins: BTreeSet<&'b str>,
    pub(crate) dimension_sets: BTreeMap<Hash, &'b Dimensions>,
    pub(crate) periods: BTreeSet<(i64, FiscalPeriod)>,
}

impl Missing<'_> {
    /// Whether there are some that the record chain covers; sets of dimensions are under their entries' hashes.
    fn has_names(&self) -> bool {
        !(self.rules.is_empty()
            && self.types.is_empty()
            && self.origins.is_empty()
            && self.periods.is_empty())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entities.is_empty()
            && self.accounts.is_empty()
            && self.currencies.is_empty()
            && self.rules.is_empty()
            && self.types.is_empty()
            && self.origins.is_empty()
            && self.dimension_sets.is_empty()
            && self.periods.is_empty()
    }
}

impl Snapshot {
    /// All periods that have ever been posted to.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn periods(&self) -> Result<Vec<PeriodRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("books/periods")).fetch_all(db).await)?)
    }

    /// When these books were first worked with; none while nobody did.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn opened_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("books/opened_at")).fetch_optional(db).await?))
    }

    /// The chart of accounts, by code.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        Ok(
            on_snapshot!(self, db => sqlx::query_as(sql!("books/account_list")).fetch_all(db).await)?,
        )
    }

    /// Every time that a version of the mapping was put in force, in order.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn activations(&self) -> Result<Vec<ActivationRow>, StoreError> {
        Ok(on_snapshot!(self, db => sqlx::query_as(sql!("books/activations")).fetch_all(db).await)?)
    }

    /// What accounts are called on which day.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn labels(&self) -> Result<Labels, StoreError> {
        let rows =
            on_snapshot!(self, db => sqlx::query_as(sql!("books/labels")).fetch_all(db).await)?;
        Ok(labelled(rows))
    }

    /// The version of the mapping that is in force; none before the first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn mapping_in_force(&self) -> Result<Option<Hash>, StoreError> {
        let found: Option<Vec<u8>> = on_snapshot!(self, db =>
            sqlx::query_scalar(sql!("books/in_force")).fetch_one(db).await?);
        Ok(found.and_then(|version| Hash::from_slice(&version)))
    }
}

impl Tx {
    /// The version of the mapping that is in force, as it stands while others wait; none before the first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn mapping_in_force(&mut self) -> Result<Option<Hash>, StoreError> {
        let found: Option<Vec<u8>> = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/in_force")).fetch_one(db).await?);
        Ok(found.and_then(|version| Hash::from_slice(&version)))
    }

    /// Makes the entities and accounts of the configuration known to the books.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_up(
        &mut self,
        entities: &[Entity],
        accounts: impl Iterator<Item = &Account>,
    ) -> Result<(), StoreError> {
        for entity in entities {
            self.currency(entity.functional).await?;
            let calendar = format!("{:?}", entity.calendar);
            on_tx!(&mut *self, db => sqlx::query(sql!("books/upsert_entity"))
                .bind(&entity.code).bind(&entity.name).bind(i64::from(entity.functional.numeric()))
                .bind(entity.zone.name()).bind(&calendar).execute(db).await?.rows_affected());
        }
        for account in accounts {
            on_tx!(&mut *self, db => sqlx::query(sql!("books/upsert_account"))
                .bind(&account.account).bind(&account.code).bind(account.kind.name())
                .bind(account.normal_side().number()).bind(&account.title).execute(db).await?.rows_affected());
        }
        Ok(())
    }

    /// Notes what accounts are called from now on, where the chart says otherwise than before; what they were
    /// called until then stays. A change without a day holds from today on, or after the last closed period.
    ///
    /// # Errors
    /// [`StoreError::Database`]. The inner one says why the books do not take the chart; nothing is noted then.
    pub async fn label_accounts(
        &mut self,
        accounts: impl Iterator<Item = &Account>,
        stamp: &Stamp,
    ) -> Result<Result<(), LabelError>, StoreError> {
        let known: Vec<AccountRow> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("books/account_list")).fetch_all(db).await?);
        let rows: Vec<LabelRow> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("books/labels")).fetch_all(db).await?);
        let labels = labelled(rows);
        let mut all = Vec::new();
        for account in accounts {
            for row in known
                .iter()
                .filter(|row| account.names().contains(row.name.as_str()))
            {
                if row.kind != account.kind.name() {
                    return Ok(Err(LabelError::OtherType {
                        account: account.account.clone(),
                        former: row.name.clone(),
                        kind: row.kind.clone(),
                    }));
                }
                let new = match self.new_labels(account, &row.name, &labels, stamp).await? {
                    Ok(new) => new,
                    Err(error) => return Ok(Err(error)),
                };
                all.extend(new.into_iter().map(|label| (row.name.as_str(), label)));
            }
        }
        for (account, label) in &all {
            on_tx!(&mut *self, db => sqlx::query(sql!("books/insert_label"))
                .bind(*account).bind(label.from).bind(&label.account).bind(&label.code)
                .execute(db).await?.rows_affected());
        }
        if !all.is_empty() {
            self.seal_names(stamp).await?;
        }
        Ok(Ok(()))
    }

    /// What an account, known under a name, is to be called otherwise than the books say.
    async fn new_labels(
        &mut self,
        account: &Account,
        name: &str,
        labels: &Labels,
        stamp: &Stamp,
    ) -> Result<Result<Vec<Label>, LabelError>, StoreError> {
        let wanted = account.labels();
        let label = |from: NaiveDate, (account, code): (&str, &str)| Label {
            from,
            account: account.to_owned(),
            code: code.to_owned(),
        };
        let now = labels.now(name);
        if now.is_some_and(|now| (&now.account, &now.code) == (&account.account, &account.code)) {
            return Ok(Ok(Vec::new()));
        }
        let Some((last, account_now, code)) = wanted.last().copied() else {
            return Ok(Ok(Vec::new()));
        };
        let today = stamp.now.date_naive();
        let first = last.filter(|day| *day > NaiveDate::MIN);
        let closed: Option<ClosedPeriod> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("books/last_closed")).bind(first.unwrap_or(today))
                .fetch_optional(db).await?);
        let undated = closed.as_ref().and_then(|closed| closed.end_on.succ_opt());
        let undated = undated.unwrap_or(today);
        if now.is_none() {
            // A new account: nothing stands under it that was called otherwise.
            let all = wanted.iter().map(|(from, account, code)| {
                let from = from.map_or(undated, |from| from.max(FIRST_DAY));
                label(from, (account, code))
            });
            return Ok(Ok(all.collect()));
        }
        if let (Some(first), Some(closed)) = (first, closed) {
            return Ok(Err(LabelError::Closed {
                account: account.account.clone(),
                first,
                closed: format!("{} {}", closed.entity, closed.period),
                end: closed.end_on,
            }));
        }
        let from = first.unwrap_or(undated);
        Ok(Ok(vec![label(from, (account_now, code))]))
    }

    /// Puts a mapping version in force and records that; false when it is already.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn activate_mapping(
        &mut self,
        pack: &str,
        version: Hash,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<bool, StoreError> {
        let bytes = version.as_bytes().as_slice();
        let changed = on_tx!(&mut *self, db => sqlx::query(sql!("books/put_in_force"))
            .bind(bytes).execute(db).await?.rows_affected());
        if changed == 0 {
            return Ok(false);
        }
        let stamp = Stamp {
            now,
            actor: actor.to_owned(),
        };
        let new: Option<i64> = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("books/insert_mapping"))
            .bind(pack).bind(bytes).bind(now).bind(actor).fetch_optional(db).await?);
        if let Some(id) = new {
            self.seal_rows(&kinds::MAPPING, Span::one(id), &stamp)
                .await?;
        }
        let id: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("books/insert_activation"))
            .bind(bytes).bind(now).bind(actor).fetch_one(db).await?);
        self.seal_rows(&kinds::ACTIVATION, Span::one(id), &stamp)
            .await?;
        Ok(true)
    }

    /// Closes or opens a period; false when it already was so, or does not exist.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_period_state(
        &mut self,
        entity: &str,
        period: &str,
        closed: bool,
        stamp: &Stamp,
    ) -> Result<bool, StoreError> {
        let (state, key) = if closed {
            ("closed", CLOSED)
        } else {
            ("open", OPEN)
        };
        let changed: Option<i64> = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("books/set_period_state"))
            .bind(entity).bind(period).bind(state).fetch_optional(db).await?);
        if let Some(id) = changed {
            let fact = NewLink::fact(PERIOD_STATE, Span::one(key).of(id), 0);
            self.append_records(vec![fact], stamp).await?;
        }
        Ok(changed.is_some())
    }

    /// Periods that take no postings.
    pub(crate) async fn closed_periods(&mut self) -> Result<BTreeSet<i64>, StoreError> {
        let closed: Vec<i64> = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/closed_periods")).fetch_all(db).await?);
        Ok(closed.into_iter().collect())
    }

    /// Finds the numbers of names, giving new ones where there are none.
    pub(crate) async fn learn(
        &mut self,
        names: &mut Names,
        missing: &Missing<'_>,
    ) -> Result<(), StoreError> {
        names.fresh |= missing.has_names();
        if !missing.entities.is_empty() || !missing.accounts.is_empty() {
            self.learn_books(names).await?;
            // They come from the configuration alone; one that is still missing never comes.
            known("entity", &names.entities, &missing.entities)?;
            known("account", &names.accounts, &missing.accounts)?;
        }
        for currency in &missing.currencies {
            self.currency(*currency).await?;
            names.currencies.insert(currency.numeric());
        }
        for (mapping, rule) in &missing.rules {
            let id = self.rule_id(*mapping, rule).await?;
            let rules = names.rules.entry(*mapping).or_default();
            rules.insert((*rule).to_owned(), id);
        }
        for name in &missing.types {
            let id = self.event_type_id(name).await?;
            names.types.insert((*name).to_owned(), id);
        }
        for name in &missing.origins {
            let id = self.origin_id(name).await?;
            names.origins.insert((*name).to_owned(), id);
        }
        for (entity_id, period) in &missing.periods {
            let id = self.period_id(*entity_id, period).await?;
            let key = (*entity_id, period.year, period.number);
            names.periods.insert(key, id);
        }
        self.learn_dimension_sets(names, &missing.dimension_sets)
            .await
    }

    async fn learn_books(&mut self, names: &mut Names) -> Result<(), StoreError> {
        let entities: Vec<NamedId> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("books/entities")).fetch_all(db).await?);
        names.entities = entities.into_iter().map(|row| (row.code, row.id)).collect();
        let accounts: Vec<NamedId> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("books/accounts")).fetch_all(db).await?);
        names.accounts = accounts.into_iter().map(|row| (row.code, row.id)).collect();
        Ok(())
    }

    pub(crate) async fn currency(&mut self, currency: Currency) -> Result<(), StoreError> {
        let exponent = currency.exponent();
        on_tx!(&mut *self, db => sqlx::query(sql!("books/upsert_currency"))
            .bind(i64::from(currency.numeric())).bind(currency.code())
            .bind(i64::from(exponent)).bind(10_i64.saturating_pow(exponent)).execute(db).await?.rows_affected());
        Ok(())
    }

    async fn rule_id(&mut self, mapping: Hash, rule: &str) -> Result<i64, StoreError> {
        let missing = || StoreError::Unknown {
            what: "mapping version",
            name: mapping.to_string(),
        };
        let mapping_id: Option<i64> = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/mapping_id")).bind(mapping.as_bytes().as_slice())
                .fetch_optional(db).await?);
        let mapping_id = mapping_id.ok_or_else(missing)?;
        on_tx!(&mut *self, db => sqlx::query(sql!("books/insert_rule"))
            .bind(mapping_id).bind(rule).execute(db).await?.rows_affected());
        Ok(
            on_tx!(&mut *self, db => sqlx::query_scalar(sql!("books/rule_id"))
            .bind(mapping_id).bind(rule).fetch_one(db).await?),
        )
    }

    async fn event_type_id(&mut self, name: &str) -> Result<i64, StoreError> {
        on_tx!(&mut *self, db =>
            sqlx::query(sql!("books/insert_event_type")).bind(name).execute(db).await?.rows_affected());
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/event_type_id")).bind(name).fetch_one(db).await?))
    }

    async fn origin_id(&mut self, name: &str) -> Result<i64, StoreError> {
        on_tx!(&mut *self, db =>
            sqlx::query(sql!("books/insert_origin")).bind(name).execute(db).await?.rows_affected());
        Ok(on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/origin_id")).bind(name).fetch_one(db).await?))
    }

    /// The number of a period; a new one is opened.
    async fn period_id(
        &mut self,
        entity_id: i64,
        period: &FiscalPeriod,
    ) -> Result<i64, StoreError> {
        let code = period.to_string();
        on_tx!(&mut *self, db => sqlx::query(sql!("books/insert_period"))
            .bind(entity_id).bind(&code).bind(period.start).bind(period.end).execute(db).await?.rows_affected());
        Ok(
            on_tx!(&mut *self, db => sqlx::query_scalar(sql!("books/period"))
            .bind(entity_id).bind(&code).fetch_one(db).await?),
        )
    }

    /// Finds all sets of dimensions with one question, and writes new ones with one insert.
    async fn learn_dimension_sets(
        &mut self,
        names: &mut Names,
        missing: &BTreeMap<Hash, &Dimensions>,
    ) -> Result<(), StoreError> {
        const SETS: Table<3> = Table {
            name: "dimension_set",
            columns: [("id", Int), ("hash", Bytes), ("content", Text)],
        };
        if missing.is_empty() {
            return Ok(());
        }
        if names.dimension_sets.len() + missing.len() > MAX_DIMENSION_SETS {
            names.dimension_sets.clear();
        }
        let hashes: Vec<String> = missing.keys().map(Hash::to_string).collect();
        let hashes = json(&hashes)?;
        let statement = sql_of!(&*self, "books/dimension_sets");
        let known: Vec<(Vec<u8>, i64)> = on_tx!(&mut *self, db =>
            sqlx::query_as(statement).bind(&hashes).fetch_all(db).await?);
        for (hash, id) in known {
            let hash = Hash::from_slice(&hash).ok_or_else(|| {
                StoreError::Corrupt(format!("dimension set {id} has a malformed hash"))
            })?;
            names.dimension_sets.insert(hash, id);
        }
        let new: Vec<(Hash, String)> = missing
            .iter()
            .filter(|(hash, _)| !names.dimension_sets.contains(hash))
            .map(|(hash, dimensions)| Ok((*hash, json(dimensions)?)))
            .collect::<Result<_, StoreError>>()?;
        let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
        let last: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/number_dimension_sets")).bind(count).fetch_one(db).await?);
        let numbered = || new.iter().zip(last - count + 1..);
        let rows: Vec<_> = numbered()
            .map(|((hash, content), id)| {
                [
                    Field::Int(id),
                    Field::Bytes(hash.as_bytes()),
                    Field::Text(content),
                ]
            })
            .collect();
        self.insert(SETS, rows.into_iter()).await?;
        for ((hash, _), id) in numbered() {
            names.dimension_sets.insert(*hash, id);
        }
        Ok(())
    }
}

fn known(
    what: &'static str,
    names: &BTreeMap<String, i64>,
    wanted: &BTreeSet<&str>,
) -> Result<(), StoreError> {
    match wanted.iter().find(|name| !names.contains_key(**name)) {
        None => Ok(()),
        Some(name) => Err(StoreError::Unknown {
            what,
            name: (*name).to_owned(),
        }),
    }
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}
