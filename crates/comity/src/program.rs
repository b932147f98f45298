//! A matching program's folder: the agreement and what is filed about it, the schedule, and the recipe or model.
//!
//! Step 1 of the path. It reads and checks everything that is in the folder and opens no agency's file.
//!
//! ```text
//! agreement.toml      the terms; one value changed is another agreement
//! schedule.toml       paths, cycles, contacts: changed without a new agreement
//! recipe.toml         how the model is trained, or model.toml, the model itself; the agreement names its digest
//! publications.toml   transmittals and notices, each with its day, and the agreement they are about
//! signatures/         statements of parties and boards, a file each
//! keys/               changes of keys, a file each (*.toml)
//! annexes/            annexes by which more recipients join, a file each
//! letters/            words of letters in languages that don't come with comity, or an agency's own, a file each
//! previous.toml       the agreement that this one continues
//! ```

use crate::Error;
use crate::clock::{self, Clock};
use crate::letters::Letters;
use crate::node::{Places, make_private, write_secret};
use crate::register::{self, Register};
use crate::summary::hex;
use agreement::{
    Agreement, Annex, Digest, Filed, KeyChange, Party, PartyId, Problem, Publications, PurposeId,
    RecordSet, RegisterKey, Role, Schedule, Signature, Threshold,
};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// A matching program, read from its folder.
#[derive(Debug)]
pub struct Program {
    /// The folder.
    pub folder: PathBuf,
    /// The agreement and all that is filed about it.
    pub filed: Filed,
    /// The agreement with the caseload of the recipient whose node this is, where it joined by an annex.
    terms: Box<Agreement>,
    /// The agreement's digest.
    pub digest: Digest,
    /// The operations schedule.
    pub schedule: Schedule,
    /// What links the records.
    pub engine: Engine,
    /// The words of letters to individuals.
    letters: Letters,
}

/// What the agreement lets link the records.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a program")]
pub enum Engine {
    /// A recipe, by which a model is trained at each cycle.
    Recipe(linkage::Recipe),
    /// A finished model.
    Model(linkage::Model),
}

impl Program {
    /// Reads a program from its folder. A demonstration is made anew under `places` the first time, with throw-away
    /// keys and dates moved to today, and found there afterwards.
    ///
    /// # Errors
    /// Everything that is wrong with agreement and schedule, at once; or a file that cannot be read.
    pub fn load(folder: &Path, places: &Places, clock: &Clock) -> Result<Program, Error> {
        let (drafted, schedule) = read_terms(folder)?;
        clock.is_for(drafted.environment)?;
        let engine = Engine::load(folder, &drafted)?;
        let mut filed = if drafted.demonstration {
            demonstration(folder, &drafted, &schedule, places, clock)?
        } else {
            read_filed(folder, drafted)?
        };
        filed.joined.clone_from(&schedule.recipient);
        let digest = filed.agreement.digest()?;
        // Whether everybody has signed the annex is the gate's to say: unsigned, it is refused and not an error.
        let joining = schedule.annex(digest, &filed.annexes);
        let terms =
            joining.map_or_else(|| filed.agreement.clone(), |annex| annex.terms(&filed.agreement));
        let terms = Box::new(terms);
        let letters = Letters::load(folder, &terms)?;
        Ok(Program { folder: folder.to_owned(), filed, terms, digest, schedule, engine, letters })
    }

    /// Returns the agreement, as it stands for the recipient whose node this is.
    pub fn agreement(&self) -> &Agreement {
        &self.terms
    }

    /// Returns the words of letters to individuals, in the languages that the agreement names.
    pub(crate) fn letters(&self) -> &Letters {
        &self.letters
    }

    /// Returns the party that discloses and its records.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn source(&self) -> Result<(&PartyId, &RecordSet), Error> {
        self.side(Role::Source, |set| set.caseload_id.is_none())
    }

    /// Returns the party that receives and its caseload.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn recipient(&self) -> Result<(&PartyId, &RecordSet), Error> {
        self.side(Role::Recipient, |set| set.caseload_id.is_some())
    }

    fn side(
        &self,
        role: Role,
        is_side: impl Fn(&RecordSet) -> bool,
    ) -> Result<(&PartyId, &RecordSet), Error> {
        let agreement = self.agreement();
        let mut sets = agreement.record_sets.iter().filter(|set| {
            is_side(set)
                && agreement.party(&set.owner).is_some_and(|party| party.roles.contains(&role))
        });
        match (sets.next(), sets.next()) {
            (Some(set), None) => Ok((&set.owner, set)),
            (None, _) => Err(Error::Unrunnable {
                what: format!(
                    "the agreement has no record set of a party whose role is {}",
                    role.as_str()
                ),
            }),
            (Some(_), Some(_)) => Err(Error::Unrunnable {
                what: format!(
                    "the agreement has several record sets of a party whose role is {}; a run takes one",
                    role.as_str()
                ),
            }),
        }
    }

    /// Returns the purpose of the run: the agreement's first.
    ///
    /// # Errors
    /// There is none.
    pub fn purpose(&self) -> Result<&PurposeId, Error> {
        let first = self.agreement().purposes.first();
        first
            .map(|purpose| &purpose.id)
            .ok_or_else(|| Error::Unrunnable { what: "the agreement names no purpose".into() })
    }

    /// Returns the lowest threshold that agreement and schedule allow together.
    pub fn lowest_threshold(&self) -> f64 {
        let bound = self.agreement().model.threshold.lowest_weight();
        self.schedule.threshold.map_or(bound, |tighter| tighter.max(bound))
    }
}

impl Engine {
    fn load(folder: &Path, agreement: &Agreement) -> Result<Engine, Error> {
        let agreed = &agreement.model;
        let (name, wanted) = match (&agreed.digest, &agreed.recipe_digest) {
            (Some(digest), _) => ("model.toml", digest),
            (None, Some(digest)) => ("recipe.toml", digest),
            (None, None) => {
                return Err(Error::Unrunnable {
                    what: "the agreement names neither a model nor a recipe".into(),
                });
            }
        };
        let path = folder.join(name);
        let text = read(&path)?;
        let engine = if name == "model.toml" {
            Engine::Model(linkage::Model::from_toml(&text)?)
        } else {
            Engine::Recipe(linkage::Recipe::from_toml(&text)?)
        };
        let found = engine.digest()?;
        if found != *wanted {
            return Err(Error::OtherModel {
                path,
                found: found.to_string(),
                agreed: wanted.to_string(),
            });
        }
        engine.keeps_to(&agreed.threshold)?;
        Ok(engine)
    }

    /// Returns the digest of the recipe or the model, as agreements name it.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn digest(&self) -> Result<Digest, Error> {
        let digest = match self {
            Engine::Recipe(recipe) => recipe.digest()?,
            Engine::Model(model) => model.digest()?,
        };
        Ok(digest.to_string().parse()?)
    }

    /// Checks that the recipe's own rule for the threshold is no looser than the agreement's.
    fn keeps_to(&self, agreed: &Threshold) -> Result<(), Error> {
        use linkage::model::ThresholdRule::TargetPrecision;
        let (Engine::Recipe(recipe), Threshold::ExpectedPrecision { least_permille, .. }) =
            (self, agreed)
        else {
            return Ok(());
        };
        match recipe.threshold() {
            TargetPrecision(target) if target * 1000.0 + 1e-9 >= f64::from(*least_permille) => {
                Ok(())
            }
            _ => Err(Error::Unrunnable {
                what: format!(
                    "the recipe's rule for the threshold is looser than the agreement's: it must aim at an expected \
                     precision of {least_permille} in 1,000 or more"
                ),
            }),
        }
    }
}

/// Reads agreement and schedule of a folder.
pub(crate) fn read_terms(folder: &Path) -> Result<(Agreement, Schedule), Error> {
    let agreement = read_agreement(folder, "agreement.toml")?;
    let path = folder.join("schedule.toml");
    let annexes = read_annexes(folder)?;
    let schedule = Schedule::read(&read(&path)?, &shown(&path), &agreement, &annexes);
    Ok((agreement, schedule.map_err(|problems| Error::Problems { problems })?))
}

/// Reads the agreement of a folder.
///
/// # Errors
/// There is none, or all that is wrong with it.
pub fn read_agreement(folder: &Path, name: &str) -> Result<Agreement, Error> {
    let path = folder.join(name);
    if !path.exists() {
        return Err(Error::NoProgram { path: folder.to_owned() });
    }
    Agreement::read(&read(&path)?, &shown(&path)).map_err(|problems| Error::Problems { problems })
}

/// Reads what is filed about an agreement in its folder.
///
/// # Errors
/// A file cannot be read or is not what its place says.
pub fn read_filed(folder: &Path, agreement: Agreement) -> Result<Filed, Error> {
    let mut filed = Filed::new(agreement);
    for path in listed(&folder.join("signatures"))? {
        filed.signatures.push(Signature::read(&read(&path)?, &shown(&path))?);
    }
    for path in listed(&folder.join("keys"))? {
        filed.key_changes.push(KeyChange::read(&read(&path)?, &shown(&path))?);
    }
    filed.annexes = read_annexes(folder)?;
    filed.publications = read_publications(folder)?;
    if folder.join("previous.toml").exists() {
        filed.previous = Some(read_agreement(folder, "previous.toml")?);
        for path in listed(&folder.join("previous-signatures"))? {
            filed.previous_signatures.push(Signature::read(&read(&path)?, &shown(&path))?);
        }
    }
    Ok(filed)
}

/// Reads the annexes of a folder. Two for one party under one agreement would leave open which of them counts.
fn read_annexes(folder: &Path) -> Result<Vec<Annex>, Error> {
    let mut annexes: Vec<Annex> = Vec::new();
    for path in listed(&folder.join("annexes"))? {
        let annex = Annex::read(&read(&path)?, &shown(&path))?;
        let same = |one: &Annex| one.agreement == annex.agreement && one.party.id == annex.party.id;
        if annexes.iter().any(same) {
            let what = format!(
                "`{}` joins `{}`, and so does another annex in `annexes/`: keep the one that was signed",
                shown(&path),
                annex.party.id
            );
            return Err(Error::Unrunnable { what });
        }
        annexes.push(annex);
    }
    Ok(annexes)
}

fn read_publications(folder: &Path) -> Result<Publications, Error> {
    let path = folder.join("publications.toml");
    if !path.exists() {
        return Ok(Publications::default());
    }
    Ok(Publications::read(&read(&path)?, &shown(&path))?)
}

/// Finds the demonstration made earlier, or makes one: dates moved to today, signed on the spot with throw-away keys.
fn demonstration(
    folder: &Path,
    drafted: &Agreement,
    schedule: &Schedule,
    places: &Places,
    clock: &Clock,
) -> Result<Filed, Error> {
    let place = places.root().join("demonstration");
    let of = place.join("of");
    let origin = drafted.digest()?.to_string();
    let today = clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    if fs::read_to_string(&of).is_ok_and(|text| text.trim() == origin) {
        let made = read_agreement(&place, "agreement.toml")?;
        if today <= made.term.ends {
            return read_filed(&place, made);
        }
    }
    let mut randoms = Vec::new();
    for _ in 0..=drafted.parties.len() * 2 {
        randoms.push(clock::random()?);
    }
    let publications = read_publications(folder)?;
    let mut named = drafted.clone();
    let register = schedule.requests.as_ref().map(|register| Places::under(folder.join(register)));
    let register = register.unwrap_or_else(|| register::beside(places));
    make_private(places.root())?;
    // The place is one recipient's: whose caseload it is.
    let caseload = drafted.record_sets.iter().find(|set| set.caseload_id.is_some());
    let own = named.parties.iter_mut().find(|party| {
        party.requests_key.is_some() && caseload.is_some_and(|set| set.owner == party.id)
    });
    if let Some(party) = own {
        let key = Register::key_for_demonstration(&party.id, drafted.environment, &register)?;
        party.requests_key = Some(key);
    }
    let made =
        named.demonstration(&publications, clock.now(), || randoms.pop().unwrap_or_default())?;
    // It is made beside its place and then moved there whole: another process that begins at the same time finds all of
    // it or nothing, and if we crash in here the next start makes it anew.
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::CannotWrite { path, source }
    };
    let making = tempfile_beside(places.root())?;
    let to_toml = |value: Result<String, toml::ser::Error>, what| {
        value.map_err(|_| Error::OldSummary { what })
    };
    let agreement = to_toml(toml::to_string(&made.filed.agreement), "agreement")?;
    let note = "# A demonstration: dates moved to the day it was made, signed on the spot with throw-away keys.\n";
    write(&making.join("agreement.toml"), &format!("{note}{agreement}"))?;
    let publications = to_toml(toml::to_string(&made.filed.publications), "publications")?;
    write(&making.join("publications.toml"), &publications)?;
    for signature in &made.filed.signatures {
        let name = signature.signer().to_string().replace([' ', '/', ':'], "-");
        write(&making.join("signatures").join(format!("{name}.toml")), &signature.to_text()?)?;
    }
    for (signer, key) in &made.keys {
        let name = signer.to_string().replace([' ', '/', ':'], "-");
        write_secret(&making.join("keys").join(format!("{name}.secret")), &key.to_secret_text())?;
    }
    write(&making.join("of"), &origin)?;
    if fs::rename(&making, &place).is_err() {
        // One is there: an old one makes room, and one that was made meanwhile is as good as ours.
        let fresh = fs::read_to_string(&of).is_ok_and(|text| text.trim() == origin)
            && read_agreement(&place, "agreement.toml").is_ok_and(|made| today <= made.term.ends);
        if fresh {
            fs::remove_dir_all(&making).map_err(cannot(&making))?;
        } else {
            fs::remove_dir_all(&place).map_err(cannot(&place))?;
            fs::rename(&making, &place).map_err(cannot(&place))?;
        }
    }
    // Read back what was written: what the run uses is what lies there for anybody to check.
    let written = read_agreement(&place, "agreement.toml")?;
    read_filed(&place, written)
}

/// Makes a folder of a name that nobody else has taken.
fn tempfile_beside(root: &Path) -> Result<PathBuf, Error> {
    let folder = root.join(format!("demonstration-{}", hex(&clock::random()?[..8])));
    make_private(&folder)?;
    Ok(folder)
}

/// Reads a file as text.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::CannotRead { path: path.to_owned(), source })
}

/// Writes a file so that it is there whole or not at all.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    write_as(path, text, 0o644)
}

/// Writes a file that its owner alone can read: what was returned about persons.
///
/// # Errors
/// As [`write()`].
pub fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    write_as(path, text, 0o600)
}

/// Writes a file piece by piece, making its folder; what can be read is the whole of it.
///
/// # Errors
/// As [`write()`], or what went wrong while its content was made.
pub fn write_in_pieces(
    path: &Path,
    content: impl FnOnce(&mut fs::File) -> Result<(), Error>,
) -> Result<(), Error> {
    write_with(path, 0o644, content)
}

/// Writes rows to a file that was opened by [`write_in_pieces`], spelling them on so many threads, in their order.
///
/// `spell` gets rows that stand one after another, and how many stand before them.
///
/// # Errors
/// The file cannot be written, or what went wrong while rows were spelled.
pub fn write_rows<T: Sync>(
    file: &mut fs::File,
    path: &Path,
    threads: NonZeroUsize,
    rows: &[T],
    spell: impl Fn(usize, &[T], &mut Vec<u8>) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    use std::io::Write as _;
    /// What is spelled in one piece, so that little stands in memory.
    const PIECE: usize = 1 << 15;
    let mut buffers = vec![Vec::new(); threads.get()];
    for (wave, rows) in rows.chunks(PIECE * threads.get()).enumerate() {
        let before = wave * PIECE * threads.get();
        let pieces = rows.chunks(PIECE).enumerate();
        let spelled: Vec<Result<(), Error>> = std::thread::scope(|scope| {
            let spelled: Vec<_> = pieces
                .zip(&mut buffers)
                .map(|((piece, rows), buffer)| {
                    let spell = &spell;
                    scope.spawn(move || {
                        buffer.clear();
                        spell(before + piece * PIECE, rows, buffer)
                    })
                })
                .collect();
            spelled.into_iter().map(|one| one.join().unwrap_or(Err(Error::WriterStopped))).collect()
        });
        for (spelled, buffer) in spelled.into_iter().zip(&buffers) {
            spelled?;
            let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
            file.write_all(buffer).map_err(cannot)?;
        }
    }
    Ok(())
}

fn write_as(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    use std::io::Write as _;
    write_with(path, mode, |file| {
        let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
        file.write_all(text.as_bytes()).map_err(cannot)
    })
}

fn write_with(
    path: &Path,
    mode: u32,
    content: impl FnOnce(&mut fs::File) -> Result<(), Error>,
) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let cannot = |source| Error::CannotWrite { path: path.to_owned(), source };
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(cannot)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = folder.join(format!(".{name}.new"));
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .map_err(cannot)?;
    let written = content(&mut file)
        .and_then(|()| file.sync_all().and_then(|()| fs::rename(&beside, path)).map_err(cannot));
    if written.is_err() {
        // Nothing half-written stays behind; that the attempt failed is what is reported.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Lists the TOML files of a folder in the order of their names; none where there is no such folder.
pub(crate) fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let cannot = |source| Error::CannotRead { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What `check` found in a program's folder.
#[derive(Debug, Default)]
pub struct Checked {
    /// All that is missing or wrong.
    pub problems: Vec<Problem>,
    /// The digest of the agreement, where it can be read.
    pub agreement: Option<Digest>,
    /// The digest of each annex, by its file.
    pub annexes: Vec<(String, Digest)>,
    /// The key of each recipient's register of requests, by the recipient's name.
    pub registers: Vec<(PartyId, RegisterKey)>,
}

/// Lists every problem of an agreement and of the files beside it that are there.
///
/// # Errors
/// A file cannot be read.
pub fn check(path: &Path, packs: &[agreement::Pack]) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    let text = read(path)?;
    let agreement = match Agreement::read(&text, &shown(path)) {
        Ok(agreement) => agreement,
        Err(problems) => {
            checked.problems = problems;
            return Ok(checked);
        }
    };
    checked.agreement = Some(agreement.digest()?);
    let named = |party: &Party| Some((party.id.clone(), party.requests_key.clone()?));
    checked.registers.extend(agreement.parties.iter().filter_map(named));
    let found = &mut checked.problems;
    found.extend(agreement::law_problems(&text, &shown(path), packs));
    let gate = agreement::Gate::new(packs.to_vec())?;
    let missing: Vec<_> = found.iter().map(|problem| problem.cite.clone()).collect();
    let terms = agreement::terms_problems(&agreement, &text, &shown(path), &gate);
    // What is missing is not also said to be broken.
    found.extend(terms.into_iter().filter(|problem| !missing.contains(&problem.cite)));
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut joining: Vec<(PathBuf, Party)> = Vec::new();
    for file in listed(&folder.join("annexes"))? {
        let text = read(&file)?;
        match Annex::read(&text, &shown(&file)) {
            Ok(annex) => {
                found.extend(annex.problems(&text, &shown(&file), &agreement)?);
                checked.annexes.push((shown(&file), annex.digest()?));
                checked.registers.extend(named(&annex.party));
                found.extend(register::joining_problems(&joining, &annex.party, &file));
                joining.push((file, annex.party));
            }
            Err(error) => found.push(problem(&file, &error, "write it as the guide shows")),
        }
    }
    let schedule = path.with_file_name("schedule.toml");
    match read_annexes(folder) {
        Ok(annexes) if schedule.exists() => {
            match Schedule::read(&read(&schedule)?, &shown(&schedule), &agreement, &annexes) {
                Ok(read) => {
                    let joined = read.annex(agreement.digest()?, &annexes);
                    let terms = joined.map(|annex| annex.terms(&agreement));
                    let terms = terms.as_ref().unwrap_or(&agreement);
                    found.extend(register::problems(folder, terms, &read, &schedule));
                }
                Err(problems) => found.extend(problems),
            }
        }
        // What cannot be read has been listed; two for one party have not.
        Err(error @ Error::Unrunnable { .. }) => {
            found.push(problem(&folder.join("annexes"), &error, "take the other out"));
        }
        Ok(_) | Err(_) => {}
    }
    match Letters::load(folder, &agreement) {
        Ok(letters) => found.extend_from_slice(letters.lacking()),
        Err(Error::Problems { problems }) => found.extend(problems),
        Err(other) => return Err(other),
    }
    found.extend(filed_problems(folder, &agreement)?);
    Ok(checked)
}

/// Lists what a folder lacks before a run can be asked for.
pub fn missing_files(folder: &Path) -> Vec<Problem> {
    let lacks = |name: &str| !folder.join(name).exists();
    let mut found = Vec::new();
    if lacks("schedule.toml") {
        let remedy = "say where the files lie: the worked example has a commented one";
        found.push(problem(&folder.join("schedule.toml"), &"it is not there", remedy));
    }
    if lacks("recipe.toml") && lacks("model.toml") {
        let remedy = "say how records are linked: the worked example has a commented recipe";
        found.push(problem(&folder.join("recipe.toml"), &"it is not there, nor a model", remedy));
    }
    found
}

/// Lists what is wrong with recipe or model, signatures and publications, where they are there.
fn filed_problems(folder: &Path, agreement: &Agreement) -> Result<Vec<Problem>, Error> {
    let mut found = Vec::new();
    let engine = if agreement.model.digest.is_some() { "model.toml" } else { "recipe.toml" };
    let engine = folder.join(engine);
    if engine.exists()
        && let Err(error) = Engine::load(folder, agreement)
    {
        let remedy = "put the file's digest, which is printed below, into the agreement, or the agreed file here";
        found.push(problem(&engine, &error, remedy));
    }
    let mut changes = Vec::new();
    for path in listed(&folder.join("keys"))? {
        match KeyChange::read(&read(&path)?, &shown(&path)) {
            Ok(change) => changes.push(change),
            Err(error) => found.push(problem(&path, &error, "make it with `comity key rotate`")),
        }
    }
    for path in listed(&folder.join("signatures"))? {
        let verified = Signature::read(&read(&path)?, &shown(&path))
            .and_then(|signature| signature.verify(agreement, &changes));
        if let Err(error) = verified {
            found.push(problem(&path, &error, "take it out, and sign with `comity sign`"));
        }
    }
    let path = folder.join("publications.toml");
    if path.exists() && !agreement.demonstration {
        let digest = agreement.digest()?;
        match Publications::read(&read(&path)?, &shown(&path)) {
            Ok(publications) if publications.agreement == Some(digest) => {}
            Ok(_) => {
                let what =
                    "it does not say that it is about this agreement, so that nothing in it counts";
                found.push(problem(
                    &path,
                    &what,
                    &format!("write `agreement = \"{digest}\"` at its top"),
                ));
            }
            Err(error) => {
                found.push(problem(&path, &error, "compare it with the worked example's"));
            }
        }
    }
    Ok(found)
}

pub(crate) fn problem(path: &Path, what: &dyn std::fmt::Display, remedy: &str) -> Problem {
    Problem {
        file: shown(path),
        line: 1,
        column: 1,
        what: what.to_string(),
        cite: None,
        remedy: remedy.to_owned(),
    }
}
