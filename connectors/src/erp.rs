//! ERP connectors: every file format with a way for its files to go.
//!
//! Render is pure, deliver is not: the same batch gives the same bytes, and the bytes are stored
//! before they are sent. The formats are registered in `formats`; this registry makes a connector
//! of each.

use crate::transport::{FileDrop, Placed, Shelf, TransportError};
use async_trait::async_trait;
use formats::OptionsError;
use formats::erp::{Artifact, ExportBatch, FileKind, Render, RenderError};
use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

/// Every kind of ERP connector that this build knows, by name.
pub fn kinds() -> impl Iterator<Item = ErpKind> {
    formats::erp::KINDS.iter().map(ErpKind::file)
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
        // The manifest first: whoever waits for the file finds its totals beside it.
        let manifest_name = format!("{}.manifest.json", artifact.name);
        for (name, bytes) in [
            (&manifest_name, manifest.as_bytes()),
            (&artifact.name, artifact.bytes.as_slice()),
        ] {
            if self.drop.put(name, bytes).await? == Placed::Occupied {
                let reason = format!(
                    "another `{name}` lies in {}; move it away and export again",
                    self.drop.peer()
                );
                return Ok(Delivery::Blocked { reason });
            }
        }
        Ok(Delivery::Accepted(format!(
            "{}/{}",
            self.drop.peer(),
            artifact.name
        )))
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
    /// Where files go.
    pub drop: Arc<dyn FileDrop>,
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
    format: &'static FileKind,
}

impl ErpKind {
    /// The kind that imports files of a format.
    const fn file(format: &'static FileKind) -> Self {
        Self {
            id: format.id,
            title: format.title,
            example: format.example,
            format,
        }
    }

    /// A kind by its name.
    pub fn find(id: &str) -> Option<Self> {
        kinds().find(|kind| kind.id == id)
    }

    /// Opens a connector with its options.
    ///
    /// # Errors
    /// [`OptionsError`].
    pub fn open(
        &self,
        options: serde_json::Value,
        host: &Host,
    ) -> Result<Box<dyn ErpConnector>, OptionsError> {
        Ok(Box::new(FileErp {
            format: self.format.open(options)?,
            drop: Arc::clone(&host.drop),
        }))
    }
}
