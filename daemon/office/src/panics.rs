//! Panics are faults of ours: each is counted, logged in one line with its place, and ends the one thing that
//! ran and nothing else.

use crate::metric;
use futures_util::FutureExt as _;
use std::any::Any;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;

thread_local! {
    /// The last one of this thread.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Something of ours broke off where it should have answered.
#[derive(Debug, thiserror::Error)]
#[error("it broke off, which is a fault of Tieout and not of its input: {0}")]
pub struct BrokeOff(pub String);

/// From now on panics are noted instead of printed.
pub fn note() {
    std::panic::set_hook(Box::new(|panic| {
        let said = said(panic.payload()).unwrap_or("no reason was given");
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        metric::panic();
        tracing::error!(place, "broke off: {said}");
        LAST.with_borrow_mut(|last| *last = Some(format!("{said} ({place})")));
    }));
}

/// What a panic said, where it said anything.
pub(crate) fn said(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// What a future gives, or how it broke off.
pub async fn caught<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_payload) => {
            let last = LAST.with_borrow_mut(Option::take);
            Err(BrokeOff(last.unwrap_or_default()).into())
        }
    }
}
