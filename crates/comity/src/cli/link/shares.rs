//! How common values are: counted in the files, among individuals, or taken from tables of a population.
//!
//! Beside the path of the data, for the commands that weigh pairs. What is counted in the files is what is taken when
//! nothing else is said; where a file holds many people several times, their names look more common than they are.

use super::pairs;
use crate::Error;
use linkage::prepare::apply;
use linkage::{Frequencies, Model, Scorer, Tables};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

/// Where the shares of values come from.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Shares {
    /// Takes how common a comparison's values are from a table of a population: a CSV of `value` and `share`
    #[arg(long = "population", value_name = "COMPARISON=FILE", value_parser = population)]
    populations: Vec<(String, PathBuf)>,
    /// Counts how common values are among individuals rather than records: links once more, and each value counts once a
    /// cluster
    #[arg(long)]
    individuals: bool,
}

fn population(text: &str) -> Result<(String, PathBuf), String> {
    let (comparison, file) = text.split_once('=').ok_or("write COMPARISON=FILE")?;
    Ok((comparison.to_owned(), PathBuf::from(file)))
}

impl Shares {
    /// Says whether values are as common as they are counted in the files.
    pub(super) fn is_counted(&self) -> bool {
        self.populations.is_empty() && !self.individuals
    }

    /// Says whether they are counted among individuals.
    pub(super) fn by_individuals(&self) -> bool {
        self.individuals
    }

    /// Makes the scorer of a model with the shares that were asked for; individuals are told apart at this weight.
    pub(super) fn scorer<'t>(
        &self,
        model: &'t Model,
        at: f64,
        tables: &'t Tables,
    ) -> Result<Scorer<'t>, Error> {
        let mut frequencies = Frequencies::of(tables, model.comparisons())?;
        self.supply(&mut frequencies, model, tables)?;
        let scorer = Scorer::with_frequencies(model, tables, frequencies)?;
        if !self.individuals {
            return Ok(scorer);
        }
        let mut frequencies = Frequencies::of_individuals(&scorer, at)?;
        self.supply(&mut frequencies, model, tables)?;
        Ok(Scorer::with_frequencies(model, tables, frequencies)?)
    }

    /// Makes the scorer of a model for tables with decoys, which make no value more common. Individuals are not told apart
    /// beside them.
    pub(super) fn scorer_with_decoys<'t>(
        &self,
        model: &'t Model,
        tables: &'t Tables,
        decoys: &Range<u32>,
    ) -> Result<Scorer<'t>, Error> {
        let mut frequencies = Frequencies::of_others(tables, model.comparisons(), decoys)?;
        self.supply(&mut frequencies, model, tables)?;
        Ok(Scorer::with_frequencies(model, tables, frequencies)?)
    }

    fn supply(
        &self,
        frequencies: &mut Frequencies,
        model: &Model,
        tables: &Tables,
    ) -> Result<(), Error> {
        for (name, population) in self.populations(model)? {
            frequencies.supply(tables, &name, &population)?;
        }
        Ok(())
    }

    /// Reads the tables of populations that were named, their values prepared as the model prepares them.
    pub(super) fn populations(
        &self,
        model: &Model,
    ) -> Result<BTreeMap<String, BTreeMap<String, f64>>, Error> {
        let mut populations = BTreeMap::new();
        for (name, path) in &self.populations {
            let comparison = model.comparisons().iter().find(|one| one.name == *name);
            let column = comparison.and_then(|comparison| {
                model.columns().iter().find(|column| column.name == comparison.column)
            });
            let steps = column.map_or(&[][..], |column| &column.steps);
            // Spellings that are prepared to one value share what they have.
            let mut population: BTreeMap<String, f64> = BTreeMap::new();
            for (value, share) in pairs::read_shares(path)? {
                *population.entry(apply(steps, &value)).or_insert(0.0) += share;
            }
            population.remove("");
            populations.insert(name.clone(), population);
        }
        Ok(populations)
    }
}
