//! A reference ledger in memory. It knows maps and sums, no batches, checkpoints, numbers or databases,
//! and shares nothing with the pipeline but the mapping and its result type. What the books hold after
//! any fault must be what it holds.

use ledger::{Entity, Hash, Side};
use mappings::{Context, Evaluator, Event, Pack, Program};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What became of the inputs of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    pub received: i64,
    pub posted: i64,
    pub ignored: i64,
    pub suspended: i64,
    pub duplicates: i64,
    pub conflicts: i64,
    pub quarantined: i64,
}

/// Entity, period, account, currency.
pub type BalanceKey = (String, String, String, String);

/// What a ledger holds, in a form that two ledgers can be compared in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// By source.
    pub outcomes: BTreeMap<String, Outcomes>,
    /// Debit and credit in minor units.
    pub balances: BTreeMap<BalanceKey, (i128, i128)>,
    /// Event and content of every entry.
    pub entries: BTreeSet<(String, String)>,
    /// How many there are: two equal ones are two.
    pub entry_count: i64,
}

/// The rules of a company's folder.
#[derive(Debug)]
pub struct Rules {
    program: Program,
    context: Context,
}

impl Rules {
    /// Compiles `mappings/billing` below a folder.
    pub fn read(company: &Path) -> Self {
        let folder = company.join("mappings/billing");
        let mut files = BTreeMap::new();
        walk(&folder, &folder, &mut files);
        let pack = Pack {
            name: "billing".to_owned(),
            files,
        };
        let program = mappings::compile(&pack).unwrap_or_else(|found| panic!("{found}"));
        let entities = super::entities();
        let by_code = |entity: Entity| (entity.code.clone(), entity);
        Self {
            program,
            context: Context {
                entities: entities.into_iter().map(by_code).collect(),
                ..Context::default()
            },
        }
    }
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            walk(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

/// The reference ledger.
pub struct Oracle<'r> {
    evaluator: Evaluator<'r>,
    /// The first content of every event.
    first: BTreeMap<(String, String), Value>,
    ledger: Ledger,
}

impl<'r> Oracle<'r> {
    pub fn new(rules: &'r Rules) -> Self {
        Self {
            evaluator: Evaluator::new(&rules.program, &rules.context).expect("the pack compiles"),
            first: BTreeMap::new(),
            ledger: Ledger::default(),
        }
    }

    /// Takes one input of a source.
    pub fn take(&mut self, source: &str, line: &str) {
        let outcome = self.outcome(line);
        let counts = self.ledger.outcomes.entry(source.to_owned()).or_default();
        counts.received += 1;
        *match outcome {
            "posted" => &mut counts.posted,
            "ignored" => &mut counts.ignored,
            "suspended" => &mut counts.suspended,
            "duplicate" => &mut counts.duplicates,
            "conflict" => &mut counts.conflicts,
            _ => &mut counts.quarantined,
        } += 1;
    }

    fn outcome(&mut self, line: &str) -> &'static str {
        let Ok(content) = serde_json::from_str::<Value>(line) else {
            return "quarantined";
        };
        let text = |name: &str| content.get(name).and_then(Value::as_str).map(str::to_owned);
        let (Some(id), Some(source)) = (text("id"), text("source")) else {
            return "quarantined";
        };
        if let Some(first) = self.first.get(&(source.clone(), id.clone())) {
            return if *first == content {
                "duplicate"
            } else {
                "conflict"
            };
        }
        self.first.insert((source, id), content);
        let event = Event::parse(line.as_bytes()).expect("an event with an id and a source");
        match self.evaluator.decide(&event) {
            ledger::Decision::Posted { postings, .. } => {
                for posting in postings {
                    self.post(&event, &posting);
                }
                "posted"
            }
            ledger::Decision::Ignored { .. } | ledger::Decision::NoEffect { .. } => "ignored",
            // The streams take nothing back.
            ledger::Decision::Suspended { .. } | ledger::Decision::Asks { .. } => "suspended",
        }
    }

    fn post(&mut self, event: &Event<'_>, posting: &ledger::Posting) {
        let hash: Hash = posting.entry.hash();
        self.ledger
            .entries
            .insert((event.key().to_string(), hash.to_string()));
        self.ledger.entry_count += 1;
        for line in posting.entry.lines() {
            let key = (
                posting.entry.header().entity.clone(),
                posting.period.to_string(),
                line.account.clone(),
                line.amount.currency().code().to_owned(),
            );
            let (debit, credit) = self.ledger.balances.entry(key).or_default();
            match line.side {
                Side::Debit => *debit += i128::from(line.amount.amount()),
                Side::Credit => *credit += i128::from(line.amount.amount()),
            }
        }
    }

    /// What it holds; debits equal credits, or the oracle itself is wrong.
    pub fn ledger(self) -> Ledger {
        let (debits, credits) = self
            .ledger
            .balances
            .values()
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        assert_eq!(debits, credits, "the reference ledger does not balance");
        self.ledger
    }
}
