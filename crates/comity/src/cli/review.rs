//! `comity review`: records a person's judgement of a lead. The machine never passes one.

use super::{Done, Which, ask, commit};
use crate::Error;
use crate::clock::Clock;
use crate::event::Event;
use crate::printer::Printer;
use agreement::{Act, OfficerId};
use casework::{Judgement, LeadId, Review, Store};

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
        let officer = OfficerId::new(&self.officer)?;
        let permit = match ask(&program, &mut node, Act::REVIEW, Some(officer.clone())).await? {
            Ok((_, entry)) => entry,
            Err(refusal) => {
                printer.refusal(&refusal);
                return Ok(Done::Refused);
            }
        };
        let review = Review {
            lead: LeadId::typed(&self.lead),
            judgement,
            reason: self.reason.trim().to_owned(),
            officer: officer.to_string(),
            at: node.now(),
            expires: self.expires,
        };
        // Which lead, what was said of it and by whom is committed to and not written: the ledger is for ever.
        let told = [
            ("lead", review.lead.to_string()),
            ("judgement", judgement.as_str().to_owned()),
            ("officer", officer.to_string()),
        ];
        let (commitments, openings) = commit(&told)?;
        let drafts = node.drafts_with(vec![(Event::LeadReviewed { permit }, commitments)]);
        node.store.review(&review, &openings, &drafts).await?;
        // The judgement stands; should the ledger fail now, its entry waits and follows later.
        let _ = node.drain().await;
        printer.json(
            &serde_json::json!({ "lead": review.lead.as_str(), "judgement": judgement.as_str() }),
        );
        printer
            .labelled("review", &format!("lead {} is judged {}", review.lead, judgement.as_str()));
        Ok(Done::Well)
    }
}
