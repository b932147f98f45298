//! Proposes rules for tables, under a budget of pairs, with the recall that they are estimated to have.
//!
//! Before the path of data, when a recipe is written. It needs rules that are nearly always right, such as one on an
//! identifier: the pairs that these make are taken as the same individuals, and every other rule is judged by how many of
//! them it makes too. A rule is never judged on pairs that were chosen by a column of its own, or it would find all of
//! them. From keys on one or two columns, the one that finds the most new pairs for what it costs is taken, and so on
//! until the budget is spent: the greedy set cover, whose coverage lies within 1 − 1/e of the best that the budget can buy
//! where rules cost alike (Nemhauser, Wolsey and Fisher, [An analysis of approximations for maximizing submodular set
//! functions](https://doi.org/10.1007/BF01588971), 1978); learning rules so follows Bilenko, Kamath and Mooney, Adaptive
//! Blocking, 2006.
//!
//! The estimate holds as far as errors in the identifier come apart from errors elsewhere. It writes no file and trains
//! nothing; the values of keys stay inside.

use std::collections::BTreeSet;

use crate::block::Blocks;
use crate::keys::columns_of;
use crate::model::{Key, Kind, Rule, Take};
use crate::random::Dice;
use crate::record::RecordRef;
use crate::tables::Tables;
use crate::{Error, Result};

/// A rule that is proposed, and what it adds to those before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggested {
    /// The rule.
    pub rule: Rule,
    /// Pairs that it makes, whatever the others do.
    pub pairs: u64,
    /// Pairs of same individuals that it finds and no rule before it does.
    pub new_found: u64,
    /// The share of them that it and the rules before it find.
    pub recall: f64,
}

/// A set of rules that is proposed.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The rules, in the order that they were found in, those that stand for the same individuals left out.
    pub rules: Vec<Suggested>,
    /// Pairs taken as the same individuals that the rules were judged on.
    pub evidence_pairs: u64,
    /// How many of them the rules find.
    pub found: u64,
    /// The pairs that the rules make together, each counted once.
    pub pairs: u64,
}

impl Suggestion {
    /// Returns the share of the pairs of same individuals that the rules are estimated to find.
    pub fn recall(&self) -> f64 {
        if self.evidence_pairs == 0 { 0.0 } else { self.found as f64 / self.evidence_pairs as f64 }
    }
}

/// How many pairs rules are judged on at most.
const MOST_EVIDENCE: usize = 20_000;

/// Proposes rules that make at most so many pairs, counting each rule's own in full.
///
/// `same` are the rules whose pairs are taken as the same individuals. `seed` draws a sample where there are many.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_array::{RecordBatch, StringArray};
/// # use linkage::{Recipe, Table, Tables, model::{Key, Rule, Take}, suggest};
/// # let column = |cells: Vec<&str>| Arc::new(StringArray::from(cells)) as _;
/// # let table = |names| [RecordBatch::try_from_iter([
/// #     ("id", column(vec!["1", "2", "3"])), ("name", column(names)), ("city", column(vec!["x"; 3])),
/// # ]).unwrap()];
/// # let (source, recipient) = (table(vec!["ana", "li", "gil"]), table(vec!["ana", "li", "gill"]));
/// # let columns: Vec<linkage::model::Column> = ["id", "name", "city"].map(|name| linkage::model::Column {
/// #     name: name.to_owned(), from: vec![name.to_owned()], source: vec![], recipient: vec![],
/// #     kind: Default::default(), steps: vec![], placeholders: Some(vec![]), presence: false,
/// # }).to_vec();
/// let tables = Tables::between(&columns, Table::new(&source), Table::new(&recipient))?;
/// let id = Rule::of_keys(vec![Key { column: "id".to_owned(), against: None, take: Take::Whole }]);
/// let suggestion = suggest(&tables, &[id], 5, 7)?;
/// assert_eq!(suggestion.rules[0].rule.to_string(), "prefix(name, 3)");
/// assert_eq!(suggestion.recall(), 1.0);
/// # Ok::<(), linkage::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::EmptyRule`] where `same` make no pair, and what is wrong with them.
pub fn suggest(tables: &Tables, same: &[Rule], budget_pairs: u64, seed: u64) -> Result<Suggestion> {
    let evidence = Evidence::new(tables, same, seed)?;
    let mut open = Vec::new();
    for rule in every_rule(tables) {
        let columns: BTreeSet<String> = columns_of(&rule, tables.columns())?.into_iter().collect();
        let fair: Vec<bool> =
            evidence.columns.iter().map(|chosen_by| chosen_by.is_disjoint(&columns)).collect();
        if !fair.contains(&true) {
            continue;
        }
        let blocks = Blocks::new(tables, std::slice::from_ref(&rule))?;
        let pairs = blocks.counts().first().map_or(0, |count| count.pairs);
        if pairs == 0 || pairs > budget_pairs {
            continue;
        }
        let finds = |pair: &(RecordRef, RecordRef, usize)| {
            fair[pair.2] && blocks.first_rule(pair.0, pair.1).is_some()
        };
        open.push(Open { rule, pairs, found: evidence.pairs.iter().map(finds).collect() });
    }
    let mut found = vec![false; evidence.pairs.len()];
    let (mut rules, mut left) = (Vec::<Suggested>::new(), budget_pairs);
    loop {
        open.retain(|open| open.pairs <= left);
        let worth = |open: &Open| {
            let new = open.found.iter().zip(&found).filter(|(finds, found)| **finds && !**found);
            let new = new.count() as u64;
            // By what is found for each pair made; of equal ones the one that finds more, then the plainer.
            (new as f64 / open.pairs as f64, new)
        };
        let best = open
            .iter()
            .enumerate()
            .map(|(place, open)| (worth(open), place))
            .filter(|((_, new), _)| *new > 0)
            .max_by(|(one, place), (other, another)| {
                one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)).then(another.cmp(place))
            });
        let Some(((_, new_found), place)) = best else { break };
        let taken = open.swap_remove(place);
        left -= taken.pairs;
        for (found, finds) in found.iter_mut().zip(&taken.found) {
            *found |= finds;
        }
        let sofar = found.iter().filter(|found| **found).count();
        let recall = sofar as f64 / evidence.pairs.len() as f64;
        rules.push(Suggested { rule: taken.rule, pairs: taken.pairs, new_found, recall });
        // `swap_remove` moved one: put them back in the order that ties are broken by.
        open.sort_by_cached_key(|open| order(&open.rule));
    }
    let chosen: Vec<Rule> = rules.iter().map(|suggested| suggested.rule.clone()).collect();
    let counts = Blocks::new(tables, &chosen)?.counts();
    Ok(Suggestion {
        rules,
        evidence_pairs: evidence.pairs.len() as u64,
        found: found.iter().filter(|found| **found).count() as u64,
        pairs: counts.last().map_or(0, |count| count.cumulative_pairs),
    })
}

/// A rule that may still be taken.
struct Open {
    rule: Rule,
    pairs: u64,
    /// Of the evidence, which pairs it finds.
    found: Vec<bool>,
}

/// Pairs that are taken as the same individuals, each with the rule that it was chosen by.
struct Evidence {
    pairs: Vec<(RecordRef, RecordRef, usize)>,
    /// By rule, the columns that it looks at.
    columns: Vec<BTreeSet<String>>,
}

impl Evidence {
    fn new(tables: &Tables, same: &[Rule], seed: u64) -> Result<Self> {
        let columns = same.iter().map(|rule| {
            Ok(columns_of(rule, tables.columns())?.into_iter().collect::<BTreeSet<_>>())
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let blocks = Blocks::new(tables, same)?;
        let mut dice = Dice::new(seed);
        let mut pairs = Vec::new();
        // A reservoir: each pair is kept with the same chance, however many come (Vitter's algorithm R, 1985).
        for (seen, pair) in (0_u64..).zip(blocks.pairs()) {
            let pair = (pair.source, pair.recipient, usize::from(pair.rule));
            if pairs.len() < MOST_EVIDENCE {
                pairs.push(pair);
            } else if let Ok(place) = usize::try_from(dice.below(seen + 1))
                && place < MOST_EVIDENCE
            {
                pairs[place] = pair;
            }
        }
        if pairs.is_empty() {
            let rule = same.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(Error::EmptyRule { rule });
        }
        Ok(Self { pairs, columns })
    }
}

/// Returns every rule of one key, and of two keys on different columns, the plainer first.
fn every_rule(tables: &Tables) -> Vec<Rule> {
    let keys: Vec<Key> = tables
        .columns()
        .iter()
        .flat_map(|column| {
            let takes: &[Take] = match column.kind {
                Kind::Text => &[Take::Whole, Take::Soundex, Take::Prefix(3)],
                Kind::Date(_) => &[Take::Whole, Take::YearMonth, Take::MonthDay, Take::Year],
                Kind::Number => &[Take::Whole],
                Kind::Time(_) | Kind::Place | Kind::List(_) => &[],
            };
            takes.iter().map(|take| Key { column: column.name.clone(), against: None, take: *take })
        })
        .collect();
    let mut rules: Vec<Rule> = keys.iter().map(|key| Rule::of_keys(vec![key.clone()])).collect();
    for (place, one) in keys.iter().enumerate() {
        let others = keys[place + 1..].iter().filter(|other| other.column != one.column);
        rules.extend(others.map(|other| Rule::of_keys(vec![one.clone(), other.clone()])));
    }
    rules.sort_by_cached_key(order);
    rules
}

/// Rules of fewer keys first, then by name.
fn order(rule: &Rule) -> (usize, String) {
    (rule.keys.len(), rule.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};

    use super::*;
    use crate::Table;
    use crate::model::Column;

    fn tables(rows: usize) -> Tables {
        let columns = ["id", "name", "city"].map(|name| Column {
            name: name.to_owned(),
            from: vec![name.to_owned()],
            source: Vec::new(),
            recipient: Vec::new(),
            kind: Kind::Text,
            steps: Vec::new(),
            placeholders: Some(Vec::new()),
            presence: false,
        });
        let batch = |spoilt: usize| {
            let column = |make: &dyn Fn(usize) -> String| -> ArrayRef {
                Arc::new((0..rows).map(|row| Some(make(row))).collect::<StringArray>())
            };
            // Every tenth name is another on the recipient's side; there are four cities.
            let name = |row: usize| {
                if row % 10 == spoilt { format!("other{row}") } else { format!("{}name", row * 7) }
            };
            RecordBatch::try_from_iter([
                ("id", column(&|row| row.to_string())),
                ("name", column(&name)),
                ("city", column(&|row| format!("city{}", row % 4))),
            ])
            .unwrap()
        };
        let (source, recipient) = ([batch(99)], [batch(3)]);
        Tables::between(&columns, Table::new(&source), Table::new(&recipient)).unwrap()
    }

    fn id() -> Rule {
        Rule::of_keys(vec![Key { column: "id".to_owned(), against: None, take: Take::Whole }])
    }

    #[test]
    fn the_cheapest_rules_that_find_the_most_are_taken_until_the_budget_is_spent() {
        let tables = tables(100);
        let small = suggest(&tables, &[id()], 150, 1).unwrap();
        assert_eq!(small.rules[0].rule.to_string(), "name");
        assert!((small.recall() - 0.9).abs() < 1e-12, "{small:?}");
        assert!(small.pairs <= 150);
        // The city finds the rest, at 2,500 pairs.
        let large = suggest(&tables, &[id()], 3_000, 1).unwrap();
        assert!((large.recall() - 1.0).abs() < 1e-12, "{large:?}");
        assert!(large.rules.iter().map(|rule| rule.pairs).sum::<u64>() <= 3_000);
        assert!(large.rules.windows(2).all(|two| two[0].recall < two[1].recall));
    }

    #[test]
    fn no_rule_is_judged_on_pairs_that_its_own_column_chose() {
        let suggestion = suggest(&tables(100), &[id()], u64::MAX, 1).unwrap();
        assert!(suggestion.rules.iter().all(|rule| !rule.rule.to_string().contains("id")));
    }

    #[test]
    fn without_any_pair_to_judge_on_there_is_no_suggestion() {
        assert!(matches!(suggest(&tables(0), &[id()], 100, 1), Err(Error::EmptyRule { .. })));
    }
}
