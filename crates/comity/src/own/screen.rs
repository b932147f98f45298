//! The net of F3 for files without an agreement: which columns look like a protected trait or its proxy.
//!
//! Under an agreement every element declares its category. Here nobody has declared anything, so a column's name is
//! looked at, and it errs towards refusing: a column that means something else is declared, by its holder, in words
//! that stay in the output. It reads no value.

use agreement::Category;
use linkage::model::{Column, Comparison, Rule};
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
        let is_key = |name: &str| name == column;
        rule.keys
            .iter()
            .any(|key| is_key(&key.column) || key.against.as_deref().is_some_and(is_key))
    });
    let by_comparison = comparisons.iter().filter(|comparison| {
        let in_level = |level: &linkage::model::Level| {
            level.column.as_deref() == Some(column) || level.test.other_columns().contains(&column)
        };
        comparison.column == column || comparison.levels.iter().any(in_level)
    });
    by_rule
        .map(|rule| format!("rule `{rule}`"))
        .chain(by_comparison.map(|comparison| format!("comparison `{}`", comparison.name)))
        .collect()
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
    fn a_name_that_only_holds_such_letters_is_not_found() {
        for name in ["terrace", "embrace", "grace_period", "given_name", "date_of_birth", "visage"]
        {
            assert_eq!(looks_like(name), None, "{name}");
        }
    }
}
