//! The funnel: how many cases ever reached each stage, as bars that stand under each other.
//!
//! The program's page shows it beside the table of the same numbers. It draws counts, and no case.

use super::chart::Scale;
use super::number;
use super::svg::{Anchor, Fill, INK, Svg, cut};

const WIDTH: f64 = 720.0;
const ROW: f64 = 26.0;
const LABELS: f64 = 200.0;
const MARGIN: f64 = 70.0;

/// Draws counts under their names, as an SVG that stands alone or within a page.
///
/// ```
/// let svg = comity::report::funnel_svg("Cases", &[("lead".into(), 40), ("closed".into(), 3)]);
/// assert!(svg.starts_with("<svg"));
/// ```
pub fn funnel_svg(title: &str, rows: &[(String, u64)]) -> String {
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or_default();
    let scale = Scale::new((0.0, most as f64), (LABELS, WIDTH - MARGIN));
    let height = ROW * rows.len() as f64 + 8.0;
    let said: Vec<String> =
        rows.iter().map(|(name, count)| format!("{name}: {}", number::count(*count))).collect();
    let mut svg = Svg::new(WIDTH, height, title, &said.join("; "));
    let mut y = 4.0;
    for (name, count) in rows {
        svg.text((0.0, y + 16.0), Anchor::Start, &cut(name, 28));
        svg.bar((scale.at(0.0), scale.at(*count as f64)), (y + 4.0, ROW - 10.0), Fill::Solid(INK));
        let end = scale.at(*count as f64) + 8.0;
        svg.text((end, y + 16.0), Anchor::Start, &number::count(*count));
        y += ROW;
    }
    svg.finish()
}
