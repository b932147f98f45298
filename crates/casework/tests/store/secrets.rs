//! What is personal is nowhere to be read but through the vault, and nowhere at all once its key is destroyed.

use crate::place::{Folder, Schema, fixed_random};
use crate::promises::{disclosure, judged, planned, run_under_an_agreement, values, words};
use casework::{Drafts, Error, Judgement, Keeper, LeadId, Sqlite, Store, Vault};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Values that are written nowhere else in these tests.
const SECRETS: [&str; 5] =
    ["CASE-7Q2", "explained-by-7Q3", "earned-7Q4", "opened-7Q5", "reasoned-7Q6"];

/// Writes each secret into the column that it is for.
async fn tell<S: Store>(store: &S) {
    let [case_id, explanation, returned, opening, reason] = SECRETS;
    let run = run_under_an_agreement();
    store.start(&run, &Drafts::none()).await.unwrap();
    let mut lead = planned("2027Q1", 1, 1, Some(0));
    lead.case_id = case_id.to_owned();
    lead.explanation = format!("{{\"why\":\"{explanation}\"}}");
    store.plan("2027Q1", "{}", &[lead], &Drafts::none()).await.unwrap();
    let one = disclosure("2027Q1", 0);
    let id = LeadId::new("2027Q1", 1);
    let openings = [(id.clone(), opening.to_owned())];
    store.prepare(&one, &openings, &words(vec![b"the entry".to_vec()])).await.unwrap();
    let (stays, _) = store.stays().await.unwrap();
    let returned = [(id, values(returned))];
    store.release(&one.id, 7, "2027-01-04T09:02:00Z", stays, &returned).await.unwrap();
    let mut review = judged("2027Q1", Judgement::Same, None);
    review.reason = reason.to_owned();
    store.review(&review, &[opening.to_owned()], &Drafts::none()).await.unwrap();
    store.note_opened(&[opening.to_owned()], &Drafts::none()).await.unwrap();
    assert_eq!(
        store.pair_secret("test", *b"pair secret pair secret pair 7Q7").await.unwrap(),
        *b"pair secret pair secret pair 7Q7"
    );
}

/// Names the files under a folder that hold a text.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            if bytes.windows(text.len()).any(|part| part == text.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn the_file_and_what_is_beside_it_are_their_owners_alone() {
    let place = Folder::new();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let store = place.open().await;
    tell(&store).await;
    for beside in ["", "-wal", "-shm"] {
        let path = place.path().join(format!("casework.sqlite{beside}"));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn no_personal_value_is_in_the_file_or_beside_it() {
    let place = Folder::new();
    let store = place.open().await;
    tell(&store).await;
    for secret in SECRETS.into_iter().chain(["pair secret"]) {
        assert_eq!(holding(place.path(), secret), [""; 0], "{secret}");
    }
    // The search itself works: what is not personal is found.
    assert_ne!(holding(place.path(), "officer-1"), [""; 0]);
}

#[tokio::test]
async fn no_personal_value_is_in_a_servers_tables() {
    use sqlx::Row as _;
    let place = Schema::new().await;
    let store = place.open().await;
    tell(&store).await;
    let pool = sqlx::PgPool::connect(&place.url).await.unwrap();
    for table in ["lead", "judgement", "opening", "program", "disclosure", "run"] {
        let all = format!("SELECT to_jsonb(t)::text AS row FROM {table} t");
        let rows = sqlx::query(sqlx::AssertSqlSafe(all)).fetch_all(&pool).await.unwrap();
        assert!(!rows.is_empty(), "{table}");
        for row in rows {
            let text: String = row.get("row");
            for secret in SECRETS.into_iter().chain(["pair secret"]) {
                let hex =
                    secret.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
                assert!(!text.contains(secret) && !text.contains(&hex), "{table}: {secret}");
            }
        }
    }
}

#[tokio::test]
async fn what_an_older_version_left_open_is_sealed_when_the_store_is_opened() {
    let place = Folder::new();
    {
        // The store as the first version of the program made it.
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(place.file())
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        let mut migrations = sqlx::migrate!("migrations/sqlite");
        migrations.migrations.to_mut().retain(|migration| migration.version == 1);
        migrations.run(&pool).await.unwrap();
        let [case_id, explanation, returned, opening, reason] = SECRETS;
        for (sql, values) in [
            (
                "INSERT INTO program VALUES (1, 'test', CAST('pair secret pair secret pair 7Q7' AS BLOB))",
                vec![],
            ),
            (
                "INSERT INTO run VALUES ('2027Q1', '2027Q1', 'finished', 't', 't', '{\"agreement\":\"sha256:aa\"}', '{}')",
                vec![],
            ),
            (
                "INSERT INTO lead VALUES ('2027Q1-0001', '2027Q1', '2027Q1', zeroblob(32), ?, 1, 2, 9.5, 0.9, ?, zeroblob(32), ?, 'reviewed', 0, NULL, 't')",
                vec![
                    case_id.to_owned(),
                    explanation.to_owned(),
                    format!("{{\"gross_pay\":\"{returned}\"}}"),
                ],
            ),
            (
                "INSERT INTO judgement (lead, pair, judgement, reason, officer, at) VALUES ('2027Q1-0001', zeroblob(32), 'same', ?, 'o', 't')",
                vec![reason.to_owned()],
            ),
            (
                "INSERT INTO disclosure VALUES ('2027Q1/0', '2027Q1', 0, 't', 'r', 'p', '[]', 1, x'00', 7, 't', NULL)",
                vec![],
            ),
            (
                "INSERT INTO opening (disclosure, lead, opening) VALUES ('2027Q1/0', '2027Q1-0001', ?)",
                vec![opening.to_owned()],
            ),
            ("INSERT INTO opening (opening) VALUES (?)", vec![opening.to_owned()]),
        ] {
            let mut query = sqlx::query(sql);
            for value in values {
                query = query.bind(value);
            }
            query.execute(&pool).await.unwrap();
        }
        pool.close().await;
        assert_ne!(holding(place.path(), SECRETS[0]), [""; 0]);
    }
    let store = place.open().await;
    for secret in SECRETS.into_iter().chain(["pair secret"]) {
        assert_eq!(holding(place.path(), secret), [""; 0], "{secret}");
    }
    let lead = store.lead(&LeadId::new("2027Q1", 1)).await.unwrap();
    assert_eq!(
        (lead.found.case_id.as_str(), lead.returned),
        (SECRETS[0], Some(values(SECRETS[2])))
    );
    assert_eq!(store.openings(&disclosure("2027Q1", 0).id).await.unwrap()[0].1, SECRETS[3]);
    assert_eq!(
        store.pair_secret("test", [0; 32]).await.unwrap(),
        *b"pair secret pair secret pair 7Q7"
    );
}

#[tokio::test]
async fn another_key_file_opens_nothing_and_makes_nothing_new() {
    let place = Folder::new();
    tell(&place.open().await).await;
    let file = place.path().join("keys/key");
    let key = fs::read_to_string(&file).unwrap();
    for other in ["00".repeat(32), String::new(), "no key".to_owned()] {
        fs::write(&file, &other).unwrap();
        let keeper = Keeper::File(file.clone());
        let opened = Vault::open(&place.path().join("keys"), keeper, fixed_random);
        assert!(matches!(opened, Err(Error::KeyFile { .. })), "{other}");
    }
    fs::remove_file(&file).unwrap();
    let keeper = Keeper::File(file.clone());
    let opened = Vault::open(&place.path().join("keys"), keeper, fixed_random);
    assert!(matches!(opened, Err(Error::KeyFile { .. })));
    assert!(!file.exists(), "a lost key is not covered up by a new one");
    fs::write(&file, key).unwrap();
    assert_eq!(
        place.open().await.lead(&LeadId::new("2027Q1", 1)).await.unwrap().found.case_id,
        SECRETS[0]
    );
}

#[tokio::test]
async fn a_store_whose_keys_were_lost_says_so() {
    let place = Folder::new();
    tell(&place.open().await).await;
    fs::remove_dir_all(place.path().join("keys")).unwrap();
    let store = place.open().await;
    let secret = store.pair_secret("test", [0; 32]).await;
    assert!(matches!(secret, Err(Error::OtherKeys)), "{secret:?}");
    assert!(secret.unwrap_err().hint().unwrap().contains("keys"));
}

#[tokio::test]
async fn a_cell_moved_to_another_row_or_column_is_not_opened() {
    let place = Folder::new();
    let vault = place.vault();
    let key = vault.of("sha256:aa").unwrap();
    let sealed = key.seal("lead", "1", "case_id", b"C1").unwrap();
    assert_eq!(vault.open_cell("lead", "1", "case_id", &sealed).unwrap(), b"C1");
    for (table, row, column) in [
        ("lead", "2", "case_id"),
        ("lead", "1", "explanation"),
        ("judgement", "1", "case_id"),
        ("lea", "d1", "case_id"),
    ] {
        let opened = vault.open_cell(table, row, column, &sealed);
        assert!(matches!(opened, Err(Error::Unreadable { .. })), "{table} {row} {column}");
    }
    for flipped in 0..sealed.len() {
        let mut sealed = sealed.clone();
        sealed[flipped] ^= 1;
        assert!(vault.open_cell("lead", "1", "case_id", &sealed).is_err(), "byte {flipped}");
    }
    for length in 0..sealed.len() {
        assert!(vault.open_cell("lead", "1", "case_id", &sealed[..length]).is_err(), "{length}");
    }
    assert_ne!(sealed, key.seal("lead", "1", "case_id", b"C1").unwrap(), "no nonce comes twice");
}

#[test]
fn the_key_file_and_the_keys_are_their_owners_alone() {
    let place = Folder::new();
    let _ = place.vault();
    for (path, mode) in [("keys", 0o700), ("keys/key", 0o600), ("keys/keys.json", 0o600)] {
        let found = fs::metadata(place.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
}

#[tokio::test]
async fn what_is_sealed_under_a_destroyed_key_is_gone_from_every_copy() {
    let place = Folder::new();
    let store = place.open().await;
    tell(&store).await;
    let copy = tempfile::tempdir().unwrap();
    // A copy of everything but the key file, and one of the key file: kept by whoever makes copies.
    let old_keys = fs::read(place.path().join("keys/keys.json")).unwrap();
    sqlx::query("VACUUM INTO ?")
        .bind(copy.path().join("casework.sqlite").display().to_string())
        .execute(&sqlx::SqlitePool::connect(&place.file().display().to_string()).await.unwrap())
        .await
        .unwrap();
    assert!(store.vault().destroy("sha256:aa").unwrap());
    assert!(!store.vault().destroy("sha256:aa").unwrap(), "only once");
    let lead = LeadId::new("2027Q1", 1);
    assert!(matches!(store.lead(&lead).await, Err(Error::KeyDestroyed { .. })));
    // The copy, opened with the keys as they are now.
    let restored = Sqlite::open(&copy.path().join("casework.sqlite"), place.vault()).await.unwrap();
    assert!(matches!(restored.lead(&lead).await, Err(Error::KeyDestroyed { .. })));
    // The copy, opened with the wrapped keys as they were: the key file is another one by now.
    fs::write(place.path().join("keys/keys.json"), old_keys).unwrap();
    let keeper = Keeper::File(place.path().join("keys/key"));
    let opened = Vault::open(&place.path().join("keys"), keeper, fixed_random);
    assert!(matches!(opened, Err(Error::KeyFile { .. })));
}

#[test]
fn an_agreement_whose_key_was_destroyed_never_gets_another() {
    let place = Folder::new();
    let vault = place.vault();
    let _ = vault.of("sha256:aa").unwrap();
    vault.destroy("sha256:aa").unwrap();
    assert!(matches!(vault.of("sha256:aa"), Err(Error::KeyDestroyed { .. })));
    assert!(matches!(place.vault().of("sha256:aa"), Err(Error::KeyDestroyed { .. })));
    let _ = vault.of("sha256:bb").unwrap();
}

#[test]
fn after_the_key_file_is_changed_everything_opens_as_before_and_the_old_file_opens_nothing() {
    let place = Folder::new();
    let ours = place.vault();
    let sealed = ours.of("sha256:aa").unwrap().seal("lead", "1", "case_id", b"C1").unwrap();
    let file = place.path().join("keys/key");
    let before = fs::read(&file).unwrap();
    ours.rotate().unwrap();
    assert_ne!(fs::read(&file).unwrap(), before);
    for again in [ours, place.vault()] {
        assert_eq!(again.open_cell("lead", "1", "case_id", &sealed).unwrap(), b"C1");
    }
    fs::write(&file, before).unwrap();
    let opened = Vault::open(&place.path().join("keys"), Keeper::File(file), fixed_random);
    assert!(matches!(opened, Err(Error::KeyFile { .. })));
}

#[test]
fn a_change_of_the_key_file_that_was_cut_short_loses_nothing() {
    let place = Folder::new();
    let sealed =
        place.vault().of("sha256:aa").unwrap().seal("lead", "1", "case_id", b"C1").unwrap();
    let file = place.path().join("keys/key");
    let before = fs::read_to_string(&file).unwrap();
    // Stopped after the new key was put before the old one, and nothing was wrapped anew.
    fs::write(&file, format!("{}\n{before}", "ab".repeat(32))).unwrap();
    let again = place.vault();
    assert_eq!(again.open_cell("lead", "1", "case_id", &sealed).unwrap(), b"C1");
    again.rotate().unwrap();
    assert_eq!(place.vault().open_cell("lead", "1", "case_id", &sealed).unwrap(), b"C1");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
}

#[test]
fn two_processes_make_one_key() {
    let place = Folder::new();
    let (one, other) = (place.vault(), place.vault());
    let sealed = one.of("sha256:aa").unwrap().seal("lead", "1", "case_id", b"C1").unwrap();
    assert_eq!(
        other.of("sha256:aa").unwrap().digest("c", "1"),
        one.of("sha256:aa").unwrap().digest("c", "1")
    );
    assert_eq!(other.open_cell("lead", "1", "case_id", &sealed).unwrap(), b"C1");
    assert!(one.destroy("sha256:aa").unwrap());
    assert!(matches!(other.of("sha256:aa"), Err(Error::KeyDestroyed { .. })));
}

#[test]
fn a_command_keeps_the_keys_and_its_failure_is_told() {
    let place = Folder::new();
    let script = place.path().join("kms");
    // It stands for a key management system: it wraps by turning the text round.
    fs::write(&script, "#!/bin/sh\n[ -e \"$(dirname \"$0\")/down\" ] && exit 3\nread line; printf 'w%s\\n' \"$line\" | sed 's/^ww//'\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let keys = place.path().join("kms-keys");
    let open =
        || Vault::open(&keys, Keeper::Command(vec![script.display().to_string()]), fixed_random);
    let sealed =
        open().unwrap().of("sha256:aa").unwrap().seal("lead", "1", "case_id", b"C1").unwrap();
    assert_eq!(open().unwrap().open_cell("lead", "1", "case_id", &sealed).unwrap(), b"C1");
    assert!(fs::read_to_string(keys.join("keys.json")).unwrap().contains("\"w"));
    fs::write(place.path().join("down"), "").unwrap();
    assert!(matches!(open(), Err(Error::KeyCommand { .. })));
    let none =
        Vault::open(&keys, Keeper::Command(vec!["/no/such/program".to_owned()]), fixed_random);
    assert!(matches!(none, Err(Error::KeyCommand { .. })));
}

#[test]
fn no_secret_shows_when_a_vault_is_printed() {
    let place = Folder::new();
    let vault = place.vault();
    let key = fs::read_to_string(place.path().join("keys/key")).unwrap();
    let shown = format!("{vault:?} {:?}", vault.of("sha256:aa").unwrap());
    assert!(!shown.contains(key.trim()) && !shown.contains("secret"), "{shown}");
    let command = Keeper::Command(vec!["kms".to_owned(), "password".to_owned()]);
    assert!(!format!("{command:?}").contains("password"));
}
