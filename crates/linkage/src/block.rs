//! Makes the pairs worth comparing: records whose keys are equal under some rule.
//!
//! Fifth step of the path, after preparation and before comparing. A pair that several rules make is made once, by the
//! first of them. A record that lacks a key is in no block of that rule. How many pairs the rules make is counted from
//! the sizes of blocks, without making any, so that a rule too coarse is seen before it is run. It looks at no value
//! but the keys, and remembers no pair.
//!
//! A rule comes as layers of keys and conditions (`keys`). Keys are numbers here (`key_code`), their records stand together
//! (`keyed_rule`), and what rules make is counted by `count`.
mod count;
mod group;
mod key_code;
mod keyed_rule;
mod soundex;

use std::ops::Range;
use std::sync::Arc;

pub use self::count::RuleCount;
#[cfg(feature = "plan")]
pub(crate) use self::key_code::key_bytes;
pub(crate) use self::key_code::{Part, part_of, plain_codes};
pub(crate) use self::keyed_rule::KeyedRule;

use self::group::Group;
use crate::Result;
use crate::increment::Since;
use crate::keys::{Narrow, RuleKeys};
use crate::model::{Key, Link, Rule, Take};
use crate::parallel::share;
use crate::record::{RecordRef, Side};
use crate::tables::{NO_VALUE, Tables};

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

impl<'t> Blocks<'t> {
    /// Groups the records by the keys of each rule.
    ///
    /// # Errors
    ///
    /// [`crate::Error::UnknownColumn`] where the tables were prepared without a key's column.
    pub fn new(tables: &'t Tables, rules: &[Rule]) -> Result<Self> {
        Self::beside(&[], tables, rules)
    }

    /// Does the same for one list of rules and perhaps another. What both have is made once, and all together, so that no
    /// thread is left with the last rule of each.
    pub(crate) fn of_two(
        tables: &'t Tables,
        one: &[Rule],
        other: Option<&[Rule]>,
    ) -> Result<(Self, Option<Self>)> {
        let mut plain: Vec<Rule> = Vec::new();
        for rule in one.iter().chain(other.into_iter().flatten()) {
            if rule.is_plain() && !plain.contains(rule) {
                plain.push(rule.clone());
            }
        }
        // Those with most keys take longest.
        plain.sort_by_key(|rule| std::cmp::Reverse(rule.keys.len()));
        let plain = Self::new(tables, &plain)?;
        let other = other.map(|rules| Self::beside(&[&plain], tables, rules)).transpose()?;
        Ok((Self::beside(&[&plain], tables, one)?, other))
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

    /// Returns the layers of all rules; where every rule is plain, those are the rules.
    pub(crate) fn rules(&self) -> &[Arc<KeyedRule>] {
        &self.rules
    }

    /// Returns how many rules there are.
    pub(crate) fn rule_count(&self) -> usize {
        self.asked.len()
    }

    /// Returns the number of a layer's rule.
    pub(crate) fn rule_of(&self, layer: usize) -> u16 {
        self.numbers[layer]
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
        let rule = self.numbers[layer];
        // Conditions are worked out for many pairs at once.
        group.rows(self.tables.link()).flat_map(move |mut pairs| {
            self.keep_first(layer, &mut pairs);
            let blocked = move |(source, recipient)| Blocked { source, recipient, rule };
            pairs.into_iter().map(blocked)
        })
    }

    /// Keeps, of pairs that share a key of a layer, those that its rule makes and makes there first, and that no rule
    /// before it makes.
    pub(crate) fn keep_first(&self, layer: usize, pairs: &mut Vec<(RecordRef, RecordRef)>) {
        let number = usize::from(self.numbers[layer]);
        let asked = &self.asked[number];
        let before = &self.rules[asked.layers.start..layer];
        pairs.retain(|(source, recipient)| {
            !before.iter().any(|layer| self.makes(layer, *source, *recipient))
        });
        for condition in &asked.conditions {
            condition.keep(pairs);
        }
        pairs
            .retain(|(source, recipient)| self.first_before(*source, *recipient, number).is_none());
    }

    fn makes(&self, rule: &KeyedRule, source: RecordRef, recipient: RecordRef) -> bool {
        let left = rule.source[source.index()];
        let right = match self.tables.link() {
            Link::Between => rule.recipient[recipient.index()],
            Link::Within | Link::Both => rule.source[recipient.index()],
        };
        left != NO_VALUE && left == right
    }
}

impl std::fmt::Debug for Blocks<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Blocks({} rules, [redacted])", self.asked.len())
    }
}
