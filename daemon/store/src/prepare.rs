//! What was decided, made ready for the books on the thread that decided it: a part of a batch is rows
//! without the books' numbers, side by side in memory, and beside them each name once. So the one who
//! writes, for whom all others wait, looks a name up once per part and otherwise adds and copies numbers.

use crate::index::Index;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use ledger::bounds::{self, Bound, Whole};
use ledger::{
    Currency, Decision, Deferral, Dimensions, EntryKind, EventKey, FiscalPeriod, Hash, Line,
    Posting, Side, Wanted,
};
use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::ops::Range;

/// Works out the content of stored bytes as it is worked out today; none where they cannot be read.
pub type Reading = fn(&[u8]) -> Option<Hash>;

/// What says of bytes in quarantine that they are an event's own form, whatever their source sends.
const STRUCTURED: &str = r#"{"content-type":"application/cloudevents+json"}"#;

/// How the reason of an event ends whose entries take others back, until the books were asked.
pub(crate) const ASKING: &str = "; `tieout post` looks for it";

/// The most that is kept of what came with bytes.
const MOST_HEADERS: usize = 64 << 10;

/// Some inputs of one partition, in their order, each with what became of it.
#[derive(Clone, Debug)]
pub struct IntakePart {
    mapping: Hash,
    reading: Reading,
    pub(crate) items: Vec<IntakeItem>,
    pub(crate) prepared: Prepared,
}

/// One input with its place in the source.
#[derive(Clone, Debug)]
pub(crate) struct IntakeItem {
    pub(crate) position: i64,
    pub(crate) content: IntakeContent,
}

/// Whether bytes are an event.
#[derive(Clone, Debug)]
pub(crate) enum IntakeContent {
    Event(ReadEvent, PreparedDecision),
    Unreadable(Unreadable),
}

/// An event that could be read.
#[derive(Clone, Debug)]
pub struct ReadEvent {
    /// The identity.
    pub key: EventKey,
    /// The hash over its canonical content.
    pub content: Hash,
    /// The event's `source`, by its number in this part.
    pub origin: Local,
    /// The event's `type`, by its number in this part.
    pub event_type: Local,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The bytes as received.
    pub payload: Bytes,
}

/// Bytes that are no event, kept whole unless they are larger than an event may be.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// The bytes.
    pub raw: Bytes,
    /// What came with them: a message's headers as a JSON object.
    pub headers: Option<String>,
    /// Why.
    pub reason: String,
    /// What the bytes are the head of, where they are not all.
    pub whole: Option<Whole>,
}

impl Unreadable {
    /// Bytes with the reason why they are no event.
    pub fn new(raw: impl Into<Bytes>, reason: impl Into<String>) -> Self {
        Self {
            raw: raw.into(),
            headers: None,
            reason: reason.into(),
            whole: None,
        }
    }

    /// What may be kept of it.
    fn bounded(mut self) -> Self {
        if self.raw.len() > bounds::MAX_EVENT_BYTES {
            let whole = Whole {
                length: i64::try_from(self.raw.len()).unwrap_or(i64::MAX),
                hash: Hash::of(&self.raw),
            };
            // The head alone: a piece would hold on to all of it.
            self.raw =
                Bytes::copy_from_slice(self.raw.get(..bounds::HEAD_BYTES).unwrap_or_default());
            self.whole.get_or_insert(whole);
        }
        let headers = self.headers.as_ref().map_or(0, String::len);
        if headers > MOST_HEADERS {
            self.headers = None;
            let left_out = format!("; its {headers} bytes of headers are left out");
            self.reason.push_str(&left_out);
        }
        self.reason = told(self.reason);
        self
    }
}

/// Why an event waits whose entries take others back: those are in the books, and whoever takes it in has none.
fn asks(wanted: &[Wanted]) -> String {
    let of: Vec<String> = wanted
        .iter()
        .map(|one| format!("{} {}", one.rules.join(" or "), one.reference))
        .collect();
    // What names it may be cut, what it ends with may not.
    let what = format!("takes back {}", of.join(" and "));
    let room = Bound {
        bytes: bounds::REASON.bytes - ASKING.len(),
        ..bounds::REASON
    };
    format!("{}{ASKING}", room.cut(&what))
}

/// A reason as it may be kept.
fn told(reason: String) -> String {
    match bounds::REASON.cut(&reason) {
        Cow::Owned(cut) => cut,
        Cow::Borrowed(_) => reason,
    }
}

/// The number of a name within its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Local(pub(crate) usize);

impl IntakePart {
    /// A part without inputs yet, for decisions of a version of the mapping.
    pub fn new(mapping: Hash) -> Self {
        Self {
            mapping,
            reading: |_bytes| None,
            items: Vec::new(),
            prepared: Prepared::default(),
        }
    }

    /// The version that decided.
    pub(crate) const fn mapping(&self) -> Hash {
        self.mapping
    }

    /// Says how contents are read, so that they can be compared with those of books from before.
    #[must_use]
    pub fn comparing(mut self, reading: Reading) -> Self {
        self.reading = reading;
        self
    }

    pub(crate) const fn reading(&self) -> Reading {
        self.reading
    }

    /// Those of its inputs that have some places.
    pub(crate) fn slice(&self, places: Range<usize>) -> Self {
        Self {
            mapping: self.mapping,
            reading: self.reading,
            items: self.items.get(places).unwrap_or_default().to_vec(),
            prepared: self.prepared.clone(),
        }
    }

    /// Turns its events into bytes in quarantine; false where it has none.
    pub(crate) fn refuse(&mut self, reason: &str) -> bool {
        let mut refused = false;
        for item in &mut self.items {
            if let IntakeContent::Event(event, _) = &item.content {
                let bytes = Unreadable {
                    headers: Some(STRUCTURED.to_owned()),
                    ..Unreadable::new(event.payload.clone(), reason)
                };
                item.content = IntakeContent::Unreadable(bytes.bounded());
                refused = true;
            }
        }
        refused
    }

    /// Makes room for as many inputs.
    pub fn reserve(&mut self, inputs: usize) {
        self.items.reserve(inputs);
        self.prepared.entries.reserve(inputs);
        self.prepared.lines.reserve(3 * inputs);
    }

    /// Inputs so far.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The number of an event's `source`.
    pub fn origin(&mut self, name: &str) -> Local {
        self.prepared.origins.number(name)
    }

    /// The number of an event's `type`.
    pub fn event_type(&mut self, name: &str) -> Local {
        self.prepared.types.number(name)
    }

    /// Adds an event and what was decided about it.
    pub fn event(&mut self, position: i64, event: ReadEvent, decision: Decision) {
        let decision = self.prepared.decision(decision, self.mapping);
        self.items.push(IntakeItem {
            position,
            content: IntakeContent::Event(event, decision),
        });
    }

    /// Adds bytes that are no event.
    pub fn unreadable(&mut self, position: i64, bytes: Unreadable) {
        self.items.push(IntakeItem {
            position,
            content: IntakeContent::Unreadable(bytes.bounded()),
        });
    }

    /// The keys of its events.
    pub(crate) fn keys(&self) -> impl Iterator<Item = EventKey> {
        self.items.iter().filter_map(|item| match &item.content {
            IntakeContent::Event(event, _) => Some(event.key),
            IntakeContent::Unreadable(_) => None,
        })
    }
}

/// Decisions, their entries and lines, and the names in them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) origins: Numbered<String>,
    pub(crate) types: Numbered<String>,
    pub(crate) rules: Numbered<(Hash, String)>,
    pub(crate) descriptions: Numbered<String>,
    pub(crate) entities: Numbered<String>,
    pub(crate) periods: Numbered<(Local, FiscalPeriod)>,
    pub(crate) accounts: Numbered<String>,
    pub(crate) places: Numbered<Place>,
    pub(crate) dimension_sets: DimensionSets,
    pub(crate) entries: Vec<PreparedEntry>,
    pub(crate) lines: Vec<PreparedLine>,
}

/// Where a line adds to a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) period: Local,
    pub(crate) account: Local,
    pub(crate) currency: Currency,
}

/// A decision; its entries are a range of [`Prepared::entries`].
#[derive(Clone, Debug)]
pub(crate) enum PreparedDecision {
    Posted {
        rule: Local,
        entries: Range<usize>,
    },
    Ignored {
        rule: Local,
        reason: Option<String>,
    },
    Suspended {
        rule: Option<Local>,
        reason: String,
        /// Whether the books may answer it.
        asks: bool,
    },
}

/// An entry that balances; its lines are a range of [`Prepared::lines`].
#[derive(Clone, Debug)]
pub(crate) struct PreparedEntry {
    pub(crate) period: Local,
    pub(crate) date: NaiveDate,
    pub(crate) event_on: Option<NaiveDate>,
    pub(crate) kind: EntryKind,
    pub(crate) reference: String,
    pub(crate) description: Local,
    pub(crate) rule: Local,
    pub(crate) rate: Option<String>,
    pub(crate) hash: Hash,
    pub(crate) lines: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct PreparedLine {
    pub(crate) place: Local,
    pub(crate) side: Side,
    pub(crate) amount: i64,
    pub(crate) functional: i64,
    pub(crate) dimension_set: Option<Local>,
    /// The account into which it is released, and how.
    pub(crate) deferral: Option<Box<(Local, Deferral)>>,
}

impl Prepared {
    /// Prepares a decision that a version of the mapping made.
    pub(crate) fn decision(&mut self, decision: Decision, mapping: Hash) -> PreparedDecision {
        match decision {
            Decision::Posted { rule, postings } => {
                let first = self.entries.len();
                for posting in postings {
                    self.entry(posting);
                }
                PreparedDecision::Posted {
                    rule: self.rule(mapping, rule),
                    entries: first..self.entries.len(),
                }
            }
            Decision::Asks { rule, wanted, .. } => PreparedDecision::Suspended {
                rule: Some(self.rule(mapping, rule)),
                reason: asks(&wanted),
                asks: true,
            },
            Decision::Ignored { rule, .. } => PreparedDecision::Ignored {
                rule: self.rule(mapping, rule),
                reason: None,
            },
            Decision::NoEffect { rule, reason } => PreparedDecision::Ignored {
                rule: self.rule(mapping, rule),
                reason: Some(told(reason)),
            },
            Decision::Suspended { rule, reason } => PreparedDecision::Suspended {
                rule: rule.map(|rule| self.rule(mapping, rule)),
                reason: told(reason),
                asks: false,
            },
        }
    }

    pub(crate) fn rule(&mut self, mapping: Hash, rule: String) -> Local {
        self.rules.number(&(mapping, rule))
    }

    /// Prepares an entry; it is the last then.
    pub(crate) fn entry(&mut self, posting: Posting) {
        let Posting { entry, period } = posting;
        let hash = entry.hash();
        let (header, lines) = entry.into_parts();
        let entity = self.entities.number(&header.entity);
        let period = self.periods.number(&(entity, period));
        let first = self.lines.len();
        let mut before = None;
        for line in lines {
            // The lines of an entry mostly belong to the same.
            let set = match before {
                Some((dimensions, set)) if dimensions == line.dimensions => set,
                _ => self.dimension_sets.number(&line.dimensions),
            };
            self.line(&line, period, set);
            before = Some((line.dimensions, set));
        }
        let prepared = PreparedEntry {
            period,
            date: header.date,
            event_on: header.event_on,
            kind: header.kind,
            reference: header.reference,
            description: self.descriptions.number(&header.description),
            rule: self.rule(header.rule.mapping, header.rule.rule),
            rate: header.rate.map(|rate| rate.normalize().to_string()),
            hash,
            lines: first..self.lines.len(),
        };
        self.entries.push(prepared);
    }

    fn line(&mut self, line: &Line, period: Local, dimension_set: Option<Local>) {
        let place = Place {
            period,
            account: self.accounts.number(&line.account),
            currency: line.amount.currency(),
        };
        let deferral = line.deferral.as_ref().map(|deferral| {
            let account = self.accounts.number(&deferral.release_account);
            Box::new((account, deferral.clone()))
        });
        let place = self.places.number(&place);
        self.lines.push(PreparedLine {
            place,
            side: line.side,
            amount: line.amount.amount(),
            functional: line.functional.amount(),
            dimension_set,
            deferral,
        });
    }
}

/// Values, numbered as they come.
#[derive(Clone, Debug)]
pub(crate) struct Numbered<T> {
    values: Vec<T>,
    numbers: BTreeMap<T, Local>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }
}

impl<T: Ord + Clone> Numbered<T> {
    /// The number of a value, new or not.
    pub(crate) fn number<Q>(&mut self, value: &Q) -> Local
    where
        T: Borrow<Q>,
        Q: Ord + ToOwned<Owned = T> + ?Sized,
    {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = Local(self.values.len());
        self.values.push(value.to_owned());
        self.numbers.insert(value.to_owned(), number);
        number
    }
}

impl<T> Numbered<T> {
    /// The value of a number.
    pub(crate) fn get(&self, number: Local) -> &T {
        // A number comes from the part that it is used with.
        &self.values[number.0]
    }

    pub(crate) const fn len(&self) -> usize {
        self.values.len()
    }
}

/// Sets of dimensions, numbered as they come, with the hashes under which the books know them.
#[derive(Clone, Debug, Default)]
pub(crate) struct DimensionSets {
    values: Vec<(Hash, Dimensions)>,
    numbers: Index<Hash, Local>,
}

impl DimensionSets {
    /// The number of a set; none has none.
    fn number(&mut self, dimensions: &Dimensions) -> Option<Local> {
        if dimensions.is_empty() {
            return None;
        }
        // A map of texts always has a JSON form.
        let hash = Hash::of(&serde_json::to_vec(dimensions).unwrap_or_default());
        if let Some(number) = self.numbers.get(&hash) {
            return Some(*number);
        }
        let number = Local(self.values.len());
        self.values.push((hash, dimensions.clone()));
        self.numbers.insert(hash, number);
        Some(number)
    }

    pub(crate) fn get(&self, number: Local) -> (Hash, &Dimensions) {
        let (hash, dimensions) = &self.values[number.0];
        (*hash, dimensions)
    }

    pub(crate) const fn len(&self) -> usize {
        self.values.len()
    }
}
