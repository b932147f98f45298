//! One run of a matching program, from the agreement to the report. It reads like the path of the data in
//! ARCHITECTURE.md, and is the file to read first.
//!
//! A run that is broken off goes on, or starts clean: until its leads are planned nothing of it is kept; from then on
//! every chunk is prepared, recorded and released, each once. Nothing here judges anybody: a lead is something for a
//! person to look at.

use crate::event::Event;
use crate::extract::{self, Table};
use crate::node::{Answer, Node};
use crate::program::{Engine, Program};
use crate::release::{self, Released, Withheld};
use crate::report::Report;
use crate::{Error, discrepancy, summary};
use agreement::{
    Act, CycleId, Extract, PartyId, Permit, PilotStatus, PurposeId, RecordSet, RecordSetId,
    Refusal, Request,
};
use casework::{
    Disclosure, DisclosureId, Known, LeadId, PairKey, Pilot, PilotTerms, Planned, Run, RunState,
    Stage, Store,
};
use ledger::{Leaf, Recorded};
use linkage::{Blocks, Links, Model, RecordRef, Scorer, Side, Tables};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Leads that go out together, so that a stay is looked up again before the next.
const CHUNK: usize = 50;

/// Who watches a run: the terminal, a log, a test.
pub trait Watch {
    /// A step is done.
    fn said(&mut self, step: &Step);
    /// A long step is under way.
    fn progress(&mut self, done: u64, all: u64);
    /// A point was passed at which a crash must lose nothing. Tests crash here.
    fn passed(&mut self, _point: Point) {}
}

/// A step of the path that is done, with what it came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The gate permitted an act.
    Permitted { act: String, party: String, until: String, entry: u64 },
    /// The files were opened.
    Admitted { files: Vec<(String, u64)>, caveats: Vec<String> },
    /// A model was trained.
    Trained { recipe: String, model: String },
    /// Pairs were compared.
    Compared { pairs: u64, possible: u64, rules: usize },
    /// Leads were found.
    Found { above: u64, one_to_one: u64, with_discrepancy: u64, threshold: f64, precision: f64 },
    /// What is opened now, and what waits for the pilot.
    Planned { planned: u64, held: u64, known_not_same: u64, covered: u64, pilot_sample: u64 },
    /// The pilot has passed, and what was held is opened.
    PilotPassed { judged: u32, not_right: u32, upper_bound: f64 },
    /// A chunk went out.
    Released { persons: u64, elements: u64, chunks: u64, entry: u64 },
    /// A chunk was withheld.
    Withheld { why: Withheld },
}

/// Points at which a crash is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The run is in the store; nothing is found.
    Started,
    /// All leads are planned; none is disclosed.
    Planned,
    /// A chunk's disclosure is in the store and in the outbox; the ledger does not have it.
    Prepared,
    /// The ledger has the disclosure; nothing is released.
    Recorded,
    /// The chunk is released; the run goes on.
    Released,
    /// Everything is released; the run is not yet closed.
    AllReleased,
}

/// What a run came to.
#[derive(Debug)]
#[must_use = "a refusal is an answer, and somebody has to hear it"]
pub enum Outcome {
    /// The cycle's leads are open, or held for the pilot.
    Done(Box<Report>),
    /// The cycle was run before, and nothing more is to be done now.
    Again(Box<Report>),
    /// The gate refused. If it refused half-way, nothing of the run is kept or released.
    Refused(Refusal),
}

/// What a dry run came to: counts and expectations, and no lead.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Tried {
    /// Records of each set.
    pub records: BTreeMap<String, u64>,
    /// Pairs of each rule: alone, and not made by an earlier rule.
    pub rules: Vec<(String, u64, u64)>,
    /// Pairs that would be compared.
    pub pairs: u64,
    /// Pairs that there are at all.
    pub possible: u64,
    /// The threshold, as a weight.
    pub threshold: f64,
    /// Leads expected to be right, by the model's own reckoning from the base rate.
    pub expected_true: f64,
    /// Leads expected to be wrong.
    pub expected_false: f64,
}

/// What a dry run came to, or why the gate refused it.
#[derive(Debug)]
#[must_use = "a refusal is an answer, and somebody has to hear it"]
pub enum TriedOutcome {
    /// The counts.
    Done(Tried),
    /// The refusal.
    Refused(Refusal),
}

/// Asks the gate, and goes on under its permit or returns its refusal.
macro_rules! ask {
    ($run:expr, $request:expr, $refused:expr) => {
        match $run.ask($request).await? {
            Answer::Permitted(permit, entry) => (permit, entry),
            Answer::Refused(refusal) => return Ok($refused(refusal)),
        }
    };
}

/// Runs the program for a cycle, or goes on where an earlier run was broken off.
///
/// # Errors
/// A file is not as promised, or the world failed. What was begun can be gone on with by running it again.
pub async fn run(
    program: &Program,
    node: &mut Node,
    cycle: &CycleId,
    watch: &mut dyn Watch,
) -> Result<Outcome, Error> {
    let mut run = Running::new(program, node, cycle, watch)?;
    run.file_agreement().await?;
    match run.node.store.run(cycle.as_str()).await? {
        None => {}
        Some(earlier) => match earlier.state {
            RunState::Finished => return run.look_at_the_pilot_again(earlier).await,
            RunState::Planned => return run.go_on(earlier).await,
            RunState::Started | RunState::Abandoned => {
                run.abandon(&earlier.id, "interrupted before its leads were planned").await?
            }
        },
    }

    // 2  gate: may this be run at all?
    let (permit, _) = ask!(run, run.request(Act::RUN), Outcome::Refused);
    // 3  admit: only the elements that the agreement names
    let admitted = run.admit(&permit)?;
    // 2  gate again, now that the records are counted
    let (permit, entry) = ask!(run, run.counted(Act::RUN, &admitted), Outcome::Refused);
    let id = run.start(&admitted, entry).await?;
    run.watch.passed(Point::Started);
    // 4  prepare
    let tables = run.prepare(&admitted)?;
    //    train, under a permit of its own
    let model = match run.model(&id, &tables, &admitted).await? {
        Ok(model) => model,
        Err(refusal) => return run.refused(&id, refusal).await,
    };
    // 5–7 block, compare, score
    let scorer = Scorer::new(&model, &tables)?;
    let links = run.link(&scorer)?;
    // 8  leads: the discrepancy that the agreement names, in the recipient's own caseload
    let found = run.find(&permit, &admitted, &links)?;
    let pilot = run.pilot_so_far().await?;
    let (release, entry) = match run.ask(run.releasing(&admitted, &model, &pilot)).await? {
        Answer::Permitted(permit, entry) => (permit, entry),
        Answer::Refused(refusal) => return run.refused(&id, refusal).await,
    };
    let report = run.plan(&id, &release, &admitted, &scorer, &links, found, &pilot).await?;
    run.watch.passed(Point::Planned);
    // 8a release, chunk by chunk, each recorded first
    run.release(&id, &release, entry, &admitted).await?;
    run.watch.passed(Point::AllReleased);
    // 14 report
    Ok(Outcome::Done(Box::new(run.finish(&id, report).await?)))
}

/// Says what a run would bring: pairs a rule, and true and false leads expected from the base rate. It opens the files
/// under a recorded permit, lets out counts alone, and opens no lead.
///
/// # Errors
/// As [`run`].
pub async fn try_out(
    program: &Program,
    node: &mut Node,
    cycle: &CycleId,
    watch: &mut dyn Watch,
) -> Result<TriedOutcome, Error> {
    let mut run = Running::new(program, node, cycle, watch)?;
    run.file_agreement().await?;
    let (permit, _) = ask!(run, run.request(Act::RUN), TriedOutcome::Refused);
    let admitted = run.admit(&permit)?;
    let (_, _) = ask!(run, run.counted(Act::RUN, &admitted), TriedOutcome::Refused);
    let tables = run.prepare(&admitted)?;
    let model = match &program.engine {
        Engine::Model(model) => model.clone(),
        Engine::Recipe(recipe) => {
            let (_, _) = ask!(run, run.counted(Act::TRAIN, &admitted), TriedOutcome::Refused);
            linkage::train(recipe, &tables)?
        }
    };
    let model = run.bounded(model)?;
    let rules = Blocks::new(&tables, model.rules())?.counts();
    let expected = linkage::threshold::dry_run(
        &model,
        tables.records(Side::Source).into(),
        tables.records(Side::Recipient).into(),
    );
    Ok(TriedOutcome::Done(Tried {
        records: admitted
            .counts()
            .into_iter()
            .map(|(set, count)| (set.to_string(), count))
            .collect(),
        pairs: rules.last().map_or(0, |rule| rule.cumulative_pairs),
        rules: rules
            .into_iter()
            .map(|rule| (rule.rule.clone(), rule.pairs, rule.cumulative_pairs))
            .collect(),
        possible: tables.all_pairs(),
        threshold: model.threshold(),
        expected_true: expected.true_leads,
        expected_false: expected.false_leads,
    }))
}

/// The files of both sides, opened.
pub(crate) struct Admitted<'program> {
    pub(crate) source_set: &'program RecordSet,
    pub(crate) recipient_set: &'program RecordSet,
    pub(crate) source: Table,
    pub(crate) recipient: Table,
}

impl Admitted<'_> {
    pub(crate) fn counts(&self) -> BTreeMap<RecordSetId, u64> {
        let rows = |table: &Table| table.admitted.batch.num_rows() as u64;
        BTreeMap::from([
            (self.source_set.id.clone(), rows(&self.source)),
            (self.recipient_set.id.clone(), rows(&self.recipient)),
        ])
    }

    fn digests(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (self.source_set.id.to_string(), self.source.admitted.digest.to_string()),
            (self.recipient_set.id.to_string(), self.recipient.admitted.digest.to_string()),
        ])
    }
}

/// A pair with the discrepancy, before it is known whether it becomes a lead.
struct Found {
    source: RecordRef,
    recipient: RecordRef,
    case_id: String,
    pair: PairKey,
    returned_digest: [u8; 32],
}

/// The pairs for which the discrepancy holds.
struct Leads {
    in_caseload: u64,
    pairs: Vec<Found>,
}

/// How far the pilot is.
struct PilotSoFar {
    measured: Pilot,
    opened: u64,
    sample: u64,
}

impl PilotSoFar {
    fn status(&self) -> PilotStatus {
        if u64::from(self.measured.judged()) < self.sample {
            return PilotStatus::Open { opened: self.opened };
        }
        PilotStatus::Reviewed {
            reviewed: u64::from(self.measured.judged()),
            false_permille: permille(self.measured.upper_bound()),
        }
    }
}

/// Rounds a share up to thousandths: a bound is never made to look better.
fn permille(share: f64) -> u64 {
    (share * 1000.0).ceil() as u64
}

/// Leads a chunk, so that its entry with a commitment for every field stays within an entry's size.
fn chunk_size(elements: usize) -> usize {
    // A commitment takes 47 bytes in the entry, of which 65,535 may be used; the lead's number is one field more.
    (48_000 / (47 * (elements + 1))).clamp(1, CHUNK)
}

/// Chooses what is opened now: everything, or as many as the pilot has room for, drawn by lot. The lot is the keyed
/// digest of each pair for this run, which nobody can steer and anybody with the secret can draw again.
fn opened_now(
    fresh: &[(&Found, Option<LeadId>)],
    at_most: Option<u64>,
    secret: &[u8; 32],
    run: &str,
) -> Result<BTreeSet<PairKey>, Error> {
    let mut lots = Vec::with_capacity(fresh.len());
    for (found, _) in fresh {
        lots.push((summary::keyed(secret, "pilot", &(run, &found.pair.0))?, found.pair));
    }
    lots.sort_unstable();
    let room = at_most.map_or(usize::MAX, |room| usize::try_from(room).unwrap_or(usize::MAX));
    Ok(lots.into_iter().take(room).map(|(_, pair)| pair).collect())
}

struct Running<'run> {
    program: &'run Program,
    node: &'run mut Node,
    cycle: &'run CycleId,
    watch: &'run mut dyn Watch,
    source: &'run PartyId,
    recipient: &'run PartyId,
    purpose: &'run PurposeId,
}

impl<'run> Running<'run> {
    fn new(
        program: &'run Program,
        node: &'run mut Node,
        cycle: &'run CycleId,
        watch: &'run mut dyn Watch,
    ) -> Result<Self, Error> {
        let (source, _) = program.source()?;
        let (recipient, _) = program.recipient()?;
        Ok(Running { program, node, cycle, watch, source, recipient, purpose: program.purpose()? })
    }

    /// 1  agreement: files it at this node, once.
    async fn file_agreement(&mut self) -> Result<(), Error> {
        let agreement = self.program.agreement();
        let event = Event::AgreementFiled {
            agreement: self.program.digest.to_string(),
            program: agreement.program.to_string(),
            environment: agreement.environment.to_string(),
            demonstration: agreement.demonstration,
        };
        if self
            .node
            .store
            .file_once(&self.program.digest.to_string(), &self.node.leaves(&[event])?)
            .await?
        {
            // If the ledger cannot be written now, the gate will say so; the line waits in the outbox.
            let _ = self.node.drain().await;
        }
        Ok(())
    }

    async fn ask(&mut self, request: Request) -> Result<Answer, Error> {
        let act = request.act.to_string();
        let filed = self.node.with_stays(&self.program.filed).await?;
        let answer = self.node.decide(request, &filed).await?;
        if let Answer::Permitted(permit, entry) = &answer {
            self.watch.said(&Step::Permitted {
                act,
                party: permit.party().to_string(),
                until: permit.ends().to_string(),
                entry: *entry,
            });
        }
        Ok(answer)
    }

    fn request(&self, act: Act) -> Request {
        let agreement = self.program.agreement();
        let mut request = Request::new(agreement, act, self.recipient, self.purpose);
        request.cycle = Some(self.cycle.clone());
        request.extracts = self
            .program
            .schedule
            .record_sets
            .iter()
            .map(|(set, extracted)| {
                let drawn = &extracted.drawn;
                let selected_on = drawn.selected_on.iter().copied().collect();
                (set.clone(), Extract { attested_by: Some(drawn.attested_by.clone()), selected_on })
            })
            .collect();
        request
    }

    fn counted(&self, act: Act, admitted: &Admitted<'_>) -> Request {
        Request { counts: admitted.counts(), ..self.request(act) }
    }

    fn releasing(&self, admitted: &Admitted<'_>, model: &Model, pilot: &PilotSoFar) -> Request {
        Request {
            threshold: Some(model.threshold()),
            pilot: pilot.status(),
            ..self.counted(Act::RELEASE, admitted)
        }
    }

    /// 3  admit: opens both files under the permit.
    fn admit(&mut self, permit: &Permit) -> Result<Admitted<'run>, Error> {
        if let Some(cycle) = self.program.schedule.cycle(self.cycle)
            && self.node.now().to_zoned(jiff::tz::TimeZone::UTC).date() > cycle.due
            && !self.program.agreement().demonstration
        {
            return Err(Error::Late { cycle: cycle.id.to_string(), due: cycle.due });
        }
        let (_, source_set) = self.program.source()?;
        let (_, recipient_set) = self.program.recipient()?;
        let admitted = Admitted {
            source_set,
            recipient_set,
            source: extract::open(self.program, permit, source_set, self.cycle)?,
            recipient: extract::open(self.program, permit, recipient_set, self.cycle)?,
        };
        extract::expected(self.program, source_set, &admitted.source)?;
        extract::expected(self.program, recipient_set, &admitted.recipient)?;
        let tables = [&admitted.source, &admitted.recipient];
        let name = |table: &Table| {
            table
                .spec
                .path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        self.watch.said(&Step::Admitted {
            files: tables
                .iter()
                .map(|table| (name(table), table.admitted.batch.num_rows() as u64))
                .collect(),
            caveats: tables
                .iter()
                .flat_map(|table| table.admitted.caveats.iter().map(ToString::to_string))
                .collect(),
        });
        Ok(admitted)
    }

    async fn start(&mut self, admitted: &Admitted<'_>, permit: u64) -> Result<String, Error> {
        let runs = self.node.store.runs().await?;
        let tries = runs.iter().filter(|run| run.cycle == self.cycle.as_str()).count();
        let id = if tries == 0 {
            self.cycle.to_string()
        } else {
            format!("{}-{}", self.cycle, tries + 1)
        };
        let run = Run {
            id: id.clone(),
            cycle: self.cycle.to_string(),
            state: RunState::Started,
            started_at: self.node.now().to_string(),
            finished_at: None,
            inputs: json!({
                "agreement": self.program.digest.to_string(),
                "model": self.model_key()?,
                "files": admitted.digests(),
            })
            .to_string(),
            summary: None,
        };
        let event = Event::RunStarted {
            run: id.clone(),
            cycle: self.cycle.to_string(),
            permit,
            files: admitted.digests(),
            records: admitted
                .counts()
                .into_iter()
                .map(|(set, count)| (set.to_string(), count))
                .collect(),
        };
        self.node.store.start(&run, &self.node.leaves(&[event])?).await?;
        Ok(id)
    }

    /// What a pilot is good for: this recipe or model, at this bound or a tighter one.
    fn model_key(&self) -> Result<String, Error> {
        Ok(format!("{} from {}", self.program.engine.digest()?, self.program.lowest_threshold()))
    }

    /// 4  prepare: tables to normalised columns.
    fn prepare(&self, admitted: &Admitted<'_>) -> Result<Tables, Error> {
        let columns = match &self.program.engine {
            Engine::Recipe(recipe) => recipe.columns(),
            Engine::Model(model) => model.columns(),
        };
        let source = std::slice::from_ref(&admitted.source.admitted.batch);
        let recipient = std::slice::from_ref(&admitted.recipient.admitted.batch);
        Ok(Tables::between(columns, linkage::Table::new(source), linkage::Table::new(recipient))?)
    }

    /// Trains the model by the agreed recipe, or takes the agreed model.
    async fn model(
        &mut self,
        id: &str,
        tables: &Tables,
        admitted: &Admitted<'_>,
    ) -> Result<Result<Model, Refusal>, Error> {
        let recipe = match &self.program.engine {
            Engine::Model(model) => return Ok(Ok(self.bounded(model.clone())?)),
            Engine::Recipe(recipe) => recipe,
        };
        let (_permit, entry) = match self.ask(self.counted(Act::TRAIN, admitted)).await? {
            Answer::Permitted(permit, entry) => (permit, entry),
            Answer::Refused(refusal) => return Ok(Err(refusal)),
        };
        let model = self.bounded(linkage::train(recipe, tables)?)?;
        let (recipe, digest) = (recipe.digest()?.to_string(), model.digest()?.to_string());
        let event = Event::ModelTrained {
            run: id.to_owned(),
            permit: entry,
            recipe: recipe.clone(),
            model: digest.clone(),
        };
        self.node.record(&[event]).await?;
        self.watch.said(&Step::Trained { recipe, model: digest });
        Ok(Ok(model))
    }

    /// Raises the threshold to the bound that was approved, or to the schedule's tighter one.
    fn bounded(&self, model: Model) -> Result<Model, Error> {
        let lowest = self.program.lowest_threshold();
        if model.threshold() >= lowest { Ok(model) } else { Ok(model.with_threshold(lowest)?) }
    }

    /// 5–7  block, compare, score.
    fn link(&mut self, scorer: &Scorer<'_>) -> Result<Links, Error> {
        let watch = &mut self.watch;
        let links =
            linkage::link(scorer, |done| watch.progress(done.scored_pairs, done.all_pairs))?;
        self.watch.said(&Step::Compared {
            pairs: links.scored_pairs,
            possible: scorer.tables().all_pairs(),
            rules: links.rules.len(),
        });
        Ok(links)
    }

    /// 8  leads: keeps the pairs in the recipient's caseload for which the agreement's discrepancy holds.
    fn find(
        &mut self,
        permit: &Permit,
        admitted: &Admitted<'_>,
        links: &Links,
    ) -> Result<Leads, Error> {
        let secret = self.node.pair_secret;
        let rule = &self.program.agreement().discrepancy;
        let (source, recipient) =
            (&admitted.source.admitted.batch, &admitted.recipient.admitted.batch);
        let caseload_id = admitted
            .recipient_set
            .caseload_id
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut in_caseload = 0;
        let mut kept = Vec::new();
        for pair in &links.pairs {
            let (left, right) = (pair.source.row() as usize, pair.recipient.row() as usize);
            let Some(case_id) = extract::value(recipient, &caseload_id, right) else {
                continue;
            };
            in_caseload += 1;
            let mut values = discrepancy::Values::default();
            for element in rule.elements() {
                let (batch, row) = if element.record_set == admitted.source_set.id {
                    (source, left)
                } else {
                    (recipient, right)
                };
                if let Some(value) = extract::value(batch, element.element.as_str(), row) {
                    values.set(element, value);
                }
            }
            if discrepancy::holds(rule, &values) {
                kept.push((pair, extract::spelled(&case_id)));
            }
        }
        let wanted: BTreeSet<u64> =
            kept.iter().map(|(pair, _)| u64::from(pair.source.row())).collect();
        let returned: HashMap<u64, _> = extract::returned(
            self.program,
            permit,
            admitted.source_set,
            &admitted.source,
            &wanted,
        )?
        .into_iter()
        .collect();
        let mut same_before: HashMap<[u8; 32], u32> = HashMap::new();
        let mut found = Vec::with_capacity(kept.len());
        for (pair, case_id) in kept {
            let returned_digest =
                summary::keyed(&secret, "returned", &returned.get(&u64::from(pair.source.row())))?;
            let identity = summary::identity(admitted, source, pair.source.row() as usize);
            let first = summary::keyed(&secret, "pair", &(&case_id, &identity))?;
            // Two records that say the same of one person (two employers) are told apart by their order.
            let ordinal = same_before.entry(first).or_insert(0);
            *ordinal += 1;
            let key = summary::keyed(&secret, "pair", &(&case_id, &identity, *ordinal))?;
            found.push(Found {
                source: pair.source,
                recipient: pair.recipient,
                case_id,
                pair: PairKey(key),
                returned_digest,
            });
        }
        self.watch.said(&Step::Found {
            above: links.pairs_at_threshold,
            one_to_one: links.pairs.len() as u64,
            with_discrepancy: found.len() as u64,
            threshold: links.expectation.threshold,
            precision: links.expectation.expected_precision,
        });
        Ok(Leads { in_caseload, pairs: found })
    }

    /// How far the pilot of this recipe or model is.
    async fn pilot_so_far(&self) -> Result<PilotSoFar, Error> {
        let agreed = &self.program.agreement().pilot;
        let terms = PilotTerms {
            sample: u32::try_from(agreed.sample).unwrap_or(u32::MAX),
            bound: f64::from(agreed.bound_percent) / 100.0,
            confidence: f64::from(agreed.confidence_percent) / 100.0,
        };
        let key = self.model_key()?;
        Ok(PilotSoFar {
            measured: self.node.store.pilot(&key, &terms).await?,
            opened: self.node.store.opened(&key).await?,
            sample: agreed.sample,
        })
    }

    /// Numbers the leads, leaves out what earlier cycles know, and splits them into what is opened now and what is held.
    #[expect(
        clippy::too_many_arguments,
        reason = "it is the one place where all that was found comes together"
    )]
    async fn plan(
        &mut self,
        id: &str,
        release: &Permit,
        admitted: &Admitted<'_>,
        scorer: &Scorer<'_>,
        links: &Links,
        found: Leads,
        pilot: &PilotSoFar,
    ) -> Result<Report, Error> {
        let pairs: Vec<PairKey> = found.pairs.iter().map(|found| found.pair).collect();
        let known = self.node.store.known(&pairs, id, self.node.now()).await?;
        let (mut known_not_same, mut covered) = (0, 0);
        let mut fresh = Vec::new();
        for found in &found.pairs {
            let reopens = match known.get(&found.pair) {
                None => None,
                Some(Known::NotSame { .. }) => {
                    known_not_same += 1;
                    continue;
                }
                Some(Known::Waiting { .. }) => {
                    covered += 1;
                    continue;
                }
                // Worked before: it comes back only if something that is returned has changed.
                Some(Known::Worked { returned_digest, .. })
                    if *returned_digest == found.returned_digest =>
                {
                    covered += 1;
                    continue;
                }
                Some(Known::Worked { lead, .. }) => Some(lead.clone()),
            };
            fresh.push((found, reopens));
        }
        let opened = opened_now(&fresh, release.leads_at_most(), &self.node.pair_secret, id)?;
        let mut explanations = Vec::with_capacity(fresh.len());
        let mut leads = Vec::with_capacity(fresh.len());
        let per_chunk = chunk_size(release.returned().len());
        let mut place = 0;
        for (number, (found, reopens)) in fresh.into_iter().enumerate() {
            let explanation = linkage::explain(scorer, found.source, found.recipient)?;
            let chunk = opened.contains(&found.pair).then(|| {
                let chunk = u32::try_from(place / per_chunk).unwrap_or(u32::MAX);
                place += 1;
                chunk
            });
            leads.push(Planned {
                id: LeadId::new(id, number + 1),
                pair: found.pair,
                case_id: found.case_id.clone(),
                source_record: found.source.row(),
                recipient_record: found.recipient.row(),
                weight: explanation.weight,
                probability: explanation.probability,
                explanation: serde_json::to_string(&explanation)
                    .map_err(|_| Error::UnspeakableEvent)?,
                returned_digest: found.returned_digest,
                reopens,
                chunk,
            });
            explanations.push((LeadId::new(id, number + 1), explanation));
        }
        let planned = place as u64;
        let counted = summary::Counted {
            in_caseload: found.in_caseload,
            with_discrepancy: found.pairs.len() as u64,
            known_not_same,
            covered,
            planned,
            held: leads.len() as u64 - planned,
        };
        let report = summary::report(
            self.program,
            self.node,
            (id, self.cycle),
            admitted,
            scorer,
            links,
            &counted,
            &explanations,
        )?;
        let event = Event::LeadsPlanned {
            run: id.to_owned(),
            model: scorer.model().digest()?.to_string(),
            threshold_thousandths: (scorer.model().threshold() * 1000.0).round() as i64,
            pairs: links.scored_pairs,
            planned,
            held: counted.held,
            known_not_same,
            covered,
            destroyed: links.scored_pairs - leads.len() as u64,
        };
        self.node
            .store
            .plan(id, &summary::stored(&report)?, &leads, &self.node.leaves(&[event])?)
            .await?;
        self.watch.said(&Step::Planned {
            planned,
            held: counted.held,
            known_not_same,
            covered,
            pilot_sample: pilot.sample,
        });
        Ok(report)
    }

    /// 8a  release: each chunk is prepared, recorded, and only then released; a stay is looked up before each.
    async fn release(
        &mut self,
        id: &str,
        permit: &Permit,
        entry: u64,
        admitted: &Admitted<'_>,
    ) -> Result<(), Error> {
        let leads = self.node.store.leads(Some(self.cycle.as_str())).await?;
        let waiting: Vec<_> =
            leads.into_iter().filter(|lead| lead.stage == Stage::Planned).collect();
        let mut chunks: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for lead in waiting {
            if let Some(chunk) = lead.found.chunk {
                chunks.entry(chunk).or_default().push(lead.found);
            }
        }
        let (mut persons, mut last) = (0, None);
        let number = chunks.len() as u64;
        for (chunk, leads) in chunks {
            let wanted: BTreeSet<u64> =
                leads.iter().map(|lead| u64::from(lead.source_record)).collect();
            let rows: HashMap<u64, _> = extract::returned(
                self.program,
                permit,
                admitted.source_set,
                &admitted.source,
                &wanted,
            )?
            .into_iter()
            .collect();
            let returned: Vec<_> = leads
                .iter()
                .map(|lead| {
                    let values =
                        rows.get(&u64::from(lead.source_record)).cloned().unwrap_or_default();
                    let values = values
                        .into_iter()
                        .map(|(element, value)| (element.to_string(), value))
                        .collect();
                    (lead.id.clone(), values)
                })
                .collect();
            let disclosure = self.prepare_disclosure(id, chunk, permit, entry, &returned).await?;
            self.watch.passed(Point::Prepared);
            let Some(recorded) = self.node.drain().await?.pop() else {
                return Err(Error::NotAsRecorded { disclosure: disclosure.id.0 });
            };
            self.watch.passed(Point::Recorded);
            let index = recorded.index();
            if let Some(out) = self.let_out(permit, recorded, &disclosure).await? {
                persons += u64::from(out);
                last = Some(index);
            }
            self.watch.passed(Point::Released);
        }
        if let Some(entry) = last {
            let elements = permit.returned().len() as u64;
            self.watch.said(&Step::Released { persons, elements, chunks: number, entry });
        }
        Ok(())
    }

    async fn prepare_disclosure(
        &mut self,
        id: &str,
        chunk: u32,
        permit: &Permit,
        entry: u64,
        returned: &[(LeadId, BTreeMap<String, String>)],
    ) -> Result<Disclosure, Error> {
        let (commitments, openings) = release::commit(returned)?;
        let elements: Vec<String> = permit.returned().iter().map(ToString::to_string).collect();
        let event = Event::Disclosed {
            run: id.to_owned(),
            chunk: u64::from(chunk),
            permit: entry,
            agreement: permit.agreement().to_string(),
            source: self.source.to_string(),
            recipient: self.recipient.to_string(),
            purpose: permit.purpose().to_string(),
            elements: elements.clone(),
            persons: returned.len() as u64,
        };
        let at = self.node.now().to_string();
        let disclosure = Disclosure {
            id: DisclosureId(format!("{id}/{chunk}@{at}")),
            run: id.to_owned(),
            chunk,
            prepared_at: at,
            recipient: self.recipient.to_string(),
            purpose: permit.purpose().to_string(),
            elements,
            persons: u32::try_from(returned.len()).unwrap_or(u32::MAX),
            leaf: self.node.leaf(&event, commitments)?.as_bytes().to_vec(),
            ledger_index: None,
        };
        self.node.store.prepare(&disclosure, &openings).await?;
        Ok(disclosure)
    }

    /// Releases what the ledger has recorded, or withdraws it and says why.
    async fn let_out(
        &mut self,
        permit: &Permit,
        recorded: Recorded,
        disclosure: &Disclosure,
    ) -> Result<Option<u32>, Error> {
        let index = recorded.index();
        let now = self.node.now();
        match release::release(
            permit,
            recorded,
            disclosure,
            &self.program.filed,
            now,
            &self.node.store,
        )
        .await?
        {
            Released::Out(persons) => Ok(Some(persons)),
            Released::Withheld(why) => {
                let event = Event::DisclosureWithdrawn {
                    run: disclosure.run.clone(),
                    chunk: u64::from(disclosure.chunk),
                    disclosure: index,
                    why: why.to_string(),
                };
                let leaves = self.node.leaves(&[event])?;
                self.node.store.withdraw(&disclosure.id, &now.to_string(), &leaves).await?;
                self.node.drain().await?;
                self.watch.said(&Step::Withheld { why });
                Ok(None)
            }
        }
    }

    /// 14  report: closes the run, and writes the page.
    async fn finish(&mut self, id: &str, mut report: Report) -> Result<Report, Error> {
        let counts = self.node.store.count(self.cycle.as_str()).await?;
        let of = |stage| u64::from(counts.get(&stage).copied().unwrap_or(0));
        let opened = self.node.store.disclosed(id).await?;
        let held = of(Stage::Held);
        summary::close(&mut report, self.node, id, opened, held).await?;
        let html = report.html()?;
        let digest = agreement::Digest::of(html.as_bytes()).to_string();
        let event = Event::RunFinished { run: id.to_owned(), opened, held, report: digest };
        // What is still planned was withheld: the run stays open, and going on with it asks the gate again.
        if of(Stage::Planned) == 0 {
            let at = self.node.now().to_string();
            self.node
                .store
                .finish(id, &at, &summary::stored(&report)?, &self.node.leaves(&[event])?)
                .await?;
            self.node.drain().await?;
        }
        crate::program::write(&self.node.places.report(id), &html)?;
        Ok(report)
    }

    /// Goes on with a run that was broken off after its leads were planned.
    async fn go_on(&mut self, earlier: Run) -> Result<Outcome, Error> {
        let (permit, _) = ask!(self, self.request(Act::RUN), Outcome::Refused);
        let admitted = self.admit(&permit)?;
        if !earlier.is_of_files(&admitted.digests()) {
            return Err(Error::Unrunnable {
                what: format!(
                    "run {} was interrupted, and the files are no longer those it was begun on",
                    earlier.id
                ),
            });
        }
        let report = summary::restored(earlier.summary.as_deref())?;
        let pilot = self.pilot_so_far().await?;
        let mut request = self.counted(Act::RELEASE, &admitted);
        request.threshold = Some(report.threshold.weight);
        request.pilot = pilot.status();
        let (release, entry) = ask!(self, request, Outcome::Refused);
        // What was recorded and not released goes out first, under the new permit, or is withdrawn.
        for disclosure in self.node.store.prepared(&earlier.id).await? {
            self.node.drain().await?;
            let leaf = Leaf::parse(disclosure.leaf.clone())?;
            let Some(recorded) = self.node.find(&leaf)? else {
                return Err(Error::NotAsRecorded { disclosure: disclosure.id.0 });
            };
            let event = Event::ReleaseResumed {
                run: earlier.id.clone(),
                chunk: u64::from(disclosure.chunk),
                disclosure: recorded.index(),
                permit: entry,
            };
            let _ = self.node.record(&[event]).await?;
            self.let_out(&release, recorded, &disclosure).await?;
        }
        self.release(&earlier.id, &release, entry, &admitted).await?;
        Ok(Outcome::Done(Box::new(self.finish(&earlier.id, report).await?)))
    }

    /// A cycle that is finished opens what it held, once people have judged its pilot.
    async fn look_at_the_pilot_again(&mut self, earlier: Run) -> Result<Outcome, Error> {
        let report = summary::restored(earlier.summary.as_deref())?;
        let pilot = self.pilot_so_far().await?;
        let leads = self.node.store.leads(Some(self.cycle.as_str())).await?;
        let held: Vec<LeadId> = leads
            .iter()
            .filter(|lead| lead.stage == Stage::Held)
            .map(|lead| lead.found.id.clone())
            .collect();
        if held.is_empty() || !pilot.measured.passed() {
            return Ok(Outcome::Again(Box::new(report)));
        }
        let first =
            leads.iter().filter_map(|lead| lead.found.chunk).max().map_or(0, |chunk| chunk + 1);
        let per_chunk = chunk_size(self.program.agreement().returned().count());
        let chunks: Vec<(LeadId, u32)> = held
            .into_iter()
            .enumerate()
            .map(|(place, lead)| {
                (lead, first.saturating_add(u32::try_from(place / per_chunk).unwrap_or(u32::MAX)))
            })
            .collect();
        let measured = &pilot.measured;
        let event = Event::PilotPassed {
            run: earlier.id.clone(),
            judged: u64::from(measured.judged()),
            not_right: u64::from(measured.not_right()),
            upper_bound_permille: permille(measured.upper_bound()),
        };
        self.node.store.unhold(&earlier.id, &chunks, &self.node.leaves(&[event])?).await?;
        self.watch.said(&Step::PilotPassed {
            judged: measured.judged(),
            not_right: measured.not_right(),
            upper_bound: measured.upper_bound(),
        });
        self.go_on(earlier).await
    }

    async fn refused(&mut self, id: &str, refusal: Refusal) -> Result<Outcome, Error> {
        self.abandon(id, "refused").await?;
        Ok(Outcome::Refused(refusal))
    }

    async fn abandon(&mut self, id: &str, why: &str) -> Result<(), Error> {
        let event = Event::RunAbandoned { run: id.to_owned(), why: why.to_owned() };
        self.node.store.abandon(id, &self.node.leaves(&[event])?).await?;
        let _ = self.node.drain().await;
        Ok(())
    }
}
