//! What is refused, and what is said of bad input.

use super::{FILES, fails, trained};

#[test]
fn what_would_change_nothing_is_refused_by_name() {
    let desk = trained();
    let cluster = format!("link cluster model.toml {FILES} --method");
    for (words, option, of) in [
        (format!("{cluster} connected --neutral 0.9"), "--neutral", "--method correlation"),
        (format!("{cluster} correlation --ties drop"), "--ties", "--method best-link"),
    ] {
        fails(&desk.call(&words), &[option, of, "leave it out"]);
    }
    let off = desk.read("model.toml").replace("one_to_one = \"optimal\"", "one_to_one = \"off\"");
    desk.write("off.toml", off);
    let evaluate = format!("link evaluate off.toml {FILES} --covered 0.5 --resamples 2");
    fails(&desk.call(&evaluate), &["--covered", "one to one or with decoys"]);
    desk.call(&format!("{evaluate} --made-decoys 50")).well();
    desk.edit("model.toml", "link = \"between\"", "link = \"within\"");
    let within = "model.toml people/payroll.csv --id id";
    desk.write("asked.jsonl", "{}\n");
    for (words, option) in [
        (format!("link evaluate {within} --covered 0.5"), "--covered"),
        (format!("link find {within} --records asked.jsonl --held-as source"), "--held-as"),
    ] {
        fails(&desk.call(&words), &[option, "two files", "leave it out"]);
    }
}

#[test]
fn a_recipe_that_looks_at_a_protected_trait_is_refused() {
    let desk = trained();
    let recipe = desk.read("recipe.toml");
    let column = "[[column]]\nname = \"kind\"\nfrom = [\"countryOfBirth\"]\n";
    let rule = "[[rule]]\nkeys = [{ column = \"kind\" }, { column = \"birth\" }]\n";
    let hidden = "level = [{ test = { on = { column = \"kind\", test = \"exact\" } } }, { test = \"else\" }]";
    let plain = "level = [{ test = \"exact\" }, { test = \"else\" }]";
    for (what, text) in [
        ("rule", recipe.replacen("[[rule]]", &format!("{column}{rule}[[rule]]"), 1)),
        (
            "comparison",
            recipe.replacen("[[rule]]", &format!("{column}[[rule]]"), 1).replace(plain, hidden),
        ),
    ] {
        desk.write("other.toml", text);
        for words in ["block other.toml", "train other.toml --out other_model.toml"] {
            let said = desk.call(&format!("link {words} {FILES}"));
            assert_eq!(said.code, 2, "{}{}", said.out, said.err);
            assert!(said.out.contains("floor F3") && said.out.contains("`countryOfBirth`"));
            assert!(said.out.contains(what), "{}", said.out);
            assert!(!desk.exists("other_model.toml"));
        }
    }
    // What its holder declares to be something else is looked for in the file, and isn't there.
    let said =
        desk.call(&format!("link block other.toml {FILES} --declare countryOfBirth=identity"));
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
}

#[cfg(not(feature = "plan"))]
#[test]
fn a_build_without_plans_says_so_of_a_bound_of_memory() {
    let said = trained().call(&format!("link link model.toml {FILES} --memory 2GB"));
    fails(&said, &["bounded memory", "`--features plan`"]);
}

#[test]
fn a_recipe_for_a_model_or_a_model_for_a_recipe_is_told_what_either_is_for() {
    let desk = trained();
    let link = |words: &str| desk.call(&format!("link {words} {FILES}"));
    fails(&link("link recipe.toml"), &["hint: ", "a recipe has to be trained first"]);
    fails(&link("train model.toml"), &["hint: ", "goes to `comity link link`"]);
}

#[test]
fn what_is_wrong_with_a_file_of_ones_own_is_said_without_a_schedule_or_an_agency() {
    let desk = trained();
    desk.write("latin.csv", "id;identifier\n1;2\n");
    for words in [
        "block recipe.toml people/none.csv people/caseload.csv",
        "block recipe.toml latin.csv people/caseload.csv --id id",
        "block recipe.toml people/payroll.csv people/caseload.csv --id nothing",
    ] {
        let said = desk.call(&format!("link {words}"));
        fails(&said, &["hint: "]);
        assert!(!said.err.contains("schedule"), "{}", said.err);
    }
}

#[test]
fn bad_input_is_named_by_file_and_line() {
    let desk = trained();
    let block = |files: &str| desk.call(&format!("link block recipe.toml {files}"));
    fails(&block("people/none.csv people/caseload.csv"), &["people/none.csv", "hint"]);
    fails(&block("people/payroll.csv"), &["wants 2", "hint"]);
    fails(&block("people/payroll.csv people/caseload.csv --id nothing"), &["nothing"]);
    desk.write("ragged.csv", "id,identifier\n1,2\n3\n");
    fails(&desk.call("link profile ragged.csv"), &["ragged.csv", "line 3"]);
    desk.write("empty.csv", "");
    fails(&desk.call("link profile empty.csv"), &["empty.csv"]);
    let payroll = desk.read("people/payroll.csv");
    let twice: String = payroll.split_inclusive('\n').take(2).collect();
    let again = twice.lines().nth(1).unwrap().to_owned();
    desk.write("twice.csv", format!("{twice}{again}\n"));
    fails(&block("twice.csv people/caseload.csv --id id"), &["twice.csv", "line 3"]);
}

#[test]
fn each_command_says_what_is_wrong_with_what_it_was_given() {
    let desk = trained();
    let with = |words: &str| desk.call(&format!("link {words}"));
    desk.write("broken.toml", "name = \n");
    for command in ["block", "train", "link", "cluster", "evaluate"] {
        fails(&with(&format!("{command} broken.toml {FILES}")), &["line 1"]);
        fails(&with(&format!("{command} none.toml {FILES}")), &["none.toml", "hint"]);
    }
    fails(
        &with(&format!("explain model.toml {FILES} --one nobody --other nobody")),
        &["source", "hint"],
    );
    fails(&with("import broken.toml"), &["settings"]);
    fails(&with("export broken.toml"), &["line 1"]);
    let said = with(&format!("link model.toml {FILES} --probability 2"));
    assert_eq!(said.code, 64, "{}", said.err);
    desk.write("labels.csv", "source,recipient,same\nnobody,nobody,perhaps\n");
    let evaluate = format!("evaluate model.toml {FILES} --labels labels.csv");
    fails(&with(&evaluate), &["labels.csv", "line 2", "`same`", "hint"]);
    desk.write("labels.csv", "source,recipient,same\nnobody,nobody,yes\n");
    fails(&with(&evaluate), &["labels.csv", "line 2", "`source`"]);
    desk.write("pairs.csv", "source,recipient,weight\n1,1,heavy\n");
    let cluster = format!("cluster model.toml {FILES} --pairs pairs.csv --method connected");
    fails(&with(&cluster), &["pairs.csv", "line 2", "`weight`"]);
}
