//! What holds of every settlement file that is read, whatever is in it.

#![allow(dead_code, reason = "each test uses its own part of what is shared")]

use formats::settlement::{Parse, ParseError};
use ledger::{SettlementLine, Statement};

/// Reads bytes, twice alike, and looks at what came of them.
pub(crate) fn judge(format: &dyn Parse, bytes: &[u8]) {
    let first = format.parse(bytes);
    let second = format.parse(bytes);
    assert_eq!(first, second, "the same bytes, the same reading");
    match first {
        Ok(statements) => {
            assert!(!statements.is_empty(), "a file without a statement");
            statements.iter().for_each(statement);
        }
        Err(error) => refusal(&error),
    }
}

/// Whoever reads a refusal has a screen, not a file of megabytes.
fn refusal(error: &ParseError) {
    assert!(!error.what.is_empty(), "a refusal without a word");
    // The word on what the file is comes after the cut.
    assert!(error.what.chars().count() < 8000, "{}", error.what);
}

fn statement(statement: &Statement) {
    assert!(!statement.account.is_empty(), "{statement:?}");
    assert!(statement.from <= statement.to, "{statement:?}");
    for balance in [statement.opening, statement.closing].into_iter().flatten() {
        assert_eq!(balance.currency(), statement.currency, "{statement:?}");
    }
    assert!(statement.contradictions.len() <= 21);
    for told in &statement.contradictions {
        assert!(told.chars().count() <= 1001, "{told}");
    }
    let verdict = statement.verdict();
    assert!(!verdict.is_empty());
    let told = !statement.contradictions.is_empty();
    for one in &statement.lines {
        line(one, told);
        assert_eq!(one.net.currency(), statement.currency, "{one:?}");
    }
}

fn line(line: &SettlementLine, told: bool) {
    assert!(
        !line.identity.is_empty() && !line.kind.is_empty(),
        "{line:?}"
    );
    assert_eq!(line.gross.currency(), line.net.currency(), "{line:?}");
    assert_eq!(line.fee.currency(), line.net.currency(), "{line:?}");
    let proven = line.gross.amount() - line.fee.amount() == line.net.amount();
    assert!(proven || told, "gross less fee is not net: {line:?}");
    let fees = line.fees.iter().map(|part| part.amount.amount());
    let fees: i64 = fees.sum();
    assert!(
        line.fees.is_empty() || fees == line.fee.amount(),
        "the parts of a fee are not the fee: {line:?}"
    );
    for reference in &line.references {
        assert!(!reference.text.is_empty(), "{line:?}");
    }
    assert!(line.place.line > 0, "{line:?}");
}
