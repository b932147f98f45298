//! `comity link export`: a model as Splink's settings, and what differs.

use super::{Done, import};
use crate::printer::Printer;
use crate::{Error, program};
use linkage::Model;
use linkage::splink::export;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// The model (TOML)
    model: PathBuf,
    /// Where Splink's settings are written (JSON, of version 5)
    #[arg(long, value_name = "FILE", default_value = "settings.json")]
    out: PathBuf,
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        let model = Model::from_toml(&program::read(&self.model)?)?;
        let exported = export(&model)?;
        program::write(&self.out, &exported.json)?;
        let out = super::super::shown(&self.out);
        printer.json(&serde_json::json!({
            "settings": out, "differences": import::json(&exported.report),
        }));
        printer.labelled("settings", &out);
        import::tell(printer, &exported.report);
        Ok(Done::Well)
    }
}
