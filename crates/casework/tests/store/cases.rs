//! One suite for every database: each test states a promise of [`casework::CaseStore`].

use crate::promises::{at, disclosure, planned, run_under_an_agreement, stays, words};
use casework::{
    Acknowledgement, Actor, After, Assignment, Because, BondKey, Case, CaseStage, CaseStore,
    Closing, CorrectionOrder, Draft, Drafts, Error, Finding, Ground, Groups, Had, How, Judgement,
    LeadId, Letter, Moving, Opinion, Paper, Planned, Queue, Returned, Run, Seen, Service, Source,
    SourceKind, Step, Store, Terms, Told,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

const MANY: usize = 12;

pub(crate) fn lead(number: usize) -> LeadId {
    LeadId::new("2027Q1", number)
}

pub(crate) fn officer(number: usize) -> Actor {
    Actor::read(&format!("officer-{number}")).unwrap()
}

pub(crate) fn day(days: i64) -> Timestamp {
    at("2027-01-05T10:00:00Z") + SignedDuration::from_hours(24 * days)
}

/// Opens twelve cases, listed under two counties.
pub(crate) async fn open_cases<S: CaseStore + Store>(store: &S) {
    let terms = Terms {
        agreement: "sha256:aa".to_owned(),
        county: Some("county".to_owned()),
        worker: Some("worker".to_owned()),
        ..Terms::strict()
    };
    store.keep_terms(&terms).await.unwrap();
    // The first terms stay.
    store.keep_terms(&Terms { response_days: 1, ..terms }).await.unwrap();
    let run = run_under_an_agreement();
    store.start(&run, &Drafts::none()).await.unwrap();
    let leads: Vec<_> = (1..=MANY)
        .map(|number| {
            let lead = planned("2027Q1", number, u8::try_from(number).unwrap(), Some(0));
            Planned { groups: groups(number), ..lead }
        })
        .collect();
    store.plan("2027Q1", "{}", &leads, &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    let openings: Vec<_> =
        leads.iter().map(|lead| (lead.id.clone(), "opening".to_owned())).collect();
    store.prepare(&one, &openings, &words(vec![b"release".to_vec()])).await.unwrap();
    let returned: Vec<_> = (1..=MANY)
        .map(|number| {
            let county = if number % 2 == 0 { "even" } else { "odd" };
            let values = [("county", county), ("worker", "w-7"), ("gross_pay", "100")];
            let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
            (lead(number), BTreeMap::from(values))
        })
        .collect();
    let state = stays(store).await;
    store.release(&one.id, 7, "2027-01-04T09:02:00Z", state, &returned).await.unwrap();
}

/// The first half of the leads is of the old, and only they say of which region.
fn groups(number: usize) -> Groups {
    let of = |name: &str, group: &str| (name.to_owned(), group.to_owned());
    let old = [of("born", "1940 to 1959"), of("region", "north west")];
    if number <= MANY / 2 {
        Groups::from_iter(old)
    } else {
        Groups::from_iter([of("born", "1960 to 1979")])
    }
}

pub(crate) async fn get<S: CaseStore>(store: &S, number: usize) -> Case {
    store.case(&lead(number)).await.unwrap().case
}

async fn store_it<S: CaseStore>(store: &S, case: Case) -> Result<Vec<i64>, Error> {
    let entry = format!("{} {}", case.id(), case.version()).into_bytes();
    let drafts = Drafts::new(case.last_at(), move |_| Ok(vec![entry.clone(), entry.clone()]));
    store.take(Moving { case, drafts, openings: vec!["opening".to_owned()] }).await
}

/// Takes a step and stores it.
async fn take<S: CaseStore>(store: &S, number: usize, step: Step, by: Actor, now: Timestamp) {
    let case = get(store, number).await.step(&step, &by, now).unwrap();
    store_it(store, case.clone()).await.unwrap();
    assert_eq!(get(store, number).await, case, "what is stored is what was done");
}

pub(crate) fn assign(to: usize) -> Step {
    let officer = officer(to).officer().cloned();
    Step::Assign(Assignment { officer, ..Assignment::default() })
}

fn judged(judgement: Judgement) -> Step {
    Step::Review(Opinion { judgement, reason: "birth years agree".to_owned(), expires: None })
}

fn finding() -> Finding {
    let date = |text: &str| text.parse().unwrap();
    Finding {
        ground: Ground::Independent {
            amount_cents: Some(12_000),
            access: Some(true),
            periods: vec![Had { from: date("2026-07-01"), to: date("2026-09-30") }],
            sources: vec![Source {
                kind: SourceKind::Payer,
                reference: "letter 12".to_owned(),
                seen: date("2027-01-06"),
            }],
        },
        words: "pay that was not declared".to_owned(),
    }
}

fn service(now: Timestamp) -> Service {
    Service {
        how: casework::How::Mail,
        to: casework::Addressee::Individual,
        language: "en".to_owned(),
        address: "an address".to_owned(),
        letter: "sha256:cc".to_owned(),
        states: [agreement::NoticePart::Findings].into(),
        served_at: now,
        response_ends: now + SignedDuration::from_hours(24 * 40),
    }
}

async fn notify<S: CaseStore>(store: &S, number: usize) {
    take(store, number, judged(Judgement::Same), officer(1), day(0)).await;
    take(store, number, Step::Verify, officer(1), day(1)).await;
    take(store, number, Step::Find(finding()), officer(1), day(2)).await;
    take(store, number, Step::Confirm, officer(2), day(3)).await;
    let draft = Draft { language: "en".to_owned(), letter: "sha256:cc".to_owned() };
    take(store, number, Step::DraftNotice(draft), officer(3), day(4)).await;
}

async fn a_disclosed_lead_is_a_case_at_its_first_stage<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    let stored = store.case(&lead(1)).await.unwrap();
    assert_eq!((stored.case.stage(), stored.case.version()), (CaseStage::Lead, 0));
    assert_eq!(stored.case.terms().response_days, 30, "the first terms stay");
    assert_eq!(stored.case.opened_at(), at("2027-01-04T09:02:00Z"));
    assert_eq!(stored.weight.to_bits(), 12.345_678_901_234_567_f64.to_bits());
    let none = store.case(&lead(99)).await;
    assert!(matches!(none, Err(Error::NoSuchCase { .. })), "{none:?}");
}

async fn a_case_comes_back_as_the_fold_of_its_steps<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    notify(store, 1).await;
    take(store, 1, Step::ServeNotice(service(day(5))), officer(3), day(5)).await;
    take(
        store,
        1,
        Step::NoteReturnedMail(Returned { reason: "moved".to_owned() }),
        officer(3),
        day(9),
    )
    .await;
    let case = get(store, 1).await;
    assert_eq!((case.stage(), case.version()), (CaseStage::Noticed, 7));
    let lines = store.waiting().await.unwrap();
    let of_case: Vec<_> =
        lines.iter().filter(|line| line.leaf.starts_with(b"2027Q1-0001 ")).collect();
    assert_eq!(of_case.len(), 14, "two lines for each step");
}

async fn of_two_officers_at_one_case_the_second_is_told_and_nothing_is_lost<
    S: CaseStore + Store,
>(
    store: &S,
) {
    open_cases(store).await;
    let seen = get(store, 1).await;
    let first = seen.clone().step(&assign(1), &officer(1), day(0)).unwrap();
    let second = seen.step(&assign(2), &officer(2), day(0)).unwrap();
    store_it(store, first.clone()).await.unwrap();
    let lines = store.waiting().await.unwrap().len();
    let late = store_it(store, second).await;
    assert!(matches!(late, Err(Error::CaseMoved { version: 1, .. })), "{late:?}");
    assert_eq!(store.waiting().await.unwrap().len(), lines, "nothing of it is stored");
    assert_eq!(get(store, 1).await, first);
}

async fn of_many_at_one_case_at_once_one_is_first_and_all_others_are_told<S>(store: &S)
where
    S: CaseStore + Store + Sync,
{
    open_cases(store).await;
    let seen = get(store, 1).await;
    let tries = (1..=20).map(|number| {
        let case = seen.clone().step(&assign(number), &officer(number), day(0)).unwrap();
        store_it(store, case)
    });
    let results = futures_util::future::join_all(tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for result in results {
        assert!(matches!(result, Ok(_) | Err(Error::CaseMoved { version: 1, .. })), "{result:?}");
    }
    assert_eq!(get(store, 1).await.version(), 1);
}

async fn steps_of_many_callers_are_stored_each_with_its_lines_together<S>(store: &S)
where
    S: CaseStore + Store + Sync,
{
    open_cases(store).await;
    let callers = (1..=MANY).map(|number| async move {
        let mut told = Vec::new();
        for round in 0..6 {
            let case = get(store, number).await;
            let case = case.step(&assign(round), &officer(round), day(0)).unwrap();
            told.push(store_it(store, case).await.unwrap());
        }
        (number, told)
    });
    let told = futures_util::future::join_all(callers).await;
    let lines: BTreeMap<i64, Vec<u8>> =
        store.waiting().await.unwrap().into_iter().map(|line| (line.number, line.leaf)).collect();
    for (number, told) in told {
        assert_eq!(get(store, number).await.version(), 6);
        for (version, numbers) in told.into_iter().enumerate() {
            let expected = format!("{} {}", lead(number), version + 1).into_bytes();
            assert_eq!(numbers.len(), 2);
            assert_eq!(numbers[1], numbers[0] + 1, "no line of another stands between");
            assert!(numbers.iter().all(|number| lines[number] == expected));
        }
    }
}

async fn what_one_got_wrong_does_not_hold_up_the_others<S>(store: &S)
where
    S: CaseStore + Store + Sync,
{
    open_cases(store).await;
    let good = get(store, 1).await.step(&assign(1), &officer(1), day(0)).unwrap();
    let bad = get(store, 2).await.step(&assign(1), &officer(1), day(0)).unwrap();
    let unspoken = Drafts::new(day(0), |_| Err("no words".to_owned()));
    let without = Moving { case: get(store, 3).await, drafts: Drafts::none(), openings: vec![] };
    let (good, bad, without) = tokio::join!(
        store_it(store, good),
        store.take(Moving { case: bad, drafts: unspoken, openings: vec![] }),
        store.take(without),
    );
    good.unwrap();
    assert!(matches!(bad, Err(Error::CannotSpell { .. })), "{bad:?}");
    assert!(matches!(without, Err(Error::NoStep)), "{without:?}");
    assert_eq!(get(store, 2).await.version(), 0);
}

async fn pages<S: CaseStore>(store: &S, mut queue: Queue, limit: u32) -> Vec<LeadId> {
    let mut all = Vec::new();
    loop {
        let page = store.queue(&queue, limit).await.unwrap();
        assert!(page.lines.len() <= limit as usize);
        all.extend(page.lines.into_iter().map(|line| line.id));
        match page.next {
            Some(next) => queue.after = Some(next),
            None => return all,
        }
    }
}

async fn a_list_shows_each_case_once_whatever_the_length_of_its_pages<S: CaseStore + Store>(
    store: &S,
) {
    open_cases(store).await;
    take(store, 3, assign(1), officer(1), day(0)).await;
    take(store, 4, judged(Judgement::Same), officer(1), day(0)).await;
    let close = Step::Close(Closing { because: Because::Superseded, words: String::new() });
    take(store, 5, close, Actor::Machine, day(0)).await;
    let all: BTreeSet<_> = (1..=MANY).filter(|number| *number != 5).map(lead).collect();
    for limit in [1, 2, 11, 12, 100] {
        let shown = pages(store, Queue::default(), limit).await;
        assert_eq!(shown.len(), all.len(), "{limit}");
        assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), all, "{limit}");
    }
    let of = |queue| pages(store, queue, 2);
    let odd = Queue { county: Some("odd".to_owned()), ..Queue::default() };
    assert_eq!(of(odd).await.len(), 5, "six, and one of them is closed");
    let worker = Queue { worker: Some("w-7".to_owned()), ..Queue::default() };
    assert_eq!(of(worker).await.len(), MANY - 1);
    let mine = Queue { assigned: officer(1).officer().cloned(), ..Queue::default() };
    assert_eq!(of(mine).await, [lead(3)]);
    let nobodys = Queue { unassigned: true, ..Queue::default() };
    assert_eq!(of(nobodys).await.len(), MANY - 2);
    let at_stage = |stage| Queue { stage: Some(stage), ..Queue::default() };
    assert_eq!(of(at_stage(CaseStage::Reviewed)).await, [lead(4)]);
    assert_eq!(of(at_stage(CaseStage::Closed)).await, [lead(5)]);
    let due = store.queue(&Queue::default(), 1).await.unwrap().lines[0].due.unwrap();
    let before = |instant| Queue { due_before: Some(instant), ..Queue::default() };
    assert!(of(before(due)).await.is_empty());
    assert_eq!(of(before(due + SignedDuration::from_secs(1))).await.len(), MANY - 2);
}

async fn the_counts_are_those_of_the_cases<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    take(store, 1, judged(Judgement::Same), officer(1), day(0)).await;
    take(store, 2, judged(Judgement::NotSame), officer(2), day(0)).await;
    take(store, 1, Step::Verify, officer(1), day(2)).await;
    let counts = store.counts().await.unwrap();
    let standing = |stage| counts.standing.get(&stage).copied().unwrap_or(0);
    assert_eq!(standing(CaseStage::Lead), MANY as u64 - 2);
    assert_eq!(standing(CaseStage::Reviewed), 0);
    assert_eq!(standing(CaseStage::Verifying), 1);
    assert_eq!(standing(CaseStage::Closed), 1);
    assert_eq!(counts.reached[&CaseStage::Lead], MANY as u64);
    assert_eq!(counts.times[&CaseStage::Reviewed], (1, 2 * 86_400));
    assert_eq!(counts.minutes, 0);
    store.add_minutes(90).await.unwrap();
    store.add_minutes(15).await.unwrap();
    assert_eq!(store.counts().await.unwrap().minutes, 105);
    assert_eq!(counts.outcomes["same"], 1);
    assert_eq!(counts.by_reviewer[officer(2).officer().unwrap()]["not-same"], 1);
    // How long what they judged had waited: of one that could not be told at first, for each of the two until their own.
    let opened = store.case(&lead(4)).await.unwrap().case.opened_at().as_second();
    let waited = |days| u64::try_from(day(days).as_second() - opened).unwrap();
    assert_eq!(counts.waited[officer(2).officer().unwrap()], waited(0));
    take(store, 4, judged(Judgement::Unsure), officer(3), day(1)).await;
    let settled = Opinion { judgement: Judgement::Same, reason: "a letter".into(), expires: None };
    take(store, 4, Step::Adjudicate(settled), officer(4), day(3)).await;
    take(store, 5, judged(Judgement::Same), officer(4), day(2)).await;
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.waited[officer(3).officer().unwrap()], waited(1));
    assert_eq!(counts.waited[officer(4).officer().unwrap()], waited(3) + waited(2));
    assert_eq!(counts.by_reviewer[officer(4).officer().unwrap()], [("same".to_owned(), 2)].into());
}

async fn outcomes_are_counted_by_the_groups_of_their_cases<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    assert!(store.group_counts().await.unwrap().is_empty(), "nothing came of anything yet");
    let last = MANY / 2 + 1;
    take(store, 1, judged(Judgement::NotSame), officer(1), day(0)).await;
    take(store, 2, judged(Judgement::Unsure), officer(1), day(0)).await;
    // Of one that could not be told, only what settles it counts.
    let settled = Opinion { judgement: Judgement::Same, reason: "a letter".into(), expires: None };
    take(store, 2, Step::Adjudicate(settled), officer(2), day(1)).await;
    notify(store, 3).await;
    take(store, last, judged(Judgement::Same), officer(1), day(0)).await;
    take(store, last, Step::Verify, officer(1), day(1)).await;
    take(store, last, Step::Refute("somebody else".to_owned()), officer(1), day(2)).await;
    let counts = store.group_counts().await.unwrap();
    let count = |subgroup: &str, group: &str, outcome: &str| {
        counts[subgroup][group].get(outcome).copied().unwrap_or(0)
    };
    for (subgroup, group) in [("born", "1940 to 1959"), ("region", "north west")] {
        let found = ["same", "not-same", "unsure", "verified", "refuted"]
            .map(|outcome| count(subgroup, group, outcome));
        assert_eq!(found, [2, 1, 0, 1, 0], "{group}");
    }
    let young = ["same", "not-same", "verified", "refuted"];
    assert_eq!(young.map(|outcome| count("born", "1960 to 1979", outcome)), [1, 0, 0, 1]);
    assert_eq!(counts["region"].len(), 1, "who is in no group is counted in none");
    // The groups of a subgroup that everybody is in come to what the program comes to.
    for (outcome, n) in &store.counts().await.unwrap().outcomes {
        let sum: u64 = counts["born"].values().filter_map(|of| of.get(outcome)).sum();
        assert_eq!(sum, *n, "{outcome}");
    }
    let found = store.lead(&lead(1)).await.unwrap().found.groups;
    assert_eq!((found, get(store, last).await.groups()), (groups(1), &groups(last)));
}

async fn a_judgement_that_is_taken_back_is_no_longer_known<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    take(store, 1, judged(Judgement::NotSame), officer(1), day(0)).await;
    let pair = store.lead(&lead(1)).await.unwrap().found.pair;
    let known = async || store.known(&[pair], "2027Q2", day(1)).await.unwrap().remove(&pair);
    let is_not_same = |known| matches!(known, Some(casework::Known::NotSame { .. }));
    assert!(is_not_same(known().await));
    take(store, 1, Step::ReverseJudgement("misread".to_owned()), officer(2), day(1)).await;
    assert!(!is_not_same(known().await));
    take(store, 1, judged(Judgement::NotSame), officer(3), day(2)).await;
    assert!(is_not_same(known().await));
}

async fn a_split_keeps_two_people_apart_until_it_is_reversed<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    // A later run joined another record to the same case, by a bond of its own.
    let later =
        Run { id: "2027Q2".to_owned(), cycle: "2027Q2".to_owned(), ..run_under_an_agreement() };
    store.start(&later, &Drafts::none()).await.unwrap();
    let other = Planned { case_id: "C2".to_owned(), ..planned("2027Q2", 1, 40, None) };
    store.plan("2027Q2", "{}", std::slice::from_ref(&other), &Drafts::none()).await.unwrap();
    let cluster = store.cluster(&lead(2)).await.unwrap();
    let joined: Vec<_> = cluster.leads.iter().map(|one| one.lead.to_string()).collect();
    assert_eq!(joined, ["2027Q1-0002", "2027Q2-0001"]);
    assert_eq!(cluster.leads[1].bond, other.bond);
    assert_eq!(store.cluster(&lead(99)).await.unwrap(), casework::Cluster::default());

    // Leads 2 and 3 hang on one bond.
    let bond = BondKey([1; 32]);
    let asked = [bond, BondKey([5; 32])];
    let pair = store.lead(&lead(2)).await.unwrap().found.pair;
    let is_not_same = async || {
        let known = store.known(&[pair], "2027Q2", day(1)).await.unwrap().remove(&pair);
        matches!(known, Some(casework::Known::NotSame { .. }))
    };
    assert_eq!(store.cut_by(&lead(3)).await.unwrap(), None);
    assert!(store.cut(&asked).await.unwrap().is_empty());
    take(store, 2, judged(Judgement::Same), officer(1), day(0)).await;
    let order = |splits| CorrectionOrder {
        words: "two people".to_owned(),
        recipients: BTreeSet::new(),
        splits,
        language: "es".to_owned(),
    };
    take(store, 4, Step::Correct(order(false)), officer(2), day(1)).await;
    assert_eq!(store.cut_by(&lead(4)).await.unwrap(), None, "an amendment parts nobody");
    take(store, 2, Step::Correct(order(true)), officer(2), day(1)).await;
    assert!(is_not_same().await);
    assert_eq!(store.cut(&asked).await.unwrap(), BTreeSet::from([bond]));
    for number in [2, 3] {
        assert_eq!(store.cut_by(&lead(number)).await.unwrap(), Some(lead(2)));
    }
    assert_eq!(store.cut_by(&lead(4)).await.unwrap(), None);
    // The letter that tells of it waits for the printer, is sent, comes back, and is sent again.
    let letters = async |state| store.notices(state, None, 9).await.unwrap().lines;
    assert_eq!(letters(Letter::Drafted).await.len(), 2);
    let told = || Step::TellIndividual(Told { how: How::Mail, letter: "sha256:dd".to_owned() });
    take(store, 2, told(), officer(2), day(2)).await;
    let sent = letters(Letter::Served).await.remove(0);
    assert_eq!(
        (sent.case, sent.language.as_str(), sent.letter.as_str()),
        (lead(2), "es", "sha256:dd")
    );
    let back = Step::NoteReturnedMail(Returned { reason: "moved".to_owned() });
    take(store, 2, back, officer(3), day(3)).await;
    assert_eq!(letters(Letter::Returned).await.len(), 1);
    take(store, 2, told(), officer(2), day(4)).await;
    let done = Step::Close(Closing { because: Because::Corrected, words: String::new() });
    take(store, 2, done, officer(2), day(4)).await;
    assert!(letters(Letter::Served).await.is_empty());
    assert!(is_not_same().await, "for good");
    take(store, 2, Step::ReverseJudgement("it was the same".to_owned()), officer(2), day(5)).await;
    assert!(!is_not_same().await);
    assert!(store.cut(&asked).await.unwrap().is_empty());
}

async fn a_correction_is_due_until_it_is_acknowledged<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    take(store, 1, judged(Judgement::Same), officer(1), day(0)).await;
    let recipients = ["family-support", "housing"].map(|name| name.parse().unwrap());
    let order = CorrectionOrder {
        words: "another person".to_owned(),
        recipients: recipients.clone().into(),
        splits: false,
        language: String::new(),
    };
    take(store, 1, Step::Correct(order), officer(2), day(1)).await;
    assert!(store.corrections_due(day(0), 10).await.unwrap().is_empty());
    let due = store.corrections_due(day(1), 10).await.unwrap();
    assert_eq!(due.len(), 2);
    assert_eq!(store.corrections_due(day(1), 1).await.unwrap().len(), 1);
    // Sent, and asked after later.
    let mut sent = due[0].clone();
    sent.delivery = sent.delivery.attempted(day(1));
    store.note_delivery(&sent, words(vec![b"sent".to_vec()])).await.unwrap();
    assert_eq!(store.corrections_due(day(1), 10).await.unwrap(), [due[1].clone()]);
    let again = store.corrections_due(day(2), 10).await.unwrap();
    assert_eq!(again.len(), 2);
    let answered = Acknowledgement {
        recipient: sent.delivery.recipient.clone(),
        answer: "sha256:dd".to_owned(),
    };
    take(store, 1, Step::Acknowledge(answered), Actor::Machine, day(2)).await;
    // A delivery that was noted late does not bring it back.
    store.note_delivery(&sent, Drafts::none()).await.unwrap();
    assert_eq!(store.corrections_due(day(9), 10).await.unwrap(), [due[1].clone()]);
    let of_case = store.corrections_of(&lead(1)).await.unwrap();
    assert_eq!(of_case.len(), 2);
    let done = of_case.iter().find(|one| one.delivery.recipient == sent.delivery.recipient);
    assert_eq!(done.unwrap().delivery.acknowledged_at, Some(day(2)));
    assert_eq!(done.unwrap().delivery.attempts, 1);
}

async fn a_notice_is_drafted_printed_served_and_returned<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    for number in [1, 2, 3] {
        notify(store, number).await;
    }
    let page = store.notices(Letter::Drafted, None, 2).await.unwrap();
    assert_eq!(page.lines.len(), 2);
    let rest = store.notices(Letter::Drafted, page.next.as_ref(), 2).await.unwrap();
    assert_eq!((rest.lines.len(), rest.next), (1, None));
    store.note_printed(&[lead(1), lead(2)], day(5), words(vec![b"p".to_vec()])).await.unwrap();
    assert_eq!(store.notices(Letter::Printed, None, 9).await.unwrap().lines.len(), 2);
    take(store, 1, Step::ServeNotice(service(day(6))), officer(3), day(6)).await;
    let served = store.notices(Letter::Served, None, 9).await.unwrap().lines.remove(0);
    assert_eq!((served.case, served.at), (lead(1), day(6)));
    assert_eq!((served.language.as_str(), served.how), ("en", Some(casework::How::Mail)));
    let back = Step::NoteReturnedMail(Returned { reason: "moved".to_owned() });
    take(store, 1, back, officer(3), day(9)).await;
    assert_eq!(store.notices(Letter::Returned, None, 9).await.unwrap().lines.len(), 1);
    take(store, 2, Step::SendBack("amount".to_owned()), officer(3), day(9)).await;
    assert!(store.notices(Letter::Printed, None, 9).await.unwrap().lines.is_empty());
}

async fn every_disclosure_about_a_case_id_is_found_and_no_other<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    let about = store.disclosed_about("C3").await.unwrap();
    assert_eq!(about.len(), 1);
    assert_eq!((&about[0].lead, about[0].ledger_index), (&lead(3), Some(7)));
    assert_eq!(about[0].elements, ["gross_pay"]);
    assert_eq!(store.disclosed_on(&lead(3)).await.unwrap(), about);
    assert!(store.disclosed_about("C99").await.unwrap().is_empty());
    assert!(store.disclosed_about("").await.unwrap().is_empty());
}

async fn who_reads_is_noted_and_a_paper_is_kept_once<S: CaseStore + Store>(store: &S) {
    open_cases(store).await;
    let seen = |what: &str| Seen { by: "officer-1".to_owned(), what: what.to_owned(), at: day(0) };
    let opening = ["opening".to_owned()];
    store.note_read(&[lead(1), lead(2)], &seen("a"), &opening, Drafts::none()).await.unwrap();
    store.note_read(&[lead(1)], &seen("b"), &[], words(vec![b"read".to_vec()])).await.unwrap();
    store.note_read(&[], &seen("c"), &[], Drafts::none()).await.unwrap();
    assert_eq!(store.reads_of(&lead(1), 9).await.unwrap(), [seen("b"), seen("a")]);
    assert_eq!(store.reads_of(&lead(1), 1).await.unwrap(), [seen("b")]);
    let paper = Paper {
        digest: "sha256:ee".to_owned(),
        media_type: "application/pdf".to_owned(),
        title: "pay slip".to_owned(),
        at: day(0),
        bytes: vec![0, 1, 255],
    };
    store.keep_paper(&lead(1), &paper).await.unwrap();
    store.keep_paper(&lead(1), &Paper { at: day(1), ..paper.clone() }).await.unwrap();
    assert_eq!(store.paper(&lead(1), "sha256:ee").await.unwrap(), Some(paper.clone()));
    assert_eq!(store.paper(&lead(2), "sha256:ee").await.unwrap(), None);
    let none = store.keep_paper(&lead(99), &paper).await;
    assert!(matches!(none, Err(Error::NoSuchCase { .. })), "{none:?}");
}

async fn lines_are_acknowledged_together_and_the_first_of_them_come_first<S: CaseStore + Store>(
    store: &S,
) {
    store.note(&words((0..5_u8).map(|number| vec![number]).collect())).await.unwrap();
    let waiting = store.outbox(3).await.unwrap().waiting;
    assert_eq!(waiting.iter().map(|line| line.leaf[0]).collect::<Vec<_>>(), [0, 1, 2]);
    let lines: Vec<_> =
        waiting.iter().zip(10..).map(|(line, index)| (line.number, index)).collect();
    store.acknowledge_all(&lines).await.unwrap();
    // An acknowledgement takes effect once.
    store.acknowledge_all(&[(waiting[0].number, 99)]).await.unwrap();
    assert_eq!(store.last_acknowledged().await.unwrap(), Some(12));
    let rest = store.outbox(9).await.unwrap().waiting;
    assert_eq!(rest.iter().map(|line| line.leaf[0]).collect::<Vec<_>>(), [3, 4]);
    // What the ledger holds is not kept twice, and what waits between is never taken for it.
    store.acknowledge_all(&[(rest[1].number, 14)]).await.unwrap();
    assert_eq!(store.outbox(9).await.unwrap().waiting, rest[..1]);
    assert_eq!(store.last_acknowledged().await.unwrap(), Some(14));
    let nobody = After { second: 0, id: lead(1) };
    assert_eq!(store.notices(Letter::Drafted, Some(&nobody), 1).await.unwrap().lines.len(), 0);
}

/// Line by line is noted and acknowledged while somebody else reads: the first that waits always is the next.
async fn the_outbox_is_read_as_it_is_at_one_moment<S: CaseStore + Store>(store: &S) {
    const LINES: u64 = 300;
    let write = async {
        for index in 0..LINES {
            let leaf = index.to_be_bytes().to_vec();
            let number = store.note(&words(vec![leaf])).await.unwrap()[0];
            store.acknowledge(number, index).await.unwrap();
        }
    };
    let read = async {
        let mut seen = 0;
        loop {
            let outbox = store.outbox(9).await.unwrap();
            let next = outbox.acknowledged.map_or(0, |index| index + 1);
            if let Some(line) = outbox.waiting.first() {
                assert_eq!(line.leaf, next.to_be_bytes(), "after {seen} that waited");
                seen += 1;
            } else if next == LINES {
                return seen;
            }
        }
    };
    let ((), seen) = tokio::join!(write, read);
    assert!(seen > 0, "nothing was ever seen waiting");
}

crate::promises::on_every_store!(
    a_disclosed_lead_is_a_case_at_its_first_stage,
    a_case_comes_back_as_the_fold_of_its_steps,
    of_two_officers_at_one_case_the_second_is_told_and_nothing_is_lost,
    of_many_at_one_case_at_once_one_is_first_and_all_others_are_told,
    steps_of_many_callers_are_stored_each_with_its_lines_together,
    what_one_got_wrong_does_not_hold_up_the_others,
    a_list_shows_each_case_once_whatever_the_length_of_its_pages,
    the_counts_are_those_of_the_cases,
    outcomes_are_counted_by_the_groups_of_their_cases,
    a_judgement_that_is_taken_back_is_no_longer_known,
    a_correction_is_due_until_it_is_acknowledged,
    a_split_keeps_two_people_apart_until_it_is_reversed,
    a_notice_is_drafted_printed_served_and_returned,
    every_disclosure_about_a_case_id_is_found_and_no_other,
    who_reads_is_noted_and_a_paper_is_kept_once,
    the_outbox_is_read_as_it_is_at_one_moment,
    lines_are_acknowledged_together_and_the_first_of_them_come_first,
);
