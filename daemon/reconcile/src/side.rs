//! The two sides as columns.
//!
//! Items are pushed one by one and nothing of them is kept but numbers: a currency, a day, an amount, a fee, codes
//! of the names by which the other side may know it, and the three integers that the books call it by. A column in
//! which every item says the same takes no room. Texts stand in one arena, names in one dictionary for both sides.
//!
//! Rows keep the order of arrival, and no result depends on it.

use crate::dictionary::Dictionary;
use crate::index::{Bits, at, number};
use crate::plan::Name;
use crate::record::{self, Records, Tag};
use crate::which::Which;
use chrono::{Datelike, NaiveDate};
use ledger::{Currency, ItemRef, Movement, ReferenceKind};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Something that waits for its counterpart.
#[derive(Clone, Copy, Debug)]
pub struct Item<'t> {
    /// The currency.
    pub currency: Currency,
    /// The day it was booked.
    pub on: NaiveDate,
    /// Its amount in minor units, signed alike on both sides.
    pub amount: i64,
    /// The fee within the amount: what arrives is `amount - fee`.
    pub fee: i64,
    /// What people know it by, and the other side in most cases.
    pub reference: &'t str,
    /// Further names, and of what kind they are.
    pub references: &'t [(ReferenceKind, &'t str)],
    /// What it belongs to: the payout of a processor's line.
    pub group: &'t str,
    /// What it is called for good: the same in every run and every database.
    pub identity: &'t str,
    /// What the books call it.
    pub item: ItemRef,
    /// What moved, where a settlement file says so.
    pub movement: Option<Movement>,
    /// Free text in which the other side's reference may stand.
    pub text: &'t str,
    /// Whose it is, for people: an entity or an account.
    pub account: &'t str,
    /// The customer, or who pays.
    pub customer: &'t str,
    /// The invoice that it pays.
    pub invoice: &'t str,
    /// What the customer saw, where that is another currency.
    pub original: Option<(i64, Currency)>,
    /// The day by which its counterpart should be there, where somebody said so.
    pub due: Option<NaiveDate>,
    /// Consumed by an earlier run: it explains a second item of its name, and is matched no more.
    pub consumed: bool,
}

impl Item<'_> {
    /// An item that says no more than what moved.
    pub const fn new(item: ItemRef, on: NaiveDate, amount: i64, currency: Currency) -> Self {
        Self {
            currency,
            on,
            amount,
            fee: 0,
            reference: "",
            references: &[],
            group: "",
            identity: "",
            item,
            movement: None,
            text: "",
            account: "",
            customer: "",
            invoice: "",
            original: None,
            due: None,
            consumed: false,
        }
    }
}

/// More items or text than 32 bits can count: the run has to be cut by entity or currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("more open items than one run can hold; reconcile by entity or by currency")
    }
}

impl std::error::Error for TooMuch {}

/// How far the data of a side reaches: in all, and for a currency whose files lag or lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The last day of what nothing more is said about.
    pub until: Option<NaiveDate>,
    /// The last day of a currency's own files.
    pub by_currency: BTreeMap<Currency, NaiveDate>,
}

impl Coverage {
    /// All of a side, up to a day.
    pub const fn through(until: Option<NaiveDate>) -> Self {
        Self {
            until,
            by_currency: BTreeMap::new(),
        }
    }

    /// The last day on which an item of this currency would be known.
    pub fn of(&self, currency: Currency) -> Option<NaiveDate> {
        self.by_currency.get(&currency).copied().or(self.until)
    }

    /// The last day of all.
    pub fn last(&self) -> Option<NaiveDate> {
        self.by_currency.values().copied().max().max(self.until)
    }
}

/// Sums of items that earlier runs matched and that are not loaded any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// At the left, in minor units.
    pub left: i64,
    /// At the right.
    pub right: i64,
}

/// What items of one group and currency add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSum<'i> {
    /// The group.
    pub group: &'i str,
    /// The currency.
    pub currency: Currency,
    /// The amounts, in minor units.
    pub amount: i64,
    /// The fees within them.
    pub fee: i64,
    /// The last item's day.
    pub last: NaiveDate,
    /// How many items there are.
    pub items: u64,
}

/// Both sides, and how far the data of each reaches.
#[derive(Clone, Debug, Default)]
pub struct Input {
    pub(crate) dictionary: Dictionary,
    sides: [Side; 4],
    /// How far the left side's data reaches.
    pub left_until: Coverage,
    /// How far the right side's data reaches.
    pub right_until: Coverage,
    /// How far the left side's bookings of fees reach, where that is known apart: what it books later than payments
    /// is not missing before.
    pub fees_until: Option<Coverage>,
    /// What earlier runs matched and nobody pushes again, by currency and movement.
    pub carried: BTreeMap<(Currency, Option<Movement>), Carried>,
    /// What of fees tied in earlier runs and nobody pushes again.
    pub carried_fees: BTreeMap<Currency, Carried>,
}

impl Input {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for so many items of a side, with so many bytes of identities and texts, so that columns need
    /// not move while they grow. Being wrong costs time or room and nothing else.
    pub fn expect(&mut self, which: Which, items: usize, bytes: usize) {
        let side = &mut self.sides[which.place()];
        side.room = items;
        side.amount.reserve(items);
        side.records.reserve(items, bytes);
    }

    /// Makes room for so many different names of so many bytes in all.
    pub fn expect_names(&mut self, names: usize, bytes: usize) {
        self.dictionary.reserve(names, bytes);
    }

    /// Takes an item.
    ///
    /// # Errors
    /// [`TooMuch`] where rows or texts leave 32 bits.
    pub fn push(&mut self, which: Which, item: &Item<'_>) -> Result<(), TooMuch> {
        let side = &mut self.sides[which.place()];
        let names = item.reference.len() + item.group.len() + item.account.len();
        if !side.has_room(item) || !self.dictionary.has_room(names) {
            return Err(TooMuch);
        }
        side.push(&mut self.dictionary, item);
        Ok(())
    }

    /// How many items a side has.
    pub fn len(&self, which: Which) -> usize {
        self.side(which).len()
    }

    /// Whether no side has an item.
    pub fn is_empty(&self) -> bool {
        self.sides.iter().all(|side| side.len() == 0)
    }

    /// The items of each group added up, in the order of group and currency: a processor's lines by payout.
    ///
    /// # Errors
    /// [`TooMuch`] where a sum leaves 64 bits.
    pub fn groups(&self, which: Which) -> Result<Vec<GroupSum<'_>>, TooMuch> {
        let side = self.side(which);
        let mut places = vec![u32::MAX; self.dictionary.codes()];
        let mut all: Vec<(u32, u16, GroupSum<'_>)> = Vec::new();
        for row in side.rows() {
            let (group, numeric) = (side.group.get(row), side.currency(row));
            if group == 0 {
                continue;
            }
            let place = &mut places[at(group)];
            let is_there = all.get(at(*place)).is_some_and(|(_, of, _)| *of == numeric);
            if !is_there {
                // Lines of one payout in two currencies are rare enough to be looked for.
                let same =
                    |(of, code, _): &(u32, u16, GroupSum<'_>)| (*of, *code) == (group, numeric);
                let known = if *place == u32::MAX {
                    None
                } else {
                    all.iter().position(same)
                };
                *place = number(known.unwrap_or(all.len()));
                if known.is_none() {
                    all.push((group, numeric, self.empty_group(which, row)));
                }
            }
            let (_, _, sum) = &mut all[at(*place)];
            let add = |sum: i64, amount: i64| sum.checked_add(amount).ok_or(TooMuch);
            sum.amount = add(sum.amount, side.amount(row))?;
            sum.fee = add(sum.fee, side.fee(row))?;
            sum.last = sum.last.max(side.on(row));
            sum.items += 1;
        }
        let mut sums: Vec<GroupSum<'_>> = all.into_iter().map(|(_, _, sum)| sum).collect();
        sums.sort_unstable_by_key(|sum| (sum.group, sum.currency));
        Ok(sums)
    }

    fn empty_group(&self, which: Which, row: u32) -> GroupSum<'_> {
        let side = self.side(which);
        GroupSum {
            group: self.name(which, row, Name::Group),
            currency: currency(side.currency(row)),
            amount: 0,
            fee: 0,
            last: side.on(row),
            items: 0,
        }
    }

    pub(crate) fn side(&self, which: Which) -> &Side {
        &self.sides[which.place()]
    }

    pub(crate) fn reach(&self, which: Which) -> &Coverage {
        match which {
            Which::Left | Which::LeftFees => &self.left_until,
            Which::Right | Which::RightFees => &self.right_until,
        }
    }

    /// The day as of which a run over this holds.
    pub fn as_of(&self) -> Option<NaiveDate> {
        self.left_until.last().max(self.right_until.last())
    }

    /// Orders two items of a side by content: currency, day, amount, reference; then by identity and by what the
    /// books call them.
    pub(crate) fn compare(&self, which: Which, one: u32, other: u32) -> Ordering {
        let side = self.side(which);
        let whole = |row| (side.currency.get(row), side.day.get(row), side.amount(row));
        whole(one)
            .cmp(&whole(other))
            .then_with(|| {
                let (one, other) = (side.reference(one), side.reference(other));
                if one == other {
                    Ordering::Equal
                } else {
                    self.dictionary.text(one).cmp(self.dictionary.text(other))
                }
            })
            .then_with(|| self.identity(which, one).cmp(self.identity(which, other)))
            .then_with(|| side.item(one).cmp(&side.item(other)))
    }

    /// What an item is called for good.
    pub(crate) fn identity(&self, which: Which, row: u32) -> &str {
        let side = self.side(which);
        match side.records.first(row, record::IDENTITY) {
            "" => self.dictionary.text(side.reference(row)),
            identity => identity,
        }
    }

    /// The first name of a kind; empty where there is none.
    pub(crate) fn name(&self, which: Which, row: u32, name: Name) -> &str {
        let side = self.side(which);
        match (side.code(row, name), tag(name)) {
            (Some(code), _) => self.dictionary.text(code),
            (None, Some(tag)) => side.records.first(row, tag),
            (None, None) => "",
        }
    }

    /// Every name of these kinds, each once; in no order that means anything.
    pub(crate) fn names<'i>(
        &'i self,
        which: Which,
        row: u32,
        names: &[Name],
        found: &mut Vec<&'i str>,
    ) {
        found.clear();
        let side = self.side(which);
        let mut add = |text: &'i str| {
            if !text.is_empty() && !found.contains(&text) {
                found.push(text);
            }
        };
        for code in names.iter().filter_map(|name| side.code(row, *name)) {
            add(self.dictionary.text(code));
        }
        let mut tags = names.iter().filter_map(|name| tag(*name)).peekable();
        if tags.peek().is_some() {
            let asked: Vec<Tag> = tags.collect();
            let fields = side
                .records
                .fields(row)
                .filter(|(tag, _)| asked.contains(tag));
            fields.for_each(|(_, text)| add(text));
        }
    }

    /// Whether names of this kind have codes of their own.
    pub(crate) const fn is_coded(name: Name) -> bool {
        matches!(name, Name::Reference | Name::Group | Name::Account)
    }
}

/// Where a name stands in an item's record.
fn tag(name: Name) -> Option<Tag> {
    match name {
        Name::Customer => Some(record::CUSTOMER),
        Name::Invoice => Some(record::INVOICE),
        _ => name.place().map(|place| record::REFERENCE + place),
    }
}

/// A column that takes no room while every item says the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column<T> {
    values: Vec<T>,
    usual: T,
}

impl<T: Copy + PartialEq + Default> Column<T> {
    /// Says what the item of a row has; rows come in their order.
    fn push(&mut self, row: usize, value: T, room: usize) {
        if self.values.is_empty() {
            if row == 0 {
                self.usual = value;
                return;
            }
            if value == self.usual {
                return;
            }
            self.values.reserve(room.max(row + 1));
            self.values.resize(row, self.usual);
        }
        self.values.push(value);
    }

    pub(crate) fn get(&self, row: u32) -> T {
        self.values.get(at(row)).copied().unwrap_or(self.usual)
    }
}

/// One side: a row for each item.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    room: usize,
    currency: Column<u16>,
    day: Column<i32>,
    amount: Vec<i64>,
    fee: Column<i64>,
    reference: Column<u32>,
    group: Column<u32>,
    account: Column<u32>,
    kind: Column<i64>,
    id: Column<i64>,
    sub: Column<i64>,
    movement: Column<u8>,
    records: Records,
    original: Column<i64>,
    original_currency: Column<u16>,
    due: Column<i32>,
    consumed: Bits,
}

/// What one item never has in words, but for its text.
const LARGE: usize = 1 << 24;

fn place_of(kind: ReferenceKind) -> u8 {
    match kind {
        ReferenceKind::Charge => 1,
        ReferenceKind::Payment => 2,
        ReferenceKind::Merchant => 3,
        ReferenceKind::Refund => 4,
        ReferenceKind::Dispute => 5,
        ReferenceKind::EndToEnd => 6,
        ReferenceKind::Remittance => 7,
        ReferenceKind::Mandate => 8,
        ReferenceKind::Bank => 9,
        ReferenceKind::Batch => 10,
    }
}

impl Side {
    pub(crate) fn len(&self) -> usize {
        self.amount.len()
    }

    pub(crate) fn rows(&self) -> std::ops::Range<u32> {
        0..number(self.len())
    }

    fn has_room(&self, item: &Item<'_>) -> bool {
        self.len() < 0x7fff_ffff
            && (self.records.has_room(LARGE) && item.text.len() < LARGE / 2 || self.fits(item))
    }

    /// Whether an item fits where there is little room left, or where it is large.
    fn fits(&self, item: &Item<'_>) -> bool {
        let names = item.references.iter().map(|(_, name)| *name);
        let all = names.chain([item.identity, item.text, item.customer, item.invoice]);
        self.records.has_room(all.map(|text| text.len() + 12).sum())
    }

    fn push(&mut self, names: &mut Dictionary, item: &Item<'_>) {
        let (row, room) = (self.len(), self.room);
        self.currency.push(row, item.currency.numeric(), room);
        self.day.push(row, item.on.num_days_from_ce(), room);
        self.fee.push(row, item.fee, room);
        self.reference.push(row, names.code(item.reference), room);
        self.group.push(row, names.code(item.group), room);
        self.account.push(row, names.code(item.account), room);
        self.kind.push(row, item.item.kind.number(), room);
        self.id.push(row, item.item.id, room);
        self.sub.push(row, item.item.sub, room);
        let movement = item.movement.map_or(0, Movement::number);
        self.movement
            .push(row, u8::try_from(movement).unwrap_or(0), room);
        // An identity that is the reference stands there already.
        if item.identity != item.reference {
            self.records.field(record::IDENTITY, item.identity);
        }
        self.records.field(record::TEXT, item.text);
        self.records.field(record::CUSTOMER, item.customer);
        self.records.field(record::INVOICE, item.invoice);
        for (kind, name) in item.references {
            self.records
                .field(record::REFERENCE + place_of(*kind), name);
        }
        self.records.end();
        let (original, currency) = item
            .original
            .map_or((0, 0), |(amount, currency)| (amount, currency.numeric()));
        self.original.push(row, original, room);
        self.original_currency.push(row, currency, room);
        let due = item.due.map_or(0, |due| due.num_days_from_ce());
        self.due.push(row, due, room);
        if item.consumed {
            self.consumed.add(number(row));
        }
        self.amount.push(item.amount);
    }

    pub(crate) fn amount(&self, row: u32) -> i64 {
        self.amount[at(row)]
    }

    pub(crate) fn fee(&self, row: u32) -> i64 {
        self.fee.get(row)
    }

    /// Days since the first of January of the year 1.
    pub(crate) fn day(&self, row: u32) -> i32 {
        self.day.get(row)
    }

    pub(crate) fn on(&self, row: u32) -> NaiveDate {
        date(self.day.get(row))
    }

    pub(crate) fn due(&self, row: u32) -> Option<NaiveDate> {
        Some(self.due.get(row)).filter(|day| *day != 0).map(date)
    }

    /// The ISO number of the currency.
    pub(crate) fn currency(&self, row: u32) -> u16 {
        self.currency.get(row)
    }

    pub(crate) fn reference(&self, row: u32) -> u32 {
        self.reference.get(row)
    }

    pub(crate) fn account(&self, row: u32) -> u32 {
        self.account.get(row)
    }

    pub(crate) fn movement(&self, row: u32) -> Option<Movement> {
        Movement::from_number(self.movement_number(row))
    }

    /// The number of what moved; zero where nobody says.
    pub(crate) fn movement_number(&self, row: u32) -> i64 {
        i64::from(self.movement.get(row))
    }

    pub(crate) fn original(&self, row: u32) -> Option<(i64, u16)> {
        let currency = self.original_currency.get(row);
        (currency != 0).then(|| (self.original.get(row), currency))
    }

    pub(crate) fn text(&self, row: u32) -> &str {
        self.records.first(row, record::TEXT)
    }

    pub(crate) fn is_consumed(&self, row: u32) -> bool {
        self.consumed.has(row)
    }

    pub(crate) fn item(&self, row: u32) -> ItemRef {
        let (id, sub) = (self.id.get(row), self.sub.get(row));
        // The number was made from a kind.
        ItemRef::from_numbers(self.kind.get(row), id, sub).unwrap_or(ItemRef::entry(id, sub))
    }

    /// The rows that no run has consumed.
    pub(crate) fn open(&self) -> Bits {
        let mut open = Bits::none(self.len());
        for row in self.rows() {
            if !self.is_consumed(row) {
                open.add(row);
            }
        }
        open
    }

    /// The code of a name that has one; zero where the item has no such name.
    pub(crate) fn code(&self, row: u32, name: Name) -> Option<u32> {
        match name {
            Name::Reference => Some(self.reference(row)),
            Name::Group => Some(self.group.get(row)),
            Name::Account => Some(self.account.get(row)),
            _ => None,
        }
    }
}

/// A day of a column; far outside of the calendar there is none, and no item can be there.
pub(crate) fn date(day: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day).unwrap_or_default()
}

pub(crate) fn currency(numeric: u16) -> Currency {
    // The number was taken from a currency. The euro is never reached and must not panic if it were.
    Currency::from_numeric(i64::from(numeric))
        .or_else(|_unknown| Currency::from_code("EUR"))
        .unwrap_or_else(|_never| currency(978))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_comes_back() {
        let eur = Currency::from_code("EUR").unwrap();
        let jpy = Currency::from_code("JPY").unwrap();
        let day = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap();
        let mut input = Input::new();
        let names = [
            (ReferenceKind::Charge, "ch_1"),
            (ReferenceKind::Remittance, "RF1"),
            (ReferenceKind::Remittance, "RF2"),
        ];
        let plain = Item {
            reference: "pi_0",
            identity: "pi_0",
            ..Item::new(ItemRef::entry(1, 1), day, 100, eur)
        };
        let rich = Item {
            reference: "pi_1",
            references: &names,
            identity: "txn_1",
            text: "STRIPE pi_1",
            original: Some((7, jpy)),
            movement: Some(Movement::Charge),
            consumed: true,
            ..Item::new(ItemRef::payout(9), day, -5, eur)
        };
        input.push(Which::Left, &plain).unwrap();
        input.push(Which::Left, &rich).unwrap();
        let side = input.side(Which::Left);
        assert_eq!(input.identity(Which::Left, 0), "pi_0");
        assert_eq!(input.identity(Which::Left, 1), "txn_1");
        assert_eq!((side.text(0), side.text(1)), ("", "STRIPE pi_1"));
        assert_eq!(side.original(1), Some((7, jpy.numeric())));
        assert_eq!(side.item(1), ItemRef::payout(9));
        assert_eq!(side.open().iter().collect::<Vec<_>>(), [0]);
        let mut texts = Vec::new();
        input.names(
            Which::Left,
            1,
            &[Name::Charge, Name::Remittance],
            &mut texts,
        );
        assert_eq!(texts, ["ch_1", "RF1", "RF2"]);
        assert_eq!(
            (side.movement(0), side.movement(1)),
            (None, Some(Movement::Charge))
        );
    }
}
