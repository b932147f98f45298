//! What is recognised and what isn't, on conditions as Splink's library writes them for each database.

use super::*;
use crate::splink::value::name_of;

fn shown(condition: &Condition) -> String {
    let each = |parts: &[Condition]| parts.iter().map(shown).collect::<Vec<_>>().join("; ");
    match condition {
        Condition::Of(value, test) => format!("{test}, of {}", name_of(value)),
        Condition::Reversed(one, other) => {
            format!("reversed {} {}", name_of(one), name_of(other))
        }
        Condition::All(parts) => format!("all({})", each(parts)),
        Condition::Any(parts) => format!("any({})", each(parts)),
        Condition::Not(inner) => format!("not({})", shown(inner)),
        Condition::Expression => "expression".to_owned(),
    }
}

fn check(database: Database, conditions: &[&str], expected: &expect_test::Expect) {
    let recognised = conditions.iter().map(|condition| {
        let parsed = match parse(condition, database) {
            Ok(parsed) => term(&parsed),
            Err(problem) => return format!("{problem}\n"),
        };
        let mut recogniser = Recogniser { database, within: false, remarks: Vec::new() };
        format!("{}\n", shown(&recogniser.condition(&parsed)))
    });
    expected.assert_eq(&recognised.collect::<String>());
}

#[test]
fn what_splink_writes_for_duckdb_is_recognised() {
    let place = kilometres_sql("lat", "long");
    let present = r#"("lat_r" is not null AND "lat_l" is not null AND "long_l" is not null)"#;
    check(
        Database::DuckDb,
        &[
            r#""name_l" = "name_r""#,
            r#"jaro_winkler_similarity("name_l", "name_r") >= 0.9"#,
            r#"jaro_similarity("name_l", "name_r") > 0.9"#,
            r#"jaccard("name_l", "name_r") >= 0.9"#,
            r#"levenshtein("name_l", "name_r") <= 2"#,
            r#"levenshtein("name_l", "name_r") < 2"#,
            r#"damerau_levenshtein("name_l", "name_r") <= 1"#,
            r#""sex_l" = 'male' AND "sex_r" = 'male'"#,
            r#""sex_l" = 'male'"#,
            r#""n_l" = CAST(3 AS INT) AND "n_r" = CAST(3 AS INT)"#,
            r#""a_l" = "b_r" AND "a_r" = "b_l""#,
            r#"levenshtein(CAST("dob_l" AS TEXT), CAST("dob_r" AS TEXT)) <= 1"#,
            r#"ABS(EPOCH(try_strptime("dob_l", '%d/%m/%Y')) - EPOCH(try_strptime("dob_r", '%d/%m/%Y'))) <= 2629800.0"#,
            r#"ABS(EPOCH("dob_l") - EPOCH("dob_r")) <= 315576000.0"#,
            r#"ABS(EPOCH("at_l") - EPOCH("at_r")) <= 7200"#,
            r#"ABS(EPOCH(try_strptime("at_l", '%Y-%m-%dT%H:%M:%SZ')) - EPOCH(try_strptime("at_r", '%Y-%m-%dT%H:%M:%SZ'))) <= 7200"#,
            "abs(date_diff('day', dob_l, dob_r)) <= 30",
            &format!("{place} <= 5"),
            &format!("{present} AND {place} <= 5"),
            r#"array_length(list_intersect("tags_l", "tags_r")) >= 2"#,
            r#"LEAST(ARRAY_LENGTH("tags_l"), ARRAY_LENGTH("tags_r")) <> 0 AND ARRAY_LENGTH(ARRAY_INTERSECT("tags_l", "tags_r")) = LEAST(ARRAY_LENGTH("tags_l"), ARRAY_LENGTH("tags_r"))"#,
            r#"list_max(list_transform(flatten(list_transform("names_l", x -> list_transform("names_r", y -> [x, y]))), pair -> jaro_winkler_similarity(pair[1], pair[2]))) >= 0.9"#,
            r#"list_min(list_transform(flatten(list_transform("names_l", x -> list_transform("names_r", y -> [x, y]))), pair -> levenshtein(pair[1], pair[2]))) <= 2"#,
            r#"(ABS("amount_l" - "amount_r") / (CASE WHEN "amount_r" > "amount_l" THEN "amount_r" ELSE "amount_l" END)) < 0.1"#,
            r#"ABS("amount_l" - "amount_r") <= 10"#,
            r#"SUBSTRING(LOWER("name_l"), 1, 3) = SUBSTRING(LOWER("name_r"), 1, 3)"#,
            r#"NULLIF(regexp_extract("postcode_l", '^[A-Z]{1,2}', 0), '') = NULLIF(regexp_extract("postcode_r", '^[A-Z]{1,2}', 0), '')"#,
            r#"NULLIF("name_l", 'none') = NULLIF("name_r", 'none')"#,
            r#"("a_l" = "a_r") AND (levenshtein("b_l", "b_r") <= 1)"#,
            r#"("a_l" = "a_r") OR (NOT ("b_l" = "b_r"))"#,
        ],
        &expect_test::expect![[r"
            exact, of name
            jaro_winkler >= 0.9, of name
            jaro >= 0.9000000000000001, of name
            jaccard of 1-grams >= 0.9, of name
            levenshtein <= 2, of name
            levenshtein <= 1, of name
            damerau <= 1, of name
            both `male`, of sex
            source `male`, of sex
            both `3`, of n_number
            reversed a b
            levenshtein <= 1, of dob
            within 30 days, of dob_date
            within 3652 days, of dob_date
            within 7200 seconds, of at_time
            within 7200 seconds, of at_time
            within 30 days, of dob_date
            within 5 km, of lat_long_place
            within 5 km, of lat_long_place
            at least 2 items shared, of tags_items
            all items of one in the other, of tags_items
            jaro_winkler >= 0.9 of some items, of names_items
            levenshtein <= 2 of some items, of names_items
            within 10 per cent, of amount_number
            within 10, of amount_number
            exact, of name_lower_from_1_for_3
            exact, of postcode_extract
            exact, of name_cleaned
            all(exact, of a; levenshtein <= 1, of b)
            any(exact, of a; not(exact, of b))
        "]],
    );
}

#[test]
fn what_splink_writes_for_other_databases_is_recognised() {
    check(
        Database::Spark,
        &[
            "jaro_winkler(`name_l`, `name_r`) >= 0.9",
            "jaro_sim(`name_l`, `name_r`) >= 0.9",
            "abs(datediff(date(try_to_timestamp(`dob_l`, 'yyyy-MM-dd')), date(try_to_timestamp(`dob_r`, 'yyyy-MM-dd')))) <= floor(2629800.0 / 86400)",
            r"ABS(UNIX_TIMESTAMP(try_to_timestamp(`at_l`, 'yyyy-MM-dd\'T\'HH:mm:ssXXX')) - UNIX_TIMESTAMP(try_to_timestamp(`at_r`, 'yyyy-MM-dd\'T\'HH:mm:ssXXX'))) <= 7200",
            "SIZE(ARRAY_INTERSECT(`tags_l`, `tags_r`)) >= 2",
            "array_min(transform(flatten(transform(`names_l`, x -> transform(`names_r`, y -> [x, y]))), pair -> levenshtein(pair[0], pair[1]))) <= 2",
            "levenshtein(CAST(`dob_l` AS STRING), CAST(`dob_r` AS STRING)) <= 1",
        ],
        &expect_test::expect![[r"
            jaro_winkler >= 0.9, of name
            jaro >= 0.9, of name
            within 30 days, of dob_date
            expression
            at least 2 items shared, of tags_items
            levenshtein <= 2 of some items, of names_items
            levenshtein <= 1, of dob
        "]],
    );
    check(
        Database::Postgres,
        &[
            r#"ABS(EXTRACT(EPOCH FROM try_cast_date("dob_l", 'YYYY-MM-DD')) - EXTRACT(EPOCH FROM try_cast_date("dob_r", 'YYYY-MM-DD')))<= 2629800.0"#,
            r#"CARDINALITY(ARRAY_INTERSECT("tags_l", "tags_r")) >= 2"#,
            r#"SUBSTRING(LOWER("name_l") FROM 1 FOR 3) = SUBSTRING(LOWER("name_r") FROM 1 FOR 3)"#,
            r#"NULLIF(substring("postcode_l" from '(^[A-Z]{1,2})'), '') = NULLIF(substring("postcode_r" from '(^[A-Z]{1,2})'), '')"#,
        ],
        &expect_test::expect![[r"
            within 30 days, of dob_date
            at least 2 items shared, of tags_items
            exact, of name_lower_from_1_for_3
            exact, of postcode_extract
        "]],
    );
    check(
        Database::Sqlite,
        &[
            r#"jaro_sim("name_l", "name_r") >= 0.9"#,
            r#""d_l" = DATE('2000-01-01') AND "d_r" = DATE('2000-01-01')"#,
        ],
        &expect_test::expect![[r"
            jaro >= 0.9, of name
            both `2000-01-01`, of d_date
        "]],
    );
}

#[test]
fn what_only_looks_like_a_known_shape_stays_an_expression() {
    for condition in [
        // One column on one side, another on the other.
        "a_l = b_r",
        "a_l = a_l",
        "levenshtein(a_l, b_r) <= 2",
        "a_l <> a_r",
        "levenshtein(a_l, a_r) <= -1",
        "levenshtein(a_l, a_r) >= 2",
        "levenshtein(a_l, a_r) <= length(a_l)",
        "jaro_winkler_similarity(a_l, a_r, 0.9) >= 0.9",
        "jaro_winkler_similarity(a_l, a_r) >= 1.5",
        "jaro_winkler_similarity(a_l, a_r) >= 0",
        "jaro_winkler_similarity(a_l, a_r) <= 0.9",
        "hamming(a_l, a_r) <= 2",
        "soundex(a_l) = soundex(a_r)",
        // Calendar units crossed are no time elapsed.
        "abs(date_diff('month', a_l, a_r)) <= 1",
        "date_diff('day', a_l, a_r) <= 1",
        "abs(epoch(a_l) - epoch(b_r)) <= 86400",
        "a_l - a_r <= 3",
        "abs(a_l - a_r) / a_l < 0.1",
        "array_length(list_intersect(a_l, a_r)) >= 0",
        "array_cosine_similarity(a_l, a_r) >= 0.9",
        "a_l[1] = a_r[1]",
        "b_l is not null and a_l = a_r",
        "a_l is null",
        "true",
        "1 = 1",
        "a_l in ('x', 'y')",
        "a_l like a_r",
        "exists (select 1)",
        "count(distinct a_l) = 1",
    ] {
        let parsed = term(&parse(condition, Database::DuckDb).unwrap());
        let mut recogniser =
            Recogniser { database: Database::DuckDb, within: true, remarks: Vec::new() };
        assert_eq!(recogniser.condition(&parsed), Condition::Expression, "{condition}");
    }
}

#[test]
fn a_null_level_is_about_missing_values_of_both_records_and_nothing_else() {
    let read = |condition: &str| {
        let parsed = term(&parse(condition, Database::DuckDb).unwrap());
        let recogniser =
            Recogniser { database: Database::DuckDb, within: true, remarks: Vec::new() };
        recogniser.missing(&parsed)
    };
    let names = |columns: &[&str]| columns.iter().map(|name| Value::plain(name)).collect();
    assert_eq!(read("a_l is null or a_r is null"), Some(Missing::One(names(&["a"]))));
    let several = "(a_l is null or a_r is null) or (b_l is null or b_r is null)";
    assert_eq!(read(several), Some(Missing::One(names(&["a", "b"]))));
    let each = "(a_l is null or a_r is null) and (b_l is null or b_r is null)";
    assert_eq!(read(each), Some(Missing::Each(names(&["a", "b"]))));
    for other in ["a_l is null", "a_l is null or b_r is null", "a_l is null or a_r = ''"] {
        assert_eq!(read(other), None, "{other}");
    }
}
