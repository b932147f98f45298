#!/usr/bin/env python3
"""Times linking where one block has half of all pairs against linking as many pairs in even blocks.

    python3 bench/skew/run.py --comity target/release/comity [--memory 2GiB] [--rounds 3] [--threads 2,4]

Both files of both cases are made here, of invented names, with as many records and nearly as many pairs; the order of the
two cases alternates from round to round, and the medians are told. With `--memory` the work goes through a plan, which
takes a program built with the feature `plan`. Nothing but Python's own library is needed.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile

MODEL = """
name = "skew"
link = "between"
prior = 0.001
threshold = 8.0
column = [
    { name = "given", from = ["given"] }, { name = "surname", from = ["surname"] },
    { name = "birth", from = ["birth"] }, { name = "town", from = ["town"] },
]
rule = [{ keys = [{ column = "town" }] }]
[[comparison]]
name = "given"
column = "given"
level = [
    { test = "exact", m = 0.7, u = 0.01 }, { test = { jaro_winkler = 0.9 }, m = 0.2, u = 0.02 },
    { test = "else", m = 0.1, u = 0.97 },
]
[[comparison]]
name = "surname"
column = "surname"
level = [
    { test = "exact", m = 0.8, u = 0.01 }, { test = { levenshtein = 2 }, m = 0.1, u = 0.02 },
    { test = "else", m = 0.1, u = 0.97 },
]
[[comparison]]
name = "birth"
column = "birth"
level = [
    { test = "exact", m = 0.9, u = 0.001 }, { test = { damerau = 1 }, m = 0.05, u = 0.009 },
    { test = "else", m = 0.05, u = 0.99 },
]
"""

# Records on either side, and those of an even block: 200 blocks of 1,000 × 1,000 make 200 million pairs.
RECORDS, EVEN = 200_000, 1_000
# One block of 10,000 × 10,000 makes half of them, and blocks of 526 × 526 the other half.
LARGE, SMALL = 10_000, 526


def town_of(case, record):
    """Returns the block of a record."""
    if case == "even":
        return record // EVEN
    return 0 if record < LARGE else 1 + (record - LARGE) // SMALL


def write(path, case, seed):
    """Writes a file of one case, and returns how many records each block has."""
    dice, sizes = random.Random(seed), {}
    syllables = [one + two for one in "bdfgklmnprstv" for two in ("a", "e", "i", "o", "u", "an", "el", "or")]
    names = ["".join(dice.choices(syllables, k=dice.choice((2, 3)))) for _ in range(5_000)]
    with open(path, "w", encoding="utf-8") as file:
        file.write("id,given,surname,birth,town\n")
        for record in range(RECORDS):
            town = town_of(case, record)
            sizes[town] = sizes.get(town, 0) + 1
            birth = f"{dice.randint(1930, 2010)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
            file.write(f"{record},{dice.choice(names)},{dice.choice(names)},{birth},t{town}\n")
    return sizes


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--comity", required=True, help="the program, as `cargo build --release` makes it")
    words.add_argument("--memory", help="link within so much, by a plan")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--threads", default="2,4")
    said = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "model.toml").write_text(MODEL, encoding="utf-8")
        pairs = {}
        for case in ("even", "skewed"):
            left = write(folder / f"{case}-left.csv", case, 1)
            right = write(folder / f"{case}-right.csv", case, 2)
            made = [size * right.get(town, 0) for town, size in left.items()]
            pairs[case] = sum(made)
            print(f"{case}: {pairs[case]:,} pairs, the largest block {max(made) / sum(made):.0%} of them")
        for threads in said.threads.split(","):
            times = {"even": [], "skewed": []}
            for turn in range(said.rounds):
                for case in ("even", "skewed") if turn % 2 == 0 else ("skewed", "even"):
                    command = [
                        said.comity, "link", "link", folder / "model.toml", folder / f"{case}-left.csv",
                        folder / f"{case}-right.csv", "--id", "id", "--threads", threads, "--json",
                        "--out", folder / "pairs.csv",
                    ]
                    command += ["--memory", said.memory] if said.memory else []
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                    seconds = json.loads(done.stdout)["seconds"]
                    times[case].append(sum(seconds.values()))
            even, skewed = (statistics.median(times[case]) for case in ("even", "skewed"))
            print(f"{threads} threads: even {even:.2f} s, skewed {skewed:.2f} s, {skewed / even:.2f} times")


if __name__ == "__main__":
    main()
