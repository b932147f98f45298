//! The notice as a letter: what was found, from where, that nothing is decided, how to contest and by when, in plain
//! words, in the language chosen. Steps 11 and 12 of the path. The words are `letters`'; how they follow one another is
//! here.
//!
//! [5 U.S.C. 552a(p)(1)(B)](https://www.law.cornell.edu/uscode/text/5/552a): the individual is given the findings and told
//! of the opportunity to contest. One text serves the page, its print and the PDF, so that the three can't differ. The
//! letter's digest is what the notice's step names; its text is personal and stays in the case store.

mod pdf;

pub(crate) use pdf::pdf;

use crate::letters::{Words, fill};
use agreement::NoticePart;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt;

/// What a letter says. It is about a person: `Debug` shows nothing of it.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    /// The agency that writes.
    pub(crate) agency: String,
    /// Where it can be reached.
    pub(crate) agency_address: String,
    /// Whom it is written to: the name, and where it is sent, a line each.
    pub(crate) addressee: Vec<String>,
    /// The agency's own number of the case.
    pub(crate) case_id: String,
    /// The letter's own number, which the person's door asks for.
    pub(crate) number: String,
    /// The day it is dated.
    pub(crate) dated: String,
    /// The source of the records.
    pub(crate) source: String,
    /// The law that the exchange rests on.
    pub(crate) authority: String,
    /// Why the records are compared.
    pub(crate) purpose: String,
    /// What was found: names with values.
    pub(crate) found: Vec<(String, String)>,
    /// What was confirmed, in the officer's words.
    pub(crate) confirmed: String,
    /// Who confirmed it, beyond the records that were compared.
    pub(crate) sources: Vec<String>,
    /// What the agency means to do.
    pub(crate) intends: String,
    /// The last day to answer.
    pub(crate) answer_by: String,
    /// How many days that is.
    pub(crate) days: u32,
    /// Of a correction: what was wrong and what is right, in the officer's words.
    pub(crate) corrected: String,
    /// Of a correction: everybody who is told.
    pub(crate) told: Vec<String>,
    /// Of a correction: whether the other record is of somebody else.
    pub(crate) is_anothers: bool,
    /// Of a correction: whether an action was undone.
    pub(crate) is_undone: bool,
    /// Where to answer, by which code.
    pub(crate) door: String,
    pub(crate) code: Option<String>,
    /// Whether all of it is made up.
    pub(crate) demonstration: bool,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts [redacted]")
    }
}

/// One block of a letter.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// Lines that stand under each other.
    Lines(Vec<String>),
    /// The subject.
    Subject(String),
    /// A heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// Names with values.
    Rows(Vec<(String, String)>),
    /// A code to type.
    Code(String),
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Block [redacted]")
    }
}

/// How every letter begins.
fn head(words: &Words, subject: &str, facts: &Facts) -> Vec<Block> {
    let case = fill(&words.both.case, &[("case", &facts.case_id)]);
    let mut blocks = vec![
        Block::Lines(vec![facts.agency.clone(), facts.agency_address.clone()]),
        Block::Lines(facts.addressee.clone()),
        Block::Lines(vec![facts.dated.clone(), case]),
        Block::Subject(subject.to_owned()),
    ];
    if facts.demonstration {
        blocks.push(Block::Text(words.both.demonstration.clone()));
    }
    blocks
}

/// Where to answer.
fn doors(words: &Words, facts: &Facts) -> Vec<String> {
    vec![
        fill(&words.both.online, &[("door", &facts.door)]),
        fill(&words.both.in_person, &[("address", &facts.agency_address)]),
    ]
}

/// The code of a copy that is to be sent, and what it is for.
fn code(words: &Words, what_for: &str, facts: &Facts) -> Vec<Block> {
    facts.code.as_ref().map_or_else(Vec::new, |code| {
        vec![
            Block::Text(fill(what_for, &[("number", &facts.number)])),
            Block::Code(code.clone()),
            Block::Text(words.both.next_code.clone()),
        ]
    })
}

/// Writes the letter.
pub(crate) fn letter(words: &Words, facts: &Facts) -> Vec<Block> {
    let said = &words.notice;
    let mut blocks = head(words, &said.subject, facts);
    let outcome = [("intends", facts.intends.as_str()), ("last_day", facts.answer_by.as_str())];
    let time = [("days", facts.days.to_string()), ("last_day", facts.answer_by.clone())];
    let time = time.each_ref().map(|(name, value)| (*name, value.as_str()));
    blocks.extend([
        Block::Text(said.undecided.clone()),
        Block::Heading(said.found_heading.clone()),
        Block::Text(fill(&said.compared, &[("source", &facts.source)])),
        Block::Text(said.checked.clone()),
        Block::Rows(facts.found.clone()),
        Block::Heading(said.confirmed_heading.clone()),
        Block::Text(facts.confirmed.clone()),
        Block::List(facts.sources.clone()),
        Block::Heading(said.outcome_heading.clone()),
        Block::Text(fill(&said.outcome, &outcome)),
        Block::Heading(said.contest_heading.clone()),
        Block::Text(fill(&said.time, &time)),
        Block::List([doors(words, facts), said.rights.clone()].concat()),
    ]);
    blocks.extend(code(words, &said.code, facts));
    blocks.extend([
        Block::Heading(said.why_heading.clone()),
        Block::Text(fill(&said.purpose, &[("purpose", &facts.purpose)])),
        Block::Text(fill(&said.law, &[("law", &facts.authority)])),
    ]);
    blocks
}

/// Writes the letter that tells of a correction.
pub(crate) fn correction(words: &Words, facts: &Facts) -> Vec<Block> {
    let said = &words.correction;
    let mut blocks = head(words, &said.subject, facts);
    blocks
        .extend([Block::Heading(said.wrong_heading.clone()), Block::Text(facts.corrected.clone())]);
    if facts.is_undone {
        blocks.push(Block::Text(said.undone.clone()));
    }
    if facts.is_anothers {
        blocks.push(Block::Text(said.apart.clone()));
        blocks.push(Block::Text(fill(&said.again, &[("number", &facts.number)])));
    }
    blocks.push(Block::Heading(said.told_heading.clone()));
    if facts.told.is_empty() {
        blocks.push(Block::Text(said.told_nobody.clone()));
    } else {
        blocks.push(Block::Text(said.told.clone()));
        blocks.push(Block::List(facts.told.clone()));
    }
    blocks.extend([
        Block::Heading(said.contest_heading.clone()),
        Block::Text(said.contest.clone()),
        Block::List(doors(words, facts)),
    ]);
    blocks.extend(code(words, &said.code, facts));
    blocks.push(Block::Text(said.law.clone()));
    blocks
}

/// Returns the letter as plain text: what its digest is taken of.
pub(crate) fn text(blocks: &[Block]) -> String {
    let mut text = String::new();
    for block in blocks {
        match block {
            Block::Lines(lines) => text.push_str(&lines.join("\n")),
            Block::Subject(one) | Block::Heading(one) | Block::Text(one) | Block::Code(one) => {
                text.push_str(one);
            }
            Block::List(lines) => text.push_str(
                &lines.iter().map(|one| format!("- {one}")).collect::<Vec<_>>().join("\n"),
            ),
            Block::Rows(rows) => {
                let rows: Vec<_> =
                    rows.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                text.push_str(&rows.join("\n"));
            }
        }
        text.push_str("\n\n");
    }
    text
}

/// A letter as the steps of a case name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Composed {
    /// SHA-256 of its text.
    pub(crate) digest: String,
    /// When the time to answer that it states is over.
    pub(crate) ends: Timestamp,
    /// What it says.
    pub(crate) states: BTreeSet<NoticePart>,
}

/// Reads a letter over: what 552a(p)(1)(B) asks of it that stands in its text.
pub(crate) fn states(facts: &Facts, text: &str) -> BTreeSet<NoticePart> {
    let says = |words: &str| !words.trim().is_empty() && text.contains(words);
    let found = says(&facts.confirmed)
        && says(&facts.source)
        && facts.found.iter().all(|(name, value)| text.contains(&format!("{name}: {value}")));
    let contest = says(&facts.door) && says(&facts.agency_address);
    [
        (NoticePart::Findings, found),
        (NoticePart::RightToContest, contest),
        (NoticePart::LastDay, says(&facts.answer_by)),
    ]
    .into_iter()
    .filter_map(|(part, said)| said.then_some(part))
    .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn facts() -> Facts {
        Facts {
            agency: "Department of Family Support (fictional)".into(),
            agency_address: "20 Harbour Street, Port Columbia".into(),
            addressee: vec!["Tomasz Kowalski".into(), "53 Station Road".into(), "PH2 6UG".into()],
            case_id: "C0000001".into(),
            number: "2027Q1-0001".into(),
            dated: "2 April 2027".into(),
            source: "Payroll Reporting Administration (fictional)".into(),
            authority: "Family Support Act (fictional), section 12(b)".into(),
            purpose: "Verify declared income.".into(),
            found: vec![
                ("Employer".into(), "Saltby Fisheries".into()),
                ("Gross pay".into(), "3546.36".into()),
            ],
            confirmed: "The employer confirmed 3,546.36 for August.".into(),
            sources: vec!["payer: letter 12".into()],
            intends: "reduce the monthly payment".into(),
            answer_by: "2 May 2027".into(),
            days: 30,
            corrected: "The wages were of another person.".into(),
            told: vec!["Payroll Reporting Administration (fictional)".into()],
            is_anothers: true,
            is_undone: true,
            door: "https://support.example/me".into(),
            code: Some("7F3K-9QXD".into()),
            demonstration: true,
        }
    }

    #[test]
    fn every_language_says_what_was_found_from_where_how_to_contest_and_by_when() {
        for language in &crate::letters::own() {
            let text = text(&letter(language, &facts()));
            for said in [
                "Saltby Fisheries",
                "3546.36",
                "Payroll Reporting Administration",
                "section 12(b)",
                "2 May 2027",
                "https://support.example/me",
                "7F3K-9QXD",
                "C0000001",
                "2027Q1-0001",
                "30",
                "letter 12",
            ] {
                assert!(text.contains(said), "{}: {said}", language.code());
            }
        }
    }

    #[test]
    fn every_language_says_what_was_put_right_and_who_is_told() {
        let lines = |facts: &Facts, language| text(&correction(language, facts));
        for language in &crate::letters::own() {
            let whole = lines(&facts(), language);
            for said in [
                "The wages were of another person.",
                "Payroll Reporting Administration",
                "https://support.example/me",
                "7F3K-9QXD",
                "C0000001",
                "2027Q1-0001",
            ] {
                assert!(whole.contains(said), "{}: {said}", language.code());
            }
            // The number to name if it happens again stands there with and without a code for the door.
            let on_paper = lines(&Facts { code: None, ..facts() }, language);
            assert!(on_paper.contains("2027Q1-0001"), "{}", language.code());
            // What the other record said may be of somebody else, and is not told.
            assert!(!whole.contains("3546.36") && !whole.contains("Saltby"), "{}", language.code());
            let amended =
                Facts { is_anothers: false, is_undone: false, told: Vec::new(), ..facts() };
            assert!(lines(&amended, language).len() < whole.len(), "{}", language.code());
        }
    }

    #[test]
    fn a_letter_states_what_stands_in_it_and_nothing_else() {
        use NoticePart::{Findings, LastDay, RightToContest};
        let stated = |facts: &Facts, text: &str| Vec::from_iter(states(facts, text));
        for language in &crate::letters::own() {
            let facts = facts();
            let text = text(&letter(language, &facts));
            assert_eq!(stated(&facts, &text), [Findings, RightToContest, LastDay]);
            let without = |words: &str| text.replace(words, "");
            assert_eq!(stated(&facts, &without("3546.36")), [RightToContest, LastDay]);
            assert_eq!(stated(&facts, &without(&facts.confirmed)), [RightToContest, LastDay]);
            assert_eq!(stated(&facts, &without(&facts.door)), [Findings, LastDay]);
            assert_eq!(stated(&facts, &without("2 May 2027")), [Findings, RightToContest]);
            let nothing = Facts { answer_by: String::new(), ..facts };
            assert_eq!(stated(&nothing, &text), [Findings, RightToContest]);
        }
    }

    #[test]
    fn no_letter_says_that_something_is_decided() {
        let text = text(&letter(&crate::letters::own()[0], &facts()));
        assert!(text.contains("Nothing has been decided"));
        for word in ["fraud", "overpaid you", "you owe", "guilty"] {
            assert!(!text.to_lowercase().contains(word), "{word}");
        }
    }

    #[test]
    fn sentences_are_short_enough_to_be_read() {
        for language in &crate::letters::own() {
            let both = [letter(language, &facts()), correction(language, &facts())];
            for block in both.into_iter().flatten() {
                if let Block::Text(text) = block {
                    for sentence in text.split(['.', ':', '?']) {
                        let words = sentence.split_whitespace().count();
                        assert!(words <= 28, "{words} words: {sentence}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_letter_says_is_not_shown_in_debug() {
        assert_eq!(format!("{:?}", facts()), "Facts [redacted]");
    }
}
