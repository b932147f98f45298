//! What happens to a run after its leads are planned: it is closed, gone on with after an interruption, or opens what
//! it held once people have judged its pilot.

use super::leads::{chunk_size, permille};
use super::{Outcome, Running, Step};
use crate::event::Event;
use crate::node::Answer;
use crate::report::Report;
use crate::{Error, summary};
use agreement::Act;
use casework::{LeadId, Run, Stage, Store};
use ledger::Leaf;

impl Running<'_> {
    /// 14  report: closes the run, and writes the page.
    pub(super) async fn finish(&mut self, id: &str, mut report: Report) -> Result<Report, Error> {
        let counts = self.node.store.count(self.cycle.as_str()).await?;
        let of = |stage| u64::from(counts.get(&stage).copied().unwrap_or(0));
        let opened = self.node.store.disclosed(id).await?;
        let held = of(Stage::Held);
        summary::close(&mut report, self.node, id, opened, held).await?;
        let html = report.html()?;
        let digest = agreement::Digest::of(html.as_bytes()).to_string();
        let event = Event::RunFinished { run: id.to_owned(), opened, held, report: digest };
        // If we stop after this, the run is not finished yet, and going on with it writes the page again.
        crate::program::write(&self.node.places.report(id), &html)?;
        // What is still planned was withheld: the run stays open, and going on with it asks the gate again.
        if of(Stage::Planned) == 0 {
            let at = self.node.now().to_string();
            self.node
                .store
                .finish(id, &at, &summary::stored(&report)?, &self.node.leaves(&[event])?)
                .await?;
            self.node.drain().await?;
        }
        Ok(report)
    }

    /// Goes on with a run that was broken off after its leads were planned.
    pub(super) async fn go_on(&mut self, earlier: Run) -> Result<Outcome, Error> {
        let counts = self.count()?;
        let permit = match self.ask(self.request(Act::RUN, &counts)).await? {
            Answer::Permitted(permit, _) => permit,
            Answer::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
        };
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
        let request = self.releasing(&admitted, report.threshold.weight, &pilot);
        let (release, entry) = match self.ask(request).await? {
            Answer::Permitted(permit, entry) => (permit, entry),
            Answer::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
        };
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
    pub(super) async fn look_at_the_pilot_again(&mut self, earlier: Run) -> Result<Outcome, Error> {
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
}
