//! How a line is named when it is compared with what an ERP shows.

use super::amounts::signed;
use super::documents::Compared;
use ledger::Line;
use rust_decimal::Decimal;

/// An amount in a currency, below zero for a credit.
pub(super) type Amount<'c> = (Decimal, &'c str);

/// A line by its account. One in another currency than the books' is also named by that currency and by what it is in
/// the company's, so that an ERP that converts it otherwise is found out.
pub(super) fn named(
    account: &str,
    (amount, currency): Amount<'_>,
    company: Option<Amount<'_>>,
    books: &str,
) -> Compared {
    let is_plain = currency == books && company.is_none_or(|(_, own)| own == books);
    let name = match company {
        _ if is_plain => account.to_owned(),
        None => format!("{account} {currency}"),
        Some((own, its)) => format!("{account} {currency} for {} {its}", own.normalize()),
    };
    (name, amount)
}

/// A line of the books; `converts` where the ERP is told its amount in the currency of the books.
pub(super) fn own(account: &str, line: &Line, converts: bool) -> Compared {
    let books = line.functional.currency().code();
    let functional = (signed(line, line.functional), books);
    let amount = (signed(line, line.amount), line.amount.currency().code());
    named(account, amount, converts.then_some(functional), books)
}
