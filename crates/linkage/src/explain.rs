//! Explains a pair: every part of its weight, in the order in which they were added.
//!
//! Beside the path: for the lead that a reviewer opens, and for the individual who asks why. The parts add up to the
//! weight bit for bit, because it is the same sum in the same order. It names levels and numbers and never a value: who
//! may see the values beside them is decided elsewhere.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::compare::Comparer;
use crate::pattern::Pattern;
use crate::record::{RecordRef, Side};
use crate::score::Scorer;

/// Why a pair weighs what it weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// The source's record.
    pub source: RecordRef,
    /// The recipient's record.
    pub recipient: RecordRef,
    /// log2 of the prior odds, which the sum begins with.
    pub prior: f64,
    /// One part a comparison, in the order of the model, and last what kin take off where the model knows of them.
    pub parts: Vec<Part>,
    /// What each class of kin makes of the pair, in the model's order; together they take off what the last part says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kin: Vec<KinPart>,
    /// The weight.
    pub weight: f64,
    /// The probability that the weight stands for, calibrated where the model is, and if it is right.
    pub probability: f64,
}

/// What one comparison adds, or kin take off.
///
/// The part of kin is called [`KIN`], has level 0 and neither m nor u, and its partial weight is 0 or less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The comparison.
    pub comparison: String,
    /// The level it came to, 0 being the null level.
    pub level: u8,
    /// What that level is called.
    pub label: String,
    /// The probability of the level given the same individual; none for the null level.
    pub m: Option<f64>,
    /// The probability of the level given two individuals; none for the null level.
    pub u: Option<f64>,
    /// log2(m/u), and 0 for the null level.
    pub partial_weight: f64,
    /// What is added or taken off for how common the values are.
    pub frequency_part: f64,
}

/// What one class of kin makes of a pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KinPart {
    /// How many pairs of the class there are for each pair of the same individual.
    pub for_each_same: f64,
    /// How likely the pair is of this class, rather than the same individual, strangers or of another, if the model is
    /// right.
    pub chance: f64,
    /// By comparison, the probability of the level that it came to given this class; none for the null level.
    pub levels: Vec<Option<f64>>,
}

/// What the part is called that kin take off, in place of a comparison's name.
pub const KIN: &str = "kin";

/// The label of that part.
const KIN_LABEL: &str = "of one household, or else akin";

impl Explanation {
    /// Adds the parts up again, in their order.
    pub fn sum(&self) -> f64 {
        self.parts
            .iter()
            .fold(self.prior, |sum, part| sum + part.partial_weight + part.frequency_part)
    }
}

/// Explains the pair of two records, whether or not a rule makes it.
///
/// # Examples
///
/// ```
/// # use linkage::synth::{Plan, synthesise};
/// # use linkage::{Recipe, Scorer, Table, Tables, train};
/// # let files = synthesise(&Plan::small(1))?;
/// # let (payroll, caseload) = ([files.payroll], [files.caseload]);
/// # let recipe = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benefits.toml"));
/// # let recipe = Recipe::from_toml(recipe)?;
/// # let source = Table::new(&payroll).with_id("row_id");
/// # let recipient = Table::new(&caseload).with_id("case_id");
/// # let tables = Tables::between(recipe.columns(), source, recipient)?;
/// # let model = train(&recipe, &tables)?;
/// use linkage::{explain, link};
///
/// let scorer = Scorer::new(&model, &tables)?;
/// let pair = link(&scorer, |_| {})?.pairs[0];
/// let told = explain(&scorer, pair.source, pair.recipient)?;
/// // One part for each comparison, and one for kin where the model holds any; they add up to the weight, to the bit.
/// assert!(told.parts.len() >= model.comparisons().len());
/// assert_eq!(told.sum().to_bits(), pair.weight.to_bits());
/// assert_eq!(told.parts[0].comparison, "given_name");
/// # Ok::<(), linkage::Error>(())
/// ```
///
/// # Errors
///
/// [`crate::Error::UnknownRecord`] for a reference outside its table.
pub fn explain(
    scorer: &Scorer<'_>,
    source: RecordRef,
    recipient: RecordRef,
) -> Result<Explanation> {
    let (tables, model) = (scorer.tables(), scorer.model());
    tables.check_record(Side::Source, source)?;
    tables.check_record(Side::Recipient, recipient)?;
    let pattern = Comparer::new(tables, model.comparisons())?.pattern(source, recipient);
    let parts = model.comparisons().iter().enumerate().map(|(index, comparison)| {
        let level = pattern.level(index);
        let held = comparison.levels.get(usize::from(level).wrapping_sub(1));
        Part {
            comparison: comparison.name.clone(),
            level,
            label: if level == Pattern::NULL {
                "missing".to_owned()
            } else {
                held.map_or_else(String::new, crate::model::Level::label)
            },
            m: held.and_then(|level| level.m),
            u: held.and_then(|level| level.u),
            partial_weight: scorer.partial(index, level),
            frequency_part: scorer.frequency(index, level, source, recipient),
        }
    });
    let mut parts: Vec<Part> = parts.collect();
    let sum = scorer.sum(pattern, source, recipient);
    if !model.kin().is_empty() {
        parts.push(Part {
            comparison: KIN.to_owned(),
            level: Pattern::NULL,
            label: KIN_LABEL.to_owned(),
            m: None,
            u: None,
            partial_weight: scorer.kin_part(pattern, sum),
            frequency_part: 0.0,
        });
    }
    let weight = scorer.weight(pattern, source, recipient);
    let reached = |levels: &[Vec<f64>]| {
        let one = |(place, levels): (usize, &Vec<f64>)| {
            levels.get(usize::from(pattern.level(place)).wrapping_sub(1)).copied()
        };
        levels.iter().enumerate().map(one).collect()
    };
    let kin = model.kin().iter().zip(scorer.classes(pattern, sum).kin).map(|(class, chance)| {
        KinPart { for_each_same: class.for_each_same, chance, levels: reached(&class.levels) }
    });
    Ok(Explanation {
        source,
        recipient,
        prior: scorer.prior(),
        parts,
        kin: kin.collect(),
        weight,
        probability: model.probability(weight),
    })
}
