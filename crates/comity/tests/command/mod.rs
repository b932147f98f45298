//! The program as a user has it: the worked example, or a part of it, in a temporary folder, and the real binary
//! called there with words, under a fixed clock.

#![expect(
    dead_code,
    unreachable_pub,
    reason = "each test file uses what it needs, and none is part of an interface"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says why and fails"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// When the tests take place, unless they say otherwise.
pub const NOW: &str = "2027-04-02T09:00:00Z";

/// The signers of the example: the file of each one's secret, and the key in the agreement it takes the place of.
pub const SIGNERS: [(&str, &str, &str); 3] = [
    (
        "payroll.secret",
        "--as payroll-administration",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    ),
    (
        "board.secret",
        "--as payroll-administration --board",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    ),
    (
        "support.secret",
        "--as family-support",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ),
];

/// A temporary folder with a program in `benefits`.
pub struct Desk {
    folder: tempfile::TempDir,
}

/// What the program said, and how it ended.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Desk {
    /// The worked example as it ships.
    pub fn whole() -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        desk.restore();
        desk
    }

    /// The worked example with the first 500 records of each file: fourteen leads, all in the pilot.
    pub fn small() -> Desk {
        let desk = Desk::whole();
        desk.cut();
        desk
    }

    /// Another copy of what is here.
    pub fn copied(&self) -> Desk {
        let copy = Desk { folder: tempfile::tempdir().unwrap() };
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }

    fn cut(&self) {
        for file in ["benefits/payroll.csv", "benefits/caseload.csv"] {
            let text = self.read(file);
            let kept: String = text.split_inclusive('\n').take(501).collect();
            self.write(file, kept);
        }
    }

    fn restore(&self) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/benefits");
        let here = self.path("benefits");
        fs::create_dir_all(&here).unwrap();
        for entry in fs::read_dir(example).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, here.join(path.file_name().unwrap())).unwrap();
            }
        }
    }

    /// Puts the program's own files back as [`Desk::small`] has them; what a run left behind stays.
    pub fn mend(&self) {
        self.restore();
        self.cut();
    }

    /// Makes of the example what its parties would set up: no demonstration, keys of their own, signed before it begins.
    pub fn sign(&self) {
        self.edit("benefits/agreement.toml", "demonstration = true\n", "");
        for (secret, _, drafted) in SIGNERS {
            let made = self.call(&format!("key new {secret} --test --json")).well().json();
            let public = made["public"].as_str().unwrap();
            self.edit("benefits/agreement.toml", &format!("test-ed25519:{drafted}"), public);
        }
        // Publications are of one agreement and say of which.
        let checked = self.call("check benefits --json").json();
        let agreement = checked["agreement"].as_str().unwrap();
        let publications = self.read("benefits/publications.toml");
        let named = format!("agreement = \"{agreement}\"\n{publications}");
        self.write("benefits/publications.toml", named);
        for (secret, signer, _) in SIGNERS {
            let words = format!("sign benefits --key {secret} {signer}");
            self.call_at("2026-10-01T09:00:00Z", &words).well();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// Replaces a text that stands in a file once or more often.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "`{from}` is not in {name}");
        self.write(name, text.replace(from, to));
    }

    /// The names of the files right in a folder, in order.
    pub fn list(&self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(name))
            .map(|entries| {
                entries
                    .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                    .collect()
            })
            .unwrap_or_default();
        names.sort();
        names
    }

    /// Calls the program with words, at the usual time.
    pub fn call(&self, words: &str) -> Said {
        self.call_at(NOW, words)
    }

    /// Calls the program with words, at an instant.
    pub fn call_at(&self, now: &str, words: &str) -> Said {
        self.call_with(&format!("--now {now} {words}").split(' ').collect::<Vec<_>>())
    }

    /// Calls the program with these words and no others.
    pub fn call_with(&self, words: &[&str]) -> Said {
        let mut command = self.command(env!("CARGO_BIN_EXE_comity"));
        command.args(words);
        Said::of(command.output().unwrap())
    }

    /// Calls the program from a shell that does something first, at the usual time.
    pub fn call_after(&self, first: &str, words: &str) -> Said {
        let mut command = self.command("bash");
        let script = format!("{first}; exec \"$0\" --now {NOW} {words}");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_comity")]);
        Said::of(command.output().unwrap())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Cargo's own variable decides how the next command is shown.
        command.current_dir(self.folder.path()).env_remove("CARGO").env("NO_COLOR", "1");
        command
    }
}

impl Said {
    fn of(output: Output) -> Said {
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Requires that it went well.
    #[track_caller]
    pub fn well(self) -> Said {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// What was printed as JSON: exactly one value, and nothing on standard error.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.err, "", "with --json everything is on standard output");
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("not one JSON value: {error}\n{}", self.out))
    }

    /// Everything that was said and the exit code, with what differs from time to time left out.
    pub fn shown(&self) -> String {
        let mut text = settled(&self.out);
        if !self.err.is_empty() {
            text.push_str("--- standard error\n");
            text.push_str(&settled(&self.err));
        }
        text + &format!("--- exit code {}\n", self.code)
    }

    /// Requires that every line fits a terminal of 80 columns, apart from paths and digests.
    #[track_caller]
    pub fn fits(&self) {
        for line in self.out.lines() {
            assert_eq!(line, line.trim_end(), "blanks at the end of a line");
            let longest = line.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
            let is_wide = line.chars().count() > 80 && longest < 60;
            assert!(!is_wide, "wider than 80 columns: {line}");
        }
    }
}

/// Leaves out digests, keys and roots, which differ from run to run where keys are thrown away.
fn settled(text: &str) -> String {
    let mut shown = String::new();
    let is_digit = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/' || c == '=';
    for piece in text.split_inclusive(|c: char| !is_digit(c)) {
        let word = piece.trim_end_matches(|c: char| !is_digit(c));
        let is_hex = word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
        let is_base64 = word.len() == 44 && word.ends_with('=');
        if is_hex || is_base64 {
            shown.push_str(if is_hex { "<digest>" } else { "<root>" });
            shown.push_str(&piece[word.len()..]);
        } else {
            shown.push_str(piece);
        }
    }
    shown
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &name);
        } else {
            fs::copy(&path, &name).unwrap();
        }
    }
}
