//! The page where a reviewer spends the day: what was returned beside what the agency holds, with what
//! differs marked inside the values, why it weighs what it weighs, and three answers. Step 9 of the path.
//!
//! It works by a plain form; the script adds keys. A second reviewer of a blind review sees nothing of the first.
//! Judgements are the officer's own: nothing is chosen beforehand, whatever the weight.

use super::Typed;
use super::difference::{self, Stretch};
use super::frame::Frame;
use super::part::{Cell, Choice, Field, Form, FormPart, Part, Parts, Table, Wrong};
use crate::report::{Waterfall, waterfall_svg};
use agreement::{Discrepancy, ElementRef};
use askama::Template;
use casework::Judgement;
use std::collections::BTreeMap;

/// What a reviewer commonly says, and for which judgement.
const REASONS: &[(&str, &str, &str)] = &[
    ("1", "agree", "Name, birth and home agree, or differ only in spelling"),
    ("2", "moved", "The person moved or changed name; the rest agrees"),
    ("3", "household", "Two people of one household, or relatives"),
    ("4", "namesakes", "Two people who share a name or a birthday"),
    ("5", "too-little", "Too little is known to tell"),
    ("6", "other", "Something else, in my words"),
];

/// One comparison: how close the two records are in it.
#[derive(Debug)]
pub(crate) struct Compared {
    /// What was compared, in words.
    pub(crate) name: String,
    /// What the comparison came to.
    pub(crate) level: String,
    /// What it added to the weight.
    pub(crate) weight: String,
}

/// A value that was returned, beside the recipient's own that the agreement holds it against.
pub(crate) struct Side {
    /// What the two are, in words.
    pub(crate) name: String,
    /// The source's value, cut where it differs.
    pub(crate) source: Vec<Stretch>,
    /// The recipient's.
    pub(crate) recipient: Vec<Stretch>,
}

impl std::fmt::Debug for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Side {
    /// Puts two values side by side.
    fn of(name: String, source: &str, recipient: &str) -> Side {
        let (source, recipient) = difference::between(source, recipient);
        Side { name, source, recipient }
    }
}

/// Puts what was returned beside the recipient's own record, pair by pair as the agreement's discrepancy holds them
/// against each other. What was not returned has no side: it is not disclosed (floor F2).
pub(crate) fn sides(
    rule: &Discrepancy,
    returned: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> Vec<Side> {
    let mut pairs = Vec::new();
    held_against(rule, &mut pairs);
    let value = |element: &ElementRef| returned.get(&element.to_string()).map(String::as_str);
    let mine = |element: &ElementRef| own.get(element.element.as_str()).map(String::as_str);
    let mut sides: Vec<Side> = Vec::new();
    for (one, other) in pairs {
        for (theirs, ours) in [(one, other), (other, one)] {
            let (Some(source), Some(recipient)) = (value(theirs), mine(ours)) else { continue };
            let name = format!(
                "{} / {}",
                words(theirs.element.as_str()),
                words(ours.element.as_str()).to_lowercase()
            );
            if sides.iter().all(|side| side.name != name) {
                sides.push(Side::of(name, source, recipient));
            }
        }
    }
    sides
}

/// Gathers which elements a rule holds against which.
fn held_against<'a>(rule: &'a Discrepancy, pairs: &mut Vec<(&'a ElementRef, &'a ElementRef)>) {
    match rule {
        Discrepancy::All { of } | Discrepancy::Any { of } => {
            for rule in of {
                held_against(rule, pairs);
            }
        }
        Discrepancy::PeriodsOverlap { one, other, .. } => {
            pairs.push((&one.from, &other.from));
            pairs.push((&one.to, &other.to));
        }
        Discrepancy::AmountExceeds { amount, over, .. } => pairs.push((amount, over)),
        Discrepancy::AmountDiffers { amount: one, from: other, .. }
        | Discrepancy::ValueDiffers { value: one, from: other } => pairs.push((one, other)),
        Discrepancy::PresentInBoth { .. } => {}
    }
}

/// The page.
#[derive(Template)]
#[template(path = "console/review.html")]
pub(crate) struct ReviewPage {
    pub(crate) frame: Frame,
    pub(crate) intro: String,
    /// The two parties, as column heads.
    pub(crate) source: String,
    pub(crate) recipient: String,
    /// What was returned beside what the recipient holds.
    pub(crate) sides: Vec<Side>,
    pub(crate) compared: Vec<Compared>,
    /// What the reader should know of them.
    pub(crate) note: String,
    /// What is below the table: what was returned, the waterfall, history.
    pub(crate) parts: Vec<Part>,
    pub(crate) form: Form,
    pub(crate) position: String,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
}

/// The form: judgement, reason, words.
pub(crate) fn form(case: &str, version: u64, csrf: &str) -> Form {
    let judgement = Field::one(
        "judgement",
        "Your judgement",
        vec![
            Choice::new("same", "Same person").key("s"),
            Choice::new("not-same", "Not the same person").key("n"),
            Choice::new("unsure", "Cannot be told from this").key("u"),
        ],
    );
    let reasons =
        REASONS.iter().map(|(key, value, label)| Choice::new(*value, *label).key(key)).collect();
    let mut form = Form::new(format!("/cases/{case}/review"), csrf, "Record and go on")
        .field(judgement)
        .field(Field::one("reason", "Why", reasons))
        .field(Field::line("words", "In your words").optional())
        .field(Field::hidden("version", version.to_string()));
    form.has_keys = true;
    form
}

/// What a reviewer said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) judgement: Judgement,
    pub(crate) reason: String,
}

/// Reads the form, or says everything that is wrong with it.
pub(crate) fn said(typed: &Typed) -> Result<Said, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let judgement = Judgement::read(typed.one("judgement"));
    if judgement.is_none() {
        wrong.push(Wrong::new("judgement", "Choose a judgement"));
    }
    let words = typed.one("words");
    let chosen = REASONS.iter().find(|(_, value, _)| *value == typed.one("reason"));
    let reason = match chosen {
        None => {
            wrong.push(Wrong::new("reason", "Choose why"));
            String::new()
        }
        Some((_, "other", _)) if words.is_empty() => {
            wrong.push(Wrong::new("words", "Say in your words why"));
            String::new()
        }
        Some((_, "other", _)) => words.to_owned(),
        Some((_, _, label)) if words.is_empty() => (*label).to_owned(),
        Some((_, _, label)) => format!("{label}. {words}"),
    };
    if words.chars().count() > 1_000 {
        wrong.push(Wrong::new("words", "Your words must be 1,000 letters or fewer"));
    }
    match judgement {
        Some(judgement) if wrong.is_empty() => Ok(Said { judgement, reason }),
        _ => Err(wrong),
    }
}

/// The waterfall with its table.
pub(crate) fn weight_parts(waterfall: &Waterfall, probability: &str) -> Vec<Part> {
    let mut table = Table::new(
        "How the weight came about",
        &["Comparison", "It came to", "#Part", "#Frequency", "#So far"],
    );
    let mut reached = waterfall.prior;
    let number = |value: f64| Cell::number(format!("{value:.2}"));
    table.row(vec![
        "Before anything is compared".into(),
        "how rare it is that two records are of one person".into(),
        number(waterfall.prior),
        Cell::number(""),
        number(reached),
    ]);
    for step in &waterfall.steps {
        reached += step.weight + step.frequency;
        table.row(vec![
            words(&step.comparison).into(),
            step.level.clone().into(),
            number(step.weight),
            number(step.frequency),
            number(reached),
        ]);
    }
    vec![
        Part::Figure {
            svg: waterfall_svg(waterfall),
            caption: format!(
                "The weight is {:.2}, the threshold {:.2}. If the model is right, the probability that the two are one \
                 person is {probability}. It is no ground for anything by itself.",
                waterfall.weight, waterfall.threshold
            ),
        },
        Part::Details { title: "The same as a table".into(), parts: vec![Part::Table(table)] },
    ]
}

/// Spells an element's or a comparison's name as words.
pub(crate) fn words(name: &str) -> String {
    let spaced = name.replace(['_', '-'], " ");
    let mut letters = spaced.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(answers: &[(&str, &str)]) -> Typed {
        Typed::new(answers.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
    }

    #[test]
    fn a_judgement_needs_a_reason_and_both_are_asked_for_at_once() {
        let wrong = said(&typed(&[])).expect_err("nothing was chosen");
        let fields: Vec<_> = wrong.iter().map(|wrong| wrong.field).collect();
        assert_eq!(fields, ["judgement", "reason"]);
    }

    #[test]
    fn something_else_needs_words() {
        let answers = [("judgement", "unsure"), ("reason", "other")];
        assert_eq!(said(&typed(&answers)).expect_err("no words")[0].field, "words");
        let answers = [("judgement", "unsure"), ("reason", "other"), ("words", "the file is torn")];
        assert_eq!(said(&typed(&answers)).expect("said").reason, "the file is torn");
    }

    #[test]
    fn a_fourth_judgement_is_none() {
        assert!(said(&typed(&[("judgement", "probably"), ("reason", "agree")])).is_err());
    }

    #[test]
    fn no_answer_is_chosen_beforehand() {
        let form = form("2027Q1-0001", 1, "x");
        assert!(
            form.fields.iter().filter(|one| one.name != "version").all(|one| one.value.is_empty())
        );
    }
}
