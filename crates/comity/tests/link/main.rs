//! `comity link` through the real binary, on small synthetic files: the commands of the guides as they stand there, what
//! must come out the same however it is asked for, what is refused, and what is said of bad input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says why and fails")]

mod clusters;
#[path = "../command/mod.rs"]
mod command;
mod evaluate;
mod find;
mod guides;
#[cfg(feature = "plan")]
mod memory;
mod pairs;
mod refused;
mod training;

use command::{Desk, Said};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

const FILES: &str = "people/payroll.csv people/caseload.csv --id id";

fn guide(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides").join(name);
    fs::read_to_string(path).unwrap()
}

/// The pieces of a guide between fences of a kind.
fn fenced<'g>(guide: &'g str, kind: &str) -> Vec<&'g str> {
    let fence = format!("```{kind}\n");
    guide.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The words of each command in a guide, without the program's name.
fn commands(guide: &str) -> Vec<&str> {
    let lines = fenced(guide, "sh").into_iter().flat_map(str::lines);
    lines.map(|line| line.strip_prefix("comity ").unwrap()).collect()
}

/// Two files, a recipe and the model trained by it; each test takes its own copy.
fn trained() -> Desk {
    static TRAINED: OnceLock<Desk> = OnceLock::new();
    TRAINED
        .get_or_init(|| {
            let desk = Desk::whole();
            let text = guide("first-link.md");
            desk.call(&commands(&text)[0].replace("2000", "600")).well();
            desk.write("recipe.toml", fenced(&text, "toml")[0]);
            desk.call(&format!("link train recipe.toml {FILES}")).well();
            desk
        })
        .copied()
}

fn first_pair(desk: &Desk) -> (String, String) {
    let text = desk.read("pairs.csv");
    let mut fields = text.lines().nth(1).unwrap().split(',').map(str::to_owned);
    (fields.next().unwrap(), fields.next().unwrap())
}

/// The first record of the source's file and two of the recipient's.
fn one_and_two(desk: &Desk) -> (String, [String; 2]) {
    (record(desk, "payroll", 1), [1, 2].map(|row| record(desk, "caseload", row)))
}

/// The id of a row of a file.
fn record(desk: &Desk, file: &str, row: usize) -> String {
    let text = desk.read(&format!("people/{file}.csv"));
    text.lines().nth(row).unwrap().split(',').next().unwrap().to_owned()
}

/// The lines of a file of pairs after its header, each cut at its commas.
fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// What both files say of each id: who it is.
fn people(desk: &Desk, file: &str) -> std::collections::BTreeMap<String, String> {
    let text = desk.read(file);
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let place = |name: &str| header.iter().position(|one| *one == name).unwrap();
    let (id, truth) = (place("id"), place("truth_person"));
    rows(&text).into_iter().map(|row| (row[id].clone(), row[truth].clone())).collect()
}

#[track_caller]
fn fails(said: &Said, words: &[&str]) {
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    for word in words {
        assert!(said.err.contains(word), "`{word}` is not in: {}", said.err);
    }
    assert!(said.err.starts_with("error: ") && !said.err.contains("panicked"), "{}", said.err);
}
