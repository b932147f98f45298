//! The waterfall: how the weight of one lead came about, step by step.
//!
//! Step 14 of the path, and `comity explain`. It shows comparisons, levels and weights; the values that were
//! compared never come here.

use super::chart::Scale;
use super::facts::Waterfall;
use super::number;
use super::svg::{Anchor, Fill, INK, RUST, Svg, cut};

const WIDTH: f64 = 720.0;
const ROW: f64 = 24.0;
const LABELS: f64 = 290.0;
const MARGIN: f64 = 70.0;

/// Draws how the weight of a lead came about, as an SVG that stands alone or within a page.
///
/// ```
/// use comity::report::{Step, Waterfall, waterfall_svg};
/// let surname = Step { comparison: "surname".into(), level: "the same".into(), weight: 9.5, ..Step::default() };
/// let svg = waterfall_svg(&Waterfall { lead: "L-1".into(), prior: -13.0, steps: vec![surname], weight: -3.5, threshold: 4.0 });
/// assert!(svg.starts_with("<svg"));
/// ```
pub fn waterfall_svg(waterfall: &Waterfall) -> String {
    drawn(waterfall, &format!("lead {}", waterfall.lead))
}

/// Draws it for whatever it is called.
pub(super) fn drawn(waterfall: &Waterfall, called: &str) -> String {
    let rows = rows(waterfall);
    let height = 60.0 + ROW * (rows.len() + 1) as f64;
    let reached = rows
        .iter()
        .flat_map(|row| [row.from, row.to])
        .chain([waterfall.threshold, waterfall.weight]);
    let low = reached.clone().fold(0.0, f64::min);
    let high = reached.fold(0.0, f64::max);
    let scale = Scale::new((low, high), (LABELS + MARGIN, WIDTH - MARGIN));
    let mut svg = Svg::new(
        WIDTH,
        height,
        &format!("How the weight of {called} came about"),
        &format!(
            "From the prior, {}, each comparison adds to the weight, filled, or takes away, outlined, until it is {}; the \
             threshold is {}.",
            number::reached(waterfall.prior),
            number::reached(waterfall.weight),
            number::reached(waterfall.threshold)
        ),
    );
    let bottom = height - 28.0;
    for tick in scale.ticks() {
        svg.line((scale.at(tick), 24.0), (scale.at(tick), bottom));
        svg.small((scale.at(tick), bottom + 18.0), Anchor::Middle, &number::place(tick));
    }
    let x = scale.at(waterfall.threshold);
    svg.mark((x, 18.0), (x, bottom));
    svg.small(
        (x, 12.0),
        Anchor::Middle,
        &format!("threshold {}", number::place(waterfall.threshold)),
    );
    let mut y = 26.0;
    for row in &rows {
        let fill = if row.to < row.from { Fill::Outline(RUST) } else { Fill::Solid(INK) };
        svg.text((0.0, y + 16.0), Anchor::Start, &cut(&row.label, 42));
        svg.bar((scale.at(row.from), scale.at(row.to)), (y + 4.0, ROW - 9.0), fill);
        let text = number::weight(row.to - row.from);
        svg.text((scale.at(row.from.max(row.to)) + 6.0, y + 16.0), Anchor::Start, &text);
        y += ROW;
    }
    svg.line((0.0, y + 1.0), (WIDTH, y + 1.0));
    svg.heading((0.0, y + 18.0), "weight");
    svg.bar(
        (scale.at(0.0), scale.at(waterfall.weight)),
        (y + 6.0, ROW - 9.0),
        Fill::Solid("#1b1b1b"),
    );
    let end = scale.at(waterfall.weight.max(0.0));
    svg.heading((end + 6.0, y + 18.0), &number::reached(waterfall.weight));
    svg.finish()
}

struct Row {
    label: String,
    from: f64,
    to: f64,
}

fn rows(waterfall: &Waterfall) -> Vec<Row> {
    let mut rows = vec![Row { label: "prior".to_owned(), from: 0.0, to: waterfall.prior }];
    let mut reached = waterfall.prior;
    for step in &waterfall.steps {
        let label = format!("{}: {}", step.comparison, step.level);
        rows.push(Row { label, from: reached, to: reached + step.weight });
        reached += step.weight;
        if step.frequency != 0.0 {
            let how = if step.frequency > 0.0 { "a rare value" } else { "a common value" };
            let label = format!("{}: {how}", step.comparison);
            rows.push(Row { label, from: reached, to: reached + step.frequency });
            reached += step.frequency;
        }
    }
    rows
}
