//! The proof that a rule balances.
//!
//! Amounts that are sums of the event's fields become forms; what `holds` declares becomes identities between
//! forms. A rule balances for every event when debits less credits is a combination of the identities, each times
//! any factor. What cannot be taken apart (a call, a choice) is one opaque factor, known by its text.
//!
//! `number(x)` is x. So is `x ?? 0`: where x is absent, every amount that names it bare suspends the event.

use crate::expression::{mapped, with_tree};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use zen_expression::functions::{FunctionKind, InternalFunction};
use zen_expression::lexer::{ArithmeticOperator, ComparisonOperator, LogicalOperator, Operator};
use zen_expression::parser::Node;

/// A product of factors, in order: paths, sums over lists, opaque texts. Empty for a plain number.
type Monomial = Vec<String>;

/// Coefficients by monomial.
pub(crate) type Form = BTreeMap<Monomial, Decimal>;

/// Products of two forms grow; beyond so many monomials one is left as it is written.
const MOST: usize = 64;

/// What names mean inside lists: what an element is called, and `#` once for each list around it.
type Scope<'n> = Vec<(Option<&'n str>, String)>;

/// What a name means beside `data`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    /// A path, in short.
    Path(&'a str),
    /// Each element of a list that a line runs over.
    Each(&'a str),
}

/// A name, and what it means.
pub(crate) type Named<'a> = (&'a str, Name<'a>);

/// The form of an amount; with lists to run over, the outermost first, the sum over them.
#[cfg(test)]
fn amount(text: &str, names: &[Named<'_>]) -> Form {
    lifted(one_of(text, names), &lists(names))
}

/// The sum over lists, the outermost first, of a form over one element of them.
pub(crate) fn lifted(mut form: Form, lists: &[String]) -> Form {
    for (at, list) in lists.iter().enumerate().rev() {
        form = over(list, at + 1, &form);
    }
    form
}

/// The form of what a table says: known by the table, the keys and the default.
pub(crate) fn looked_up(
    table: &str,
    by: &[&str],
    default: Option<&str>,
    names: &[Named<'_>],
) -> Form {
    let keys: Vec<String> = by.iter().map(|key| written(key, names)).collect();
    let default = default.unwrap_or("nothing");
    single(format!(
        "lookup {table:?}[{}] else {default:?}",
        keys.join(", ")
    ))
}

/// An expression as one text that is the same for the same meaning, whatever elements are called.
pub(crate) fn written(text: &str, names: &[Named<'_>]) -> String {
    with_tree(text, |root| spelled(root, &mut scope_of(names)))
        .unwrap_or_else(|_unreadable| text.to_owned())
}

/// Whether a text that was written so speaks of an element.
pub(crate) fn is_of_element(written: &str) -> bool {
    written.contains('#')
}

/// The form of an amount for one element of the lists that it runs over.
pub(crate) fn one_of(text: &str, names: &[Named<'_>]) -> Form {
    with_tree(text, |root| form_of(root, &mut scope_of(names)))
        .unwrap_or_else(|_unreadable| single(format!("({text})")))
}

/// The lists among names, the outermost first, whatever their elements are called.
pub(crate) fn lists(names: &[Named<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, (_, name)) in names.iter().enumerate() {
        if let Name::Each(list) = name {
            let around = scope_of(names.get(..at).unwrap_or_default());
            let list = with_tree(list, |root| atom(root, &around)).ok().flatten();
            found.push(list.unwrap_or_default());
        }
    }
    found
}

fn scope_of<'a>(names: &[Named<'a>]) -> Scope<'a> {
    let mut scope = Scope::new();
    for (alias, name) in names {
        let mark = match name {
            Name::Path(path) => {
                let path = with_tree(path, |root| atom(root, &scope)).ok().flatten();
                path.unwrap_or_default()
            }
            Name::Each(_) => next_mark(&scope),
        };
        scope.push((Some(*alias), mark));
    }
    scope
}

/// What an element of a list inside all that are around is written as.
fn next_mark(scope: &[(Option<&str>, String)]) -> String {
    let around = scope
        .iter()
        .filter(|(_, mark)| mark.starts_with('#') && !mark.contains('.'));
    "#".repeat(around.count() + 1)
}

/// The identity `left - right = 0` that `left == right` declares.
pub(crate) fn identity(text: &str, names: &[Named<'_>]) -> Option<Form> {
    with_tree(text, |root| match unwrap(root) {
        Node::Binary {
            left,
            operator: Operator::Comparison(ComparisonOperator::Equal),
            right,
        } => {
            let mut scope = scope_of(names);
            let (left, right) = (form_of(left, &mut scope), form_of(right, &mut scope));
            Some(add(&left, &right, -Decimal::ONE))
        }
        _ => None,
    })
    .ok()?
}

/// Whether a condition only leaves out what is nothing: the amount is not zero, or what it is made of is there.
pub(crate) fn says_not_zero(condition: &str, amount: &str, names: &[Named<'_>]) -> bool {
    let wanted = one_of(amount, names);
    with_tree(condition, |root| leaves_out_nothing(root, &wanted, names)).unwrap_or(false)
}

fn leaves_out_nothing(node: &Node<'_>, wanted: &Form, names: &[Named<'_>]) -> bool {
    match unwrap(node) {
        Node::Binary {
            left,
            operator: Operator::Logical(LogicalOperator::And),
            right,
        } => leaves_out_nothing(left, wanted, names) && leaves_out_nothing(right, wanted, names),
        Node::Binary {
            left,
            operator: Operator::Comparison(ComparisonOperator::NotEqual),
            right,
        } => {
            let mut scope = scope_of(names);
            let found = form_of(left, &mut scope);
            if matches!(unwrap(right), Node::Null) {
                // One field times a number: without the field there is nothing.
                return found.len() == 1 && wanted.keys().eq(found.keys());
            }
            let right = form_of(right, &mut scope);
            add(&found, &right, -Decimal::ONE) == *wanted
        }
        _ => false,
    }
}

/// `a + factor · b`, without zero coefficients.
pub(crate) fn add(a: &Form, b: &Form, factor: Decimal) -> Form {
    let mut sum = a.clone();
    for (monomial, coefficient) in b {
        let value = sum.get(monomial).copied().unwrap_or_default();
        let added = coefficient.checked_mul(factor);
        match added.and_then(|added| value.checked_add(added)) {
            Some(value) if value.is_zero() => {
                sum.remove(monomial);
            }
            Some(value) => {
                sum.insert(monomial.clone(), value);
            }
            // Beyond 28 digits nothing is shown any more.
            None => {
                sum.insert(
                    vec![format!("{value} and {coefficient} times {factor}")],
                    Decimal::ONE,
                );
            }
        }
    }
    sum
}

/// Whether `form` is zero for every event in which all identities hold.
pub(crate) fn follows(form: &Form, identities: &[Form]) -> bool {
    let mut basis: Vec<(Monomial, Form)> = Vec::new();
    for identity in identities {
        for multiple in multiples(identity, form) {
            let reduced = reduce(&multiple, &basis);
            if let Some(pivot) = reduced.keys().next().cloned() {
                basis.push((pivot, reduced));
            }
        }
    }
    reduce(form, &basis).is_empty()
}

/// An identity, and what it becomes times the factors that stand beside one of its monomials in a form.
fn multiples(identity: &Form, form: &Form) -> Vec<Form> {
    let mut factors: Vec<Monomial> = vec![Monomial::new()];
    for whole in form.keys() {
        for part in identity.keys() {
            if let Some(rest) = without(whole, part)
                && !factors.contains(&rest)
                && factors.len() < MOST
            {
                factors.push(rest);
            }
        }
    }
    let times = |factor: &Monomial| {
        let product = identity
            .iter()
            .map(|(own, coefficient)| (joined(own, factor), *coefficient));
        product.collect()
    };
    factors.iter().map(times).collect()
}

/// What is left of a product when the factors of another are taken out of it.
fn without(whole: &Monomial, part: &Monomial) -> Option<Monomial> {
    let mut rest = whole.clone();
    for factor in part {
        let at = rest.iter().position(|own| own == factor)?;
        rest.remove(at);
    }
    Some(rest)
}

fn joined(a: &Monomial, b: &Monomial) -> Monomial {
    let mut all: Monomial = a.iter().chain(b).cloned().collect();
    all.sort();
    all
}

fn reduce(form: &Form, basis: &[(Monomial, Form)]) -> Form {
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
    for (monomial, coefficient) in form {
        let negative = coefficient.is_sign_negative();
        let sign = match (text.is_empty(), negative) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        let size = coefficient.abs().normalize();
        let product = monomial.join(" * ");
        text.push_str(sign);
        match (size == Decimal::ONE, monomial.is_empty()) {
            (true, false) => text.push_str(&product),
            (_, true) => text.push_str(&size.to_string()),
            (false, false) => text.push_str(&format!("{size} * {product}")),
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

fn single(factor: String) -> Form {
    Form::from([(vec![factor], Decimal::ONE)])
}

/// The form of a tree. What cannot be taken apart is a factor by its text.
fn form_of<'n>(node: &Node<'n>, scope: &mut Scope<'n>) -> Form {
    taken_apart(node, scope).unwrap_or_else(|| single(spelled(node, scope)))
}

fn taken_apart<'n>(node: &Node<'n>, scope: &mut Scope<'n>) -> Option<Form> {
    match node {
        Node::Number(number) if number.is_zero() => Some(Form::new()),
        Node::Number(number) => Some(Form::from([(Monomial::new(), *number)])),
        Node::Parenthesized(inner) => Some(form_of(inner, scope)),
        Node::Identifier(_) | Node::Pointer | Node::Member { .. } => {
            Some(single(atom(node, scope)?))
        }
        Node::Unary {
            node,
            operator: Operator::Arithmetic(ArithmeticOperator::Subtract),
        } => Some(add(&Form::new(), &form_of(node, scope), -Decimal::ONE)),
        Node::Binary {
            left,
            operator: Operator::Arithmetic(operator),
            right,
        } => {
            let (left, right) = (form_of(left, scope), form_of(right, scope));
            binary(*operator, &left, &right)
        }
        Node::Binary {
            left,
            operator: Operator::Logical(LogicalOperator::NullishCoalescing),
            right: Node::Number(zero),
        } if zero.is_zero() => Some(form_of(left, scope)),
        Node::FunctionCall {
            kind: FunctionKind::Internal(InternalFunction::Number),
            arguments: [inner],
        } => Some(form_of(inner, scope)),
        Node::FunctionCall {
            kind: FunctionKind::Internal(InternalFunction::Sum),
            arguments,
        } => sum_of(arguments, scope),
        _ => None,
    }
}

fn binary(operator: ArithmeticOperator, left: &Form, right: &Form) -> Option<Form> {
    match operator {
        ArithmeticOperator::Add => Some(add(left, right, Decimal::ONE)),
        ArithmeticOperator::Subtract => Some(add(left, right, -Decimal::ONE)),
        ArithmeticOperator::Multiply => product(left, right),
        ArithmeticOperator::Divide => {
            let divisor = constant(right)?;
            let factor = Decimal::ONE.checked_div(divisor)?;
            // A third is no decimal: what is divided by three is rounded, and stands for itself.
            let is_exact = factor.checked_mul(divisor) == Some(Decimal::ONE);
            is_exact.then(|| add(&Form::new(), left, factor))
        }
        ArithmeticOperator::Modulus | ArithmeticOperator::Power => None,
    }
}

fn product(left: &Form, right: &Form) -> Option<Form> {
    if left.len().saturating_mul(right.len()) > MOST {
        return None;
    }
    let mut sum = Form::new();
    for (own, coefficient) in left {
        for (other, times) in right {
            let term = Form::from([(joined(own, other), coefficient.checked_mul(*times)?)]);
            sum = add(&sum, &term, Decimal::ONE);
        }
    }
    Some(sum)
}

fn constant(form: &Form) -> Option<Decimal> {
    match form.len() {
        0 => Some(Decimal::ZERO),
        1 => form.get(&Monomial::new()).copied(),
        _ => None,
    }
}

/// `sum(map(list, body))`.
fn sum_of<'n>(arguments: &[&'n Node<'n>], scope: &mut Scope<'n>) -> Option<Form> {
    let (list, body, alias) = mapped(arguments)?;
    let list = atom(list, scope).unwrap_or_else(|| spelled(list, scope));
    let mark = next_mark(scope);
    let depth = mark.len();
    scope.push((alias, mark));
    let form = form_of(body, scope);
    scope.pop();
    Some(over(&list, depth, &form))
}

/// Lifts a form over one element to the sum over the list. What is the same for each element stands before it.
fn over(list: &str, depth: usize, form: &Form) -> Form {
    let mut sum = Form::new();
    for (monomial, coefficient) in form {
        let (inside, mut outside): (Monomial, Monomial) = monomial
            .iter()
            .cloned()
            .partition(|factor| is_inside(factor, depth));
        let inside = if inside.is_empty() {
            "1".to_owned()
        } else {
            inside.join(" * ")
        };
        outside.push(format!("sum of {list}[{inside}]"));
        outside.sort();
        sum = add(&sum, &Form::from([(outside, *coefficient)]), Decimal::ONE);
    }
    sum
}

/// Whether a factor names the element of the list that is so deep.
fn is_inside(factor: &str, depth: usize) -> bool {
    let marks = factor.split(|sign| sign != '#');
    marks.into_iter().any(|run| run.len() == depth)
}

/// A path as a factor; an element is written `#`, whatever it is called.
fn atom(node: &Node<'_>, scope: &[(Option<&str>, String)]) -> Option<String> {
    match node {
        Node::Identifier(name) => {
            let named = scope.iter().rev().find(|(alias, _)| *alias == Some(*name));
            Some(named.map_or_else(|| (*name).to_owned(), |(_, mark)| mark.clone()))
        }
        Node::Pointer => scope.last().map(|(_, mark)| mark.clone()),
        Node::Parenthesized(inner) => atom(inner, scope),
        Node::Member {
            node,
            property: Node::String(name),
        } => {
            let is_plain = name
                .chars()
                .all(|sign| sign.is_alphanumeric() || sign == '_');
            let before = atom(node, scope)?;
            Some(if is_plain {
                format!("{before}.{name}")
            } else {
                format!("{before}[{name:?}]")
            })
        }
        _ => None,
    }
}

/// A tree as one text that is the same for the same tree, whatever elements are called.
fn spelled<'n>(node: &Node<'n>, scope: &mut Scope<'n>) -> String {
    if let Some(path) = atom(node, scope) {
        return path;
    }
    match node {
        Node::Null => "null".to_owned(),
        Node::Bool(flag) => flag.to_string(),
        Node::Number(number) => number.normalize().to_string(),
        Node::String(text) => format!("{text:?}"),
        Node::TemplateString(parts) => format!("`{}`", all_spelled(parts, scope)),
        Node::Array(items) => format!("[{}]", all_spelled(items, scope)),
        Node::Parenthesized(inner) => spelled(inner, scope),
        Node::Closure { body, alias } => {
            let mark = next_mark(scope);
            scope.push((*alias, mark));
            let body = spelled(body, scope);
            scope.pop();
            body
        }
        Node::Member { node, property } => {
            format!("{}[{}]", spelled(node, scope), spelled(property, scope))
        }
        Node::Conditional {
            condition,
            on_true,
            on_false,
        } => format!("({})", all_spelled(&[condition, on_true, on_false], scope)),
        Node::Unary { node, operator } => format!("{operator}({})", spelled(node, scope)),
        Node::Binary {
            left,
            operator,
            right,
        } => format!(
            "({} {operator} {})",
            spelled(left, scope),
            spelled(right, scope)
        ),
        Node::FunctionCall { kind, arguments } => {
            format!("{kind}({})", all_spelled(arguments, scope))
        }
        Node::MethodCall {
            kind,
            this,
            arguments,
        } => format!(
            "{}.{kind}({})",
            spelled(this, scope),
            all_spelled(arguments, scope)
        ),
        other => compound(other, scope),
    }
}

/// What is put together of several parts, as [`spelled`] writes it.
fn compound<'n>(node: &Node<'n>, scope: &mut Scope<'n>) -> String {
    match node {
        Node::Slice { node, from, to } => {
            let mut end = |node: Option<&Node<'n>>| {
                node.map_or_else(String::new, |node| spelled(node, scope))
            };
            let (from, to) = (end(*from), end(*to));
            format!("{}[{from}:{to}]", spelled(node, scope))
        }
        Node::Interval {
            left,
            right,
            left_bracket,
            right_bracket,
        } => format!(
            "{left_bracket:?}{}..{}{right_bracket:?}",
            spelled(left, scope),
            spelled(right, scope)
        ),
        Node::Object(pairs) => {
            let mut texts = Vec::new();
            for (key, value) in *pairs {
                texts.push(format!(
                    "{}: {}",
                    spelled(key, scope),
                    spelled(value, scope)
                ));
            }
            format!("{{{}}}", texts.join(", "))
        }
        // What gives names is refused before anything is proven.
        other => format!("{other:?}"),
    }
}

fn all_spelled<'n>(nodes: &[&Node<'n>], scope: &mut Scope<'n>) -> String {
    let texts: Vec<String> = nodes.iter().map(|node| spelled(node, scope)).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[Named<'_>] = &[("line", Name::Each("data.lines"))];

    #[test]
    fn an_invoice_balances_by_what_it_declares() {
        let debit = amount("data.total", &[]);
        let lines = amount("line.amount", LINE);
        let tax = amount("data.tax", &[]);
        let difference = add(&add(&debit, &lines, -Decimal::ONE), &tax, -Decimal::ONE);
        let holds = identity(
            "data.total == sum(map(data.lines, #.amount)) + data.tax",
            &[],
        )
        .unwrap();
        assert!(follows(&difference, &[holds]));
        assert!(!follows(&difference, &[]));
        assert_eq!(
            display(&difference),
            "-data.tax + data.total - sum of data.lines[#.amount]"
        );
    }

    #[test]
    fn identities_combine() {
        let form = amount("data.gross - data.net - data.fee - data.tax", &[]);
        let first = identity("data.gross == data.net + data.costs", &[]).unwrap();
        let second = identity("data.costs == data.fee + data.tax", &[]).unwrap();
        assert!(follows(&form, &[first.clone(), second]));
        assert!(!follows(&form, &[first]));
    }

    #[test]
    fn a_condition_that_only_skips_nothing_changes_nothing() {
        for (condition, amount) in [
            ("data.tax != 0", "data.tax"),
            ("data.tax != null", "data.tax * 2"),
            ("data.tax != null and data.tax != 0", "data.tax"),
            ("(data.tax ?? 0) != 0", "data.tax ?? 0"),
            ("data.a != data.b", "data.a - data.b"),
        ] {
            assert!(says_not_zero(condition, amount, &[]), "{condition}");
        }
        for (condition, amount) in [
            ("data.tax > 10", "data.tax"),
            ("data.tax != 0", "data.total"),
            ("data.tax != null", "data.tax + data.fee"),
            ("data.tax != 0 or data.fee != 0", "data.tax"),
        ] {
            assert!(!says_not_zero(condition, amount, &[]), "{condition}");
        }
        assert!(says_not_zero("line.tax != 0", "line.tax", LINE));
    }

    /// `left` and `right` are one amount wherever `holds` hold.
    fn same(left: &str, right: &str, holds: &[&str]) -> bool {
        let difference = add(&amount(left, &[]), &amount(right, &[]), -Decimal::ONE);
        let identities: Vec<Form> = holds
            .iter()
            .filter_map(|hold| identity(hold, &[]))
            .collect();
        follows(&difference, &identities)
    }

    #[test]
    fn the_proof_sees_through_what_is_no_more_than_another_way_to_write_it() {
        for (left, right, holds) in [
            (
                "data.quantity * data.price",
                "data.price * data.quantity",
                &[][..],
            ),
            ("number(data.total)", "data.total", &[]),
            ("data.tax ?? 0", "data.tax", &[]),
            ("(data.a + data.b) * 0.5", "0.5 * data.b + data.a / 2", &[]),
            (
                "(data.a + data.b) * data.rate",
                "data.rate * data.a + data.rate * data.b",
                &[],
            ),
            (
                "data.total * data.rate",
                "data.net * data.rate + data.tax * data.rate",
                &["data.total == data.net + data.tax"],
            ),
            (
                "data.total * max([data.a, 1])",
                "data.net * max([data.a, 1]) + data.tax * max([data.a, 1])",
                &["data.total == data.net + data.tax"],
            ),
            (
                "data.total",
                "round(data.x) + data.tax",
                &["data.total == round(data.x) + data.tax"],
            ),
            (
                "data.total",
                "data.net",
                &["data.total == data.net + (data.fee ?? 0)", "data.fee == 0"],
            ),
            (
                "sum(map(data.lines as l, l.amount * data.rate))",
                "data.rate * sum(map(data.lines, #.amount))",
                &[],
            ),
            (
                "data.total",
                "sum(map(data.lines as l, sum(map(l.taxes, #.amount))))",
                &["data.total == sum(map(data.lines as one, sum(map(one.taxes as t, t.amount))))"],
            ),
        ] {
            assert!(
                same(left, right, holds),
                "{left} is not shown to be {right}"
            );
        }
    }

    #[test]
    fn the_proof_takes_nothing_for_what_it_is_not() {
        for (left, right, holds) in [
            ("data.tax ?? 5", "data.tax", &[][..]),
            ("round(data.a)", "data.a", &[]),
            ("max([data.a, 1])", "max([data.a, 2])", &[]),
            (
                "sum(map(data.lines, #.a))",
                "sum(map(data.others, #.a))",
                &[],
            ),
            (
                "sum(map(filter(data.lines, #.x), #.a))",
                "sum(map(data.lines, #.a))",
                &[],
            ),
            (
                "data.total * data.rate",
                "data.net * data.other",
                &["data.total == data.net"],
            ),
        ] {
            assert!(!same(left, right, holds), "{left} is taken for {right}");
        }
    }

    #[test]
    fn lines_inside_lines_are_sums_of_sums() {
        let each: &[Named<'_>] = &[
            ("object", Name::Path("data.data.object")),
            ("line", Name::Each("object.lines")),
            ("tax", Name::Each("line.taxes")),
        ];
        let lines = amount("tax.amount * line.share", each);
        let holds = identity(
            "data.tax == sum(map(data.data.object.lines as l, sum(map(l.taxes as t, l.share * t.amount))))",
            &[],
        );
        assert!(follows(
            &add(&amount("data.tax", &[]), &lines, -Decimal::ONE),
            &[holds.unwrap()]
        ));
        assert_eq!(
            display(&amount("data.total * 0.5 - 3", &[])),
            "-3 + 0.5 * data.total"
        );
    }
}
