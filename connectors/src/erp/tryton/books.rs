//! A company's books: looking for moves, creating, posting and reading them back.

use super::rpc::{Said, Session, day, decimal};
use super::{Config, Document, DocumentLine};
use crate::erp::Said as Answer;
use crate::transport::TransportError;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Moves that are created, posted and read at once.
const PAGE: usize = 100;

const MOVE: &str = "model.account.move";

/// How often it is looked whether one move is left, where others create the same.
const ATTEMPTS: usize = 5;

/// The days of a company's periods that take moves.
pub(super) async fn open_periods(
    session: &Session<'_>,
    company: &str,
) -> Result<Vec<(NaiveDate, NaiveDate)>, TransportError> {
    let method = "model.account.period.search_read";
    let context = session
        .ask("model.res.user.get_preferences", json!([true, {}]))
        .await?;
    let domain = json!([
        ["fiscalyear.company.party.name", "=", company],
        ["type", "=", "standard"],
        ["state", "=", "open"],
        ["fiscalyear.state", "=", "open"]
    ]);
    let order = json!([["start_date", "ASC"]]);
    let fields = ["start_date", "end_date"];
    let params = json!([domain, 0, null, order, fields, context]);
    let Value::Array(rows) = session.ask(method, params).await? else {
        return Err(session.strange(method));
    };
    let days = rows
        .iter()
        .map(|row| date(&row["start_date"]).zip(date(&row["end_date"])));
    days.collect::<Option<_>>()
        .ok_or_else(|| session.strange(method))
}

/// The books of one company.
pub(super) struct Books<'s> {
    session: &'s Session<'s>,
    context: Value,
    name: String,
    company: i64,
    journal: i64,
    accounts: BTreeMap<String, Account>,
    currencies: BTreeMap<String, i64>,
    periods: Vec<(NaiveDate, NaiveDate, i64)>,
    default_party: Option<String>,
}

struct Account {
    id: i64,
    wants_party: bool,
}

/// What became of some entries, by document.
#[derive(Debug, Default)]
pub(super) struct Took {
    said: BTreeMap<String, Answer>,
}

impl Took {
    fn knows(&self, document: &Document) -> bool {
        self.said.contains_key(&document.number)
    }

    /// It is posted, and was read back.
    fn posted(&mut self, document: &Document, one: Move) {
        let theirs = one.id.to_string();
        let said = Answer::Acknowledged { theirs };
        self.said.insert(document.number.clone(), said);
    }

    fn refused(&mut self, document: &Document, words: impl Into<String>) {
        let said = Answer::Refused(words.into());
        self.said.insert(document.number.clone(), said);
    }

    fn differs(&mut self, document: &Document, one: Move, words: &str) {
        let said = Answer::Differs {
            theirs: one.id.to_string(),
            words: words.to_owned(),
        };
        self.said.insert(document.number.clone(), said);
    }

    /// What is said of each.
    pub(super) fn into_said(self) -> BTreeMap<String, Answer> {
        self.said
    }
}

/// A move that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Move {
    id: i64,
    is_posted: bool,
    date: Option<NaiveDate>,
}

/// A line as it is compared: account, debit less credit, the amount in another currency, and what it says.
type Compared = (i64, Decimal, Decimal, String);

impl<'s> Books<'s> {
    /// Opens a company's books; the inner error says what of the configuration has no counterpart there.
    pub(super) async fn open(
        session: &'s Session<'s>,
        company: &str,
        (config, documents): (&Config, &[&Document]),
    ) -> Result<Result<Self, String>, TransportError> {
        let mut context = session
            .ask("model.res.user.get_preferences", json!([true, {}]))
            .await?;
        let mut books = Self {
            session,
            context: context.clone(),
            name: company.to_owned(),
            company: 0,
            journal: 0,
            accounts: BTreeMap::new(),
            currencies: BTreeMap::new(),
            periods: Vec::new(),
            default_party: config.party.default.clone(),
        };
        let own = json!([["party.name", "=", company]]);
        let found = books
            .rows("model.company.company", own, &["currency"])
            .await?;
        let [row] = found.as_slice() else {
            return Ok(Err(format!(
                "{} companies are called `{company}` whose books are open to `{}`, and it has to be one; mend `companies`",
                found.len(),
                config.user
            )));
        };
        let (Some(id), Some(currency)) = (row["id"].as_i64(), row["currency"].as_i64()) else {
            return Err(session.strange("model.company.company.search_read"));
        };
        context["company"] = json!(id);
        (books.company, books.context) = (id, context);
        let code = json!([["code", "=", config.journal]]);
        let found = books.rows("model.account.journal", code, &["code"]).await?;
        let [journal] = found.as_slice() else {
            return Ok(Err(format!(
                "{} journals have the code `{}`, and it has to be one; mend `journal`",
                found.len(),
                config.journal
            )));
        };
        books.journal = journal["id"].as_i64().unwrap_or_default();
        books.read_tables().await?;
        let other = documents
            .iter()
            .find(|document| books.currencies.get(&document.currency) != Some(&currency));
        Ok(match other {
            Some(document) => Err(format!(
                "`{company}` keeps its books in another currency than {}, in which {} is; mend `companies`",
                document.currency, document.number
            )),
            None => Ok(books),
        })
    }

    async fn rows(
        &self,
        model: &str,
        domain: Value,
        fields: &[&str],
    ) -> Result<Vec<Value>, TransportError> {
        let method = format!("{model}.search_read");
        let order = json!([["id", "ASC"]]);
        let params = json!([domain, 0, null, order, fields, self.context]);
        match self.session.ask(&method, params).await? {
            Value::Array(rows) => Ok(rows),
            _ => Err(self.session.strange(&method)),
        }
    }

    async fn read_tables(&mut self) -> Result<(), TransportError> {
        let own = json!([["company", "=", self.company], ["type", "!=", null]]);
        let fields = ["code", "party_required"];
        let mut twice = BTreeSet::new();
        for row in self.rows("model.account.account", own, &fields).await? {
            if let (Some(code), Some(id)) = (row["code"].as_str(), row["id"].as_i64()) {
                let wants_party = row["party_required"].as_bool().unwrap_or(false);
                let account = Account { id, wants_party };
                if self.accounts.insert(code.to_owned(), account).is_some() {
                    twice.insert(code.to_owned());
                }
            }
        }
        // Which of two is meant nobody says.
        self.accounts.retain(|code, _| !twice.contains(code));
        let all = json!([]);
        for row in self.rows("model.currency.currency", all, &["code"]).await? {
            if let (Some(code), Some(id)) = (row["code"].as_str(), row["id"].as_i64()) {
                self.currencies.insert(code.to_owned(), id);
            }
        }
        let own = json!([
            ["fiscalyear.company", "=", self.company],
            ["type", "=", "standard"]
        ]);
        let fields = ["start_date", "end_date"];
        for row in self.rows("model.account.period", own, &fields).await? {
            let (from, to) = (date(&row["start_date"]), date(&row["end_date"]));
            if let (Some(from), Some(to), Some(id)) = (from, to, row["id"].as_i64()) {
                self.periods.push((from, to, id));
            }
        }
        Ok(())
    }

    /// Sees to it that each entry is one posted move.
    pub(super) async fn take(&self, documents: &[&Document]) -> Result<Took, TransportError> {
        let mut took = Took::default();
        for page in documents.chunks(PAGE) {
            self.take_page(page, &mut took).await?;
        }
        if took.said.len() == documents.len() {
            Ok(took)
        } else {
            Err(self.session.strange("model.account.move"))
        }
    }

    async fn take_page(&self, page: &[&Document], took: &mut Took) -> Result<(), TransportError> {
        let parties = self.parties(page).await?;
        let there = self.find(page).await?;
        let mut missing = Vec::new();
        for document in page {
            if there.contains_key(document.number.as_str()) {
                continue;
            }
            match self.values(document, &parties) {
                Ok(values) => missing.push((*document, values)),
                Err(words) => took.refused(document, words),
            }
        }
        let created = self.create(&missing, took).await?;
        let there = self.settle(page).await?;
        let mut open = Vec::new();
        let mut known = Vec::new();
        for document in page {
            match there.get(document.number.as_str()).map(Vec::as_slice) {
                Some([one]) => known.push((*document, *one)),
                Some(several) => took.refused(
                    document,
                    format!(
                        "{} moves have this number as their description; delete the drafts among them",
                        several.len()
                    ),
                ),
                // Somebody deletes what was there a moment ago, or it may not be seen: nobody knows.
                None if !took.knows(document) => {
                    return Err(self.session.strange("model.account.move.create"));
                }
                None => {}
            }
        }
        let differing = self.differing(&known).await?;
        for (document, found) in &known {
            if differing.contains(&found.id) {
                let words = if found.is_posted {
                    "a posted move with this number as its description has another day or other lines: these books and those gave one number to two entries; compare them, and restore the newest backup"
                } else {
                    "a draft with this number as its description has another day or other lines; delete it there"
                };
                if found.is_posted {
                    took.differs(document, *found, words);
                } else {
                    took.refused(document, words);
                }
            } else {
                open.push((*document, *found));
            }
        }
        self.post(&open, &created, took).await
    }

    /// Moves by the document that their description says.
    async fn find<'d>(
        &self,
        page: &[&'d Document],
    ) -> Result<BTreeMap<&'d str, Vec<Move>>, TransportError> {
        let names: Vec<&str> = page.iter().map(|one| one.number.as_str()).collect();
        // What cancels a move is a copy of it, and has it as its origin.
        let domain = json!([
            ["company", "=", self.company],
            ["description", "in", names],
            ["origin", "=", null]
        ]);
        let fields = ["description", "state", "date"];
        let mut found = BTreeMap::<&str, Vec<Move>>::new();
        for row in self.rows(MOVE, domain, &fields).await? {
            let name = names
                .iter()
                .find(|name| row["description"].as_str() == Some(name));
            if let (Some(name), Some(id)) = (name, row["id"].as_i64()) {
                found.entry(name).or_default().push(Move {
                    id,
                    is_posted: row["state"].as_str() == Some("posted"),
                    date: date(&row["date"]),
                });
            }
        }
        Ok(found)
    }

    /// Creates moves, all at once or, where one of them is refused, each alone.
    async fn create(
        &self,
        missing: &[(&Document, Value)],
        took: &mut Took,
    ) -> Result<BTreeSet<i64>, TransportError> {
        if missing.is_empty() {
            return Ok(BTreeSet::new());
        }
        let values: Vec<&Value> = missing.iter().map(|(_, values)| values).collect();
        if let Ok(ids) = self.call("create", json!(values)).await? {
            return self.ids(&ids);
        }
        let mut created = BTreeSet::new();
        for (document, values) in missing {
            match self.call("create", json!([values])).await? {
                Ok(ids) => created.extend(self.ids(&ids)?),
                Err(words) => took.refused(document, words),
            }
        }
        Ok(created)
    }

    fn ids(&self, value: &Value) -> Result<BTreeSet<i64>, TransportError> {
        let ids = value.as_array().into_iter().flatten();
        let ids: Option<BTreeSet<i64>> = ids.map(Value::as_i64).collect();
        ids.ok_or_else(|| self.session.strange("create"))
    }

    async fn call(&self, method: &str, first: Value) -> Result<Said, TransportError> {
        let params = json!([first, self.context]);
        self.session.call(&format!("{MOVE}.{method}"), params).await
    }

    /// Looks again after creating: where the same was created twice, by somebody who did not hear of it, one of them stays, the
    /// posted or else the first, and the drafts beside it go that are the same.
    async fn settle<'d>(
        &self,
        page: &[&'d Document],
    ) -> Result<BTreeMap<&'d str, Vec<Move>>, TransportError> {
        let mut there = self.find(page).await?;
        for _ in 0..ATTEMPTS {
            let beside = self.beside(page, &there).await?;
            if beside.is_empty() {
                break;
            }
            // Whoever is about to post one of them comes before this or after it; the next look says which.
            let _refused = self.call("delete", json!(beside)).await?;
            there = self.find(page).await?;
        }
        Ok(there)
    }

    /// Drafts that are there beside another move of the same number and lines.
    async fn beside(
        &self,
        page: &[&Document],
        there: &BTreeMap<&str, Vec<Move>>,
    ) -> Result<Vec<i64>, TransportError> {
        let mut beside = Vec::new();
        for document in page {
            let moves = there.get(document.number.as_str());
            let Some(moves) = moves.filter(|moves| moves.len() > 1) else {
                continue;
            };
            let stays = moves.iter().find(|one| one.is_posted).or(moves.first());
            let others = moves
                .iter()
                .filter(|one| !one.is_posted && Some(*one) != stays);
            beside.extend(others.map(|one| (*document, *one)));
        }
        let differing = self.differing(&beside).await?;
        let same = beside.into_iter().map(|(_, one)| one.id);
        Ok(same.filter(|id| !differing.contains(id)).collect())
    }

    /// Posts what is a draft still, reads back, and counts.
    async fn post(
        &self,
        open: &[(&Document, Move)],
        created: &BTreeSet<i64>,
        took: &mut Took,
    ) -> Result<(), TransportError> {
        let were_posted = open.iter().filter(|(_, one)| one.is_posted);
        let were_posted: BTreeSet<i64> = were_posted.map(|(_, one)| one.id).collect();
        let drafts: Vec<i64> = open
            .iter()
            .filter(|(_, one)| !one.is_posted)
            .map(|(_, one)| one.id)
            .collect();
        let mut refused = BTreeMap::new();
        if !drafts.is_empty() && self.call("post", json!(drafts)).await?.is_err() {
            for id in &drafts {
                if let Err(words) = self.call("post", json!([id])).await? {
                    refused.insert(*id, words);
                }
            }
        }
        let documents: Vec<&Document> = open.iter().map(|(document, _)| *document).collect();
        let there = self.find(&documents).await?;
        let mut posted = Vec::new();
        for (document, one) in open {
            // Which of two that were created stays may have been decided by somebody else.
            let now = there.get(document.number.as_str()).map(Vec::as_slice);
            if let Some([only]) = now
                && only.is_posted
            {
                posted.push((*document, *only));
                continue;
            }
            let words = refused.remove(&one.id);
            // Without a word of the ERP nobody knows; the next attempt looks again.
            let words = words.ok_or_else(|| self.session.strange("model.account.move.post"))?;
            took.refused(document, words);
            // A draft would be in the way of what comes in its place.
            if created.contains(&one.id) {
                let _left = self.call("delete", json!([one.id])).await?;
            }
        }
        let (before, fresh): (Vec<_>, Vec<_>) = posted
            .into_iter()
            .partition(|(_, one)| were_posted.contains(&one.id));
        // These were read a moment ago.
        for (document, one) in before {
            took.posted(document, one);
        }
        let differing = self.differing(&fresh).await?;
        for (document, one) in fresh {
            if differing.contains(&one.id) {
                took.differs(document, one, "it reads back otherwise than it was sent");
            } else {
                took.posted(document, one);
            }
        }
        Ok(())
    }

    /// The moves whose lines are not those of their document.
    async fn differing(
        &self,
        moves: &[(&Document, Move)],
    ) -> Result<BTreeSet<i64>, TransportError> {
        if moves.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids: Vec<i64> = moves.iter().map(|(_, one)| one.id).collect();
        let fields = [
            "move",
            "account",
            "debit",
            "credit",
            "amount_second_currency",
            "description",
        ];
        let domain = json!([["move", "in", ids]]);
        let mut there = BTreeMap::<i64, Vec<Compared>>::new();
        for row in self
            .rows("model.account.move.line", domain, &fields)
            .await?
        {
            let (of, account) = (row["move"].as_i64(), row["account"].as_i64());
            let amounts = (number(&row["debit"]), number(&row["credit"]));
            let (Some(of), Some(account), (Some(debit), Some(credit))) = (of, account, amounts)
            else {
                return Err(self.session.strange("model.account.move.line.search_read"));
            };
            let second = number(&row["amount_second_currency"]).unwrap_or_default();
            let said = row["description"].as_str().unwrap_or_default();
            let line = (
                account,
                (debit - credit).normalize(),
                second.normalize(),
                said.trim().to_owned(),
            );
            there.entry(of).or_default().push(line);
        }
        let differs = |(document, one): &&(&Document, Move)| {
            let mut wanted: Vec<Option<Compared>> = document
                .lines
                .iter()
                .map(|line| self.compared(line))
                .collect();
            let found = there.get(&one.id).into_iter().flatten();
            let mut found: Vec<Option<Compared>> = found.cloned().map(Some).collect();
            wanted.sort_unstable();
            found.sort_unstable();
            wanted != found || one.date != Some(document.date)
        };
        let differing = moves.iter().filter(differs).map(|(_, one)| one.id);
        Ok(differing.collect())
    }

    fn compared(&self, line: &DocumentLine) -> Option<Compared> {
        let account = self.accounts.get(&line.account)?.id;
        let amount = line.debit.parse::<Decimal>().ok()? - line.credit.parse::<Decimal>().ok()?;
        let second = match &line.second {
            Some((_, amount)) => amount.parse::<Decimal>().ok()?,
            None => Decimal::ZERO,
        };
        let said = line.description.trim().to_owned();
        Some((account, amount.normalize(), second.normalize(), said))
    }

    /// Parties by their codes, as far as lines name some.
    async fn parties(&self, page: &[&Document]) -> Result<BTreeMap<String, i64>, TransportError> {
        let lines = page.iter().flat_map(|document| &document.lines);
        let named = lines.filter_map(|line| line.party.as_ref());
        let codes: BTreeSet<&String> = named.chain(&self.default_party).collect();
        if codes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let domain = json!([["code", "in", codes]]);
        let rows = self.rows("model.party.party", domain, &["code"]).await?;
        let known = rows.iter().filter_map(|row| {
            let (code, id) = (row["code"].as_str()?, row["id"].as_i64()?);
            Some((code.to_owned(), id))
        });
        Ok(known.collect())
    }

    /// A move as it is created; or what of it has no counterpart.
    fn values(
        &self,
        document: &Document,
        parties: &BTreeMap<String, i64>,
    ) -> Result<Value, String> {
        let on = document.date;
        let period = self
            .periods
            .iter()
            .find(|(from, to, _)| *from <= on && on <= *to);
        let (_, _, period) = period.ok_or_else(|| {
            format!(
                "`{}` has no period for {on}; open its fiscal year",
                self.name
            )
        })?;
        let lines = document.lines.iter();
        let lines: Vec<Value> = lines
            .map(|line| self.line(line, parties))
            .collect::<Result<_, _>>()?;
        Ok(json!({
            "company": self.company, "journal": self.journal, "period": period, "date": day(on),
            "description": document.number, "lines": [["create", lines]],
        }))
    }

    fn line(&self, line: &DocumentLine, parties: &BTreeMap<String, i64>) -> Result<Value, String> {
        let account = self.accounts.get(&line.account).ok_or_else(|| {
            format!(
                "`{}` has no account with the code `{}`, or several; mend it there, or name another under `accounts`",
                self.name, line.account
            )
        })?;
        let mut values = json!({
            "account": account.id, "debit": decimal(&line.debit), "credit": decimal(&line.credit),
            "description": line.description,
        });
        if let Some((code, amount)) = &line.second {
            let currency = self.currencies.get(code);
            let currency = currency.ok_or_else(|| format!("there is no currency {code}"))?;
            values["second_currency"] = json!(currency);
            values["amount_second_currency"] = decimal(amount);
        }
        if account.wants_party {
            let named = line.party.iter().chain(&self.default_party);
            // Without one it is the ERP that says so.
            if let Some(party) = { named }.find_map(|code| parties.get(code)) {
                values["party"] = json!(party);
            }
        }
        Ok(values)
    }
}

/// A day as JSON-RPC writes it.
fn date(value: &Value) -> Option<NaiveDate> {
    let part = |name: &str| value[name].as_i64();
    let (month, day) = (part("month")?, part("day")?);
    NaiveDate::from_ymd_opt(
        part("year")?.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    )
}

/// A decimal as JSON-RPC writes it.
fn number(value: &Value) -> Option<Decimal> {
    let text = value["decimal"].as_str()?;
    text.parse()
        .or_else(|_scientific| Decimal::from_scientific(text))
        .ok()
}
