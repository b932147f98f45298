//! The audit of requests about named persons over all programs of a recipient (floor F4): a register holds no more than the
//! floor lets a recipient and an officer ask, and what a program's ledger says was asked stands in its register as it says.

use super::agreed::Agreed;
use super::asked::WHO_ASKED;
use super::{Audited, ORDER, Reading, Wrong};
use crate::register::{DAYS, MOST_MATTERS, MOST_PERSONS, Matter, Matters, since};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What a ledger says of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// The ledger's own key (C2SP vkey); nothing where its bytes are not what was signed.
    key: String,
    /// The first entry that is left, where others were pruned.
    first: Option<u64>,
    /// Look-ups, as a program's ledger has them.
    asked: Vec<Asked>,
    /// Runs that have ended, as a program's ledger has them.
    ended: BTreeSet<String>,
    /// Matters, as a register has them.
    matters: BTreeMap<u64, Matter>,
    /// The registers that look-ups were permitted to count in.
    pub(super) agreed: Agreed,
    /// Look-ups whose permit is gone, or names no register.
    pub(super) unheld: u64,
}

/// A look-up, as a program's ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    index: u64,
    run: String,
    persons: u64,
    second: i64,
    /// The register's key and the matter's number; none in a ledger of a version that had no register.
    entered: Option<(String, u64)>,
}

impl Requests {
    /// Says whether there is a register for the ledger to be held against.
    pub fn want_a_register(&self) -> bool {
        self.asked.iter().any(|asked| asked.entered.is_some())
    }
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Reads {
    asked: Vec<Asked>,
    /// Look-ups that were given up.
    dropped: BTreeSet<String>,
    /// One of them under a permit.
    drops_by_permit: bool,
    ended: BTreeSet<String>,
    matters: Matters,
    persons: u64,
    pub(super) agreed: Agreed,
    /// Look-ups that are counted in the register that their agreement names.
    pub(super) as_agreed: u64,
    /// Look-ups whose permit is gone, or names none.
    pub(super) unheld: u64,
}

impl Reads {
    /// A look-up was given up, under a permit or without one.
    pub(super) fn drops(&mut self, run: String, by_permit: bool) {
        self.dropped.insert(run);
        self.drops_by_permit |= by_permit;
    }

    /// A run ended, with leads or without.
    pub(super) fn ends(&mut self, run: &str) {
        self.ended.insert(run.to_owned());
    }
}

impl Reading<'_> {
    /// A look-up names the register that it is counted in: the same one as those of the 90 days before, and there a matter of
    /// its own.
    pub(super) fn counted_in(
        &mut self,
        index: u64,
        run: String,
        (persons, second): (u64, i64),
        entered: Option<(String, u64)>,
    ) {
        let last = self.requests.asked.iter().rev().find(|asked| asked.entered.is_some());
        let from = Timestamp::from_second(second).map_or(i64::MIN, |at| since(at).as_second());
        let is_recent = last.is_some_and(|last| last.second >= from);
        let last = last.and_then(|last| last.entered.as_ref());
        let what = match (last, &entered) {
            (Some((register, _)), Some((other, _))) if register != other => is_recent
                .then_some("it is counted in another register of requests than those before"),
            (Some((_, matter)), Some((_, next))) if next <= matter => {
                Some("the register of requests has its matter before one that was asked earlier")
            }
            (Some(_), None) => Some("it is counted in no register of requests"),
            _ => None,
        };
        if let Some(what) = what {
            let remedy = "find out who changed the register, and count what both hold together";
            self.wrong(index, what, remedy);
        }
        self.requests.asked.push(Asked { index, run, persons, second, entered });
    }

    /// A look-up was given up without a permit: by a version that asked for none, or, where an earlier one was given up under
    /// one, by nobody who may.
    pub(super) fn given_up_without_permit(&mut self, index: u64, run: &str) {
        if self.requests.drops_by_permit {
            let what = format!("{run} was given up without a permit, after others took one");
            self.wrong(index, &what, "find out who gave it up, and ask again about those persons");
        } else {
            self.open.push(format!(
                "entry {index}: {run} was given up without a permit, by a version that asked for none"
            ));
        }
    }

    /// Nothing goes out of a look-up that was given up.
    pub(super) fn not_given_up(&mut self, index: u64, run: &str) {
        if self.requests.dropped.contains(run) {
            let what = format!("it discloses of {run}, which was given up before it");
            self.wrong(index, &what, "find out who disclosed it, and recall what was disclosed");
        }
    }

    /// A register takes a request: with those of the days before there are no more persons than the floor lets a recipient
    /// ask about, and the officer has no more open matters than it lets one have.
    pub(super) fn matter_opened(&mut self, index: u64, recorded: Timestamp, matter: Matter) {
        let at = self.asked_at(index, recorded, matter.second);
        let (from, officer) = (since(at).as_second(), matter.officer.clone());
        self.requests.persons = self.requests.persons.saturating_add(matter.persons);
        self.requests.matters.0.insert(index, matter);
        let matters = self.requests.matters.0.values();
        let recent = matters.clone().filter(|matter| matter.second >= from);
        let persons = recent.fold(0_u64, |sum, matter| sum.saturating_add(matter.persons));
        let open = matters.filter(|matter| matter.is_open && matter.officer == officer).count();
        self.not_too_many(index, persons);
        if open as u64 > MOST_MATTERS {
            let what = format!(
                "with it one officer has {open} open matters; the floor allows {MOST_MATTERS} (F4)"
            );
            self.wrong(index, &what, WHO_ASKED);
        }
    }

    /// A register is told that a matter is over, which was open.
    pub(super) fn matter_closed(&mut self, index: u64, matter: u64) {
        self.matter_turned(index, matter, true, "it closes a matter that was not open before it");
    }

    /// A register is told that a matter is open again, which was over.
    pub(super) fn matter_reopened(&mut self, index: u64, matter: u64) {
        self.matter_turned(index, matter, false, "it opens a matter that was not over before it");
    }

    fn matter_turned(&mut self, index: u64, matter: u64, was_open: bool, what: &str) {
        match self.requests.matters.0.get_mut(&matter) {
            Some(matter) if matter.is_open == was_open => matter.is_open = !was_open,
            None if self.gone.has(matter) => {}
            _ => self.wrong(index, what, ORDER),
        }
    }

    /// Says what is proved of a register, and returns what it is held against programs by.
    pub(super) fn requests_end(&mut self, proved: &mut Vec<String>) -> Requests {
        let Reads {
            asked,
            dropped: _,
            drops_by_permit: _,
            ended,
            matters,
            persons,
            agreed,
            as_agreed,
            unheld,
        } = std::mem::take(&mut self.requests);
        if as_agreed > 0 && self.wrong.is_empty() {
            proved.push(format!(
                "each of {as_agreed} look-ups is counted in the register of requests that its permit says is the agreed one"
            ));
        }
        let ledgers: BTreeSet<&str> =
            matters.0.values().map(|matter| matter.ledger.as_str()).collect();
        let first = self.gone.first();
        if first.is_some() && !matters.0.is_empty() {
            self.open.push(
                "entries of this register are gone: how many persons were asked about in 90 days is not proved by what is left"
                    .to_owned(),
            );
        } else if !matters.0.is_empty() && self.wrong.is_empty() {
            proved.push(format!(
                "{persons} persons were asked about by name from {} ledgers, never more than {MOST_PERSONS} in {DAYS} days; no \
                 officer had more than {MOST_MATTERS} open matters, by the names of accounts and by what the ledgers told of \
                 matters that are over",
                ledgers.len()
            ));
        }
        let mut keys: BTreeMap<&str, u64> = BTreeMap::new();
        for ledger in &ledgers {
            *keys.entry(ledger.split('+').next().unwrap_or_default()).or_default() += 1;
        }
        for (name, count) in keys.into_iter().filter(|(_, count)| *count > 1) {
            self.open.push(format!(
                "`{name}` asked from {count} ledgers, each with a key of its own: have all of them audited"
            ));
        }
        let uncounted = asked.iter().filter(|asked| asked.entered.is_none()).count();
        if uncounted > 0 {
            self.open.push(format!(
                "{uncounted} look-ups are counted in this ledger alone, by a version that had no register of requests"
            ));
        }
        Requests {
            key: self.key.to_string(),
            first,
            asked,
            ended,
            matters: matters.0,
            agreed,
            unheld,
        }
    }
}

/// Holds a program's ledger against the register that its look-ups are counted in.
///
/// What is wrong with the register itself is wrong here too: what is counted there cannot be relied on.
pub fn hold_against(program: &mut Audited, register: &Audited) {
    let of_register = register.wrong.iter().map(|wrong| Wrong {
        place: format!("register, {}", wrong.place),
        index: None,
        ..wrong.clone()
    });
    let mut wrong: Vec<Wrong> = of_register.collect();
    let (own, kept) = (&program.requests, &register.requests);
    if kept.key.is_empty() {
        // Its bytes are not what was signed: nothing can be held against them.
        program.wrong.extend(wrong);
        return;
    }
    let is_gone = |matter: u64| kept.first.is_some_and(|first| matter < first);
    let (mut found, mut gone) = (BTreeSet::new(), 0_u64);
    for asked in &own.asked {
        let Some((named, matter)) = &asked.entered else { continue };
        if named != &kept.key {
            let what = format!("it is counted in the register `{named}`, and not in this one");
            wrong.push(Wrong::at(asked.index, &what, "give the register that it names"));
            continue;
        }
        if is_gone(*matter) {
            gone += 1;
            continue;
        }
        let is_as_said = |kept: &&Matter| {
            kept.ledger == own.key && (kept.persons, kept.second) == (asked.persons, asked.second)
        };
        let Some(kept) = kept.matters.get(matter).filter(is_as_said) else {
            let what = format!(
                "the register has no matter {matter} of this ledger with {} persons at that time",
                asked.persons
            );
            wrong.push(Wrong::at(asked.index, &what, "find out which of the two was changed"));
            continue;
        };
        if !kept.is_open && !own.ended.contains(&asked.run) {
            let what =
                format!("the register was told that {} is over, which has not ended", asked.run);
            wrong.push(Wrong::at(asked.index, &what, "find out who told it, and count it as open"));
        }
        found.insert(*matter);
    }
    let here = kept.matters.iter().filter(|(_, matter)| matter.ledger == own.key);
    let unasked = here.filter(|(number, _)| !found.contains(number)).count();
    let mut open = Vec::new();
    if unasked > 0 {
        open.push(format!(
            "the register has {unasked} matters of this ledger that it doesn't hold: look-ups that were broken off before they \
             began, or entries that are gone"
        ));
    }
    if gone > 0 {
        open.push(format!("{gone} look-ups were counted in entries of the register that are gone"));
    }
    let ledgers: BTreeSet<&str> = (kept.matters.values())
        .map(|matter| matter.ledger.split('+').next().unwrap_or_default())
        .collect();
    if !found.is_empty() {
        let names: Vec<&str> = ledgers.into_iter().collect();
        open.push(format!(
            "the register counts what was asked from {}; whether the recipient asks from others too, and counts that elsewhere, it \
             does not tell: have their ledgers name the key `{}`, and hold each of them to this same copy, of {} entries, since two copies \
             of a register count apart",
            names.join(", "),
            kept.key,
            register.entries
        ));
    }
    if wrong.is_empty() && !found.is_empty() && program.is_sound() {
        program.proved.push(format!(
            "each of {} look-ups is in the register of requests, which is sound: it says that {}",
            found.len(),
            register.proved.last().map_or("nobody was asked about", String::as_str)
        ));
    }
    program.open.extend(open);
    program.wrong.extend(wrong);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use ledger::{Commitments, Name, Signer, Verifier};

    const MONDAY: i64 = 1_798_999_200;
    const DAY: i64 = 86_400;

    fn key(byte: u8) -> Verifier {
        let name = Name::new("family-support.example/requests").unwrap();
        Signer::from_random(name, [byte; 32]).verifier().clone()
    }

    /// Reads events that are recorded at the seconds they stand at.
    fn read(key: &Verifier, events: &[(i64, Event)]) -> Audited {
        let mut reading = Reading::new(key);
        for (index, (second, event)) in events.iter().enumerate() {
            let at = Timestamp::from_second(*second).unwrap();
            let leaf = event.to_leaf(at, Commitments::new(), [7; 32]).unwrap();
            let _ = reading.take(index as u64, &leaf.to_entry().unwrap());
        }
        let mut proved = Vec::new();
        let requests = reading.requests_end(&mut proved);
        Audited {
            origin: key.name().to_string(),
            entries: events.len() as u64,
            root: String::new(),
            proved,
            open: reading.open,
            erased: Vec::new(),
            unauthenticated: Vec::new(),
            wrong: reading.wrong,
            requests,
        }
    }

    fn opened(officer: &str, persons: u64, second: i64) -> (i64, Event) {
        let (ledger, officer) = (key(9).to_string(), officer.to_owned());
        (second, Event::MatterOpened { ledger, officer, persons, second })
    }

    fn closed(matter: u64) -> (i64, Event) {
        (MONDAY + DAY, Event::MatterClosed { matter })
    }

    fn what(audited: &Audited) -> Vec<String> {
        audited.wrong.iter().map(|one| format!("{}: {}", one.place, one.what)).collect()
    }

    #[test]
    fn a_register_never_holds_more_than_a_hundred_persons_in_ninety_days() {
        let with = |last: i64| {
            [opened("a", 60, MONDAY), opened("b", 40, MONDAY + DAY), opened("c", 1, last)]
        };
        let sound = read(&key(1), &with(MONDAY + 91 * DAY));
        assert_eq!(what(&sound), Vec::<String>::new());
        let said =
            "101 persons were asked about by name from 1 ledgers, never more than 100 in 90 days";
        assert!(sound.proved.last().unwrap().starts_with(said), "{:?}", sound.proved);
        let wrong = what(&read(&key(1), &with(MONDAY + 90 * DAY)));
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].starts_with("entry 2: with it 101 persons"), "{wrong:?}");
    }

    #[test]
    fn no_officer_has_more_than_twenty_five_open_matters() {
        let mut events: Vec<_> = (0..25).map(|n| opened("a", 1, MONDAY + n)).collect();
        events.push(opened("b", 1, MONDAY + 30));
        assert_eq!(what(&read(&key(1), &events)), Vec::<String>::new());
        let mut more = events.clone();
        more.push(opened("a", 1, MONDAY + 40));
        let wrong = what(&read(&key(1), &more));
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("one officer has 26 open matters"), "{wrong:?}");
        events.push(closed(3));
        events.push(opened("a", 1, MONDAY + 2 * DAY));
        assert_eq!(what(&read(&key(1), &events)), Vec::<String>::new(), "one of them is over");
    }

    #[test]
    fn a_matter_is_reopened_only_after_it_was_over() {
        let reopened = |matter: u64| (MONDAY + DAY, Event::MatterReopened { matter });
        let again = [opened("a", 1, MONDAY), closed(0), reopened(0), closed(0)];
        assert_eq!(what(&read(&key(1), &again)), Vec::<String>::new());
        assert_eq!(what(&read(&key(1), &[opened("a", 1, MONDAY), reopened(0)])).len(), 1);
    }

    #[test]
    fn nothing_goes_out_of_a_look_up_that_was_given_up() {
        let of = |run: &str| Event::ReleaseResumed {
            run: run.to_owned(),
            chunk: 0,
            disclosure: 0,
            permit: 0,
        };
        let dropped = (MONDAY, Event::RecordsDropped { run: "look-up-1".to_owned(), permit: None });
        let says = |run: &str| what(&read(&key(1), &[dropped.clone(), (MONDAY, of(run))]));
        let given_up = |wrong: &String| wrong.contains("which was given up before it");
        assert!(says("look-up-1").iter().any(given_up));
        assert!(!says("look-up-2").iter().any(given_up));
    }

    #[test]
    fn a_look_up_is_given_up_without_a_permit_only_before_any_was_given_up_under_one() {
        let dropped = |run: &str, permit: Option<u64>| {
            (MONDAY, Event::RecordsDropped { run: run.to_owned(), permit })
        };
        let says = |events: &[(i64, Event)]| {
            what(&read(&key(1), events))
                .iter()
                .any(|wrong| wrong.contains("without a permit, after"))
        };
        let (unpermitted, permitted) = (dropped("look-up-1", None), dropped("look-up-2", Some(0)));
        assert!(
            !says(&[unpermitted.clone(), permitted.clone()]),
            "an older version asked for none"
        );
        assert!(says(&[permitted, unpermitted]));
    }

    #[test]
    fn a_matter_is_closed_once_and_counted_when_it_was_asked() {
        let twice = [opened("a", 1, MONDAY), closed(0), closed(0)];
        assert_eq!(what(&read(&key(1), &twice)).len(), 1);
        assert_eq!(what(&read(&key(1), &[opened("a", 1, MONDAY), closed(7)])).len(), 1);
        // Dated back, it would fall out of the 90 days earlier.
        for (asked, is_wrong) in
            [(MONDAY - DAY, false), (MONDAY - DAY - 1, true), (MONDAY + 1, true)]
        {
            let (_, event) = opened("a", 1, asked);
            let wrong = what(&read(&key(1), &[(MONDAY, event)]));
            assert_eq!(!wrong.is_empty(), is_wrong, "{wrong:?}");
        }
    }

    /// A program's look-ups, without the permits and runs that they stand behind.
    fn asked(entered: &[Option<(&Verifier, u64, u64)>]) -> Audited {
        let mut events = Vec::new();
        for (number, entered) in entered.iter().enumerate() {
            let (register, matter) =
                entered.map(|(key, matter, _)| (key.to_string(), matter)).unzip();
            let event = Event::RecordsAsked {
                run: format!("look-up-{number}"),
                permit: 0,
                persons: entered.map_or(1, |(_, _, persons)| persons),
                second: MONDAY,
                register,
                matter,
            };
            events.push((MONDAY, event));
        }
        let mut audited = read(&key(9), &events);
        // What they lack is not what is looked at here.
        audited.wrong.retain(|one| !one.what.contains("before it"));
        audited
    }

    #[test]
    fn a_program_names_one_register_and_its_matters_in_order() {
        let (one, other) = (key(1), key(2));
        let wrong = |entered: &[Option<(&Verifier, u64, u64)>]| what(&asked(entered));
        assert_eq!(wrong(&[None, Some((&one, 0, 1)), Some((&one, 4, 1))]), Vec::<String>::new());
        for (entered, says) in [
            ([Some((&one, 0, 1)), Some((&other, 1, 1))], "another register"),
            ([Some((&one, 4, 1)), Some((&one, 4, 1))], "asked earlier"),
            ([Some((&one, 0, 1)), None], "in no register"),
        ] {
            let wrong = wrong(&entered);
            assert!(wrong.len() == 1 && wrong[0].contains(says), "{says}: {wrong:?}");
        }
    }

    #[test]
    fn two_copies_of_a_register_that_count_apart_are_found_by_holding_all_programs_to_one() {
        let own = key(1);
        let register = |persons| read(&own, &[opened("a", persons, MONDAY)]);
        let (of_one, of_other) = (register(3), register(5));
        let held = |persons: u64, register: &Audited| {
            let mut program = asked(&[Some((&own, 0, persons))]);
            hold_against(&mut program, register);
            program
        };
        for (persons, register) in [(3, &of_one), (5, &of_other)] {
            let sound = held(persons, register);
            assert!(sound.is_sound(), "{sound:#?}");
            assert!(sound.open[0].contains("this same copy, of 1 entries"), "{sound:#?}");
        }
        for (persons, register) in [(5, &of_one), (3, &of_other)] {
            assert!(what(&held(persons, register))[0].contains("has no matter 0 of this ledger"));
        }
    }

    #[test]
    fn what_a_program_asked_stands_in_its_register_as_it_says() {
        let own = key(1);
        let register = || read(&own, &[opened("a", 3, MONDAY), opened("a", 5, MONDAY)]);
        let held = |mut program: Audited, register: &Audited| {
            hold_against(&mut program, register);
            program
        };
        let sound = held(asked(&[Some((&own, 0, 3)), Some((&own, 1, 5))]), &register());
        assert!(sound.is_sound(), "{sound:#?}");
        let one =
            "the register counts what was asked from family-support.example/requests; whether";
        assert!(sound.open.len() == 1 && sound.open[0].starts_with(one), "{sound:#?}");
        assert!(sound.proved.last().unwrap().contains("each of 2 look-ups"), "{sound:#?}");
        let over = read(&own, &[opened("a", 3, MONDAY), closed(0)]);
        let early = held(asked(&[Some((&own, 0, 3))]), &over);
        assert!(what(&early)[0].contains("told that look-up-0 is over, which has not ended"));
        let mut ended = asked(&[Some((&own, 0, 3))]);
        ended.requests.ended.insert("look-up-0".to_owned());
        assert!(held(ended, &over).is_sound());
        let mut unreadable = register();
        unreadable.requests = Requests::default();
        unreadable.wrong.push(Wrong::with("tile/entries/000", "is damaged", "find another copy"));
        let told = what(&held(asked(&[Some((&own, 0, 3))]), &unreadable));
        assert_eq!(told, ["register, tile/entries/000: is damaged"]);
        let mut pruned = read(&own, &[opened("a", 3, MONDAY), opened("a", 5, MONDAY)]);
        pruned.requests.first = Some(1);
        pruned.requests.matters.remove(&0);
        let part = held(asked(&[Some((&own, 0, 3)), Some((&own, 1, 5))]), &pruned);
        assert!(part.is_sound(), "{part:#?}");
        assert!(part.open[0].starts_with("1 look-ups were counted in entries"), "{part:#?}");
        let fewer = held(asked(&[Some((&own, 0, 2)), Some((&own, 1, 5))]), &register());
        assert_eq!(what(&fewer).len(), 1, "{fewer:#?}");
        let missing = held(asked(&[Some((&own, 0, 3)), Some((&own, 2, 5))]), &register());
        assert_eq!(what(&missing).len(), 1, "{missing:#?}");
        let other = held(asked(&[Some((&key(2), 0, 3))]), &register());
        assert!(what(&other)[0].contains("and not in this one"), "{other:#?}");
        let less = held(asked(&[None, Some((&own, 1, 5))]), &register());
        assert!(less.is_sound(), "{less:#?}");
        assert!(less.open[0].starts_with("1 look-ups are counted in this ledger alone"));
        assert!(less.open[1].starts_with("the register has 1 matters of this ledger"));
        let too_many = read(&own, &[opened("a", 3, MONDAY), opened("a", 98, MONDAY)]);
        let told = held(asked(&[Some((&own, 0, 3))]), &too_many);
        assert_eq!(what(&told).len(), 1, "what is wrong with the register is wrong here");
        assert!(told.wrong[0].place.starts_with("register, entry 1"), "{told:#?}");
    }
}
