//! `comity restore`: puts a backup back where there is neither case store nor ledger, and audits what it put there. The register
//! of requests is put back where there is none; one that is there stays.

use super::{Done, Which, shown};
use crate::audit::{audit, hold_against};
use crate::backup::{Copied, PutBack, contents_of, restore, restore_register};
use crate::clock::Clock;
use crate::node::Places;
use crate::printer::{Printer, thousands};
use crate::program::read;
use crate::{Error, register};
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
        // Whatever stands in the way of the register is said before anything is put anywhere.
        let copied = contents_of(&self.from)?.register;
        let register = match &copied {
            Some(copied) => Some(self.register(&places, copied)?),
            None => None,
        };
        let contents = restore(&places, &self.from).await?;
        let gate = Gate::shipped()?;
        let verifier = Verifier::parse(read(&places.ledger_key())?.trim())?;
        let mut audited = audit(&places.ledger(), &verifier, &[], &gate)?;
        if let Some((place, _)) = &register {
            let verifier = Verifier::parse(read(&place.ledger_key())?.trim())?;
            hold_against(&mut audited, &audit(&place.ledger(), &verifier, &[], &gate)?);
        }
        let put_back = register.as_ref().map(|(_, put_back)| put_back);
        printer.json(&serde_json::json!({
            "contents": contents, "register": put_back, "audit": audited,
        }));
        printer.labelled("restored", &format!("as of {}", contents.made_at));
        printer.labelled("ledger", &format!("{} entries", thousands(contents.entries)));
        if let (Some(copied), Some((place, put_back))) = (&copied, &register) {
            let (entries, folder) = (thousands(copied.entries), shown(place.root()));
            let text = match put_back {
                PutBack::Restored => format!(
                    "{entries} entries put back in {folder}; what other programs have entered since is not in it, and they will not \
                     take it: where one of them has a later backup, take the register of that"
                ),
                PutBack::Kept => format!(
                    "the one in {folder} holds the {entries} entries of the backup's and stays as it is"
                ),
            };
            printer.wrapped("register  ", &text);
        }
        for wrong in &audited.wrong {
            printer.wrapped("WRONG     ", &format!("{}: {}", wrong.place, wrong.what));
        }
        printer.labelled("audit", if audited.is_sound() { "sound" } else { "NOT sound" });
        Ok(if audited.is_sound() { Done::Well } else { Done::Wrong })
    }
    /// Puts the register of the backup back where the schedule says, or finds that the one that is there holds it.
    fn register(&self, places: &Places, copied: &Copied) -> Result<(Places, PutBack), Error> {
        let place = register::place_of(&self.which.program, places)?;
        let place = place.ok_or_else(|| Error::NoRegister {
            recipient: copied.key.name().split('.').next().unwrap_or_default().to_owned(),
        })?;
        let put_back = restore_register(&place, &self.from, copied)?;
        Ok((place, put_back))
    }
}
