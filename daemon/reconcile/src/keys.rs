//! Items by what both sides know them by.
//!
//! Where each item has one name, a key is that name. Where items have several, names that stand on one item belong
//! together, and so do all items that have one of them; two items are held against each other only if they share
//! a name themselves.

use crate::board::Board;
use crate::dictionary::Dictionary;
use crate::index::{Buckets, Unions, number};
use crate::plan::Name;
use crate::side::Input;
use crate::which::Which;

/// Open items by key, of both sides.
#[derive(Debug)]
pub(crate) struct Keyed {
    rows: [Buckets; 2],
    /// The names of each row, where rows have several.
    spoken: Option<[Buckets; 2]>,
    /// The side whose items are told apart by their text.
    spelled: Option<Which>,
    /// Whether two items of one name and one amount are one payment told twice.
    is_payment: bool,
}

impl Keyed {
    /// By names that stand in columns.
    pub(crate) fn by_names(board: &Board<'_>, names: [&[Name]; 2]) -> Self {
        let is_payment = names
            .iter()
            .all(|names| names.iter().all(|name| name.names_one_payment()));
        let single = |names: &[Name]| match names {
            [name] if Input::is_coded(*name) => Some(*name),
            _ => None,
        };
        let (Some(left), Some(right)) = (single(names[0]), single(names[1])) else {
            let mut dictionary = Dictionary::default();
            let all = Which::SIDES
                .map(|which| mentions(board, which, names[which.place()], &mut dictionary));
            return Self {
                is_payment,
                ..Self::by_mentions(board, dictionary.codes(), &all)
            };
        };
        let codes = board.input.dictionary.codes();
        let rows = Which::SIDES.map(|which| {
            let (side, name) = (board.side(which), [left, right][which.place()]);
            Buckets::new(codes, |put| {
                for row in board.open(which).iter() {
                    if let Some(code) = side.code(row, name).filter(|code| *code != 0) {
                        put(code, row);
                    }
                }
            })
        });
        Self {
            rows,
            spoken: None,
            spelled: None,
            is_payment,
        }
    }

    /// By whichever names: row and code, in the order of rows.
    pub(crate) fn by_mentions(board: &Board<'_>, codes: usize, all: &[Vec<(u32, u32)>; 2]) -> Self {
        let mut unions = Unions::new(codes);
        for mentions in all {
            for pair in mentions.windows(2) {
                if let [(one, code), (other, next)] = pair
                    && one == other
                {
                    unions.join(*code, *next);
                }
            }
        }
        let rows = Which::SIDES.map(|which| {
            Buckets::new(codes, |put| {
                let mut last = None;
                for (row, code) in &all[which.place()] {
                    if last != Some(*row) {
                        put(unions.root(*code), *row);
                        last = Some(*row);
                    }
                }
            })
        });
        let spoken = Which::SIDES.map(|which| {
            Buckets::new(board.side(which).len(), |put| {
                for (row, code) in &all[which.place()] {
                    put(*row, *code);
                }
            })
        });
        Self {
            rows,
            spoken: Some(spoken),
            spelled: None,
            is_payment: true,
        }
    }

    /// By the texts of a side, which tell its items apart.
    pub(crate) fn by_texts(
        board: &Board<'_>,
        codes: usize,
        all: &[Vec<(u32, u32)>; 2],
        spelled: Which,
    ) -> Self {
        Self {
            spelled: Some(spelled),
            ..Self::by_mentions(board, codes, all)
        }
    }

    /// Whether items of a side are told apart by their text.
    pub(crate) fn is_spelled(&self, which: Which) -> bool {
        self.spelled == Some(which)
    }

    /// Whether two items of one name and one amount are one payment told twice.
    pub(crate) const fn is_payment(&self) -> bool {
        self.is_payment
    }

    pub(crate) fn rows(&self, which: Which, key: u32) -> &[u32] {
        self.rows[which.place()].of(key)
    }

    /// The names of a row, where rows have several.
    pub(crate) fn names(&self, which: Which, row: u32) -> &[u32] {
        self.spoken
            .as_ref()
            .map_or(&[], |spoken| spoken[which.place()].of(row))
    }

    /// Whether two items of one key share a name.
    pub(crate) fn shares(&self, left: &[u32], right: &[u32]) -> bool {
        self.spoken.is_none() || left.iter().any(|code| right.contains(code))
    }

    /// Cuts the keys into parts of about as many rows each.
    pub(crate) fn parts(&self, parts: usize) -> Vec<std::ops::Range<u32>> {
        let keys = self.rows[0].keys();
        let weight =
            |key: u32| u64::from(self.rows[0].before(key)) + u64::from(self.rows[1].before(key));
        let whole = weight(keys);
        let parts = u64::from(number(parts.max(1)));
        let mut cuts = vec![0];
        for part in 1..parts {
            let wanted = whole / parts * part;
            let (mut low, mut high) = (0, keys);
            while low < high {
                let middle = low + (high - low) / 2;
                if weight(middle) < wanted {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            cuts.push(low);
        }
        cuts.push(keys);
        cuts.windows(2).map(|cut| cut[0]..cut[1]).collect()
    }
}

/// Each open row with each of its names. Names of which few items are asked get their codes here.
fn mentions(
    board: &Board<'_>,
    which: Which,
    names: &[Name],
    dictionary: &mut Dictionary,
) -> Vec<(u32, u32)> {
    let (mut all, mut texts) = (Vec::new(), Vec::new());
    for row in board.open(which).iter() {
        board.input.names(which, row, names, &mut texts);
        all.extend(texts.iter().map(|text| (row, dictionary.code(text))));
    }
    all
}
