//! Lists the packs that the binary carries, so that no list of their files has to be kept by hand.

#![allow(
    clippy::print_stdout,
    reason = "cargo reads what a build script prints"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let missing = |name: &str| io::Error::other(format!("cargo sets {name}"));
    let root = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| missing("CARGO_MANIFEST_DIR"))?;
    let out = env::var_os("OUT_DIR").ok_or_else(|| missing("OUT_DIR"))?;
    let packs = PathBuf::from(root).join("packs");
    println!("cargo::rerun-if-changed={}", packs.display());
    let mut text = String::from("&[\n");
    for pack in sorted(&packs)? {
        let name = pack.file_name().unwrap_or_default().display().to_string();
        let mut files = Vec::new();
        collect(&pack, &mut files)?;
        writeln!(text, "    ({name:?}, &[").map_err(io::Error::other)?;
        for file in files {
            println!("cargo::rerun-if-changed={}", file.display());
            let path = file.strip_prefix(&pack).map_err(io::Error::other)?;
            let path = path.display().to_string().replace('\\', "/");
            let whole = file.display().to_string();
            writeln!(text, "        ({path:?}, include_bytes!({whole:?})),")
                .map_err(io::Error::other)?;
        }
        text.push_str("    ]),\n");
    }
    text.push_str("]\n");
    fs::write(Path::new(&out).join("packs.rs"), text)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let all: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?
        .map(|item| item.map(|item| item.path()))
        .collect();
    let mut all = all?;
    all.sort();
    Ok(all)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for path in sorted(folder)? {
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
