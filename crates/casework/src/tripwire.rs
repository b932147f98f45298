//! Tripwires: what the outcomes of cases show of a program and of each reviewer, and when it is too bad to go on
//! (floor F12: reversals above 20 % stop the program; the number is the project's own, not the law's).
//!
//! The interval is Wilson's, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), at
//! 95 %. The wire trips on the share itself: an interval says how sure one can be of it, and is no excuse.

use crate::Heard;
use std::collections::BTreeMap;

/// The share of reversals above which the program stops, in thousandths.
const TRIPS_ABOVE_PERMILLE: u64 = 200;

/// How often something came of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// How often it did.
    pub part: u64,
    /// Out of how many.
    pub whole: u64,
}

impl Rate {
    /// Returns the share; none out of none.
    pub fn share(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }

    /// Returns Wilson's 95 % interval of the share; all of it where there is nothing to go by.
    pub fn interval(self) -> (f64, f64) {
        let Some(share) = self.share() else {
            return (0.0, 1.0);
        };
        // The 97.5 % point of the normal distribution.
        let z = 1.959_963_984_540_054_f64;
        let n = self.whole as f64;
        let middle = share + z * z / (2.0 * n);
        let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z * z / n;
        (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
    }

    fn is_above(self, permille: u64) -> bool {
        u128::from(self.part) * 1000 > u128::from(self.whole) * u128::from(permille)
    }
}

/// How many judgements of a model's leads were not right, out of those that stand. Runs and look-ups are apart: the many of
/// one must not hide that the other is wrong (floor F12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotRight {
    /// Of its runs.
    pub of_runs: Rate,
    /// Of look-ups by it.
    pub of_look_ups: Rate,
}

impl NotRight {
    /// Returns that of both together.
    pub fn of_all(self) -> Rate {
        let NotRight { of_runs, of_look_ups } = self;
        Rate {
            part: of_runs.part.saturating_add(of_look_ups.part),
            whole: of_runs.whole.saturating_add(of_look_ups.whole),
        }
    }
}

/// What outcomes show of a program, or of one reviewer's leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tripwire {
    /// Leads judged not the same, or not to be told, out of those judged.
    pub not_same: Rate,
    /// Leads refuted, out of those verified or refuted.
    pub refuted: Rate,
    /// Contests upheld, in whole or in part, and actions reversed, out of contests decided and actions not contested.
    pub reversed: Rate,
}

impl Tripwire {
    /// Reads it from how often each outcome came ([`crate::Counts`]).
    pub fn of(outcomes: &BTreeMap<String, u64>) -> Tripwire {
        let count = |word: &str| outcomes.get(word).copied().unwrap_or(0);
        let not_same = count("not-same").saturating_add(count("unsure"));
        let judged = not_same.saturating_add(count("same"));
        let refuted = count("refuted");
        let worked = refuted.saturating_add(count("verified"));
        let upheld =
            count(Heard::Upheld.as_str()).saturating_add(count(Heard::UpheldInPart.as_str()));
        let reversed = upheld.saturating_add(count("reversed"));
        let ended = upheld
            .saturating_add(count(Heard::NotUpheld.as_str()))
            .saturating_add(count("action-uncontested"));
        Tripwire {
            not_same: Rate { part: not_same, whole: judged },
            refuted: Rate { part: refuted, whole: worked },
            // A reversal can undo what ended before the counting began: the share is never above one.
            reversed: Rate { part: reversed, whole: ended.max(reversed) },
        }
    }

    /// Says whether reversals stop the program.
    pub fn is_tripped(&self) -> bool {
        self.reversed.is_above(TRIPS_ABOVE_PERMILLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
        list.iter().map(|(word, n)| ((*word).to_owned(), *n)).collect()
    }

    #[test]
    fn reversals_above_a_fifth_stop_the_program_and_a_fifth_does_not() {
        let told = |upheld, not| {
            Tripwire::of(&outcomes(&[("upheld", upheld), ("not-upheld", not)])).is_tripped()
        };
        assert!(!told(0, 0), "nothing known");
        assert!(!told(1, 4), "a fifth");
        assert!(told(201, 799), "just above");
        assert!(!told(200, 800), "a fifth of a thousand");
        assert!(told(1, 0));
    }

    #[test]
    fn the_interval_is_wilsons() {
        // Ten of a hundred: (0.0552, 0.1744), as any statistics table gives it.
        let (low, high) = Rate { part: 10, whole: 100 }.interval();
        assert!((low - 0.0552).abs() < 1e-4 && (high - 0.1744).abs() < 1e-4, "{low} {high}");
        assert_eq!(Rate::default().interval(), (0.0, 1.0));
        let (low, high) = Rate { part: 0, whole: 10 }.interval();
        assert!(low.abs() < 1e-12 && (high - 0.2775).abs() < 1e-4, "{low} {high}");
    }

    #[test]
    fn a_reversal_of_an_action_counts_once_more_than_the_action() {
        let wire = Tripwire::of(&outcomes(&[("action-uncontested", 4), ("reversed", 1)]));
        assert_eq!(wire.reversed, Rate { part: 1, whole: 4 });
        let wire = Tripwire::of(&outcomes(&[("reversed", 3)]));
        assert_eq!(wire.reversed, Rate { part: 3, whole: 3 });
    }
}
