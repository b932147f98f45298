//! Report: one self-contained HTML file on a cycle, for the privacy officer, the board and the public.
//!
//! Step 14 of the path of the data. The caller fills a [`Report`] from the ledger and the run; this module only
//! shows it. The page fetches nothing and runs no script: its style and its charts are within it, and each chart
//! stands beside the table it draws. The same facts as JSON are what `serde` makes of the [`Report`].
//!
//! It holds no personal data and computes no fact: a lead is named by its id and shows only levels and weights.
//! The content answers what [5 U.S.C. 552a(o)(1), (r) and (u)](https://www.law.cornell.edu/uscode/text/5/552a)
//! have an agency be able to tell of a matching program.
//!
//! ```
//! use comity::report::Report;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let report = Report { program: "Benefits and wages".into(), ..Report::default() };
//! let page = report.html()?;
//! assert!(page.contains("<h1>Benefits and wages</h1>"));
//! # Ok(())
//! # }
//! ```

mod chart;
mod evaluate;
mod facts;
mod funnel;
mod link;
mod number;
mod page;
mod svg;
mod waterfall;

pub use evaluate::{EvaluateReport, ThresholdFacts};
pub use facts::{
    Agreement, AsOf, Bin, Checkpoint, Comparison, Counts, Decision, Destroyed, Disclosure,
    Estimate, FailedPilot, File, Kin, Level, Missing, Model, Outcome, Pack, Party, PatternCount,
    Reason, RecordSet, Report, RuleCount, Share, Step, Term, Threshold, Unread, Waterfall,
};
pub use funnel::funnel_svg;
pub use link::{ClusterFacts, FrequencyFacts, LinkReport, RoundFacts, RuleFacts, SessionFacts};
pub use waterfall::waterfall_svg;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The template failed on a fact.
    #[error("the report cannot be written")]
    Template(#[from] askama::Error),
}

impl Report {
    /// Returns the report as one HTML page.
    ///
    /// # Errors
    ///
    /// Only if the template fails, which no fact we know of makes it do.
    pub fn html(&self) -> Result<String, Error> {
        Ok(askama::Template::render(&page::Page::of(self))?)
    }
}

#[cfg(test)]
mod tests;
