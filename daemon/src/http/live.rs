//! What the handlers share, and the part of it that a reload replaces.

use super::access::Access;
use super::body::Bounds;
use super::settlements::Turns;
use crate::health::Health;
use metrics_exporter_prometheus::PrometheusHandle;
use office::Call;
use std::sync::{Arc, PoisonError, RwLock};
use store::writer::Writer;
use tokio::sync::{Mutex, Notify};
use tokio_rustls::TlsAcceptor;

/// What a reload replaces.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) call: Call,
    pub(crate) access: Access,
    /// How connections are encrypted, where they are.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Server {
    live: Arc<RwLock<Arc<Live>>>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) health: Arc<Health>,
    pub(crate) bounds: Bounds,
    /// How many settlement files come at once.
    pub(crate) turns: Turns,
    /// One body at a time moves the checkpoint of this source.
    pub(crate) writer: Arc<Mutex<Writer>>,
    /// Told when events came that only the books can answer.
    pub(crate) asks: Arc<Notify>,
}

impl Server {
    pub(crate) fn new(
        live: Live,
        bounds: Bounds,
        metrics: PrometheusHandle,
        health: Arc<Health>,
    ) -> Self {
        let writer = Arc::new(Mutex::new(Writer::new(&live.call.store)));
        Self {
            live: Arc::new(RwLock::new(Arc::new(live))),
            metrics,
            health,
            bounds,
            turns: Turns::default(),
            writer,
            asks: Arc::new(Notify::new()),
        }
    }

    /// As it is now.
    pub(crate) fn live(&self) -> Arc<Live> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&live)
    }

    /// From now on so. Whoever holds the writer knows that no request is halfway.
    pub(crate) fn replace(&self, live: Live) {
        let mut place = self.live.write().unwrap_or_else(PoisonError::into_inner);
        *place = Arc::new(live);
    }
}
