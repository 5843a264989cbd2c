//! The processor's side: payouts, and the report that itemises them.

use super::month::{MARKETS, Month, at, day, is_business_day, number};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde_json::json;
use std::path::Path;

/// A line of the report.
#[derive(Clone, Debug)]
pub(super) struct ReportLine {
    id: String,
    at: DateTime<Utc>,
    kind: &'static str,
    source: String,
    gross: i64,
    fee: i64,
}

/// A payout with everything in it.
#[derive(Clone, Debug)]
pub(super) struct Payout {
    pub(super) id: String,
    pub(super) market: usize,
    pub(super) on: NaiveDate,
    pub(super) net: i64,
    lines: Vec<ReportLine>,
}

/// Pays out every business day what was booked two days before, and tells billing so.
pub(super) fn settle(month: &mut Month) -> anyhow::Result<Vec<Payout>> {
    let mut movements = std::mem::take(&mut month.movements);
    movements.sort_by(|a, b| (a.market, a.at, &a.source).cmp(&(b.market, b.at, &b.source)));
    let mut payouts = Vec::new();
    for (market, place) in MARKETS.iter().enumerate() {
        let mut waiting: Vec<ReportLine> = Vec::new();
        let mut coming = movements
            .iter()
            .filter(|movement| movement.market == market)
            .peekable();
        for on in (2..=31).map(day).filter(|date| is_business_day(*date)) {
            while let Some(movement) =
                coming.next_if(|movement| movement.at.date_naive() + Duration::days(2) <= on)
            {
                let id = month.token("txn");
                waiting.push(ReportLine {
                    id,
                    at: movement.at,
                    kind: movement.kind,
                    source: movement.source.clone(),
                    gross: movement.gross,
                    fee: movement.fee,
                });
            }
            let gross: i64 = waiting.iter().map(|line| line.gross).sum();
            let fees: i64 = waiting.iter().map(|line| line.fee).sum();
            // A balance below zero waits for better days.
            if waiting.is_empty() || gross - fees <= 0 {
                continue;
            }
            let id = month.token("po");
            month.emit(at(on, 930), "billing.payout.paid.v1", json!({
                "payout_id": id, "entity": place.entity, "currency": place.currency, "processor": "stripe",
                "gross": number(place.money(gross)?), "fees": number(place.money(fees)?),
                "net": number(place.money(gross - fees)?), "paid_on": on.to_string(),
            }));
            payouts.push(Payout {
                id,
                market,
                on,
                net: gross - fees,
                lines: std::mem::take(&mut waiting),
            });
        }
    }
    Ok(payouts)
}

const HEADER: [&str; 16] = [
    "automatic_payout_id",
    "automatic_payout_effective_at",
    "balance_transaction_id",
    "created_utc",
    "created",
    "available_on_utc",
    "available_on",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "description",
    "customer_facing_amount",
    "customer_facing_currency",
];

/// Writes one report per entity.
pub(super) fn write(folder: &Path, payouts: &[Payout]) -> anyhow::Result<()> {
    for entity in ["us", "uk", "eu"] {
        let path = folder.join(format!("stripe-{entity}-2026-01.csv"));
        let mut writer = csv::Writer::from_path(path)?;
        writer.write_record(HEADER)?;
        for payout in payouts {
            let Some(place) = MARKETS
                .get(payout.market)
                .filter(|place| place.entity == entity)
            else {
                continue;
            };
            let paid = ReportLine {
                id: format!("txn_{}", payout.id.trim_start_matches("po_")),
                at: at(payout.on, 0),
                kind: "payout",
                source: payout.id.clone(),
                gross: -payout.net,
                fee: 0,
            };
            for line in payout.lines.iter().chain([&paid]) {
                let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
                let amount = |amount| {
                    place
                        .money(amount)
                        .map(|money| money.to_decimal().to_string())
                };
                writer.write_record([
                    payout.id.as_str(),
                    &time(at(payout.on, 0)),
                    &line.id,
                    &time(line.at),
                    &time(line.at),
                    &time(at(payout.on, 0)),
                    &time(at(payout.on, 0)),
                    &place.currency.to_lowercase(),
                    &amount(line.gross)?,
                    &amount(line.fee)?,
                    &amount(line.gross - line.fee)?,
                    line.kind,
                    &line.source,
                    if line.kind == "charge" {
                        "Payment for invoice"
                    } else {
                        ""
                    },
                    "",
                    "",
                ])?;
            }
        }
        writer.flush()?;
    }
    Ok(())
}
