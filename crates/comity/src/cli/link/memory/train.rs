//! Training by plans of DataFusion that spill: the model is the one that is trained on whole tables.

use super::Bound;
use super::opened::Opened;
use crate::Error;
use crate::cli::link::Files;
use linkage::plan::train_bounded;
use linkage::{Model, Recipe};

/// Trains a model by a recipe within a bound. Returns it with how many records each file has.
pub(in crate::cli::link) fn train(
    recipe: &Recipe,
    files: &Files,
    bound: &Bound,
) -> Result<(Model, Vec<u64>), Error> {
    let opened = Opened::new((recipe.columns(), recipe.link()), files, bound)?;
    let model = opened.run(|| train_bounded(recipe, &opened.rows, &opened.bounds))?;
    Ok((model, opened.files.iter().map(|file| file.records()).collect()))
}
