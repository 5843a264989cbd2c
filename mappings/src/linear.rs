//! The proof that a rule balances.
//!
//! Amounts that are linear in the event's fields become linear forms; what `holds` declares becomes
//! identities between forms. A rule balances for every event when debits less credits is a
//! combination of the identities. What is not linear is one opaque atom: it cancels against itself
//! and against nothing else.

use crate::expression::{mapped, with_tree};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use zen_expression::functions::{FunctionKind, InternalFunction};
use zen_expression::lexer::{ArithmeticOperator, ComparisonOperator, Operator};
use zen_expression::parser::Node;

/// Coefficients by atom: a path, a sum over a list, or `1`.
pub(crate) type Form = BTreeMap<String, Decimal>;

const ONE: &str = "1";

/// The form of an amount; with `each`, the sum over the list, whose elements are called `alias`.
pub(crate) fn amount(text: &str, each: Option<(&str, &str)>) -> Form {
    let scope = each.map(|(_, alias)| alias);
    let form = with_tree(text, |root| form_of(root, scope)).ok().flatten();
    let form = form.unwrap_or_else(|| Form::from([(format!("({text})"), Decimal::ONE)]));
    match each {
        None => form,
        Some((list, _)) => over(list, &form),
    }
}

/// The identity `left - right = 0` that `left == right` declares.
pub(crate) fn identity(text: &str) -> Option<Form> {
    with_tree(text, |root| match unwrap(root) {
        Node::Binary {
            left,
            operator: Operator::Comparison(ComparisonOperator::Equal),
            right,
        } => Some(add(
            &form_of(left, None)?,
            &form_of(right, None)?,
            -Decimal::ONE,
        )),
        _ => None,
    })
    .ok()?
}

/// Whether a condition says no more than that the amount is not zero.
pub(crate) fn says_not_zero(condition: &str, amount: &str, alias: Option<&str>) -> bool {
    let wanted = with_tree(amount, |root| form_of(root, alias))
        .ok()
        .flatten();
    let found = with_tree(condition, |root| match unwrap(root) {
        Node::Binary {
            left,
            operator: Operator::Comparison(ComparisonOperator::NotEqual),
            right,
        } => Some(add(
            &form_of(left, alias)?,
            &form_of(right, alias)?,
            -Decimal::ONE,
        )),
        _ => None,
    })
    .ok()
    .flatten();
    wanted.is_some() && wanted == found
}

/// `a + factor · b`, without zero coefficients.
pub(crate) fn add(a: &Form, b: &Form, factor: Decimal) -> Form {
    let mut sum = a.clone();
    for (atom, coefficient) in b {
        let value = sum.entry(atom.clone()).or_default();
        *value += *coefficient * factor;
        if value.is_zero() {
            sum.remove(atom);
        }
    }
    sum
}

/// Whether `form` is zero for every event in which all identities hold.
pub(crate) fn follows(form: &Form, identities: &[Form]) -> bool {
    let mut basis: Vec<(String, Form)> = Vec::new();
    for identity in identities {
        let reduced = reduce(identity, &basis);
        if let Some(pivot) = reduced.keys().next().cloned() {
            basis.push((pivot, reduced));
        }
    }
    reduce(form, &basis).is_empty()
}

fn reduce(form: &Form, basis: &[(String, Form)]) -> Form {
    let mut rest = form.clone();
    for (pivot, row) in basis {
        let (Some(own), Some(theirs)) = (rest.get(pivot), row.get(pivot)) else {
            continue;
        };
        if let Some(factor) = own.checked_div(*theirs) {
            rest = add(&rest, row, -factor);
        }
    }
    rest
}

/// A form as people read it: `data.total - data.tax`.
pub(crate) fn display(form: &Form) -> String {
    let mut text = String::new();
    for (atom, coefficient) in form {
        let negative = coefficient.is_sign_negative();
        let sign = match (text.is_empty(), negative) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        let size = coefficient.abs().normalize();
        text.push_str(sign);
        if size == Decimal::ONE {
            text.push_str(atom);
        } else {
            text.push_str(&format!("{size} * {atom}"));
        }
    }
    if text.is_empty() {
        "0".to_owned()
    } else {
        text
    }
}

fn unwrap<'n>(node: &'n Node<'n>) -> &'n Node<'n> {
    match node {
        Node::Parenthesized(inner) => unwrap(inner),
        other => other,
    }
}

fn form_of(node: &Node<'_>, alias: Option<&str>) -> Option<Form> {
    match node {
        Node::Number(number) if number.is_zero() => Some(Form::new()),
        Node::Number(number) => Some(Form::from([(ONE.to_owned(), *number)])),
        Node::Parenthesized(inner) => form_of(inner, alias),
        Node::Identifier(_) | Node::Pointer | Node::Member { .. } => {
            Some(Form::from([(atom(node, alias)?, Decimal::ONE)]))
        }
        Node::Unary {
            node,
            operator: Operator::Arithmetic(ArithmeticOperator::Subtract),
        } => Some(add(&Form::new(), &form_of(node, alias)?, -Decimal::ONE)),
        Node::Binary {
            left,
            operator: Operator::Arithmetic(operator),
            right,
        } => binary(*operator, &form_of(left, alias)?, &form_of(right, alias)?),
        Node::FunctionCall {
            kind: FunctionKind::Internal(InternalFunction::Sum),
            arguments,
        } => sum_of(arguments, alias),
        _ => None,
    }
}

fn binary(operator: ArithmeticOperator, left: &Form, right: &Form) -> Option<Form> {
    match operator {
        ArithmeticOperator::Add => Some(add(left, right, Decimal::ONE)),
        ArithmeticOperator::Subtract => Some(add(left, right, -Decimal::ONE)),
        ArithmeticOperator::Multiply => match (constant(left), constant(right)) {
            (Some(factor), _) => Some(add(&Form::new(), right, factor)),
            (_, Some(factor)) => Some(add(&Form::new(), left, factor)),
            _ => None,
        },
        ArithmeticOperator::Divide => {
            let factor = Decimal::ONE.checked_div(constant(right)?)?;
            Some(add(&Form::new(), left, factor))
        }
        ArithmeticOperator::Modulus | ArithmeticOperator::Power => None,
    }
}

fn constant(form: &Form) -> Option<Decimal> {
    match form.len() {
        0 => Some(Decimal::ZERO),
        1 => form.get(ONE).copied(),
        _ => None,
    }
}

/// `sum(map(list, body))`.
fn sum_of(arguments: &[&Node<'_>], alias: Option<&str>) -> Option<Form> {
    let (list, body, inner) = mapped(arguments)?;
    let list = atom(list, alias)?;
    Some(over(&list, &form_of(body, Some(inner.unwrap_or("#")))?))
}

/// Lifts a form over one element to the sum over the list.
fn over(list: &str, form: &Form) -> Form {
    form.iter()
        .map(|(atom, coefficient)| (format!("sum of {list}[{atom}]"), *coefficient))
        .collect()
}

/// A path as an atom; the element of a list is written `.`, whatever it is called.
fn atom(node: &Node<'_>, alias: Option<&str>) -> Option<String> {
    match node {
        Node::Identifier(name) if alias == Some(name) => Some(String::new()),
        Node::Identifier(name) => Some((*name).to_owned()),
        Node::Pointer => Some(String::new()),
        Node::Parenthesized(inner) => atom(inner, alias),
        Node::Member {
            node,
            property: Node::String(name),
        } => Some(format!("{}.{name}", atom(node, alias)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_balances_by_what_it_declares() {
        let debit = amount("data.total", None);
        let lines = amount("line.amount", Some(("data.lines", "line")));
        let tax = amount("data.tax", None);
        let difference = add(&add(&debit, &lines, -Decimal::ONE), &tax, -Decimal::ONE);
        let holds = identity("data.total == sum(map(data.lines, #.amount)) + data.tax").unwrap();
        assert!(follows(&difference, &[holds]));
        assert!(!follows(&difference, &[]));
        assert_eq!(
            display(&difference),
            "-data.tax + data.total - sum of data.lines[.amount]"
        );
    }

    #[test]
    fn identities_combine() {
        let form = amount("data.gross - data.net - data.fee - data.tax", None);
        let first = identity("data.gross == data.net + data.costs").unwrap();
        let second = identity("data.costs == data.fee + data.tax").unwrap();
        assert!(follows(&form, &[first.clone(), second]));
        assert!(!follows(&form, &[first]));
    }

    #[test]
    fn a_condition_that_only_skips_zero_changes_nothing() {
        assert!(says_not_zero("data.tax != 0", "data.tax", None));
        assert!(!says_not_zero("data.tax > 10", "data.tax", None));
        assert!(!says_not_zero("data.tax != 0", "data.total", None));
    }

    #[test]
    fn what_is_not_linear_cancels_only_against_itself() {
        let product = amount("data.quantity * data.price", None);
        let same = amount("data.quantity * data.price", None);
        let other = amount("data.price * data.quantity", None);
        assert!(follows(&add(&product, &same, -Decimal::ONE), &[]));
        assert!(!follows(&add(&product, &other, -Decimal::ONE), &[]));
        assert_eq!(
            display(&amount("data.total * 0.5", None)),
            "0.5 * data.total"
        );
    }
}
