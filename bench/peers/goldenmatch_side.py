"""GoldenMatch's part of the comparison: the rules and comparisons that its own importer made of Splink's model.

`run.py` starts this file with the Python of an environment of its own that holds the pinned GoldenMatch, one process a
measurement, and reads the one line of JSON that it prints. It makes the call that `goldenmatch dedupe LEFT RIGHT
--across-files-only` makes (https://pypi.org/project/goldenmatch/), and keeps the scored pairs, which that command does
not write. `goldenmatch match LEFT --against RIGHT` would be the nearer name; it takes a slower way through the same
scorer (it makes a table of each block first), and had not ended after nine minutes at 100k.
"""

import argparse
import json
import time

import goldenmatch
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet
from goldenmatch.core.pipeline import run_dedupe


def main():
    words = argparse.ArgumentParser()
    words.add_argument("config", help="of `goldenmatch import-splink`")
    words.add_argument("left")
    words.add_argument("right")
    words.add_argument("--id", required=True)
    words.add_argument("--pairs", required=True, help="where the scored pairs are written, as Parquet")
    words = words.parse_args()
    begun = time.perf_counter()
    config = goldenmatch.load_config(words.config)
    files = [(words.left, "left"), (words.right, "right")]
    result = run_dedupe(files, config, across_files_only=True)
    linked = time.perf_counter()
    # It numbers the rows of both files in turn.
    as_text = csv.ConvertOptions(include_columns=[words.id], column_types={words.id: pa.string()})
    ids = [csv.read_csv(path, convert_options=as_text)[words.id].to_pylist() for path in (words.left, words.right)]
    left = len(ids[0])
    ids = ids[0] + ids[1]
    found = result["scored_pairs"]
    pairs = pa.table({
        "left_id": [ids[a] for a, _, _ in found],
        "right_id": [ids[b] for _, b, _ in found],
        "score": [score for _, _, score in found],
    })  # fmt: skip
    assert all(a < left <= b for a, b, _ in found), "a pair is not of the one and the other file"
    parquet.write_table(pairs, words.pairs)
    told = {"goldenmatch": goldenmatch.__version__, "pairs": len(found), "clusters": len(result["clusters"])}
    told["seconds"] = {"link": round(linked - begun, 3), "write": round(time.perf_counter() - linked, 3)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
