//! Sources that are watched: folders behind SFTP, and the folder of this machine where the daemon looks.
//!
//! A file is taken when two looks found it the same in size and time, so much apart as its source says. Looks are kept
//! in the books, so that it is all one whether one process looks twice or two once; and so is what became of a file, so
//! that one that lies there as it did is not fetched again. What a source says of itself stops no other.

use super::spool::Spooled;
use super::{FOLDER, Summary, take_file};
use crate::call::Call;
use crate::config::settlement::is_like;
use chrono::{DateTime, TimeDelta, Utc};
use connectors::transport::TransportError;
use connectors::transport::pickup::{self, Connected, FetchError, Found, Sight};
use ledger::Hash;
use ledger::clock::truncate_to_micros;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use store::StoreError;
use store::settlement::{NewSight, SightOutcome, SightRow};

/// Who wants files to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A person, who may have changed what a file was refused for.
    ByHand,
    /// The daemon, again and again.
    BySchedule,
}

/// A file as it lies there now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    name: String,
    bytes: i64,
    changed_at: DateTime<Utc>,
}

impl Look {
    fn of(sight: &Sight) -> Self {
        Self {
            name: sight.name.clone(),
            bytes: i64::try_from(sight.bytes).unwrap_or(i64::MAX),
            changed_at: sight.changed_at,
        }
    }

    fn became(&self, outcome: SightOutcome) -> NewSight {
        NewSight {
            name: self.name.clone(),
            bytes: self.bytes,
            changed_at: self.changed_at,
            outcome,
        }
    }
}

/// The look before.
#[derive(Clone, Debug)]
struct Before {
    look: Look,
    outcome: SightOutcome,
    at: DateTime<Utc>,
}

impl Before {
    fn of(sight: SightRow) -> Self {
        Self {
            outcome: sight.outcome(),
            at: sight.seen_at,
            look: Look {
                name: sight.name,
                bytes: sight.bytes,
                changed_at: sight.changed_at,
            },
        }
    }
}

/// Why a source was not looked through to its end.
enum Trouble {
    /// It is the source's own, and stops no other.
    Source(anyhow::Error),
    /// Nothing can be taken at all.
    Run(anyhow::Error),
}

impl From<TransportError> for Trouble {
    fn from(error: TransportError) -> Self {
        Self::Source(error.into())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Run(error.into())
    }
}

/// What is to be done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    /// It was not seen before as it is: look again.
    Look,
    /// It was, and not long enough ago.
    Wait,
    /// It has come to rest.
    Take,
    /// It was taken as it is.
    Taken(Option<Hash>),
    /// It was refused as it is.
    Refused(String),
}

/// What is to be done with a file that was seen before, now.
fn decide(before: Option<&Before>, look: &Look, now: DateTime<Utc>, rest: TimeDelta) -> Decision {
    let is_same =
        |before: &&Before| before.look == *look && !matches!(before.outcome, SightOutcome::PutAway);
    let Some(before) = before.filter(is_same) else {
        return if rest.is_zero() {
            Decision::Take
        } else {
            Decision::Look
        };
    };
    match &before.outcome {
        SightOutcome::Taken(hash) => Decision::Taken(*hash),
        SightOutcome::Refused(why) => Decision::Refused(why.clone()),
        // A clock that was set back says nothing about how long it has been.
        SightOutcome::Seen if now < before.at => Decision::Look,
        SightOutcome::Seen if now - before.at >= rest => Decision::Take,
        SightOutcome::Seen => Decision::Wait,
        SightOutcome::PutAway => Decision::Look,
    }
}

/// A source with what is known of its files.
struct Watch<'c> {
    call: &'c Call,
    source: String,
    rest: TimeDelta,
    asked: Asked,
    known: BTreeMap<String, Before>,
    looks: Vec<NewSight>,
}

impl<'c> Watch<'c> {
    async fn of(
        call: &'c Call,
        source: String,
        stable_seconds: u32,
        asked: Asked,
    ) -> Result<Self, StoreError> {
        let sights = call.store.settlement_sights(&source).await?;
        let known = sights
            .into_iter()
            .map(|sight| (sight.name.clone(), Before::of(sight)))
            .collect();
        Ok(Self {
            call,
            source,
            rest: TimeDelta::seconds(stable_seconds.into()),
            asked,
            known,
            looks: Vec::new(),
        })
    }

    /// What is refused is tried again when a person asks, and once by each process and configuration: those may be
    /// others than refused it.
    fn decide(&self, look: &Look) -> Decision {
        let now = self.call.clock.now();
        let decision = decide(self.known.get(&look.name), look, now, self.rest);
        if !matches!(decision, Decision::Refused(_)) {
            return decision;
        }
        let mut tried = self
            .call
            .tried
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_first = tried.insert((self.source.clone(), look.name.clone()));
        if is_first || self.asked == Asked::ByHand {
            Decision::Take
        } else {
            decision
        }
    }

    /// Does what needs no file; true where it is to be taken.
    fn is_to_be_taken(&mut self, look: &Look, decision: &Decision, summary: &mut Summary) -> bool {
        let shown = format!("{}/{}", self.source, look.name);
        match decision {
            Decision::Take => return true,
            Decision::Look => {
                self.looks.push(look.became(SightOutcome::Seen));
                summary.waiting.push(shown);
            }
            Decision::Wait => summary.waiting.push(shown),
            Decision::Taken(_) => summary.counts.repeated_files += 1,
            Decision::Refused(why) => summary.refuse(format!(
                "{shown}: as before, {why}; it is tried again when another one lies there, or by `tieout settle`"
            )),
        }
        false
    }

    /// Keeps what became of a file that was taken, or was to be.
    async fn became(
        &self,
        look: &Look,
        refused: Option<String>,
        hash: Option<Hash>,
    ) -> Result<(), StoreError> {
        let outcome = refused.map_or(SightOutcome::Taken(hash), SightOutcome::Refused);
        if matches!(outcome, SightOutcome::Refused(_)) {
            let mut tried = self
                .call
                .tried
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            tried.insert((self.source.clone(), look.name.clone()));
        }
        self.add(&[look.became(outcome)]).await
    }

    async fn add(&self, sights: &[NewSight]) -> Result<(), StoreError> {
        if sights.is_empty() {
            return Ok(());
        }
        let mut tx = self.call.store.begin().await?;
        tx.add_sights(&self.source, sights, &self.call.stamp())
            .await?;
        tx.commit().await
    }

    /// Keeps the looks at files that may not be complete.
    async fn end(self) -> Result<(), StoreError> {
        self.add(&self.looks).await
    }

    /// Tells that the source is away or not as it should be.
    fn away(&self, error: &anyhow::Error, summary: &mut Summary) {
        let source = &self.source;
        let name = source.strip_prefix("sftp:").unwrap_or(source);
        summary.refuse(format!(
            "{source}: {error:#}; the other sources go on, and it is tried again next time (`tieout connectors test {name}` tries it now)"
        ));
    }
}

/// Takes what has come to rest among the files of the folder.
pub(super) async fn folder(
    call: &Call,
    files: &[PathBuf],
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let Some(settlement) = &call.config.settlement else {
        return Ok(());
    };
    let seconds = settlement.stable_seconds;
    let mut watch = Watch::of(call, FOLDER.to_owned(), seconds, Asked::BySchedule).await?;
    for path in files {
        let Some(look) = look_at(path) else {
            // Whatever it is, opening it says so.
            take_file(call, path, (FOLDER, None), summary).await?;
            continue;
        };
        let decision = watch.decide(&look);
        if watch.is_to_be_taken(&look, &decision, summary) {
            let refused = take_file(call, path, (FOLDER, None), summary).await?;
            // Otherwise somebody wrote on while it was read, and it is looked at anew.
            if look_at(path).as_ref() == Some(&look) {
                watch.became(&look, refused, None).await?;
            }
        }
    }
    Ok(watch.end().await?)
}

fn look_at(path: &Path) -> Option<Look> {
    let found = std::fs::symlink_metadata(path).ok()?;
    let changed_at = found.modified().ok().map(DateTime::<Utc>::from)?;
    found.is_file().then(|| Look {
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        bytes: i64::try_from(found.len()).unwrap_or(i64::MAX),
        changed_at: truncate_to_micros(changed_at),
    })
}

/// Takes what has come to rest behind SFTP.
pub(super) async fn all_sftp(
    call: &Call,
    asked: Asked,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let sources = call.config.settlement.iter();
    for (name, config) in sources.flat_map(|settlement| &settlement.sftp) {
        let source = format!("sftp:{name}");
        let mut watch = Watch::of(call, source, config.stable_seconds, asked).await?;
        match sftp(&mut watch, config, summary).await {
            Ok(()) => {}
            Err(Trouble::Source(error)) => watch.away(&error, summary),
            Err(Trouble::Run(error)) => return Err(error),
        }
        watch.end().await?;
    }
    Ok(())
}

async fn connect(
    call: &Call,
    config: &pickup::Config,
) -> Result<(Connected, Vec<Found>), TransportError> {
    let connected = config.open(&call.base)?.connect().await?;
    let found = connected.list().await?;
    Ok((connected, found))
}

async fn sftp(
    watch: &mut Watch<'_>,
    config: &pickup::Config,
    summary: &mut Summary,
) -> Result<(), Trouble> {
    let (connected, all) = connect(watch.call, config).await?;
    for found in all {
        if !is_like(&config.pattern, found.name()) {
            continue;
        }
        match found {
            Found::File(sight) => one(watch, &connected, &sight, summary).await?,
            Found::Refused { name, why } => {
                let (source, name) = (&watch.source, name.escape_debug());
                summary.refuse(format!("{source}/{name}: {why}"));
            }
        }
    }
    Ok(())
}

async fn one(
    watch: &mut Watch<'_>,
    connected: &Connected,
    sight: &Sight,
    summary: &mut Summary,
) -> Result<(), Trouble> {
    let look = Look::of(sight);
    let decision = watch.decide(&look);
    // A process may have ended between taking it and putting it away.
    let mut taken = match decision {
        Decision::Taken(hash) => hash,
        _ => None,
    };
    if watch.is_to_be_taken(&look, &decision, summary) {
        taken = fetched(watch, connected, sight, summary).await?;
    }
    let Some(hash) = taken else {
        return Ok(());
    };
    let shown = format!("{}/{}", watch.source, sight.name);
    match connected.put_away(&sight.name, hash).await {
        Ok(true) => Ok(watch.add(&[look.became(SightOutcome::PutAway)]).await?),
        Ok(false) => Ok(()),
        Err(FetchError::Host(error)) => Err(error.into()),
        Err(error) => {
            summary.told.push(format!("{shown}: {error}"));
            Ok(())
        }
    }
}

/// Fetches a file and takes it; says what its bytes hash to if it was taken.
async fn fetched(
    watch: &Watch<'_>,
    connected: &Connected,
    sight: &Sight,
    summary: &mut Summary,
) -> Result<Option<Hash>, Trouble> {
    let shown = format!("{}/{}", watch.source, sight.name);
    let spooled = Spooled::new(watch.call, &sight.name).map_err(Trouble::Source)?;
    let hash = match connected.fetch(sight, spooled.path()).await {
        Ok(hash) => hash,
        Err(FetchError::Changed) => {
            summary.waiting.push(shown);
            return Ok(None);
        }
        Err(FetchError::File(why)) => {
            summary.refuse(format!("{shown}: {why}"));
            return Ok(None);
        }
        Err(error @ (FetchError::Host(_) | FetchError::Place { .. })) => {
            return Err(Trouble::Source(anyhow::Error::from(error).context(shown)));
        }
    };
    let from = (watch.source.as_str(), None);
    let refused = take_file(watch.call, spooled.path(), from, summary).await;
    let refused = refused.map_err(Trouble::Run)?;
    let taken = refused.is_none().then_some(hash);
    watch.became(&Look::of(sight), refused, taken).await?;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_when_two_looks_found_it_the_same() {
        let at = |second: i64| DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap();
        let look = |bytes: i64, changed: i64| Look {
            name: "a.csv".to_owned(),
            bytes,
            changed_at: at(changed),
        };
        let before = |outcome: SightOutcome, seen: i64| Before {
            look: look(10, 0),
            outcome,
            at: at(seen),
        };
        let seen = before(SightOutcome::Seen, 100);
        let hash = Some(Hash::of(b"bytes"));
        let taken = before(SightOutcome::Taken(hash), 100);
        let refused = before(SightOutcome::Refused("a picture".to_owned()), 100);
        let away = before(SightOutcome::PutAway, 100);
        let told = || Decision::Refused("a picture".to_owned());
        let see = || Decision::Look;
        let table = [
            ("never seen", None, look(10, 0), 100, see()),
            ("just seen", Some(&seen), look(10, 0), 159, Decision::Wait),
            ("at rest", Some(&seen), look(10, 0), 160, Decision::Take),
            ("grown", Some(&seen), look(11, 0), 160, see()),
            ("written again", Some(&seen), look(10, 1), 160, see()),
            ("clock set back", Some(&seen), look(10, 0), 99, see()),
            (
                "taken",
                Some(&taken),
                look(10, 0),
                999,
                Decision::Taken(hash),
            ),
            ("old name, new file", Some(&taken), look(12, 5), 999, see()),
            ("put away", Some(&away), look(10, 0), 999, see()),
            ("refused", Some(&refused), look(10, 0), 999, told()),
            ("replaced", Some(&refused), look(9, 9), 999, see()),
        ];
        for (what, before, look, now, wanted) in table {
            let found = decide(before, &look, at(now), TimeDelta::seconds(60));
            assert_eq!(found, wanted, "{what}");
        }
        let at_once = decide(None, &look(1, 1), at(0), TimeDelta::zero());
        assert_eq!(at_once, Decision::Take);
    }
}
