//! The audit of bytes and of decisions, runs and stays, on entries made for it.

use super::*;
use jiff::SignedDuration;
use ledger::Commitments;

const AGREEMENT: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn permit(act: &str) -> Event {
    Event::Permitted(Decided {
        act: act.to_owned(),
        party: "support".to_owned(),
        purpose: "eligibility".to_owned(),
        agreement: AGREEMENT.to_owned(),
        packs: vec!["another 2020-01-01 sha256:00".to_owned()],
        rules: Vec::new(),
        given: String::new(),
        ends: "2027-01-05T00:00:00Z".to_owned(),
    })
}

fn started() -> Event {
    Event::RunStarted {
        run: "2027Q1".to_owned(),
        cycle: "2027Q1".to_owned(),
        permit: 0,
        files: BTreeMap::new(),
        records: BTreeMap::new(),
    }
}

fn disclosed(permit: u64) -> Event {
    Event::Disclosed {
        run: "2027Q1".to_owned(),
        chunk: 0,
        permit,
        agreement: AGREEMENT.to_owned(),
        source: "payroll".to_owned(),
        recipient: "support".to_owned(),
        purpose: "eligibility".to_owned(),
        elements: vec!["payroll.gross_pay".to_owned()],
        persons: 2,
    }
}

fn finished(opened: u64) -> Event {
    Event::RunFinished { run: "2027Q1".to_owned(), opened, held: 0, report: String::new() }
}

fn stay_recorded(scope: &str) -> Event {
    Event::StayRecorded {
        stay: "7f3a".to_owned(),
        order: "25-cv-1".to_owned(),
        authority: "a court".to_owned(),
        scope: scope.to_owned(),
        from: String::new(),
        until: String::new(),
    }
}

/// What an audit says of some entries.
struct Told {
    proved: Vec<String>,
    open: Vec<String>,
    wrong: Vec<String>,
}

/// Reads events an hour apart, and returns what is wrong.
fn wrong(events: &[Event]) -> Vec<String> {
    told(0, events).wrong
}

/// Reads events an hour apart, the first at this index: what comes before it was pruned.
fn told(first: u64, events: &[Event]) -> Told {
    let key = ledger::Signer::from_random(ledger::Name::new("l.example").unwrap(), [1; 32]);
    let mut reading = Reading::new(key.verifier());
    for (place, event) in events.iter().enumerate() {
        let at = hour(i64::try_from(place).unwrap());
        let leaf = event.to_leaf(at, Commitments::new(), [7; 32]).unwrap();
        let _ = reading.take(first + place as u64, &leaf.to_entry().unwrap());
    }
    let mut proved = Vec::new();
    reading.finish(&mut proved);
    let wrong = reading.wrong.iter().map(|wrong| format!("{}: {}", wrong.place, wrong.what));
    let wrong = wrong.collect();
    Told { proved, open: reading.open, wrong }
}

/// When the entry at this place is made.
fn hour(place: i64) -> Timestamp {
    let first: Timestamp = "2027-01-04T00:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(place)
}

#[test]
fn a_run_told_in_order_has_nothing_wrong() {
    let events = [permit("run"), started(), permit("release"), disclosed(2), finished(2)];
    assert_eq!(wrong(&events), Vec::<String>::new());
}

#[test]
fn the_permit_precedes_the_release() {
    let later = [permit("run"), started(), disclosed(3), permit("release"), finished(2)];
    assert_eq!(wrong(&later), ["entry 2: no permit stands at entry 3, before it"]);
    let other = [permit("run"), started(), disclosed(0), finished(2)];
    assert_eq!(wrong(&other), ["entry 2: the permit at entry 0 is for `run`, not for `release`"]);
}

#[test]
fn a_permit_that_has_ended_permits_nothing() {
    let mut events = vec![permit("run"), started(), permit("release")];
    events.extend(std::iter::repeat_n(permit("read"), 21));
    events.push(disclosed(2));
    assert_eq!(
        wrong(&events),
        ["entry 24: the permit at entry 2 had ended at 2027-01-05T00:00:00Z"]
    );
}

#[test]
fn nothing_is_disclosed_in_the_scope_of_a_stay() {
    let told = |scope| {
        wrong(&[
            permit("run"),
            started(),
            permit("release"),
            stay_recorded(scope),
            disclosed(2),
            finished(2),
        ])
    };
    assert_eq!(told("{}"), ["entry 4: it discloses in the scope of stay `25-cv-1`"]);
    assert_eq!(told(r#"{"elements":["payroll.gross_pay"]}"#).len(), 1);
    assert!(told(r#"{"elements":["payroll.employer"]}"#).is_empty());
}

fn withdrawn(disclosure: u64) -> Event {
    Event::DisclosureWithdrawn {
        run: "2027Q1".to_owned(),
        chunk: 0,
        disclosure,
        why: "a stay".to_owned(),
    }
}

#[test]
fn a_disclosure_that_a_stay_overtook_is_in_order_once_it_is_withdrawn() {
    let mut events =
        vec![permit("run"), started(), permit("release"), stay_recorded("{}"), disclosed(2)];
    assert_eq!(wrong(&events), ["entry 4: it discloses in the scope of stay `25-cv-1`"]);
    events.push(withdrawn(4));
    assert!(wrong(&events).is_empty());
}

#[test]
fn a_disclosure_resumed_in_the_scope_of_a_stay_is_wrong_however_early_it_was_recorded() {
    let resumed =
        Event::ReleaseResumed { run: "2027Q1".to_owned(), chunk: 0, disclosure: 3, permit: 2 };
    let mut events = vec![permit("run"), started(), permit("release"), disclosed(2)];
    events.push(stay_recorded("{}"));
    assert!(wrong(&events).is_empty());
    events.push(resumed);
    assert_eq!(wrong(&events), ["entry 3: it discloses in the scope of stay `25-cv-1`"]);
    events.push(withdrawn(3));
    assert!(wrong(&events).is_empty());
}

#[test]
fn nothing_is_done_for_an_abandoned_run() {
    let abandoned = Event::RunAbandoned { run: "2027Q1".to_owned(), why: "interrupted".to_owned() };
    let events = [permit("run"), started(), abandoned, permit("release"), disclosed(3)];
    assert_eq!(wrong(&events), ["entry 4: run 2027Q1 was abandoned before it"]);
}

#[test]
fn a_lifted_stay_stays_nothing() {
    let lifted = Event::StayLifted {
        stay: "7f3a".to_owned(),
        by: "25-cv-2".to_owned(),
        authority: "a court".to_owned(),
    };
    let events = [
        permit("run"),
        started(),
        permit("release"),
        stay_recorded("{}"),
        lifted.clone(),
        disclosed(2),
    ];
    assert!(wrong(&events).is_empty());
    assert_eq!(wrong(&[lifted]), ["entry 0: it lifts stay `7f3a`, which was not standing"]);
}

#[test]
fn a_run_opens_as_many_leads_as_were_disclosed_and_not_withdrawn() {
    let told = |opened, more: &[Event]| {
        let mut events = vec![permit("run"), started(), permit("release"), disclosed(2)];
        events.extend_from_slice(more);
        events.push(finished(opened));
        wrong(&events).len()
    };
    let withdrawn = Event::DisclosureWithdrawn {
        run: "2027Q1".to_owned(),
        chunk: 0,
        disclosure: 3,
        why: "a stay".to_owned(),
    };
    assert_eq!(told(2, &[]), 0);
    assert_eq!(told(3, &[]), 1);
    assert_eq!(told(0, std::slice::from_ref(&withdrawn)), 0);
    assert_eq!(told(2, &[withdrawn]), 1);
}

fn asked(persons: u64, at: Timestamp) -> Event {
    let (run, second) = ("2027Q1".to_owned(), at.as_second());
    Event::RecordsAsked { run, permit: 2, persons, second, register: None, matter: None }
}

#[test]
fn persons_are_asked_about_within_a_day_before_their_entry_and_not_after_it() {
    let seconds = SignedDuration::from_secs;
    let day = 24 * 3600;
    let told = |before: i64| {
        let events = [permit("run"), started(), permit("request_records")];
        wrong(&[&events[..], &[asked(3, hour(3) - seconds(before))]].concat())
    };
    for before in [0, 1, day] {
        assert_eq!(told(before), Vec::<String>::new(), "{before} seconds before");
    }
    for before in [-1, day + 1] {
        let what = "entry 3: persons were asked about at another time than that of the entry";
        assert_eq!(told(before), [what], "{before} seconds before");
    }
}

#[test]
fn of_a_pruned_ledger_it_is_said_from_when_on_persons_are_counted_in_full() {
    let events = [permit("run"), started(), permit("request_records"), asked(60, hour(3))];
    let whole = told(0, &events);
    let sentence = "60 persons were asked about by name, never more than 100 in 90 days".to_owned();
    assert!(whole.proved.contains(&sentence), "{:?}", whole.proved);
    assert_eq!(whole.open, Vec::<String>::new());
    // What came before is gone: 90 days after the first entry that is left, nothing of it counts any more.
    let left = told(256, &events);
    assert_eq!(left.wrong, Vec::<String>::new());
    let sentence = "60 persons were asked about by name in the entries that are left; from 2027-04-04T00:00:00Z on never more \
                    than 100 in 90 days";
    assert!(left.proved.contains(&sentence.to_owned()), "{:?}", left.proved);
    assert!(
        left.open.iter().any(|open| open.starts_with("60 persons were asked about by name before")),
        "{:?}",
        left.open
    );
}

fn calibrated(judged: u64, same: Option<u64>, in_doubt: Option<u64>) -> Told {
    let (before, model) = (AGREEMENT.to_owned(), AGREEMENT.to_owned());
    let event = Event::ModelCalibrated { permit: 0, before, model, judged, same, in_doubt };
    told(0, &[permit("train"), event])
}

#[test]
fn a_model_is_calibrated_by_ten_leads_in_doubt_and_by_no_more_than_were_judged() {
    let sound = calibrated(29, Some(29), Some(10));
    assert_eq!((sound.wrong.len(), sound.open.len()), (0, 0));
    let sentence = "each of 1 models that judgements made came of 10 leads in doubt or more";
    assert!(sound.proved.contains(&sentence.to_owned()), "{:?}", sound.proved);
    for (judged, same, in_doubt) in [(29, 29, 9), (29, 30, 10), (9, 9, 10), (0, 0, 0)] {
        let told = calibrated(judged, Some(same), Some(in_doubt));
        assert_eq!(told.wrong.len(), 1, "{judged} {same} {in_doubt}");
    }
}

#[test]
fn a_calibration_of_an_earlier_version_is_read_and_what_it_does_not_say_is_open() {
    let old = calibrated(29, None, None);
    assert_eq!(old.wrong, Vec::<String>::new());
    assert!(old.open[0].starts_with("entry 1 does not say"), "{:?}", old.open);
    assert_eq!(calibrated(9, None, None).wrong.len(), 1);
}
