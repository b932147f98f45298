//! An error of this crate on its way through a plan, which has only room for what it says.

use crate::Error;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps an error for whoever ran the plan.
#[derive(Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<Error>>>);

impl Trouble {
    /// Keeps the first, and returns what goes through the plan in its place.
    pub(super) fn passed(&self, error: Error) -> linkage::Error {
        let problem = error.to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        linkage::Error::FailedPlan { problem }
    }

    /// Returns the error that was kept, once.
    pub(super) fn taken(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
