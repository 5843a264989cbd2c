//! A starter company: its configuration and the mapping pack that this binary carries.

use std::path::Path;

/// The configuration of a network company with three entities.
pub(crate) const CONFIG: &str = include_str!("tieout.yaml");

/// The files of the pack, without its tests.
const PACK: &[(&str, &str)] = &[
    (
        "chart.yaml",
        include_str!("../../../mappings/packs/billing/chart.yaml"),
    ),
    (
        "customer.yaml",
        include_str!("../../../mappings/packs/billing/customer.yaml"),
    ),
    (
        "invoice.yaml",
        include_str!("../../../mappings/packs/billing/invoice.yaml"),
    ),
    (
        "payment.yaml",
        include_str!("../../../mappings/packs/billing/payment.yaml"),
    ),
    (
        "usage.yaml",
        include_str!("../../../mappings/packs/billing/usage.yaml"),
    ),
    (
        "tables/rates.csv",
        include_str!("../../../mappings/packs/billing/tables/rates.csv"),
    ),
    (
        "tables/revenue-account.csv",
        include_str!("../../../mappings/packs/billing/tables/revenue-account.csv"),
    ),
    (
        "schemas/billing.invoice.finalized.v1.json",
        include_str!("../../../mappings/packs/billing/schemas/billing.invoice.finalized.v1.json"),
    ),
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
    Ok(())
}
