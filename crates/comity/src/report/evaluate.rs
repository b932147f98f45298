//! Report on an evaluation: one self-contained HTML page on what a model's weights are worth by a truth.
//!
//! Beside the path of the data, for `comity link evaluate --report`. It has the form of the report on a link run: nothing
//! is fetched, no script runs, each chart stands beside the table it draws. It names no record and shows no value, and it
//! computes no fact: the caller counts.

mod chart;

use super::{Error, number};
use askama::Template;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;

/// What is reported of one evaluation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EvaluateReport {
    /// What the model is called.
    pub title: String,
    /// The model's digest.
    pub digest: String,
    /// What the truth is: a column, or pairs that people judged.
    pub truth: String,
    /// Pairs of one individual.
    pub same: u64,
    /// Of these, those that a rule made.
    pub made: u64,
    /// The threshold.
    pub threshold: f64,
    /// Precision and recall at it, each with its interval, as the model keeps pairs.
    pub precision: (f64, f64, f64),
    /// The same of recall.
    pub recall: (f64, f64, f64),
    /// Whether one-to-one is in those.
    pub one_to_one: bool,
    /// The area under ROC, and the average precision.
    pub areas: (f64, f64),
    /// Measures at some thresholds, the highest first, by weight alone.
    pub rows: Vec<ThresholdFacts>,
    /// The threshold with the greatest F1, by weight alone; none where there is no pair.
    pub best: Option<ThresholdFacts>,
    /// Parts of the range of probabilities: from where on, pairs, what was said on average, and what is so.
    pub bins: Vec<(f64, u64, f64, f64)>,
    /// By weight alone, pairs of two individuals that stand at the threshold or above.
    pub false_links: u64,
    /// Pairs of one individual that a rule made and that stand below it.
    pub missed_by_weight: u64,
    /// Pairs of one individual that no rule made.
    pub missed_by_rules: u64,
}

/// What one threshold comes to, by weight alone.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ThresholdFacts {
    /// The threshold.
    pub threshold: f64,
    /// The probability that it stands for.
    pub probability: f64,
    /// Pairs found that are one individual.
    pub right: u64,
    /// Pairs found that are two.
    pub wrong: u64,
    /// The share of pairs found that are right.
    pub precision: f64,
    /// The share of pairs of one individual that are found.
    pub recall: f64,
    /// The share of pairs of two individuals that are found.
    pub false_share: f64,
    /// The share of all pairs that stand on their right side.
    pub accuracy: f64,
    /// F1.
    pub f1: f64,
}

impl EvaluateReport {
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
#[template(path = "evaluate.html")]
struct Page<'a> {
    report: &'a EvaluateReport,
    roc: String,
    precision_recall: String,
    thresholds: String,
    calibration: String,
}

impl<'a> Page<'a> {
    fn of(report: &'a EvaluateReport) -> Self {
        Self {
            report,
            roc: chart::roc(&report.rows),
            precision_recall: chart::precision_recall(&report.rows),
            thresholds: chart::thresholds(&report.rows, report.threshold),
            calibration: chart::calibration(&report.bins),
        }
    }
}

#[expect(clippy::unused_self, reason = "a template calls what it needs on its page")]
impl Page<'_> {
    fn count(&self, value: impl Borrow<u64>) -> String {
        number::count(*value.borrow())
    }

    fn reached(&self, value: impl Borrow<f64>) -> String {
        number::reached(*value.borrow())
    }

    fn probability(&self, value: impl Borrow<f64>) -> String {
        number::probability(*value.borrow())
    }

    /// Writes a share with two places of a percentage, for what is nearly all or nearly none.
    fn percent(&self, share: impl Borrow<f64>) -> String {
        format!("{:.2} %", share.borrow() * 100.0)
    }

    /// Writes a measure with places enough to tell what is nearly all.
    fn fine(&self, measure: impl Borrow<f64>) -> String {
        format!("{:.5}", measure.borrow())
    }

    fn interval(&self, share: impl Borrow<(f64, f64, f64)>) -> String {
        let (value, low, high) = share.borrow();
        format!("{:.2} % (95 % interval {:.2} to {:.2})", value * 100.0, low * 100.0, high * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> EvaluateReport {
        let row = |threshold: f64, right: u64, wrong: u64| ThresholdFacts {
            threshold,
            probability: 1.0 / (1.0 + (-threshold).exp2()),
            right,
            wrong,
            precision: right as f64 / (right + wrong) as f64,
            recall: right as f64 / 10.0,
            false_share: wrong as f64 / 90.0,
            accuracy: (right + 90 - wrong) as f64 / 100.0,
            f1: 2.0 * right as f64 / (right + wrong + 10) as f64,
        };
        EvaluateReport {
            title: "two <files>".to_owned(),
            same: 10,
            made: 9,
            threshold: 4.0,
            rows: vec![row(9.0, 5, 0), row(4.0, 8, 1), row(0.0, 9, 5)],
            best: Some(row(4.0, 8, 1)),
            bins: vec![(0.0, 5, 0.02, 0.0), (0.9, 9, 0.97, 0.9)],
            false_links: 1,
            ..EvaluateReport::default()
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
    }

    #[test]
    fn every_chart_has_its_table_and_every_threshold_its_row() {
        let page = small().html().unwrap();
        let figures: Vec<&str> = page.split("<figure>").skip(1).collect();
        assert_eq!(figures.len(), 4);
        for figure in &figures {
            let figure = figure.split("</figure>").next().unwrap();
            assert!(figure.contains("<svg") && figure.contains("<caption>"), "{figure}");
        }
        for figure in &figures[..3] {
            let figure = figure.split("</figure>").next().unwrap();
            assert_eq!(figure.matches("<tr>").count(), 1 + 3, "{figure}");
        }
    }

    #[test]
    fn a_report_of_nothing_is_a_page_that_says_so() {
        let page = EvaluateReport::default().html().unwrap();
        assert!(page.contains("No pair has a weight."));
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
