//! What people read of a break: who has the money, the likely cause and the next step, with the entity, the
//! customer and the invoice where they are known. Days are counted as the break's age is: from the item to the day
//! as of which the run holds.

use crate::breaks::Court;
use crate::finding::amounts;
use crate::plan::{Name, Plan, Source};
use crate::side::currency;
use crate::which::Which;
use ledger::Money;

/// What people call an item's own side and the other one.
pub(crate) const fn sides(plan: &Plan, which: Which) -> (&'static str, &'static str) {
    let (left, right) = (plan.left.name(), plan.right.name());
    match which {
        Which::Left | Which::LeftFees => (left, right),
        Which::Right | Which::RightFees => (right, left),
    }
}

/// An item by its name, amount and day, and whose it is.
fn item(court: &Court<'_>, which: Which, row: u32) -> String {
    let input = court.input;
    let side = input.side(which);
    let name = |name: Name| input.name(which, row, name);
    let of = Money::minor(side.amount(row), currency(side.currency(row)));
    let mut whose = Vec::new();
    if !name(Name::Account).is_empty() {
        whose.push(name(Name::Account).to_owned());
    }
    for (word, what) in [("customer", Name::Customer), ("invoice", Name::Invoice)] {
        if !name(what).is_empty() {
            whose.push(format!("{word} {}", name(what)));
        }
    }
    let whose = if whose.is_empty() {
        String::new()
    } else {
        format!(" ({})", whose.join(", "))
    };
    format!(
        "`{}` of {of} on {}{whose}",
        name(Name::Reference),
        side.on(row)
    )
}

pub(crate) fn missing(court: &Court<'_>, which: Which, row: u32) -> String {
    let (own, other) = sides(court.plan, which);
    let days = court.age(which, row);
    let what = item(court, which, row);
    let next = match (which, &court.plan.left, &court.plan.right) {
        (Which::Left, Source::Ledger { .. }, Source::Bank { .. }) => {
            "the customer has the money, or it came under another name: look among what the bank has left over, then remind the customer"
        }
        (Which::Left, Source::Ledger { .. }, _) => {
            "the customer or the processor has the money: most likely the payment failed or a report is missing; ask the processor for it, and reverse the booking if it never was"
        }
        (Which::Left, _, _) => {
            "the processor has the money or it is on its way: ask the processor for the transfer's trace, and whether it came back"
        }
        (_, _, Source::Bank { .. }) => {
            "the money is on the bank account and nobody knows what for: ask the payer, or book it where it belongs"
        }
        _ => {
            "the processor has the money and nobody booked it: most likely the event never came; find it at its source and send it again"
        }
    };
    format!("{own} has {what}; {other} has nothing {days} days later; {next}")
}

pub(crate) fn duplicate(court: &Court<'_>, which: Which, row: u32) -> String {
    let (own, other) = sides(court.plan, which);
    let what = item(court, which, row);
    let next = if which == Which::Left {
        "most likely it was booked twice: reverse one of the two"
    } else {
        "most likely it was paid or reported twice: the money is here, pay it back or have the report corrected"
    };
    format!("{what} stands twice in {own}, once in {other}; {next}")
}

pub(crate) fn unexpected(court: &Court<'_>, which: Which, row: u32) -> String {
    let (own, other) = sides(court.plan, which);
    let what = item(court, which, row);
    let movement = court.input.side(which).movement(row);
    let movement = movement.map_or("something", ledger::Movement::name);
    format!(
        "{own} has {what}, a movement of the kind {movement} that {other} never books; the {own} has moved the money already: add a rule that books it, or ask what it is"
    )
}

pub(crate) fn undecided(court: &Court<'_>, which: Which, row: u32, candidates: usize) -> String {
    let (own, other) = sides(court.plan, which);
    let what = item(court, which, row);
    let days = court.age(which, row);
    format!(
        "{own} has {what}, {days} days ago; which of {candidates} candidates at the {other} make it up was not searched to the end, so nothing is taken and nothing is called missing: narrow the pass's window, name what they have in common, or raise its `up_to` or `steps`"
    )
}

pub(crate) fn timing(court: &Court<'_>, left: u32, right: u32) -> String {
    let (own, other) = sides(court.plan, Which::Left);
    let what = item(court, Which::Left, left);
    let (l, r) = (
        court.input.side(Which::Left),
        court.input.side(Which::Right),
    );
    let days = (r.on(right) - l.on(left)).num_days();
    let apart = if days < 0 {
        format!("{} days before", -days)
    } else {
        format!("{days} days after")
    };
    format!(
        "{own} has {what}, {other} has the same on {}, {apart} it and outside of the pass's days; the money is there, one of the two days is wrong or it took long: match them by hand if they belong together",
        r.on(right)
    )
}

/// Items of one name that are not the same.
pub(crate) fn differs(court: &Court<'_>, kind: &str, left: &[u32], right: &[u32]) -> String {
    let input = court.input;
    let (own, other) = sides(court.plan, Which::Left);
    let row = left.first().copied().unwrap_or(0);
    let what = if left.len() == 1 {
        item(court, Which::Left, row)
    } else {
        let name = input.name(Which::Left, row, Name::Reference);
        format!("`{name}`: {}", amounts(input, Which::Left, left))
    };
    let there = amounts(input, Which::Right, right);
    let original = right
        .first()
        .and_then(|row| input.side(Which::Right).original(*row));
    let seen = original.map_or(String::new(), |(amount, of)| {
        format!(
            ", where the customer saw {}",
            Money::minor(amount, currency(of))
        )
    });
    let next = match kind {
        "fee" => "the difference is the fee, which the processor has: book it",
        "short" => {
            "a bank on the way most likely kept the difference: book it as a bank charge, or ask the payer for it"
        }
        "fx" => {
            "the difference is one of exchange: nobody has it; book it as an exchange difference"
        }
        "currency" => {
            "one of the two names the wrong currency: see which the customer paid, and correct the other"
        }
        "regrouped" => {
            "the sums agree and the parts do not: match them by hand, or let a pass add them up"
        }
        _ => {
            "one of the two is wrong, or a part is still to come: see what the customer paid, then correct the booking or claim the rest"
        }
    };
    format!("{own} has {what}, {other} has {there}{seen}; {next}")
}

/// The most names that a sentence lists.
const LISTED: usize = 4;

pub(crate) fn ambiguous(court: &Court<'_>, left: &[u32], right: &[u32]) -> String {
    let (own, other) = sides(court.plan, Which::Left);
    let named = |which: Which, rows: &[u32]| {
        let mut names: Vec<String> = rows
            .iter()
            .take(LISTED)
            .map(|row| match court.input.name(which, *row, Name::Reference) {
                "" => format!("`{}`", court.input.identity(which, *row)),
                name => format!("`{name}`"),
            })
            .collect();
        if rows.len() > LISTED {
            names.push(format!("{} more", rows.len() - LISTED));
        }
        names.join(", ")
    };
    format!(
        "{} at the {own} ({}) and {} at the {other} ({}) can be paired in more than one way; the money is there, and somebody has to say which belong together: match them by hand",
        left.len(),
        named(Which::Left, left),
        right.len(),
        named(Which::Right, right)
    )
}

/// What is to be done about a match that is out of the ordinary.
pub(crate) fn after_match(kind: &str, plan: &Plan) -> String {
    let right = plan.right.name();
    match kind {
        "fee" => format!("; the {right} kept the fee: book it"),
        "short" => "; a bank on the way kept the difference: book it as a bank charge".to_owned(),
        "fx" => "; an exchange difference, if there is one, is to be booked".to_owned(),
        "rounding" => "; the difference is rounding: book it".to_owned(),
        "amount" => "; the difference is open: book it or claim it".to_owned(),
        "reversed" => "; nothing moved in the end, and nothing is to be done".to_owned(),
        _ => "; the money is there, and nothing is to be done".to_owned(),
    }
}
