//! Makes the pairs worth comparing: records whose keys are equal under some rule.
//!
//! Fifth step of the path, after preparation and before comparing. A pair that several rules make is made once, by the
//! first of them. A record that lacks a key is in no block of that rule. How many pairs the rules make is counted from
//! the sizes of blocks, without making any, so that a rule too coarse is seen before it is run. It looks at no value
//! but the keys, and remembers no pair.
//!
//! Keys are numbers here, and the records of a key stand next to each other in one array, so a block costs an offset.
//!
//! Soundex is the American one, as the National Archives [describe
//! it](https://www.archives.gov/research/census/soundex).

use rustc_hash::FxHashMap;

use crate::Result;
use crate::model::{Key, Link, Rule, Take};
use crate::parallel::share;
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

/// One rule: the key of each record, and the records of each key that makes a pair.
pub(crate) struct KeyedRule {
    label: String,
    /// The column whose whole value is the key, where it is just that.
    pub(crate) column: Option<usize>,
    /// By record, the number of its block, counted from 1; 0 where it is in none.
    pub(crate) source: Vec<u32>,
    pub(crate) recipient: Vec<u32>,
    pub(crate) sources: Members,
    pub(crate) recipients: Members,
    keyless: u64,
}

/// The records of each block, one block after the other.
pub(crate) struct Members {
    starts: Vec<u32>,
    records: Vec<RecordRef>,
}

impl Members {
    /// Sorts the records of one side by their blocks, of which there are so many; they keep their order inside one.
    fn new(keys: &[u32], blocks: usize) -> Self {
        let mut starts = vec![0u32; blocks + 2];
        for key in keys {
            starts[*key as usize + 1] += 1;
        }
        // What has no block is counted with the rest, and then left out.
        starts[1] = 0;
        for block in 1..starts.len() {
            starts[block] += starts[block - 1];
        }
        let mut records = vec![RecordRef::new(0); starts[blocks + 1] as usize];
        let mut next = starts.clone();
        for (row, key) in (0..).zip(keys) {
            if *key != NO_VALUE {
                let place = &mut next[*key as usize];
                records[*place as usize] = RecordRef::new(row);
                *place += 1;
            }
        }
        starts.remove(0);
        Self { starts, records }
    }

    /// Returns the records of a block, counted from 0.
    pub(crate) fn of(&self, block: usize) -> &[RecordRef] {
        self.of_all(block, block + 1)
    }

    /// Returns the records of the blocks from one to before another.
    pub(crate) fn of_all(&self, from: usize, to: usize) -> &[RecordRef] {
        &self.records[self.starts[from] as usize..self.starts[to] as usize]
    }

    /// Returns how many records a block has.
    pub(crate) fn count(&self, block: usize) -> u32 {
        self.starts[block + 1] - self.starts[block]
    }

    fn blocks(&self) -> usize {
        self.starts.len() - 1
    }
}

impl KeyedRule {
    /// Returns how many blocks make a pair.
    pub(crate) fn blocks(&self) -> usize {
        self.sources.blocks()
    }

    /// Returns how many pairs a block makes.
    pub(crate) fn pairs(&self, block: usize, link: Link) -> u64 {
        let recipients = if link == Link::Between { self.recipients.count(block) } else { 0 };
        pairs_of(self.sources.count(block), recipients, link)
    }

    fn group(&self, block: usize, link: Link) -> Group<'_> {
        let recipients = if link == Link::Between { self.recipients.of(block) } else { &[] };
        Group { source: self.sources.of(block), recipient: recipients }
    }
}

fn pairs_of(sources: u32, recipients: u32, link: Link) -> u64 {
    let (left, right) = (u64::from(sources), u64::from(recipients));
    match link {
        Link::Between => left * right,
        Link::Within | Link::Both => left * left.saturating_sub(1) / 2,
    }
}

impl<'t> Blocks<'t> {
    /// Groups the records by the keys of each rule.
    ///
    /// # Errors
    ///
    /// [`crate::Error::UnknownColumn`] where the tables were prepared without a key's column.
    pub fn new(tables: &'t Tables, rules: &[Rule]) -> Result<Self> {
        let keyed = share(tables.threads().get(), rules.iter().collect(), |rule| {
            KeyedRule::new(tables, rule)
        });
        Ok(Self { tables, rules: keyed.into_iter().collect::<Result<_>>()? })
    }

    pub(crate) fn rules(&self) -> &[KeyedRule] {
        &self.rules
    }

    /// Returns the number of each record's block under a rule, counted from 1, 0 where it is in none.
    pub(crate) fn keys(&self, rule: usize, side: Side) -> &[u32] {
        match (self.tables.link(), side) {
            (Link::Within | Link::Both, _) | (Link::Between, Side::Source) => {
                &self.rules[rule].source
            }
            (Link::Between, Side::Recipient) => &self.rules[rule].recipient,
        }
    }

    /// Goes through the pairs, rule by rule, each pair once.
    pub fn pairs(&self) -> impl Iterator<Item = Blocked> + '_ {
        (0u16..).zip(&self.rules).flat_map(move |(rule, keyed)| {
            (0..keyed.blocks()).flat_map(move |block| {
                self.new_pairs_of(keyed.group(block, self.tables.link()), rule)
            })
        })
    }

    /// Counts the pairs of each rule.
    ///
    /// The pairs that no earlier rule makes are counted one by one in small blocks, and in large ones without making
    /// any, by inclusion and exclusion over the blocks that several rules share. That doubles with each rule, but such
    /// shared blocks are few and soon small.
    pub fn counts(&self) -> Vec<RuleCount> {
        let rules: Vec<usize> = (0..self.rules.len()).collect();
        let new_pairs = share(self.tables.threads().get(), rules, |rule| {
            let link = self.tables.link();
            let keyed = &self.rules[rule];
            let groups = (0..keyed.blocks()).map(|block| keyed.group(block, link));
            groups.map(|group| self.count_new(group, &self.rules[..rule])).sum()
        });
        self.counts_with(&new_pairs)
    }

    /// Tells of each rule, the pairs that no earlier rule makes having been counted.
    pub(crate) fn counts_with(&self, new_pairs: &[u64]) -> Vec<RuleCount> {
        let link = self.tables.link();
        let mut cumulative_pairs = 0;
        let one = |(rule, new_pairs): (&KeyedRule, &u64)| {
            let mut largest: Vec<u64> = Vec::with_capacity(LARGEST + 1);
            let mut pairs = 0;
            for block in 0..rule.blocks() {
                let here = rule.pairs(block, link);
                pairs += here;
                if largest.len() < LARGEST || largest.last().is_some_and(|least| here > *least) {
                    let place = largest.partition_point(|other| *other >= here);
                    largest.insert(place, here);
                    largest.truncate(LARGEST);
                }
            }
            cumulative_pairs += new_pairs;
            RuleCount {
                rule: rule.label.clone(),
                pairs,
                new_pairs: *new_pairs,
                cumulative_pairs,
                keyless: rule.keyless,
                largest_blocks: largest,
            }
        };
        self.rules.iter().zip(new_pairs).map(one).collect()
    }

    /// Says which rule makes a pair first, if any does.
    pub fn first_rule(&self, source: RecordRef, recipient: RecordRef) -> Option<u16> {
        (0..)
            .zip(&self.rules)
            .find(|(_, rule)| self.makes(rule, source, recipient))
            .map(|(index, _)| index)
    }

    fn new_pairs_of<'b>(
        &'b self,
        group: Group<'b>,
        rule: u16,
    ) -> impl Iterator<Item = Blocked> + 'b {
        let earlier = &self.rules[..usize::from(rule)];
        group
            .pairs(self.tables.link())
            .filter(move |(source, recipient)| {
                !earlier.iter().any(|rule| self.makes(rule, *source, *recipient))
            })
            .map(move |(source, recipient)| Blocked { source, recipient, rule })
    }

    fn makes(&self, rule: &KeyedRule, source: RecordRef, recipient: RecordRef) -> bool {
        let left = rule.source[source.index()];
        let right = match self.tables.link() {
            Link::Between => rule.recipient[recipient.index()],
            Link::Within | Link::Both => rule.source[recipient.index()],
        };
        left != NO_VALUE && left == right
    }

    /// Counts the pairs of a group that none of the earlier rules makes.
    fn count_new(&self, group: Group<'_>, earlier: &[KeyedRule]) -> u64 {
        let link = self.tables.link();
        let pairs = group.count(link);
        if earlier.is_empty() || pairs == 0 {
            return pairs;
        }
        if pairs <= COUNTED_SINGLY {
            let new = |(source, recipient): &(RecordRef, RecordRef)| {
                !earlier.iter().any(|rule| self.makes(rule, *source, *recipient))
            };
            return group.pairs(link).filter(new).count() as u64;
        }
        // Each pair that some earlier rule makes is taken off once, at the first rule that makes it.
        let taken = earlier.iter().enumerate().map(|(index, rule)| {
            let (source, recipient) =
                (rule.sorted(group.source, false), rule.sorted(group.recipient, true));
            let mut recipients = recipient.chunk_by(|one, other| one.0 == other.0).peekable();
            let mut sum = 0;
            for part in source.chunk_by(|one, other| one.0 == other.0) {
                let key = part[0].0;
                while recipients.next_if(|chunk| chunk[0].0 < key).is_some() {}
                let other = recipients.next_if(|chunk| chunk[0].0 == key).unwrap_or_default();
                let records = |part: &[(u32, RecordRef)]| -> Vec<RecordRef> {
                    part.iter().map(|(_, record)| *record).collect()
                };
                let (source, recipient) = (records(part), records(other));
                let shared = Group { source: &source, recipient: &recipient };
                sum += self.count_new(shared, &earlier[..index]);
            }
            sum
        });
        pairs - taken.sum::<u64>()
    }
}

/// The pairs of a block that are counted one by one rather than by taking off what rules share.
const COUNTED_SINGLY: u64 = 4096;

/// Records that share a key.
#[derive(Clone, Copy)]
struct Group<'b> {
    source: &'b [RecordRef],
    recipient: &'b [RecordRef],
}

impl<'b> Group<'b> {
    fn count(self, link: Link) -> u64 {
        let (sources, recipients) = (self.source.len() as u64, self.recipient.len() as u64);
        match link {
            Link::Between => sources * recipients,
            Link::Within | Link::Both => sources * sources.saturating_sub(1) / 2,
        }
    }

    fn pairs(self, link: Link) -> impl Iterator<Item = (RecordRef, RecordRef)> + 'b {
        self.source.iter().enumerate().flat_map(move |(place, source)| {
            // Records stand in their block by row, so the later ones are those with larger references.
            let recipients = match link {
                Link::Between => self.recipient,
                Link::Within | Link::Both => &self.source[place + 1..],
            };
            recipients.iter().map(move |recipient| (*source, *recipient))
        })
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
            Link::Within | Link::Both => Vec::new(),
        };
        for (place, key) in rule.keys.iter().enumerate() {
            let codes = KeyCodes::new(tables, &format!("rule `{label}`"), key)?;
            let first = tables.codes(codes.source_column, Side::Source);
            let second = tables.codes(codes.recipient_column, Side::Recipient);
            if place == 0 {
                for (sofar, code) in source.iter_mut().zip(first) {
                    *sofar = codes.source[*code as usize];
                }
                for (sofar, code) in recipient.iter_mut().zip(second) {
                    *sofar = codes.recipient()[*code as usize];
                }
                continue;
            }
            // Two codes make one, numbered as they come: the numbers only need to be equal where both are.
            let mut joined: FxHashMap<(u32, u32), u32> = FxHashMap::default();
            let mut last = NO_VALUE;
            let mut join = |sofar: &mut u32, next: u32| {
                *sofar = match (*sofar, next) {
                    (NO_VALUE, _) | (_, NO_VALUE) => NO_VALUE,
                    both => *joined.entry(both).or_insert_with(|| next_code(&mut last)),
                };
            };
            for (sofar, code) in source.iter_mut().zip(first) {
                join(sofar, codes.source[*code as usize]);
            }
            for (sofar, code) in recipient.iter_mut().zip(second) {
                join(sofar, codes.recipient()[*code as usize]);
            }
        }
        let column = match rule.keys.as_slice() {
            [Key { column, against: None, take: Take::Whole }] => {
                Some(tables.column_index(&label, column)?)
            }
            _ => None,
        };
        Ok(Self { column, ..Self::of_keys(label, source, recipient, tables.link()) })
    }

    /// Makes the blocks of the key of each record, 0 standing for none.
    pub(crate) fn of_keys(
        label: String,
        mut source: Vec<u32>,
        mut recipient: Vec<u32>,
        link: Link,
    ) -> Self {
        let keyless =
            source.iter().chain(&recipient).filter(|key| **key == NO_VALUE).count() as u64;
        let most = source.iter().chain(&recipient).max().map_or(0, |key| *key as usize);
        // Keys that make no pair are dropped, and the others numbered on.
        let mut numbers = {
            let count = |keys: &[u32]| {
                let mut counts = vec![0u32; most + 1];
                for key in keys {
                    counts[*key as usize] += 1;
                }
                counts
            };
            let mut sources = count(&source);
            if link == Link::Between {
                let recipients = count(&recipient);
                for (sources, recipients) in sources.iter_mut().zip(recipients) {
                    *sources = u32::from(*sources > 0 && recipients > 0);
                }
            } else {
                for sources in &mut sources {
                    *sources = u32::from(*sources > 1);
                }
            }
            sources
        };
        numbers[NO_VALUE as usize] = NO_VALUE;
        let mut last = NO_VALUE;
        for number in numbers.iter_mut().filter(|number| **number != NO_VALUE) {
            *number = next_code(&mut last);
        }
        for key in source.iter_mut().chain(&mut recipient) {
            *key = numbers[*key as usize];
        }
        drop(numbers);
        let (sources, recipients) =
            (Members::new(&source, last as usize), Members::new(&recipient, last as usize));
        Self { label, column: None, source, recipient, sources, recipients, keyless }
    }

    /// Returns these records of one side with their keys, in the order of the keys; those without one are left out.
    fn sorted(&self, records: &[RecordRef], of_recipient: bool) -> Vec<(u32, RecordRef)> {
        let keys = if of_recipient { &self.recipient } else { &self.source };
        let keyed = records.iter().map(|record| (keys[record.index()], *record));
        let mut sorted: Vec<_> = keyed.filter(|(key, _)| *key != NO_VALUE).collect();
        sorted.sort_unstable();
        sorted
    }
}

fn next_code(last: &mut u32) -> u32 {
    *last += 1;
    *last
}

/// The key code of each value of a key's two columns, which are the same column unless it is taken against another.
struct KeyCodes {
    source_column: usize,
    recipient_column: usize,
    source: Vec<u32>,
    /// None where it is the same column.
    recipient: Option<Vec<u32>>,
}

impl KeyCodes {
    fn new(tables: &Tables, place: &str, key: &Key) -> Result<Self> {
        let source_column = tables.column_index(place, &key.column)?;
        let recipient_column = match &key.against {
            None => source_column,
            Some(against) => tables.column_index(place, against)?,
        };
        let values = tables.values(source_column);
        if source_column == recipient_column && key.take == Take::Whole {
            // Every value is a key of its own, and has a code already.
            let source = (0..).take(values.len() + 1).collect();
            return Ok(Self { source_column, recipient_column, source, recipient: None });
        }
        let mut seen: FxHashMap<Part, u32> = FxHashMap::default();
        let mut last = NO_VALUE;
        let mut number = |values: &Values| -> Vec<u32> {
            let parts = (0..values.len()).map(|index| match part_of(values, index, key.take) {
                None => NO_VALUE,
                Some(part) => *seen.entry(part).or_insert_with(|| next_code(&mut last)),
            });
            std::iter::once(NO_VALUE).chain(parts).collect()
        };
        let source = number(values);
        let recipient =
            (recipient_column != source_column).then(|| number(tables.values(recipient_column)));
        Ok(Self { source_column, recipient_column, source, recipient })
    }

    fn recipient(&self) -> &[u32] {
        self.recipient.as_deref().unwrap_or(&self.source)
    }
}

/// The part of a value that is its key.
#[derive(PartialEq, Eq, Hash)]
enum Part {
    Text(String),
    Number(u64),
}

fn part_of(values: &Values, index: usize, take: Take) -> Option<Part> {
    match values {
        Values::Text(texts) => text_part(texts.get(index), take).map(Part::Text),
        Values::Dates(dates, texts) => {
            let date = dates[index];
            Some(match take {
                Take::Year => Part::Text(format!("{}", date.year())),
                Take::YearMonth => Part::Text(format!("{}-{}", date.year(), date.month())),
                Take::MonthDay => Part::Text(format!("{}-{}", date.month(), date.day())),
                Take::Whole | Take::Prefix(_) | Take::Suffix(_) | Take::Soundex => {
                    Part::Text(texts.get(index).to_owned())
                }
            })
        }
        Values::Numbers(numbers) => Some(Part::Number(numbers[index].to_bits())),
        Values::Times(times) => Some(Part::Text(times[index].to_string())),
        Values::Places(places) => Some(Part::Text(places[index].text())),
        Values::Lists(lists) => Some(Part::Text(lists.text(index))),
    }
}

fn text_part(text: &str, take: Take) -> Option<String> {
    match take {
        Take::Prefix(length) => Some(text.chars().take(length as usize).collect()),
        Take::Suffix(length) => {
            let skipped = text.chars().count().saturating_sub(length as usize);
            Some(text.chars().skip(skipped).collect())
        }
        Take::Soundex => soundex(text),
        Take::Whole | Take::Year | Take::YearMonth | Take::MonthDay => Some(text.to_owned()),
    }
}

/// Returns the Soundex code of the Latin letters in a text, if there are any.
fn soundex(text: &str) -> Option<String> {
    let folded = fold_diacritics(text);
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
