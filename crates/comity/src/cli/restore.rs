//! `comity restore`: puts a backup back where there is neither case store nor ledger, and audits what it put there.

use super::{Done, Which};
use crate::Error;
use crate::audit::audit;
use crate::clock::Clock;
use crate::printer::{Printer, thousands};
use crate::program::read;
use agreement::Gate;
use ledger::Verifier;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The folder of the backup
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
}

impl Words {
    pub(super) async fn carry_out(self, _clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        let places = self.which.places();
        let contents = crate::backup::restore(&places, &self.from).await?;
        let verifier = Verifier::parse(read(&places.ledger_key())?.trim())?;
        let audited = audit(&places.ledger(), &verifier, &[], &Gate::shipped()?)?;
        printer.json(&serde_json::json!({ "contents": contents, "audit": audited }));
        printer.labelled("restored", &format!("as of {}", contents.made_at));
        printer.labelled("ledger", &format!("{} entries", thousands(contents.entries)));
        for wrong in &audited.wrong {
            printer.wrapped("WRONG     ", &format!("{}: {}", wrong.place, wrong.what));
        }
        printer.labelled("audit", if audited.is_sound() { "sound" } else { "NOT sound" });
        Ok(if audited.is_sound() { Done::Well } else { Done::Wrong })
    }
}
