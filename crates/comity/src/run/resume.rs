//! What happens to a run after its leads are planned: it is closed, gone on with after an interruption, or opens what
//! it held once people have judged its pilot.

use super::disclose::Chunks;
use super::leads::{PilotSoFar, chunk_size, permille};
use super::{Admitted, Outcome, Point, Running, Step};
use crate::event::Event;
use crate::node::Answer;
use crate::release::Released;
use crate::report::Report;
use crate::{Error, summary};
use agreement::{Act, Permit, Refusal};
use casework::{Known, LeadId, Run, Stage, Store};
use ledger::{Commitments, Leaf};

/// Why a run is closed where what was found under one agreement is not disclosed under another.
pub(super) const OTHER_AGREEMENT: &str = "the agreement is another by now";

impl<'run> Running<'run> {
    /// 14  report: closes the run, and writes the page.
    pub(super) async fn finish(&mut self, id: &str, mut report: Report) -> Result<Report, Error> {
        let leads = self.node.store.leads(Some(self.cycle.as_str())).await?;
        let held =
            leads.iter().filter(|lead| lead.run == id && lead.stage == Stage::Held).count() as u64;
        let opened = self.node.store.disclosed(id).await?;
        summary::close(&mut report, self.node, id, opened, held).await?;
        let html = report.html()?;
        let digest = agreement::Digest::of(html.as_bytes()).to_string();
        let event = Event::RunFinished { run: id.to_owned(), opened, held, report: digest };
        // If we crash after this, the run is not closed yet: going on writes the page again, and then records it.
        crate::program::write(&self.node.places.report(id), &html)?;
        let at = self.node.now().to_string();
        let (stored, drafts) = (summary::stored(&report)?, self.node.drafts(vec![event]));
        self.node.store.finish(id, &at, &stored, &drafts).await?;
        self.watch.passed(Point::Closed);
        self.node.drain().await?;
        Ok(report)
    }

    /// Goes on with a run that was broken off after its leads were planned.
    pub(super) async fn go_on(&mut self, earlier: Run) -> Result<Outcome, Error> {
        if earlier.agreement().as_deref() != Some(self.program.digest.to_string().as_str()) {
            let report = self.close_rest(earlier, OTHER_AGREEMENT, Vec::new()).await?;
            return Ok(Outcome::Again(Box::new(report)));
        }
        let bound = earlier.bound().unwrap_or(f64::INFINITY);
        let pilot = self.pilot_so_far(bound, &earlier.id).await?;
        match self.ask_again(&earlier, &pilot).await? {
            Err(refusal) => Ok(Outcome::Refused(refusal)),
            Ok(again) => Box::pin(self.release_the_rest(&earlier, again)).await,
        }
    }

    /// Asks the gate for running and releasing once more, on the files that the run was begun on.
    async fn ask_again(
        &mut self,
        earlier: &Run,
        pilot: &PilotSoFar,
    ) -> Result<Result<Again<'run>, Refusal>, Error> {
        let counts = self.count()?;
        let permit = match self.ask(self.request(Act::RUN, &counts, pilot)).await? {
            Answer::Permitted(permit, _) => permit,
            Answer::Refused(refusal) => return Ok(Err(refusal)),
        };
        let admitted = self.admit(&permit)?;
        if !earlier.is_of_files(&admitted.digests()) {
            return Err(Error::OtherFiles { run: earlier.id.clone() });
        }
        let report = summary::restored(earlier.summary.as_deref())?;
        let request = self.releasing(&admitted, report.threshold.weight, pilot);
        Ok(match self.ask(request).await? {
            Answer::Permitted(permit, entry) => Ok(Again { admitted, report, permit, entry }),
            Answer::Refused(refusal) => Err(refusal),
        })
    }

    async fn release_the_rest(
        &mut self,
        earlier: &Run,
        again: Again<'_>,
    ) -> Result<Outcome, Error> {
        let Again { admitted, report, permit, entry } = again;
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
            let _ = self.node.record(vec![event]).await?;
            self.watch.passed(Point::Recorded);
            let index = recorded.index();
            let cosigned = match self.quorum(&permit, &admitted, &earlier.id, index).await? {
                Ok(cosigned) => cosigned,
                Err(refusal) => return Ok(Outcome::Refused(refusal)),
            };
            let let_out = self.let_out(&permit, recorded, cosigned, &disclosure).await?;
            if let Released::Withheld(why) = let_out {
                return Ok(Outcome::Withheld(why));
            }
            self.watch.passed(Point::Released);
        }
        self.hold_beyond(earlier, permit.leads_at_most()).await?;
        match self.release(&earlier.id, &permit, entry, &admitted).await? {
            Chunks::Out => {}
            Chunks::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
            Chunks::Withheld(why) => return Ok(Outcome::Withheld(why)),
        }
        self.watch.passed(Point::AllReleased);
        Ok(Outcome::Done(Box::new(self.finish(&earlier.id, report).await?)))
    }

    /// While the run was broken off, another one may have used up the pilot's room: what no longer fits is held.
    async fn hold_beyond(&mut self, earlier: &Run, room: Option<u64>) -> Result<(), Error> {
        let Some(room) = room else { return Ok(()) };
        let leads = self.node.store.leads(Some(self.cycle.as_str())).await?;
        let planned =
            leads.into_iter().filter(|lead| lead.run == earlier.id && lead.stage == Stage::Planned);
        let left = usize::try_from(room).unwrap_or(usize::MAX);
        let beyond: Vec<LeadId> = planned.map(|lead| lead.found.id).skip(left).collect();
        Ok(self.node.store.hold(&beyond).await?)
    }

    /// Closes a run that was broken off: what it found and had not released is disclosed to nobody, and the entry says why.
    /// What is noted with it comes before its own entries.
    pub(super) async fn close_rest(
        &mut self,
        earlier: Run,
        why: &str,
        noted: Vec<(Event, Commitments)>,
    ) -> Result<Report, Error> {
        let mut events = Vec::new();
        for disclosure in self.node.store.prepared(&earlier.id).await? {
            self.node.drain().await?;
            let leaf = Leaf::parse(disclosure.leaf.clone())?;
            if let Some(recorded) = self.node.find(&leaf)? {
                events.push(Event::DisclosureWithdrawn {
                    run: earlier.id.clone(),
                    chunk: u64::from(disclosure.chunk),
                    disclosure: recorded.index(),
                    why: why.to_owned(),
                });
            }
        }
        let mut report = summary::restored(earlier.summary.as_deref())?;
        let opened = self.node.store.disclosed(&earlier.id).await?;
        summary::close(&mut report, self.node, &earlier.id, opened, 0).await?;
        let html = report.html()?;
        let digest = agreement::Digest::of(html.as_bytes()).to_string();
        crate::program::write(&self.node.places.report(&earlier.id), &html)?;
        events.push(Event::RunFinished {
            run: earlier.id.clone(),
            opened,
            held: 0,
            report: digest,
        });
        let at = self.node.now().to_string();
        let events = events.into_iter().map(|event| (event, Commitments::new()));
        let drafts = self.node.drafts_with(noted.into_iter().chain(events).collect());
        self.node.store.close_rest(&earlier.id, &at, &drafts).await?;
        self.node.drain().await?;
        Ok(report)
    }

    /// A cycle that is finished opens what it held, once people have judged its pilot.
    pub(super) async fn look_at_the_pilot_again(&mut self, earlier: Run) -> Result<Outcome, Error> {
        // What a crash left waiting when the run was closed is recorded now, if it can be.
        let _ = self.node.drain().await;
        let mut report = summary::restored(earlier.summary.as_deref())?;
        let path = self.node.places.report(&earlier.id);
        if !path.exists() {
            crate::program::write(&path, &report.html()?)?;
        }
        let bound = earlier.bound().unwrap_or(f64::INFINITY);
        let pilot = self.pilot_so_far(bound, &earlier.id).await?;
        let leads = self.node.store.leads(Some(self.cycle.as_str())).await?;
        let held: Vec<_> = leads
            .iter()
            .filter(|lead| lead.stage == Stage::Held && lead.run == earlier.id)
            .map(|lead| &lead.found)
            .collect();
        let same_agreement =
            earlier.agreement().as_deref() == Some(self.program.digest.to_string().as_str());
        if held.is_empty() || !pilot.passed() || !same_agreement {
            report.failed_pilot = pilot.failed().filter(|_| !held.is_empty() && same_agreement);
            return Ok(Outcome::Again(Box::new(report)));
        }
        // The gate is asked before anything is set going again.
        let again = match self.ask_again(&earlier, &pilot).await? {
            Ok(again) => again,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        // Another cycle may have found the same pair while this one held it: it is not disclosed twice.
        let pairs: Vec<_> = held.iter().map(|found| found.pair).collect();
        let known = self.node.store.known(&pairs, &earlier.id, self.node.now()).await?;
        let (covered, held): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|found| match known.get(&found.pair) {
                None => false,
                Some(Known::NotSame { .. } | Known::Waiting { .. }) => true,
                Some(Known::Worked { returned_digest, .. }) => {
                    *returned_digest == found.returned_digest
                }
            });
        let covered: Vec<LeadId> = covered.into_iter().map(|found| found.id.clone()).collect();
        let held: Vec<LeadId> = held.into_iter().map(|found| found.id.clone()).collect();
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
        let drafts = self.node.drafts(vec![event]);
        self.node.store.unhold(&earlier.id, &chunks, &covered, &drafts).await?;
        self.watch.said(&Step::PilotPassed {
            judged: measured.judged(),
            not_right: measured.not_right(),
            upper_bound: measured.upper_bound(),
        });
        Box::pin(self.release_the_rest(&earlier, again)).await
    }
}

/// What the gate answered when it was asked again, and what it was asked about.
struct Again<'run> {
    admitted: Admitted<'run>,
    report: Report,
    permit: Box<Permit>,
    entry: u64,
}
