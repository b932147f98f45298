//! The boundary of release: nothing leaves without its own permit, its own entry and its own openings, and a stay wins
//! over all three (floor F8, F9).

use super::place::{
    AtPoint, Nobody, Place, at, in_stage, lift_stay, record_stay, refused, request, staying_at,
};
use agreement::{Act, CycleId, Decision, Permit, Scope};
use casework::{Database, Disclosure, Stage, Store as _};
use comity::Error;
use comity::clock::Clock;
use comity::event::Event;
use comity::node::Node;
use comity::program::Program;
use comity::release::{Released, Withheld, release};
use comity::run::{Outcome, Point};
use jiff::Timestamp;
use ledger::{Leaf, Recorded};
use sqlx::ConnectOptions as _;
use std::fs;
use std::path::Path;

/// All leads are opened at once.
const ROOM: u32 = 1_000;

/// A run stopped after its first chunk's disclosure was recorded, and all that it takes to release it.
struct Boundary {
    place: Place,
    program: Program,
    node: Node,
    disclosure: Disclosure,
}

/// The watch stops the run: what stays behind is what a crash would leave.
fn stopped_at(point: Point, nth: usize) -> Place {
    let place = Place::with_pilot(ROOM);
    let (folder, out) = (place.folder.clone(), place.out.clone());
    let stopped = std::thread::spawn(move || {
        let mut watch = AtPoint::new(move |passed, before| {
            if (passed, before) == (point, nth) {
                std::panic::resume_unwind(Box::new("stopped here"));
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let place = Place::made(folder, out);
        let outcome = runtime.block_on(Box::pin(place.watched("2027Q1", at(0), &mut watch)));
        panic!("the point was never reached: {outcome:?}");
    });
    assert!(stopped.join().is_err_and(|why| why.is::<&str>()));
    place
}

impl Boundary {
    async fn new() -> Boundary {
        let place = stopped_at(Point::Recorded, 0);
        let program = place.program(at(1));
        let node = place.node(at(1)).await;
        let disclosure = node.store.prepared("2027Q1").await.unwrap().remove(0);
        Boundary { place, program, node, disclosure }
    }

    fn permit(&self, act: Act, now: Timestamp) -> Permit {
        let request = request(&self.program.filed, act, &self.program);
        match self.node.gate.decide(&request, &self.program.filed, now) {
            Decision::Permit(permit) => permit,
            Decision::Refusal(refusal) => panic!("{refusal}"),
        }
    }

    fn recorded(&self) -> Recorded {
        let leaf = Leaf::parse(self.disclosure.leaf.clone()).unwrap();
        self.node.find(&leaf).unwrap().expect("the ledger holds it")
    }

    async fn release(&self, permit: &Permit, recorded: Recorded) -> Result<Released, Error> {
        self.release_at(permit, recorded, at(1)).await
    }

    async fn release_at(
        &self,
        permit: &Permit,
        recorded: Recorded,
        now: Timestamp,
    ) -> Result<Released, Error> {
        let filed = &self.program.filed;
        let (clock, store) = (Clock::fixed(now), &self.node.store);
        release(permit, recorded, None, &self.disclosure, filed, &clock, store).await
    }

    async fn assert_nothing_out(&self) {
        assert_nothing_out(&self.node.store).await;
    }

    async fn tamper(&self, statement: &'static str) {
        let changed = tamper(&self.place.places().casework(), statement).await;
        assert_eq!(changed, 1, "{statement} changes one row");
    }
}

async fn tamper(casework: &Path, statement: &'static str) -> u64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(casework);
    let mut connection = options.connect().await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap().rows_affected()
}

async fn assert_nothing_out(store: &Database) {
    let leads = store.leads(None).await.unwrap();
    assert!(!leads.is_empty());
    assert!(leads.iter().all(|lead| lead.stage != Stage::Open && lead.returned.is_none()));
    assert_eq!(store.disclosed("2027Q1").await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_permitted_recorded_and_not_stayed_goes_out_once() {
    let boundary = Boundary::new().await;
    let permit = boundary.permit(Act::RELEASE, at(1));
    let out = boundary.release(&permit, boundary.recorded()).await.unwrap();
    assert_eq!(out, Released::Out(boundary.disclosure.persons));
    let again = boundary.release(&permit, boundary.recorded()).await;
    assert!(matches!(again, Err(Error::Casework(casework::Error::NotWaiting { .. }))), "{again:?}");
    let open = in_stage(&boundary.place.leads().await, Stage::Open).len();
    assert_eq!(open, boundary.disclosure.persons as usize);
}

#[tokio::test]
async fn no_release_under_a_permit_for_another_act() {
    let boundary = Boundary::new().await;
    for act in [Act::RUN, Act::READ, Act::REVIEW] {
        let permit = boundary.permit(act.clone(), at(1));
        let released = boundary.release(&permit, boundary.recorded()).await;
        assert!(matches!(released, Err(Error::OtherPermit)), "{act}: {released:?}");
    }
    boundary.assert_nothing_out().await;
}

#[tokio::test]
async fn no_release_under_a_permit_of_another_agreement() {
    let boundary = Boundary::new().await;
    let other = Place::with_pilot(ROOM - 1);
    let program = other.program(at(1));
    let request = request(&program.filed, Act::RELEASE, &program);
    let decision = boundary.node.gate.decide(&request, &program.filed, at(1));
    let permit = decision.into_permit().unwrap();
    let released = boundary.release(&permit, boundary.recorded()).await;
    assert!(matches!(released, Err(Error::OtherPermit)), "{released:?}");
    boundary.assert_nothing_out().await;
}

#[tokio::test]
async fn no_release_of_an_element_beyond_the_permit() {
    let boundary = Boundary::new().await;
    let mut request = request(&boundary.program.filed, Act::RELEASE, &boundary.program);
    let pay = "payroll.gross_pay".parse().unwrap();
    assert!(request.returned.remove(&pay));
    let decision = boundary.node.gate.decide(&request, &boundary.program.filed, at(1));
    let permit = decision.into_permit().unwrap();
    let released = boundary.release(&permit, boundary.recorded()).await;
    assert!(matches!(released, Err(Error::OtherPermit)), "{released:?}");
    boundary.assert_nothing_out().await;
}

#[tokio::test]
async fn no_release_after_the_permit_has_ended() {
    let boundary = Boundary::new().await;
    let permit = boundary.permit(Act::RELEASE, at(1));
    let ends = permit.ends();
    let released = boundary.release_at(&permit, boundary.recorded(), ends).await.unwrap();
    assert_eq!(released, Released::Withheld(Withheld::PermitEnded));
    boundary.assert_nothing_out().await;
}

#[tokio::test]
async fn evidence_of_another_entry_releases_nothing() {
    let mut boundary = Boundary::new().await;
    let permit = boundary.permit(Act::RELEASE, at(1));
    let event = Event::RunAbandoned { run: "2027Q1".to_owned(), why: "of this test".to_owned() };
    let other = boundary.node.record(vec![event]).await.unwrap().remove(0);
    let released = boundary.release(&permit, other).await;
    assert!(matches!(released, Err(Error::NotAsRecorded { .. })), "{released:?}");
    boundary.assert_nothing_out().await;
}

/// Changes the first opening of a pay that is found, as somebody would who has the store's keys besides the store.
async fn forge(place: &Place, openings: &'static str) {
    let vault = place.places().open_vault().unwrap();
    let run = place.store().await.run("2027Q1").await.unwrap().unwrap();
    let key = vault.of(&run.agreement().unwrap()).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.places().casework());
    let mut connection = options.connect().await.unwrap();
    let rows: Vec<(i64, String, Vec<u8>)> =
        sqlx::query_as(openings).fetch_all(&mut connection).await.unwrap();
    for (number, lead, sealed) in rows {
        let text = vault.open_text("opening", &lead, "opening", &sealed).unwrap();
        let mut opening: serde_json::Value = serde_json::from_str(&text).unwrap();
        if text.contains("gross_pay") {
            opening["value"] = "99999.99".into();
            let forged = opening.to_string();
            sqlx::query("UPDATE opening SET opening = ? WHERE number = ?")
                .bind(key.seal("opening", &lead, "opening", forged.as_bytes()).unwrap())
                .bind(number)
                .execute(&mut connection)
                .await
                .unwrap();
            return;
        }
    }
    panic!("there is no opening of a pay");
}

#[tokio::test]
async fn an_opening_that_was_forged_with_the_stores_keys_releases_nothing() {
    let boundary = Boundary::new().await;
    forge(
        &boundary.place,
        "SELECT number, lead, opening FROM opening WHERE disclosure IS NOT NULL ORDER BY number",
    )
    .await;
    let permit = boundary.permit(Act::RELEASE, at(1));
    let released = boundary.release(&permit, boundary.recorded()).await;
    assert!(matches!(released, Err(Error::NotAsRecorded { .. })), "{released:?}");
    boundary.assert_nothing_out().await;
}

#[tokio::test]
async fn an_opening_that_is_missing_releases_nothing() {
    let boundary = Boundary::new().await;
    boundary.tamper("DELETE FROM opening WHERE number = (SELECT max(number) FROM opening)").await;
    let permit = boundary.permit(Act::RELEASE, at(1));
    let released = boundary.release(&permit, boundary.recorded()).await;
    assert!(matches!(released, Err(Error::NotAsRecorded { .. })), "{released:?}");
    boundary.assert_nothing_out().await;
}

#[tokio::test]
async fn an_opening_that_was_tampered_with_is_not_opened_and_releases_nothing() {
    for statement in [
        "UPDATE opening SET opening = zeroblob(length(opening)) WHERE number = (SELECT min(number) FROM opening)",
        "UPDATE opening SET opening = '{}' WHERE number = (SELECT min(number) FROM opening)",
        "UPDATE opening SET lead = (SELECT max(id) FROM lead) WHERE number = (SELECT min(number) FROM opening)",
    ] {
        let boundary = Boundary::new().await;
        boundary.tamper(statement).await;
        let permit = boundary.permit(Act::RELEASE, at(1));
        let released = boundary.release(&permit, boundary.recorded()).await;
        let unreadable = matches!(
            released,
            Err(Error::Casework(
                casework::Error::Unreadable { column: "opening" } | casework::Error::Store(_)
            ))
        );
        assert!(unreadable, "{statement}: {released:?}");
        boundary.assert_nothing_out().await;
    }
}

#[tokio::test]
async fn a_run_that_goes_on_over_a_forged_opening_releases_nothing() {
    let place = stopped_at(Point::Recorded, 0);
    forge(
        &place,
        "SELECT number, lead, opening FROM opening WHERE disclosure IS NOT NULL ORDER BY number DESC",
    )
    .await;
    let outcome = place.watched("2027Q1", at(1), &mut Nobody).await;
    assert!(matches!(outcome, Err(Error::NotAsRecorded { .. })), "{outcome:?}");
    assert_nothing_out(&place.store().await).await;
}

/// Runs, and records a stay of everything through a store of its own when a point is passed for the nth time.
async fn stayed_at(point: Point, nth: usize) -> (Place, Outcome) {
    let place = Place::with_pilot(ROOM);
    let mut watch = staying_at(&place, (point, nth), at(0));
    let outcome = place.watched("2027Q1", at(0), &mut watch).await.unwrap();
    (place, outcome)
}

fn withdrawn(place: &Place) -> Vec<u64> {
    let events = place.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::DisclosureWithdrawn { chunk, why, .. } => {
                assert_eq!(why, "stayed by `27-cv-1`");
                Some(chunk)
            }
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_stay_recorded_between_record_and_release_withholds_and_the_ledger_withdraws() {
    let (place, _) = stayed_at(Point::Recorded, 0).await;
    assert_nothing_out(&place.store().await).await;
    assert_eq!(
        withdrawn(&place),
        [0],
        "the chunk that was recorded is withdrawn, and no other begun"
    );
    assert_eq!(place.disclosed(), 0);
    place.assert_sound("stayed between record and release");
    let store = place.store().await;
    assert!(store.prepared("2027Q1").await.unwrap().is_empty());
    // What nobody was shown is not kept.
    assert_eq!(openings(&place).await, 0);
}

async fn openings(place: &Place) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.places().casework());
    let mut connection = options.connect().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM opening").fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn a_stay_recorded_before_the_entry_is_written_withholds_all_the_same() {
    let (place, _) = stayed_at(Point::Prepared, 0).await;
    assert_nothing_out(&place.store().await).await;
    assert_eq!(withdrawn(&place), [0]);
    place.assert_sound("stayed between preparing and recording");
}

#[tokio::test]
async fn a_stay_in_the_middle_of_a_release_stops_the_chunks_that_remain_until_it_is_lifted() {
    let (place, _) = stayed_at(Point::Released, 0).await;
    let leads = place.leads().await;
    let open = in_stage(&leads, Stage::Open).len();
    assert_eq!(open, 50, "the first chunk was out before the stay");
    assert!(leads.len() > 100, "there were more");
    assert_eq!(place.disclosed(), 50);
    assert!(withdrawn(&place).is_empty(), "of what remains nothing was even recorded");
    place.assert_sound("stayed after the first chunk");

    let outcome = place.run("2027Q1", at(1)).await;
    assert!(refused(&outcome).contains(&"F8-stayed".to_owned()), "{outcome:?}");
    assert_eq!(in_stage(&place.leads().await, Stage::Open).len(), 50);

    let store = place.store().await;
    lift_stay(&store, 1, at(2)).await;
    let outcome = place.run("2027Q1", at(2)).await;
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    assert_eq!(in_stage(&place.leads().await, Stage::Open).len(), leads.len());
    assert_eq!(place.disclosed(), leads.len() as u64);
    place.assert_sound("lifted");
}

#[tokio::test]
async fn a_stay_of_an_element_that_nobody_knows_covers_everything() {
    let place = Place::with_pilot(ROOM);
    {
        let _ = place.node(at(0)).await;
        let store = place.store().await;
        let scope = Scope { elements: ["payroll.gros_pay".to_owned()].into(), ..Scope::default() };
        record_stay(&store, "27-cv-3", scope, at(0)).await;
    }
    let outcome = place.run("2027Q1", at(0)).await;
    assert_eq!(refused(&outcome), ["F8-stayed"]);
}

#[tokio::test]
async fn a_stay_of_another_agreement_stops_nothing() {
    let place = Place::with_pilot(ROOM);
    {
        let _ = place.node(at(0)).await;
        let store = place.store().await;
        // Stays are of what an agreement returns, compares or matches on; this one is of another agreement's.
        let elsewhere = agreement::Digest::of(b"another agreement");
        let scope = Scope { agreements: [elsewhere].into(), ..Scope::default() };
        record_stay(&store, "27-cv-2", scope, at(0)).await;
    }
    place.done(at(0)).await;
    assert!(in_stage(&place.leads().await, Stage::Planned).is_empty());
    place.assert_sound("another agreement");
}

/// Makes the ledger unwritable in a way that stops root too: a file stands where a folder must be.
pub(super) fn break_ledger(place: &Path) {
    fs::rename(place.join("ledger/tile"), place.join("tile.kept")).unwrap();
    fs::write(place.join("ledger/tile"), "in the way").unwrap();
}

pub(super) fn mend_ledger(place: &Path) {
    fs::remove_file(place.join("ledger/tile")).unwrap();
    fs::rename(place.join("tile.kept"), place.join("ledger/tile")).unwrap();
}

#[tokio::test]
async fn a_ledger_that_becomes_unwritable_in_mid_run_means_refusal_which_is_recorded_once_it_can_be()
 {
    for (point, open) in
        [(Point::Started, 0), (Point::Planned, 0), (Point::Prepared, 0), (Point::Released, 50)]
    {
        let place = Place::with_pilot(ROOM);
        let out = place.out.clone();
        let mut watch = AtPoint::new(move |passed, before| {
            if (passed, before) == (point, 0) {
                break_ledger(&out);
            }
        });
        let outcome = place.watched("2027Q1", at(0), &mut watch).await.unwrap();
        assert!(refused(&outcome).contains(&"F9-ledger".to_owned()), "{point:?}: {outcome:?}");
        let leads = place.leads().await;
        assert_eq!(in_stage(&leads, Stage::Open).len(), open, "{point:?}");
        assert_eq!(leads.iter().filter(|lead| lead.returned.is_some()).count(), open, "{point:?}");

        mend_ledger(&place.out);
        place.done(at(1)).await;
        let refusals = place.events().into_iter().filter(|event| match event {
            Event::Refused(decided) => decided.rules.contains(&"F9-ledger".to_owned()),
            _ => false,
        });
        assert_eq!(refusals.count(), 1, "{point:?}: the refusal is recorded, once");
        let leads = place.leads().await;
        assert_eq!(in_stage(&leads, Stage::Open).len(), leads.len(), "{point:?}");
        assert_eq!(place.disclosed(), leads.len() as u64, "{point:?}");
        place.assert_sound("mended");
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_from_the_start_means_refusal_and_nothing_is_read() {
    let place = Place::with_pilot(ROOM);
    drop(place.node(at(0)).await);
    fs::write(place.out.join("ledger/tile"), "in the way").unwrap();
    let program = place.program(at(0));
    let mut node = place.node(at(0)).await;
    let cycle = CycleId::new("2027Q1").unwrap();
    let outcome = Box::pin(comity::run::run(&program, &mut node, &cycle, &mut Nobody)).await;
    assert_eq!(refused(&outcome.unwrap()), ["F9-ledger"]);
    assert!(node.store.runs().await.unwrap().is_empty(), "no run was begun");
}
