//! Every system call that makes something durable fails once: with an error, with a full disk, with a short write,
//! or with the death of the program.
//!
//! `strace` makes a chosen call of the program fail, so that what runs is the program as it is and the system as it
//! is. Short writes are the kernel's own, at a limit of file size. Afterwards the next start must need no help, and
//! hold all that was acknowledged.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::crash::{How, Kind, Observer, told};

/// The calls by which a program changes what is stored.
const CALLS: [&str; 11] = [
    "openat",
    "mkdir",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "unlink",
    "rmdir",
    "flock",
];

/// Returns the program under `strace`, which must be installed.
pub(crate) fn traced(kind: Kind, place: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.arg("-f").args(options).arg("--").arg(env::current_exe().unwrap());
    told(&mut command, kind, How::Alone, place);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Runs the program to whatever end it comes to, and returns who heard what it told.
fn run(mut command: Command) -> Observer {
    let mut child = command.spawn().expect("install Debian's package strace");
    let mut observer = Observer::default();
    observer.listen(child.stdout.take().unwrap());
    child.wait().unwrap();
    observer
}

/// Finds the calls that touch the place: of each name, the how-manieth ones of their thread.
fn calls(kind: Kind) -> BTreeMap<&'static str, Vec<usize>> {
    let place = tempfile::tempdir().unwrap();
    let record = place.path().join("record");
    let inside = place.path().join("place");
    fs::create_dir(&inside).unwrap();
    let trace = format!("trace={}", CALLS.join(","));
    let observer =
        run(traced(kind, &inside, &["-y", "-e", &trace, "-o", record.to_str().unwrap()]));
    assert_eq!(
        observer.acknowledged.len(),
        6,
        "strace must be able to trace (ptrace may be forbidden)"
    );
    let (mut counts, mut found) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    for line in fs::read_to_string(&record).unwrap().lines() {
        let Some((thread, call)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let Some(name) =
            CALLS.into_iter().find(|name| call.trim_start().starts_with(&format!("{name}(")))
        else {
            continue;
        };
        let count = counts.entry((thread.to_owned(), name)).or_insert(0);
        *count += 1;
        if call.contains(inside.to_str().unwrap()) {
            found.entry(name).or_default().push(*count);
        }
    }
    found
}

fn inject(kind: Kind) {
    let long = env::var_os("COMITY_LONG").is_some();
    let calls = calls(kind);
    let written = if kind == Kind::Folder {
        ["write", "fsync", "rename"]
    } else {
        ["pwrite64", "fsync", "openat"]
    };
    for name in written {
        assert!(calls.contains_key(name), "{name} was never called: {calls:?}");
    }
    let mut cases = 0;
    for (name, times) in &calls {
        let faults: &[&str] = match *name {
            "unlink" | "rmdir" | "flock" => &["error=EIO", "signal=KILL"],
            _ => &["error=EIO", "error=ENOSPC", "signal=KILL"],
        };
        // All of them in the long run, else some of each call, from its first to its last.
        let step = if long { 1 } else { times.len().div_ceil(7) };
        for time in times.iter().step_by(step) {
            for fault in faults {
                let place = tempfile::tempdir().unwrap();
                let option = format!("inject={name}:{fault}:when={time}");
                let trace = format!("trace={name}");
                let mut observer = run(traced(
                    kind,
                    place.path(),
                    &["-o", "/dev/null", "-e", &trace, "-e", &option],
                ));
                let case = format!("{kind:?} {option}");
                observer.hold(kind, place.path(), &case);
                // It goes on from there.
                observer.listen(again(kind, place.path()).as_slice());
                observer.hold(kind, place.path(), &case);
                cases += 1;
            }
        }
    }
    println!("{kind:?}: {cases} faults in {} calls", calls.values().map(Vec::len).sum::<usize>());
    assert!(cases > 60, "only {cases} faults were injected: {calls:?}");
}

/// Runs the program without any fault, and returns what it told.
fn again(kind: Kind, place: &Path) -> Vec<u8> {
    let output = crate::crash::program(kind, How::Alone, place).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    output.stdout
}

#[test]
fn every_durability_call_may_fail_or_kill_a_program_with_a_folder() {
    inject(Kind::Folder);
}

#[test]
fn every_durability_call_may_fail_or_kill_a_program_with_sqlite() {
    inject(Kind::Sqlite);
}

#[test]
fn every_write_may_be_cut_short() {
    for kind in Kind::ALL {
        let (mut limits, mut stopped) = (0, 0);
        for blocks in (0..1200).step_by(if env::var_os("COMITY_LONG").is_some() { 7 } else { 37 }) {
            let place = tempfile::tempdir().unwrap();
            // The limit is of file size, in blocks of 512 bytes; what would pass it is written in part.
            let mut command = Command::new("sh");
            command
                .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")])
                .arg(env::current_exe().unwrap());
            told(&mut command, kind, How::Alone, place.path());
            command.stdout(Stdio::piped()).stderr(Stdio::null());
            let mut observer = run(command);
            limits += 1;
            stopped += u32::from(observer.acknowledged.len() < 6);
            let case = format!("{kind:?} {blocks} blocks");
            observer.hold(kind, place.path(), &case);
            observer.listen(again(kind, place.path()).as_slice());
            observer.hold(kind, place.path(), &case);
        }
        println!("{kind:?}: {limits} limits of file size, {stopped} struck");
        assert!(stopped > 3, "{kind:?}: only {stopped} limits struck");
    }
}
