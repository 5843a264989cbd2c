//! What a run needs of those before it: the names of what was matched, as numbers.
//!
//! A second payment of a name that was matched is a duplicate, and nobody loads all that was matched to see that. A run
//! asks for the names of what is open, and gets of what was matched the items that have one of them. Two names of one
//! number bring an item too many, which changes nothing: the names themselves are compared.

use crate::board::rule::Rule;
use crate::fold::{self, fold};
use crate::plan::{Name, Plan};
use crate::side::Input;
use crate::which::Which;
use std::collections::BTreeSet;

/// The longest name, folded, that a text is searched for.
const LONGEST: usize = 128;

/// The number of a name, whatever its spelling: FNV-1a over its letters and digits.
fn number(folded: &str) -> i64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in folded.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    i64::from_ne_bytes(hash.to_ne_bytes())
}

/// Names by which what was matched may explain what is open.
pub fn asked(plan: &Plan, input: &Input) -> BTreeSet<i64> {
    let rules = plan.rules();
    let (mut asked, mut folded) = (BTreeSet::new(), String::new());
    for which in Which::SIDES {
        let side = input.side(which);
        let is_searched = rules
            .iter()
            .any(|rule| rule.names(which).contains(&Name::Text));
        for row in side.rows().filter(|row| !side.is_consumed(*row)) {
            folded.clear();
            fold(input.name(which, row, Name::Reference), &mut folded);
            if !folded.is_empty() {
                asked.insert(number(&folded));
            }
            if is_searched {
                fold::words(side.text(row), LONGEST, |word| {
                    asked.insert(number(word));
                });
            }
        }
    }
    asked
}

/// Names under which an item of a match is asked for: its reference, and what texts are searched for.
pub(crate) fn remembered(
    input: &Input,
    rules: &[Rule<'_>],
    (which, row): (Which, u32),
    names: &mut Vec<i64>,
) {
    let mut folded = String::new();
    let mut add = |text: &str| {
        folded.clear();
        fold(text, &mut folded);
        if !folded.is_empty() {
            names.push(number(&folded));
        }
    };
    add(input.name(which, row, Name::Reference));
    for rule in rules {
        if rule.names(which.other()).contains(&Name::Text) {
            for name in rule.names(which) {
                add(input.name(which, row, *name));
            }
        }
    }
}
