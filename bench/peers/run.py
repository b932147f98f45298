#!/usr/bin/env python3
"""Runs Comity, Splink and GoldenMatch on the same files, and prints what each took.

    python3 bench/peers/run.py --comity target/release/comity --sizes 100k,1m --rounds 3

Only Python's own library is needed: each peer is installed, pinned as `plan.toml` says, into an environment of its own
under the user's cache, and left out with the reason where that fails. Programs take turns, each measurement is a process
of its own, and medians are compared. Results are printed as they come and written as JSON beside the table.
"""

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLAN = tomllib.loads((HERE / "plan.toml").read_text())
PROGRAMS = ["comity", "splink", "goldenmatch"]


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--comity", default="target/release/comity", help="the program, built for release")
    words.add_argument("--sizes", default="100k", help="of plan.toml, with commas between; or none")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--peer-rounds", type=int, help="in how many of them the peers take part, which need minutes; all")
    words.add_argument("--programs", default=",".join(PROGRAMS))
    words.add_argument("--febrl4", help="a folder with the Febrl data set 4; left out, that part is")
    words.add_argument("--cache", default=default_cache(), help="where environments and files are kept")
    words.add_argument("--out", default="peers.json", help="where all measurements are written")
    words = words.parse_args()
    bench = Bench(words)
    print(f"machine: {machine()}", flush=True)
    bench.install()
    for size in [size for size in words.sizes.split(",") if size != "none"]:
        work = bench.synthesise(size)
        if work:
            bench.compare(work)
    if words.febrl4:
        folder = Path(words.febrl4)
        febrl4 = PLAN["febrl4"]
        work = Work("febrl4", "febrl4", folder / febrl4["left"], folder / febrl4["right"], febrl4, "febrl4.toml", febrl4)
        found = bench.digests(work.left, work.right)
        if found == tuple(febrl4["digests"]):
            bench.compare(work)
        else:
            print(f"febrl4: these are not the plan's files: {found}")
    bench.tell()


def default_cache():
    return os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")) + "/comity/peers"


def machine():
    names = [line.split(":", 1)[1].strip() for line in lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((line.split()[1] for line in lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    processor = names[0] if names else platform.processor()
    return f"{processor}, {os.cpu_count()} cores, {int(memory) / 1048576:.0f} GiB, {platform.system()}"


def lines(path):
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


class Work:
    """Two files to link, and how they are told apart."""

    def __init__(self, name, kind, left, right, columns, recipe, plan):
        self.name, self.kind, self.left, self.right = name, kind, Path(left), Path(right)
        self.id, self.truth, self.recipe = columns["id"], columns["truth"], recipe
        self.pairs, self.model = plan.get("pairs"), plan["model"]


class Failed(Exception):
    """A program that gave up, and the last it said."""


class Bench:
    def __init__(self, words):
        self.words = words
        self.cache = Path(words.cache)
        self.cache.mkdir(parents=True, exist_ok=True)
        self.program = Path(words.comity).resolve()
        self.programs = []
        # One entry a measurement: work, program, act, round, wall, processor seconds, peak, seconds of each step.
        self.measured = []
        self.truths = {}

    # ---- what is needed first -------------------------------------------------------------------------------------

    def install(self):
        """Makes each peer's environment, or says why there is none."""
        for program in self.words.programs.split(","):
            try:
                if program == "comity":
                    self.call([self.program, "--version"])
                else:
                    self.environment(program)
                self.programs.append(program)
            except (Failed, OSError) as problem:
                print(f"{program}: left out: {problem}", flush=True)
        if "splink" not in self.programs:
            # DuckDB reads the truth, whoever made the pairs.
            print("without splink's environment nothing is held against the truth", flush=True)

    def environment(self, program):
        folder = self.cache / program
        wanted = PLAN[program]["packages"]
        marker = folder / "installed.json"
        if marker.exists() and json.loads(marker.read_text()) == wanted:
            return
        print(f"{program}: installing {' '.join(wanted)}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        self.call([folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
        marker.write_text(json.dumps(wanted))

    def python(self):
        return self.cache / "splink/bin/python"

    def synthesise(self, size):
        """Makes the two files of a size, and holds them to the digests of the plan."""
        plan = PLAN["sizes"].get(size)
        if plan is None:
            print(f"{size}: no such size; the plan has {', '.join(PLAN['sizes'])}")
            return None
        folder = self.cache / "files" / size
        synth = PLAN["synth"]
        left, right = folder / synth["left"], folder / synth["right"]
        frozen = (plan["payroll"], plan["caseload"])
        if not (left.exists() and right.exists() and self.digests(left, right) == frozen):
            filled = [word.format(folder=folder, records=plan["records"]) for word in synth["words"]]
            try:
                seconds = self.call([self.program, *filled])["wall"]
            except (Failed, OSError) as problem:
                print(f"{size}: its files cannot be made: {problem}")
                return None
            print(f"{size}: files made in {seconds:.1f} s", flush=True)
        found = self.digests(left, right)
        if found != frozen:
            print(f"{size}: these are not the plan's files: {found}")
            if any(frozen):
                return None
        return Work(size, "synth", left, right, synth, "recipe.toml", plan)

    @staticmethod
    def digests(*paths):
        found = []
        for path in paths:
            with path.open("rb") as file:
                found.append(hashlib.file_digest(file, "sha256").hexdigest())
        return tuple(found)

    # ---- measuring ------------------------------------------------------------------------------------------------

    def call(self, command, patience=None):
        """Runs a command to its end, and returns what it printed, how long it took and its peak memory."""
        said = self.cache / "said.txt"
        wrong = self.cache / "wrong.txt"
        threads = str(PLAN["threads"])
        environment = dict(os.environ, RAYON_NUM_THREADS=threads, POLARS_MAX_THREADS=threads, OMP_NUM_THREADS=threads)
        with said.open("wb") as out, wrong.open("wb") as errors:
            begun = time.perf_counter()
            process = subprocess.Popen(
                [str(word) for word in command], stdout=out, stderr=errors, stdin=subprocess.DEVNULL, env=environment
            )
            # `wait4` tells of this child and of those that it has waited for, and of no other.
            status, usage = self.wait(process, patience)
            wall = time.perf_counter() - begun
        if status != 0:
            ended = (wrong.read_text(errors="replace") + said.read_text(errors="replace")).strip().splitlines()
            raise Failed(f"{Path(command[0]).name} ended with {status}: {' / '.join(ended[-3:])}"[:600])
        return {
            "wall": wall,
            "processor": usage.ru_utime + usage.ru_stime,
            # Kibibytes on Linux.
            "peak": usage.ru_maxrss / 1024,
            "said": said.read_text(errors="replace"),
        }

    @staticmethod
    def wait(process, patience):
        deadline = None if patience is None else time.monotonic() + patience
        while True:
            pid, status, usage = os.wait4(process.pid, 0 if deadline is None else os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, usage
            if time.monotonic() > deadline:
                process.kill()
                os.wait4(process.pid, 0)
                process.returncode = -9
                raise Failed(f"given up after {patience} s")
            time.sleep(0.02)

    def compare(self, work):
        """All programs on one work: the model once, then round after round, one program after the other."""
        folder = self.cache / "work" / work.name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, self.words.rounds + 1):
            # Who begins changes from round to round, since a first run may find the machine colder.
            turn = (number - 1) % max(len(self.programs), 1)
            for program in self.programs[turn:] + self.programs[:turn]:
                if program != "comity" and number > (self.words.peer_rounds or number):
                    continue
                try:
                    for act, result in getattr(self, program)(work, folder):
                        self.note(work, program, act, number, result)
                except (Failed, OSError) as problem:
                    print(f"{work.name} {program}: {problem}", flush=True)
        self.hold_against_truth(work, folder)

    def note(self, work, program, act, number, result):
        steps = " ".join(f"{step} {seconds:.2f}" for step, seconds in result["steps"].items())
        print(
            f"{work.name} {program} {act} round {number}: {result['wall']:.2f} s wall, "
            f"{result['processor']:.2f} s processor, {result['peak']:.0f} MiB peak | {steps}",
            flush=True,
        )
        self.measured.append(
            {"work": work.name, "program": program, "act": act, "round": number}
            | {key: result[key] for key in ("wall", "processor", "peak", "steps", "pairs")}
        )
        Path(self.words.out).write_text(json.dumps(self.result(), indent=1))

    def comity(self, work, folder):
        """Comity's part: everything in one process, then blocking and scoring alone by the model that came of it."""
        adapter = PLAN["comity"]
        own = folder / "comity"
        fill = {
            "recipe": HERE / work.recipe, "left": work.left, "right": work.right, "id": work.id, "folder": own,
            "kept_from": PLAN["kept_from"], "threads": PLAN["threads"],
        }  # fmt: skip
        for act in ("all", "score"):
            result = self.call([self.program, *(word.format(**fill) for word in adapter[act])])
            told = json.loads(result["said"])
            if work.pairs and told["scored_pairs"] != work.pairs:
                print(f"{work.name} comity: {told['scored_pairs']} pairs, and the rules make {work.pairs}", flush=True)
            (model,) = self.digests(own / "model.toml")
            if model != work.model:
                print(f"{work.name} comity: its model is another than the plan's: {model}", flush=True)
            yield act, result | {"steps": told["seconds"], "pairs": told["scored_pairs"] if act == "score" else None}

    def splink(self, work, folder):
        model, pairs = folder / "splink.json", folder / "splink.parquet"
        call = [self.python(), HERE / "splink_side.py"]
        rest = [work.kind, work.left, work.right, "--threads", PLAN["threads"], "--model", model]
        everything = self.call([*call, "all", *rest, "--pairs", pairs, "--clusters", folder / "splink_clusters.parquet"])
        told = json.loads(everything["said"].splitlines()[-1])
        yield "all", everything | {"steps": told["seconds"], "pairs": None}
        if work.kind == "synth":
            scored = self.call([*call, "score", *rest])
            told = json.loads(scored["said"].splitlines()[-1])
            yield "score", scored | {"steps": told["seconds"], "pairs": work.pairs}

    def goldenmatch(self, work, folder):
        settings = folder / "splink.json"
        if not settings.exists():
            raise Failed("it takes its rules and comparisons from Splink's model, and there is none")
        own = self.cache / "goldenmatch/bin"
        for act, with_model in (("all", False), ("score", True)):
            config = folder / f"goldenmatch_{act}.yaml"
            # Without a model it trains one; with one it blocks and scores alone.
            model = ["--model-out", folder / "goldenmatch_model.json"] if with_model else []
            self.call([own / "goldenmatch", "import-splink", settings, "-o", config, *model])
            result = self.call(
                [
                    own / "python", HERE / "goldenmatch_side.py", config, work.left, work.right, "--id", work.id,
                    "--pairs", folder / f"goldenmatch_{act}.parquet",
                ],
                PLAN["goldenmatch"]["patience"],
            )  # fmt: skip
            told = json.loads(result["said"].splitlines()[-1])
            yield act, result | {"steps": told["seconds"], "pairs": None}

    def hold_against_truth(self, work, folder):
        """Precision, recall, best F1 and calibration of each program's pairs."""
        if "splink" not in self.programs:
            return
        tables = {
            "splink": (folder / "splink.parquet", "left_id,right_id,match_weight,match_probability"),
            "comity": (folder / "comity" / "pairs.csv", PLAN["comity"]["pairs"]),
            # Its score stands for a weight and for a probability, and is neither.
            "goldenmatch": (folder / "goldenmatch_score.parquet", "left_id,right_id,score,score"),
        }
        recall = None
        for program, (table, columns) in tables.items():
            if program not in self.programs or not table.exists():
                continue
            command = [self.python(), HERE / "truth.py", table, work.left, work.right, "--columns", columns]
            command += ["--id", work.id, "--truth", work.truth, "--at", PLAN["clustered_from"]]
            if recall is not None:
                command += ["--recall", recall]
            try:
                told = json.loads(self.call(command)["said"])
            except (Failed, OSError, ValueError) as problem:
                print(f"{work.name} {program}: not held against the truth: {problem}")
                continue
            if program == "splink":
                recall = told["recall"]
            self.truths.setdefault(work.name, {})[program] = told

    # ---- telling --------------------------------------------------------------------------------------------------

    def result(self):
        return {"machine": machine(), "plan": PLAN, "measured": self.measured, "truth": self.truths}

    def median(self, work, program, act, of):
        found = [
            of(one)
            for one in self.measured
            if (one["work"], one["program"], one["act"]) == (work, program, act) and of(one) is not None
        ]
        return statistics.median(found) if found else None

    def tell(self):
        Path(self.words.out).write_text(json.dumps(self.result(), indent=1))
        phase = {"splink": "score", "comity": PLAN["comity"]["score_phase"]}
        print(f"\n| Work | {' | '.join(self.programs)} | Splink / Comity | GoldenMatch / Comity |")
        print(f"| --- |{' --- |' * (len(self.programs) + 2)}")
        for work in dict.fromkeys(one["work"] for one in self.measured):
            def step(program):
                return lambda one: one["steps"].get(phase.get(program))

            def rate(program):
                def of(one):
                    seconds = step(program)(one)
                    return one["pairs"] / seconds / PLAN["threads"] / 1e6 if one["pairs"] and seconds else None
                return of

            self.row(f"{work}: block and score, given a model (s)", work, "score", step)
            self.row(f"{work}: the same as a process, files read again (s)", work, "score", lambda _: lambda one: one["wall"])
            self.row(f"{work}: end to end (s)", work, "all", lambda _: lambda one: one["wall"])
            self.row(f"{work}: end to end, processor (s)", work, "all", lambda _: lambda one: one["processor"])
            self.row(f"{work}: peak memory (MiB)", work, "all", lambda _: lambda one: one["peak"])
            self.row(f"{work}: million pairs a second a core", work, "score", rate, more_is_better=True)
        for work, truths in self.truths.items():
            for program, told in truths.items():
                at_recall = told.get("false_pairs_at_recall")
                print(
                    f"\n{work} {program}: at {told['at']}: precision {told['precision']:.4f}, recall "
                    f"{told['recall']:.4f}, {told['false_pairs']} false; best F1 {told['best_f1']:.4f}"
                    + (f"; {at_recall} false pairs at Splink's recall" if at_recall is not None else "")
                )
                for one in told["bins"]:
                    print(
                        f"  bin {one['bin'] / 10:.1f}: {one['pairs']} pairs, said {one['probability']:.3f}, "
                        f"true {one['same']:.3f}"
                    )

    def row(self, label, work, act, of, more_is_better=False):
        values = {program: self.median(work, program, act, of(program)) for program in self.programs}
        if all(value is None for value in values.values()):
            return

        def ratio(peer):
            own, other = values.get("comity"), values.get(peer)
            if not own or not other:
                return "–"
            return f"{own / other if more_is_better else other / own:.1f} ×"

        shown = " | ".join("–" if value is None else f"{value:.2f}" for value in values.values())
        print(f"| {label} | {shown} | {ratio('splink')} | {ratio('goldenmatch')} |")


if __name__ == "__main__":
    sys.exit(main())
