//! `comity look-up`: answers an officer's request about persons of the caseload who are named one by one. What is found
//! becomes leads, for a person to judge; the gate says first whether this officer may ask about so many (floor F4).

use super::run::cycle;
use super::tls::Tls;
use super::{Done, Which, open_node, read_leads, shown};
use crate::Error;
use crate::clock::Clock;
use crate::node::Node;
use crate::printer::{Printer, called, thousands};
use crate::program::Program;
use crate::report::Report;
use crate::run::look_up::{give_up, look_up};
use crate::run::{Outcome, Rows};
use agreement::Refusal;
use casework::{CaseStore as _, Lead, Store as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "comity look-up [OPTIONS] <PROGRAM> <ROWS> --officer <OFFICER>\n       \
    comity look-up <PROGRAM> --give-up <LOOK-UP> --officer <OFFICER>"
)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The rows (CSV, or Parquet by its ending): each has a case's number, and all that the caseload is matched on, under the
    /// agreement's names
    #[arg(required_unless_present = "give_up")]
    rows: Option<PathBuf>,
    /// Give up a look-up that was broken off: what it found and had not released is disclosed to nobody
    #[arg(long, value_name = "LOOK-UP", conflicts_with_all = ["rows", "cycle"])]
    give_up: Option<String>,
    /// The officer who asks; the account says with which roles
    #[arg(long)]
    officer: String,
    /// The cycle whose files are looked in; the latest if left out
    #[arg(long)]
    cycle: Option<String>,
    #[command(flatten)]
    tls: Tls,
}

/// How many rows that lack something are told one by one as lines.
const MOST_ROWS: usize = 20;

/// What is known of one person who was asked about.
#[derive(serde::Serialize)]
struct Answered<'lead> {
    case: &'lead str,
    leads: Vec<Told<'lead>>,
    /// Leads about the same case that were opened before.
    opened_before: BTreeSet<String>,
}

#[derive(serde::Serialize)]
struct Told<'lead> {
    lead: &'lead str,
    weight: f64,
    probability: f64,
}

impl Words {
    pub(super) async fn carry_out(
        self,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        let program = self.which.load(clock)?;
        let Some(rows) = &self.rows else {
            return self.give_up(&program, clock, printer).await;
        };
        let cycle = cycle(&program, self.cycle.as_deref(), clock)?;
        let rows = Rows::read(&program, rows)?;
        let mut node = open_node(self.which.places(), clock, &program).await?;
        let certificates = self.tls.read()?;
        node.ask_witnesses_over(certificates.map(|own| own.client()).transpose()?);
        let officer = self.which.officer(&self.officer).await?;
        let asked = look_up(&program, &mut node, &officer, &rows, &cycle, printer);
        match Box::pin(asked).await? {
            Outcome::Done(report) | Outcome::Again(report) => {
                self.say(printer, (&program, &mut node), &rows, &report).await?;
                Ok(Done::Well)
            }
            Outcome::Refused(refusal) => {
                say_refused(printer, &refusal, &rows);
                if let Some(why) = node.ledger_fault() {
                    printer.wrapped("ledger    ", &format!("cannot be written: {why}"));
                }
                Ok(Done::Refused)
            }
            Outcome::Withheld(why) => {
                printer.json(&serde_json::json!({ "withheld": why.to_string() }));
                printer.wrapped(
                    "next      ",
                    "ask again with the same rows: what was not released goes out then, if it may",
                );
                Ok(Done::Refused)
            }
        }
    }

    /// Gives up a look-up that was broken off.
    async fn give_up(
        &self,
        program: &Program,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        let name = self.give_up.as_deref().unwrap_or_default();
        let mut node = open_node(self.which.places(), clock, program).await?;
        let officer = self.which.officer(&self.officer).await?;
        let given_up = give_up(program, &mut node, &officer, name, printer);
        let report = match Box::pin(given_up).await? {
            Ok(report) => report,
            Err(refusal) => {
                printer.refusal(&refusal);
                return Ok(Done::Refused);
            }
        };
        printer.json(&serde_json::json!({
            "given_up": report.run, "report": shown(&node.places.report(&report.run)),
        }));
        let text =
            format!("{}: what was not released stays so, and the matter is over", report.run);
        printer.wrapped("given up  ", &text);
        Ok(Done::Well)
    }

    /// Returns the leads about each case that were opened before this look-up. To read these takes a permit of its own, and is
    /// recorded; where it is refused they are not told of.
    async fn of_before(
        &self,
        (program, node): (&Program, &mut Node),
        rows: &Rows,
        run: &str,
    ) -> Result<Result<BTreeMap<String, BTreeSet<String>>, Refusal>, Error> {
        let new: BTreeSet<String> = (node.store.leads(Some(run)).await?.into_iter())
            .map(|lead| lead.found.id.to_string())
            .collect();
        let mut before: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for case in rows.cases() {
            let disclosed = node.store.disclosed_about(case).await?;
            let leads = disclosed.into_iter().map(|disclosed| disclosed.lead.to_string());
            let leads: BTreeSet<String> = leads.filter(|lead| !new.contains(lead)).collect();
            if !leads.is_empty() {
                before.insert(case.to_owned(), leads);
            }
        }
        let count: usize = before.values().map(BTreeSet::len).sum();
        // Asked though there be none, or a refusal would say that there are some.
        let read = read_leads(program, node, Some(&self.officer), count as u64).await?;
        Ok(read.map(|()| before))
    }

    async fn say(
        &self,
        printer: &Printer,
        (program, node): (&Program, &mut Node),
        rows: &Rows,
        report: &Report,
    ) -> Result<(), Error> {
        let mut leads = node.store.leads(Some(&report.run)).await?;
        // What is not disclosed is nobody's to read.
        leads.retain(|lead| lead.returned.is_some());
        let (before, unread) = match self.of_before((program, node), rows, &report.run).await? {
            Ok(before) => (before, None),
            Err(refusal) => (BTreeMap::new(), Some(refusal)),
        };
        let mut answers = Vec::new();
        for case in rows.cases() {
            let of_case = |lead: &&Lead| lead.found.case_id.trim() == case;
            let mut new: Vec<&Lead> = leads.iter().filter(of_case).collect();
            new.sort_by(|one, other| other.found.weight.total_cmp(&one.found.weight));
            let told = new.iter().map(|lead| Told {
                lead: lead.found.id.as_str(),
                weight: lead.found.weight,
                probability: lead.found.probability,
            });
            let opened_before = before.get(case).cloned().unwrap_or_default();
            answers.push(Answered { case, leads: told.collect(), opened_before });
        }
        printer.json(&serde_json::json!({
            "look_up": report.run, "files": report.cycle, "persons": rows.len(), "answers": answers,
            "before_refused": unread.as_ref().map(|refusal| &refusal.reasons),
            "report": shown(&node.places.report(&report.run)),
        }));
        let text = format!("{} of {} persons", report.run, thousands(rows.len() as u64));
        printer.labelled("look-up", &text);
        for answer in &answers {
            for told in &answer.leads {
                let text = format!(
                    "{}: lead {}, weight {:.2}, probability {:.6}",
                    answer.case, told.lead, told.weight, told.probability
                );
                printer.wrapped("case      ", &text);
            }
            for lead in &answer.opened_before {
                printer
                    .wrapped("case      ", &format!("{}: lead {lead} is of before", answer.case));
            }
            if answer.leads.is_empty() && answer.opened_before.is_empty() && unread.is_none() {
                printer.wrapped("case      ", &format!("{}: nothing to look at", answer.case));
            }
        }
        if let Some(refusal) = &unread {
            printer.wrapped(
                "before    ",
                "what was opened before is not shown, since reading it was refused:",
            );
            printer.reasons(refusal);
        }
        let first = answers.iter().find_map(|answer| answer.leads.first());
        if let Some(first) = first {
            let out = self.which.out.as_ref();
            let out = out.map(|out| format!(" --out {}", out.display())).unwrap_or_default();
            let path = shown(&self.which.program);
            printer.labelled("next", &format!("{} explain {path} {}{out}", called(), first.lead));
        }
        Ok(())
    }
}

/// Says why a look-up was refused, and which rows lack something where that is a reason: as the officer's own file tells it.
fn say_refused(printer: &Printer, refusal: &Refusal, rows: &Rows) {
    let is_of_rows = refusal.ids().contains(&"F4-rows");
    let lacking = if is_of_rows { rows.lacking() } else { Vec::new() };
    printer.json(&serde_json::json!({ "refused": refusal.reasons, "rows": lacking }));
    printer.reasons(refusal);
    if !is_of_rows {
        return;
    }
    printer.line("");
    for row in lacking.iter().take(MOST_ROWS) {
        printer.wrapped("row       ", &format!("{} lacks {}", row.row, row.lacks.join(", ")));
    }
    if let Some(more @ 1..) = lacking.len().checked_sub(MOST_ROWS) {
        printer.wrapped("          ", &format!("and {} rows more", thousands(more as u64)));
    }
    if lacking.is_empty() {
        printer.wrapped(
            "row       ",
            "each gives a value for everything; one or more name no case of the caseload, or are not as the caseload has them. \
             Which ones is not said: that would be a way to try values out",
        );
    }
}
