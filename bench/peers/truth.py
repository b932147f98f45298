"""Measures scored pairs against the truth that synthetic files, or Febrl's record ids, carry.

Reads a table of pairs (left id, right id, weight, probability; a pair given twice counts once) and the two files, and prints
one line of JSON: precision and recall at a probability, the best F1 over all thresholds, ten equal-width probability
bins, and the false pairs that stand at or above the weight where a stated recall is reached. Pairs that a program
dropped or never made count as missed. It favours no program: both programs' pairs go through the same queries.
"""

import argparse
import json

import duckdb


def main():
    words = argparse.ArgumentParser()
    words.add_argument("pairs", help="Parquet or CSV")
    words.add_argument("left")
    words.add_argument("right")
    words.add_argument("--columns", default="left_id,right_id,match_weight,match_probability")
    words.add_argument("--id", default="id")
    words.add_argument(
        "--truth", default="truth_person", help="an expression over a file's columns: equal, same"
    )
    words.add_argument("--at", type=float, default=0.95, help="a probability")
    words.add_argument("--recall", type=float, help="false pairs are counted at this recall")
    words.add_argument("--with-truth", help="where the pairs are written again, with a column `same`")
    words = words.parse_args()
    connection = duckdb.connect(config={"threads": 2})

    def read(path):
        if path.endswith(".parquet"):
            return f"read_parquet('{path}')"
        return f"read_csv('{path}', header = true, all_varchar = true)"

    for side, path in (("file_left", words.left), ("file_right", words.right)):
        connection.execute(
            f'create table {side} as select trim("{words.id}") as id, {words.truth} as truth '
            f"from {read(path)}"
        )
    left_id, right_id, weight, probability = (f'"{name}"' for name in words.columns.split(","))
    connection.execute(
        f"""create table pairs as
        select l.id as left_id, r.id as right_id, max(p.{weight}::double) as weight,
            max(p.{probability}::double) as probability, any_value(l.truth = r.truth) as same
        from {read(words.pairs)} p
        join file_left l on l.id = trim(p.{left_id})
        join file_right r on r.id = trim(p.{right_id})
        group by l.id, r.id"""
    )
    if words.with_truth:
        connection.execute(
            "copy (select left_id, right_id, weight as match_weight, "
            f"probability as match_probability, same from pairs) to '{words.with_truth}' "
            "(format parquet)"
        )

    def one(query):
        return connection.execute(query).fetchall()[0]

    (all_same,) = one("select count(*) from file_left l join file_right r using (truth)")
    kept, same = one("select count(*), count(*) filter (same) from pairs")
    above, right = one(
        "select count(*), count(*) filter (same) from pairs "
        f"where probability >= {words.at}"
    )
    # Pairs of equal weight stand or fall together.
    connection.execute(
        """create table thresholds as
        select weight, sum(pairs) over falling as standing, sum(sames) over falling as found from
            (select weight, count(*) as pairs, count(*) filter (same) as sames
            from pairs group by weight)
        window falling as (order by weight desc)"""
    )
    best, best_weight = one(
        f"select max(2.0 * found / (standing + {all_same})), "
        f"arg_max(weight, 2.0 * found / (standing + {all_same})) from thresholds"
    )
    bins = connection.execute(
        """select least(floor(probability * 10), 9)::int as bin, count(*), avg(probability),
            avg(same::int) from pairs group by bin order by bin"""
    ).fetchall()
    told = {
        "same_pairs": all_same,
        "kept": kept,
        "kept_same": same,
        "at": words.at,
        "precision": right / above if above else None,
        "recall": right / all_same if all_same else None,
        "false_pairs": above - right,
        "best_f1": best,
        "best_f1_at_weight": best_weight,
        "bins": [
            {"bin": bin, "pairs": pairs, "probability": mean, "same": share}
            for bin, pairs, mean, share in bins
        ],
    }
    if words.recall is not None:
        (told["false_pairs_at_recall"],) = one(
            f"select min(standing - found) from thresholds where found >= {words.recall!r}::double * {all_same}"
        )
        told["asked_recall"] = words.recall
    print(json.dumps(told))


if __name__ == "__main__":
    main()
