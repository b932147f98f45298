//! `comity run`: the main job.

use super::tls::Tls;
use super::{Done, Which, open_node, shown};
use crate::clock::Clock;
use crate::printer::{Printer, called, thousands};
use crate::program::Program;
use crate::report::{FailedPilot, Report};
use crate::run::{Outcome, Tried, TriedOutcome, run, try_out};
use crate::{Error, extract, node};
use agreement::{CycleId, Decision, Gate, Request};

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The cycle, as the schedule names it; its latest if left out
    #[arg(long)]
    cycle: Option<String>,
    /// Says what the gate would answer and what a run would bring, and opens no lead
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    tls: Tls,
}

impl Words {
    pub(super) async fn carry_out(
        self,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        let places = self.which.places();
        let program = match self.which.load(clock) {
            Err(error @ Error::CannotWrite { .. }) => {
                // A demonstration has to be written somewhere, and so has the ledger: without either nothing moves.
                printer.error(&error);
                return Ok(Done::Refused);
            }
            program => program?,
        };
        let cycle = cycle(&program, self.cycle.as_deref(), clock)?;
        let mut node = match open_node(places, clock, &program).await {
            Err(error) if error.is_unwritable() => {
                return refuse_unrecorded(&program, &cycle, &error, clock, printer);
            }
            node => node?,
        };
        let certificates = self.tls.read()?;
        node.ask_witnesses_over(certificates.map(|own| own.client()).transpose()?);
        if program.agreement().demonstration {
            printer.labelled("demo", "synthetic people, throw-away keys, dates moved to today");
        }
        if self.dry_run {
            return match Box::pin(try_out(&program, &mut node, &cycle, printer)).await? {
                TriedOutcome::Done(tried) => {
                    say_tried(printer, &tried);
                    Ok(Done::Well)
                }
                TriedOutcome::Refused(refusal) => {
                    printer.refusal(&refusal);
                    Ok(Done::Refused)
                }
            };
        }
        match Box::pin(run(&program, &mut node, &cycle, printer)).await? {
            Outcome::Done(report) => self.say(printer, &node, &report),
            Outcome::Again(report) => {
                printer
                    .labelled("done", &format!("cycle {cycle} was run before; nothing is doubled"));
                let counts = &report.counts;
                let (opened, held) =
                    (thousands(counts.leads_opened), thousands(counts.held_for_pilot));
                if let Some(pilot) = &report.failed_pilot {
                    let text = format!("{opened} opened, {held} held: the pilot has failed");
                    printer.labelled("leads", &text);
                    for (label, text) in failed(pilot) {
                        printer.wrapped(label, &text);
                    }
                } else {
                    let text = format!("{opened} opened, {held} held until the pilot is judged");
                    printer.labelled("leads", &text);
                }
                self.say(printer, &node, &report);
            }
            Outcome::Refused(refusal) => {
                printer.refusal(&refusal);
                if let Some(why) = node.ledger_fault() {
                    printer.wrapped("ledger    ", &format!("cannot be written: {why}"));
                }
                return Ok(Done::Refused);
            }
            Outcome::Withheld(why) => {
                printer.json(&serde_json::json!({ "withheld": why.to_string() }));
                printer.wrapped(
                    "next      ",
                    "run it again when the stay is lifted: what was not released goes out then",
                );
                return Ok(Done::Refused);
            }
        }
        Ok(Done::Well)
    }

    fn say(&self, printer: &Printer, node: &node::Node, report: &Report) {
        printer.json(report);
        let path = shown(&self.which.program);
        let out = self
            .which
            .out
            .as_ref()
            .map(|out| format!(" --out {}", out.display()))
            .unwrap_or_default();
        let run = report.run.as_str();
        printer.labelled("report", &shown(&node.places.report(run)));
        if let Some(checkpoint) = node.checkpoint() {
            let entries = thousands(checkpoint.size);
            printer.labelled(
                "ledger",
                &format!("{} ({entries} entries, signed)", shown(&node.places.ledger())),
            );
        }
        printer.labelled("next", &format!("{} leads {path}{out}", called()));
        printer.labelled("", &format!("{} audit {}", called(), shown(node.places.root())));
    }
}

/// Chooses the cycle: the one asked for, or the latest whose day has come.
pub(super) fn cycle(
    program: &Program,
    asked: Option<&str>,
    clock: &Clock,
) -> Result<CycleId, Error> {
    let scheduled = &program.schedule.cycles;
    let names = || scheduled.iter().map(|cycle| cycle.id.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(asked) = asked {
        let asked = CycleId::new(asked)?;
        if scheduled.is_empty() || scheduled.iter().any(|cycle| cycle.id == asked) {
            return Ok(asked);
        }
        let what = format!("the schedule has no cycle `{asked}`; it has {}", names());
        return Err(Error::Unrunnable { what });
    }
    let today = clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let come =
        scheduled.iter().filter(|cycle| cycle.as_of <= today).max_by_key(|cycle| cycle.as_of);
    let first = scheduled.iter().min_by_key(|cycle| cycle.as_of);
    let demonstrated = first.filter(|_| program.agreement().demonstration);
    come.or(demonstrated).map(|cycle| cycle.id.clone()).ok_or_else(|| Error::Unrunnable {
        what: "the schedule has no cycle whose day has come; name one with --cycle".to_owned(),
    })
}

/// Nothing can be written at all: the gate is asked, so that the answer gives its reasons, and refuses.
fn refuse_unrecorded(
    program: &Program,
    cycle: &CycleId,
    error: &Error,
    clock: &Clock,
    printer: &Printer,
) -> Result<Done, Error> {
    let (recipient, _) = program.recipient()?;
    let mut request =
        Request::new(program.agreement(), agreement::Act::RUN, recipient, program.purpose()?);
    request.cycle = Some(cycle.clone());
    request.extracts = program.schedule.extracts();
    request.threshold = Some(program.lowest_threshold());
    for (_, set) in [program.source()?, program.recipient()?] {
        // A file that cannot be counted is a broken rule too, and the refusal says so.
        if let Ok(count) = extract::count(program, set, cycle, &extract::Deliveries::new()) {
            request.counts.insert(set.id.clone(), count);
        }
    }
    request.ledger_writable = false;
    if let Decision::Refusal(refusal) =
        Gate::shipped()?.decide(&request, &program.filed, clock.now())
    {
        printer.refusal(&refusal);
    }
    printer.wrapped(
        "ledger    ",
        &format!("cannot be written, so this refusal is not recorded: {}", error.chain()),
    );
    Ok(Done::Refused)
}

/// Says how a pilot failed, and what can be done.
fn failed(pilot: &FailedPilot) -> [(&'static str, String); 2] {
    let measured = pilot.not_right as f64 / pilot.judged.max(1) as f64;
    let shown = format!(
        "{} of {} judged leads were not right ({:.1} %), surely no more than {:.1} %; the agreement wants less than {:.1} %",
        thousands(pilot.not_right),
        thousands(pilot.judged),
        measured * 100.0,
        pilot.upper_bound * 100.0,
        pilot.bound * 100.0
    );
    let remedy = "what is held stays held under this model (floor F12): agree on a new or a tightened one, which begins a \
                  pilot of its own";
    [("pilot     ", shown), ("          ", remedy.to_owned())]
}

fn say_tried(printer: &Printer, tried: &Tried) {
    printer.json(tried);
    for (rule, alone, cumulative) in &tried.rules {
        printer.wrapped(
            "rule      ",
            &format!("{rule}: {} pairs, {} so far", thousands(*alone), thousands(*cumulative)),
        );
    }
    let (pairs, possible) = (thousands(tried.pairs), thousands(tried.possible));
    printer.labelled("pairs", &format!("{pairs} of {possible} possible would be compared"));
    printer.labelled(
        "expect",
        &format!(
            "{:.0} pairs over {:.2} that are one person, {:.1} that are not",
            tried.expected_true, tried.threshold, tried.expected_false
        ),
    );
    printer.wrapped(
        "          ",
        "pairs, from the base rate alone, before discrepancy and one-to-one; how many have the discrepancy cannot be \
         known without looking",
    );
    printer.labelled("dry run", "no lead was opened; the permits are in the ledger");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pilot_that_failed_is_told_with_its_share_its_bound_and_what_to_do() {
        let pilot = FailedPilot { judged: 40, not_right: 3, upper_bound: 0.182_6, bound: 0.1 };
        let [(_, shown), (_, remedy)] = failed(&pilot);
        for part in ["3 of 40", "7.5 %", "18.3 %", "10.0 %"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(remedy.contains("F12") && remedy.contains("a new or a tightened one"));
    }
}
