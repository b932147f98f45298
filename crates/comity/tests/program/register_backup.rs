//! The register of requests in a backup: it comes back where it was lost, and never over one that has grown since.

use super::keeping::holds;
use super::look_up::{
    asked, complete, id_of, piloted, piloted_counting_in, rows, verifier, watched,
};
use super::place::{Nobody, Place, at};
use super::register::{audited, copy_all};
use comity::Error;
use comity::audit::hold_against;
use comity::backup::{Contents, Copied, backup, contents_of};
use comity::node::Places;
use comity::register::Register;
use comity::restore::{PutBack, check_register, restore, restore_register};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A program that has asked about one person, its register, and a backup of both.
struct BackedUp {
    folder: TempDir,
    place: Place,
    rows: Vec<Vec<String>>,
    contents: Contents,
}

impl BackedUp {
    async fn made() -> BackedUp {
        let folder = TempDir::new().unwrap();
        let place = Box::pin(piloted_counting_in(&folder.path().join("requests"))).await;
        let program = place.program(at(1));
        Register::begin(&program, &place.places()).await.unwrap();
        let rows: Vec<Vec<String>> = complete(&place).into_values().collect();
        ask(&place, &rows[0], 2).await;
        let mut node = place.node(at(3)).await;
        let contents = backup(&program, &mut node, &folder.path().join("backup")).await.unwrap();
        drop(node);
        BackedUp { folder, place, rows, contents }
    }

    fn register(&self) -> PathBuf {
        self.folder.path().join("requests")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    fn copied(&self) -> &Copied {
        self.contents.register.as_ref().unwrap()
    }

    fn put_back(&self) -> Result<PutBack, Error> {
        restore_register(&Places::under(self.register()), &self.backup(), self.copied())
    }

    /// Takes away what a lost disk would have held: all but the keys and the anchor, which are kept elsewhere.
    fn lose(&self) {
        fs::remove_dir_all(self.register().join("ledger")).unwrap();
        fs::remove_file(self.register().join("ledger.vkey")).unwrap();
    }
}

async fn ask(place: &Place, row: &Vec<String>, minute: i64) -> String {
    id_of(&asked(place, &verifier("dana"), &rows(place, [row]), at(minute)).await)
}

#[tokio::test]
async fn the_register_of_requests_comes_back_from_a_backup_and_goes_on_and_no_key_is_in_it() {
    let made = Box::pin(BackedUp::made()).await;
    assert_eq!(made.copied().entries, 1);
    assert_eq!(made.contents, contents_of(&made.backup()).unwrap());
    for key in ["ledger.secret", "officers.secret"] {
        let key = fs::read_to_string(made.register().join("keys").join(key)).unwrap();
        assert!(!holds(&made.backup(), key.trim()));
    }
    let before = audited(&Places::under(made.register()));
    made.lose();
    assert_eq!(made.put_back().unwrap(), PutBack::Restored);
    let after = audited(&Places::under(made.register()));
    assert_eq!((&after.root, &after.proved), (&before.root, &before.proved));
    let mut program = made.place.audit();
    hold_against(&mut program, &after);
    assert!(program.is_sound(), "{program:#?}");
    assert_eq!(ask(&made.place, &made.rows[1], 4).await, "look-up-2");
    // A backup in which a file of the register was changed is none.
    fs::write(made.backup().join("requests/ledger/checkpoint"), "another").unwrap();
    let damaged = contents_of(&made.backup());
    assert!(matches!(damaged, Err(Error::BackupDamaged { .. })), "{damaged:?}");
}

#[tokio::test]
async fn a_register_that_has_grown_since_stays_and_an_older_or_another_one_is_not_written_over() {
    let made = Box::pin(BackedUp::made()).await;
    assert_eq!(made.put_back().unwrap(), PutBack::Kept, "it is the same");
    ask(&made.place, &made.rows[1], 4).await;
    assert_eq!(made.put_back().unwrap(), PutBack::Kept, "it has grown");
    let entered = audited(&Places::under(made.register())).entries;
    assert!(entered > made.copied().entries, "{entered}");
    let grown = made.folder.path().join("grown");
    copy_all(&made.register(), &grown);
    // One that was put back over what was lost since is found by the anchor, and nobody is looked up.
    made.lose();
    assert_eq!(made.put_back().unwrap(), PutBack::Restored);
    let named = rows(&made.place, [&made.rows[2]]);
    let error = watched(&made.place, &verifier("dana"), &named, at(5), &mut Nobody).await;
    assert!(
        matches!(error, Err(Error::Ledger(ledger::Error::RolledBack { size: 1, anchored })) if anchored == entered),
        "{error:?}"
    );
    // One that lacks what the backup holds is neither taken nor written over.
    let later = made.folder.path().join("later");
    fs::remove_dir_all(made.register()).unwrap();
    copy_all(&grown, &made.register());
    let program = made.place.program(at(5));
    let mut node = made.place.node(at(5)).await;
    let contents = backup(&program, &mut node, &later).await.unwrap();
    drop(node);
    fs::remove_dir_all(made.register().join("ledger")).unwrap();
    copy_all(&made.backup().join("requests/ledger"), &made.register().join("ledger"));
    let place = Places::under(made.register());
    let older = restore_register(&place, &later, contents.register.as_ref().unwrap());
    assert!(
        matches!(older, Err(Error::RegisterNotContinued { entries, .. }) if entries == entered),
        "{older:?}"
    );
    assert_eq!(audited(&place).entries, 1, "nothing was written over");
    // Nor is another recipient's.
    let elsewhere = Places::under(made.folder.path().join("elsewhere"));
    let party = "housing".parse().unwrap();
    let other = Register::begin_for(&party, agreement::Environment::Test, elsewhere.clone()).await;
    drop(other.unwrap());
    let other = restore_register(&elsewhere, &made.backup(), made.copied());
    assert!(matches!(other, Err(Error::OtherRegister { .. })), "{other:?}");
    // And where its keys are not, it would be of no use.
    let nowhere = Places::under(made.folder.path().join("nowhere"));
    let without = restore_register(&nowhere, &made.backup(), made.copied());
    assert!(matches!(without, Err(Error::NoKeys { .. })), "{without:?}");
    assert!(!nowhere.root().exists());
}

#[tokio::test]
async fn a_backup_takes_the_rest_where_the_register_lacks_what_was_entered_or_is_lost_and_says_why()
{
    let made = Box::pin(BackedUp::made()).await;
    ask(&made.place, &made.rows[1], 4).await;
    for folder in ["ledger", "anchor"] {
        fs::remove_dir_all(made.register().join(folder)).unwrap();
    }
    copy_all(&made.backup().join("requests/ledger"), &made.register().join("ledger"));
    copy_all(&made.backup().join("requests/ledger"), &made.register().join("anchor"));
    let program = made.place.program(at(5));
    let mut node = made.place.node(at(5)).await;
    let again = made.folder.path().join("again");
    let behind = backup(&program, &mut node, &again).await.unwrap();
    assert_eq!(behind.register, None);
    let why = behind.register_left_out.clone().unwrap_or_default();
    assert!(why.contains("requests") && why.contains('2'), "it lacks matter 2: {why}");
    assert!(!again.join("requests").exists());
    fs::remove_dir_all(made.register()).unwrap();
    let later = made.folder.path().join("later");
    let lost = backup(&program, &mut node, &later).await.unwrap();
    let why = lost.register_left_out.clone().unwrap_or_default();
    assert!(why.contains("there is no register of requests"), "{why}");
    assert!(!made.register().exists(), "none is begun by it");
    drop(node);
    // What was taken is whole, and comes back.
    assert_eq!(contents_of(&later).unwrap(), lost);
    let entries = made.place.audit().entries;
    lose_program(&made.place.places());
    assert_eq!(restore(&made.place.places(), &later).await.unwrap().entries, entries);
    assert_eq!(made.place.audit().entries, entries);
}

fn lose_program(places: &Places) {
    for item in fs::read_dir(places.root()).unwrap() {
        let path = item.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("casework.") || name.starts_with("report-") || name == "ledger.vkey" {
            fs::remove_file(path).unwrap();
        }
    }
    fs::remove_dir_all(places.ledger()).unwrap();
}

#[tokio::test]
async fn a_backup_begins_no_register_of_a_demonstration() {
    let place = piloted().await;
    let requests = place.out.join("requests");
    assert!(!requests.join("ledger").exists());
    let folder = TempDir::new().unwrap();
    let mut node = place.node(at(2)).await;
    let contents = backup(&place.program(at(2)), &mut node, folder.path()).await.unwrap();
    assert_eq!((contents.register, contents.register_left_out), (None, None));
    assert!(!requests.join("ledger").exists());
}

#[tokio::test]
async fn a_register_whose_restore_broke_off_is_restored_by_the_next() {
    let made = Box::pin(BackedUp::made()).await;
    made.lose();
    // It breaks off where a file cannot be read.
    let broken = made.backup().join("requests/ledger/zzz");
    std::os::unix::fs::symlink("nowhere", &broken).unwrap();
    made.put_back().unwrap_err();
    assert!(!made.register().join("ledger").exists(), "nothing was put anywhere");
    fs::remove_file(broken).unwrap();
    assert_eq!(made.put_back().unwrap(), PutBack::Restored);
    let mut left = fs::read_dir(made.register()).unwrap();
    assert!(left.all(|item| item.unwrap().file_name() != "restoring"), "nothing is left aside");
    assert_eq!(ask(&made.place, &made.rows[1], 4).await, "look-up-2");
}

#[tokio::test]
async fn whether_a_register_can_be_put_back_is_said_without_writing_anything() {
    let made = Box::pin(BackedUp::made()).await;
    let check = || check_register(&Places::under(made.register()), &made.backup(), made.copied());
    assert_eq!(check().unwrap(), PutBack::Kept);
    made.lose();
    assert_eq!(check().unwrap(), PutBack::Restored);
    assert!(!made.register().join("ledger").exists());
    // One that was changed, with a list of contents to fit, is still not what was signed.
    let checkpoint = made.backup().join("requests/ledger/checkpoint");
    let text = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, text.replacen("\n1\n", "\n2\n", 1)).unwrap();
    let changed = check();
    assert!(matches!(changed, Err(Error::BackupDamaged { .. })), "{changed:?}");
}
