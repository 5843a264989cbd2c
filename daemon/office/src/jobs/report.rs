//! Reports: every report in the formats that people open, into the configured folder.

use crate::call::Call;
use crate::jobs::reconcile;
use reports::build::Subject;
use reports::{Control, Format};
use std::path::PathBuf;

/// The formats that the job writes.
const FORMATS: [Format; 4] = Format::ALL;

/// The control equation as of now.
pub async fn control(call: &Call) -> anyhow::Result<Control> {
    let found = reconcile::examine(call).await?;
    let mut control = Control::read(&call.store, found.cash, found.clearing).await?;
    control.missing.extend(found.stale.iter().map(|name| {
        format!("reconciliation `{name}` has not seen the newest items (run `tieout reconcile`)")
    }));
    Ok(control)
}

/// What the reports speak of.
pub fn subject(call: &Call) -> Subject {
    Subject {
        company: call.config.company.clone(),
        now: call.clock.now(),
    }
}

/// Writes all reports; says which files.
pub async fn run(call: &Call) -> anyhow::Result<Vec<PathBuf>> {
    let Some(folder) = &call.config.reports else {
        return Ok(Vec::new());
    };
    let folder = call.path(&folder.folder);
    std::fs::create_dir_all(&folder)?;
    let (control, subject) = (control(call).await?, subject(call));
    let mut written = Vec::new();
    for name in reports::NAMES {
        let report = reports::build(name, &call.store, &subject, &control).await?;
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
