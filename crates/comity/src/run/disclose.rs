//! Step 8a: each chunk of leads is prepared, recorded, and only then released; a stay is looked up before each.

use super::{Admitted, Point, Running, Step};
use crate::event::Event;
use crate::node::{Answer, mark};
use crate::quorum::Cosigned;
use crate::release::{self, Released, Withheld};
use crate::{Error, extract};
use agreement::{Permit, Refusal, Request};
use casework::{Disclosure, DisclosureId, LeadId, Stage, Store};
use ledger::{Finder, Leaf, Recorded};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What came of releasing chunk by chunk.
pub(super) enum Chunks {
    /// All of them went out.
    Out,
    /// The ledger could not be written half-way, so that the answer is a refusal.
    Refused(Refusal),
    /// A stay or the end of the permit came first; what remains waits.
    Withheld(Withheld),
}

impl Running<'_> {
    /// 8a  release: each chunk is prepared, recorded, and only then released; a stay is looked up before each.
    pub(super) async fn release(
        &mut self,
        id: &str,
        permit: &Permit,
        entry: u64,
        admitted: &Admitted<'_>,
    ) -> Result<Chunks, Error> {
        let leads = self.node.store.leads(Some(self.cycle.as_str())).await?;
        let waiting: Vec<_> = leads
            .into_iter()
            .filter(|lead| lead.stage == Stage::Planned && lead.run == id)
            .collect();
        let mut chunks: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for lead in waiting {
            if let Some(chunk) = lead.found.chunk {
                chunks.entry(chunk).or_default().push(lead.found);
            }
        }
        let (mut persons, mut last, mut withheld) = (0, None, None);
        let number = chunks.len() as u64;
        for (chunk, leads) in chunks {
            let (filed, now) = (&self.program.filed, self.node.now());
            if let Err(why) = release::may_release(permit, filed, now, &self.node.store).await? {
                // Nothing of what remains is even prepared: it waits, and going on with the run asks the gate again.
                withheld = Some(why);
                break;
            }
            if self.watch.is_cancelled() {
                withheld = Some(Withheld::Stopped);
                break;
            }
            let wanted: BTreeSet<u64> =
                leads.iter().map(|lead| u64::from(lead.source_record)).collect();
            let rows: HashMap<u64, _> = extract::returned(
                self.program,
                permit,
                self.node.now(),
                admitted.source_set,
                &admitted.source,
                &wanted,
            )?
            .into_iter()
            .collect();
            let agreement = permit.agreement().to_string();
            let vault = self.node.store.vault();
            let returned: Vec<_> = leads
                .iter()
                .map(|lead| {
                    let row = rows.get(&u64::from(lead.source_record)).cloned();
                    let values = row
                        .ok_or_else(|| Error::NotAsRecorded { disclosure: lead.id.to_string() })?
                        .into_iter()
                        .map(|(element, value)| (element.to_string(), value))
                        .collect();
                    let finder = release::finder(vault, &agreement, id, &lead.case_id)?;
                    Ok((lead.id.clone(), finder, values))
                })
                .collect::<Result<_, Error>>()?;
            let disclosure = self.prepare_disclosure(id, chunk, permit, entry, &returned).await?;
            self.watch.passed(Point::Prepared);
            let recorded = match self.evidence(&disclosure).await {
                Ok(recorded) => recorded,
                Err(failure) => {
                    let refusal = self.unrecorded(failure, permit, admitted).await?;
                    return Ok(Chunks::Refused(refusal));
                }
            };
            self.watch.passed(Point::Recorded);
            let index = recorded.index();
            let cosigned = match self.quorum(permit, admitted, id, index).await? {
                Ok(cosigned) => cosigned,
                Err(refusal) => return Ok(Chunks::Refused(refusal)),
            };
            match self.let_out(permit, recorded, cosigned, &disclosure).await? {
                Released::Out(out) => {
                    persons += u64::from(out);
                    last = Some(index);
                }
                Released::Withheld(why) => {
                    withheld = Some(why);
                    break;
                }
            }
            self.watch.passed(Point::Released);
        }
        if let Some(entry) = last {
            let elements = permit.returned().len() as u64;
            self.watch.said(&Step::Released { persons, elements, chunks: number, entry });
        }
        Ok(match withheld {
            None => Chunks::Out,
            Some(why) => {
                self.watch.said(&Step::Withheld { why: why.clone() });
                Chunks::Withheld(why)
            }
        })
    }

    /// Brings a disclosure to the ledger, and returns the evidence that it is there. Somebody else's entry, such as a
    /// stay's, may have come to the outbox behind it.
    async fn evidence(&mut self, disclosure: &Disclosure) -> Result<Recorded, Error> {
        let leaf = Leaf::parse(disclosure.leaf.clone())?;
        let drained = self.node.drain().await?;
        let mine = drained.into_iter().map(|(_, evidence)| evidence);
        match mine.into_iter().find(|recorded| *recorded.leaf_hash() == leaf.hash()) {
            Some(recorded) => Ok(recorded),
            None => self
                .node
                .find(&leaf)?
                .ok_or_else(|| Error::NotAsRecorded { disclosure: disclosure.id.0.clone() }),
        }
    }

    /// Waits for the witnesses that the agreement names, and records that enough of them have cosigned before anything is
    /// let out. Too few in time is a refusal: what was recorded waits, and goes out when the run is gone on with.
    pub(super) async fn quorum(
        &mut self,
        permit: &Permit,
        admitted: &Admitted<'_>,
        id: &str,
        disclosure: u64,
    ) -> Result<Result<Option<Cosigned>, Refusal>, Error> {
        let Some(quorum) = self.node.quorum(self.program)? else { return Ok(Ok(None)) };
        let ledger = self.node.places.ledger();
        let cosigned = match quorum.wait(&ledger, self.node.witness_tls()).await {
            Ok(cosigned) => cosigned,
            Err(failure @ Error::QuorumMissed { .. }) => {
                self.watch.said(&Step::QuorumMissed { why: failure.to_string() });
                return Ok(Err(self.unrecorded(failure, permit, admitted).await?));
            }
            Err(failure) => return Err(failure),
        };
        match self.node.record(vec![cosigned.event(id, disclosure)]).await {
            Ok(_) => {
                self.watch.said(&Step::Cosigned { by: cosigned.by().to_vec() });
                Ok(Ok(Some(cosigned)))
            }
            Err(failure) => Ok(Err(self.unrecorded(failure, permit, admitted).await?)),
        }
    }

    /// The ledger could not be written where an entry had to come first, or too few witnesses saw it: the answer is a
    /// refusal (floor F9), which is recorded once it can be.
    async fn unrecorded(
        &mut self,
        failure: Error,
        permit: &Permit,
        admitted: &Admitted<'_>,
    ) -> Result<Refusal, Error> {
        let quorum_missed = matches!(failure, Error::QuorumMissed { .. });
        if !quorum_missed && !matches!(failure, Error::Ledger(_) | Error::NoLedger { .. }) {
            return Err(failure);
        }
        let pilot = self.pilot_so_far(self.program.lowest_threshold(), self.cycle.as_str()).await?;
        let request = Request {
            party: permit.party().clone(),
            quorum_missed,
            ..self.request(permit.act().clone(), &admitted.counts(), &pilot)
        };
        match self.ask(request).await? {
            Answer::Refused(refusal) => Ok(refusal),
            Answer::Permitted(..) => Err(failure),
        }
    }

    pub(super) async fn prepare_disclosure(
        &mut self,
        id: &str,
        chunk: u32,
        permit: &Permit,
        entry: u64,
        returned: &[(LeadId, Finder, BTreeMap<String, String>)],
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
        let mut disclosure = Disclosure {
            id: DisclosureId(format!("{id}/{chunk}@{at}.{}", mark()?)),
            run: id.to_owned(),
            chunk,
            prepared_at: at,
            recipient: self.recipient.to_string(),
            purpose: permit.purpose().to_string(),
            elements,
            persons: u32::try_from(returned.len()).unwrap_or(u32::MAX),
            leaf: Vec::new(),
            ledger_index: None,
        };
        let drafts = self.node.drafts_with(vec![(event, commitments)]);
        (_, disclosure.leaf) = self.node.store.prepare(&disclosure, &openings, &drafts).await?;
        Ok(disclosure)
    }

    /// Releases what the ledger has recorded, or withdraws it and says why.
    pub(super) async fn let_out(
        &mut self,
        permit: &Permit,
        recorded: Recorded,
        cosigned: Option<Cosigned>,
        disclosure: &Disclosure,
    ) -> Result<Released, Error> {
        let index = recorded.index();
        match release::release(
            permit,
            recorded,
            cosigned,
            disclosure,
            &self.program.filed,
            self.node.clock(),
            &self.node.store,
        )
        .await?
        {
            Released::Out(persons) => Ok(Released::Out(persons)),
            Released::Withheld(why) => {
                let event = Event::DisclosureWithdrawn {
                    run: disclosure.run.clone(),
                    chunk: u64::from(disclosure.chunk),
                    disclosure: index,
                    why: why.to_string(),
                };
                let drafts = self.node.drafts(vec![event]);
                let at = self.node.now().to_string();
                self.node.store.withdraw(&disclosure.id, &at, &drafts).await?;
                self.node.drain().await?;
                Ok(Released::Withheld(why))
            }
        }
    }
}
