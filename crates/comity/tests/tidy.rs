//! Rules of the house that a program can check: which crate may know which, what a file begins with, words that are
//! not used, files that nothing includes, links that lead nowhere, dependencies without a reason.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says why and fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is there")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the tree") {
        let path = entry.expect("an entry of the folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "work" {
                found.extend(files(&path, ending));
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn manifest(krate: &str) -> toml::Table {
    read(&root().join("crates").join(krate).join("Cargo.toml")).parse().expect("a manifest")
}

#[test]
fn the_arrows_between_crates_point_one_way() {
    let allowed = BTreeMap::from([
        ("agreement", vec![]),
        ("ledger", vec![]),
        ("linkage", vec![]),
        ("casework", vec!["agreement"]),
        ("comity", vec!["agreement", "casework", "ledger", "linkage"]),
    ]);
    for (krate, may_know) in &allowed {
        let manifest = manifest(krate);
        let dependencies =
            manifest.get("dependencies").and_then(toml::Value::as_table).expect("dependencies");
        for other in dependencies.keys().map(String::as_str).filter(|key| allowed.contains_key(key))
        {
            assert!(
                may_know.contains(&other),
                "{krate} must not know {other}: ARCHITECTURE.md draws the arrows"
            );
        }
    }
}

#[test]
fn linkage_knows_no_law_and_law_knows_no_database_or_query_engine() {
    for (krate, foreign) in [
        ("linkage", vec!["cedar-policy", "sqlx"]),
        ("agreement", vec!["arrow-array", "arrow-schema", "datafusion", "sqlx", "tokio"]),
        ("casework", vec!["arrow-array", "datafusion", "cedar-policy"]),
        ("ledger", vec!["cedar-policy", "sqlx", "tokio", "arrow-array"]),
    ] {
        let manifest = manifest(krate);
        for name in foreign {
            let found = manifest.get("dependencies").and_then(|table| table.get(name));
            assert!(found.is_none(), "{krate} must not depend on {name}");
        }
    }
}

#[test]
fn linkage_takes_logarithms_powers_and_angles_from_one_file() {
    // The standard library's are the system's, whose last bit depends on the processor.
    let functions = [
        "ln", "ln_1p", "log", "log2", "log10", "exp", "exp2", "exp_m1", "powf", "powi", "sin",
        "cos", "tan", "sin_cos", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "cbrt",
        "hypot", "mul_add",
    ];
    let source = root().join("crates/linkage/src");
    for path in files(&source, ".rs") {
        if path.ends_with("elementary.rs") {
            continue;
        }
        let text = read(&path);
        for function in functions {
            let taken =
                [format!(".{function}("), format!("f64::{function}"), format!("f32::{function}")];
            let found = taken.iter().find(|taken| text.contains(taken.as_str()));
            assert_eq!(found, None, "{}: take that of elementary.rs", shown(&path));
        }
    }
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    for path in files(&root().join("crates"), ".rs") {
        let text = read(&path);
        let says = text.starts_with("//! ") || text.starts_with("#![doc = include_str!");
        assert!(says, "{} must begin with `//!` and say what it is for", shown(&path));
    }
}

#[test]
fn every_file_is_included_by_another() {
    for path in files(&root().join("crates"), ".rs") {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a file name").to_owned();
        let place = path.parent().expect("a folder");
        let is_root = ["lib", "main", "mod"].contains(&stem.as_str());
        let is_target = ["tests", "benches", "examples", "fuzz_targets"]
            .iter()
            .any(|folder| place.ends_with(folder));
        if is_root || is_target {
            continue;
        }
        let beside = files(place, ".rs").into_iter().filter(|other| other.parent() == Some(place));
        let above = [
            place.with_extension("rs"),
            place.join("lib.rs"),
            place.join("main.rs"),
            place.join("mod.rs"),
        ];
        let said = [format!("mod {stem};"), format!("mod {stem} {{")];
        let included = beside
            .chain(above)
            .filter(|other| other.exists() && *other != path)
            .any(|other| said.iter().any(|said| read(&other).contains(said.as_str())));
        assert!(included, "{}: no `mod {stem};` beside or above it", shown(&path));
    }
}

/// Words of the glossary's last column that have no other honest use here, with the word to use.
const NOT_USED: &[(&str, &str)] = &[
    ("alert", "lead"),
    ("bayesfactor", "weight"),
    ("blacklist", "say what the list is"),
    ("dossier", "case"),
    ("matchkey", "rule"),
    ("pipeline", "matching program, or path"),
    ("suspect", "lead"),
    ("tenant", "party"),
    ("triage", "review"),
    ("usecase", "purpose"),
    ("verdict", "decision"),
    ("whitelist", "say what the list is"),
    ("workflow", "say what happens"),
];

/// Splits text into words at every change of case, underscore or other sign: `matchKey` and `match_key` are two words.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut open, mut last_was_lower) = (false, false);
    for sign in text.chars() {
        if !sign.is_alphanumeric() {
            open = false;
            continue;
        }
        if !open || (sign.is_uppercase() && last_was_lower) {
            words.push(String::new());
            open = true;
        }
        last_was_lower = sign.is_lowercase();
        if let Some(word) = words.last_mut() {
            word.extend(sign.to_lowercase());
        }
    }
    words
}

fn banned_in(text: &str) -> Vec<&'static str> {
    let mut all = BTreeSet::new();
    // `match_key` is two words of one name; `match key` in code is Rust's keyword and a name.
    for name in text.split(|sign: char| !sign.is_alphanumeric() && sign != '_') {
        let words = words(name);
        all.extend(words.windows(2).map(<[String]>::concat));
        all.extend(words.iter().map(|word| word.trim_end_matches('s').to_owned()));
    }
    NOT_USED.iter().filter(|(banned, _)| all.contains(*banned)).map(|(banned, _)| *banned).collect()
}

#[test]
fn words_that_the_glossary_bans_are_not_used() {
    assert_eq!(
        banned_in("let matchKey = Tenants;"),
        ["matchkey", "tenant"],
        "the check itself works"
    );
    let this = Path::new(file!()).file_name();
    for path in files(&root().join("crates"), ".rs") {
        if path.file_name() == this {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            let banned = banned_in(line);
            assert!(
                banned.is_empty(),
                "{}:{}: {banned:?}: see GLOSSARY.md",
                shown(&path),
                number + 1
            );
        }
    }
}

#[test]
fn no_test_is_switched_off() {
    let switched_off = concat!("#[ign", "ore");
    for path in files(&root().join("crates"), ".rs") {
        assert!(
            !read(&path).contains(switched_off),
            "{}: assert today's answer instead",
            shown(&path)
        );
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for path in files(&root(), ".md") {
        let text = read(&path);
        for part in text.split("](").skip(1) {
            let target = part.split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let there = path.parent().expect("a folder").join(target);
            assert!(there.exists(), "{}: `{target}` is not there", shown(&path));
        }
    }
}

#[test]
fn every_dependency_says_why_it_is_there() {
    for path in files(&root().join("crates"), "Cargo.toml") {
        let text = read(&path);
        let (mut in_dependencies, mut explained) = (false, false);
        for line in text.lines() {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
                explained = false;
            } else if line.trim().is_empty() {
                explained = false;
            } else if line.trim_start().starts_with('#') {
                // A reason may stand over a few lines that belong together.
                explained = true;
            } else if in_dependencies {
                let said = explained || line.contains('#');
                assert!(said, "{}: `{line}` has no reason beside it", shown(&path));
            }
        }
    }
}

#[test]
fn the_readme_shows_commands_that_there_are() {
    let readme = read(&root().join("README.md"));
    let commands =
        fs::read_dir(root().join("crates/comity/src/cli")).expect("the commands").map(|entry| {
            let path = entry.expect("a command").path();
            path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned()
        });
    let commands: BTreeSet<String> = commands.collect();
    let mut shown = 0;
    for line in readme.lines().map(str::trim) {
        let rest =
            line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("comity "));
        if let Some(rest) = rest {
            let command = rest.split_whitespace().next().unwrap_or_default();
            assert!(
                commands.contains(&command.replace('-', "_")),
                "README.md: there is no `comity {command}`"
            );
            shown += 1;
        }
    }
    assert!(shown > 3, "README.md shows how it is used");
    assert!(root().join("test").exists() && readme.contains("./test"));
}

#[test]
fn architecture_stays_short_enough_to_read_in_one_sitting() {
    let lines = read(&root().join("ARCHITECTURE.md")).lines().count();
    assert!(lines < 300, "ARCHITECTURE.md has {lines} lines");
}
