//! Drafts: entries that are spelled inside the transaction that stores them, so that the outbox never runs backwards.
//!
//! An entry's time is part of its bytes, and the ledger takes no entry earlier than the one before. Two processes, or a
//! clock that steps back, would otherwise leave a line behind a later one, and everything after it would wait for ever.
//! So the store says at what time an entry is spelled: now, or when the line before it was, if that is later.

use crate::Error;
use jiff::Timestamp;

/// What spells entries, given their time.
type Spell<'a> = dyn Fn(Timestamp) -> Result<Vec<Vec<u8>>, String> + Send + Sync + 'a;

/// Entries that wait to be spelled.
pub struct Drafts<'a> {
    now: Timestamp,
    spell: Box<Spell<'a>>,
}

impl<'a> Drafts<'a> {
    /// Drafts entries, to be spelled as of now or later.
    pub fn new(
        now: Timestamp,
        spell: impl Fn(Timestamp) -> Result<Vec<Vec<u8>>, String> + Send + Sync + 'a,
    ) -> Self {
        Drafts { now, spell: Box::new(spell) }
    }

    /// Drafts nothing: a change of state that is no event.
    pub fn none() -> Self {
        Drafts::new(Timestamp::UNIX_EPOCH, |_| Ok(Vec::new()))
    }

    /// Spells them, no earlier than the line before.
    pub(crate) fn spelled(&self, last_second: Option<i64>) -> Result<(i64, Vec<Vec<u8>>), Error> {
        let second =
            last_second.map_or(self.now.as_second(), |last| last.max(self.now.as_second()));
        let at = Timestamp::from_second(second).unwrap_or(self.now);
        let leaves = (self.spell)(at).map_err(|why| Error::CannotSpell { why })?;
        Ok((second, leaves))
    }
}

impl std::fmt::Debug for Drafts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drafts").field("now", &self.now).finish_non_exhaustive()
    }
}
