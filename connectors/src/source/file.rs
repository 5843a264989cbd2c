//! NDJSON files of CloudEvents: one event per line, plain, `.gz` or `.zst`, in UTF-8 or in an encoding that a
//! mark or the configuration names.
//!
//! The partition is the file's name and the hash of its bytes, so that a file that grew or changed
//! is another partition and its known events are duplicates. A position is the offset of a line in
//! the unpacked text. Blank lines are no events. Of a line that is larger than an event may be, the head is
//! kept, with the length and the hash of all of it; memory depends on no line and on no file.
//!
//! Reading waits for a disk, so a thread does it, a batch ahead of whoever polls.

use super::encoding::{self, Declared};
use super::{
    BatchLimit, Checkpoints, EventBatch, EventSource, Problem, RawEvent, SourceError, SourceState,
};
use crate::regular;
use crate::unpack::{Packed, Unpacking};
use async_trait::async_trait;
use bytes::Bytes;
use formats::envelope::Envelope;
use ledger::Hash;
use ledger::bounds::{HEAD_BYTES, MAX_EVENT_BYTES, Whole};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use tokio::sync::mpsc;

pub use crate::unpack::Unpacked;

/// The longest line that is held whole: the largest event and its end.
const MAX_LINE_BYTES: usize = MAX_EVENT_BYTES + 2;

/// How the lines of a file are understood.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Where the attributes of plain JSON lines stand; without it lines are CloudEvents.
    pub envelope: Option<Envelope>,
    /// The encoding, where no mark says it and it is not UTF-8.
    pub encoding: Option<Declared>,
    /// How far a packed file may unpack.
    pub unpacked: Unpacked,
}

/// What a source reads from.
enum Input {
    File(File),
    Bytes(io::Cursor<Vec<u8>>),
}

/// A file of events.
pub struct FileSource {
    path: PathBuf,
    partition: String,
    limit: BatchLimit,
    layout: Layout,
    /// Until the first batch is asked for.
    input: Option<Input>,
    batches: Option<mpsc::Receiver<io::Result<Option<EventBatch>>>>,
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource")
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

impl FileSource {
    /// Opens a regular file and takes its hash.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`] when it cannot be read, [`SourceError::Broken`] when it is no such file.
    pub fn open(path: &Path, limit: BatchLimit) -> Result<Self, SourceError> {
        let unavailable = |source: io::Error| unavailable(path, source);
        let mut file = regular::open(path).map_err(unavailable)?;
        let hash = hash_of(&mut file).map_err(unavailable)?;
        file.rewind().map_err(unavailable)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self::of(
            path.to_owned(),
            format!("{name}@{hash}"),
            limit,
            Input::File(file),
        ))
    }

    /// Standard input as a source, read to its end before the first event.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`] when it cannot be read.
    pub fn from_reader(mut input: impl Read, limit: BatchLimit) -> Result<Self, SourceError> {
        let path = PathBuf::from("-");
        let mut bytes = Vec::new();
        input
            .read_to_end(&mut bytes)
            .map_err(|source| unavailable(&path, source))?;
        let partition = format!("stdin@{}", short_hash(&Sha256::digest(&bytes)));
        let input = Input::Bytes(io::Cursor::new(bytes));
        Ok(Self::of(path, partition, limit, input))
    }

    fn of(path: PathBuf, partition: String, limit: BatchLimit, input: Input) -> Self {
        Self {
            path,
            partition,
            limit,
            layout: Layout::default(),
            input: Some(input),
            batches: None,
        }
    }

    /// Says how its lines are understood. In another encoding a line has another place, so it is another
    /// partition.
    #[must_use]
    pub fn with_layout(mut self, layout: Layout) -> Self {
        if let Some(encoding) = layout.encoding {
            self.partition.push('+');
            self.partition.push_str(encoding.name());
        }
        self.layout = layout;
        self
    }

    /// The partition that this file is.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// Begins to read where the books say that the last batch ended.
    async fn begin(&mut self, checkpoints: &dyn Checkpoints) -> Result<(), SourceError> {
        let position = checkpoints.position(&self.partition).await?;
        let Some(input) = self.input.take() else {
            return Ok(());
        };
        let (to, batches) = mpsc::channel(1);
        let (path, layout) = (self.path.clone(), self.layout.clone());
        let (partition, limit) = (self.partition.clone(), self.limit);
        let read = move || {
            let reader = opened(&path, input, &layout).map(|reader| FileReader {
                partition,
                lines: Lines::of(reader),
                position: 0,
                limit,
                envelope: layout.envelope,
            });
            match reader {
                Ok(reader) => reader.run(position, &to),
                // Nobody asks any more.
                Err(error) => drop(to.blocking_send(Err(error))),
            }
        };
        std::thread::Builder::new()
            .name("file".to_owned())
            .spawn(read)
            .map_err(|source| unavailable(&self.path, source))?;
        self.batches = Some(batches);
        Ok(())
    }
}

#[async_trait]
impl EventSource for FileSource {
    async fn poll(
        &mut self,
        checkpoints: &dyn Checkpoints,
    ) -> Result<Vec<EventBatch>, SourceError> {
        if self.input.is_some() {
            self.begin(checkpoints).await?;
        }
        let Some(batches) = &mut self.batches else {
            return Ok(Vec::new());
        };
        let next = batches.recv().await;
        let broke_off = || Err(io::Error::other("reading broke off"));
        match next.unwrap_or_else(broke_off) {
            Ok(Some(batch)) => Ok(vec![batch]),
            Ok(None) => {
                self.batches = None;
                Ok(Vec::new())
            }
            Err(source) => Err(unavailable(&self.path, source)),
        }
    }

    async fn release(&mut self, _partition: &str, _through: i64) -> Result<(), SourceError> {
        Ok(())
    }

    async fn fenced(&mut self, partition: &str) -> Result<(), SourceError> {
        Err(SourceError::Broken {
            name: partition.to_owned(),
            what: "somebody else is taking this file too; it goes on from there when it is taken again"
                .to_owned(),
        })
    }

    fn state(&self) -> SourceState {
        SourceState::default()
    }
}

/// The thread's side of a source.
struct FileReader {
    partition: String,
    lines: Lines,
    /// The offset of the next line.
    position: i64,
    limit: BatchLimit,
    envelope: Option<Envelope>,
}

impl FileReader {
    /// Hands over batches from a position on, until the end, an error, or nobody wants more.
    fn run(mut self, from: i64, to: &mpsc::Sender<io::Result<Option<EventBatch>>>) {
        let mut next = self.skip_to(from).and_then(|()| self.next_batch());
        loop {
            let ended = !matches!(next, Ok(Some(_)));
            if to.blocking_send(next).is_err() || ended {
                return;
            }
            next = self.next_batch();
        }
    }

    fn skip_to(&mut self, target: i64) -> io::Result<()> {
        let wanted = u64::try_from(target).unwrap_or(0);
        let skipped = io::copy(&mut (&mut self.lines.reader).take(wanted), &mut io::sink())?;
        if skipped < wanted {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file ends before its checkpoint",
            ));
        }
        self.position = target;
        Ok(())
    }

    fn next_batch(&mut self) -> io::Result<Option<EventBatch>> {
        let from = self.position;
        let mut events = Vec::new();
        let mut bytes = 0;
        while events.len() < self.limit.events && bytes < self.limit.bytes {
            let Some(line) = self.lines.next() else {
                break;
            };
            let position = self.position;
            self.position = position.saturating_add(line.length);
            if let Some(event) = self.event(position, line) {
                bytes += event.payload.len();
                events.push(event);
            }
        }
        if self.position == from {
            return self.lines.broken.take().map_or(Ok(None), Err);
        }
        let partition = self.partition.clone();
        Ok(Some(EventBatch {
            partition,
            from,
            through: self.position,
            events,
            oldest: None,
        }))
    }

    /// The event of a line, if it is not blank.
    fn event(&self, position: i64, line: Line) -> Option<RawEvent> {
        let Line {
            mut bytes, whole, ..
        } = line;
        if let Some(whole) = whole {
            let length = whole.length;
            let reason = format!(
                "{length} bytes are more than the {MAX_EVENT_BYTES} that an event may have"
            );
            let problem = Problem {
                whole: Some(whole),
                ..Problem::new(reason)
            };
            return Some(RawEvent::unreadable(position, bytes, problem));
        }
        while let Some((b'\n' | b'\r', before)) = bytes.split_last() {
            bytes.truncate(before.len());
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(match &self.envelope {
            None => RawEvent::new(position, bytes),
            Some(envelope) => match envelope.wrap(encoding::utf8(&bytes).as_ref()) {
                Ok(wrapped) => RawEvent::wrapped(position, wrapped),
                Err(reason) => RawEvent::unreadable(position, bytes, Problem::new(reason)),
            },
        })
    }
}

/// How much of a file is read at once.
const BLOCK: usize = 256 << 10;

/// Lines, each a piece of the block that it was read in.
struct Lines {
    reader: Box<dyn Read + Send>,
    block: Bytes,
    /// Why reading ended before the end: told after the whole lines that came before it.
    broken: Option<io::Error>,
}

/// A line with its end, or the head of one that is too long.
struct Line {
    bytes: Bytes,
    /// With its end, whatever is kept.
    length: i64,
    whole: Option<Whole>,
}

impl Line {
    fn all(bytes: Bytes) -> Self {
        Self {
            length: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            bytes,
            whole: None,
        }
    }
}

impl Lines {
    fn of(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            block: Bytes::new(),
            broken: None,
        }
    }

    /// The next line, if there is one.
    fn next(&mut self) -> Option<Line> {
        let mut searched = 0;
        loop {
            let rest = self.block.get(searched..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', rest) {
                return Some(Line::all(self.block.split_to(searched + end + 1)));
            }
            searched = self.block.len();
            if searched >= MAX_LINE_BYTES {
                return self.long();
            }
            if !self.read_on() {
                let last = std::mem::take(&mut self.block);
                let last = Some(last).filter(|line| !line.is_empty() && self.broken.is_none());
                return last.map(Line::all);
            }
        }
    }

    /// The head of a line that is too long to be held; the rest is measured as it passes.
    fn long(&mut self) -> Option<Line> {
        let head = self.block.get(..HEAD_BYTES).unwrap_or_default();
        let head = Bytes::copy_from_slice(head);
        let (mut hasher, mut length) = (Sha256::new(), 0_i64);
        let ended = loop {
            let end = memchr::memchr(b'\n', &self.block);
            let piece = self.block.split_to(end.unwrap_or(self.block.len()));
            hasher.update(&piece);
            length = length.saturating_add(i64::try_from(piece.len()).unwrap_or(i64::MAX));
            if end.is_some() {
                drop(self.block.split_to(1));
                break 1;
            }
            if !self.read_on() {
                if self.broken.is_some() {
                    return None;
                }
                break 0;
            }
        };
        Some(Line {
            bytes: head,
            length: length.saturating_add(ended),
            whole: Some(Whole {
                length,
                hash: Hash::from_slice(&hasher.finalize()).unwrap_or(Hash::ZERO),
            }),
        })
    }

    /// Puts another block behind what is left of the last; false at the end.
    fn read_on(&mut self) -> bool {
        if self.broken.is_some() {
            return false;
        }
        let rest = MAX_LINE_BYTES.saturating_sub(self.block.len());
        let more = BLOCK.max(self.block.len()).min(rest);
        let mut bytes = Vec::with_capacity(self.block.len() + more);
        bytes.extend_from_slice(&self.block);
        let limit = u64::try_from(more).unwrap_or(u64::MAX);
        let read = (&mut self.reader).take(limit).read_to_end(&mut bytes);
        let longer = bytes.len() > self.block.len();
        self.broken = read.err();
        self.block = Bytes::from(bytes);
        longer
    }
}

/// What a file is makes it [`SourceError::Broken`]: reading it again finds the same.
fn unavailable(path: &Path, source: io::Error) -> SourceError {
    let name = path.display().to_string();
    match source.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => SourceError::Broken {
            name,
            what: source.to_string(),
        },
        _ => SourceError::Unavailable {
            name,
            source: Box::new(source),
        },
    }
}

/// Nothing of a file can be taken before its hash is known, so one thread reads it while another hashes.
fn hash_of(file: &mut File) -> io::Result<String> {
    std::thread::scope(|scope| {
        let (read, blocks) = sync_channel::<Vec<u8>>(4);
        let hashing = scope.spawn(move || {
            let mut hasher = Sha256::new();
            blocks.iter().for_each(|block| hasher.update(&block));
            short_hash(&hasher.finalize())
        });
        let limit = u64::try_from(BLOCK).unwrap_or(u64::MAX);
        loop {
            let mut block = Vec::with_capacity(BLOCK);
            let length = (&mut *file).take(limit).read_to_end(&mut block)?;
            if length == 0 || read.send(block).is_err() {
                break;
            }
        }
        drop(read);
        let broke_off = |_panic| io::Error::other("hashing broke off");
        hashing.join().map_err(broke_off)
    })
}

fn short_hash(hash: &[u8]) -> String {
    ledger::hash::hex(hash.get(..8).unwrap_or_default())
}

/// The text of a file, unpacked and in UTF-8.
fn opened(path: &Path, input: Input, layout: &Layout) -> io::Result<Box<dyn Read + Send>> {
    let reader = match input {
        Input::File(file) => unpacked(path, file, layout.unpacked)?,
        Input::Bytes(bytes) => Box::new(bytes),
    };
    encoding::reader(reader, layout.encoding)
}

fn unpacked(path: &Path, file: File, bounds: Unpacked) -> io::Result<Box<dyn Read + Send>> {
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let packed = Packed::of(file);
    let read = packed.count();
    let from: Box<dyn Read + Send> = match ending.as_str() {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        "zst" => Box::new(zstd::Decoder::new(packed)?),
        _ => return Ok(Box::new(packed)),
    };
    Ok(Box::new(Unpacking::of(from, read, bounds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(i64);

    #[async_trait]
    impl Checkpoints for At {
        async fn position(&self, _partition: &str) -> Result<i64, SourceError> {
            Ok(self.0)
        }
    }

    const LIMIT: BatchLimit = BatchLimit {
        events: 2,
        bytes: 1 << 20,
    };

    async fn all(source: &mut FileSource, from: i64) -> Vec<(i64, String)> {
        let mut events = Vec::new();
        loop {
            let batches = source.poll(&At(from)).await.unwrap();
            if batches.is_empty() {
                break;
            }
            events.extend(
                batches
                    .into_iter()
                    .flat_map(|batch| batch.events)
                    .map(|e| (e.position, String::from_utf8(e.payload.to_vec()).unwrap())),
            );
        }
        events
    }

    #[tokio::test]
    async fn lines_have_positions_and_can_be_taken_up_again() {
        let text = "{\"a\":1}\n\n{\"b\":2}\r\nnot json\n{\"c\":3}";
        let mut source = FileSource::from_reader(text.as_bytes(), LIMIT).unwrap();
        let whole = all(&mut source, 0).await;
        let expected = [
            (0, "{\"a\":1}"),
            (9, "{\"b\":2}"),
            (18, "not json"),
            (27, "{\"c\":3}"),
        ];
        assert_eq!(whole, expected.map(|(at, text)| (at, text.to_owned())));
        let mut again = FileSource::from_reader(text.as_bytes(), LIMIT).unwrap();
        assert_eq!(all(&mut again, 18).await, whole[2..]);
    }

    /// A reader that gives a few bytes at a time.
    struct Sip<'t>(&'t [u8]);

    impl Read for Sip<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let most = to.len().min(7);
            to.get_mut(..most).map_or(Ok(0), |to| self.0.read(to))
        }
    }

    fn reader(reader: Box<dyn Read + Send>) -> FileReader {
        FileReader {
            partition: "p".to_owned(),
            lines: Lines::of(reader),
            position: 0,
            limit: LIMIT,
            envelope: None,
        }
    }

    #[test]
    fn of_a_line_too_long_for_an_event_the_head_is_kept_and_what_comes_after_is_read() {
        let long = vec![b'a'; 3 * MAX_LINE_BYTES + 10];
        let text = [&long[..], b"\nb\n", &long, b"\n", &long].concat();
        let mut reader = reader(Box::new(io::Cursor::new(text)));
        let mut events = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            events.extend(batch.events);
        }
        let length = i64::try_from(long.len()).unwrap();
        let positions: Vec<i64> = events.iter().map(|event| event.position).collect();
        assert_eq!(positions, [0, length + 1, length + 3, 2 * length + 4]);
        for at in [0, 2, 3] {
            assert_eq!(events[at].payload, &long[..HEAD_BYTES]);
            let problem = events[at].problem.as_ref().unwrap();
            let hash = Hash::of(&long);
            assert_eq!(problem.whole, Some(Whole { length, hash }));
            assert_eq!(
                problem.reason,
                format!("{length} bytes are more than the 1048576 that an event may have")
            );
        }
        assert_eq!(events[1], RawEvent::new(length + 1, &b"b"[..]));
    }

    #[tokio::test]
    async fn a_small_file_that_unpacks_to_a_large_one_is_left_where_it_becomes_absurd() {
        let folder = std::env::temp_dir().join(format!("tieout-bomb-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("zeros.ndjson.gz");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        io::Write::write_all(&mut gz, b"{\"a\":1}\n").unwrap();
        for _ in 0..80 {
            io::Write::write_all(&mut gz, &vec![0; 1 << 20]).unwrap();
        }
        std::fs::write(&path, gz.finish().unwrap()).unwrap();
        let mut source = FileSource::open(&path, LIMIT).unwrap();
        let first = source.poll(&At(0)).await.unwrap();
        assert_eq!(first[0].events.len(), 1);
        let error = source.poll(&At(0)).await.unwrap_err();
        let SourceError::Broken { what, .. } = &error else {
            panic!("{error}");
        };
        assert!(
            what.contains("bytes of it unpack to") && what.contains("100 times"),
            "{what}"
        );
        let roomy = Layout {
            unpacked: Unpacked {
                most_ratio: 2_000,
                ..Unpacked::default()
            },
            ..Layout::default()
        };
        let mut source = FileSource::open(&path, LIMIT).unwrap().with_layout(roomy);
        let mut lengths = Vec::new();
        loop {
            let batches = source.poll(&At(0)).await.unwrap();
            if batches.is_empty() {
                break;
            }
            let events = batches.into_iter().flat_map(|batch| batch.events);
            lengths.extend(events.map(|event| event.payload.len()));
        }
        assert_eq!(lengths, [7, HEAD_BYTES]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_declared_encoding_is_read_and_is_a_partition_of_its_own() {
        let layout: Layout = Layout {
            encoding: Some(serde_json::from_value("iso-8859-15".into()).unwrap()),
            ..Layout::default()
        };
        let text: &[u8] = b"{\"a\":\"\xa4\"}\n{\"b\":2}\n";
        let plain = FileSource::from_reader(text, LIMIT).unwrap();
        let partition = format!("{}+ISO-8859-15", plain.partition());
        let mut source = plain.with_layout(layout);
        assert_eq!(source.partition(), partition);
        let events = all(&mut source, 0).await;
        let expected = [(0, "{\"a\":\"€\"}"), (12, "{\"b\":2}")];
        assert_eq!(events, expected.map(|(at, text)| (at, text.to_owned())));
    }

    #[tokio::test]
    async fn a_mark_before_the_first_line_is_no_part_of_it() {
        let text = "\u{feff}{\"a\":1}\r\n{\"b\":2}\r\n";
        let mut source = FileSource::from_reader(text.as_bytes(), LIMIT).unwrap();
        let events = all(&mut source, 0).await;
        let expected = [(0, "{\"a\":1}"), (9, "{\"b\":2}")];
        assert_eq!(events, expected.map(|(at, text)| (at, text.to_owned())));
    }

    /// Some text, and then an error.
    struct Broken(&'static [u8]);

    impl Read for Broken {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            match self.0.read(to)? {
                0 => Err(io::Error::other("torn")),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn whole_lines_before_a_break_are_events_and_half_a_line_is_none() {
        let torn = Broken(b"{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n{\"d\"");
        let mut reader = reader(Box::new(torn));
        let mut found = Vec::new();
        let error = loop {
            match reader.next_batch() {
                Ok(batch) => found.extend(batch.unwrap().events),
                Err(error) => break error,
            }
        };
        let found: Vec<i64> = found.iter().map(|event| event.position).collect();
        assert_eq!(found, [0, 8, 16]);
        assert_eq!(error.to_string(), "torn");
    }

    #[test]
    fn lines_end_where_they_end_however_blocks_are_cut() {
        // Longer than one block, and than two.
        let lengths = [0, 1, BLOCK - 1, BLOCK, 3, 2 * BLOCK + 5, 0, 7];
        let mut text: Vec<u8> = Vec::new();
        for (length, letter) in lengths.into_iter().zip(b'a'..) {
            text.resize(text.len() + length, letter);
            text.push(b'\n');
        }
        text.extend_from_slice(b"no end");
        let text: &'static [u8] = text.leak();
        let readers: [Box<dyn Read + Send>; 2] = [Box::new(text), Box::new(Sip(text))];
        for reader in readers {
            let mut lines = Lines::of(reader);
            let mut found = Vec::new();
            while let Some(line) = lines.next() {
                found.push(line.bytes);
            }
            let wanted: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
            assert!(found == wanted, "{} lines", found.len());
        }
    }

    #[tokio::test]
    async fn compressed_files_read_the_same() {
        let folder =
            std::env::temp_dir().join(format!("tieout-file-source-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text = b"{\"a\":1}\n{\"b\":2}\n";
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gz, text).unwrap();
        let files = [
            ("plain.ndjson", text.to_vec()),
            ("packed.ndjson.gz", gz.finish().unwrap()),
            ("packed.ndjson.zst", zstd::encode_all(&text[..], 1).unwrap()),
        ];
        for (name, bytes) in files {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            let mut source = FileSource::open(&path, LIMIT).unwrap();
            let events = all(&mut source, 0).await;
            assert_eq!(events.len(), 2, "{name}");
            assert_eq!(events[1].0, 8, "{name}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
