//! Dictionaries, periods and mapping versions: the names behind the numbers.

use crate::{Store, StoreError, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use ledger::{Account, Currency, Dimensions, Entity, FiscalPeriod, Hash};
use sqlx::FromRow;
use std::collections::{BTreeMap, BTreeSet};

/// A name and its number.
#[derive(Debug, FromRow)]
pub(crate) struct NamedId {
    pub(crate) id: i64,
    pub(crate) code: String,
}

#[derive(Debug, FromRow)]
struct EntityRow {
    id: i64,
    code: String,
    functional_id: i64,
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

/// The numbers of names, read once per transaction and filled as new names come.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    pub(crate) entities: BTreeMap<String, (i64, i64)>,
    pub(crate) accounts: BTreeMap<String, i64>,
    pub(crate) currencies: BTreeSet<u16>,
    pub(crate) rules: BTreeMap<(Hash, String), i64>,
    pub(crate) types: BTreeMap<String, i64>,
    pub(crate) origins: BTreeMap<String, i64>,
    pub(crate) dimension_sets: BTreeMap<String, i64>,
    pub(crate) periods: BTreeMap<(i64, String), (i64, bool)>,
}

impl Store {
    /// All periods that have ever been posted to.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn periods(&self) -> Result<Vec<PeriodRow>, StoreError> {
        Ok(on_pool!(self, db => sqlx::query_as(sql!("books/periods")).fetch_all(db).await)?)
    }

    /// The chart of accounts, by code.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        Ok(on_pool!(self, db => sqlx::query_as(sql!("books/account_list")).fetch_all(db).await)?)
    }
}

impl Tx {
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

    /// Records that a mapping version is in force, once.
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
        let done = on_tx!(&mut *self, db => sqlx::query(sql!("books/insert_mapping"))
            .bind(pack).bind(version.as_bytes().as_slice()).bind(now).bind(actor)
            .execute(db).await?.rows_affected());
        Ok(done == 1)
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
    ) -> Result<bool, StoreError> {
        let state = if closed { "closed" } else { "open" };
        let done = on_tx!(&mut *self, db => sqlx::query(sql!("books/set_period_state"))
            .bind(entity).bind(period).bind(state).execute(db).await?.rows_affected());
        Ok(done == 1)
    }

    pub(crate) async fn dictionary(&mut self) -> Result<Dictionary, StoreError> {
        let mut dictionary = Dictionary::default();
        let entities: Vec<EntityRow> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("books/entities")).fetch_all(db).await?);
        for row in entities {
            dictionary
                .entities
                .insert(row.code, (row.id, row.functional_id));
        }
        let accounts: Vec<NamedId> = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("books/accounts")).fetch_all(db).await?);
        dictionary.accounts = accounts.into_iter().map(|row| (row.code, row.id)).collect();
        Ok(dictionary)
    }

    pub(crate) async fn currency(&mut self, currency: Currency) -> Result<(), StoreError> {
        let exponent = currency.exponent();
        on_tx!(&mut *self, db => sqlx::query(sql!("books/upsert_currency"))
            .bind(i64::from(currency.numeric())).bind(currency.code())
            .bind(i64::from(exponent)).bind(10_i64.saturating_pow(exponent)).execute(db).await?.rows_affected());
        Ok(())
    }

    pub(crate) async fn rule_id(
        &mut self,
        known: &mut Dictionary,
        mapping: Hash,
        rule: &str,
    ) -> Result<i64, StoreError> {
        let key = (mapping, rule.to_owned());
        if let Some(id) = known.rules.get(&key) {
            return Ok(*id);
        }
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
        let id: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("books/rule_id"))
            .bind(mapping_id).bind(rule).fetch_one(db).await?);
        known.rules.insert(key, id);
        Ok(id)
    }

    pub(crate) async fn event_type_id(
        &mut self,
        known: &mut Dictionary,
        name: &str,
    ) -> Result<i64, StoreError> {
        if let Some(id) = known.types.get(name) {
            return Ok(*id);
        }
        on_tx!(&mut *self, db =>
            sqlx::query(sql!("books/insert_event_type")).bind(name).execute(db).await?.rows_affected());
        let id: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/event_type_id")).bind(name).fetch_one(db).await?);
        known.types.insert(name.to_owned(), id);
        Ok(id)
    }

    pub(crate) async fn origin_id(
        &mut self,
        known: &mut Dictionary,
        name: &str,
    ) -> Result<i64, StoreError> {
        if let Some(id) = known.origins.get(name) {
            return Ok(*id);
        }
        on_tx!(&mut *self, db =>
            sqlx::query(sql!("books/insert_origin")).bind(name).execute(db).await?.rows_affected());
        let id: i64 = on_tx!(&mut *self, db =>
            sqlx::query_scalar(sql!("books/origin_id")).bind(name).fetch_one(db).await?);
        known.origins.insert(name.to_owned(), id);
        Ok(id)
    }

    /// The number of a set of dimensions; 0 for none.
    pub(crate) async fn dimension_set_id(
        &mut self,
        known: &mut Dictionary,
        dimensions: &Dimensions,
    ) -> Result<i64, StoreError> {
        if dimensions.is_empty() {
            return Ok(0);
        }
        let content = serde_json::to_string(dimensions)
            .map_err(|error| StoreError::Corrupt(error.to_string()))?;
        if let Some(id) = known.dimension_sets.get(&content) {
            return Ok(*id);
        }
        let hash = Hash::of(content.as_bytes());
        on_tx!(&mut *self, db => sqlx::query(sql!("books/insert_dimension_set"))
            .bind(hash.as_bytes().as_slice()).bind(&content).execute(db).await?.rows_affected());
        let id: i64 = on_tx!(&mut *self, db => sqlx::query_scalar(sql!("books/dimension_set_id"))
            .bind(hash.as_bytes().as_slice()).fetch_one(db).await?);
        known.dimension_sets.insert(content, id);
        Ok(id)
    }

    /// The number of a period and whether it is open; a new one is opened.
    pub(crate) async fn period_id(
        &mut self,
        known: &mut Dictionary,
        entity_id: i64,
        period: &FiscalPeriod,
    ) -> Result<(i64, bool), StoreError> {
        let key = (entity_id, period.to_string());
        if let Some(found) = known.periods.get(&key) {
            return Ok(*found);
        }
        on_tx!(&mut *self, db => sqlx::query(sql!("books/insert_period"))
            .bind(entity_id).bind(&key.1).bind(period.start).bind(period.end).execute(db).await?.rows_affected());
        let (id, state): (i64, String) = on_tx!(&mut *self, db =>
            sqlx::query_as(sql!("books/period")).bind(entity_id).bind(&key.1).fetch_one(db).await?);
        let found = (id, state == "open");
        known.periods.insert(key, found);
        Ok(found)
    }
}
