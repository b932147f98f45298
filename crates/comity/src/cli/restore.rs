//! `comity restore`: puts a backup back where there is neither case store nor ledger, and audits what it put there. The register
//! of requests is put back where there is none; one that is there stays.

use super::{Done, Which, shown};
use crate::audit::{Audited, audit, hold_against};
use crate::backup::{Contents, Copied, contents_of};
use crate::clock::Clock;
use crate::node::Places;
use crate::printer::{Printer, thousands};
use crate::program::read;
use crate::restore::{PutBack, check, check_register, restore, restore_register, stage};
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
    /// Put back the register of requests alone, and leave the program's case store and ledger as they are
    #[arg(long)]
    register_only: bool,
}

impl Words {
    pub(super) async fn carry_out(self, _clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        let places = self.which.places();
        // Whatever stands in the way of either is found before anything is put into its place.
        let contents = contents_of(&self.from)?;
        if !self.register_only {
            check(&places, &self.from, &contents)?;
        }
        let register = match &contents.register {
            Some(copied) => Some((copied, self.place(&places, copied)?)),
            None if self.register_only => {
                let why = contents.register_left_out.clone();
                let why = why.unwrap_or_else(|| "no look-up was counted in one".to_owned());
                return Err(Error::NoRegisterInBackup { path: self.from.clone(), why });
            }
            None => None,
        };
        let mut put_back = None;
        if let Some((copied, place)) = &register {
            check_register(place, &self.from, copied)?;
            if !self.register_only {
                stage(&places, &self.from).await?;
            }
            put_back = Some(restore_register(place, &self.from, copied)?);
        }
        if !self.register_only {
            restore(&places, &self.from).await?;
        }
        let gate = Gate::shipped()?;
        let audited_in = |place: &Places| {
            let verifier = Verifier::parse(read(&place.ledger_key())?.trim())?;
            audit(&place.ledger(), &verifier, &[], &gate)
        };
        let of_register = register.as_ref().map(|(_, place)| audited_in(place)).transpose()?;
        let audited = match of_register {
            // What the program has entered must stand there. Alone, the register is what was put back.
            Some(of_register) if places.ledger().join("checkpoint").exists() => {
                let mut audited = audited_in(&places)?;
                hold_against(&mut audited, &of_register);
                audited
            }
            Some(of_register) => of_register,
            None => audited_in(&places)?,
        };
        printer.json(&serde_json::json!({
            "contents": contents, "register": put_back, "audit": audited,
        }));
        self.say_restored(printer, &contents);
        if let (Some((copied, place)), Some(put_back)) = (&register, put_back) {
            say_register(printer, copied, place, put_back);
        }
        if let Some(why) = &contents.register_left_out {
            let text = format!(
                "the backup holds no register of requests: {why}. Nobody is looked up until that is there"
            );
            printer.wrapped("WARNING   ", &text);
        }
        Ok(say_audited(printer, &audited))
    }

    fn say_restored(&self, printer: &Printer, contents: &Contents) {
        printer.labelled("restored", &format!("as of {}", contents.made_at));
        if !self.register_only {
            printer.labelled("ledger", &format!("{} entries", thousands(contents.entries)));
        }
    }

    /// Returns where the schedule says that the register of the backup belongs.
    fn place(&self, places: &Places, copied: &Copied) -> Result<Places, Error> {
        let place = register::place_of(&self.which.program, places)?;
        place.ok_or_else(|| Error::NoRegister {
            recipient: copied.key.name().split('.').next().unwrap_or_default().to_owned(),
        })
    }
}

fn say_register(printer: &Printer, copied: &Copied, place: &Places, put_back: PutBack) {
    let (entries, folder) = (thousands(copied.entries), shown(place.root()));
    let text = match put_back {
        PutBack::Restored => format!(
            "{entries} entries put back in {folder}; what other programs have entered since is not in it, and they will not take it: \
             where one of them has a later backup, take the register of that"
        ),
        PutBack::Kept => {
            format!(
                "the one in {folder} holds the {entries} entries of the backup's and stays as it is"
            )
        }
    };
    printer.wrapped("register  ", &text);
}

fn say_audited(printer: &Printer, audited: &Audited) -> Done {
    for wrong in &audited.wrong {
        printer.wrapped("WRONG     ", &format!("{}: {}", wrong.place, wrong.what));
    }
    printer.labelled("audit", if audited.is_sound() { "sound" } else { "NOT sound" });
    if audited.is_sound() { Done::Well } else { Done::Wrong }
}
