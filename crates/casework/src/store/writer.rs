//! Many callers' steps in one commit: whoever comes while a transaction is being written waits in a row, and the next
//! transaction takes all of them. Each is answered after the commit that holds its step.
//!
//! What one of them got wrong (another was first, its entry cannot be spelled) is found before anything of it is
//! written, so that the others are not held up. When the database itself fails, each is tried again alone and hears its
//! own error; when it cannot be reached, all hear that. The writing goes on when a caller stops waiting: nobody else's
//! step hangs on that.

use super::cases::Moving;
use crate::Error;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The most steps in one commit: it bounds how long the first of them waits.
const MOST: usize = 256;

/// Stores the steps of several callers in one transaction.
pub(super) trait Together: Clone + Send + Sync + 'static {
    /// Stores steps in one transaction. The outer error is the database's: then nothing of any of them is stored. An
    /// inner one is of that step alone, of which nothing was written.
    fn together(
        &self,
        moving: &[Moving],
    ) -> impl Future<Output = Result<Vec<Result<Vec<i64>, Error>>, Error>> + Send;
}

/// Writes steps for many callers.
#[derive(Debug, Default)]
pub(super) struct Writer {
    row: Mutex<Row>,
}

#[derive(Debug, Default)]
struct Row {
    waiting: VecDeque<Waiting>,
    at_work: bool,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Waiting {
    moving: Moving,
    answer: oneshot::Sender<Result<Vec<i64>, Error>>,
}

impl Writer {
    /// Stores a step together with others, and answers once it is durable.
    pub(super) async fn take(
        self: &Arc<Self>,
        database: &impl Together,
        moving: Moving,
    ) -> Result<Vec<i64>, Error> {
        let (answer, heard) = oneshot::channel();
        {
            let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
            row.waiting.push_back(Waiting { moving, answer });
            if !row.at_work {
                row.at_work = true;
                while row.tasks.try_join_next().is_some() {}
                let (writer, database) = (Arc::clone(self), database.clone());
                row.tasks.spawn(async move { writer.write(&database).await });
            }
        }
        heard.await.map_err(|_| Error::Unanswered)?
    }

    async fn write(&self, database: &impl Together) {
        let rest = Rest(self);
        loop {
            let batch: Vec<Waiting> = {
                let mut row = self.row.lock().unwrap_or_else(PoisonError::into_inner);
                let most = row.waiting.len().min(MOST);
                let batch: Vec<Waiting> = row.waiting.drain(..most).collect();
                if batch.is_empty() {
                    row.at_work = false;
                    // Another caller may begin a task of its own from here on: this one ends as it ought to.
                    std::mem::forget(rest);
                    return;
                }
                batch
            };
            let (moving, answers): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.moving, waiting.answer)).unzip();
            let results = match database.together(&moving).await {
                Ok(results) => results,
                Err(Error::Store(sqlx::Error::PoolTimedOut)) => {
                    let unreached = || Err(Error::Store(sqlx::Error::PoolTimedOut));
                    moving.iter().map(|_| unreached()).collect()
                }
                Err(Error::Busy) => moving.iter().map(|_| Err(Error::Busy)).collect(),
                // The connection broke: whether it was before the commit or after it, nobody knows.
                Err(Error::Store(sqlx::Error::Io(_))) => {
                    moving.iter().map(|_| Err(Error::Unanswered)).collect()
                }
                Err(_) => {
                    let mut results = Vec::with_capacity(moving.len());
                    for one in moving {
                        results.push(alone(database, one).await);
                    }
                    results
                }
            };
            for (answer, result) in answers.into_iter().zip(results) {
                // Who stopped waiting finds the step when looking again.
                let _ = answer.send(result);
            }
        }
    }
}

/// Tries a step again without the others.
async fn alone(database: &impl Together, moving: Moving) -> Result<Vec<i64>, Error> {
    let mut results = database.together(std::slice::from_ref(&moving)).await?;
    match results.pop() {
        // It may be its own step, stored with the others after all.
        Some(Err(Error::CaseMoved { .. })) | None => Err(Error::Unanswered),
        Some(result) => result,
    }
}

/// Lets the next caller begin a task of its own, should this one end otherwise than it ought to.
struct Rest<'writer>(&'writer Writer);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        let mut row = self.0.row.lock().unwrap_or_else(PoisonError::into_inner);
        row.at_work = false;
    }
}
