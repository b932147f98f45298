//! Either database, chosen when a store is opened. It only passes calls on.

use super::cases::{
    After, CaseLine, CaseStore, Counts, Disclosed, Dispatch, GroupCounts, Letter, Moving,
    NoticeLine, Page, Paper, Queue, Seen, StoredCase,
};
use super::vault::Vault;
use crate::destroyed::{Certificate, Destroyed};
use crate::{
    AskedSoFar, BondKey, Cluster, Disclosure, DisclosureId, Drafts, Error, Judgement, Known, Lead,
    LeadId, NotRight, Outbox, Outgoing, PairKey, Pilot, PilotTerms, Planned, Postgres,
    RecordedStay, Review, Run, SealedEntry, Sqlite, Stage, StaysState, Store, Terms,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// A case store in one of the databases there are.
#[derive(Clone, Debug)]
pub enum Database {
    /// A SQLite file.
    Sqlite(Sqlite),
    /// A schema of a PostgreSQL server.
    Postgres(Postgres),
}

/// Passes a call on to the database that there is.
macro_rules! on {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            Database::Sqlite($store) => $call.await,
            Database::Postgres($store) => $call.await,
        }
    };
}

impl Database {
    /// Opens the store that a place names: a URL that begins with `postgres://` or `postgresql://` leads to a server,
    /// anything else is the path of a SQLite file, with or without `sqlite://` before it.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub async fn open(place: &str, vault: Vault) -> Result<Database, Error> {
        if place.starts_with("postgres://") || place.starts_with("postgresql://") {
            Ok(Database::Postgres(Postgres::open(place, vault).await?))
        } else {
            let path = place.strip_prefix("sqlite://").unwrap_or(place);
            Ok(Database::Sqlite(Sqlite::open(Path::new(path), vault).await?))
        }
    }

    /// Lets the store go; a file then stands alone, without a log beside it.
    ///
    /// # Errors
    /// What is in the log cannot be brought into the file.
    pub async fn close(self) -> Result<(), Error> {
        match self {
            Database::Sqlite(store) => store.close().await,
            // The server keeps its own log.
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Returns the vault whose keys the store's cells are sealed under.
    pub fn vault(&self) -> &Vault {
        match self {
            Database::Sqlite(store) => store.vault(),
            Database::Postgres(store) => store.vault(),
        }
    }
}

impl Store for Database {
    async fn pair_secret(&self, environment: &str, fresh: [u8; 32]) -> Result<[u8; 32], Error> {
        on!(self, store => store.pair_secret(environment, fresh))
    }

    async fn note(&self, drafts: &Drafts<'_>) -> Result<Vec<i64>, Error> {
        on!(self, store => store.note(drafts))
    }

    async fn note_opened(
        &self,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> Result<Vec<i64>, Error> {
        on!(self, store => store.note_opened(openings, drafts))
    }

    async fn last_second(&self) -> Result<Option<i64>, Error> {
        on!(self, store => store.last_second())
    }

    async fn file_once(&self, agreement: &str, drafts: &Drafts<'_>) -> Result<bool, Error> {
        on!(self, store => store.file_once(agreement, drafts))
    }

    async fn waiting(&self) -> Result<Vec<Outgoing>, Error> {
        on!(self, store => store.waiting())
    }

    async fn count_waiting(&self) -> Result<u64, Error> {
        on!(self, store => store.count_waiting())
    }

    async fn last_acknowledged(&self) -> Result<Option<u64>, Error> {
        on!(self, store => store.last_acknowledged())
    }

    async fn acknowledge(&self, number: i64, index: u64) -> Result<(), Error> {
        on!(self, store => store.acknowledge(number, index))
    }

    async fn run(&self, cycle: &str) -> Result<Option<Run>, Error> {
        on!(self, store => store.run(cycle))
    }

    async fn runs(&self) -> Result<Vec<Run>, Error> {
        on!(self, store => store.runs())
    }

    async fn asked_since(&self, officer: &str, since: Timestamp) -> Result<AskedSoFar, Error> {
        on!(self, store => store.asked_since(officer, since))
    }

    async fn open_matters(&self) -> Result<BTreeSet<u64>, Error> {
        on!(self, store => store.open_matters())
    }

    async fn start(&self, run: &Run, drafts: &Drafts<'_>) -> Result<(), Error> {
        on!(self, store => store.start(run, drafts))
    }

    async fn abandon(&self, run: &str, drafts: &Drafts<'_>) -> Result<(), Error> {
        on!(self, store => store.abandon(run, drafts))
    }

    async fn plan(
        &self,
        run: &str,
        summary: &str,
        leads: &[Planned],
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        on!(self, store => store.plan(run, summary, leads, drafts))
    }

    async fn unhold(
        &self,
        run: &str,
        chunks: &[(LeadId, u32)],
        covered: &[LeadId],
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        on!(self, store => store.unhold(run, chunks, covered, drafts))
    }

    async fn prepare(
        &self,
        disclosure: &Disclosure,
        openings: &[(LeadId, String)],
        drafts: &Drafts<'_>,
    ) -> Result<(i64, Vec<u8>), Error> {
        on!(self, store => store.prepare(disclosure, openings, drafts))
    }

    async fn prepared(&self, run: &str) -> Result<Vec<Disclosure>, Error> {
        on!(self, store => store.prepared(run))
    }

    async fn openings(&self, disclosure: &DisclosureId) -> Result<Vec<(LeadId, String)>, Error> {
        on!(self, store => store.openings(disclosure))
    }

    async fn withdraw(
        &self,
        disclosure: &DisclosureId,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        on!(self, store => store.withdraw(disclosure, at, drafts))
    }

    async fn release(
        &self,
        disclosure: &DisclosureId,
        index: u64,
        at: &str,
        stays: StaysState,
        returned: &[(LeadId, BTreeMap<String, String>)],
    ) -> Result<(), Error> {
        on!(self, store => store.release(disclosure, index, at, stays, returned))
    }

    async fn finish(
        &self,
        run: &str,
        at: &str,
        summary: &str,
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        on!(self, store => store.finish(run, at, summary, drafts))
    }

    async fn leads(&self, cycle: Option<&str>) -> Result<Vec<Lead>, Error> {
        on!(self, store => store.leads(cycle))
    }

    async fn lead(&self, id: &LeadId) -> Result<Lead, Error> {
        on!(self, store => store.lead(id))
    }

    async fn count(&self, cycle: &str) -> Result<BTreeMap<Stage, u32>, Error> {
        on!(self, store => store.count(cycle))
    }

    async fn review(
        &self,
        review: &Review,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        on!(self, store => store.review(review, openings, drafts))
    }

    async fn known(
        &self,
        pairs: &[PairKey],
        before_run: &str,
        now: jiff::Timestamp,
    ) -> Result<HashMap<PairKey, Known>, Error> {
        on!(self, store => store.known(pairs, before_run, now))
    }

    async fn pilot(
        &self,
        model: &str,
        bound: Option<f64>,
        terms: &PilotTerms,
    ) -> Result<Pilot, Error> {
        on!(self, store => store.pilot(model, bound, terms))
    }

    async fn not_right(&self, model: &str) -> Result<NotRight, Error> {
        on!(self, store => store.not_right(model))
    }

    async fn judged_weights(
        &self,
        model: &str,
        cycle: Option<&str>,
    ) -> Result<(Vec<(f64, Judgement)>, u64), Error> {
        on!(self, store => store.judged_weights(model, cycle))
    }

    async fn opened(&self, model: &str, bound: f64, but_run: &str) -> Result<u64, Error> {
        on!(self, store => store.opened(model, bound, but_run))
    }

    async fn hold(&self, leads: &[LeadId]) -> Result<(), Error> {
        on!(self, store => store.hold(leads))
    }

    async fn close_rest(&self, run: &str, at: &str, drafts: &Drafts<'_>) -> Result<(), Error> {
        on!(self, store => store.close_rest(run, at, drafts))
    }

    async fn held_before(&self, run: &str) -> Result<u64, Error> {
        on!(self, store => store.held_before(run))
    }

    async fn term(&self) -> Result<(u64, u64, u64), Error> {
        on!(self, store => store.term())
    }

    async fn disclosed(&self, run: &str) -> Result<u64, Error> {
        on!(self, store => store.disclosed(run))
    }

    async fn register(&self, run: &str) -> Result<Vec<Disclosure>, Error> {
        on!(self, store => store.register(run))
    }

    async fn seal_entry(
        &self,
        sealed: &SealedEntry,
        openings: &[String],
        drafts: &Drafts<'_>,
    ) -> Result<Vec<i64>, Error> {
        on!(self, store => store.seal_entry(sealed, openings, drafts))
    }

    async fn sealed_entries(&self, lead: &LeadId) -> Result<Vec<SealedEntry>, Error> {
        on!(self, store => store.sealed_entries(lead))
    }

    async fn record_stay(
        &self,
        mark: &str,
        stay: &str,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> Result<i64, Error> {
        on!(self, store => store.record_stay(mark, stay, at, drafts))
    }

    async fn lift_stay(
        &self,
        number: i64,
        stay: &str,
        by: &str,
        at: &str,
        drafts: &Drafts<'_>,
    ) -> Result<(), Error> {
        on!(self, store => store.lift_stay(number, stay, by, at, drafts))
    }

    async fn left_under(&self, agreement: &str) -> Result<u64, Error> {
        on!(self, store => store.left_under(agreement))
    }

    async fn destroy(
        &self,
        agreement: &str,
        openings: &[String],
        certificate: Certificate<'_>,
    ) -> Result<Destroyed, Error> {
        on!(self, store => store.destroy(agreement, openings, certificate))
    }

    async fn closed_before(
        &self,
        agreement: &str,
        before: Timestamp,
        after: Option<&LeadId>,
        limit: u32,
    ) -> Result<Vec<LeadId>, Error> {
        on!(self, store => store.closed_before(agreement, before, after, limit))
    }

    async fn destroy_leads(
        &self,
        agreement: &str,
        leads: &[LeadId],
        openings: &[String],
        certificate: Certificate<'_>,
    ) -> Result<Destroyed, Error> {
        on!(self, store => store.destroy_leads(agreement, leads, openings, certificate))
    }

    async fn stays(&self) -> Result<(StaysState, Vec<RecordedStay>), Error> {
        on!(self, store => store.stays())
    }
}

impl CaseStore for Database {
    async fn keep_terms(&self, terms: &Terms) -> Result<(), Error> {
        on!(self, store => store.keep_terms(terms))
    }

    async fn case(&self, id: &LeadId) -> Result<StoredCase, Error> {
        on!(self, store => store.case(id))
    }

    async fn take(&self, moving: Moving) -> Result<Vec<i64>, Error> {
        on!(self, store => store.take(moving))
    }

    async fn queue(&self, queue: &Queue, limit: u32) -> Result<Page<CaseLine>, Error> {
        on!(self, store => store.queue(queue, limit))
    }

    async fn counts(&self) -> Result<Counts, Error> {
        on!(self, store => store.counts())
    }

    async fn group_counts(&self) -> Result<GroupCounts, Error> {
        on!(self, store => store.group_counts())
    }

    async fn add_minutes(&self, minutes: u64) -> Result<(), Error> {
        on!(self, store => store.add_minutes(minutes))
    }

    async fn disclosed_about(&self, case_id: &str) -> Result<Vec<Disclosed>, Error> {
        on!(self, store => store.disclosed_about(case_id))
    }

    async fn disclosed_on(&self, id: &LeadId) -> Result<Vec<Disclosed>, Error> {
        on!(self, store => store.disclosed_on(id))
    }

    async fn corrections_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Dispatch>, Error> {
        on!(self, store => store.corrections_due(now, limit))
    }

    async fn corrections_of(&self, id: &LeadId) -> Result<Vec<Dispatch>, Error> {
        on!(self, store => store.corrections_of(id))
    }

    async fn cluster(&self, id: &LeadId) -> Result<Cluster, Error> {
        on!(self, store => store.cluster(id))
    }

    async fn cut(&self, bonds: &[BondKey]) -> Result<BTreeSet<BondKey>, Error> {
        on!(self, store => store.cut(bonds))
    }

    async fn cut_by(&self, id: &LeadId) -> Result<Option<LeadId>, Error> {
        on!(self, store => store.cut_by(id))
    }

    async fn note_delivery(
        &self,
        dispatch: &Dispatch,
        drafts: Drafts<'static>,
    ) -> Result<Vec<i64>, Error> {
        on!(self, store => store.note_delivery(dispatch, drafts))
    }

    async fn notices(
        &self,
        state: Letter,
        after: Option<&After>,
        limit: u32,
    ) -> Result<Page<NoticeLine>, Error> {
        on!(self, store => store.notices(state, after, limit))
    }

    async fn note_printed(
        &self,
        cases: &[LeadId],
        now: Timestamp,
        drafts: Drafts<'static>,
    ) -> Result<Vec<i64>, Error> {
        on!(self, store => store.note_printed(cases, now, drafts))
    }

    async fn note_read(
        &self,
        cases: &[LeadId],
        seen: &Seen,
        openings: &[String],
        drafts: Drafts<'static>,
    ) -> Result<Vec<i64>, Error> {
        on!(self, store => store.note_read(cases, seen, openings, drafts))
    }

    async fn reads_of(&self, id: &LeadId, limit: u32) -> Result<Vec<Seen>, Error> {
        on!(self, store => store.reads_of(id, limit))
    }

    async fn keep_paper(&self, id: &LeadId, paper: &Paper) -> Result<(), Error> {
        on!(self, store => store.keep_paper(id, paper))
    }

    async fn paper(&self, id: &LeadId, digest: &str) -> Result<Option<Paper>, Error> {
        on!(self, store => store.paper(id, digest))
    }

    async fn acknowledge_all(&self, lines: &[(i64, u64)]) -> Result<(), Error> {
        on!(self, store => store.acknowledge_all(lines))
    }

    async fn outbox(&self, limit: u32) -> Result<Outbox, Error> {
        on!(self, store => store.outbox(limit))
    }
}
