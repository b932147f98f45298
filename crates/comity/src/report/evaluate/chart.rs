//! The charts of an evaluation.
//!
//! Each draws what the table beside it says, and nothing that the table does not.

use super::ThresholdFacts;
use crate::report::chart::Scale;
use crate::report::number;
use crate::report::svg::{Anchor, Fill, INK, Svg};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = WIDTH - 20.0;
const BOTTOM: f64 = HEIGHT - 50.0;
const TOP: f64 = 28.0;

/// Draws the share of pairs of one individual found against that of two individuals.
pub(super) fn roc(rows: &[ThresholdFacts]) -> String {
    let most = rows.iter().map(|row| row.false_share).fold(0.0, f64::max);
    let points = rows.iter().map(|row| (row.false_share, row.recall));
    let points: Vec<(f64, f64)> = std::iter::once((0.0, 0.0)).chain(points).collect();
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        "Recall against the share of pairs of two individuals that are linked",
        "A point a threshold, the highest to the left. The way across ends at the largest share of the table.",
    );
    let across = |share: f64| LEFT + share / most.max(f64::MIN_POSITIVE) * (RIGHT - LEFT);
    squared(&mut svg, &points, across);
    for quarter in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let label = number::probability(most * quarter);
        let anchor = if quarter > 0.9 { Anchor::End } else { Anchor::Middle };
        svg.small((across(most * quarter), BOTTOM + 18.0), anchor, &label);
    }
    svg.small((0.0, 14.0), Anchor::Start, "recall");
    svg.small(
        (f64::midpoint(LEFT, RIGHT), HEIGHT - 8.0),
        Anchor::Middle,
        "share of pairs of two individuals that are linked",
    );
    svg.finish()
}

/// Draws precision against recall.
pub(super) fn precision_recall(rows: &[ThresholdFacts]) -> String {
    let points: Vec<(f64, f64)> = rows.iter().map(|row| (row.recall, row.precision)).collect();
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        "Precision against recall",
        "A point a threshold, the highest to the left.",
    );
    let across = |share: f64| LEFT + share * (RIGHT - LEFT);
    squared(&mut svg, &points, across);
    for quarter in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let label = format!("{:.0} %", quarter * 100.0);
        svg.small((across(quarter), BOTTOM + 18.0), Anchor::Middle, &label);
    }
    svg.small((0.0, 14.0), Anchor::Start, "precision");
    svg.small((f64::midpoint(LEFT, RIGHT), HEIGHT - 8.0), Anchor::Middle, "recall");
    svg.finish()
}

/// Draws precision, recall, F1 and accuracy at each threshold.
pub(super) fn thresholds(rows: &[ThresholdFacts], threshold: f64) -> String {
    let low = rows.iter().map(|row| row.threshold).fold(threshold, f64::min);
    let high = rows.iter().map(|row| row.threshold).fold(threshold, f64::max);
    let across = Scale::new((low, high), (LEFT, RIGHT - 90.0));
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        "Precision, recall, F1 and accuracy at each threshold",
        "A line a measure, named at its right end; upright and dashed, the model's threshold.",
    );
    levels(&mut svg, RIGHT - 90.0);
    for tick in across.ticks() {
        svg.small((across.at(tick), BOTTOM + 18.0), Anchor::Middle, &number::place(tick));
    }
    let mut named: Vec<(f64, &str)> = Vec::new();
    for (place, name) in ["precision", "recall", "F1", "accuracy"].into_iter().enumerate() {
        let point = |row: &ThresholdFacts| {
            let measures = [row.precision, row.recall, row.f1, row.accuracy];
            (across.at(row.threshold), up(measures[place]))
        };
        let points: Vec<(f64, f64)> = rows.iter().map(point).collect();
        svg.curve(&points);
        // Dots in four sizes tell lines apart where they cross.
        for point in &points {
            svg.dot(*point, 1.5 + named.len() as f64 * 0.6, Fill::Solid(INK));
        }
        if let Some((_, y)) = points.first() {
            named.push((*y, name));
        }
    }
    named.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = TOP;
    for (y, name) in named {
        free = y.max(free);
        svg.text((RIGHT - 80.0, free + 4.0), Anchor::Start, name);
        free += 16.0;
    }
    let x = across.at(threshold);
    svg.mark((x, TOP - 8.0), (x, BOTTOM));
    let anchor = if x > WIDTH * 0.6 { Anchor::End } else { Anchor::Start };
    let beside = if x > WIDTH * 0.6 { -6.0 } else { 6.0 };
    let label = format!("threshold {}", number::place(threshold));
    svg.small((x + beside, TOP - 10.0), anchor, &label);
    svg.small((f64::midpoint(LEFT, RIGHT), HEIGHT - 8.0), Anchor::Middle, "weight");
    svg.finish()
}

/// Draws what was said of pairs and what is so, bin by bin.
pub(super) fn calibration(bins: &[(f64, u64, f64, f64)]) -> String {
    let across = |share: f64| LEFT + share * (RIGHT - LEFT);
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        "What the model says and what is so",
        "A dot a tenth of the probabilities that has pairs; on the dashed line both are the same.",
    );
    levels(&mut svg, RIGHT);
    svg.mark((across(0.0), up(0.0)), (across(1.0), up(1.0)));
    for tenth in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        let label = format!("{:.0} %", tenth * 100.0);
        svg.small((across(tenth), BOTTOM + 18.0), Anchor::Middle, &label);
    }
    for (_, _, said, same) in bins.iter().filter(|bin| bin.1 > 0) {
        svg.dot((across(*said), up(*same)), 4.0, Fill::Solid(INK));
    }
    svg.small((0.0, 14.0), Anchor::Start, "is so");
    svg.small((f64::midpoint(LEFT, RIGHT), HEIGHT - 8.0), Anchor::Middle, "said on average");
    svg.finish()
}

fn up(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

fn levels(svg: &mut Svg, right: f64) {
    for quarter in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.line((LEFT, up(quarter)), (right, up(quarter)));
        let label = format!("{:.0} %", quarter * 100.0);
        svg.small((LEFT - 8.0, up(quarter) + 4.0), Anchor::End, &label);
    }
}

/// Draws shares against shares, a dot a threshold.
fn squared(svg: &mut Svg, points: &[(f64, f64)], across: impl Fn(f64) -> f64) {
    levels(svg, RIGHT);
    let points: Vec<(f64, f64)> = points.iter().map(|(x, y)| (across(*x), up(*y))).collect();
    svg.curve(&points);
    for point in &points {
        svg.dot(*point, 2.5, Fill::Solid(INK));
    }
}
