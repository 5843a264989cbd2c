//! A company's payments with what goes wrong in them, from a seed, and the truth beside it.
//!
//! Two reconciliations: `payments` (billing against the lines of a processor) and `payouts` (the processor's payouts
//! against the bank). Most payments are plain; in between stand planted ones, each of a kind, and for each of them
//! the truth says which break it is or which pass takes it. Accounts keep what is planted in payouts apart.

use chrono::{Datelike, Duration, NaiveDate};
use ledger::{Currency, ItemRef, Movement, Origin, ReferenceKind};
use reconcile::{Coverage, Findings, Input, Item, Match, Plan, Which};
use std::collections::BTreeMap;

/// The plans by which the worlds are reconciled.
pub const PAYMENTS: &str = "
reconciliation: payments
left:
  ledger:
    account: psp-clearing
    events: { charge: [paid], refund: [refunded], dispute: [disputed] }
right: { settlement: { processor: psp } }
passes:
  - { pass: reference, on: reference, window: { from: -3, to: 20 } }
  - { pass: other name, on: { left: [reference], right: [payment, merchant] }, window: { from: -3, to: 20 } }
  - { pass: captures, on: reference, sums: true, window: { from: 0, to: 7 } }
  - { pass: net of fee, on: net-of-fee }
  - { pass: fee schedule, on: reference, fee: { percent: 2.9, plus: { EUR: 0.30, USD: 0.30, GBP: 0.30 }, net: left } }
  - { pass: customer saw, on: reference, amount: customer-facing }
  - { pass: rate, on: reference, rates: [{ from: EUR, to: CHF, rate: 0.9431 }], tolerance: { percent: 0.5 } }
  - { pass: rounding, on: reference, tolerance: { amount: 0.02 }, difference: rounding, window: { from: -3, to: 9 } }
  - { pass: customer, on: many-to-many, within: { left: [customer], right: [customer] }, window_days: 9 }
overdue_after_days: 10
late_after_days: 8
";

/// Payouts against the bank.
pub const PAYOUTS: &str = "
reconciliation: payouts
left: { payouts: { processor: psp } }
right: { bank: { text: psp } }
passes:
  - { pass: reversed, on: reversed-left, window_days: 30 }
  - { pass: payout id, on: reference-in-text, window_days: 40 }
  - { pass: bank fee, on: reference-in-text, tolerance: { amount: 15 }, difference: bank-fee }
  - { pass: amount, on: amount, window_days: 5 }
  - { pass: split, on: many-right, within: { left: [account], right: [account] }, window_days: 5 }
  - { pass: merged, on: many-left, within: { left: [account], right: [account] }, window_days: 5, mixed_signs: true }
overdue_after_days: 10
late_after_days: 8
";

/// What is planted in payments, in this order.
pub const PLANTED: [&str; 21] = [
    "missing right",
    "missing left",
    "duplicate right",
    "duplicate left",
    "net of a fee",
    "net by schedule",
    "amount",
    "currency",
    "customer's currency",
    "rate",
    "rounding",
    "partial captures",
    "payment intent",
    "merchant reference",
    "unexpected",
    "regrouped",
    "ambiguous",
    "undecided",
    "late",
    "timing",
    "movement",
];

/// What is planted in payouts, one in an account.
pub const IN_PAYOUTS: [&str; 12] = [
    "nothing",
    "other spelling",
    "no text",
    "split",
    "merged",
    "late",
    "short",
    "missing",
    "unknown deposit",
    "paid twice",
    "reversed",
    "ambiguous",
];

const DAYS: usize = 90;
const CODES: [&str; 3] = ["EUR", "USD", "GBP"];

/// A row of one of the four files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What it is called for good.
    pub id: String,
    /// The reference.
    pub reference: String,
    /// The payment intent.
    pub payment: String,
    /// The merchant's reference.
    pub merchant: String,
    /// The currency.
    pub currency: &'static str,
    /// Days after the first of January 2026.
    pub day: i32,
    /// Minor units.
    pub amount: i64,
    /// The fee within it.
    pub fee: i64,
    /// The payout that paid it.
    pub payout: String,
    /// The customer.
    pub customer: String,
    /// The invoice.
    pub invoice: String,
    /// The account of the processor.
    pub account: String,
    /// What moved.
    pub movement: &'static str,
    /// What the customer saw.
    pub original: Option<(i64, &'static str)>,
    /// Free text.
    pub text: String,
}

/// Which file a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum File {
    /// What billing booked.
    Billing,
    /// The processor's lines.
    Settlement,
    /// The processor's payouts.
    Payouts,
    /// The bank's lines.
    Bank,
}

impl File {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Billing, Self::Settlement, Self::Payouts, Self::Bank];

    /// Its name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Billing => "billing",
            Self::Settlement => "settlement",
            Self::Payouts => "payouts",
            Self::Bank => "bank",
        }
    }

    /// The side that it is.
    pub const fn which(self) -> Which {
        match self {
            Self::Billing | Self::Payouts => Which::Left,
            Self::Settlement | Self::Bank => Which::Right,
        }
    }

    const fn kind(self, number: i64) -> ItemRef {
        match self {
            Self::Billing => ItemRef::entry(number, 1),
            Self::Settlement => ItemRef::line(Origin::Processor, number),
            Self::Payouts => ItemRef::payout(number),
            Self::Bank => ItemRef::line(Origin::Bank, number),
        }
    }
}

/// What is to be found: breaks and matches out of the ordinary as sentences, and how many matches there are by pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// `kind reference amount currency`, each with how many there are.
    pub breaks: BTreeMap<String, usize>,
    /// Matches by pass.
    pub matches: BTreeMap<String, usize>,
    /// Identities that belong together, of passes other than the first.
    pub pairs: BTreeMap<String, usize>,
}

impl Truth {
    fn found(&mut self, kind: &str, reference: &str, amount: i64, currency: &str) {
        let line = format!("{kind} {reference} {amount} {currency}");
        *self.breaks.entry(line).or_default() += 1;
    }

    fn matched(&mut self, pass: &str, left: &[&str], right: &[&str]) {
        *self.matches.entry(pass.to_owned()).or_default() += 1;
        let line = format!("{pass}: {} = {}", left.join(" + "), right.join(" + "));
        *self.pairs.entry(line).or_default() += 1;
    }

    fn plain(&mut self, pass: &str) {
        *self.matches.entry(pass.to_owned()).or_default() += 1;
    }
}

/// The truth of both reconciliations.
#[derive(Clone, Debug, Default)]
pub struct Truths {
    /// Of payments.
    pub payments: Truth,
    /// Of payouts.
    pub payouts: Truth,
}

struct World<'w> {
    rng: fastrand::Rng,
    accounts: usize,
    /// What each account pays out each day.
    payouts: Vec<i64>,
    truths: Truths,
    give: &'w mut dyn FnMut(File, &Row),
    /// One row each side, used again and again.
    left: Row,
    right: Row,
}

/// Makes so many payments from a seed and gives every row away.
pub fn make(payments: usize, seed: u64, give: &mut dyn FnMut(File, &Row)) -> Truths {
    let accounts = (payments / 5_000).max(48);
    let mut world = World {
        rng: fastrand::Rng::with_seed(seed),
        accounts,
        payouts: vec![0; accounts * DAYS],
        truths: Truths::default(),
        give,
        left: Row::default(),
        right: Row::default(),
    };
    let each = (payments / 20_000).max(4);
    let stride = payments / (each * PLANTED.len());
    for number in 0..payments {
        let place = number / stride;
        let is_planted = number % stride == stride / 2 && place < each * PLANTED.len();
        world.draw(number, payments);
        if is_planted {
            world.plant(PLANTED[place % PLANTED.len()], number);
        } else {
            world.truths.payments.plain("reference");
            world.both();
        }
    }
    world.pay_out();
    world.truths
}

impl World<'_> {
    /// A plain payment: both rows of it.
    fn draw(&mut self, number: usize, payments: usize) {
        use std::fmt::Write as _;
        let account = self.rng.usize(0..self.accounts);
        let day = i32::try_from(number * 70 / payments).unwrap();
        let later = self.rng.i32(0..3);
        let (left, right) = (&mut self.left, &mut self.right);
        for row in [&mut *left, &mut *right] {
            for text in [
                &mut row.id,
                &mut row.reference,
                &mut row.payment,
                &mut row.merchant,
            ] {
                text.clear();
            }
            for text in [
                &mut row.payout,
                &mut row.customer,
                &mut row.invoice,
                &mut row.account,
            ] {
                text.clear();
            }
            row.original = None;
            row.fee = 0;
            row.movement = "charge";
            row.currency = CODES[account % 3];
        }
        let mixed = u64::try_from(number)
            .unwrap()
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        write!(left.reference, "ch_{mixed:016x}").unwrap();
        right.reference.push_str(&left.reference);
        write!(right.payment, "pi_{mixed:016x}").unwrap();
        write!(right.merchant, "order-{number}").unwrap();
        write!(left.id, "je-{number}").unwrap();
        write!(right.id, "txn_{number}").unwrap();
        write!(left.customer, "C-{}", number / 7).unwrap();
        write!(left.invoice, "INV-{number:07}").unwrap();
        write!(right.payout, "po_{account:04}_{:02}", day + later).unwrap();
        write!(left.account, "e{}", account % 4).unwrap();
        write!(right.account, "a{account:04}").unwrap();
        left.amount = self.rng.i64(500..40_000);
        right.amount = left.amount;
        right.fee = left.amount * 29 / 1_000 + 30;
        left.day = day;
        right.day = day + later;
        if number % 50 == 49 {
            // A refund costs nothing.
            (left.movement, right.movement) = ("refund", "refund");
            (left.amount, right.amount, right.fee) = (-left.amount, -right.amount, 0);
        }
    }

    fn give_left(&mut self) {
        (self.give)(File::Billing, &self.left);
    }

    fn give_right(&mut self) {
        let row = &self.right;
        if !row.payout.is_empty() {
            let account: usize = row.account[1..].parse().unwrap();
            let day: usize = row.payout[row.payout.len() - 2..].parse().unwrap();
            self.payouts[account * DAYS + day] += row.amount - row.fee;
        }
        (self.give)(File::Settlement, row);
    }

    fn both(&mut self) {
        self.give_left();
        self.give_right();
    }

    /// Makes the payment of a kind, and writes down what is to be found.
    fn plant(&mut self, kind: &str, number: usize) {
        // What is planted is a charge of an even amount that nothing else has.
        (self.left.movement, self.right.movement) = ("charge", "charge");
        let amount = 1_000_000 + 2 * i64::try_from(number).unwrap();
        self.left.amount = amount;
        self.right.amount = amount;
        self.right.fee = amount * 29 / 1_000 + 30;
        let (reference, code) = (self.left.reference.clone(), self.left.currency);
        let (je, txn) = (self.left.id.clone(), self.right.id.clone());
        match kind {
            "missing right" => {
                self.give_left();
                self.truths
                    .payments
                    .found("missing-in-settlement", &reference, amount, code);
            }
            "missing left" => {
                self.give_right();
                self.truths
                    .payments
                    .found("missing-in-billing", &reference, -amount, code);
            }
            "duplicate right" => {
                self.both();
                self.right.id.push_str("-again");
                self.right.day += 1;
                self.give_right();
                self.truths.payments.plain("reference");
                self.truths
                    .payments
                    .found("duplicate-in-settlement", &reference, -amount, code);
            }
            "duplicate left" => {
                self.both();
                self.left.id.push_str("-again");
                self.left.day += 1;
                self.give_left();
                self.truths.payments.plain("reference");
                self.truths
                    .payments
                    .found("duplicate-in-billing", &reference, amount, code);
            }
            "movement" => {
                self.left.movement = "dispute";
                self.both();
                self.truths.payments.plain("reference");
                self.truths.payments.found("movement", &reference, 0, code);
            }
            "unexpected" => {
                self.right.movement = "reserve";
                self.give_right();
                self.truths
                    .payments
                    .found("unexpected", &reference, -amount, code);
            }
            "late" => {
                self.right.day = self.left.day + 12;
                self.both();
                self.truths.payments.plain("reference");
                self.truths.payments.found("late", &reference, 0, code);
            }
            "timing" => {
                self.left.day = 3;
                self.right.day = 60;
                self.both();
                self.truths.payments.found("timing", &reference, 0, code);
            }
            "payment intent" | "merchant reference" => {
                let own = if kind == "merchant reference" {
                    &self.right.merchant
                } else {
                    &self.right.payment
                };
                self.left.reference.clone_from(own);
                self.both();
                self.truths.payments.matched("other name", &[&je], &[&txn]);
            }
            "regrouped" | "ambiguous" | "undecided" => self.plant_group(kind, number, amount),
            _ => self.plant_amount(kind, (&reference, code), (&je, &txn), amount),
        }
    }

    /// What differs in its amount or currency.
    fn plant_amount(
        &mut self,
        kind: &str,
        (reference, code): (&str, &'static str),
        (je, txn): (&str, &str),
        amount: i64,
    ) {
        let fee = self.right.fee;
        let mut told = None;
        let pass = match kind {
            "net of a fee" => {
                self.left.amount = amount - fee;
                told = Some(("fee", -fee, code));
                Some("net of fee")
            }
            "net by schedule" => {
                self.right.fee = 0;
                let fee = (amount * 29 + 500) / 1_000 + 30;
                self.left.amount = amount - fee;
                told = Some(("fee", -fee, code));
                Some("fee schedule")
            }
            "amount" => {
                self.right.amount = amount + 777;
                told = Some(("amount", -777, code));
                None
            }
            "currency" => {
                let other = if code == "EUR" { "USD" } else { "EUR" };
                self.right.currency = other;
                told = Some(("currency", amount, code));
                None
            }
            "customer's currency" => {
                self.right.currency = "SEK";
                self.right.original = Some((amount, code));
                self.right.amount = amount * 11;
                told = Some(("fx", amount, code));
                Some("customer saw")
            }
            "rate" => {
                self.left.currency = "EUR";
                self.right.currency = "CHF";
                self.right.amount = amount * 9_431 / 10_000 + amount / 1_000;
                told = Some(("fx", amount, "EUR"));
                Some("rate")
            }
            "rounding" => {
                self.right.amount = amount + 1;
                told = Some(("rounding", -1, code));
                Some("rounding")
            }
            "partial captures" => {
                self.right.amount = amount / 4;
                self.give_right();
                self.right.id.push_str("-2");
                self.right.amount = amount - amount / 4;
                self.right.day += 2;
                let rest = self.right.id.clone();
                self.truths
                    .payments
                    .matched("captures", &[je], &[txn, &rest]);
                None
            }
            _ => panic!("nobody plants {kind}"),
        };
        if self.right.currency != code {
            // It is paid out by an account of that currency, which is not told here.
            self.right.payout.clear();
        }
        self.both();
        if let Some(pass) = pass {
            self.truths.payments.matched(pass, &[je], &[txn]);
        }
        if let Some((kind, amount, code)) = told {
            self.truths.payments.found(kind, reference, amount, code);
        }
    }

    /// What has no name that both sides know but the customer's.
    fn plant_group(&mut self, kind: &str, number: usize, amount: i64) {
        let code = self.left.currency;
        let customer = format!("G-{number}");
        self.left.customer.clone_from(&customer);
        self.right.customer = customer;
        let reference = self.left.reference.clone();
        let (lefts, rights) = match kind {
            "regrouped" => (
                vec![amount, amount / 2 + 11],
                vec![amount / 4, amount + amount / 2 + 11 - amount / 4],
            ),
            "ambiguous" => (vec![amount, amount], vec![amount]),
            _ => (vec![amount; 9], vec![amount + 1; 9]),
        };
        let (mut je, mut txn) = (Vec::new(), Vec::new());
        for (place, amount) in lefts.iter().enumerate() {
            self.left.reference = format!("{reference}-{place}");
            self.left.id = format!("je-{number}-{place}");
            self.left.amount = *amount;
            self.give_left();
            je.push(self.left.id.clone());
        }
        self.right.fee = 0;
        for (place, amount) in rights.iter().enumerate() {
            self.right.reference = format!("tr{reference}-{place}");
            self.right.id = format!("txn_{number}-{place}");
            self.right.amount = *amount;
            self.give_right();
            txn.push(self.right.id.clone());
        }
        let truth = &mut self.truths.payments;
        match kind {
            "regrouped" => {
                let (mut left, mut right): (Vec<&str>, Vec<&str>) = (
                    je.iter().map(String::as_str).collect(),
                    txn.iter().map(String::as_str).collect(),
                );
                // The order of content is that of amounts within a day.
                left.reverse();
                right.sort_by_key(|id| rights[txn.iter().position(|other| other == id).unwrap()]);
                truth.matched("customer", &left, &right);
                truth.found("regrouped", &format!("{reference}-1"), 0, code);
            }
            "ambiguous" => truth.found("ambiguous", &format!("{reference}-0"), amount, code),
            _ => {
                for place in 0..9 {
                    truth.found("undecided", &format!("{reference}-{place}"), amount, code);
                    truth.found(
                        "undecided",
                        &format!("tr{reference}-{place}"),
                        -amount - 1,
                        code,
                    );
                }
            }
        }
    }

    /// Every payout of every account, and what the bank says of it.
    fn pay_out(&mut self) {
        for account in 0..self.accounts {
            let kind = IN_PAYOUTS[account % IN_PAYOUTS.len()];
            let mut planted = 0;
            for day in 0..DAYS {
                let amount = self.payouts[account * DAYS + day];
                if amount == 0 {
                    continue;
                }
                let mut payout = Row {
                    id: format!("po_{account:04}_{day:02}"),
                    reference: format!("po_{account:04}_{day:02}"),
                    currency: CODES[account % 3],
                    day: i32::try_from(day).unwrap(),
                    amount,
                    account: format!("a{account:04}"),
                    payout: format!("po_{account:04}_{day:02}"),
                    movement: "payout",
                    ..Row::default()
                };
                // The first two from day 25 on are planted, where a kind needs two.
                if day >= 25 && planted < 2 && kind != "nothing" {
                    planted += 1;
                    if kind == "merged" || kind == "ambiguous" || planted == 1 {
                        self.plant_payout(kind, &mut payout, planted);
                        continue;
                    }
                }
                self.truths.payouts.plain("payout id");
                let deposit = deposit(&payout);
                (self.give)(File::Payouts, &payout);
                (self.give)(File::Bank, &deposit);
            }
        }
    }

    fn plant_payout(&mut self, kind: &str, payout: &mut Row, planted: usize) {
        let mut line = deposit(payout);
        let (id, code) = (payout.id.clone(), payout.currency);
        let truth = &mut self.truths.payouts;
        let mut is_paid = true;
        match kind {
            "other spelling" => {
                line.text = format!("PSP/{}/THANKS", id.to_uppercase().replace('_', "-"));
                truth.plain("payout id");
            }
            "no text" => {
                line.text = "PSP PAYMENTS".into();
                truth.matched("amount", &[&id], &[&line.id]);
            }
            "split" => {
                let part = payout.amount / 3;
                line.text = "PSP PART".into();
                line.amount = part;
                (self.give)(File::Bank, &line);
                let first = line.id.clone();
                line.id.push_str("-2");
                line.amount = payout.amount - part;
                truth.matched("split", &[&id], &[&first, &line.id]);
                truth.found("split", &id, 0, code);
            }
            "merged" => {
                // Two of one account come together, on the day of the second.
                if planted == 1 {
                    self.left = payout.clone();
                    is_paid = false;
                } else {
                    line.text = "PSP TOGETHER".into();
                    line.amount += self.left.amount;
                    truth.matched("merged", &[&self.left.id, &id], &[&line.id]);
                    truth.found("merged", &self.left.id, 0, code);
                }
            }
            "late" => {
                line.day = payout.day + 11;
                truth.plain("payout id");
                truth.found("late", &id, 0, code);
            }
            "short" => {
                line.amount -= 12_50;
                truth.matched("bank fee", &[&id], &[&line.id]);
                truth.found("short", &id, 12_50, code);
            }
            "missing" => {
                is_paid = false;
                truth.found("missing-in-bank", &id, payout.amount, code);
            }
            "unknown deposit" => {
                (self.give)(File::Bank, &line);
                truth.plain("payout id");
                line.text = "PSP UNKNOWN".into();
                line.id.push_str("-x");
                line.amount = 2 * payout.amount + 313_131;
                truth.found("missing-in-settlement", "", -line.amount, code);
            }
            "paid twice" => {
                (self.give)(File::Bank, &line);
                line.id.push_str("-again");
                truth.plain("payout id");
                truth.found("duplicate-in-bank", "", -line.amount, code);
            }
            "reversed" => {
                is_paid = false;
                (self.give)(File::Payouts, payout);
                let first = payout.id.clone();
                payout.id.push_str("-back");
                payout.amount = -payout.amount;
                payout.day += 3;
                truth.matched("reversed", &[&first, &payout.id], &[]);
                truth.found("reversed", &payout.reference, 0, code);
            }
            _ => {
                // The second of two has the amount of the first, and neither is named.
                if planted == 1 {
                    self.left = payout.clone();
                } else {
                    payout.amount = self.left.amount;
                    payout.day = self.left.day;
                    line.amount = self.left.amount;
                    line.day = self.left.day + 1;
                    truth.found("ambiguous", &self.left.reference, 0, code);
                }
                line.text = "PSP PAYMENTS".into();
            }
        }
        (self.give)(File::Payouts, payout);
        if is_paid {
            (self.give)(File::Bank, &line);
        }
    }
}

/// The bank's line of a payout.
fn deposit(payout: &Row) -> Row {
    Row {
        id: format!("bank-{}", &payout.id[3..]),
        currency: payout.currency,
        day: payout.day + 1,
        amount: payout.amount,
        account: payout.account.clone(),
        movement: "payout",
        text: format!("PSP PAYMENTS {} INV", payout.reference),
        ..Row::default()
    }
}

/// The first day.
pub fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1).unwrap()
}

/// Pushes a row; rows are numbered in the order of their identities' numbers, not of their arrival.
pub fn push(input: &mut Input, file: File, row: &Row, is_used: bool) {
    let named = |code: &str| Currency::from_code(code).unwrap();
    let names = [
        (ReferenceKind::Payment, row.payment.as_str()),
        (ReferenceKind::Merchant, row.merchant.as_str()),
    ];
    let number: i64 = row.id.bytes().fold(0, |sum: i64, byte| {
        sum.wrapping_mul(31).wrapping_add(i64::from(byte))
    });
    let item = Item {
        fee: row.fee,
        reference: &row.reference,
        references: if file == File::Settlement {
            &names
        } else {
            &[]
        },
        group: &row.payout,
        identity: &row.id,
        movement: Movement::ALL
            .into_iter()
            .find(|one| one.name() == row.movement),
        text: &row.text,
        account: &row.account,
        customer: &row.customer,
        invoice: &row.invoice,
        original: row.original.map(|(amount, code)| (amount, named(code))),
        consumed: is_used,
        ..Item::new(
            file.kind(number),
            first_day() + Duration::days(row.day.into()),
            row.amount,
            named(row.currency),
        )
    };
    input.push(file.which(), &item).unwrap();
}

/// Up to which day both sides are known.
pub fn cover(input: &mut Input, day: i32) {
    let until = Coverage::through(Some(first_day() + Duration::days(day.into())));
    (input.left_until, input.right_until) = (until.clone(), until);
}

/// The last day of a world, by which everything is due.
pub const LAST: i32 = 110;

/// A plan, read and checked.
pub fn plan(yaml: &str) -> Plan {
    let plan: Plan = serde_saphyr::from_str(yaml).unwrap();
    assert!(plan.problems().is_empty(), "{:?}", plan.problems());
    plan
}

/// A match in the words of the truth.
pub fn words(found: &Match<'_>) -> String {
    let side = |which| {
        found
            .items(which)
            .map(|item| item.identity)
            .collect::<Vec<_>>()
            .join(" + ")
    };
    format!(
        "{}: {} = {}",
        found.pass(),
        side(Which::Left),
        side(Which::Right)
    )
}

/// What a run found in the words of the truth. Plain matches are those of the plan's pass that takes most.
pub fn told(plan: &Plan, input: &Input, findings: &Findings, plain: &str) -> Truth {
    let mut truth = Truth::default();
    for found in findings.matches.iter(plan, input) {
        *truth.matches.entry(found.pass().to_owned()).or_default() += 1;
        if found.pass() == plain {
            let number = |which| {
                let item = found.items(which).next().unwrap();
                item.identity.split_once(['-', '_']).unwrap().1.to_owned()
            };
            let (left, right) = (number(Which::Left), number(Which::Right));
            assert_eq!(left, right, "{}", words(&found));
        } else {
            *truth.pairs.entry(words(&found)).or_default() += 1;
        }
    }
    for found in &findings.breaks {
        truth.found(
            &found.kind,
            &found.reference,
            found.amount,
            found.currency.code(),
        );
        assert_eq!(
            found.age_days,
            (findings.as_of.unwrap() - found.since).num_days()
        );
        assert!(found.since.year() == 2026 && !found.detail.is_empty());
    }
    truth
}
