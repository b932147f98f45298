//! Running the program from the console: what `comity run` does, under the same gate, as an errand that says how far it is
//! and can be told to stop. Steps 1 to 8a of the path.
//!
//! While it runs it has the node: who acts meanwhile is answered, and what they did reaches the ledger when the run lets
//! go of it.

use super::part::{Choice, Field, Form, Wrong};
use super::{Typed, errand};
use crate::release::Withheld;
use crate::run::{Outcome, Step, Watch, run};
use crate::server::ask::ask;
use crate::server::errand::{Ended, Progress, What};
use crate::server::visit::Visit;
use crate::server::{App, Error, SignedIn};
use agreement::{Act, CycleId};
use axum::extract::State;
use axum::response::Response;

/// The form that begins a run, with the cycles of the schedule, the latest chosen.
pub(super) fn form(app: &App, csrf: &str) -> Form {
    let cycles = &app.program().schedule.cycles;
    let choices =
        cycles.iter().map(|cycle| Choice::new(cycle.id.to_string(), cycle.id.to_string()));
    let latest = cycles.last().map(|cycle| cycle.id.to_string()).unwrap_or_default();
    Form::new("/program/run", csrf, "Run the program").field(
        Field::select("cycle", "Cycle", choices.collect()).value(latest).hint(
            "A cycle that was run already is gone on with, where its pilot has been judged since.",
        ),
    )
}

/// `POST /program/run`
pub(super) async fn begin(
    State(app): State<App>,
    visit: Visit,
    officer: SignedIn,
    typed: Typed,
) -> Result<Response, Error> {
    let asked = typed.one("cycle");
    let cycles = &app.program().schedule.cycles;
    let Some(cycle) = cycles.iter().find(|cycle| cycle.id.as_str() == asked) else {
        let wrong = [Wrong::new("cycle", "Choose a cycle of the schedule")];
        let form = form(&app, &visit.csrf).again(&typed, &wrong);
        return Ok(super::wrong(super::program::drawn(&app, &visit, Some(form)).await?));
    };
    // That this officer may begin it; whether it may be run, the gate says to the run itself.
    ask(&app, &officer, Act::ADMINISTER, |_| {}).await?;
    let (there, cycle) = (app.clone(), cycle.id.clone());
    let begun = app
        .errands()
        .begin(app.now(), &officer.officer, What::Run, |progress| async move {
            carry_out(there, cycle, progress).await
        })
        .await?;
    Ok(errand::to(&begun))
}

async fn carry_out(app: App, cycle: CycleId, progress: Progress) -> Result<Ended, Error> {
    let worked = app.with_node(async move |app, node| {
        let mut follow = Follow::of(progress);
        Box::pin(run(app.program(), node, &cycle, &mut follow)).await
    });
    match worked.await?? {
        Outcome::Done(report) | Outcome::Again(report) => {
            let counts = &report.counts;
            Ok(Ended::Ran(vec![
                ("Leads opened", counts.leads_opened),
                ("Held for the pilot", counts.held_for_pilot),
                ("Pairs compared and destroyed", counts.destroyed),
            ]))
        }
        Outcome::Refused(refusal) => Err(Error::Refused(Box::new(refusal))),
        Outcome::Withheld(Withheld::Stopped) => Ok(Ended::Cancelled),
        Outcome::Withheld(why) => {
            Err(Error::NotAllowed { why: format!("what was left was not released: {why}") })
        }
    }
}

/// Tells whoever waits how far the run is, and the run when to stop.
pub(super) struct Follow {
    progress: Progress,
}

impl Follow {
    pub(super) fn of(progress: Progress) -> Follow {
        Follow { progress }
    }
}

impl Watch for Follow {
    fn said(&mut self, _: &Step) {}

    fn progress(&mut self, done: u64, all: u64) {
        self.progress.is_at(done, all);
    }

    fn is_cancelled(&self) -> bool {
        self.progress.is_cancelled()
    }
}
