//! `comity stay`: records, lists or lifts a stay. From the moment one is recorded nothing in its scope is released.

use super::{Done, Which};
use crate::Error;
use crate::clock::Clock;
use crate::event::Event;
use crate::node::{drafts, mark};
use crate::printer::Printer;
use crate::program::read;
use agreement::{Lift, Stay};
use casework::Store;
use ledger::Commitments;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Words {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Records a stay from its file: order, authority, scope
    Record {
        #[command(flatten)]
        which: Which,
        /// The stay's file (TOML)
        file: PathBuf,
    },
    /// Lists the stays
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Lifts a stay, by an order of its own
    #[command(override_usage = "comity stay lift [OPTIONS] <PROGRAM> <NUMBER>\n           \
    --order <ORDER> --authority <AUTHORITY>")]
    Lift {
        #[command(flatten)]
        which: Which,
        /// The stay's number
        number: i64,
        /// The lifting order
        #[arg(long)]
        order: String,
        /// Who ordered it
        #[arg(long)]
        authority: String,
    },
}

impl Words {
    pub(super) async fn carry_out(
        self,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        match self.what {
            What::Record { which, file } => Box::pin(record(&which, &file, clock, printer)).await?,
            What::List { which } => {
                let store = which.open_store().await?;
                let (_, stays) = store.stays().await?;
                let shown: Vec<_> = stays
                    .iter()
                    .map(|stay| {
                        let text: serde_json::Value =
                            serde_json::from_str(&stay.stay).unwrap_or_default();
                        serde_json::json!({
                            "number": stay.number, "stay": text, "recorded_at": stay.recorded_at,
                            "lifted": stay.lifted.as_ref().map(|(at, by)| format!("{at} by {by}")),
                        })
                    })
                    .collect();
                printer.json(&shown);
                if stays.is_empty() {
                    printer.line("no stays");
                }
                for (stay, shown) in stays.iter().zip(&shown) {
                    let order = shown["stay"]["order"].as_str().unwrap_or_default();
                    let stands = format!("recorded {}", stay.recorded_at);
                    printer.line(&format!("{:<4} {order:<30} {stands}", stay.number));
                    if let Some((at, by)) = &stay.lifted {
                        printer.line(&format!("{:35} lifted   {at} by {by}", ""));
                    }
                }
            }
            What::Lift { which, number, order, authority } => {
                let store = which.open_store().await?;
                let (_, stays) = store.stays().await?;
                let recorded =
                    stays.iter().find(|stay| stay.number == number && stay.lifted.is_none());
                let recorded = recorded.ok_or(casework::Error::NoSuchStay { number })?;
                let mut stay: Stay = serde_json::from_str(&recorded.stay)
                    .map_err(|_| Error::OldSummary { what: "stay" })?;
                let at = clock.now();
                stay.lifted = Some(Lift { order: order.clone(), authority: authority.clone(), at });
                let event =
                    Event::StayLifted { stay: recorded.mark.clone(), by: order.clone(), authority };
                let text = serde_json::to_string(&stay).map_err(|_| Error::UnspeakableEvent)?;
                let drafts = drafts(at, vec![(event, Commitments::new())]);
                store.lift_stay(number, &text, &order, &at.to_string(), &drafts).await?;
                Box::pin(drain(&which, clock)).await;
                printer.json(&serde_json::json!({ "lifted": number, "by": order }));
                printer.labelled("stay", &format!("number {number} is lifted by order `{order}`"));
            }
        }
        Ok(Done::Well)
    }
}

/// Records a stay. It takes no run before it and no readable program: a stay comes when it comes.
async fn record(which: &Which, file: &Path, clock: &Clock, printer: &Printer) -> Result<(), Error> {
    let store = which.open_store().await?;
    let mut stay = Stay::read(&read(file)?, &file.display().to_string())?;
    // It counts from when it is recorded here, whatever its file says.
    stay.recorded = clock.now();
    stay.lifted = None;
    let spelled = |scope| serde_json::to_string(scope).map_err(|_| Error::UnspeakableEvent);
    let instant = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let mark = mark()?;
    let event = Event::StayRecorded {
        stay: mark.clone(),
        order: stay.order.clone(),
        authority: stay.authority.clone(),
        scope: spelled(&stay.scope)?,
        from: instant(stay.from),
        until: instant(stay.until),
    };
    let text = serde_json::to_string(&stay).map_err(|_| Error::UnspeakableEvent)?;
    let drafts = drafts(stay.recorded, vec![(event, Commitments::new())]);
    let number = store.record_stay(&mark, &text, &stay.recorded.to_string(), &drafts).await?;
    Box::pin(drain(which, clock)).await;
    // A name that the agreement does not have may be a slip of the pen: the stay stands, and covers all of its sort.
    let doubts = which.load(clock).map(|program| stay.problems(&program.filed)).unwrap_or_default();
    for doubt in &doubts {
        printer.wrapped(
            "note      ",
            &format!("{doubt}; until it is put right, all is taken to be meant"),
        );
    }
    printer.json(&serde_json::json!({ "stay": number, "order": stay.order, "doubts": doubts }));
    printer.labelled("stay", &format!("number {number}, order `{}`, counts from now", stay.order));
    Ok(())
}

/// Brings the stay's entry to the ledger, if that can be written now. It counts once it is in the store: while a run
/// holds the ledger, the run takes the line along.
async fn drain(which: &Which, clock: &Clock) {
    if let Ok((_, mut node)) = which.open(clock).await {
        let _ = node.drain().await;
    }
}
