//! How far two numbers lie apart.
//!
//! Prepared numbers are finite. Both tests are symmetric and hold of equal numbers. They say nothing of what a
//! difference in an amount means: that is the agreement's discrepancy rule.

/// Says whether two numbers differ by at most `most`.
pub fn within(one: f64, other: f64, most: f64) -> bool {
    (one - other).abs() <= most
}

/// Says whether two numbers differ by at most `most` per cent of the one that is larger in size.
pub fn within_percent(one: f64, other: f64, most: f64) -> bool {
    (one - other).abs() <= one.abs().max(other.abs()) * (most / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_up_to_and_with_its_bound() {
        assert!(within(1.0, 3.0, 2.0));
        assert!(within(3.0, 1.0, 2.0));
        assert!(!within(1.0, 3.5, 2.0));
        assert!(within(-1.0, -1.0, 0.0));
    }

    #[test]
    fn per_cent_is_of_the_larger_so_it_is_symmetric() {
        assert!(within_percent(90.0, 100.0, 10.0));
        assert!(within_percent(100.0, 90.0, 10.0));
        assert!(!within_percent(100.0, 89.0, 10.0));
        assert!(within_percent(0.0, 0.0, 0.0));
        assert!(!within_percent(0.0, 1.0, 50.0));
        assert!(!within_percent(-5.0, 5.0, 100.0));
    }
}
