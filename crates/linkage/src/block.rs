//! Makes the pairs worth comparing: records whose keys are equal under some rule.
//!
//! Fifth step of the path, after preparation and before comparing. A pair that several rules make is made once, by the
//! first of them. A record that lacks a key is in no block of that rule. How many pairs the rules make is counted from
//! the sizes of blocks, without making any, so that a rule too coarse is seen before it is run. It looks at no value
//! but the keys, and remembers no pair.
//!
//! A rule comes as layers of keys and conditions (`keys`). Where rules ask more than equal keys, their pairs are counted by
//! going through them, and beyond [`MOST_COUNTED`] estimated from a sample.
//!
//! Soundex is the American one, as the National Archives [describe
//! it](https://www.archives.gov/research/census/soundex).

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::Result;
use crate::keys::{Layer, Narrow, RuleKeys};
use crate::model::{Key, Link, Rule, Take};
use crate::prepare::fold_diacritics;
use crate::random::Dice;
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables, Values};

/// The blocks that rules make of the tables.
pub struct Blocks<'t> {
    tables: &'t Tables,
    rules: Vec<KeyedRule<'t>>,
    /// The layers of all rules, in the order of the rules.
    layers: Vec<KeyedLayer>,
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
    /// Whether the numbers of pairs were estimated, because the rule or one before it asks more than equal keys, and
    /// shares keys among too many pairs to go through.
    pub estimated: bool,
}

/// How many of the largest blocks are told of.
const LARGEST: usize = 5;

/// The most pairs that are gone through to be counted.
pub(crate) const MOST_COUNTED: u64 = 1 << 22;

/// How many pairs an estimate is drawn from: its standard error is at most 0.2 % of the pairs that share a key.
const SAMPLE: u64 = 1 << 16;

/// One rule: what it is called, and what it asks of a pair that shares a key.
struct KeyedRule<'t> {
    label: String,
    conditions: Vec<Narrow<'t>>,
    /// Where its layers stand among all.
    layers: std::ops::Range<usize>,
}

impl KeyedRule<'_> {
    fn holds(&self, source: RecordRef, recipient: RecordRef) -> bool {
        self.conditions.iter().all(|condition| condition.holds(source, recipient))
    }

    /// Whether its pairs are counted from the sizes of its blocks.
    fn is_plain(&self) -> bool {
        self.conditions.is_empty() && self.layers.len() == 1
    }
}

/// One layer of a rule: a key code for each record, and the records of each key.
struct KeyedLayer {
    rule: u16,
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

    /// Returns the pair at a place, counted from 0.
    #[expect(clippy::cast_possible_truncation, reason = "a place in a list of records fits a usize")]
    fn pair(&self, link: Link, place: u64) -> (RecordRef, RecordRef) {
        match link {
            Link::Between => {
                let wide = self.recipient.len() as u64;
                (self.source[(place / wide) as usize], self.recipient[(place % wide) as usize])
            }
            Link::Within => {
                // Pairs in the order of their later record: the later one stands where the triangle below it ends.
                let mut later = (((8 * place + 1) as f64).sqrt() as u64).div_ceil(2).max(1);
                while later * (later - 1) / 2 > place {
                    later -= 1;
                }
                while later * (later + 1) / 2 <= place {
                    later += 1;
                }
                let earlier = place - later * (later - 1) / 2;
                (self.source[earlier as usize], self.source[later as usize])
            }
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
        let (mut keyed, mut layers) = (Vec::with_capacity(rules.len()), Vec::new());
        for (rule, number) in rules.iter().zip(0..) {
            let keys = RuleKeys::new(tables, rule)?;
            let first = layers.len();
            layers.extend(keys.layers.into_iter().map(|layer| KeyedLayer::new(number, layer)));
            let (label, conditions) = (rule.to_string(), keys.conditions);
            keyed.push(KeyedRule { label, conditions, layers: first..layers.len() });
        }
        Ok(Self { tables, rules: keyed, layers })
    }

    /// Goes through the pairs, rule by rule, each pair once.
    pub fn pairs(&self) -> impl Iterator<Item = Blocked> + '_ {
        (0..self.layers.len()).flat_map(move |layer| {
            self.layers[layer].groups.iter().flat_map(move |group| self.pairs_of(group, layer))
        })
    }

    /// Counts the pairs of each rule.
    ///
    /// Of rules that ask for equal keys and nothing else no pair is made for it: those that no earlier rule makes are
    /// counted by inclusion and exclusion over the blocks that several rules share. That doubles with each rule, but such
    /// shared blocks are few and soon empty. For others see [`RuleCount::estimated`].
    pub fn counts(&self) -> Vec<RuleCount> {
        let link = self.tables.link();
        let mut cumulative_pairs = 0;
        let mut counts = Vec::with_capacity(self.rules.len());
        for (index, rule) in self.rules.iter().enumerate() {
            let layers = &self.layers[rule.layers.clone()];
            let groups = || layers.iter().flat_map(|layer| &layer.groups);
            let mut sizes: Vec<u64> = groups().map(|group| group.pairs(link)).collect();
            let shared: u64 = sizes.iter().sum();
            let plain = self.rules[..=index].iter().all(KeyedRule::is_plain);
            let (pairs, new_pairs, estimated) = if plain {
                (shared, self.count_new(groups(), &self.layers[..rule.layers.start]), false)
            } else if shared <= MOST_COUNTED {
                let (pairs, new_pairs) = self.count_through(index);
                (pairs, new_pairs, false)
            } else {
                let (pairs, new_pairs) = self.estimate(index, shared);
                (if rule.is_plain() { shared } else { pairs }, new_pairs, true)
            };
            cumulative_pairs += new_pairs;
            sizes.sort_unstable_by(|one, other| other.cmp(one));
            counts.push(RuleCount {
                rule: rule.label.clone(),
                pairs,
                new_pairs,
                cumulative_pairs,
                keyless: keyless(layers),
                largest_blocks: sizes
                    .into_iter()
                    .filter(|pairs| *pairs > 0)
                    .take(LARGEST)
                    .collect(),
                estimated,
            });
        }
        counts
    }

    /// Says which rule makes a pair first, if any does.
    pub fn first_rule(&self, source: RecordRef, recipient: RecordRef) -> Option<u16> {
        self.first_before(source, recipient, self.rules.len())
    }

    /// Says which of the first few rules makes a pair first.
    fn first_before(&self, source: RecordRef, recipient: RecordRef, rules: usize) -> Option<u16> {
        (0..)
            .zip(&self.rules[..rules])
            .find(|(_, rule)| {
                self.layers[rule.layers.clone()]
                    .iter()
                    .any(|layer| self.shares(layer, source, recipient))
                    && rule.holds(source, recipient)
            })
            .map(|(index, _)| index)
    }

    fn pairs_of<'b>(
        &'b self,
        group: &'b Group,
        layer: usize,
    ) -> impl Iterator<Item = Blocked> + 'b {
        let within = self.tables.link() == Link::Within;
        let number = self.layers[layer].rule;
        let rule = &self.rules[usize::from(number)];
        group.source.iter().enumerate().flat_map(move |(place, source)| {
            // Records stand in their group by row, so the later ones are those with larger references.
            let recipients = if within { &group.source[place + 1..] } else { &group.recipient[..] };
            let before = &self.layers[rule.layers.start..layer];
            let mut pairs: Vec<(RecordRef, RecordRef)> =
                recipients.iter().map(|recipient| (*source, *recipient)).collect();
            pairs.retain(|(source, recipient)| {
                !before.iter().any(|layer| self.shares(layer, *source, *recipient))
            });
            for condition in &rule.conditions {
                condition.keep(&mut pairs);
            }
            let made = move |(source, recipient): (RecordRef, RecordRef)| {
                self.first_before(source, recipient, usize::from(number))
                    .is_none()
                    .then_some(Blocked { source, recipient, rule: number })
            };
            pairs.into_iter().filter_map(made)
        })
    }

    fn shares(&self, layer: &KeyedLayer, source: RecordRef, recipient: RecordRef) -> bool {
        let left = layer.source[source.index()];
        let right = match self.tables.link() {
            Link::Between => layer.recipient[recipient.index()],
            Link::Within => layer.source[recipient.index()],
        };
        left != NO_VALUE && left == right
    }

    /// Counts a rule's pairs, and those that no earlier rule makes, by going through them.
    fn count_through(&self, rule: usize) -> (u64, u64) {
        let (mut pairs, mut new_pairs) = (0, 0);
        for layer in self.rules[rule].layers.clone() {
            for group in &self.layers[layer].groups {
                for place in 0..group.pairs(self.tables.link()) {
                    let (makes, is_new) = self.is_made(rule, layer, group, place);
                    pairs += u64::from(makes);
                    new_pairs += u64::from(is_new);
                }
            }
        }
        (pairs, new_pairs)
    }

    /// Estimates the same from pairs drawn evenly from all that share a key.
    fn estimate(&self, rule: usize, shared: u64) -> (u64, u64) {
        let mut ends = Vec::new();
        let mut end = 0;
        for layer in self.rules[rule].layers.clone() {
            for group in &self.layers[layer].groups {
                end += group.pairs(self.tables.link());
                ends.push((end, layer, group));
            }
        }
        let mut dice = Dice::new(SAMPLE);
        let (mut pairs, mut new_pairs) = (0, 0);
        for _ in 0..SAMPLE {
            let drawn = dice.below(shared);
            let (end, layer, group) = ends[ends.partition_point(|(end, _, _)| *end <= drawn)];
            let place = drawn + group.pairs(self.tables.link()) - end;
            let (makes, is_new) = self.is_made(rule, layer, group, place);
            pairs += u64::from(makes);
            new_pairs += u64::from(is_new);
        }
        let scale = |seen: u64| {
            u64::try_from(u128::from(seen) * u128::from(shared) / u128::from(SAMPLE)).unwrap_or(u64::MAX)
        };
        (scale(pairs), scale(new_pairs))
    }

    /// Says whether the pair at this place of a group is the rule's, made here first, and whether it is new.
    fn is_made(&self, rule: usize, layer: usize, group: &Group, place: u64) -> (bool, bool) {
        let (source, recipient) = group.pair(self.tables.link(), place);
        let keyed = &self.rules[rule];
        let before = &self.layers[keyed.layers.start..layer];
        let makes = !before.iter().any(|layer| self.shares(layer, source, recipient))
            && keyed.holds(source, recipient);
        (makes, makes && self.first_before(source, recipient, rule).is_none())
    }

    /// Counts the pairs in groups that none of the earlier rules makes.
    fn count_new<'g>(
        &self,
        groups: impl Iterator<Item = &'g Group> + Clone,
        earlier: &[KeyedLayer],
    ) -> u64 {
        let link = self.tables.link();
        let mut pairs: u64 = groups.clone().map(|group| group.pairs(link)).sum();
        // Pairs of the last earlier rule are those made by it alone and with others: each pair that some earlier rule
        // makes is taken off once, at the first rule that makes it.
        for (index, rule) in earlier.iter().enumerate() {
            let shared: Vec<Group> =
                groups.clone().flat_map(|group| self.split(group, rule)).collect();
            if !shared.is_empty() {
                pairs -= self.count_new(shared.iter(), &earlier[..index]);
            }
        }
        pairs
    }

    /// Splits a group by another rule, keeping the parts that still make a pair.
    fn split(&self, group: &Group, rule: &KeyedLayer) -> Vec<Group> {
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

impl KeyedLayer {
    fn new(rule: u16, layer: Layer) -> Self {
        let groups = group(&layer.source, &layer.recipient);
        Self { rule, source: layer.source, recipient: layer.recipient, groups }
    }
}

/// Counts the records that have no key in any of these layers, on either side.
fn keyless(layers: &[KeyedLayer]) -> u64 {
    let side = |codes: fn(&KeyedLayer) -> &Vec<u32>| {
        let records = layers.first().map_or(0, |layer| codes(layer).len());
        (0..records).filter(|row| layers.iter().all(|layer| codes(layer)[*row] == NO_VALUE)).count()
    };
    (side(|layer| &layer.source) + side(|layer| &layer.recipient)) as u64
}

/// Works out the plain keys of a rule: one code a record, equal where all keys are.
pub(crate) fn plain_codes(tables: &Tables, rule: &Rule) -> Result<(Vec<u32>, Vec<u32>)> {
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
        for (sofar, code) in source.iter_mut().zip(tables.codes(codes.source_column, Side::Source)) {
            join(sofar, codes.source[*code as usize]);
        }
        for (sofar, code) in
            recipient.iter_mut().zip(tables.codes(codes.recipient_column, Side::Recipient))
        {
            join(sofar, codes.recipient[*code as usize]);
        }
    }
    Ok((source, recipient))
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
