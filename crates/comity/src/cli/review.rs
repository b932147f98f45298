//! `comity review`: records a person's judgement of a lead. The machine never passes one.

use super::{Done, Which};
use crate::Error;
use crate::clock::Clock;
use crate::desk::{Acted, Desk, Officer};
use crate::printer::Printer;
use agreement::{Gate, OfficerId, OfficerRole};
use casework::{CaseStore as _, Judgement, LeadId, Opinion, Stage, Step, Store as _};

#[derive(Debug, clap::Args)]
#[command(override_usage = "comity review [OPTIONS] <PROGRAM> <LEAD>\n           \
    --judgement <same|not-same|unsure>\n           \
    --reason <REASON> --officer <OFFICER>")]
pub(super) struct Words {
    #[command(flatten)]
    which: Which,
    /// The lead's number
    lead: String,
    /// What was found
    #[arg(
        long,
        value_name = "same|not-same|unsure",
        value_parser = ["same", "not-same", "unsure"],
        hide_possible_values = true
    )]
    judgement: String,
    /// Why, in words
    #[arg(long)]
    reason: String,
    /// The officer who judges
    #[arg(long)]
    officer: String,
    /// Until when a "not-same" is carried into later cycles (RFC 3339); as long as the program lasts if left out
    #[arg(long, value_name = "INSTANT")]
    expires: Option<jiff::Timestamp>,
}

impl Words {
    pub(super) async fn carry_out(
        self,
        clock: &Clock,
        printer: &mut Printer,
    ) -> Result<Done, Error> {
        let judgement = Judgement::read(&self.judgement).ok_or_else(|| Error::Unrunnable {
            what: format!(
                "there is no judgement `{}`; there are same, not-same and unsure",
                self.judgement
            ),
        })?;
        if self.reason.trim().is_empty() {
            return Err(Error::Unrunnable {
                what: "a judgement needs a reason in words".to_owned(),
            });
        }
        if self.expires.is_some_and(|expires| expires <= clock.now()) {
            return Err(Error::Unrunnable {
                what: "the judgement would have expired already".to_owned(),
            });
        }
        let (program, mut node) = self.which.open(clock).await?;
        let lead = LeadId::typed(&self.lead);
        let stage = node.store.lead(&lead).await?.stage;
        if stage != Stage::Open {
            let stage = stage.as_str();
            return Err(casework::Error::NotOpen { lead: lead.to_string(), stage }.into());
        }
        // What an earlier interruption left waiting goes first; if that fails, the gate refuses and says so.
        let _ = node.drain().await;
        // Who may sit at this machine is the agency's to say; at the console, roles come with the account.
        let officer =
            Officer { id: OfficerId::new(&self.officer)?, roles: [OfficerRole::Reviewer].into() };
        let desk = Desk::open(&node, &program, Gate::shipped()?).await?;
        let version = node.store.case(&lead).await?.case.version();
        let reason = self.reason.trim().to_owned();
        let step = Step::Review(Opinion { judgement, reason, expires: self.expires });
        match desk.act(&officer, &lead, version, step).await? {
            Acted::Done(..) => {}
            Acted::Refused(refusal) => {
                let _ = node.drain().await;
                printer.refusal(&refusal);
                return Ok(Done::Refused);
            }
            Acted::NotAllowed(why) => return Err(Error::Unrunnable { what: why.to_string() }),
        }
        // The judgement stands; should the ledger fail now, its entries wait and follow later.
        let _ = node.drain().await;
        // Should it fail, the next look-up tells it.
        let _ = crate::register::tell(&program, &mut node).await;
        printer
            .json(&serde_json::json!({ "lead": lead.as_str(), "judgement": judgement.as_str() }));
        printer.labelled("review", &format!("lead {lead} is judged {}", judgement.as_str()));
        Ok(Done::Well)
    }
}
