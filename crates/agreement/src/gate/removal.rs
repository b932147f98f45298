//! The net of F13: finds where a text of an agreement cites a power to inspect, arrest, detain, register or remove.
//!
//! It stands under the closed vocabulary of purposes, not instead of it, and it errs towards refusing: every number
//! after a mention of title 8 (of the Code or of the regulations) or of the Immigration and Nationality Act counts
//! until another title is named. A text that means something else is written otherwise.

use serde_json::Value;

use crate::Agreement;

/// Sections of title 8 of the United States Code, parts of title 8 of the regulations, and sections of the Act that
/// hold these powers. 1302–1306 are registration; 1373 and 1644 are what compels others to tell.
const SECTIONS: &[&str] = &[
    "1182", "1225", "1226", "1226a", "1227", "1228", "1229", "1229a", "1230", "1231", "1302",
    "1303", "1304", "1305", "1306", "1357", "1360", "1373", "1644", // the Code
    "212", "232", "233", "235", "236", "236a", "237", "238", "239", "240", "240c", "241", "262",
    "263", "264", "265", "266", "287", "290", // the Act, and part by part the regulations
    "1235", "1236", "1238", "1239", "1240", "1241", "1287", // the regulations of the courts
];

/// Returns the texts of an agreement that cite such a power: all its texts are looked at.
pub(super) fn removal_powers(agreement: &Agreement) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(value) = serde_json::to_value(agreement) {
        texts(&value, &mut found);
    }
    found.retain(|text| cites_one(text));
    found
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Tells whether a text cites a power to arrest, detain or remove.
fn cites_one(text: &str) -> bool {
    let words = words(text);
    let mut rest = words.as_slice();
    // Whether what is read belongs to title 8; and whether a section was read that the title after it may own.
    let (mut governed, mut waiting, mut before) = (false, false, "");
    while let Some((word, after)) = rest.split_first() {
        if let Some((eighth, length)) = title(rest) {
            let owns = waiting && ["of", "the", "under", "in"].contains(&before);
            if eighth && owns {
                return true;
            }
            (governed, waiting) = (eighth, false);
            rest = rest.get(length..).unwrap_or_default();
            before = "";
            continue;
        }
        let last = match after {
            [joint, last, ..] if ["-", "to", "through", "thru"].contains(&joint.as_str()) => last,
            _ => word,
        };
        if holds_one(word, last) {
            if governed {
                return true;
            }
            waiting = true;
        }
        before = word;
        rest = after;
    }
    false
}

/// Returns whether a title is named here and is the eighth, and in how many words; the Act counts as the eighth.
fn title(words: &[String]) -> Option<(bool, usize)> {
    let words: Vec<_> = words.iter().take(5).map(String::as_str).collect();
    let is_number = |word: &str| word.chars().all(|c| c.is_ascii_digit());
    let eighth = |word: &str| ["8", "08", "eight", "viii"].contains(&word);
    match words.as_slice() {
        ["title", number, ..] => Some((eighth(number), 2)),
        [number, "usc" | "usca" | "uscs" | "cfr", ..] if is_number(number) => {
            Some((eighth(number), 2))
        }
        [number, "us", "code", ..] if is_number(number) => Some((eighth(number), 3)),
        [number, "u", "s", "c" | "code", ..]
        | [number, "c", "f", "r", ..]
        | [number, "united", "states", "code", ..]
            if is_number(number) =>
        {
            Some((eighth(number), 4))
        }
        [number, "code", "of", "federal", "regulations"] if is_number(number) => {
            Some((eighth(number), 5))
        }
        ["immigration", "and" | "&", "nationality", "act", ..] => Some((true, 4)),
        ["ina" | "inna", ..] => Some((true, 1)),
        _ => None,
    }
}

/// Tells whether a section, or one of a range of sections, holds such a power.
fn holds_one(first: &str, last: &str) -> bool {
    let number = |word: &str| -> Option<u32> {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        digits.parse().ok()
    };
    let Some(from) = number(first) else { return false };
    // `1225-31` leaves out what both numbers have in common.
    let shortened = first.len().checked_sub(last.len()).and_then(|cut| first.get(..cut));
    let to = number(last).filter(|to| *to >= from);
    let to = to.or_else(|| number(&format!("{}{last}", shortened?)));
    SECTIONS.contains(&first)
        || to.is_some_and(|to| {
            to > from
                && SECTIONS
                    .iter()
                    .filter_map(|section| number(section))
                    .any(|section| from <= section && section <= to)
        })
}

/// Returns the words of a text in lower case: letters and digits together, a dash by itself.
fn words(text: &str) -> Vec<String> {
    let plain = text.to_lowercase().replace("u.s.c", " usc ").replace("c.f.r", " cfr ");
    let plain = plain.replace("usc", " usc ").replace(" usc a", " usca ").replace("cfr", " cfr ");
    let mut words = vec![String::new()];
    for letter in plain.chars() {
        let dash = matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '&');
        if letter.is_alphanumeric() {
            if let Some(word) = words.last_mut() {
                word.push(letter);
            }
        } else if dash {
            words.extend([if letter == '&' { "&" } else { "-" }.to_owned(), String::new()]);
        } else {
            words.push(String::new());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
