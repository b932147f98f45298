//! `comity demo`: a node to look at, on synthetic people. It makes the files, runs the program, has demonstration
//! officers take real steps through the gate, as of days in the past, and then serves. Nothing is written into a table
//! by hand: what the console shows is what the program did.

use super::{Done, shown, synth};
use crate::Error;
use crate::clock::Clock;
use crate::printer::Printer;
use crate::program;
use crate::run::{Outcome, run};
use crate::server::demonstration::{Lived, Troupe};
use crate::server::{App, Config};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

/// The worked example, as it is shipped.
const FILES: [(&str, &str); 4] = [
    ("agreement.toml", include_str!("../../../../examples/benefits/agreement.toml")),
    ("schedule.toml", include_str!("../../../../examples/benefits/schedule.toml")),
    ("publications.toml", include_str!("../../../../examples/benefits/publications.toml")),
    ("recipe.toml", include_str!("../../../../examples/benefits/recipe.toml")),
];

/// How many days ago the demonstration's first run was: long enough for a notice's time to answer to have ended.
const BEGAN_DAYS_AGO: i64 = 70;
/// How many days ago the leads opened that the pilot had held. A lead is due after thirty days: what nobody has looked at
/// is due soon, and nothing of it is late.
const OPENED_DAYS_AGO: i64 = 26;
/// And on which days officers then looked at some of them, so that what is due is spread over the days to come.
const LOOKED_ON_DAYS_AGO: [i64; 4] = [21, 15, 6, 2];
/// When those of the pilot were heard, and acted on.
const HEARD_DAYS_AGO: i64 = 9;

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    /// Where it is made; a folder of its own under the system's temporary one if left out
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// About how many leads
    #[arg(long, default_value_t = 500)]
    leads: u32,
    /// The port; a free one if left out
    #[arg(long, default_value_t = 0)]
    port: u16,
}

impl Words {
    pub(super) async fn carry_out(
        self,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => std::env::temp_dir().join(format!("comity-demo-{}", crate::node::mark()?)),
        };
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await;
        let failed = |source: std::io::Error| Error::Unreachable {
            address: format!("127.0.0.1:{}", self.port),
            why: source.to_string(),
        };
        let listener = listener.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let config = Config::of_demonstration(folder.join("program"), folder.join("work"), address);
        let (lived, troupe) = if folder.join("work").join("accounts.sqlite").exists() {
            (Lived::default(), Troupe::open(&config).await?)
        } else {
            printer.labelled("demo", "synthetic people, invented agencies, throw-away keys");
            Box::pin(self.make(&config, clock, printer)).await?
        };
        let app = App::open(config, clock.clone()).await?;
        printer.labelled("folder", &shown(&folder));
        printer.labelled("listening", &format!("http://localhost:{}", address.port()));
        printer.line("");
        printer.line("Sign in as one of these; each link counts once:");
        for (name, roles, link) in troupe.links(clock.now()).await? {
            printer.labelled("", &format!("http://localhost:{}{link}", address.port()));
            printer.labelled("", &format!("  {name}: {roles}"));
        }
        if let Some((case, code)) = &lived.letter {
            printer.line("");
            printer.line("And as somebody who got a letter:");
            printer.labelled("", &format!("http://localhost:{}/me", address.port()));
            printer.labelled("", &format!("  number {case}, code {code}"));
        }
        printer.line("");
        printer.line("Ctrl-C ends it. The folder stays.");
        app.serve(listener, super::serve::told_to_stop()).await?;
        Ok(Done::Well)
    }

    /// Makes the node: files, run, pilot, steps.
    async fn make(
        &self,
        config: &Config,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<(Lived, Troupe), Error> {
        // Of 35 people on each side two are leads, as the files are made and the example's agreement looks at them.
        let people = (self.leads.max(120) * 35 / 2).min(87_500);
        write_program(&config.program, people)?;
        synth::Words::people(&config.program, people).carry_out(&Printer::new(false))?;
        printer.labelled("people", &format!("{people} on each side, made up"));
        let troupe = Troupe::make(config, clock.now()).await?;
        let began = days_before(clock.now(), BEGAN_DAYS_AGO);
        let app = App::open(config.clone(), Clock::fixed(began)).await?;
        let cycle = "2027Q1".parse()?;
        // The pilot's sample first; when people have judged it, the rest opens.
        carried(Box::pin(run(app.program(), &mut *app.node().await, &cycle, &mut Quiet)).await?)?;
        let mut lived = Lived::default();
        lived.list(&app).await?;
        lived.judge_the_pilot(&app).await?;
        lived.begin(&app).await?;
        drop(app);
        let on = async |days| {
            App::open(config.clone(), Clock::fixed(days_before(clock.now(), days))).await
        };
        let app = on(OPENED_DAYS_AGO).await?;
        let opened = carried(
            Box::pin(run(app.program(), &mut *app.node().await, &cycle, &mut Quiet)).await?,
        )?;
        printer.labelled("leads", &opened);
        lived.list(&app).await?;
        drop(app);
        // The ledger's time only goes forward.
        let mut days: Vec<i64> = LOOKED_ON_DAYS_AGO.into_iter().chain([HEARD_DAYS_AGO]).collect();
        days.sort_unstable_by_key(|days| std::cmp::Reverse(*days));
        for ago in days {
            let app = on(ago).await?;
            if ago == HEARD_DAYS_AGO {
                lived.hear(&app).await?;
            } else {
                lived.look_on(&app, LOOKED_ON_DAYS_AGO.len()).await?;
            }
        }
        let app = on(0).await?;
        lived.write_to_somebody(&app, clock.now()).await?;
        printer.labelled(
            "steps",
            &format!("{} taken on {} cases, each through the gate", lived.steps, lived.cases),
        );
        for why in &lived.refused {
            printer.wrapped("refused   ", why);
        }
        Ok((lived, troupe))
    }
}

fn days_before(now: Timestamp, days: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap_or(now)
}

/// Writes the example's program, for more people than it is signed for: a demonstration is signed anew at each start.
fn write_program(folder: &Path, people: u32) -> Result<(), Error> {
    for (name, text) in FILES {
        let payroll = u64::from(people) * 11 / 10;
        let text = text
            .replace("approx_count = 2000", &format!("approx_count = {payroll}"))
            .replace("approx_count = 1500", &format!("approx_count = {people}"))
            .replace("sample = 40", "sample = 80");
        program::write(&folder.join(name), &text)?;
    }
    Ok(())
}

fn carried(outcome: Outcome) -> Result<String, Error> {
    let unrunnable = |what: String| Err(Error::Unrunnable { what });
    match outcome {
        Outcome::Done(report) | Outcome::Again(report) => {
            let counts = &report.counts;
            Ok(format!("{} opened, {} held", counts.leads_opened, counts.held_for_pilot))
        }
        Outcome::Refused(refusal) => {
            unrunnable(format!("the gate refused the run: {}", refusal.ids().join(", ")))
        }
        Outcome::Withheld(why) => unrunnable(format!("the run was withheld: {why}")),
    }
}

/// Nobody watches the runs of a demonstration.
struct Quiet;

impl crate::run::Watch for Quiet {
    fn said(&mut self, _: &crate::run::Step) {}
    fn progress(&mut self, _: u64, _: u64) {}
}
