//! `comity stay`: records, lists or lifts a stay. From the moment one is recorded nothing in its scope is released.

use super::{Done, Which};
use crate::Error;
use crate::clock::Clock;
use crate::event::Event;
use crate::printer::Printer;
use crate::program::read;
use agreement::{Lift, Stay};
use casework::Store;
use std::path::PathBuf;

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
            What::Record { which, file } => {
                let (_, mut node) = which.open(clock).await?;
                let mut stay = Stay::read(&read(&file)?, &file.display().to_string())?;
                // It counts from when it is recorded here, whatever its file says.
                stay.recorded = node.now();
                stay.lifted = None;
                let spelled =
                    |value| serde_json::to_string(value).map_err(|_| Error::UnspeakableEvent);
                let instant =
                    |at: Option<jiff::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
                let event = Event::StayRecorded {
                    order: stay.order.clone(),
                    authority: stay.authority.clone(),
                    scope: spelled(&stay.scope)?,
                    from: instant(stay.from),
                    until: instant(stay.until),
                };
                let text = serde_json::to_string(&stay).map_err(|_| Error::UnspeakableEvent)?;
                let leaves = node.leaves(&[event])?;
                let number =
                    node.store.record_stay(&text, &stay.recorded.to_string(), &leaves).await?;
                // A stay counts once it is in the store, even while the ledger cannot be written.
                let _ = node.drain().await;
                printer.json(&serde_json::json!({ "stay": number, "order": stay.order }));
                printer.labelled(
                    "stay",
                    &format!("number {number}, order `{}`, counts from now", stay.order),
                );
            }
            What::List { which } => {
                let (_, node) = which.open(clock).await?;
                let (_, stays) = node.store.stays().await?;
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
                let (_, mut node) = which.open(clock).await?;
                let (_, stays) = node.store.stays().await?;
                let recorded =
                    stays.iter().find(|stay| stay.number == number && stay.lifted.is_none());
                let recorded = recorded.ok_or(casework::Error::NoSuchStay { number })?;
                let mut stay: Stay = serde_json::from_str(&recorded.stay)
                    .map_err(|_| Error::OldSummary { what: "stay" })?;
                let at = node.now();
                stay.lifted = Some(Lift { order: order.clone(), authority: authority.clone(), at });
                let event =
                    Event::StayLifted { order: stay.order.clone(), by: order.clone(), authority };
                let text = serde_json::to_string(&stay).map_err(|_| Error::UnspeakableEvent)?;
                let leaves = node.leaves(&[event])?;
                node.store.lift_stay(number, &text, &order, &at.to_string(), &leaves).await?;
                let _ = node.drain().await;
                printer.json(&serde_json::json!({ "lifted": number, "by": order }));
                printer.labelled("stay", &format!("number {number} is lifted by order `{order}`"));
            }
        }
        Ok(Done::Well)
    }
}
