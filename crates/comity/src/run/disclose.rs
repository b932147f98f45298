//! Step 8a: each chunk of leads is prepared, recorded, and only then released; a stay is looked up before each.

use super::{Admitted, Point, Running, Step};
use crate::event::Event;
use crate::node::Answer;
use crate::release::{self, Released};
use crate::{Error, extract};
use agreement::{Permit, Refusal, Request};
use casework::{Disclosure, DisclosureId, LeadId, Stage, Store};
use ledger::{Leaf, Recorded};
use std::collections::{BTreeMap, BTreeSet, HashMap};

impl Running<'_> {
    /// 8a  release: each chunk is prepared, recorded, and only then released; a stay is looked up before each. Returns
    /// the refusal where the ledger could not be written half-way.
    pub(super) async fn release(
        &mut self,
        id: &str,
        permit: &Permit,
        entry: u64,
        admitted: &Admitted<'_>,
    ) -> Result<Option<Refusal>, Error> {
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
            let (filed, now) = (&self.program.filed, self.node.now());
            if let Err(why) = release::may_release(permit, filed, now, &self.node.store).await? {
                // Nothing of what remains is even prepared: it waits, and going on with the run asks the gate again.
                self.watch.said(&Step::Withheld { why });
                break;
            }
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
            let recorded = match self.evidence(&disclosure).await {
                Ok(recorded) => recorded,
                Err(failure) => return self.unrecorded(failure, permit, admitted).await.map(Some),
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
        Ok(None)
    }

    /// Brings a disclosure to the ledger, and returns the evidence that it is there. Somebody else's entry, such as a
    /// stay's, may have come to the outbox behind it.
    async fn evidence(&mut self, disclosure: &Disclosure) -> Result<Recorded, Error> {
        let leaf = Leaf::parse(disclosure.leaf.clone())?;
        let drained = self.node.drain().await?;
        let mine = drained.into_iter().find(|recorded| *recorded.leaf_hash() == leaf.hash());
        match mine {
            Some(recorded) => Ok(recorded),
            None => self
                .node
                .find(&leaf)?
                .ok_or_else(|| Error::NotAsRecorded { disclosure: disclosure.id.0.clone() }),
        }
    }

    /// The ledger could not be written where an entry had to come first: the answer is a refusal (floor F9), which is
    /// recorded once it can be.
    async fn unrecorded(
        &mut self,
        failure: Error,
        permit: &Permit,
        admitted: &Admitted<'_>,
    ) -> Result<Refusal, Error> {
        if !matches!(failure, Error::Ledger(_) | Error::NoLedger { .. }) {
            return Err(failure);
        }
        let request = Request {
            party: permit.party().clone(),
            ..self.request(permit.act().clone(), &admitted.counts())
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
    pub(super) async fn let_out(
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
}
