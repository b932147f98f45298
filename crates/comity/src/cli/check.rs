//! `comity check`: lists everything that is missing or wrong in an agreement and its schedule, all at once.

use super::Done;
use crate::Error;
use crate::printer::Printer;
use crate::program::{self, read};
use agreement::{Agreement, Pack, Problem};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The agreement's file, or the program's folder
    file: PathBuf,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let file = if self.file.is_dir() { self.file.join("agreement.toml") } else { self.file };
        let problems = program::problems(&file, &Pack::shipped()?)?;
        let engine = engine_digest(&file)?;
        if !problems.is_empty() {
            printer.json(&serde_json::json!({
                "problems": problems.iter().map(told).collect::<Vec<_>>(),
                "agreement": null,
                "engine": engine,
            }));
            for problem in &problems {
                for line in problem.to_string().lines() {
                    let indent = line.len() - line.trim_start().len();
                    printer.hanging(&" ".repeat(indent), "    ", line);
                }
            }
            let count = problems.len();
            if let Some((name, digest)) = &engine {
                printer.labelled(name, digest);
            }
            printer.labelled("check", &format!("{count} to mend in {}", file.display()));
            return Ok(Done::Wrong);
        }
        let name = file.display().to_string();
        let agreement = Agreement::read(&read(&file)?, &name)
            .map_err(|problems| Error::Problems { problems })?;
        let digest = agreement.digest()?.to_string();
        printer.json(&serde_json::json!({ "problems": [], "agreement": digest, "engine": engine }));
        printer.labelled("check", "nothing is missing or wrong");
        printer.labelled("agreement", &digest);
        if let Some((name, digest)) = engine {
            printer.labelled(&name, &digest);
        }
        Ok(Done::Well)
    }
}

fn told(problem: &Problem) -> serde_json::Value {
    serde_json::json!({
        "file": problem.file, "line": problem.line, "column": problem.column,
        "what": problem.what, "cite": problem.cite, "remedy": problem.remedy,
    })
}

/// Returns the digest of the recipe or model beside the agreement, as the agreement would name it.
fn engine_digest(agreement: &std::path::Path) -> Result<Option<(String, String)>, Error> {
    let beside = |name: &str| Some(agreement.with_file_name(name)).filter(|path| path.exists());
    if let Some(path) = beside("model.toml") {
        return Ok(Some((
            "model".to_owned(),
            linkage::Model::from_toml(&read(&path)?)?.digest()?.to_string(),
        )));
    }
    if let Some(path) = beside("recipe.toml") {
        return Ok(Some((
            "recipe".to_owned(),
            linkage::Recipe::from_toml(&read(&path)?)?.digest()?.to_string(),
        )));
    }
    Ok(None)
}
