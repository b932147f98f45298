//! The net of F3 for files without an agreement: which columns look like a protected trait or its proxy.
//!
//! Under an agreement every element declares its category. Here nobody has declared anything, so a column's name is
//! looked at, and it errs towards refusing: a column that means something else is declared, by its holder, in words
//! that stay in the output. It reads no value.

use agreement::Category;
use linkage::model::{Column, Comparison, Rule, Test};
use std::collections::{BTreeMap, BTreeSet};

/// What the holder declares of columns whose names say something else.
pub type Declared = BTreeMap<String, Category>;

/// A protected column, and what looks at it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Protected {
    /// The column of the file.
    pub column: String,
    /// What it looks like, or was declared to be.
    pub category: Category,
    /// The rules and comparisons that look at it.
    pub used_by: Vec<String>,
}

/// Words of a column's name, and what they stand for.
const WORDS: &[(&str, Category)] = &[
    ("race", Category::Race),
    ("racial", Category::Race),
    ("ethnic", Category::Ethnicity),
    ("ethnicity", Category::Ethnicity),
    ("hispanic", Category::Ethnicity),
    ("tribe", Category::Ethnicity),
    ("caste", Category::Ethnicity),
    ("nationality", Category::NationalOrigin),
    ("national_origin", Category::NationalOrigin),
    ("country_of_origin", Category::NationalOrigin),
    ("citizen", Category::Citizenship),
    ("citizenship", Category::Citizenship),
    ("immigration", Category::Citizenship),
    ("visa", Category::Citizenship),
    ("religion", Category::Religion),
    ("religious", Category::Religion),
    ("sexual_orientation", Category::SexLife),
    ("gender_identity", Category::GenderIdentity),
    ("party_affiliation", Category::PoliticalOpinion),
    ("political", Category::PoliticalOpinion),
    ("union_member", Category::UnionMembership),
    ("disability", Category::Disability),
    ("disabled", Category::Disability),
    ("diagnosis", Category::Health),
    ("health", Category::Health),
    ("birthplace", Category::Birthplace),
    ("birth_place", Category::Birthplace),
    ("place_of_birth", Category::Birthplace),
    ("country_of_birth", Category::Birthplace),
    ("birth_country", Category::Birthplace),
    ("language", Category::Language),
    ("surname_origin", Category::NameOrigin),
    ("name_origin", Category::NameOrigin),
    ("itin", Category::TaxNumber),
    ("alien_number", Category::AlienNumber),
    ("a_number", Category::AlienNumber),
    ("uscis", Category::AlienNumber),
    ("emergency_coverage", Category::EmergencyCoverage),
    ("emergency_medicaid", Category::EmergencyCoverage),
];

/// Returns the protected columns that rules or comparisons look at; none is what lets linking begin.
pub fn screen(
    columns: &[Column],
    rules: &[Rule],
    comparisons: &[Comparison],
    declared: &Declared,
) -> Vec<Protected> {
    let mut found: BTreeMap<String, (Category, BTreeSet<String>)> = BTreeMap::new();
    for column in columns {
        let users = users(&column.name, rules, comparisons);
        for origin in column.from.iter().chain(&column.source).chain(&column.recipient) {
            let category = declared.get(origin).copied().or_else(|| looks_like(origin));
            if let Some(category) = category.filter(|category| category.is_protected())
                && !users.is_empty()
            {
                let entry = found.entry(origin.clone()).or_insert((category, BTreeSet::new()));
                entry.1.extend(users.iter().cloned());
            }
        }
    }
    let told = |(column, (category, used_by)): (String, (Category, BTreeSet<String>))| Protected {
        column,
        category,
        used_by: used_by.into_iter().collect(),
    };
    found.into_iter().map(told).collect()
}

fn users(column: &str, rules: &[Rule], comparisons: &[Comparison]) -> Vec<String> {
    let by_rule = rules.iter().filter(|rule| {
        let asks = rule.sql.as_deref().is_some_and(|sql| mentions(sql, column));
        rule.columns().contains(&column) || asks
    });
    let by_comparison = comparisons.iter().filter(|comparison| {
        let in_level = |level: &linkage::model::Level| {
            level.column.as_deref() == Some(column)
                || level.test.other_columns().contains(&column)
                || conditions(&level.test).iter().any(|sql| mentions(sql, column))
        };
        comparison.column == column || comparison.levels.iter().any(in_level)
    });
    by_rule
        .map(|rule| format!("rule `{rule}`"))
        .chain(by_comparison.map(|comparison| format!("comparison `{}`", comparison.name)))
        .collect()
}

/// The conditions that a test is made of, as SQL.
fn conditions(test: &Test) -> Vec<&str> {
    match test {
        Test::Expression(sql) => vec![sql],
        Test::SomeItem(test) | Test::Not(test) => conditions(test),
        Test::On(on) => conditions(&on.test),
        Test::All(tests) | Test::Any(tests) => tests.iter().flat_map(conditions).collect(),
        // A kind that is added has to say here whether it holds SQL, or floor F3 could be got past by it.
        Test::Exact
        | Test::Jaro(_)
        | Test::JaroWinkler(_)
        | Test::Levenshtein(_)
        | Test::OptimalAlignment(_)
        | Test::Damerau(_)
        | Test::Jaccard(_)
        | Test::Cosine(_)
        | Test::Prefix(_)
        | Test::Suffix(_)
        | Test::Sounds(_)
        | Test::Days(_)
        | Test::Months(_)
        | Test::Years(_)
        | Test::DayMonthSwapped
        | Test::Seconds(_)
        | Test::Within(_)
        | Test::Percent(_)
        | Test::Kilometres(_)
        | Test::Shared(_)
        | Test::Subset
        | Test::Literal(_)
        | Test::Reversed(_)
        | Test::Else => Vec::new(),
    }
}

/// Says whether a condition has the name of a column anywhere, however it is quoted and in whatever letters: rather once too
/// often than once too little.
fn mentions(sql: &str, column: &str) -> bool {
    let (sql, column) = (sql.to_lowercase(), column.to_lowercase());
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    sql.match_indices(&column).any(|(at, found)| {
        let after = &sql[at + found.len()..];
        // `l.name` is written `name_l` too.
        let after = after.strip_prefix("_l").or_else(|| after.strip_prefix("_r")).unwrap_or(after);
        !sql[..at].ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Finds the word, or the words in a row, that a column's name shares with the list.
fn looks_like(name: &str) -> Option<Category> {
    let mut spelled = String::from("_");
    let mut before = ' ';
    for letter in name.chars() {
        if letter.is_uppercase() && before.is_lowercase() {
            spelled.push('_');
        }
        spelled.push(if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
        before = letter;
    }
    spelled.push('_');
    WORDS
        .iter()
        .find(|(word, _)| spelled.contains(&format!("_{word}_")))
        .map(|(_, category)| *category)
}

#[cfg(test)]
mod tests {
    use super::*;
    use linkage::Model;

    #[test]
    fn a_name_that_says_a_protected_trait_is_found_however_it_is_written() {
        for (name, category) in [
            ("race", Category::Race),
            ("RACE_CD", Category::Race),
            ("countryOfBirth", Category::Birthplace),
            ("Country of birth", Category::Birthplace),
            ("alien-number", Category::AlienNumber),
        ] {
            assert_eq!(looks_like(name), Some(category), "{name}");
        }
    }

    #[test]
    fn a_condition_mentions_a_column_however_it_is_quoted() {
        for sql in [
            "l.religion = r.religion",
            "l.\"religion\" = r.\"religion\"",
            "L.Religion = r.name",
            "religion_l = religion_r",
            "lower( l . religion ) = 'a'",
        ] {
            assert!(mentions(sql, "religion"), "{sql}");
        }
        for sql in ["l.name = r.name", "l.religions = r.religions", "l.old_religion = r.name"] {
            assert!(!mentions(sql, "religion"), "{sql}");
        }
    }

    #[test]
    fn every_kind_of_rule_and_level_that_looks_at_a_protected_trait_is_found() {
        let model = |rule: &str, level: &str| {
            let text = format!(
                r#"name = "screened"
                link = "between"
                prior = 0.5
                threshold = 0.0
                column = [
                    {{ name = "name", from = ["name"] }}, {{ name = "kind", from = ["religion"] }},
                    {{ name = "kinds", from = ["religion"], kind = {{ list = ";" }} }},
                ]
                rule = [{rule}]
                [[comparison]]
                name = "name"
                column = "name"
                level = [{{ test = {level}, m = 0.5, u = 0.5 }}, {{ test = "else", m = 0.5, u = 0.5 }}]"#
            );
            Model::from_toml(&text).unwrap()
        };
        let found = |model: &Model| {
            let (rules, comparisons) = (model.rules(), model.comparisons());
            screen(model.columns(), rules, comparisons, &Declared::default()).len()
        };
        let plain = r#"{ keys = [{ column = "name" }] }"#;
        assert_eq!(found(&model(plain, r#""exact""#)), 0);
        for rule in [
            r#"{ keys = [{ column = "kind" }] }"#,
            r#"{ keys = [{ column = "name", against = "kind" }] }"#,
            r#"{ sql = "l.kind = r.kind" }"#,
            r#"{ sql = "l.name = r.name and l.kind <> r.kind" }"#,
            r#"{ sql = "l.kinds = r.kinds", explode = ["kinds"] }"#,
            r#"{ neighbourhood = { column = "kind", window = 1 } }"#,
            r#"{ min_hash = { column = "kind", q = 2, bands = 3, rows = 1 } }"#,
        ] {
            assert_eq!(found(&model(rule, r#""exact""#)), 1, "{rule}");
        }
        for level in [
            r#"{ on = { column = "kind", test = "exact" } }"#,
            r#"{ reversed = "kind" }"#,
            r#"{ expression = "l.kind = r.kind" }"#,
            r#"{ all = ["exact", { expression = "l.kind = r.kind" }] }"#,
        ] {
            assert_eq!(found(&model(plain, level)), 1, "{level}");
        }
    }

    #[test]
    fn a_name_that_only_holds_such_letters_is_not_found() {
        for name in ["terrace", "embrace", "grace_period", "given_name", "date_of_birth", "visage"]
        {
            assert_eq!(looks_like(name), None, "{name}");
        }
    }
}
