//! What can go wrong while a program runs. The gate's refusals are not here: they are answers.

use crate::printer::called;
use std::path::PathBuf;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the program cannot be read.
    #[error("`{}` cannot be read", path.display())]
    CannotRead {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file of the program cannot be written.
    #[error("`{}` cannot be written", path.display())]
    CannotWrite {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file that only a truth can fill was asked for without one.
    #[error("`{}` cannot be written without a truth to hold the model against", path.display())]
    NoTruth {
        /// The file.
        path: PathBuf,
    },
    /// Something was asked for that changes nothing together with the rest.
    #[error("`{option}` changes nothing here: it is for {of}")]
    WithoutEffect {
        /// What was asked for.
        option: &'static str,
        /// Where it does change something.
        of: &'static str,
    },
    /// So few leads were judged that what is learnt of them would tell of single ones.
    #[error(
        "{judged} leads were judged as one person or two, and a model is calibrated by {fewest} or more"
    )]
    FewJudgements {
        /// How many.
        judged: usize,
        /// The fewest.
        fewest: usize,
    },
    /// The model is as good as sure of nearly all leads that were judged, and learns nothing from those.
    #[error(
        "of {judged} judged leads {in_doubt} are in doubt; of the others the model is as good as sure, so that it learns nothing \
         from them, and it is calibrated by {fewest} or more in doubt"
    )]
    FewInDoubt {
        /// How many were judged as one person or two.
        judged: usize,
        /// Of these, how many are in doubt.
        in_doubt: usize,
        /// The fewest.
        fewest: usize,
    },
    /// There is no program in the folder.
    #[error("`{}` is no program's folder: it has no agreement.toml", path.display())]
    NoProgram {
        /// The folder.
        path: PathBuf,
    },
    /// An agreement, a schedule or the two together have problems.
    #[error("{}", lines(problems))]
    Problems {
        /// Every one of them, with its place and remedy.
        problems: Vec<agreement::Problem>,
    },
    /// The recipe or model file is not what the agreement names.
    #[error("`{}` has the digest {found}, and the agreement names {agreed}", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What the agreement names.
        agreed: String,
    },
    /// What lies in the folder is another party's.
    #[error("`{}` is the node of `{found}`, and `{wanted}` asks", path.display())]
    OtherNode {
        /// The folder.
        path: PathBuf,
        /// The origin of the ledger that is there.
        found: String,
        /// The origin of whoever asks.
        wanted: String,
    },
    /// The clock stands before the ledger's last entry.
    #[error("the clock says {now}, and the ledger's last entry is of {last}")]
    ClockSetBack {
        /// What the clock says.
        now: jiff::Timestamp,
        /// The last entry's time.
        last: jiff::Timestamp,
    },
    /// There are more or fewer files than the recipe or model links.
    #[error("the recipe links {link} and wants {wanted} of them; {given} given")]
    OtherFileCount {
        /// Which pairs it makes.
        link: linkage::model::Link,
        /// How many files that takes.
        wanted: u8,
        /// How many there were.
        given: u8,
    },
    /// The thread that reads a file came to grief.
    #[error("reading a file was broken off")]
    ReaderStopped,
    /// A bound of memory was asked for, and this build has no plans.
    #[error("this build cannot link in bounded memory")]
    NoPlan,
    /// The memory asked for does not hold what cannot be spilled.
    #[error("what must stand in memory takes {needed} bytes, and {given} are given")]
    TooLittleMemory {
        /// How many bytes there may be.
        given: u64,
        /// How many there must be.
        needed: u64,
    },
    /// A bound of memory was asked for where a model is trained, records are linked and clusters are made in one go.
    #[error(
        "`comity link all` makes clusters of whole tables, which need not fit a bound of memory"
    )]
    UnboundedClusters,
    /// A bound of memory was asked for beside an option that wants whole tables.
    #[error("`{option}` goes through whole tables, which need not fit a bound of memory")]
    WholeTables {
        /// The option.
        option: &'static str,
    },
    /// The thread that links came to grief.
    #[error("linking was broken off")]
    LinkerStopped,
    /// A thread that spells rows of a file came to grief.
    #[error("writing a file was broken off")]
    WriterStopped,
    /// A record named on the command line is in no file.
    #[error("no record of {side} is known by the id given")]
    NoSuchRecord {
        /// Whose file was looked in.
        side: linkage::Side,
    },
    /// A cell of a file of pairs is not what it has to be.
    #[error("`{}`, {place}, column `{column}`: it must be {wanted}", path.display())]
    UnreadableCell {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: String,
        /// The column.
        column: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// Several columns of a file of pairs could hold the ids.
    #[error("`{}` has ids in `{}_l` and `{}_r`, or in `{}_l` and `{}_r`: it isn't said which", path.display(), names[0], names[0], names[1], names[1])]
    SeveralIds {
        /// The file.
        path: PathBuf,
        /// The first two that could, without their endings.
        names: [String; 2],
    },
    /// A column that errors are to be counted by has too many values for groups.
    #[error(
        "the column `{column}` has {groups} values, and errors are counted by {most} groups at most"
    )]
    TooManyGroups {
        /// The column.
        column: String,
        /// How many it has.
        groups: usize,
        /// How many it may have.
        most: usize,
    },
    /// New records can't be told from old ones where one row of records holds both files.
    #[error(
        "the model links {link}, and new records of one file would stand before old ones of the other"
    )]
    NoIncrement {
        /// Which pairs it makes.
        link: linkage::model::Link,
    },
    /// A registry of clusters can't be read or written.
    #[error("`{}` is no registry of clusters: {source}", path.display())]
    UnreadableRegistry {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A record named on the command line has no id in the registry.
    #[error("the registry knows no record `{record}`")]
    NotInRegistry {
        /// What was named.
        record: String,
    },
    /// A fixed clock was asked for where only the machine's counts.
    #[error("the clock can only be set under an agreement whose environment is `test`")]
    ClockNotMine,
    /// The ledger holds an entry that this node's case store never wrote.
    #[error("the ledger's entry {index} never was in the case store's outbox")]
    ForeignEntry {
        /// Where it stands.
        index: u64,
    },
    /// The case store knows of a ledger, and there is none.
    #[error("the ledger `{}` is gone, and the case store has entries in it", path.display())]
    LedgerGone {
        /// Where it was.
        path: PathBuf,
    },
    /// The ledger cannot be written.
    #[error("the ledger cannot be written: {why}")]
    NoLedger {
        /// Why not.
        why: String,
    },
    /// An event could not be put into words.
    #[error("an event has no spelling")]
    UnspeakableEvent,
    /// A stay is lifted by another order than its own.
    #[error("`{order}` is the order of the stay itself")]
    LiftedByItself {
        /// The order.
        order: String,
    },
    /// A part of a stay cannot be lifted, since nothing here has its name.
    #[error("no part of a stay is lifted: {}", doubts.join("; "))]
    NothingToLift {
        /// Which names are of nothing here.
        doubts: Vec<String>,
    },
    /// What would be released is not what the ledger says.
    #[error("disclosure `{disclosure}` is not what the ledger recorded")]
    NotAsRecorded {
        /// The disclosure.
        disclosure: String,
    },
    /// A permit was held against another act than its own.
    #[error("the permit is for another act or agreement")]
    OtherPermit,
    /// A lead was not disclosed, so there is nothing to show of it.
    #[error("lead `{lead}` is held: nothing of it was disclosed")]
    NotDisclosed {
        /// The lead.
        lead: String,
    },
    /// A run was broken off, and the files are others by now.
    #[error("run `{run}` was interrupted, and the files are no longer those it was begun on")]
    OtherFiles {
        /// The run.
        run: String,
    },
    /// A run's model was trained again, and is another.
    #[error(
        "the model trained again on the files of run `{run}` is {trained}, and the run recorded {recorded}: its leads are not of \
         this model"
    )]
    TrainedOtherwise {
        /// The run.
        run: String,
        /// The digest that it recorded.
        recorded: String,
        /// The digest of the model that came now.
        trained: String,
    },
    /// A record set of the agreement has no file in the schedule.
    #[error("the schedule gives no file for the record set `{set}`")]
    NoFile {
        /// The record set.
        set: String,
    },
    /// A file would be written over.
    #[error("`{}` is there already", path.display())]
    ThereAlready {
        /// The file.
        path: PathBuf,
    },
    /// Nothing says where a recipient's requests about named persons are counted together.
    #[error("the schedule names no register of the requests of `{recipient}`")]
    NoRegister {
        /// The recipient.
        recipient: String,
    },
    /// There is no register of requests where the schedule says.
    #[error("there is no register of requests in `{}`", path.display())]
    RegisterNotBegun {
        /// The folder.
        path: PathBuf,
    },
    /// A register of requests is to be begun where a key of one lies.
    #[error("`{}` is there: a register of requests was begun there, or was about to be", path.display())]
    RegisterKeyThere {
        /// The file of the key.
        path: PathBuf,
    },
    /// A backup holds no register of requests that could be put back.
    #[error("the backup in `{}` holds no register of requests: {why}", path.display())]
    NoRegisterInBackup {
        /// The backup's folder.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The register of requests is not the one that this program's look-ups were counted in.
    #[error(
        "the register of requests in `{}` is another one than look-ups of this program were counted in: its key is `{found}`, \
         and theirs was `{wanted}`", path.display()
    )]
    OtherRegister {
        /// The folder.
        path: PathBuf,
        /// Its key.
        found: String,
        /// The key of the other one.
        wanted: String,
    },
    /// The register of requests lacks a request that this program has entered there.
    #[error("the register of requests in `{}` has no matter {matter}, which this program has entered there", path.display())]
    RegisterBehind {
        /// The folder.
        path: PathBuf,
        /// The matter's number.
        matter: u64,
    },
    /// A request was permitted and could not be entered in the register of requests.
    #[error("the request was not entered in the register of requests: none was open")]
    RequestNotEntered,
    /// The key under which a register marks officers is not there.
    #[error("the register of requests has lost `{}`, under which it marks officers", path.display())]
    OfficersSecretGone {
        /// Where it was.
        path: PathBuf,
    },
    /// There is no look-up of the name that waits to be gone on with.
    #[error("`{run}` is no look-up that was broken off")]
    NotBrokenOff {
        /// What was named.
        run: String,
    },
    /// A backup is not what its list of contents says.
    #[error("the backup in `{}` is damaged or not whole", path.display())]
    BackupDamaged {
        /// The backup's folder.
        path: PathBuf,
    },
    /// A register of requests does not go on from the one that a backup holds: it is older, or another history.
    #[error("the register of requests in `{}` does not hold the {entries} entries of the backup's", path.display())]
    RegisterNotContinued {
        /// The folder.
        path: PathBuf,
        /// How many entries the backup's has.
        entries: u64,
    },
    /// There are no keys where a backup is to be restored.
    #[error("there are no keys in `{}`", path.display())]
    NoKeys {
        /// The folder of the keys.
        path: PathBuf,
    },
    /// The program cannot be run as the agreement describes it.
    #[error("{what}")]
    Unrunnable {
        /// What is missing or ambiguous.
        what: String,
    },
    /// A lead's explanation or a run's summary is not readable by this version.
    #[error("the case store's `{what}` is not of this version")]
    OldSummary {
        /// Which.
        what: &'static str,
    },
    /// A cycle's files come after the day they were due.
    #[error("cycle `{cycle}` was due on {due}: its files are late")]
    Late {
        /// The cycle.
        cycle: String,
        /// The day.
        due: jiff::civil::Date,
    },
    /// There is no ledger in a folder.
    #[error("`{}` holds no ledger: no checkpoint is in it, in ledger/ or in work/ledger/", path.display())]
    NoLedgerThere {
        /// The folder.
        path: PathBuf,
    },
    /// A command needs a run to have been.
    #[error("`{}` has not been run yet", program.display())]
    NotRun {
        /// The program's folder.
        program: PathBuf,
    },
    /// A certificate, or its key, cannot be used.
    #[error("`{}` holds no certificate or key that can be used", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Something would travel unencrypted, or be open to everybody.
    #[error("`{address}` is not of this machine, and no certificate was given")]
    Unencrypted {
        /// Where.
        address: String,
    },
    /// Too few witnesses cosigned in the time that the agreement gives them.
    #[error(
        "fewer than {quorum} of {members} witnesses cosigned within {seconds} seconds: {}",
        if refused.is_empty() { "the others did not answer".to_owned() } else { refused.join("; ") }
    )]
    QuorumMissed {
        /// How many are asked for.
        quorum: u32,
        /// Of how many.
        members: usize,
        /// Within how many seconds.
        seconds: u32,
        /// What the others answered.
        refused: Vec<String>,
    },
    /// A release came without the cosignatures that its agreement asks for.
    #[error(
        "the agreement makes a release wait for witnesses, and nothing shows that enough have cosigned"
    )]
    NoQuorum,
    /// An entry that is no disclosure on the lead was to be sealed.
    #[error("entry {entry} is no disclosure on lead `{lead}`, so there is nothing to seal")]
    NothingToSeal {
        /// The entry.
        entry: u64,
        /// The lead.
        lead: String,
    },
    /// A server would show its certificate, and nobody says whose word is taken for it.
    #[error("`{address}` is encrypted, and no authority is named whose certificates are taken")]
    NoAuthority {
        /// Where.
        address: String,
    },
    /// An address was given where only the key beside a ledger would tell whose it is.
    #[error("a ledger from afar comes with no key that could be trusted")]
    NoKeyFromAfar,
    /// The server's settings are not what they have to be.
    #[error("{place}: {why}")]
    BadConfig {
        /// Where.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A password is too weak to be taken.
    #[error("a password has {least} characters or more, and is none of the common ones")]
    WeakPassword {
        /// How many it has to have.
        least: usize,
    },
    /// A password could not be hashed.
    #[error("the password cannot be hashed")]
    NotHashed,
    /// A witness could not be asked.
    #[error("`{address}` cannot be reached: {why}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why not.
        why: String,
    },
    /// A witness remembers more of this ledger than there is.
    #[error("the witness has cosigned {witnessed} entries, and the ledger has {size}")]
    WitnessedMore {
        /// What the witness says.
        witnessed: u64,
        /// What there is.
        size: u64,
    },
    /// The witness did not cosign.
    #[error("the witness at `{address}` answers {status}: {what}")]
    NotCosigned {
        /// Where.
        address: String,
        /// The status of its answer.
        status: u16,
        /// What that means.
        what: String,
    },
    /// The asynchronous runtime could not be started.
    #[error("the program could not be started")]
    NoRuntime {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The system's random source failed.
    #[error("the system gives no random bytes")]
    NoRandom(#[from] getrandom::Error),
    /// A key was changed for another before.
    #[error("the old key of `{signer}` was changed for another before")]
    ReplacedKey {
        /// Whose key, in what capacity.
        signer: String,
    },
    /// A file has too few records to train a model on.
    #[error("`{}` has {}, and training needs at least {needed}", path.display(), counted(*rows))]
    TooFewRecords {
        /// The file.
        path: PathBuf,
        /// How many it has.
        rows: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A column that a comparison needs has no value in a file.
    #[error("`{}`: no record has a value for `{column}`, so `{comparison}` cannot be trained", path.display())]
    NoValue {
        /// The file.
        path: PathBuf,
        /// The recipe's column.
        column: String,
        /// The comparison that uses it.
        comparison: String,
    },
    /// The recipient's own file is not as promised.
    #[error("{error}")]
    OwnFile {
        /// The recipient.
        recipient: String,
        /// What is wrong.
        #[source]
        error: Box<crate::admit::Error>,
    },
    /// The agency's file is not as promised.
    #[error(transparent)]
    Admit(#[from] crate::admit::Error),
    /// A file of whoever links files of their own is not as promised.
    #[error(transparent)]
    Own(Box<crate::admit::Error>),
    /// The report could not be laid out.
    #[error(transparent)]
    Report(#[from] crate::report::Error),
    /// The agreement crate failed.
    #[error(transparent)]
    Agreement(#[from] agreement::Error),
    /// Linkage failed.
    #[error(transparent)]
    Linkage(#[from] linkage::Error),
    /// The case store failed.
    #[error(transparent)]
    Casework(#[from] casework::Error),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

impl Error {
    /// Returns what the reader can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        let fixed = |text: &str| Some(text.to_owned());
        match self {
            Error::CannotRead { .. } => {
                fixed("check that the path is right, that it is text, and that you may read it")
            }
            Error::CannotWrite { .. } => fixed(
                "check that the folder exists, that you may write to it, and that the disk has room",
            ),
            Error::FewJudgements { .. } => fixed(
                "have more leads reviewed; `comity leads PROGRAM --stage open` lists those that wait",
            ),
            Error::FewInDoubt { .. } => fixed(
                "have more leads reviewed; if people found none wrong, the model needs no calibration, and if they did, it is \
                 wrong where it is sure: change its recipe, and train another",
            ),
            Error::NoTruth { .. } => fixed(
                "name the column that says who is who (--truth), or pairs that people judged (--labels)",
            ),
            Error::WithoutEffect { .. } => fixed("leave it out, or ask for what it is for"),
            Error::NoProgram { .. } => {
                fixed("`comity new --law us-cmppa FOLDER` begins one; `examples/benefits` is one")
            }
            Error::Problems { .. } => {
                fixed("`comity check FILE` lists them again, each with its remedy")
            }
            Error::OtherModel { .. } => fixed(
                "use the file that was agreed on, or put the new digest into a new agreement: `comity check` prints it",
            ),
            Error::OtherNode { .. } => fixed(
                "name a folder of its own with `--out`: what one recipient was given, another does not read",
            ),
            Error::ClockSetBack { .. } => {
                fixed("set the machine's clock right; entries cannot be dated before others")
            }
            Error::ClockNotMine => fixed("leave `--now` out"),
            Error::OtherFileCount { .. } => {
                fixed("name as many files as that, or change `link` in the recipe")
            }
            Error::NoPlan => fixed("leave `--memory` out, or build with `--features plan`"),
            Error::TooLittleMemory { .. } => fixed(
                "give it more with `--memory`; ids stand in memory, and units of work, and pairs that are settled one to one",
            ),
            Error::Linkage(linkage::Error::OutOfMemory { .. }) => {
                fixed("give it more with `--memory`")
            }
            Error::UnboundedClusters => fixed(
                "take its parts one after the other: `comity link train --memory`, `comity link link --memory`, and then \
                 `comity link cluster --pairs FILE --method connected`, which reads nothing but the ids and the pairs",
            ),
            Error::WholeTables { option } => {
                Some(format!("leave `{option}` out; or `--memory`, where the files fit the memory"))
            }
            Error::NoSuchRecord { .. } => {
                fixed("name the column of ids with `--id`, and an id that is in it")
            }
            Error::UnreadableCell { .. } => fixed(
                "mend the line; ids are found in the files named on the command line, in the column that `--id` names",
            ),
            Error::SeveralIds { .. } => fixed(
                "call those of ids `unique_id_l` and `unique_id_r`, or `source` and `recipient`",
            ),
            Error::TooManyGroups { .. } => fixed(
                "name a column of a few values, such as a district or a year of birth by tens",
            ),
            Error::NoIncrement { .. } => {
                fixed("put the records into one file and link within it, or link between two")
            }
            Error::UnreadableRegistry { .. } => {
                fixed("name the file that `comity link cluster --registry` wrote")
            }
            Error::NotInRegistry { .. } => {
                fixed("name it as FILE:ID, as `source:17`; clusters are written with both")
            }
            Error::ForeignEntry { .. } => fixed(
                "case store and ledger are not of one node, or one was restored from a backup: restore both together",
            ),
            Error::LedgerGone { .. } => {
                fixed("restore the ledger's folder; another one is never begun in its place")
            }
            Error::NoLedger { .. } => {
                fixed("make the ledger's folder writable; until then every act is refused")
            }
            Error::NoFile { .. } => fixed("add it under [files] in schedule.toml"),
            Error::BackupDamaged { .. } => {
                fixed("take another copy of the backup, or an earlier one")
            }
            Error::NoKeys { .. } => fixed(
                "put the node's folder `keys` back first: no backup holds it, and nothing opens without it",
            ),
            Error::ThereAlready { .. } => {
                fixed("name another place, or move away what is there: nothing is written over")
            }
            Error::NoRegister { .. } => fixed(
                "name the folder of the register that the agreement names by its key, in the schedules of all programs of this \
                 recipient (`requests = \"…\"`); where there is none yet, `comity register FOLDER --begin --as PARTY` begins it before \
                 the agreement is signed (with `--test` for one of the environment `test`)",
            ),
            Error::RegisterNotBegun { .. } => fixed(
                "name the folder of the register that the agreement names by its key; if it is lost, `comity restore PROGRAM --from \
                 BACKUP --register-only` puts it back; where there never was one, `comity register FOLDER --begin --as PARTY` begins it \
                 before the agreement that names it is signed (with `--test` for one of the environment `test`; a demonstration's by \
                 `comity register PROGRAM --begin`)",
            ),
            Error::RegisterKeyThere { .. } => fixed(
                "put the register back from a backup (`comity restore PROGRAM --from BACKUP --register-only`); if nothing was ever \
                 counted under that key, begin in another folder, and have the agreement name the key of that one before it is signed",
            ),
            Error::NoRegisterInBackup { .. } => {
                fixed("take the latest backup of any of the recipient's programs that holds it")
            }
            Error::OtherRegister { .. } | Error::RegisterBehind { .. } => fixed(
                "put the register back as it last was; if it is lost, another one takes an agreement that names its key, and counts once \
                 90 days have passed since the last look-up and no matter is open",
            ),
            Error::RegisterNotContinued { .. } => fixed(
                "nothing of it was written over: find out which of the two is right; to take the backup's, move the folder's `ledger` \
                 away first",
            ),
            Error::RequestNotEntered => fixed("ask again; nobody was looked up"),
            Error::OfficersSecretGone { .. } => {
                fixed("put that file back; without it nobody's open matters could be told apart")
            }
            Error::NotBrokenOff { .. } => {
                fixed("`comity register PROGRAM` lists the look-ups that wait")
            }
            Error::Late { .. } => {
                fixed("agree on another day and change the schedule, or wait for the next cycle")
            }
            Error::NotDisclosed { .. } => {
                fixed("`comity leads PROGRAM --stage open` lists the leads that can be looked at")
            }
            Error::OtherFiles { .. } => fixed("put back the files it was begun on"),
            Error::TrainedOtherwise { .. } => fixed(
                "put the schedule's threshold back to what it was at the run, and use the version of the program that ran it; or \
                 calibrate by the leads of a later cycle",
            ),
            Error::NoLedgerThere { .. } => {
                fixed("name the ledger's folder, or the program's `work` folder")
            }
            Error::NotRun { program } => {
                Some(format!("`{} run {}` runs it", called(), program.display()))
            }
            Error::OldSummary { .. } => fixed("use the version of the program that wrote it"),
            Error::NotAsRecorded { .. } => {
                fixed("restore the case store from its last backup; nothing was released")
            }
            Error::TooFewRecords { .. } | Error::Linkage(linkage::Error::TooFewRecords { .. }) => {
                fixed(
                    "deliver the whole files; a model for a few records has to be agreed on as model.toml",
                )
            }
            Error::NoValue { .. } | Error::Linkage(linkage::Error::EmptyColumn { .. }) => fixed(
                "ask for a file with the column filled; to do without it is another recipe, and so another agreement",
            ),
            Error::ReplacedKey { .. } => fixed(
                "name the secret of the newest key; the program's `keys` folder holds the changes so far",
            ),
            Error::BadCertificate { .. } => fixed(
                "give PEM files: the certificate with those above it, and its own private key",
            ),
            Error::Unencrypted { .. } => fixed(
                "give --certificate, --certificate-key and --trust, or use an address of this machine",
            ),
            Error::QuorumMissed { .. } | Error::NoQuorum => fixed(
                "see that the witnesses answer at the addresses in schedule.toml, then go on with the run",
            ),
            Error::LiftedByItself { .. } => {
                fixed("a stay is lifted by an order of its own: give its number with --order")
            }
            Error::NothingToLift { .. } => {
                fixed("name elements or record sets as the agreement has them")
            }
            Error::NothingToSeal { .. } => {
                fixed("look up where the ledger holds the disclosure: the case's page shows it")
            }
            Error::NoAuthority { .. } => fixed(
                "give --trust with the certificates of the authorities (PEM); the system keeps those of the web in one file",
            ),
            Error::NoKeyFromAfar => {
                fixed("give --key with the ledger's public key, from another hand than the ledger")
            }
            Error::BadConfig { .. } => {
                fixed("mend it there; docs/guides/serve.md lists every key with what it does")
            }
            Error::WeakPassword { .. } => {
                fixed("several words that nobody would put together are good and easy to type")
            }
            Error::Unreachable { .. } => {
                fixed("check the address and that the witness is at work, then ask again")
            }
            Error::WitnessedMore { .. } => fixed(
                "this copy is older than what was shown to others: find the newest, and release nothing until then",
            ),
            Error::NotCosigned { .. } => fixed(
                "403 and 404: the witness does not know this ledger's key; 422: it has seen another history, so audit both",
            ),
            Error::Admit(error) => error.hint(),
            Error::Own(error) => hint_for_owner(error),
            Error::Linkage(linkage::Error::UnreadableModel(_)) => fixed(
                "a model is what `comity link train` and `comity link import` write; a recipe has to be trained first",
            ),
            Error::Linkage(linkage::Error::UnreadableRecipe(_)) => fixed(
                "a recipe is what somebody writes to train by; a model that was trained goes to `comity link link`",
            ),
            // Admit knows no owner and speaks of the source.
            Error::OwnFile { recipient, error } => {
                error.hint().map(|hint| hint.replace("the source", &format!("`{recipient}`")))
            }
            Error::Agreement(agreement::Error::UnreadableFile { .. }) => {
                fixed("mend the file, or put the one back that was filed")
            }
            Error::Agreement(error) => error.hint().map(str::to_owned),
            Error::Casework(error) => error.hint().map(str::to_owned),
            Error::Ledger(error) => error.hint().map(str::to_owned),
            Error::UnspeakableEvent
            | Error::NotHashed
            | Error::OtherPermit
            | Error::ReaderStopped
            | Error::WriterStopped
            | Error::LinkerStopped
            | Error::Unrunnable { .. }
            | Error::NoRandom(_)
            | Error::NoRuntime { .. }
            | Error::Report(_)
            | Error::Linkage(_) => None,
        }
    }

    /// Says whether the place where ledger and case store are kept cannot be written.
    pub fn is_unwritable(&self) -> bool {
        matches!(
            self,
            Error::CannotWrite { .. } | Error::Casework(casework::Error::CannotOpen { .. })
        )
    }

    /// Writes the error and everything that caused it on one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let next = error.to_string();
            if !text.contains(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            cause = error.source();
        }
        text
    }
}

/// Returns what to do about a file of one's own: no schedule names it, and no agency delivered it.
fn hint_for_owner(error: &crate::admit::Error) -> Option<String> {
    use crate::admit::Error as Admitting;
    let hint = match error {
        Admitting::NotFound { .. } => "look at the path",
        Admitting::NoSuchColumn { .. } => "`comity link profile` lists the columns of a file",
        Admitting::NoHeader { .. } => {
            "the first line must name the columns; it is not shown, for it may be a record"
        }
        Admitting::WrongDelimiter { .. } => "name the delimiter with `--delimiter`",
        Admitting::WrongEncoding { .. } | Admitting::OtherEncoding { .. } => {
            "convert the file to UTF-8, such as with `iconv`"
        }
        other => {
            return other.hint().map(|hint| hint.replace("the source", "whoever wrote the file"));
        }
    };
    Some(hint.to_owned())
}

fn counted(rows: usize) -> String {
    if rows == 1 { "1 record".to_owned() } else { format!("{rows} records") }
}

fn lines(problems: &[agreement::Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
