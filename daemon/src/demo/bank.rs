//! The banks' side: deposits of payouts, late, split, merged or never, among other movements.

use super::month::{MARKETS, Market, Month, day, is_business_day, next_business_day};
use super::processor::Payout;
use super::truth::Planted;
use anyhow::Context as _;
use chrono::{Duration, NaiveDate};
use ledger::Money;
use std::fmt::Write as _;
use std::path::Path;

/// A line of a bank statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct BankLine {
    on: NaiveDate,
    reference: String,
    amount: i64,
    text: String,
}

/// Which payouts of a market arrive otherwise than they should, by their place in the month.
struct Plants {
    late: &'static [usize],
    split: &'static [usize],
    /// The first of two that arrive together.
    merged: &'static [usize],
    missing: &'static [usize],
}

const PLANTS: [Plants; 4] = [
    Plants {
        late: &[2],
        split: &[5],
        merged: &[8],
        missing: &[],
    },
    Plants {
        late: &[],
        split: &[],
        merged: &[],
        missing: &[],
    },
    Plants {
        late: &[],
        split: &[],
        merged: &[4],
        missing: &[],
    },
    Plants {
        late: &[3],
        split: &[6],
        merged: &[],
        missing: &[9],
    },
];

/// Writes a statement per account, and one that overlaps another.
pub(super) fn write(folder: &Path, payouts: &[Payout], month: &mut Month) -> anyhow::Result<()> {
    for ((index, market), plants) in MARKETS.iter().enumerate().zip(&PLANTS) {
        let own: Vec<&Payout> = payouts
            .iter()
            .filter(|payout| payout.market == index)
            .collect();
        let mut lines = deposits(market, &own, plants, month)?;
        lines.extend(others(market, month));
        lines.retain(|line| line.on <= day(31));
        lines.sort();
        let opening = market.fee_free_balance();
        let whole = Span {
            from: day(1),
            to: day(31),
        };
        let version = if market.entity == "eu" { 2 } else { 8 };
        let name = format!(
            "bank-{}-{}-2026-01.xml",
            market.entity,
            market.currency.to_lowercase()
        );
        std::fs::write(
            folder.join(name),
            document(market, version, &lines, opening, whole)?,
        )?;
        if market.entity == "eu" {
            let last_week = Span {
                from: day(26),
                to: day(31),
            };
            let before: i64 = lines
                .iter()
                .filter(|line| line.on < last_week.from)
                .map(|line| line.amount)
                .sum();
            let again: Vec<BankLine> = lines
                .iter()
                .filter(|line| line.on >= last_week.from)
                .cloned()
                .collect();
            let text = document(market, version, &again, opening + before, last_week)?;
            std::fs::write(folder.join("bank-eu-eur-2026-01-week5.xml"), text)?;
        }
    }
    Ok(())
}

impl Market {
    /// What is on the bank account when the month begins.
    fn fee_free_balance(&self) -> i64 {
        if self.currency == "JPY" {
            48_250_000
        } else {
            12_543_077
        }
    }
}

fn deposits(
    market: &Market,
    payouts: &[&Payout],
    plants: &Plants,
    month: &mut Month,
) -> anyhow::Result<Vec<BankLine>> {
    let mut lines = Vec::new();
    let mut carried: Option<&Payout> = None;
    for (index, payout) in payouts.iter().enumerate() {
        let on = next_business_day(payout.on);
        if plants.missing.contains(&index) {
            month
                .planted
                .push(Planted::new("missing-in-bank", &payout.id));
        } else if plants.late.contains(&index) {
            month.planted.push(Planted::new("late", &payout.id));
            let late = next_business_day(payout.on + Duration::days(9));
            lines.push(deposit(market, late, payout.net, Some(&payout.id), month));
        } else if plants.split.contains(&index) {
            month.planted.push(Planted::new("split", &payout.id));
            let part = (payout.net * 37).div_euclid(100);
            lines.push(deposit(market, on, part, Some(&payout.id), month));
            lines.push(deposit(
                market,
                on,
                payout.net - part,
                Some(&payout.id),
                month,
            ));
        } else if plants.merged.contains(&index) {
            month.planted.push(Planted::new("merged", &payout.id));
            carried = Some(payout);
        } else if let Some(before) = carried.take() {
            lines.push(deposit(market, on, before.net + payout.net, None, month));
        } else {
            lines.push(deposit(market, on, payout.net, Some(&payout.id), month));
        }
    }
    let wanted = plants
        .late
        .iter()
        .chain(plants.split)
        .chain(plants.merged)
        .chain(plants.missing);
    let last = wanted.max().map_or(0, |place| place + 2);
    anyhow::ensure!(
        payouts.len() >= last,
        "too few payouts in {} to plant defects in; ask for more events",
        market.currency
    );
    Ok(lines)
}

/// American banks show who paid and nothing more; the others show the payout.
fn deposit(
    market: &Market,
    on: NaiveDate,
    amount: i64,
    payout: Option<&str>,
    month: &mut Month,
) -> BankLine {
    let text = match payout {
        Some(payout) if market.entity != "us" => format!("STRIPE PAYMENTS {payout}"),
        _ => "ACH CREDIT STRIPE TRANSFER".to_owned(),
    };
    BankLine {
        on,
        reference: month.token("B").to_uppercase(),
        amount,
        text,
    }
}

/// Rent, payroll and a supplier: movements that are nobody's payout.
fn others(market: &Market, month: &mut Month) -> Vec<BankLine> {
    let unit = if market.currency == "JPY" {
        100
    } else {
        10_000
    };
    let mut lines = Vec::new();
    for (number, text, size) in [
        (5, "RENT NORTHERN PROPERTIES", 42),
        (15, "FIBRE SUPPLIER & SONS", 61),
        (28, "PAYROLL", 187),
    ] {
        let mut on = day(number);
        while !is_business_day(on) {
            on += Duration::days(1);
        }
        let reference = month.token("B").to_uppercase();
        lines.push(BankLine {
            on,
            reference,
            amount: -unit * size,
            text: text.to_owned(),
        });
    }
    lines
}

#[derive(Clone, Copy)]
struct Span {
    from: NaiveDate,
    to: NaiveDate,
}

/// A camt.053 document, version 2 or 8.
fn document(
    market: &Market,
    version: u8,
    lines: &[BankLine],
    opening: i64,
    span: Span,
) -> anyhow::Result<String> {
    let account = if market.bank_account.starts_with("US-") {
        format!("<Othr><Id>{}</Id></Othr>", market.bank_account)
    } else {
        format!("<IBAN>{}</IBAN>", market.bank_account)
    };
    let closing = opening + lines.iter().map(|line| line.amount).sum::<i64>();
    let id = format!(
        "{}-{}-{}",
        market.entity.to_uppercase(),
        market.currency,
        span.to
    );
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version:02}\">\n<BkToCstmrStmt>\n<GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-02-01T05:00:00</CreDtTm></GrpHdr>\n<Stmt>\n<Id>{id}</Id><CreDtTm>2026-02-01T05:00:00</CreDtTm>\n<FrToDt><FrDtTm>{}T00:00:00</FrDtTm><ToDtTm>{}T23:59:59</ToDtTm></FrToDt>\n<Acct><Id>{account}</Id><Ccy>{}</Ccy></Acct>\n",
        span.from, span.to, market.currency
    );
    for (code, amount, on) in [("OPBD", opening, span.from), ("CLBD", closing, span.to)] {
        let (money, side) = unsigned(market, amount)?;
        writeln!(
            xml,
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"{}\">{}</Amt><CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>",
            market.currency,
            money.to_decimal()
        )
        .context("writing to memory")?;
    }
    for line in lines {
        entry(&mut xml, market, version, line)?;
    }
    xml.push_str("</Stmt>\n</BkToCstmrStmt>\n</Document>\n");
    Ok(xml)
}

fn entry(xml: &mut String, market: &Market, version: u8, line: &BankLine) -> anyhow::Result<()> {
    let (money, side) = unsigned(market, line.amount)?;
    let status = if version == 2 {
        "BOOK".to_owned()
    } else {
        "<Cd>BOOK</Cd>".to_owned()
    };
    let text = line.text.replace('&', "&amp;").replace('<', "&lt;");
    let detail = if version == 2 {
        "<TxDtls><RmtInf>".to_owned()
    } else {
        // From .03 on a transaction carries its own amount and side.
        format!(
            "<TxDtls><Amt Ccy=\"{}\">{}</Amt><CdtDbtInd>{side}</CdtDbtInd><RmtInf>",
            market.currency,
            money.to_decimal()
        )
    };
    writeln!(
        xml,
        "<Ntry><Amt Ccy=\"{}\">{}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>{status}</Sts><BookgDt><Dt>{}</Dt></BookgDt><ValDt><Dt>{}</Dt></ValDt><AcctSvcrRef>{}</AcctSvcrRef><BkTxCd><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd><NtryDtls>{detail}<Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
        market.currency,
        money.to_decimal(),
        line.on,
        line.on,
        line.reference
    )
    .context("writing to memory")
}

fn unsigned(market: &Market, amount: i64) -> anyhow::Result<(Money, &'static str)> {
    let side = if amount < 0 { "DBIT" } else { "CRDT" };
    Ok((market.money(amount.abs())?, side))
}
