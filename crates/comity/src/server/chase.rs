//! Sends corrections to those who got what is corrected, and goes on until each has acknowledged (floor F7).
//!
//! A task of the server. An attempt is noted before it is made, and is made once the ledger holds that it is: what
//! leaves the node has its entry first (floor F9). When the next one is due, [`casework::Delivery`] says.

use super::correction::{Message, send};
use super::{App, Error};
use casework::store::cases::Dispatch;
use casework::{Acknowledgement, CaseStore as _, Standing};
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
        Ok(acknowledged)
    }

    async fn chase_one(&self, dispatch: &Dispatch) -> Result<bool, Error> {
        let case = self.desk().store().case(&dispatch.case).await?.case;
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
