//! dLocal's settlement report: CSV in blocks of two headers, columns matched by name.
//!
//! A block is a row of names, a `HEADER` row with the totals of one transfer, another row of names, and
//! the transfer's rows: one statement, which closes with `NET_TOTAL_AMOUNT`. Amounts are decimal major
//! units of `SETTLEMENT_CURRENCY`, signed as the account holder sees them (a fee is negative,
//! `net = gross + fee`), with six decimals: each is rounded half-even and the exact net is kept. The
//! transfer is rounded once, over their sum, and a header has been seen two cents from its own rows:
//! what roundings leave within two cents is a line named `rounding`, and more is told.
//!
//! Days are those of `APPROVED_DATE`, else `CREATION_DATE`, else the transfer's; the report does not
//! say of which zone. `FX_RATE` counts local units for one of the account's and is not turned round.
//! A row is called by its transfer, its type and its `DLOCAL_TRANSACTION_ID`, counted where equal. The
//! payer's mail address and document are not read. Refused is a status that nobody knows; an unknown
//! row type passes as it is.

use super::batch::{Batch, Rounded};
use super::{ParseError, SettlementFormat, SettlementKind, Sink, movements};
use crate::read::closed;
use crate::read::counted::Repeats;
use crate::read::head::has_columns;
use crate::read::table::{Row, Table};
use chrono::NaiveDate;
use ledger::{Currency, Money, Movement, Place, Reference, ReferenceKind, SettlementLine};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::io::BufRead;

/// This format's registration.
pub const KIND: SettlementKind = SettlementKind::of::<Dlocal>(
    "dlocal",
    "dLocal settlement report (CSV)",
    "account: dlocal\n",
);

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the account is called here.
    #[serde(default = "default_account")]
    pub account: String,
}

fn default_account() -> String {
    "dlocal".to_owned()
}

/// The format.
#[derive(Clone, Debug)]
pub struct Dlocal {
    config: Config,
}

/// Statuses of what moved: of payments, of refunds, of chargebacks. Rows without any are the report's
/// own.
const MOVED: &[(&str, ())] = &[("", ()), ("PAID", ()), ("SUCCESS", ()), ("COMPLETED", ())];

impl SettlementFormat for Dlocal {
    type Config = Config;

    const VERSION: i64 = 1;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn recognises(head: &str) -> bool {
        let columns = ["ROW_TYPE", "SETTLEMENT_CURRENCY", "TRANSFER_ID"];
        has_columns(head, &columns)
    }

    fn read(&self, input: &mut dyn BufRead, out: &mut dyn Sink) -> Result<(), ParseError> {
        let mut table = Table::open(input, ',')?;
        let mut kind = table.need(&["ROW_TYPE"])?;
        table.need(&["TRANSFER_ID"])?;
        let mut columns: Option<Columns> = None;
        let mut transfer: Option<Transfer> = None;
        let mut statements = 0;
        let mut repeats = Repeats::default();
        let mut header = Header::find(&table);
        while let Some(row) = table.next_row()? {
            if row.is_blank() {
                continue;
            }
            match row.need(kind)? {
                "ROW_TYPE" => {
                    table.name_columns();
                    kind = table.need(&["ROW_TYPE"])?;
                    columns = Columns::find(&table);
                    header = Header::find(&table);
                }
                "HEADER" => {
                    let header = header.as_ref().ok_or_else(|| {
                        row.error(kind, "no names of columns stand above this row")
                    })?;
                    let next = header.transfer(&row, statements)?;
                    statements += 1;
                    if let Some(before) = transfer.replace(next) {
                        before.close(&self.config.account, out)?;
                    }
                }
                word => {
                    let (Some(columns), Some(transfer)) = (&columns, &mut transfer) else {
                        let what = format!("`{word}` stands above the header of a transfer");
                        return Err(row.error(kind, &what));
                    };
                    row.whole()?;
                    let line = columns.line(&row, word, transfer, &mut repeats)?;
                    transfer.batch.add(&line);
                    out.line(transfer.batch.number, line)?;
                }
            }
        }
        match transfer {
            Some(transfer) => transfer.close(&self.config.account, out),
            None => Ok(()),
        }
    }
}

/// Where the columns of a transfer's totals stand.
struct Header {
    currency: usize,
    id: usize,
    date: usize,
    net: usize,
}

impl Header {
    fn find(table: &Table<'_>) -> Option<Self> {
        Some(Self {
            currency: table.column(&["SETTLEMENT_CURRENCY"])?,
            id: table.column(&["TRANSFER_ID"])?,
            date: table.column(&["TRANSFER_DATE"])?,
            net: table.column(&["NET_TOTAL_AMOUNT"])?,
        })
    }

    fn transfer(&self, row: &Row<'_>, number: usize) -> Result<Transfer, ParseError> {
        let currency = row.currency(self.currency)?;
        let paid_on = row.day(self.date)?;
        let paid_on = paid_on.ok_or_else(|| row.error(self.date, "is empty"))?;
        row.need(self.net)?;
        let mut batch = Batch::new(number, currency);
        batch.day(paid_on);
        Ok(Transfer {
            id: row.need(self.id)?.to_owned(),
            place: row.place,
            paid_on,
            paid: row.money(self.net, currency)?,
            batch,
        })
    }
}

/// What one transfer paid.
struct Transfer {
    id: String,
    place: Place,
    paid_on: NaiveDate,
    paid: Money,
    batch: Batch,
}

impl Transfer {
    fn close(mut self, account: &str, out: &mut dyn Sink) -> Result<(), ParseError> {
        let slack = Decimal::new(2, self.batch.currency.exponent());
        let identity = format!("{}/rounding", self.id);
        let rounding = self.batch.rounding(identity, self.place, self.paid, slack);
        if let Some(mut line) = rounding {
            line.payout.clone_from(&self.id);
            line.paid_on = Some(self.paid_on);
            line.booked_on = self.paid_on;
            self.batch.add(&line);
            out.line(self.batch.number, line)?;
        }
        let number = self.batch.number;
        out.statement(number, self.batch.close(account, &self.id, Some(self.paid)))
    }
}

/// Where the columns of a transfer's rows stand.
struct Columns {
    gross: usize,
    fee: usize,
    net: usize,
    id: usize,
    own: Option<usize>,
    created: Option<usize>,
    approved: Option<usize>,
    local: Option<usize>,
    local_currency: Option<usize>,
    status: Option<usize>,
    payment_type: Option<usize>,
    description: Option<usize>,
}

impl Columns {
    /// None for the names of a transfer's totals.
    fn find(table: &Table<'_>) -> Option<Self> {
        Some(Self {
            gross: table.column(&["GROSS_AMOUNT"])?,
            fee: table.column(&["FEE_AMOUNT"])?,
            net: table.column(&["NET_AMOUNT"])?,
            id: table.column(&["DLOCAL_TRANSACTION_ID"])?,
            own: table.column(&["TRANSACTION_ID"]),
            created: table.column(&["CREATION_DATE"]),
            approved: table.column(&["APPROVED_DATE"]),
            local: table.column(&["LOCAL_AMOUNT"]),
            local_currency: table.column(&["LOCAL_CURRENCY"]),
            status: table.column(&["STATUS"]),
            payment_type: table.column(&["PAYMENT_TYPE"]),
            description: table.column(&["DESCRIPTION"]),
        })
    }

    fn line(
        &self,
        row: &Row<'_>,
        word: &str,
        transfer: &mut Transfer,
        repeats: &mut Repeats,
    ) -> Result<SettlementLine, ParseError> {
        closed::one_of_at(row.place.line, "STATUS", row.optional(self.status), MOVED)?;
        let currency = transfer.batch.currency;
        let (gross, fee) = (self.amount(row, self.gross)?, self.amount(row, self.fee)?);
        row.need(self.net)?;
        let net = self.amount(row, self.net)?;
        let rounded = |at, value| {
            Rounded::of(value, currency).map_err(|error| row.error(at, &error.to_string()))
        };
        let (rounded_gross, rounded_net) = (rounded(self.gross, gross)?, rounded(self.net, net)?);
        let id = row.text(self.id);
        let identity = repeats.name(format!("{}/{word}/{id}", transfer.id));
        if gross.checked_add(fee) != Some(net) {
            let told = format!("net of `{identity}` is not gross and fee");
            transfer.batch.contradict(told);
        }
        let day = [self.approved, self.created].into_iter().flatten();
        let day = day.map(|at| row.day(at)).find_map(Result::transpose);
        let day = day.transpose()?.unwrap_or(transfer.paid_on);
        let movement = movements::either_way(MOVEMENTS, word, rounded_net.money);
        let what = (movement, word);
        let mut line = SettlementLine::new(identity, row.place, what, rounded_net.money, day);
        line.gross = rounded_gross.money;
        let fee = rounded_gross.money.amount() - rounded_net.money.amount();
        line.fee = Money::minor(fee, currency);
        line.exact = rounded_net.exact;
        line.payout.clone_from(&transfer.id);
        line.paid_on = Some(transfer.paid_on);
        line.original = self.original(row, currency)?;
        line.references = self.references(row, line.movement);
        let told = [self.payment_type, self.description];
        let told = told.map(|at| row.optional(at));
        told.join(" ").trim().clone_into(&mut line.description);
        Ok(line)
    }

    fn amount(&self, row: &Row<'_>, at: usize) -> Result<Decimal, ParseError> {
        Ok(row.decimal(at)?.unwrap_or_default())
    }

    /// What the customer paid, where that is another currency.
    fn original(&self, row: &Row<'_>, currency: Currency) -> Result<Option<Money>, ParseError> {
        let (Some(local), Some(code)) = (self.local, self.local_currency) else {
            return Ok(None);
        };
        if row.text(code).is_empty() || row.text(local).is_empty() {
            return Ok(None);
        }
        let paid = row.currency(code)?;
        if paid == currency {
            return Ok(None);
        }
        row.money(local, paid).map(Some)
    }

    fn references(&self, row: &Row<'_>, movement: Movement) -> Vec<Reference> {
        let kind = match movement {
            Movement::Refund => ReferenceKind::Refund,
            Movement::Dispute | Movement::DisputeReversal => ReferenceKind::Dispute,
            Movement::Fee | Movement::Adjustment => ReferenceKind::Batch,
            _ => ReferenceKind::Charge,
        };
        let id = Reference::of(kind, row.text(self.id));
        let own = Reference::of(ReferenceKind::Merchant, row.optional(self.own));
        [id, own].into_iter().flatten().collect()
    }
}

/// What each row type is. One that is not here is `Other`; a chargeback that brings money is one that
/// was won.
const MOVEMENTS: &[(&str, Movement)] = &[
    ("PAYMENT", Movement::Charge),
    ("CAPTURE", Movement::Charge),
    ("REFUND", Movement::Refund),
    ("CHARGEBACK", Movement::Dispute),
    ("CHARGEBACK_REVERSAL", Movement::DisputeReversal),
    ("ADJUSTMENT", Movement::Adjustment),
    ("SETTLEMENT_FEE", Movement::Fee),
];
