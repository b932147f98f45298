//! The rules of an import: equalities become keys, and everything else an expression.
//!
//! Within an import. It makes no pair; a rule is checked with the model that it stands in.

use crate::model::{Key, Kind, Rule, Step, Take};
use crate::splink::difference::Changes;
use crate::splink::expression;
use crate::splink::import::{Importer, as_expression};
use crate::splink::prepared::Need;
use crate::splink::settings::RuleText;
use crate::splink::sql::{Relation, Term};
use crate::splink::value::{Value, value, whole};
use crate::{Result, Side};

/// A rule as it was understood.
pub(super) enum ReadRule {
    Keys(Vec<(Value, Option<Value>, Take, Need)>),
    Sql { place: String, sql: String, explode: Vec<String> },
}

impl Importer {
    /// Understands one rule, and asks for what it looks at.
    pub(super) fn read_rule(&mut self, number: u32, rule: &RuleText) -> Result<ReadRule> {
        let place = format!("rule {number}");
        let parsed = self.parsed(&place, &rule.sql)?;
        let parts = match &parsed {
            Term::All(parts) => &parts[..],
            one => std::slice::from_ref(one),
        };
        if rule.explode.is_empty()
            && let Some(keys) = parts.iter().map(|part| self.key(part)).collect::<Option<Vec<_>>>()
        {
            for (value, against, _, need) in &keys {
                self.prepared.want(value, *need);
                if let Some(against) = against {
                    self.prepared.want(against, *need);
                }
            }
            return Ok(ReadRule::Keys(keys));
        }
        let kind = |column: &str| {
            let exploded = rule.explode.iter().any(|name| name == column);
            if exploded { Value::plain(column).into_list() } else { Some(Value::plain(column)) }
        };
        for column in expression::columns(&place, &rule.sql, self.database())? {
            if let Some(value) = kind(&column) {
                self.prepared.want(&value, Need::Characters);
            }
        }
        Ok(ReadRule::Sql { place, sql: rule.sql.clone(), explode: rule.explode.clone() })
    }

    /// One equality of a rule.
    fn key(&self, part: &Term) -> Option<(Value, Option<Value>, Take, Need)> {
        let Term::Compare(Relation::Equal, left, right) = part else {
            return None;
        };
        let (left, take) = taken(left);
        let (right, other_take) = taken(right);
        if take != other_take {
            return None;
        }
        let (one_side, one) = value(left, self.database())?;
        let (other_side, other) = value(right, self.database())?;
        let (source, recipient) = match (one_side, other_side) {
            (Side::Source, Side::Recipient) => (one, other),
            (Side::Recipient, Side::Source) => (other, one),
            _ => return None,
        };
        let (source, recipient) = if matches!(take, Take::Year | Take::YearMonth | Take::MonthDay) {
            (source.into_date()?, recipient.into_date()?)
        } else {
            (source, recipient)
        };
        if source != recipient {
            // Two columns have one kind of key only where they are prepared alike.
            let alike = source.kind == recipient.kind && !self.recogniser.within;
            return alike.then_some((source, Some(recipient), take, Need::Characters));
        }
        if take != Take::Whole {
            return Some((source, None, take, Need::Characters));
        }
        let mut source = source;
        if source.kind == Kind::Text
            && source.placeholders.is_empty()
            && let Some(Step::Part { start: 1, length }) = source.steps.last().cloned()
        {
            source.steps.pop();
            return Some((source, None, Take::Prefix(length), Need::Characters));
        }
        Some((source, None, Take::Whole, Need::Any))
    }

    /// Makes the rule, once every value has its column.
    pub(super) fn rule(&mut self, rule: &ReadRule) -> Result<Rule> {
        match rule {
            ReadRule::Keys(keys) => {
                let key = |(value, against, take, need): &(Value, Option<Value>, Take, Need)| Key {
                    column: self.prepared.name(value, *need).unwrap_or_default(),
                    against: against.as_ref().and_then(|value| self.prepared.name(value, *need)),
                    take: *take,
                };
                Ok(Rule::of_keys(keys.iter().map(key).collect()))
            }
            ReadRule::Sql { place, sql, explode } => {
                self.report.push(as_expression(place, Changes::Pairs));
                expression::rule(place, sql, explode, self.database(), &self.prepared)
            }
        }
    }
}

/// The part of a value that a key is, where it isn't the whole.
fn taken(key: &Term) -> (&Term, Take) {
    if let Term::Call(name, arguments) = key {
        match (name.as_str(), &arguments[..]) {
            ("right", [inner, Term::Number(length)]) => {
                if let Some(length) = whole(*length) {
                    return (inner, Take::Suffix(length));
                }
            }
            ("year", [inner]) => return (inner, Take::Year),
            ("strftime", [inner, Term::Text(format)]) if format == "%Y-%m" => {
                return (inner, Take::YearMonth);
            }
            ("strftime", [inner, Term::Text(format)]) if format == "%m-%d" => {
                return (inner, Take::MonthDay);
            }
            _ => {}
        }
    }
    (key, Take::Whole)
}
