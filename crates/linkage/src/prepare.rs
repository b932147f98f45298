//! Turns what stands in a cell into a value that can be compared, or into no value.
//!
//! Third step of the path, after admission and before blocking. It works on one value at a time and knows no table;
//! `tables` calls it for every cell. It never guesses: a date that doesn't read by its format is no value, and is
//! counted as unreadable. It doesn't correct spellings and knows no nicknames.
//!
//! Unicode normalisation is [UAX 15](https://www.unicode.org/reports/tr15/).

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use regex::Regex;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::compare::place::Place;
use crate::model::{Column, Kind, Step};

/// What stands for no value where a column doesn't state its own list.
///
/// In a column of numbers zero is a value nevertheless, unless the column's own list has it. In one of places the point
/// where the equator meets the prime meridian, out at sea, stands for no value.
pub const USUAL_PLACEHOLDERS: &[&str] = &[
    "-",
    "--",
    ".",
    "?",
    "n/a",
    "na",
    "nil",
    "none",
    "not known",
    "not stated",
    "null",
    "unk",
    "unknown",
    "x",
    "xx",
    "xxx",
    "xxxx",
    "0",
    "00",
    "000",
    "0000",
    "00000",
    "000000",
    "0000000",
    "00000000",
    "000000000",
    "99999",
    "999999999",
    "0000-00-00",
    "1900-01-01",
    "9999-12-31",
];

/// What a column of presence says of a record that has the value.
pub const GIVEN: &str = "given";

/// What it says of one that lacks it.
pub const MISSING: &str = "missing";

/// What a cell came to.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    /// There was nothing in it.
    Absent,
    /// There was something that stands for nothing.
    Placeholder,
    /// There was something that doesn't read as the column's kind.
    Unreadable,
    /// Text.
    Text(String),
    /// A date.
    Date(Date),
    /// A number.
    Number(f64),
    /// A moment.
    Time(Timestamp),
    /// A place.
    Place(Place),
    /// Items in ascending order, each once.
    List(Vec<String>),
}

/// What stood in a cell, as its Arrow type has it.
pub(crate) enum Cell {
    Null,
    Text(String),
    Date(Date),
    Time(Timestamp),
    List(Vec<String>),
}

/// One column's preparation, its placeholders put through its own steps.
///
/// A date or a number is held against them after it was read, so that it makes no difference how it was written.
pub(crate) struct Preparation<'a> {
    column: &'a Column,
    /// For each step, its regular expression if it has one: making one costs more than thousands of uses.
    patterns: Vec<Option<Regex>>,
    texts: BTreeSet<String>,
    dates: BTreeSet<Date>,
    times: BTreeSet<Timestamp>,
    numbers: Vec<f64>,
    places: BTreeSet<Place>,
}

impl<'a> Preparation<'a> {
    pub(crate) fn new(column: &'a Column) -> Self {
        let mut preparation = Self {
            column,
            patterns: patterns_of(&column.steps),
            texts: BTreeSet::new(),
            dates: BTreeSet::new(),
            times: BTreeSet::new(),
            numbers: Vec::new(),
            places: BTreeSet::new(),
        };
        if let Some(own) = &column.placeholders {
            for text in own {
                preparation.hold(text);
            }
        } else {
            for text in USUAL_PLACEHOLDERS {
                preparation.hold(text);
            }
            preparation.numbers.retain(|number| *number != 0.0);
            preparation.places.extend(Place::new(0.0, 0.0));
        }
        preparation
    }

    /// Takes a placeholder up, as what it reads as in this column.
    fn hold(&mut self, text: &str) {
        let prepared = apply_with(&self.column.steps, &self.patterns, text);
        match &self.column.kind {
            Kind::Text | Kind::List(_) => {}
            // The list may be written in the column's format or in that of ISO.
            Kind::Date(format) => {
                let read = |text: &str| Date::strptime(format, text).ok();
                self.dates
                    .extend([text.parse().ok(), read(text), read(&prepared)].into_iter().flatten());
            }
            // A day that stands for nothing does so at any hour.
            Kind::Time(format) => {
                self.dates.extend(text.parse::<Date>());
                self.times.extend(read_time(format, text).or_else(|| read_time(format, &prepared)));
            }
            // One number is half of a place: latitude 0 is a value, whatever stands for nothing elsewhere.
            Kind::Place => {
                self.places.extend(read_place(&prepared));
                if prepared.parse::<f64>().is_ok() {
                    return;
                }
            }
            Kind::Number => {
                if let Some(number) =
                    prepared.parse().ok().filter(|number: &f64| number.is_finite())
                {
                    self.numbers.push(number);
                    return;
                }
            }
        }
        self.texts.insert(prepared);
    }

    /// Says whether a prepared text stands for nothing.
    pub(crate) fn is_placeholder(&self, text: &str) -> bool {
        self.texts.contains(text)
    }

    /// Prepares the one cell of a record that is text.
    pub(crate) fn value_of_text(&self, text: &str) -> Value {
        match &self.column.kind {
            Kind::List(separator) => self.listed(&[Cell::Text(text.to_owned())], separator),
            _ => self.told(self.read(std::iter::once(text))),
        }
    }

    /// Prepares a value that the model states.
    pub(crate) fn value_of_literal(&self, text: &str) -> Value {
        if self.column.presence {
            return Value::Text(text.to_owned());
        }
        self.value_of_text(text)
    }

    /// Leaves of a value whether there is one, where that is all that the column says.
    fn told(&self, value: Value) -> Value {
        if !self.column.presence {
            return value;
        }
        Value::Text(if matches!(value, Value::Text(_)) { GIVEN } else { MISSING }.to_owned())
    }

    /// Prepares the cells of one record, one cell for each column it is made from.
    pub(crate) fn value(&self, cells: &[Cell]) -> Value {
        if let ([Cell::Date(date)], Kind::Date(_)) = (cells, &self.column.kind) {
            return self.dated(*date);
        }
        if let ([Cell::Time(time)], Kind::Time(_)) = (cells, &self.column.kind) {
            return self.timed(*time);
        }
        if let Kind::List(separator) = &self.column.kind {
            return self.listed(cells, separator);
        }
        let texts: Vec<String> = cells.iter().filter_map(text_of).collect();
        self.told(self.read(texts.iter().map(String::as_str)))
    }

    fn read<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Value {
        let mut whole = String::new();
        let mut held_place = false;
        for text in texts {
            let text = apply_with(&self.column.steps, &self.patterns, text);
            if text.is_empty() {
                continue;
            }
            if self.texts.contains(&text) {
                held_place = true;
                continue;
            }
            if !whole.is_empty() {
                whole.push(' ');
            }
            whole.push_str(&text);
        }
        if whole.is_empty() {
            return if held_place { Value::Placeholder } else { Value::Absent };
        }
        match &self.column.kind {
            Kind::Text | Kind::List(_) => Value::Text(whole),
            Kind::Date(format) => {
                Date::strptime(format, &whole).map_or(Value::Unreadable, |date| self.dated(date))
            }
            Kind::Number => whole.parse().map_or(Value::Unreadable, |number| self.numbered(number)),
            Kind::Time(format) => match read_time(format, &whole) {
                Some(time) => self.timed(time),
                // The last day of all stands for no day, and isn't one that a moment can be told of at every offset.
                None if self.holds_day(format, &whole) => Value::Placeholder,
                None => Value::Unreadable,
            },
            Kind::Place => match read_place(&whole) {
                None => Value::Unreadable,
                Some(place) if self.places.contains(&place) => Value::Placeholder,
                Some(place) => Value::Place(place),
            },
        }
    }

    /// Puts each item through the steps by itself.
    fn listed(&self, cells: &[Cell], separator: &str) -> Value {
        let mut items = BTreeSet::new();
        let mut held_place = false;
        let mut take = |text: &str| {
            let text = apply_with(&self.column.steps, &self.patterns, text);
            if self.texts.contains(&text) {
                held_place = true;
            } else if !text.is_empty() {
                items.insert(text);
            }
        };
        for cell in cells {
            match cell {
                Cell::List(texts) => texts.iter().for_each(|text| take(text)),
                cell => {
                    text_of(cell).iter().flat_map(|text| text.split(separator)).for_each(&mut take);
                }
            }
        }
        match (items.is_empty(), held_place) {
            (false, _) => Value::List(items.into_iter().collect()),
            (true, true) => Value::Placeholder,
            (true, false) => Value::Absent,
        }
    }

    fn holds_day(&self, format: &str, text: &str) -> bool {
        let day = strtime::parse(format, text).and_then(|read| read.to_date());
        day.is_ok_and(|day| self.dates.contains(&day))
    }

    fn timed(&self, time: Timestamp) -> Value {
        let day = time.to_zoned(TimeZone::UTC).date();
        if self.dates.contains(&day) || self.times.contains(&time) {
            Value::Placeholder
        } else {
            Value::Time(time)
        }
    }

    fn dated(&self, date: Date) -> Value {
        if self.dates.contains(&date) { Value::Placeholder } else { Value::Date(date) }
    }

    fn numbered(&self, number: f64) -> Value {
        if !number.is_finite() {
            Value::Unreadable
        } else if self.numbers.contains(&number) {
            Value::Placeholder
        } else {
            // Minus zero is zero: they compare equal, and must have one code.
            Value::Number(number + 0.0)
        }
    }
}

impl Cell {
    /// Returns what stands there as text, empty where nothing does.
    pub(crate) fn into_text(self) -> String {
        text_of(&self).unwrap_or_default()
    }
}

fn text_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text.clone()),
        Cell::Date(date) => Some(date.to_string()),
        Cell::Time(time) => Some(time.to_string()),
        Cell::List(items) => Some(items.join(" ")),
    }
}

/// Reads a moment by its format, at UTC where it says nothing of an offset.
fn read_time(format: &str, text: &str) -> Option<Timestamp> {
    let read = strtime::parse(format, text).ok()?;
    if let Ok(time) = read.to_timestamp() {
        return Some(time);
    }
    Some(read.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Reads a latitude and a longitude.
fn read_place(text: &str) -> Option<Place> {
    let mut parts = text
        .split(|letter: char| letter == ',' || letter.is_whitespace())
        .filter(|part| !part.is_empty());
    let latitude = parts.next()?.parse().ok()?;
    let longitude = parts.next()?.parse().ok()?;
    if parts.next().is_some() { None } else { Place::new(latitude, longitude) }
}

/// Says whether a cell with this text would come to a value.
pub(crate) fn reads(column: &Column, text: &str) -> bool {
    if column.presence {
        return [GIVEN, MISSING].contains(&text);
    }
    match Preparation::new(column).value(&[Cell::Text(text.to_owned())]) {
        Value::Absent | Value::Placeholder | Value::Unreadable => false,
        Value::Text(_)
        | Value::Date(_)
        | Value::Number(_)
        | Value::Time(_)
        | Value::Place(_)
        | Value::List(_) => true,
    }
}

/// Puts a text through steps, in their order.
pub fn apply(steps: &[Step], text: &str) -> String {
    apply_with(steps, &patterns_of(steps), text)
}

/// Says what makes a step unsound, if anything does.
pub(crate) fn step_problem(step: &Step) -> Option<&'static str> {
    match step {
        Step::Before(text) if text.is_empty() => Some("the step `before` needs a text"),
        Step::Part { start: 0, .. } => Some("the step `part` counts its start from 1"),
        Step::Part { length: 0, .. } => Some("the step `part` keeps nothing"),
        Step::Extract { pattern, group } => match Regex::new(pattern) {
            Err(_) => Some("the pattern of the step `extract` is no regular expression"),
            Ok(pattern) if pattern.captures_len() <= *group as usize => {
                Some("the pattern of the step `extract` has no such group")
            }
            Ok(_) => None,
        },
        Step::Compose
        | Step::Trim
        | Step::FoldCase
        | Step::CollapseSpaces
        | Step::RemoveSpaces
        | Step::StripPunctuation
        | Step::DigitsOnly
        | Step::FoldDiacritics
        | Step::StripLeadingZeros
        | Step::Before(_)
        | Step::Part { .. }
        | Step::AsBytes => None,
    }
}

fn patterns_of(steps: &[Step]) -> Vec<Option<Regex>> {
    let pattern = |step: &Step| match step {
        // The model was checked, so that each of its patterns is one.
        Step::Extract { pattern, .. } => Regex::new(pattern).ok(),
        _ => None,
    };
    steps.iter().map(pattern).collect()
}

fn apply_with(steps: &[Step], patterns: &[Option<Regex>], text: &str) -> String {
    steps.iter().zip(patterns).fold(text.to_owned(), |text, (step, pattern)| match step {
        Step::Compose => text.nfc().collect(),
        Step::Trim => text.trim().to_owned(),
        Step::FoldCase => fold_case(&text),
        Step::CollapseSpaces => collapse_spaces(&text),
        Step::RemoveSpaces => text.chars().filter(|letter| !letter.is_whitespace()).collect(),
        Step::StripPunctuation => {
            let kept = |letter: &char| {
                letter.is_alphanumeric() || letter.is_whitespace() || is_combining_mark(*letter)
            };
            text.chars().filter(kept).collect()
        }
        Step::DigitsOnly => text.chars().filter(char::is_ascii_digit).collect(),
        Step::FoldDiacritics => fold_diacritics(&text),
        Step::StripLeadingZeros => text.trim_start_matches('0').to_owned(),
        Step::Before(mark) => {
            text.split_once(mark.as_str()).map_or(text.clone(), |(before, _)| before.to_owned())
        }
        Step::Part { start, length } => {
            text.chars().skip(*start as usize - 1).take(*length as usize).collect()
        }
        Step::Extract { group, .. } => pattern
            .as_ref()
            .and_then(|pattern| pattern.captures(&text)?.get(*group as usize))
            .map_or(String::new(), |found| found.as_str().to_owned()),
        Step::AsBytes => text.bytes().map(char::from).collect(),
    })
}

/// Lower case, with the two letters for which that isn't enough: final sigma and sharp s.
fn fold_case(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            'ς' => folded.push('σ'),
            'ß' => folded.push_str("ss"),
            other => folded.push(other),
        }
    }
    folded
}

fn collapse_spaces(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let mut spaced = false;
    for letter in text.chars() {
        if letter.is_whitespace() {
            if !spaced {
                collapsed.push(' ');
            }
            spaced = true;
        } else {
            collapsed.push(letter);
            spaced = false;
        }
    }
    collapsed
}

/// Takes combining marks off, and writes the letters whose stroke isn't one in two plain ones or one.
pub(crate) fn fold_diacritics(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            'ø' => folded.push('o'),
            'Ø' => folded.push('O'),
            'ł' => folded.push('l'),
            'Ł' => folded.push('L'),
            'đ' | 'ð' => folded.push('d'),
            'Đ' | 'Ð' => folded.push('D'),
            'ı' => folded.push('i'),
            'æ' => folded.push_str("ae"),
            'Æ' => folded.push_str("AE"),
            'œ' => folded.push_str("oe"),
            'Œ' => folded.push_str("OE"),
            'ß' => folded.push_str("ss"),
            'þ' => folded.push_str("th"),
            'Þ' => folded.push_str("Th"),
            other => folded.push(other),
        }
    }
    folded.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Kind, steps: &[Step], placeholders: Option<&[&str]>) -> Column {
        Column {
            name: "column".to_owned(),
            from: vec!["column".to_owned()],
            source: Vec::new(),
            recipient: Vec::new(),
            kind,
            steps: steps.to_vec(),
            placeholders: placeholders
                .map(|list| list.iter().map(|text| (*text).to_owned()).collect()),
            presence: false,
        }
    }

    fn shown(value: &Value) -> String {
        match value {
            Value::Absent => "absent".to_owned(),
            Value::Placeholder => "placeholder".to_owned(),
            Value::Unreadable => "unreadable".to_owned(),
            Value::Text(text) => format!("text {text}"),
            Value::Date(date) => format!("date {date}"),
            Value::Number(number) => format!("number {number}"),
            Value::Time(time) => format!("time {time}"),
            Value::Place(place) => format!("place {}", place.text()),
            Value::List(items) => format!("list {}", items.join("|")),
        }
    }

    fn check(column: &Column, text: &str, expected: &str) {
        assert_eq!(
            shown(&Preparation::new(column).value(&[Cell::Text(text.to_owned())])),
            expected,
            "of {text:?}"
        );
    }

    #[test]
    fn the_usual_steps_make_one_form_of_one_name() {
        let names = column(Kind::Text, &Step::USUAL, None);
        check(&names, "  Jose\u{301}   MARI\u{301}A ", "text josé maría");
        check(&names, "STRASSE", "text strasse");
        check(&names, "Straße", "text strasse");
        check(&names, "   ", "absent");
    }

    #[test]
    fn placeholders_are_no_value_whatever_their_case() {
        let names = column(Kind::Text, &Step::USUAL, None);
        for text in ["Unknown", " N/A ", "NULL", "-", "xxx", "00000"] {
            check(&names, text, "placeholder");
        }
    }

    #[test]
    fn a_column_of_names_may_keep_people_called_null() {
        let names = column(Kind::Text, &Step::USUAL, Some(&["unknown"]));
        check(&names, "Null", "text null");
        check(&names, "UNKNOWN", "placeholder");
    }

    #[test]
    fn a_date_reads_by_its_format_or_not_at_all() {
        let births = column(Kind::Date("%Y%m%d".to_owned()), &Step::USUAL, None);
        check(&births, " 19560409", "date 1956-04-09");
        check(&births, "19561309", "unreadable");
        check(&births, "19000101", "placeholder");
        check(&births, "00000000", "placeholder");
        check(&births, "", "absent");
    }

    #[test]
    fn numbers_are_finite_and_zero_has_one_form() {
        let amounts = column(Kind::Number, &Step::USUAL, Some(&[]));
        check(&amounts, "12.50", "number 12.5");
        check(&amounts, "-0", "number 0");
        check(&amounts, "nan", "unreadable");
        check(&amounts, "twelve", "unreadable");
    }

    #[test]
    fn each_step_does_its_one_thing() {
        let extract = |pattern: &str, group| Step::Extract { pattern: pattern.to_owned(), group };
        let cases: [(Step, &str, &str); 13] = [
            (Step::Part { start: 2, length: 2 }, "éüöß", "üö"),
            (Step::Part { start: 4, length: 2 }, "abc", ""),
            (extract("[0-9]+", 0), "a12b34", "12"),
            (extract("b([0-9])", 1), "a12b34", "3"),
            (extract("[0-9]+", 0), "none", ""),
            (Step::AsBytes, "José", "JosÃ©"),
            (Step::RemoveSpaces, "a b\tc", "abc"),
            (Step::StripPunctuation, "o'Brien-Ma.", "oBrienMa"),
            (Step::DigitsOnly, "+44 (0)20 7946", "440207946"),
            (Step::FoldDiacritics, "Łukasz Søren Dvořák", "Lukasz Soren Dvorak"),
            (Step::StripLeadingZeros, "00120", "120"),
            (Step::Before("@".to_owned()), "a.b@c.d@e", "a.b"),
            (Step::CollapseSpaces, "a \t b", "a b"),
        ];
        for (step, text, expected) in cases {
            assert_eq!(apply(&[step], text), expected);
        }
    }

    #[test]
    fn a_step_that_can_do_nothing_is_named() {
        let extract = |pattern: &str| Step::Extract { pattern: pattern.to_owned(), group: 1 };
        for step in [
            Step::Before(String::new()),
            Step::Part { start: 0, length: 1 },
            Step::Part { start: 1, length: 0 },
            extract("("),
            extract("a"),
        ] {
            assert!(step_problem(&step).is_some(), "{step:?}");
        }
        assert_eq!(step_problem(&extract("(a)")), None);
    }

    #[test]
    fn several_columns_join_and_the_empty_ones_stay_out() {
        let names = column(Kind::Text, &Step::USUAL, None);
        let cells = [
            Cell::Text("Ana".into()),
            Cell::Null,
            Cell::Text("unknown".into()),
            Cell::Text("Gil".into()),
        ];
        assert_eq!(shown(&Preparation::new(&names).value(&cells)), "text ana gil");
    }

    #[test]
    fn zero_is_a_number_unless_the_column_says_otherwise() {
        let amounts = column(Kind::Number, &Step::USUAL, None);
        for text in ["0", "0.0", "00000", "-0"] {
            check(&amounts, text, "number 0");
        }
        check(&amounts, "99999", "placeholder");
        check(&amounts, "99999.0", "placeholder");
        check(&amounts, "unknown", "placeholder");
        let own = column(Kind::Number, &Step::USUAL, Some(&["0", "-1"]));
        for text in ["0", "0.00", "-1.0"] {
            check(&own, text, "placeholder");
        }
        check(&own, "99999", "number 99999");
    }

    #[test]
    fn a_date_that_stands_for_nothing_does_so_whatever_the_steps_and_the_format() {
        let stripped = [Step::StripPunctuation];
        let births = column(Kind::Date("%Y%m%d".to_owned()), &stripped, None);
        check(&births, "1900-01-01", "placeholder");
        check(&births, "1956-04-09", "date 1956-04-09");
        let date = |column: &Column, date: Date| {
            shown(&Preparation::new(column).value(&[Cell::Date(date)]))
        };
        assert_eq!(date(&births, Date::constant(1900, 1, 1)), "placeholder");
        let own = column(Kind::Date("%d/%m/%Y".to_owned()), &Step::USUAL, Some(&["01/01/1901"]));
        check(&own, "1/1/1901", "placeholder");
        check(&own, "01/01/1900", "date 1900-01-01");
        assert_eq!(date(&own, Date::constant(1901, 1, 1)), "placeholder");
    }

    #[test]
    fn a_moment_reads_with_its_offset_or_at_utc() {
        let offset = column(Kind::Time("%Y-%m-%d %H:%M %z".to_owned()), &[Step::Trim], None);
        check(&offset, "2024-03-01 10:30 +0200", "time 2024-03-01T08:30:00Z");
        check(&offset, "2024-03-01 10:30", "unreadable");
        let civil = column(Kind::Time("%Y-%m-%d %H:%M".to_owned()), &[Step::Trim], None);
        check(&civil, " 2024-03-01 10:30", "time 2024-03-01T10:30:00Z");
        check(&civil, "9999-12-31 00:00", "placeholder");
        check(&civil, "1900-01-01 12:00", "placeholder");
        check(&civil, "", "absent");
    }

    #[test]
    fn a_place_is_two_numbers_on_the_globe_in_one_column_or_in_two() {
        let places = column(Kind::Place, &Step::USUAL, None);
        check(&places, "51.5, -0.12", "place 51.5 -0.12");
        check(&places, "0 12.5", "place 0 12.5");
        check(&places, "90 180", "place 90 180");
        for text in ["91 0", "0 181", "51.5", "1 2 3", "nan 3", "north 5"] {
            check(&places, text, "unreadable");
        }
        check(&places, "0,0", "placeholder");
        check(&places, "unknown", "placeholder");
        let two = [Cell::Text("0".into()), Cell::Text("-0.5".into())];
        assert_eq!(shown(&Preparation::new(&places).value(&two)), "place 0 -0.5");
        let half = [Cell::Null, Cell::Text("-0.5".into())];
        assert_eq!(shown(&Preparation::new(&places).value(&half)), "unreadable");
    }

    #[test]
    fn a_list_is_a_set_of_prepared_items() {
        let phones = column(Kind::List(";".to_owned()), &Step::USUAL, None);
        check(&phones, "B; a ;;b;unknown", "list a|b");
        check(&phones, " ; ", "absent");
        check(&phones, "unknown;", "placeholder");
        let cells = [Cell::List(vec!["Z".into(), "y;x".into()]), Cell::Text("a;z".into())];
        assert_eq!(shown(&Preparation::new(&phones).value(&cells)), "list a|y;x|z");
    }
}
