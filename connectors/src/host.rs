//! What the daemon lends what it opens.

use crate::transport::FileDrop;
use ledger::Clock;
use std::path::PathBuf;
use std::sync::Arc;

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
