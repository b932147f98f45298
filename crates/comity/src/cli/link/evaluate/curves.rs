//! The facts of the page that `comity link evaluate --report` writes.

use super::{Facts, bins, precision, recall};
use crate::Error;
use crate::report::{EvaluateReport, ThresholdFacts};
use linkage::Model;
use linkage::estimate::Interval;
use linkage::evaluate::{Mistake, Row, area_under_roc, average_precision, best};

/// At how many weights measures are told, the model's threshold aside.
const STEPS: u32 = 30;

/// Puts together what the page says.
pub(super) fn report(
    model: &Model,
    truth: &str,
    facts: &Facts,
    rows: &[Row],
    wrong: &[Mistake],
) -> Result<EvaluateReport, Error> {
    let (kept, _) = facts.kept(model, rows);
    let parts = |interval: Interval| (interval.value, interval.low, interval.high);
    let count = |is: fn(&Mistake) -> bool| wrong.iter().filter(|one| is(one)).count() as u64;
    let bins = bins(model, &facts.labelled());
    Ok(EvaluateReport {
        title: model.name().to_owned(),
        digest: model.digest()?.to_string(),
        truth: truth.to_owned(),
        same: facts.same,
        made: facts.made,
        threshold: model.threshold(),
        precision: parts(precision(&kept)),
        recall: parts(recall(&kept)),
        one_to_one: facts.kept.is_some() && model.one_to_one() != linkage::model::OneToOne::Off,
        areas: (area_under_roc(rows), average_precision(rows)),
        rows: some(model, rows),
        best: best(rows, |counts| counts.f(1.0)).map(|row| at(model, row.threshold, &row)),
        bins: (bins.iter().filter(|bin| bin.pairs > 0))
            .map(|bin| (bin.from, bin.pairs, bin.said, bin.same))
            .collect(),
        false_links: count(|one| matches!(one, Mistake::FalseLink(_))),
        missed_by_weight: count(|one| matches!(one, Mistake::MissedByWeight(_))),
        missed_by_rules: count(|one| matches!(one, Mistake::MissedByRules(_))),
    })
}

/// Takes the measures at weights from the highest down, evenly spaced, and at the model's threshold.
fn some(model: &Model, rows: &[Row]) -> Vec<ThresholdFacts> {
    let (Some(highest), Some(lowest)) = (rows.first(), rows.last()) else { return Vec::new() };
    let (high, low) = (highest.threshold, lowest.threshold);
    let step = ((high - low) / f64::from(STEPS)).max(0.25).ceil();
    let mut weights: Vec<f64> = (0..=STEPS)
        .map(|place| high.floor() - f64::from(place) * step)
        .filter(|weight| *weight > low)
        .collect();
    weights.extend([low, model.threshold()].into_iter().filter(|weight| *weight <= high));
    weights.sort_by(|one, other| other.total_cmp(one));
    weights.dedup();
    let of = |weight: f64| {
        let row = rows.iter().rev().find(|row| row.threshold >= weight)?;
        Some(at(model, weight, row))
    };
    weights.into_iter().filter_map(of).collect()
}

fn at(model: &Model, threshold: f64, row: &Row) -> ThresholdFacts {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of pairs is a whole number, and no less than none"
    )]
    let whole = |count: f64| count as u64;
    let counts = &row.counts;
    ThresholdFacts {
        threshold,
        probability: model.probability(threshold),
        right: whole(counts.true_positives),
        wrong: whole(counts.false_positives),
        precision: counts.precision(),
        recall: counts.recall(),
        false_share: 1.0 - counts.specificity(),
        accuracy: counts.accuracy(),
        f1: counts.f(1.0),
    }
}
