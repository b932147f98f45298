"""Holds clusters against the pairs that they are made of: pairwise F1 of both by the truth that synthetic files carry.

Reads the pairs that `comity link all` wrote (without one-to-one), its clusters and the two files, and prints one line of
JSON. Pairs are those of a record of the one file with a record of the other, at the probability or above; of clusters,
all such pairs that stand in one. Records of one file that are of one person are in no pair, so they count on neither
side.
"""

import argparse
import json

import duckdb


def main():
    words = argparse.ArgumentParser()
    words.add_argument("pairs")
    words.add_argument("clusters")
    words.add_argument("left")
    words.add_argument("right")
    words.add_argument("--id", default="id")
    words.add_argument("--truth", default="truth_person")
    words.add_argument("--at", type=float, default=0.95, help="a probability")
    words = words.parse_args()
    connection = duckdb.connect(config={"threads": 2})

    def read(path):
        return f"read_csv('{path}', header = true, all_varchar = true)"

    for side, path in (("source", words.left), ("recipient", words.right)):
        connection.execute(
            f'create table {side} as select "{words.id}" as id, "{words.truth}" as truth '
            f"from {read(path)}"
        )

    def one(query):
        return connection.execute(query).fetchall()[0]

    (same,) = one("select count(*) from source l join recipient r using (truth)")
    found, right = one(
        "select count(*), count(*) filter (l.truth = r.truth) "
        f"from {read(words.pairs)} p join source l on l.id = p.source "
        f"join recipient r on r.id = p.recipient where p.probability::double >= {words.at}"
    )
    connection.execute(
        f"""create table seated as select c.cluster, c.file, coalesce(l.truth, r.truth) as truth
        from {read(words.clusters)} c
        left join source l on c.file = 'source' and l.id = c.record
        left join recipient r on c.file = 'recipient' and r.id = c.record"""
    )
    joined, well = one(
        "select count(*), count(*) filter (l.truth = r.truth) from seated l join seated r "
        "on l.cluster = r.cluster and l.file = 'source' and r.file = 'recipient'"
    )
    (largest,) = one("select max(records) from (select count(*) as records from seated group by cluster)")

    def told(pairs, right):
        return {"pairs": pairs, "right": right, "f1": 2 * right / (pairs + same)}

    print(
        json.dumps(
            {
                "same": same,
                "largest": largest,
                "pairs": told(found, right),
                "clusters": told(joined, well),
            }
        )
    )


if __name__ == "__main__":
    main()
