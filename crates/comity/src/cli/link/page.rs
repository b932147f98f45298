//! The facts of the page that `comity link link --report` writes.
//!
//! Counts and parameters of the run alone; the page itself is `report/link`'s.

use crate::printer::short;
use crate::report::{
    Bin, ClusterFacts, Estimate, File, FrequencyFacts, LinkReport, Model, RoundFacts, RuleFacts,
    SessionFacts, Share, Threshold, Waterfall,
};
use crate::{Error, summary};
use linkage::cluster::{Clusters, Measures, Member, Members};
use linkage::evaluate::best_of_each;
use linkage::model::ThresholdRule;
use linkage::{Links, Scorer, Side, TrainingRecord};
use std::collections::{BTreeMap, BTreeSet};

/// At how many weights it is told which records cannot reach them, the threshold aside.
const STEPS: i32 = 8;

/// How many clusters are drawn.
const MOST_DRAWN: usize = 4;

/// The most records of a cluster that is drawn: more would be a tangle.
const MOST_DRAWN_RECORDS: usize = 16;

/// Puts together what the page says.
pub(super) fn report(
    scorer: &Scorer<'_>,
    links: &Links,
    clusters: &Clusters,
    files: Vec<File>,
) -> Result<LinkReport, Error> {
    let (model, tables) = (scorer.model(), scorer.tables());
    let training = model.training();
    Ok(LinkReport {
        title: model.name().to_owned(),
        link: model.link().to_string(),
        files,
        all_pairs: tables.all_pairs(),
        scored: links.scored_pairs,
        above_threshold: links.pairs_at_threshold,
        kept: links.pairs.len() as u64,
        rules: rules(links),
        model: Model {
            digest: model.digest()?.to_string(),
            origin: origin(training),
            prior: scorer.prior(),
            comparisons: summary::comparisons(scorer),
            kin: summary::kin(model),
        },
        errors: training.map(errors).unwrap_or_default(),
        frequencies: frequencies(scorer),
        kin_pairs: kin_pairs(scorer, links),
        rare: training.map(rare).unwrap_or_default(),
        sessions: training.map(sessions).unwrap_or_default(),
        distribution: (links.histogram.iter())
            .map(|(from, pairs)| Bin {
                from: f64::from(*from),
                to: f64::from(*from) + 1.0,
                pairs: *pairs,
            })
            .collect(),
        threshold: Threshold {
            weight: model.threshold(),
            rule: training.map(|record| rule(record.threshold_rule)).unwrap_or_default(),
            precision: (!links.pairs.is_empty()).then(|| Estimate {
                share: links.expectation.expected_precision,
                interval: None,
                how: "the mean probability of the pairs kept, by the model’s own reckoning, competing pairs taken into \
                      account; it is as right as the model. `comity link evaluate` adds intervals."
                    .to_owned(),
            }),
        },
        calibration: calibration(scorer, links),
        missing: summary::missing(links),
        unlinkable: unlinkable(scorer)?,
        cluster_sizes: sizes(clusters),
        clusters: graphs(scorer, clusters)?,
        waterfalls: waterfalls(scorer, links)?,
    })
}

fn frequencies(scorer: &Scorer<'_>) -> Vec<FrequencyFacts> {
    let one = |(place, comparison): (usize, &linkage::model::Comparison)| {
        let ranks = scorer.frequencies().by_rank(place)?;
        let told = |ranked: &linkage::Ranked| (ranked.rank as u64, ranked.share, ranked.part);
        Some(FrequencyFacts {
            comparison: comparison.name.clone(),
            ranks: ranks.iter().map(told).collect(),
        })
    };
    scorer.model().comparisons().iter().enumerate().filter_map(one).collect()
}

fn sizes(clusters: &Clusters) -> Vec<(u64, u64)> {
    let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
    for group in clusters.groups() {
        *sizes.entry(group.len() as u64).or_insert(0) += 1;
    }
    sizes.into_iter().collect()
}

/// Takes the largest clusters that can be drawn, and among equal ones those that hang together least.
fn graphs(scorer: &Scorer<'_>, clusters: &Clusters) -> Result<Vec<ClusterFacts>, Error> {
    let members = Members::new(scorer.tables())?;
    let mut measured: Vec<Measures> = (clusters.measures().into_iter())
        .filter(|cluster| cluster.members() <= MOST_DRAWN_RECORDS)
        .collect();
    measured.sort_by(|one, other| {
        (other.members().cmp(&one.members())).then(one.lightest.total_cmp(&other.lightest))
    });
    // One pair looks like another: where there is more to see, they are left out.
    let more = measured.iter().filter(|cluster| cluster.members() > 2).count();
    measured.truncate(more.clamp(1, MOST_DRAWN));
    let bridges: BTreeSet<(Member, Member)> = (clusters.bridges().bridges().iter())
        .map(|bridge| (bridge.bond.one, bridge.bond.other))
        .collect();
    let sources = members.sources();
    let drawn = |(number, cluster): (usize, &Measures)| {
        let places: BTreeMap<Member, u64> =
            cluster.degrees.iter().map(|(member, _)| *member).zip(0..).collect();
        let pair = |bond: &linkage::cluster::Bond| {
            let bridge = bridges.contains(&(bond.one, bond.other));
            Some((*places.get(&bond.one)?, *places.get(&bond.other)?, bond.weight, bridge))
        };
        let recipient = |member: &Member| sources.get(member.number() as usize) == Some(&1);
        ClusterFacts {
            called: format!("Cluster {}, of {} records", number + 1, cluster.members()),
            recipient: places.keys().map(recipient).collect(),
            pairs: clusters.bonds().iter().filter_map(pair).collect(),
        }
    };
    Ok(measured.iter().enumerate().map(drawn).collect())
}

fn rules(links: &Links) -> Vec<RuleFacts> {
    let one = |rule: &linkage::RuleCount| RuleFacts {
        rule: rule.rule.clone(),
        pairs: rule.pairs,
        new: rule.new_pairs,
        cumulative: rule.cumulative_pairs,
        largest: rule.largest_blocks.first().copied().unwrap_or(0),
        keyless: rule.keyless,
    };
    links.rules.iter().map(one).collect()
}

fn origin(training: Option<&TrainingRecord>) -> String {
    match training {
        None => "imported, or written by hand".to_owned(),
        Some(record) => format!(
            "trained without labels by the recipe {}, on {} and {} records",
            short(&record.recipe.to_string()),
            record.source_records,
            record.recipient_records
        ),
    }
}

fn rule(rule: ThresholdRule) -> String {
    match rule {
        ThresholdRule::TargetPrecision(share) => format!("an expected precision of {share}"),
        ThresholdRule::Probability(share) => format!("a probability of {share}"),
        ThresholdRule::Weight(weight) => format!("the weight {weight}"),
    }
}

fn errors(record: &TrainingRecord) -> Vec<Vec<(Option<f64>, Option<f64>)>> {
    let Some(errors) = &record.standard_errors else {
        return Vec::new();
    };
    // What was stated has an error of 0, which is to say that none is known.
    let known = |error: f64| (error > 0.0).then_some(error);
    let one = |(m, u): (&Vec<f64>, &Vec<f64>)| {
        m.iter().zip(u).map(|(m, u)| (known(*m), known(*u))).collect()
    };
    errors.m.iter().zip(&errors.u).map(one).collect()
}

/// Adds up how likely the pairs are of each class of kin: of all that were scored, by their patterns alone, and of those
/// that were kept.
fn kin_pairs(scorer: &Scorer<'_>, links: &Links) -> Vec<(f64, f64)> {
    let mut sums = vec![(0.0, 0.0); scorer.model().kin().len()];
    for (pattern, count) in &links.patterns {
        let classes = scorer.classes(*pattern, scorer.sum_of_pattern(*pattern));
        for (sum, chance) in sums.iter_mut().zip(classes.kin) {
            sum.0 += chance * *count as f64;
        }
    }
    for pair in &links.pairs {
        let sum = scorer.sum(pair.pattern, pair.source, pair.recipient);
        for (of, chance) in sums.iter_mut().zip(scorer.classes(pair.pattern, sum).kin) {
            of.1 += chance;
        }
    }
    sums
}

fn rare(record: &TrainingRecord) -> Vec<(String, String, u64)> {
    let one = |level: &linkage::model::RareLevel| {
        (level.comparison.clone(), level.level.clone(), level.seen)
    };
    record.rare.iter().map(one).collect()
}

fn sessions(record: &TrainingRecord) -> Vec<SessionFacts> {
    let one = |session: &linkage::model::TrainingSession| SessionFacts {
        rule: session.rule.clone(),
        pairs: session.pairs,
        iterations: session.iterations,
        converged: session.converged,
        same: session.same,
        comparisons: session.comparisons.clone(),
        history: (session.history.iter())
            .map(|round| RoundFacts { round: round.round, same: round.same, m: round.m.clone() })
            .collect(),
    };
    record.sessions.iter().map(one).collect()
}

/// Takes the probability at each whole weight that pairs have, as far as it isn't as good as 0 or 1.
fn calibration(scorer: &Scorer<'_>, links: &Links) -> Vec<(f64, f64, f64)> {
    const FURTHEST: i32 = 20;
    let model = scorer.model();
    if model.calibration().is_empty() {
        return Vec::new();
    }
    let low = links.histogram.first().map_or(-FURTHEST, |bin| bin.0.max(-FURTHEST));
    let high = links.histogram.last().map_or(FURTHEST, |bin| bin.0.min(FURTHEST));
    (low..=high)
        .map(f64::from)
        .map(|weight| (weight, linkage::probability(weight), model.probability(weight)))
        .collect()
}

/// Counts the records of the source that cannot reach the threshold, and weights around it.
fn unlinkable(scorer: &Scorer<'_>) -> Result<Vec<(f64, Share)>, Error> {
    let mut best = best_of_each(scorer, Side::Source)?;
    best.sort_unstable_by(f64::total_cmp);
    let threshold = scorer.model().threshold();
    let (Some(lowest), Some(highest)) = (best.first(), best.last()) else {
        return Ok(Vec::new());
    };
    let step = ((highest - lowest) / f64::from(STEPS)).max(1.0).round();
    let mut weights: Vec<f64> =
        (0..=STEPS).map(|place| lowest.ceil() + f64::from(place) * step).collect();
    weights.retain(|weight| *weight <= *highest);
    weights.push(threshold);
    weights.sort_unstable_by(f64::total_cmp);
    let of = best.len() as u64;
    let count = |weight: f64| best.partition_point(|most| *most < weight) as u64;
    Ok(weights.into_iter().map(|weight| (weight, Share { count: count(weight), of })).collect())
}

/// Explains the heaviest pair kept, the one in the middle, and the lightest.
fn waterfalls(scorer: &Scorer<'_>, links: &Links) -> Result<Vec<Waterfall>, Error> {
    let mut pairs: Vec<_> = links.pairs.iter().collect();
    pairs.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    let last = pairs.len().saturating_sub(1);
    let mut chosen = vec![
        ("the heaviest pair", 0),
        ("the pair in the middle", last / 2),
        ("the lightest pair", last),
    ];
    chosen.dedup_by_key(|(_, place)| *place);
    let mut drawn = Vec::new();
    for (called, place) in chosen {
        if let Some(pair) = pairs.get(place) {
            let explanation = linkage::explain(scorer, pair.source, pair.recipient)?;
            drawn.push(summary::waterfall_of(called, &explanation, scorer.model().threshold()));
        }
    }
    Ok(drawn)
}
