"""The same input on both engines: what each stage costs, and what of it reaches the driver.

    python benchmarks/engines.py [--exchanges 300000 --accounts 5000] [--seed 10020] [--spark-master URL --spark-conf FILE]
    python benchmarks/engines.py --driver [--exchanges 25000 --accounts 1000] [--times 4] [--looked-at 16]

The first makes an exercise of the default scenario, scans it with `stillwatch scan --engine duckdb` and `--engine spark` as
a user would (all tables, `looks: 0`, the same threads and memory), each in a process of its own, prints the seconds of each
stage, the core seconds of all processes (which depend less on what else a machine does), their peak memory (sums of resident
sets, sampled), and checks that
campaigns.parquet and members.parquet are equal. Then it measures the core seconds of intake and of stage 1's relations on
this exercise and on one of a third of its size, so that what a million exchanges more cost is told from what starting costs.

The second makes two exercises of the same accounts, one with so many times the exchanges of the other, and prints how many
rows and bytes of each of stage 1's tables came to the driver. All is added to benchmarks/results/engines.json.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from _common import COMMAND, RESULTS, made_by, make_drill, show
from stillwatch.cli.inputs import resources_of
from stillwatch.cli.options import SIZE
from stillwatch.detection.distributed_intake import take_in_shares
from stillwatch.detection.ledger import relate
from stillwatch.detection.settings import Settings
from stillwatch.engines import ENGINES, open_engine
from stillwatch.engines.duckdb import DuckDBEngine
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key
from stillwatch.records.tables import open_usage

RESULT = RESULTS / "engines.json"
SAMPLED_S = 0.2
CARRIED = ("threads", "memory", "spark_master", "spark_conf")
TABLES = ("accounts", "ledger", "novelty", "objects", "shared", "models", "duplicates")


def used(process: subprocess.Popen[str]) -> Iterator[int]:
    """Resident set of a process with all below it, in bytes, again and again while it runs."""
    whole = psutil.Process(process.pid)
    while process.poll() is None:
        total = 0
        for one in (whole, *whole.children(recursive=True)):
            try:
                total += one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        yield total
        time.sleep(SAMPLED_S)


def scanned(drill: Path, out: Path, engine: str, more: list[str]) -> dict[str, Any]:
    """Seconds, stages and peak memory of a scan."""
    (out.parent / "undated.yaml").write_text("looks: 0\n")
    tables = [f"--{name}={drill / name}.parquet" for name in ("accounts", "releases", "agreements")]
    command = [
        *COMMAND,
        *("scan", f"--usage={drill / 'usage'}", *tables, f"--out={out}", f"--engine={engine}", "--json"),
        f"--settings={out.parent / 'undated.yaml'}",
        *more,
    ]
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(command, stdout=told, text=True)
        peak = max(used(process), default=0)
        if process.wait():
            sys.exit(f"{' '.join(command)} ended with {process.returncode}")
        seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        told.seek(0)
        run = json.loads(told.read())
    return {
        "seconds": round(seconds, 2),
        # Of the command with all that it started and waited for, which is all.
        "core_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "stages": run["seconds"],
        "peak_mib": peak >> 20,
        "versions": run["versions"],
        "groups": run["groups"],
    }


def core_seconds() -> float:
    """Of this process and of all that it started and that still runs, or that these waited for."""
    total = 0.0
    me = psutil.Process()
    for one in (me, *me.children(recursive=True)):
        try:
            spent = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


def stages(usage: str, engine: str, work: Path, options: argparse.Namespace) -> dict[str, float]:
    """Core seconds of starting an engine, of intake and of stage 1's relations."""
    spent = [core_seconds()]
    reader = open_usage(usage, rejects=RejectLog())
    settings = resources_of(1, 1, "spark", options.spark_master, options.spark_conf).engine_settings
    with open_engine(
        engine,
        scratch=work / "scratch",
        threads=options.threads,
        memory=SIZE.convert(options.memory, None, None) // 2,
        settings=settings,
    ) as opened:
        spent.append(core_seconds())
        taken = take_in_shares(
            opened, reader, work, key=Key(bytes(16)), threads=options.threads, since=None, until=None,
            progress=lambda rows, read: None,
        )  # fmt: skip
        spent.append(core_seconds())
        relate(opened, opened.parquet(taken.exchange_files), Settings())
        spent.append(core_seconds())
    start, intake, ledger = (round(b - a, 1) for a, b in pairwise(spent))
    return {"start": start, "intake": intake, "ledger": ledger}


def apart(usage: Path, engine: str, options: argparse.Namespace) -> dict[str, float]:
    """`stages` in a process of its own."""
    named = {name.replace("_", "-"): getattr(options, name) for name in CARRIED}
    more = [f"--{name}={value}" for name, value in named.items() if value is not None]
    command = [sys.executable, __file__, f"--stages={usage}", f"--engine={engine}", *more]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def growth(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Core seconds of stages of the exercise and of one of a third of its exchanges and accounts."""
    third = folder / "third"
    size = (f"--exchanges={options.exchanges // 3}", f"--accounts={options.accounts // 3}")
    make_drill(third, "default", options.seed, *size)
    found: dict[str, Any] = {}
    rows = []
    for engine in ENGINES:
        small, large = (apart(drill / "usage", engine, options) for drill in (third, folder / "drill"))
        found[engine] = {"third": small, "whole": large}
        more = options.exchanges - options.exchanges // 3
        for stage, spent in large.items():
            rows.append((engine, stage, small[stage], spent, f"{1e6 * (spent - small[stage]) / more:.1f}"))
    show(("engine", "stage", "core s of a third", "core s of all", "core s for a million more"), rows, left=2)
    return found


def both(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both engines on one exercise."""
    drill = folder / "drill"
    size = (f"--exchanges={options.exchanges}", f"--accounts={options.accounts}")
    make_drill(drill, "default", options.seed, *size)
    kept = [f"--threads={options.threads}", f"--memory={options.memory}"]
    cluster = [
        *([f"--spark-master={options.spark_master}"] if options.spark_master else []),
        *([f"--spark-conf={options.spark_conf}"] if options.spark_conf else []),
    ]
    found: dict[str, Any] = {
        "duckdb": scanned(drill, folder / "duckdb", "duckdb", kept),
        "spark": scanned(drill, folder / "spark", "spark", kept + cluster),
    }
    for name in ("campaigns", "members"):
        a, b = (pq.read_table(folder / engine / f"{name}.parquet") for engine in found)
        if not a.equals(b):
            sys.exit(f"{name}.parquet differs between the engines")
    a, b = found.values()
    show(
        ("stage", "duckdb s", "spark s", "spark / duckdb"),
        [
            *(
                (stage, f"{s:.1f}", f"{b['stages'][stage]:.1f}", f"{b['stages'][stage] / max(s, 0.001):.1f}")
                for stage, s in a["stages"].items()
            ),
            (
                "whole command",
                f"{a['seconds']:.1f}",
                f"{b['seconds']:.1f}",
                f"{b['seconds'] / a['seconds']:.1f}",
            ),
            (
                "core seconds, all processes",
                *(f"{one['core_seconds']:.1f}" for one in (a, b)),
                f"{b['core_seconds'] / a['core_seconds']:.1f}",
            ),
            ("peak MiB", f"{a['peak_mib']:,}", f"{b['peak_mib']:,}", f"{b['peak_mib'] / a['peak_mib']:.1f}"),
        ],
    )
    print("campaigns.parquet and members.parquet are equal")
    found["core_seconds"] = growth(options, folder)
    return {
        "made_by": made_by(), "on": time.strftime("%Y-%m-%d"), "seed": options.seed, "threads": options.threads,
        "memory": options.memory, "spark_master": options.spark_master, "load": [round(n, 1) for n in os.getloadavg()],
        **found,
    }  # fmt: skip


class Counting(DuckDBEngine):
    """Counts all that comes out of the engine, which is the same for engines of many processes."""

    rows = 0
    bytes = 0

    def fetch(self, expression: ir.Table) -> pa.Table:
        """See `Engine.fetch`."""
        found = super().fetch(expression)
        self.rows += found.num_rows
        self.bytes += found.nbytes
        return found

    def batches(self, expression: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine.batches`."""
        for batch in super().batches(expression):
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            yield batch


def reached(drill: Path, work: Path, looked_at: int) -> dict[str, Any]:
    """Rows and bytes of what stage 1 hands to the driver."""
    reader = open_usage(drill / "usage", rejects=RejectLog())
    with Counting(scratch=work / "scratch", threads=2, memory=2 << 30) as engine:
        taken = take_in_shares(
            engine, reader, work, key=Key(bytes(16)), threads=2, since=None, until=None, progress=lambda rows, read: None
        )  # fmt: skip
        # As a cluster works: an engine in this process hands out more, to be counted here.
        engine.workers = 2
        found = relate(engine, engine.parquet(taken.exchange_files), Settings(looked_at=looked_at))
        fetched = {"rows": engine.rows, "bytes": engine.bytes}
    tables = {
        name: {"rows": getattr(found, name).num_rows, "bytes": getattr(found, name).nbytes} for name in TABLES
    }
    held = [value for value in vars(found.exchanges).values() if isinstance(value, np.ndarray)]
    tables["exchanges"] = {"rows": len(found.exchanges.row), "bytes": sum(array.nbytes for array in held)}
    return {"exchanges": taken.rows, "tables": tables, "fetched": fetched}


def driver(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What comes to the driver of two logs of the same accounts."""
    found = []
    for factor in (1, options.times):
        drill = folder / f"drill-{factor}"
        size = (f"--exchanges={options.exchanges * factor}", f"--accounts={options.accounts}")
        make_drill(drill, "default", options.seed, *size)
        found.append(reached(drill, folder / f"work-{factor}", options.looked_at))
    a, b = found
    rows = [(name, a["tables"][name], b["tables"][name]) for name in (*TABLES, "exchanges")]
    rows.append(("all that was fetched", a["fetched"], b["fetched"]))
    show(
        (
            "table",
            f"rows of {a['exchanges']:,}",
            f"of {b['exchanges']:,}",
            "times",
            "bytes",
            "bytes",
            "times",
        ),
        [
            (
                name,
                *(f"{one['rows']:,}", f"{other['rows']:,}", f"{other['rows'] / max(one['rows'], 1):.2f}"),
                *(f"{one['bytes']:,}", f"{other['bytes']:,}", f"{other['bytes'] / max(one['bytes'], 1):.2f}"),
            )
            for name, one, other in rows
        ],
    )
    return {
        "made_by": made_by(), "on": time.strftime("%Y-%m-%d"), "seed": options.seed, "accounts": options.accounts,
        "looked_at": options.looked_at, "logs": found,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--driver", action="store_true")
    parser.add_argument("--exchanges", type=int)
    parser.add_argument("--accounts", type=int)
    parser.add_argument("--seed", type=int, default=10020)
    parser.add_argument("--times", type=int, default=4)
    parser.add_argument("--looked-at", type=int, default=16)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--memory", default="6GB")
    parser.add_argument("--spark-master")
    parser.add_argument("--spark-conf", type=Path)
    parser.add_argument("--stages", help=argparse.SUPPRESS)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(stages(options.stages, options.engine, Path(folder), options)))
        return
    options.exchanges = options.exchanges or (25_000 if options.driver else 300_000)
    options.accounts = options.accounts or (1_000 if options.driver else 5_000)
    report = json.loads(RESULT.read_text()) if RESULT.exists() else {"engines": {}, "driver": {}}
    name = f"{options.exchanges} exchanges, {options.accounts} accounts"
    with tempfile.TemporaryDirectory() as folder:
        if options.driver:
            kind = f"{name}, {options.times} times, looked_at {options.looked_at}"
            report["driver"][kind] = driver(options, Path(folder))
        else:
            report["engines"][name] = both(options, Path(folder))
    RESULT.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {RESULT}")


if __name__ == "__main__":
    main()
