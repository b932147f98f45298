//! The facts of a report, as plain values.
//!
//! Step 14 of the path. The caller fills them; dates and digests come as the text to show. Nothing here may hold a
//! value from a person's record.

use serde::{Deserialize, Serialize};

/// What is reported of one cycle of a matching program.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The matching program's title.
    pub program: String,
    /// Whether it was a demonstration, on made-up records and with throw-away keys.
    pub demonstration: bool,
    /// `test` or `production`.
    pub environment: String,
    /// The run: the cycle, and a number where it was started again.
    pub run: String,
    /// The cycle, such as `2027Q1`.
    pub cycle: String,
    /// When the report was made.
    pub made: String,
    /// As of when each file was drawn.
    pub as_of: Vec<AsOf>,
    /// The agreement.
    pub agreement: Agreement,
    /// The purpose, as the agreement words it.
    pub purpose: String,
    /// The authorities cited for the program.
    pub authorities: Vec<String>,
    /// Each record set with its basis of disclosure.
    pub record_sets: Vec<RecordSet>,
    /// The parties.
    pub parties: Vec<Party>,
    /// The law packs that were asked.
    pub packs: Vec<Pack>,
    /// What the gate answered.
    pub decisions: Vec<Decision>,
    /// The files read.
    pub files: Vec<File>,
    /// How many pairs each blocking rule made, in their order.
    pub rules: Vec<RuleCount>,
    /// How many were left after each step.
    pub counts: Counts,
    /// What the pairs are that were left at the step of [`Counts::one_to_one`]; empty in a report of an earlier version.
    #[serde(default)]
    pub kept: String,
    /// The pilot, where people judged it to the end and it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_pilot: Option<FailedPilot>,
    /// What the term has come to so far, this cycle included.
    pub term: Term,
    /// The model.
    pub model: Model,
    /// How many pairs had which weight, from the lowest up.
    pub distribution: Vec<Bin>,
    /// The threshold.
    pub threshold: Threshold,
    /// How often each column had no value.
    pub missing: Vec<Missing>,
    /// Dates that could not be read, and so count as missing; none for a report of an earlier version.
    #[serde(default)]
    pub unread: Vec<Unread>,
    /// How many leads have which levels, the most frequent first.
    pub patterns: Vec<PatternCount>,
    /// How the weight of some leads came about; the page draws the first few.
    pub waterfalls: Vec<Waterfall>,
    /// What left the node.
    pub disclosures: Vec<Disclosure>,
    /// What was destroyed.
    pub destroyed: Vec<Destroyed>,
    /// The ledger's signed state.
    pub checkpoint: Checkpoint,
}

/// As of when a file was drawn.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AsOf {
    /// The record set or file.
    pub what: String,
    /// The date.
    pub date: String,
}

/// The agreement a cycle ran under.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// Its identifier.
    pub id: String,
    /// Its digest.
    pub digest: String,
    /// When it began.
    pub begins: String,
    /// When it ends.
    pub ends: String,
    /// The agreement it renews.
    pub continues: Option<String>,
}

/// A record set and why it may be disclosed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecordSet {
    /// Its name.
    pub name: String,
    /// The party that keeps it.
    pub party: String,
    /// The basis of disclosure.
    pub basis: String,
}

/// A party and its roles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Its roles: source, recipient, …
    pub roles: Vec<String>,
}

/// A law pack that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pack {
    /// Its id, with its version.
    pub id: String,
    /// Its digest.
    pub digest: String,
}

/// What the gate answered to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub when: String,
    /// The act asked for.
    pub act: String,
    /// The party that asked.
    pub party: String,
    /// The answer.
    pub outcome: Outcome,
}

/// The gate's two answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Permitted.
    Permit,
    /// Refused, for every rule that was broken.
    Refusal(Vec<Reason>),
}

/// One rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's id.
    pub id: String,
    /// Why it refuses.
    pub reason: String,
    /// Where it is written.
    pub cite: String,
    /// What would remedy it.
    pub remedy: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct File {
    /// The party that delivered it.
    pub party: String,
    /// Its name, without folders.
    pub name: String,
    /// How many records were read.
    pub rows: u64,
    /// Its digest.
    pub digest: String,
    /// What an officer should know of it.
    pub caveats: Vec<String>,
}

/// How many pairs a blocking rule made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RuleCount {
    /// The rule.
    pub rule: String,
    /// The pairs that no earlier rule had made.
    pub pairs: u64,
    /// The pairs made by this and all earlier rules.
    pub cumulative: u64,
}

/// How many were left after each step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Pairs compared and scored.
    pub scored: u64,
    /// Of these, at or above the threshold.
    pub above_threshold: u64,
    /// Of these, left when each record keeps as many pairs as the model lets it.
    pub one_to_one: u64,
    /// Of these, about somebody who was asked about by name; none in the report of a cycle's run, which is about everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<u64>,
    /// Of these, in the recipient's caseload.
    pub in_caseload: u64,
    /// Of these, with the discrepancy the agreement asks for.
    pub with_discrepancy: u64,
    /// Of these, known from earlier cycles not to be the same person.
    pub known_not_same: u64,
    /// Of these, covered by a lead of an earlier cycle that waits, or that was worked and nothing changed since.
    pub covered: u64,
    /// Leads opened in this cycle.
    pub leads_opened: u64,
    /// Leads held back until the pilot is judged.
    pub held_for_pilot: u64,
    /// Pairs destroyed when the cycle closed.
    pub destroyed: u64,
}

/// A pilot that people judged to the end and that failed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FailedPilot {
    /// Leads judged.
    pub judged: u64,
    /// Of these, not right, or not to be told.
    pub not_right: u64,
    /// The upper bound of the false share.
    pub upper_bound: f64,
    /// The false share that the agreement wants it surely below.
    pub bound: f64,
}

/// What all cycles of the term have come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Term {
    /// Finished cycles.
    pub cycles: u64,
    /// Leads opened.
    pub leads_opened: u64,
    /// Leads judged by a person.
    pub judged: u64,
}

/// The model that weighed the pairs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Model {
    /// Its digest.
    pub digest: String,
    /// Where it came from: trained in this cycle, approved with the agreement, …
    pub origin: String,
    /// The weight that every pair starts with, log2 of the prior odds.
    pub prior: f64,
    /// Its comparisons.
    pub comparisons: Vec<Comparison>,
    /// Its classes of kin; none where it knows only the same person and strangers.
    #[serde(default)]
    pub kin: Vec<Kin>,
}

/// A class of pairs that are neither one person nor strangers: of one household, or namesakes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Kin {
    /// How many pairs of it there are for each pair of one person.
    pub for_each_same: f64,
    /// How often such a pair reaches each level, comparison by comparison, in the model's order.
    pub levels: Vec<Vec<f64>>,
}

/// One comparison of the model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// Its name.
    pub name: String,
    /// Its levels, the closest first.
    pub levels: Vec<Level>,
}

/// One level of a comparison.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Level {
    /// What the level says.
    pub name: String,
    /// How often two records of the same person reach it.
    pub m: f64,
    /// How often two records of different people reach it.
    pub u: f64,
    /// The partial weight, log2(m/u).
    pub weight: f64,
}

/// How many pairs have a weight from one bound, included, to another, not included.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Bin {
    /// The lower bound.
    pub from: f64,
    /// The upper bound.
    pub to: f64,
    /// The pairs.
    pub pairs: u64,
}

/// The weight from which a pair may become a lead.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Threshold {
    /// The weight.
    pub weight: f64,
    /// The rule of the agreement that set it.
    pub rule: String,
    /// The expected precision.
    pub precision: Option<Estimate>,
}

/// An expected share of leads that are right.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Estimate {
    /// The share, from 0 to 1.
    pub share: f64,
    /// The lower and the upper bound of the interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// How it was estimated.
    pub how: String,
}

/// How often a column had no value, on each side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Missing {
    /// The element.
    pub element: String,
    /// In the source's file.
    pub source: Share,
    /// In the recipient's file.
    pub recipient: Share,
}

/// How many dates of an element could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unread {
    /// The record set and the element.
    pub element: String,
    /// How many of its records.
    pub share: Share,
}

/// Some of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of how many.
    pub of: u64,
}

/// How many leads have the same levels.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PatternCount {
    /// The level of each comparison, in the model's order.
    pub levels: Vec<String>,
    /// The lowest and the highest weight of such a lead: they differ by the frequency part.
    pub weights: (f64, f64),
    /// The leads.
    pub leads: u64,
}

/// How the weight of one lead came about.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Waterfall {
    /// The lead's id.
    pub lead: String,
    /// The weight every pair starts with.
    pub prior: f64,
    /// What each comparison added.
    pub steps: Vec<Step>,
    /// The weight.
    pub weight: f64,
    /// The threshold it reached.
    pub threshold: f64,
}

/// What one comparison added to the weight of a lead.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Step {
    /// The comparison.
    pub comparison: String,
    /// The level the pair reached.
    pub level: String,
    /// How often two records of the same person reach it; none for a missing value, and for what kin take off.
    pub m: Option<f64>,
    /// How often two records of different people reach it; none where there is no m.
    pub u: Option<f64>,
    /// The partial weight.
    pub weight: f64,
    /// The frequency part: more for a rare value, less for a common one.
    pub frequency: f64,
}

/// What left the node, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Disclosure {
    /// When.
    pub when: String,
    /// To whom.
    pub recipient: String,
    /// The elements.
    pub elements: Vec<String>,
    /// Of how many records.
    pub records: u64,
    /// Its entry in the ledger.
    pub entry: u64,
}

/// What was destroyed, as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Destroyed {
    /// When.
    pub when: String,
    /// What.
    pub what: String,
    /// How many.
    pub count: u64,
    /// Why: the clause or rule.
    pub why: String,
}

/// The ledger's signed state when the report was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The log's origin.
    pub origin: String,
    /// How many entries it covers.
    pub size: u64,
    /// The root hash.
    pub root: String,
    /// The key that verifies its signature.
    pub vkey: String,
    /// The program's folder, as `comity audit` takes it.
    pub folder: String,
}
