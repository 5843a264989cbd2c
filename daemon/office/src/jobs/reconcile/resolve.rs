//! Breaks that a plan posts away by itself, after a run: each in a transaction of its own, in the name of the policy, and
//! only where nobody has said or done anything about it. What its limits do not take, and what cannot be posted, stays.

use crate::call::{Call, Refusal, RefusalKind};
use crate::deeds::desk::{Deed, How, decide_by_policy, decided_today};
use ledger::{Currency, Money};
use reconcile::{Plan, Resolve};
use std::collections::BTreeMap;

/// How many breaks that could not be posted are told with the reason.
const TOLD: usize = 5;

/// What a policy did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Resolved {
    /// Whose name it did it in.
    pub policy: String,
    /// The rule that posted.
    pub rule: String,
    /// How many breaks it posted away.
    pub posted: usize,
    /// How many of its kind are beyond its limits.
    pub beyond: usize,
    /// How many it could not post.
    pub refused: usize,
    /// The first of those, with the reason.
    pub reasons: Vec<String>,
}

/// Posts what a plan's policies take.
pub(super) async fn resolve(call: &Call, plan: &Plan) -> anyhow::Result<Vec<Resolved>> {
    if plan.resolve.is_empty() {
        return Ok(Vec::new());
    }
    let name = &plan.reconciliation;
    let books = call.store.snapshot().await?;
    let untouched = books.untouched_findings(name).await?;
    let mut all: Vec<Resolved> = plan
        .resolve
        .iter()
        .map(|policy| Resolved {
            policy: format!("policy:{name}/{}", policy.kind),
            rule: policy.post.clone(),
            ..Resolved::default()
        })
        .collect();
    let mut today = BTreeMap::<(&str, Currency), i64>::new();
    for (id, kind, amount, currency) in untouched {
        let about = plan.resolve.iter().zip(&mut all);
        let Some((policy, done)) = { about }.find(|(policy, _)| policy.kind == kind) else {
            continue;
        };
        let currency = Currency::from_numeric(currency)?;
        let own = Call {
            actor: done.policy.clone(),
            ..call.clone()
        };
        let key = (policy.kind.as_str(), currency);
        let spent = match today.get(&key) {
            Some(spent) => *spent,
            None => decided_today(&own, &books, currency).await?,
        };
        let mut now = spent;
        if policy.takes(Money::minor(amount, currency), spent) {
            match post(&own, (policy, spent), &id).await {
                Ok(Some(posted)) => {
                    now = spent.saturating_add(posted.amount().saturating_abs());
                    done.posted += 1;
                }
                Ok(None) => done.beyond += 1,
                // Books that could not be asked refuse nothing by themselves.
                Err(refusal) if refusal.kind() == RefusalKind::Unavailable => {
                    return Err(refusal.into());
                }
                Err(refusal) => {
                    done.refused += 1;
                    if done.reasons.len() < TOLD {
                        done.reasons.push(format!("{id}: {refusal}"));
                    }
                }
            }
        } else {
            done.beyond += 1;
        }
        today.insert(key, now);
    }
    Ok(all)
}

async fn post(
    own: &Call,
    (policy, today): (&Resolve, i64),
    id: &str,
) -> Result<Option<Money>, Refusal> {
    let deed = Deed::BreakPost {
        id: id.to_owned(),
        how: How {
            entity: policy.entity.clone(),
            ..How::by(&policy.post)
        },
    };
    let kind = &policy.kind;
    let why = format!("a break of kind `{kind}` within the limits of the plan");
    let mut tx = own.store.begin().await?;
    let posted = decide_by_policy(own, &mut tx, (&deed, &why), (policy, today)).await?;
    if posted.is_some() {
        tx.commit().await?;
    }
    Ok(posted)
}
