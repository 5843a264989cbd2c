//! Odoo: each entry as one posted `account.move`, never twice, by JSON-2 (from Odoo 19) or by JSON-RPC (before, and up to Odoo 21).
//!
//! Each call is a transaction of its own, so that creating a move and posting it are two. A move is created as a draft, which counts for
//! nothing; it is read, compared, and posted. What breaks between the two leaves a draft that the next look posts, or takes away where it is
//! not what was sent. A move has no number of the sender's: it is found by its reference (`ref`) among the company's moves of
//! type `entry`, whatever their state. Odoo keeps no reference from being used twice.
//!
//! **A lock date is no refusal there: Odoo posts the move on the next day that is open.** It says so beforehand on the draft
//! (`tax_lock_date_message`), and that is what is told as its refusal; nothing is posted on another day than was sent.
//!
//! Accounts, journals, currencies, contacts and analytic accounts are named by their codes and looked up in the company. Lines say that
//! they have no taxes, since an account's default taxes would add lines of their own. Amounts are in the currency of the company; a line
//! in another one has it beside (`amount_currency`). Odoo answers floats, which are read by their digits and rounded to the decimals of what was sent.
//!
//! Refusals: JSON-2 answers 4xx, JSON-RPC answers 200 with an `error`; both name the exception. `UserError` and its kin are refusals in
//! Odoo's words, `AccessError` lies in the way of all, and of any other error nobody knows what it left: it is looked at again.
//!
//! Sources: Odoo's documentation of both APIs, and the code of `account.move` (Odoo 17 to 19) for what is checked when. The external API
//! is part of the Custom plans only. The maker names no bound on calls.

mod books;
mod rpc;

use super::documents::{ByDocument, Document, DocumentApi, Found, Handed, Pace, Progress, differs};
use super::{ErpKind, Host, OpenError, amounts};
use crate::http::auth::AuthConfig;
use crate::transport::TransportError;
use async_trait::async_trait;
use books::{Books, Shelf};
use formats::erp::mapped::{Names, Placed, fit};
use formats::erp::{ExportBatch, ExportEntry, RenderError};
use ledger::Side;
use rpc::{Fault, Rpc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// This kind's registration.
pub const KIND: ErpKind =
    ErpKind::api::<ByDocument<Odoo>>("odoo", "Odoo, by JSON-2 or JSON-RPC", EXAMPLE);

const EXAMPLE: &str = "\
url: https://example.odoo.com
database: example
# json2 with an API key; before Odoo 19 jsonrpc, with auth: { basic: { user: …, password: … } }.
protocol: json2
auth: { bearer: { env: TIEOUT_ODOO_KEY } }
# Our entities and the names of Odoo's companies.
companies: { eu: Example GmbH, uk: Example Ltd, us: Example Inc. }
# The code of the journal, in each company.
journal: MISC
# Accounts whose code there is not that of our chart.
accounts: { psp-clearing: '101402' }
# The contact of a line: the one whose reference this dimension says; on receivable and payable accounts else this one.
party: { dimension: customer, default: SUNDRY }
# Dimensions that name analytic accounts by their code.
analytic: [department]
# Fields of a journal item there, and the dimension that they take as a text.
dimensions: { x_region: region }
";

/// The longest label of a journal item that is sent.
const LABEL: usize = 1_000;

/// How Odoo is called.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// The API from Odoo 19.
    Json2,
    /// The one before.
    JsonRpc,
}

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server.
    pub url: String,
    /// The database.
    pub database: String,
    /// How it is called.
    pub protocol: Protocol,
    /// Who posts.
    pub auth: AuthConfig,
    /// Companies by entity.
    pub companies: Names,
    /// The code of the journal.
    pub journal: String,
    /// Codes of accounts that are not those of the chart.
    #[serde(default)]
    pub accounts: Names,
    /// Where the contact of a line comes from.
    #[serde(default)]
    pub party: Party,
    /// Dimensions that name analytic accounts.
    #[serde(default)]
    pub analytic: Vec<String>,
    /// Dimensions by the field of a journal item that takes them.
    #[serde(default)]
    pub dimensions: Names,
}

/// Where the contact of a line comes from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The dimension that says its reference.
    #[serde(default)]
    pub dimension: Option<String>,
    /// The reference of the one that is taken on receivable and payable accounts where the dimension says none.
    #[serde(default)]
    pub default: Option<String>,
}

/// The connector.
#[derive(Debug)]
pub struct Odoo {
    rpc: Rpc,
    shelf: Shelf,
    config: Config,
}

/// A move as it is found.
struct Seen {
    id: i64,
    found: Found,
    /// What Odoo says that a lock date will do to it.
    lock: Option<String>,
}

#[async_trait]
impl DocumentApi for Odoo {
    type Config = Config;

    /// A move takes a number of its journal's sequence, so that many at once only wait for each other.
    const PACE: Pace = Pace {
        concurrency: 2,
        per_minute: None,
        patience: Duration::ZERO,
    };

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            rpc: Rpc::open(&config, host)?,
            shelf: Shelf::default(),
            config,
        })
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let header = item.entry.header();
        let mut document = Document {
            number: fit(&item.document, usize::MAX),
            company: String::new(),
            date: header.date,
            lines: Vec::new(),
            body: json!({
                "move_type": "entry", "journal_id": self.config.journal, "date": header.date,
            }),
        };
        let label = fit(
            &format!("{} {}", header.reference, header.description),
            LABEL,
        );
        let mut lines = Vec::new();
        for at in Placed::of(batch, item) {
            at.company(&self.config.companies)?
                .clone_into(&mut document.company);
            document.body["currency"] = json!(at.line.functional.currency().code());
            let account = at.account(&self.config.accounts)?.to_owned();
            lines.push(self.item(&at, (&account, &label)));
            let amount = amounts::signed(at.line, at.line.functional);
            document.lines.push((account, amount));
        }
        document.body["ref"] = json!(document.number);
        document.body["line_ids"] = json!(lines);
        Ok(document)
    }

    async fn find(&self, document: &Document) -> Result<Vec<Found>, TransportError> {
        // Whose books are not open has no moves there; handing over says why.
        let Ok(books) = self.books(document).await? else {
            return Ok(Vec::new());
        };
        let domain = json!([
            ["ref", "=", document.number],
            ["company_id", "=", books.company],
            ["move_type", "=", "entry"],
        ]);
        let seen = self.seen(document, &books, domain).await?;
        let mut found: Vec<Found> = seen.into_iter().map(|seen| seen.found).collect();
        // What was cancelled there counts for nothing, but where it is all that there is, somebody has to say what now.
        let lives = |one: &Found| !matches!(one.progress, Progress::Refused(_));
        if found.iter().any(lives) {
            found.retain(lives);
        }
        Ok(found)
    }

    async fn hand_over(&self, document: &Document) -> Result<Handed, TransportError> {
        let books = match self.books(document).await? {
            Ok(books) => books,
            Err(reason) => return Ok(Handed::Blocked(reason)),
        };
        let values = match books.values(&self.rpc, document).await? {
            Ok(values) => values,
            Err(words) => return Ok(Handed::Refused(words)),
        };
        let arguments = json!({ "vals_list": [values], "context": books.context() });
        let made = match self
            .rpc
            .call(("account.move", "create"), &[], arguments)
            .await?
        {
            Ok(made) => made,
            Err(fault) => return Ok(fault.handed()),
        };
        match made.as_array().map(Vec::as_slice) {
            Some([id]) if id.is_i64() => {
                self.post(document, &books, id.as_i64().unwrap_or_default())
                    .await
            }
            _ => Err(self.rpc.strange("account.move.create")),
        }
    }

    async fn book(&self, document: &Document, draft: &Found) -> Result<Handed, TransportError> {
        match (self.books(document).await?, id_of(draft)) {
            (Ok(books), Some(id)) => self.post(document, &books, id).await,
            (Err(reason), _) => Ok(Handed::Blocked(reason)),
            (_, None) => Err(self.rpc.strange("account.move")),
        }
    }

    async fn clear(&self, document: &Document, draft: &Found) -> Result<Handed, TransportError> {
        let (Ok(books), Some(id)) = (self.books(document).await?, id_of(draft)) else {
            return Err(self.rpc.strange("account.move"));
        };
        self.unlink(document, &books, id).await
    }

    async fn check(&self) -> Result<(), TransportError> {
        let asked = self
            .rpc
            .call(("res.users", "context_get"), &[], json!({}))
            .await?;
        asked.map(drop).map_err(|fault| self.rpc.broken(fault))
    }
}

impl Odoo {
    /// A journal item, with codes where Odoo wants its ids.
    fn item(&self, at: &Placed<'_>, (account, label): (&str, &str)) -> Value {
        let line = at.line;
        let amount = line.functional.to_decimal();
        let (debit, credit) = match line.side {
            Side::Debit => (amount, Decimal::ZERO),
            Side::Credit => (Decimal::ZERO, amount),
        };
        let mut item = Map::new();
        let mut set = |field: &str, value: Value| item.insert(field.to_owned(), value);
        set("account_id", json!(account));
        set("name", json!(label));
        set("debit", amounts::number(debit));
        set("credit", amounts::number(credit));
        if at.is_foreign() {
            set("currency_id", json!(line.amount.currency().code()));
            set(
                "amount_currency",
                amounts::number(amounts::signed(line, line.amount)),
            );
        }
        let party = self.config.party.dimension.as_ref();
        if let Some(party) = party.and_then(|name| line.dimensions.get(name)) {
            set("partner_id", json!(party));
        }
        let analytic = self.config.analytic.iter();
        let analytic: Vec<&String> = analytic
            .filter_map(|name| line.dimensions.get(name))
            .collect();
        if !analytic.is_empty() {
            set("analytic_distribution", json!(analytic));
        }
        for (field, dimension) in &self.config.dimensions {
            if let Some(value) = line.dimensions.get(dimension) {
                set(field, json!(value));
            }
        }
        Value::Object(item)
    }

    /// The books that a document goes to; the inner error says what lies in the way.
    async fn books(&self, document: &Document) -> Result<Result<Books, String>, TransportError> {
        self.shelf.books(&self.rpc, &self.config, document).await
    }

    /// The moves of a domain, with their lines.
    async fn seen(
        &self,
        document: &Document,
        books: &Books,
        domain: Value,
    ) -> Result<Vec<Seen>, TransportError> {
        let fields = ["name", "state", "date", "tax_lock_date_message"];
        let moves = books
            .rows(&self.rpc, "account.move", domain, &fields)
            .await?;
        let ids: Vec<i64> = moves.iter().filter_map(|row| row["id"].as_i64()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let fields = ["move_id", "account_id", "debit", "credit"];
        let own = json!([["move_id", "in", ids]]);
        let items = books
            .rows(&self.rpc, "account.move.line", own, &fields)
            .await?;
        let seen = moves.iter().map(|row| {
            let id = row["id"].as_i64()?;
            let own = items.iter().filter(|item| item["move_id"][0] == id);
            let lines = own.map(|item| {
                let amount = amounts::decimal(&item["debit"])? - amounts::decimal(&item["credit"])?;
                let account = &item["account_id"];
                let code = account[0].as_i64().and_then(|id| books.code(id));
                let code = code.or(account[1].as_str()).unwrap_or("no account");
                Some((code.to_owned(), amounts::rounded(amount, &document.lines)))
            });
            let name = row["name"]
                .as_str()
                .filter(|name| *name != "/")
                .unwrap_or_default();
            Some(Seen {
                id,
                found: Found {
                    id: format!("{name}#{id}"),
                    progress: progress(id, row["state"].as_str()?)?,
                    date: row["date"].as_str()?.parse().ok(),
                    lines: Some(lines.collect::<Option<_>>()?),
                },
                lock: row["tax_lock_date_message"].as_str().map(str::to_owned),
            })
        });
        let seen: Option<Vec<Seen>> = seen.collect();
        seen.ok_or_else(|| self.rpc.strange("account.move.search_read"))
    }

    /// Posts a draft, where it is what was sent and stays on its day; else it goes.
    async fn post(
        &self,
        document: &Document,
        books: &Books,
        id: i64,
    ) -> Result<Handed, TransportError> {
        let mut seen = self.seen(document, books, json!([["id", "=", id]])).await?;
        let Some(seen) = seen.pop().filter(|seen| seen.id == id) else {
            return Ok(Handed::Known);
        };
        if seen.found.progress != Progress::Draft {
            return Ok(Handed::Known);
        }
        let changed = differs(document, &seen.found);
        let changed =
            changed.map(|words| format!("Odoo changed the move when it was created: {words}"));
        let fault = if let Some(words) = changed.or(seen.lock) {
            Fault::Refused(words)
        } else {
            let arguments = json!({ "context": books.context() });
            let post = ("account.move", "action_post");
            let Err(fault) = self.rpc.call(post, &[id], arguments).await? else {
                return Ok(Handed::Taken);
            };
            fault
        };
        match self.unlink(document, books, id).await? {
            // Somebody else posted it, or took it away.
            Handed::Known => Ok(Handed::Known),
            _ => Ok(fault.handed()),
        }
    }

    /// Takes a draft away.
    async fn unlink(
        &self,
        document: &Document,
        books: &Books,
        id: i64,
    ) -> Result<Handed, TransportError> {
        let arguments = json!({ "context": books.context() });
        let unlink = ("account.move", "unlink");
        let Err(fault) = self.rpc.call(unlink, &[id], arguments).await? else {
            return Ok(Handed::Taken);
        };
        let seen = self.seen(document, books, json!([["id", "=", id]])).await?;
        let is_draft = seen
            .iter()
            .any(|seen| seen.found.progress == Progress::Draft);
        Ok(if is_draft {
            fault.handed()
        } else {
            Handed::Known
        })
    }
}

fn progress(id: i64, state: &str) -> Option<Progress> {
    match state {
        "draft" => Some(Progress::Draft),
        "posted" => Some(Progress::Booked),
        "cancel" => Some(Progress::Refused(format!(
            "the move with the id {id} has this reference there and was cancelled; delete it there or give it another reference, and it is posted anew"
        ))),
        _ => None,
    }
}

/// The id of a move that was found: `MISC/2026/01/0001#42`, of a draft `#42`.
fn id_of(found: &Found) -> Option<i64> {
    found.id.rsplit_once('#')?.1.parse().ok()
}
