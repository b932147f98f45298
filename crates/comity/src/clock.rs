//! The clock and the source of randomness: the one place that reads the machine's. Everything else takes both as
//! arguments, so that a decision can be made again as of any instant.
//!
//! A machine's clock can be set back while the program runs. What was noted since then would come again, and what is due
//! would wait as long once more. So a clock that stands far behind what it has shown is not followed: time goes on by what
//! has truly gone by since, it is said, and the clock is followed again once it is right.

use crate::Error;
use agreement::Environment;
use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How many seconds a clock may stand behind what it showed, or before the last entry: networks set clocks, and the store
/// keeps entries in order. A clock that stands minutes back is somebody's mistake.
pub const TOLERANCE_SECONDS: i64 = 60;

/// What time it is, and fresh random bytes. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    seen: Arc<Mutex<Seen>>,
}

/// What a clock is read from.
#[derive(Clone, Debug)]
enum Source {
    /// The machine's clock, and how long the program has run.
    System(Instant),
    /// It stands still.
    Fixed(Timestamp),
    /// A test's.
    Hands(Arc<Hands>),
}

/// What a clock has shown.
#[derive(Debug, Default)]
struct Seen {
    /// The latest second, and after how many seconds of running.
    latest: Option<(i64, i64)>,
    is_set_back: bool,
}

/// The hands of a clock that a test turns.
#[derive(Debug)]
pub struct Hands {
    shows: AtomicI64,
    ran: AtomicI64,
}

impl Hands {
    /// Lets so many seconds go by.
    pub fn wait(&self, seconds: i64) {
        self.ran.fetch_add(seconds, Ordering::Relaxed);
        self.shows.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Sets the clock forward by so many seconds, or back, while no time goes by.
    pub fn turn(&self, seconds: i64) {
        self.shows.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock {
    /// Reads the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn system() -> Clock {
        Clock::of(Source::System(Instant::now()))
    }

    /// Stands still at an instant. For tests and for decisions as of a date; never under a production agreement.
    pub fn fixed(at: Timestamp) -> Clock {
        Clock::of(Source::Fixed(at))
    }

    /// Begins at an instant, and is turned by hand. For tests; never under a production agreement.
    pub fn by_hand(at: Timestamp) -> (Clock, Arc<Hands>) {
        let (shows, ran) = (AtomicI64::new(at.as_second()), AtomicI64::new(0));
        let hands = Arc::new(Hands { shows, ran });
        (Clock::of(Source::Hands(hands.clone())), hands)
    }

    fn of(source: Source) -> Clock {
        Clock { source, seen: Arc::default() }
    }

    /// Says whether this is not the machine's clock.
    pub fn is_fixed(&self) -> bool {
        match self.source {
            Source::System(_) => false,
            Source::Fixed(_) | Source::Hands(_) => true,
        }
    }

    /// Requires that nothing but the machine's clock counts outside a test.
    ///
    /// # Errors
    /// It was fixed, and the agreement is for production.
    pub fn is_for(&self, environment: Environment) -> Result<(), Error> {
        match environment {
            Environment::Production if self.is_fixed() => Err(Error::ClockNotMine),
            Environment::Production | Environment::Test => Ok(()),
        }
    }

    /// Returns the instant, in whole seconds as entries have it. It never falls far behind what it was.
    pub fn now(&self) -> Timestamp {
        let (shows, ran) = self.read();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = seen.latest.map_or(shows, |(latest, then)| latest + (ran - then));
        let behind = expected - shows;
        let is_set_back = behind > TOLERANCE_SECONDS;
        if is_set_back != seen.is_set_back {
            seen.is_set_back = is_set_back;
            if is_set_back {
                tracing::error!(
                    seconds = behind,
                    "the clock was set back: until it is right, time goes on without it"
                );
            } else {
                tracing::warn!("the clock is right again, and is followed");
            }
        }
        if shows >= expected {
            seen.latest = Some((shows, ran));
        }
        let second = if is_set_back { expected } else { shows };
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }

    /// Says whether the clock stands far behind what it showed before.
    pub fn is_set_back(&self) -> bool {
        let _ = self.now();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).is_set_back
    }

    /// Returns the second that the clock shows, and how many have truly gone by since the program began.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn read(&self) -> (i64, i64) {
        match &self.source {
            Source::System(began) => {
                let ran = i64::try_from(began.elapsed().as_secs()).unwrap_or(i64::MAX);
                (Timestamp::now().as_second(), ran)
            }
            Source::Fixed(at) => (at.as_second(), 0),
            Source::Hands(hands) => {
                (hands.shows.load(Ordering::Relaxed), hands.ran.load(Ordering::Relaxed))
            }
        }
    }
}
/// Times the phases of a piece of work. What it measures is printed, and decides nothing.
#[derive(Debug)]
pub struct Stopwatch {
    since: Instant,
    laps: Vec<(&'static str, f64)>,
}

impl Stopwatch {
    /// Starts.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn start() -> Stopwatch {
        Stopwatch { since: Instant::now(), laps: Vec::new() }
    }

    /// Notes how many seconds have gone by since the start or the last lap.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn lap(&mut self, phase: &'static str) {
        let now = Instant::now();
        self.laps.push((phase, now.duration_since(self.since).as_secs_f64()));
        self.since = now;
    }

    /// Returns the seconds of each phase, in order.
    pub fn laps(&self) -> &[(&'static str, f64)] {
        &self.laps
    }
}

/// Returns 32 bytes from the system's random source.
///
/// # Errors
/// The system has none to give.
pub fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_clock_that_is_set_back_is_not_followed_until_it_is_right() {
        let (clock, hands) = Clock::by_hand(at(0));
        let check = |now: i64, is_set_back: bool| {
            assert_eq!((clock.now(), clock.is_set_back()), (at(now), is_set_back));
        };
        check(0, false);
        hands.wait(100);
        check(100, false);
        hands.turn(-TOLERANCE_SECONDS);
        check(40, false);
        // Little by little is set back too.
        hands.turn(-1);
        check(100, true);
        hands.wait(3600);
        check(3700, true);
        hands.turn(1);
        check(3640, false);
        hands.turn(60);
        check(3700, false);
        hands.turn(-86_400);
        check(3700, true);
        hands.wait(10);
        hands.turn(2 * 86_400);
        check(3710 + 86_400, false);
    }

    #[test]
    fn nothing_but_the_machines_clock_counts_in_production() {
        for clock in [Clock::fixed(at(0)), Clock::by_hand(at(0)).0] {
            assert!(clock.is_for(Environment::Production).is_err());
            assert!(clock.is_for(Environment::Test).is_ok());
        }
        assert!(Clock::system().is_for(Environment::Production).is_ok());
        assert!(!Clock::system().is_set_back());
    }
}
