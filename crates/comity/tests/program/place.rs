//! Set-up that every test of the whole program shares: a copy of the worked example in a folder of its own, with fewer
//! people where that is enough; its node; its ledger read back. It proves nothing by itself.

use agreement::{
    Act, CycleId, Environment, Filed, Gate, Lift, OfficerId, Request, Scope, Signature, Signer,
    SigningKey, Stay, StayKind,
};
use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, RecordBatch};
use casework::{Database, Drafts, Judgement, Lead, LeadId, Review, Stage, Store as _};
use comity::audit::Audited;
use comity::clock::Clock;
use comity::event::Event;
use comity::node::{Answer, Node, Places};
use comity::program::Program;
use comity::run::{Outcome, Point, Step, Watch};
use comity::{Error, run};
use jiff::Timestamp;
use ledger::{Commitments, Directory, Entry, Verifier};
use linkage::synth::{Plan, synthesise};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The worked example as it ships.
pub(crate) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/benefits")
}

/// A fixed instant: minutes after nine on the day these tests stand still at.
pub(crate) fn at(minute: i64) -> Timestamp {
    let nine: Timestamp = "2027-01-04T09:00:00Z".parse().unwrap();
    nine + jiff::SignedDuration::from_mins(minute)
}

/// Few people, many of them in both files and most with pay they did not declare: more than two chunks of leads, and
/// a run of well under a second.
pub(crate) fn few_people(seed: u64) -> Plan {
    Plan {
        payroll_people: 380,
        caseload_people: 340,
        overlap: 0.9,
        second_job: 0.1,
        undeclared: 0.9,
        ..Plan::small(seed)
    }
}

/// A program in a folder of its own.
pub(crate) struct Place {
    _folder: Option<TempDir>,
    pub(crate) folder: PathBuf,
    pub(crate) out: PathBuf,
    /// Where the case store is, if it is on a server.
    pub(crate) server: Option<String>,
}

impl Place {
    /// Copies the worked example, with its own people.
    pub(crate) fn of_the_example() -> Place {
        let folder = TempDir::new().unwrap();
        let place = Place {
            folder: folder.path().join("program"),
            out: folder.path().join("out"),
            server: None,
            _folder: Some(folder),
        };
        fs::create_dir_all(&place.folder).unwrap();
        for file in fs::read_dir(example()).unwrap() {
            let file = file.unwrap();
            if file.path().is_file() {
                fs::copy(file.path(), place.folder.join(file.file_name())).unwrap();
            }
        }
        place
    }

    /// Copies the worked example for few people, with a pilot as large as is said.
    pub(crate) fn with_pilot(sample: u32) -> Place {
        let place = Place::of_the_example();
        place.people(&few_people(7));
        place.edit("agreement.toml", "sample = 40", &format!("sample = {sample}"));
        place
    }

    /// Points at a place that another process made.
    pub(crate) fn made(folder: PathBuf, out: PathBuf) -> Place {
        Place { _folder: None, folder, out, server: None }
    }

    /// Puts one text for another in a file of the program, which must hold it.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} holds `{from}`");
        fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// Writes the files of other people.
    pub(crate) fn people(&self, plan: &Plan) {
        let files = synthesise(plan).unwrap();
        fs::write(self.folder.join("payroll.csv"), csv(&files.payroll)).unwrap();
        fs::write(self.folder.join("caseload.csv"), csv(&files.caseload)).unwrap();
    }

    /// Lets each cycle have files of its own, and names two cycles more; the first has the files that are there.
    pub(crate) fn with_cycles(self) -> Place {
        self.edit("schedule.toml", "\"payroll.csv\"", "\"payroll-{cycle}.csv\"");
        self.edit("schedule.toml", "\"caseload.csv\"", "\"caseload-{cycle}.csv\"");
        let cycle = |id: &str, as_of: &str, due: &str| {
            format!("[[cycles]]\nid = \"{id}\"\nas_of = {as_of}\ndue = {due}\n\n")
        };
        let more = cycle("2027Q2", "2027-06-30", "2027-07-15")
            + &cycle("2027Q3", "2027-09-30", "2027-10-15");
        self.edit(
            "schedule.toml",
            "[[contacts]]\nparty = \"payroll-administration\"",
            &format!("{more}[[contacts]]\nparty = \"payroll-administration\""),
        );
        for file in ["payroll", "caseload"] {
            fs::rename(
                self.folder.join(format!("{file}.csv")),
                self.folder.join(format!("{file}-2027Q1.csv")),
            )
            .unwrap();
        }
        self
    }

    pub(crate) fn places(&self) -> Places {
        let places = Places::under(&self.out);
        match &self.server {
            Some(url) => places.on_server(url.as_str()),
            None => places,
        }
    }

    pub(crate) fn program(&self, now: Timestamp) -> Program {
        Program::load(&self.folder, &self.places(), &Clock::fixed(now)).unwrap()
    }

    pub(crate) async fn node(&self, now: Timestamp) -> Node {
        let gate = Gate::shipped().unwrap();
        let clock = Clock::fixed(now);
        let origin = "test.example/ledger";
        Node::open(self.places(), gate, clock, Environment::Test, origin).await.unwrap()
    }

    pub(crate) async fn store(&self) -> Database {
        self.places().open_store().await.unwrap()
    }

    /// Runs a cycle with a program, a node and a watch of its own.
    pub(crate) async fn run(&self, cycle: &str, now: Timestamp) -> Outcome {
        self.watched(cycle, now, &mut Nobody).await.unwrap()
    }

    pub(crate) async fn watched(
        &self,
        cycle: &str,
        now: Timestamp,
        watch: &mut dyn Watch,
    ) -> Result<Outcome, Error> {
        let program = self.program(now);
        let mut node = self.node(now).await;
        Box::pin(run::run(&program, &mut node, &CycleId::new(cycle).unwrap(), watch)).await
    }

    /// Runs the first cycle, which must come to its end.
    pub(crate) async fn done(&self, now: Timestamp) {
        let outcome = self.run("2027Q1", now).await;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    pub(crate) async fn leads(&self) -> Vec<Lead> {
        self.store().await.leads(None).await.unwrap()
    }

    /// Judges a lead as an officer would, under a permit of its own.
    pub(crate) async fn judge(
        &self,
        lead: &LeadId,
        judgement: Judgement,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) {
        let mut node = self.node(now).await;
        self.judge_at(&mut node, lead, judgement, expires, now).await;
    }

    /// Judges several leads.
    pub(crate) async fn judge_all(&self, leads: &[(LeadId, Judgement)], now: Timestamp) {
        let mut node = self.node(now).await;
        for (lead, judgement) in leads {
            self.judge_at(&mut node, lead, *judgement, None, now).await;
        }
    }

    async fn judge_at(
        &self,
        node: &mut Node,
        lead: &LeadId,
        judgement: Judgement,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) {
        let program = self.program(now);
        let (recipient, _) = program.recipient().unwrap();
        let mut request =
            Request::new(program.agreement(), Act::REVIEW, recipient, program.purpose().unwrap());
        request.officer = Some(OfficerId::new("officer-7").unwrap());
        let filed = node.with_stays(&program.filed).await.unwrap();
        let Answer::Permitted(_, permit) = node.decide(request, &filed).await.unwrap() else {
            panic!("a review is permitted");
        };
        let drafts = node.drafts(vec![Event::LeadReviewed { permit }]);
        let review = Review {
            lead: lead.clone(),
            judgement,
            reason: "as the files say".to_owned(),
            officer: "officer-7".to_owned(),
            at: now,
            expires,
        };
        node.store.review(&review, &["{}".to_owned()], &drafts).await.unwrap();
        node.drain().await.unwrap();
    }

    /// Audits the ledger from its files alone.
    pub(crate) fn audit(&self) -> Audited {
        let gate = Gate::shipped().unwrap();
        comity::audit::audit(&self.places().ledger(), &self.key(), &[], &gate).unwrap()
    }

    fn key(&self) -> Verifier {
        let text = fs::read_to_string(self.places().ledger_key()).unwrap();
        Verifier::parse(text.trim()).unwrap()
    }

    /// The audit must find nothing wrong and nothing it cannot tell.
    pub(crate) fn assert_sound(&self, when: &str) {
        let audited = self.audit();
        assert!(audited.is_sound(), "{when}: {:#?}", audited.wrong);
        assert!(audited.open.is_empty(), "{when}: {:#?}", audited.open);
    }

    /// Returns every entry of the ledger with its event.
    pub(crate) fn entries(&self) -> Vec<(u64, Entry, Event)> {
        let mut entries = Vec::new();
        let folder = Directory::new(self.places().ledger());
        let outcome = ledger::audit(&folder, &self.key(), &[], |index, entry| {
            let event = Event::of(entry).expect("an event this program knows");
            entries.push((index, entry.clone(), event));
        })
        .unwrap();
        assert!(matches!(outcome, ledger::Outcome::Sound(_)), "{outcome:?}");
        entries
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.entries().into_iter().map(|(_, _, event)| event).collect()
    }

    /// Persons that the ledger says were disclosed, withdrawn ones left out.
    pub(crate) fn disclosed(&self) -> u64 {
        let mut persons = 0_i64;
        let mut given = std::collections::BTreeMap::new();
        for (index, _, event) in self.entries() {
            match event {
                Event::Disclosed { persons: many, .. } => {
                    given.insert(index, i64::try_from(many).unwrap());
                    persons += i64::try_from(many).unwrap();
                }
                Event::DisclosureWithdrawn { disclosure, .. } => {
                    persons -= given.remove(&disclosure).expect("it was disclosed before");
                }
                _ => {}
            }
        }
        u64::try_from(persons).unwrap()
    }

    /// The key that the demonstration threw away for a signer.
    pub(crate) fn thrown_away(&self, signer: &Signer) -> SigningKey {
        let name = signer.to_string().replace([' ', '/', ':'], "-");
        let path = self.out.join("demonstration/keys").join(format!("{name}.secret"));
        SigningKey::from_secret_text(fs::read_to_string(path).unwrap().trim()).unwrap()
    }

    /// Files one more statement about the agreement.
    pub(crate) fn sign(&self, signature: &Signature) {
        let path = self.out.join("demonstration/signatures/zz-later.toml");
        fs::write(path, signature.to_text().unwrap()).unwrap();
    }
}

/// Names the pair of a lead so that two runs can be compared: case id and the source's row.
pub(crate) fn pairs(leads: &[Lead], stages: &[Stage]) -> BTreeSet<(String, u32)> {
    let chosen: Vec<_> = leads.iter().filter(|lead| stages.contains(&lead.stage)).collect();
    let named: BTreeSet<_> =
        chosen.iter().map(|lead| (lead.found.case_id.clone(), lead.found.source_record)).collect();
    assert_eq!(named.len(), chosen.len(), "no pair has two leads");
    named
}

pub(crate) fn in_stage(leads: &[Lead], stage: Stage) -> Vec<LeadId> {
    leads.iter().filter(|lead| lead.stage == stage).map(|lead| lead.found.id.clone()).collect()
}

/// Makes a delivery for a cycle of the text of another's: the same bytes twice would be a doubled file, so a column
/// that nobody reads gets another name.
pub(crate) fn delivered_for(cycle: &str, text: &str) -> String {
    text.replacen("truth_person", &format!("truth_person_{cycle}"), 1)
}

/// Returns the rules that a refusal names.
pub(crate) fn refused(outcome: &Outcome) -> Vec<String> {
    let Outcome::Refused(refusal) = outcome else {
        panic!("it was refused, and not {outcome:?}");
    };
    refusal.ids().into_iter().map(str::to_owned).collect()
}

/// Records a stay of everything in scope, as another process would: through a store of its own.
pub(crate) async fn record_stay(
    store: &Database,
    order: &str,
    scope: Scope,
    now: Timestamp,
) -> i64 {
    let stay = stay(order, scope, now);
    let mark = format!("{order} at {now}");
    let event = Event::StayRecorded {
        stay: mark.clone(),
        order: stay.order.clone(),
        authority: stay.authority.clone(),
        scope: serde_json::to_string(&stay.scope).unwrap(),
        from: String::new(),
        until: String::new(),
    };
    let drafts = draft(event, now);
    let text = serde_json::to_string(&stay).unwrap();
    store.record_stay(&mark, &text, &now.to_string(), &drafts).await.unwrap()
}

/// Lifts a stay by an order of its own.
pub(crate) async fn lift_stay(store: &Database, number: i64, now: Timestamp) {
    let (_, stays) = store.stays().await.unwrap();
    let recorded = stays.iter().find(|stay| stay.number == number).unwrap();
    let mut stay: Stay = serde_json::from_str(&recorded.stay).unwrap();
    let (by, authority) = ("27-cv-99".to_owned(), stay.authority.clone());
    stay.lifted = Some(Lift { order: by.clone(), authority: authority.clone(), at: now });
    let event = Event::StayLifted { stay: recorded.mark.clone(), by: by.clone(), authority };
    let text = serde_json::to_string(&stay).unwrap();
    let drafts = draft(event, now);
    store.lift_stay(number, &text, &by, &now.to_string(), &drafts).await.unwrap();
}

pub(crate) fn stay(order: &str, scope: Scope, now: Timestamp) -> Stay {
    Stay {
        order: order.to_owned(),
        authority: "a court".to_owned(),
        kind: StayKind::Order,
        scope,
        recorded: now,
        from: None,
        until: None,
        lifted: None,
    }
}

fn draft(event: Event, now: Timestamp) -> Drafts<'static> {
    Drafts::new(now, move |at| {
        let leaf =
            event.to_leaf(at, Commitments::new(), [7; 32]).map_err(|error| error.to_string())?;
        Ok(vec![leaf.as_bytes().to_vec()])
    })
}

/// Opens a request as a run makes it, for the gate alone.
pub(crate) fn request(filed: &Filed, act: Act, program: &Program) -> Request {
    let agreement = &filed.agreement;
    let (source, set) = program.source().unwrap();
    let (recipient, caseload) = program.recipient().unwrap();
    let party = if act == Act::RELEASE { source } else { recipient };
    let mut request = Request::new(agreement, act, party, program.purpose().unwrap());
    request.extracts = program.schedule.extracts();
    request.counts = [(set.id.clone(), 100), (caseload.id.clone(), 100)].into();
    request.threshold = Some(program.lowest_threshold());
    request.ledger_writable = true;
    request
}

/// Nobody watches.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn said(&mut self, _: &Step) {}
    fn progress(&mut self, _: u64, _: u64) {}
}

/// Does something each time a point is passed, told how often that point was passed before.
pub(crate) struct AtPoint<Deed: FnMut(Point, usize)> {
    passed: Vec<Point>,
    deed: Deed,
}

impl<Deed: FnMut(Point, usize)> AtPoint<Deed> {
    pub(crate) fn new(deed: Deed) -> Self {
        AtPoint { passed: Vec::new(), deed }
    }
}

impl<Deed: FnMut(Point, usize)> Watch for AtPoint<Deed> {
    fn said(&mut self, _: &Step) {}
    fn progress(&mut self, _: u64, _: u64) {}
    fn passed(&mut self, point: Point) {
        let before = self.passed.iter().filter(|passed| **passed == point).count();
        self.passed.push(point);
        (self.deed)(point, before);
    }
}

/// Records a stay of everything when a point of what is watched is passed for the nth time, as another process would: through a
/// store of its own.
pub(crate) fn staying_at(
    place: &Place,
    (point, nth): (Point, usize),
    now: Timestamp,
) -> AtPoint<impl FnMut(Point, usize) + use<>> {
    let places = place.places();
    AtPoint::new(move |passed, before| {
        if (passed, before) == (point, nth) {
            let places = places.clone();
            wait_for(async move {
                let store = places.open_store().await.unwrap();
                record_stay(&store, "27-cv-1", Scope::default(), now).await;
            });
        }
    })
}

/// Waits for a future where a watch cannot: on a thread of its own.
pub(crate) fn wait_for<F: Future<Output = ()> + Send>(work: F) {
    std::thread::scope(|scope| {
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        scope.spawn(move || runtime().block_on(work)).join().unwrap();
    });
}

/// Spells a table of texts as CSV.
fn csv(batch: &RecordBatch) -> String {
    let quoted = |field: &str| {
        if field.contains([',', '"', '\n']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.to_owned()
        }
    };
    let schema = batch.schema();
    let names: Vec<String> = schema.fields().iter().map(|field| quoted(field.name())).collect();
    let mut lines = vec![names.join(",")];
    for row in 0..batch.num_rows() {
        let fields = batch.columns().iter().map(|column| {
            let texts = column.as_string::<i32>();
            if texts.is_null(row) { String::new() } else { quoted(texts.value(row)) }
        });
        lines.push(fields.collect::<Vec<_>>().join(","));
    }
    lines.join("\n") + "\n"
}
