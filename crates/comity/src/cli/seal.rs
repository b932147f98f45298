//! `comity seal`: keeps a disclosure from the person concerned for a time, under a power that a law gives. A privacy
//! officer does it; the gate decides, and the sealing itself is recorded.

use super::{Done, Which};
use crate::Error;
use crate::clock::Clock;
use crate::desk::{Desk, Read};
use crate::printer::Printer;
use agreement::{Gate, Seal};
use casework::{LeadId, SealedEntry};

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "comity seal [OPTIONS] <PROGRAM> <LEAD> --entry <ENTRY> --power <POWER>\n           \
    --authority <AUTHORITY> --until <INSTANT> --officer <OFFICER>"
)]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The lead's number
    lead: String,
    /// Where the ledger holds the disclosure
    #[arg(long)]
    entry: u64,
    /// The section of law that gives the power
    #[arg(long)]
    power: String,
    /// Who ordered it
    #[arg(long)]
    authority: String,
    /// Until when (RFC 3339); from then on the person sees it
    #[arg(long, value_name = "INSTANT")]
    until: jiff::Timestamp,
    /// The officer who seals; the account says with which roles
    #[arg(long)]
    officer: String,
}

impl Words {
    pub(super) async fn carry_out(self, clock: &Clock, printer: &Printer) -> Result<Done, Error> {
        let (program, mut node) = self.which.open(clock).await?;
        clock.is_for(program.agreement().environment)?;
        let officer = self.which.officer(&self.officer).await?;
        let now = clock.now();
        let seal =
            Seal { power: self.power, authority: self.authority, from: now, until: self.until };
        let sealed = SealedEntry { lead: LeadId::typed(&self.lead), entry: self.entry, seal };
        // What waits goes first: the gate wants to know whether the ledger can be written.
        let _ = node.drain().await;
        let desk = Desk::open(&node, &program, Gate::shipped()?).await?;
        let until = self.until;
        let answer = desk.seal(&officer, sealed).await?;
        let _ = node.drain().await;
        match answer {
            Read::Shown((), _) => {
                printer
                    .json(&serde_json::json!({ "sealed": self.entry, "until": until.to_string() }));
                let text = format!("entry {} is kept from the person until {until}", self.entry);
                printer.labelled("sealed", &text);
                Ok(Done::Well)
            }
            Read::Refused(refusal) => {
                printer.refusal(&refusal);
                Ok(Done::Refused)
            }
        }
    }
}
