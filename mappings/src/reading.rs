//! What an expression reads as an amount.
//!
//! Billing systems send amounts as numbers and as texts. The interpreter would add two texts by writing one
//! behind the other, and finds `"12.60"` unlike 12.6. So the tree of an expression says where a value stands as
//! an amount: beside an arithmetic sign, in a sum, in a comparison with something that is no text. What stands
//! there and is a text that holds a decimal is read as that number; all other texts stay texts.

use crate::expression::{path_of, with_tree};
use zen_expression::functions::{ClosureFunction, FunctionKind, InternalFunction};
use zen_expression::lexer::{ArithmeticOperator, ComparisonOperator, LogicalOperator, Operator};
use zen_expression::parser::Node;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of a name.
    Name(String),
    /// Every element.
    Each,
}

/// A path whose value is read in a certain way; its first step is `data` or what an element is called.
pub(crate) type Pattern = Vec<Step>;

/// How an expression reads what it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What is an amount there.
    pub(crate) amounts: Vec<Pattern>,
    /// Lists that are empty where they are null or absent.
    pub(crate) lists: Vec<Pattern>,
    /// Lists that must be there.
    pub(crate) needed: Vec<Pattern>,
    /// Everything that it names.
    pub(crate) named: Vec<Pattern>,
    /// What is compared with a text.
    pub(crate) texts: Vec<Pattern>,
    /// What may be missing: it has another value then, or is asked whether it is.
    pub(crate) spared: Vec<Pattern>,
}

/// What an expression is to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// An amount, a rate, a quantity.
    Number,
    /// True or false.
    Flag,
    /// A name, a reference, a key.
    Text,
}

impl Reading {
    /// Of an expression that stands where `want` is needed, in a rule with these `optional` lists.
    pub(crate) fn of(text: &str, want: Want, optional: &[Pattern]) -> Self {
        let found = with_tree(text, |root| {
            let mut walk = Walk::default();
            walk.visit(root, want == Want::Number);
            walk
        });
        let Ok(walk) = found else {
            return Self::default();
        };
        let lists = walk.lists.into_iter();
        let (lists, needed) = lists.partition(|list| optional.contains(list));
        Self {
            amounts: walk.amounts,
            lists,
            needed,
            named: walk.named,
            texts: walk.texts,
            spared: walk.spared,
        }
    }
}

/// A path as a pattern, without elements in it.
pub(crate) fn pattern(path: &[String]) -> Pattern {
    path.iter().cloned().map(Step::Name).collect()
}

/// The walk through a tree.
#[derive(Default)]
struct Walk {
    /// What elements of lists are called in the closures around, the innermost last, and where they stand.
    elements: Vec<(Option<String>, Option<Pattern>)>,
    amounts: Vec<Pattern>,
    lists: Vec<Pattern>,
    named: Vec<Pattern>,
    texts: Vec<Pattern>,
    spared: Vec<Pattern>,
}

impl Walk {
    fn visit(&mut self, node: &Node<'_>, is_amount: bool) {
        match node {
            Node::Identifier(_) | Node::Pointer | Node::Member { .. } => {
                self.value(node, is_amount);
            }
            Node::Parenthesized(inner) | Node::Closure { body: inner, .. } => {
                self.visit(inner, is_amount);
            }
            Node::Unary { node, operator } => {
                let negated = Operator::Arithmetic(ArithmeticOperator::Subtract);
                self.visit(node, *operator == negated);
            }
            Node::Binary {
                left,
                operator,
                right,
            } => {
                let are = are_amounts(*operator, left, right, is_amount);
                self.note(*operator, left, right);
                self.visit(left, are);
                self.visit(right, are);
            }
            Node::Conditional {
                condition,
                on_true,
                on_false,
            } => {
                self.visit(condition, false);
                self.visit(on_true, is_amount);
                self.visit(on_false, is_amount);
            }
            Node::Interval { left, right, .. } => {
                self.visit(left, is_amount);
                self.visit(right, is_amount);
            }
            Node::Array(items) => items.iter().for_each(|item| self.visit(item, is_amount)),
            Node::TemplateString(items) => items.iter().for_each(|item| self.visit(item, false)),
            Node::FunctionCall { kind, arguments } => self.call(kind, arguments, is_amount),
            Node::MethodCall {
                this, arguments, ..
            } => {
                self.visit(this, false);
                arguments.iter().for_each(|item| self.visit(item, false));
            }
            _ => {}
        }
    }

    /// Keeps what an operator says of its sides: that one is a text, or that one may be missing.
    fn note(&mut self, operator: Operator, left: &Node<'_>, right: &Node<'_>) {
        let is_null = |node: &Node<'_>| matches!(node, Node::Null);
        match operator {
            Operator::Comparison(_) if is_text(left) || is_text(right) => {
                self.texts.extend(self.place(left));
                self.texts.extend(self.place(right));
            }
            Operator::Comparison(_) if is_null(left) || is_null(right) => {
                self.spared.extend(self.place(left));
                self.spared.extend(self.place(right));
            }
            Operator::Logical(LogicalOperator::NullishCoalescing) => {
                self.spared.extend(self.place(left));
            }
            _ => {}
        }
    }

    fn value(&mut self, node: &Node<'_>, is_amount: bool) {
        if let Node::Member { node, property } = node
            && !matches!(property, Node::String(_))
        {
            self.visit(node, false);
        }
        if let Some(found) = self.place(node) {
            if is_amount {
                self.amounts.push(found.clone());
            }
            self.named.push(found);
        }
    }

    fn call(&mut self, kind: &FunctionKind, arguments: &[&Node<'_>], is_amount: bool) {
        let of_amounts = match kind {
            FunctionKind::Internal(function) => {
                gives_number(function) && !matches!(function, InternalFunction::Len)
            }
            FunctionKind::Closure(function) => {
                return self.closure(function, arguments, is_amount);
            }
            FunctionKind::Deprecated(_) => false,
        };
        arguments
            .iter()
            .for_each(|argument| self.visit(argument, of_amounts));
    }

    fn closure(&mut self, function: &ClosureFunction, arguments: &[&Node<'_>], is_amount: bool) {
        let [list, Node::Closure { body, alias }] = arguments else {
            return arguments.iter().for_each(|item| self.visit(item, false));
        };
        self.visit(list, false);
        let place = self.place(list);
        self.lists.extend(place.clone());
        let elements = place.map(|mut list| {
            list.push(Step::Each);
            list
        });
        self.elements.push((alias.map(str::to_owned), elements));
        let gives = matches!(function, ClosureFunction::Map | ClosureFunction::FlatMap);
        self.visit(body, gives && is_amount);
        self.elements.pop();
    }

    /// Where a value stands, if it stands at a path.
    fn place(&self, node: &Node<'_>) -> Option<Pattern> {
        match node {
            Node::Parenthesized(inner) => self.place(inner),
            Node::Pointer => self.elements.last()?.1.clone(),
            Node::Identifier(name) => {
                let named = |(alias, _): &&(Option<String>, Option<Pattern>)| {
                    alias.as_deref() == Some(*name)
                };
                match self.elements.iter().rev().find(named) {
                    Some((_, place)) => place.clone(),
                    None => path_of(node).map(|path| pattern(&path)),
                }
            }
            Node::Member { node, property } => {
                let mut place = self.place(node)?;
                place.push(match property {
                    Node::String(name) => Step::Name((*name).to_owned()),
                    _ => Step::Each,
                });
                Some(place)
            }
            // What is left of a list stands where the list stands.
            Node::FunctionCall {
                kind: FunctionKind::Closure(ClosureFunction::Filter),
                arguments,
            } => self.place(arguments.first()?),
            _ => None,
        }
    }
}

/// Whether both sides of an operator are amounts.
fn are_amounts(operator: Operator, left: &Node<'_>, right: &Node<'_>, is_amount: bool) -> bool {
    match operator {
        Operator::Arithmetic(ArithmeticOperator::Add) => {
            is_amount && !is_text(left) && !is_text(right)
        }
        Operator::Arithmetic(_) => true,
        Operator::Comparison(ComparisonOperator::In | ComparisonOperator::NotIn) => {
            is_of_numbers(right)
        }
        Operator::Comparison(_) => may_be_amount(left) && may_be_amount(right),
        Operator::Logical(LogicalOperator::NullishCoalescing) => is_amount,
        _ => false,
    }
}

/// A field of the event, or what computes a number. The envelope's attributes are texts, and nobody knows what
/// another function gives.
fn may_be_amount(node: &Node<'_>) -> bool {
    match node {
        Node::Number(_) | Node::Pointer => true,
        Node::Identifier(name) => !["id", "source", "type", "subject", "time"].contains(name),
        Node::Parenthesized(inner) | Node::Member { node: inner, .. } => may_be_amount(inner),
        Node::Unary { operator, .. } => {
            *operator == Operator::Arithmetic(ArithmeticOperator::Subtract)
        }
        Node::Binary {
            left,
            operator,
            right,
        } => match operator {
            Operator::Arithmetic(_) => !is_text(left) && !is_text(right),
            Operator::Logical(LogicalOperator::NullishCoalescing) => {
                may_be_amount(left) && may_be_amount(right)
            }
            _ => false,
        },
        Node::Conditional {
            on_true, on_false, ..
        } => may_be_amount(on_true) && may_be_amount(on_false),
        Node::FunctionCall { kind, .. } => match kind {
            FunctionKind::Internal(function) => gives_number(function),
            FunctionKind::Closure(function) => matches!(function, ClosureFunction::Count),
            FunctionKind::Deprecated(_) => false,
        },
        _ => false,
    }
}

const fn gives_number(function: &InternalFunction) -> bool {
    matches!(
        function,
        InternalFunction::Sum
            | InternalFunction::Avg
            | InternalFunction::Min
            | InternalFunction::Max
            | InternalFunction::Median
            | InternalFunction::Abs
            | InternalFunction::Floor
            | InternalFunction::Ceil
            | InternalFunction::Round
            | InternalFunction::Trunc
            | InternalFunction::Number
            | InternalFunction::Len
    )
}

fn is_text(node: &Node<'_>) -> bool {
    match node {
        Node::String(_) | Node::TemplateString(_) => true,
        Node::Parenthesized(inner) => is_text(inner),
        Node::Binary {
            left,
            operator: Operator::Arithmetic(ArithmeticOperator::Add),
            right,
        } => is_text(left) || is_text(right),
        Node::Conditional {
            on_true, on_false, ..
        } => is_text(on_true) || is_text(on_false),
        Node::FunctionCall {
            kind:
                FunctionKind::Internal(
                    InternalFunction::Upper
                    | InternalFunction::Lower
                    | InternalFunction::Trim
                    | InternalFunction::String,
                ),
            ..
        } => true,
        _ => false,
    }
}

/// A list or an interval in which numbers stand.
fn is_of_numbers(node: &Node<'_>) -> bool {
    let number = |node: &Node<'_>| matches!(node, Node::Number(_) | Node::Unary { .. });
    match node {
        Node::Parenthesized(inner) => is_of_numbers(inner),
        Node::Interval { left, right, .. } => number(left) && number(right),
        Node::Array(items) => !items.is_empty() && items.iter().all(|item| number(item)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(text: &str, want: Want) -> Vec<String> {
        let of = |pattern: &Pattern| {
            let steps = pattern.iter().map(|step| match step {
                Step::Name(name) => name.clone(),
                Step::Each => "*".to_owned(),
            });
            steps.collect::<Vec<_>>().join(".")
        };
        Reading::of(text, want, &[])
            .amounts
            .iter()
            .map(of)
            .collect()
    }

    #[test]
    fn what_stands_as_an_amount_is_read_as_one_and_what_stands_as_a_text_is_not() {
        let cases: [(&str, Want, &[&str]); 15] = [
            ("data.a + data.b", Want::Number, &["data.a", "data.b"]),
            ("data.a + data.b", Want::Text, &[]),
            ("data.a + '-' + data.b", Want::Number, &[]),
            (
                "data.total == data.net",
                Want::Flag,
                &["data.total", "data.net"],
            ),
            ("data.kind == 'invoice'", Want::Flag, &[]),
            (
                "data.kind == 'invoice' and data.amount > 0",
                Want::Flag,
                &["data.amount"],
            ),
            (
                "data.total == sum(map(data.lines, #.amount)) + data.tax",
                Want::Flag,
                &["data.total", "data.lines.*.amount", "data.tax"],
            ),
            (
                "sum(map(data.lines as l, l.quantity * l.price))",
                Want::Number,
                &["data.lines.*.quantity", "data.lines.*.price"],
            ),
            (
                "sum(map(filter(data.lines, #.kind == 'tax'), #.amount))",
                Want::Number,
                &["data.lines.*.amount"],
            ),
            (
                "sum(map(data.lines as l, sum(map(l.taxes, #.amount))))",
                Want::Number,
                &["data.lines.*.taxes.*.amount"],
            ),
            ("data.tax ?? 0", Want::Number, &["data.tax"]),
            ("line.amount * 100", Want::Number, &["line.amount"]),
            (
                "data.lines[0].amount > 1",
                Want::Flag,
                &["data.lines.*.amount"],
            ),
            ("data.customer == subject", Want::Flag, &[]),
            ("split(data.ref, '-')[1] == data.code", Want::Flag, &[]),
        ];
        for (text, want, expected) in cases {
            assert_eq!(amounts(text, want), expected, "{text}");
        }
    }
}
