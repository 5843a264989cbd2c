//! Reports: every report in the formats that people open, into the configured folder.

use crate::company::Company;
use crate::jobs::reconcile;
use reports::build::Subject;
use reports::{Control, Format};
use std::path::PathBuf;

/// The formats that the job writes.
const FORMATS: [Format; 4] = Format::ALL;

/// The control equation as of now.
pub(crate) async fn control(company: &Company) -> anyhow::Result<Control> {
    let found = reconcile::examine(company).await?;
    let mut control = Control::read(&company.store, found.cash, found.clearing).await?;
    control.missing.extend(found.stale.iter().map(|name| {
        format!("reconciliation `{name}` has not seen the newest items (run `tieout reconcile`)")
    }));
    Ok(control)
}

/// What the reports speak of.
pub(crate) fn subject(company: &Company) -> Subject {
    Subject {
        company: company.config.company.clone(),
        now: company.clock.now(),
    }
}

/// Writes all reports; says which files.
pub(crate) async fn run(company: &Company) -> anyhow::Result<Vec<PathBuf>> {
    let Some(folder) = &company.config.reports else {
        return Ok(Vec::new());
    };
    let folder = company.path(&folder.folder);
    std::fs::create_dir_all(&folder)?;
    let (control, subject) = (control(company).await?, subject(company));
    let mut written = Vec::new();
    for name in reports::NAMES {
        let report = reports::build(name, &company.store, &subject, &control).await?;
        for format in FORMATS {
            let path = folder.join(format!("{name}.{}", format.name()));
            let partial = folder.join(format!(".{name}.{}.part", format.name()));
            std::fs::write(&partial, format.render(&report)?)?;
            std::fs::rename(&partial, &path)?;
            written.push(path);
        }
    }
    Ok(written)
}
