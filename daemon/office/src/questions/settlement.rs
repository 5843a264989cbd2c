//! Settlement files read again: every file against its hash, every line against the file that brought it.
//!
//! A file that is kept outside the books is read back from there. A file is read with the options that it was read with, and neither its bytes nor its lines are held: both sides
//! come in the same order. Where the format has become another version since, a line that reads differently now is
//! information and no failure: what the books have is what was said then.

use crate::call::Call;
use connectors::keep::Kept;
use formats::settlement::{ParseError, SettlementKind, Sink};
use ledger::cash::line_key;
use ledger::hash::{EventKey, Hasher, hex};
use ledger::{Hash, SettlementLine, Statement};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::panic::AssertUnwindSafe;
use store::settlement::{FileReader, FileRow, StoredLine};
use store::{Snapshot, StoreError};
use tokio::sync::mpsc;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Files that were read.
    pub files: i64,
    /// What does not hold.
    pub failures: Vec<String>,
    /// What a later version reads differently.
    pub notes: Vec<String>,
}

/// As many lines go from the thread that reads to the one that compares.
const LINES: usize = 2_048;

/// As much is told of a file; the rest is counted.
const MOST_TOLD: usize = 20;

/// What a file says, as it is read.
enum Said {
    Lines(Vec<(usize, SettlementLine)>),
    Statement(usize, Box<Statement>),
}

/// Reads every file again.
///
/// # Errors
/// When the books cannot be read.
pub(super) async fn read_again(call: &Call, books: &Snapshot) -> anyhow::Result<Reading> {
    let mut reading = Reading::default();
    for row in books.settlement_files().await? {
        reading.files += 1;
        let bytes = match opened(call, &row).await {
            Ok(bytes) => bytes,
            Err(problem) => {
                reading.failures.push(problem);
                continue;
            }
        };
        let found = compared(books, &row, bytes).await?;
        if !found.is_sound {
            let what = format!("settlement file `{}` is not what was received", row.name);
            reading.failures.push(what);
            continue;
        }
        let now = SettlementKind::find(&row.format).map_or(0, |kind| kind.version);
        let unreadable = found.unreadable.as_ref();
        if now != row.format_version {
            let differences = unreadable
                .into_iter()
                .chain(&found.lines)
                .cloned()
                .collect();
            reading.notes.extend(outdated(&row, now, differences));
        } else if let Some(problem) = unreadable {
            reading.failures.push(format!(
                "settlement file `{}` can no longer be read: {problem}",
                row.name
            ));
        } else {
            reading.failures.extend(found.failures);
        }
    }
    Ok(reading)
}

fn outdated(row: &FileRow, now: i64, differences: Vec<String>) -> Option<String> {
    let first = differences.first()?;
    let more = match differences.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "settlement file `{}` was read by version {}, version {now} reads it differently: {first}{more}",
        row.name, row.format_version
    ))
}

/// What became of one file.
#[derive(Debug, Default)]
struct Compared {
    is_sound: bool,
    unreadable: Option<String>,
    failures: Vec<String>,
    /// The lines that differ, named shortly.
    lines: Vec<String>,
}

impl Compared {
    fn differs(&mut self, identity: &str, failure: String) {
        self.lines.push(format!("line `{identity}`"));
        if self.failures.len() < MOST_TOLD {
            self.failures.push(failure);
        }
    }
}

/// Reads a file from the books to its end, and compares what it says.
async fn compared(books: &Snapshot, row: &FileRow, mut file: Bytes) -> anyhow::Result<Compared> {
    let (bytes, from) = mpsc::channel::<Vec<u8>>(2);
    let (say, said) = mpsc::channel(2);
    let (format, options) = (row.format.clone(), row.options.clone());
    let parsing = tokio::task::spawn_blocking(move || parsed(&format, &options, from, say));
    let handing = hand_over(books, row, &mut file, bytes);
    let mut comparing = Comparing::of(books, row).await?;
    let (handed, done) = futures_util::future::join(handing, comparing.run(said)).await;
    let (is_sound, mut compared) = (handed?, Compared::default());
    done?;
    compared.unreadable = match parsing.await {
        Ok(parsed) => parsed.err(),
        Err(broke) => Some(broke.to_string()),
    };
    if is_sound && compared.unreadable.is_none() {
        comparing.end().await?;
        compared = comparing.compared;
    }
    compared.is_sound = is_sound;
    Ok(compared)
}

/// Where the bytes of a file come from.
enum Bytes {
    /// The books.
    Books(FileReader),
    /// Where it is kept outside them.
    Kept(Box<dyn Kept>),
}

impl Bytes {
    /// The next of them; an error is an outage of the books. What cannot be read back says so in its place.
    async fn next(&mut self, books: &Snapshot) -> anyhow::Result<Result<Option<Vec<u8>>, String>> {
        match self {
            Self::Books(reader) => match reader.next(books).await {
                Ok(piece) => Ok(Ok(piece)),
                // What cannot be unpacked is not what was packed.
                Err(StoreError::Corrupt(what)) => Ok(Err(what)),
                Err(error) => Err(error.into()),
            },
            Self::Kept(kept) => {
                let next = kept.next().await.map_err(anyhow::Error::from);
                Ok(next.map_err(|error| format!("{error:#}")))
            }
        }
    }
}

/// Opens a file where its bytes are; an error is a sentence about what is missing.
async fn opened(call: &Call, row: &FileRow) -> Result<Bytes, String> {
    let Some(kept) = &row.kept else {
        return Ok(Bytes::Books(FileReader::of(row.id)));
    };
    let name = &row.name;
    let keep = call.keep().map_err(|error| format!("{error:#}"))?;
    let keep = keep.ok_or_else(|| {
        format!("settlement file `{name}` is kept in a {kept}, and the configuration does not say where: name `settlement: {{ keep: … }}`")
    })?;
    let hash = Hash::from_slice(&row.hash)
        .ok_or_else(|| format!("settlement file `{name}` has no hash that it could lie under"))?;
    match keep.open(hash).await.map_err(anyhow::Error::from) {
        Ok(Some(kept)) => Ok(Bytes::Kept(kept)),
        Ok(None) => Err(format!(
            "settlement file `{name}` is missing: nothing lies under {} in `{}`; bring it back from a backup, or ask its sender for it and put it there",
            hex(&row.hash),
            keep.place()
        )),
        Err(error) => Err(format!(
            "settlement file `{name}` cannot be read back: {error:#}"
        )),
    }
}

/// What holds of a file that is kept outside the books; none of one whose bytes are in them.
///
/// # Errors
/// When the books cannot be read.
pub(super) async fn kept(
    call: &Call,
    books: &Snapshot,
    row: &FileRow,
) -> anyhow::Result<Option<String>> {
    if row.kept.is_none() {
        return Ok(None);
    }
    let mut bytes = match opened(call, row).await {
        Ok(bytes) => bytes,
        Err(problem) => return Ok(Some(problem)),
    };
    let mut hasher = Hasher::default();
    loop {
        match bytes.next(books).await? {
            Ok(Some(piece)) => hasher.add(&piece),
            Ok(None) => break,
            Err(problem) => return Ok(Some(problem)),
        }
    }
    let sound = hasher.finish().as_bytes().as_slice() == row.hash;
    let told = if sound {
        "as it was received"
    } else {
        "not what was received"
    };
    Ok(Some(told.to_owned()))
}

/// Hands a file's bytes to who reads them, and says whether they are what was received.
async fn hand_over(
    books: &Snapshot,
    row: &FileRow,
    file: &mut Bytes,
    bytes: mpsc::Sender<Vec<u8>>,
) -> anyhow::Result<bool> {
    let mut hasher = Hasher::default();
    loop {
        let piece = match file.next(books).await? {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(problem) => {
                tracing::error!(file = row.name, problem, "cannot be read back");
                return Ok(false);
            }
        };
        hasher.add(&piece);
        // The format may have given up; the hash is of all of it.
        if bytes.send(piece).await.is_err() {
            tracing::debug!(file = row.name, "its format reads no more");
        }
    }
    Ok(hasher.finish().as_bytes().as_slice() == row.hash)
}

/// Bytes that come piece by piece.
struct Pieces {
    from: mpsc::Receiver<Vec<u8>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.piece.read(to)?;
            if length > 0 || to.is_empty() {
                return Ok(length);
            }
            match self.from.blocking_recv() {
                Some(piece) => self.piece = io::Cursor::new(piece),
                None => return Ok(0),
            }
        }
    }
}

/// Reads a file as it was read then, and says what it says.
fn parsed(
    format: &str,
    options: &str,
    from: mpsc::Receiver<Vec<u8>>,
    say: mpsc::Sender<Said>,
) -> Result<(), String> {
    let kind =
        SettlementKind::find(format).ok_or_else(|| format!("there is no format `{format}`"))?;
    let options = serde_json::from_str(options).map_err(|error| error.to_string())?;
    let format = kind.open(options).map_err(|error| error.to_string())?;
    let mut pieces = Pieces {
        from,
        piece: io::Cursor::default(),
    };
    let mut saying = Saying {
        lines: Vec::with_capacity(LINES),
        say,
    };
    let read = AssertUnwindSafe(|| {
        format.stream(&mut pieces, &mut saying)?;
        saying.pass_on()
    });
    match std::panic::catch_unwind(read) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_panic) => Err("the format failed on it".to_owned()),
    }
}

struct Saying {
    lines: Vec<(usize, SettlementLine)>,
    say: mpsc::Sender<Said>,
}

impl Saying {
    fn pass_on(&mut self) -> Result<(), ParseError> {
        let lines = std::mem::replace(&mut self.lines, Vec::with_capacity(LINES));
        self.say(Said::Lines(lines))
    }

    fn say(&self, said: Said) -> Result<(), ParseError> {
        self.say.blocking_send(said).map_err(|_gone| ParseError {
            line: 0,
            what: "nobody asks any more".to_owned(),
        })
    }
}

impl Sink for Saying {
    fn line(&mut self, statement: usize, line: SettlementLine) -> Result<(), ParseError> {
        self.lines.push((statement, line));
        if self.lines.len() < LINES {
            return Ok(());
        }
        self.pass_on()
    }

    fn statement(&mut self, number: usize, statement: Statement) -> Result<(), ParseError> {
        self.pass_on()?;
        self.say(Said::Statement(number, Box::new(statement)))
    }
}

/// A file's lines against those that the books have of it, in the same order.
struct Comparing<'b> {
    books: &'b Snapshot,
    row: &'b FileRow,
    stored: VecDeque<StoredLine>,
    /// The last line that was asked for, and the last one of the file.
    reached: (i64, i64),
    /// Lines that another file must have brought, until it is known of which account they are.
    elsewhere: BTreeMap<usize, Vec<String>>,
    compared: Compared,
}

impl<'b> Comparing<'b> {
    async fn of(books: &'b Snapshot, row: &'b FileRow) -> anyhow::Result<Self> {
        let (first, last) = books.file_extent(row.id).await?;
        Ok(Self {
            books,
            row,
            stored: VecDeque::new(),
            reached: (first.saturating_sub(1), last),
            elsewhere: BTreeMap::new(),
            compared: Compared::default(),
        })
    }

    async fn run(&mut self, mut said: mpsc::Receiver<Said>) -> anyhow::Result<()> {
        while let Some(said) = said.recv().await {
            match said {
                Said::Lines(lines) => {
                    for (number, line) in lines {
                        self.line(number, line).await?;
                    }
                }
                Said::Statement(number, statement) => self.statement(number, &statement).await?,
            }
        }
        Ok(())
    }

    /// Reads the next lines of the books where none is at hand.
    async fn fill(&mut self) -> anyhow::Result<()> {
        let (after, last) = self.reached;
        if !self.stored.is_empty() || after >= last {
            return Ok(());
        }
        let page = self.books.lines_of_file(self.row.id, after, last).await?;
        self.reached.0 = page.last().map_or(last, |line| line.id);
        self.stored = page.into();
        Ok(())
    }

    async fn line(&mut self, number: usize, line: SettlementLine) -> anyhow::Result<()> {
        self.fill().await?;
        let is_same = |stored: &StoredLine| is_of(&stored.line, &line);
        if !self.stored.front().is_some_and(is_same) {
            let elsewhere = self.elsewhere.entry(number).or_default();
            elsewhere.push(line.identity);
            return Ok(());
        }
        if let Some(stored) = self.stored.pop_front()
            && !stored.line.agrees(&line)
        {
            self.not_there(&stored);
        }
        Ok(())
    }

    fn not_there(&mut self, stored: &StoredLine) {
        let failure = format!(
            "settlement line `{}` is not what stands in {} at {}",
            stored.line.identity, stored.file, stored.line.place.line
        );
        self.compared.differs(&stored.line.identity, failure);
    }

    /// Now it is known what lines are called that another file brought: all of them must be in the books.
    async fn statement(&mut self, number: usize, statement: &Statement) -> anyhow::Result<()> {
        let elsewhere = self.elsewhere.remove(&number).unwrap_or_default();
        let key = |identity: &String| line_key(statement.origin, &statement.account, identity);
        let keys: Vec<EventKey> = elsewhere.iter().map(key).collect();
        let known = self.books.has_lines(&keys).await?;
        for identity in elsewhere {
            if !known.contains(&key(&identity)) {
                let failure =
                    format!("settlement line `{identity}` stands in a file and not in the books");
                self.compared.differs(&identity, failure);
            }
        }
        Ok(())
    }

    /// What the books have of the file beyond what it says.
    async fn end(&mut self) -> anyhow::Result<()> {
        loop {
            self.fill().await?;
            if self.stored.is_empty() {
                return Ok(());
            }
            while let Some(stored) = self.stored.pop_front() {
                self.not_there(&stored);
            }
        }
    }
}

/// Whether a line of the books is this one: it stands there, and is called so, or so with a number behind.
fn is_of(stored: &SettlementLine, line: &SettlementLine) -> bool {
    let renamed = stored
        .identity
        .strip_prefix(line.identity.as_str())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let recounted = || {
        let base = |identity: &str| identity.rsplit_once('.').map(|(base, _)| base.to_owned());
        base(&stored.identity).is_some_and(|known| base(&line.identity) == Some(known))
    };
    // Rows of an earlier version know the line alone.
    let there = stored.place.line == line.place.line
        && (stored.place.length == 0 || stored.place.offset == line.place.offset);
    there && (renamed || recounted())
}
