//! The pilot gate (floor F12): a new or loosened model opens a stated sample first, and the rest only when people
//! have judged that sample and the false share is surely below the agreement's bound.
//!
//! The bound is one-sided and exact: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the
//! case of the binomial", Biometrika 26 (1934). A judgement of "unsure" counts as false: what cannot be told apart is
//! no ground for opening more.

use crate::Judgement;

/// What the agreement asks of the pilot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PilotTerms {
    /// How many leads are opened and must be judged.
    pub sample: u32,
    /// The false share that must not be reached, 0 to 0.2.
    pub bound: f64,
    /// How sure one must be, such as 0.95.
    pub confidence: f64,
}

/// What the judgements so far show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pilot {
    terms: PilotTerms,
    judged: u32,
    not_right: u32,
    upper_bound: f64,
}

impl Pilot {
    /// Measures the pilot from how often each judgement was passed on its leads.
    pub fn measure(terms: &PilotTerms, judgements: &[(Judgement, u32)]) -> Pilot {
        let judged = judgements.iter().map(|(_, n)| n).sum();
        let not_right = judgements
            .iter()
            .filter(|(judgement, _)| *judgement != Judgement::Same)
            .map(|(_, n)| n)
            .sum();
        let upper_bound = upper_bound(not_right, judged, terms.confidence);
        Pilot { terms: *terms, judged, not_right, upper_bound }
    }

    /// Says whether enough leads were judged and the false share is surely below the bound.
    pub fn passed(&self) -> bool {
        self.judged >= self.terms.sample && self.upper_bound < self.terms.bound
    }

    /// Returns how many leads of the sample still wait for a judgement.
    pub fn missing(&self) -> u32 {
        self.terms.sample.saturating_sub(self.judged)
    }

    /// Returns how many leads were judged.
    pub fn judged(&self) -> u32 {
        self.judged
    }

    /// Returns how many of them were not the same person, or could not be told.
    pub fn not_right(&self) -> u32 {
        self.not_right
    }

    /// Returns the one-sided upper bound of the false share, at the terms' confidence.
    pub fn upper_bound(&self) -> f64 {
        self.upper_bound
    }
}

/// The largest share p under which seeing `false_leads` or fewer in `judged` is still as likely as 1 − confidence.
fn upper_bound(false_leads: u32, judged: u32, confidence: f64) -> f64 {
    if judged == 0 || false_leads >= judged {
        return 1.0;
    }
    let tail = 1.0 - confidence;
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // 200 halvings leave nothing of an interval of one: the loop ends at the two nearest floats.
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if at_most(false_leads, judged, middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// P(X ≤ k) for X binomial(n, p), summed in logarithms so that large n does not underflow.
fn at_most(k: u32, n: u32, p: f64) -> f64 {
    let mut log_choose = 0.0_f64;
    let mut sum = 0.0;
    for i in 0..=k {
        if i > 0 {
            log_choose += f64::from(n - i + 1).ln() - f64::from(i).ln();
        }
        sum += (log_choose + f64::from(i) * p.ln() + f64::from(n - i) * (1.0 - p).ln()).exp();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(false_leads: u32, judged: u32) -> f64 {
        upper_bound(false_leads, judged, 0.95)
    }

    #[test]
    fn no_false_lead_among_n_gives_the_closed_form() {
        // (1 − p)^n = 0.05 has the solution 1 − 0.05^(1/n).
        for n in [1, 10, 59, 1_000] {
            let closed = 1.0 - 0.05_f64.powf(1.0 / f64::from(n));
            assert!((bound(0, n) - closed).abs() < 1e-12, "n = {n}");
        }
    }

    #[test]
    fn the_bound_agrees_with_published_clopper_pearson_tables() {
        // One-sided 95 % upper limits, as any statistics table gives them.
        for (k, n, expected) in [(1, 20, 0.216_107), (2, 50, 0.120_612), (5, 100, 0.102_252)] {
            let got = bound(k, n);
            assert!((got - expected).abs() < 2e-4, "{k} of {n}: {got}");
        }
    }

    #[test]
    fn a_pilot_short_of_its_sample_has_not_passed_however_clean() {
        let terms = PilotTerms { sample: 60, bound: 0.2, confidence: 0.95 };
        assert!(!Pilot::measure(&terms, &[(Judgement::Same, 59)]).passed());
        assert!(Pilot::measure(&terms, &[(Judgement::Same, 60)]).passed());
    }

    #[test]
    fn an_unsure_judgement_counts_against_the_pilot() {
        let terms = PilotTerms { sample: 10, bound: 0.3, confidence: 0.95 };
        let unsure = Pilot::measure(&terms, &[(Judgement::Same, 9), (Judgement::Unsure, 1)]);
        let wrong = Pilot::measure(&terms, &[(Judgement::Same, 9), (Judgement::NotSame, 1)]);
        assert_eq!(unsure.upper_bound().to_bits(), wrong.upper_bound().to_bits());
        assert!(!unsure.passed());
    }

    #[test]
    fn nothing_judged_or_everything_wrong_bounds_nothing() {
        assert!(bound(0, 0) >= 1.0);
        assert!(bound(7, 7) >= 1.0);
    }
}
