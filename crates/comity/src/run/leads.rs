//! Step 8: from pairs to leads. What is a lead, what earlier cycles know of it, and what the pilot lets open now.

use super::{Admitted, Running, Step, Whose};
use crate::event::Event;
use crate::report::{FailedPilot, Report};
use crate::{Error, discrepancy, extract, subgroup, summary};
use agreement::{Permit, PilotStatus};
use casework::{
    BondKey, CaseStore as _, Groups, Known, LeadId, NotRight, PairKey, Pilot, PilotTerms, Planned,
    Store,
};
use linkage::{Links, RecordRef, Scorer};
use std::collections::{BTreeSet, HashMap};

/// Leads that go out together, so that a stay is looked up again before the next.
const CHUNK: usize = 50;

/// As few leads of look-ups as show by themselves that they are wrong: of fewer, one or two would stop the program. The number
/// is the project's own and not a law's.
const FEWEST_OF_LOOK_UPS: u64 = 10;

/// A pair with the discrepancy, before it is known whether it becomes a lead.
pub(super) struct Found {
    pub(super) source: RecordRef,
    pub(super) recipient: RecordRef,
    pub(super) case_id: String,
    pub(super) pair: PairKey,
    /// The bond between the case and the individual whose record it is, whichever of the individual's records.
    pub(super) bond: BondKey,
    pub(super) returned_digest: [u8; 32],
    /// The groups that its outcome is counted with.
    pub(super) groups: Groups,
}

/// The pairs for which the discrepancy holds.
pub(super) struct Leads {
    /// Pairs about somebody who was asked about, where it is a look-up.
    pub(super) named: Option<u64>,
    pub(super) in_caseload: u64,
    pub(super) pairs: Vec<Found>,
}

/// How far the pilot is.
pub(super) struct PilotSoFar {
    /// By the judgements on leads that were drawn at this bound or a looser one.
    pub(super) measured: Pilot,
    /// By all judgements of the model.
    all: Pilot,
    /// By those, and by the judgements on leads of look-ups by the model.
    not_right: NotRight,
    opened: u64,
    sample: u64,
    bound: f64,
}

impl PilotSoFar {
    /// A model that failed at any bound has failed: another threshold in the schedule does not make it forgotten.
    pub(super) fn status(&self) -> PilotStatus {
        if u64::from(self.shown().judged()) < self.sample {
            return PilotStatus::Open { opened: self.opened };
        }
        self.judged()
    }

    /// What was judged, for an act that no pilot has room for: the gate refuses it until the whole sample was.
    pub(super) fn judged(&self) -> PilotStatus {
        let shown = self.shown();
        PilotStatus::Reviewed {
            reviewed: u64::from(shown.judged()),
            false_permille: permille(shown.upper_bound()),
        }
    }

    fn shown(&self) -> &Pilot {
        let is_judged = u64::from(self.all.judged()) >= self.sample;
        let failed = is_judged && self.all.upper_bound() >= self.bound;
        if failed { &self.all } else { &self.measured }
    }

    /// Returns how many of a thousand judged leads were not right (F12: later cycles are sampled, and reversals above a fifth
    /// stop the program): the largest share of those of runs and of all together, once more than the pilot was judged of them,
    /// and of those of look-ups, once ten were. Leads of look-ups help no pilot and hurt none. The many of one kind that were
    /// right hide nothing of the other: a program stops whose look-ups are wrong, however good its runs are, and the other way
    /// about.
    pub(super) fn reversed_permille(&self) -> Option<u64> {
        let NotRight { of_runs, of_look_ups } = self.not_right;
        let beyond_pilot = self.sample.saturating_add(1);
        [
            (of_runs, beyond_pilot),
            (self.not_right.of_all(), beyond_pilot),
            (of_look_ups, FEWEST_OF_LOOK_UPS),
        ]
        .into_iter()
        .filter(|(rate, fewest)| rate.whole >= *fewest)
        .map(|(rate, _)| rate.part.saturating_mul(1000).div_ceil(rate.whole))
        .max()
    }

    /// Returns what the judgements show, where all of the pilot was judged and it did not pass.
    pub(super) fn failed(&self) -> Option<FailedPilot> {
        let is_judged = |pilot: &&Pilot| u64::from(pilot.judged()) >= self.sample;
        let failed = [&self.all, &self.measured]
            .into_iter()
            .filter(is_judged)
            .find(|pilot| !pilot.passed())?;
        Some(FailedPilot {
            judged: u64::from(failed.judged()),
            not_right: u64::from(failed.not_right()),
            upper_bound: failed.upper_bound(),
            bound: self.bound,
        })
    }

    /// Says whether what was held may be opened.
    pub(super) fn passed(&self) -> bool {
        self.measured.passed() && self.all.passed()
    }
}

/// Rounds a share up to thousandths: a bound is never made to look better.
pub(super) fn permille(share: f64) -> u64 {
    let permille = (share * 1000.0).ceil().clamp(0.0, 1000.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a whole number from 0 to 1000"
    )]
    let permille = permille as u64;
    permille
}

/// Leads a chunk, so that its entry with a commitment for every field stays within an entry's size.
pub(super) fn chunk_size(elements: usize) -> usize {
    // A commitment takes 47 bytes in the entry, of which 65,535 may be used; the lead's number and the
    // person's tag are two fields more.
    (48_000 / (47 * (elements + 2))).clamp(1, CHUNK)
}

/// Chooses what is opened now: everything, or as many as the pilot has room for, drawn by lot. The lot is the keyed
/// digest of each pair for this run, which nobody can steer and anybody with the secret can draw again.
fn opened_now(
    fresh: &[(&Found, Option<LeadId>)],
    at_most: Option<u64>,
    secret: &[u8; 32],
    run: &str,
) -> Result<BTreeSet<PairKey>, Error> {
    let mut lots = Vec::with_capacity(fresh.len());
    for (found, _) in fresh {
        lots.push((summary::keyed(secret, "pilot", &(run, &found.pair.0))?, found.pair));
    }
    lots.sort_unstable();
    let room = at_most.map_or(usize::MAX, |room| usize::try_from(room).unwrap_or(usize::MAX));
    Ok(lots.into_iter().take(room).map(|(_, pair)| pair).collect())
}

impl Running<'_> {
    /// 8  leads: keeps the pairs of those whom it is about, in the recipient's caseload, for which the agreement's discrepancy
    /// holds.
    pub(super) fn find(
        &mut self,
        permit: &Permit,
        admitted: &Admitted<'_>,
        links: &Links,
        whose: &Whose,
    ) -> Result<Leads, Error> {
        let secret = self.node.pair_secret;
        let rule = &self.program.agreement().discrepancy;
        let (source, recipient) =
            (&admitted.source.admitted.batch, &admitted.recipient.admitted.batch);
        let caseload_id = admitted
            .recipient_set
            .caseload_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut in_caseload = 0;
        let mut kept = Vec::new();
        let (pairs, named) = whose.of(&links.pairs);
        for pair in pairs {
            let (left, right) = (pair.source.row() as usize, pair.recipient.row() as usize);
            let Some(case_id) = extract::value(recipient, &caseload_id, right) else {
                continue;
            };
            in_caseload += 1;
            let mut values = discrepancy::Values::default();
            for element in rule.elements() {
                let (batch, row) = if element.record_set == admitted.source_set.id {
                    (source, left)
                } else {
                    (recipient, right)
                };
                if let Some(value) = extract::value(batch, element.element.as_str(), row) {
                    values.set(element, value);
                }
            }
            if discrepancy::holds(rule, &values) {
                kept.push((pair, extract::spelled(&case_id)));
            }
        }
        let wanted: BTreeSet<u64> =
            kept.iter().map(|(pair, _)| u64::from(pair.source.row())).collect();
        let returned: HashMap<u64, _> = extract::returned(
            self.program,
            permit,
            self.node.now(),
            admitted.source_set,
            &admitted.source,
            &wanted,
        )?
        .into_iter()
        .collect();
        let mut same_before: HashMap<[u8; 32], u32> = HashMap::new();
        let mut found = Vec::with_capacity(kept.len());
        for (pair, case_id) in kept {
            let returned_digest =
                summary::keyed(&secret, "returned", &returned.get(&u64::from(pair.source.row())))?;
            let identity = summary::identity(admitted, source, pair.source.row() as usize);
            let first = summary::keyed(&secret, "pair", &(&case_id, &identity))?;
            // Two records that say the same of one person (two employers) are told apart by their order.
            let ordinal = same_before.entry(first).or_insert(0);
            *ordinal += 1;
            let key = summary::keyed(&secret, "pair", &(&case_id, &identity, *ordinal))?;
            let groups = subgroup::groups(&self.program.agreement().subgroups, |subgroup| {
                let row = pair.recipient.row() as usize;
                extract::value(recipient, subgroup.element.element.as_str(), row)
            });
            found.push(Found {
                source: pair.source,
                recipient: pair.recipient,
                case_id,
                pair: PairKey(key),
                bond: BondKey(first),
                returned_digest,
                groups,
            });
        }
        self.say_of_findings(&Step::Found {
            above: links.pairs_at_threshold,
            one_to_one: links.pairs.len() as u64,
            with_discrepancy: found.len() as u64,
            threshold: links.expectation.threshold,
            precision: links.expectation.expected_precision,
        });
        Ok(Leads { named, in_caseload, pairs: found })
    }

    /// Numbers the leads, leaves out what earlier cycles know, and splits them into what is opened now and what is held.
    #[expect(
        clippy::too_many_arguments,
        reason = "it is the one place where all that was found comes together"
    )]
    pub(super) async fn plan(
        &mut self,
        id: &str,
        release: &Permit,
        admitted: &Admitted<'_>,
        scorer: &Scorer<'_>,
        links: &Links,
        found: Leads,
        pilot: &PilotSoFar,
    ) -> Result<Report, Error> {
        let pairs: Vec<PairKey> = found.pairs.iter().map(|found| found.pair).collect();
        let known = self.node.store.known(&pairs, id, self.node.now()).await?;
        // A correction has said of them that they are two people: whichever of the records is paired this time.
        let bonds: Vec<BondKey> = found.pairs.iter().map(|found| found.bond).collect();
        let cut = self.node.store.cut(&bonds).await?;
        let (mut known_not_same, mut covered) = (0, 0);
        let mut fresh = Vec::new();
        for found in &found.pairs {
            let reopens = match known.get(&found.pair) {
                _cut if cut.contains(&found.bond) => {
                    known_not_same += 1;
                    continue;
                }
                None => None,
                Some(Known::NotSame { .. }) => {
                    known_not_same += 1;
                    continue;
                }
                Some(Known::Waiting { .. }) => {
                    covered += 1;
                    continue;
                }
                // Worked before: it comes back only if something that is returned has changed.
                Some(Known::Worked { returned_digest, .. })
                    if *returned_digest == found.returned_digest =>
                {
                    covered += 1;
                    continue;
                }
                Some(Known::Worked { lead, .. }) => Some(lead.clone()),
            };
            fresh.push((found, reopens));
        }
        let opened = opened_now(&fresh, release.leads_at_most(), &self.node.pair_secret, id)?;
        let mut explanations = Vec::with_capacity(fresh.len());
        let mut leads = Vec::with_capacity(fresh.len());
        let per_chunk = chunk_size(release.returned().len());
        let mut place = 0;
        for (number, (found, reopens)) in fresh.into_iter().enumerate() {
            let explanation = linkage::explain(scorer, found.source, found.recipient)?;
            let chunk = opened.contains(&found.pair).then(|| {
                let chunk = u32::try_from(place / per_chunk).unwrap_or(u32::MAX);
                place += 1;
                chunk
            });
            leads.push(Planned {
                id: LeadId::new(id, number + 1),
                pair: found.pair,
                bond: Some(found.bond),
                case_id: found.case_id.clone(),
                source_record: found.source.row(),
                recipient_record: found.recipient.row(),
                weight: explanation.weight,
                probability: explanation.probability,
                explanation: serde_json::to_string(&explanation)
                    .map_err(|_| Error::UnspeakableEvent)?,
                groups: found.groups.clone(),
                returned_digest: found.returned_digest,
                reopens,
                chunk,
            });
            // The report shows nothing of a lead that is held.
            if leads.last().is_some_and(|lead: &Planned| lead.chunk.is_some()) {
                explanations.push((LeadId::new(id, number + 1), explanation));
            }
        }
        let planned = place as u64;
        let counted = summary::Counted {
            named: found.named,
            in_caseload: found.in_caseload,
            with_discrepancy: found.pairs.len() as u64,
            known_not_same,
            covered,
            planned,
            held: leads.len() as u64 - planned,
        };
        let report = summary::report(
            self.program,
            self.node,
            (id, self.files),
            admitted,
            scorer,
            links,
            &counted,
            &explanations,
        )?;
        let event = Event::LeadsPlanned {
            run: id.to_owned(),
            model: scorer.model().digest()?.to_string(),
            threshold: scorer.model().threshold().to_string(),
            pairs: links.scored_pairs,
            planned,
            held: counted.held,
            known_not_same,
            covered,
            superseded: self.node.store.held_before(id).await?,
            destroyed: links.scored_pairs - leads.len() as u64,
        };
        self.node
            .store
            .plan(id, &summary::stored(&report)?, &leads, &self.node.drafts(vec![event]))
            .await?;
        self.say_of_findings(&Step::Planned {
            planned,
            held: counted.held,
            known_not_same,
            covered,
            pilot_sample: pilot.sample,
        });
        Ok(report)
    }

    /// Says how much was found, unless it is about persons who are named: of these it is an answer, which nobody hears before
    /// it is recorded and released.
    fn say_of_findings(&mut self, step: &Step) {
        if self.asked.is_none() {
            self.watch.said(step);
        }
    }

    /// How far the pilot of this recipe or model is, for leads drawn at a bound by a run.
    pub(super) async fn pilot_so_far(&self, bound: f64, run: &str) -> Result<PilotSoFar, Error> {
        let agreed = &self.program.agreement().pilot;
        let terms = PilotTerms {
            sample: u32::try_from(agreed.sample).unwrap_or(u32::MAX),
            bound: f64::from(agreed.bound_percent) / 100.0,
            confidence: f64::from(agreed.confidence_percent) / 100.0,
        };
        let key = self.program.engine.digest()?.to_string();
        let store = &self.node.store;
        Ok(PilotSoFar {
            measured: store.pilot(&key, Some(bound), &terms).await?,
            all: store.pilot(&key, None, &terms).await?,
            not_right: store.not_right(&key).await?,
            opened: store.opened(&key, bound, run).await?,
            sample: agreed.sample,
            bound: terms.bound,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use casework::Rate;

    /// What a thousand come to, of a pilot of forty, when so many of so many leads of runs and of look-ups were not right.
    fn reversed(runs: (u64, u64), look_ups: (u64, u64)) -> Option<u64> {
        let terms = PilotTerms { sample: 40, bound: 0.1, confidence: 0.95 };
        let rate = |(part, whole)| Rate { part, whole };
        PilotSoFar {
            measured: Pilot::measure(&terms, &[]),
            all: Pilot::measure(&terms, &[]),
            not_right: NotRight { of_runs: rate(runs), of_look_ups: rate(look_ups) },
            opened: 0,
            sample: 40,
            bound: terms.bound,
        }
        .reversed_permille()
    }

    #[test]
    fn right_leads_of_one_kind_hide_no_wrong_ones_of_the_other() {
        assert_eq!(reversed((0, 200), (49, 49)), Some(1000), "all together they are 197");
        assert_eq!(reversed((0, 200), (3, 10)), Some(300));
        assert_eq!(reversed((50, 100), (0, 400)), Some(500), "all together they are 100");
        assert_eq!(reversed((2, 41), (2, 10)), Some(200));
    }

    #[test]
    fn few_leads_of_look_ups_count_with_those_of_runs_alone_and_a_pilot_is_not_measured_by_it() {
        assert_eq!(reversed((0, 200), (9, 9)), Some(44), "9 of 209, rounded up");
        assert_eq!(reversed((40, 40), (0, 0)), None, "the pilot's own bound holds for these");
        assert_eq!(reversed((0, 40), (1, 1)), Some(25));
        assert_eq!(reversed((0, 30), (8, 10)), Some(800));
    }
}
