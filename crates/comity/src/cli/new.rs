//! `comity new`: begins a program's folder with a commented agreement.

use super::{Done, shown};
use crate::printer::{Printer, called};
use crate::{Error, program};
use agreement::{PackId, template};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The law pack that the agreement will stand under
    #[arg(long, default_value = "us-cmppa")]
    law: String,
    /// The program's folder
    folder: PathBuf,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let text = template(&PackId::new(&self.law)?)?;
        let file = self.folder.join("agreement.toml");
        if file.exists() {
            return Err(Error::ThereAlready { path: file });
        }
        program::write(&file, text)?;
        printer.json(&serde_json::json!({ "agreement": shown(&file) }));
        printer.labelled("new", &shown(&file));
        printer.labelled("next", &format!("fill it in, then: {} check {}", called(), shown(&file)));
        Ok(Done::Well)
    }
}
