//! Recognises what a condition of Splink's asks for.
//!
//! Between the terms of SQL and the levels of a model. The shapes are those that Splink's library of comparisons writes,
//! for each of its databases, and those that an export of ours writes. A shape is recognised whole or not at all: a
//! condition that fits none becomes an expression, and is never taken for something similar. Where a shape comes out
//! nearly but not quite the same, it says so in a remark.
//!
//! The shapes follow Splink's documentation of its [comparison
//! levels](https://moj-analytical-services.github.io/splink/api_docs/comparison_level_library.html).

use crate::Side;
use crate::model::{Grams, Holder, Kind, Literal, Test};
use crate::splink::shape::{kilometres_sql, pairwise_sql};
use crate::splink::sql::{Database, Named, Relation, Term, parse, term};
use crate::splink::value::{Value, value, whole_or_none};

/// What a condition asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// This holds of one column of both records.
    Of(Value, Test),
    /// Each record has in the second column what the other has in the first.
    Reversed(Value, Value),
    /// All of these hold.
    All(Vec<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    /// It doesn't hold.
    Not(Box<Condition>),
    /// It is SQL, and none of the known shapes.
    Expression,
}

/// What a null level asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Missing {
    /// Either record lacks one of these.
    One(Vec<Value>),
    /// Of each of these, either record lacks it.
    Each(Vec<Value>),
}

/// How what was recognised is nearly, but not quite, the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// The bound of a percentage counts in Comity, and the larger is the larger in size.
    Percent,
    /// Splink rounds a distance on the globe to 32 bits.
    Kilometres,
    /// DuckDB's intersection of lists and Comity's are of sets; Spark's keeps what SQL keeps.
    Items,
}

/// Recognises one condition.
pub(super) struct Recogniser {
    pub(super) database: Database,
    pub(super) within: bool,
    pub(super) remarks: Vec<Remark>,
}

impl Recogniser {
    /// Says what a level's condition asks for.
    pub(super) fn condition(&mut self, of: &Term) -> Condition {
        match of {
            Term::All(parts) => self.all(parts),
            Term::Any(parts) => {
                combined(parts.iter().map(|part| self.condition(part)), Condition::Any)
            }
            Term::Not(inner) => match self.condition(inner) {
                Condition::Expression => Condition::Expression,
                known => Condition::Not(Box::new(known)),
            },
            Term::Compare(relation, left, right) => {
                self.compared(*relation, left, right).unwrap_or(Condition::Expression)
            }
            Term::Column(_)
            | Term::Text(_)
            | Term::Number(_)
            | Term::Call(..)
            | Term::Absent(_)
            | Term::Other => Condition::Expression,
        }
    }

    /// Says what a null level's condition asks for; none where it isn't only about missing values.
    pub(super) fn missing(&self, of: &Term) -> Option<Missing> {
        match of {
            Term::All(parts) => {
                let each = parts.iter().map(|part| match self.missing(part)? {
                    Missing::One(values) if values.len() == 1 => values.into_iter().next(),
                    Missing::One(_) | Missing::Each(_) => None,
                });
                Some(Missing::Each(each.collect::<Option<_>>()?))
            }
            Term::Any(parts) => {
                // Each value must be asked for of both records.
                let mut seen: Vec<(Value, Vec<Side>)> = Vec::new();
                for part in parts {
                    let Term::Absent(inner) = part else {
                        return None;
                    };
                    let (side, value) = value(inner, self.database)?;
                    match seen.iter_mut().find(|(known, _)| *known == value) {
                        Some((_, sides)) => sides.push(side),
                        None => seen.push((value, vec![side])),
                    }
                }
                let both = seen.iter().all(|(_, sides)| {
                    sides.contains(&Side::Source) && sides.contains(&Side::Recipient)
                });
                both.then(|| Missing::One(seen.into_iter().map(|(value, _)| value).collect()))
            }
            _ => None,
        }
    }

    fn all(&mut self, parts: &[Term]) -> Condition {
        if let Some(known) = self.subset(parts).or_else(|| self.swapped_date(parts)) {
            return known;
        }
        let mut known = Vec::new();
        let mut taken = vec![false; parts.len()];
        // Two equalities across make one shape, and so do two stated values.
        for (index, part) in parts.iter().enumerate() {
            for (later, other) in parts.iter().enumerate().skip(index + 1) {
                if taken[index] || taken[later] {
                    continue;
                }
                if let Some(both) = self.crossed(part, other) {
                    (taken[index], taken[later]) = (true, true);
                    known.push(both);
                }
            }
        }
        let mut present = Vec::new();
        for (part, _) in parts.iter().zip(&taken).filter(|(_, taken)| !**taken) {
            match part {
                Term::Not(inner) if matches!(&**inner, Term::Absent(_)) => present.push(inner),
                other => known.push(self.condition(other)),
            }
        }
        // That a value is there is asked by every test of it, since of a missing one no test holds.
        let tested: Vec<&Value> = known.iter().flat_map(values).collect();
        let idle = present.iter().all(|absent| match &***absent {
            Term::Absent(inner) => match &**inner {
                Term::Column(named) => {
                    tested.iter().any(|value| value.column.contains(&named.name))
                }
                _ => false,
            },
            _ => false,
        });
        if !idle {
            return Condition::Expression;
        }
        combined(known.into_iter(), Condition::All)
    }

    fn compared(&mut self, relation: Relation, left: &Term, right: &Term) -> Option<Condition> {
        match relation {
            Relation::Equal => self.equal(left, right),
            Relation::NotEqual => None,
            Relation::Less | Relation::LessOrEqual => {
                let strict = relation == Relation::Less;
                match (constant(left), constant(right)) {
                    (Some(least), None) => self.at_least(right, least, strict),
                    (None, Some(most)) => self.at_most(left, most, strict),
                    (None, None) if !strict => self.own_shapes(left, right),
                    _ => None,
                }
            }
        }
    }

    fn equal(&self, left: &Term, right: &Term) -> Option<Condition> {
        if let Some(value) = self.same_of_both(left, right) {
            return Some(Condition::Of(value, Test::Exact));
        }
        // A stated value of one record; of both it is two equalities, and stands in `crossed`.
        let (side, value, text) = self.stated(left, right)?;
        let of = if side == Side::Source { Holder::Source } else { Holder::Recipient };
        (!self.within).then_some(Condition::Of(value, Test::Literal(Literal { value: text, of })))
    }

    /// The value that both terms are, the one of the left record and the other of the right.
    fn same_of_both(&self, left: &Term, right: &Term) -> Option<Value> {
        let (one_side, one) = value(left, self.database)?;
        let (other_side, other) = value(right, self.database)?;
        (one_side != other_side && one == other).then_some(one)
    }

    fn stated(&self, left: &Term, right: &Term) -> Option<(Side, Value, String)> {
        let (of, constant) = match (stated_text(left), stated_text(right)) {
            (None, Some(text)) => (left, text),
            (Some(text), None) => (right, text),
            _ => return None,
        };
        let (side, value) = value(of, self.database)?;
        let value = match constant {
            Stated::Text(text) if !text.is_empty() => (value, text),
            Stated::Number(text) => (value.into_number()?, text),
            Stated::Date(text) => (value.into_date()?, text),
            Stated::Text(_) => return None,
        };
        Some((side, value.0, value.1))
    }

    /// Two equalities that say one thing together.
    fn crossed(&self, one: &Term, other: &Term) -> Option<Condition> {
        let (
            Term::Compare(Relation::Equal, left, right),
            Term::Compare(Relation::Equal, other_left, other_right),
        ) = (one, other)
        else {
            return None;
        };
        if let (Some((side, value, text)), Some((other_side, other_value, other_text))) =
            (self.stated(left, right), self.stated(other_left, other_right))
        {
            let literal = Literal { value: text.clone(), of: Holder::Both };
            return (side != other_side && value == other_value && text == other_text)
                .then_some(Condition::Of(value, Test::Literal(literal)));
        }
        let across = |left: &Term, right: &Term| {
            let (one_side, one) = value(left, self.database)?;
            let (other_side, other) = value(right, self.database)?;
            match (one_side, other_side) {
                (Side::Source, Side::Recipient) => Some((one, other)),
                (Side::Recipient, Side::Source) => Some((other, one)),
                _ => None,
            }
        };
        let (one, other) = (across(left, right)?, across(other_left, other_right)?);
        (one.0 != one.1 && one.0 == other.1 && one.1 == other.0)
            .then_some(Condition::Reversed(one.0, one.1))
    }

    fn at_least(&mut self, of: &Term, least: f64, strict: bool) -> Option<Condition> {
        let Term::Call(name, arguments) = of else {
            return None;
        };
        // The least number above a bound that doesn't count itself.
        let share = if strict { least.next_up() } else { least };
        let sound = share > 0.0 && share <= 1.0;
        if let Some(test) = similarity(name, share).filter(|_| sound)
            && let [left, right] = &arguments[..]
        {
            return Some(Condition::Of(self.same_of_both(left, right)?, test));
        }
        if let Some((value, test)) =
            self.pairwise(of, |name| similarity(name, share)).filter(|_| sound)
        {
            return Some(Condition::Of(value, test));
        }
        if let ("array_length" | "cardinality" | "size" | "array_size" | "len", [inner]) =
            (name.as_str(), &arguments[..])
        {
            let value = self.intersected(inner)?;
            let count = if strict { least.floor() + 1.0 } else { least.ceil() };
            let count = whole_or_none(count).filter(|count| *count > 0)?;
            self.remarks.push(Remark::Items);
            return Some(Condition::Of(value, Test::Shared(count)));
        }
        None
    }

    fn at_most(&mut self, of: &Term, most: f64, strict: bool) -> Option<Condition> {
        let Term::Call(name, arguments) = of else {
            return None;
        };
        let count = whole_or_none(if strict { most.ceil() - 1.0 } else { most.floor() });
        if let Some(test) = count.and_then(|count| distance(name, count))
            && let [left, right] = &arguments[..]
        {
            return Some(Condition::Of(self.same_of_both(left, right)?, test));
        }
        if let Some(count) = count
            && let Some((value, test)) = self.pairwise(of, |name| distance(name, count))
        {
            return Some(Condition::Of(value, test));
        }
        match (name.as_str(), &arguments[..]) {
            ("abs", [inner]) => self.apart(inner, most, strict),
            ("/", _) if strict => self.percent(of, most),
            ("cast to number", [_]) if !strict => self.kilometres(of, most),
            _ => None,
        }
    }

    /// How far two values lie apart, what stands in `abs(…)`.
    fn apart(&self, inner: &Term, most: f64, strict: bool) -> Option<Condition> {
        let Term::Call(name, arguments) = inner else {
            return None;
        };
        let below = if strict { most.next_down() } else { most };
        let (left, right) = match (name.as_str(), &arguments[..]) {
            ("datediff" | "date_diff", [left, right]) => (left, right),
            ("datediff" | "date_diff", [Term::Text(unit), left, right]) if unit == "day" => {
                (left, right)
            }
            ("-", [left, right]) => {
                return self.subtracted(left, right, below);
            }
            _ => return None,
        };
        let value = self.same_of_both(left, right)?.into_date()?;
        Some(Condition::Of(value, Test::Days(whole_or_none(below.floor())?)))
    }

    fn subtracted(&self, left: &Term, right: &Term, below: f64) -> Option<Condition> {
        const SECONDS: [&str; 4] = ["epoch", "time_to_unix", "unix_timestamp", "to_unixtime"];
        if let (Term::Call(one, left), Term::Call(other, right)) = (left, right)
            && one == other
            && SECONDS.contains(&one.as_str())
            && let ([left], [right]) = (&left[..], &right[..])
        {
            let value = self.same_of_both(left, right)?;
            if matches!(value.kind, Kind::Time(_)) {
                return Some(Condition::Of(value, Test::Seconds(whole_or_none(below.floor())?)));
            }
            // Of a column whose type isn't stated, a bound below a day can only be meant for moments.
            if !matches!(value.kind, Kind::Date(_)) && below < 86_400.0 {
                let seconds = whole_or_none(below.floor())?;
                return Some(Condition::Of(value.into_moment()?, Test::Seconds(seconds)));
            }
            let days = whole_or_none((below / 86_400.0).floor())?;
            return Some(Condition::Of(value.into_date()?, Test::Days(days)));
        }
        let value = self.same_of_both(left, right)?.into_number()?;
        (below >= 0.0 && below.is_finite()).then_some(Condition::Of(value, Test::Within(below)))
    }

    /// `abs(a - b) / (the larger) < share`.
    fn percent(&mut self, of: &Term, bound: f64) -> Option<Condition> {
        let left = sole_side(of, Side::Source)?;
        let right = sole_side(of, Side::Recipient)?;
        let value = self.same_of_both(&left, &right)?.into_number()?;
        let shape = Term::Call(
            "/".to_owned(),
            vec![
                absolute(&left, &right),
                Term::Call(
                    "case".to_owned(),
                    vec![
                        Term::Compare(
                            Relation::Less,
                            Box::new(left.clone()),
                            Box::new(right.clone()),
                        ),
                        right.clone(),
                        left.clone(),
                    ],
                ),
            ],
        );
        if *of != shape || !(bound > 0.0 && bound.is_finite()) {
            return None;
        }
        self.remarks.push(Remark::Percent);
        Some(Condition::Of(value, Test::Percent(bound * 100.0)))
    }

    /// The great-circle distance as Splink writes it.
    fn kilometres(&mut self, of: &Term, most: f64) -> Option<Condition> {
        let mut found = Vec::new();
        columns_in(of, &mut found);
        let mut names: Vec<&str> = Vec::new();
        for column in &found {
            if !names.contains(&column.name.as_str()) {
                names.push(&column.name);
            }
        }
        let [latitude, longitude] = names[..] else {
            return None;
        };
        let written = kilometres_sql(latitude, longitude);
        let shape = term(&parse(&written, Database::DuckDb).ok()?);
        if *of != shape || !(most >= 0.0 && most.is_finite()) {
            return None;
        }
        self.remarks.push(Remark::Kilometres);
        let place = Value {
            column: vec![latitude.to_owned(), longitude.to_owned()],
            kind: Kind::Place,
            ..Value::plain(latitude)
        };
        Some(Condition::Of(place, Test::Kilometres(most)))
    }

    fn intersected(&self, of: &Term) -> Option<Value> {
        match of {
            Term::Call(name, arguments)
                if ["list_intersect", "array_intersect"].contains(&name.as_str()) =>
            {
                let [left, right] = &arguments[..] else {
                    return None;
                };
                self.same_of_both(left, right)?.into_list()
            }
            _ => None,
        }
    }

    /// The smaller list is in the larger: `size(intersection) = least(sizes)`, with or without `least(sizes) <> 0`.
    fn subset(&mut self, parts: &[Term]) -> Option<Condition> {
        let [first, second] = parts else {
            return None;
        };
        let (
            Term::Compare(Relation::NotEqual, least, zero),
            Term::Compare(Relation::Equal, size, other_least),
        ) = (first, second)
        else {
            return None;
        };
        let Term::Call(_, inner) = &**size else {
            return None;
        };
        let value = self.intersected(inner.first()?)?;
        let shape = least == other_least
            && **zero == Term::Number(0.0)
            && matches!(&**least, Term::Call(name, sizes) if name == "least" && sizes.len() == 2);
        if !shape {
            return None;
        }
        self.remarks.push(Remark::Items);
        Some(Condition::Of(value, Test::Subset))
    }

    /// The most alike of any two items of two lists.
    fn pairwise(&self, of: &Term, test: impl Fn(&str) -> Option<Test>) -> Option<(Value, Test)> {
        let left = sole_side(of, Side::Source)?;
        let right = sole_side(of, Side::Recipient)?;
        let value = self.same_of_both(&left, &right)?.into_list()?;
        let Term::Column(named) = &left else {
            return None;
        };
        let (outer, transform, first) = match self.database {
            Database::Spark => (["array_min", "array_max"], "transform", 0),
            _ => (["list_min", "list_max"], "list_transform", 1),
        };
        for function in SIMILARITIES.iter().chain(DISTANCES) {
            for outer in outer {
                let column = format!("\"{}\"", named.name);
                let written = pairwise_sql(outer, transform, first, function, &column, &column);
                let Ok(parsed) = parse(&written, Database::DuckDb) else {
                    continue;
                };
                if without_sides(of) == term(&parsed) {
                    return Some((value, Test::SomeItem(Box::new(test(function)?))));
                }
            }
        }
        None
    }

    /// The shapes that an export writes and Splink has no level for.
    fn own_shapes(&self, left: &Term, right: &Term) -> Option<Condition> {
        // greatest(a, b) <= least(a, b) + interval n month
        if let (Term::Call(greatest, dates), Term::Call(plus, sum)) = (left, right)
            && greatest == "greatest"
            && plus == "+"
            && let ([one, other], [Term::Call(least, again), Term::Call(unit, count)]) =
                (&dates[..], &sum[..])
            && least == "least"
            && again == dates
            && let [count] = &count[..]
        {
            let count = match count {
                Term::Number(number) => whole_or_none(*number)?,
                Term::Text(digits) => digits.parse().ok()?,
                _ => return None,
            };
            let value = self.same_of_both(one, other)?.into_date()?;
            return match unit.as_str() {
                "interval month" => Some(Condition::Of(value, Test::Months(count))),
                "interval year" => Some(Condition::Of(value, Test::Years(count))),
                _ => None,
            };
        }
        // abs(a - b) <= greatest(abs(a), abs(b)) * (p / 100)
        if let Term::Call(times, factors) = right
            && times == "*"
            && let [larger, Term::Call(over, share)] = &factors[..]
            && over == "/"
            && let [Term::Number(percent), Term::Number(100.0)] = share[..]
        {
            let one = sole_side(left, Side::Source)?;
            let other = sole_side(left, Side::Recipient)?;
            let size = |of: &Term| Term::Call("abs".to_owned(), vec![of.clone()]);
            let shape = Term::Call("greatest".to_owned(), vec![size(&one), size(&other)]);
            let value = self.same_of_both(&one, &other)?.into_number()?;
            return (*left == absolute(&one, &other) && *larger == shape)
                .then_some(Condition::Of(value, Test::Percent(percent)));
        }
        None
    }

    /// `a <> b`, the years equal, day and month of the one month and day of the other.
    fn swapped_date(&self, parts: &[Term]) -> Option<Condition> {
        let Term::Compare(Relation::NotEqual, left, right) = parts.first()? else {
            return None;
        };
        let value = self.same_of_both(left, right)?.into_date()?;
        let equal = |one: &str, other: &str| {
            let of = |name: &str, of: &Term| Term::Call(name.to_owned(), vec![of.clone()]);
            Term::Compare(Relation::Equal, Box::new(of(one, left)), Box::new(of(other, right)))
        };
        (parts[1..] == [equal("year", "year"), equal("month", "day"), equal("day", "month")])
            .then_some(Condition::Of(value, Test::DayMonthSwapped))
    }
}

/// The values that a condition looks at.
pub(super) fn values(condition: &Condition) -> Vec<&Value> {
    match condition {
        Condition::Of(value, _) => vec![value],
        Condition::Reversed(one, other) => vec![one, other],
        Condition::All(parts) | Condition::Any(parts) => parts.iter().flat_map(values).collect(),
        Condition::Not(inner) => values(inner),
        Condition::Expression => Vec::new(),
    }
}

fn combined(
    parts: impl Iterator<Item = Condition>,
    by: fn(Vec<Condition>) -> Condition,
) -> Condition {
    let mut parts: Vec<Condition> = parts.collect();
    if parts.contains(&Condition::Expression) {
        return Condition::Expression;
    }
    match parts.len() {
        0 => Condition::Expression,
        1 => parts.remove(0),
        _ => by(parts),
    }
}

const SIMILARITIES: &[&str] =
    &["jaro_winkler_similarity", "jaro_winkler", "jaro_similarity", "jaro_sim", "jaro", "jaccard"];

fn similarity(name: &str, least: f64) -> Option<Test> {
    match name {
        "jaro_winkler_similarity" | "jaro_winkler" | "jaro_winkler_sim" => {
            Some(Test::JaroWinkler(least))
        }
        "jaro_similarity" | "jaro_sim" | "jaro" => Some(Test::Jaro(least)),
        // Over the sets of characters, which are pieces of one.
        "jaccard" => Some(Test::Jaccard(Grams { q: 1, least })),
        _ => None,
    }
}

const DISTANCES: &[&str] = &["levenshtein", "editdist3", "damerau_levenshtein"];

fn distance(name: &str, most: u32) -> Option<Test> {
    match name {
        "levenshtein" | "editdist3" => Some(Test::Levenshtein(most)),
        "damerau_levenshtein" => Some(Test::Damerau(most)),
        _ => None,
    }
}

/// A number that a term comes to without looking at a record.
fn constant(term: &Term) -> Option<f64> {
    match term {
        Term::Number(number) => Some(*number),
        Term::Call(name, arguments) => match (name.as_str(), &arguments[..]) {
            ("floor", [inner]) => Some(constant(inner)?.floor()),
            ("cast to number", [inner]) => constant(inner),
            ("/", [one, other]) => Some(constant(one)? / constant(other)?),
            ("*", [one, other]) => Some(constant(one)? * constant(other)?),
            _ => None,
        },
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// A constant that a column may be compared with.
enum Stated {
    Text(String),
    Number(String),
    Date(String),
}

fn stated_text(term: &Term) -> Option<Stated> {
    match term {
        Term::Text(text) => Some(Stated::Text(text.clone())),
        Term::Number(number) => Some(Stated::Number(number.to_string())),
        Term::Call(name, arguments) => match (name.as_str(), &arguments[..]) {
            ("cast to number", [Term::Number(number)]) => Some(Stated::Number(number.to_string())),
            ("cast to date" | "date", [Term::Text(text)]) => Some(Stated::Date(text.clone())),
            _ => None,
        },
        _ => None,
    }
}

fn absolute(left: &Term, right: &Term) -> Term {
    let difference = Term::Call("-".to_owned(), vec![left.clone(), right.clone()]);
    Term::Call("abs".to_owned(), vec![difference])
}

/// The first part of a term that is a plain column of this side, with the functions around it that belong to it alone.
fn sole_side(of: &Term, side: Side) -> Option<Term> {
    if let Term::Column(named) = of {
        return (named.side == Some(side)).then(|| of.clone());
    }
    // A cast of a column is what the column is compared as.
    if let Term::Call(name, arguments) = of
        && name.contains("cast to")
        && let [Term::Column(named)] = &arguments[..]
    {
        return (named.side == Some(side)).then(|| of.clone());
    }
    parts_of(of).into_iter().find_map(|part| sole_side(part, side))
}

fn parts_of(of: &Term) -> Vec<&Term> {
    match of {
        Term::Column(_) | Term::Text(_) | Term::Number(_) | Term::Other => Vec::new(),
        Term::Call(_, parts) | Term::All(parts) | Term::Any(parts) => parts.iter().collect(),
        Term::Not(inner) | Term::Absent(inner) => vec![inner],
        Term::Compare(_, left, right) => vec![left, right],
    }
}

fn columns_in<'t>(of: &'t Term, found: &mut Vec<&'t Named>) {
    if let Term::Column(named) = of {
        found.push(named);
    }
    for part in parts_of(of) {
        columns_in(part, found);
    }
}

/// The same term with the columns' sides left out.
fn without_sides(of: &Term) -> Term {
    let all = |parts: &[Term]| parts.iter().map(without_sides).collect();
    let boxed = |inner: &Term| Box::new(without_sides(inner));
    match of {
        Term::Column(named) => Term::Column(Named { name: named.name.clone(), side: None }),
        Term::Text(_) | Term::Number(_) | Term::Other => of.clone(),
        Term::Call(name, parts) => Term::Call(name.clone(), all(parts)),
        Term::All(parts) => Term::All(all(parts)),
        Term::Any(parts) => Term::Any(all(parts)),
        Term::Not(inner) => Term::Not(boxed(inner)),
        Term::Absent(inner) => Term::Absent(boxed(inner)),
        Term::Compare(relation, left, right) => Term::Compare(*relation, boxed(left), boxed(right)),
    }
}

#[cfg(test)]
mod tests;
