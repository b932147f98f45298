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

fn certificate(destroyed: &Destroyed) -> Drafts<'static> {
    let Destroyed { rows, kept, key, .. } = destroyed;
    words(vec![format!("destroyed {} leads, {kept} kept, key {key}", rows["lead"]).into_bytes()])
}

/// Takes back the judgement that closed a case: it is opened again.
async fn open_again(store: &Database, id: &LeadId) -> Result<(), Error> {
    let case = store.case(id).await?.case;
    let (by, at) = (Actor::read("officer-2").unwrap(), case.last_at());
    let case = case.step(&Step::ReverseJudgement("misread".to_owned()), &by, at).unwrap();
    store.take(Moving { case, drafts: Drafts::none(), openings: Vec::new() }).await.map(|_| ())
}

async fn a_case_opened_again_keeps_all_it_has_when_others_are_destroyed(store: &Database) {
    filled(store).await;
    close_all(store).await;
    let named = store.closed_before("sha256:aa", jiff::Timestamp::MAX, None, 100).await.unwrap();
    assert_eq!(named.len(), 12);
    // What was seen is not named again, and all behind it is, a few at a time.
    let rest = store.closed_before("sha256:aa", jiff::Timestamp::MAX, Some(&named[8]), 2).await;
    assert_eq!(rest.unwrap(), named[9..11]);
    let judged = LeadId::new("2027Q1", 1);
    let before = store.lead(&judged).await.unwrap();
    open_again(store, &judged).await.unwrap();
    let gone = store.destroy_leads("sha256:aa", &named, &[], &certificate).await.unwrap();
    assert_eq!((gone.rows["lead"], gone.rows["case_file"], gone.key), (11, 11, false));
    assert_eq!(store.lead(&judged).await.unwrap().returned, before.returned);
    assert_eq!(store.case(&judged).await.unwrap().case.version(), 2);
}

/// Whoever is first, the other finds what it left: a case that is open with all it has, or no case at all.
async fn a_case_is_not_opened_again_while_its_key_is_destroyed(store: &Database) {
    filled(store).await;
    close_all(store).await;
    let judged = LeadId::new("2027Q1", 1);
    let (destroyed, opened) = futures_util::future::join(
        store.destroy("sha256:aa", &[], &certificate),
        open_again(store, &judged),
    )
    .await;
    match destroyed {
        Ok(gone) => {
            assert!(gone.key && opened.is_err(), "{opened:?}");
            assert_eq!(store.left_under("sha256:aa").await.unwrap(), 0);
        }
        Err(Error::CasesStanding { standing: 1 }) => {
            opened.unwrap();
            assert!(store.lead(&judged).await.unwrap().returned.is_some());
            assert_eq!(store.case(&judged).await.unwrap().case.version(), 2);
        }
        Err(other) => panic!("{other}"),
    }
}

/// A stop between the key's end and that of the rows.
async fn an_interrupted_destruction_goes_on_and_certifies_the_key(store: &Database) {
    filled(store).await;
    close_all(store).await;
    assert!(store.vault().destroy("sha256:aa").unwrap());
    let gone = store.destroy("sha256:aa", &[], &certificate).await.unwrap();
    assert_eq!((gone.rows["lead"], gone.key), (12, true));
    let last = store.waiting().await.unwrap().pop().unwrap();
    assert_eq!(last.leaf, b"destroyed 12 leads, 1 kept, key true");
}

async fn destroying_takes_all_but_the_protection(store: &Database) {
    filled(store).await;
    // While a case stands nothing is destroyed, and its key least of all.
    let refused = store.destroy("sha256:aa", &[], &certificate).await;
    assert!(matches!(refused, Err(Error::CasesStanding { standing: 11 })), "{refused:?}");
    assert!(store.vault().holds("sha256:aa").unwrap());
    close_all(store).await;
    assert_eq!(store.left_under("sha256:aa").await.unwrap(), 12);
    assert_eq!(store.left_under("sha256:bb").await.unwrap(), 0);
    let gone = store.destroy("sha256:aa", &["opening".to_owned()], &certificate).await.unwrap();
    assert_eq!((gone.rows["lead"], gone.rows["case_file"], gone.rows["step"]), (12, 12, 12));
    assert_eq!((gone.rows["opening"], gone.rows["judgement"], gone.kept), (13, 1, 1));
    let last = store.waiting().await.unwrap().pop().unwrap();
    assert_eq!(last.leaf, b"destroyed 12 leads, 1 kept, key true");
    assert!(store.vault().is_destroyed("sha256:aa").unwrap());
    assert_eq!(store.left_under("sha256:aa").await.unwrap(), 0);
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

macro_rules! on_both {
    ($($check:ident),+ $(,)?) => {
        $(mod $check {
            use super::{Database, Folder, Schema, open};

            #[tokio::test]
            async fn on_sqlite() {
                let folder = Folder::new();
                super::$check(&open(&folder.file(), folder.path()).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                let place = Schema::new().await;
                super::$check(&Database::open(&place.url, place.vault()).await.unwrap()).await;
            }
        })+
    };
}

on_both!(
    destroying_takes_all_but_the_protection,
    a_case_opened_again_keeps_all_it_has_when_others_are_destroyed,
    a_case_is_not_opened_again_while_its_key_is_destroyed,
    an_interrupted_destruction_goes_on_and_certifies_the_key,
);

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
