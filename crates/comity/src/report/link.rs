//! Report on a link run: one self-contained HTML page for whoever links files of their own.
//!
//! Beside the path of the data, for `comity link link --report`. It has the form of the report on a cycle: nothing is
//! fetched, no script runs, each chart stands beside the table it draws. It names no record and shows no value, and it
//! computes no fact: the caller counts.

mod chart;
mod graph;

use super::facts::{
    Bin, Comparison, File, Level, Missing, Model, Share, Step, Threshold, Waterfall,
};
use super::page::Akin;
use super::{Error, number, waterfall};
use askama::Template;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;

/// What is reported of one link run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LinkReport {
    /// What the model is called.
    pub title: String,
    /// Which pairs there are: between two tables, within one, or both.
    pub link: String,
    /// The files.
    pub files: Vec<File>,
    /// Pairs that there are at all.
    pub all_pairs: u64,
    /// Pairs compared and scored.
    pub scored: u64,
    /// Of these, at or above the threshold.
    pub above_threshold: u64,
    /// Of these, kept when each record keeps as many as the model says.
    pub kept: u64,
    /// What each rule made.
    pub rules: Vec<RuleFacts>,
    /// The model.
    pub model: Model,
    /// By comparison and level of the model, the standard errors of m and u, where they are known.
    pub errors: Vec<Vec<(Option<f64>, Option<f64>)>>,
    /// The comparisons in which a rare value weighs more than a common one, with what their values are worth by rank.
    pub frequencies: Vec<FrequencyFacts>,
    /// For each class of kin, how many of the pairs scored are likely of it, and how many of those kept.
    pub kin_pairs: Vec<(f64, f64)>,
    /// Levels that few random pairs came to and that could not be counted: comparison, level, pairs.
    pub rare: Vec<(String, String, u64)>,
    /// How expectation maximisation went, a session a training rule; none where the model wasn't trained here.
    pub sessions: Vec<SessionFacts>,
    /// How many pairs had which weight, from the lowest up.
    pub distribution: Vec<Bin>,
    /// The threshold.
    pub threshold: Threshold,
    /// Weights, the probability that each stands for by itself, and the calibrated one.
    pub calibration: Vec<(f64, f64, f64)>,
    /// How often each column had no value.
    pub missing: Vec<Missing>,
    /// Weights, and how many of the source's records could not reach each, whoever they were compared with.
    pub unlinkable: Vec<(f64, Share)>,
    /// How many clusters have how many records, the smallest first.
    pub cluster_sizes: Vec<(u64, u64)>,
    /// Some clusters as graphs.
    pub clusters: Vec<ClusterFacts>,
    /// How the weight of some pairs came about, each called in words.
    pub waterfalls: Vec<Waterfall>,
}

/// What common and rare values of one comparison are worth.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FrequencyFacts {
    /// The comparison.
    pub comparison: String,
    /// Ranks of values, the most common being 1, with their share and what two equal ones add to the weight.
    pub ranks: Vec<(u64, f64, f64)>,
}

/// One cluster as a graph. Records are numbers of the drawing, and nothing else.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// What it is called.
    pub called: String,
    /// By record, whether it is the recipient's.
    pub recipient: Vec<bool>,
    /// Its pairs at or above the threshold: the records by their places, the weight, and whether the pair is a bridge.
    pub pairs: Vec<(u64, u64, f64, bool)>,
}

/// What one rule made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RuleFacts {
    /// The rule.
    pub rule: String,
    /// The pairs it makes, whatever the others do.
    pub pairs: u64,
    /// The pairs that no earlier rule had made.
    pub new: u64,
    /// The pairs made by this and all earlier rules.
    pub cumulative: u64,
    /// The pairs in its largest block.
    pub largest: u64,
    /// Records that lack a key.
    pub keyless: u64,
}

/// How expectation maximisation went inside one training rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SessionFacts {
    /// The rule.
    pub rule: String,
    /// Its pairs.
    pub pairs: u64,
    /// How often it went round.
    pub iterations: u32,
    /// Whether it came to rest.
    pub converged: bool,
    /// The share of its pairs that are one individual.
    pub same: f64,
    /// The comparisons that it taught.
    pub comparisons: Vec<String>,
    /// After some rounds, the share of one individual and the m of each of those comparisons by level.
    pub history: Vec<RoundFacts>,
}

/// What expectation maximisation had after so many rounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RoundFacts {
    /// How often it had gone round.
    pub round: u32,
    /// The share of pairs of one individual.
    pub same: f64,
    /// m, by comparison and level.
    pub m: Vec<Vec<f64>>,
}

impl LinkReport {
    /// Returns the report as one HTML page.
    ///
    /// # Errors
    ///
    /// Only if the template fails, which no fact we know of makes it do.
    pub fn html(&self) -> Result<String, Error> {
        Ok(Page::of(self).render()?)
    }
}

/// A report set in its template.
#[derive(Template)]
#[template(path = "link.html")]
struct Page<'a> {
    report: &'a LinkReport,
    rules: String,
    model: String,
    comparisons: Vec<(&'a Comparison, Vec<Erring<'a>>)>,
    kin: Vec<Akin<'a>>,
    errors: Option<String>,
    distribution: String,
    calibration: String,
    missing: String,
    unlinkable: String,
    frequencies: String,
    histories: Vec<(&'a SessionFacts, String)>,
    cluster_sizes: String,
    clusters: Vec<(&'a ClusterFacts, String)>,
    waterfalls: Vec<Drawn<'a>>,
}

/// A waterfall drawn, with the running weight for its table.
struct Drawn<'a> {
    facts: &'a Waterfall,
    svg: String,
    steps: Vec<(&'a Step, f64)>,
}

/// A level with the standard errors of its m and its u, as they are shown.
struct Erring<'a> {
    level: &'a Level,
    m: String,
    u: String,
}

impl<'a> Page<'a> {
    fn of(report: &'a LinkReport) -> Self {
        let drawn = |waterfall: &'a Waterfall| {
            let mut reached = waterfall.prior;
            let steps = waterfall.steps.iter().map(|step| {
                reached += step.weight + step.frequency;
                (step, reached)
            });
            let svg = waterfall::drawn(waterfall, &waterfall.lead);
            Drawn { facts: waterfall, svg, steps: steps.collect() }
        };
        let shown = |error: Option<f64>| error.map_or("–".to_owned(), number::probability);
        let erring = |(index, comparison): (usize, &'a Comparison)| {
            let errors = report.errors.get(index);
            let level = |(place, level): (usize, &'a Level)| {
                let (m, u) =
                    errors.and_then(|levels| levels.get(place)).copied().unwrap_or_default();
                Erring { level, m: shown(m), u: shown(u) }
            };
            (comparison, comparison.levels.iter().enumerate().map(level).collect())
        };
        let known = report.errors.iter().flatten().any(|(m, u)| m.is_some() || u.is_some());
        Self {
            report,
            rules: chart::rules(&report.rules),
            model: super::chart::model(&report.model),
            comparisons: report.model.comparisons.iter().enumerate().map(erring).collect(),
            kin: super::page::kin(&report.model),
            errors: known.then(|| chart::errors(&report.model, &report.errors)),
            distribution: super::chart::distribution(&report.distribution, &report.threshold),
            calibration: chart::calibration(&report.calibration),
            missing: super::chart::missing(&report.missing),
            unlinkable: chart::unlinkable(&report.unlinkable, report.threshold.weight),
            frequencies: chart::frequencies(&report.frequencies),
            histories: (report.sessions.iter())
                .filter(|session| !session.history.is_empty())
                .map(|session| (session, chart::history(session)))
                .collect(),
            cluster_sizes: graph::sizes(&report.cluster_sizes),
            clusters: report.clusters.iter().map(|one| (one, graph::cluster(one))).collect(),
            waterfalls: report.waterfalls.iter().map(drawn).collect(),
        }
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

    fn probability(&self, value: impl Borrow<f64>) -> String {
        number::probability(*value.borrow())
    }

    fn chance(&self, value: impl Borrow<Option<f64>>) -> String {
        number::chance(*value.borrow())
    }

    /// Writes about how many pairs there are.
    fn about(&self, pairs: impl Borrow<f64>) -> String {
        let pairs = *pairs.borrow();
        if pairs < 10.0 { format!("{pairs:.1}") } else { format!("{pairs:.0}") }
    }

    /// Writes the m of a comparison's levels beside each other.
    fn levels(&self, m: impl Borrow<Vec<f64>>) -> String {
        m.borrow().iter().map(|m| number::probability(*m)).collect::<Vec<_>>().join(" / ")
    }

    fn percent(&self, share: impl Borrow<f64>) -> String {
        number::percent(*share.borrow())
    }

    fn share(&self, share: impl Borrow<Share>) -> String {
        let share = share.borrow();
        number::percent(number::share(share.count, share.of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> LinkReport {
        let level = |name: &str, m: f64, u: f64| Level {
            name: name.to_owned(),
            m,
            u,
            weight: (m / u).log2(),
        };
        let levels = vec![level("exact <&>", 0.9, 0.001), level("else", 0.1, 0.999)];
        LinkReport {
            title: "two <files>".to_owned(),
            link: "between two tables".to_owned(),
            all_pairs: 100,
            scored: 12,
            above_threshold: 5,
            kept: 4,
            rules: vec![RuleFacts {
                rule: "birth".to_owned(),
                pairs: 12,
                new: 12,
                cumulative: 12,
                largest: 4,
                keyless: 1,
            }],
            model: Model {
                comparisons: vec![Comparison { name: "surname".to_owned(), levels }],
                ..Model::default()
            },
            errors: vec![vec![(Some(0.01), Some(0.0001)), (Some(0.01), None)]],
            distribution: vec![
                Bin { from: -4.0, to: -3.0, pairs: 7 },
                Bin { from: 6.0, to: 7.0, pairs: 5 },
            ],
            threshold: Threshold { weight: 5.0, ..Threshold::default() },
            calibration: vec![(-5.0, 0.03, 0.01), (5.0, 0.97, 0.9)],
            unlinkable: vec![(0.0, Share { count: 1, of: 10 }), (5.0, Share { count: 3, of: 10 })],
            frequencies: vec![FrequencyFacts {
                comparison: "surname".to_owned(),
                ranks: vec![(1, 0.02, -2.0), (2, 0.01, -1.0), (10, 0.001, 2.5)],
            }],
            sessions: vec![SessionFacts {
                rule: "birth".to_owned(),
                comparisons: vec!["surname".to_owned()],
                history: vec![
                    RoundFacts { round: 1, same: 0.4, m: vec![vec![0.8, 0.2]] },
                    RoundFacts { round: 9, same: 0.5, m: vec![vec![0.9, 0.1]] },
                ],
                ..SessionFacts::default()
            }],
            cluster_sizes: vec![(1, 6), (3, 1)],
            clusters: vec![ClusterFacts {
                called: "the largest cluster".to_owned(),
                recipient: vec![false, true, true],
                pairs: vec![(0, 1, 9.5, true), (0, 2, 7.0, true)],
            }],
            waterfalls: vec![Waterfall {
                lead: "the heaviest pair".to_owned(),
                prior: -6.0,
                steps: vec![Step {
                    comparison: "surname".to_owned(),
                    weight: 9.8,
                    ..Step::default()
                }],
                weight: 3.8,
                threshold: 5.0,
            }],
            ..LinkReport::default()
        }
    }

    #[test]
    fn the_page_stands_alone_and_escapes_what_it_shows() {
        let page = small().html().unwrap();
        for foreign in ["<script", "http://", "https://", "src=", "@import", "url("] {
            let page = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("two &#60;files&#62;") && !page.contains("two <files>"));
        assert!(page.contains("exact &#60;&#38;&#62;"));
    }

    #[test]
    fn every_chart_has_its_table() {
        let page = small().html().unwrap();
        for figure in page.split("<figure>").skip(1) {
            let figure = figure.split("</figure>").next().unwrap();
            assert!(figure.contains("<svg") && figure.contains("<caption>"), "{figure}");
        }
        assert_eq!(page.matches("<figure>").count(), 10, "one for each chart that has facts");
    }

    #[test]
    fn a_report_of_nothing_is_a_page_that_says_so() {
        let page = LinkReport::default().html().unwrap();
        assert!(page.contains("No pair was scored."));
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
