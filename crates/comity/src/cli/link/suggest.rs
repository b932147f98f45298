//! `comity link suggest`: proposes rules under a budget of pairs, with the recall that they are estimated to have.
//!
//! It changes no recipe: the rules are told, and written to a file of their own where one is named, for a person to take
//! or leave. Columns that are
//! protected are refused whether a rule uses them or not, since any column could be proposed (floor F3).

use super::{Done, Files, Plan};
use crate::Error;
use crate::clock::Stopwatch;
use crate::printer::{Printer, thousands};
use crate::program;
use linkage::model::{Key, Prior, Rule, Take};
use linkage::{Recipe, suggest::suggest};
use std::path::PathBuf;

/// Pairs a source record, where no budget is given.
const PAIRS_A_RECORD: u64 = 50;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The recipe (TOML); its prior's deterministic rules say which pairs are taken as the same individuals
    recipe: PathBuf,
    #[command(flatten)]
    files: Files,
    /// The most pairs that the rules may make together; 50 for each source record, if left out
    #[arg(long, value_name = "PAIRS")]
    budget: Option<u64>,
    /// Where the rules are written as a recipe spells them (TOML)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What chooses the pairs that rules are judged on, where there are too many
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Rules as a recipe spells them.
#[derive(serde::Serialize)]
struct Spelt<'r> {
    rule: Vec<&'r Rule>,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let recipe = Recipe::from_toml(&program::read(&self.recipe)?)?;
        let Prior::Deterministic { rules: same, .. } = &recipe.training().prior else {
            return Err(Error::Unrunnable {
                what: "the recipe states its prior and has no deterministic rules to judge others by; \
                       give it `[training.prior.deterministic]` with rules that are nearly always right"
                    .to_owned(),
            });
        };
        let any: Vec<Rule> = recipe.columns().iter().map(|column| on(&column.name)).collect();
        let plan = Plan { rules: &any, ..Plan::from(&recipe) };
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let mut watch = Stopwatch::start();
        let (tables, read) = self.files.prepare(&plan, printer, &mut watch)?;
        let records = read.first().map_or(0, |table| table.records);
        let budget = self.budget.unwrap_or(records.saturating_mul(PAIRS_A_RECORD));
        let found = suggest(&tables, same, budget, self.seed)?;
        watch.lap("suggest");
        let spelt = Spelt { rule: found.rules.iter().map(|one| &one.rule).collect() };
        let spelt = toml::to_string(&spelt)
            .map_err(|_| Error::Unrunnable { what: "a rule has no spelling".to_owned() })?;
        printer.json(&serde_json::json!({
            "budget": budget,
            "pairs": found.pairs,
            "recall": found.recall(),
            "judged_on": found.evidence_pairs,
            "rules": found.rules.iter().map(|one| serde_json::json!({
                "rule": one.rule.to_string(), "pairs": one.pairs, "new_found": one.new_found,
                "recall": one.recall,
            })).collect::<Vec<_>>(),
            "toml": spelt,
            "seconds": super::seconds(&watch),
        }));
        printer.line(&format!("{:>11} {:>9} {:>7}  rule", "pairs", "finds", "recall"));
        for one in &found.rules {
            printer.line(&format!(
                "{:>11} {:>9} {:>7.3}  {}",
                thousands(one.pairs),
                thousands(one.new_found),
                one.recall,
                one.rule
            ));
        }
        printer.line(&format!(
            "{} pairs together, of a budget of {}",
            thousands(found.pairs),
            thousands(budget)
        ));
        printer.line(&format!(
            "estimated on {} pairs taken as the same individuals",
            thousands(found.evidence_pairs)
        ));
        if let Some(out) = &self.out {
            program::write(out, &spelt)?;
            printer.labelled("rules", &super::super::shown(out));
        }
        Ok(Done::Well)
    }
}

fn on(column: &str) -> Rule {
    Rule::of_keys(vec![Key { column: column.to_owned(), against: None, take: Take::default() }])
}
