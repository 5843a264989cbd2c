//! One parser against bytes that nobody thought of: the target's name is the kind. `any` is whichever
//! kind recognises the bytes. What is read must hold what `tests/common/judged.rs` says of every file.

#![no_main]

#[path = "../../connectors/formats/tests/common/judged.rs"]
mod judged;

use formats::settlement::{Parse, SettlementKind};
use serde_json::Value;
use std::path::Path;
use std::sync::LazyLock;

const KIND: &str = env!("CARGO_BIN_NAME");

/// The formats that the bytes choose from, by the first of them: the kind with its defaults and its
/// example, and with the options of its fixtures.
static FORMATS: LazyLock<Vec<Box<dyn Parse>>> = LazyLock::new(|| {
    let Some(kind) = SettlementKind::find(KIND) else {
        return Vec::new();
    };
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/settlements");
    let files = std::fs::read_dir(fixtures.join(KIND)).expect("a kind has fixtures");
    let mut options: Vec<_> = files
        .map(|file| file.expect("a folder is read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    options.sort();
    let options = options
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("options are read"));
    let options = [String::from("{}"), kind.example.to_owned()]
        .into_iter()
        .chain(options);
    let values = options.map(|text| serde_saphyr::from_str::<Value>(&text).expect("YAML"));
    values.filter_map(|value| kind.open(value).ok()).collect()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let first = bytes.first().copied().unwrap_or_default();
    let chosen = usize::from(first).checked_rem(FORMATS.len());
    if let Some(format) = chosen.and_then(|at| FORMATS.get(at)) {
        judged::judge(format.as_ref(), bytes);
        return;
    }
    let _what = formats::read::what::describe(bytes);
    if let Some(kind) = SettlementKind::recognise(bytes)
        && let Ok(format) = kind.open(serde_json::json!({}))
    {
        judged::judge(format.as_ref(), bytes);
    }
});
