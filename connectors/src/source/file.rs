//! NDJSON files of CloudEvents: one event per line, plain, `.gz` or `.zst`.
//!
//! The partition is the file's name and the hash of its bytes, so that a file that grew or changed
//! is another partition and its known events are duplicates. A position is the offset of a line in
//! the decompressed text. Blank lines are no events.

use super::envelope::Envelope;
use super::{
    BatchLimit, Checkpoints, EventBatch, EventSource, Problem, RawEvent, SourceError, SourceState,
};
use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

/// The longest line that is kept whole: 64 MiB.
const MAX_LINE_BYTES: usize = 64 << 20;

/// A file of events.
pub struct FileSource {
    path: PathBuf,
    partition: String,
    lines: Lines,
    /// The offset of the next line.
    position: i64,
    started: bool,
    limit: BatchLimit,
    envelope: Option<Envelope>,
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource")
            .field("partition", &self.partition)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl FileSource {
    /// Opens a file and takes its hash.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`] when it cannot be read.
    pub fn open(path: &Path, limit: BatchLimit) -> Result<Self, SourceError> {
        let unavailable = |source: io::Error| unavailable(path, source);
        let hash = hash_of(path).map_err(unavailable)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = File::open(path).map_err(unavailable)?;
        let reader = decompressed(path, file).map_err(unavailable)?;
        let partition = format!("{name}@{hash}");
        let path = path.to_owned();
        Ok(Self {
            path,
            partition,
            lines: Lines::of(reader),
            position: 0,
            started: false,
            limit,
            envelope: None,
        })
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
        let reader = Box::new(io::Cursor::new(bytes));
        Ok(Self {
            path,
            partition,
            lines: Lines::of(reader),
            position: 0,
            started: false,
            limit,
            envelope: None,
        })
    }

    /// Lines are plain JSON, and the envelope says where the attributes stand.
    #[must_use]
    pub fn with_envelope(mut self, envelope: Option<Envelope>) -> Self {
        self.envelope = envelope;
        self
    }

    /// The partition that this file is.
    pub fn partition(&self) -> &str {
        &self.partition
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
            let Some(mut line) = self.lines.next() else {
                break;
            };
            let position = self.position;
            self.position += i64::try_from(line.len()).unwrap_or(0);
            while let Some((b'\n' | b'\r', before)) = line.split_last() {
                line.truncate(before.len());
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            bytes += line.len();
            events.push(match &self.envelope {
                None => RawEvent::new(position, line),
                Some(envelope) => match envelope.wrap(&line) {
                    Ok(event) => RawEvent::new(position, event),
                    Err(reason) => RawEvent {
                        position,
                        payload: line,
                        problem: Some(Problem {
                            reason,
                            headers: None,
                        }),
                    },
                },
            });
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
}

#[async_trait]
impl EventSource for FileSource {
    async fn poll(
        &mut self,
        checkpoints: &dyn Checkpoints,
    ) -> Result<Vec<EventBatch>, SourceError> {
        if !self.started {
            let position = checkpoints.position(&self.partition).await?;
            self.skip_to(position)
                .map_err(|source| unavailable(&self.path, source))?;
            self.started = true;
        }
        self.next_batch()
            .map(|batch| batch.into_iter().collect())
            .map_err(|source| unavailable(&self.path, source))
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

/// How much of a file is read at once.
const BLOCK: usize = 256 << 10;

/// Lines, each a piece of the block that it was read in.
struct Lines {
    reader: Box<dyn Read + Send>,
    block: Bytes,
    /// Why reading ended before the end: told after the whole lines that came before it.
    broken: Option<io::Error>,
}

impl Lines {
    fn of(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            block: Bytes::new(),
            broken: None,
        }
    }

    /// The next line with its end, if there is one; one beyond [`MAX_LINE_BYTES`] comes in pieces.
    fn next(&mut self) -> Option<Bytes> {
        let mut searched = 0;
        loop {
            let rest = self.block.get(searched..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', rest) {
                return Some(self.block.split_to(searched + end + 1));
            }
            searched = self.block.len();
            if searched >= MAX_LINE_BYTES || !self.read_on() {
                let last = std::mem::take(&mut self.block);
                return Some(last).filter(|line| !line.is_empty() && self.broken.is_none());
            }
        }
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

fn unavailable(path: &Path, source: io::Error) -> SourceError {
    SourceError::Unavailable {
        name: path.display().to_string(),
        source: Box::new(source),
    }
}

/// Nothing of a file can be taken before its hash is known, so one thread reads it while another hashes.
fn hash_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
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
            let length = (&mut file).take(limit).read_to_end(&mut block)?;
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

fn decompressed(path: &Path, file: File) -> io::Result<Box<dyn Read + Send>> {
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    Ok(match ending.as_str() {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(file)),
        "zst" => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(file),
    })
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

    #[test]
    fn no_line_is_longer_than_is_kept_whole() {
        let text = [vec![b'a'; MAX_LINE_BYTES + 10], b"\nb\n".to_vec()].concat();
        let mut lines = Lines::of(Box::new(io::Cursor::new(text)));
        let lengths: Vec<usize> =
            std::iter::from_fn(|| lines.next().map(|line| line.len())).collect();
        assert_eq!(lengths, [MAX_LINE_BYTES, 11, 2]);
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

    #[tokio::test]
    async fn whole_lines_before_a_break_are_events_and_half_a_line_is_none() {
        let lines = Lines::of(Box::new(Broken(b"{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n{\"d\"")));
        let mut source = FileSource::from_reader(io::empty(), LIMIT).unwrap();
        source.lines = lines;
        let mut found = Vec::new();
        let error = loop {
            match source.poll(&At(0)).await {
                Ok(batches) => found.extend(batches.into_iter().flat_map(|batch| batch.events)),
                Err(error) => break error,
            }
        };
        let found: Vec<i64> = found.iter().map(|event| event.position).collect();
        assert_eq!(found, [0, 8, 16]);
        let SourceError::Unavailable { source, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(source.to_string(), "torn");
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
                found.push(line);
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
