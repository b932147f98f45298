//! The annual matching report: what the ledger of a node proves of one year, for the board that has to look at it
//! ([5 U.S.C. 552a(o)(1)(J)(ii), (u)(3)(D)](https://www.law.cornell.edu/uscode/text/5/552a)). Beside step 14 of the path.
//!
//! Every number in it is counted from entries that were verified against the signed checkpoint in the same pass; nothing
//! comes from the case store. The same year of the same ledger gives the same report, to the byte, so that a board can
//! vote on its digest. It holds no personal data, as the ledger holds none.

use crate::Error;
use crate::event::Event;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use ledger::{Directory, Entry, Files, Outcome, Verifier};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// What the ledger proves of one year.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The year, in UTC.
    pub year: i16,
    /// The ledger's name.
    pub origin: String,
    /// How many entries the ledger had.
    pub entries: u64,
    /// The root of its signed checkpoint.
    pub root: String,
    /// How many of them are of the year.
    pub of_year: u64,
    /// Agreements filed.
    pub agreements: Vec<String>,
    /// What the gate permitted, by act.
    pub permitted: BTreeMap<String, u64>,
    /// What it refused, by act.
    pub refused: BTreeMap<String, u64>,
    /// The rules that were broken, and how often.
    pub rules: BTreeMap<String, u64>,
    /// Counts of what happened, by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Steps on cases, by kind.
    pub steps: BTreeMap<String, u64>,
    /// Votes: on what, for, against.
    pub votes: BTreeMap<String, (u64, u64)>,
}

impl Report {
    /// Returns its JSON, which its digest is taken of.
    ///
    /// # Errors
    /// It cannot be spelled.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map_err(|_| Error::UnspeakableEvent)
    }

    /// Returns its digest.
    ///
    /// # Errors
    /// As [`Report::to_json`].
    pub fn digest(&self) -> Result<String, Error> {
        Ok(agreement::Digest::of(self.to_json()?.as_bytes()).to_string())
    }

    fn add(&mut self, name: &'static str, n: u64) {
        *self.counts.entry(name).or_default() += n;
    }

    /// Takes an entry of the year.
    fn take(&mut self, event: Event) {
        match event {
            Event::AgreementFiled { agreement, .. } => self.agreements.push(agreement),
            Event::Permitted(decided) => *self.permitted.entry(decided.act).or_default() += 1,
            Event::Refused(decided) => {
                *self.refused.entry(decided.act).or_default() += 1;
                for rule in decided.rules {
                    *self.rules.entry(rule).or_default() += 1;
                }
            }
            Event::RunStarted { .. } => self.add("runs begun", 1),
            Event::RunFinished { .. } => self.add("runs ended", 1),
            Event::RecordsAsked { persons, .. } => {
                self.add("look-ups", 1);
                self.add("persons asked about by name", persons);
            }
            Event::RecordsDropped { .. } => self.add("look-ups given up", 1),
            Event::ModelTrained { .. } => self.add("models trained", 1),
            Event::ModelCalibrated { .. } => self.add("models calibrated", 1),
            Event::LeadsPlanned { pairs, planned, held, destroyed, .. } => {
                self.add("pairs compared", pairs);
                self.add("leads opened", planned);
                self.add("leads held for a pilot", held);
                self.add("pairs destroyed", destroyed);
            }
            Event::PilotPassed { judged, not_right, .. } => {
                self.add("pilots passed", 1);
                self.add("pilot leads judged", judged);
                self.add("pilot leads not right", not_right);
            }
            Event::Disclosed { persons, .. } => {
                self.add("disclosures", 1);
                self.add("persons disclosed about", persons);
            }
            Event::DisclosureWithdrawn { .. } => self.add("disclosures withdrawn", 1),
            Event::LeadReviewed { .. } => self.add("leads judged", 1),
            Event::CaseStepped { step, .. } => *self.steps.entry(step).or_default() += 1,
            Event::CaseRead { cases } => self.add("readings of cases", cases),
            Event::IndividualSaw { .. } => self.add("individuals who looked", 1),
            Event::CorrectionOrdered { .. } => self.add("corrections ordered", 1),
            Event::DisputeSent { .. } => self.add("disputes sent", 1),
            Event::DisputeReceived { .. } => self.add("disputes received", 1),
            Event::DisputeAnswered { .. } => self.add("disputes answered", 1),
            Event::DisputeSettled { .. } => self.add("disputes settled by the source", 1),
            Event::ClusterSplit { .. } => self.add("clusters split", 1),
            Event::CorrectionSent { .. } => self.add("corrections sent", 1),
            Event::CorrectionAcknowledged { .. } => self.add("corrections acknowledged", 1),
            Event::CorrectionReceived { .. } => self.add("corrections received", 1),
            Event::WorkExported { cases, .. } => self.add("cases in lists and letters", cases),
            Event::ResultsImported { taken, rejected, .. } => {
                self.add("results taken", taken);
                self.add("results rejected", rejected);
            }
            Event::StayRecorded { .. } => self.add("stays recorded", 1),
            Event::StayLifted { .. } => self.add("stays lifted", 1),
            Event::DataDestroyed { .. } => self.add("destructions", 1),
            Event::EntrySealed { .. } => self.add("entries sealed from an individual", 1),
            Event::VoteCast { on, vote, instead_of } => {
                let votes = self.votes.entry(on).or_default();
                let mut count = |vote: &str, n: i64| match vote {
                    "for" => votes.0 = votes.0.saturating_add_signed(n),
                    "against" => votes.1 = votes.1.saturating_add_signed(n),
                    _none => {}
                };
                count(&vote, 1);
                count(&instead_of, -1);
            }
            // A register of requests is no program's ledger.
            Event::MatterOpened { .. }
            | Event::MatterClosed { .. }
            | Event::MatterReopened { .. }
            | Event::PermitDropped { .. }
            | Event::WitnessesAgreed { .. }
            | Event::CheckpointCosigned { .. }
            | Event::RunAbandoned { .. }
            | Event::ReleaseResumed { .. }
            | Event::LeadsRead { .. } => {}
        }
    }
}

/// Files of a ledger that are read no further once somebody says so.
struct Stoppable<'a> {
    files: Directory,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Files for Stoppable<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ledger::Error> {
        if (self.stop)() {
            let source = ErrorKind::Interrupted.into();
            return Err(ledger::Error::Store { deed: "read", path: path.to_owned(), source });
        }
        self.files.read(path)
    }

    fn list(&self, under: &str) -> Result<Vec<String>, ledger::Error> {
        self.files.list(under)
    }
}

/// Counts a year of a ledger, says after how many entries it is each time, and reads no further file once `stop` says so.
///
/// None if the ledger is not what was signed: then there is nothing to report, and an audit to be made.
///
/// # Errors
/// The ledger cannot be read, or it was told to stop.
pub fn annual(
    folder: &Path,
    key: &Verifier,
    year: i16,
    mut watch: impl FnMut(u64),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Report>, Error> {
    let (begins, ends) = span(year).ok_or(Error::UnspeakableEvent)?;
    let mut report = Report { year, ..Report::default() };
    let files = Stoppable { files: Directory::new(folder), stop };
    let outcome = ledger::audit(&files, key, &[], |index, entry: &Entry| {
        watch(index + 1);
        if entry.at() < begins || entry.at() >= ends {
            return;
        }
        report.of_year += 1;
        match Event::of(entry) {
            Some(event) => report.take(event),
            None => report.add("entries of kinds not known here", 1),
        }
    })?;
    match outcome {
        Outcome::Sound(sound) => {
            report.origin = sound.origin.to_string();
            report.entries = sound.size;
            report.root = sound.root.to_string();
            Ok(Some(report))
        }
        Outcome::Unsound(_) => Ok(None),
    }
}

/// The first instant of a year and the first after it.
fn span(year: i16) -> Option<(Timestamp, Timestamp)> {
    let begin = |year: i16| Some(date(year, 1, 1).to_zoned(TimeZone::UTC).ok()?.timestamp());
    (1970..9999).contains(&year).then_some(())?;
    Some((begin(year)?, begin(year + 1)?))
}
