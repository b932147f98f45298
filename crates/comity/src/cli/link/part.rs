//! `comity link part`: says that two records are not one individual, and takes their merger back.
//!
//! Works on the registry that `comity link cluster --registry` keeps, and on nothing else: no record is read. The next
//! clustering takes the two as a constraint.

use super::Done;
use super::registry;
use crate::Error;
use crate::printer::Printer;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The registry of clusters (JSON)
    registry: PathBuf,
    /// One record, as FILE:ID, where FILE is `source` or `recipient`
    #[arg(long, value_name = "FILE:ID")]
    one: String,
    /// The other, which leaves the cluster if nothing tells who belongs with it
    #[arg(long, value_name = "FILE:ID")]
    other: String,
    /// Takes back that the two are not one individual; their cluster comes together again at the next clustering
    #[arg(long)]
    undo: bool,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let mut registry = registry::read(&self.registry)?;
        for record in [&self.one, &self.other] {
            if registry.id(record).is_none() {
                return Err(Error::NotInRegistry { record: record.clone() });
            }
        }
        if self.undo {
            let was_said = registry.allow(&self.one, &self.other);
            registry::write(&self.registry, &registry)?;
            printer.json(&serde_json::json!({ "taken_back": was_said }));
            printer.line(if was_said {
                "Taken back. The next clustering decides whether the two come together."
            } else {
                "Nobody had said that the two are not one individual."
            });
            return Ok(Done::Well);
        }
        let happened = registry.part(&self.one, &self.other)?;
        registry::write(&self.registry, &registry)?;
        let now = |record: &String| registry.id(record).map(linkage::cluster::ClusterId::number);
        printer.json(&serde_json::json!({
            "one": now(&self.one), "other": now(&self.other), "happened": happened,
        }));
        registry::tell(printer, &happened);
        Ok(Done::Well)
    }
}
