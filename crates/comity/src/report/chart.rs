//! The charts of a report.
//!
//! Step 14 of the path. Each draws what the table beside it says, and nothing that the table does not.

use super::facts::{Bin, Missing, Model, Threshold};
use super::number;
use super::svg::{Anchor, Fill, INK, RUST, Svg, cut};

const WIDTH: f64 = 720.0;
const ROW: f64 = 20.0;
const LABELS: f64 = 250.0;
const MARGIN: f64 = 64.0;

/// A straight scale from values to places on the paper.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    left: f64,
    right: f64,
}

impl Scale {
    /// Returns the scale that shows `low` to `high`, and at least a width of one.
    pub(super) fn new((low, high): (f64, f64), (left, right): (f64, f64)) -> Self {
        Self { low, high: high.max(low + 1.0), left, right }
    }

    pub(super) fn at(self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)
    }

    /// Returns some round values on the scale, evenly spaced.
    pub(super) fn ticks(self) -> Vec<f64> {
        let span = self.high - self.low;
        let wide =
            [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0].into_iter().find(|step| span / step <= 8.0);
        let step = wide.unwrap_or(span);
        let mut tick = (self.low / step).ceil() * step;
        let mut ticks = Vec::new();
        while tick <= self.high {
            ticks.push(tick);
            tick += step;
        }
        ticks
    }
}

/// Draws the partial weight of each level of each comparison.
pub(super) fn model(model: &Model) -> String {
    let levels: usize = model.comparisons.iter().map(|comparison| comparison.levels.len()).sum();
    let height = 40.0 + ROW * levels as f64 + (ROW + 8.0) * model.comparisons.len() as f64;
    let weights = || {
        model.comparisons.iter().flat_map(|comparison| &comparison.levels).map(|level| level.weight)
    };
    let low = weights().fold(0.0, f64::min);
    let high = weights().fold(0.0, f64::max);
    let scale = Scale::new((low, high), (LABELS + MARGIN, WIDTH - MARGIN));
    let mut svg = Svg::new(
        WIDTH,
        height,
        "Partial weight of each level",
        "Bars to the right of zero, filled, speak for the same person; bars to the left, outlined, against.",
    );
    for tick in scale.ticks() {
        svg.line((scale.at(tick), 8.0), (scale.at(tick), height - 26.0));
        svg.small((scale.at(tick), height - 8.0), Anchor::Middle, &number::place(tick));
    }
    let mut y = 8.0;
    for comparison in &model.comparisons {
        svg.heading((0.0, y + 14.0), &cut(&comparison.name, 40));
        y += ROW;
        for level in &comparison.levels {
            svg.text((12.0, y + 14.0), Anchor::Start, &cut(&level.name, 36));
            let fill = if level.weight < 0.0 { Fill::Outline(RUST) } else { Fill::Solid(INK) };
            svg.bar((scale.at(0.0), scale.at(level.weight)), (y + 4.0, ROW - 7.0), fill);
            let text = number::weight(level.weight);
            if level.weight < 0.0 {
                svg.text((scale.at(level.weight) - 6.0, y + 15.0), Anchor::End, &text);
            } else {
                svg.text((scale.at(level.weight) + 6.0, y + 15.0), Anchor::Start, &text);
            }
            y += ROW;
        }
        y += 8.0;
    }
    svg.finish()
}

/// Draws how many pairs have which weight, on a scale where each line is ten times the one below.
pub(super) fn distribution(bins: &[Bin], threshold: &Threshold) -> String {
    const HEIGHT: f64 = 320.0;
    const BOTTOM: f64 = HEIGHT - 50.0;
    const TOP: f64 = 34.0;
    let low = bins.iter().map(|bin| bin.from).fold(threshold.weight, f64::min);
    let high = bins.iter().map(|bin| bin.to).fold(threshold.weight, f64::max);
    let most = bins.iter().map(|bin| bin.pairs).max().unwrap_or_default();
    let decades = (1..=20)
        .find(|decade| 10_u64.checked_pow(*decade).is_none_or(|top| top >= most))
        .unwrap_or(20);
    let across = Scale::new((low, high), (MARGIN + 20.0, WIDTH - 12.0));
    // One pair must be seen, so the scale begins below one.
    let up = Scale::new((-0.4, f64::from(decades)), (BOTTOM, TOP));
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        "How many pairs have which weight",
        "A bar a range of weights; each line across stands for ten times as many pairs as the one below it. Bars at or \
         above the threshold are filled, those below are outlined.",
    );
    for decade in 0..=decades {
        let y = up.at(f64::from(decade));
        svg.line((across.at(low), y), (WIDTH - 12.0, y));
        svg.small(
            (across.at(low) - 6.0, y + 4.0),
            Anchor::End,
            &number::count(10_u64.saturating_pow(decade)),
        );
    }
    for tick in across.ticks() {
        svg.small((across.at(tick), BOTTOM + 18.0), Anchor::Middle, &number::place(tick));
    }
    for bin in bins.iter().filter(|bin| bin.pairs > 0) {
        let top = up.at((bin.pairs as f64).log10());
        let reaches = bin.from >= threshold.weight;
        let fill = if reaches { Fill::Solid(INK) } else { Fill::Outline(INK) };
        let gap = ((across.at(bin.to) - across.at(bin.from)) * 0.1).min(1.5);
        svg.bar((across.at(bin.from) + gap, across.at(bin.to) - gap), (top, BOTTOM - top), fill);
    }
    svg.line((across.at(low), BOTTOM), (WIDTH - 12.0, BOTTOM));
    let x = across.at(threshold.weight);
    svg.mark((x, TOP - 12.0), (x, BOTTOM));
    let label = format!("threshold {}", number::place(threshold.weight));
    let anchor = if x > WIDTH * 0.75 { Anchor::End } else { Anchor::Start };
    let beside = if x > WIDTH * 0.75 { -6.0 } else { 6.0 };
    svg.text((x + beside, TOP - 12.0), anchor, &label);
    svg.small((0.0, TOP - 12.0), Anchor::Start, "pairs");
    svg.small((f64::midpoint(across.at(low), WIDTH), HEIGHT - 8.0), Anchor::Middle, "weight");
    svg.finish()
}

/// Draws how often each column had no value, the source's bar over the recipient's.
pub(super) fn missing(columns: &[Missing]) -> String {
    let height = 44.0 + (2.0 * ROW + 6.0) * columns.len() as f64;
    let shares = columns.iter().flat_map(|column| [column.source, column.recipient]);
    let most = shares.map(|share| number::share(share.count, share.of)).fold(0.0, f64::max);
    // Up to the next ten per cent, in steps that make round ticks.
    let most = ((most * 10.0).ceil() * 10.0).clamp(10.0, 100.0);
    let scale = Scale::new((0.0, most), (LABELS, WIDTH - MARGIN));
    let mut svg = Svg::new(
        WIDTH,
        height,
        "Share of records without a value",
        "Two bars a column: the source's file filled, the recipient's outlined.",
    );
    svg.bar((LABELS, LABELS + 14.0), (2.0, 12.0), Fill::Solid(INK));
    svg.text((LABELS + 20.0, 13.0), Anchor::Start, "source");
    svg.bar((LABELS + 90.0, LABELS + 104.0), (2.0, 12.0), Fill::Outline(INK));
    svg.text((LABELS + 110.0, 13.0), Anchor::Start, "recipient");
    for tick in scale.ticks() {
        svg.line((scale.at(tick), 22.0), (scale.at(tick), height - 22.0));
        svg.small(
            (scale.at(tick), height - 6.0),
            Anchor::Middle,
            &format!("{} %", number::place(tick)),
        );
    }
    let mut y = 24.0;
    for column in columns {
        svg.text((0.0, y + ROW + 4.0), Anchor::Start, &cut(&column.element, 36));
        for (share, fill) in
            [(column.source, Fill::Solid(INK)), (column.recipient, Fill::Outline(INK))]
        {
            let share = number::share(share.count, share.of);
            let end = scale.at(share * 100.0);
            if share > 0.0 {
                svg.bar((scale.at(0.0), end), (y + 4.0, ROW - 7.0), fill);
            }
            svg.text((end + 6.0, y + 15.0), Anchor::Start, &number::percent(share));
            y += ROW;
        }
        y += 6.0;
    }
    svg.finish()
}
