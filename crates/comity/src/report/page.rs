//! The page: a report set in its template.
//!
//! Step 14 of the path. What the template needs beyond the facts, charts and figures as people read them, is made
//! here; the words are in `templates/report.html`.

use std::borrow::Borrow;

use askama::Template;

use super::facts::{
    Comparison, Kin, Level, Model, Outcome, Reason, Report, Share, Step, Waterfall,
};
use super::{chart, number, waterfall_svg};

/// How many leads the page draws.
const WATERFALLS_SHOWN: usize = 3;

/// A report set in its template.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page<'a> {
    report: &'a Report,
    model: String,
    kin: Vec<Akin<'a>>,
    distribution: String,
    missing: String,
    waterfalls: Vec<Drawn<'a>>,
}

/// A comparison with what each class of kin reaches, level by level; nothing where the model knows no kin.
pub(super) type Akin<'a> = (&'a Comparison, Vec<(&'a Level, Vec<String>)>);

/// A waterfall drawn, with the running weight for its table.
struct Drawn<'a> {
    facts: &'a Waterfall,
    svg: String,
    steps: Vec<(&'a Step, f64)>,
}

impl<'a> Page<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        Self {
            report,
            model: chart::model(&report.model),
            kin: kin(&report.model),
            distribution: chart::distribution(&report.distribution, &report.threshold),
            missing: chart::missing(&report.missing),
            waterfalls: report.waterfalls.iter().take(WATERFALLS_SHOWN).map(Drawn::of).collect(),
        }
    }

    fn refusals(&self) -> usize {
        self.report.decisions.iter().filter(|decision| decision.outcome.is_refusal()).count()
    }

    /// Says whether the leads' patterns have a part more than there are comparisons: what kin take off.
    fn has_kin(&self) -> bool {
        let comparisons = self.report.model.comparisons.len();
        self.report.patterns.iter().any(|pattern| pattern.levels.len() > comparisons)
    }

    fn rows(&self) -> u64 {
        self.report.files.iter().map(|file| file.rows).sum()
    }

    /// Returns one in how many pairs is of the same person, as the prior has it.
    fn prior_odds(&self) -> String {
        let odds = (-self.report.model.prior).exp2() + 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to what fits"
        )]
        let odds = odds.round().clamp(1.0, 1e15) as u64;
        number::count(odds)
    }
}

#[expect(clippy::unused_self, reason = "a template calls what it needs on its page")]
impl Page<'_> {
    fn count(&self, value: impl Borrow<u64>) -> String {
        number::count(*value.borrow())
    }

    fn weight(&self, value: impl Borrow<f64>) -> String {
        number::weight(*value.borrow())
    }

    fn reached(&self, value: impl Borrow<f64>) -> String {
        number::reached(*value.borrow())
    }

    /// Shows the lowest and the highest of some weights, once if they read the same.
    fn span(&self, weights: impl Borrow<(f64, f64)>) -> String {
        let (low, high) = *weights.borrow();
        let (low, high) = (number::reached(low), number::reached(high));
        if low == high { low } else { format!("{low} to {high}") }
    }

    fn probability(&self, value: impl Borrow<f64>) -> String {
        number::probability(*value.borrow())
    }

    fn chance(&self, value: impl Borrow<Option<f64>>) -> String {
        number::chance(*value.borrow())
    }

    fn percent(&self, share: impl Borrow<f64>) -> String {
        number::percent(*share.borrow())
    }

    fn share(&self, share: impl Borrow<Share>) -> String {
        let share = share.borrow();
        number::percent(number::share(share.count, share.of))
    }
}

/// Puts the classes of kin beside the comparisons and levels they are of.
pub(super) fn kin(model: &Model) -> Vec<Akin<'_>> {
    if model.kin.is_empty() {
        return Vec::new();
    }
    let reached = |place: usize, level: usize| -> Vec<String> {
        let one = |class: &Kin| {
            number::chance(class.levels.get(place).and_then(|levels| levels.get(level)).copied())
        };
        model.kin.iter().map(one).collect()
    };
    let of = model.comparisons.iter().enumerate();
    of.map(|(place, comparison)| {
        let levels = comparison.levels.iter().enumerate();
        let levels: Vec<_> = levels.map(|(index, level)| (level, reached(place, index))).collect();
        (comparison, levels)
    })
    .collect()
}

impl Outcome {
    fn is_refusal(&self) -> bool {
        match self {
            Self::Permit => false,
            Self::Refusal(_) => true,
        }
    }

    fn reasons(&self) -> &[Reason] {
        match self {
            Self::Permit => &[],
            Self::Refusal(reasons) => reasons,
        }
    }
}

impl<'a> Drawn<'a> {
    fn of(facts: &'a Waterfall) -> Self {
        let mut reached = facts.prior;
        let steps = facts.steps.iter().map(|step| {
            reached += step.weight + step.frequency;
            (step, reached)
        });
        Self { facts, svg: waterfall_svg(facts), steps: steps.collect() }
    }
}
