//! Rules that could want the same event.

use super::Compiler;
use crate::data::amount_of;
use crate::diagnostic::SourceFile;
use crate::expression::{path_of, with_tree};
use crate::program::Rule;
use crate::yaml::{self, place};
use rust_decimal::Decimal;
use zen_expression::lexer::{ComparisonOperator, LogicalOperator, Operator};
use zen_expression::parser::Node;

impl Compiler<'_> {
    /// Tells of an earlier rule of the same type: refuses two without conditions, warns of two whose conditions
    /// could both hold.
    pub(super) fn rivals(
        &mut self,
        file: &SourceFile<'_>,
        raw: &yaml::Rule,
        rule: &Rule,
        others: &[Rule],
    ) {
        let name = &raw.name.value;
        let on_same_days = others.iter().filter(|other| share_days(other, rule));
        for other in on_same_days {
            match (&other.when, &rule.when) {
                (None, None) => {
                    let message = format!(
                        "`{}` and `{name}` answer to the same events on the same days; end one with `to:`, or tell them apart with `when:`",
                        other.name
                    );
                    self.found.at(file, place(&raw.name), message);
                    return;
                }
                (Some(one), Some(two)) if exclude_each_other(&one.text, &two.text) => {}
                _ => {
                    let message = format!(
                        "`{}` and `{name}` could both want an event; one that both want is suspended, so let their `when:` exclude each other",
                        other.name
                    );
                    self.warnings.at(file, place(&raw.name), message);
                }
            }
        }
    }
}

fn share_days(a: &Rule, b: &Rule) -> bool {
    let starts_before = |a: &Rule, b: &Rule| match (a.from, b.to) {
        (Some(from), Some(to)) => from <= to,
        _ => true,
    };
    starts_before(a, b) && starts_before(b, a)
}

/// A part of a condition that must hold for the whole to hold.
#[derive(Debug)]
enum Part {
    /// A path compared with a constant.
    Is(String, ComparisonOperator, Constant),
    /// A path that is one of some constants, or none of them.
    Among(String, bool, Vec<Constant>),
    /// Anything else, by its text, and whether it holds or does not.
    Other(String, bool),
}

#[derive(Clone, Debug, PartialEq)]
enum Constant {
    Null,
    Flag(bool),
    Number(Decimal),
    Text(String),
}

/// Whether two conditions can be seen not to hold for one event.
fn exclude_each_other(one: &str, two: &str) -> bool {
    let of = |text: &str| {
        let mut parts = Vec::new();
        let read = with_tree(text, |root| parts_of(root, true, &mut parts));
        read.map(|()| parts).unwrap_or_default()
    };
    let (one, two) = (of(one), of(two));
    one.iter().any(|a| two.iter().any(|b| contradict(a, b)))
}

fn parts_of(node: &Node<'_>, holds: bool, parts: &mut Vec<Part>) {
    match node {
        Node::Parenthesized(inner) => parts_of(inner, holds, parts),
        Node::Unary {
            node,
            operator: Operator::Logical(LogicalOperator::Not),
        } => parts_of(node, !holds, parts),
        Node::Binary {
            left,
            operator: Operator::Logical(LogicalOperator::And),
            right,
        } if holds => {
            parts_of(left, true, parts);
            parts_of(right, true, parts);
        }
        Node::Binary {
            left,
            operator: Operator::Logical(LogicalOperator::Or),
            right,
        } if !holds => {
            parts_of(left, false, parts);
            parts_of(right, false, parts);
        }
        Node::Binary {
            left,
            operator: Operator::Comparison(operator),
            right,
        } => match compared(left, *operator, right, holds) {
            Some(part) => parts.push(part),
            None => parts.push(Part::Other(format!("{node:?}"), holds)),
        },
        other => match path_of(other) {
            Some(path) => parts.push(Part::Is(
                path.join("."),
                ComparisonOperator::Equal,
                Constant::Flag(holds),
            )),
            None => parts.push(Part::Other(format!("{other:?}"), holds)),
        },
    }
}

fn compared(
    left: &Node<'_>,
    operator: ComparisonOperator,
    right: &Node<'_>,
    holds: bool,
) -> Option<Part> {
    if let (Node::Array(items), ComparisonOperator::In | ComparisonOperator::NotIn) =
        (right, operator)
    {
        let all: Option<Vec<Constant>> = items.iter().map(|item| constant(item)).collect();
        let is_in = (operator == ComparisonOperator::In) == holds;
        return Some(Part::Among(path_of(left)?.join("."), is_in, all?));
    }
    let (path, operator, value) = match (path_of(left), constant(right)) {
        (Some(path), Some(value)) => (path, operator, value),
        _ => (path_of(right)?, turned(operator), constant(left)?),
    };
    let operator = if holds { operator } else { opposite(operator)? };
    Some(Part::Is(path.join("."), operator, value))
}

fn constant(node: &Node<'_>) -> Option<Constant> {
    match node {
        Node::Parenthesized(inner) => constant(inner),
        Node::Null => Some(Constant::Null),
        Node::Bool(flag) => Some(Constant::Flag(*flag)),
        Node::Number(number) => Some(Constant::Number(*number)),
        // An amount as a text is that amount wherever it is compared with one.
        Node::String(text) => Some(match amount_of(text) {
            Some(number) => Constant::Number(number),
            None => Constant::Text((*text).to_owned()),
        }),
        _ => None,
    }
}

/// The operator with its sides exchanged.
const fn turned(operator: ComparisonOperator) -> ComparisonOperator {
    match operator {
        ComparisonOperator::LessThan => ComparisonOperator::GreaterThan,
        ComparisonOperator::GreaterThan => ComparisonOperator::LessThan,
        ComparisonOperator::LessThanOrEqual => ComparisonOperator::GreaterThanOrEqual,
        ComparisonOperator::GreaterThanOrEqual => ComparisonOperator::LessThanOrEqual,
        same => same,
    }
}

const fn opposite(operator: ComparisonOperator) -> Option<ComparisonOperator> {
    Some(match operator {
        ComparisonOperator::Equal => ComparisonOperator::NotEqual,
        ComparisonOperator::NotEqual => ComparisonOperator::Equal,
        ComparisonOperator::LessThan => ComparisonOperator::GreaterThanOrEqual,
        ComparisonOperator::GreaterThanOrEqual => ComparisonOperator::LessThan,
        ComparisonOperator::GreaterThan => ComparisonOperator::LessThanOrEqual,
        ComparisonOperator::LessThanOrEqual => ComparisonOperator::GreaterThan,
        ComparisonOperator::In | ComparisonOperator::NotIn => return None,
    })
}

fn contradict(a: &Part, b: &Part) -> bool {
    match (a, b) {
        (Part::Other(one, holds), Part::Other(two, other)) => one == two && holds != other,
        (Part::Is(one, ..) | Part::Among(one, ..), Part::Is(two, ..) | Part::Among(two, ..))
            if one != two =>
        {
            false
        }
        (Part::Is(_, ComparisonOperator::Equal, value), other)
        | (other, Part::Is(_, ComparisonOperator::Equal, value)) => !allows(other, value),
        (Part::Among(_, true, values), other) | (other, Part::Among(_, true, values)) => {
            values.iter().all(|value| !allows(other, value))
        }
        (Part::Is(_, first, Constant::Number(one)), Part::Is(_, second, Constant::Number(two))) => {
            no_number_between((*first, *one), (*second, *two))
        }
        _ => false,
    }
}

/// Whether a value may be what a part asks for.
fn allows(part: &Part, value: &Constant) -> bool {
    match part {
        Part::Other(..) => true,
        Part::Among(_, is_in, values) => values.contains(value) == *is_in,
        Part::Is(_, operator, wanted) => match operator {
            ComparisonOperator::Equal => value == wanted,
            ComparisonOperator::NotEqual => value != wanted,
            _ => match (value, wanted) {
                (Constant::Number(value), Constant::Number(wanted)) => match operator {
                    ComparisonOperator::LessThan => value < wanted,
                    ComparisonOperator::LessThanOrEqual => value <= wanted,
                    ComparisonOperator::GreaterThan => value > wanted,
                    _ => value >= wanted,
                },
                _ => true,
            },
        },
    }
}

/// Whether one says less and the other more, with nothing between.
fn no_number_between(
    (first, one): (ComparisonOperator, Decimal),
    (second, two): (ComparisonOperator, Decimal),
) -> bool {
    use ComparisonOperator::{GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual};
    match (first, second) {
        (LessThan, GreaterThan | GreaterThanOrEqual) | (LessThanOrEqual, GreaterThan) => one <= two,
        (LessThanOrEqual, GreaterThanOrEqual) => one < two,
        (GreaterThan | GreaterThanOrEqual, LessThan | LessThanOrEqual) => {
            no_number_between((second, two), (first, one))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_exclude_each_other_are_seen() {
        for (one, two) in [
            ("data.status == 'paid'", "data.status == 'void'"),
            ("data.status == 'paid'", "data.status != 'paid'"),
            ("data.kind in ['a', 'b']", "data.kind == 'c'"),
            (
                "data.kind in ['a', 'b']",
                "data.kind not in ['a', 'b', 'c']",
            ),
            ("data.paid", "not data.paid"),
            ("data.paid", "data.paid == false"),
            ("data.fee != null", "data.fee == null"),
            ("data.amount > 0 and data.x", "data.amount <= 0"),
            ("data.amount >= 5", "4 > data.amount"),
            ("len(data.lines) > 0", "not (len(data.lines) > 0)"),
            ("not (data.a == 1 or data.b == 2)", "data.b == 2"),
        ] {
            assert!(exclude_each_other(one, two), "{one} | {two}");
            assert!(exclude_each_other(two, one), "{two} | {one}");
        }
        for (one, two) in [
            ("data.status == 'paid'", "data.kind == 'void'"),
            ("data.status == 'paid'", "data.status == 'paid' and data.x"),
            ("data.a == 1 or data.b == 2", "data.a == 2"),
            ("data.amount >= 5", "data.amount <= 5"),
            ("data.amount > 5", "data.amount != 5"),
            ("data.kind in ['a', 'b']", "data.kind in ['b', 'c']"),
            ("data.x", "data.y"),
        ] {
            assert!(!exclude_each_other(one, two), "{one} | {two}");
        }
    }
}
