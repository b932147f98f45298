//! `comity law`: lists, shows or tests law packs. A pack is data: a lawyer can read it, and it is not legal advice.

use super::Done;
use crate::Error;
use crate::printer::Printer;
use agreement::{Calendar, Clock, ClockUnit, Counted, Pack, ProgramPeriod};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Lists the packs that ship with the program
    List,
    /// Shows what a pack says
    Show {
        /// The pack's id, or its folder
        pack: String,
    },
    /// Holds a pack against its own vectors
    Test {
        /// The pack's id, or its folder; all that ship if left out
        pack: Option<String>,
    },
}

impl Words {
    pub(super) fn carry_out(self, printer: &Printer) -> Result<Done, Error> {
        match self.what {
            What::List => {
                let packs = packs()?;
                printer.json(&packs.iter().map(Pack::reference).collect::<Vec<_>>());
                for pack in &packs {
                    let manifest = &pack.manifest;
                    let id = manifest.id.to_string();
                    let lead_in = format!("{id:<10} {:<11} ", manifest.version);
                    printer.wrapped(&lead_in, &manifest.title);
                }
                printer.line("");
                printer.line("A pack is not legal advice: have it read by a lawyer of the place.");
            }
            What::Show { pack } => show(printer, &named(&pack)?),
            What::Test { pack } => {
                let packs = match pack {
                    Some(pack) => vec![named(&pack)?],
                    None => packs()?,
                };
                return test(printer, &packs);
            }
        }
        Ok(Done::Well)
    }
}

fn packs() -> Result<Vec<Pack>, Error> {
    let mut packs = vec![Pack::floor()?];
    packs.extend(Pack::shipped()?);
    Ok(packs)
}

fn named(name: &str) -> Result<Pack, Error> {
    if PathBuf::from(name).is_dir() {
        return Ok(Pack::read_folder(&PathBuf::from(name))?);
    }
    let found = packs()?.into_iter().find(|pack| pack.manifest.id.as_str() == name);
    found.ok_or_else(|| Error::Unrunnable {
        what: format!("there is no law pack `{name}`; `comity law list` shows them"),
    })
}

fn show(printer: &Printer, pack: &Pack) {
    let manifest = &pack.manifest;
    printer.json(&serde_json::json!({ "pack": pack.reference(), "manifest": manifest, "rules": pack.rules() }));
    let lead_in = format!("{} of {}: ", manifest.id, manifest.version);
    printer.hanging(&lead_in, "          ", &manifest.title);
    printer.labelled("digest", &pack.reference().digest.to_string());
    printer
        .wrapped("applies   ", &format!("{} ({})", manifest.regime.applies, manifest.regime.cite));
    for required in &manifest.required {
        printer.wrapped("requires  ", &format!("{} ({})", required.path, required.cite));
    }
    for clock in &manifest.clocks {
        printer.wrapped("clock     ", &clock_words(clock));
    }
    for calendar in &manifest.calendars {
        printer.wrapped("calendar  ", &calendar_words(calendar));
    }
    printer.labelled("rules", &format!("{}", pack.rules().len()));
    for rule in pack.rules() {
        printer.wrapped("          ", &rule);
    }
    for unconfirmed in &manifest.unconfirmed {
        printer.wrapped(
            "unsure    ",
            &format!("{}; until it is confirmed: {}", unconfirmed.what, unconfirmed.reading),
        );
    }
    printer.line("");
    printer.line("A pack is not legal advice: have it read by a lawyer of the place.");
}

fn clock_words(clock: &Clock) -> String {
    let unit = match clock.unit {
        ClockUnit::Hours => "hours",
        ClockUnit::Days => "days",
        ClockUnit::WorkingDays => "working days",
        ClockUnit::Months => "months",
        ClockUnit::Years => "years",
        ClockUnit::Percent => "percent",
        ClockUnit::Count => "at most",
    };
    let sure = if clock.confirmed { "" } else { "; not confirmed against the official text" };
    let from = match clock.from.strip_prefix("back ") {
        Some(from) => format!("back {from}"),
        None => format!("from {}", clock.from),
    };
    let length = if clock.unit == ClockUnit::Count {
        format!("{unit} {} {}", clock.length, clock.from)
    } else {
        format!("{} {unit} {from}", clock.length)
    };
    format!("{length}{} ({}{sure})", counting_words(clock), clock.cite)
}

/// Says how a clock counts, where it says anything of it.
fn counting_words(clock: &Clock) -> String {
    let mut words = Vec::new();
    if clock.counted == Counted::SameDay {
        words.push("the day itself counts".to_owned());
    }
    if clock.mailing_days > 0 {
        words.push(format!("{} days more by mail", clock.mailing_days));
    }
    if clock.ends_on_working_day {
        words.push("a last day without work moves to the next working day".to_owned());
    }
    if let Some(calendar) = &clock.calendar {
        words.push(format!("calendar `{calendar}`"));
    }
    if let Some(zone) = &clock.time_zone {
        words.push(format!("days of {zone}"));
    }
    match clock.program_period {
        Some(ProgramPeriod::Instead) => {
            words.push("a period the program itself fixes stands instead".to_owned());
        }
        Some(ProgramPeriod::Longer) => {
            words.push("the program's own period counts if longer".to_owned());
        }
        None => {}
    }
    if let Some(law) = clock.in_force {
        let to = law.to.map_or_else(String::new, |to| format!(" to {to}"));
        words.push(format!("in force from {}{to}", law.from));
    }
    if words.is_empty() { String::new() } else { format!("; {}", words.join(", ")) }
}

/// Names a calendar's holidays, each once.
fn calendar_words(calendar: &Calendar) -> String {
    let mut names: Vec<&str> = Vec::new();
    for holiday in &calendar.holidays {
        if !names.contains(&holiday.name.as_str()) {
            names.push(&holiday.name);
        }
    }
    format!("`{}`, {} holidays: {}", calendar.id, names.len(), names.join("; "))
}

fn test(printer: &Printer, packs: &[Pack]) -> Result<Done, Error> {
    let (mut right, mut wrong) = (0_u32, Vec::new());
    for pack in packs {
        for outcome in pack.test()? {
            if outcome.is_right() {
                right += 1;
            } else {
                wrong.push(format!(
                    "{} {}: should break {:?}, breaks {:?}",
                    pack.manifest.id, outcome.name, outcome.expected, outcome.found
                ));
            }
        }
    }
    printer.json(&serde_json::json!({ "right": right, "wrong": wrong }));
    for wrong in &wrong {
        printer.wrapped("WRONG     ", wrong);
    }
    printer.labelled("vectors", &format!("{right} right, {} wrong", wrong.len()));
    Ok(if wrong.is_empty() { Done::Well } else { Done::Wrong })
}
