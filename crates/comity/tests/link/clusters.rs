//! Clusters of pairs: what joins, what keeps apart, and what stays as records come.

use super::{FILES, fails, first_pair, one_and_two, record, rows, trained};

#[test]
fn clusters_of_written_pairs_are_those_of_comparing_again() {
    let desk = trained();
    desk.edit("model.toml", "one_to_one = \"optimal\"", "one_to_one = \"off\"");
    desk.call(&format!("link link model.toml {FILES} --probability 0.5")).well();
    let cluster = format!("link cluster model.toml {FILES} --probability 0.9 --method connected");
    desk.call(&format!("{cluster} --out again.csv")).well();
    desk.call(&format!("{cluster} --pairs pairs.csv --out written.csv")).well();
    assert_eq!(together(&desk.read("again.csv")), together(&desk.read("written.csv")));
}

#[test]
fn a_pair_that_alone_holds_a_cluster_together_is_told_and_split_where_that_is_asked_for() {
    let desk = trained();
    let (sources, recipients) = (
        [1, 2, 3, 4].map(|row| record(&desk, "payroll", row)),
        [1, 2, 3, 4].map(|row| record(&desk, "caseload", row)),
    );
    // Two squares of four records each, and one pair of little weight between them; a fourth pair of a record for itself
    // that is as heavy as another.
    let mut pairs = "source,recipient,weight\n".to_owned();
    for (source, recipient, weight) in [
        (0, 0, 9.0),
        (0, 1, 8.0),
        (1, 0, 8.0),
        (1, 1, 9.0),
        (2, 2, 9.0),
        (2, 3, 8.0),
        (3, 2, 8.0),
        (3, 3, 9.0),
        (1, 2, 0.5),
    ] {
        let weight = weight.to_string();
        pairs += &[&sources[source], &recipients[recipient], &weight].map(String::as_str).join(",");
        pairs.push('\n');
    }
    desk.write("some.csv", &pairs);
    let words = format!(
        "--json link cluster model.toml {FILES} --pairs some.csv --probability 0.5 --method connected --bridges bridges.csv"
    );
    let whole = desk.call(&words).well().json();
    assert_eq!(
        (&whole["largest"], &whole["bridges"], &whole["cut_records"]),
        (&8.into(), &1.into(), &2.into())
    );
    let (one, other) = (&sources[1], &recipients[2]);
    let told = format!("source,{one},recipient,{other},0.5,4\n");
    let told = format!(
        "one_file,one,other_file,other,weight,smaller_side\n{told}source,{one},,,,\nrecipient,{other},,,,\n"
    );
    assert_eq!(desk.read("bridges.csv"), told);
    let split =
        desk.call(&format!("{words} --split-bridges 0.9 --splits splits.csv")).well().json();
    assert_eq!((&split["largest"], &split["bridges"]), (&4.into(), &0.into()));
    let splits = desk.read("splits.csv");
    assert!(
        splits.contains(&format!("source,{one},recipient,{other},0.5,too weak a bridge")),
        "{splits}"
    );
    // It weighs more than that.
    let kept = desk.call(&format!("{words} --split-bridges 0.55")).well().json();
    assert_eq!(kept["largest"], 8);
}

#[test]
fn a_lower_neutral_weight_joins_what_a_higher_one_keeps_apart() {
    let desk = trained();
    // Two pairs, and a third one between them that the model knows nothing for: their other records are strangers.
    let (one, [first, second]) = one_and_two(&desk);
    let other = record(&desk, "payroll", 2);
    desk.write(
        "some.csv",
        format!("source,recipient,weight\n{one},{first},9\n{other},{second},9\n{one},{second},8\n"),
    );
    let words =
        format!("--json link cluster model.toml {FILES} --pairs some.csv --probability 0.9");
    let pairs = |neutral: &str| {
        let said = desk.call(&format!("{words} --neutral {neutral}")).well().json();
        said["pairs_in_clusters"].as_u64().unwrap()
    };
    assert_eq!((pairs("0.9"), pairs("0.000000000000001")), (2, 6));
}

/// Which records stand together, whatever their clusters are called.
fn together(clusters: &str) -> std::collections::BTreeSet<Vec<String>> {
    let mut groups = std::collections::BTreeMap::<String, Vec<String>>::new();
    for line in clusters.lines().skip(1) {
        let (cluster, record) = line.split_once(',').unwrap();
        groups.entry(cluster.to_owned()).or_default().push(record.to_owned());
    }
    groups.into_values().collect()
}

#[test]
fn two_records_of_a_cluster_hang_together_by_pairs() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES}")).well();
    let (one, other) = first_pair(&desk);
    let words = format!("link explain model.toml {FILES} --one {one} --other {other} --chain");
    let said = desk.call(&words).well();
    assert!(said.out.contains("weakest"), "{}", said.out);
}

#[test]
fn ids_of_clusters_stay_and_a_merger_can_be_taken_back() {
    let desk = trained();
    let words = format!("--json link cluster model.toml {FILES} --registry ids.json");
    let first = desk.call(&words).well().json();
    assert_eq!(first["ids"]["issued"], first["clusters"]);
    let before = desk.read("clusters.csv");
    let again = desk.call(&words).well().json();
    assert_eq!(again["ids"], serde_json::json!({}), "nothing changed");
    assert_eq!(desk.read("clusters.csv"), before);

    let mut groups = std::collections::BTreeMap::<String, Vec<String>>::new();
    for row in rows(&before) {
        groups.entry(row[0].clone()).or_default().push(format!("{}:{}", row[1], row[2]));
    }
    let (id, two) = groups.iter().find(|(_, records)| records.len() == 2).unwrap();
    let part = format!("link part ids.json --one {} --other {}", two[0], two[1]);
    let told = desk.call(&format!("--json {part}")).well().json();
    assert_ne!(told["one"], told["other"]);
    let told = desk.call(&words).well().json();
    assert_eq!(told["left_out"]["said to be two"], 1, "{told}");
    let after = desk.read("clusters.csv");
    let id_of = |record: &String| {
        let line = record.replace(':', ",");
        let whole = after.lines().find(|row| row.ends_with(&format!(",{line}"))).unwrap();
        whole.split(',').next().unwrap().to_owned()
    };
    assert_ne!(id_of(&two[0]), id_of(&two[1]));
    desk.call(&format!("{part} --undo")).well();
    desk.call(&words).well();
    let after = desk.read("clusters.csv");
    let of = |record: &String| {
        let line = format!(",{}", record.replace(':', ","));
        after.lines().find(|row| row.ends_with(&line)).unwrap().split(',').next().unwrap()
    };
    assert_eq!((of(&two[0]), of(&two[1])), (id.as_str(), id.as_str()), "the older id is back");
    fails(
        &desk.call("link part ids.json --one source:nobody --other source:1"),
        &["nobody", "hint"],
    );
    desk.write("broken.json", "{");
    fails(&desk.call("link part broken.json --one a --other b"), &["broken.json", "hint"]);
}

#[test]
fn what_people_judged_is_joined_or_kept_apart_whatever_it_weighs() {
    let desk = trained();
    desk.call(&format!("link link model.toml {FILES}")).well();
    let pairs = rows(&desk.read("pairs.csv"));
    let (apart, one, other) = (&pairs[0], &pairs[1][0], &pairs[2][1]);
    desk.write(
        "judged.csv",
        format!("source,recipient,same\n{},{},no\n{one},{other},yes\n", apart[0], apart[1]),
    );
    desk.call(&format!("link cluster model.toml {FILES} --judged judged.csv")).well();
    let clusters = desk.read("clusters.csv");
    let of = |whose: &str, record: &str| {
        let line = format!(",{whose},{record}");
        clusters.lines().find(|row| row.ends_with(&line)).unwrap().split(',').next().unwrap()
    };
    assert_ne!(of("source", &apart[0]), of("recipient", &apart[1]));
    assert_eq!(of("source", one), of("recipient", other));
}
