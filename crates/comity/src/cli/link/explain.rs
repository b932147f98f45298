//! `comity link explain`: why a pair weighs what it weighs.

use super::{Done, Files};
use crate::clock::Stopwatch;
use crate::printer::Printer;
use crate::{Error, program};
use linkage::{Model, RecordRef, Scorer, Side, Tables};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// The source's record: its id, or its row counted from 0 where no column of ids is named
    #[arg(long, value_name = "ID")]
    one: String,
    /// The recipient's record
    #[arg(long, value_name = "ID")]
    other: String,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let model = Model::from_toml(&program::read(&self.model)?)?;
        let plan = (&model).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        let (tables, _) = self.files.prepare(&plan, printer, &mut Stopwatch::start())?;
        let scorer = Scorer::new(&model, &tables)?;
        let one = find(&tables, Side::Source, &self.one)?;
        let other = find(&tables, Side::Recipient, &self.other)?;
        let explanation = linkage::explain(&scorer, one, other)?;
        printer.json(&explanation);
        super::super::explain::parts(printer, &explanation, model.threshold());
        Ok(Done::Well)
    }
}

fn find(tables: &Tables, side: Side, named: &str) -> Result<RecordRef, Error> {
    let mut records = (0..tables.records(side)).map(RecordRef::new);
    let is_named = |record: &RecordRef| match tables.id(side, *record) {
        Some(id) => id == named,
        None => record.row().to_string() == named,
    };
    records.find(is_named).ok_or(Error::NoSuchRecord { side })
}
