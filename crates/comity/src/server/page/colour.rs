//! The colours of the style sheet, and whether they can be read: each pair of a text and its ground, in both themes,
//! held to [WCAG 2.2](https://www.w3.org/TR/WCAG22/#contrast-minimum), 1.4.3 (text, 4.5:1) and 1.4.11 (boundaries of
//! what can be used, 3:1). Tests alone, and the tokens page.

use std::collections::BTreeMap;

/// A text on its ground, and the contrast it must have.
pub(crate) const TEXTS: &[(&str, &str)] = &[
    ("ink", "ground"),
    ("ink", "paper"),
    ("ink", "sunken"),
    ("muted", "ground"),
    ("muted", "paper"),
    ("muted", "sunken"),
    ("link", "ground"),
    ("link", "paper"),
    ("link", "sunken"),
    ("primary-ink", "primary"),
    ("danger-ink", "danger"),
    ("focus-ink", "focus"),
    ("good", "good-ground"),
    ("note", "note-ground"),
    ("warn", "warn-ground"),
    ("bad", "bad-ground"),
    ("bad", "paper"),
    ("bad", "ground"),
    ("mark", "mark-ground"),
];

/// What bounds something that can be used, or says where the focus is, and its ground.
pub(crate) const BOUNDARIES: &[(&str, &str)] = &[
    // What a chart draws.
    ("chart", "paper"),
    ("chart-away", "paper"),
    ("line", "paper"),
    ("line", "ground"),
    ("line", "sunken"),
    ("primary", "ground"),
    ("primary", "paper"),
    ("danger", "paper"),
    ("danger", "ground"),
    // The ring of the focus is dark within and light without: one of the two stands out on any ground.
    ("focus-ink", "focus"),
];

/// The style sheet.
const STYLE: &str = include_str!("../../../assets/console.css");

/// One of the two themes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Dark letters on light.
    Light,
    /// Light letters on dark.
    Dark,
}

/// Returns the colours of a theme by their token.
pub(crate) fn tokens(theme: Theme) -> BTreeMap<&'static str, [u8; 3]> {
    let dark = "@media (prefers-color-scheme: dark)";
    let (before, after) = STYLE.split_once(dark).unwrap_or((STYLE, ""));
    let text = match theme {
        Theme::Light => before,
        // The dark theme ends where its block does.
        Theme::Dark => after.split_once("\n}").map_or(after, |(block, _)| block),
    };
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"))
        .filter_map(|(name, digits)| Some((name, channels(digits)?)))
        .collect()
}

fn channels(digits: &str) -> Option<[u8; 3]> {
    let at = |from: usize| u8::from_str_radix(digits.get(from..from + 2)?, 16).ok();
    (digits.len() == 6).then_some(())?;
    Some([at(0)?, at(2)?, at(4)?])
}

/// Returns the contrast of two colours, from 1 to 21.
pub(crate) fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Relative luminance, as WCAG defines it.
fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn too_faint(pairs: &[(&str, &str)], least: f64) -> Vec<String> {
        let mut found = Vec::new();
        for theme in [Theme::Light, Theme::Dark] {
            let tokens = tokens(theme);
            for (text, ground) in pairs {
                let contrast = contrast(tokens[text], tokens[ground]);
                if contrast < least {
                    found.push(format!("{theme:?}: {text} on {ground} is {contrast:.2}"));
                }
            }
        }
        found
    }

    #[test]
    fn every_text_can_be_read_on_its_ground_in_both_themes() {
        assert_eq!(too_faint(TEXTS, 4.5), Vec::<String>::new());
    }

    #[test]
    fn every_boundary_can_be_seen_in_both_themes() {
        assert_eq!(too_faint(BOUNDARIES, 3.0), Vec::<String>::new());
    }

    #[test]
    fn contrast_is_as_the_recommendation_has_it() {
        assert!((contrast([0, 0, 0], [255, 255, 255]) - 21.0).abs() < 1e-9);
        assert!((contrast([9, 9, 9], [9, 9, 9]) - 1.0).abs() < 1e-9);
        // A grey that is known to pass on white only just.
        assert!((contrast([118, 118, 118], [255, 255, 255]) - 4.54).abs() < 0.01);
    }

    #[test]
    fn both_themes_name_the_same_tokens() {
        let names = |theme| tokens(theme).into_keys().collect::<Vec<_>>();
        assert_eq!(names(Theme::Light), names(Theme::Dark));
        assert!(names(Theme::Light).len() > 20);
    }
}
