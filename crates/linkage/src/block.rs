//! Makes the pairs worth comparing: records whose keys are equal under some rule.
//!
//! Fifth step of the path, after preparation and before comparing. A pair that several rules make is made once, by the
//! first of them. A record that lacks a key is in no block of that rule. How many pairs the rules make is counted from
//! the sizes of blocks, without making any, so that a rule too coarse is seen before it is run. It looks at no value
//! but the keys, and remembers no pair.
//!
//! Soundex is the American one, as the National Archives [describe
//! it](https://www.archives.gov/research/census/soundex).

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::Result;
use crate::model::{Key, Link, Rule, Take};
use crate::prepare::fold_diacritics;
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables, Values};

/// The blocks that rules make of the tables.
pub struct Blocks<'t> {
    tables: &'t Tables,
    rules: Vec<KeyedRule>,
}

/// A pair as a rule made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The record of the source's table; within one table, the one that stands first.
    pub source: RecordRef,
    /// The record of the recipient's table; within one table, the one that stands later.
    pub recipient: RecordRef,
    /// The first rule that makes this pair, counted from 0.
    pub rule: u16,
}

/// How many pairs a rule makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The rule's label.
    pub rule: String,
    /// Pairs that it makes, whatever the others do.
    pub pairs: u64,
    /// Pairs that it makes and no rule before it.
    pub new_pairs: u64,
    /// Pairs that it and the rules before it make.
    pub cumulative_pairs: u64,
    /// Records that are in no block of it because they lack a key, on either side.
    pub keyless: u64,
    /// The pairs in its largest blocks, largest first. The keys themselves are somebody's values, and stay inside.
    pub largest_blocks: Vec<u64>,
}

/// How many of the largest blocks are told of.
const LARGEST: usize = 5;

/// One rule: a key code for each record, and the records of each key.
struct KeyedRule {
    label: String,
    source: Vec<u32>,
    recipient: Vec<u32>,
    groups: Vec<Group>,
}

/// The records that share a key.
#[derive(Clone, Default)]
struct Group {
    source: Vec<RecordRef>,
    recipient: Vec<RecordRef>,
}

impl Group {
    fn pairs(&self, link: Link) -> u64 {
        let (left, right) = (self.source.len() as u64, self.recipient.len() as u64);
        match link {
            Link::Between => left * right,
            Link::Within => left * left.saturating_sub(1) / 2,
        }
    }
}

impl<'t> Blocks<'t> {
    /// Groups the records by the keys of each rule.
    ///
    /// # Errors
    ///
    /// [`crate::Error::UnknownColumn`] where the tables were prepared without a key's column.
    pub fn new(tables: &'t Tables, rules: &[Rule]) -> Result<Self> {
        let rules = rules.iter().map(|rule| KeyedRule::new(tables, rule)).collect::<Result<_>>()?;
        Ok(Self { tables, rules })
    }

    /// Goes through the pairs, rule by rule, each pair once.
    pub fn pairs(&self) -> impl Iterator<Item = Blocked> + '_ {
        (0u16..).zip(&self.rules).flat_map(move |(rule, keyed)| {
            keyed.groups.iter().flat_map(move |group| self.pairs_of(group, rule))
        })
    }

    /// Counts the pairs of each rule without making them.
    ///
    /// The pairs that no earlier rule makes are counted by inclusion and exclusion over the blocks that several rules
    /// share. That doubles with each rule, but such shared blocks are few and soon empty.
    pub fn counts(&self) -> Vec<RuleCount> {
        let link = self.tables.link();
        let mut cumulative_pairs = 0;
        let mut counts = Vec::with_capacity(self.rules.len());
        for (index, rule) in self.rules.iter().enumerate() {
            let mut sizes: Vec<u64> = rule.groups.iter().map(|group| group.pairs(link)).collect();
            sizes.sort_unstable_by(|one, other| other.cmp(one));
            let new_pairs = self.count_new(&rule.groups, &self.rules[..index]);
            cumulative_pairs += new_pairs;
            let keyless =
                |codes: &[u32]| codes.iter().filter(|code| **code == NO_VALUE).count() as u64;
            counts.push(RuleCount {
                rule: rule.label.clone(),
                pairs: sizes.iter().sum(),
                new_pairs,
                cumulative_pairs,
                keyless: keyless(&rule.source) + keyless(&rule.recipient),
                largest_blocks: sizes
                    .into_iter()
                    .filter(|pairs| *pairs > 0)
                    .take(LARGEST)
                    .collect(),
            });
        }
        counts
    }

    /// Says which rule makes a pair first, if any does.
    pub fn first_rule(&self, source: RecordRef, recipient: RecordRef) -> Option<u16> {
        (0..)
            .zip(&self.rules)
            .find(|(_, rule)| self.makes(rule, source, recipient))
            .map(|(index, _)| index)
    }

    fn pairs_of<'b>(&'b self, group: &'b Group, rule: u16) -> impl Iterator<Item = Blocked> + 'b {
        let within = self.tables.link() == Link::Within;
        group.source.iter().enumerate().flat_map(move |(place, source)| {
            // Records stand in their group by row, so the later ones are those with larger references.
            let recipients = if within { &group.source[place + 1..] } else { &group.recipient[..] };
            let earlier = &self.rules[..usize::from(rule)];
            recipients
                .iter()
                .filter(move |recipient| {
                    !earlier.iter().any(|rule| self.makes(rule, *source, **recipient))
                })
                .map(move |recipient| Blocked { source: *source, recipient: *recipient, rule })
        })
    }

    fn makes(&self, rule: &KeyedRule, source: RecordRef, recipient: RecordRef) -> bool {
        let left = rule.source[source.index()];
        let right = match self.tables.link() {
            Link::Between => rule.recipient[recipient.index()],
            Link::Within => rule.source[recipient.index()],
        };
        left != NO_VALUE && left == right
    }

    /// Counts the pairs in groups that none of the earlier rules makes.
    fn count_new(&self, groups: &[Group], earlier: &[KeyedRule]) -> u64 {
        let link = self.tables.link();
        let mut pairs: u64 = groups.iter().map(|group| group.pairs(link)).sum();
        // Pairs of the last earlier rule are those made by it alone and with others: each pair that some earlier rule
        // makes is taken off once, at the first rule that makes it.
        for (index, rule) in earlier.iter().enumerate() {
            let shared: Vec<Group> =
                groups.iter().flat_map(|group| self.split(group, rule)).collect();
            if !shared.is_empty() {
                pairs -= self.count_new(&shared, &earlier[..index]);
            }
        }
        pairs
    }

    /// Splits a group by another rule, keeping the parts that still make a pair.
    fn split(&self, group: &Group, rule: &KeyedRule) -> Vec<Group> {
        let link = self.tables.link();
        if group.pairs(link) == 0 {
            return Vec::new();
        }
        let mut parts: FxHashMap<u32, Group> = FxHashMap::default();
        for record in &group.source {
            match rule.source[record.index()] {
                NO_VALUE => {}
                code => parts.entry(code).or_default().source.push(*record),
            }
        }
        for record in &group.recipient {
            match rule.recipient[record.index()] {
                NO_VALUE => {}
                code => {
                    // Without a source record there is no pair, so no part is begun here.
                    if let Some(part) = parts.get_mut(&code) {
                        part.recipient.push(*record);
                    }
                }
            }
        }
        parts.into_values().filter(|part| part.pairs(link) > 0).collect()
    }
}

impl std::fmt::Debug for Blocks<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Blocks({} rules, [redacted])", self.rules.len())
    }
}

impl KeyedRule {
    fn new(tables: &Tables, rule: &Rule) -> Result<Self> {
        let label = rule.to_string();
        let mut source = vec![1; tables.records(Side::Source) as usize];
        let mut recipient = match tables.link() {
            Link::Between => vec![1; tables.records(Side::Recipient) as usize],
            Link::Within => Vec::new(),
        };
        for key in &rule.keys {
            let codes = KeyCodes::new(tables, &format!("rule `{label}`"), key)?;
            // Two codes make one, numbered as they come: the numbers only need to be equal where both are.
            let mut joined: FxHashMap<(u32, u32), u32> = FxHashMap::default();
            let mut last = NO_VALUE;
            let mut join = |sofar: &mut u32, next: u32| {
                *sofar = match (*sofar, next) {
                    (NO_VALUE, _) | (_, NO_VALUE) => NO_VALUE,
                    both => *joined.entry(both).or_insert_with(|| next_code(&mut last)),
                };
            };
            for (sofar, code) in
                source.iter_mut().zip(tables.codes(codes.source_column, Side::Source))
            {
                join(sofar, codes.source[*code as usize]);
            }
            for (sofar, code) in
                recipient.iter_mut().zip(tables.codes(codes.recipient_column, Side::Recipient))
            {
                join(sofar, codes.recipient[*code as usize]);
            }
        }
        let groups = group(&source, &recipient);
        Ok(Self { label, source, recipient, groups })
    }
}

fn next_code(last: &mut u32) -> u32 {
    *last += 1;
    *last
}

fn group(source: &[u32], recipient: &[u32]) -> Vec<Group> {
    let most = source.iter().chain(recipient).max().map_or(0, |code| *code as usize);
    let mut groups = vec![Group::default(); most];
    for (row, code) in (0..).zip(source) {
        if *code != NO_VALUE {
            groups[*code as usize - 1].source.push(RecordRef::new(row));
        }
    }
    for (row, code) in (0..).zip(recipient) {
        if *code != NO_VALUE {
            groups[*code as usize - 1].recipient.push(RecordRef::new(row));
        }
    }
    groups
}

/// The key code of each value of a key's two columns, which are the same column unless it is taken against another.
struct KeyCodes {
    source_column: usize,
    recipient_column: usize,
    source: Vec<u32>,
    recipient: Vec<u32>,
}

impl KeyCodes {
    fn new(tables: &Tables, place: &str, key: &Key) -> Result<Self> {
        let source_column = tables.column_index(place, &key.column)?;
        let recipient_column = match &key.against {
            None => source_column,
            Some(against) => tables.column_index(place, against)?,
        };
        let mut seen: BTreeMap<Part, u32> = BTreeMap::new();
        let mut last = NO_VALUE;
        let mut number = |values: &Values| -> Vec<u32> {
            let parts = (0..values.len()).map(|index| match part_of(values, index, key.take) {
                None => NO_VALUE,
                Some(part) => *seen.entry(part).or_insert_with(|| next_code(&mut last)),
            });
            std::iter::once(NO_VALUE).chain(parts).collect()
        };
        let source = number(tables.values(source_column));
        let recipient = if recipient_column == source_column {
            source.clone()
        } else {
            number(tables.values(recipient_column))
        };
        Ok(Self { source_column, recipient_column, source, recipient })
    }
}

/// The part of a value that is its key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Text(String),
    Number(u64),
}

fn part_of(values: &Values, index: usize, take: Take) -> Option<Part> {
    match values {
        Values::Text(texts) => text_part(&texts[index], take).map(Part::Text),
        Values::Dates(dates, texts) => {
            let date = dates[index];
            Some(match take {
                Take::Year => Part::Text(format!("{}", date.year())),
                Take::YearMonth => Part::Text(format!("{}-{}", date.year(), date.month())),
                Take::MonthDay => Part::Text(format!("{}-{}", date.month(), date.day())),
                Take::Whole | Take::Prefix(_) | Take::Suffix(_) | Take::Soundex => {
                    Part::Text(texts[index].iter().collect())
                }
            })
        }
        Values::Numbers(numbers) => Some(Part::Number(numbers[index].to_bits())),
        Values::Times(times) => Some(Part::Text(times[index].to_string())),
        Values::Places(places) => Some(Part::Text(places[index].text())),
        Values::Lists(lists) => Some(Part::Text(lists.text(index))),
    }
}

fn text_part(letters: &[char], take: Take) -> Option<String> {
    match take {
        Take::Prefix(length) => Some(letters.iter().take(length as usize).collect()),
        Take::Suffix(length) => {
            let skipped = letters.len().saturating_sub(length as usize);
            Some(letters.iter().skip(skipped).collect())
        }
        Take::Soundex => soundex(letters),
        Take::Whole | Take::Year | Take::YearMonth | Take::MonthDay => {
            Some(letters.iter().collect())
        }
    }
}

/// Returns the Soundex code of the Latin letters in a text, if there are any.
fn soundex(letters: &[char]) -> Option<String> {
    let folded = fold_diacritics(&letters.iter().collect::<String>());
    let mut latin =
        folded.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase());
    let first = latin.next()?;
    let mut code = String::from(first);
    let mut last = soundex_digit(first);
    for letter in latin {
        // H and W part nothing: the letters around them count as neighbours. A vowel parts them.
        if matches!(letter, 'H' | 'W') {
            continue;
        }
        let digit = soundex_digit(letter);
        if let Some(digit) = digit
            && last != Some(digit)
        {
            code.push(digit);
        }
        last = digit;
        if code.len() == 4 {
            return Some(code);
        }
    }
    Some(format!("{code:0<4}"))
}

fn soundex_digit(letter: char) -> Option<char> {
    match letter {
        'B' | 'F' | 'P' | 'V' => Some('1'),
        'C' | 'G' | 'J' | 'K' | 'Q' | 'S' | 'X' | 'Z' => Some('2'),
        'D' | 'T' => Some('3'),
        'L' => Some('4'),
        'M' | 'N' => Some('5'),
        'R' => Some('6'),
        _ => None,
    }
}
