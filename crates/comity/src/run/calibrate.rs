//! Calibrating by reviewed leads: what people judged goes in, and another model comes out, with a digest of its own.
//!
//! It is training, under the permit of training: the judgements stay where they are, and what comes out is a model's
//! parameters. A model trained at each cycle is trained again, on the files of its run, whose matched-on elements alone are
//! opened, and must come out as the run recorded it. No run takes the other model before the parties have signed an agreement
//! that names it, and it begins with a pilot of its own (floor F12). Leads of look-ups are not in it: who was asked about was
//! picked, and not drawn.

use super::{Running, Watch};
use crate::event::{Event, commit};
use crate::node::{Answer, Node};
use crate::program::{Engine, Program};
use crate::{Error, summary};
use agreement::{Act, CycleId, OfficerId, Permit, Refusal};
use casework::{Actor, Judgement, Store as _};
use linkage::Model;
use linkage::calibrate::{Judged, calibrated, in_doubt, recalibrate, weight_at};

/// The fewest judgements of leads in doubt that a model is calibrated by: as few as a rate is shown of.
pub const FEWEST: usize = 10;

/// A model that was calibrated by what people judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// The model whose leads were judged.
    pub before: Model,
    /// The other model.
    pub model: Model,
    /// How many leads were judged as one person or two.
    pub judged: usize,
    /// Of these, how many as one.
    pub same: usize,
    /// Of those judged, how many the model was in doubt about. It learns from no others.
    pub in_doubt: usize,
    /// Judgements left out, since nobody was sure.
    pub unsure: usize,
    /// Open leads that nobody has judged. Were those judged picked among them, what is learnt is wrong.
    pub waiting: u64,
}

/// What came of calibrating, or why the gate refused it.
#[derive(Debug)]
#[must_use = "a refusal is an answer, and somebody has to hear it"]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run of the program")]
pub enum CalibratedOutcome {
    /// The other model.
    Done(Calibrated),
    /// The refusal.
    Refused(Refusal),
}

/// Calibrates the agreement's model by what people judged of its leads; where the agreement names a recipe, the model that
/// it gives for a cycle, by the leads of that cycle.
///
/// # Errors
/// Too few leads were judged, or too few in doubt, the cycle's files are not those of its run or no longer give its model, or
/// the world failed.
pub async fn calibrate(
    program: &Program,
    node: &mut Node,
    officer: &OfficerId,
    cycle: &CycleId,
    watch: &mut dyn Watch,
) -> Result<CalibratedOutcome, Error> {
    let mut run = Running::new(program, node, cycle, watch).await?;
    run.file_agreement().await?;
    let counts = run.count()?;
    let pilot = run.pilot_so_far(program.lowest_threshold(), cycle.as_str()).await?;
    let mut request = run.request(Act::TRAIN, &counts, &pilot);
    request.officer = Some(officer.clone());
    let (permit, entry) = match run.ask(request).await? {
        Answer::Permitted(permit, entry) => (permit, entry),
        Answer::Refused(refusal) => return Ok(CalibratedOutcome::Refused(refusal)),
    };
    let of = match &program.engine {
        Engine::Model(_) => None,
        Engine::Recipe(_) => Some(cycle.as_str()),
    };
    let key = program.engine.digest()?.to_string();
    let (all, waiting) = run.node.store.judged_weights(&key, of).await?;
    let judged: Vec<Judged> = all.iter().filter_map(judged).collect();
    if judged.len() < FEWEST {
        return Err(Error::FewJudgements { judged: judged.len(), fewest: FEWEST });
    }
    let before = run.model_judged(&permit).await?;
    let in_doubt = in_doubt(&before, &judged);
    if in_doubt < FEWEST {
        return Err(Error::FewInDoubt { judged: judged.len(), in_doubt, fewest: FEWEST });
    }
    let model = no_looser(&before, &recalibrate(&before, &judged)?)?;
    let same = judged.iter().filter(|one| one.same > 0.5).count();
    let event = Event::ModelCalibrated {
        permit: entry,
        before: before.digest()?.to_string(),
        model: model.digest()?.to_string(),
        judged: judged.len() as u64,
        same: Some(same as u64),
        in_doubt: Some(in_doubt as u64),
    };
    let by = Actor::Officer(officer.clone()).spelled();
    let (commitments, openings) = commit(&[("by", by)])?;
    let drafts = run.node.drafts_with(vec![(event, commitments)]);
    run.node.store.note_opened(&openings, &drafts).await?;
    // What leaves waits for its entry, parameters too.
    run.node.drain().await?;
    let unsure = all.len() - judged.len();
    let judged = judged.len();
    let done = Calibrated { before, model, judged, same, in_doubt, unsure, waiting };
    Ok(CalibratedOutcome::Done(done))
}

/// Puts the threshold up where a weight is worth less than was thought, and never down: what is judged to be wrong too often
/// does not come back by a new digest as it was.
fn no_looser(before: &Model, model: &Model) -> Result<Model, Error> {
    let was = calibrated(before.calibration(), before.threshold());
    let threshold = before.threshold().max(weight_at(model.calibration(), was));
    Ok(model.with_threshold(threshold)?)
}

/// Turns a judgement into what calibration takes; of whom nobody was sure nothing is known.
fn judged((weight, judgement): &(f64, Judgement)) -> Option<Judged> {
    let same = match judgement {
        Judgement::Same => 1.0,
        Judgement::NotSame => 0.0,
        Judgement::Unsure => return None,
    };
    Some(Judged { weight: *weight, same, pairs: 1.0 })
}

impl Running<'_> {
    /// Returns the model whose leads were judged: the agreement's, or the one that its recipe gives for the cycle.
    async fn model_judged(&mut self, permit: &Permit) -> Result<Model, Error> {
        let recipe = match &self.program.engine {
            Engine::Model(model) => return Ok(model.clone()),
            Engine::Recipe(recipe) => recipe,
        };
        let admitted = self.admit(permit)?;
        let run = self.node.store.run(self.cycle.as_str()).await?;
        if let Some(run) = run.as_ref().filter(|run| !run.is_of_files(&admitted.digests())) {
            return Err(Error::OtherFiles { run: run.id.clone() });
        }
        let tables = self.prepare(&admitted)?;
        let model = self.bounded(self.train(permit, recipe, &tables, &admitted)?)?;
        // What was judged are the leads of the run's model, and of no other.
        if let Some(run) = run {
            let recorded = summary::restored(run.summary.as_deref())?.model.digest;
            let trained = model.digest()?.to_string();
            if recorded != trained {
                return Err(Error::TrainedOtherwise { run: run.id, recorded, trained });
            }
        }
        Ok(model)
    }
}
