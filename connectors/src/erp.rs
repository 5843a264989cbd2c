//! ERP connectors: every file format with a way for its files to go, and every API.
//!
//! Render is pure, deliver is not: the same batch gives the same bytes, and the bytes are stored
//! before they are sent. The formats are registered in `formats`; this registry makes a connector
//! of each. What an API takes is registered here.

pub mod tryton; // 1 of 2
pub mod webhook; // 1 of 2

/// Every API that this build knows, by name.
const APIS: &[ErpKind] = &[
    tryton::KIND,  // 2 of 2
    webhook::KIND, // 2 of 2
];

use crate::http::AddressError;
use crate::secret::SecretError;
use crate::transport::{Content, FileDrop, Kept, Placed, Shelf, TransportError};
use async_trait::async_trait;
use formats::OptionsError;
use formats::erp::{Artifact, ExportBatch, FileKind, Render, RenderError};
use ledger::Clock;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::io::Write;
use std::path::PathBuf;
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
}

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
}

/// What the host lends a connector when it opens.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where files go, for kinds that write files.
    pub drop: Option<Arc<dyn FileDrop>>,
    /// The folder that relative names of secrets' files are taken from.
    pub base: PathBuf,
    /// Where the time comes from that signatures name.
    pub clock: Arc<dyn Clock>,
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
    way: Way,
}

impl ErpKind {
    /// The kind that imports files of a format.
    const fn file(format: &'static FileKind) -> Self {
        Self {
            id: format.id,
            title: format.title,
            example: format.example,
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
            way: Way::Api(|kind, options, host| {
                let config = serde_json::from_value(options)
                    .map_err(|source| OpenError::Options(OptionsError { kind, source }))?;
                Ok(Box::new(A::open(config, host)?))
            }),
        }
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
