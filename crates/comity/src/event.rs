//! What happens in a matching program, as the ledger keeps it: the one list of kinds, and what each says.
//!
//! An event holds no personal data: digests, counts, names of parties, rules and elements, and numbers of leads. What
//! has to be shown about one person later is committed to field by field beside it ([`ledger::Commitments`]). The
//! ledger knows none of this; [`crate::audit`] reads it back. The schema has a version (the entry's), and a kind once
//! written is never given another meaning.

use crate::{Error, clock};
use jiff::Timestamp;
use ledger::{Commitments, Entry, Facts, Kind, Leaf};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "facts", deny_unknown_fields)]
pub enum Event {
    /// An agreement was filed at this node.
    #[serde(rename = "agreement.filed")]
    AgreementFiled {
        /// Its digest.
        agreement: String,
        /// The program.
        program: String,
        /// `test` or `production`.
        environment: String,
        /// Whether it only shows how things work.
        demonstration: bool,
        /// The digest of the annex by which the recipient here joined, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        annex: Option<String>,
    },
    /// Which witnesses the agreement just filed makes a release wait for, and how many of them.
    #[serde(rename = "witnesses.agreed")]
    WitnessesAgreed {
        /// The agreement's digest.
        agreement: String,
        /// How many of them must have cosigned.
        quorum: u64,
        /// How long a release waits for them.
        within_seconds: u64,
        /// Each by its name in the agreement, with its public key (C2SP vkey).
        members: BTreeMap<String, String>,
    },
    /// As many witnesses as the agreement asks for have cosigned a checkpoint that holds a disclosure, which waited for it
    /// and is released next.
    #[serde(rename = "checkpoint.cosigned")]
    CheckpointCosigned {
        /// The run.
        run: String,
        /// Where the ledger holds the disclosure.
        disclosure: u64,
        /// How many entries they saw.
        size: u64,
        /// The checkpoint with their signatures (C2SP signed-note).
        note: String,
    },
    /// The gate permitted an act.
    #[serde(rename = "decision.permitted")]
    Permitted(Decided),
    /// The gate refused an act.
    #[serde(rename = "decision.refused")]
    Refused(Decided),
    /// The permit recorded just before this was not acted on: the ledger failed in between, and the answer was a refusal.
    #[serde(rename = "permit.dropped")]
    PermitDropped {
        /// The act.
        act: String,
    },
    /// A run began, and its files were opened.
    #[serde(rename = "run.started")]
    RunStarted {
        /// The run.
        run: String,
        /// The cycle.
        cycle: String,
        /// Where the ledger holds the permit.
        permit: u64,
        /// SHA-256 of each record set's file.
        files: BTreeMap<String, String>,
        /// Records in each.
        records: BTreeMap<String, u64>,
    },
    /// A run begun just before is a look-up: an officer asked about persons who are named one by one (floor F4). Who asked is
    /// committed to.
    #[serde(rename = "records.asked")]
    RecordsAsked {
        /// The run.
        run: String,
        /// Where the ledger holds the permit.
        permit: u64,
        /// How many persons.
        persons: u64,
        /// When it was asked for, from which 90 days are counted: in seconds since 1970 began, in UTC.
        second: i64,
        /// The public key of the register of requests that it is counted in (C2SP vkey).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        register: Option<String>,
        /// The matter's number there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matter: Option<u64>,
    },
    /// A look-up that was broken off was given up: what it found and had not released is disclosed to nobody. Who gave it up is
    /// committed to.
    #[serde(rename = "records.dropped")]
    RecordsDropped {
        /// The run.
        run: String,
        /// Where the ledger holds the permit; none in a ledger of a version that asked for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        permit: Option<u64>,
    },
    /// In a register of requests: an officer asked about persons who are named, from one of the recipient's programs (floor F4).
    #[serde(rename = "matter.opened")]
    MatterOpened {
        /// The public key of that program's ledger (C2SP vkey).
        ledger: String,
        /// Who asked, as a digest under a key that the register keeps to itself.
        officer: String,
        /// How many persons.
        persons: u64,
        /// When it was asked for: in seconds since 1970 began, in UTC.
        second: i64,
    },
    /// In a register of requests: a matter that was over is open again, since a case of it was opened again.
    #[serde(rename = "matter.reopened")]
    MatterReopened {
        /// Where the register holds its opening.
        matter: u64,
    },
    /// In a register of requests: a matter is over.
    #[serde(rename = "matter.closed")]
    MatterClosed {
        /// Where the register holds its opening.
        matter: u64,
    },
    /// A run was given up before it had found anything.
    #[serde(rename = "run.abandoned")]
    RunAbandoned {
        /// The run.
        run: String,
        /// Why.
        why: String,
    },
    /// A model was trained. Only counts and parameters come out of it.
    #[serde(rename = "model.trained")]
    ModelTrained {
        /// The run it was trained for.
        run: String,
        /// Where the ledger holds the permit.
        permit: u64,
        /// The recipe's digest.
        recipe: String,
        /// The model's digest.
        model: String,
    },
    /// A model was calibrated by what people judged of leads: another model came of it, which no run takes before an agreement
    /// names it. Only counts and parameters come out. Who asked for it is committed to.
    #[serde(rename = "model.calibrated")]
    ModelCalibrated {
        /// Where the ledger holds the permit.
        permit: u64,
        /// The digest of the model whose leads were judged.
        before: String,
        /// The digest of the other model.
        model: String,
        /// How many judgements.
        judged: u64,
        /// How many of these as one person; not said by an earlier version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        same: Option<u64>,
        /// How many of those judged the model was in doubt about, from which alone it learns; not said by an earlier version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        in_doubt: Option<u64>,
    },
    /// All leads of a run were found and numbered; every other pair was destroyed.
    #[serde(rename = "leads.planned")]
    LeadsPlanned {
        /// The run.
        run: String,
        /// The model's digest.
        model: String,
        /// The threshold, as a weight: the shortest decimal that reads as the same number.
        threshold: String,
        /// Pairs compared.
        pairs: u64,
        /// Leads to be opened now.
        planned: u64,
        /// Leads held until the pilot has passed.
        held: u64,
        /// Pairs that are known not to be the same person.
        known_not_same: u64,
        /// Pairs that an earlier lead already covers.
        covered: u64,
        /// Leads that earlier runs held, never disclosed, and that this run closes.
        superseded: u64,
        /// Pairs compared and destroyed.
        destroyed: u64,
    },
    /// Held leads are opened: their pilot has passed.
    #[serde(rename = "pilot.passed")]
    PilotPassed {
        /// The run.
        run: String,
        /// Leads judged.
        judged: u64,
        /// Of them not the same person, or not to be told.
        not_right: u64,
        /// The upper bound of the false share, in thousandths.
        upper_bound_permille: u64,
    },
    /// Returned elements are disclosed. What is released afterwards is what this says, and nothing else.
    #[serde(rename = "disclosure")]
    Disclosed {
        /// The run.
        run: String,
        /// The chunk.
        chunk: u64,
        /// Where the ledger holds the permit.
        permit: u64,
        /// The agreement's digest.
        agreement: String,
        /// Who discloses.
        source: String,
        /// Who receives.
        recipient: String,
        /// What for.
        purpose: String,
        /// The elements.
        elements: Vec<String>,
        /// How many persons it concerns.
        persons: u64,
    },
    /// A disclosure that an interruption left recorded but not released is released under a new permit.
    #[serde(rename = "release.resumed")]
    ReleaseResumed {
        /// The run.
        run: String,
        /// The chunk.
        chunk: u64,
        /// Where the ledger holds the disclosure.
        disclosure: u64,
        /// Where the ledger holds the new permit.
        permit: u64,
    },
    /// A recorded disclosure was not released and never will be.
    #[serde(rename = "disclosure.withdrawn")]
    DisclosureWithdrawn {
        /// The run.
        run: String,
        /// The chunk.
        chunk: u64,
        /// Where the ledger holds the disclosure.
        disclosure: u64,
        /// Why.
        why: String,
    },
    /// A run ended.
    #[serde(rename = "run.finished")]
    RunFinished {
        /// The run.
        run: String,
        /// Leads opened by it so far.
        opened: u64,
        /// Leads it still holds.
        held: u64,
        /// SHA-256 of its report.
        report: String,
    },
    /// Leads were read. By whom, is committed to.
    #[serde(rename = "leads.read")]
    LeadsRead {
        /// Where the ledger holds the permit.
        permit: u64,
        /// How many leads.
        leads: u64,
    },
    /// A person judged a lead. Which, how, and who, is committed to.
    #[serde(rename = "lead.reviewed")]
    LeadReviewed {
        /// Where the ledger holds the permit.
        permit: u64,
    },
    /// Another party's correction came and was kept, before it was acknowledged. What it says is in the store.
    #[serde(rename = "correction.received")]
    CorrectionReceived {
        /// The party that sent it.
        from: String,
        /// The agreement's digest.
        agreement: String,
        /// SHA-256 of the message as it came.
        message: String,
    },
    /// A case took a step, under the permit recorded just before this. By whom, and on which evidence, is committed to.
    #[serde(rename = "case.stepped")]
    CaseStepped {
        /// The case's number, which names no person.
        case: String,
        /// The step's, counted from one.
        number: u64,
        /// What kind of step.
        step: String,
        /// Where the case stands after it.
        stage: String,
        /// When the period to answer ends, where a notice was served (RFC 3339); empty otherwise.
        ends: String,
    },
    /// Cases were read, under the permits recorded just before this, one a case. By whom, is committed to.
    #[serde(rename = "case.read")]
    CaseRead {
        /// How many.
        cases: u64,
    },
    /// An individual saw the own case, under the permit recorded just before this.
    #[serde(rename = "individual.saw")]
    IndividualSaw {
        /// How many cases.
        cases: u64,
    },
    /// The step just before this ordered a correction, which goes to every recipient on record.
    #[serde(rename = "correction.ordered")]
    CorrectionOrdered {
        /// The case's number.
        case: String,
        /// The step that ordered it.
        number: u64,
        /// To whom it must go.
        recipients: BTreeSet<String>,
    },
    /// The correction just before this says that records which runs had joined are of different people: they are apart
    /// from here on, and known not the same.
    #[serde(rename = "cluster.split")]
    ClusterSplit {
        /// The case's number.
        case: String,
        /// The step that ordered it.
        number: u64,
        /// How many leads hung on the bond that is cut.
        cut: u64,
        /// How many leads stay with the recipient's case, by bonds of their own.
        kept: u64,
    },
    /// A recipient acknowledged a correction, as the step just before this notes.
    #[serde(rename = "correction.acknowledged")]
    CorrectionAcknowledged {
        /// The case's number.
        case: String,
        /// The step that ordered it.
        number: u64,
        /// Who acknowledged.
        recipient: String,
        /// SHA-256 of its signed answer.
        answer: String,
    },
    /// A correction was sent to a recipient, or sending it failed.
    #[serde(rename = "correction.sent")]
    CorrectionSent {
        /// The case's number.
        case: String,
        /// The step that ordered it.
        number: u64,
        /// To whom.
        recipient: String,
        /// Which attempt.
        attempt: u64,
        /// Whether it arrived; only an acknowledgement ends the sending.
        arrived: bool,
    },
    /// A dispute of a source's record was sent to the source, or sending it failed.
    #[serde(rename = "dispute.sent")]
    DisputeSent {
        /// The case's number.
        case: String,
        /// The step that opened it.
        number: u64,
        /// To whom.
        source: String,
        /// Which attempt.
        attempt: u64,
    },
    /// Another party's dispute of a record of ours came and was kept, before it was acknowledged. What it says is in the
    /// store.
    #[serde(rename = "dispute.received")]
    DisputeReceived {
        /// The party that sent it.
        from: String,
        /// The agreement's digest.
        agreement: String,
        /// SHA-256 of the message as it came.
        message: String,
        /// By when it must be answered (RFC 3339).
        due: String,
    },
    /// An officer answered another party's dispute, under the permit recorded just before this. Who, is committed to.
    #[serde(rename = "dispute.answered")]
    DisputeAnswered {
        /// SHA-256 of the message that raised it.
        message: String,
        /// What it comes to: `corrected` or `stands`.
        settled: String,
    },
    /// The source's signed answer to a dispute came, as the step just before this notes.
    #[serde(rename = "dispute.settled")]
    DisputeSettled {
        /// The case's number.
        case: String,
        /// Which dispute of the case, counted from one.
        number: u64,
        /// What it comes to: `corrected` or `stands`.
        settled: String,
        /// SHA-256 of the signed answer.
        answer: String,
    },
    /// A member of the board voted, under the permit recorded just before this. Who, is committed to.
    #[serde(rename = "vote.cast")]
    VoteCast {
        /// What on, by its digest.
        on: String,
        /// For or against.
        vote: String,
        /// What the same member had voted before, whose place this takes; empty for a first vote.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        instead_of: String,
    },
    /// Work lists or letters went out into the agency's own system, under the permit recorded just before this.
    #[serde(rename = "work.exported")]
    WorkExported {
        /// What: `work-list` or `print-file`.
        what: String,
        /// How many cases.
        cases: u64,
        /// SHA-256 of the file.
        file: String,
    },
    /// Results came in from the agency's own system, under the permit recorded just before this.
    #[serde(rename = "results.imported")]
    ResultsImported {
        /// Rows taken.
        taken: u64,
        /// Rows rejected, each named to whoever brought them.
        rejected: u64,
        /// SHA-256 of the file.
        file: String,
    },
    /// An entry is kept from the individual for a time, under the permit recorded just before this. Which entry, about which
    /// lead, and by whom, is committed to: that would be the hint that the seal is there to avoid.
    #[serde(rename = "entry.sealed")]
    EntrySealed {
        /// The section of law that gives the power.
        power: String,
        /// Who ordered it.
        authority: String,
        /// From when on (RFC 3339).
        from: String,
        /// Until when: no seal is without an end.
        until: String,
    },
    /// A stay was recorded; from here on nothing in its scope is released.
    #[serde(rename = "stay.recorded")]
    StayRecorded {
        /// What this node calls it: two stays may come under one docket number.
        stay: String,
        /// The docket number of the order, or the source's own number.
        order: String,
        /// Who ordered it.
        authority: String,
        /// What it covers, as filed (JSON).
        scope: String,
        /// From when on it counts, and until when, if it says so (RFC 3339, empty if not).
        from: String,
        /// Until when.
        until: String,
    },
    /// What was obtained under an agreement was destroyed, its key first. By whose hand, is committed to.
    #[serde(rename = "data.destroyed")]
    DataDestroyed {
        /// The agreement's digest.
        agreement: String,
        /// The day by which the agreement says so.
        due: String,
        /// Whether the agreement's key is destroyed: by this, or by an attempt before that was interrupted.
        key: bool,
        /// SHA-256 over the leads' numbers, in order, each with a line feed after it.
        leads: String,
        /// How many rows of each table.
        rows: BTreeMap<String, u64>,
        /// How many "not the same" stay known, without their reason.
        kept: u64,
    },
    /// A stay was lifted by an order of its own.
    #[serde(rename = "stay.lifted")]
    StayLifted {
        /// What this node calls the stay.
        stay: String,
        /// The lifting order.
        by: String,
        /// Who ordered it.
        authority: String,
    },
}

/// A decision of the gate, with all that is needed to decide it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The act.
    pub act: String,
    /// The party that asked.
    pub party: String,
    /// What for.
    pub purpose: String,
    /// The agreement's digest; empty where it has no canonical form.
    pub agreement: String,
    /// The packs that decided: id, version and digest.
    pub packs: Vec<String>,
    /// The ids of the rules broken; none for a permit.
    pub rules: Vec<String>,
    /// The facts it was decided on (canonical JSON); empty where none could be gathered.
    pub given: String,
    /// When a permit ends (RFC 3339); empty for a refusal.
    pub ends: String,
}

impl Event {
    /// Makes the ledger's leaf of it.
    ///
    /// # Errors
    /// It is larger than an entry may be.
    pub fn to_leaf(
        &self,
        at: Timestamp,
        commitments: Commitments,
        nonce: [u8; 32],
    ) -> Result<Leaf, Error> {
        let (kind, facts) = self.parts()?;
        Ok(Entry::new(Kind::new(&kind)?, at, facts, commitments, nonce)?.to_leaf()?)
    }

    /// Reads the event of an entry back; none where this program does not know the kind.
    pub fn of(entry: &Entry) -> Option<Event> {
        let value = serde_json::json!({ "kind": entry.kind().as_str(), "facts": entry.facts() });
        serde_json::from_value(value).ok()
    }

    fn parts(&self) -> Result<(String, Facts), Error> {
        let unspoken = || Error::UnspeakableEvent;
        let value = serde_json::to_value(self).map_err(|_| unspoken())?;
        let serde_json::Value::Object(mut value) = value else {
            return Err(unspoken());
        };
        match (value.remove("kind"), value.remove("facts")) {
            (Some(serde_json::Value::String(kind)), Some(serde_json::Value::Object(facts))) => {
                Ok((kind, facts))
            }
            _ => Err(unspoken()),
        }
    }
}

/// Commits to what is told, field by field, each under a fresh key: what of an event must be shown about one person
/// later, and does not stand in it.
pub(crate) fn commit(told: &[(&str, String)]) -> Result<(Commitments, Vec<String>), Error> {
    let mut commitments = Commitments::new();
    let mut openings = Vec::new();
    for (field, value) in told {
        let (commitment, opening) = ledger::commit(clock::random()?, field, value.clone().into())?;
        commitments.insert((*field).to_owned(), vec![commitment]);
        openings.push(serde_json::to_string(&opening).map_err(|_| Error::UnspeakableEvent)?);
    }
    Ok((commitments, openings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_from_its_entry_as_it_was() {
        let event = Event::Disclosed {
            run: "2027Q1".into(),
            chunk: 3,
            permit: 7,
            agreement: "sha256:00".into(),
            source: "payroll".into(),
            recipient: "support".into(),
            purpose: "eligibility".into(),
            elements: vec!["payroll.gross_pay".into()],
            persons: 12,
        };
        let at = "2027-01-04T09:00:00Z".parse().unwrap();
        let leaf = event.to_leaf(at, Commitments::new(), [1; 32]).unwrap();
        assert_eq!(Event::of(&leaf.to_entry().unwrap()), Some(event));
    }

    #[test]
    fn an_entry_of_an_unknown_kind_or_with_a_fact_too_many_is_no_event() {
        let at = "2027-01-04T09:00:00Z".parse().unwrap();
        for (kind, fact) in [("demo.entry", "run"), ("run.abandoned", "surprise")] {
            let mut facts = Facts::new();
            facts.insert("run".into(), "r".into());
            facts.insert("why".into(), "w".into());
            facts.insert(fact.into(), "x".into());
            let entry =
                Entry::new(Kind::new(kind).unwrap(), at, facts, Commitments::new(), [1; 32])
                    .unwrap();
            assert_eq!(Event::of(&entry), None, "{kind}");
        }
    }
}
