//! What came over HTTP and only the books can answer: they are asked soon after, not within the request, so that many
//! such events are looked up in one pass. Streams ask for themselves. What a process that died left unasked is asked
//! when the next one begins.

use crate::http::Server;
use office::pipeline::{self, ASK_EVERY};
use tokio::sync::watch;

/// Asks whenever something came, at most once in [`ASK_EVERY`], and a last time when it is told to stop.
pub(super) async fn ask(server: Server, mut stopped: watch::Receiver<bool>) {
    server.asks.notify_one();
    loop {
        tokio::select! {
            biased;
            () = server.asks.notified() => {}
            _stop = stopped.wait_for(|stop| *stop) => return,
        }
        let call = server.live().call.clone();
        let underway = server.health.begin("asking the books".to_owned());
        pipeline::answer(&call, true).await;
        drop(underway);
        // Ended by the time or by a stop: both lead to what came meanwhile.
        let _elapsed = tokio::time::timeout(ASK_EVERY, stopped.wait_for(|stop| *stop)).await;
    }
}
