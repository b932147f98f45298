//! A copy of a store is the store, in whichever database it is opened; what was destroyed is in none.

use crate::cases::open_cases;
use crate::place::{Folder, Schema, vault};
use crate::promises::{judged, words};
use casework::{Actor, Destroyed, Drafts, Known, PairKey, Sqlite, Step, Store};
use casework::{Because, CaseStore, Closing, Database, Error, Judgement, LeadId, Moving};
use std::path::Path;

/// Says all that a store holds, in words that can be compared.
async fn told(store: &Database) -> Vec<String> {
    let mut told = Vec::new();
    for lead in store.leads(None).await.unwrap() {
        let case = store.case(&lead.found.id).await.map(|stored| format!("{stored:?}"));
        told.push(format!("{} {:?} {:?} {case:?}", lead.found.case_id, lead.returned, lead.stage));
    }
    told.push(format!("{:?}", store.runs().await.unwrap()));
    told.push(format!("{:?}", store.waiting().await.unwrap()));
    told.push(format!("{:?}", store.counts().await.unwrap()));
    told.push(format!("{:?}", store.register("2027Q1").await.unwrap()));
    told.push(format!("{:?}", store.stays().await.unwrap()));
    told.push(format!("{:?}", store.pair_secret("test", [9; 32]).await.unwrap()));
    told
}

async fn filled(store: &Database) {
    open_cases(store).await;
    store.pair_secret("test", [3; 32]).await.unwrap();
    store.record_stay("mark", "{}", "2027-01-04T09:00:00Z", &Drafts::none()).await.unwrap();
    store
        .review(
            &judged("2027Q1", Judgement::NotSame, None),
            &["opening".to_owned()],
            &words(vec![b"r".to_vec()]),
        )
        .await
        .unwrap();
    let first = store.waiting().await.unwrap()[0].number;
    store.acknowledge(first, 4).await.unwrap();
}

async fn open(file: &Path, keys: &Path) -> Database {
    Database::open(&file.display().to_string(), vault(keys)).await.unwrap()
}

#[tokio::test]
async fn a_store_goes_from_sqlite_to_postgres_and_back_and_is_the_same() {
    let (folder, schema) = (Folder::new(), Schema::new().await);
    let first = open(&folder.file(), folder.path()).await;
    filled(&first).await;
    let before = told(&first).await;
    let copy = folder.path().join("copy.sqlite");
    first.copy_to(&copy).await.unwrap();
    assert!(first.copy_to(&copy).await.is_err(), "a copy goes over nothing");
    let second = Database::fill(&schema.url, &copy, folder.vault()).await.unwrap();
    assert_eq!(told(&second).await, before);
    // Numbers go on after the highest.
    let number = second.note(&words(vec![b"next".to_vec()])).await.unwrap()[0];
    let last = second.waiting().await.unwrap().last().unwrap().number;
    assert_eq!(number, last);
    let again = Database::fill(&schema.url, &copy, folder.vault()).await;
    assert!(matches!(again, Err(Error::NotEmpty)), "{again:?}");
    let before = told(&second).await;
    let back = folder.path().join("back.sqlite");
    second.copy_to(&back).await.unwrap();
    assert_eq!(told(&open(&back, folder.path()).await).await, before);
}

/// Closes all cases, so that nothing stands under the agreement.
async fn close_all(store: &Database) {
    for lead in store.leads(None).await.unwrap() {
        let case = store.case(&lead.found.id).await.unwrap().case;
        let step = Step::Close(Closing { because: Because::Superseded, words: String::new() });
        if let Ok(case) = case.step(&step, &Actor::Machine, jiff::Timestamp::UNIX_EPOCH) {
            let moving = Moving { case, drafts: Drafts::none(), openings: Vec::new() };
            store.take(moving).await.unwrap();
        }
    }
}

async fn destroying_takes_all_but_the_protection(store: &Database) {
    filled(store).await;
    assert_eq!(store.standing_under("sha256:aa").await.unwrap(), 11, "one was judged and closed");
    close_all(store).await;
    assert_eq!(store.standing_under("sha256:aa").await.unwrap(), 0);
    assert_eq!(store.standing_under("sha256:bb").await.unwrap(), 0);
    assert!(store.vault().destroy("sha256:aa").unwrap());
    let certificate = |destroyed: &Destroyed| {
        let text = format!("destroyed {} leads, {} kept", destroyed.rows["lead"], destroyed.kept);
        words(vec![text.into_bytes()])
    };
    let gone = store.destroy("sha256:aa", &["opening".to_owned()], &certificate).await.unwrap();
    assert_eq!((gone.rows["lead"], gone.rows["case_file"], gone.rows["step"]), (12, 12, 12));
    assert_eq!((gone.rows["opening"], gone.rows["judgement"], gone.kept), (13, 1, 1));
    let last = store.waiting().await.unwrap().pop().unwrap();
    assert_eq!(last.leaf, b"destroyed 12 leads, 1 kept");
    assert!(store.leads(None).await.unwrap().is_empty());
    assert_eq!(store.register("2027Q1").await.unwrap().len(), 1, "the accounting stays");
    // The individual who was taken for another is not looked at again.
    let pair = PairKey([1; 32]);
    let known = store.known(&[pair], "2029Q1", jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(known.get(&pair), Some(&Known::NotSame { lead: LeadId::new("2027Q1", 1) }));
    // Doing it again finds nothing more, and says so.
    let again = store.destroy("sha256:aa", &[], &certificate).await.unwrap();
    assert_eq!((again.rows["lead"], again.kept), (0, 0));
}

#[tokio::test]
async fn destroying_takes_all_but_the_protection_on_sqlite() {
    let folder = Folder::new();
    destroying_takes_all_but_the_protection(&open(&folder.file(), folder.path()).await).await;
}

#[tokio::test]
async fn destroying_takes_all_but_the_protection_on_postgres() {
    let place = Schema::new().await;
    let store = Database::open(&place.url, place.vault()).await.unwrap();
    destroying_takes_all_but_the_protection(&store).await;
}

#[tokio::test]
async fn a_copy_made_before_the_destruction_opens_for_nobody() {
    let folder = Folder::new();
    let store = open(&folder.file(), folder.path()).await;
    filled(&store).await;
    let copy = folder.path().join("copy.sqlite");
    store.copy_to(&copy).await.unwrap();
    assert!(store.vault().destroy("sha256:aa").unwrap());
    let copy = Sqlite::open(&copy, folder.vault()).await.unwrap();
    let lead = copy.lead(&LeadId::new("2027Q1", 1)).await;
    assert!(matches!(lead, Err(Error::KeyDestroyed { .. })), "{lead:?}");
    let case = copy.case(&LeadId::new("2027Q1", 1)).await;
    assert!(matches!(case, Err(Error::KeyDestroyed { .. })), "{case:?}");
}
