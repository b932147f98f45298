//! What a run says of itself: the report's facts from what was counted, and the keyed digests that tell pairs and
//! values apart without keeping them.

use crate::node::Node;
use crate::program::{Engine, Program};
use crate::report::{
    Agreement, AsOf, Bin, Checkpoint, Comparison, Counts, Destroyed, Disclosure, Estimate, File,
    Kin, Level, Missing, Model, Pack, Party, PatternCount, RecordSet, Report, RuleCount, Share,
    Step, Term, Threshold, Waterfall,
};
use crate::run::Admitted;
use crate::{Error, extract};
use agreement::{CycleId, Kind, Use};
use arrow_array::RecordBatch;
use casework::{LeadId, Store};
use hmac::{Hmac, KeyInit as _, Mac as _};
use linkage::model::OneToOne;
use linkage::{Explanation, Links, Scorer, Side};
use serde::Serialize;
use sha2::Sha256;
use std::collections::BTreeMap;

/// Counts that only the run knows.
pub(crate) struct Counted {
    pub(crate) named: Option<u64>,
    pub(crate) in_caseload: u64,
    pub(crate) with_discrepancy: u64,
    pub(crate) known_not_same: u64,
    pub(crate) covered: u64,
    pub(crate) planned: u64,
    pub(crate) held: u64,
}

/// How many waterfalls the report draws.
const WATERFALLS: usize = 3;

/// Puts together what the report says, but for what is disclosed afterwards.
#[expect(clippy::too_many_arguments, reason = "a report looks at everything")]
pub(crate) fn report(
    program: &Program,
    node: &Node,
    (run, cycle): (&str, &CycleId),
    admitted: &Admitted<'_>,
    scorer: &Scorer<'_>,
    links: &Links,
    counted: &Counted,
    explanations: &[(LeadId, Explanation)],
) -> Result<Report, Error> {
    let agreement = program.agreement();
    let model = scorer.model();
    let owner = |set: &agreement::RecordSet| {
        agreement
            .party(&set.owner)
            .map_or_else(|| set.owner.to_string(), |party| party.name.clone())
    };
    Ok(Report {
        program: agreement.title.clone(),
        demonstration: agreement.demonstration,
        environment: agreement.environment.to_string(),
        run: run.to_owned(),
        cycle: cycle.to_string(),
        made: node.now().to_string(),
        as_of: program
            .schedule
            .cycle(cycle)
            .map(|cycle| AsOf { what: "both files".to_owned(), date: cycle.as_of.to_string() })
            .into_iter()
            .collect(),
        agreement: Agreement {
            id: agreement.program.to_string(),
            digest: program.digest.to_string(),
            begins: agreement.term.begins.to_string(),
            ends: agreement.term.ends.to_string(),
            continues: agreement.continues.map(|digest| digest.to_string()),
        },
        purpose: agreement.purposes.first().map(|purpose| purpose.statement.clone()).unwrap_or_default(),
        authorities: agreement
            .purposes
            .iter()
            .flat_map(|purpose| purpose.authority.iter().map(|authority| authority.citation.clone()))
            .collect(),
        record_sets: agreement
            .record_sets
            .iter()
            .map(|set| RecordSet {
                name: set.title.clone(),
                party: owner(set),
                basis: format!("{} ({})", set.basis.statement, set.basis.citation),
            })
            .collect(),
        parties: agreement
            .parties
            .iter()
            .map(|party| Party {
                name: party.name.clone(),
                roles: party.roles.iter().map(|role| role.as_str().replace('_', " ")).collect(),
            })
            .collect(),
        packs: node
            .gate
            .packs()
            .iter()
            .map(agreement::Pack::reference)
            .map(|pack| Pack { id: format!("{} of {}", pack.id, pack.version), digest: pack.digest.to_string() })
            .collect(),
        decisions: node.decisions().to_vec(),
        files: [(admitted.source_set, &admitted.source), (admitted.recipient_set, &admitted.recipient)]
            .into_iter()
            .map(|(set, table)| File {
                party: owner(set),
                name: table.spec.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                rows: table.admitted.batch.num_rows() as u64,
                digest: table.admitted.digest.to_string(),
                caveats: table.admitted.caveats.iter().map(ToString::to_string).collect(),
            })
            .collect(),
        rules: links
            .rules
            .iter()
            .map(|rule| RuleCount {
                rule: rule.rule.clone(),
                pairs: rule.new_pairs,
                cumulative: rule.cumulative_pairs,
            })
            .collect(),
        counts: Counts {
            scored: links.scored_pairs,
            above_threshold: links.pairs_at_threshold,
            one_to_one: links.pairs.len() as u64,
            named: counted.named,
            in_caseload: counted.in_caseload,
            with_discrepancy: counted.with_discrepancy,
            known_not_same: counted.known_not_same,
            covered: counted.covered,
            leads_opened: 0,
            held_for_pilot: counted.held,
            destroyed: links.scored_pairs - counted.planned - counted.held,
        },
        kept: kept(model.one_to_one()).to_owned(),
        failed_pilot: None,
        term: Term::default(),
        model: Model {
            digest: model.digest()?.to_string(),
            origin: match &program.engine {
                Engine::Recipe(_) => "trained in this cycle, without labels, by the recipe the agreement names".to_owned(),
                Engine::Model(_) => "approved with the agreement".to_owned(),
            },
            prior: scorer.prior(),
            comparisons: comparisons(scorer),
            kin: kin(model),
        },
        distribution: links
            .histogram
            .iter()
            .map(|(from, pairs)| Bin { from: f64::from(*from), to: f64::from(*from) + 1.0, pairs: *pairs })
            .collect(),
        threshold: Threshold {
            weight: model.threshold(),
            rule: threshold_rule(&agreement.model.threshold),
            precision: Some(Estimate {
                share: links.expectation.expected_precision,
                interval: None,
                how: "the mean probability of the pairs kept, by the model's own reckoning, competing pairs taken into \
                      account. It is as right as the model's assumptions; the pilot measures it."
                    .to_owned(),
            }),
        },
        missing: missing(links),
        unread: admitted.unread(model.columns(), &links.missing),
        patterns: patterns(explanations),
        waterfalls: explanations
            .iter()
            .take(WATERFALLS)
            .map(|(lead, explanation)| waterfall(lead, explanation, model.threshold()))
            .collect(),
        disclosures: Vec::new(),
        destroyed: vec![Destroyed {
            when: node.now().to_string(),
            what: "pairs compared that are no lead".to_owned(),
            count: links.scored_pairs - counted.planned - counted.held,
            why: "only pairs over the threshold, in the caseload and with the agreed discrepancy are kept".to_owned(),
        }],
        checkpoint: Checkpoint::default(),
    })
}

/// Adds what was disclosed, and the ledger's state.
pub(crate) async fn close(
    report: &mut Report,
    node: &Node,
    run: &str,
    opened: u64,
    held: u64,
) -> Result<(), Error> {
    report.counts.leads_opened = opened;
    report.counts.held_for_pilot = held;
    let (cycles, leads_opened, judged) = node.store.term().await?;
    // The cycle that this report closes is not finished yet, unless it was gone on with.
    let closing = u64::from(
        node.store
            .run(&report.cycle)
            .await?
            .is_some_and(|of_cycle| of_cycle.id == run && of_cycle.finished_at.is_none()),
    );
    report.term = Term { cycles: cycles + closing, leads_opened, judged };
    report.disclosures = node
        .store
        .register(run)
        .await?
        .into_iter()
        .map(|given| Disclosure {
            when: given.prepared_at,
            recipient: given.recipient,
            elements: given.elements,
            records: u64::from(given.persons),
            entry: given.ledger_index.unwrap_or_default(),
        })
        .collect();
    report.decisions.extend(
        node.decisions()
            .iter()
            .filter(|decision| !report.decisions.contains(decision))
            .cloned()
            .collect::<Vec<_>>(),
    );
    if let Some(checkpoint) = node.checkpoint() {
        report.checkpoint = Checkpoint {
            origin: checkpoint.origin.to_string(),
            size: checkpoint.size,
            root: checkpoint.root.to_string(),
            vkey: std::fs::read_to_string(node.places.ledger_key())
                .unwrap_or_default()
                .trim()
                .to_owned(),
            folder: node.places.root().display().to_string(),
        };
    }
    Ok(())
}

/// Spells a report as the case store keeps it.
pub(crate) fn stored(report: &Report) -> Result<String, Error> {
    serde_json::to_string(report).map_err(|_| Error::OldSummary { what: "summary" })
}

/// Reads it back.
pub(crate) fn restored(stored: Option<&str>) -> Result<Report, Error> {
    stored
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or(Error::OldSummary { what: "summary" })
}

/// Returns the waterfall of a lead.
pub(crate) fn waterfall(lead: &LeadId, explanation: &Explanation, threshold: f64) -> Waterfall {
    waterfall_of(&lead.to_string(), explanation, threshold)
}

/// Returns the waterfall of any pair, under what it is called.
pub(crate) fn waterfall_of(called: &str, explanation: &Explanation, threshold: f64) -> Waterfall {
    Waterfall {
        lead: called.to_owned(),
        prior: explanation.prior,
        steps: explanation
            .parts
            .iter()
            .map(|part| Step {
                comparison: part.comparison.clone(),
                level: part.label.clone(),
                m: part.m,
                u: part.u,
                weight: part.partial_weight,
                frequency: part.frequency_part,
            })
            .collect(),
        weight: explanation.weight,
        threshold,
    }
}

/// Returns the comparisons of a model with their partial weights.
pub(crate) fn comparisons(scorer: &Scorer<'_>) -> Vec<Comparison> {
    let levels = |index: usize, comparison: &linkage::model::Comparison| {
        comparison
            .levels
            .iter()
            .enumerate()
            .map(|(place, level)| Level {
                name: level.label(),
                m: level.m.unwrap_or_default(),
                u: level.u.unwrap_or_default(),
                // Level 0 is the null level; the written ones are counted from 1, of which there are 15 at most.
                weight: u8::try_from(place + 1).map_or(0.0, |level| scorer.partial(index, level)),
            })
            .collect()
    };
    let comparisons = scorer.model().comparisons().iter().enumerate();
    comparisons
        .map(|(index, comparison)| Comparison {
            name: comparison.name.clone(),
            levels: levels(index, comparison),
        })
        .collect()
}

/// Returns the classes of kin of a model.
pub(crate) fn kin(model: &linkage::Model) -> Vec<Kin> {
    let one = |class: &linkage::KinClass| Kin {
        for_each_same: class.for_each_same,
        levels: class.levels.clone(),
    };
    model.kin().iter().map(one).collect()
}

/// Says which pairs are left when each record keeps as many as the model lets it.
fn kept(rule: OneToOne) -> &'static str {
    match rule {
        OneToOne::Off => "left of these: a record may be in several pairs",
        OneToOne::Greedy | OneToOne::Optimal => "left when each record may be in one pair only",
        OneToOne::EachSource => {
            "left when each of the source’s records may be in one pair only; the recipient’s may be in several"
        }
    }
}

fn threshold_rule(rule: &agreement::Threshold) -> String {
    match rule {
        agreement::Threshold::Weight { lowest_weight } => {
            format!("the weight {lowest_weight} or more")
        }
        agreement::Threshold::ExpectedPrecision { least_permille, lowest_weight } => format!(
            "the lowest weight from which on {least_permille} in 1,000 leads are expected to be right, and never below \
             {lowest_weight}"
        ),
    }
}

/// Returns how often each column had no value.
pub(crate) fn missing(links: &Links) -> Vec<Missing> {
    let mut columns: BTreeMap<&str, Missing> = BTreeMap::new();
    for one in &links.missing {
        let entry = columns
            .entry(&one.column)
            .or_insert_with(|| Missing { element: one.column.clone(), ..Missing::default() });
        let share =
            Share { count: one.absent + one.placeholders + one.unreadable, of: one.records };
        match one.side {
            Side::Source => entry.source = share,
            Side::Recipient => entry.recipient = share,
        }
    }
    columns.into_values().collect()
}

fn patterns(explanations: &[(LeadId, Explanation)]) -> Vec<PatternCount> {
    let mut patterns: BTreeMap<Vec<String>, PatternCount> = BTreeMap::new();
    for (_, explanation) in explanations {
        let levels: Vec<String> = explanation.parts.iter().map(|part| part.label.clone()).collect();
        let weight = explanation.weight;
        let one = patterns.entry(levels.clone()).or_insert(PatternCount {
            levels,
            weights: (weight, weight),
            leads: 0,
        });
        one.leads += 1;
        one.weights = (one.weights.0.min(weight), one.weights.1.max(weight));
    }
    let mut patterns: Vec<PatternCount> = patterns.into_values().collect();
    patterns.sort_by(|one, other| {
        other.leads.cmp(&one.leads).then_with(|| one.levels.cmp(&other.levels))
    });
    patterns
}

/// Spells bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Digests a value under the program's pair secret: equal values have equal digests, and without the secret they say
/// nothing. The purpose keeps digests of different things apart.
pub(crate) fn keyed<T: Serialize>(
    secret: &[u8; 32],
    purpose: &str,
    value: &T,
) -> Result<[u8; 32], Error> {
    let text = serde_json::to_string(value).map_err(|_| Error::UnspeakableEvent)?;
    // RFC 2104 pads a short key with zeros to what the hash works on.
    let mut key = [0; 64];
    key[..32].copy_from_slice(secret);
    let mut mac = Hmac::<Sha256>::new(&key.into());
    for part in [purpose, &text] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Ok(mac.finalize().into_bytes().into())
}

/// What tells a source's record from others across cycles: its own identifier where the agreement lets one be looked
/// at, or else what it says of who the person is.
pub(crate) fn identity(admitted: &Admitted<'_>, batch: &RecordBatch, row: usize) -> Vec<String> {
    let elements = || admitted.source_set.elements();
    let own =
        elements().filter(|(of, element)| *of == Use::Compared && element.kind == Kind::Identifier);
    let who = elements().filter(|(of, _)| *of == Use::MatchedOn);
    let mut names: Vec<_> = own.map(|(_, element)| element.name.as_str()).collect();
    if names.is_empty() {
        names = who.map(|(_, element)| element.name.as_str()).collect();
    }
    names
        .into_iter()
        .map(|name| {
            let value =
                extract::value(batch, name, row).as_ref().map(extract::spelled).unwrap_or_default();
            value.trim().to_lowercase()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_worded_by_the_model_s_rule() {
        for (rule, word) in [
            (OneToOne::Off, "several pairs"),
            (OneToOne::Greedy, "each record may be in one pair only"),
            (OneToOne::Optimal, "each record may be in one pair only"),
            (OneToOne::EachSource, "the recipient’s may be in several"),
        ] {
            assert!(kept(rule).contains(word), "{rule:?}");
        }
    }

    #[test]
    fn a_part_without_m_and_u_is_shown_without_them() {
        let part = linkage::Part {
            comparison: linkage::KIN.to_owned(),
            level: 0,
            label: "akin".to_owned(),
            m: None,
            u: None,
            partial_weight: -3.0,
            frequency_part: 0.0,
        };
        let explanation = Explanation {
            source: linkage::RecordRef::new(0),
            recipient: linkage::RecordRef::new(0),
            prior: -13.0,
            parts: vec![part],
            kin: Vec::new(),
            weight: -16.0,
            probability: 0.0,
        };
        let drawn = waterfall_of("a pair", &explanation, 4.0);
        assert_eq!((drawn.steps[0].m, drawn.steps[0].u), (None, None));
    }
}
