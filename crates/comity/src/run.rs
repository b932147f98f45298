//! One run of a matching program, from the agreement to the report. It reads like the path of the data in
//! ARCHITECTURE.md, and is the file to read first.
//!
//! A run that is broken off goes on, or starts clean: until its leads are planned nothing of it is kept; from then on
//! every chunk is prepared, recorded and released, each once. Nothing here judges anybody: a lead is something for a
//! person to look at.

pub mod calibrate;
mod disclose;
mod leads;
pub mod look_up;
mod named;
mod resume;
mod watch;

use crate::Error;
use crate::event::Event;
use crate::extract::{self, Deliveries, Table};
use crate::node::{Answer, Node};
use crate::program::{Engine, Program};
use crate::quorum::Quorum;
use crate::release::Withheld;
use crate::report::{Report, Share, Unread};
use agreement::{
    Act, CycleId, PartyId, Permit, PurposeId, RecordSet, RecordSetId, Refusal, Request,
};
use casework::{Asked, Run, RunState, Store};
use disclose::Chunks;
use leads::PilotSoFar;
use linkage::{Blocks, Links, Model, Pair, Recipe, RecordRef, Scorer, Side, Tables};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

pub use named::{Lacking, Rows};
pub use watch::{Point, Step, Watch};

/// What a run came to.
#[derive(Debug)]
#[must_use = "a refusal is an answer, and somebody has to hear it"]
pub enum Outcome {
    /// The cycle's leads are open, or held for the pilot.
    Done(Box<Report>),
    /// The cycle was run before, and nothing more is to be done now.
    Again(Box<Report>),
    /// The gate refused. What was released before stays so; what was not goes out when the run is gone on with and the
    /// gate permits it.
    Refused(Refusal),
    /// A stay, or the end of the permit, came before everything was released. What was not goes out when the run is
    /// gone on with and the gate permits it.
    Withheld(Withheld),
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
    /// Pairs over the threshold that are expected to be of one person, by the model's own reckoning from the base rate.
    /// These are pairs and not yet leads: how many of them have the discrepancy cannot be known without looking.
    pub expected_true: f64,
    /// Pairs over the threshold that are expected not to be.
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
    let mut run = Running::new(program, node, cycle, watch).await?;
    run.file_agreement().await?;
    if run.node.ledger_fault().is_some() {
        // Another process may be at work on this program: nothing of it is touched, and the gate says why not.
        return run.refused_at_once().await;
    }
    match run.node.store.run(cycle.as_str()).await? {
        None => {}
        Some(earlier) => match earlier.state {
            RunState::Finished => return Box::pin(run.look_at_the_pilot_again(earlier)).await,
            RunState::Planned => return Box::pin(run.go_on(earlier)).await,
            RunState::Started | RunState::Abandoned => {
                run.abandon(&earlier.id, "interrupted before its leads were planned").await?;
            }
        },
    }

    run.in_time()?;
    // 2  gate: may this be run, with as many records as there are? Counting them reads no element.
    let counts = run.count()?;
    let pilot = run.pilot_so_far(program.lowest_threshold(), cycle.as_str()).await?;
    let (permit, entry) = ask!(run, run.request(Act::RUN, &counts, &pilot), Outcome::Refused);
    // 3  admit: only the elements that the agreement names
    let admitted = run.admit(&permit)?;
    let id = run.start(&admitted, entry).await?;
    run.watch.passed(Point::Started);
    run.link_and_release(&id, &permit, &admitted, &pilot, &Whose::Everybody).await
}

impl Running<'_> {
    /// Goes the path from step 4 to its end. A look-up goes the same, and is confined to the persons who are named.
    async fn link_and_release(
        &mut self,
        id: &str,
        permit: &Permit,
        admitted: &Admitted<'_>,
        pilot: &PilotSoFar,
        whose: &Whose,
    ) -> Result<Outcome, Error> {
        // 4  prepare
        let tables = self.prepare(admitted)?;
        //    train, under a permit of its own
        let model = match self.model(id, &tables, admitted, pilot).await? {
            Ok(model) => model,
            Err(refusal) => return self.refused(id, refusal).await,
        };
        // 5–7 block, compare, score
        let scorer = Scorer::new(&model, &tables)?;
        let links = self.link(&scorer)?;
        if self.watch.is_cancelled() {
            // Nothing is planned yet: the next start gives this run up and begins anew.
            return Ok(Outcome::Withheld(Withheld::Stopped));
        }
        // 8  leads: the discrepancy that the agreement names, in the recipient's own caseload
        let found = self.find(permit, admitted, &links, whose)?;
        let pilot = self.pilot_so_far(self.program.lowest_threshold(), id).await?;
        let (release, entry) =
            match self.ask(self.releasing(admitted, model.threshold(), &pilot)).await? {
                Answer::Permitted(permit, entry) => (permit, entry),
                Answer::Refused(refusal) => return self.refused(id, refusal).await,
            };
        let report = self.plan(id, &release, admitted, &scorer, &links, found, &pilot).await?;
        self.watch.passed(Point::Planned);
        // 8a release, chunk by chunk, each recorded first
        match self.release(id, &release, entry, admitted).await? {
            Chunks::Out => {}
            Chunks::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
            Chunks::Withheld(why) => return Ok(Outcome::Withheld(why)),
        }
        self.watch.passed(Point::AllReleased);
        // 14 report
        Ok(Outcome::Done(Box::new(self.finish(id, report).await?)))
    }
}

/// Whose pairs become leads.
enum Whose {
    /// Everybody's in the recipient's caseload.
    Everybody,
    /// Those of the recipient's records that were asked about.
    Named(BTreeSet<RecordRef>),
}

impl Whose {
    /// Returns their pairs, and counts these where they are of some.
    fn of<'pairs>(&self, pairs: &'pairs [Pair]) -> (Vec<&'pairs Pair>, Option<u64>) {
        match self {
            Whose::Everybody => (pairs.iter().collect(), None),
            Whose::Named(records) => {
                let is_named = |pair: &&Pair| records.contains(&pair.recipient);
                let theirs: Vec<_> = pairs.iter().filter(is_named).collect();
                let count = theirs.len() as u64;
                (theirs, Some(count))
            }
        }
    }
}

/// Says what a run would bring: pairs a rule, and true and false pairs over the threshold expected from the base rate.
/// Which of them have the discrepancy, and so become leads, is not looked at. It opens the files under a recorded permit,
/// lets out counts alone, and opens no lead.
///
/// # Errors
/// As [`run`].
pub async fn try_out(
    program: &Program,
    node: &mut Node,
    cycle: &CycleId,
    watch: &mut dyn Watch,
) -> Result<TriedOutcome, Error> {
    let mut run = Running::new(program, node, cycle, watch).await?;
    run.file_agreement().await?;
    let counts = run.count()?;
    let pilot = run.pilot_so_far(program.lowest_threshold(), cycle.as_str()).await?;
    let (permit, _) = ask!(run, run.request(Act::RUN, &counts, &pilot), TriedOutcome::Refused);
    let admitted = run.admit(&permit)?;
    let tables = run.prepare(&admitted)?;
    let model = match &program.engine {
        Engine::Model(model) => model.clone(),
        Engine::Recipe(recipe) => {
            let request = run.request(Act::TRAIN, &counts, &pilot);
            let (permit, _) = ask!(run, request, TriedOutcome::Refused);
            run.train(&permit, recipe, &tables, &admitted)?
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

    /// Counts the dates of each element that could not be read, by the schedule's format or by the model's.
    pub(crate) fn unread(
        &self,
        columns: &[linkage::model::Column],
        missing: &[linkage::Missing],
    ) -> Vec<Unread> {
        let mut told = Vec::new();
        for (side, set, table) in [
            (Side::Source, self.source_set, &self.source),
            (Side::Recipient, self.recipient_set, &self.recipient),
        ] {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for column in columns {
                let linkage::model::Kind::Date(_) = column.kind else { continue };
                let own = match side {
                    Side::Source => &column.source,
                    Side::Recipient => &column.recipient,
                };
                let from = if own.is_empty() { &column.from } else { own };
                let of = missing.iter().find(|of| of.side == side && of.column == column.name);
                // Two columns may be made of one element: what neither can read is one value.
                let count = counts.entry(from.join(" ")).or_default();
                *count = (*count).max(of.map_or(0, |of| of.unreadable));
            }
            for (element, count) in &table.unread {
                *counts.entry(element.clone()).or_default() += count;
            }
            let of = table.admitted.batch.num_rows() as u64;
            told.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(
                |(element, count)| Unread {
                    element: format!("{}.{element}", set.id),
                    share: Share { count, of },
                },
            ));
        }
        told
    }

    /// Names the file that no model could be trained on.
    fn named(&self, error: linkage::Error) -> Error {
        let path = |side| match side {
            Side::Source => self.source.spec.path.clone(),
            Side::Recipient => self.recipient.spec.path.clone(),
        };
        match error {
            linkage::Error::TooFewRecords { side, rows, needed } => {
                Error::TooFewRecords { path: path(side), rows, needed }
            }
            linkage::Error::EmptyColumn { side, column, comparison } => {
                Error::NoValue { path: path(side), column, comparison }
            }
            other => Error::Linkage(other),
        }
    }

    fn digests(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (self.source_set.id.to_string(), self.source.admitted.digest.to_string()),
            (self.recipient_set.id.to_string(), self.recipient.admitted.digest.to_string()),
        ])
    }
}

struct Running<'run> {
    program: &'run Program,
    node: &'run mut Node,
    /// What its runs and leads are filed under.
    cycle: &'run CycleId,
    /// The cycle whose files are read: the same, but for a look-up.
    files: &'run CycleId,
    /// What was asked about named persons, where it is a look-up.
    asked: Option<Asked>,
    watch: &'run mut dyn Watch,
    source: &'run PartyId,
    recipient: &'run PartyId,
    purpose: &'run PurposeId,
    /// The files of other cycles' runs.
    earlier: Deliveries,
}

impl<'run> Running<'run> {
    async fn new(
        program: &'run Program,
        node: &'run mut Node,
        cycle: &'run CycleId,
        watch: &'run mut dyn Watch,
    ) -> Result<Self, Error> {
        let (source, _) = program.source()?;
        let (recipient, _) = program.recipient()?;
        let purpose = program.purpose()?;
        let earlier = deliveries(&node.store.runs().await?, cycle);
        let (files, asked) = (cycle, None);
        Ok(Running {
            program,
            node,
            cycle,
            files,
            asked,
            watch,
            source,
            recipient,
            purpose,
            earlier,
        })
    }

    /// 1  agreement: files it at this node, once.
    async fn file_agreement(&mut self) -> Result<(), Error> {
        let agreement = self.program.agreement();
        let event = Event::AgreementFiled {
            agreement: self.program.digest.to_string(),
            program: agreement.program.to_string(),
            environment: agreement.environment.to_string(),
            demonstration: agreement.demonstration,
            annex: self
                .program
                .schedule
                .annex(self.program.digest, &self.program.filed.annexes)
                .map(|annex| annex.digest().map(|digest| digest.to_string()))
                .transpose()?,
        };
        let digest = self.program.digest.to_string();
        let events = std::iter::once(event).chain(Quorum::filed(agreement, &digest)).collect();
        if self.node.store.file_once(&digest, &self.node.drafts(events)).await? {
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

    fn request(
        &self,
        act: Act,
        counts: &BTreeMap<RecordSetId, u64>,
        pilot: &PilotSoFar,
    ) -> Request {
        let agreement = self.program.agreement();
        let mut request = Request::new(agreement, act, self.recipient, self.purpose);
        request.cycle = Some(self.files.clone());
        request.extracts = self.program.schedule.extracts();
        request.counts.clone_from(counts);
        // No run goes below this, whatever threshold its model's rule sets.
        request.threshold = Some(self.program.lowest_threshold());
        // A look-up is no part of a pilot, which is drawn by lot: it waits until the pilot has been judged.
        request.pilot = match self.asked {
            None => pilot.status(),
            Some(_) => pilot.judged(),
        };
        request.reversed_permille = pilot.reversed_permille();
        request
    }

    fn releasing(&self, admitted: &Admitted<'_>, threshold: f64, pilot: &PilotSoFar) -> Request {
        Request {
            party: self.source.clone(),
            threshold: Some(threshold),
            ..self.request(Act::RELEASE, &admitted.counts(), pilot)
        }
    }

    /// Counts the records of both files, control totals included, without reading an element of any.
    fn count(&self) -> Result<BTreeMap<RecordSetId, u64>, Error> {
        let (_, source) = self.program.source()?;
        let (_, recipient) = self.program.recipient()?;
        [source, recipient]
            .into_iter()
            .map(|set| {
                let count = extract::count(self.program, set, self.files, &self.earlier)?;
                Ok((set.id.clone(), count))
            })
            .collect()
    }

    /// Says that the cycle's day has not passed. A day is over when it is over everywhere on Earth; a run that was begun
    /// in time may be gone on with later.
    fn in_time(&self) -> Result<(), Error> {
        const LAST_ZONE_HOURS: i64 = 12;
        let today = (self.node.now() - jiff::SignedDuration::from_hours(LAST_ZONE_HOURS))
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        match self.program.schedule.cycle(self.cycle) {
            Some(cycle) if today > cycle.due && !self.program.agreement().demonstration => {
                Err(Error::Late { cycle: cycle.id.to_string(), due: cycle.due })
            }
            _ => Ok(()),
        }
    }

    /// The ledger cannot be written: the gate is asked all the same, so that the answer gives its reasons.
    async fn refused_at_once(&mut self) -> Result<Outcome, Error> {
        let pilot = self.pilot_so_far(self.program.lowest_threshold(), self.cycle.as_str()).await?;
        // Were the files amiss too, the refusal comes first.
        let counts = self.count().unwrap_or_default();
        match self.ask(self.request(Act::RUN, &counts, &pilot)).await? {
            Answer::Refused(refusal) => Ok(Outcome::Refused(refusal)),
            Answer::Permitted(..) => Err(Error::OtherPermit),
        }
    }

    /// 3  admit: opens both files under the permit.
    fn admit(&mut self, permit: &Permit) -> Result<Admitted<'run>, Error> {
        let recipient = self.open(permit, self.program.recipient()?.1)?;
        self.admit_with(permit, recipient)
    }

    fn open(&self, permit: &Permit, set: &RecordSet) -> Result<Table, Error> {
        extract::open(self.program, permit, self.node.now(), set, self.files, &self.earlier)
    }

    /// Opens the source's file beside the recipient's, which is open.
    fn admit_with(&mut self, permit: &Permit, recipient: Table) -> Result<Admitted<'run>, Error> {
        let (_, source_set) = self.program.source()?;
        let (_, recipient_set) = self.program.recipient()?;
        let source = self.open(permit, source_set)?;
        let admitted = Admitted { source_set, recipient_set, source, recipient };
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
            inputs: self.inputs(admitted)?,
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
        // What it finds becomes cases under the terms of the agreement it ran under.
        let agreement = self.program.agreement();
        let terms = casework::Terms::of(&self.program.digest.to_string(), agreement);
        casework::CaseStore::keep_terms(&self.node.store, &terms).await?;
        self.node.store.start(&run, &self.node.drafts(vec![event])).await?;
        Ok(id)
    }

    fn inputs(&self, admitted: &Admitted<'_>) -> Result<String, Error> {
        let mut inputs = json!({
            "agreement": self.program.digest.to_string(),
            "bound": self.program.lowest_threshold(),
            "files": admitted.digests(),
        });
        let model = self.program.engine.digest()?.to_string();
        match &self.asked {
            None => inputs["model"] = model.into(),
            Some(asked) => {
                inputs["asked"] = json!(asked);
                // Under another name than a run's: its leads count among the reversals, and in no pilot.
                inputs["by_model"] = model.into();
            }
        }
        Ok(inputs.to_string())
    }

    /// 4  prepare: tables to normalised columns. A date that does not read is told, for it is missing from then on.
    fn prepare(&mut self, admitted: &Admitted<'_>) -> Result<Tables, Error> {
        let columns = match &self.program.engine {
            Engine::Recipe(recipe) => recipe.columns(),
            Engine::Model(model) => model.columns(),
        };
        let source = std::slice::from_ref(&admitted.source.admitted.batch);
        let recipient = std::slice::from_ref(&admitted.recipient.admitted.batch);
        let (source, recipient) = (linkage::Table::new(source), linkage::Table::new(recipient));
        let tables = Tables::between(columns, source, recipient)?;
        for Unread { element, share } in admitted.unread(columns, tables.missing()) {
            self.watch.said(&Step::Unread { element, unread: share.count, records: share.of });
        }
        Ok(tables)
    }

    /// Trains the model by the agreed recipe, or takes the agreed model.
    async fn model(
        &mut self,
        id: &str,
        tables: &Tables,
        admitted: &Admitted<'_>,
        pilot: &PilotSoFar,
    ) -> Result<Result<Model, Refusal>, Error> {
        let recipe = match &self.program.engine {
            Engine::Model(model) => return Ok(Ok(self.bounded(model.clone())?)),
            Engine::Recipe(recipe) => recipe,
        };
        let (permit, entry) =
            match self.ask(self.request(Act::TRAIN, &admitted.counts(), pilot)).await? {
                Answer::Permitted(permit, entry) => (permit, entry),
                Answer::Refused(refusal) => return Ok(Err(refusal)),
            };
        let model = self.bounded(self.train(&permit, recipe, tables, admitted)?)?;
        let (recipe, digest) = (recipe.digest()?.to_string(), model.digest()?.to_string());
        let event = Event::ModelTrained {
            run: id.to_owned(),
            permit: entry,
            recipe: recipe.clone(),
            model: digest.clone(),
        };
        self.node.record(vec![event]).await?;
        self.watch.said(&Step::Trained { recipe, model: digest });
        Ok(Ok(model))
    }

    /// Trains under a permit for just that; counts and parameters alone come out.
    fn train(
        &self,
        permit: &Permit,
        recipe: &Recipe,
        tables: &Tables,
        admitted: &Admitted<'_>,
    ) -> Result<Model, Error> {
        let is_mine = permit.act() == &Act::TRAIN && permit.agreement() == self.program.digest;
        if !is_mine || !permit.is_live(self.node.now()) {
            return Err(Error::OtherPermit);
        }
        linkage::train(recipe, tables).map_err(|error| admitted.named(error))
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

    async fn refused(&mut self, id: &str, refusal: Refusal) -> Result<Outcome, Error> {
        self.abandon(id, "refused").await?;
        Ok(Outcome::Refused(refusal))
    }

    async fn abandon(&mut self, id: &str, why: &str) -> Result<(), Error> {
        let event = Event::RunAbandoned { run: id.to_owned(), why: why.to_owned() };
        self.node.store.abandon(id, &self.node.drafts(vec![event])).await?;
        let _ = self.node.drain().await;
        Ok(())
    }
}

/// Returns the digests of the files that finished runs of other cycles were made of. What was looked in for single persons
/// was not delivered for that.
fn deliveries(runs: &[Run], cycle: &CycleId) -> Deliveries {
    let of_cycles = runs.iter().filter(|run| run.asked().is_none());
    let others =
        of_cycles.filter(|run| run.state == RunState::Finished && run.cycle != cycle.as_str());
    others.flat_map(Run::files).filter_map(|(_, digest)| digest.parse().ok()).collect()
}
