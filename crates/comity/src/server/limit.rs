//! How often somebody may ask: so many times a minute from one address, counted in memory.
//!
//! It holds back floods and guessing by one address; guessing of one name from many addresses is held back by the
//! count in the account store ([`casework::store::accounts::AccountStore::failures`]), which outlives a restart.
//! Addresses of one IPv6 network of 64 bits count as one.

use jiff::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// How many addresses are remembered; beyond that those who have been quiet are forgotten first.
const REMEMBERED: usize = 50_000;

/// A limit a minute for each address, filled up evenly.
#[derive(Debug)]
pub(crate) struct Limit {
    a_minute: u32,
    spent: Mutex<HashMap<IpAddr, Spent>>,
}

/// What a request adds to a level.
const REQUEST: i64 = 60;

#[derive(Clone, Copy, Debug)]
struct Spent {
    /// In sixtieths of a request, so that what leaks out in a second is a whole number of them.
    level: i64,
    at: i64,
}

impl Limit {
    /// Lets so many through a minute, and as many at once.
    pub(crate) fn a_minute(a_minute: u32) -> Limit {
        Limit { a_minute, spent: Mutex::new(HashMap::new()) }
    }

    /// Says whether an address may ask now, or after how many seconds.
    pub(crate) fn ask(&self, address: IpAddr, now: Timestamp) -> Result<(), u64> {
        let address = network(address);
        let now = now.as_second();
        let a_second = i64::from(self.a_minute);
        let full = a_second * REQUEST;
        // A poisoned lock holds counts as good as any.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= REMEMBERED {
            spent.retain(|_, spent| spent.at + 60 > now);
        }
        let entry = spent.entry(address).or_insert(Spent { level: 0, at: now });
        let gone = now.saturating_sub(entry.at).clamp(0, 60);
        entry.level = (entry.level - gone * a_second).max(0);
        entry.at = now.max(entry.at);
        if entry.level + REQUEST > full {
            let over = entry.level + REQUEST - full;
            // Rounded up: who comes back then is let in. A limit of none lets nobody in, ever.
            let seconds = (over + a_second - 1) / a_second.max(1);
            return Err(u64::try_from(seconds).unwrap_or(1).max(1));
        }
        entry.level += REQUEST;
        Ok(())
    }
}

/// A home or an office has a network of 64 bits: its addresses count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn so_many_come_in_at_once_and_the_next_when_there_is_room_again() {
        let limit = Limit::a_minute(3);
        let one: IpAddr = [192, 0, 2, 1].into();
        for _ in 0..3 {
            assert_eq!(limit.ask(one, at(0)), Ok(()));
        }
        assert_eq!(limit.ask(one, at(0)), Err(20));
        assert_eq!(limit.ask(one, at(19)), Err(1));
        assert_eq!(limit.ask(one, at(20)), Ok(()));
        assert!(limit.ask(one, at(20)).is_err());
        assert_eq!(limit.ask([192, 0, 2, 2].into(), at(20)), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_lets_nobody_in_twice() {
        let limit = Limit::a_minute(1);
        let one: IpAddr = [192, 0, 2, 1].into();
        assert_eq!(limit.ask(one, at(100)), Ok(()));
        assert!(limit.ask(one, at(0)).is_err());
        assert!(limit.ask(one, at(159)).is_err());
        assert_eq!(limit.ask(one, at(160)), Ok(()));
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let limit = Limit::a_minute(1);
        assert_eq!(limit.ask("2001:db8::1".parse().unwrap(), at(0)), Ok(()));
        assert!(limit.ask("2001:db8::2".parse().unwrap(), at(0)).is_err());
        assert_eq!(limit.ask("2001:db8:0:1::2".parse().unwrap(), at(0)), Ok(()));
        assert_eq!(limit.ask("192.0.2.1".parse().unwrap(), at(0)), Ok(()));
        assert!(limit.ask("::ffff:192.0.2.1".parse().unwrap(), at(0)).is_err());
    }
}
