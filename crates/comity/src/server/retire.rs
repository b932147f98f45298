//! Destroys what cases hold whose time is over, as the agreement says (5 U.S.C. 552a(o)(1)(F)). A task of the server.
//!
//! The gate is asked for each case, and what it permits is certified in the ledger ([`crate::destroy`]). On the agreement's
//! last day all that is left is destroyed, the key first, once no case stands; `comity destroy` does the same by hand.

use super::App;
use crate::Error;
use crate::destroy::{Destroying, Timer, destroy_closed, destroy_due};
use std::time::Duration;

/// How often it is looked whether a case's time is over.
const EVERY: Duration = Duration::from_hours(1);

impl App {
    /// Destroys what is over, for ever.
    pub(crate) async fn retire(&self) {
        let mut timer = Timer::default();
        loop {
            if let Err(error) = self.retire_once(&mut timer).await {
                tracing::warn!(why = error.chain(), "what is over was not destroyed");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Destroys all that is over now, and returns how many cases that were.
    ///
    /// # Errors
    /// On the agreement's last day a case is not closed, or the store fails. What was destroyed before that stays so, and is
    /// certified.
    pub async fn retire_once(&self, timer: &mut Timer) -> Result<u64, Error> {
        // The last day comes first: should its work have been interrupted, what is left of cases opens for nobody.
        let last = destroy_due(&mut *self.node().await, self.program(), timer).await;
        let mut cases = destroy_closed(self.desk(), timer).await?;
        if let Some(Destroying::Done(destroyed)) = last? {
            cases += destroyed.rows.get("case_file").copied().unwrap_or_default();
            tracing::info!("all that was obtained under the agreement was destroyed");
        }
        if cases > 0 {
            tracing::info!(cases, "what closed cases held was destroyed");
        }
        Ok(cases)
    }
}
