//! Reads TOML against the JSON Schema of a type and collects every problem on the way.
//!
//! The schema is generated from the Rust types, so that reader, schema and types cannot differ. Where a value is
//! wrong, a neutral one is put in its place, so that checks across values still run on the rest; checks that would
//! look at a replaced value are left out ([`Reader::is_sound`]). No law here.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Problem;
use crate::problem::place;

/// The greatest whole number that RFC 8785 writes exactly.
const GREATEST_EXACT: i64 = 9_007_199_254_740_991;

/// Words that stand where a value is still to come. A value of nothing but these is missing.
const PLACEHOLDERS: [&str; 19] = [
    "todo",
    "tbd",
    "tba",
    "tbc",
    "fixme",
    "xxx",
    "unknown",
    "na",
    "n/a",
    "none",
    "nil",
    "null",
    "placeholder",
    "pending",
    "...",
    "…",
    "-",
    "--",
    "?",
];

/// Tells whether a text stands for a value that is missing or still to come, as "unknown" and "NA" do (floor F4).
pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let begins_as_one = ["todo", "tbd", "fixme"].iter().any(|word| {
        text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    });
    let sentences = ["to be determined", "to be decided", "failed to provide", "not applicable"];
    begins_as_one
        || sentences.contains(&text.trim_end_matches('.'))
        || text.split_whitespace().all(|word| {
            let bare = word.trim_matches(|c| matches!(c, '<' | '>' | '[' | ']' | '(' | ')'));
            PLACEHOLDERS.contains(&bare) || bare.trim_matches('.').is_empty()
        })
}

/// Reads a small TOML file whose first mistake is enough. Dates may be TOML dates or text.
pub(crate) fn read_small<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let one_line = |error: String| error.trim_end().replace('\n', " ");
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let line = place(text, e.span().map_or(0, |span| span.start)).0;
        format!("line {line}: {}", one_line(e.message().to_owned()))
    })?;
    serde_json::from_value(json(toml::Value::Table(table))).map_err(|e| one_line(e.to_string()))
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(flag) => Value::from(flag),
        toml::Value::Datetime(date) => Value::from(date.to_string()),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(name, value)| (name, json(value))).collect())
        }
    }
}

/// A reader of one file.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    text: &'t str,
    file: &'t str,
    schema: Value,
    table: Spanned<DeTable<'t>>,
    problems: Vec<Problem>,
    replaced: Vec<String>,
}

impl<'t> Reader<'t> {
    /// Parses the text; every mistake of TOML is a problem already.
    pub(crate) fn new(text: &'t str, file: &'t str, schema: Value) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reader =
            Self { text, file, schema, table, problems: Vec::new(), replaced: Vec::new() };
        for error in errors {
            let what = format!("not TOML: {}", error.message().replace('\n', ", "));
            reader.add(error.span().unwrap_or(0..0), what, None, "mend the line".to_owned());
        }
        reader
    }

    /// Returns the value, with neutral values in place of wrong ones.
    pub(crate) fn value(&mut self) -> Value {
        let table = self.table.clone();
        let schema = self.schema.clone();
        self.table_value(&schema, table.get_ref(), &table.span(), "", None)
    }

    /// Returns the value if there was no problem, and every problem otherwise, in the order of the file.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Vec<Problem>> {
        self.problems.sort_by(|a, b| (a.line, a.column, &a.what).cmp(&(b.line, b.column, &b.what)));
        self.problems.dedup();
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(self.problems),
        }
    }

    /// Tells whether nothing at, under or above these paths was replaced.
    pub(crate) fn is_sound(&self, paths: &[&str]) -> bool {
        let touches =
            |replaced: &str, path: &str| is_under(replaced, path) || is_under(path, replaced);
        !self.replaced.iter().any(|replaced| paths.iter().any(|path| touches(replaced, path)))
    }

    /// Tells whether the value at a path, or one it is part of, was replaced; what is inside it may have been.
    pub(crate) fn is_replaced(&self, path: &str) -> bool {
        self.replaced.iter().any(|replaced| is_under(path, replaced))
    }

    /// Tells whether the name of something under a path, or a whole list there, was replaced.
    pub(crate) fn lost_a_name(&self, path: &str) -> bool {
        self.replaced.iter().any(|replaced| {
            is_under(path, replaced)
                || (is_under(replaced, path)
                    && (replaced.rsplit('.').next() == Some("name") || replaced.ends_with(']')))
                || ["matched_on", "returned", "compared"]
                    .iter()
                    .any(|list| *replaced == join(path, list))
        })
    }

    /// Adds a problem at a path, if the file has a value there, else at the nearest value around it.
    pub(crate) fn problem(
        &mut self,
        path: &str,
        what: impl Into<String>,
        cite: Option<&str>,
        remedy: impl Into<String>,
    ) {
        let span = self.span(path);
        self.add(span, what.into(), cite, remedy.into());
    }

    /// Tells whether the file has a value at a path that ends without an index.
    pub(crate) fn has(&self, path: &str) -> bool {
        let mut value = None;
        let mut table = Some(self.table.get_ref());
        for name in path.split('.') {
            let Some(found) = table.and_then(|table| table.get(name)) else {
                return false;
            };
            table = found.get_ref().as_table();
            value = Some(found);
        }
        value.is_some()
    }

    fn span(&self, path: &str) -> Range<usize> {
        let mut span = 0..0;
        let mut table = Some(self.table.get_ref());
        let mut array = None;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let found: Option<&Spanned<DeValue<'_>>> = match step.strip_suffix(']') {
                Some(index) => {
                    let index: Option<usize> = index.parse().ok();
                    array.and_then(|array: &toml::de::DeArray<'_>| array.get(index?))
                }
                None => table.and_then(|table| table.get(step)),
            };
            let Some(found) = found else { break };
            span = found.span();
            table = found.get_ref().as_table();
            array = found.get_ref().as_array();
        }
        span
    }

    fn add(&mut self, span: Range<usize>, what: String, cite: Option<&str>, remedy: String) {
        let (line, column) = place(self.text, span.start);
        let (file, cite) = (self.file.to_owned(), cite.map(str::to_owned));
        self.problems.push(Problem { file, line, column, what, cite, remedy });
    }

    /// Follows references and leaves `null` out; descriptions and citations beside a reference stay in force.
    fn resolve(&self, schema: &Value) -> Value {
        let mut fields = schema.as_object().cloned().unwrap_or_default();
        if let Some(choices) = fields.get("anyOf").and_then(Value::as_array) {
            let null = Value::from("null");
            let choice = choices.iter().find(|choice| choice.get("type") != Some(&null)).cloned();
            fields.remove("anyOf");
            merge(&mut fields, choice);
        }
        if let Some(reference) = fields.remove("$ref") {
            let name = reference.as_str().and_then(|text| text.strip_prefix("#/$defs/"));
            let target = name.and_then(|name| self.schema.get("$defs")?.get(name));
            let target = target.map(|target| self.resolve(target));
            merge(&mut fields, target);
        }
        Value::Object(fields)
    }

    fn value_at(
        &mut self,
        schema: &Value,
        node: &Spanned<DeValue<'_>>,
        path: &str,
        cite: Option<&str>,
    ) -> Value {
        let span = node.span();
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let words: Vec<_> = choices.iter().filter_map(|choice| choice.get("const")).collect();
            if words.is_empty() {
                return self.tagged(choices, node, path, cite);
            }
            return self.word(schema, &words, node, path, cite);
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return self.word(schema, &words.iter().collect::<Vec<_>>(), node, path, cite);
        }
        match (kind(schema), node.get_ref()) {
            ("object", DeValue::Table(table)) => self.table_value(schema, table, &span, path, cite),
            ("array", DeValue::Array(array)) => {
                let items = self.resolve(schema.get("items").unwrap_or(&Value::Null));
                let values = array.iter().enumerate();
                let values = values.map(|(index, item)| {
                    self.value_at(&items, item, &format!("{path}[{index}]"), cite)
                });
                Value::Array(values.collect())
            }
            ("string", DeValue::String(text)) => self.text(schema, text, &span, path, cite),
            ("string", DeValue::Datetime(date)) if schema.get("format") == Some(&"date".into()) => {
                self.text(schema, &date.to_string(), &span, path, cite)
            }
            ("boolean", DeValue::Boolean(flag)) => Value::from(*flag),
            ("integer" | "number", DeValue::Integer(number)) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
                self.integer(schema, number, &span, path, cite)
            }
            ("number", DeValue::Float(number)) => {
                match number.as_str().parse::<f64>().ok().filter(|number| number.is_finite()) {
                    Some(number) => Value::from(number),
                    None => self.wrong(schema, span, path, cite, "is not finite", "a number"),
                }
            }
            (wanted, _) => {
                let what = format!("is {}, not {}", found(node.get_ref()), article(wanted, schema));
                self.wrong(schema, span, path, cite, &what, article(wanted, schema))
            }
        }
    }

    fn table_value(
        &mut self,
        schema: &Value,
        table: &DeTable<'_>,
        span: &Range<usize>,
        path: &str,
        cite: Option<&str>,
    ) -> Value {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let patterned = schema.get("patternProperties").and_then(Value::as_object);
        let rest = (schema.get("additionalProperties").filter(|rest| rest.is_object()))
            .or_else(|| patterned.and_then(|patterns| patterns.values().next()))
            .cloned();
        let mut values = Map::new();
        for (key, node) in table {
            let name = key.get_ref();
            let inner = join(path, name);
            if let Some(property) = properties.get(name.as_ref()) {
                let property = self.resolve(property);
                let cite = own_cite(&property).or(cite);
                values.insert(name.to_string(), self.value_at(&property, node, &inner, cite));
            } else if patterned.is_some() && !crate::id::is_id(name) {
                let what = format!("`{inner}` does not end in an identifier");
                self.add(key.span(), what, None, "write it as the agreement does".to_owned());
            } else if let Some(rest) = &rest {
                let rest = self.resolve(rest);
                values.insert(name.to_string(), self.value_at(&rest, node, &inner, cite));
            } else {
                let remedy = nearest(name, properties.keys());
                self.add(key.span(), format!("`{inner}` is unknown"), None, remedy);
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str).filter(|name| !table.contains_key(*name)) {
            let property = self.resolve(properties.get(name).unwrap_or(&Value::Null));
            let inner = join(path, name);
            let cite = own_cite(&property).or(cite);
            let remedy = format!("add {}", describe(&property));
            self.add(span.clone(), format!("`{inner}` is missing"), cite, remedy);
            values.insert(name.to_owned(), self.neutral(&property));
            self.replaced.push(inner);
        }
        Value::Object(values)
    }

    /// Reads a table whose kind one of its keys tells.
    fn tagged(
        &mut self,
        choices: &[Value],
        node: &Spanned<DeValue<'_>>,
        path: &str,
        cite: Option<&str>,
    ) -> Value {
        let choices: Vec<_> = choices.iter().map(|choice| self.resolve(choice)).collect();
        let tags: Vec<_> = choices.iter().filter_map(tag_of).collect();
        let tag = tags.first().map_or("kind", |(tag, _)| tag.as_str());
        let words: Vec<_> = tags.iter().map(|(_, word)| format!("`{word}`")).collect();
        let replace = |reader: &mut Self, span, what, remedy| {
            reader.add(span, what, cite, remedy);
            reader.replaced.push(path.to_owned());
            choices.first().map_or(Value::Null, |choice| reader.neutral(choice))
        };
        let DeValue::Table(table) = node.get_ref() else {
            let what = format!("`{path}` is {}, not a table", found(node.get_ref()));
            return replace(self, node.span(), what, format!("write a table with `{tag}`"));
        };
        let Some(value) = table.get(tag) else {
            let what = format!("`{}` is missing", join(path, tag));
            return replace(self, node.span(), what, format!("add one of {}", words.join(", ")));
        };
        let given = value.get_ref().as_str();
        let choice = tags.iter().position(|(_, word)| Some(word.as_str()) == given);
        if let Some(choice) = choice.and_then(|index| choices.get(index)) {
            return self.table_value(choice, table, &node.span(), path, cite);
        }
        let what = format!("`{}` is none of {}", join(path, tag), words.join(", "));
        replace(self, value.span(), what, format!("write one of {}", words.join(", ")))
    }

    fn word(
        &mut self,
        schema: &Value,
        words: &[&Value],
        node: &Spanned<DeValue<'_>>,
        path: &str,
        cite: Option<&str>,
    ) -> Value {
        let given = node.get_ref().as_str();
        let known = words.iter().find(|word| word.as_str().is_some() && word.as_str() == given);
        if let Some(word) = known {
            return (*word).clone();
        }
        let list: Vec<_> = words.iter().filter_map(|word| word.as_str()).collect();
        let list = format!("`{}`", list.join("`, `"));
        if given.is_some_and(is_placeholder) {
            return self.wrong(schema, node.span(), path, cite, STILL, &list);
        }
        let what = format!("is none of {list}");
        self.wrong(schema, node.span(), path, cite, &what, "one of these")
    }

    fn text(
        &mut self,
        schema: &Value,
        text: &str,
        span: &Range<usize>,
        path: &str,
        cite: Option<&str>,
    ) -> Value {
        let span = span.clone();
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        if format != "comity-free" && is_placeholder(text) {
            return self.wrong(schema, span, path, cite, STILL, &describe(schema));
        }
        let fault = match format {
            "comity-id" => crate::ProgramId::new(text).err().map(|e| e.to_string()),
            "comity-cycle" => crate::CycleId::new(text).err().map(|e| e.to_string()),
            "comity-element" => text.parse::<crate::ElementRef>().err().map(|e| e.to_string()),
            "comity-digest" => text.parse::<crate::Digest>().err().map(|e| e.to_string()),
            "comity-key" => text.parse::<crate::PublicKey>().err().map(|e| e.to_string()),
            "comity-register-key" => {
                text.parse::<crate::RegisterKey>().err().map(|e| e.to_string())
            }
            "comity-witness-key" => text.parse::<crate::WitnessKey>().err().map(|e| e.to_string()),
            "date" => text
                .parse::<jiff::civil::Date>()
                .err()
                .map(|_| {
                    format!("`{text}` is not a date: write year, month, day, as in 2027-01-31")
                })
                .or_else(|| {
                    (text.len() != 10)
                        .then(|| format!("`{text}` is not a date alone: leave the time out"))
                }),
            _ => None,
        };
        match fault {
            Some(fault) => {
                self.add(
                    span,
                    format!("`{path}`: {fault}"),
                    cite,
                    format!("write {}", describe(schema)),
                );
                self.replaced.push(path.to_owned());
                self.neutral(schema)
            }
            None => Value::from(text),
        }
    }

    fn integer(
        &mut self,
        schema: &Value,
        number: Option<i64>,
        span: &Range<usize>,
        path: &str,
        cite: Option<&str>,
    ) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
        let least = bound("x-least").or_else(|| bound("minimum")).unwrap_or(-GREATEST_EXACT);
        let greatest = bound("x-greatest")
            .or_else(|| bound("maximum"))
            .or((schema.get("format") == Some(&"uint32".into())).then_some(i64::from(u32::MAX)))
            .unwrap_or(GREATEST_EXACT);
        let what = match number {
            Some(number) if (least..=greatest).contains(&number) => return Value::from(number),
            Some(0) if least > 0 => "is still `0`".to_owned(),
            Some(number) if number < least => format!("is {number}, below {least}"),
            Some(number) => format!("is {number}, above {greatest}"),
            None => format!("is above {greatest}"),
        };
        self.wrong(schema, span.clone(), path, cite, &what, &describe(schema))
    }

    /// Adds a problem with a value and returns a neutral one in its place.
    fn wrong(
        &mut self,
        schema: &Value,
        span: Range<usize>,
        path: &str,
        cite: Option<&str>,
        what: &str,
        wanted: &str,
    ) -> Value {
        self.add(span, format!("`{path}` {what}"), cite, format!("write {wanted}"));
        self.replaced.push(path.to_owned());
        self.neutral(schema)
    }

    /// Returns a value that fits a schema and means nothing.
    fn neutral(&self, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        if let Some(word) = schema.get("const") {
            return word.clone();
        }
        if let Some(choice) = schema.get("oneOf").and_then(|choices| choices.get(0)) {
            return self.neutral(choice);
        }
        if let Some(word) = schema.get("enum").and_then(|words| words.get(0)) {
            return word.clone();
        }
        match kind(&schema) {
            "object" => {
                let required = schema.get("required").and_then(Value::as_array).into_iter();
                let names = required.flatten().filter_map(Value::as_str);
                let fields = names.filter_map(|name| {
                    let property = schema.get("properties")?.get(name)?;
                    Some((name.to_owned(), self.neutral(property)))
                });
                Value::Object(fields.collect())
            }
            "array" => Value::Array(Vec::new()),
            "integer" | "number" => Value::from(1),
            "boolean" => Value::from(false),
            _ => Value::from(match schema.get("format").and_then(Value::as_str) {
                Some("comity-element") => "x.x",
                Some("comity-digest") => {
                    "sha256:0000000000000000000000000000000000000000000000000000000000000000"
                }
                // The public key of RFC 8032, 7.1, test 1.
                Some("comity-key") => {
                    "test-ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
                }
                Some("comity-register-key") => crate::register::NEUTRAL_KEY,
                Some("comity-witness-key") => crate::witnesses::NEUTRAL_KEY,
                Some("date") => "2000-01-01",
                _ => "x",
            }),
        }
    }
}

/// Tells whether a path is another or a part of it.
fn is_under(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| {
        whole.is_empty() || rest.is_empty() || rest.starts_with('.') || rest.starts_with('[')
    })
}

const STILL: &str = "is still a placeholder";

fn merge(fields: &mut Map<String, Value>, other: Option<Value>) {
    for (name, value) in other.and_then(|other| other.as_object().cloned()).unwrap_or_default() {
        fields.entry(name).or_insert(value);
    }
}

/// Returns the type a schema asks for, `null` left out.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

/// Returns the key that tells the kind of a table, and the word this choice wants there.
fn tag_of(choice: &Value) -> Option<(String, String)> {
    let properties = choice.get("properties")?.as_object()?;
    properties.iter().find_map(|(name, property)| {
        Some((name.clone(), property.get("const")?.as_str()?.to_owned()))
    })
}

fn own_cite(schema: &Value) -> Option<&str> {
    schema.get("x-cite").and_then(Value::as_str)
}

/// Returns what a value is, in the words of its type, to follow "write" or "add".
fn describe(schema: &Value) -> String {
    let text =
        schema.get("description").and_then(Value::as_str).map(|text| text.replace('\n', " "));
    text.map_or_else(
        || "a value".to_owned(),
        |text| format!("this: {}", text.trim_end_matches('.')),
    )
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn article(kind: &str, schema: &Value) -> &'static str {
    match kind {
        "string" if schema.get("format") == Some(&"date".into()) => "a date",
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        _ => "a table",
    }
}

/// Says which known key an unknown one may have been meant to be.
fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k String>) -> String {
    let known: Vec<_> = known.collect();
    let closest = known.iter().map(|key| (distance(name, key), key)).min();
    match closest {
        Some((distance, key)) if distance <= 2 => format!("did you mean `{key}`?"),
        _ => {
            let list: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
            format!("remove it; known here: {}", list.join(", "))
        }
    }
}

/// Counts the letters to insert, drop or replace to get from one word to another.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX - 1);
            let replace = at(&row, j) + usize::from(a != *b);
            next.push(replace.min(at(&row, j + 1) + 1).min(at(&next, j) + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_no_value() {
        for text in [
            "",
            " ",
            "TODO",
            "todo: why",
            "TBD.",
            "unknown",
            "N/A",
            "NA NA",
            "...",
            "…",
            "-",
            "?",
            "<unknown>",
            "To be determined",
            "Failed to Provide",
            "none",
        ] {
            assert!(is_placeholder(text), "{text:?}");
        }
        for text in ["Todos los Santos", "None of the records leave", "Nathan", "1 Main Street"] {
            assert!(!is_placeholder(text), "{text:?}");
        }
    }

    #[test]
    fn a_distance_counts_letters() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("purpose", "purposes"), 1);
        assert_eq!(distance("abc", "xyz"), 3);
    }
}
