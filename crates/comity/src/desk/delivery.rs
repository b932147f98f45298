//! What the desk notes of messages between nodes: that a correction or a dispute was sent, and what a party's signed answer
//! says. No officer acts here: the other party's signature is the authority for it, and whoever calls has verified it.

use super::{Acted, Desk};
use crate::Error;
use crate::event::Event;
use crate::node::drafts;
use casework::{
    Acknowledgement, Actor, CaseStore as _, Dispatch, DisputeAnswer, Drafts, LeadId, Step,
};
use jiff::Timestamp;
use ledger::Commitments;

impl Desk {
    /// Notes that a recipient acknowledged a correction, by the digest of its signed answer.
    ///
    /// # Errors
    /// As [`Desk::act`].
    pub async fn note_acknowledged(
        &self,
        case: &LeadId,
        acknowledgement: Acknowledgement,
    ) -> Result<Acted, Error> {
        self.note_answer(case, Step::Acknowledge(acknowledgement), None).await
    }

    /// Notes the source's answer to a dispute, by the digest of the signed message.
    ///
    /// # Errors
    /// As [`Desk::act`].
    pub async fn note_settled(
        &self,
        case: &LeadId,
        answer: DisputeAnswer,
        digest: &str,
    ) -> Result<Acted, Error> {
        let event = Event::DisputeSettled {
            case: case.to_string(),
            number: u64::from(answer.number),
            settled: answer.settled.as_str().to_owned(),
            answer: digest.to_owned(),
        };
        self.note_answer(case, Step::AnswerDispute(answer), Some(event)).await
    }

    async fn note_answer(
        &self,
        case: &LeadId,
        step: Step,
        told: Option<Event>,
    ) -> Result<Acted, Error> {
        let stored = self.store().case(case).await?;
        match stored.case.step(&step, &Actor::Machine, self.now()) {
            Ok(case) => self.store_step(case, stored.weight, None, told).await,
            Err(why) => Ok(Acted::NotAllowed(why)),
        }
    }

    /// Notes that a dispute is being sent to the source, and when it is sent again, or asked after.
    ///
    /// # Errors
    /// The store fails.
    pub async fn note_dispute_sent(&self, dispatch: &Dispatch) -> Result<Dispatch, Error> {
        let event = |sent: &Dispatch| Event::DisputeSent {
            case: sent.case.to_string(),
            number: sent.number,
            source: sent.delivery.recipient.to_string(),
            attempt: u64::from(sent.delivery.attempts),
        };
        self.note_attempt(dispatch, event).await
    }

    /// Notes that a correction was sent, or that sending it failed: it is sent again until it is acknowledged.
    ///
    /// # Errors
    /// The store fails.
    pub async fn note_sent(&self, dispatch: &Dispatch, arrived: bool) -> Result<Dispatch, Error> {
        let event = |sent: &Dispatch| Event::CorrectionSent {
            case: sent.case.to_string(),
            number: sent.number,
            recipient: sent.delivery.recipient.to_string(),
            attempt: u64::from(sent.delivery.attempts),
            arrived,
        };
        self.note_attempt(dispatch, event).await
    }

    async fn note_attempt(
        &self,
        dispatch: &Dispatch,
        event: impl FnOnce(&Dispatch) -> Event,
    ) -> Result<Dispatch, Error> {
        let now = self.now();
        let mut sent = dispatch.clone();
        sent.delivery = sent.delivery.attempted(now);
        let told = drafts(now, vec![(event(&sent), Commitments::new())]);
        self.store().note_delivery(&sent, told).await?;
        Ok(sent)
    }

    /// Notes when a dispute that the source has taken is asked after.
    ///
    /// # Errors
    /// The store fails.
    pub async fn ask_again(
        &self,
        dispatch: &Dispatch,
        next: Option<Timestamp>,
    ) -> Result<(), Error> {
        let mut taken = dispatch.clone();
        taken.delivery.next = next;
        self.store().note_delivery(&taken, Drafts::none()).await?;
        Ok(())
    }
}
