//! What a reconciliation compares and how, as the configuration says it.
//!
//! A pass names what both sides know an item by, how amounts are compared, and how far apart the days may be:
//!
//! ```yaml
//! passes:
//!   - { pass: reference, on: reference }
//!   - { pass: any name, on: { left: [reference], right: [charge, payment, merchant] } }
//!   - { pass: captures, on: reference, sums: true, window: { from: 0, to: 7 } }
//!   - { pass: net of fee, on: net-of-fee }
//!   - { pass: fee schedule, on: reference, fee: { percent: 2.9, plus: { EUR: 0.30 }, net: left } }
//!   - { pass: what the customer saw, on: reference, amount: customer-facing, tolerance: { percent: 1 } }
//!   - { pass: payout id, on: reference-in-text, tolerance: { amount: 15 }, difference: bank-fee }
//!   - { pass: payout lines, on: { left: [reference], right: [group] }, sums: true }
//!   - { pass: amount, on: amount, window_days: 5 }
//!   - { pass: merged, on: many-left, window_days: 5, up_to: 12 }
//!   - { pass: instalments, on: many-to-many, within: { left: [customer], right: [customer] } }
//! ```

use crate::number::{Number, unknown_currencies};
use crate::resolve::Resolve;
use crate::which::Which;
use chrono::NaiveDate;
use ledger::Movement;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor, value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A reconciliation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its name.
    pub reconciliation: String,
    /// What expects.
    pub left: Source,
    /// What answers.
    pub right: Source,
    /// The passes, in order: each among what the ones before left open.
    pub passes: Vec<Pass>,
    /// Days after which an item without a counterpart is a break; until then it is pending.
    #[serde(default = "default_overdue")]
    pub overdue_after_days: i64,
    /// Days after which a counterpart that came is called late.
    pub late_after_days: Option<i64>,
    /// The most that a bank keeps of a payment on its way, by currency: what is short by no more is `short`.
    #[serde(default)]
    pub bank_fee: BTreeMap<String, Number>,
    /// Which breaks are posted away after a run, by the first that is about their kind.
    #[serde(default)]
    pub resolve: Vec<Resolve>,
}

const fn default_overdue() -> i64 {
    5
}

/// Where items come from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Source {
    /// Lines on an account of the ledger.
    Ledger {
        /// The account.
        account: String,
        /// Only entries of these event types, and what each of them is; all when empty.
        #[serde(default)]
        events: Events,
        /// Where the ledger books the processor's fees; they are not compared when not named.
        #[serde(default)]
        fees: Option<FeeSource>,
    },
    /// Lines of a processor's settlement files.
    Settlement {
        /// The processor.
        processor: String,
    },
    /// A processor's payouts: its lines summed by payout.
    Payouts {
        /// The processor.
        processor: String,
    },
    /// Lines of bank statements.
    Bank {
        /// Only lines whose text holds this, in any case of letters.
        #[serde(default)]
        text: String,
        /// Only lines of these accounts, as the bank names them; of all when empty. A plan waits for its own accounts alone.
        #[serde(default)]
        accounts: Vec<String>,
    },
}

/// The event types of a ledger side: `{ charge: [TYPE…], refund: [TYPE…] }` says what a line is, so that each
/// movement is compared on its own. A plain list says nothing of it, and all are compared as one.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Events {
    /// Types whose movement is not declared.
    Listed(Vec<String>),
    /// Types by the name of their movement.
    Declared(BTreeMap<String, Vec<String>>),
}

impl Default for Events {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Events {
    /// Whether entries of this type belong to the side, and as which movement. Where none is named all do but those that
    /// end breaks.
    pub fn find(&self, event_type: &str) -> Option<Option<Movement>> {
        match self {
            Self::Listed(all) if all.is_empty() => {
                (!event_type.starts_with(ledger::BREAK_EVENTS)).then_some(None)
            }
            Self::Listed(all) => all.iter().any(|one| one == event_type).then_some(None),
            Self::Declared(by_movement) => by_movement
                .iter()
                .find(|(_, types)| types.iter().any(|one| one == event_type))
                .map(|(name, _)| movement(name)),
        }
    }

    /// What cannot be meant: a movement that there is not, a type under two of them.
    pub fn problems(&self) -> Vec<String> {
        let Self::Declared(by_movement) = self else {
            return Vec::new();
        };
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, types) in by_movement {
            if movement(name).is_none() {
                let known: Vec<&str> = Movement::ALL.iter().map(|one| one.name()).collect();
                problems.push(format!(
                    "events: there is no movement `{name}`; there are {}",
                    known.join(", ")
                ));
            }
            for one in types {
                if !seen.insert(one) {
                    problems.push(format!("events: `{one}` stands under two movements"));
                }
            }
        }
        problems
    }
}

fn movement(name: &str) -> Option<Movement> {
    Movement::ALL.into_iter().find(|one| one.name() == name)
}

/// Fees in the ledger: `{ account: psp-fees, events: [TYPE…], by: payout }`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FeeSource {
    /// The account.
    pub account: String,
    /// Only entries of these event types; all when empty.
    #[serde(default)]
    pub events: Vec<String>,
    /// What the reference of such an entry names.
    #[serde(default)]
    pub by: FeeKey,
}

/// What fees are compared by.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum FeeKey {
    /// The payout from which they were withheld.
    #[default]
    Payout,
    /// The payment, refund or dispute that they were withheld for.
    Reference,
}

/// The kinds of break, but for those that name a side.
const KINDS: [&str; 17] = [
    "amount",
    "fee",
    "fx",
    "short",
    "rounding",
    "currency",
    "timing",
    "late",
    "split",
    "merged",
    "regrouped",
    "reversed",
    "ambiguous",
    "undecided",
    "unexpected",
    "movement",
    "fees",
];

impl Plan {
    /// Where the items of a side come from.
    pub const fn source(&self, which: Which) -> &Source {
        match which {
            Which::Left | Which::LeftFees => &self.left,
            Which::Right | Which::RightFees => &self.right,
        }
    }

    /// Whether the plan says what each movement of the ledger's side is.
    pub const fn declares_movements(&self) -> bool {
        matches!(
            &self.left,
            Source::Ledger {
                events: Events::Declared(_),
                ..
            }
        )
    }

    /// Whether the left side has items of this movement; any, where the plan does not declare them.
    pub(crate) fn declares(&self, movement: Movement) -> bool {
        match &self.left {
            Source::Ledger {
                events: Events::Declared(declared),
                ..
            } => declared.contains_key(movement.name()),
            _ => true,
        }
    }

    /// Whether the plan says of this movement that the left side has it.
    pub fn names_movement(&self, movement: Movement) -> bool {
        self.declares_movements() && self.declares(movement)
    }

    /// The kinds of break that a run of this plan may find.
    pub fn kinds(&self) -> Vec<String> {
        let own = KINDS.into_iter().map(str::to_owned);
        let sides = [self.left.name(), self.right.name()];
        own.chain(sides.map(|side| format!("missing-in-{side}")))
            .chain(sides.map(|side| format!("duplicate-in-{side}")))
            .collect()
    }

    /// What cannot be meant, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = match &self.left {
            Source::Ledger { events, .. } => events.problems(),
            _ => Vec::new(),
        };
        problems.extend(unknown_currencies("bank_fee", self.bank_fee.keys()));
        for pass in &self.passes {
            let own = pass.problems();
            problems.extend(
                own.into_iter()
                    .map(|problem| format!("pass `{}`: {problem}", pass.pass)),
            );
        }
        let kinds = self.kinds();
        for one in &self.resolve {
            let mut own = one.problems();
            if !kinds.contains(&one.kind) {
                own.push(format!(
                    "no run finds breaks of this kind; there are {}",
                    kinds.join(", ")
                ));
            }
            problems.extend(
                own.into_iter()
                    .map(|problem| format!("resolve `{}`: {problem}", one.kind)),
            );
        }
        if self.passes.len() > 200 {
            problems.push("there are more than 200 passes".to_owned());
        }
        problems
    }
}

impl Source {
    /// What people call this side.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ledger { .. } => "billing",
            Self::Settlement { .. } | Self::Payouts { .. } => "settlement",
            Self::Bank { .. } => "bank",
        }
    }
}

/// One pass.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// Its name.
    pub pass: String,
    /// What must agree.
    pub on: On,
    /// At most so many days between the two, either way; any number when neither this nor `window` is named.
    #[serde(default)]
    pub window_days: Option<i64>,
    /// How many days after the left item the right one may be.
    #[serde(default)]
    pub window: Option<Window>,
    /// How amounts are compared.
    #[serde(default)]
    pub amount: Amount,
    /// The fee by which one side is smaller, where neither item says it.
    #[serde(default)]
    pub fee: Option<Schedule>,
    /// Rates by which the left amount becomes the right one, the newest that holds on the right day.
    #[serde(default)]
    pub rates: Vec<Rate>,
    /// How much may be between what is compared.
    #[serde(default)]
    pub tolerance: Option<Tolerance>,
    /// What a difference within the tolerance is: it names the break.
    #[serde(default)]
    pub difference: Option<Cause>,
    /// All items of a name at the left against all at the right.
    #[serde(default)]
    pub sums: bool,
    /// Where in a text the reference is: the first group of this pattern, or all that it matches.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What the items of a search must have in common beside the currency.
    #[serde(default)]
    pub within: Option<Names>,
    /// Whether a search adds items of either sign.
    #[serde(default)]
    pub mixed_signs: bool,
    /// The most items that a search looks at on its many side; 12 when not named, 64 at most.
    #[serde(default)]
    pub up_to: Option<usize>,
    /// The most steps that a search takes for one answer; 20,000 when not named.
    #[serde(default)]
    pub steps: Option<u32>,
    /// For how many days data must reach beyond an item before being the only one counts; the pass's window,
    /// and no more than the days after which an item is overdue, when not named.
    #[serde(default)]
    pub wait_days: Option<i64>,
}

/// Days of the right item after the left one.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From so many; below zero where the right side may be first.
    pub from: i64,
    /// Up to so many.
    pub to: i64,
}

/// How amounts are compared.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// As they are.
    #[default]
    Exact,
    /// The left one is the right one less its fee.
    NetOfFee,
    /// The left one is what the customer saw at the right.
    CustomerFacing,
}

/// A fee that both sides know from the contract.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Percent of the gross amount.
    #[serde(default)]
    pub percent: Number,
    /// And so much for each, by currency.
    #[serde(default)]
    pub plus: BTreeMap<String, Number>,
    /// The side that has the net amount.
    pub net: Hand,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Hand {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// A rate of exchange.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The left currency.
    pub from: String,
    /// The right currency.
    pub to: String,
    /// Units of the right currency for one of the left.
    pub rate: Number,
    /// The first day on which it holds.
    #[serde(default)]
    pub since: Option<NaiveDate>,
}

/// What may be between two amounts: the larger one of the two bounds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Percent of the left amount.
    #[serde(default)]
    pub percent: Number,
    /// In units of whichever currency.
    #[serde(default)]
    pub amount: Number,
    /// In units of a certain currency.
    #[serde(default)]
    pub amounts: BTreeMap<String, Number>,
}

/// What a difference is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A processor's fee.
    Fee,
    /// An exchange difference.
    Fx,
    /// What a bank on the way kept.
    BankFee,
    /// Rounding.
    Rounding,
    /// Nobody knows.
    Other,
}

/// What must agree for a match. The currency always must, but where amounts are compared across currencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// The reference.
    Reference,
    /// The reference, and the left amount is the right one less its fee.
    NetOfFee,
    /// The left reference stands in the right text.
    ReferenceInText,
    /// The amount, if only one at each side has it.
    Amount,
    /// One at the left is the sum of several at the right.
    ManyRight,
    /// One at the right is the sum of several at the left.
    ManyLeft,
    /// Several at the left are several at the right.
    ManyToMany,
    /// Items of the left under one reference that take each other back: a payout that came back.
    ReversedLeft,
    /// The same at the right.
    ReversedRight,
    /// One of these names of the left is one of those of the right.
    Names(Names),
}

const WORDS: [(&str, On); 9] = [
    ("reference", On::Reference),
    ("net-of-fee", On::NetOfFee),
    ("reference-in-text", On::ReferenceInText),
    ("amount", On::Amount),
    ("many-right", On::ManyRight),
    ("many-left", On::ManyLeft),
    ("many-to-many", On::ManyToMany),
    ("reversed-left", On::ReversedLeft),
    ("reversed-right", On::ReversedRight),
];

impl<'de> Deserialize<'de> for On {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = On;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word such as `reference`, or `{ left: [NAME…], right: [NAME…] }`")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<On, E> {
                let found = WORDS.iter().find(|(known, _)| *known == word);
                found.map(|(_, on)| on.clone()).ok_or_else(|| {
                    let known: Vec<&str> = WORDS.iter().map(|(known, _)| *known).collect();
                    E::custom(format!("`{word}` is none of {}", known.join(", ")))
                })
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<On, M::Error> {
                Names::deserialize(value::MapAccessDeserializer::new(map)).map(On::Names)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// What each side knows an item by.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// At the left.
    pub left: Vec<Name>,
    /// At the right.
    pub right: Vec<Name>,
}

/// A name of an item.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// What people know it by.
    Reference,
    /// The processor's name of the payment.
    Charge,
    /// The processor's name of what the payment was an attempt at.
    Payment,
    /// Our own name: an order, an invoice.
    Merchant,
    /// The processor's name of a refund.
    Refund,
    /// The processor's name of a dispute.
    Dispute,
    /// End to end.
    EndToEnd,
    /// A creditor reference or another structured remittance.
    Remittance,
    /// A direct debit's mandate.
    Mandate,
    /// The bank's own.
    Bank,
    /// The batch or message that brought it.
    Batch,
    /// What it belongs to: a payout.
    Group,
    /// Whose it is: an entity or an account.
    Account,
    /// The customer, or who pays.
    Customer,
    /// The invoice.
    Invoice,
    /// Any words of its text.
    Text,
}

impl Name {
    /// Its place among the names that are references of a kind.
    pub(crate) const fn place(self) -> Option<u8> {
        match self {
            Self::Charge => Some(1),
            Self::Payment => Some(2),
            Self::Merchant => Some(3),
            Self::Refund => Some(4),
            Self::Dispute => Some(5),
            Self::EndToEnd => Some(6),
            Self::Remittance => Some(7),
            Self::Mandate => Some(8),
            Self::Bank => Some(9),
            Self::Batch => Some(10),
            Self::Reference
            | Self::Group
            | Self::Account
            | Self::Customer
            | Self::Invoice
            | Self::Text => None,
        }
    }

    /// Whether two items of this name and one amount are the same payment told twice.
    pub(crate) const fn names_one_payment(self) -> bool {
        !matches!(
            self,
            Self::Group | Self::Account | Self::Customer | Self::Mandate | Self::Batch | Self::Text
        )
    }

    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Charge => "charge",
            Self::Payment => "payment",
            Self::Merchant => "merchant reference",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::EndToEnd => "end-to-end reference",
            Self::Remittance => "remittance",
            Self::Mandate => "mandate",
            Self::Bank => "bank's reference",
            Self::Batch => "batch",
            Self::Group => "group",
            Self::Account => "account",
            Self::Customer => "customer",
            Self::Invoice => "invoice",
            Self::Text => "text",
        }
    }
}

impl Pass {
    /// A pass of this name on these, with nothing else said.
    pub fn new(pass: &str, on: On) -> Self {
        Self {
            pass: pass.to_owned(),
            on,
            window_days: None,
            window: None,
            amount: Amount::Exact,
            fee: None,
            rates: Vec::new(),
            tolerance: None,
            difference: None,
            sums: false,
            pattern: None,
            within: None,
            mixed_signs: false,
            up_to: None,
            steps: None,
            wait_days: None,
        }
    }

    /// How many days after the left item the right one may be; none where any number will do.
    pub fn days(&self) -> Option<Window> {
        let either = self.window_days.map(|days| Window {
            from: -days,
            to: days,
        });
        self.window.or(either)
    }

    /// What cannot be meant.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.window.is_some() && self.window_days.is_some() {
            problems.push("it has `window` and `window_days`; one of them".to_owned());
        }
        if self.days().is_some_and(|days| days.from > days.to) {
            problems.push("its window ends before it begins".to_owned());
        }
        let mut told =
            usize::from(self.amount != Amount::Exact) + usize::from(self.on == On::NetOfFee);
        told += usize::from(self.fee.is_some()) + usize::from(!self.rates.is_empty());
        if told > 1 {
            problems.push(
                "of `amount`, `fee` and `rates` only one says how amounts are compared".to_owned(),
            );
        }
        let is_named = matches!(
            self.on,
            On::Reference | On::NetOfFee | On::ReferenceInText | On::Names(_)
        );
        if !is_named && (told > 0 || self.tolerance.is_some() || self.sums) {
            problems.push("amounts that are not exact need a name that both sides know".to_owned());
        }
        if self.sums && told > 0 {
            problems.push("sums are compared as they are".to_owned());
        }
        if self.on == On::ManyToMany && self.within.is_none() {
            problems.push(
                "several against several needs `within`: what they have in common".to_owned(),
            );
        }
        for names in self.within.iter().chain(self.names()) {
            problems.extend(names.problems());
        }
        let tolerance = self.tolerance.iter().flat_map(|one| one.amounts.keys());
        problems.extend(unknown_currencies("tolerance", tolerance));
        let fee = self.fee.iter().flat_map(|one| one.plus.keys());
        problems.extend(unknown_currencies("fee", fee));
        let rates = self.rates.iter().flat_map(|rate| [&rate.from, &rate.to]);
        problems.extend(unknown_currencies("rates", rates));
        if let Some(Err(error)) = self.pattern.as_deref().map(regex_lite::Regex::new) {
            problems.push(format!("pattern: {error}"));
        }
        problems
    }

    const fn names(&self) -> Option<&Names> {
        match &self.on {
            On::Names(names) => Some(names),
            _ => None,
        }
    }
}

impl Names {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.left.is_empty() || self.right.is_empty() {
            problems.push("a side has no name".to_owned());
        }
        let has_text = |names: &[Name]| names.contains(&Name::Text);
        if has_text(&self.left) && has_text(&self.right) {
            problems.push("a text is searched for names, not for a text".to_owned());
        }
        for names in [&self.left, &self.right] {
            if has_text(names) && names.len() > 1 {
                problems.push("a text stands alone on its side".to_owned());
            }
        }
        problems
    }
}
