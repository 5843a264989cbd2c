//! Names of one side in the texts of the other: a payout's id, an invoice's number, the payer's name in what a
//! customer wrote and a bank passed on.
//!
//! Spelling does not count, whole words do; a pattern says where to look instead. A text that holds two names and a
//! name that stands in two different texts have more than one answer.

use crate::board::Board;
use crate::board::rule::Rule;
use crate::dictionary::Dictionary;
use crate::fold::{self, fold};
use crate::keys::Keyed;
use crate::plan::Name;
use crate::which::Which;
use regex_lite::Regex;

/// Open items of both sides by the names that texts hold.
pub(crate) fn keyed(board: &Board<'_>, rule: &Rule<'_>) -> Keyed {
    let spelled = if rule.right.contains(&Name::Text) {
        Which::Right
    } else {
        Which::Left
    };
    let (all, codes) = mentions(board, rule, spelled);
    Keyed::by_texts(board, codes, &all, spelled)
}

/// Each open row of both sides with the folded names that it has or holds, and how many names there are.
fn mentions(board: &Board<'_>, rule: &Rule<'_>, spelled: Which) -> ([Vec<(u32, u32)>; 2], usize) {
    let named = board.open(spelled.other()).iter();
    let ([named, held], codes) =
        mentions_of(board, rule, spelled, (named, board.open(spelled).iter()));
    let all = if spelled == Which::Right {
        [named, held]
    } else {
        [held, named]
    };
    (all, codes)
}

/// Rows of the side that is named with their folded names, rows of the side that is searched with those that their
/// texts hold, and how many names there are.
pub(crate) fn mentions_of(
    board: &Board<'_>,
    rule: &Rule<'_>,
    spelled: Which,
    (named, searched): (impl Iterator<Item = u32>, impl Iterator<Item = u32>),
) -> ([Vec<(u32, u32)>; 2], usize) {
    let mut names = Names::default();
    let which = spelled.other();
    let own = names.of_rows(board, which, (named, rule.names(which)));
    let pattern = rule
        .pass
        .pattern
        .as_deref()
        .and_then(|pattern| Regex::new(pattern).ok());
    let mut held = Vec::new();
    let mut codes = Vec::new();
    for row in searched {
        names.in_text(board.side(spelled).text(row), pattern.as_ref(), &mut codes);
        held.extend(codes.drain(..).map(|code| (row, code)));
    }
    ([own, held], names.folded.codes())
}

#[derive(Default)]
struct Names {
    folded: Dictionary,
    longest: usize,
}

impl Names {
    /// Each row with its names.
    fn of_rows(
        &mut self,
        board: &Board<'_>,
        which: Which,
        (rows, names): (impl Iterator<Item = u32>, &[Name]),
    ) -> Vec<(u32, u32)> {
        let (mut all, mut texts, mut folded) = (Vec::new(), Vec::new(), String::new());
        for row in rows {
            board.input.names(which, row, names, &mut texts);
            let first = all.len();
            for text in &texts {
                folded.clear();
                fold(text, &mut folded);
                if folded.len() < fold::SHORTEST {
                    continue;
                }
                self.longest = self.longest.max(folded.len());
                let mention = (row, self.folded.code(&folded));
                if !all[first..].contains(&mention) {
                    all.push(mention);
                }
            }
        }
        all
    }

    /// The names that stand in a text, each once.
    fn in_text(&self, text: &str, pattern: Option<&Regex>, found: &mut Vec<u32>) {
        let mut look = |word: &str| {
            if let Some(code) = self.folded.find(word)
                && !found.contains(&code)
            {
                found.push(code);
            }
        };
        let Some(pattern) = pattern else {
            fold::words(text, self.longest, look);
            return;
        };
        let mut word = String::new();
        for captures in pattern.captures_iter(text) {
            let place = captures.get(1).or_else(|| captures.get(0));
            word.clear();
            fold(place.map_or("", |place| place.as_str()), &mut word);
            look(&word);
        }
    }
}
