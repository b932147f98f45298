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
//! Keys are numbers here, and the records of a key stand next to each other in one array, so a block costs an offset.
//!
//! Soundex is the American one, as the National Archives [describe
//! it](https://www.archives.gov/research/census/soundex).

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::Result;
use crate::increment::Since;
use crate::keys::{Layer, Narrow, RuleKeys};
use crate::model::{Key, Link, Rule, Take};
use crate::parallel::share;
use crate::prepare::fold_diacritics;
use crate::random::Dice;
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables, Values};

/// The blocks that rules make of the tables.
pub struct Blocks<'t> {
    tables: &'t Tables,
    asked: Vec<Asked<'t>>,
    /// The layers of all rules, in the order of the rules. A rule of keys alone is one.
    rules: Vec<Arc<KeyedRule>>,
    /// The number of each layer's rule.
    numbers: Vec<u16>,
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

/// A rule, what it is called, and what it asks of a pair that shares a key.
struct Asked<'t> {
    rule: Rule,
    label: String,
    conditions: Vec<Narrow<'t>>,
    /// Where its layers stand among all.
    layers: Range<usize>,
}

impl Asked<'_> {
    fn holds(&self, source: RecordRef, recipient: RecordRef) -> bool {
        self.conditions.iter().all(|condition| condition.holds(source, recipient))
    }

    /// Whether its pairs are counted from the sizes of its blocks.
    fn is_plain(&self) -> bool {
        self.conditions.is_empty() && self.layers.len() == 1
    }
}

/// One layer of a rule: the key of each record, and the records of each key that makes a pair.
pub(crate) struct KeyedRule {
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
        Self::beside(&[], tables, rules)
    }

    /// Does the same; the blocks of a plain rule that others of the same tables have too are shared with them.
    pub(crate) fn beside(others: &[&Self], tables: &'t Tables, rules: &[Rule]) -> Result<Self> {
        let keyed = share(tables.threads().get(), rules.iter().collect(), |rule: &Rule| {
            if let Some(known) = others.iter().find_map(|other| other.plain(rule)) {
                return Ok((vec![Arc::clone(known)], Vec::new()));
            }
            let keys = RuleKeys::new(tables, rule)?;
            let column = match rule.keys.as_slice() {
                [Key { column, against: None, take: Take::Whole }] if rule.is_plain() => {
                    Some(tables.column_index(&format!("rule `{rule}`"), column)?)
                }
                _ => None,
            };
            let layer = |layer| Arc::new(KeyedRule::new(column, layer, tables.link()));
            Ok((keys.layers.into_iter().map(layer).collect(), keys.conditions))
        });
        let (mut asked, mut layers) = (Vec::with_capacity(rules.len()), Vec::new());
        let mut numbers = Vec::new();
        for ((number, rule), keyed) in (0u16..).zip(rules).zip(keyed) {
            let (own, conditions): (Vec<Arc<KeyedRule>>, Vec<Narrow<'t>>) = keyed?;
            let first = layers.len();
            layers.extend(own);
            numbers.resize(layers.len(), number);
            asked.push(Asked {
                rule: rule.clone(),
                label: rule.to_string(),
                conditions,
                layers: first..layers.len(),
            });
        }
        Ok(Self { tables, asked, rules: layers, numbers })
    }

    /// Returns the blocks of a rule, if it is among these and plain.
    fn plain(&self, rule: &Rule) -> Option<&Arc<KeyedRule>> {
        let asked = self.asked.iter().find(|asked| asked.rule == *rule)?;
        asked.is_plain().then(|| &self.rules[asked.layers.start])
    }

    /// Says whether every rule asks for equal keys and nothing else, so that [`Blocks::rules`] says all.
    pub(crate) fn is_plain(&self) -> bool {
        self.asked.iter().all(Asked::is_plain)
    }

    pub(crate) fn rules(&self) -> &[Arc<KeyedRule>] {
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
        (0..self.rules.len()).flat_map(move |layer| {
            let keyed = &self.rules[layer];
            (0..keyed.blocks()).flat_map(move |block| {
                self.new_pairs_of(keyed.group(block, self.tables.link()), layer)
            })
        })
    }

    /// Goes through the pairs in which a record is new, rule by rule, each pair once.
    pub(crate) fn pairs_since(&self, since: Since) -> impl Iterator<Item = Blocked> + '_ {
        let link = self.tables.link();
        (0u16..).zip(&self.rules).flat_map(move |(rule, keyed)| {
            let earlier = &self.rules[..usize::from(rule)];
            (0..keyed.blocks())
                .flat_map(move |block| keyed.group(block, link).pairs_since(self.tables, since))
                .filter(move |(source, recipient)| {
                    !earlier.iter().any(|rule| self.makes(rule, *source, *recipient))
                })
                .map(move |(source, recipient)| Blocked { source, recipient, rule })
        })
    }

    /// Counts the pairs of each rule.
    ///
    /// The pairs that no earlier rule makes are counted one by one in small blocks, and in large ones without making
    /// any, by inclusion and exclusion over the blocks that several rules share. That doubles with each rule, but such
    /// shared blocks are few and soon small. Of rules that ask more than equal keys see [`RuleCount::estimated`].
    pub fn counts(&self) -> Vec<RuleCount> {
        let rules: Vec<usize> = (0..self.asked.len()).collect();
        let counted = share(self.tables.threads().get(), rules, |rule| self.counted(rule));
        self.told(&counted)
    }

    /// Tells of each rule, the pairs that no earlier rule makes having been counted. Every rule must be plain.
    pub(crate) fn counts_with(&self, new_pairs: &[u64]) -> Vec<RuleCount> {
        let one = |(rule, new_pairs): (usize, &u64)| Counted {
            pairs: self.shared(rule),
            new_pairs: *new_pairs,
            estimated: false,
        };
        self.told(&new_pairs.iter().enumerate().map(one).collect::<Vec<_>>())
    }

    /// Returns how many pairs share a key, once for each rule that they do in.
    pub(crate) fn pairs_to_look_at(&self) -> u64 {
        (0..self.asked.len()).map(|rule| self.shared(rule)).sum()
    }

    /// Returns how many pairs share a key of a rule, once for each layer that they do in.
    fn shared(&self, rule: usize) -> u64 {
        let link = self.tables.link();
        let layer = |layer: &Arc<KeyedRule>| {
            (0..layer.blocks()).map(|block| layer.pairs(block, link)).sum::<u64>()
        };
        self.rules[self.asked[rule].layers.clone()].iter().map(layer).sum()
    }

    fn counted(&self, rule: usize) -> Counted {
        let link = self.tables.link();
        let shared = self.shared(rule);
        if self.asked[..=rule].iter().all(Asked::is_plain) {
            let keyed = &self.rules[rule];
            let groups = (0..keyed.blocks()).map(|block| keyed.group(block, link));
            let new_pairs = groups.map(|group| self.count_new(group, &self.rules[..rule])).sum();
            Counted { pairs: shared, new_pairs, estimated: false }
        } else if shared <= MOST_COUNTED {
            self.count_through(rule)
        } else {
            self.estimate(rule, shared)
        }
    }

    fn told(&self, counted: &[Counted]) -> Vec<RuleCount> {
        let link = self.tables.link();
        let mut cumulative_pairs = 0;
        let one = |(asked, counted): (&Asked<'_>, &Counted)| {
            let layers = &self.rules[asked.layers.clone()];
            let mut largest: Vec<u64> = Vec::with_capacity(LARGEST + 1);
            for layer in layers {
                for block in 0..layer.blocks() {
                    let here = layer.pairs(block, link);
                    if largest.len() < LARGEST || largest.last().is_some_and(|least| here > *least)
                    {
                        let place = largest.partition_point(|other| *other >= here);
                        largest.insert(place, here);
                        largest.truncate(LARGEST);
                    }
                }
            }
            cumulative_pairs += counted.new_pairs;
            RuleCount {
                rule: asked.label.clone(),
                pairs: counted.pairs,
                new_pairs: counted.new_pairs,
                cumulative_pairs,
                keyless: keyless(layers),
                largest_blocks: largest,
                estimated: counted.estimated,
            }
        };
        self.asked.iter().zip(counted).map(one).collect()
    }

    /// Says which rule makes a pair first, if any does.
    pub fn first_rule(&self, source: RecordRef, recipient: RecordRef) -> Option<u16> {
        self.first_before(source, recipient, self.asked.len())
    }

    /// Says which of the first few rules makes a pair first.
    fn first_before(&self, source: RecordRef, recipient: RecordRef, rules: usize) -> Option<u16> {
        (0..)
            .zip(&self.asked[..rules])
            .find(|(_, asked)| {
                let mut layers = self.rules[asked.layers.clone()].iter();
                layers.any(|layer| self.makes(layer, source, recipient))
                    && asked.holds(source, recipient)
            })
            .map(|(index, _)| index)
    }

    fn new_pairs_of<'b>(
        &'b self,
        group: Group<'b>,
        layer: usize,
    ) -> impl Iterator<Item = Blocked> + 'b {
        let number = self.numbers[layer];
        let asked = &self.asked[usize::from(number)];
        let before = &self.rules[asked.layers.start..layer];
        // Conditions are worked out for many pairs at once.
        group.rows(self.tables.link()).flat_map(move |mut pairs| {
            pairs.retain(|(source, recipient)| {
                !before.iter().any(|layer| self.makes(layer, *source, *recipient))
            });
            for condition in &asked.conditions {
                condition.keep(&mut pairs);
            }
            pairs.into_iter().filter_map(move |(source, recipient)| {
                self.first_before(source, recipient, usize::from(number))
                    .is_none()
                    .then_some(Blocked { source, recipient, rule: number })
            })
        })
    }

    fn makes(&self, rule: &KeyedRule, source: RecordRef, recipient: RecordRef) -> bool {
        let left = rule.source[source.index()];
        let right = match self.tables.link() {
            Link::Between => rule.recipient[recipient.index()],
            Link::Within | Link::Both => rule.source[recipient.index()],
        };
        left != NO_VALUE && left == right
    }

    /// Goes through the pairs that share a key of a rule to count those that it makes.
    fn count_through(&self, rule: usize) -> Counted {
        let link = self.tables.link();
        let mut counted = Counted { pairs: 0, new_pairs: 0, estimated: false };
        for layer in self.asked[rule].layers.clone() {
            let keyed = &self.rules[layer];
            let groups = (0..keyed.blocks()).map(|block| keyed.group(block, link));
            for (source, recipient) in groups.flat_map(|group| group.pairs(link)) {
                let (makes, is_new) = self.is_made(rule, layer, source, recipient);
                counted.pairs += u64::from(makes);
                counted.new_pairs += u64::from(is_new);
            }
        }
        counted
    }

    /// Estimates the same from pairs drawn evenly from all that share a key.
    fn estimate(&self, rule: usize, shared: u64) -> Counted {
        let link = self.tables.link();
        let mut ends = Vec::new();
        let mut end = 0;
        for layer in self.asked[rule].layers.clone() {
            for block in 0..self.rules[layer].blocks() {
                end += self.rules[layer].pairs(block, link);
                ends.push((end, layer, block));
            }
        }
        let mut dice = Dice::new(SAMPLE);
        let (mut made, mut new) = (0, 0);
        for _ in 0..SAMPLE {
            let drawn = dice.below(shared);
            let (end, layer, block) = ends[ends.partition_point(|(end, ..)| *end <= drawn)];
            let group = self.rules[layer].group(block, link);
            let (source, recipient) = group.pair(link, drawn + group.count(link) - end);
            let (makes, is_new) = self.is_made(rule, layer, source, recipient);
            made += u64::from(makes);
            new += u64::from(is_new);
        }
        let scale = |seen: u64| {
            u64::try_from(u128::from(seen) * u128::from(shared) / u128::from(SAMPLE))
                .unwrap_or(u64::MAX)
        };
        let pairs = if self.asked[rule].is_plain() { shared } else { scale(made) };
        Counted { pairs, new_pairs: scale(new), estimated: true }
    }

    /// Says of a pair that shares a key in a layer whether the rule makes it, here first, and whether it is new.
    fn is_made(
        &self,
        rule: usize,
        layer: usize,
        source: RecordRef,
        recipient: RecordRef,
    ) -> (bool, bool) {
        let asked = &self.asked[rule];
        let before = &self.rules[asked.layers.start..layer];
        let makes = !before.iter().any(|layer| self.makes(layer, source, recipient))
            && asked.holds(source, recipient);
        (makes, makes && self.first_before(source, recipient, rule).is_none())
    }

    /// Counts the pairs of a group that none of the earlier rules makes.
    fn count_new(&self, group: Group<'_>, earlier: &[Arc<KeyedRule>]) -> u64 {
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

/// How many pairs a rule makes, and how many of them are new.
struct Counted {
    pairs: u64,
    new_pairs: u64,
    estimated: bool,
}

/// Counts the records that have no key in any of these layers, on either side.
fn keyless(layers: &[Arc<KeyedRule>]) -> u64 {
    match layers {
        [layer] => layer.keyless,
        layers => {
            let least = layers.iter().map(|layer| layer.keyless).min();
            least.unwrap_or(0)
        }
    }
}

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

    /// Returns the pair at a place, counted from 0.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a place in a list of records fits a usize"
    )]
    #[expect(clippy::cast_sign_loss, reason = "a root isn't below nothing")]
    fn pair(self, link: Link, place: u64) -> (RecordRef, RecordRef) {
        match link {
            Link::Between => {
                let wide = self.recipient.len() as u64;
                (self.source[(place / wide) as usize], self.recipient[(place % wide) as usize])
            }
            Link::Within | Link::Both => {
                // Pairs in the order of their later record, which stands where the triangle before it ends; the root in
                // floating point may be off by one.
                let mut later = ((2.0 * place as f64).sqrt() as u64).max(1);
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

    /// Goes through the pairs, those of one source record together.
    fn rows(self, link: Link) -> impl Iterator<Item = Vec<(RecordRef, RecordRef)>> + 'b {
        self.source.iter().enumerate().map(move |(place, source)| {
            let recipients = match link {
                Link::Between => self.recipient,
                Link::Within | Link::Both => &self.source[place + 1..],
            };
            recipients.iter().map(|recipient| (*source, *recipient)).collect()
        })
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

    /// Goes through the pairs in which a record is new. Within one table, and between two, it looks at no other.
    fn pairs_since(
        self,
        tables: &Tables,
        since: Since,
    ) -> impl Iterator<Item = (RecordRef, RecordRef)> {
        let link = tables.link();
        let is_new = move |record: RecordRef| {
            let (side, own) = tables.origin(Side::Source, record);
            own.row() >= if side == Side::Source { since.source } else { since.recipient }
        };
        self.source.iter().enumerate().flat_map(move |(place, source)| {
            let (recipients, first) = match link {
                Link::Between if source.row() >= since.source => (self.recipient, 0),
                Link::Between => (self.recipient, since.recipient),
                Link::Within => (&self.source[place + 1..], since.source),
                // Both tables stand one after the other, so new records come in two places.
                Link::Both => (&self.source[place + 1..], 0),
            };
            let old = recipients.partition_point(|record| record.row() < first);
            let is_wanted = move |recipient: &&RecordRef| {
                link != Link::Both || is_new(*source) || is_new(**recipient)
            };
            recipients[old..].iter().filter(is_wanted).map(move |recipient| (*source, *recipient))
        })
    }
}

impl std::fmt::Debug for Blocks<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Blocks({} rules, [redacted])", self.asked.len())
    }
}

/// Works out the plain keys of a rule: one code a record, equal where all keys are.
pub(crate) fn plain_codes(tables: &Tables, rule: &Rule) -> Result<(Vec<u32>, Vec<u32>)> {
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
        let left = first.iter().map(|code| codes.source[*code as usize]);
        let right = second.iter().map(|code| codes.recipient()[*code as usize]);
        join(&mut source, &mut recipient, left, right);
    }
    Ok((source, recipient))
}

/// Makes one code of two, which is equal where both are.
///
/// Records are put together by the first code and then, few at a time, by the second: a table of all the pairs of codes
/// would be looked up all over memory.
fn join(
    source: &mut [u32],
    recipient: &mut [u32],
    left: impl Iterator<Item = u32> + Clone,
    right: impl Iterator<Item = u32> + Clone,
) {
    let most = source.iter().chain(&*recipient).max().map_or(0, |code| *code as usize);
    let mut ends = vec![0u32; most + 2];
    for code in source.iter().chain(&*recipient) {
        ends[*code as usize + 1] += 1;
    }
    // Records without the first code stand with none.
    ends[1] = 0;
    for code in 1..ends.len() {
        ends[code] += ends[code - 1];
    }
    let mut grouped = vec![(NO_VALUE, 0u32); ends[most + 1] as usize];
    let keyed = source.iter().zip(left).chain(recipient.iter().zip(right));
    for (row, (code, next)) in (0u32..).zip(keyed) {
        if *code != NO_VALUE {
            let place = &mut ends[*code as usize];
            grouped[*place as usize] = (next, row);
            *place += 1;
        }
    }
    // Each group now ends where the next one began.
    let mut last = NO_VALUE;
    let mut from = 0;
    for to in ends.into_iter().take(most + 1).skip(1) {
        let group = &mut grouped[from..to as usize];
        from = to as usize;
        group.sort_unstable();
        for same in group.chunk_by(|one, other| one.0 == other.0) {
            let code = if same[0].0 == NO_VALUE { NO_VALUE } else { next_code(&mut last) };
            for (_, row) in same {
                let row = *row as usize;
                match row.checked_sub(source.len()) {
                    None => source[row] = code,
                    Some(row) => recipient[row] = code,
                }
            }
        }
    }
}

impl KeyedRule {
    fn new(column: Option<usize>, layer: Layer, link: Link) -> Self {
        Self { column, ..Self::of_keys(layer.source, layer.recipient, link) }
    }

    /// Makes the blocks of the key of each record, 0 standing for none.
    pub(crate) fn of_keys(mut source: Vec<u32>, mut recipient: Vec<u32>, link: Link) -> Self {
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
        Self { column: None, source, recipient, sources, recipients, keyless }
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
pub(crate) enum Part {
    Text(String),
    Number(u64),
}

pub(crate) fn part_of(values: &Values, index: usize, take: Take) -> Option<Part> {
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

/// Returns the bytes of a value's key: equal where the keys are.
#[cfg(feature = "plan")]
pub(crate) fn key_bytes(values: &Values, index: usize, take: Take) -> Option<Box<[u8]>> {
    Some(match part_of(values, index, take)? {
        Part::Text(text) => text.into_bytes().into_boxed_slice(),
        Part::Number(bits) => Box::from(bits.to_le_bytes()),
    })
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
