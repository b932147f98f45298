//! Logarithms, powers and angles that have the same bits on every processor.
//!
//! Beside the path, under whatever takes one. Those of the standard library are the system's: they may differ in the last
//! bit from one kind of processor to the other, and from an older processor of a kind to a newer one. A weight or a model
//! would then depend on the machine that it was made on. These are worked out in Rust by additions, multiplications,
//! divisions and square roots alone, which IEEE 754 rounds in one way. No other file of this crate takes the standard
//! library's; what SQL says in a rule or a level is DataFusion's, and takes them.

/// Returns the natural logarithm.
#[inline]
pub(crate) fn ln(value: f64) -> f64 {
    libm::log(value)
}

/// Returns the natural logarithm of one more than this.
#[inline]
pub(crate) fn ln_1p(value: f64) -> f64 {
    libm::log1p(value)
}

/// Returns the logarithm to the base of 2; that of a power of 2 is exact.
#[inline]
pub(crate) fn log2(value: f64) -> f64 {
    libm::log2(value)
}

/// Returns e to the power of this.
#[inline]
pub(crate) fn exp(value: f64) -> f64 {
    libm::exp(value)
}

/// Returns 2 to the power of this; that of a whole number is exact.
#[inline]
pub(crate) fn exp2(value: f64) -> f64 {
    libm::exp2(value)
}

/// Returns the sine of an angle in radians.
#[inline]
pub(crate) fn sin(angle: f64) -> f64 {
    libm::sin(angle)
}

/// Returns the cosine of an angle in radians.
#[inline]
pub(crate) fn cos(angle: f64) -> f64 {
    libm::cos(angle)
}

/// Returns the angle in radians that has this sine.
#[inline]
pub(crate) fn asin(sine: f64) -> f64 {
    libm::asin(sine)
}

/// Returns the product of a number with itself.
#[inline]
pub(crate) fn squared(value: f64) -> f64 {
    value * value
}

/// Returns 10 to the power of this: the product of so many tens, from the left.
#[inline]
pub(crate) fn tens(power: u32) -> f64 {
    (0..power).fold(1.0, |product, _| product * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Dice;

    /// A function of this file, what the standard library has for it, and where it is asked.
    type Case = (fn(f64) -> f64, fn(f64) -> f64, fn(f64) -> f64);

    const CASES: [(&str, Case, u64); 10] = [
        ("ln", (ln, f64::ln, |share| share), 0x1015_e759_fa7c_5fad),
        ("ln of large ones", (ln, f64::ln, |share| share * 1e9), 0x5a04_54f6_fd89_a0da),
        ("ln_1p", (ln_1p, f64::ln_1p, |share| share), 0x8c4b_03e5_0355_8456),
        ("log2", (log2, f64::log2, |share| share), 0x6acc_0d57_da23_e5e0),
        ("log2 of large ones", (log2, f64::log2, |share| share * 1e9), 0xb186_ad36_6b6f_5703),
        ("exp", (exp, f64::exp, |share| 100.0 * share - 50.0), 0x8180_153a_81b3_4ef5),
        ("exp2", (exp2, f64::exp2, |share| 200.0 * share - 100.0), 0x82c7_624d_f1d4_437a),
        ("sin", (sin, f64::sin, |share| 7.0 * share - 3.5), 0x84fe_f737_3e12_b56c),
        ("cos", (cos, f64::cos, |share| 7.0 * share - 3.5), 0xb9d4_a941_e03d_50d1),
        ("asin", (asin, f64::asin, |share| share), 0x9ae1_1448_06fc_1f73),
    ];

    #[test]
    fn each_gives_the_bits_that_were_seen_on_other_processors() {
        let mut dice = Dice::new(1);
        let shares: Vec<f64> = (0..20_000).map(|_| dice.share()).collect();
        for (name, (own, systems, at), seen) in CASES {
            let mut bits = 0u64;
            for share in &shares {
                let (value, other) = (own(at(*share)), systems(at(*share)));
                bits = (bits ^ value.to_bits()).wrapping_mul(0x0100_0000_01b3).rotate_left(17);
                assert!(
                    (value - other).abs() <= 4.0 * f64::EPSILON * other.abs(),
                    "{name}: {value} is not {other}"
                );
            }
            assert_eq!(format!("{bits:#018x}"), format!("{seen:#018x}"), "{name}");
        }
    }

    fn bits<const COUNT: usize>(values: [f64; COUNT]) -> [u64; COUNT] {
        values.map(f64::to_bits)
    }

    #[test]
    fn powers_of_two_and_their_logarithms_are_exact_and_the_ends_are_as_usual() {
        for power in -1_000_i32..=1_000 {
            let value = 2f64.powi(power);
            assert_eq!(exp2(f64::from(power)).to_bits(), value.to_bits());
            assert_eq!(log2(value).to_bits(), f64::from(power).to_bits());
        }
        assert_eq!(bits([ln(0.0), log2(0.0)]), bits([f64::NEG_INFINITY; 2]));
        assert_eq!(bits([exp(-1e6), exp2(-1e6), ln_1p(0.0), ln(1.0)]), bits([0.0; 4]));
        assert_eq!(bits([exp(1e6), exp2(1e6)]), bits([f64::INFINITY; 2]));
        assert!(ln(-1.0).is_nan() && log2(-1.0).is_nan());
    }
}
