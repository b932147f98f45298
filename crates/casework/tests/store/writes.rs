//! The table of what a failure leaves behind, on SQLite: whichever write of a step fails, nothing of the step is there, the
//! others that came with it are stored all the same, and the step can be taken again. What a crash after the commit
//! leaves is the outbox's to answer for.

use crate::place::Folder;
use crate::promises::{at, disclosure, new_run, planned, stays, values};
use casework::{
    Actor, CaseStore, Draft, Drafts, Finding, Ground, Had, Judgement, LeadId, Moving, Opinion,
    Queue, Source, SourceKind, Sqlite, Step, Store, StoredCase,
};
use sqlx::ConnectOptions as _;

/// The tables that steps write to, with the statement that makes each write fail.
const TABLES: [(&str, &str); 7] = [
    (
        "case_file",
        "CREATE TRIGGER fails BEFORE UPDATE ON case_file WHEN new.id = '2027Q1-0001' BEGIN SELECT raise(ABORT, 'no'); END",
    ),
    (
        "step",
        "CREATE TRIGGER fails BEFORE INSERT ON step WHEN new.file = '2027Q1-0001' BEGIN SELECT raise(ABORT, 'no'); END",
    ),
    (
        "lead",
        "CREATE TRIGGER fails BEFORE UPDATE ON lead WHEN new.id = '2027Q1-0001' BEGIN SELECT raise(ABORT, 'no'); END",
    ),
    (
        "judgement",
        "CREATE TRIGGER fails BEFORE INSERT ON judgement WHEN new.lead = '2027Q1-0001' BEGIN SELECT raise(ABORT, 'no'); END",
    ),
    (
        "tally",
        "CREATE TRIGGER fails BEFORE INSERT ON tally WHEN new.of_whom = 'ada' BEGIN SELECT raise(ABORT, 'no'); END",
    ),
    (
        "opening",
        "CREATE TRIGGER fails BEFORE INSERT ON opening WHEN new.lead = '2027Q1-0001' BEGIN SELECT raise(ABORT, 'no'); END",
    ),
    (
        "outbox",
        "CREATE TRIGGER fails BEFORE INSERT ON outbox WHEN new.leaf = x'31' BEGIN SELECT raise(ABORT, 'no'); END",
    ),
];

fn lead(number: usize) -> LeadId {
    LeadId::new("2027Q1", number)
}

async fn with_cases(folder: &Folder, cases: usize) -> Sqlite {
    let store = folder.open().await;
    store.start(&new_run("2027Q1", "2027Q1"), &Drafts::none()).await.unwrap();
    let leads: Vec<_> = (1..=cases)
        .map(|number| planned("2027Q1", number, u8::try_from(number).unwrap(), Some(0)))
        .collect();
    store.plan("2027Q1", "{}", &leads, &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    let entry = Drafts::new(at("2027-01-04T09:00:00Z"), |_| Ok(vec![b"release".to_vec()]));
    store.prepare(&one, &[], &entry).await.unwrap();
    let returned: Vec<_> = (1..=cases).map(|number| (lead(number), values("1"))).collect();
    let state = stays(&store).await;
    store.release(&one.id, 7, "2027-01-04T09:02:00Z", state, &returned).await.unwrap();
    store
}

fn review() -> Step {
    let reason = "one address".to_owned();
    Step::Review(Opinion { judgement: Judgement::Same, reason, expires: None })
}

/// A step of an officer, whose entry is the case's number.
fn moving(stored: StoredCase, by: &str, step: &Step) -> Moving {
    let number = stored.case.id().as_str().trim_start_matches("2027Q1-000").to_owned();
    let now = at("2027-01-05T10:00:00Z");
    let case = stored.case.step(step, &Actor::read(by).unwrap(), now).unwrap();
    let drafts = Drafts::new(now, move |_| Ok(vec![number.clone().into_bytes()]));
    Moving { case, drafts, openings: vec!["opening".to_owned()] }
}

async fn tell(folder: &Folder, statement: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.file());
    let mut connection = options.connect().await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn whichever_write_of_a_step_fails_nothing_of_it_is_there_and_the_others_are() {
    for (table, statement) in TABLES {
        let folder = Folder::new();
        let store = with_cases(&folder, 3).await;
        let before = store.waiting().await.unwrap().len();
        let counts = store.counts().await.unwrap();
        tell(&folder, statement).await;
        // Three at once: one commit for all, were it not for the one that fails.
        let (one, two, three) = tokio::join!(
            store.take(moving(store.case(&lead(1)).await.unwrap(), "ada", &review())),
            store.take(moving(store.case(&lead(2)).await.unwrap(), "ben", &review())),
            store.take(moving(store.case(&lead(3)).await.unwrap(), "ben", &review())),
        );
        assert!(one.is_err(), "{table}: {one:?}");
        assert!(two.is_ok() && three.is_ok(), "{table}: {two:?} {three:?}");
        assert_eq!(store.case(&lead(1)).await.unwrap().case.version(), 0, "{table}");
        assert_eq!(store.waiting().await.unwrap().len(), before + 2, "{table}");
        let after = store.counts().await.unwrap();
        assert!(after.by_reviewer.keys().all(|officer| officer.as_str() == "ben"), "{table}");
        assert_eq!(after.standing.values().sum::<u64>(), counts.standing.values().sum::<u64>());

        tell(&folder, "DROP TRIGGER fails").await;
        store.take(moving(store.case(&lead(1)).await.unwrap(), "ada", &review())).await.unwrap();
        assert_eq!(store.case(&lead(1)).await.unwrap().case.version(), 1, "{table}: again");
        assert_eq!(store.waiting().await.unwrap().len(), before + 3, "{table}: once");
    }
}

#[tokio::test]
async fn of_many_who_come_at_once_one_takes_the_step_and_the_others_hear_that_it_moved() {
    let folder = Folder::new();
    let store = with_cases(&folder, 1).await;
    let seen = store.case(&lead(1)).await.unwrap();
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..20 {
        // All of them saw the same version.
        let stored = seen.clone();
        let (store, by) = (store.clone(), format!("officer-{number}"));
        tries.spawn(async move { store.take(moving(stored, &by, &review())).await });
    }
    let results = tries.join_all().await;
    let moved = results
        .iter()
        .filter(|result| matches!(result, Err(casework::Error::CaseMoved { version: 1, .. })));
    assert_eq!((results.iter().filter(|one| one.is_ok()).count(), moved.count()), (1, 19));
    assert_eq!(store.case(&lead(1)).await.unwrap().case.version(), 1);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_misses_nothing_that_was_there() {
    let folder = Folder::new();
    let store = with_cases(&folder, 7).await;
    let mut seen = Vec::new();
    let mut queue = Queue::default();
    loop {
        let page = store.queue(&queue, 3).await.unwrap();
        assert!(page.lines.len() <= 3);
        seen.extend(page.lines.into_iter().map(|line| line.id));
        match page.next {
            Some(next) => queue.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, (1..=7).map(lead).collect::<Vec<_>>());
}

#[tokio::test]
async fn lists_are_read_along_an_index() {
    let folder = Folder::new();
    let _store = with_cases(&folder, 1).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.file());
    let mut connection = options.connect().await.unwrap();
    for filter in ["", "AND assigned = ?", "AND stage = ?", "AND county <> '' AND county = ?"] {
        let text = format!(
            "EXPLAIN QUERY PLAN SELECT id FROM case_file WHERE due IS NOT NULL {filter}
             AND (due, id) > (?, ?) ORDER BY due, id LIMIT 50"
        );
        let rows = sqlx::query_as::<_, (i64, i64, i64, String)>(sqlx::AssertSqlSafe(text))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let plan: Vec<&str> = rows.iter().map(|row| row.3.as_str()).collect();
        assert!(
            plan.iter().all(|line| line.contains("USING") && line.contains("INDEX")),
            "{plan:?}"
        );
        assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{filter}: {plan:?}");
    }
}

#[tokio::test]
async fn what_a_step_says_of_a_person_is_not_in_the_file() {
    let folder = Folder::new();
    let store = with_cases(&folder, 1).await;
    store.take(moving(store.case(&lead(1)).await.unwrap(), "ada", &review())).await.unwrap();
    store.take(moving(store.case(&lead(1)).await.unwrap(), "ben", &Step::Verify)).await.unwrap();
    let finding = Finding {
        ground: Ground::Independent {
            amount_cents: Some(123_400),
            access: Some(true),
            periods: vec![Had {
                from: "2026-07-01".parse().unwrap(),
                to: "2026-09-30".parse().unwrap(),
            }],
            sources: vec![Source {
                kind: SourceKind::Payer,
                reference: "QUITE-PERSONAL".to_owned(),
                seen: "2027-01-05".parse().unwrap(),
            }],
        },
        words: "QUITE-PERSONAL".to_owned(),
    };
    let find = Step::Find(finding);
    store.take(moving(store.case(&lead(1)).await.unwrap(), "ben", &find)).await.unwrap();
    store.take(moving(store.case(&lead(1)).await.unwrap(), "cem", &Step::Confirm)).await.unwrap();
    let draft = Draft { language: "en".to_owned(), letter: "letter".to_owned() };
    let draft = Step::DraftNotice(draft);
    store.take(moving(store.case(&lead(1)).await.unwrap(), "dot", &draft)).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(14).any(|window| window == b"QUITE-PERSONAL");
            assert!(!found, "{}", path.display());
        }
    }
    // And it comes back whole.
    let case = store.case(&lead(1)).await.unwrap().case;
    assert_eq!(case.standing().verified().unwrap().finding().words, "QUITE-PERSONAL");
}
