//! Shares independent pieces of work out among threads.
//!
//! For what is cut into pieces whose results don't depend on who does them: columns to prepare, rules to block by, units
//! of pairs. Results come back in the order of the pieces, so the number of threads changes no answer. It starts plain
//! threads that end with the call; it keeps no pool and waits for nothing else.

use std::sync::{Mutex, PoisonError};

/// Does each piece of work, on this many threads at most, and returns the results in the order of the pieces.
pub(crate) fn share<T: Send, R: Send>(
    threads: usize,
    pieces: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.min(pieces.len());
    if threads <= 1 {
        return pieces.into_iter().map(work).collect();
    }
    let queue = Mutex::new(pieces.into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    let work_off = || {
        // Taken in a statement of its own, so that the lock is let go before the work.
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((place, piece)) = next() {
            let result = work(piece);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
        }
    };
    std::thread::scope(|scope| {
        // The one that asks does its share too.
        for _ in 1..threads {
            scope.spawn(work_off);
        }
        work_off();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does two pieces of work, at the same time where there is a second thread, and returns both results.
pub(crate) fn both<A: Send, B>(
    threads: usize,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    if threads <= 1 {
        return (one(), other());
    }
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        match one.join() {
            Ok(one) => (one, other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pieces_of_work_come_to_both_results() {
        for threads in [1, 2] {
            assert_eq!(both(threads, || 1, || "one"), (1, "one"));
        }
    }

    #[test]
    fn results_come_in_the_order_of_the_pieces_whatever_the_threads() {
        for threads in [0, 1, 2, 4, 16] {
            for pieces in [0usize, 1, 2, 100] {
                let results = share(threads, (0..pieces).collect(), |piece| piece * 2);
                assert_eq!(results, (0..pieces).map(|piece| piece * 2).collect::<Vec<_>>());
            }
        }
    }
}
