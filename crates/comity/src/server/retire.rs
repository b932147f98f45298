//! Destroys what cases hold whose time is over, as the agreement says (5 U.S.C. 552a(o)(1)(F)). A task of the server.
//!
//! The gate is asked for each case, and what it permits is certified in the ledger ([`crate::destroy`]). All that is left
//! on the agreement's last day is for an operator to destroy: `comity destroy` takes the key too.

use super::App;
use crate::Error;
use crate::destroy::destroy_closed;
use std::time::Duration;

/// How often it is looked whether a case's time is over.
const EVERY: Duration = Duration::from_hours(1);

impl App {
    /// Destroys what is over, for ever.
    pub(crate) async fn retire(&self) {
        loop {
            if let Err(error) = self.retire_once().await {
                tracing::warn!(%error, "what is over was not destroyed");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Destroys all that is over now, and returns how many cases that were.
    ///
    /// # Errors
    /// The store fails. What was destroyed before that stays so, and is certified.
    pub async fn retire_once(&self) -> Result<u64, Error> {
        let mut all = 0;
        loop {
            let destroyed = destroy_closed(self.desk()).await?;
            if destroyed == 0 {
                return Ok(all);
            }
            all += destroyed;
            tracing::info!(cases = destroyed, "what closed cases held was destroyed");
        }
    }
}
