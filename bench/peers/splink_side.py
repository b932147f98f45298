"""Splink's part of the comparison: the same files, rules and comparisons as `recipe.toml`, in Splink's own terms.

`run.py` starts this file with the Python of an environment of its own that holds the pinned Splink, one process a
measurement, and reads the one line of JSON that it prints: seconds of each step, numbers of pairs. It measures nothing
of Comity. What it calls is Splink's public interface (https://moj-analytical-services.github.io/splink/).
"""

import argparse
import json
import sys
import time

import duckdb
import splink.comparison_level_library as levels
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

# Pairs below this probability are dropped, by both programs.
KEPT_FROM = 0.01
# Pairs from this probability on are clustered.
CLUSTERED_FROM = 0.95


def name_levels(column):
    """Exact with its frequency, two Jaro–Winkler levels, else."""
    return comparisons.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            levels.NullLevel(column),
            levels.ExactMatchLevel(column, term_frequency_adjustments=True),
            levels.JaroWinklerLevel(column, 0.92),
            levels.JaroWinklerLevel(column, 0.80),
            levels.ElseLevel(),
        ],
    )


def graded(column, *between):
    """Exact, what lies between, else."""
    return comparisons.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            levels.NullLevel(column),
            levels.ExactMatchLevel(column),
            *between,
            levels.ElseLevel(),
        ],
    )


class Synth:
    """Two synthetic files of `comity synth --linking-columns`."""

    ids = "id"
    columns = (
        "id", "first_name", "surname", "birth_date", "street", "town", "postcode", "telephone",
        "identifier", "truth_person",
    )  # fmt: skip
    recall = 0.9
    u_pairs = 1e7

    @staticmethod
    def rename(_):
        return "*"

    @staticmethod
    def comparisons():
        return [
            graded("identifier", levels.LevenshteinLevel("identifier", 1)),
            name_levels("first_name"),
            name_levels("surname"),
            graded(
                "birth_date",
                levels.LevenshteinLevel("birth_date", 1),
                levels.LevenshteinLevel("birth_date", 2),
            ),
            graded("telephone"),
            graded("street", levels.JaroWinklerLevel("street", 0.9)),
            graded("postcode", levels.LevenshteinLevel("postcode", 1)),
            graded("town", levels.JaroWinklerLevel("town", 0.9)),
        ]

    @staticmethod
    def rules():
        return [
            block_on("identifier"),
            block_on("telephone"),
            block_on("surname", "substr(birth_date, 1, 4)"),
            block_on("first_name", "substr(birth_date, 1, 7)"),
            block_on("postcode"),
        ]

    @staticmethod
    def sure_rules():
        return [block_on("identifier"), block_on("first_name", "surname", "birth_date")]

    @staticmethod
    def training_rules():
        return [block_on("identifier"), block_on("first_name", "surname", "birth_date")]


class Febrl4:
    """The Febrl data set 4, whose fields are padded with blanks."""

    ids = "rec_id"
    recall = 0.8
    u_pairs = 1e6

    @staticmethod
    def rename(names):
        trimmed = (f'nullif(trim("{name}"), \'\') as "{name.strip()}"' for name in names)
        return ", ".join(trimmed)

    @staticmethod
    def comparisons():
        return [
            name_levels("given_name"),
            name_levels("surname"),
            graded(
                "date_of_birth",
                levels.LevenshteinLevel("date_of_birth", 1),
                levels.LevenshteinLevel("date_of_birth", 2),
            ),
            graded("soc_sec_id", levels.LevenshteinLevel("soc_sec_id", 1)),
            graded("address_1", levels.JaroWinklerLevel("address_1", 0.9)),
            graded("street_number", levels.LevenshteinLevel("street_number", 1)),
            graded("suburb", levels.JaroWinklerLevel("suburb", 0.9)),
            graded("postcode", levels.LevenshteinLevel("postcode", 1)),
        ]

    @staticmethod
    def rules():
        return [
            block_on("soc_sec_id"),
            block_on("date_of_birth"),
            block_on("given_name", "surname"),
            block_on("postcode", "surname"),
            block_on("postcode", "given_name"),
            block_on("address_1", "street_number"),
        ]

    @staticmethod
    def sure_rules():
        return [block_on("soc_sec_id"), block_on("given_name", "surname", "date_of_birth")]

    @staticmethod
    def training_rules():
        return [block_on("soc_sec_id"), block_on("date_of_birth")]


WORKS = {"synth": Synth, "febrl4": Febrl4}


def distinct_pairs(connection, work):
    """Counts the pairs that the rules make, each under the first rule that makes it."""
    conditions = [rule.create_blocking_rule_dict("duckdb")["blocking_rule"] for rule in work.rules()]
    pairs = 0
    for number, condition in enumerate(conditions):
        earlier = " or ".join(f"coalesce({one}, false)" for one in conditions[:number]) or "false"
        query = f"select count(*) from file_left l join file_right r on {condition} where not ({earlier})"
        pairs += connection.execute(query).fetchall()[0][0]
    return pairs


def main():
    words = argparse.ArgumentParser()
    words.add_argument("act", choices=["count", "train", "score", "all"])
    words.add_argument("work", choices=WORKS)
    words.add_argument("left")
    words.add_argument("right")
    words.add_argument("--model", help="written by train, read by score")
    words.add_argument("--pairs", help="where the scored pairs are written, as Parquet")
    words.add_argument("--clusters", help="where the clusters are written, as Parquet")
    words.add_argument("--threads", type=int, default=2)
    words = words.parse_args()
    work = WORKS[words.work]
    seconds = {}
    begun = time.perf_counter()

    def lap(step):
        nonlocal begun
        now = time.perf_counter()
        seconds[step] = round(now - begun, 3)
        begun = now
        print(f"{step} {seconds[step]}", file=sys.stderr, flush=True)

    connection = duckdb.connect(config={"threads": words.threads})
    api = DuckDBAPI(connection)
    tables = []
    for side, path in (("left", words.left), ("right", words.right)):
        source = f"read_csv('{path}', header = true, all_varchar = true)"
        names = connection.sql(f"select * from {source} limit 0").columns
        connection.execute(f"create table file_{side} as select {work.rename(names)} from {source}")
        tables.append(api.register(f"file_{side}", dataset_display_name=side))
    lap("read")
    if words.act == "count":
        print(json.dumps({"pairs": distinct_pairs(connection, work), "seconds": seconds}))
        return

    if words.act == "score":
        settings = words.model
    else:
        settings = SettingsCreator(
            link_type="link_only",
            unique_id_column_name=work.ids,
            comparisons=work.comparisons(),
            blocking_rules_to_generate_predictions=work.rules(),
            retain_matching_columns=False,
            retain_intermediate_calculation_columns=False,
        )
    linker = Linker(tables, settings, log_level="WARNING")
    lap("prepare")
    if words.act != "score":
        linker.training.estimate_probability_two_random_records_match(
            work.sure_rules(), recall=work.recall
        )
        lap("prior")
        linker.training.estimate_u_using_random_sampling(max_pairs=work.u_pairs, seed=1)
        lap("u")
        for rule in work.training_rules():
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
        lap("em")
        if words.model:
            linker.misc.save_model_to_json(words.model, overwrite=True)
            lap("save")
    told = {"splink": __import__("splink").__version__, "duckdb": duckdb.__version__}
    if words.act != "train":
        edges = linker.inference.predict(threshold_match_probability=KEPT_FROM)
        count = f"select count(*) from {edges.physical_name}"
        told["kept"] = connection.execute(count).fetchall()[0][0]
        lap("score")
        if words.act == "all":
            clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
                edges, threshold_match_probability=CLUSTERED_FROM
            )
            lap("cluster")
            if words.clusters:
                connection.execute(
                    f"copy (from {clusters.physical_name}) to '{words.clusters}' (format parquet)"
                )
        if words.pairs:
            ids = work.ids
            connection.execute(
                f"copy (select {ids}_l as left_id, {ids}_r as right_id, match_weight, "
                f"match_probability from {edges.physical_name}) to '{words.pairs}' (format parquet)"
            )
            lap("write")
    told["seconds"] = seconds
    print(json.dumps(told))


if __name__ == "__main__":
    main()
