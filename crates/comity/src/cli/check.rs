//! `comity check`: lists everything that is missing or wrong in an agreement and its schedule, all at once.

use super::Done;
use crate::Error;
use crate::printer::Printer;
use crate::program::{self, read};
use agreement::{Pack, Problem};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The agreement's file, or the program's folder
    file: PathBuf,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let whole = self.file.is_dir();
        let file = if whole { self.file.join("agreement.toml") } else { self.file };
        let mut checked = program::check(&file, &Pack::shipped()?)?;
        if whole {
            let folder = file.parent().unwrap_or(std::path::Path::new("."));
            checked.problems.extend(program::missing_files(folder));
        }
        let engine = engine_digest(&file);
        let agreement = checked.agreement.map(|digest| digest.to_string());
        let annexes: Vec<_> =
            checked.annexes.iter().map(|(file, digest)| (file, digest.to_string())).collect();
        printer.json(&serde_json::json!({
            "problems": checked.problems.iter().map(told).collect::<Vec<_>>(),
            "agreement": agreement,
            "annexes": annexes,
            "registers": checked.registers.iter().cloned().collect::<BTreeMap<_, _>>(),
            "engine": engine,
        }));
        for problem in &checked.problems {
            for line in problem.to_string().lines() {
                let indent = line.len() - line.trim_start().len();
                printer.hanging(&" ".repeat(indent), "    ", line);
            }
        }
        let is_sound = checked.problems.is_empty();
        if is_sound {
            printer.labelled("check", "nothing is missing or wrong");
        }
        if let Some(digest) = agreement {
            printer.labelled("agreement", &digest);
        }
        for (file, digest) in &annexes {
            printer.labelled("annex", &format!("{digest} {file}"));
        }
        for (party, key) in &checked.registers {
            printer.wrapped("register  ", &format!("{party} counts its look-ups in {key}"));
        }
        if let Some((name, digest)) = engine {
            printer.labelled(&name, &digest);
        }
        if !is_sound {
            let count = checked.problems.len();
            printer.labelled("check", &format!("{count} to mend in {}", file.display()));
            return Ok(Done::Wrong);
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

/// Returns the digest of the recipe or model beside the agreement, as the agreement would name it. One that cannot be
/// read is among the problems.
fn engine_digest(agreement: &std::path::Path) -> Option<(String, String)> {
    let beside = |name: &str| Some(agreement.with_file_name(name)).filter(|path| path.exists());
    let named = |name: &str, digest: String| Some((name.to_owned(), digest));
    if let Some(path) = beside("model.toml") {
        let model = linkage::Model::from_toml(&read(&path).ok()?).ok()?;
        return named("model", model.digest().ok()?.to_string());
    }
    let recipe = linkage::Recipe::from_toml(&read(&beside("recipe.toml")?).ok()?).ok()?;
    named("recipe", recipe.digest().ok()?.to_string())
}
