//! Exact decimal numbers: digits to a whole number of the smallest unit, and back.
//!
//! Step 3 of the path. Amounts of money are compared and added up, so nothing here is a floating-point number
//! and nothing is rounded.

/// The decimals with which control totals are added up.
pub(super) const SUM_DECIMALS: u8 = 6;

/// The most digits that fit a `Decimal128`.
const DIGITS: usize = 38;

/// Returns the number in units of ten to the minus `decimals`, or `None` if it is not one or cannot be kept exactly.
///
/// A sign may stand before or, as COBOL writes it, after the digits.
pub(super) fn parse(text: &str, decimals: u8) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = if let Some(rest) = text.strip_prefix('-') {
        (true, rest)
    } else if let Some(rest) = text.strip_suffix('-') {
        (true, rest)
    } else {
        (false, text.strip_prefix('+').or(text.strip_suffix('+')).unwrap_or(text))
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = part.trim_end_matches('0');
    if whole.is_empty() && !digits.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if part.len() > usize::from(decimals) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() + usize::from(decimals) > DIGITS {
        return None;
    }
    let padding = usize::from(decimals) - part.len();
    let mut value: i128 = 0;
    for byte in whole.bytes().chain(part.bytes()).chain(std::iter::repeat_n(b'0', padding)) {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i128::from(byte - b'0');
    }
    Some(if negative { -value } else { value })
}

/// Writes a number of units of ten to the minus `decimals`, without needless zeros.
pub(super) fn show(value: i128, decimals: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = usize::from(decimals) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(decimals));
    let part = part.trim_end_matches('0');
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_exactly_or_not_at_all() {
        for (text, decimals, expected) in [
            ("0", 2, Some(0)),
            ("12", 2, Some(1200)),
            ("12.5", 2, Some(1250)),
            ("12.500", 2, Some(1250)),
            ("12.505", 2, None),
            (".5", 1, Some(5)),
            ("5.", 1, Some(50)),
            ("-7", 0, Some(-7)),
            ("7-", 0, Some(-7)),
            ("+7", 0, Some(7)),
            ("000000000000000000000000000000000000000000001", 0, Some(1)),
            ("99999999999999999999999999999999999999", 0, Some(10_i128.pow(38) - 1)),
            ("100000000000000000000000000000000000000", 0, None),
            ("", 0, None),
            (".", 0, None),
            ("-", 0, None),
            ("1,000", 0, None),
            ("1e3", 0, None),
            ("0x1", 0, None),
            ("1.2.3", 4, None),
        ] {
            assert_eq!(parse(text, decimals), expected, "{text} with {decimals}");
        }
    }

    #[test]
    fn a_number_is_shown_without_needless_zeros() {
        assert_eq!(show(1_234_500_000, 6), "1234.5");
        assert_eq!(show(-5, 1), "-0.5");
        assert_eq!(show(0, 6), "0");
        assert_eq!(show(7, 0), "7");
    }
}
