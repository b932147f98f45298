//! Everything that can go wrong in the ledger, in one enum.
//!
//! Each variant is named for what the reader must understand. Messages hold no personal value: of an entry they
//! name the member, never its content, and of a key they name its name, never its bytes. What to do about an
//! error is a line of its own, [`Error::hint`]. What an audit finds is no error: see [`crate::audit::Finding`].

use std::io;

use jiff::Timestamp;

use crate::{checkpoint::Origin, note::Name};

/// Says why the ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The entry was written by another version of the schema.
    #[error("entry has version `{version}`, and only version `1` is known here")]
    UnknownVersion {
        /// The version as it stands in the entry.
        version: String,
    },
    /// The bytes are no entry.
    #[error("entry is malformed: {reason}")]
    MalformedEntry {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The entry has a member that the schema does not know.
    #[error("entry has the unknown member `{member}`")]
    UnknownMember {
        /// Its name.
        member: String,
    },
    /// The bytes say the right thing, spelled in another way than the one way there is.
    #[error("entry is not in canonical form")]
    NotCanonical,
    /// The entry does not fit in a bundle.
    #[error("entry has `{bytes}` bytes, and at most `65535` fit")]
    EntryTooLarge {
        /// Its length before padding.
        bytes: usize,
    },
    /// A value is of a sort that has no single spelling, or that the schema leaves out.
    #[error("value of `{name}` is refused: {reason}")]
    RefusedValue {
        /// The member it stands under.
        name: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A kind is dotted lower-case words.
    #[error("`{kind}` is not a kind of entry")]
    MalformedKind {
        /// What was given.
        kind: String,
    },
    /// An entry's time is before the time of the entry before it.
    #[error("entry at `{at}` would stand after one at `{last}`")]
    TimeRunsBackwards {
        /// The time of the last entry.
        last: Timestamp,
        /// The time of the entry refused.
        at: Timestamp,
    },
    /// The bytes are no signed note.
    #[error("note is malformed: {reason}")]
    MalformedNote {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text is no key. The text itself is not shown, as it may be a private key.
    #[error("key is malformed: {reason}")]
    MalformedKey {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name of a key or log is not empty, has no white space and no plus.
    #[error("`{name}` cannot name a key or a log")]
    MalformedName {
        /// What was given.
        name: String,
    },
    /// None of the keys we know has signed the note.
    #[error("note has no signature by a known key")]
    NoKnownSignature,
    /// A signature under the name and id of a known key was not made by it.
    #[error("note has a false signature in the name of `{name}`")]
    FalseSignature {
        /// The key's name.
        name: Name,
    },
    /// The text of the note is no checkpoint.
    #[error("checkpoint is malformed: {reason}")]
    MalformedCheckpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The text is no trust policy.
    #[error("policy is malformed in line `{line}`: {reason}")]
    MalformedPolicy {
        /// Which line, counted from one; the last one when something is missing.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The witnesses that have cosigned are not those that the policy asks for.
    #[error("the `{cosigned}` witnesses that have cosigned are not the quorum of the policy")]
    NoQuorum {
        /// How many have.
        cosigned: usize,
    },
    /// The bytes are no receipt, or none of ours.
    #[error("receipt is malformed: {reason}")]
    MalformedReceipt {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An opening opens no commitment of the entry it was brought with.
    #[error("an opening of `{field}` opens nothing that the entry commits to")]
    ForeignOpening {
        /// The field's name.
        field: String,
    },
    /// The bytes are no request to a witness.
    #[error("request to a witness is malformed: {reason}")]
    MalformedRequest {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A witness does not answer so.
    #[error("no witness answers with status `{status}` and such a body")]
    MalformedAnswer {
        /// The status of the response.
        status: u16,
    },
    /// The path is neither a tile nor an entry bundle.
    #[error("`{path}` is not the path of a tile")]
    MalformedTilePath {
        /// What was given.
        path: String,
    },
    /// The proof does not lead to the root it should lead to.
    #[error("proof does not lead to the root")]
    FalseProof,
    /// Asked for something that the tree does not have yet.
    #[error("index or size `{asked}` is beyond the ledger's `{size}` entries")]
    BeyondSize {
        /// What was asked for.
        asked: u64,
        /// How large the tree is.
        size: u64,
    },
    /// There is no checkpoint to open.
    #[error("there is no ledger here")]
    NoLedger,
    /// There is a checkpoint, or there are tiles, where a new ledger should begin.
    #[error("there is a ledger here already: found `{path}`")]
    LedgerExists {
        /// What was found.
        path: String,
    },
    /// The checkpoint is that of another ledger.
    #[error("this is the ledger `{found}`, not `{expected}`")]
    OtherOrigin {
        /// Whose key was brought.
        expected: String,
        /// What the checkpoint says.
        found: String,
    },
    /// The second place that remembers the last checkpoint is empty.
    #[error("the anchor holds no checkpoint")]
    NoAnchor,
    /// The second place remembers a ledger that is not new.
    #[error("the anchor already remembers `{size}` entries of `{origin}`")]
    AnchorInUse {
        /// Which ledger it remembers.
        origin: Origin,
        /// How many entries it remembers.
        size: u64,
    },
    /// Somebody else has moved the anchor while this log was open.
    #[error("the anchor has been changed by somebody else")]
    AnchorMoved,
    /// The ledger is smaller than it was already signed to be.
    #[error("the ledger has `{size}` entries, but its anchor remembers `{anchored}`")]
    RolledBack {
        /// Its size by its own checkpoint.
        size: u64,
        /// Its size by the anchor.
        anchored: u64,
    },
    /// The ledger is not a continuation of what was already signed.
    #[error(
        "the ledger of `{size}` entries does not continue the `{anchored}` that its anchor remembers"
    )]
    Forked {
        /// Its size by its own checkpoint.
        size: u64,
        /// Its size by the anchor.
        anchored: u64,
    },
    /// A stored file does not fit the signed checkpoint.
    #[error("`{path}` is damaged: {reason}")]
    Damaged {
        /// Which file.
        path: String,
        /// In what way.
        reason: &'static str,
    },
    /// Somebody else has changed a file since it was read here. Nothing was written.
    #[error("`{path}` has been changed by somebody else")]
    Moved {
        /// Which file.
        path: String,
    },
    /// The entries that were to be written together were not, or it is not known whether they were.
    #[error(
        "the entry was not acknowledged, and neither were those that were to be written with it"
    )]
    NotAcknowledged {
        /// What happened; the same for all of them.
        source: std::sync::Arc<Error>,
    },
    /// The database does not keep, or is set not to keep, what a ledger is promised.
    #[error("the database cannot hold a ledger: {reason}")]
    UnfitDatabase {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An earlier write failed, so what is stored is not known until the ledger is opened again.
    #[error("the ledger has stopped after a failed write")]
    Stopped,
    /// Another program has this place open.
    #[error("`{path}` is in use by another program")]
    InUse {
        /// Which place.
        path: String,
    },
    /// The store could not do it.
    #[error("cannot {deed} `{path}`")]
    Store {
        /// What was tried.
        deed: &'static str,
        /// On which file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Returns what to do about it, when there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownVersion { .. } => {
                Some("read it with the release that wrote it, or a later one")
            }
            Self::EntryTooLarge { .. } => {
                Some("write the digest of the long part, and keep that part elsewhere")
            }
            Self::RefusedValue { .. } => {
                Some("use strings, whole numbers up to 2^53 - 1, booleans, lists and objects")
            }
            Self::MalformedKind { .. } => {
                Some("use dotted lower-case words, such as `run.started`")
            }
            Self::TimeRunsBackwards { .. } => {
                Some("set the clock right; until it has caught up, use the time of the last entry")
            }
            Self::NoKnownSignature => Some("bring the key that this ledger was begun with"),
            Self::NoLedger => {
                Some("check the place; a new ledger is begun by its own act, never by opening one")
            }
            Self::LedgerExists { .. } => Some("open it, or begin the new one in an empty place"),
            Self::OtherOrigin { .. } => {
                Some("bring this ledger's own key, or open the other ledger")
            }
            Self::NoAnchor => Some(
                "put the anchor back; if it is lost, compare `checkpoint` with the copies that others \
                 hold, then copy it into the anchor's place",
            ),
            Self::AnchorInUse { .. } => Some("give each ledger an anchor of its own"),
            Self::AnchorMoved => {
                Some("find the second program that writes this ledger and stop it")
            }
            Self::RolledBack { .. } => Some(
                "restore the newest copy of the ledger; never move the anchor back, because entries \
                 beyond this size have been acknowledged",
            ),
            Self::Forked { .. } => Some(
                "keep both copies for the auditor and restore the one that the anchor remembers",
            ),
            Self::Damaged { .. } => Some("restore that file from a copy, then audit the ledger"),
            Self::Moved { .. } => Some("find the second program that writes here and stop it"),
            Self::NotAcknowledged { .. } => {
                Some("open the ledger again; it then tells whether the entry is in it")
            }
            Self::UnfitDatabase { .. } => {
                Some("set the database to keep what it acknowledges, or use a newer one")
            }
            Self::Stopped => Some("find out why the write failed, then open the ledger again"),
            Self::InUse { .. } => Some("stop the other program first"),
            Self::NoQuorum { .. } => {
                Some("ask the witnesses that are missing; those that refuse may have seen a fork")
            }
            Self::ForeignOpening { .. } => Some(
                "bring the opening that was made with this entry; nothing else it says is true",
            ),
            Self::MalformedEntry { .. }
            | Self::MalformedPolicy { .. }
            | Self::MalformedReceipt { .. }
            | Self::MalformedRequest { .. }
            | Self::MalformedAnswer { .. }
            | Self::UnknownMember { .. }
            | Self::NotCanonical
            | Self::MalformedNote { .. }
            | Self::MalformedKey { .. }
            | Self::MalformedName { .. }
            | Self::FalseSignature { .. }
            | Self::MalformedCheckpoint { .. }
            | Self::MalformedTilePath { .. }
            | Self::FalseProof
            | Self::BeyondSize { .. }
            | Self::Store { .. } => None,
        }
    }
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots so")]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_error_reads_well() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let name = || Name::new("ledger.example").unwrap();
        let text = |text: &str| text.to_owned();
        let errors = [
            Error::UnknownVersion { version: text("2") },
            Error::MalformedEntry { reason: "it is not a JSON object" },
            Error::UnknownMember { member: text("x") },
            Error::NotCanonical,
            Error::EntryTooLarge { bytes: 70_000 },
            Error::RefusedValue { name: text("count"), reason: "the number is not whole" },
            Error::MalformedKind { kind: text("Run") },
            Error::TimeRunsBackwards {
                last: at("2026-01-31T09:00:01Z"),
                at: at("2026-01-31T09:00:00Z"),
            },
            Error::MalformedNote { reason: "it is not UTF-8" },
            Error::MalformedKey { reason: "it is not base64" },
            Error::MalformedName { name: text("a b") },
            Error::NoKnownSignature,
            Error::FalseSignature { name: name() },
            Error::MalformedCheckpoint { reason: "a line is empty" },
            Error::MalformedPolicy { line: 3, reason: "it is no line of a policy" },
            Error::NoQuorum { cosigned: 1 },
            Error::MalformedReceipt { reason: "it is not UTF-8" },
            Error::ForeignOpening { field: text("birth_date") },
            Error::MalformedRequest { reason: "it is not UTF-8" },
            Error::MalformedAnswer { status: 500 },
            Error::MalformedTilePath { path: text("tile/x") },
            Error::FalseProof,
            Error::BeyondSize { asked: 9, size: 3 },
            Error::NoLedger,
            Error::LedgerExists { path: text("checkpoint") },
            Error::OtherOrigin { expected: text("a"), found: text("b") },
            Error::NoAnchor,
            Error::AnchorInUse { origin: Origin::from(&name()), size: 7 },
            Error::AnchorMoved,
            Error::RolledBack { size: 5, anchored: 9 },
            Error::Forked { size: 9, anchored: 5 },
            Error::Damaged { path: text("tile/0/000"), reason: "it is missing" },
            Error::Moved { path: text("checkpoint") },
            Error::NotAcknowledged { source: std::sync::Arc::new(Error::Stopped) },
            Error::UnfitDatabase { reason: "its version is older than 3.51.3" },
            Error::Stopped,
            Error::InUse { path: text("/ledger") },
            Error::Store {
                deed: "write",
                path: text("checkpoint"),
                source: io::ErrorKind::StorageFull.into(),
            },
        ];
        let lines: Vec<String> = errors
            .iter()
            .map(|error| match error.hint() {
                Some(hint) => format!("{error}\n    {hint}"),
                None => error.to_string(),
            })
            .collect();
        expect![[r#"
            entry has version `2`, and only version `1` is known here
                read it with the release that wrote it, or a later one
            entry is malformed: it is not a JSON object
            entry has the unknown member `x`
            entry is not in canonical form
            entry has `70000` bytes, and at most `65535` fit
                write the digest of the long part, and keep that part elsewhere
            value of `count` is refused: the number is not whole
                use strings, whole numbers up to 2^53 - 1, booleans, lists and objects
            `Run` is not a kind of entry
                use dotted lower-case words, such as `run.started`
            entry at `2026-01-31T09:00:00Z` would stand after one at `2026-01-31T09:00:01Z`
                set the clock right; until it has caught up, use the time of the last entry
            note is malformed: it is not UTF-8
            key is malformed: it is not base64
            `a b` cannot name a key or a log
            note has no signature by a known key
                bring the key that this ledger was begun with
            note has a false signature in the name of `ledger.example`
            checkpoint is malformed: a line is empty
            policy is malformed in line `3`: it is no line of a policy
            the `1` witnesses that have cosigned are not the quorum of the policy
                ask the witnesses that are missing; those that refuse may have seen a fork
            receipt is malformed: it is not UTF-8
            an opening of `birth_date` opens nothing that the entry commits to
                bring the opening that was made with this entry; nothing else it says is true
            request to a witness is malformed: it is not UTF-8
            no witness answers with status `500` and such a body
            `tile/x` is not the path of a tile
            proof does not lead to the root
            index or size `9` is beyond the ledger's `3` entries
            there is no ledger here
                check the place; a new ledger is begun by its own act, never by opening one
            there is a ledger here already: found `checkpoint`
                open it, or begin the new one in an empty place
            this is the ledger `b`, not `a`
                bring this ledger's own key, or open the other ledger
            the anchor holds no checkpoint
                put the anchor back; if it is lost, compare `checkpoint` with the copies that others hold, then copy it into the anchor's place
            the anchor already remembers `7` entries of `ledger.example`
                give each ledger an anchor of its own
            the anchor has been changed by somebody else
                find the second program that writes this ledger and stop it
            the ledger has `5` entries, but its anchor remembers `9`
                restore the newest copy of the ledger; never move the anchor back, because entries beyond this size have been acknowledged
            the ledger of `9` entries does not continue the `5` that its anchor remembers
                keep both copies for the auditor and restore the one that the anchor remembers
            `tile/0/000` is damaged: it is missing
                restore that file from a copy, then audit the ledger
            `checkpoint` has been changed by somebody else
                find the second program that writes here and stop it
            the entry was not acknowledged, and neither were those that were to be written with it
                open the ledger again; it then tells whether the entry is in it
            the database cannot hold a ledger: its version is older than 3.51.3
                set the database to keep what it acknowledges, or use a newer one
            the ledger has stopped after a failed write
                find out why the write failed, then open the ledger again
            `/ledger` is in use by another program
                stop the other program first
            cannot write `checkpoint`"#]].assert_eq(&lines.join("\n"));
    }
}
