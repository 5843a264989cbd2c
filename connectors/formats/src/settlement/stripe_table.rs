//! What Stripe's reports as tables and its API have in common: columns, words and names.
//!
//! A table's `source_id` is a name by its prefix: `ch_` and `py_` a charge, `re_` and `pyr_` a refund,
//! `dp_` and `du_` a dispute, `po_` a payout, kept as the batch; another is taken for a charge.

use super::names::Names;
use super::{ParseError, movements};
use crate::read::amounts;
use crate::read::table::{Row, Table};
use ledger::{Currency, Money, Movement, Reference, ReferenceKind, SettlementLine};

/// Columns in which our own name of a payment stands, where they are there.
const OWN_NAMES: &[&str] = &[
    "order_id",
    "invoice_number",
    "invoice_id",
    "payment_metadata[order_id]",
    "payment_metadata[order]",
    "payment_metadata[order_number]",
    "payment_metadata[invoice_id]",
    "payment_metadata[invoice]",
    "payment_metadata[invoice_number]",
];

/// Where the columns stand.
#[derive(Debug)]
pub(super) struct Columns {
    id: usize,
    currency: usize,
    gross: usize,
    fee: usize,
    net: usize,
    category: usize,
    created: usize,
    source: Option<usize>,
    charge: Option<usize>,
    intent: Option<usize>,
    own_names: Vec<usize>,
    payout: Option<usize>,
    effective: Option<usize>,
    description: Option<usize>,
    balance: Option<usize>,
    seen_amount: Option<usize>,
    seen_currency: Option<usize>,
}

impl Columns {
    /// Finds them by name; `further` are columns of the merchant's in which its own names stand.
    pub(super) fn find(table: &Table<'_>, further: &[String]) -> Result<Self, ParseError> {
        let own = OWN_NAMES.iter().copied();
        let own = own.chain(further.iter().map(String::as_str));
        Ok(Self {
            id: table.need(&["balance_transaction_id"])?,
            currency: table.need(&["currency"])?,
            gross: table.need(&["gross"])?,
            fee: table.need(&["fee"])?,
            net: table.need(&["net"])?,
            category: table.need(&["reporting_category"])?,
            created: table.need(&["created_utc", "created"])?,
            source: table.column(&["source_id"]),
            charge: table.column(&["charge_id"]),
            intent: table.column(&["payment_intent_id"]),
            own_names: own.filter_map(|name| table.column(&[name])).collect(),
            payout: table.column(&["automatic_payout_id"]),
            effective: table.column(&[
                "automatic_payout_effective_at_utc",
                "automatic_payout_effective_at",
            ]),
            description: table.column(&["description"]),
            balance: table.column(&["balance_type"]),
            seen_amount: table.column(&["customer_facing_amount"]),
            seen_currency: table.column(&["customer_facing_currency"]),
        })
    }

    /// Which of the account's balances moved; empty for that of payments.
    pub(super) fn balance<'t>(&self, row: &Row<'t>) -> &'t str {
        balance_of(row.optional(self.balance))
    }

    /// Whether the row names the payout that it is in.
    pub(super) fn has_payout(&self, row: &Row<'_>) -> bool {
        !row.optional(self.payout).is_empty()
    }

    /// The line of a row.
    pub(super) fn line(&self, row: &Row<'_>) -> Result<SettlementLine, ParseError> {
        let identity = row.need(self.id)?.to_owned();
        let currency = row.currency(self.currency)?;
        let net = row.money(self.net, currency)?;
        let category = row.need(self.category)?;
        let created = row.day(self.created)?;
        let booked_on = created.ok_or_else(|| row.error(self.created, "is empty"))?;
        let paid_on = match self.effective {
            Some(at) => row.day(at)?,
            None => None,
        };
        let what = (movement(category, net), category);
        let mut line = SettlementLine::new(identity, row.place, what, net, booked_on);
        line.references = self.references(row);
        row.optional(self.payout).clone_into(&mut line.payout);
        line.gross = row.money(self.gross, currency)?;
        line.fee = row.money(self.fee, currency)?;
        line.original = self.seen(row, currency)?;
        line.paid_on = paid_on;
        row.optional(self.description)
            .clone_into(&mut line.description);
        if line.movement == Movement::Payout && line.payout.is_empty() {
            paid_by_hand(&mut line);
        }
        Ok(line)
    }

    fn references(&self, row: &Row<'_>) -> Vec<Reference> {
        let mut names = Names::default();
        let source = row.optional(self.source);
        names.add(source_kind(source), source);
        names.add(ReferenceKind::Charge, row.optional(self.charge));
        names.add(ReferenceKind::Payment, row.optional(self.intent));
        for at in &self.own_names {
            names.add(ReferenceKind::Merchant, row.text(*at));
        }
        names.into_list()
    }

    /// What the customer saw, where that is another currency.
    fn seen(&self, row: &Row<'_>, currency: Currency) -> Result<Option<Money>, ParseError> {
        let (Some(amount), Some(code)) = (self.seen_amount, self.seen_currency) else {
            return Ok(None);
        };
        if row.text(amount).is_empty() || row.text(code).is_empty() {
            return Ok(None);
        }
        let seen = row.currency(code)?;
        if seen == currency {
            return Ok(None);
        }
        row.money(amount, seen).map(Some)
    }
}

/// A payout that the merchant asked for: nothing says what is in it. It is a line itself.
pub(super) fn paid_by_hand(line: &mut SettlementLine) {
    line.payout = line.reference().to_owned();
    line.paid_on = line.paid_on.or(Some(line.booked_on));
}

/// The balance, empty for that of payments.
pub(super) fn balance_of(name: &str) -> &str {
    if name == "payments" { "" } else { name }
}

/// What kind of name a source is, by its prefix.
pub(super) fn source_kind(source: &str) -> ReferenceKind {
    let prefix = source.split('_').next().unwrap_or_default();
    match prefix.to_ascii_lowercase().as_str() {
        "re" | "pyr" => ReferenceKind::Refund,
        "dp" | "du" => ReferenceKind::Dispute,
        "po" => ReferenceKind::Batch,
        "pi" => ReferenceKind::Payment,
        _ => ReferenceKind::Charge,
    }
}

/// What each of Stripe's reporting categories is. One that is not here is `Other`.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("charge", Movement::Charge),
    ("charge_failure", Movement::Charge),
    ("partial_capture_reversal", Movement::Charge),
    ("refund", Movement::Refund),
    ("refund_failure", Movement::Refund),
    ("dispute", Movement::Dispute),
    ("dispute_reversal", Movement::DisputeReversal),
    ("fee", Movement::Fee),
    ("network_cost", Movement::Fee),
    ("platform_fee", Movement::Fee),
    ("stripe_fee", Movement::Fee),
    ("platform_earning", Movement::Other),
    ("platform_earning_refund", Movement::Other),
    ("tax", Movement::Tax),
    ("stripe_fee_tax", Movement::Tax),
    ("payout", Movement::Payout),
    ("payout_failure", Movement::PayoutFailure),
    ("payout_reversal", Movement::PayoutFailure),
    ("connect_reserved_funds", Movement::Reserve),
    ("risk_reserved_funds", Movement::Reserve),
    ("payment_network_reserved_funds", Movement::Reserve),
    ("minimum_balance_hold", Movement::Reserve),
    ("issuing_authorization_hold", Movement::Reserve),
    ("issuing_authorization_release", Movement::Release),
    ("transfer", Movement::Transfer),
    ("transfer_reversal", Movement::Transfer),
    ("topup", Movement::Transfer),
    ("topup_reversal", Movement::Transfer),
    ("connect_collection_transfer", Movement::Transfer),
    ("currency_conversion", Movement::Transfer),
    ("other_adjustment", Movement::Adjustment),
    ("unreconciled_customer_funds", Movement::Adjustment),
];

/// What a reporting category is.
pub(super) fn movement(category: &str, net: Money) -> Movement {
    movements::either_way(MOVEMENTS, category, net)
}

/// Decimal places that Stripe's API writes where ISO 4217 has others.
const PLACES: &[(&str, u32)] = &[("ISK", 2), ("MGA", 0), ("UGX", 2)];

/// An amount of the API: a count of Stripe's smallest unit.
pub(super) fn api_money(amount: i64, currency: Currency) -> Result<Money, ledger::MoneyError> {
    let own = PLACES.iter().find(|(code, _)| *code == currency.code());
    let places = own.map_or(currency.exponent(), |(_, places)| *places);
    amounts::minor_of(amount, places, currency)
}

/// The identity of a statement that is no payout's.
pub(super) fn unpaid(word: &str, balance: &str) -> String {
    if balance.is_empty() {
        word.to_owned()
    } else {
        format!("{word} ({balance})")
    }
}
