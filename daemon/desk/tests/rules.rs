//! Who may decide what, as tables.

#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    missing_docs,
    reason = "a test that cannot go on should say where"
)]

use chrono::{DateTime, Utc};
use desk::case::{CaseState, Deed};
use desk::{
    Actor, Decision, Eyes, Kind, Measure, Policy, PolicyError, Proposal, Refusal, Role, Rule,
    State, Verdict,
};
use ledger::{Currency, Hash, Money};
use std::collections::{BTreeMap, BTreeSet};

fn actor(name: &str) -> Actor {
    Actor::new(name).unwrap()
}

fn at() -> DateTime<Utc> {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn policy(kind: Kind, rule: Rule) -> Policy {
    let people: BTreeSet<Actor> = ["ana", "ben"].into_iter().map(actor).collect();
    let roles = BTreeMap::from([(Role::new("controller"), people)]);
    Policy::new(roles, BTreeMap::from([(kind, rule)])).unwrap()
}

fn proposal(eyes: Eyes) -> Proposal {
    Proposal {
        id: 7,
        kind: Kind::PeriodReopen,
        subject: "uk 2026-01".into(),
        seen: Hash::of(b"closed"),
        payload: "{}".into(),
        why: "an invoice came late".into(),
        eyes,
        proposed_by: actor("ana"),
        proposed_at: at(),
    }
}

fn decision(verdict: Verdict, by: &str) -> Decision {
    Decision {
        proposal: 7,
        verdict,
        decided_by: actor(by),
        decided_at: at(),
        why: "seen".into(),
    }
}

#[test]
fn a_decision_is_refused_with_the_rule_that_it_breaks() {
    let role = Role::new("controller");
    let policy = policy(Kind::PeriodReopen, Rule::default());
    let (seen, other) = (Hash::of(b"closed"), Hash::of(b"closed again"));
    let two = || proposal(Eyes::Two(None));
    let with_role = || proposal(Eyes::Two(Some(role.clone())));
    let approved = decision(Verdict::Approved, "ben");
    let same = |name: &str| Refusal::SamePerson {
        proposal: 7,
        actor: actor(name),
    };
    let over = |state| Refusal::AlreadyDecided { proposal: 7, state };
    let table = [
        (two(), None, seen, Verdict::Approved, "ben", None),
        (
            two(),
            None,
            seen,
            Verdict::Approved,
            "ana",
            Some(same("ana")),
        ),
        (
            two(),
            None,
            seen,
            Verdict::Approved,
            " ANA ",
            Some(same("ANA")),
        ),
        (
            two(),
            None,
            seen,
            Verdict::Rejected,
            "ana",
            Some(same("ana")),
        ),
        (two(), None, seen, Verdict::Withdrawn, "ana", None),
        (
            two(),
            None,
            seen,
            Verdict::Withdrawn,
            "ben",
            Some(Refusal::NotTheirs {
                proposal: 7,
                actor: actor("ben"),
            }),
        ),
        (with_role(), None, seen, Verdict::Approved, "Ben", None),
        (
            with_role(),
            None,
            seen,
            Verdict::Approved,
            "eve",
            Some(Refusal::RoleMissing {
                proposal: 7,
                role: role.clone(),
                actor: actor("eve"),
            }),
        ),
        (
            two(),
            Some(&approved),
            seen,
            Verdict::Approved,
            "eve",
            Some(over(State::Approved)),
        ),
        (
            proposal(Eyes::One),
            None,
            seen,
            Verdict::Approved,
            "ben",
            Some(over(State::Done)),
        ),
        (
            two(),
            None,
            other,
            Verdict::Approved,
            "ben",
            Some(Refusal::SubjectChanged {
                proposal: 7,
                subject: "uk 2026-01".into(),
            }),
        ),
        // What nobody does any more needs no second look at the subject.
        (two(), None, other, Verdict::Rejected, "ben", None),
    ];
    for (row, (proposal, earlier, now, verdict, by, expected)) in table.into_iter().enumerate() {
        let done = proposal.decide(earlier, &policy, now, decision(verdict, by));
        assert_eq!(done.err(), expected, "row {row}");
    }
}

#[test]
fn a_policy_asks_for_two_where_it_says_so() {
    let money =
        |text: &str, code: &str| Money::parse(text, Currency::from_code(code).unwrap()).unwrap();
    let rule = Rule {
        by: Some(Role::new("controller")),
        above: BTreeMap::from([(Currency::from_code("EUR").unwrap(), 10_000)]),
        ..Rule::default()
    };
    let policy = policy(Kind::WriteOff, rule);
    let two = Eyes::Two(Some(Role::new("controller")));
    let table = [
        (Kind::PeriodReopen, None, Eyes::One),
        (Kind::WriteOff, None, two.clone()),
        (Kind::WriteOff, Some(money("100.00", "EUR")), Eyes::One),
        (Kind::WriteOff, Some(money("-100.00", "EUR")), Eyes::One),
        (Kind::WriteOff, Some(money("100.01", "EUR")), two.clone()),
        (Kind::WriteOff, Some(money("-100.01", "EUR")), two.clone()),
        (Kind::WriteOff, Some(money("0.01", "USD")), two),
    ];
    for (row, (kind, amount, expected)) in table.into_iter().enumerate() {
        assert_eq!(policy.eyes(kind, amount), expected, "row {row}");
    }
    assert_eq!(Policy::default().eyes(Kind::WriteOff, None), Eyes::One);
}

#[test]
fn a_policy_that_nobody_could_fulfil_is_refused() {
    let role = Role::new("controller");
    let rule = Rule {
        by: Some(role.clone()),
        ..Rule::default()
    };
    let rules = BTreeMap::from([(Kind::WriteOff, rule)]);
    let kind = Kind::WriteOff;
    assert_eq!(
        Policy::new(BTreeMap::new(), rules.clone()),
        Err(PolicyError::RoleOfNobody {
            kind,
            role: role.clone()
        })
    );
    let only = BTreeMap::from([(role.clone(), BTreeSet::from([actor("ana")]))]);
    assert_eq!(
        Policy::new(only, rules),
        Err(PolicyError::RoleOfOne {
            kind,
            role,
            only: actor("ana")
        })
    );
}

#[test]
fn a_name_is_one_that_can_be_held_against_another() {
    assert_eq!(actor(" ana ").name(), "ana");
    let long = "a".repeat(201);
    for name in ["", "  ", "a\u{0}", "a\nb", long.as_str()] {
        assert_eq!(Actor::new(name), Err(Refusal::Nameless), "{name:?}");
    }
}

#[test]
fn a_case_is_what_its_history_says() {
    use Deed::{
        Accepted, Assigned, Changed, Cleared, Commented, Disputed, Explained, Found, Reopened,
        Resolved, Returned, WrittenOff,
    };
    let table: [(&[Deed], CaseState); 13] = [
        (&[Found], CaseState::Open),
        (&[Found, Assigned, Commented], CaseState::Open),
        (&[Found, Explained, Commented], CaseState::Explained),
        (&[Found, Resolved], CaseState::Resolved),
        (&[Found, WrittenOff, Assigned], CaseState::WrittenOff),
        (&[Found, Resolved, Reopened], CaseState::Open),
        (&[Found, Resolved, Cleared], CaseState::Cleared),
        (&[Found, Resolved, Cleared, Returned], CaseState::Open),
        (&[Found, WrittenOff, Changed], CaseState::Open),
        (&[Found, Accepted, Commented], CaseState::Accepted),
        (&[Found, Accepted, Disputed], CaseState::Disputed),
        (&[Found, Disputed, Reopened], CaseState::Open),
        (&[Found, Accepted, Cleared], CaseState::Cleared),
    ];
    for (history, expected) in table {
        let state = CaseState::after(history.iter().copied());
        assert_eq!(state, expected, "{history:?}");
    }
    for deed in Deed::ALL {
        assert_eq!(Deed::find(deed.name()), Some(deed));
    }
    for kind in Kind::ALL {
        assert_eq!(Kind::find(kind.name()), Some(kind));
    }
    assert!(!CaseState::Resolved.takes(Resolved));
    assert!(!CaseState::Open.takes(Reopened) && CaseState::Disputed.takes(Reopened));
    assert!(CaseState::Accepted.takes(Resolved) && !CaseState::WrittenOff.takes(Accepted));
    assert!(!CaseState::Cleared.takes(Disputed) && !CaseState::Cleared.takes(Reopened));
    assert!(!CaseState::Open.takes(Cleared));
}

#[test]
fn one_person_suffices_within_the_limit_of_the_entity_and_of_the_day() {
    let of = |code: &str| Currency::from_code(code).unwrap();
    let rule = Rule {
        above: BTreeMap::from([(of("EUR"), 10_000), (of("USD"), 10_000)]),
        above_in: BTreeMap::from([("uk".to_owned(), BTreeMap::from([(of("EUR"), 500)]))]),
        per_day: BTreeMap::from([(of("EUR"), 15_000)]),
        ..Rule::default()
    };
    let policy = policy(Kind::WriteOff, rule);
    // entity, currency, amount, decided alone today, whether one suffices
    let table = [
        // Where nobody knows whose books it is about the limits of all of them hold.
        (None, "EUR", 500, 0, true),
        (None, "EUR", -500, 0, true),
        (None, "EUR", 501, 0, false),
        (Some("eu"), "EUR", -10_000, 0, true),
        (Some("eu"), "EUR", 10_001, 0, false),
        (Some("eu"), "EUR", 10_000, 5_000, true),
        (Some("eu"), "EUR", 10_000, 5_001, false),
        (Some("uk"), "EUR", 500, 14_500, true),
        (Some("uk"), "EUR", 501, 0, false),
        // An entity that has limits has none in a currency that they do not name.
        (Some("uk"), "USD", 1, 0, false),
        // A currency without a sum of the day has none left.
        (Some("eu"), "USD", 1, 0, false),
        (None, "EUR", i64::MIN, i64::MAX, false),
    ];
    for (row, (entity, currency, amount, today, one)) in table.into_iter().enumerate() {
        let measure = Measure {
            amount: Some(Money::minor(amount, of(currency))),
            entity,
            today,
        };
        let eyes = policy.weigh(Kind::WriteOff, &measure);
        assert_eq!(eyes == Eyes::One, one, "row {row}");
    }
    assert!(policy.counts_days(Kind::WriteOff) && !policy.counts_days(Kind::BreakPost));
    assert!(policy.limits_entities(Kind::WriteOff) && !policy.limits_entities(Kind::Match));
}
