//! The forms by which officers take a step on a case, and how what they typed is read. Steps 10 to 13 of the path.
//!
//! A form is shown where the case can take its step, and hides what would be refused; whether it may be taken is the
//! case's own to say ([`casework::Case::step`]) and the gate's. What is typed is read here once, whole: everything that
//! is wrong with it is said at once.

mod answer;
mod finding;
mod outcome;

pub(super) use finding::{said, source};
pub(super) use outcome::because;

use super::Typed;
use super::letter::Composed;
use super::part::{Field, Form, Part, Wrong};
use crate::letters::Letters;
use ::agreement::{PartyId, RecordSetId};
use casework::{Case, LeadId, Split, Step, StepKind};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// The pages on which steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Desk {
    /// Facts are confirmed.
    Verification,
    /// The individual is told.
    Notice,
    /// The individual answers.
    Contest,
    /// A hearing is opened.
    Hearing,
    /// The contest is decided.
    Decision,
    /// Action is taken, or undone.
    Action,
    /// Records are corrected.
    Correction,
    /// Nothing more follows.
    Close,
}

impl Desk {
    /// All of them, in the order of a case's life.
    pub(crate) const ALL: [Desk; 8] = [
        Desk::Verification,
        Desk::Notice,
        Desk::Contest,
        Desk::Hearing,
        Desk::Decision,
        Desk::Action,
        Desk::Correction,
        Desk::Close,
    ];

    /// Returns the last part of its address.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Desk::Verification => "verification",
            Desk::Notice => "notice",
            Desk::Contest => "contest",
            Desk::Hearing => "hearing",
            Desk::Decision => "decision",
            Desk::Action => "action",
            Desk::Correction => "correction",
            Desk::Close => "close",
        }
    }

    /// Returns its title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Desk::Verification => "Verification",
            Desk::Notice => "Notice",
            Desk::Contest => "Contest",
            Desk::Hearing => "Hearing",
            Desk::Decision => "Decision on the contest",
            Desk::Action => "Action",
            Desk::Correction => "Correction",
            Desk::Close => "Close the case",
        }
    }

    /// Says what it is for.
    pub(crate) fn intro(self) -> &'static str {
        match self {
            Desk::Verification => {
                "Confirm the facts beyond the two records: the amount, whether the person really had it, and when. The \
                 matched record proves nothing by itself, and neither does silence."
            }
            Desk::Notice => {
                "Tell the person what was found and how to contest it. The time to answer begins when the letter is served."
            }
            Desk::Contest => {
                "What the person answers, in their own words. It counts whenever it comes; a late answer restores what was taken."
            }
            Desk::Hearing => "Who asks for a hearing gets one. Aid continues until it is decided.",
            Desk::Decision => {
                "Who verified or confirmed the finding does not decide on the contest."
            }
            Desk::Action => {
                "Only a served notice whose time to answer has ended, and any contest decided, lets action be taken. Every action can be undone."
            }
            Desk::Correction => {
                "What was wrong is put right here and with everybody to whom it went; each must acknowledge."
            }
            Desk::Close => "Say why nothing more follows.",
        }
    }

    /// Says whether a step is taken on this page.
    fn takes(self, kind: StepKind) -> bool {
        match kind {
            StepKind::Verify
            | StepKind::Find
            | StepKind::Confirm
            | StepKind::SendBack
            | StepKind::Refute
            | StepKind::OpenDispute
            | StepKind::AnswerDispute => self == Desk::Verification,
            StepKind::DraftNotice | StepKind::ServeNotice | StepKind::NoteReturnedMail => {
                self == Desk::Notice
            }
            StepKind::FileContest | StepKind::WithdrawContest => self == Desk::Contest,
            StepKind::OpenHearing => self == Desk::Hearing,
            StepKind::Decide => self == Desk::Decision,
            StepKind::TakeAction
            | StepKind::TakeEmergencyMeasure
            | StepKind::EndEmergencyMeasure => self == Desk::Action,
            StepKind::Reverse
            | StepKind::Correct
            | StepKind::Acknowledge
            | StepKind::TellIndividual => self == Desk::Correction,
            StepKind::Close | StepKind::ReverseJudgement | StepKind::Assign => self == Desk::Close,
            // Leads are judged on the page for review.
            StepKind::Review | StepKind::Adjudicate => false,
        }
    }
}

/// What the forms of a case need to know besides the case.
pub(crate) struct Around<'a> {
    pub(crate) csrf: &'a str,
    /// The languages that a letter can be written in.
    pub(crate) letters: &'a Letters,
    pub(crate) now: Timestamp,
    /// The zone in which the program's instants are shown.
    pub(crate) zone: TimeZone,
    /// SHA-256 of the letter as drafted now, and when its stated time to answer ends.
    pub(crate) letter: Option<Composed>,
    /// Where the letter would go.
    pub(crate) address: String,
    /// To whom something was disclosed.
    pub(crate) recipients: Vec<(String, String)>,
    /// The case.
    pub(crate) case: &'a LeadId,
    /// Whose records they are that can be disputed: the other parties', by record set.
    pub(crate) owners: BTreeMap<RecordSetId, PartyId>,
    /// What a split of its records parts, and what stays.
    pub(crate) split: Split,
    /// Whether its records were split.
    pub(crate) was_split: bool,
}

/// Returns what a page shows of a case: forms for what can be done, or why nothing can.
pub(crate) fn parts(desk: Desk, case: &Case, around: &Around<'_>) -> Vec<Part> {
    match desk {
        Desk::Verification => finding::parts(case, around),
        Desk::Notice => answer::notice(case, around),
        Desk::Contest => answer::contest(case, around),
        Desk::Hearing => answer::hearing(case, around),
        Desk::Decision => answer::decision(case, around),
        Desk::Action => outcome::action(case, around),
        Desk::Correction => outcome::correction(case, around),
        Desk::Close => outcome::close(case, around),
    }
}

/// Reads a form of a page into the step it asks for.
pub(crate) fn step(
    desk: Desk,
    case: &Case,
    typed: &Typed,
    around: &Around<'_>,
) -> Result<Step, Vec<Wrong>> {
    let kind = StepKind::read(typed.one("step")).filter(|kind| desk.takes(*kind));
    let Some(kind) = kind else {
        return Err(vec![Wrong::new("step", "This page does not take that step")]);
    };
    let mut reader = Reader { typed, now: around.now, wrong: Vec::new() };
    let step = match desk {
        Desk::Verification => finding::step(kind, case, &mut reader, around),
        Desk::Notice | Desk::Contest | Desk::Hearing | Desk::Decision => {
            answer::step(kind, case, &mut reader, around)
        }
        Desk::Action | Desk::Correction | Desk::Close => outcome::step(kind, &mut reader, around),
    };
    match step {
        Some(step) if reader.wrong.is_empty() => Ok(step),
        _ if reader.wrong.is_empty() => {
            Err(vec![Wrong::new("step", "This page does not take that step")])
        }
        _ => Err(reader.wrong),
    }
}

/// Puts what was typed, and what is wrong with it, back into the form it came from.
pub(crate) fn again(parts: Vec<Part>, typed: &Typed, wrong: &[Wrong]) -> Vec<Part> {
    let asked = typed.one("step").to_owned();
    parts
        .into_iter()
        .map(|part| match part {
            Part::Form(form)
                if form.fields.iter().any(|field| field.name == "step" && field.value == asked) =>
            {
                Part::Form(form.again(typed, wrong))
            }
            Part::Details { title, parts } => {
                Part::Details { title, parts: again(parts, typed, wrong) }
            }
            other => other,
        })
        .collect()
}

/// A form of a case: it names the step, and the version of the case it was shown with.
fn form(desk: Desk, case: &Case, kind: StepKind, around: &Around<'_>, button: &str) -> Form {
    Form::new(format!("/cases/{}/{}", case.id(), desk.path()), around.csrf, button)
        .field(Field::hidden("step", kind.as_str()))
        .field(Field::hidden("version", case.version().to_string()))
}

/// Reads fields and gathers what is wrong with them.
struct Reader<'a> {
    typed: &'a Typed,
    now: Timestamp,
    wrong: Vec<Wrong>,
}

impl Reader<'_> {
    fn words(&mut self, name: &'static str, missing: &str) -> String {
        let text = self.typed.one(name).to_owned();
        if text.is_empty() {
            self.wrong.push(Wrong::new(name, missing));
        } else if text.chars().count() > 4_000 {
            self.wrong.push(Wrong::new(name, "Enter 4,000 letters or fewer"));
        }
        text
    }

    fn date(&mut self, name: &'static str, missing: &str) -> Date {
        let found: Option<Date> = self.typed.one(name).parse().ok();
        found.unwrap_or_else(|| {
            self.wrong.push(Wrong::new(name, format!("{missing}, such as 2027-04-02")));
            Date::default()
        })
    }

    /// A sum such as `1,234.50`, in hundredths; none where nothing was typed.
    fn cents(&mut self, name: &'static str) -> Option<u64> {
        let text = self.typed.one(name).replace([',', ' '], "");
        if text.is_empty() {
            return None;
        }
        let found = cents(&text);
        if found.is_none() {
            self.wrong.push(Wrong::new(name, "Enter a sum such as 1234.50"));
        }
        found
    }

    fn of<T>(
        &mut self,
        name: &'static str,
        missing: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let found = read(self.typed.one(name));
        if found.is_none() {
            self.wrong.push(Wrong::new(name, missing));
        }
        found
    }

    fn ticked(&self, name: &str) -> bool {
        !self.typed.one(name).is_empty()
    }
}

fn cents(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    (digits(whole) && digits(part) && part.len() <= 2 && whole.len() <= 12).then_some(())?;
    let part: u64 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(part)
}

/// The first instant of a day.
fn begin_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

fn days_after(now: Timestamp, days: u32) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_as_people_write_it_and_nothing_else_is_one() {
        for (text, read) in [
            ("1234.50", Some(123_450)),
            ("1234.5", Some(123_450)),
            ("0", Some(0)),
            ("12", Some(1_200)),
            ("12.345", None),
            ("-5", None),
            ("", None),
            ("1e3", None),
            (".5", None),
            ("9999999999999", None),
        ] {
            assert_eq!(cents(text), read, "{text}");
        }
    }

    #[test]
    fn every_step_but_a_judgement_has_one_page() {
        for kind in StepKind::ALL {
            let pages = Desk::ALL.iter().filter(|desk| desk.takes(kind)).count();
            let judges = matches!(kind, StepKind::Review | StepKind::Adjudicate);
            assert_eq!(pages, usize::from(!judges), "{kind}");
        }
    }
}
