//! The drawings of clusters: how many have how many records, and some as graphs.
//!
//! Each draws what the table beside it says. A record is a number of the drawing.

use super::ClusterFacts;
use crate::report::chart::Scale;
use crate::report::number;
use crate::report::svg::{Anchor, Fill, INK, RUST, Svg};

const WIDTH: f64 = 720.0;
const ROW: f64 = 20.0;
const LABELS: f64 = 150.0;

/// Draws how many clusters have how many records, on a scale where each line is ten times the one to its left.
pub(super) fn sizes(sizes: &[(u64, u64)]) -> String {
    let height = 34.0 + (ROW + 2.0) * sizes.len() as f64;
    let digits = |count: u64| (count.max(1) as f64).log10();
    let most = sizes.iter().map(|(_, count)| digits(*count)).fold(1.0, f64::max).ceil();
    let scale = Scale::new((-0.3, most), (LABELS, WIDTH - 84.0));
    let mut svg = Svg::new(
        WIDTH,
        height,
        "How many clusters have how many records",
        "A bar a size; each line is ten times the one to its left.",
    );
    let mut tick = 0.0;
    while tick <= most {
        svg.line((scale.at(tick), 4.0), (scale.at(tick), height - 24.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of clusters fits"
        )]
        let label = number::count(10_f64.powf(tick).round() as u64);
        svg.small((scale.at(tick), height - 8.0), Anchor::Middle, &label);
        tick += 1.0;
    }
    let mut y = 4.0;
    for (size, count) in sizes {
        let label = if *size == 1 { "1 record".to_owned() } else { format!("{size} records") };
        svg.text((0.0, y + 15.0), Anchor::Start, &label);
        let end = scale.at(digits(*count));
        svg.bar((scale.at(-0.3), end), (y + 4.0, ROW - 7.0), Fill::Solid(INK));
        svg.text((end + 6.0, y + 15.0), Anchor::Start, &number::count(*count));
        y += ROW + 2.0;
    }
    svg.finish()
}

/// Draws a cluster with its records in a circle: the source's filled, the recipient's outlined, bridges dashed.
pub(super) fn cluster(facts: &ClusterFacts) -> String {
    const HEIGHT: f64 = 300.0;
    let (middle, radius) = ((WIDTH / 2.0, HEIGHT / 2.0), HEIGHT / 2.0 - 36.0);
    let count = facts.recipient.len().max(1) as f64;
    let place = |record: u64| {
        let turn = std::f64::consts::TAU * record as f64 / count - std::f64::consts::FRAC_PI_2;
        (middle.0 + radius * turn.cos(), middle.1 + radius * turn.sin())
    };
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        &facts.called,
        "A dot a record: filled the source’s, outlined the recipient’s; a line a pair at or above the threshold, with \
         its weight; dashed where the cluster would fall apart without it.",
    );
    for (one, other, _, bridge) in &facts.pairs {
        if *bridge {
            svg.mark(place(*one), place(*other));
        } else {
            svg.curve(&[place(*one), place(*other)]);
        }
    }
    // With many pairs the numbers would hide the lines; the table has them.
    if facts.pairs.len() <= 12 {
        for (one, other, weight, _) in &facts.pairs {
            let (from, to) = (place(*one), place(*other));
            // Nearer to one end, since the middles of many lines are one place.
            let at = (from.0 * 0.6 + to.0 * 0.4, from.1 * 0.6 + to.1 * 0.4);
            svg.small(at, Anchor::Middle, &number::reached(*weight));
        }
    }
    for (record, recipient) in (0u64..).zip(&facts.recipient) {
        let (x, y) = place(record);
        let fill = if *recipient { Fill::Outline(RUST) } else { Fill::Solid(INK) };
        svg.dot((x, y), 7.0, fill);
        let beside =
            if x < middle.0 - 1.0 { (x - 12.0, Anchor::End) } else { (x + 12.0, Anchor::Start) };
        svg.text((beside.0, y + 4.0), beside.1, &(record + 1).to_string());
    }
    svg.finish()
}
