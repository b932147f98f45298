//! Numbers as people read them.
//!
//! Step 14 of the path. Text only: what is rounded here is rounded for the eye, the JSON keeps the facts.

/// Returns a count with commas between the thousands.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a weight with its sign and two decimals.
pub(super) fn weight(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    if text == "0.00" {
        text
    } else if value < 0.0 {
        format!("\u{2212}{text}")
    } else {
        format!("+{text}")
    }
}

/// Returns a whole weight, where it is a place and not a change: a sign only below zero.
pub(super) fn reached(value: f64) -> String {
    let text = weight(value);
    text.strip_prefix('+').unwrap_or(&text).to_owned()
}

/// Returns a weight on an axis, with a decimal only if there is one.
pub(super) fn place(value: f64) -> String {
    let text = format!("{:.1}", value.abs());
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if value < 0.0 && text != "0" { format!("\u{2212}{text}") } else { text.to_owned() }
}

/// Returns a probability with three digits that say something.
pub(super) fn probability(value: f64) -> String {
    if value <= 0.0 {
        return "0".to_owned();
    }
    if value < 1e-7 {
        return "below 0.0000001".to_owned();
    }
    let mut decimals = 3;
    let mut scale = 0.1;
    while value < scale && decimals < 9 {
        scale /= 10.0;
        decimals += 1;
    }
    format!("{value:.decimals$}")
}

/// Returns a probability, and a dash where there is none.
pub(super) fn chance(value: Option<f64>) -> String {
    value.map_or_else(|| "\u{2013}".to_owned(), probability)
}

/// Returns a share as a percentage with one decimal.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Returns one number divided by another, and 0 where there is nothing to divide by.
pub(super) fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(count(value), text);
        }
        for (value, text) in
            [(0.0, "0.00"), (-0.001, "0.00"), (1.005, "+1.00"), (-3.5, "\u{2212}3.50")]
        {
            assert_eq!(weight(value), text);
        }
        for (value, text) in [(0.0, "0"), (-0.04, "0"), (-5.0, "\u{2212}5"), (2.5, "2.5")] {
            assert_eq!(place(value), text);
        }
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1.000"),
            (0.95, "0.950"),
            (0.0123, "0.0123"),
            (0.000_012_3, "0.0000123"),
            (1e-9, "below 0.0000001"),
        ] {
            assert_eq!(probability(value), text);
        }
        assert_eq!((chance(None), chance(Some(1.0))), ("\u{2013}".to_owned(), "1.000".to_owned()));
        assert_eq!(percent(0.9951), "99.5 %");
        assert_eq!(percent(share(1, 0)), "0.0 %");
    }
}
