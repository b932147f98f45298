//! The officers of a demonstration, and what they do: real steps, each asked of the gate and recorded, on the leads of a
//! real run on synthetic people. For `comity demo` alone; nothing of it is reached by a server of another program.

use super::account::Accounts;
use super::page::{Acted, Composed, act};
use super::visit::SignedIn;
use super::{App, Config};
use crate::Error;
use agreement::OfficerId;
use casework::store::accounts::Role;
use casework::{
    ActionKind, ActionOrder, Addressee, Assignment, CaseStage, CaseStore as _, Contest,
    CorrectionOrder, Draft, Finding, Ground, Had, Heard, How, Judgement, LeadId, Opinion, Queue,
    Returned, Ruling, Service, Source, SourceKind, Step, Store as _,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::fmt;

/// Who plays: an id, a name, roles.
const CAST: [(&str, &str, &[Role]); 9] = [
    ("demo-reviewer", "Demo Reviewer", &[Role::Reviewer]),
    ("demo-reviewer-2", "Demo Second Reviewer", &[Role::Reviewer]),
    ("demo-verifier", "Demo Verifier", &[Role::Verifier]),
    ("demo-verifier-2", "Demo Second Verifier", &[Role::Verifier]),
    ("demo-notices", "Demo Notice Officer", &[Role::NoticeOfficer]),
    ("demo-privacy", "Demo Privacy Officer", &[Role::PrivacyOfficer]),
    ("demo-board", "Demo Board Member", &[Role::BoardMember]),
    ("demo-auditor", "Demo Auditor", &[Role::Auditor]),
    ("demo-operator", "Demo Operator", &[Role::Operator]),
];

/// Where people of the demonstration live.
const COUNTIES: [&str; 4] = ["Harbour", "Hill", "Lake", "Plain"];

/// The officers of a demonstration.
pub(crate) struct Troupe {
    accounts: Accounts,
}

impl fmt::Debug for Troupe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Troupe")
    }
}

impl Troupe {
    /// Opens the accounts of a demonstration that was made before.
    pub(crate) async fn open(config: &Config) -> Result<Troupe, Error> {
        Ok(Troupe { accounts: Accounts::open(config).await? })
    }

    /// Makes an account for each role. None has a password: they are entered by links that count once.
    pub(crate) async fn make(config: &Config, now: Timestamp) -> Result<Troupe, Error> {
        let accounts = Accounts::open(config).await?;
        for (officer, name, roles) in CAST {
            let roles: BTreeSet<Role> = roles.iter().copied().collect();
            accounts.add(officer, name, None, None, &roles, now).await?;
        }
        Ok(Troupe { accounts })
    }

    /// Makes a link for each officer: name, roles, address.
    pub(crate) async fn links(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(&'static str, String, String)>, Error> {
        let mut links = Vec::new();
        for (officer, name, roles) in CAST {
            let roles: Vec<_> = roles.iter().map(|role| role.as_str().replace('_', " ")).collect();
            links.push((name, roles.join(", "), self.accounts.once_link(officer, now).await?));
        }
        Ok(links)
    }
}

fn officer(id: &str) -> Result<SignedIn, Error> {
    let found = CAST.iter().find(|(officer, _, _)| *officer == id);
    let roles = found.map(|(_, _, roles)| roles.iter().copied().collect()).unwrap_or_default();
    Ok(SignedIn {
        officer: OfficerId::new(id)?,
        name: String::new(),
        roles,
        csrf: String::new(),
        flash: None,
        must_change: false,
    })
}

/// What was lived through so far.
#[derive(Debug, Default)]
pub(crate) struct Lived {
    /// Steps taken.
    pub(crate) steps: usize,
    /// Cases they were taken on.
    pub(crate) cases: usize,
    /// What the gate or a case refused, each reason once.
    pub(crate) refused: BTreeSet<String>,
    /// A letter's number and code, to come in by the person's door.
    pub(crate) letter: Option<(String, String)>,
}

impl Lived {
    /// Lists every case under a county. The counties are made up, and so is who lives where.
    pub(crate) async fn list(&mut self, app: &App) -> Result<(), Error> {
        for (number, id) in open(app, CaseStage::Lead).await?.into_iter().enumerate() {
            let county = COUNTIES.get(number / 3 % COUNTIES.len()).map(|name| (*name).to_owned());
            let assignment = Assignment { county, ..Assignment::default() };
            self.take(app, "demo-reviewer", &id, Step::Assign(assignment)).await?;
        }
        Ok(())
    }

    /// Judges what is open: the pilot's sample.
    pub(crate) async fn judge_the_pilot(&mut self, app: &App) -> Result<(), Error> {
        for id in open(app, CaseStage::Lead).await? {
            self.review(app, &id, Judgement::Same).await?;
        }
        Ok(())
    }

    /// Brings the pilot's cases on, some of them to a served notice; the time to answer then runs.
    pub(crate) async fn begin(&mut self, app: &App) -> Result<(), Error> {
        for (number, id) in open(app, CaseStage::Reviewed).await?.into_iter().enumerate() {
            self.cases += 1;
            if !self.find(app, &id).await? {
                continue;
            }
            // A fourth of the letters waits for the printer; of the others, some come back.
            if number % 4 == 3 {
                self.draft(app, &id).await?;
            } else if self.serve(app, &id).await? && number % 16 == 1 {
                let reason = "Moved, no new address (demonstration)".to_owned();
                let returned = Step::NoteReturnedMail(Returned { reason });
                self.take(app, "demo-notices", &id, returned).await?;
            }
        }
        Ok(())
    }

    /// Two months later, on those of the pilot whose time to answer has ended: contests, actions, corrections.
    pub(crate) async fn hear(&mut self, app: &App) -> Result<(), Error> {
        // What is reversed stays a small part of what was decided, from the first on: more of it, and the gate would stop
        // the program, as it should (floor F12). So actions and contests that came to nothing stand first.
        let mut noticed = Vec::new();
        for id in open(app, CaseStage::Noticed).await? {
            let case = app.desk().store().case(&id).await?.case;
            let ends = case.standing().noticed().and_then(casework::Noticed::response_ends);
            if ends.is_none_or(|ends| ends <= app.now()) {
                noticed.push(id);
            }
        }
        let of = |rest: usize| noticed.iter().enumerate().filter(move |(n, _)| n % 6 == rest);
        let mut acted = Vec::new();
        for (_, id) in of(3).chain(of(4)) {
            if self.action(app, id).await? {
                acted.push(id.clone());
            }
        }
        for (_, id) in of(2) {
            self.contest(app, id, false).await?;
            self.rule(app, id, Heard::NotUpheld).await?;
        }
        for (number, id) in of(0).map(|(_, id)| id).enumerate() {
            self.contest(app, id, false).await?;
            if number == 0 {
                self.rule(app, id, Heard::Upheld).await?;
            }
        }
        for (_, id) in of(1) {
            self.contest(app, id, true).await?;
            let when = days_after(app.now(), 21);
            self.take(app, "demo-privacy", id, Step::OpenHearing(when)).await?;
        }
        for (number, id) in acted.iter().take(acted.len() / 10).enumerate() {
            self.correct(app, id, number == 0).await?;
        }
        Ok(())
    }

    /// Looks at some of the leads that opened since, on one of so many days; half of them is left after the last.
    pub(crate) async fn look_on(&mut self, app: &App, days: usize) -> Result<(), Error> {
        let leads = open(app, CaseStage::Lead).await?;
        let most = leads.len() / (days + 2);
        for (number, id) in leads.into_iter().take(most).enumerate() {
            let judgement = if number % 5 == 0 { Judgement::NotSame } else { Judgement::Same };
            self.cases += 1;
            if !self.review(app, &id, judgement).await? || judgement == Judgement::NotSame {
                continue;
            }
            match number % 15 {
                1 | 6 => {}
                2 => drop(self.take(app, "demo-verifier", &id, Step::Verify).await?),
                7 => drop(self.propose(app, &id).await?),
                3 => {
                    if self.take(app, "demo-verifier", &id, Step::Verify).await? {
                        let words =
                            "The employer says it was another person (demonstration).".to_owned();
                        self.take(app, "demo-verifier", &id, Step::Refute(words)).await?;
                    }
                }
                8 => {
                    self.find(app, &id).await?;
                }
                _ => {
                    if self.find(app, &id).await? {
                        self.serve(app, &id).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes a code for one of those who got a letter.
    pub(crate) async fn write_to_somebody(
        &mut self,
        app: &App,
        now: Timestamp,
    ) -> Result<(), Error> {
        if let Some(id) = open(app, CaseStage::Noticed).await?.into_iter().last() {
            let ends = days_after(now, 30);
            let code = app.door().notice_code(id.as_str(), ends, now).await?;
            self.letter = Some((id.to_string(), code));
        }
        Ok(())
    }

    async fn review(
        &mut self,
        app: &App,
        id: &LeadId,
        judgement: Judgement,
    ) -> Result<bool, Error> {
        let reason = match judgement {
            Judgement::Same => "Name, birth and home agree (demonstration)",
            Judgement::NotSame => "Two people of one household (demonstration)",
            Judgement::Unsure => "Too little is known to tell (demonstration)",
        };
        let opinion = Opinion { judgement, reason: reason.into(), expires: None };
        self.take(app, "demo-reviewer", id, Step::Review(opinion)).await
    }

    async fn propose(&mut self, app: &App, id: &LeadId) -> Result<bool, Error> {
        if !self.take(app, "demo-verifier", id, Step::Verify).await? {
            return Ok(false);
        }
        let seen = day(app.now());
        // The employer of the demonstration confirms what it reported, lead by lead.
        let returned = app.store().lead(id).await?.returned.unwrap_or_default();
        let told = |element: &str| {
            returned.iter().find(|(name, _)| name.ends_with(element)).map(|(_, value)| value)
        };
        let when = |element: &str| told(element).and_then(|text| text.parse().ok());
        let amount_cents = told("gross_pay").and_then(|text| cents(text));
        let (Some(from), Some(to)) = (when("pay_from"), when("pay_to")) else { return Ok(false) };
        let ground = Ground::Independent {
            amount_cents,
            access: Some(true),
            periods: vec![Had { from, to }],
            sources: vec![Source {
                kind: SourceKind::Payer,
                reference: format!("letter to the employer on {id}"),
                seen,
            }],
        };
        let words = format!(
            "The employer confirms that this was paid for {from} to {to} and that it was paid out (demonstration)."
        );
        self.take(app, "demo-verifier", id, Step::Find(Finding { ground, words })).await
    }

    async fn find(&mut self, app: &App, id: &LeadId) -> Result<bool, Error> {
        Ok(self.propose(app, id).await?
            && self.take(app, "demo-verifier-2", id, Step::Confirm).await?)
    }

    /// Writes the letter, and says which it is and when its time to answer ends.
    async fn draft(&mut self, app: &App, id: &LeadId) -> Result<Option<Composed>, Error> {
        let written = super::page::letter_of(app, &officer("demo-notices")?, id).await;
        let failed = |error: super::Error| Error::Unrunnable {
            what: format!("no letter was written: {error}"),
        };
        let Some(letter) = written.map_err(failed)? else { return Ok(None) };
        let draft = Draft { language: language(app), letter: letter.digest.clone() };
        let drafted = self.take(app, "demo-notices", id, Step::DraftNotice(draft)).await?;
        Ok(drafted.then_some(letter))
    }

    async fn serve(&mut self, app: &App, id: &LeadId) -> Result<bool, Error> {
        let Some(letter) = self.draft(app, id).await? else { return Ok(false) };
        let service = Service {
            how: How::Mail,
            to: Addressee::Individual,
            language: language(app),
            address: "as in the file (demonstration)".into(),
            letter: letter.digest,
            states: letter.states,
            served_at: app.now(),
            response_ends: letter.ends,
        };
        self.take(app, "demo-notices", id, Step::ServeNotice(service)).await
    }

    async fn contest(&mut self, app: &App, id: &LeadId, wants_hearing: bool) -> Result<(), Error> {
        let statement = "That job ended in June. The pay in July was for hours I worked before (demonstration).".to_owned();
        let contest = Contest { statement, attachments: Vec::new(), wants_hearing };
        self.take(app, "demo-notices", id, Step::FileContest(contest)).await?;
        Ok(())
    }

    async fn rule(&mut self, app: &App, id: &LeadId, heard: Heard) -> Result<bool, Error> {
        let reason = match heard {
            Heard::NotUpheld => "The pay was for July (demonstration).",
            Heard::Upheld | Heard::UpheldInPart => "The pay slips show it (demonstration).",
        };
        let ruling = Ruling { heard, reason: reason.into(), aid_continued: None };
        self.take(app, "demo-privacy", id, Step::Decide(ruling)).await
    }

    async fn action(&mut self, app: &App, id: &LeadId) -> Result<bool, Error> {
        let order = ActionOrder {
            kind: ActionKind::Reduced,
            from: day(app.now()),
            amount_cents: Some(12_000),
            undo_plan: "The payment is raised again from the same month, and what was held back is paid (demonstration).".into(),
            undo_until: days_after(app.now(), 731),
        };
        self.take(app, "demo-verifier-2", id, Step::TakeAction(order)).await
    }

    /// Corrects a record; or, where it was another person's, splits what had been joined.
    async fn correct(&mut self, app: &App, id: &LeadId, splits: bool) -> Result<bool, Error> {
        let (source, _) = app.program().source()?;
        let recipients = [source.clone()].into();
        let words = if splits {
            "The pay was of another person with the same name (demonstration)."
        } else {
            "The employer corrected its report (demonstration)."
        };
        let order =
            CorrectionOrder { words: words.into(), recipients, splits, language: language(app) };
        self.take(app, "demo-privacy", id, Step::Reverse(order)).await
    }

    async fn take(&mut self, app: &App, by: &str, id: &LeadId, step: Step) -> Result<bool, Error> {
        let version = app.desk().store().case(id).await?.case.version();
        let kind = step.kind();
        match act(app, &officer(by)?, id, version, &step).await {
            Ok(Acted::Done(_)) => {
                self.steps += 1;
                Ok(true)
            }
            Ok(Acted::NotAllowed(why)) => {
                self.refused.insert(format!("{kind}: {why}"));
                Ok(false)
            }
            Ok(Acted::Moved) => Ok(false),
            Err(super::Error::Refused(refusal)) => {
                self.refused.insert(format!("{kind}: {}", refusal.ids().join(", ")));
                Ok(false)
            }
            Err(other) => Err(Error::Unrunnable {
                what: format!("a step of the demonstration failed: {other:?}"),
            }),
        }
    }
}

/// Returns every case at a stage, in order of their numbers.
/// Returns the language that the demonstration's letters are in.
fn language(app: &App) -> String {
    app.program().letters().first().code().to_owned()
}

async fn open(app: &App, stage: CaseStage) -> Result<Vec<LeadId>, Error> {
    let store = app.desk().store();
    let mut queue = Queue { stage: Some(stage), ..Queue::default() };
    let mut found = Vec::new();
    loop {
        let page = store.queue(&queue, 200).await?;
        found.extend(page.lines.into_iter().map(|line| line.id));
        match page.next {
            Some(next) => queue.after = Some(next),
            None => break,
        }
    }
    found.sort();
    Ok(found)
}

fn days_after(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Reads an amount with two decimals or none.
fn cents(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = (part.len() == 2).then(|| part.parse().ok())??;
    whole.checked_mul(100)?.checked_add(part)
}
