//! `comity register`: begins a recipient's register of requests about named persons, or says what is counted there (floor F4).

use super::{Done, Which, open_node, shown};
use crate::Error;
use crate::clock::Clock;
use crate::node::Places;
use crate::printer::{Printer, called, thousands};
use crate::program::Program;
use crate::register::Register;
use crate::run::look_up::{DAYS, MOST_MATTERS, MOST_PERSONS, since};
use agreement::{Environment, PartyId, RegisterKey};
use casework::{RunState, Store as _};
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// Begin it: only where the recipient has none yet, since a new one counts anew
    #[arg(long)]
    begin: bool,
    /// With `--begin`, before there is an agreement: the recipient, by its name there. PROGRAM is the register's own folder then
    #[arg(long = "as", value_name = "PARTY", requires = "begin")]
    party: Option<String>,
    /// It is for agreements of the environment `test`
    #[arg(long, requires = "party")]
    test: bool,
}

/// A look-up that was broken off.
#[derive(serde::Serialize)]
struct Waiting {
    look_up: String,
    officer: String,
    persons: u64,
}

impl Words {
    pub(super) async fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        if let Some(party) = &self.party {
            return self.begin_for(&PartyId::new(party)?, clock, printer).await;
        }
        let program = self.which.load(clock)?;
        clock.is_for(program.agreement().environment)?;
        let places = self.which.places();
        let agreed = program.agreement().requests_key();
        if self.begin {
            let register = Register::begin(&program, &places).await?;
            say_begun(printer, &register, agreed);
            return Ok(Done::Well);
        }
        let waiting = self.waiting(&program, clock).await?;
        let register = Register::open(&program, &places).await?;
        let since = since(clock.now());
        let mut by_ledger: BTreeMap<&str, u64> = BTreeMap::new();
        let mut open: BTreeMap<&str, u64> = BTreeMap::new();
        for matter in register.matters().values() {
            if matter.second >= since.as_second() {
                let name = matter.ledger.split('+').next().unwrap_or_default();
                *by_ledger.entry(name).or_default() += matter.persons;
            }
            if matter.is_open {
                *open.entry(matter.officer.as_str()).or_default() += 1;
            }
        }
        let persons: u64 = by_ledger.values().sum();
        let most_open = open.values().max().copied().unwrap_or_default();
        printer.json(&serde_json::json!({
            "register": register.key(), "folder": shown(&register.folder()), "agreed": agreed,
            "persons": persons, "most_persons": MOST_PERSONS, "since": since.to_string(), "by": by_ledger,
            "open_matters": open.values().sum::<u64>(), "most_of_one_officer": most_open,
            "most_matters": MOST_MATTERS, "waiting": waiting,
        }));
        printer.labelled("register", &shown(&register.folder()));
        printer.wrapped("key       ", register.key().as_str());
        if agreed != Some(register.key()) {
            printer.wrapped("next      ", &not_agreed(agreed));
        }
        printer.wrapped(
            "persons   ",
            &format!(
                "{} asked about by name in the last {DAYS} days; {MOST_PERSONS} may be",
                thousands(persons)
            ),
        );
        for (name, persons) in &by_ledger {
            printer.wrapped("          ", &format!("{} from {name}", thousands(*persons)));
        }
        printer.wrapped(
            "matters   ",
            &format!(
                "{} open; one officer has {most_open} of them, and may have {MOST_MATTERS}",
                thousands(open.values().sum())
            ),
        );
        printer
            .wrapped("          ", "both numbers are the project's own (floor F4), and no law's");
        for one in &waiting {
            let text = format!(
                "{}, asked by {} about {} persons, was broken off; to give it up: {} look-up {} --give-up {} --officer OFFICER",
                one.look_up,
                one.officer,
                one.persons,
                called(),
                shown(&self.which.program),
                one.look_up
            );
            printer.wrapped("waits     ", &text);
        }
        Ok(Done::Well)
    }

    /// Begins a recipient's register in a folder, before there is an agreement that names its key.
    async fn begin_for(
        &self,
        party: &PartyId,
        clock: &Clock,
        printer: &Printer,
    ) -> Result<Done, Error> {
        let environment = if self.test { Environment::Test } else { Environment::Production };
        clock.is_for(environment)?;
        let place = Places::under(&self.which.program);
        let register = Register::begin_for(party, environment, place).await?;
        say_begun(printer, &register, None);
        Ok(Done::Well)
    }

    /// Returns this program's look-ups that were broken off, after its register was told of those that are over.
    async fn waiting(&self, program: &Program, clock: &Clock) -> Result<Vec<Waiting>, Error> {
        if !self.which.places().has_store() {
            return Ok(Vec::new());
        }
        let mut node = open_node(self.which.places(), clock, program).await?;
        crate::register::tell(program, &mut node).await?;
        let runs = node.store.runs().await?.into_iter();
        let planned = runs.filter(|run| run.state == RunState::Planned);
        Ok(planned
            .filter_map(|run| {
                let asked = run.asked()?;
                Some(Waiting { look_up: run.id, officer: asked.officer, persons: asked.persons })
            })
            .collect())
    }
}

fn say_begun(printer: &Printer, register: &Register, agreed: Option<&RegisterKey>) {
    let folder = shown(&register.folder());
    printer.json(&serde_json::json!({
        "register": register.key(), "folder": folder, "agreed": agreed,
    }));
    printer.labelled("begun", &folder);
    printer.wrapped("key       ", register.key().as_str());
    if agreed != Some(register.key()) {
        printer.wrapped("next      ", &not_agreed(agreed));
    }
    printer.wrapped(
        "next      ",
        "name this folder in the schedules of all programs of this recipient, and back it up with them",
    );
}

/// Says that a register is not the one that an agreement names, and what to do.
fn not_agreed(agreed: Option<&RegisterKey>) -> String {
    match agreed {
        Some(agreed) => format!(
            "the agreement names another register, `{agreed}`: look-ups are refused until the schedule names that one's folder"
        ),
        None => "write this key into each agreement of this recipient before it is signed (`requests_key`, with the recipient): \
                 under one that does not name it look-ups are refused"
            .to_owned(),
    }
}
