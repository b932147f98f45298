//! What is read of a file on a thread of its own, ahead of whoever prepares it.

use super::one_file::Take;
use super::trouble::Trouble;
use crate::Error;
use arrow_array::RecordBatch;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

/// How many pieces of a file wait to be prepared.
const WAITING: usize = 2;

/// The pieces of a file, read ahead.
pub(super) struct Ahead {
    pieces: Receiver<(u32, RecordBatch)>,
    /// Until all was handed on.
    reader: Option<JoinHandle<Result<(), Error>>>,
    trouble: Trouble,
}

impl Ahead {
    /// Begins to read. If nobody waits for it any longer, the thread reads no further and ends.
    pub(super) fn new(
        mut next: u32,
        trouble: Trouble,
        read: impl FnOnce(&mut Take<'_>) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        let (send, pieces) = sync_channel(WAITING);
        let reader = std::thread::spawn(move || {
            read(&mut |batch| {
                let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
                let waited_for = send.send((next, batch)).is_ok();
                next = next.saturating_add(rows);
                if waited_for { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        });
        Self { pieces, reader: Some(reader), trouble }
    }
}

impl Iterator for Ahead {
    type Item = linkage::Result<(u32, RecordBatch)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Ok(piece) = self.pieces.recv() {
            return Some(Ok(piece));
        }
        // No more will come: because the file has ended only if the reader says so.
        let read = self.reader.take()?.join().unwrap_or(Err(Error::ReaderStopped));
        read.err().map(|error| Err(self.trouble.passed(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, StringArray};
    use std::sync::Arc;

    fn batch(rows: usize) -> RecordBatch {
        let ids: ArrayRef = Arc::new(StringArray::from(vec!["x"; rows]));
        RecordBatch::try_from_iter([("id", ids)]).unwrap()
    }

    #[test]
    fn a_reader_that_comes_to_grief_is_no_end_of_a_file() {
        type Read = fn(&mut Take<'_>) -> Result<(), Error>;
        let cases: [(Read, Option<&str>); 3] = [
            (|_| Ok(()), None),
            (|_| panic!("a fault that is put in"), Some("reading a file was broken off")),
            (|_| Err(Error::NoPlan), Some("this build cannot link in bounded memory")),
        ];
        for (end, meant) in cases {
            let trouble = Trouble::default();
            let mut ahead = Ahead::new(7, trouble.clone(), move |take| {
                let _ = take(batch(2));
                let _ = take(batch(3));
                end(take)
            });
            for (first, rows) in [(7, 2), (9, 3)] {
                let (number, piece) = ahead.next().unwrap().unwrap();
                assert_eq!((number, piece.num_rows()), (first, rows));
            }
            let last = ahead.next();
            assert_eq!(last.is_some_and(|last| last.is_err()), meant.is_some());
            assert_eq!(trouble.taken().map(|error| error.to_string()).as_deref(), meant);
            assert!(ahead.next().is_none(), "it is said once");
        }
    }

    #[test]
    fn a_reader_whom_nobody_waits_for_any_longer_reads_no_further() {
        let (told, hear) = sync_channel(1);
        let mut ahead = Ahead::new(0, Trouble::default(), move |take| {
            let taken = (0..10_000).take_while(|_| take(batch(1)).is_continue()).count();
            let _ = told.send(taken);
            Ok(())
        });
        assert!(ahead.next().is_some_and(|piece| piece.is_ok()));
        drop(ahead);
        // What was waited for, and what waited.
        let taken = hear.recv().unwrap();
        assert!(taken <= 1 + WAITING + 1, "{taken} pieces were taken");
    }
}
