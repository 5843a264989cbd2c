//! Expressions: checked when compiling, plain paths kept apart from what computes.
//!
//! The language is ZEN. Two of its functions are refused because they would make equal input give
//! unequal output: `rand` and dates taken from the clock.

use bumpalo::Bump;
use std::collections::BTreeSet;
use zen_expression::functions::{ClosureFunction, FunctionKind, InternalFunction};
use zen_expression::lexer::Lexer;
use zen_expression::parser::{Node, Parser};

/// The names that every expression may use.
pub const ROOTS: [&str; 6] = ["data", "id", "source", "type", "subject", "time"];

/// What a text turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Path(Vec<String>),
    Computed,
}

/// Checks an expression that may use [`ROOTS`] and `aliases`.
///
/// # Errors
/// A sentence that says what is wrong.
pub(crate) fn parse(text: &str, aliases: &[String]) -> Result<Parsed, String> {
    with_tree(text, |root| {
        let mut problems = Vec::new();
        check(root, aliases, &BTreeSet::new(), &mut problems);
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        Ok(path_of(root).map_or(Parsed::Computed, Parsed::Path))
    })?
    .and_then(|parsed| match parsed {
        // Not all that can be read can be made ready for events.
        Parsed::Computed => zen_expression::Isolate::new()
            .compile_standard(text)
            .map(|_ready| Parsed::Computed)
            .map_err(|error| format!("`{text}` cannot be compiled: {error}")),
        path @ Parsed::Path(_) => Ok(path),
    })
}

/// The longest expression, in bytes.
const LONGEST: usize = 4_096;

/// How deep parentheses, brackets and signs may stand in each other: every walk through a tree goes as deep.
const DEEPEST: usize = 64;

fn bounded(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!(
            "an expression of {} bytes; at most {LONGEST} are read",
            text.len()
        ));
    }
    let (mut depth, mut deepest, mut signs) = (0_usize, 0, 0_usize);
    for sign in text.chars() {
        match sign {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '-' | '!' | '?' => signs += 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > DEEPEST || signs > 4 * DEEPEST {
        return Err(format!(
            "an expression that is nested more than {DEEPEST} deep"
        ));
    }
    Ok(())
}

/// Parses a text and hands its tree out.
pub(crate) fn with_tree<T>(text: &str, use_it: impl FnOnce(&Node<'_>) -> T) -> Result<T, String> {
    bounded(text)?;
    let bump = Bump::new();
    let mut lexer = Lexer::new();
    let tokens = lexer
        .tokenize(&bump, text)
        .map_err(|e| format!("`{text}` cannot be read: {e}"))?;
    let parser =
        Parser::try_new(&tokens, &bump).map_err(|e| format!("`{text}` cannot be read: {e}"))?;
    let result = parser.standard().parse();
    result
        .error()
        .map_err(|e| format!("`{text}` cannot be read: {e}"))?;
    Ok(use_it(result.root))
}

/// `data.customer.id` as its parts; none for anything that computes.
pub(crate) fn path_of(node: &Node<'_>) -> Option<Vec<String>> {
    match node {
        Node::Identifier(name) => Some(vec![(*name).to_owned()]),
        Node::Parenthesized(inner) => path_of(inner),
        Node::Member {
            node,
            property: Node::String(name),
        } => {
            let mut path = path_of(node)?;
            path.push((*name).to_owned());
            Some(path)
        }
        _ => None,
    }
}

/// What a sum over a mapped list runs over: in `sum(map(list, body))` the list, the body, and what the
/// body calls an element, where it is not `#`.
pub(crate) fn mapped<'n>(
    summed: &[&'n Node<'n>],
) -> Option<(&'n Node<'n>, &'n Node<'n>, Option<&'n str>)> {
    let [
        Node::FunctionCall {
            kind: FunctionKind::Closure(ClosureFunction::Map),
            arguments: [list, Node::Closure { body, alias }],
        },
    ] = summed
    else {
        return None;
    };
    Some((list, body, *alias))
}

fn check(
    node: &Node<'_>,
    aliases: &[String],
    bound: &BTreeSet<String>,
    problems: &mut Vec<String>,
) {
    match node {
        Node::Identifier(name) => {
            let is_element = aliases.iter().any(|alias| alias == name);
            if !is_element && !ROOTS.contains(name) && !bound.contains(*name) {
                let mut names: Vec<&str> = ROOTS.to_vec();
                names.extend(aliases.iter().map(String::as_str));
                problems.push(format!(
                    "nothing is called `{name}` here; there are {}",
                    names.join(", ")
                ));
            }
        }
        Node::FunctionCall { kind, arguments } => {
            if let FunctionKind::Internal(InternalFunction::Rand | InternalFunction::Date)
            | FunctionKind::Deprecated(_) = kind
            {
                problems.push(
                    "`rand`, `d` and the old date functions are refused: equal events must give equal entries"
                        .to_owned(),
                );
            }
            let mut inner = bound.clone();
            for argument in *arguments {
                if let Node::Closure {
                    alias: Some(name), ..
                } = argument
                {
                    inner.insert((*name).to_owned());
                }
            }
            arguments
                .iter()
                .for_each(|argument| check(argument, aliases, &inner, problems));
        }
        Node::Member { node, property } => {
            check(node, aliases, bound, problems);
            if !matches!(property, Node::String(_)) {
                check(property, aliases, bound, problems);
            }
        }
        Node::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            check(key, aliases, bound, problems);
            check(value, aliases, bound, problems);
        }),
        Node::Assignments { .. } | Node::Root => problems.push(
            "names are given by `with:` and `as:`; `=` and `$root` have no place here".to_owned(),
        ),
        other => children(other)
            .into_iter()
            .for_each(|child| check(child, aliases, bound, problems)),
    }
}

/// The direct children of a node that needs no treatment of its own.
fn children<'n>(node: &Node<'n>) -> Vec<&'n Node<'n>> {
    match node {
        Node::Closure { body, .. } => vec![body],
        Node::Parenthesized(inner) | Node::Unary { node: inner, .. } => vec![inner],
        Node::Binary { left, right, .. } | Node::Interval { left, right, .. } => vec![left, right],
        Node::Conditional {
            condition,
            on_true,
            on_false,
        } => vec![condition, on_true, on_false],
        Node::Array(items) | Node::TemplateString(items) => items.to_vec(),
        Node::MethodCall {
            this, arguments, ..
        } => {
            let mut all = vec![*this];
            all.extend(arguments.iter().copied());
            all
        }
        Node::Slice { node, from, to } => {
            let mut all = vec![*node];
            all.extend(from.iter().copied());
            all.extend(to.iter().copied());
            all
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_what_computes() {
        let path = Parsed::Path(vec!["data".into(), "customer".into(), "id".into()]);
        assert_eq!(parse("data.customer.id", &[]), Ok(path));
        assert_eq!(parse("data.total - data.tax", &[]), Ok(Parsed::Computed));
        assert_eq!(
            parse("sum(map(data.lines, #.amount))", &[]),
            Ok(Parsed::Computed)
        );
        assert!(parse("line.amount", &["line".to_owned()]).is_ok());
    }

    #[test]
    fn what_cannot_be_replayed_or_found_is_refused() {
        assert!(parse("rand(10)", &[]).unwrap_err().contains("equal events"));
        assert!(parse("d('now')", &[]).unwrap_err().contains("equal events"));
        assert!(
            parse("dat.total", &[])
                .unwrap_err()
                .contains("nothing is called `dat`")
        );
        assert!(
            parse("data.total +", &[])
                .unwrap_err()
                .contains("cannot be read")
        );
    }
}
