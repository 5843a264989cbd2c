//! A starter company: its configuration and the mapping pack, with its golden tests, that this binary
//! carries.

use std::path::Path;

/// The configuration of a network company with three entities.
pub(crate) const CONFIG: &str = include_str!("starter.yaml");

/// The files of the pack that decide what is posted.
const PACK: &[(&str, &str)] = &[
    (
        "chart.yaml",
        include_str!("../../mappings/packs/billing/chart.yaml"),
    ),
    (
        "customer.yaml",
        include_str!("../../mappings/packs/billing/customer.yaml"),
    ),
    (
        "invoice.yaml",
        include_str!("../../mappings/packs/billing/invoice.yaml"),
    ),
    (
        "payment.yaml",
        include_str!("../../mappings/packs/billing/payment.yaml"),
    ),
    (
        "usage.yaml",
        include_str!("../../mappings/packs/billing/usage.yaml"),
    ),
    (
        "tables/rates.csv",
        include_str!("../../mappings/packs/billing/tables/rates.csv"),
    ),
    (
        "tables/revenue-account.csv",
        include_str!("../../mappings/packs/billing/tables/revenue-account.csv"),
    ),
    (
        "schemas/billing.invoice.finalized.v1.json",
        include_str!("../../mappings/packs/billing/schemas/billing.invoice.finalized.v1.json"),
    ),
];

/// Golden tests by name: an event, and the journal that a bookkeeper expects.
macro_rules! golden_tests {
    ($($name:literal),* $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("../../mappings/packs/billing/tests/", $name, "/event.json")),
            include_str!(concat!("../../mappings/packs/billing/tests/", $name, "/expected.journal")),
        )),*]
    };
}

const TESTS: &[(&str, &str, &str)] = golden_tests![
    "chargeback-lost",
    "chargeback-opened",
    "chargeback-won",
    "credit-note-issued",
    "customer-onboarded",
    "invoice-finalized",
    "invoice-in-yen-in-dollar-books",
    "invoice-of-an-unknown-entity",
    "invoice-of-nothing",
    "invoice-that-breaks-its-promise",
    "invoice-voided",
    "invoice-with-a-negative-line",
    "invoice-with-a-third-decimal",
    "invoice-without-a-rate",
    "payment-failed",
    "payment-on-the-last-evening-in-new-york",
    "payout-paid",
    "refund-succeeded",
    "unknown-event-type",
    "usage-rated-is-rounded-to-the-even-cent",
];

/// Writes configuration, mapping and empty folders.
pub(crate) fn write(dir: &Path) -> anyhow::Result<()> {
    for folder in ["inbox", "settlements", "exports", "reports"] {
        std::fs::create_dir_all(dir.join(folder))?;
    }
    std::fs::write(dir.join("tieout.yaml"), CONFIG)?;
    let pack = dir.join("mappings").join("billing");
    for (name, text) in PACK {
        let path = pack.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, text)?;
    }
    for (name, event, expected) in TESTS {
        let case = pack.join("tests").join(name);
        std::fs::create_dir_all(&case)?;
        std::fs::write(case.join("event.json"), event)?;
        std::fs::write(case.join("expected.journal"), expected)?;
    }
    Ok(())
}
