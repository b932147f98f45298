//! `comity stay`: records, lists or lifts a stay. From the moment one is recorded nothing in its scope is released.

use super::{Done, Which};
use crate::Error;
use crate::clock::Clock;
use crate::printer::Printer;
use crate::program::read;
use crate::stay;
use agreement::{GroupId, Lift, Scope, Stay};
use casework::Store as _;
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
    /// Lifts a stay, or a part of it, by an order of its own
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
        #[command(flatten)]
        part: Part,
    },
}

/// The part of a stay that is lifted; all of it if nothing is named.
#[derive(Debug, clap::Args)]
struct Part {
    /// Lift it for this element or record set alone; may be given again
    #[arg(long = "element", value_name = "ELEMENT")]
    elements: Vec<String>,
    /// Lift it for this population alone; may be given again
    #[arg(long = "population", value_name = "POPULATION")]
    populations: Vec<GroupId>,
    /// Lift it for this territory alone; may be given again
    #[arg(long = "territory", value_name = "TERRITORY")]
    territories: Vec<GroupId>,
}

impl Part {
    fn scope(self) -> Option<Scope> {
        let scope = Scope {
            elements: self.elements.into_iter().collect(),
            populations: self.populations.into_iter().collect(),
            territories: self.territories.into_iter().collect(),
            ..Scope::default()
        };
        (scope != Scope::default()).then_some(scope)
    }
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
            What::Lift { which, number, order, authority, part } => {
                let part = part.scope();
                if let Some(part) = &part {
                    let program = which.load(clock)?;
                    let doubts = stay::unknown(part, &program.filed);
                    if !doubts.is_empty() {
                        return Err(Error::NothingToLift { doubts });
                    }
                }
                let store = which.open_store().await?;
                let lift = Lift { order: order.clone(), authority, at: clock.now() };
                let rest = stay::lift(&store, number, lift, part.as_ref()).await?;
                Box::pin(drain(&which, clock)).await;
                printer.json(&serde_json::json!({ "lifted": number, "by": order, "rest": rest }));
                let what = if rest.is_some() { "a part of number" } else { "number" };
                printer.labelled("stay", &format!("{what} {number} is lifted by order `{order}`"));
                if let Some(rest) = rest {
                    printer.labelled("", &format!("number {rest} is what remains of it"));
                }
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
    let number = stay::record(&store, &stay).await?;
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
