//! A run as the store keeps it, so that an interrupted one goes on or starts clean and nothing is doubled.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Begun; nothing found yet. A crash here loses only time: the run starts clean.
    Started,
    /// All leads are found and numbered; releases are under way. A crash here goes on with the next chunk.
    Planned,
    /// Every chunk is released or withdrawn.
    Finished,
    /// Given up before anything was found.
    Abandoned,
}

impl RunState {
    /// Returns the word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Started => "started",
            RunState::Planned => "planned",
            RunState::Finished => "finished",
            RunState::Abandoned => "abandoned",
        }
    }

    /// Reads the word as stored.
    pub fn read(text: &str) -> Option<RunState> {
        [RunState::Started, RunState::Planned, RunState::Finished, RunState::Abandoned]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// One execution of the program for a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its id: the cycle, and a number where it was started again.
    pub id: String,
    /// The cycle.
    pub cycle: String,
    /// How far it has come.
    pub state: RunState,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// Digests of what it read (JSON).
    pub inputs: String,
    /// Counts and what the report shows (JSON), from the plan onwards.
    pub summary: Option<String>,
}

/// What a look-up keeps of its request: who asked about how many named persons, and when (floor F4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The officer.
    pub officer: String,
    /// How many persons, each of a row of its own.
    pub persons: u64,
    /// When, in seconds.
    pub second: i64,
    /// The cycle whose files are looked in.
    pub cycle: String,
    /// A keyed digest of the rows, by which a request that was broken off is known again.
    pub rows: String,
    /// The key of the register that it is counted in, and its number there: a recipient's programs are counted together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered: Option<Entered>,
}

/// Where a register of requests holds a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// The register's public key (C2SP vkey).
    pub register: String,
    /// The entry of the matter.
    pub matter: u64,
}

/// What requests about named persons come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedSoFar {
    /// Persons asked about since an instant, whoever asked; one who was asked about twice counts twice.
    pub persons: u64,
    /// Matters of one officer that are open: requests that have not ended, or of whose leads one is not closed.
    pub open_matters: u64,
}

impl Run {
    /// Returns what was asked, where it is a look-up and no cycle's run.
    pub fn asked(&self) -> Option<Asked> {
        serde_json::from_value(self.input("asked")?).ok()
    }

    /// Returns the cycle whose files it read.
    pub fn cycle_of_files(&self) -> String {
        self.asked().map_or_else(|| self.cycle.clone(), |asked| asked.cycle)
    }

    /// Says whether it was begun on files of these digests.
    pub fn is_of_files(&self, files: &BTreeMap<String, String>) -> bool {
        self.files() == *files
    }

    /// Returns the digest of the agreement it was begun under.
    pub fn agreement(&self) -> Option<String> {
        agreement_in(&self.inputs)
    }

    /// Returns the lowest threshold that was allowed when it was begun.
    pub fn bound(&self) -> Option<f64> {
        self.input("bound")?.as_f64()
    }

    fn input(&self, name: &str) -> Option<serde_json::Value> {
        let inputs: serde_json::Value = serde_json::from_str(&self.inputs).ok()?;
        inputs.get(name).cloned()
    }

    /// Returns the digests of the files it was begun on, by record set; none if they cannot be read.
    pub fn files(&self) -> BTreeMap<String, String> {
        let files = self.input("files").and_then(|files| serde_json::from_value(files).ok());
        files.unwrap_or_default()
    }
}

/// Returns the digest of the agreement that a run's inputs name.
pub(crate) fn agreement_in(inputs: &str) -> Option<String> {
    let inputs: serde_json::Value = serde_json::from_str(inputs).ok()?;
    inputs.get("agreement")?.as_str().map(str::to_owned)
}
