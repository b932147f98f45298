//! What SQL does to a column before it is compared, as the preparation of a column, and back.
//!
//! Between the terms of a condition and the columns of a model. Splink writes `lower(trim("name_l"))` into each condition;
//! Comity prepares a column once. Each function known here is one step of preparation, and the same table is read the
//! other way for an export. What is not known here stays an expression: nothing is taken for something similar.

use std::fmt::Write;

use crate::Side;
use crate::model::{Kind, Step};
use crate::splink::sql::{Database, Named, Term};

/// A column and what is done to it, the same for both records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// The column of the input.
    pub(super) column: Vec<String>,
    /// What the result is.
    pub(super) kind: Kind,
    /// What is done to the text, in order.
    pub(super) steps: Vec<Step>,
    /// Texts that stand for no value.
    pub(super) placeholders: Vec<String>,
    /// Whether SQL says what kind it is, or it was taken to be of that kind because of what is asked of it.
    pub(super) stated: bool,
}

impl Value {
    pub(super) fn plain(column: &str) -> Self {
        Self {
            column: vec![column.to_owned()],
            kind: Kind::Text,
            steps: Vec::new(),
            placeholders: Vec::new(),
            stated: true,
        }
    }

    /// Whether nothing is done to it.
    pub(super) fn is_plain(&self) -> bool {
        self.kind == Kind::Text && self.steps.is_empty() && self.placeholders.is_empty()
    }

    /// The same value as a date; none where it is something else already.
    pub(super) fn into_date(self) -> Option<Self> {
        match &self.kind {
            Kind::Date(_) => Some(self),
            Kind::Text => Some(Self { kind: Kind::Date(ISO.to_owned()), stated: false, ..self }),
            _ => None,
        }
    }

    /// The same value as a number; none where it is something else already.
    pub(super) fn into_number(self) -> Option<Self> {
        match &self.kind {
            Kind::Number => Some(self),
            Kind::Text => Some(Self { kind: Kind::Number, stated: false, ..self }),
            _ => None,
        }
    }

    /// The same value as a moment; none where it is something else already.
    pub(super) fn into_moment(self) -> Option<Self> {
        (self.kind == Kind::Text).then(|| Self {
            kind: Kind::Time(ISO_MOMENT.to_owned()),
            stated: false,
            ..self
        })
    }

    /// The same value as a list; none where it is something else already.
    pub(super) fn into_list(self) -> Option<Self> {
        (self.kind == Kind::Text).then(|| Self {
            kind: Kind::List(ITEMS_APART.to_owned()),
            stated: false,
            ..self
        })
    }
}

/// How a date is read where SQL doesn't say.
pub(super) const ISO: &str = "%Y-%m-%d";

/// How a moment is read where SQL doesn't say.
const ISO_MOMENT: &str = "%Y-%m-%d %H:%M:%S";

/// What the items of a list in a text are taken to be apart by, where the column isn't one of lists.
pub(super) const ITEMS_APART: &str = ",";

/// Reads a term as the value of one record's column.
pub(super) fn value(term: &Term, database: Database) -> Option<(Side, Value)> {
    match term {
        Term::Column(Named { name, side: Some(side) }) if !name.is_empty() => {
            Some((*side, Value::plain(name)))
        }
        Term::Call(name, arguments) => {
            let (first, rest) = arguments.split_first()?;
            if name == "concat_ws" {
                return if *first == Term::Text(" ".to_owned()) {
                    joined(rest, database)
                } else {
                    None
                };
            }
            let (side, inner) = value(first, database)?;
            Some((side, applied(inner, name, rest, database)?))
        }
        _ => None,
    }
}

/// Several columns of one record, prepared alike and joined by a blank.
fn joined(parts: &[Term], database: Database) -> Option<(Side, Value)> {
    let mut whole: Option<(Side, Value)> = None;
    for part in parts {
        let (side, next) = value(part, database)?;
        match &mut whole {
            None => whole = Some((side, next)),
            Some((known, sofar)) => {
                let alike = *known == side
                    && sofar.kind == next.kind
                    && sofar.steps == next.steps
                    && sofar.placeholders.is_empty()
                    && next.placeholders.is_empty();
                if !alike {
                    return None;
                }
                sofar.column.extend(next.column);
            }
        }
    }
    whole.filter(|(_, value)| value.kind == Kind::Text)
}

/// Applies one function to a value.
fn applied(inner: Value, name: &str, rest: &[Term], database: Database) -> Option<Value> {
    // Once it is a date or a number, a function would be applied to that and not to the text.
    if inner.kind != Kind::Text {
        return (name == "date" && rest.is_empty() && matches!(inner.kind, Kind::Date(_)))
            .then_some(inner);
    }
    let with = |step: Step| {
        // A function after a NULLIF would see the value that the NULLIF took away.
        let mut value = inner.clone();
        if !value.placeholders.is_empty() {
            return None;
        }
        value.steps.push(step);
        Some(value)
    };
    let as_kind = |kind: Kind| Some(Value { kind, ..inner.clone() });
    match (name, rest) {
        ("cast to text" | "try cast to text", []) => Some(inner),
        ("cast to number" | "try cast to number", []) => as_kind(Kind::Number),
        ("cast to date" | "try cast to date" | "to_date" | "date", []) => {
            as_kind(Kind::Date(ISO.to_owned()))
        }
        ("try_strptime" | "strptime", [Term::Text(format)]) => timed(&inner, format.clone()),
        ("to_date" | "try_to_timestamp" | "to_timestamp", [Term::Text(pattern)])
            if database == Database::Spark =>
        {
            timed(&inner, java_format(pattern)?)
        }
        ("try_cast_date" | "to_date" | "try_cast_timestamp", [Term::Text(pattern)])
            if database == Database::Postgres =>
        {
            timed(&inner, postgres_format(pattern)?)
        }
        ("lower" | "lcase", []) => with(Step::FoldCase),
        ("trim", []) => with(Step::Trim),
        ("nfc_normalize", []) => with(Step::Compose),
        ("strip_accents", []) => with(Step::FoldDiacritics),
        ("ltrim", [Term::Text(letters)]) if letters == "0" => with(Step::StripLeadingZeros),
        ("split_part", [Term::Text(mark), Term::Number(1.0)]) if !mark.is_empty() => {
            with(Step::Before(mark.clone()))
        }
        ("substr" | "substring", [Term::Number(start), Term::Number(length)]) => {
            with(Step::Part { start: whole(*start)?, length: whole(*length)? })
        }
        ("substr" | "substring", [Term::Text(pattern)]) if database == Database::Postgres => {
            // Where the pattern has a group, Postgres gives the first.
            let group = u32::from(pattern.contains('('));
            with(Step::Extract { pattern: pattern.clone(), group })
        }
        ("regexp_extract", [Term::Text(pattern)]) => {
            let group = u32::from(database == Database::Spark);
            with(extract(pattern, group))
        }
        ("regexp_extract", [Term::Text(pattern), Term::Number(group)]) => {
            with(extract(pattern, whole_or_none(*group)?))
        }
        ("regexp_replace", [Term::Text(pattern), Term::Text(with_text), Term::Text(flags)])
            if flags == "g" =>
        {
            REPLACEMENTS
                .iter()
                .find(|(_, known, replaced)| known == pattern && replaced == with_text)
                .and_then(|(step, _, _)| with(step.clone()))
        }
        ("nullif", [Term::Text(text)]) => {
            // An empty text is no value in Comity anyway.
            let mut value = inner;
            if !text.is_empty() {
                // The list of a column is put through the column's own steps, so it must come out as it is.
                if crate::prepare::apply(&value.steps, text) != *text {
                    return None;
                }
                value.placeholders.push(text.clone());
            }
            Some(value)
        }
        _ => None,
    }
}

/// The regular expressions by which a step can be written as a replacement.
const REPLACEMENTS: &[(Step, &str, &str)] = &[
    (Step::CollapseSpaces, r"\s+", " "),
    (Step::RemoveSpaces, r"\s+", ""),
    (Step::StripPunctuation, r"[^\p{L}\p{M}\p{N}\s]+", ""),
    (Step::DigitsOnly, "[^0-9]+", ""),
];

/// Everything before the first @, which has a step of its own.
const BEFORE_AT: &str = "^[^@]+";

fn extract(pattern: &str, group: u32) -> Step {
    if pattern == BEFORE_AT && group == 0 {
        return Step::Before("@".to_owned());
    }
    Step::Extract { pattern: pattern.to_owned(), group }
}

/// Reads it as a date or, where the format has a time of day, as a moment.
fn timed(inner: &Value, format: String) -> Option<Value> {
    let mut after_percent = false;
    let (mut has_date, mut has_time) = (false, false);
    for sign in format.chars() {
        if after_percent {
            match sign {
                'Y' | 'm' | 'd' | 'y' | 'b' | 'B' | 'j' | '-' => has_date = true,
                'H' | 'M' | 'S' | 'I' | 'p' | 'f' | 'z' => has_time = true,
                '%' => {}
                _ => return None,
            }
        }
        after_percent = !after_percent && sign == '%';
    }
    let kind = match (has_date, has_time) {
        (true, false) => Kind::Date(format),
        (true, true) => Kind::Time(format),
        (false, _) => return None,
    };
    Some(Value { kind, ..inner.clone() })
}

/// Spells a pattern of Java's with percent signs.
fn java_format(pattern: &str) -> Option<String> {
    spelled(
        pattern,
        &[
            ("yyyy", "%Y"),
            ("MM", "%m"),
            ("dd", "%d"),
            ("HH", "%H"),
            ("mm", "%M"),
            ("ss", "%S"),
            ("'T'", "T"),
        ],
    )
}

/// Spells a pattern of Postgres's with percent signs.
fn postgres_format(pattern: &str) -> Option<String> {
    spelled(
        pattern,
        &[
            ("YYYY", "%Y"),
            ("MM", "%m"),
            ("DD", "%d"),
            ("T", "T"),
            ("HH24", "%H"),
            ("MI", "%M"),
            ("SS", "%S"),
        ],
    )
}

fn spelled(pattern: &str, words: &[(&str, &str)]) -> Option<String> {
    let (mut rest, mut format) = (pattern, String::new());
    while let Some(sign) = rest.chars().next() {
        if let Some((word, spelled)) = words.iter().find(|(word, _)| rest.starts_with(word)) {
            format.push_str(spelled);
            rest = &rest[word.len()..];
        } else if !sign.is_alphanumeric() && sign != '\'' && sign != '%' {
            format.push(sign);
            rest = &rest[sign.len_utf8()..];
        } else {
            return None;
        }
    }
    Some(format)
}

/// A count of at least one.
pub(super) fn whole(number: f64) -> Option<u32> {
    whole_or_none(number).filter(|number| *number > 0)
}

/// A count.
pub(super) fn whole_or_none(number: f64) -> Option<u32> {
    if !(number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is a whole number of 32 bits, as was just seen"
    )]
    let count = number as u32;
    Some(count)
}

/// Writes a step as DuckDB's SQL around what it is applied to. Says, where it is not quite the same, how it differs.
pub(super) fn written(step: &Step, inner: &str) -> (String, Option<&'static str>) {
    let pattern = |wanted: &Step| {
        REPLACEMENTS.iter().find(|(step, _, _)| step == wanted).map(|(_, pattern, with)| {
            format!("regexp_replace({inner}, {}, {}, 'g')", quoted(pattern), quoted(with))
        })
    };
    match step {
        Step::Compose => (format!("nfc_normalize({inner})"), None),
        Step::Trim => {
            (format!("trim({inner})"), Some("takes off blanks only, not every white space"))
        }
        Step::FoldCase => {
            (format!("lower({inner})"), Some("keeps sharp s and the sigma at a word's end"))
        }
        Step::FoldDiacritics => (
            format!("strip_accents({inner})"),
            Some("keeps letters with a stroke, such as ø and ł"),
        ),
        Step::StripLeadingZeros => (format!("ltrim({inner}, '0')"), None),
        Step::Before(mark) if mark == "@" => {
            (format!("NULLIF(regexp_extract({inner}, {}, 0), '')", quoted(BEFORE_AT)), None)
        }
        Step::Before(mark) => (format!("split_part({inner}, {}, 1)", quoted(mark)), None),
        Step::Part { start, length } => (format!("substr({inner}, {start}, {length})"), None),
        Step::Extract { pattern, group } => {
            (format!("NULLIF(regexp_extract({inner}, {}, {group}), '')", quoted(pattern)), None)
        }
        // DuckDB's comparators go by bytes as it is.
        Step::AsBytes => (inner.to_owned(), None),
        Step::CollapseSpaces | Step::RemoveSpaces | Step::StripPunctuation | Step::DigitsOnly => {
            let differs = Some("knows white space and letters by RE2's classes");
            (pattern(step).unwrap_or_else(|| inner.to_owned()), differs)
        }
    }
}

/// Writes a text as SQL does.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Writes the name of a column as SQL does.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name for the prepared column, from what is done to it.
pub(super) fn name_of(value: &Value) -> String {
    let mut name = value.column.join("_");
    for step in &value.steps {
        name.push('_');
        // Writing to a text cannot fail.
        let _ = match step {
            Step::Compose => write!(name, "composed"),
            Step::Trim => write!(name, "trimmed"),
            Step::FoldCase => write!(name, "lower"),
            Step::CollapseSpaces => write!(name, "spaced"),
            Step::RemoveSpaces => write!(name, "unspaced"),
            Step::StripPunctuation => write!(name, "unpunctuated"),
            Step::DigitsOnly => write!(name, "digits"),
            Step::FoldDiacritics => write!(name, "folded"),
            Step::StripLeadingZeros => write!(name, "unpadded"),
            Step::Before(_) => write!(name, "before"),
            Step::Part { start, length } => write!(name, "from_{start}_for_{length}"),
            Step::Extract { .. } => write!(name, "extract"),
            Step::AsBytes => write!(name, "bytes"),
        };
    }
    if !value.placeholders.is_empty() {
        name.push_str("_cleaned");
    }
    name.push_str(match value.kind {
        Kind::Text => "",
        Kind::Date(_) => "_date",
        Kind::Time(_) => "_time",
        Kind::Number => "_number",
        Kind::Place => "_place",
        Kind::List(_) => "_items",
    });
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splink::sql::{parse, term};

    fn read(text: &str, database: Database) -> Option<Value> {
        value(&term(&parse(text, database).unwrap()), database).map(|(_, value)| value)
    }

    #[test]
    fn each_database_reads_a_date_in_its_own_words() {
        for (text, database) in [
            ("try_strptime(dob_l, '%d/%m/%Y')", Database::DuckDb),
            ("date(try_to_timestamp(dob_l, 'dd/MM/yyyy'))", Database::Spark),
            ("try_cast_date(dob_l, 'DD/MM/YYYY')", Database::Postgres),
        ] {
            let read = read(text, database).unwrap();
            assert_eq!(read.kind, Kind::Date("%d/%m/%Y".to_owned()), "{text}");
        }
        let moment = r"try_to_timestamp(at_l, 'yyyy-MM-dd\'T\'HH:mm:ss')";
        let time = Kind::Time("%Y-%m-%dT%H:%M:%S".to_owned());
        assert_eq!(read(moment, Database::Spark).unwrap().kind, time);
        let elsewhere = "try_to_timestamp(at_l, 'yyyy-MM-dd HH:mm:ss')";
        assert_eq!(read(elsewhere, Database::DuckDb), None, "the function is Spark's");
        assert_eq!(
            read("try_strptime(at_l, '%Y-%m-%dT%H:%M:%SZ')", Database::DuckDb).unwrap().kind,
            Kind::Time("%Y-%m-%dT%H:%M:%SZ".to_owned())
        );
        for unknown in ["try_strptime(dob_l, '%G week %V')", "try_strptime(dob_l, '%H')"] {
            assert_eq!(read(unknown, Database::DuckDb), None, "{unknown}");
        }
    }

    #[test]
    fn functions_become_steps_from_the_inside_out() {
        let value = read("lower(substr(trim(x_l), 2, 3))", Database::DuckDb).unwrap();
        let part = Step::Part { start: 2, length: 3 };
        assert_eq!(value.steps, [Step::Trim, part, Step::FoldCase]);
        let value = read("NULLIF(lower(x_r), 'none')", Database::DuckDb).unwrap();
        assert_eq!(value.placeholders, ["none"]);
        for refused in [
            "lower(NULLIF(x_r, 'none'))",
            "NULLIF(lower(x_r), 'NONE')",
            "soundex(x_l)",
            "substr(x_l, 0, 3)",
            "substr(x_l, 1)",
            "lower(x)",
        ] {
            assert_eq!(read(refused, Database::DuckDb), None, "{refused}");
        }
    }

    #[test]
    fn what_is_written_for_a_step_reads_as_that_step() {
        for step in [
            Step::Compose,
            Step::Trim,
            Step::FoldCase,
            Step::CollapseSpaces,
            Step::RemoveSpaces,
            Step::StripPunctuation,
            Step::DigitsOnly,
            Step::FoldDiacritics,
            Step::StripLeadingZeros,
            Step::Before("@".to_owned()),
            Step::Before("'".to_owned()),
            Step::Part { start: 1, length: 4 },
            Step::Extract { pattern: "^'[a-z]+".to_owned(), group: 0 },
        ] {
            let (sql, _) = written(&step, "\"x_l\"");
            assert_eq!(read(&sql, Database::DuckDb).unwrap().steps, [step], "{sql}");
        }
    }
}
