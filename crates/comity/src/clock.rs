//! The clock and the source of randomness: the one place that reads the machine's. Everything else takes both as
//! arguments, so that a decision can be made again as of any instant.

use crate::Error;
use agreement::Environment;
use jiff::Timestamp;

/// What time it is, and fresh random bytes.
#[derive(Clone, Debug)]
pub struct Clock {
    fixed: Option<Timestamp>,
}

impl Clock {
    /// Reads the machine's clock.
    pub fn system() -> Clock {
        Clock { fixed: None }
    }

    /// Stands still at an instant. For tests and for decisions as of a date; never under a production agreement.
    pub fn fixed(at: Timestamp) -> Clock {
        Clock { fixed: Some(at) }
    }

    /// Says whether this is not the machine's clock.
    pub fn is_fixed(&self) -> bool {
        self.fixed.is_some()
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

    /// Returns the instant, in whole seconds as entries have it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        let now = self.fixed.unwrap_or_else(Timestamp::now);
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }
}

/// Times the phases of a piece of work. What it measures is printed, and decides nothing.
#[derive(Debug)]
pub struct Stopwatch {
    since: std::time::Instant,
    laps: Vec<(&'static str, f64)>,
}

impl Stopwatch {
    /// Starts.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn start() -> Stopwatch {
        Stopwatch { since: std::time::Instant::now(), laps: Vec::new() }
    }

    /// Notes how many seconds have gone by since the start or the last lap.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn lap(&mut self, phase: &'static str) {
        let now = std::time::Instant::now();
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
