//! The command line: one file a command. It reads words, calls the library, and prints; it decides nothing.
//!
//! Exit codes: 0 done; 1 an error; 2 a refusal, which is an answer; 64 the command's words are off.

mod account;
mod audit;
mod backup;
mod calibrate;
mod check;
mod demo;
mod destroy;
mod explain;
mod key;
mod law;
mod leads;
mod link;
mod look_up;
mod new;
mod receipt;
mod register;
mod restore;
mod review;
mod run;
mod seal;
mod serve;
mod sign;
mod stay;
mod synth;
mod tls;
mod witness;

use crate::Error;
use crate::clock::Clock;
use crate::desk::Officer;
use crate::event::{Event, commit};
use crate::node::{Answer, Node, Places};
use crate::printer::Printer;
use crate::program::Program;
use crate::server::{Accounts, Config};
use agreement::{Act, Gate, OfficerId, Permit, Refusal, Request};
use casework::store::accounts::AccountStore as _;
use casework::{Database, Keeper, Store as _};
use clap::{Parser, Subcommand};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lawful data matching between two agencies: the agreement is the access rule, a refusal gives all its reasons, a
/// score only opens a lead, and a ledger that anybody can verify keeps what was done.
#[derive(Debug, Parser)]
#[command(name = "comity", version, about, max_term_width = 80, disable_help_subcommand = true)]
struct Words {
    /// Prints JSON instead of lines
    #[arg(long, global = true)]
    json: bool,
    /// Takes this instant for now (RFC 3339); only under an agreement whose environment is `test`
    #[arg(long, global = true, hide = true, value_name = "INSTANT")]
    now: Option<jiff::Timestamp>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a matching program for a cycle: from the agreement to leads, report and ledger
    Run(run::Words),
    /// Looks persons of the caseload up who are named one by one; each counts, and takes a permit
    LookUp(look_up::Words),
    /// Says how many persons were asked about by name over all of a recipient's programs, or begins to count
    Register(register::Words),
    /// Lists leads, or exports them with what was returned
    Leads(leads::Words),
    /// Explains a lead: every part of its weight
    Explain(explain::Words),
    /// Records a person's judgement of a lead
    Review(review::Words),
    /// Makes another model of the agreement's by what people judged of its leads
    Calibrate(calibrate::Words),
    /// Records, lists or lifts a stay of an authority, or a source's own stop
    Stay(stay::Words),
    /// Keeps a disclosure from the person concerned for a time, under a cited power
    Seal(seal::Words),
    /// Verifies a ledger in a folder or at an address, bytes and meaning
    Audit(audit::Words),
    /// Begins a program with a commented agreement
    New(new::Words),
    /// Lists everything missing or wrong in an agreement and its schedule
    Check(check::Words),
    /// Makes a key, or changes one for another
    Key(key::Words),
    /// Signs an agreement: accepts, rejects or revokes it
    Sign(sign::Words),
    /// Lists, shows or tests law packs
    Law(law::Words),
    /// Links files of your own, without an agreement: profile, train, link, evaluate …
    Link(link::Words),
    /// Makes the receipt of a ledger's entry, verifies one with no network and no database, or finds a person's entries
    Receipt(receipt::Words),
    /// Cosigns other ledgers' checkpoints, or asks others to cosign this one's
    Witness(witness::Words),
    /// Serves the node: console, the person's door, and the interface for programs
    Serve(serve::Words),
    /// Shows it all on synthetic people: a node with cases at every stage, and an account for each role
    Demo(demo::Words),
    /// Makes, lists or changes accounts of officers; the first one is made here
    Account(account::Words),
    /// Copies case store and ledger into a folder, without any key
    Backup(backup::Words),
    /// Puts a backup back where there is neither case store nor ledger
    Restore(restore::Words),
    /// Destroys what was obtained under the agreement, once the day has come
    Destroy(destroy::Words),
    /// Makes two files of synthetic people with known truth
    Synth(synth::Words),
}

/// What a command came to.
enum Done {
    /// It did what it was asked.
    Well,
    /// It found something wrong, and has said so.
    Wrong,
    /// The gate refused, and it has said why.
    Refused,
}

/// Reads the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    let words = match Words::try_parse() {
        Ok(words) => words,
        Err(error) => {
            // `--help` and `--version` are no mistakes.
            let is_mistake = error.use_stderr();
            let json = is_mistake && std::env::args_os().any(|word| word == "--json");
            Printer::new(json).usage(&error);
            return ExitCode::from(if is_mistake { 64 } else { 0 });
        }
    };
    let mut printer = Printer::new(words.json);
    let clock = words.now.map_or_else(Clock::system, Clock::fixed);
    match carry_out(words.command, &clock, &mut printer) {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Wrong) => ExitCode::from(1),
        Ok(Done::Refused) => ExitCode::from(2),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(1)
        }
    }
}

fn carry_out(command: Command, clock: &Clock, printer: &mut Printer) -> Result<Done, Error> {
    // The server answers on every core; everything else does one thing.
    let runtime = match command {
        Command::Serve(_) => tokio::runtime::Builder::new_multi_thread().enable_all().build(),
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    };
    let runtime = runtime.map_err(|source| Error::NoRuntime { source })?;
    runtime.block_on(Box::pin(async {
        match command {
            Command::Run(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::LookUp(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Register(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Leads(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Explain(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Review(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Calibrate(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Stay(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Seal(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Audit(words) => words.carry_out(printer),
            Command::New(words) => words.carry_out(printer),
            Command::Check(words) => words.carry_out(printer),
            Command::Key(words) => words.carry_out(clock, printer),
            Command::Sign(words) => words.carry_out(clock, printer),
            Command::Law(words) => words.carry_out(printer),
            Command::Link(words) => words.carry_out(printer),
            Command::Receipt(words) => words.carry_out(printer),
            Command::Witness(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Demo(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Serve(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Account(words) => words.carry_out(clock, printer).await,
            Command::Backup(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Restore(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Destroy(words) => Box::pin(words.carry_out(clock, printer)).await,
            Command::Synth(words) => words.carry_out(printer),
        }
    }))
}

/// The program a command is about, and where its node keeps what it keeps.
#[derive(Debug, clap::Args)]
struct Which {
    /// The program's folder
    program: PathBuf,
    /// Where ledger, case store and reports are kept
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Keeps the case store in PostgreSQL, at this URL; COMITY_STORE says it for every command
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Which {
    fn places(&self) -> Places {
        let places = Places::under(self.out.clone().unwrap_or_else(|| self.program.join("work")));
        let set = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let places = match self.store.clone().or_else(|| set("COMITY_STORE")) {
            Some(url) => places.on_server(url),
            None => places,
        };
        match set("COMITY_KEY_COMMAND") {
            Some(command) => {
                let words = command.split_whitespace().map(str::to_owned);
                places.kept_by(Keeper::Command(words.collect()))
            }
            None => places,
        }
    }

    fn load(&self, clock: &Clock) -> Result<Program, Error> {
        Program::load(&self.program, &self.places(), clock)
    }

    /// Opens the case store alone, making it if it is not there yet.
    async fn open_store(&self) -> Result<Database, Error> {
        self.places().open_store().await
    }

    /// Returns an officer with the roles that the account says. Who has no account has no role, and the gate says so.
    async fn officer(&self, name: &str) -> Result<Officer, Error> {
        let id = OfficerId::new(name)?;
        Ok(self.account(&id).await?.unwrap_or(Officer { id, roles: BTreeSet::new() }))
    }

    /// Returns an officer who has an open account, with the roles that it says, for an act that the gate asks no role for.
    async fn officer_with_account(&self, name: &str) -> Result<Officer, Error> {
        let id = OfficerId::new(name)?;
        let nobody = || casework::Error::NoOpenAccount { officer: name.to_owned() };
        Ok(self.account(&id).await?.ok_or_else(nobody)?)
    }

    async fn account(&self, id: &OfficerId) -> Result<Option<Officer>, Error> {
        let mut config = Config::of_program(&self.program);
        config.work = Some(self.places().root().to_owned());
        let accounts = Accounts::open(&config).await?;
        let known = accounts.store.accounts(accounts.program()).await?;
        let open = known.into_iter().find(|(one, _)| one.officer == id.as_str() && !one.closed);
        Ok(open.map(|(_, roles)| Officer { id: id.clone(), roles: roles.into_iter().collect() }))
    }

    /// Opens program and node, for a command that needs a run to have been.
    async fn open(&self, clock: &Clock) -> Result<(Program, Node), Error> {
        let places = self.places();
        if !self.program.join("agreement.toml").exists() {
            return Err(Error::NoProgram { path: self.program.clone() });
        }
        if !places.has_store() {
            return Err(Error::NotRun { program: self.program.clone() });
        }
        let program = self.load(clock)?;
        let node = open_node(places, clock, &program).await?;
        Ok((program, node))
    }
}

async fn open_node(places: Places, clock: &Clock, program: &Program) -> Result<Node, Error> {
    let (party, _) = program.recipient()?;
    let origin = format!("{}.{party}.comity.example/ledger", program.agreement().program);
    let environment = program.agreement().environment;
    Node::open(places, Gate::shipped()?, clock.clone(), environment, &origin).await
}

/// Asks the gate for an act on what the node already holds.
async fn ask(
    program: &Program,
    node: &mut Node,
    act: Act,
    officer: Option<OfficerId>,
) -> Result<Result<(Permit, u64), Refusal>, Error> {
    let (recipient, _) = program.recipient()?;
    let mut request = Request::new(program.agreement(), act, recipient, program.purpose()?);
    request.officer = officer;
    let filed = node.with_stays(&program.filed).await?;
    Ok(match node.decide(request, &filed).await? {
        Answer::Permitted(permit, entry) => Ok((*permit, entry)),
        Answer::Refused(refusal) => Err(refusal),
    })
}

/// Asks for leave to read leads, and notes that they were read and by whom before anything is shown.
async fn read_leads(
    program: &Program,
    node: &mut Node,
    officer: Option<&str>,
    leads: u64,
) -> Result<Result<(), Refusal>, Error> {
    let officer = officer.map(OfficerId::new).transpose()?;
    let permit = match ask(program, node, Act::READ, officer.clone()).await? {
        Ok((_, entry)) => entry,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let told: Vec<_> = officer.iter().map(|officer| ("officer", officer.to_string())).collect();
    let (commitments, openings) = commit(&told)?;
    let drafts = node.drafts_with(vec![(Event::LeadsRead { permit, leads }, commitments)]);
    node.store.note_opened(&openings, &drafts).await?;
    node.drain().await?;
    Ok(Ok(()))
}

/// Shows a path as the caller would type it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
