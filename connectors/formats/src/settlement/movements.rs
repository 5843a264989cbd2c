//! What the words of processors and banks are: tables of theirs, looked up in one way.
//!
//! The same thing is called the same whoever sends it. Money that goes from one balance of the account
//! holder's to another is a transfer, be it between currencies or a top-up; a payment that fails after
//! it was settled is a charge that goes back; what takes back a refund is a refund; fees that are given
//! back, or invoiced, are fees; what a bank takes back of a direct debit is a dispute.

use ledger::{Money, Movement};

/// What a word is. One that is not in the table is `Other`.
pub(super) fn of(table: &[(&str, Movement)], word: &str) -> Movement {
    let found = table.iter().find(|(known, _)| *known == word);
    found.map_or(Movement::Other, |(_, movement)| *movement)
}

/// The same for words that stand for both ways: what is held back and comes in is free again, and a
/// dispute that brings money was won.
pub(super) fn either_way(table: &[(&str, Movement)], word: &str, money: Money) -> Movement {
    match of(table, word) {
        Movement::Reserve if money.amount() > 0 => Movement::Release,
        Movement::Dispute if money.amount() > 0 => Movement::DisputeReversal,
        movement => movement,
    }
}

/// What a word is where money came, and where it went; none where the table does not have it.
pub(super) fn by_way(
    table: &[(&str, Movement, Movement)],
    fits: impl Fn(&str) -> bool,
    came: bool,
) -> Option<Movement> {
    let found = table.iter().find(|(known, ..)| fits(known));
    found.map(|(_, into, out)| if came { *into } else { *out })
}
