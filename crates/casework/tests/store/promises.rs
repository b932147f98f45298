//! One suite for every store: each test states a promise of [`casework::Store`] and is run on each database.

use crate::place;
use casework::{
    Asked, AskedSoFar, BondKey, Disclosure, DisclosureId, Drafts, Entered, Error, Groups,
    Judgement, Known, LeadId, NotRight, PairKey, PilotTerms, Planned, Rate, Review, Run, RunState,
    SealedEntry, Sqlite, Stage, Store,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a fixed instant of this test")
}

pub(crate) fn new_run(id: &str, cycle: &str) -> Run {
    Run {
        id: id.to_owned(),
        cycle: cycle.to_owned(),
        state: RunState::Started,
        started_at: "2027-01-04T09:00:00Z".to_owned(),
        finished_at: None,
        inputs: r#"{"model":"m1","bound":0.0}"#.to_owned(),
        summary: None,
    }
}

pub(crate) fn run_under_an_agreement() -> Run {
    let inputs = r#"{"model":"m1","bound":0.0,"agreement":"sha256:aa"}"#.to_owned();
    Run { inputs, ..new_run("2027Q1", "2027Q1") }
}

pub(crate) fn planned(cycle: &str, number: usize, pair: u8, chunk: Option<u32>) -> Planned {
    Planned {
        id: LeadId::new(cycle, number),
        pair: PairKey([pair; 32]),
        bond: Some(BondKey([pair / 2; 32])),
        case_id: format!("C{number}"),
        source_record: 1,
        recipient_record: 2,
        weight: 12.345_678_901_234_567,
        probability: 0.999,
        explanation: "{}".to_owned(),
        groups: Groups::default(),
        returned_digest: [pair; 32],
        reopens: None,
        chunk,
    }
}

pub(crate) fn disclosure(run: &str, chunk: u32) -> Disclosure {
    Disclosure {
        id: DisclosureId(format!("{run}/{chunk}")),
        run: run.to_owned(),
        chunk,
        prepared_at: "2027-01-04T09:01:00Z".to_owned(),
        recipient: "family-support".to_owned(),
        purpose: "eligibility".to_owned(),
        elements: vec!["gross_pay".to_owned()],
        persons: 1,
        leaf: b"the entry".to_vec(),
        ledger_index: None,
    }
}

pub(crate) fn values(pay: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("gross_pay".to_owned(), pay.to_owned())])
}

pub(crate) fn words(leaves: Vec<Vec<u8>>) -> Drafts<'static> {
    Drafts::new(at("2027-01-04T09:00:00Z"), move |_| Ok(leaves.clone()))
}

pub(crate) async fn stays<S: Store>(store: &S) -> casework::StaysState {
    store.stays().await.unwrap().0
}

/// Brings a run to where lead 1 is open and lead 2 is held.
pub(crate) async fn open_one<S: Store>(store: &S, cycle: &str, pair: u8) {
    store.start(&new_run(cycle, cycle), &Drafts::none()).await.unwrap();
    let leads = [planned(cycle, 1, pair, Some(0)), planned(cycle, 2, pair + 100, None)];
    store.plan(cycle, "{}", &leads, &Drafts::none()).await.unwrap();
    let one = disclosure(cycle, 0);
    store
        .prepare(
            &one,
            &[(LeadId::new(cycle, 1), "opening".to_owned())],
            &words(vec![b"the entry".to_vec()]),
        )
        .await
        .unwrap();
    store
        .release(
            &one.id,
            7,
            "2027-01-04T09:02:00Z",
            stays(store).await,
            &[(LeadId::new(cycle, 1), values("100"))],
        )
        .await
        .unwrap();
    store.finish(cycle, "2027-01-04T09:03:00Z", "{}", &Drafts::none()).await.unwrap();
}

pub(crate) fn judged(cycle: &str, judgement: Judgement, expires: Option<Timestamp>) -> Review {
    Review {
        lead: LeadId::new(cycle, 1),
        judgement,
        reason: "birth years differ".to_owned(),
        officer: "officer-1".to_owned(),
        at: at("2027-01-05T10:00:00Z"),
        expires,
    }
}

async fn state_and_event_are_there_together<S: Store>(store: &S) {
    store.start(&new_run("2027Q1", "2027Q1"), &words(vec![b"run started".to_vec()])).await.unwrap();
    // The same cycle a second time fails, and its event must not be in the outbox either.
    assert!(
        store.start(&new_run("2027Q1b", "2027Q1"), &words(vec![b"never".to_vec()])).await.is_err()
    );
    let waiting = store.waiting().await.unwrap();
    assert_eq!(
        waiting.iter().map(|line| line.leaf.as_slice()).collect::<Vec<_>>(),
        [b"run started"]
    );
}

async fn a_sealed_entry_is_kept_with_its_event_and_hides_until_its_end<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await;
    let lead = LeadId::new("2027Q1", 1);
    let seal = agreement::Seal {
        power: "5 U.S.C. 552a(c)(3)".to_owned(),
        authority: "a court".to_owned(),
        from: at("2027-02-01T00:00:00Z"),
        until: at("2027-03-01T00:00:00Z"),
    };
    let sealed = SealedEntry { lead: lead.clone(), entry: 7, seal };
    let before = store.waiting().await.unwrap().len();
    let (openings, told) = (["opening".to_owned()], words(vec![b"sealed".to_vec()]));
    let lines = store.seal_entry(&sealed, &openings, &told).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(store.waiting().await.unwrap().len(), before + 1);
    // Of a lead that there is not, neither is kept.
    let nobody = SealedEntry { lead: LeadId::new("2027Q1", 99), ..sealed.clone() };
    assert!(store.seal_entry(&nobody, &[], &words(vec![b"never".to_vec()])).await.is_err());
    assert_eq!(store.waiting().await.unwrap().len(), before + 1);
    let kept = store.sealed_entries(&lead).await.unwrap();
    assert_eq!(kept, [sealed]);
    assert_eq!(store.sealed_entries(&LeadId::new("2027Q1", 2)).await.unwrap(), []);
    let hides = |entry, now| SealedEntry::any_hides(&kept, &lead, entry, at(now));
    assert!(hides(7, "2027-02-01T00:00:00Z") && hides(7, "2027-02-28T23:59:59Z"));
    assert!(!hides(7, "2027-01-31T23:59:59Z") && !hides(7, "2027-03-01T00:00:00Z"));
    assert!(!hides(8, "2027-02-15T00:00:00Z"));
}

async fn the_outbox_never_runs_backwards<S: Store>(store: &S) {
    let told = |instant| Drafts::new(at(instant), |at| Ok(vec![at.to_string().into_bytes()]));
    for instant in ["2027-01-04T09:00:10Z", "2027-01-04T09:00:05Z", "2027-01-04T09:00:11Z"] {
        store.note(&told(instant)).await.unwrap();
    }
    let times: Vec<String> = store
        .waiting()
        .await
        .unwrap()
        .into_iter()
        .map(|line| String::from_utf8(line.leaf).unwrap())
        .collect();
    let expected = ["2027-01-04T09:00:10Z", "2027-01-04T09:00:10Z", "2027-01-04T09:00:11Z"];
    assert_eq!(times, expected);
}

async fn a_judgement_counts_for_the_bounds_at_which_its_lead_was_drawn<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await; // at the bound 0
    store
        .review(&judged("2027Q1", Judgement::Same, None), &["opening".to_owned()], &Drafts::none())
        .await
        .unwrap();
    let terms = PilotTerms { sample: 1, bound: 0.2, confidence: 0.95 };
    assert_eq!(store.pilot("m1", Some(5.0), &terms).await.unwrap().judged(), 1, "tighter");
    assert_eq!(store.pilot("m1", Some(-1.0), &terms).await.unwrap().judged(), 0, "looser");
    assert_eq!(store.pilot("m1", None, &terms).await.unwrap().judged(), 1, "all");
}

async fn the_outbox_keeps_its_order_and_forgets_what_is_acknowledged<S: Store>(store: &S) {
    store.note(&words(vec![b"a".to_vec(), b"b".to_vec()])).await.unwrap();
    store.note(&words(vec![b"c".to_vec()])).await.unwrap();
    let waiting = store.waiting().await.unwrap();
    assert_eq!(
        waiting.iter().map(|line| line.leaf.as_slice()).collect::<Vec<_>>(),
        [b"a", b"b", b"c"]
    );
    assert_eq!(store.last_acknowledged().await.unwrap(), None);
    store.acknowledge(waiting[0].number, 41).await.unwrap();
    assert_eq!(store.last_acknowledged().await.unwrap(), Some(41));
    assert_eq!(store.waiting().await.unwrap().len(), 2);
    // An acknowledgement takes effect once.
    store.acknowledge(waiting[0].number, 99).await.unwrap();
    assert_eq!(store.last_acknowledged().await.unwrap(), Some(41));
}

async fn a_disclosure_is_released_once_and_only_then_shows_values<S: Store>(store: &S) {
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    store.plan("2027Q1", "{}", &[planned("2027Q1", 1, 1, Some(0))], &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    store
        .prepare(
            &one,
            &[(LeadId::new("2027Q1", 1), "opening".to_owned())],
            &words(vec![b"the entry".to_vec()]),
        )
        .await
        .unwrap();
    assert_eq!(store.prepared("2027Q1").await.unwrap(), std::slice::from_ref(&one));
    let before = store.lead(&LeadId::new("2027Q1", 1)).await.unwrap();
    assert_eq!((before.stage, before.returned), (Stage::Planned, None));

    let returned = [(LeadId::new("2027Q1", 1), values("100"))];
    store.release(&one.id, 7, "2027-01-04T09:02:00Z", stays(store).await, &returned).await.unwrap();
    let after = store.lead(&LeadId::new("2027Q1", 1)).await.unwrap();
    assert_eq!((after.stage, after.returned), (Stage::Open, Some(values("100"))));
    assert_eq!(after.found.weight.to_bits(), 12.345_678_901_234_567_f64.to_bits());
    assert!(store.prepared("2027Q1").await.unwrap().is_empty());

    let again =
        store.release(&one.id, 7, "2027-01-04T09:02:00Z", stays(store).await, &returned).await;
    assert!(matches!(again, Err(Error::NotWaiting { .. })));
    let late = store.withdraw(&one.id, "2027-01-04T09:03:00Z", &Drafts::none()).await;
    assert!(matches!(late, Err(Error::NotWaiting { .. })));
}

async fn a_withdrawn_disclosure_can_not_be_released<S: Store>(store: &S) {
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    store.plan("2027Q1", "{}", &[planned("2027Q1", 1, 1, Some(0))], &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    store.prepare(&one, &[], &words(vec![b"the entry".to_vec()])).await.unwrap();
    store
        .withdraw(&one.id, "2027-01-04T09:02:00Z", &words(vec![b"withdrawn".to_vec()]))
        .await
        .unwrap();
    let late = store.release(&one.id, 7, "2027-01-04T09:03:00Z", stays(store).await, &[]).await;
    assert!(matches!(late, Err(Error::NotWaiting { .. })));
    assert!(store.prepared("2027Q1").await.unwrap().is_empty());
}

async fn a_held_lead_waits_until_its_pilot_has_passed<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await;
    let held = LeadId::new("2027Q1", 2);
    assert_eq!(store.lead(&held).await.unwrap().stage, Stage::Held);
    store.unhold("2027Q1", &[(held.clone(), 1)], &[], &Drafts::none()).await.unwrap();
    assert_eq!(store.lead(&held).await.unwrap().stage, Stage::Planned);
    assert_eq!(store.run("2027Q1").await.unwrap().unwrap().state, RunState::Planned);
}

async fn known_not_the_same_stays_so_in_later_cycles_until_it_expires<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await;
    let expires = Some(at("2028-01-01T00:00:00Z"));
    store
        .review(
            &judged("2027Q1", Judgement::NotSame, expires),
            &["opening".to_owned()],
            &Drafts::none(),
        )
        .await
        .unwrap();
    let pair = PairKey([1; 32]);
    let lead = LeadId::new("2027Q1", 1);
    let known = store.known(&[pair], "2027Q2", at("2027-06-01T00:00:00Z")).await.unwrap();
    assert_eq!(known.get(&pair), Some(&Known::NotSame { lead: lead.clone() }));
    let known = store.known(&[pair], "2028Q2", at("2028-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(known.get(&pair), Some(&Known::Worked { lead, returned_digest: [1; 32] }));
}

async fn a_lead_that_waits_is_not_doubled_by_a_later_cycle<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await;
    let pair = PairKey([1; 32]);
    let known = store.known(&[pair], "2027Q2", at("2027-06-01T00:00:00Z")).await.unwrap();
    assert_eq!(known.get(&pair), Some(&Known::Waiting { lead: LeadId::new("2027Q1", 1) }));
    // A run does not meet itself.
    assert!(store.known(&[pair], "2027Q1", at("2027-06-01T00:00:00Z")).await.unwrap().is_empty());
}

async fn a_later_run_closes_what_an_earlier_one_still_held<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await;
    assert_eq!(store.held_before("2027Q2").await.unwrap(), 1);
    open_one(store, "2027Q2", 5).await;
    let held = store.lead(&LeadId::new("2027Q1", 2)).await.unwrap();
    assert_eq!((held.stage, held.returned), (Stage::Closed, None));
    assert_eq!(store.held_before("2027Q2").await.unwrap(), 0);
    // It was never opened: it neither counts for the pilot nor covers its pair.
    assert_eq!(store.opened("m1", 0.0, "none").await.unwrap(), 2);
    let pair = PairKey([101; 32]);
    let known = store.known(&[pair], "2027Q3", at("2027-06-01T00:00:00Z")).await.unwrap();
    assert!(known.is_empty());
}

async fn a_chunk_goes_out_once_and_again_only_after_it_was_withdrawn<S: Store>(store: &S) {
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    store.plan("2027Q1", "{}", &[planned("2027Q1", 1, 1, Some(0))], &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    let mut other = one.clone();
    other.id = DisclosureId("2027Q1/0 again".to_owned());
    store.prepare(&one, &[], &words(vec![b"the entry".to_vec()])).await.unwrap();
    assert!(store.prepare(&other, &[], &words(vec![b"the entry".to_vec()])).await.is_err());
    store.withdraw(&one.id, "2027-01-04T09:02:00Z", &Drafts::none()).await.unwrap();
    store.prepare(&other, &[], &words(vec![b"the entry".to_vec()])).await.unwrap();
}

async fn only_an_open_lead_is_reviewed_and_only_once<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await;
    store
        .review(&judged("2027Q1", Judgement::Same, None), &["opening".to_owned()], &Drafts::none())
        .await
        .unwrap();
    let again = store
        .review(
            &judged("2027Q1", Judgement::NotSame, None),
            &["opening".to_owned()],
            &words(vec![b"never".to_vec()]),
        )
        .await;
    assert!(matches!(again, Err(Error::NotOpen { stage: "reviewed", .. })));
    assert!(store.waiting().await.unwrap().iter().all(|line| line.leaf != b"never"));
    let mut held = judged("2027Q1", Judgement::Same, None);
    held.lead = LeadId::new("2027Q1", 2);
    assert!(matches!(
        store.review(&held, &["opening".to_owned()], &Drafts::none()).await,
        Err(Error::NotOpen { stage: "held", .. })
    ));
    held.lead = LeadId::new("2027Q1", 3);
    assert!(matches!(
        store.review(&held, &["opening".to_owned()], &Drafts::none()).await,
        Err(Error::NoSuchLead { .. })
    ));
}

async fn the_pilot_counts_the_judgements_of_its_own_model<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await;
    store
        .review(&judged("2027Q1", Judgement::Same, None), &["opening".to_owned()], &Drafts::none())
        .await
        .unwrap();
    let terms = PilotTerms { sample: 1, bound: 0.2, confidence: 0.95 };
    assert_eq!(store.pilot("m1", None, &terms).await.unwrap().judged(), 1);
    assert_eq!(store.pilot("m2", None, &terms).await.unwrap().judged(), 0);
}

async fn judgements_come_by_weight_and_the_unjudged_are_counted<S: Store>(store: &S) {
    open_one(store, "2027Q1", 1).await;
    open_one(store, "2027Q2", 2).await;
    let of = async |model: &str, cycle| store.judged_weights(model, cycle).await.unwrap();
    assert_eq!(of("m1", None).await, (Vec::new(), 2), "one of each cycle is open");
    store
        .review(
            &judged("2027Q1", Judgement::NotSame, None),
            &["opening".to_owned()],
            &Drafts::none(),
        )
        .await
        .unwrap();
    let weight = store.leads(None).await.unwrap()[0].found.weight;
    let known = vec![(weight, Judgement::NotSame)];
    assert_eq!(of("m1", None).await, (known.clone(), 1));
    assert_eq!(of("m1", Some("2027Q1")).await, (known, 0));
    assert_eq!(of("m1", Some("2027Q2")).await, (Vec::new(), 1));
    assert_eq!(of("m2", None).await, (Vec::new(), 0), "of another model nothing");
}

async fn a_pair_that_was_judged_again_comes_once_as_it_was_judged_last<S: Store>(store: &S) {
    let judgements = [
        ("2027Q1", 1, Judgement::Same),
        ("2027Q2", 1, Judgement::NotSame),
        ("2027Q3", 2, Judgement::Same),
        ("2027Q4", 2, Judgement::Unsure),
        ("2028Q1", 3, Judgement::Same),
    ];
    for (cycle, pair, judgement) in judgements {
        open_one(store, cycle, pair).await;
        let review = judged(cycle, judgement, None);
        store.review(&review, &["opening".to_owned()], &Drafts::none()).await.unwrap();
    }
    let of = async |cycle| {
        let (judged, _) = store.judged_weights("m1", cycle).await.unwrap();
        judged.into_iter().map(|(_, judgement)| judgement).collect::<Vec<_>>()
    };
    assert_eq!(of(None).await, [Judgement::NotSame, Judgement::Same, Judgement::Unsure]);
    assert_eq!(of(Some("2027Q1")).await, [Judgement::Same], "of that cycle it is the last");
}

async fn an_abandoned_run_leaves_its_cycle_free<S: Store>(store: &S) {
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    store.abandon("2027Q1", &Drafts::none()).await.unwrap();
    assert_eq!(store.run("2027Q1").await.unwrap(), None);
    store.start(&new_run("2027Q1b", "2027Q1"), &Drafts::none()).await.unwrap();
    assert_eq!(store.run("2027Q1").await.unwrap().unwrap().id, "2027Q1b");
}

async fn a_stay_is_lifted_once_and_by_a_named_order<S: Store>(store: &S) {
    let number =
        store.record_stay("mark", "{}", "2027-01-04T09:00:00Z", &Drafts::none()).await.unwrap();
    store
        .lift_stay(number, "{}", "order 2", "2027-01-05T09:00:00Z", &Drafts::none())
        .await
        .unwrap();
    assert!(matches!(
        store.lift_stay(number, "{}", "order 3", "x", &Drafts::none()).await,
        Err(Error::NoSuchStay { .. })
    ));
    let (_, stays) = store.stays().await.unwrap();
    assert_eq!(stays[0].lifted, Some(("2027-01-05T09:00:00Z".to_owned(), "order 2".to_owned())));
}

async fn nothing_is_released_after_a_stay_that_was_not_looked_at<S: Store>(store: &S) {
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    store.plan("2027Q1", "{}", &[planned("2027Q1", 1, 1, Some(0))], &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    store.prepare(&one, &[], &words(vec![b"the entry".to_vec()])).await.unwrap();
    let before = stays(store).await;
    let number =
        store.record_stay("mark", "{}", "2027-01-04T09:01:30Z", &Drafts::none()).await.unwrap();
    let late = store.release(&one.id, 7, "2027-01-04T09:02:00Z", before, &[]).await;
    assert!(matches!(late, Err(Error::StaysChanged)));
    // Lifting it does not bring the old look-up back to life either.
    store
        .lift_stay(number, "{}", "order 2", "2027-01-04T09:03:00Z", &Drafts::none())
        .await
        .unwrap();
    let late = store.release(&one.id, 7, "2027-01-04T09:04:00Z", before, &[]).await;
    assert!(matches!(late, Err(Error::StaysChanged)));
    assert_eq!(store.prepared("2027Q1").await.unwrap().len(), 1);
}

/// Many callers at once, each with two lines: the lines of one stand together, and every caller's numbers are the ones
/// that its lines have.
async fn lines_of_one_caller_stand_together_whoever_else_writes<S: Store + Sync>(store: &S) {
    let callers = (0..12_u8).map(|caller| async move {
        let mut numbers = Vec::new();
        for round in 0..5_u8 {
            let leaves = vec![vec![caller, round, 0], vec![caller, round, 1]];
            numbers.push((round, store.note(&words(leaves)).await.unwrap()));
        }
        (caller, numbers)
    });
    let told = futures_util::future::join_all(callers).await;
    let waiting = store.waiting().await.unwrap();
    assert_eq!(waiting.len(), 12 * 5 * 2);
    for pair in waiting.chunks(2) {
        assert_eq!(pair[0].leaf[..2], pair[1].leaf[..2]);
        assert_eq!((pair[0].leaf[2], pair[1].leaf[2]), (0, 1));
    }
    for (caller, numbers) in told {
        for (round, numbers) in numbers {
            let of = |number| waiting.iter().find(|line| line.number == number).unwrap();
            assert_eq!(of(numbers[0]).leaf, [caller, round, 0]);
            assert_eq!(of(numbers[1]).leaf, [caller, round, 1]);
        }
    }
}

async fn many_leads_are_planned_and_released_in_their_order<S: Store>(store: &S) {
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    let leads: Vec<_> = (1..=2500_u32)
        .map(|number| {
            let mut lead = planned("2027Q1", number as usize, 0, Some(0));
            lead.pair.0[..4].copy_from_slice(&number.to_be_bytes());
            lead
        })
        .collect();
    store.plan("2027Q1", "{}", &leads, &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    let openings: Vec<_> =
        leads.iter().map(|lead| (lead.id.clone(), format!("opening of {}", lead.id))).collect();
    store.prepare(&one, &openings, &words(vec![b"the entry".to_vec()])).await.unwrap();
    assert_eq!(store.openings(&one.id).await.unwrap(), openings);
    let returned: Vec<_> =
        leads.iter().map(|lead| (lead.id.clone(), values(lead.id.as_str()))).collect();
    store.release(&one.id, 7, "2027-01-04T09:02:00Z", stays(store).await, &returned).await.unwrap();
    let after = store.leads(Some("2027Q1")).await.unwrap();
    assert_eq!(after.len(), leads.len());
    for lead in &after {
        assert_eq!(lead.returned, Some(values(lead.found.id.as_str())));
    }
    let pairs: Vec<_> = leads.iter().map(|lead| lead.pair).collect();
    let known = store.known(&pairs, "2027Q2", at("2027-06-01T00:00:00Z")).await.unwrap();
    assert_eq!(known.len(), leads.len());
    for lead in &leads {
        assert_eq!(known[&lead.pair], Known::Waiting { lead: lead.id.clone() });
    }
}

async fn what_is_personal_comes_back_as_it_went_in<S: Store>(store: &S) {
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    let odd = Planned {
        case_id: "Ł'; --\u{2603}".to_owned(),
        explanation: String::new(),
        ..planned("2027Q1", 1, 1, Some(0))
    };
    store.plan("2027Q1", "{}", std::slice::from_ref(&odd), &Drafts::none()).await.unwrap();
    let lead = store.lead(&odd.id).await.unwrap();
    assert_eq!((lead.found.case_id, lead.found.explanation), (odd.case_id, odd.explanation));
    assert_eq!(lead.returned, None);
}

async fn the_pair_secret_is_made_once<S: Store>(store: &S) {
    assert_eq!(store.pair_secret("test", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.pair_secret("test", [2; 32]).await.unwrap(), [1; 32]);
}

async fn what_was_made_in_a_test_never_serves_production<S: Store>(store: &S) {
    store.pair_secret("test", [1; 32]).await.unwrap();
    let promoted = store.pair_secret("production", [2; 32]).await;
    assert!(matches!(promoted, Err(Error::OtherEnvironment { .. })));
}

async fn the_term_counts_cycles_persons_and_judgements<S: Store>(store: &S) {
    assert_eq!(store.term().await.unwrap(), (0, 0, 0));
    open_one(store, "2027Q1", 1).await;
    store
        .review(&judged("2027Q1", Judgement::Same, None), &["opening".to_owned()], &Drafts::none())
        .await
        .unwrap();
    assert_eq!(store.term().await.unwrap(), (1, 1, 1));
}

/// A look-up of an officer about so many persons, so many days after the fourth of January.
fn look_up(id: &str, officer: &str, persons: u64, day: i64) -> Run {
    let asked = Asked {
        officer: officer.to_owned(),
        persons,
        second: at("2027-01-04T09:00:00Z").as_second() + day * 86_400,
        cycle: "2027Q1".to_owned(),
        rows: "a digest".to_owned(),
        entered: None,
    };
    let inputs = serde_json::json!({ "bound": 0.0, "asked": asked, "by_model": "m1" }).to_string();
    let run = Run { inputs, ..new_run(id, id) };
    assert_eq!((run.asked(), run.cycle_of_files()), (Some(asked), "2027Q1".to_owned()));
    run
}

async fn requests_about_named_persons_are_counted_together_since_an_instant<S: Store>(store: &S) {
    let since = |day: i64| at("2027-01-04T09:00:00Z") + jiff::SignedDuration::from_hours(24 * day);
    assert_eq!(store.asked_since("dana", since(-90)).await.unwrap(), AskedSoFar::default());
    // A cycle's run asks about nobody by name.
    open_one(store, "2027Q1", 1).await;
    for (id, officer, persons, day) in
        [("l1", "dana", 60, 0), ("l2", "eli", 30, 1), ("l3", "dana", 5, 2)]
    {
        store.start(&look_up(id, officer, persons, day), &Drafts::none()).await.unwrap();
    }
    store.abandon("l2", &Drafts::none()).await.unwrap();
    let so_far = async |officer: &str, day: i64| {
        let so_far = store.asked_since(officer, since(day)).await.unwrap();
        (so_far.persons, so_far.open_matters)
    };
    assert_eq!(so_far("dana", 0).await, (95, 2), "an instant counts what is asked at it");
    assert_eq!(so_far("eli", 1).await, (35, 0), "a request counts though it was given up");
    assert_eq!(so_far("fay", 2).await, (5, 0), "whoever asked");
    assert_eq!(so_far("dana", 3).await, (0, 2), "a matter is open however old");
}

/// A look-up of one officer with one lead, which is open.
async fn opened_by_name<S: Store>(store: &S, id: &str, pair: u8) {
    store.start(&look_up(id, "dana", 2, 0), &Drafts::none()).await.unwrap();
    opened(store, id, pair).await;
}

/// Brings what has started to its end, with one lead, which is open.
async fn opened<S: Store>(store: &S, id: &str, pair: u8) {
    store.plan(id, "{}", &[planned(id, 1, pair, Some(0))], &Drafts::none()).await.unwrap();
    let one = disclosure(id, 0);
    store.prepare(&one, &[], &words(vec![b"the entry".to_vec()])).await.unwrap();
    let returned = [(LeadId::new(id, 1), values("100"))];
    let stays = stays(store).await;
    store.release(&one.id, 7, "2027-01-04T09:02:00Z", stays, &returned).await.unwrap();
    store.finish(id, "2027-01-04T09:03:00Z", "{}", &Drafts::none()).await.unwrap();
}

async fn a_matter_is_open_until_its_last_lead_is_closed<S: Store>(store: &S) {
    let matters =
        async || store.asked_since("dana", at("2027-01-01T00:00:00Z")).await.unwrap().open_matters;
    store.start(&look_up("l1", "dana", 1, 0), &Drafts::none()).await.unwrap();
    assert_eq!(matters().await, 1, "it has begun");
    store.plan("l1", "{}", &[], &Drafts::none()).await.unwrap();
    store.finish("l1", "2027-01-04T09:04:00Z", "{}", &Drafts::none()).await.unwrap();
    assert_eq!(matters().await, 0, "one that found nobody is over when it ends");
    for (id, pair) in [("l2", 1), ("l3", 2)] {
        opened_by_name(store, id, pair).await;
    }
    assert_eq!(matters().await, 2, "their leads are open");
    for (id, judgement) in [("l2", Judgement::Same), ("l3", Judgement::NotSame)] {
        let review = judged(id, judgement, None);
        store.review(&review, &["opening".to_owned()], &Drafts::none()).await.unwrap();
    }
    assert_eq!(store.lead(&LeadId::new("l2", 1)).await.unwrap().stage, Stage::Reviewed);
    assert_eq!(store.lead(&LeadId::new("l3", 1)).await.unwrap().stage, Stage::Closed);
    assert_eq!(matters().await, 1, "one is judged and goes on, and the other is over");
    let terms = PilotTerms { sample: 1, bound: 0.2, confidence: 0.95 };
    assert_eq!(store.pilot("m1", None, &terms).await.unwrap().judged(), 0, "in no pilot");
    assert_eq!(store.judged_weights("m1", None).await.unwrap(), (Vec::new(), 0));
    assert_eq!(store.term().await.unwrap(), (0, 2, 2), "no cycle has ended");
}

async fn what_a_register_calls_open_is_what_has_not_ended_or_has_a_lead_that_is_not_closed<
    S: Store,
>(
    store: &S,
) {
    assert!(store.open_matters().await.unwrap().is_empty());
    let matters =
        [("l1", Some(4)), ("l2", Some(7)), ("l3", Some(9)), ("l4", Some(12)), ("l5", None)];
    for (id, matter) in matters {
        let run = look_up(id, "dana", 1, 0);
        let entered = matter.map(|matter| Entered { register: "a key".to_owned(), matter });
        let asked = Asked { entered, ..run.asked().unwrap() };
        let inputs = serde_json::json!({ "bound": 0.0, "asked": asked }).to_string();
        store.start(&Run { inputs, ..run }, &Drafts::none()).await.unwrap();
    }
    let open = async || store.open_matters().await.unwrap();
    assert_eq!(open().await, BTreeSet::from([4, 7, 9, 12]), "one of no register has no number");
    store.abandon("l1", &Drafts::none()).await.unwrap();
    assert_eq!(open().await, BTreeSet::from([7, 9, 12]), "what was given up is over");
    store.plan("l2", "{}", &[], &Drafts::none()).await.unwrap();
    assert_eq!(open().await, BTreeSet::from([7, 9, 12]), "it has not ended");
    store.finish("l2", "2027-01-04T09:04:00Z", "{}", &Drafts::none()).await.unwrap();
    assert_eq!(open().await, BTreeSet::from([9, 12]), "one that found nobody is over when it ends");
    // Both have ended. A lead of the one was not released and has no case; a lead of the other has one.
    store.plan("l3", "{}", &[planned("l3", 1, 11, Some(0))], &Drafts::none()).await.unwrap();
    store.finish("l3", "2027-01-04T09:04:00Z", "{}", &Drafts::none()).await.unwrap();
    opened(store, "l4", 12).await;
    for id in ["l3", "l4"] {
        assert_eq!(store.run(id).await.unwrap().unwrap().state, RunState::Finished);
    }
    assert_eq!(open().await, BTreeSet::from([9, 12]), "a lead of each is not closed");
    store.close_rest("l3", "2027-01-04T09:05:00Z", &Drafts::none()).await.unwrap();
    assert_eq!(open().await, BTreeSet::from([12]), "the lead itself was closed");
    let review = judged("l4", Judgement::NotSame, None);
    store.review(&review, &["opening".to_owned()], &Drafts::none()).await.unwrap();
    assert_eq!(open().await, BTreeSet::new(), "the lead's case was closed");
    open_one(store, "2027Q1", 1).await;
    assert_eq!(open().await, BTreeSet::new(), "a cycle's run is no matter");
}

async fn a_look_up_closes_nothing_that_a_run_holds_and_is_no_part_of_its_pilot<S: Store>(
    store: &S,
) {
    open_one(store, "2027Q1", 1).await;
    let held = async || store.lead(&LeadId::new("2027Q1", 2)).await.unwrap().stage;
    store.start(&look_up("l1", "dana", 2, 0), &Drafts::none()).await.unwrap();
    assert_eq!(store.held_before("l1").await.unwrap(), 0, "it closes none of them");
    store.plan("l1", "{}", &[planned("l1", 1, 9, Some(0))], &Drafts::none()).await.unwrap();
    assert_eq!(held().await, Stage::Held);
    assert_eq!(store.opened("m1", 0.0, "other").await.unwrap(), 1, "the run's own lead alone");
    store.start(&new_run("2027Q2", "2027Q2"), &Drafts::none()).await.unwrap();
    assert_eq!(store.held_before("2027Q2").await.unwrap(), 1);
    store.plan("2027Q2", "{}", &[], &Drafts::none()).await.unwrap();
    assert_eq!(held().await, Stage::Closed, "as the next run does");
}

async fn a_lead_of_a_look_up_that_was_wrong_counts_among_the_reversals_and_in_no_pilot<S: Store>(
    store: &S,
) {
    open_one(store, "2027Q1", 1).await;
    for (id, pair) in [("l1", 11), ("l2", 12), ("l3", 13), ("l4", 14)] {
        opened_by_name(store, id, pair).await;
    }
    open_one(store, "2027Q2", 4).await;
    assert_eq!(store.not_right("m1").await.unwrap(), NotRight::default());
    for (id, judgement) in [
        ("2027Q1", Judgement::Same),
        ("2027Q2", Judgement::Unsure),
        ("l1", Judgement::NotSame),
        ("l2", Judgement::Unsure),
        ("l3", Judgement::Same),
    ] {
        let review = judged(id, judgement, None);
        store.review(&review, &["opening".to_owned()], &Drafts::none()).await.unwrap();
    }
    let (of_runs, of_look_ups) = (Rate { part: 1, whole: 2 }, Rate { part: 2, whole: 3 });
    let not_right = store.not_right("m1").await.unwrap();
    assert_eq!(not_right, NotRight { of_runs, of_look_ups }, "each apart");
    assert_eq!(not_right.of_all(), Rate { part: 3, whole: 5 });
    let other = store.not_right("m2").await.unwrap();
    assert_eq!(other, NotRight::default(), "of another model nothing");
    let terms = PilotTerms { sample: 1, bound: 0.2, confidence: 0.95 };
    let pilot = store.pilot("m1", None, &terms).await.unwrap();
    assert_eq!((pilot.judged(), pilot.not_right()), (2, 1), "the runs' own leads alone");
}

macro_rules! on_every_store {
    ($($promise:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $promise() {
                    let place = crate::place::Folder::new();
                    super::$promise(&place.open().await).await;
                }
            )+
        }

        mod on_postgres {
            $(
                #[tokio::test]
                async fn $promise() {
                    let place = crate::place::Schema::new().await;
                    super::$promise(&place.open().await).await;
                }
            )+
        }
    };
}

pub(crate) use on_every_store;

on_every_store!(
    state_and_event_are_there_together,
    a_sealed_entry_is_kept_with_its_event_and_hides_until_its_end,
    the_outbox_keeps_its_order_and_forgets_what_is_acknowledged,
    the_outbox_never_runs_backwards,
    a_judgement_counts_for_the_bounds_at_which_its_lead_was_drawn,
    a_disclosure_is_released_once_and_only_then_shows_values,
    a_withdrawn_disclosure_can_not_be_released,
    a_held_lead_waits_until_its_pilot_has_passed,
    known_not_the_same_stays_so_in_later_cycles_until_it_expires,
    a_lead_that_waits_is_not_doubled_by_a_later_cycle,
    a_later_run_closes_what_an_earlier_one_still_held,
    a_chunk_goes_out_once_and_again_only_after_it_was_withdrawn,
    only_an_open_lead_is_reviewed_and_only_once,
    the_pilot_counts_the_judgements_of_its_own_model,
    judgements_come_by_weight_and_the_unjudged_are_counted,
    a_pair_that_was_judged_again_comes_once_as_it_was_judged_last,
    requests_about_named_persons_are_counted_together_since_an_instant,
    a_matter_is_open_until_its_last_lead_is_closed,
    what_a_register_calls_open_is_what_has_not_ended_or_has_a_lead_that_is_not_closed,
    a_look_up_closes_nothing_that_a_run_holds_and_is_no_part_of_its_pilot,
    a_lead_of_a_look_up_that_was_wrong_counts_among_the_reversals_and_in_no_pilot,
    an_abandoned_run_leaves_its_cycle_free,
    a_stay_is_lifted_once_and_by_a_named_order,
    nothing_is_released_after_a_stay_that_was_not_looked_at,
    lines_of_one_caller_stand_together_whoever_else_writes,
    many_leads_are_planned_and_released_in_their_order,
    what_is_personal_comes_back_as_it_went_in,
    the_pair_secret_is_made_once,
    what_was_made_in_a_test_never_serves_production,
    the_term_counts_cycles_persons_and_judgements,
);

#[tokio::test]
async fn a_folder_that_is_not_there_is_named_in_the_error() {
    let place = place::Folder::new();
    let file = place.path().join("none").join("casework.sqlite");
    let error = Sqlite::open(&file, place.vault()).await.unwrap_err();
    assert!(error.to_string().contains("casework.sqlite"), "{error}");
    assert!(error.hint().is_some());
}
