//! The site: its calls, what it says in them, and what it calls accounts.

use super::super::documents::{Document, Found, Handed, Progress};
use super::super::{Host, OpenError, amounts};
use crate::caller::Caller;
use crate::http::auth::AuthConfig;
use crate::http::{Answer, query};
use crate::transport::TransportError;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

const ENTRY: &str = "Journal Entry";

/// The most rows that are read of a list.
const MOST: &str = "10000";

/// The longest words that are kept.
const WORDS: usize = 500;

/// What the site says to a call of which it is known what it did.
pub(super) enum Answered<T> {
    /// It was carried out.
    Well(T),
    /// It was refused, and nothing of it is left.
    Refused(Fault),
}

/// Why it refused.
pub(super) struct Fault {
    handed: Handed,
    /// Whether it is at this entry in the background.
    pub(super) is_queued: bool,
}

impl Fault {
    /// A refusal of one entry, in these words.
    pub(super) const fn refusal(words: String) -> Self {
        Self {
            handed: Handed::Refused(words),
            is_queued: false,
        }
    }

    /// Somebody took it away: one looks again.
    const fn gone() -> Self {
        Self {
            handed: Handed::Known,
            is_queued: false,
        }
    }

    /// What it says to the entry that was handed over.
    pub(super) fn handed(self) -> Handed {
        self.handed
    }
}

/// The books of a company: its currency, and the names of its accounts by their numbers.
#[derive(Debug, Default)]
pub(super) struct Books {
    currency: String,
    names: BTreeMap<String, String>,
    numbers: BTreeMap<String, String>,
}

impl Books {
    /// The name of the account that is called so in a document; none where the site knows no such number.
    pub(super) fn name(&self, text: &str) -> Option<&str> {
        self.names.get(text).map(String::as_str)
    }

    fn has(&self, text: &str) -> bool {
        self.names.contains_key(text) || self.numbers.contains_key(text)
    }

    /// Refuses a document that is in another currency.
    fn keeps(self: &Arc<Self>, document: &Document) -> Result<Arc<Self>, String> {
        let wanted = document.body["currency"].as_str().unwrap_or_default();
        if wanted == self.currency {
            return Ok(Arc::clone(self));
        }
        Err(format!(
            "`{}` keeps its books in {}, and {} is in {wanted}; mend `companies`",
            document.company, self.currency, document.number
        ))
    }
}

/// The site.
#[derive(Debug)]
pub(super) struct Desk {
    caller: Caller,
    books: Mutex<BTreeMap<String, Arc<Books>>>,
}

impl Desk {
    pub(super) fn open(url: &str, auth: AuthConfig, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            caller: Caller::open(url, auth, host)?,
            books: Mutex::default(),
        })
    }

    pub(super) async fn check(&self) -> Result<(), TransportError> {
        let path = "api/method/frappe.auth.get_logged_user";
        let answer = self.call(Method::GET, path, &[]).await?;
        self.looked(&answer).map(drop)
    }

    /// The names of all entries that have this document's number.
    pub(super) async fn names(
        &self,
        field: &str,
        document: &Document,
    ) -> Result<Vec<String>, TransportError> {
        let filters = json!([
            [field, "=", document.number],
            ["company", "=", document.company],
        ]);
        let rows = self.list(ENTRY, filters, json!(["name", field])).await?;
        // A database may find texts alike that differ in case or in blanks at their end.
        let own = rows.iter().filter(|row| row[field] == document.number);
        let names = own.filter_map(|row| row["name"].as_str().map(str::to_owned));
        Ok(names.collect())
    }

    /// An entry with its rows; none where there is none of that name.
    pub(super) async fn entry(&self, name: &str) -> Result<Option<Value>, TransportError> {
        let path = format!("api/resource/{ENTRY}/{}", segment(name));
        let answer = self.call(Method::GET, &path, &[]).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let mut said = self.looked(&answer)?;
        Ok(Some(said["data"].take()))
    }

    /// Saves a draft, and answers it as it was saved.
    pub(super) async fn save(&self, body: &Value) -> Result<Answered<Value>, TransportError> {
        let path = format!("api/resource/{ENTRY}");
        let answer = self.call(Method::POST, &path, &written(body)).await?;
        self.answered(&answer, "data")
    }

    /// Submits an entry as it was read: the site refuses it where somebody changed it since.
    pub(super) async fn submit(&self, entry: &Value) -> Result<Answered<Value>, TransportError> {
        let path = "api/method/frappe.client.submit";
        let mut entry = entry.clone();
        entry["doctype"] = json!(ENTRY);
        let body = json!({ "doc": entry.to_string() });
        let answer = self.call(Method::POST, path, &written(&body)).await?;
        if answer.status == 404 {
            return Ok(Answered::Refused(Fault::gone()));
        }
        self.answered(&answer, "message")
    }

    /// Deletes a draft.
    pub(super) async fn delete(&self, name: &str) -> Result<Answered<()>, TransportError> {
        let path = format!("api/resource/{ENTRY}/{}", segment(name));
        let answer = self.call(Method::DELETE, &path, &[]).await?;
        if answer.is_success() || answer.status == 404 {
            return Ok(Answered::Well(()));
        }
        self.fault(&answer).map(Answered::Refused)
    }

    /// Whether the background is to submit an entry.
    pub(super) async fn is_queued(&self, name: &str) -> Result<bool, TransportError> {
        Ok(!self.queue(name, "Queued").await?.is_empty())
    }

    /// Why the background could not submit an entry, attempt by attempt.
    pub(super) async fn failures(&self, name: &str) -> Result<Vec<String>, TransportError> {
        let mut failures = self.queue(name, "Failed").await?;
        let filters = json!([
            ["reference_doctype", "=", ENTRY],
            ["reference_name", "=", name],
            ["content", "like", "Action Failed%"],
        ]);
        for row in self.list("Comment", filters, json!(["content"])).await? {
            let text = row["content"].as_str().unwrap_or_default();
            failures.push(plain(text.trim_start_matches("Action Failed")));
        }
        Ok(failures)
    }

    /// What the Submission Queue says of an entry; nothing on a site that has none, or shows it to others only.
    async fn queue(&self, name: &str, status: &str) -> Result<Vec<String>, TransportError> {
        let filters = json!([
            ["ref_doctype", "=", ENTRY],
            ["ref_docname", "=", name],
            ["status", "=", status],
        ]);
        let path = list_path("Submission Queue", &filters, &json!(["*"]));
        let answer = self.call(Method::GET, &path, &[]).await?;
        if matches!(answer.status, 403 | 404) {
            return Ok(Vec::new());
        }
        let said = self.looked(&answer)?;
        let rows = said["data"].as_array().into_iter().flatten();
        let told = rows.map(|row| {
            let text = row["exception"].as_str().or(row["message"].as_str());
            // A traceback says at its end what happened.
            let mut lines = text.unwrap_or_default().lines();
            plain(
                lines
                    .rfind(|line| !line.trim().is_empty())
                    .unwrap_or_default(),
            )
        });
        Ok(told.collect())
    }

    /// The books that a document goes to. They are read anew where one of its accounts is not among those that are known. The inner
    /// error says what lies in the way.
    pub(super) async fn books(
        &self,
        document: &Document,
    ) -> Result<Result<Arc<Books>, String>, TransportError> {
        let mut known = self.books.lock().await;
        if let Some(books) = known.get(&document.company)
            && document.lines.iter().all(|(text, _)| books.has(text))
        {
            return Ok(books.keeps(document));
        }
        let filters = json!([["name", "=", document.company]]);
        let fields = json!(["name", "default_currency"]);
        let companies = self.list("Company", filters, fields).await?;
        let [company] = companies.as_slice() else {
            return Ok(Err(format!(
                "{} companies that this user may see are called `{}`, and it has to be one; mend `companies`",
                companies.len(),
                document.company
            )));
        };
        let mut books = Books {
            currency: company["default_currency"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            ..Books::default()
        };
        let filters = json!([["company", "=", document.company]]);
        let fields = json!(["name", "account_number"]);
        for row in self.list("Account", filters, fields).await? {
            let number = row["account_number"]
                .as_str()
                .filter(|text| !text.is_empty());
            if let (Some(name), Some(number)) = (row["name"].as_str(), number) {
                books.names.insert(number.to_owned(), name.to_owned());
                books.numbers.insert(name.to_owned(), number.to_owned());
            }
        }
        let books = Arc::new(books);
        known.insert(document.company.clone(), Arc::clone(&books));
        Ok(books.keeps(document))
    }

    /// An entry as it is compared with the document.
    pub(super) fn found(
        &self,
        entry: &Value,
        (document, books): (&Document, &Books),
        progress: Progress,
    ) -> Result<Found, TransportError> {
        let rows = entry["accounts"].as_array();
        let line = |row: &Value| {
            let name = row["account"].as_str()?;
            let is_named = document.lines.iter().any(|(text, _)| text == name);
            let text = books.numbers.get(name).filter(|_| !is_named);
            let debit = amounts::decimal(&row["debit"])?;
            let amount = debit - amounts::decimal(&row["credit"])?;
            let text = text.map_or_else(|| name.to_owned(), Clone::clone);
            Some((text, amounts::rounded(amount, &document.lines)))
        };
        let lines = rows.map(|rows| rows.iter().map(line).collect::<Option<Vec<_>>>());
        let (Some(name), Some(Some(lines))) = (entry["name"].as_str(), lines) else {
            let strange = "it shows a journal entry without name, accounts or amounts";
            return Err(self.caller.peer().broken(strange));
        };
        let date = entry["posting_date"].as_str();
        Ok(Found {
            id: name.to_owned(),
            progress,
            date: date.and_then(|day| day.parse().ok()),
            lines: Some(lines),
        })
    }

    async fn list(
        &self,
        doctype: &str,
        filters: Value,
        fields: Value,
    ) -> Result<Vec<Value>, TransportError> {
        let path = list_path(doctype, &filters, &fields);
        let answer = self.call(Method::GET, &path, &[]).await?;
        match self.looked(&answer)?["data"].take() {
            Value::Array(rows) => Ok(rows),
            _ => Err(self.strange(&answer)),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let headers = [
            // Without it the site tells its errors as a page.
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        self.caller.call(method, path, &headers, body).await
    }

    /// What a call that changes nothing found.
    fn looked(&self, answer: &Answer) -> Result<Value, TransportError> {
        if answer.status == 403 {
            return Err(TransportError::Unauthorized {
                peer: self.caller.peer().name(),
                user: "tieout".to_owned(),
                source: words(answer).into(),
            });
        }
        match serde_json::from_slice(&answer.body) {
            Ok(said @ Value::Object(_)) if answer.is_success() => Ok(said),
            _ => Err(self.strange(answer)),
        }
    }

    fn answered(&self, answer: &Answer, part: &str) -> Result<Answered<Value>, TransportError> {
        if !answer.is_success() {
            return self.fault(answer).map(Answered::Refused);
        }
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match said.get(part) {
            Some(entry @ Value::Object(_)) => Ok(Answered::Well(entry.clone())),
            _ => Err(self.strange(answer)),
        }
    }

    /// What a refusal means. An error where nobody knows what was done.
    fn fault(&self, answer: &Answer) -> Result<Fault, TransportError> {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let kind = said["exc_type"].as_str().unwrap_or_default();
        let words = words(answer);
        let is_queued = kind == "DocumentLockedError" || words.contains("locked and queued");
        let handed = match (answer.status, kind) {
            (_, "UniqueValidationError" | "DuplicateEntryError") | (409, _) => Handed::Known,
            // Somebody was there first, or is there now: one looks again.
            (_, "TimestampMismatchError" | "QueryTimeoutError" | "QueryDeadlockError")
            | (408 | 425 | 429 | 500.., _) => return Err(self.strange(answer)),
            (300..=399, _) => Handed::Blocked(format!(
                "{} sends to another address, which is not followed; name that one in `url`",
                self.caller.peer().name()
            )),
            (403..=405, _) => Handed::Blocked(words),
            _ => Handed::Refused(words),
        };
        Ok(Fault { handed, is_queued })
    }

    fn strange(&self, answer: &Answer) -> TransportError {
        let words = words(answer);
        let told = format!("it answers {}: {words}", answer.status);
        self.caller.peer().broken(told)
    }
}

/// How far an entry is: 0 a draft, 1 submitted, 2 cancelled.
pub(super) fn docstatus(entry: &Value) -> Option<i64> {
    entry["docstatus"].as_i64()
}

/// How many rows an entry has.
pub(super) fn rows(entry: &Value) -> usize {
    entry["accounts"].as_array().map_or(0, Vec::len)
}

fn written(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

fn list_path(doctype: &str, filters: &Value, fields: &Value) -> String {
    let pairs = query(&[
        ("filters", &filters.to_string()),
        ("fields", &fields.to_string()),
        ("limit_page_length", MOST),
    ]);
    format!("api/resource/{doctype}?{pairs}")
}

/// A name as it stands in a path; one with slashes is several parts of it there, as the site reads it.
fn segment(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                path.push(char::from(byte));
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

/// What the site says for people: its messages, else its exception.
fn words(answer: &Answer) -> String {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let messages = said["_server_messages"].as_str();
    let messages: Vec<Value> = messages
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let messages = messages.iter().filter_map(|message| {
        let message: Value = serde_json::from_str(message.as_str()?).ok()?;
        message["message"].as_str().map(plain)
    });
    let mut told = messages.collect::<Vec<_>>().join("; ");
    if told.is_empty() {
        let exception = said["exception"].as_str().unwrap_or_default();
        // `frappe.exceptions.ValidationError: what happened`
        let text = exception
            .split_once(": ")
            .map_or(exception, |(_, text)| text);
        told = plain(text);
    }
    if told.is_empty() {
        answer.words()
    } else {
        told
    }
}

/// A text without the marks of HTML.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    let mut is_mark = false;
    for sign in text.chars() {
        match sign {
            '<' => is_mark = true,
            '>' if is_mark => {
                is_mark = false;
                shown.push(' ');
            }
            _ if is_mark => {}
            _ => shown.push(sign),
        }
    }
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(WORDS).collect()
}
