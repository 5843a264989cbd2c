//! Events by seed: what billing sends, and with it everything that a stream can bring: repetitions,
//! conflicts, bytes that are no event, events that no rule can post yet.
//!
//! Whatever order the partitions are read in, the outcome is the same: a conflicting copy comes after its
//! original in the original's own partition, and repetitions have equal content.

use fastrand::Rng;
use serde_json::{Value, json};

/// Lines of each partition, in order.
pub type Partitions = Vec<Vec<String>>;

/// A stream of about `events` inputs in some partitions.
pub fn partitions(seed: u64, events: usize, partitions: usize) -> Partitions {
    let mut rng = Rng::with_seed(seed);
    let mut all: Partitions = vec![Vec::new(); partitions];
    let mut sent: Vec<String> = Vec::new();
    for number in 0..events {
        let partition = rng.usize(..partitions);
        let lines = &mut all[partition];
        match rng.u32(..100) {
            0..=2 => lines.push(poison(&mut rng, number)),
            3..=9 if !sent.is_empty() => lines.push(sent[rng.usize(..sent.len())].clone()),
            10..=12 => {
                let event = event(&mut rng, seed, number);
                let mut other = event.clone();
                other["data"]["note"] = json!("changed after it was sent");
                lines.push(event.to_string());
                lines.push(other.to_string());
            }
            _ => {
                let line = event(&mut rng, seed, number).to_string();
                sent.push(line.clone());
                lines.push(line);
            }
        }
    }
    all
}

/// The same lines over other partitions, in another order that keeps originals before their conflicts.
pub fn shuffled(seed: u64, from: &Partitions, partitions: usize) -> Partitions {
    let mut rng = Rng::with_seed(seed);
    let mut left: Vec<std::slice::Iter<'_, String>> =
        from.iter().map(|lines| lines.iter()).collect();
    // One old partition goes into one new one, interleaved with others.
    let place: Vec<usize> = from.iter().map(|_| rng.usize(..partitions)).collect();
    let mut all: Partitions = vec![Vec::new(); partitions];
    let mut open: Vec<usize> = (0..from.len()).collect();
    while !open.is_empty() {
        let at = rng.usize(..open.len());
        let old = open[at];
        match left[old].next() {
            Some(line) => all[place[old]].push(line.clone()),
            None => drop(open.swap_remove(at)),
        }
    }
    all
}

fn poison(rng: &mut Rng, number: usize) -> String {
    match rng.u32(..4) {
        0 => format!("{{\"specversion\":\"1.0\",\"id\":\"broken-{number}\""),
        1 => format!("not json at all {number}"),
        2 => json!({ "specversion": "1.0", "source": "//faults", "type": "t", "data": { "n": number } })
            .to_string(),
        _ => format!("[{number}]"),
    }
}

fn cents(amount: i64) -> Value {
    let text = format!("{}.{:02}", amount / 100, amount % 100);
    Value::Number(text.parse().expect("a decimal number"))
}

fn event(rng: &mut Rng, seed: u64, number: usize) -> Value {
    let (entity, currency) = *rng
        .choice(&[
            ("us", "USD"),
            ("eu", "EUR"),
            ("uk", "GBP"),
            ("eu", "EUR"),
            ("us", "JPY"),
        ])
        .expect("there are choices");
    let yen = currency == "JPY";
    let (month, day) = if yen {
        (1, rng.u32(1..=31))
    } else {
        (rng.u32(1..=3), rng.u32(1..=28))
    };
    let at = format!("2026-{month:02}-{day:02}T{:02}:30:00Z", rng.u32(..24));
    let amount = |minor: i64| if yen { json!(minor) } else { cents(minor) };
    let net = rng.i64(1_000..90_000);
    let tax = net * 19 / 100;
    // Few, so that most batches bring no new name and may go ahead of the one before.
    let customer = format!("C-{}", rng.u32(..6));
    let reference = format!("{seed}-{number}");
    let (kind, data) = match rng.u32(..100) {
        0..=39 => (
            "billing.payment.succeeded.v1",
            json!({ "entity": entity, "customer_id": customer, "currency": currency, "amount": amount(net),
                "processor": "stripe", "processor_reference": format!("ch_{reference}"), "succeeded_at": at }),
        ),
        40..=49 => (
            "billing.refund.succeeded.v1",
            json!({ "entity": entity, "customer_id": customer, "currency": currency, "amount": amount(net),
                "processor": "stripe", "processor_reference": format!("re_{reference}"), "succeeded_at": at }),
        ),
        50..=79 => {
            // One in ten promises a total that its parts do not make.
            let total = if rng.u32(..10) == 0 {
                net + tax + 1
            } else {
                net + tax
            };
            (
                "billing.credit_note.issued.v1",
                json!({ "credit_note_id": format!("CN-{reference}"), "entity": entity, "customer_id": customer,
                    "issued_at": at, "currency": currency, "region": "DE", "product": "access",
                    "net": amount(net), "tax": amount(tax), "total": amount(total) }),
            )
        }
        80..=89 => (
            "billing.payment.failed.v1",
            json!({ "entity": entity, "customer_id": customer }),
        ),
        90..=94 => (
            "billing.payment.succeeded.v1",
            json!({ "entity": "nowhere", "customer_id": customer, "currency": currency, "amount": amount(net),
                "processor": "stripe", "processor_reference": format!("ch_{reference}"), "succeeded_at": at }),
        ),
        _ => ("billing.something.new.v1", json!({ "entity": entity })),
    };
    json!({ "specversion": "1.0", "id": reference, "source": "//faults", "type": kind, "time": at, "data": data })
}
