//! Sums, products and their comparisons, evaluated without the interpreter.
//!
//! Most promises, conditions and amounts compute with an event's own numbers: `data.total == data.net +
//! data.tax`, `data.tax != 0`, `data.quantity * data.price`. For those the interpreter would first copy the whole
//! event. Here the numbers are read where they stand and computed as decimals, as the interpreter does; whatever
//! is no amount there, or not of this form, is left to it, so that there is one meaning and one message.

use crate::data::Data;
use crate::expression::{mapped, with_tree};
use crate::reading::{Pattern, Step};
use rust_decimal::Decimal;
use zen_expression::functions::{FunctionKind, InternalFunction};
use zen_expression::lexer::{ArithmeticOperator, ComparisonOperator, LogicalOperator, Operator};
use zen_expression::parser::Node;

/// What an expression gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Flag(bool),
    Number(Decimal),
}

/// An expression that needs no interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    Number(Number),
    Comparison {
        left: Number,
        operator: ComparisonOperator,
        right: Number,
    },
}

/// A number of an event, or one computed from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Constant(Decimal),
    Path(Place),
    Negative(Box<Number>),
    Binary(Box<Number>, ArithmeticOperator, Box<Number>),
    /// `sum(map(list, body))`; the list may be absent where it is optional.
    Sum {
        list: Place,
        optional: bool,
        body: Box<Number>,
    },
    /// `value ?? otherwise`.
    Otherwise(Place, Box<Number>),
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    root: Root,
    rest: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    /// `data`, or what a line's element is called.
    Named(String),
    /// The element of the sum that is so deep; 0 is the outermost.
    Element(usize),
}

/// Reads the value at a path.
pub(crate) trait Look<'v> {
    /// The value of a name and the path below it, if there is one.
    fn look(&self, root: &str, rest: &[String]) -> Option<&'v Data<'v>>;
}

impl Native {
    /// The expression that a text is, if it is of this form. `aliases` are what elements are called, `optional`
    /// the lists that may be absent.
    pub(crate) fn of(text: &str, aliases: &[String], optional: &[Pattern]) -> Option<Self> {
        let reader = Reader { aliases, optional };
        with_tree(text, |root| reader.native(root)).ok().flatten()
    }

    /// What it gives; none where it takes the interpreter to say so.
    pub(crate) fn give<'v>(&self, event: &impl Look<'v>) -> Option<Given> {
        let mut elements = Vec::new();
        match self {
            Self::Number(number) => number.value(event, &mut elements).map(Given::Number),
            Self::Comparison {
                left,
                operator,
                right,
            } => {
                let left = left.value(event, &mut elements)?;
                let right = right.value(event, &mut elements)?;
                let holds = match operator {
                    ComparisonOperator::Equal => left == right,
                    ComparisonOperator::NotEqual => left != right,
                    ComparisonOperator::LessThan => left < right,
                    ComparisonOperator::GreaterThan => left > right,
                    ComparisonOperator::LessThanOrEqual => left <= right,
                    ComparisonOperator::GreaterThanOrEqual => left >= right,
                    ComparisonOperator::In | ComparisonOperator::NotIn => return None,
                };
                Some(Given::Flag(holds))
            }
        }
    }
}

impl Number {
    fn value<'v>(
        &self,
        event: &impl Look<'v>,
        elements: &mut Vec<&'v Data<'v>>,
    ) -> Option<Decimal> {
        match self {
            Self::Constant(number) => Some(*number),
            Self::Path(place) => place.find(event, elements)?.amount(),
            Self::Negative(inner) => inner.value(event, elements).map(|value| -value),
            Self::Binary(left, operator, right) => {
                let (left, right) = (left.value(event, elements)?, right.value(event, elements)?);
                match operator {
                    ArithmeticOperator::Add => left.checked_add(right),
                    ArithmeticOperator::Subtract => left.checked_sub(right),
                    ArithmeticOperator::Multiply => left.checked_mul(right),
                    ArithmeticOperator::Divide => left.checked_div(right),
                    ArithmeticOperator::Modulus | ArithmeticOperator::Power => None,
                }
            }
            Self::Sum {
                list,
                optional,
                body,
            } => {
                let items = match list.find(event, elements) {
                    Some(Data::List(items)) => items,
                    None | Some(Data::Null) if *optional => return Some(Decimal::ZERO),
                    _ => return None,
                };
                // Of an empty list the interpreter has its own opinion.
                if items.is_empty() && !optional {
                    return None;
                }
                items.iter().try_fold(Decimal::ZERO, |sum, item| {
                    elements.push(item);
                    let value = body.value(event, elements);
                    elements.pop();
                    sum.checked_add(value?)
                })
            }
            Self::Otherwise(place, other) => match place.find(event, elements) {
                None | Some(Data::Null) => other.value(event, elements),
                Some(data) => data.amount(),
            },
        }
    }
}

impl Place {
    fn find<'v>(&self, event: &impl Look<'v>, elements: &[&'v Data<'v>]) -> Option<&'v Data<'v>> {
        match &self.root {
            Root::Named(name) => event.look(name, &self.rest),
            Root::Element(depth) => {
                let element = *elements.get(*depth)?;
                self.rest
                    .iter()
                    .try_fold(element, |here, name| here.get(name))
            }
        }
    }
}

/// What a closure calls the element it runs over, and where the elements stand.
type Element<'n> = (Option<&'n str>, Option<Pattern>);

struct Reader<'r> {
    aliases: &'r [String],
    optional: &'r [Pattern],
}

impl Reader<'_> {
    fn native(&self, node: &Node<'_>) -> Option<Native> {
        match node {
            Node::Parenthesized(inner) => self.native(inner),
            Node::Binary {
                left,
                operator: Operator::Comparison(operator),
                right,
            } => Some(Native::Comparison {
                left: self.number(left, &mut Vec::new())?,
                operator: *operator,
                right: self.number(right, &mut Vec::new())?,
            }),
            _ => match self.number(node, &mut Vec::new())? {
                // A path by itself may be a text or a flag.
                Number::Path(_) => None,
                number => Some(Native::Number(number)),
            },
        }
    }

    fn number<'n>(&self, node: &Node<'n>, elements: &mut Vec<Element<'n>>) -> Option<Number> {
        match node {
            Node::Parenthesized(inner) => self.number(inner, elements),
            Node::Number(number) => Some(Number::Constant(*number)),
            Node::Unary {
                node,
                operator: Operator::Arithmetic(ArithmeticOperator::Subtract),
            } => Some(Number::Negative(Box::new(self.number(node, elements)?))),
            Node::Binary {
                left,
                operator: Operator::Arithmetic(operator),
                right,
            } if !matches!(
                operator,
                ArithmeticOperator::Modulus | ArithmeticOperator::Power
            ) =>
            {
                Some(Number::Binary(
                    Box::new(self.number(left, elements)?),
                    *operator,
                    Box::new(self.number(right, elements)?),
                ))
            }
            Node::Binary {
                left,
                operator: Operator::Logical(LogicalOperator::NullishCoalescing),
                right,
            } => {
                let (place, _) = self.place(left, elements)?;
                Some(Number::Otherwise(
                    place,
                    Box::new(self.number(right, elements)?),
                ))
            }
            Node::FunctionCall {
                kind: FunctionKind::Internal(InternalFunction::Sum),
                arguments,
            } => self.sum(arguments, elements),
            _ => Some(Number::Path(self.place(node, elements)?.0)),
        }
    }

    fn sum<'n>(
        &self,
        arguments: &[&'n Node<'n>],
        elements: &mut Vec<Element<'n>>,
    ) -> Option<Number> {
        let (list, body, alias) = mapped(arguments)?;
        let (list, pattern) = self.place(list, elements)?;
        let optional = pattern
            .as_ref()
            .is_some_and(|at| self.optional.contains(at));
        let inside = pattern.map(|mut pattern| {
            pattern.push(Step::Each);
            pattern
        });
        elements.push((alias, inside));
        let body = self.number(body, elements);
        elements.pop();
        Some(Number::Sum {
            list,
            optional,
            body: Box::new(body?),
        })
    }

    /// Numbers stand below `data` or an element; the envelope's attributes are texts.
    fn place(&self, node: &Node<'_>, elements: &[Element<'_>]) -> Option<(Place, Option<Pattern>)> {
        let element = |depth: usize| {
            let place = Place {
                root: Root::Element(depth),
                rest: Vec::new(),
            };
            Some((place, elements.get(depth)?.1.clone()))
        };
        match node {
            Node::Parenthesized(inner) => self.place(inner, elements),
            Node::Pointer => element(elements.len().checked_sub(1)?),
            Node::Identifier(name) => {
                let named = |(alias, _): &Element<'_>| alias.as_deref() == Some(*name);
                if let Some(depth) = elements.iter().rposition(named) {
                    return element(depth);
                }
                if *name != "data" && !self.aliases.iter().any(|alias| alias == name) {
                    return None;
                }
                let place = Place {
                    root: Root::Named((*name).to_owned()),
                    rest: Vec::new(),
                };
                Some((place, Some(vec![Step::Name((*name).to_owned())])))
            }
            Node::Member {
                node,
                property: Node::String(name),
            } => {
                let (mut place, mut pattern) = self.place(node, elements)?;
                place.rest.push((*name).to_owned());
                if let Some(pattern) = &mut pattern {
                    pattern.push(Step::Name((*name).to_owned()));
                }
                Some((place, pattern))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Reading, Want};
    use proptest::prelude::*;
    use zen_expression::variable::Variable;
    use zen_expression::vm::VM;
    use zen_expression::{Isolate, Scope};

    struct Whole<'v>(&'v Data<'v>);

    impl<'v> Look<'v> for Whole<'v> {
        fn look(&self, root: &str, rest: &[String]) -> Option<&'v Data<'v>> {
            let mut path = std::iter::once(root).chain(rest.iter().map(String::as_str));
            path.try_fold(self.0, |here, name| here.get(name))
        }
    }

    const EXPRESSIONS: [(&str, Want); 15] = [
        ("data.total == data.net + data.tax", Want::Flag),
        ("data.total != 0", Want::Flag),
        ("(data.net - data.tax) < data.total", Want::Flag),
        ("data.net - (data.tax - data.total) >= 1.5", Want::Flag),
        ("data.total > data.net", Want::Flag),
        ("data.total <= data.tax", Want::Flag),
        (
            "data.total == sum(map(data.lines, #.amount)) + data.tax",
            Want::Flag,
        ),
        ("data.total - data.fee.amount == data.net", Want::Flag),
        ("sum(map(data.lines, #.amount)) != data.net", Want::Flag),
        ("data.total * data.net - 2 * -data.tax", Want::Number),
        ("data.total / data.net", Want::Number),
        ("(data.tax ?? 0) + data.net", Want::Number),
        ("data.absent ?? data.net", Want::Number),
        (
            "sum(map(data.lines as l, l.amount * data.net))",
            Want::Number,
        ),
        (
            "sum(map(data.absent, #.amount)) + sum(map(data.lines, #.amount))",
            Want::Number,
        ),
    ];

    fn decimal() -> impl Strategy<Value = String> {
        prop_oneof![
            (-50i64..50, 0u32..4).prop_map(|(n, scale)| Decimal::new(n, scale).to_string()),
            (-50i64..50, 0u32..4).prop_map(|(n, scale)| format!("\"{}\"", Decimal::new(n, scale))),
            Just("1e2".to_owned()),
            Just("0.00".to_owned()),
            Just("null".to_owned()),
            Just("\"7x\"".to_owned()),
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
            let optional = ["lines", "absent"].map(|name| vec![Step::Name("data".into()), Step::Name(name.into())]);
            for (expression, want) in EXPRESSIONS {
                let Some(given) = Native::of(expression, &[], &optional).unwrap().give(&Whole(&event)) else {
                    continue;
                };
                let reading = Reading::of(expression, want, &optional);
                let slices = |all: &[Pattern]| all.to_vec();
                let (amounts, lists) = (slices(&reading.amounts), slices(&reading.lists));
                let amounts: Vec<&[Step]> = amounts.iter().map(Vec::as_slice).collect();
                let lists: Vec<&[Step]> = lists.iter().map(Vec::as_slice).collect();
                let compiled = Isolate::new().compile_standard(expression).unwrap();
                let scope = Scope::new(event.variable_as(&amounts, &lists));
                let said = compiled.evaluate_with_scope(&scope, &mut VM::new()).unwrap();
                let same = match (&said, given) {
                    (Variable::Bool(flag), Given::Flag(own)) => *flag == own,
                    (Variable::Number(number), Given::Number(own)) => *number == own,
                    _ => false,
                };
                prop_assert!(same, "{expression} on {text}: {said:?}, not {given:?}");
            }
        }
    }

    #[test]
    fn what_is_of_another_form_is_left_to_the_interpreter() {
        for text in [
            "data.kind == 'invoice'",
            "time != 0",
            "data.total",
            "data.total % 2 == 0",
            "data.total > 0 and data.net > 0",
            "line.amount * 2",
            "len(data.lines) > 0",
        ] {
            assert_eq!(Native::of(text, &[], &[]), None, "{text}");
        }
        assert!(Native::of("line.amount * 2", &["line".to_owned()], &[]).is_some());
    }
}
