//! What the measurements share: settings, and what a process cost.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::mod_module_files,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    reason = "each measurement uses its own part of this, and one that cannot go on says where"
)]

use std::path::Path;

pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// The books of a company on the server.
pub fn books_url(base: &str, dir: &Path) -> String {
    let (server, _) = base.rsplit_once('/').unwrap();
    let name = dir.file_name().unwrap().to_string_lossy();
    format!("{server}/bench_{name}")
}

/// A process.
pub struct Stat {
    pub parent: i32,
    pub own: f64,
    pub children: f64,
    pub name: String,
}

/// A process in the kernel's words, proc(5).
pub fn stat(process: &str) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (head, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    // Clock ticks are hundredths of a second on Linux.
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: (ticks(11) + ticks(12)) / 100.0,
        children: (ticks(13) + ticks(14)) / 100.0,
        name: head.split_once('(')?.1.to_owned(),
    })
}

pub fn server_clock(postmaster: i32) -> f64 {
    let mut sum = stat(&postmaster.to_string()).map_or(0.0, |stat| stat.own + stat.children);
    for item in std::fs::read_dir("/proc").unwrap() {
        let name = item.unwrap().file_name().to_string_lossy().into_owned();
        if let Some(stat) = stat(&name)
            && stat.parent == postmaster
            && stat.name.starts_with("postgres")
        {
            sum += stat.own;
        }
    }
    sum
}

/// The most memory that a process has held, in KiB.
pub fn memory(process: u32) -> u64 {
    std::fs::read_to_string(format!("/proc/{process}/status"))
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("VmHWM"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        })
        .unwrap_or(0)
}
