//! The words that letters to individuals are made of, a language each.
//!
//! English and Spanish come with the program. A program's folder brings others, or an agency's own words for these, in
//! `letters/TAG.toml`, where TAG is the language's tag ([RFC 5646](https://www.rfc-editor.org/rfc/rfc5646)). Which languages
//! notices go out in is the agreement's to name (`notice.languages`); where it names none, all that there are are offered.
//! Words hold no fact: what was found, by when to answer and where stand in braces and are filled in.

use crate::{Error, program};
use agreement::{Agreement, Problem};
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// What comes with the program, in the order in which it is offered.
const OWN: [(&str, &str); 2] =
    [("en", include_str!("../letters/en.toml")), ("es", include_str!("../letters/es.toml"))];

/// A language, with its words.
pub(crate) type Language = Arc<Words>;

/// The words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    #[serde(skip)]
    code: String,
    /// The language's own name.
    name: String,
    months: [String; 12],
    date: String,
    /// What every letter has.
    pub(crate) both: Both,
    /// What was found, and how to contest it.
    pub(crate) notice: Notice,
    /// What was put right.
    pub(crate) correction: Correction,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Both {
    pub(crate) case: String,
    pub(crate) demonstration: String,
    pub(crate) online: String,
    pub(crate) in_person: String,
    pub(crate) next_code: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notice {
    pub(crate) subject: String,
    pub(crate) undecided: String,
    pub(crate) found_heading: String,
    pub(crate) compared: String,
    pub(crate) checked: String,
    pub(crate) confirmed_heading: String,
    pub(crate) outcome_heading: String,
    pub(crate) outcome: String,
    /// What the agency means to do, where no action is chosen yet.
    pub(crate) intends: String,
    pub(crate) contest_heading: String,
    pub(crate) time: String,
    pub(crate) rights: Vec<String>,
    pub(crate) code: String,
    pub(crate) why_heading: String,
    pub(crate) purpose: String,
    pub(crate) law: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correction {
    pub(crate) subject: String,
    pub(crate) wrong_heading: String,
    pub(crate) undone: String,
    pub(crate) apart: String,
    pub(crate) again: String,
    pub(crate) told_heading: String,
    pub(crate) told_nobody: String,
    pub(crate) told: String,
    pub(crate) contest_heading: String,
    pub(crate) contest: String,
    pub(crate) code: String,
    pub(crate) law: String,
}

impl Words {
    /// Returns its tag.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Returns its own name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Spells a day.
    pub(crate) fn date(&self, date: Date) -> String {
        let month = usize::try_from(date.month() - 1).ok().and_then(|month| self.months.get(month));
        let (day, year) = (date.day().to_string(), date.year().to_string());
        let month = month.map_or("", String::as_str);
        fill(&self.date, &[("day", &day), ("month", month), ("year", &year)])
    }

    /// Every sentence, where it stands, and what it must have in braces.
    fn sentences(&self) -> Vec<(&'static str, &str, &'static [&'static str])> {
        let Words { both, notice, correction, .. } = self;
        let mut all: Vec<(&'static str, &str, &'static [&'static str])> = vec![
            ("name", &self.name, &[]),
            ("date", &self.date, &["day", "month", "year"]),
            ("both.case", &both.case, &["case"]),
            ("both.demonstration", &both.demonstration, &[]),
            ("both.online", &both.online, &["door"]),
            ("both.in_person", &both.in_person, &["address"]),
            ("both.next_code", &both.next_code, &[]),
            ("notice.subject", &notice.subject, &[]),
            ("notice.undecided", &notice.undecided, &[]),
            ("notice.found_heading", &notice.found_heading, &[]),
            ("notice.compared", &notice.compared, &["source"]),
            ("notice.checked", &notice.checked, &[]),
            ("notice.confirmed_heading", &notice.confirmed_heading, &[]),
            ("notice.outcome_heading", &notice.outcome_heading, &[]),
            ("notice.outcome", &notice.outcome, &["intends", "last_day"]),
            ("notice.intends", &notice.intends, &[]),
            ("notice.contest_heading", &notice.contest_heading, &[]),
            ("notice.time", &notice.time, &["days", "last_day"]),
            ("notice.code", &notice.code, &["number"]),
            ("notice.why_heading", &notice.why_heading, &[]),
            ("notice.purpose", &notice.purpose, &["purpose"]),
            ("notice.law", &notice.law, &["law"]),
            ("correction.subject", &correction.subject, &[]),
            ("correction.wrong_heading", &correction.wrong_heading, &[]),
            ("correction.undone", &correction.undone, &[]),
            ("correction.apart", &correction.apart, &[]),
            ("correction.again", &correction.again, &["number"]),
            ("correction.told_heading", &correction.told_heading, &[]),
            ("correction.told_nobody", &correction.told_nobody, &[]),
            ("correction.told", &correction.told, &[]),
            ("correction.contest_heading", &correction.contest_heading, &[]),
            ("correction.contest", &correction.contest, &[]),
            ("correction.code", &correction.code, &["number"]),
            ("correction.law", &correction.law, &[]),
        ];
        let none: &'static [&'static str] = &[];
        all.extend(notice.rights.iter().map(|one| ("notice.rights", one.as_str(), none)));
        all.extend(self.months.iter().map(|one| ("months", one.as_str(), none)));
        all
    }

    /// Reads the words of a language, and says all that is wrong with them.
    fn read(code: &str, file: &str, text: &str) -> Result<Language, Vec<Problem>> {
        let problem = |(line, column), what: String, remedy: String| Problem {
            file: file.to_owned(),
            line,
            column,
            what,
            cite: None,
            remedy,
        };
        let mut words: Words = toml::from_str(text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(text);
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            let column = before.get(start..).map_or(0, |line| line.chars().count()) + 1;
            let place = (before.matches('\n').count() + 1, column);
            let what = format!("cannot be read: {}", error.message());
            vec![problem(place, what, "compare the file with letters/en.toml of comity".into())]
        })?;
        code.clone_into(&mut words.code);
        let mut problems = Vec::new();
        if words.notice.rights.is_empty() {
            let what = "`notice.rights` says nothing".to_owned();
            let remedy = "say that there is a hearing, and what can be seen and sent".to_owned();
            problems.push(problem(place_of(text, "notice.rights"), what, remedy));
        }
        for (key, sentence, asked) in words.sentences() {
            let place = || place_of(text, key);
            if sentence.trim().is_empty() {
                let what = format!("`{key}` says nothing");
                problems.push(problem(
                    place(),
                    what,
                    "write what letters/en.toml says there".into(),
                ));
                continue;
            }
            let found = braces(sentence);
            for name in asked.iter().filter(|name| !found.contains(**name)) {
                let what = format!("`{key}` does not say {{{name}}}");
                problems.push(problem(place(), what, format!("write {{{name}}} where it belongs")));
            }
            for name in found.iter().filter(|name| !asked.contains(name)) {
                let what = format!("`{key}` has {{{name}}}, and nothing fills that in");
                let remedy = match asked {
                    [] => "nothing is filled in there: leave it out".to_owned(),
                    some => format!("it can have {{{}}}", some.join("} and {")),
                };
                problems.push(problem(place(), what, remedy));
            }
        }
        if problems.is_empty() { Ok(Arc::new(words)) } else { Err(problems) }
    }
}

/// The languages of a program's letters.
#[derive(Clone, Debug)]
pub(crate) struct Letters {
    known: BTreeMap<String, Language>,
    /// The agreement's first.
    first: Language,
    others: Vec<Language>,
    /// The languages that the agreement names and nobody wrote the words of.
    lacking: Vec<Problem>,
}

impl Letters {
    /// Reads the letters of a program's folder, and takes those that the agreement names.
    ///
    /// # Errors
    /// A file cannot be read; or what is wrong in any of them.
    pub(crate) fn load(folder: &Path, agreement: &Agreement) -> Result<Letters, Error> {
        let mut known = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        let mut problems = Vec::new();
        let mut take = |code: &str, file: &str, text: &str| {
            match Words::read(code, file, text) {
                Ok(words) => known.insert(code.to_owned(), words),
                Err(wrong) => {
                    problems.extend(wrong);
                    None
                }
            };
            if !order.iter().any(|one| one == code) {
                order.push(code.to_owned());
            }
        };
        for (code, text) in OWN {
            take(code, &format!("letters/{code}.toml"), text);
        }
        for path in program::listed(&folder.join("letters"))? {
            let code = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            take(&code, &path.display().to_string(), &program::read(&path)?);
        }
        let named = &agreement.notice.languages;
        let wanted = if named.is_empty() { &order } else { named };
        let there = order.join(", ");
        let lacking = wanted.iter().filter(|code| !order.contains(code)).map(|code| Problem {
            file: folder.join("agreement.toml").display().to_string(),
            line: 1,
            column: 1,
            what: format!(
                "`notice.languages` names `{code}`, and there is no letter in it: there are {there}"
            ),
            cite: Some("5 U.S.C. 552a(p)(1)(B)".to_owned()),
            remedy: format!(
                "put the words into `letters/{code}.toml` beside the agreement, as letters/en.toml of comity has them"
            ),
        });
        let lacking = lacking.collect();
        let mut offered = wanted.iter().chain(&order).filter_map(|code| known.get(code).cloned());
        match (offered.next(), problems.is_empty()) {
            (Some(first), true) => {
                let named = wanted.iter().filter_map(|code| known.get(code).cloned());
                let others = named.skip(1).collect();
                Ok(Letters { known, first, others, lacking })
            }
            _ => Err(Error::Problems { problems }),
        }
    }

    /// Says which languages that the agreement names have no letter. Whoever sends notices needs all of them.
    pub(crate) fn lacking(&self) -> &[Problem] {
        &self.lacking
    }

    /// Returns the language that stands first.
    pub(crate) fn first(&self) -> &Language {
        &self.first
    }

    /// Returns the languages that a letter can be written in.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &Language> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns a language that a letter can be written in.
    pub(crate) fn offer(&self, code: &str) -> Option<&Language> {
        self.offered().find(|one| one.code() == code)
    }

    /// Returns a language that a letter was written in, offered or not.
    pub(crate) fn of(&self, code: &str) -> Option<&Language> {
        self.known.get(code)
    }
}

/// Fills in what a sentence has in braces. What is filled in isn't looked at again.
pub(crate) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, after)| {
            Some((values.iter().find(|(one, _)| *one == name)?.1, after))
        });
        let (value, after) = value.unwrap_or(("{", after));
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Returns the names that a sentence has in braces.
fn braces(sentence: &str) -> BTreeSet<&str> {
    sentence.split('{').skip(1).map(|part| part.split('}').next().unwrap_or_default()).collect()
}

/// Returns line and column, from 1, of a key of a file of words; the file's beginning where it is not found.
fn place_of(text: &str, key: &str) -> (usize, usize) {
    let (table, key) = key.split_once('.').unwrap_or(("", key));
    let mut current = "";
    for (line, words) in text.lines().enumerate() {
        if let Some(header) = words.trim().strip_prefix('[').and_then(|one| one.strip_suffix(']')) {
            current = header;
        } else if current == table
            && words.split_once('=').is_some_and(|(name, _)| name.trim() == key)
        {
            return (line + 1, 1);
        }
    }
    (1, 1)
}

/// Returns the languages that come with the program.
#[cfg(test)]
pub(crate) fn own() -> Vec<Language> {
    let read = |(code, text): (&str, &str)| Words::read(code, "", text).expect("they are tested");
    OWN.map(read).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn agreement() -> Agreement {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/benefits/agreement.toml");
        let text = fs::read_to_string(path).unwrap();
        Agreement::read(&text, "agreement.toml").unwrap()
    }

    fn said(folder: &Path, agreement: &Agreement) -> String {
        match Letters::load(folder, agreement) {
            Ok(letters) => {
                let offered: Vec<_> = letters.offered().map(|one| one.code()).collect();
                let lacking = letters.lacking().iter().map(ToString::to_string);
                format!("{offered:?}{}", lacking.collect::<String>())
            }
            Err(Error::Problems { problems }) => {
                problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            }
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn letters_go_out_in_the_languages_that_the_agreement_names_the_first_first() {
        let place = tempfile::tempdir().unwrap();
        let mut agreement = agreement();
        agreement.notice.languages = Vec::new();
        assert_eq!(said(place.path(), &agreement), r#"["en", "es"]"#);
        agreement.notice.languages = vec!["es".into()];
        assert_eq!(said(place.path(), &agreement), r#"["es"]"#);
        let letters = Letters::load(place.path(), &agreement).unwrap();
        assert!(letters.offer("en").is_none());
        // A letter that was drafted before the agreement was renewed can still be read.
        assert_eq!(letters.of("en").unwrap().name(), "English");
    }

    #[test]
    fn a_folder_brings_a_language_of_its_own() {
        let place = tempfile::tempdir().unwrap();
        let mut agreement = agreement();
        agreement.notice.languages = vec!["en".into(), "fr".into()];
        let missing = said(place.path(), &agreement);
        assert!(missing.contains("names `fr`, and there is no letter in it: there are en, es"));
        assert!(missing.contains("put the words into `letters/fr.toml`"), "{missing}");
        fs::create_dir(place.path().join("letters")).unwrap();
        let french = OWN[0].1.replace("\"English\"", "\"Français\"");
        fs::write(place.path().join("letters/fr.toml"), french).unwrap();
        assert_eq!(said(place.path(), &agreement), r#"["en", "fr"]"#);
    }

    #[test]
    fn what_is_wrong_with_a_folders_words_is_said_all_at_once_with_its_line() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("letters")).unwrap();
        let wrong = OWN[0]
            .1
            .replace("{last_day}. We", "soon. We")
            .replace("to {address}", "")
            .replace("{address}", "{adress}")
            .replace("\"Who is told\"", "\" \"");
        let file = place.path().join("letters/en.toml");
        fs::write(&file, wrong).unwrap();
        let text = said(place.path(), &agreement());
        let line = |words: &str| 1 + OWN[0].1.lines().position(|one| one.contains(words)).unwrap();
        for (key, problem) in [
            ("in_person =", "`both.in_person` does not say {address}"),
            ("in_person =", "`both.in_person` has {adress}, and nothing fills that in"),
            ("told_heading =", "`correction.told_heading` says nothing"),
        ] {
            let expected = format!("{}:{}:1: {problem}", file.display(), line(key));
            assert!(text.contains(&expected), "{expected}\n{text}");
        }
        fs::write(&file, "name = 3").unwrap();
        let text = said(place.path(), &agreement());
        assert!(text.contains("en.toml:1:8: cannot be read"), "{text}");
    }

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        let values = [("a", "{b}"), ("b", "2")];
        assert_eq!(fill("{a} and {b}, {c} {", &values), "{b} and 2, {c} {");
    }

    #[test]
    fn a_day_is_spelled_as_its_language_spells_it() {
        let letters = Letters::load(
            Path::new("nowhere"),
            &Agreement {
                notice: agreement::Notice { languages: Vec::new(), ..agreement().notice },
                ..agreement()
            },
        )
        .unwrap();
        let day = jiff::civil::date(2027, 5, 2);
        let spelled: Vec<_> = letters.offered().map(|one| one.date(day)).collect();
        assert_eq!(spelled, ["2 May 2027", "2 de mayo de 2027"]);
    }
}
