//! Points at which a test may let a job break off or hang. They exist in builds with debug assertions only.
//!
//! `TIEOUT_FAULT=panic:JOB` lets every run of a job break off, `hang:JOB` lets it wait for ever, and `block:JOB`
//! lets it keep its thread as well.

/// Before a job begins.
#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "a test asks for it")]
pub(crate) async fn point(job: &str) {
    let Ok(text) = std::env::var("TIEOUT_FAULT") else {
        return;
    };
    match text.split_once(':') {
        Some(("panic", name)) if name == job => panic!("a test wants `{job}` to break off"),
        Some(("hang", name)) if name == job => std::future::pending().await,
        Some(("block", name)) if name == job => loop {
            std::thread::park();
        },
        _ => {}
    }
}

/// Before a job begins.
#[cfg(not(debug_assertions))]
pub(crate) async fn point(_job: &str) {}
