//! Tryton over JSON-RPC: each entry as one posted move (`account.move`), never twice.
//!
//! A move has no number of the sender's, so its description is the entry's document number, and before a move is created
//! it is looked for under that. A draft that a lost connection left behind is compared and posted; a move that is posted is compared
//! and left. What is posted is read back, line by line, before the batch counts as taken. Amounts are in the company's
//! currency; lines in another one carry it as second currency.
//!
//! Where an answer is lost and the server carries the call out later than everything that followed, a draft may be left over
//! that nobody posts; the next batch under that number takes it away.
//!
//! Dialect: Tryton 8.2, modules `account`, `company`, `currency`, `party`. Refusals come with status 200 as
//! `{ "error": ["UserError", [MESSAGE, …]] }`, and undo the whole call: where several moves are created at once and one is refused, each is tried
//! alone, so that one unknown account holds up its own entries.

mod books;
mod rpc;

use super::{
    Answered, Delivery, ErpApi, ErpConnector, ErpKind, Host, OpenError, OpenPeriods, Periods, Said,
};
use crate::http::Peer;
use crate::secret::{Secret, SecretRef};
use crate::transport::TransportError;
use async_trait::async_trait;
use books::Books;
use formats::erp::{Artifact, ExportBatch, ExportEntry, RenderError};
use ledger::{Line, Money, Side};
use rpc::Session;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

/// This kind's registration.
pub const KIND: ErpKind = ErpKind::api::<Tryton>("tryton", "Tryton, by JSON-RPC", EXAMPLE);

const EXAMPLE: &str = "\
url: http://127.0.0.1:8000
database: books
user: tieout
password: { env: TIEOUT_TRYTON_PASSWORD }
# Our entities and the names of Tryton's companies.
companies: { eu: Example GmbH, uk: Example Ltd, us: Example Inc. }
journal: MISC
# Accounts whose code there is not that of our chart.
accounts: { psp-clearing: '1.2.3' }
# Where an account wants a party: the one whose code this dimension says, else the one of this code.
party: { dimension: customer, default: SUNDRY }
";

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server.
    pub url: String,
    /// The database.
    pub database: String,
    /// Who posts.
    pub user: String,
    /// By which password.
    pub password: SecretRef,
    /// Companies by entity.
    pub companies: BTreeMap<String, String>,
    /// The code of the journal.
    pub journal: String,
    /// Codes of accounts that are not those of the chart.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
    /// Where the party of a line comes from.
    #[serde(default)]
    pub party: Party,
}

/// Where the party of a line comes from, on accounts that want one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The dimension that says its code.
    #[serde(default)]
    pub dimension: Option<String>,
    /// The code of the one that is taken where the dimension says none, or one that is not there.
    #[serde(default)]
    pub default: Option<String>,
}

/// The connector.
#[derive(Debug)]
pub struct Tryton {
    peer: Peer,
    config: Config,
    password: Secret,
}

/// An entry as it stands in the artifact, one a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    #[serde(rename = "document")]
    number: String,
    company: String,
    /// The functional currency of the entity, which has to be the company's.
    currency: String,
    date: chrono::NaiveDate,
    lines: Vec<DocumentLine>,
}

/// Amounts are decimal texts; `debit` and `credit` in the company's currency, one of them `0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DocumentLine {
    account: String,
    debit: String,
    credit: String,
    /// Another currency, and the amount in it: below zero for a credit.
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<String>,
    description: String,
}

impl ErpApi for Tryton {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self, OpenError> {
        Ok(Self {
            peer: Peer::new(&config.url).map_err(OpenError::Address)?,
            password: config.password.below(&host.base).read()?,
            config,
        })
    }
}

#[async_trait]
impl ErpConnector for Tryton {
    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("ndjson")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        for item in &batch.entries {
            let document = self.document(batch, item)?;
            serde_json::to_writer(&mut out, &document).map_err(RenderError::write)?;
            out.write_all(b"\n").map_err(RenderError::write)?;
        }
        out.flush().map_err(RenderError::write)
    }

    async fn deliver(
        &self,
        artifact: &Artifact,
        _manifest: &str,
    ) -> Result<Delivery, TransportError> {
        let lines = artifact.bytes.split(|byte| *byte == b'\n');
        let documents = lines
            .filter(|line| !line.is_empty())
            .map(serde_json::from_slice)
            .collect::<Result<Vec<Document>, _>>()
            .map_err(|error| self.peer.broken(error))?;
        let session = self.session().await?;
        let mut by_company = BTreeMap::<&str, Vec<&Document>>::new();
        for document in &documents {
            by_company
                .entry(&document.company)
                .or_default()
                .push(document);
        }
        // All are opened before anything is posted: what lies in the way of one holds up the batch, and nothing was sent.
        let mut opened = Vec::new();
        for (company, documents) in by_company {
            match Books::open(&session, company, (&self.config, &documents)).await? {
                Ok(books) => opened.push((books, documents)),
                Err(reason) => return Ok(Delivery::Blocked { reason }),
            }
        }
        let mut said = BTreeMap::new();
        for (books, documents) in opened {
            said.extend(books.take(&documents).await?.into_said());
        }
        let unknown = || Said::Unknown("nothing was said of it".to_owned());
        let answers = documents.into_iter().map(|document| Answered {
            said: said.remove(&document.number).unwrap_or_else(unknown),
            document: document.number,
        });
        Ok(Delivery::Documents(answers.collect()))
    }

    fn answers_by_entry(&self) -> bool {
        true
    }

    fn periods(&self) -> Option<&dyn Periods> {
        Some(self)
    }

    async fn check(&self) -> Result<(), TransportError> {
        let asking = tokio::time::timeout(CHECK, self.session());
        let answered = asking.await.map_err(|late| self.peer.broken(late))?;
        answered.map(|_session| ())
    }
}

#[async_trait]
impl Periods for Tryton {
    async fn open(&self) -> Result<OpenPeriods, TransportError> {
        let session = self.session().await?;
        let mut open = OpenPeriods::new();
        for (entity, company) in &self.config.companies {
            let days = books::open_periods(&session, company).await?;
            open.insert(entity.clone(), days);
        }
        Ok(open)
    }
}

/// How long a check waits.
const CHECK: std::time::Duration = std::time::Duration::from_secs(30);

impl Tryton {
    async fn session(&self) -> Result<Session<'_>, TransportError> {
        Session::login(&self.peer, &self.config, &self.password).await
    }

    fn document(&self, batch: &ExportBatch, item: &ExportEntry) -> Result<Document, RenderError> {
        let header = item.entry.header();
        let company = self.config.companies.get(&header.entity);
        let company = company.ok_or_else(|| RenderError::Unknown {
            what: "entity",
            name: header.entity.clone(),
            option: "companies",
        })?;
        let description = format!("{} {}", header.reference, header.description);
        let lines = item.entry.lines().iter();
        let lines = lines.map(|line| self.line(batch, item, (line, &description)));
        Ok(Document {
            number: item.document.clone(),
            company: company.clone(),
            currency: item.entry.lines().first().map_or_else(String::new, |line| {
                line.functional.currency().code().to_owned()
            }),
            date: header.date,
            lines: lines.collect::<Result<_, _>>()?,
        })
    }

    fn line(
        &self,
        batch: &ExportBatch,
        item: &ExportEntry,
        (line, description): (&Line, &str),
    ) -> Result<DocumentLine, RenderError> {
        let called = batch.called(&line.account, item.entry.header().date);
        let code = self.config.accounts.get(called.account).cloned();
        let code = code.or_else(|| called.code.map(str::to_owned));
        let account = code.ok_or_else(|| RenderError::Unknown {
            what: "account",
            name: called.account.to_owned(),
            option: "accounts",
        })?;
        let amount = line.functional.to_decimal().to_string();
        let (debit, credit) = match line.side {
            Side::Debit => (amount, "0".to_owned()),
            Side::Credit => ("0".to_owned(), amount),
        };
        let dimension = self.config.party.dimension.as_ref();
        Ok(DocumentLine {
            account,
            debit,
            credit,
            second: second(line),
            party: dimension.and_then(|name| line.dimensions.get(name).cloned()),
            description: description
                .chars()
                .map(|sign| if sign.is_control() { ' ' } else { sign })
                .collect::<String>()
                .trim()
                .to_owned(),
        })
    }
}

/// The amount in the currency of the transaction, where that is not the company's.
fn second(line: &Line) -> Option<(String, String)> {
    if line.amount.currency() == line.functional.currency() {
        return None;
    }
    let minor = match line.side {
        Side::Debit => line.amount.amount(),
        Side::Credit => line.amount.amount().checked_neg()?,
    };
    let amount = Money::minor(minor, line.amount.currency());
    Some((
        line.amount.currency().code().to_owned(),
        amount.to_decimal().to_string(),
    ))
}
