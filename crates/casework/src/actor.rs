//! Who acts on a case: an officer, the individual, or the machine. The machine closes; it never advances (floor F5).

use agreement::OfficerId;
use serde::{Deserialize, Serialize};

/// Who acts on a case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// An officer, by the pseudonym that the agency uses in its records.
    Officer(OfficerId),
    /// The individual whom the case is about.
    Individual,
    /// The program itself.
    Machine,
}

impl Actor {
    /// Returns the actor as stored: an officer's name, or a word that no officer can have.
    pub fn spelled(&self) -> String {
        match self {
            Actor::Officer(officer) => officer.to_string(),
            Actor::Individual => "(individual)".to_owned(),
            Actor::Machine => "(machine)".to_owned(),
        }
    }

    /// Reads an actor as stored.
    pub fn read(text: &str) -> Option<Actor> {
        match text {
            "(individual)" => Some(Actor::Individual),
            "(machine)" => Some(Actor::Machine),
            officer => OfficerId::new(officer).ok().map(Actor::Officer),
        }
    }

    /// Returns the officer, if it is one.
    pub fn officer(&self) -> Option<&OfficerId> {
        match self {
            Actor::Officer(officer) => Some(officer),
            Actor::Individual | Actor::Machine => None,
        }
    }
}
