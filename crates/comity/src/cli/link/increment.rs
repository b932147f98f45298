//! `comity link increment`: links the records that came since the last time, with each other and with the old ones.
//!
//! Old records stand first in their file. Pairs of two old records are neither made nor scored again.

use super::shares::Shares;
use super::{CANNOT_ENTER, Done, Files, pairs};
use crate::clock::Stopwatch;
use crate::printer::{Printer, thousands};
use crate::{Error, program};
use linkage::{Link, Model, Since, link_increment};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    #[command(flatten)]
    files: Files,
    /// How many records of the source's file, from its beginning, were linked before
    #[arg(long, value_name = "COUNT")]
    known: u32,
    /// The same of the recipient's file; all of it, where it isn't said
    #[arg(long, value_name = "COUNT")]
    known_recipients: Option<u32>,
    /// Where the pairs with a new record are written: CSV, or Parquet by its ending
    #[arg(long, value_name = "FILE", default_value = "new_pairs.csv")]
    out: PathBuf,
    #[command(flatten)]
    shares: Shares,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let model = Model::from_toml(&program::read(&self.model)?)?;
        let plan = (&model).into();
        if self.files.refused(&plan, printer) {
            return Ok(Done::Refused);
        }
        if model.link() == Link::Both {
            return Err(Error::NoIncrement { link: model.link() });
        }
        let mut watch = Stopwatch::start();
        let (tables, _) = self.files.prepare(&plan, printer, &mut watch)?;
        let scorer = self.shares.scorer(&model, model.threshold(), &tables)?;
        let since =
            Since { source: self.known, recipient: self.known_recipients.unwrap_or(u32::MAX) };
        let found = link_increment(&scorer, since, model.threshold())?;
        watch.lap("block, compare and score");
        pairs::write(&self.out, &tables, &model, &found)?;
        printer.json(&serde_json::json!({
            "pairs": found.len(), "threshold": model.threshold(), "out": super::super::shown(&self.out),
            "seconds": super::seconds(&watch),
        }));
        printer.wrapped(
            "pairs     ",
            &format!(
                "{} with a new record at {:.2} or above, in {}",
                thousands(found.len() as u64),
                model.threshold(),
                super::super::shown(&self.out)
            ),
        );
        printer.wrapped(
            "note      ",
            "every pair is told of, however many a record has; how common values are is counted in the files as they are \
             now, unless --population says it",
        );
        printer.line(CANNOT_ENTER);
        Ok(Done::Well)
    }
}
