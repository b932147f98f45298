//! The audit of meaning: what the ledger's entries say together, once [`ledger::audit()`] has shown that they are what
//! was signed. From files alone, in a folder, on a stick or on a web server.
//!
//! The ledger knows no event; here each is read back and held against the ones before it: a permit precedes what was
//! done under it, nothing is disclosed in the scope of a stay, every decision is decided again from its facts, a
//! correction reaches every recipient, the counts add up. What cannot be proved is said as plainly as what is wrong;
//! of what a pruned ledger no longer has, nothing is presumed.

mod agreed;
mod asked;
mod calibrated;
mod cases;
mod corrections;
mod destroyed;
mod disputes;
mod gone;
mod permits;
mod quorum;
mod replay;
mod requests;
mod stays;

use crate::Error;
use crate::event::{Decided, Event};
use crate::register::Matter;
use crate::run::calibrate;
pub use agreed::hold_to_agreements;
use agreement::{Act, Gate, Seal, Stay};
use gone::Gone;
use jiff::Timestamp;
use ledger::{Checkpoint, Directory, Entry, Files, Outcome, Policy, Verifier};
use permits::Held;
use replay::{Replay, Replayed};
pub use requests::{Requests, hold_against};
use serde::Serialize;
use stays::{Parties, stay};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What an audit came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// Which ledger.
    pub origin: String,
    /// How many entries it has.
    pub entries: u64,
    /// The root over them.
    pub root: String,
    /// What was proved, in sentences.
    pub proved: Vec<String>,
    /// What could not be proved or disproved, and what it would take.
    pub open: Vec<String>,
    /// What was destroyed, and so can be opened by nobody any more.
    pub erased: Vec<String>,
    /// What lies beside the ledger and nobody answers for.
    pub unauthenticated: Vec<String>,
    /// What is wrong; empty if nothing is.
    pub wrong: Vec<Wrong>,
    /// What it says of requests about named persons, to be held against another ledger.
    #[serde(skip)]
    pub requests: Requests,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Where: an entry's index or a file.
    pub place: String,
    /// What.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// The entry's index, where it is an entry.
    #[serde(skip)]
    index: Option<u64>,
}

impl Wrong {
    /// Says what is wrong with a file, or with something else that has a name.
    pub fn with(
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Wrong {
        Wrong { place: place.into(), what: what.into(), remedy: remedy.into(), index: None }
    }

    fn at(index: u64, what: &str, remedy: &str) -> Wrong {
        Wrong { index: Some(index), ..Wrong::with(format!("entry {index}"), what, remedy) }
    }
}

impl Audited {
    /// Says whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// Audits the ledger in a folder under its public key.
///
/// # Errors
/// The folder cannot be read. What is wrong with the ledger is no error but an outcome.
pub fn audit(
    folder: &Path,
    key: &Verifier,
    held: &[Checkpoint],
    gate: &Gate,
) -> Result<Audited, Error> {
    audit_files(&Directory::new(folder), key, held, gate)
}

/// Audits a ledger wherever its files are, under its public key.
///
/// # Errors
/// A file cannot be read. What is wrong with the ledger is no error but an outcome.
pub fn audit_files<F: Files + Sync>(
    files: &F,
    key: &Verifier,
    held: &[Checkpoint],
    gate: &Gate,
) -> Result<Audited, Error> {
    let mut reading = Reading::new(key);
    let outcome = std::thread::scope(|scope| {
        let mut replay = Replay::begin(scope, gate);
        let outcome = ledger::audit(files, key, held, |index, entry| {
            if let Some(decided) = reading.take(index, entry) {
                replay.take(index, decided);
            }
        });
        reading.replayed(replay.end());
        outcome
    })?;
    Ok(match outcome {
        Outcome::Sound(bytes) => {
            let count = &bytes.verified;
            let mut proved = vec![
                format!(
                    "the checkpoint is signed by {} ({} signature)",
                    bytes.origin, count.signatures
                ),
                format!(
                    "all {} entries, {} bundles and {} tiles are what was signed",
                    count.entries, count.bundles, count.tiles
                ),
            ];
            if let Some(pruned) = &bytes.pruned {
                proved.push(format!(
                    "its key has signed that entries below {} may be gone, by this rule: {}",
                    pruned.below, pruned.rule
                ));
            }
            if count.held > 0 {
                proved.push(format!("it continues {} checkpoint held by the auditor", count.held));
            }
            reading.hold(files, &bytes)?;
            reading.finish(&mut proved);
            let requests = reading.requests_end(&mut proved);
            Audited {
                origin: bytes.origin.to_string(),
                entries: bytes.size,
                root: bytes.root.to_string(),
                proved,
                open: reading.open,
                erased: reading.erased,
                unauthenticated: bytes.unauthenticated,
                wrong: reading.wrong,
                requests,
            }
        }
        Outcome::Unsound(findings) => Audited {
            origin: String::new(),
            entries: 0,
            root: String::new(),
            proved: Vec::new(),
            open: vec![
                "what the entries mean was not looked at: they are not what was signed".to_owned(),
            ],
            erased: Vec::new(),
            unauthenticated: Vec::new(),
            wrong: findings
                .iter()
                .map(|finding| {
                    Wrong::with(&finding.file, finding.fault.to_string(), finding.remedy())
                })
                .collect(),
            requests: Requests::default(),
        },
    })
}

/// What has been read so far: only what later entries are held against.
struct Reading<'key> {
    /// The ledger's own key.
    key: &'key Verifier,
    permits: BTreeMap<u64, Held>,
    /// Permits to destroy under each agreement that nothing was destroyed under yet.
    unspent: BTreeMap<String, Vec<u64>>,
    stays: BTreeMap<String, Stay>,
    disclosures: BTreeMap<u64, Given>,
    runs: BTreeMap<String, Begun>,
    cases: BTreeMap<String, cases::Case>,
    corrections: BTreeMap<(String, u64), corrections::Ordered>,
    disputes: disputes::Disputes,
    /// The witnesses of each agreement that asks for some.
    quorums: BTreeMap<String, Policy>,
    /// How many of which they are, as it was filed.
    witnesses: BTreeMap<String, (u64, BTreeMap<String, String>)>,
    /// The checkpoints that they cosigned, which this ledger must continue.
    seen: Vec<Checkpoint>,
    abandoned: BTreeSet<String>,
    /// Requests about named persons: when, and how many persons.
    asked: Vec<(Timestamp, u64)>,
    /// What is counted together with other programs.
    requests: requests::Reads,
    /// What rests on entries that a pruned ledger no longer has.
    gone: Gone,
    /// Kinds that this version does not know: the first entry of each, and how many.
    unknown: BTreeMap<String, (u64, u64)>,
    /// When the last seal ends.
    sealed_until: Option<Timestamp>,
    counted: Counted,
    erased: Vec<String>,
    open: Vec<String>,
    wrong: Vec<Wrong>,
}

/// Where a run began, as far as this ledger still shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// At an entry that is there.
    Here,
    /// Before the first entry that is left.
    Before,
}

/// A disclosure, until its run ends.
struct Given {
    run: String,
    persons: u64,
    parties: Parties,
    stayed: Option<String>,
    withdrawn: bool,
    /// Enough witnesses have cosigned it, where its agreement asks for some.
    cosigned: bool,
}

#[derive(Default)]
struct Counted {
    decisions: u64,
    replayed: u64,
    refusals: u64,
    disclosures: u64,
    withdrawn: u64,
    acts: u64,
    asked: u64,
    calibrated: u64,
    stays: u64,
    steps: u64,
    actions: u64,
    corrections: u64,
    corrected: u64,
    splits: u64,
    cosigned: u64,
    seals: u64,
    finished: u64,
}

impl<'key> Reading<'key> {
    fn new(key: &'key Verifier) -> Self {
        Reading {
            key,
            permits: BTreeMap::new(),
            unspent: BTreeMap::new(),
            stays: BTreeMap::new(),
            disclosures: BTreeMap::new(),
            runs: BTreeMap::new(),
            cases: BTreeMap::new(),
            corrections: BTreeMap::new(),
            disputes: disputes::Disputes::default(),
            quorums: BTreeMap::new(),
            witnesses: BTreeMap::new(),
            seen: Vec::new(),
            abandoned: BTreeSet::new(),
            asked: Vec::new(),
            requests: requests::Reads::default(),
            gone: Gone::default(),
            unknown: BTreeMap::new(),
            sealed_until: None,
            counted: Counted::default(),
            erased: Vec::new(),
            open: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// Holds the ledger against the checkpoints that witnesses cosigned, as its own entries name them.
    fn hold<F: Files + Sync>(&mut self, files: &F, bytes: &ledger::Audit) -> Result<(), Error> {
        let start = bytes.pruned.as_ref().map_or(0, |pruned| pruned.below);
        let (held, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.seen).into_iter().partition(|one| one.size >= start);
        self.gone.disclosures += gone.len() as u64;
        if held.is_empty() {
            return Ok(());
        }
        if let Outcome::Unsound(findings) = ledger::audit::bytes(files, self.key, &held)? {
            for finding in findings {
                let what = format!("a checkpoint that witnesses cosigned: {}", finding.fault);
                self.wrong.push(Wrong::with(&finding.file, what, finding.remedy()));
            }
        }
        Ok(())
    }

    /// Takes what came of deciding every decision again.
    fn replayed(&mut self, replayed: Replayed) {
        self.counted.replayed = replayed.same;
        self.open.extend(replayed.open());
        self.wrong.extend(replayed.wrong.into_values());
        self.wrong.sort_by_key(|wrong| wrong.index);
    }

    /// Reads an entry, and returns the decision that it holds, to be decided again.
    fn take(&mut self, index: u64, entry: &Entry) -> Option<Decided> {
        let at = entry.at();
        self.gone.begin(index, at);
        let Some(event) = Event::of(entry) else {
            self.unknown.entry(entry.kind().to_string()).or_insert((index, 0)).1 += 1;
            return None;
        };
        match event {
            Event::Permitted(decided) => {
                self.counted.decisions += 1;
                self.permit(index, at, &decided);
                return Some(decided);
            }
            Event::Refused(decided) => {
                self.counted.refusals += 1;
                if decided.rules.is_empty() {
                    self.wrong(
                        index,
                        "a refusal names no rule",
                        "ask the node's operator for the record of the refusal",
                    );
                }
                self.counted.decisions += 1;
                return Some(decided);
            }
            Event::RunStarted { run, permit, .. } => {
                self.under(index, at, permit, &Act::RUN, None);
                self.runs.insert(run, Begun::Here);
            }
            Event::RecordsAsked { run, permit, persons, second, register, matter } => {
                self.under(index, at, permit, &Act::REQUEST_RECORDS, None);
                self.of_run(index, &run);
                self.asked(index, (at, second), persons);
                self.counted_as_agreed(index, permit, register.as_deref());
                self.counted_in(index, run, (persons, second), register.zip(matter));
            }
            Event::MatterOpened { ledger, officer, persons, second } => {
                let matter = Matter { ledger, officer, persons, second, is_open: true };
                self.matter_opened(index, at, matter);
            }
            Event::MatterClosed { matter } => self.matter_closed(index, matter),
            Event::MatterReopened { matter } => self.matter_reopened(index, matter),
            Event::RecordsDropped { run, permit } => {
                self.of_run(index, &run);
                match permit {
                    Some(permit) => self.under(index, at, permit, &Act::DROP_REQUEST, None),
                    None => self.given_up_without_permit(index, &run),
                }
                self.requests.drops(run, permit.is_some());
            }
            Event::ModelTrained { run, permit, .. } => {
                self.under(index, at, permit, &Act::TRAIN, None);
                self.of_run(index, &run);
            }
            Event::ModelCalibrated { permit, judged, same, in_doubt, .. } => {
                self.under(index, at, permit, &Act::TRAIN, None);
                self.calibrated(index, judged, same.zip(in_doubt));
            }
            Event::LeadsPlanned { run, .. } | Event::PilotPassed { run, .. } => {
                self.of_run(index, &run);
            }
            Event::RunAbandoned { run, .. } => {
                self.of_run(index, &run);
                self.requests.ends(&run);
                self.abandoned.insert(run);
            }
            Event::Disclosed {
                run,
                permit,
                agreement,
                source,
                recipient,
                purpose,
                elements,
                persons,
                ..
            } => {
                self.counted.disclosures += 1;
                self.of_run(index, &run);
                self.not_given_up(index, &run);
                self.under(index, at, permit, &Act::RELEASE, Some(&agreement));
                let parties = Parties { agreement, source, recipient, purpose, elements };
                let stayed = self.stayed(index, at, &parties);
                let given =
                    Given { run, persons, parties, stayed, withdrawn: false, cosigned: false };
                self.disclosures.insert(index, given);
            }
            Event::LeadsRead { permit, .. } => self.under(index, at, permit, &Act::READ, None),
            Event::ReleaseResumed { run, disclosure, permit, .. } => {
                self.not_given_up(index, &run);
                self.under(index, at, permit, &Act::RELEASE, None);
                match self.disclosures.remove(&disclosure) {
                    // What counts is whether a stay stood when it was let out.
                    Some(mut given) => {
                        given.stayed = self.stayed(index, at, &given.parties);
                        self.disclosures.insert(disclosure, given);
                    }
                    None if self.gone.has(disclosure) => self.gone.disclosures += 1,
                    None => self.wrong(
                        index,
                        "it resumes a disclosure that the ledger does not hold before it",
                        ORDER,
                    ),
                }
            }
            Event::DisclosureWithdrawn { disclosure, .. } => {
                match self.disclosures.get_mut(&disclosure) {
                    Some(given) => {
                        given.withdrawn = true;
                        self.counted.withdrawn += 1;
                    }
                    None if self.gone.has(disclosure) => self.gone.disclosures += 1,
                    None => self.wrong(
                        index,
                        "it withdraws a disclosure that the ledger does not hold before it",
                        ORDER,
                    ),
                }
            }
            Event::RunFinished { run, opened, .. } => {
                self.of_run(index, &run);
                self.requests.ends(&run);
                self.quorum_of_run(&run);
                if self.runs.get(&run) == Some(&Begun::Before) {
                    // Some of its disclosures may be among what is gone: their sum says nothing.
                    self.gone.finished += 1;
                    return None;
                }
                self.counted.finished += 1;
                let given: u64 = (self.disclosures.values())
                    .filter(|given| given.run == run && !given.withdrawn)
                    .map(|given| given.persons)
                    .sum();
                if given != opened {
                    let what = format!(
                        "run {run} says {opened} leads were opened; its disclosures name {given}"
                    );
                    self.wrong(
                        index,
                        &what,
                        "compare the register of disclosures in the case store",
                    );
                }
            }
            Event::LeadReviewed { permit, .. } => self.under(index, at, permit, &Act::REVIEW, None),
            Event::StayRecorded { stay: mark, order, authority, scope, from, until } => {
                self.counted.stays += 1;
                match stay(&order, &authority, &scope, &from, &until, at) {
                    Some(stay) => {
                        self.stays.insert(mark, stay);
                    }
                    None => self
                        .open
                        .push(format!("entry {index}: the scope of stay `{order}` cannot be read")),
                }
            }
            Event::StayLifted { stay, .. } => {
                let stood = self.stays.remove(&stay).is_some();
                if !stood && self.gone.any() {
                    self.gone.stays += 1;
                } else if !stood {
                    self.wrong(
                        index,
                        &format!("it lifts stay `{stay}`, which was not standing"),
                        ORDER,
                    );
                }
            }
            Event::CaseStepped { case, number, step, stage: _, ends } => {
                self.step(index, at, &case, number, &step, &ends);
            }
            Event::CorrectionOrdered { case, number, recipients } => {
                self.correction_ordered(index, &case, number, recipients);
            }
            Event::ClusterSplit { case, number, cut, kept: _ } => {
                self.cluster_split(index, &case, number, cut);
            }
            Event::CorrectionAcknowledged { case, number, recipient, answer: _ } => {
                self.correction_acknowledged(index, &case, number, &recipient);
            }
            Event::CaseRead { .. } => self.just_permitted(index, at, &READS),
            Event::IndividualSaw { .. } => self.just_permitted(index, at, &[Act::SEE_OWN]),
            Event::EntrySealed { power, authority, from, until } => {
                self.just_permitted(index, at, &[Act::SEAL]);
                self.sealed(index, at, power, authority, &from, &until);
            }
            Event::DisputeSent { case, number, .. } => self.dispute_sent(index, &case, number),
            Event::DisputeReceived { message, from, due, .. } => {
                self.dispute_received(index, message, from, &due);
            }
            Event::DisputeAnswered { message, .. } => {
                self.just_permitted(index, at, &[Act::ANSWER_DISPUTE]);
                self.dispute_answered(index, &message);
            }
            Event::DisputeSettled { case, .. } => self.dispute_settled(index, &case),
            Event::VoteCast { .. } => self.just_permitted(index, at, &[Act::VOTE]),
            Event::WorkExported { .. } => self.just_permitted(index, at, &[Act::EXPORT_WORK]),
            Event::ResultsImported { .. } => {
                self.just_permitted(index, at, &[Act::IMPORT_RESULTS]);
            }
            Event::CorrectionSent { case, number, recipient, arrived, .. } => {
                self.correction_sent(index, &case, number, &recipient, arrived);
            }
            Event::WitnessesAgreed { agreement, quorum, within_seconds: _, members } => {
                self.witnesses_agreed(index, agreement, quorum, &members);
            }
            Event::CheckpointCosigned { run: _, disclosure, size, note } => {
                self.cosigned(index, disclosure, size, &note);
            }
            Event::DataDestroyed { agreement, due, key, rows, .. } => {
                self.destroyed(index, at, &agreement, &due, key, &rows);
            }
            Event::AgreementFiled { .. }
            | Event::PermitDropped { .. }
            | Event::CorrectionReceived { .. } => {}
        }
        None
    }

    fn of_run(&mut self, index: u64, run: &str) {
        if self.abandoned.contains(run) {
            self.wrong(index, &format!("run {run} was abandoned before it"), ORDER);
        }
        if self.runs.contains_key(run) {
            return;
        }
        if self.gone.any() {
            self.runs.insert(run.to_owned(), Begun::Before);
        } else {
            self.wrong(index, &format!("run {run} has not started before it"), ORDER);
        }
    }

    /// An entry was sealed: under a cited power, and not for ever (floor F10).
    fn sealed(
        &mut self,
        index: u64,
        at: Timestamp,
        power: String,
        authority: String,
        from: &str,
        until: &str,
    ) {
        let remedy = "show the person what was kept from them: nothing allowed it";
        let (Ok(from), Ok(until)) = (from.parse(), until.parse()) else {
            return self.wrong(index, "a seal has no beginning or no end", remedy);
        };
        let seal = Seal { power, authority, from, until };
        if !seal.is_cited() {
            self.wrong(index, "a seal cites no power or no authority", remedy);
        }
        if until <= at || until == Timestamp::MAX {
            self.wrong(index, "a seal had ended before it was put on, or never ends", remedy);
        }
        self.counted.seals += 1;
        self.sealed_until = self.sealed_until.max(Some(until));
    }

    fn finish(&mut self, proved: &mut Vec<String>) {
        // A stay that came while a chunk was being recorded is kept by withdrawing the chunk: nothing went out.
        let stayed: Vec<(u64, String)> = (self.disclosures.iter())
            .filter(|(_, given)| !given.withdrawn)
            .filter_map(|(index, given)| Some((*index, given.stayed.clone()?)))
            .collect();
        for (index, order) in stayed {
            self.wrong(
                index,
                &format!("it discloses in the scope of stay `{order}`"),
                "tell the authority that ordered the stay, and recall what was disclosed",
            );
        }
        for (kind, (first, count)) in &self.unknown {
            let others =
                if *count > 1 { format!(", and {} more", count - 1) } else { String::new() };
            let text =
                format!("entry {first}{others}: this version does not know the kind `{kind}`");
            self.open.push(text);
        }
        self.corrections_end();
        self.disputes_end();
        self.quorums_end();
        self.gone.say(&mut self.open);
        self.asked_open();
        let count = &self.counted;
        let mut say = |n: u64, sentence: String| {
            if n > 0 && self.wrong.is_empty() {
                proved.push(sentence);
            }
        };
        say(
            count.replayed,
            format!(
                "{} of {} decisions come to the same answer again ({} refusals)",
                count.replayed, count.decisions, count.refusals
            ),
        );
        say(
            count.acts,
            format!("the permit precedes each of {} acts, and had not ended", count.acts),
        );
        say(count.asked, self.asked_about());
        say(
            count.calibrated,
            format!(
                "each of {} models that judgements made came of {} leads in doubt or more",
                count.calibrated,
                calibrate::FEWEST
            ),
        );
        say(
            count.disclosures,
            format!(
                "none of {} disclosures lies in the scope of a stay ({} stays, {} withdrawn)",
                count.disclosures, count.stays, count.withdrawn
            ),
        );
        say(
            count.steps,
            format!(
                "{} steps of {} cases follow one another; each of {} actions has its verification by two, its notice and \
                 the end of its period before it",
                count.steps,
                self.cases.len(),
                count.actions
            ),
        );
        say(
            count.cosigned,
            format!(
                "each of {} disclosures was in a checkpoint that its agreement's quorum of witnesses cosigned, before its \
                 run ended",
                count.cosigned
            ),
        );
        let until = self.sealed_until.unwrap_or_default();
        say(
            count.seals,
            format!(
                "each of {} seals cites its power and its authority and ends, the last at {until}",
                count.seals
            ),
        );
        say(
            count.corrections,
            format!(
                "{} corrections were ordered, and {} reached every recipient on record",
                count.corrections, count.corrected
            ),
        );
        say(
            count.splits,
            format!(
                "each of {} split clusters stands behind its correction, and nothing went on with its case",
                count.splits
            ),
        );
        say(
            count.finished,
            format!("{} finished runs opened as many leads as were disclosed", count.finished),
        );
    }

    fn wrong(&mut self, index: u64, what: &str, remedy: &str) {
        self.wrong.push(Wrong::at(index, what, remedy));
    }
}

/// The acts under which a case is read.
const READS: [Act; 2] = [Act::READ_CASE, Act::READ_EVIDENCE];

const ORDER: &str =
    "entries were left out or written out of order: compare with another copy of the ledger";

#[cfg(test)]
mod tests;
