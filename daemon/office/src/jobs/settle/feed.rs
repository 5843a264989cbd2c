//! The second reading of a file: its lines, and its bytes in packed chunks, handed on piece by piece while the next
//! ones are read. Whoever takes them is never more than a few pieces behind.

use super::Source;
use super::survey::{self, Survey, unless_it_panics};
use anyhow::Context as _;
use connectors::unpack;
use formats::settlement::{ParseError, Sink};
use ledger::{SettlementLine, Statement};
use std::io::{self, Read, Write as _};
use store::artifact::{Packed, Parcel, Sealed};
use tokio::sync::mpsc::Sender;

/// As many lines are handed on together.
const LINES: usize = 4_096;

/// A piece of a file.
pub(super) enum Piece {
    /// Lines, each with the number of its statement.
    Lines(Vec<(usize, SettlementLine)>),
    /// The next chunks of its bytes.
    Bytes(Packed),
}

/// Hands a file on, and says what its bytes hash to.
pub(super) fn run(source: &Source, survey: &Survey, to: Sender<Piece>) -> anyhow::Result<Sealed> {
    let bounds = survey::bounds(&source.call);
    let parser = survey::opened(&survey.file)?;
    unpack::read(&source.path, &source.part, bounds, |input| {
        let mut keeping = Keeping {
            input,
            parcel: Parcel::default(),
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
        keeping.parcel.seal().context("it cannot be packed")
    })?
}

/// Bytes on their way to a format, kept as they pass.
struct Keeping<'i> {
    input: &'i mut dyn Read,
    parcel: Parcel,
    to: Sender<Piece>,
}

impl Read for Keeping<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(to)?;
        self.parcel
            .write_all(to.get(..length).unwrap_or_default())?;
        let packed = self.parcel.packed();
        if !packed.is_empty() {
            let sent = self.to.blocking_send(Piece::Bytes(packed));
            sent.map_err(|_gone| io::Error::other(GONE))?;
        }
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
