//! `comity backup`: copies case store, ledger and the register of requests into a folder, without any key.

use super::{Done, Which, shown};
use crate::Error;
use crate::clock::Clock;
use crate::printer::{Printer, thousands};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The folder of the backup; it must be empty or not there
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

impl Words {
    pub(super) async fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        let (program, mut node) = self.which.open(clock).await?;
        let contents = crate::backup::backup(&program, &mut node, &self.to).await?;
        printer.json(&contents);
        let files = thousands(contents.files.len() as u64);
        printer.labelled("backup", &format!("{files} files in {}", shown(&self.to)));
        printer.labelled("ledger", &format!("{} entries", thousands(contents.entries)));
        if let Some(register) = &contents.register {
            let entries = thousands(register.entries);
            let text = format!("{entries} entries of all programs of the recipient, as of now");
            printer.wrapped("register  ", &text);
        }
        if let Some(why) = &contents.register_left_out {
            let text = format!(
                "the register of requests is NOT in it: {why}. Put it back as it last was, then make another backup"
            );
            printer.wrapped("WARNING   ", &text);
        }
        printer.wrapped(
            "note      ",
            "no key is in it: keep a copy of the folder `keys` in another place, the register's too, and a new one whenever a \
             key is changed or destroyed",
        );
        Ok(Done::Well)
    }
}
