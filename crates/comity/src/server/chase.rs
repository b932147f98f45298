//! Sends corrections to those who got what is corrected, disputes to the source and answers to who disputed, and goes on
//! until each has acknowledged (floor F7).
//!
//! A task of the server. An attempt is noted before it is made, and is made once the ledger holds that it is: what
//! leaves the node has its entry first (floor F9). When the next one is due, [`casework::Delivery`] says.

use super::correction::{Message, send};
use super::{App, Error, dispute};
use casework::store::accounts::{AccountStore as _, Raised};
use casework::store::cases::Dispatch;
use casework::{Acknowledgement, Case, CaseStore as _, Delivery, Dispute, Standing};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How often it is looked whether a correction is due.
const EVERY: Duration = Duration::from_secs(20);

/// How many are sent in one go.
const AT_ONCE: u32 = 32;

impl App {
    /// Sends what is due, for ever.
    pub(crate) async fn chase(&self) {
        loop {
            if let Err(error) = self.chase_once().await {
                tracing::warn!(%error, "corrections were not sent");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Sends the corrections that are due, and returns how many were acknowledged.
    ///
    /// # Errors
    /// The store or the ledger cannot be written. A recipient that does not answer is no error: it is asked again.
    pub async fn chase_once(&self) -> Result<u64, Error> {
        let due = self.desk().store().corrections_due(self.now(), AT_ONCE).await?;
        let mut acknowledged = 0;
        for dispatch in due {
            acknowledged += u64::from(self.chase_one(&dispatch).await?);
        }
        for raised in self.accounts().answers_due(self.now().as_second(), AT_ONCE).await? {
            acknowledged += u64::from(self.chase_answer(&raised).await?);
        }
        Ok(acknowledged)
    }

    /// Sends a dispute to the source; and, once its day has passed without an answer, again each day.
    async fn chase_dispute(
        &self,
        dispatch: &Dispatch,
        case: &Case,
        dispute: &Dispute,
    ) -> Result<bool, Error> {
        let objection = dispute.objection();
        let message = dispute::Message {
            number: format!("{}/{}", dispatch.case, dispatch.number),
            agreement: case.terms().agreement.clone(),
            from: self.party().to_string(),
            to: dispatch.delivery.recipient.to_string(),
            lead: dispatch.case.to_string(),
            element: objection.element.to_string(),
            reason: objection.reason.clone(),
            answer_due: objection.answer_due.to_string(),
        };
        let dispatch = self.desk().note_dispute_sent(dispatch).await?;
        self.until_drained().await?;
        match dispute::send(self, &message).await {
            Ok(_) => {
                // Taken: it is asked after when its day has passed, and each day from then on.
                let day = SignedDuration::from_hours(24);
                let tomorrow = self.now().checked_add(day).unwrap_or(Timestamp::MAX);
                let next = objection.answer_due.max(tomorrow);
                self.desk().ask_again(&dispatch, Some(next)).await?;
                Ok(true)
            }
            Err(error) => {
                tracing::warn!(why = error.chain(), "a dispute was not taken");
                Ok(false)
            }
        }
    }

    /// Sends an answer to a dispute until it is acknowledged.
    async fn chase_answer(&self, raised: &Raised) -> Result<bool, Error> {
        let (party, number) = (&raised.message.party, &raised.message.number);
        let recipient = party.parse().map_err(|_| Error::NotFound)?;
        let delivery =
            Delivery { attempts: raised.attempts, ..Delivery::queued(recipient, self.now()) };
        let delivery = delivery.attempted(self.now());
        let next = delivery.next.map(Timestamp::as_second);
        self.accounts().note_answer(party, number, delivery.attempts, next).await?;
        match dispute::send_answer(self, raised).await {
            Ok(_) => {
                self.accounts().note_answer(party, number, delivery.attempts, None).await?;
                Ok(true)
            }
            Err(error) => {
                tracing::warn!(%error, "an answer to a dispute was not acknowledged");
                Ok(false)
            }
        }
    }

    async fn chase_one(&self, dispatch: &Dispatch) -> Result<bool, Error> {
        let case = self.desk().store().case(&dispatch.case).await?.case;
        if let Some(number) = case.dispute_opened_by(dispatch.number) {
            let open = case.disputes().get(number.saturating_sub(1) as usize);
            let Some(dispute) = open.filter(|dispute| dispute.is_open()) else {
                // Answered on paper, or meanwhile.
                self.desk().ask_again(dispatch, None).await?;
                return Ok(false);
            };
            return self.chase_dispute(dispatch, &case, dispute).await;
        }
        let Standing::Correction(correction) = case.standing() else { return Ok(false) };
        let message = Message {
            number: format!("{}/{}", dispatch.case, dispatch.number),
            agreement: case.terms().agreement.clone(),
            from: self.party().to_string(),
            to: dispatch.delivery.recipient.to_string(),
            lead: dispatch.case.to_string(),
            words: correction.order().words.clone(),
            splits: correction.order().splits,
        };
        // If we crash after this, the attempt counts and it is sent again when it is due: the recipient takes the same
        // message twice, and answers alike.
        let dispatch = self.desk().note_sent(dispatch, false).await?;
        self.until_drained().await?;
        match send(self, &message).await {
            Ok(answer) => {
                let recipient = dispatch.delivery.recipient.clone();
                let acknowledgement = Acknowledgement { recipient, answer };
                let acted = self.desk().note_acknowledged(&dispatch.case, acknowledgement).await?;
                self.done(acted)?;
                self.metrics().correction("acknowledged");
                Ok(true)
            }
            Err(error) => {
                self.metrics().correction("unanswered");
                tracing::warn!(why = error.chain(), "a correction was not acknowledged");
                Ok(false)
            }
        }
    }
}
