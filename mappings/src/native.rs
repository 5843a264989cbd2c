//! Comparisons of sums, evaluated without the interpreter.
//!
//! Most promises and conditions compare sums of an event's own numbers: `data.total == data.net +
//! data.tax`, `data.tax != 0`. For those the interpreter would first copy the whole event. Here the
//! numbers are read where they stand and compared as decimals, as the interpreter does; whatever is not
//! a number there, or not of this form, is left to it, so that there is one meaning and one message.

use crate::data::Data;
use crate::expression::{mapped, path_of, with_tree};
use rust_decimal::Decimal;
use zen_expression::functions::{FunctionKind, InternalFunction};
use zen_expression::lexer::{ArithmeticOperator, ComparisonOperator, Operator};
use zen_expression::parser::Node;

/// A comparison of two sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    left: Vec<Term>,
    operator: ComparisonOperator,
    right: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    negative: bool,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Constant(Decimal),
    Path(Vec<String>),
    /// `sum(map(list, #.member))`.
    Over {
        list: Vec<String>,
        member: Vec<String>,
    },
}

/// Reads the value at a path.
pub(crate) trait Look<'v> {
    /// The value, if there is one.
    fn look(&self, path: &[String]) -> Option<&'v Data<'v>>;
}

impl Comparison {
    /// The comparison that a text is, if it is one of sums.
    pub(crate) fn of(text: &str) -> Option<Self> {
        with_tree(text, comparison).ok().flatten()
    }

    /// Whether it holds; none where it takes the interpreter to say so.
    pub(crate) fn holds<'v>(&self, event: &impl Look<'v>) -> Option<bool> {
        let (left, right) = (total(&self.left, event)?, total(&self.right, event)?);
        match self.operator {
            ComparisonOperator::Equal => Some(left == right),
            ComparisonOperator::NotEqual => Some(left != right),
            ComparisonOperator::LessThan => Some(left < right),
            ComparisonOperator::GreaterThan => Some(left > right),
            ComparisonOperator::LessThanOrEqual => Some(left <= right),
            ComparisonOperator::GreaterThanOrEqual => Some(left >= right),
            ComparisonOperator::In | ComparisonOperator::NotIn => None,
        }
    }
}

fn total<'v>(terms: &[Term], event: &impl Look<'v>) -> Option<Decimal> {
    terms.iter().try_fold(Decimal::ZERO, |sum, term| {
        let value = match &term.what {
            What::Constant(number) => *number,
            What::Path(path) => number(event.look(path)?)?,
            What::Over { list, member } => over(event.look(list)?, member)?,
        };
        if term.negative {
            sum.checked_sub(value)
        } else {
            sum.checked_add(value)
        }
    })
}

const fn number(data: &Data<'_>) -> Option<Decimal> {
    match data {
        Data::Number { value, .. } => Some(*value),
        _ => None,
    }
}

fn over(list: &Data<'_>, member: &[String]) -> Option<Decimal> {
    let Data::List(items) = list else {
        return None;
    };
    // Of an empty list the interpreter has its own opinion.
    if items.is_empty() {
        return None;
    }
    items.iter().try_fold(Decimal::ZERO, |sum, item| {
        let value = member.iter().try_fold(item, |here, name| here.get(name))?;
        sum.checked_add(number(value)?)
    })
}

fn comparison(node: &Node<'_>) -> Option<Comparison> {
    match node {
        Node::Parenthesized(inner) => comparison(inner),
        Node::Binary {
            left,
            operator: Operator::Comparison(operator),
            right,
        } => {
            let (mut on_left, mut on_right) = (Vec::new(), Vec::new());
            terms(left, false, &mut on_left)?;
            terms(right, false, &mut on_right)?;
            Some(Comparison {
                left: on_left,
                operator: *operator,
                right: on_right,
            })
        }
        _ => None,
    }
}

fn terms(node: &Node<'_>, negative: bool, found: &mut Vec<Term>) -> Option<()> {
    let what = match node {
        Node::Parenthesized(inner) => return terms(inner, negative, found),
        Node::Binary {
            left,
            operator: Operator::Arithmetic(operator),
            right,
        } => {
            let minus = match operator {
                ArithmeticOperator::Add => false,
                ArithmeticOperator::Subtract => true,
                _ => return None,
            };
            terms(left, negative, found)?;
            return terms(right, negative != minus, found);
        }
        Node::Number(number) => What::Constant(*number),
        Node::FunctionCall {
            kind: FunctionKind::Internal(InternalFunction::Sum),
            arguments,
        } => sum_over(arguments)?,
        other => What::Path(of_data(path_of(other)?)?),
    };
    found.push(Term { negative, what });
    Some(())
}

/// Numbers stand below `data`; the envelope's attributes are texts.
fn of_data(path: Vec<String>) -> Option<Vec<String>> {
    (path.len() > 1 && path.first().is_some_and(|root| root == "data")).then_some(path)
}

fn sum_over(arguments: &[&Node<'_>]) -> Option<What> {
    let (list, body, None) = mapped(arguments)? else {
        return None;
    };
    Some(What::Over {
        list: of_data(path_of(list)?)?,
        member: member_of(body)?,
    })
}

/// `#.a.b` as its parts.
fn member_of(node: &Node<'_>) -> Option<Vec<String>> {
    match node {
        Node::Member {
            node,
            property: Node::String(name),
        } => {
            let mut path = match node {
                Node::Pointer => Vec::new(),
                other => member_of(other)?,
            };
            path.push((*name).to_owned());
            Some(path)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zen_expression::variable::Variable;
    use zen_expression::vm::VM;
    use zen_expression::{Isolate, Scope};

    struct Whole<'v>(&'v Data<'v>);

    impl<'v> Look<'v> for Whole<'v> {
        fn look(&self, path: &[String]) -> Option<&'v Data<'v>> {
            path.iter().try_fold(self.0, |here, name| here.get(name))
        }
    }

    const EXPRESSIONS: [&str; 9] = [
        "data.total == data.net + data.tax",
        "data.total != 0",
        "(data.net - data.tax) < data.total",
        "data.net - (data.tax - data.total) >= 1.5",
        "data.total > data.net",
        "data.total <= data.tax",
        "data.total == sum(map(data.lines, #.amount)) + data.tax",
        "data.total - data.fee.amount == data.net",
        "sum(map(data.lines, #.amount)) != data.net",
    ];

    fn decimal() -> impl Strategy<Value = String> {
        prop_oneof![
            (-50i64..50, 0u32..4).prop_map(|(n, scale)| Decimal::new(n, scale).to_string()),
            Just("1e2".to_owned()),
            Just("0.00".to_owned()),
            Just("null".to_owned()),
            Just("\"7\"".to_owned()),
            Just("true".to_owned()),
        ]
    }

    proptest! {
        /// Where it answers at all, it answers as the interpreter does.
        #[test]
        fn the_interpreter_says_the_same(
            total in decimal(), net in decimal(), tax in decimal(), fee in decimal(),
            lines in prop::collection::vec(decimal(), 0..4),
        ) {
            let lines: Vec<String> = lines.iter().map(|amount| format!("{{\"amount\":{amount}}}")).collect();
            let text = format!(
                "{{\"data\":{{\"total\":{total},\"net\":{net},\"tax\":{tax},\"fee\":{{\"amount\":{fee}}},\"lines\":[{}]}}}}",
                lines.join(",")
            );
            let event: Data<'_> = serde_json::from_str(&text).unwrap();
            for expression in EXPRESSIONS {
                let Some(holds) = Comparison::of(expression).unwrap().holds(&Whole(&event)) else {
                    continue;
                };
                let compiled = Isolate::new().compile_standard(expression).unwrap();
                let scope = Scope::new(event.variable());
                let said = compiled.evaluate_with_scope(&scope, &mut VM::new()).unwrap();
                prop_assert!(matches!(said, Variable::Bool(flag) if flag == holds), "{expression} on {text}: {said:?}, not {holds}");
            }
        }
    }

    #[test]
    fn what_is_no_comparison_of_sums_is_left_to_the_interpreter() {
        for text in [
            "data.quantity * data.price == data.total",
            "data.kind == 'invoice'",
            "time != 0",
            "data.total",
            "data.total in [1, 2]",
            "data.total == -data.net",
        ] {
            assert_eq!(Comparison::of(text), None, "{text}");
        }
    }
}
