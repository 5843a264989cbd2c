//! Amounts between an entry and an API: signed, and as numbers of JSON that are exact in both directions.

use super::documents::Compared;
use ledger::{Line, Money, Side};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;

/// An amount of a line, below zero where it is a credit.
pub(super) fn signed(line: &Line, amount: Money) -> Decimal {
    match line.side {
        Side::Debit => amount.to_decimal(),
        Side::Credit => -amount.to_decimal(),
    }
}

/// A decimal as a JSON number, digit for digit.
pub(super) fn number(amount: Decimal) -> Value {
    let text = amount.to_string();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// A number or decimal text of an answer, from its digits: never by way of a float.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    let scientific = |_plain| Decimal::from_scientific(&text.replace("e+", "e"));
    text.parse().or_else(scientific).ok()
}

/// A decimal with as many places as the lines that were sent have: an ERP that computes in floats
/// answers 0.30000000000000004.
pub(super) fn rounded(amount: Decimal, sent: &[Compared]) -> Decimal {
    let places = sent.iter().map(|(_, amount)| amount.scale()).max();
    amount.round_dp_with_strategy(places.unwrap_or(0), RoundingStrategy::MidpointNearestEven)
}

#[cfg(test)]
mod tests {
    use super::{decimal, number, rounded};
    use rust_decimal::Decimal;
    use serde_json::Value;

    fn exact(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_exact_in_both_directions() {
        for text in [
            "0.01",
            "-119.00",
            "99999999999.99",
            "9007199254740993",
            "1.235",
        ] {
            let written = number(exact(text)).to_string();
            assert_eq!(written, text);
            let read: Value = serde_json::from_str(&written).unwrap();
            assert_eq!(decimal(&read), Some(exact(text)));
        }
    }

    #[test]
    fn floats_are_read_by_their_digits() {
        let sent = [("1".to_owned(), exact("0.30"))];
        for (text, is) in [
            ("0.30000000000000004", "0.30"),
            ("119.0", "119"),
            ("1e+16", "10000000000000000"),
            ("1.5E2", "150"),
            ("\"12.50\"", "12.50"),
        ] {
            let read = decimal(&serde_json::from_str(text).unwrap()).unwrap();
            assert_eq!(rounded(read, &sent), exact(is), "{text}");
        }
        assert_eq!(decimal(&Value::Bool(false)), None);
    }
}
