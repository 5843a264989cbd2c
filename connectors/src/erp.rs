//! ERP connectors: every file format with a way for its files to go, and every API.
//!
//! Render is pure, deliver is not: the same batch gives the same bytes, and the bytes are stored
//! before they are sent. The formats are registered in `formats`; this registry makes a connector
//! of each. What an API takes is registered here.

mod amounts;
mod compared;
mod denominated;
pub mod documents;
mod json;
mod soap;

pub mod erpnext; // 1 of 2
pub mod intacct; // 1 of 2
pub mod netsuite; // 1 of 2
pub mod odoo; // 1 of 2
pub mod quickbooks; // 1 of 2
pub mod sap_s4hana; // 1 of 2
pub mod tryton; // 1 of 2
pub mod webhook; // 1 of 2
pub mod workday; // 1 of 2
pub mod xero; // 1 of 2

/// Every API that this build knows, by name.
const APIS: &[ErpKind] = &[
    erpnext::KIND,    // 2 of 2
    intacct::KIND,    // 2 of 2
    netsuite::KIND,   // 2 of 2
    odoo::KIND,       // 2 of 2
    quickbooks::KIND, // 2 of 2
    sap_s4hana::KIND, // 2 of 2
    tryton::KIND,     // 2 of 2
    webhook::KIND,    // 2 of 2
    workday::KIND,    // 2 of 2
    xero::KIND,       // 2 of 2
];

pub use crate::host::Host;

use crate::caller::CallerError;
use crate::http::AddressError;
use crate::http::auth::AuthError;
use crate::secret::SecretError;
use crate::transport::{Content, FileDrop, Kept, Placed, Shelf, TransportError};
use async_trait::async_trait;
use chrono::NaiveDate;
use documents::Pace;
use formats::OptionsError;
use formats::erp::limits::Limits;
use formats::erp::{Artifact, ExportBatch, FileKind, Render, RenderError};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

/// Every kind of ERP connector that this build knows, by name.
pub fn kinds() -> impl Iterator<Item = ErpKind> {
    let files = formats::erp::KINDS.iter().map(ErpKind::file);
    files.chain(APIS.iter().copied())
}

/// The ERP's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It has it; the text says where it can be asked about.
    Accepted(String),
    /// It refuses it.
    Rejected {
        /// What it said.
        reason: String,
    },
    /// Something else lies in its way, and nothing was sent: the same call goes through once it is gone.
    Blocked {
        /// What it is, and what to do.
        reason: String,
    },
    /// It answers for each document of the artifact, in the order in which they stand there.
    Documents(Vec<Answered>),
}

/// What an ERP says of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Our number of it.
    pub document: String,
    /// What it says.
    pub said: Said,
}

/// What is known of a document after it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The ERP has booked it; what it holds cannot be read.
    Delivered {
        /// What it calls it.
        theirs: String,
    },
    /// The ERP has booked it, and what was read back is what was sent.
    Acknowledged {
        /// What it calls it.
        theirs: String,
    },
    /// The ERP has one of this number that is not what was sent.
    Differs {
        /// What it calls it.
        theirs: String,
        /// In what.
        words: String,
    },
    /// It refuses it, in these words.
    Refused(String),
    /// Nobody knows whether it has it.
    Unknown(String),
    /// It was not sent, for something else lies in the way.
    Unsent(String),
}

/// An ERP.
#[async_trait]
pub trait ErpConnector: Debug + Send + Sync {
    /// What the batch is called where the ERP takes it from.
    fn name(&self, batch: &ExportBatch) -> String;

    /// Renders the batch as the ERP reads it. The same batch always gives the same bytes.
    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError>;

    /// Hands the artifact over, at most once. `Ok` is the ERP's answer, whatever it is; `Err`
    /// means that nobody knows, and the call may be repeated with the same bytes.
    async fn deliver(
        &self,
        artifact: &Artifact,
        manifest: &str,
    ) -> Result<Delivery, TransportError>;

    /// Whether the ERP can be reached, without leaving anything there.
    async fn check(&self) -> Result<(), TransportError>;

    /// The way to see which batches lie where the ERP takes them from, where one can look.
    fn shelf(&self) -> Option<&dyn Shelf> {
        None
    }

    /// The way to ask which periods take entries, where the ERP knows periods of its own.
    fn periods(&self) -> Option<&dyn Periods> {
        None
    }

    /// Whether the ERP answers for each entry by itself, as a document under the entry's own number.
    fn answers_by_entry(&self) -> bool {
        false
    }

    /// Whether an artifact of which nobody knows may be sent again: the connector looks first whether it is there, or
    /// the ERP takes the same one once. Where neither is so, a person has to say whether it arrived.
    fn may_repeat(&self) -> bool {
        true
    }
}

/// An ERP that knows periods of its own.
#[async_trait]
pub trait Periods: Send + Sync {
    /// The first and last days of the periods that take entries, by entity; an entity that the ERP does not know has none.
    ///
    /// # Errors
    /// [`TransportError`] where nobody knows.
    async fn open(&self) -> Result<OpenPeriods, TransportError>;
}

/// The days on which entries are taken, by entity.
pub type OpenPeriods = BTreeMap<String, Vec<(NaiveDate, NaiveDate)>>;

#[derive(Debug)]
struct FileErp {
    format: Box<dyn Render>,
    drop: Arc<dyn FileDrop>,
}

impl FileErp {
    fn blocked(&self, name: &str) -> Delivery {
        let reason = format!(
            "another `{name}` lies in {}; move it away and export again",
            self.drop.peer()
        );
        Delivery::Blocked { reason }
    }
}

#[async_trait]
impl ErpConnector for FileErp {
    fn name(&self, batch: &ExportBatch) -> String {
        self.format.name(batch)
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        self.format.render(batch, out)
    }

    async fn deliver(
        &self,
        artifact: &Artifact,
        manifest: &str,
    ) -> Result<Delivery, TransportError> {
        let envelope = self.drop.envelope();
        let name = envelope.map_or_else(|| artifact.name.clone(), |it| it.name(&artifact.name));
        let accepted = Delivery::Accepted(format!("{}/{name}", self.drop.peer()));
        // The manifest comes last. Where it lies, the file was whole beside it, and its receiver may have taken it
        // away since: it is not sent twice.
        let manifest_name = format!("{}.manifest.json", artifact.name);
        let manifest = Content::whole(manifest.as_bytes());
        let told = self.drop.holds(&manifest_name, manifest).await?;
        if told == Some(false) {
            return Ok(self.blocked(&manifest_name));
        }
        let sealed = match envelope {
            Some(envelope) => Some(envelope.seal(&artifact.name, &artifact.bytes).await?),
            None => None,
        };
        let whole = Content::whole(&artifact.bytes);
        let content = sealed.as_ref().map_or(whole, Kept::content);
        if told == Some(true) {
            let found = self.drop.holds(&name, content).await?;
            return Ok(if found == Some(false) {
                self.blocked(&name)
            } else {
                accepted
            });
        }
        for (name, content) in [(&name, content), (&manifest_name, manifest)] {
            if self.drop.place(name, content).await? == Placed::Occupied {
                return Ok(self.blocked(name));
            }
        }
        Ok(accepted)
    }

    async fn check(&self) -> Result<(), TransportError> {
        self.drop.check().await
    }

    fn shelf(&self) -> Option<&dyn Shelf> {
        self.drop.shelf()
    }

    fn may_repeat(&self) -> bool {
        self.drop.may_repeat()
    }
}

/// Why a connector does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its options are not what the kind knows.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Its address cannot be one.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Its credentials cannot be used.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Its address or its credentials cannot be used.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// A kind that writes files has nowhere to put them.
    #[error("`{0}` writes files; say where they go under `drop`")]
    NoDrop(&'static str),
    /// A kind that speaks to an API has no use for a place for files.
    #[error("`{0}` speaks to an API and writes no file; take `drop` out")]
    NoFiles(&'static str),
}

/// An ERP with an API, written once: implement this and [`ErpConnector`].
pub trait ErpApi: ErpConnector + Sized + 'static {
    /// Its options in the configuration.
    type Config: DeserializeOwned;

    /// What it bears, where it takes documents one by one.
    const PACE: Option<Pace> = None;

    /// Takes the options, and reads the secrets that they name.
    ///
    /// # Errors
    /// [`OpenError`].
    fn open(config: Self::Config, host: &Host) -> Result<Self, OpenError>;
}

/// Opens a kind, by its name for errors.
type OpenApi =
    fn(&'static str, serde_json::Value, &Host) -> Result<Box<dyn ErpConnector>, OpenError>;

#[derive(Clone, Copy, Debug)]
enum Way {
    File(&'static FileKind),
    Api(OpenApi),
}

/// A kind of connector, before any is configured.
#[derive(Clone, Copy, Debug)]
pub struct ErpKind {
    /// The name in the configuration.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Options as YAML, as the documentation shows them.
    pub example: &'static str,
    /// What a target of this kind can hold.
    pub limits: Limits,
    /// What an ERP bears that takes documents one by one.
    pub pace: Option<Pace>,
    way: Way,
}

impl ErpKind {
    /// The kind that imports files of a format.
    const fn file(format: &'static FileKind) -> Self {
        Self {
            id: format.id,
            title: format.title,
            example: format.example,
            limits: format.limits,
            pace: None,
            way: Way::File(format),
        }
    }

    /// The registration of an API.
    pub const fn api<A: ErpApi>(
        id: &'static str,
        title: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            id,
            title,
            example,
            limits: Limits::NONE,
            pace: A::PACE,
            way: Way::Api(|kind, options, host| {
                let config = serde_json::from_value(options)
                    .map_err(|source| OpenError::Options(OptionsError { kind, source }))?;
                Ok(Box::new(A::open(config, host)?))
            }),
        }
    }

    /// The same with what it can hold.
    #[must_use]
    pub const fn holding(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// A kind by its name.
    pub fn find(id: &str) -> Option<Self> {
        kinds().find(|kind| kind.id == id)
    }

    /// Whether it writes files, which go to a place of their own.
    pub const fn writes_files(&self) -> bool {
        matches!(self.way, Way::File(_))
    }

    /// Opens a connector with its options.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        &self,
        options: serde_json::Value,
        host: &Host,
    ) -> Result<Box<dyn ErpConnector>, OpenError> {
        match (self.way, &host.drop) {
            (Way::File(format), Some(drop)) => Ok(Box::new(FileErp {
                format: format.open(options)?,
                drop: Arc::clone(drop),
            })),
            (Way::File(_), None) => Err(OpenError::NoDrop(self.id)),
            (Way::Api(_), Some(_)) => Err(OpenError::NoFiles(self.id)),
            (Way::Api(open), None) => open(self.id, options, host),
        }
    }
}
