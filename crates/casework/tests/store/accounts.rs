//! The promises of the account store, on every database.

use crate::place::{Folder, Schema};
use agreement::OfficerRole as Role;
use casework::Error;
use casework::store::accounts::postgres::PostgresAccounts;
use casework::store::accounts::sqlite::SqliteAccounts;
use casework::store::accounts::{
    Account, AccountDatabase, AccountStore as _, Attempt, Holder, Received, Session,
};
use futures_util::future::join_all;
use std::collections::BTreeSet;

const PROGRAM: &str = "income-check";

fn account(officer: &str) -> Account {
    Account {
        officer: officer.to_owned(),
        name: "A Reviewer (synthetic)".to_owned(),
        password: Some("$argon2id$synthetic".to_owned()),
        code_secret: Some(vec![7; 40]),
        issued: None,
        must_change: false,
        closed: false,
    }
}

fn session(number: u8, holder: Holder) -> Session {
    Session { hash: [number; 32], holder, begun_at: 100, seen_at: 100 }
}

/// Carries out every check on an empty store.
async fn keeps_its_promises(store: &AccountDatabase) {
    accounts_and_roles(store).await;
    what_counts_once_counts_for_one_of_many(store).await;
    sessions_end(store).await;
    keys_end(store).await;
    failures_count_since_the_last_success(store).await;
    a_message_is_taken_once(store).await;
    a_dispute_is_taken_once_answered_once_and_sent_until_it_is_acknowledged(store).await;
    what_is_old_is_swept(store).await;
    store.is_alive().await.unwrap();
}

async fn accounts_and_roles(store: &AccountDatabase) {
    let issued = ("https://issuer.example".to_owned(), "subject-1".to_owned());
    let zoe = Account { issued: Some(issued.clone()), ..account("zoe") };
    store.add_account(&account("ada"), 1).await.unwrap();
    store.add_account(&zoe, 1).await.unwrap();
    let twice = store.add_account(&account("ada"), 2).await;
    assert!(matches!(twice, Err(Error::AccountThere)), "{twice:?}");
    assert_eq!(store.account("ada").await.unwrap(), Some(account("ada")));
    assert_eq!(store.account("ben").await.unwrap(), None);
    let (kept_at, subject) = issued;
    assert_eq!(store.account_issued(&kept_at, &subject).await.unwrap(), Some(zoe));
    assert_eq!(store.account_issued(&kept_at, "subject-2").await.unwrap(), None);
    let both = BTreeSet::from([Role::Reviewer, Role::Verifier]);
    store.set_roles("ada", PROGRAM, &both).await.unwrap();
    assert_eq!(store.roles("ada", PROGRAM).await.unwrap(), both);
    assert!(store.roles("ada", "another").await.unwrap().is_empty(), "under one agreement alone");
    let one = BTreeSet::from([Role::Verifier]);
    store.set_roles("ada", PROGRAM, &one).await.unwrap();
    assert_eq!(store.all_roles(PROGRAM).await.unwrap()["ada"], one);
    let nobody = store.set_roles("ben", PROGRAM, &one).await;
    assert!(matches!(nobody, Err(Error::NoSuchAccount)), "{nobody:?}");
    let all = store.accounts(PROGRAM).await.unwrap();
    let all: Vec<_> = all.iter().map(|(account, roles)| (&*account.officer, roles.len())).collect();
    assert_eq!(all, [("ada", 1), ("zoe", 0)]);
    store.set_means("ada", Some("$argon2id$another"), None).await.unwrap();
    assert_eq!(store.account("ada").await.unwrap().unwrap().code_secret, None);
}

async fn what_counts_once_counts_for_one_of_many(store: &AccountDatabase) {
    let takers = join_all((0..8).map(|_| store.take_step("ada", 41)));
    let taken = takers.await.into_iter().filter(|taken| *taken.as_ref().unwrap()).count();
    assert_eq!(taken, 1, "a code of an app");
    assert!(!store.take_step("ada", 40).await.unwrap(), "an earlier one");
    store.set_recovery_codes("ada", &[[1; 32], [2; 32]]).await.unwrap();
    let hash = [1; 32];
    let takers = join_all((0..8).map(|_| store.take_recovery_code("ada", &hash, 5)));
    let taken = takers.await.into_iter().filter(|taken| *taken.as_ref().unwrap()).count();
    assert_eq!(taken, 1, "a code for when the app is lost");
    let holder = Holder::Individual("2027Q1-0001".to_owned());
    store.issue_code(&holder, &[3; 32], 10, 20).await.unwrap();
    store.issue_code(&holder, &[4; 32], 10, 20).await.unwrap();
    assert_eq!(store.take_code(&[3; 32], 11).await.unwrap(), None, "voided by the next");
    assert_eq!(store.take_code(&[4; 32], 20).await.unwrap(), None, "over");
    let hash = [4; 32];
    let takers = join_all((0..8).map(|_| store.take_code(&hash, 19)));
    let taken: Vec<_> = takers.await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken, [(holder, 20)], "a letter's code");
}

async fn sessions_end(store: &AccountDatabase) {
    let ada = Holder::Officer("ada".to_owned());
    for number in [1, 2] {
        store.begin_session(&session(number, ada.clone())).await.unwrap();
    }
    let of_a_case = session(3, Holder::Individual("2027Q1-0001".to_owned()));
    store.begin_session(&of_a_case).await.unwrap();
    store.touch_session(&[1; 32], 150).await.unwrap();
    store.touch_session(&[1; 32], 140).await.unwrap();
    assert_eq!(store.session(&[1; 32]).await.unwrap().unwrap().seen_at, 150, "never back");
    assert_eq!(store.count_sessions(100).await.unwrap(), 3);
    assert_eq!(store.count_sessions(101).await.unwrap(), 1);
    store.end_session(&[2; 32]).await.unwrap();
    assert_eq!(store.session(&[2; 32]).await.unwrap(), None);
    // Other roles end all that an officer has begun.
    store.set_roles("ada", PROGRAM, &BTreeSet::from([Role::Reviewer])).await.unwrap();
    assert_eq!(store.session(&[1; 32]).await.unwrap(), None);
    assert_eq!(store.session(&[3; 32]).await.unwrap(), Some(of_a_case.clone()));
    assert_eq!(store.end_sessions(&of_a_case.holder).await.unwrap(), 1);
}

async fn keys_end(store: &AccountDatabase) {
    let number = store.add_key("zoe", &[9; 32], 100, 200).await.unwrap();
    let other = store.add_key("zoe", &[8; 32], 100, 200).await.unwrap();
    assert!(number < other);
    let holder = store.key_holder(&[9; 32], 199).await.unwrap();
    assert_eq!(holder.map(|account| account.officer), Some("zoe".to_owned()));
    assert_eq!(store.key_holder(&[9; 32], 200).await.unwrap(), None, "over");
    assert!(store.revoke_key(number, 150).await.unwrap());
    assert!(!store.revoke_key(number, 150).await.unwrap(), "once");
    assert_eq!(store.key_holder(&[9; 32], 150).await.unwrap(), None, "revoked");
    store.close_account("zoe", 160).await.unwrap();
    assert_eq!(store.key_holder(&[8; 32], 160).await.unwrap(), None, "closed");
    let closed = store.add_key("zoe", &[7; 32], 170, 200).await;
    assert!(matches!(closed, Err(Error::NoSuchAccount)), "{closed:?}");
    let revoked: Vec<_> =
        store.keys().await.unwrap().iter().map(|key| (key.number, key.revoked)).collect();
    assert_eq!(revoked, [(number, true), (other, true)]);
}

async fn failures_count_since_the_last_success(store: &AccountDatabase) {
    let attempt =
        |at, outcome| Attempt { kind: "officer", holder: [5; 32], address: [6; 32], at, outcome };
    for one in [attempt(1, "wrong"), attempt(2, "in"), attempt(3, "wrong"), attempt(4, "waiting")] {
        store.note_attempt(&one).await.unwrap();
    }
    store.note_attempt(&attempt(5, "replayed")).await.unwrap();
    assert_eq!(store.failures("officer", &[5; 32], 0).await.unwrap(), 2);
    assert_eq!(store.failures("officer", &[5; 32], 3).await.unwrap(), 1, "since then");
    assert_eq!(store.failures("individual", &[5; 32], 0).await.unwrap(), 0);
}

async fn a_message_is_taken_once(store: &AccountDatabase) {
    let message = Received {
        party: "payroll-administration".to_owned(),
        number: "r-1".to_owned(),
        digest: [1; 32],
        body: vec![2; 8],
        at: 50,
    };
    assert_eq!(store.receive(&message).await.unwrap(), Some(50));
    let again = Received { at: 60, ..message.clone() };
    assert_eq!(store.receive(&again).await.unwrap(), Some(50), "the same answer again");
    let forged = Received { digest: [2; 32], ..message.clone() };
    assert_eq!(store.receive(&forged).await.unwrap(), None, "another message under its number");
    let kept: Vec<_> = store.received(10).await.unwrap().iter().map(|one| one.at).collect();
    assert_eq!(kept, [50]);
}

async fn a_dispute_is_taken_once_answered_once_and_sent_until_it_is_acknowledged(
    store: &AccountDatabase,
) {
    let dispute = |number: &str, at| Received {
        party: "family-support".to_owned(),
        number: number.to_owned(),
        digest: [3; 32],
        body: vec![4; 8],
        at,
    };
    assert_eq!(store.raise(&dispute("d-1", 50), 900).await.unwrap(), Some(50));
    assert_eq!(store.raise(&dispute("d-1", 60), 900).await.unwrap(), Some(50), "again");
    let forged = Received { digest: [5; 32], ..dispute("d-1", 60) };
    assert_eq!(store.raise(&forged, 900).await.unwrap(), None, "another under its number");
    assert_eq!(store.raise(&dispute("d-2", 70), 800).await.unwrap(), Some(70));
    let order = async || {
        let raised = store.raised(10).await.unwrap();
        raised.into_iter().map(|one| one.message.number).collect::<Vec<_>>()
    };
    assert_eq!(order().await, ["d-2", "d-1"], "what is due first");
    assert!(store.answers_due(10_000, 10).await.unwrap().is_empty(), "nothing is answered");
    assert!(store.answer_raised("family-support", "d-2", b"ours", 100).await.unwrap());
    assert!(!store.answer_raised("family-support", "d-2", b"other", 101).await.unwrap(), "once");
    assert!(!store.answer_raised("family-support", "d-9", b"ours", 101).await.unwrap(), "none");
    assert_eq!(order().await, ["d-1", "d-2"], "those not answered come first");
    assert!(store.answers_due(99, 10).await.unwrap().is_empty());
    let due = store.answers_due(100, 10).await.unwrap().remove(0);
    assert_eq!(due.answer, Some((b"ours".to_vec(), 100)));
    assert_eq!((due.message, due.due, due.attempts), (dispute("d-2", 70), 800, 0));
    store.note_answer("family-support", "d-2", 1, Some(400)).await.unwrap();
    assert!(store.answers_due(399, 10).await.unwrap().is_empty());
    assert_eq!(store.answers_due(400, 10).await.unwrap()[0].attempts, 1);
    store.note_answer("family-support", "d-2", 2, None).await.unwrap();
    assert!(store.answers_due(10_000, 10).await.unwrap().is_empty(), "it is acknowledged");
}

async fn what_is_old_is_swept(store: &AccountDatabase) {
    let ada = Holder::Officer("ada".to_owned());
    store.begin_session(&session(1, ada.clone())).await.unwrap();
    store.begin_session(&Session { seen_at: 200, ..session(2, ada) }).await.unwrap();
    store.sweep(150, 150, 4).await.unwrap();
    assert_eq!(store.session(&[1; 32]).await.unwrap(), None);
    assert!(store.session(&[2; 32]).await.unwrap().is_some());
    assert_eq!(store.failures("officer", &[5; 32], 0).await.unwrap(), 1);
}

#[tokio::test]
async fn accounts_in_sqlite_keep_their_promises() {
    let folder = Folder::new();
    let path = folder.path().join("accounts.sqlite");
    let store = AccountDatabase::Sqlite(SqliteAccounts::open(&path).await.unwrap());
    keeps_its_promises(&store).await;
    let again = SqliteAccounts::open(&path).await.unwrap();
    assert!(again.account("ada").await.unwrap().is_some(), "another opens the same");
}

#[tokio::test]
async fn accounts_in_postgresql_keep_their_promises() {
    let place = Schema::new().await;
    let store = AccountDatabase::Postgres(PostgresAccounts::open(&place.url).await.unwrap());
    keeps_its_promises(&store).await;
    let again = PostgresAccounts::open(&place.url).await.unwrap();
    assert!(again.account("ada").await.unwrap().is_some(), "another opens the same");
    // A copy of the cases' schema holds nobody's means of signing in.
    let cases = sqlx::PgPool::connect(&place.url).await.unwrap();
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_name = 'account'",
    )
    .fetch_one(&cases)
    .await
    .unwrap();
    assert_eq!(tables, 0);
}
