//! The charts that only the report on a link run has.
//!
//! Each draws what the table beside it says, and nothing that the table does not.

use super::{FrequencyFacts, RuleFacts, SessionFacts};
use crate::report::chart::Scale;
use crate::report::facts::{Model, Share};
use crate::report::number;
use crate::report::svg::{Anchor, Fill, INK, RUST, Svg, cut};

const WIDTH: f64 = 720.0;
const ROW: f64 = 20.0;
const LABELS: f64 = 250.0;
const MARGIN: f64 = 64.0;

/// Draws how many pairs each rule made, on a scale where each line is ten times the one to its left.
pub(super) fn rules(rules: &[RuleFacts]) -> String {
    let height = 56.0 + (2.0 * ROW + 6.0) * rules.len() as f64;
    let digits = |count: u64| (count.max(1) as f64).log10();
    let most = rules.iter().map(|rule| digits(rule.pairs)).fold(1.0, f64::max).ceil();
    let scale = Scale::new((-0.3, most), (LABELS, WIDTH - MARGIN - 20.0));
    let mut svg = Svg::new(
        WIDTH,
        height,
        "How many pairs each rule made",
        "Two bars a rule: outlined all its pairs, filled those that no earlier rule had made; each line is ten times the \
         one to its left.",
    );
    svg.bar((LABELS, LABELS + 14.0), (2.0, 12.0), Fill::Outline(INK));
    svg.text((LABELS + 20.0, 13.0), Anchor::Start, "all");
    svg.bar((LABELS + 70.0, LABELS + 84.0), (2.0, 12.0), Fill::Solid(INK));
    svg.text((LABELS + 90.0, 13.0), Anchor::Start, "new");
    let mut tick = 0.0;
    while tick <= most {
        svg.line((scale.at(tick), 22.0), (scale.at(tick), height - 26.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of pairs fits"
        )]
        let label = number::count(10_f64.powf(tick).round() as u64);
        svg.small((scale.at(tick), height - 8.0), Anchor::Middle, &label);
        tick += if most > 6.0 { 2.0 } else { 1.0 };
    }
    let mut y = 24.0;
    for rule in rules {
        svg.text((0.0, y + ROW + 4.0), Anchor::Start, &cut(&rule.rule, 36));
        for (count, fill) in [(rule.pairs, Fill::Outline(INK)), (rule.new, Fill::Solid(INK))] {
            let end = scale.at(digits(count));
            if count > 0 {
                svg.bar((scale.at(-0.3), end), (y + 4.0, ROW - 7.0), fill);
            }
            let beside = if count > 0 { end } else { scale.at(-0.3) };
            svg.text((beside + 6.0, y + 15.0), Anchor::Start, &number::count(count));
            y += ROW;
        }
        y += 6.0;
    }
    svg.finish()
}

/// Draws m and u of each level with their 95 % intervals, on a scale of powers of ten.
pub(super) fn errors(model: &Model, errors: &[Vec<(Option<f64>, Option<f64>)>]) -> String {
    const LOWEST: f64 = -7.0;
    let levels: usize = model.comparisons.iter().map(|comparison| comparison.levels.len()).sum();
    let height = 60.0 + ROW * levels as f64 + (ROW + 8.0) * model.comparisons.len() as f64;
    let scale = Scale::new((LOWEST, 0.0), (LABELS + 10.0, WIDTH - 30.0));
    let place = |share: f64| scale.at(share.max(10_f64.powf(LOWEST)).log10());
    let mut svg = Svg::new(
        WIDTH,
        height,
        "How sure m and u of each level are",
        "Filled squares are m, outlined squares u; the line through a square is its 95 % interval. Each line down is ten \
         times the one to its left.",
    );
    svg.bar((LABELS, LABELS + 10.0), (3.0, 10.0), Fill::Solid(INK));
    svg.text((LABELS + 16.0, 13.0), Anchor::Start, "m, one individual");
    svg.bar((LABELS + 160.0, LABELS + 170.0), (3.0, 10.0), Fill::Outline(RUST));
    svg.text((LABELS + 176.0, 13.0), Anchor::Start, "u, two individuals");
    let mut tick = LOWEST;
    while tick <= 0.0 {
        svg.line((scale.at(tick), 22.0), (scale.at(tick), height - 26.0));
        let label = format!("{}", 10_f64.powf(tick));
        svg.small((scale.at(tick), height - 8.0), Anchor::Middle, &label);
        tick += 1.0;
    }
    let mut y = 24.0;
    for (index, comparison) in model.comparisons.iter().enumerate() {
        svg.heading((0.0, y + 14.0), &cut(&comparison.name, 40));
        y += ROW;
        for (number, level) in comparison.levels.iter().enumerate() {
            svg.text((12.0, y + 14.0), Anchor::Start, &cut(&level.name, 34));
            let error = errors.get(index).and_then(|levels| levels.get(number)).copied();
            let (of_m, of_u) = error.unwrap_or_default();
            for (share, error, fill) in
                [(level.u, of_u, Fill::Outline(RUST)), (level.m, of_m, Fill::Solid(INK))]
            {
                let half = 1.96 * error.unwrap_or(0.0);
                svg.curve(&[
                    (place(share - half), y + 10.0),
                    (place((share + half).min(1.0)), y + 10.0),
                ]);
                svg.bar((place(share) - 4.0, place(share) + 4.0), (y + 6.0, 8.0), fill);
            }
            y += ROW;
        }
        y += 8.0;
    }
    svg.finish()
}

/// Draws the probability of each weight: as it is by itself, dashed, and calibrated, solid.
pub(super) fn calibration(points: &[(f64, f64, f64)]) -> String {
    const HEIGHT: f64 = 300.0;
    const BOTTOM: f64 = HEIGHT - 46.0;
    let low = points.iter().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if points.is_empty() { (-10.0, 10.0) } else { (low, high) };
    let across = Scale::new((low, high), (MARGIN, WIDTH - 20.0));
    let up = |share: f64| BOTTOM - share * (BOTTOM - 30.0);
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        "The probability that a weight stands for",
        "Dashed, the probability by the weight alone; solid, the calibrated one.",
    );
    for tenth in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.line((MARGIN, up(tenth)), (WIDTH - 20.0, up(tenth)));
        svg.small((MARGIN - 8.0, up(tenth) + 4.0), Anchor::End, &format!("{:.0} %", tenth * 100.0));
    }
    for tick in across.ticks() {
        svg.small((across.at(tick), BOTTOM + 18.0), Anchor::Middle, &number::place(tick));
    }
    for pair in points.windows(2) {
        if let [from, to] = pair {
            svg.mark((across.at(from.0), up(from.1)), (across.at(to.0), up(to.1)));
        }
    }
    let curve: Vec<(f64, f64)> =
        points.iter().map(|point| (across.at(point.0), up(point.2))).collect();
    svg.curve(&curve);
    svg.small((f64::midpoint(MARGIN, WIDTH), HEIGHT - 8.0), Anchor::Middle, "weight");
    svg.small((0.0, 14.0), Anchor::Start, "probability");
    svg.finish()
}

/// Draws what share of the source's records could not reach each weight.
pub(super) fn unlinkable(rows: &[(f64, Share)], threshold: f64) -> String {
    let height = 44.0 + (ROW + 4.0) * rows.len() as f64;
    let scale = Scale::new((0.0, 100.0), (LABELS, WIDTH - MARGIN));
    let mut svg = Svg::new(
        WIDTH,
        height,
        "Records that could not reach a weight",
        "A bar a weight: the share of the source's records whose values could not add up to it; filled at the threshold.",
    );
    for tick in scale.ticks() {
        svg.line((scale.at(tick), 6.0), (scale.at(tick), height - 24.0));
        let label = format!("{} %", number::place(tick));
        svg.small((scale.at(tick), height - 6.0), Anchor::Middle, &label);
    }
    let mut y = 6.0;
    for (weight, share) in rows {
        let at_threshold = (weight - threshold).abs() < 1e-9;
        let label = if at_threshold {
            format!("threshold {}", number::reached(*weight))
        } else {
            format!("a weight of {}", number::reached(*weight))
        };
        svg.text((0.0, y + 15.0), Anchor::Start, &label);
        let share = number::share(share.count, share.of);
        let fill = if at_threshold { Fill::Solid(INK) } else { Fill::Outline(INK) };
        let end = scale.at(share * 100.0);
        if share > 0.0 {
            svg.bar((scale.at(0.0), end), (y + 4.0, ROW - 7.0), fill);
        }
        svg.text((end + 6.0, y + 15.0), Anchor::Start, &number::percent(share));
        y += ROW + 4.0;
    }
    svg.finish()
}

/// Draws what two equal values add to the weight, by how common they are, on a scale of ranks of powers of ten.
pub(super) fn frequencies(comparisons: &[FrequencyFacts]) -> String {
    const HEIGHT: f64 = 320.0;
    let ranks = || comparisons.iter().flat_map(|comparison| &comparison.ranks);
    let digits = |rank: u64| (rank.max(1) as f64).log10();
    let last = ranks().map(|rank| digits(rank.0)).fold(1.0, f64::max);
    let low = ranks().map(|rank| rank.2).fold(0.0, f64::min);
    let high = ranks().map(|rank| rank.2).fold(0.0, f64::max);
    let across = Scale::new((0.0, last), (MARGIN, WIDTH - 150.0));
    let up = Scale::new((low, high), (HEIGHT - 50.0, 24.0));
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        "What common and rare values add to the weight",
        "A line a comparison: to the left its most common value, to the right its rarest; each line down is ten times as \
         far down the list of values as the one to its left.",
    );
    let mut tick = 0.0;
    while tick <= last {
        svg.line((across.at(tick), 24.0), (across.at(tick), HEIGHT - 50.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank of values fits"
        )]
        let label = number::count(10_f64.powf(tick).round() as u64);
        svg.small((across.at(tick), HEIGHT - 32.0), Anchor::Middle, &label);
        tick += 1.0;
    }
    for tick in up.ticks() {
        svg.line((MARGIN, up.at(tick)), (WIDTH - 150.0, up.at(tick)));
        svg.small((MARGIN - 6.0, up.at(tick) + 4.0), Anchor::End, &number::place(tick));
    }
    let mut taken: Vec<f64> = Vec::new();
    for comparison in comparisons {
        let points: Vec<(f64, f64)> = (comparison.ranks.iter())
            .map(|rank| (across.at(digits(rank.0)), up.at(rank.2)))
            .collect();
        svg.curve(&points);
        for point in &points {
            svg.dot(*point, 2.5, Fill::Solid(INK));
        }
        // Beside the chart and not the curve's end, which others may pass.
        if let Some((_, y)) = points.last() {
            let y = free(&mut taken, *y);
            svg.text((WIDTH - 140.0, y + 4.0), Anchor::Start, &cut(&comparison.comparison, 18));
        }
    }
    svg.small((f64::midpoint(MARGIN, WIDTH), HEIGHT - 8.0), Anchor::Middle, "rank of the value");
    svg.small((0.0, 14.0), Anchor::Start, "adds to the weight");
    svg.finish()
}

/// Draws how the share of one individual and the m of the closest levels moved from round to round.
pub(super) fn history(session: &SessionFacts) -> String {
    const HEIGHT: f64 = 260.0;
    let last = session.history.last().map_or(1, |round| round.round);
    let digits = |round: u32| f64::from(round.max(1)).log2();
    let across = Scale::new((0.0, digits(last)), (MARGIN, WIDTH - 190.0));
    let up = Scale::new((0.0, 1.0), (HEIGHT - 50.0, 20.0));
    let title = format!("How training went inside {}", session.rule);
    let mut svg = Svg::new(
        WIDTH,
        HEIGHT,
        &title,
        "Dashed: the share of the rule’s pairs that are one individual; solid: m of the closest level of each \
         comparison, by round. Each line down is twice as many rounds as the one to its left.",
    );
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        svg.line((MARGIN, up.at(tick)), (WIDTH - 190.0, up.at(tick)));
        svg.small((MARGIN - 6.0, up.at(tick) + 4.0), Anchor::End, &format!("{tick}"));
    }
    let mut tick = 0.0;
    while tick <= digits(last) {
        svg.line((across.at(tick), 20.0), (across.at(tick), HEIGHT - 50.0));
        let label = format!("{:.0}", tick.exp2());
        svg.small((across.at(tick), HEIGHT - 32.0), Anchor::Middle, &label);
        tick += 1.0;
    }
    let mut taken: Vec<f64> = Vec::new();
    let places = |of: &dyn Fn(&super::RoundFacts) -> Option<f64>| -> Vec<(f64, f64)> {
        (session.history.iter())
            .filter_map(|round| Some((across.at(digits(round.round)), up.at(of(round)?))))
            .collect()
    };
    let share = places(&|round| Some(round.same));
    for pair in share.windows(2) {
        svg.mark(pair[0], pair[1]);
    }
    if let Some((x, y)) = share.last() {
        let y = free(&mut taken, *y);
        svg.text((x + 8.0, y + 4.0), Anchor::Start, "of one individual");
    }
    for (place, comparison) in session.comparisons.iter().enumerate() {
        let closest = places(&|round| round.m.get(place)?.first().copied());
        svg.curve(&closest);
        if let Some((x, y)) = closest.last() {
            let y = free(&mut taken, *y);
            svg.text((x + 8.0, y + 4.0), Anchor::Start, &cut(&format!("m {comparison}"), 24));
        }
    }
    svg.small((f64::midpoint(MARGIN, WIDTH), HEIGHT - 8.0), Anchor::Middle, "round");
    svg.finish()
}

/// Finds a place for a label beside a curve's end that no label has yet.
fn free(taken: &mut Vec<f64>, wanted: f64) -> f64 {
    let near = |place: f64| taken.iter().any(|other| (other - place).abs() < 13.0);
    let mut place = wanted;
    while near(place) {
        place += 13.0;
    }
    taken.push(place);
    place
}
