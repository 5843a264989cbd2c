//! The second reading of a file: its lines, and its bytes in packed chunks, handed on piece by piece while the next
//! ones are read. Whoever takes them is never more than a few pieces behind.

use super::Source;
use super::survey::{self, Survey, unless_it_panics};
use anyhow::Context as _;
use connectors::unpack;
use formats::settlement::{ParseError, Sink};
use ledger::hash::Hasher;
use ledger::{Hash, SettlementLine, Statement};
use std::io::{self, Read, Write as _};
use store::artifact::{Packed, Parcel};
use tokio::sync::mpsc::Sender;

/// As many lines are handed on together.
const LINES: usize = 4_096;

/// A piece of a file.
pub(super) enum Piece {
    /// Lines, each with the number of its statement.
    Lines(Vec<(usize, SettlementLine)>),
    /// The next chunks of its bytes.
    Bytes(Packed),
    /// The next of its bytes, as they are.
    Plain(Vec<u8>),
}

/// What came of all pieces.
pub(super) struct Fed {
    /// What the bytes hash to.
    pub(super) hash: Hash,
    /// The last chunks; none where bytes are handed on as they are.
    pub(super) last: Packed,
}

/// How bytes are handed on.
enum Bytes {
    /// In packed chunks, for the books.
    Packed(Parcel),
    /// As they are, for another place.
    Plain(Hasher, Vec<u8>),
}

/// As many are handed on together where they are not packed.
const BLOCK: usize = 1 << 20;

/// Hands a file on, its bytes `plain` or packed.
pub(super) fn run(
    source: &Source,
    survey: &Survey,
    plain: bool,
    to: Sender<Piece>,
) -> anyhow::Result<Fed> {
    let bounds = survey::bounds(&source.call);
    let parser = survey::opened(&survey.file)?;
    unpack::read(&source.path, &source.part, bounds, |input| {
        let mut keeping = Keeping {
            input,
            bytes: if plain {
                Bytes::Plain(Hasher::default(), Vec::new())
            } else {
                Bytes::Packed(Parcel::default())
            },
            to: to.clone(),
        };
        let mut handing = Handing {
            places: &survey.places,
            lines: Vec::with_capacity(LINES),
            to,
        };
        unless_it_panics(|| {
            parser.stream(&mut keeping, &mut handing)?;
            handing.hand_on()
        })?;
        keeping.end()
    })?
}

/// Bytes on their way to a format, kept as they pass.
struct Keeping<'i> {
    input: &'i mut dyn Read,
    bytes: Bytes,
    to: Sender<Piece>,
}

impl Keeping<'_> {
    fn hand_on(&self, piece: Piece) -> io::Result<()> {
        let sent = self.to.blocking_send(piece);
        sent.map_err(|_gone| io::Error::other(GONE))
    }

    fn end(mut self) -> anyhow::Result<Fed> {
        match std::mem::replace(&mut self.bytes, Bytes::Packed(Parcel::default())) {
            Bytes::Packed(parcel) => {
                let sealed = parcel.seal().context("it cannot be packed")?;
                let hash = sealed.hash();
                let last = sealed.into_packed();
                Ok(Fed { hash, last })
            }
            Bytes::Plain(hasher, rest) => {
                self.hand_on(Piece::Plain(rest))?;
                Ok(Fed {
                    hash: hasher.finish(),
                    last: Packed::default(),
                })
            }
        }
    }
}

impl Read for Keeping<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(to)?;
        let read = to.get(..length).unwrap_or_default();
        let piece = match &mut self.bytes {
            Bytes::Packed(parcel) => {
                parcel.write_all(read)?;
                let packed = parcel.packed();
                (!packed.is_empty()).then_some(Piece::Bytes(packed))
            }
            Bytes::Plain(hasher, block) => {
                hasher.add(read);
                block.extend_from_slice(read);
                let is_full = block.len() >= BLOCK;
                is_full.then(|| Piece::Plain(std::mem::take(block)))
            }
        };
        piece.map_or(Ok(()), |piece| self.hand_on(piece))?;
        Ok(length)
    }
}

/// Nobody takes what is read any more.
const GONE: &str = "the reading was broken off";

struct Handing<'s> {
    places: &'s [usize],
    lines: Vec<(usize, SettlementLine)>,
    to: Sender<Piece>,
}

impl Handing<'_> {
    fn hand_on(&mut self) -> Result<(), ParseError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let lines = std::mem::replace(&mut self.lines, Vec::with_capacity(LINES));
        let sent = self.to.blocking_send(Piece::Lines(lines));
        sent.map_err(|_gone| ParseError {
            line: 0,
            what: GONE.to_owned(),
        })
    }
}

impl Sink for Handing<'_> {
    fn line(&mut self, statement: usize, line: SettlementLine) -> Result<(), ParseError> {
        let Some(place) = self.places.get(statement) else {
            return Err(ParseError {
                line: line.place.line,
                what: super::CHANGED.to_owned(),
            });
        };
        self.lines.push((*place, line));
        if self.lines.len() < LINES {
            return Ok(());
        }
        self.hand_on()
    }

    fn statement(&mut self, _number: usize, _statement: Statement) -> Result<(), ParseError> {
        Ok(())
    }
}
