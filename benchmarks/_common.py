"""What the benchmarks of detection share: the commands as a user runs them, their results, and bounds of rates."""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pyarrow.parquet as pq
from scipy import stats

import stillwatch
from stillwatch.detection.settings import SETTINGS_VERSION
from stillwatch.records.findings import ACCUSED_ROLES

RESULTS = Path(__file__).parent / "results"
COMMAND = [sys.executable, "-m", "stillwatch"]


def call(*arguments: str) -> str:
    """Run a command of stillwatch; what it printed. A failure ends the benchmark with the command's own words."""
    done = subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"stillwatch {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


class Used(NamedTuple):
    """What a command printed, and what it took: memory at its peak, wall clock, processors with its children's.

    Memory is the resident set of the process, or that of it and all below it together where that was more. What they share
    counts once there (proportional set size), looked at every SAMPLED_S seconds.
    """

    told: str
    peak_mib: int
    seconds: float
    cpu_seconds: float


SAMPLED_S = 3.0


LAUNCHER = """
import json, os, sys
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(process, 0)
with open(sys.argv[1], "w") as out:
    json.dump([os.waitstatus_to_exitcode(status), used.ru_maxrss >> 10, used.ru_utime + used.ru_stime], out)
"""
"""Runs a command and writes down how it ended, its memory in MiB and CPU seconds. A small process between: the system counts
what the process that starts a command holds at that moment as the command's own."""


def together_mib(pid: int) -> int:
    """Memory of all processes below one in MiB, what they share counted once."""
    kib = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for below in psutil.Process(pid).children(recursive=True):
            # One that has just ended has no such file, or an empty one.
            with contextlib.suppress(OSError, IndexError):
                told = Path(f"/proc/{below.pid}/smaps_rollup").read_text()
                kib += int(told.split("\nPss:")[1].split()[0])
    return kib >> 10


def used_by(command: Sequence[str]) -> Used:
    """Run a command. A failure ends the benchmark."""
    begin = time.perf_counter()
    ended, most = threading.Event(), [0]

    def look() -> None:
        while not ended.wait(SAMPLED_S):
            most[0] = max(most[0], together_mib(process.pid))

    with tempfile.TemporaryFile("w+") as out, tempfile.NamedTemporaryFile("r") as used:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, used.name, *command], stdout=out
        )
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        process.wait()
        seconds = time.perf_counter() - begin
        ended.set()
        looking.join()
        status, largest, cpu_seconds = json.load(used)
        if status:
            sys.exit(f"{' '.join(command)} ended with {status}")
        out.seek(0)
        return Used(out.read(), max(largest, most[0]), seconds, cpu_seconds)


def peak_and_seconds(command: Sequence[str]) -> tuple[str, int, float]:
    """(what a command printed, its peak memory in MiB, wall-clock seconds), as in `Used`. A failure ends the benchmark."""
    return used_by(command)[:3]


def warm_up(work: Path) -> None:
    """A scan that nobody measures, large enough that it comes to all that is compiled once for a machine."""
    drill = work / "first"
    make_drill(drill, "default", 1, "--exchanges=60000", "--accounts=5000")
    run_scan(drill, work / "first scan", dated=False)
    shutil.rmtree(drill)


def make_drill(folder: Path, scenario: str, seed: int, *more: str) -> dict[str, Any]:
    """Write an exercise into `folder`; its summary."""
    command = ("drill", f"--out={folder}", f"--scenario={scenario}", f"--seed={seed}", "--json", *more)
    found: dict[str, Any] = json.loads(call(*command))
    return found


def run_scan(drill: Path, out: Path, *more: str, dated: bool = True) -> dict[str, Any]:
    """Scan an exercise with all of its tables into `out`; what run.json tells.

    Not `dated`: no look at the past, which takes most of a scan's time; nothing else of the result differs.
    """
    tables = [f"--{name}={drill / name}.parquet" for name in ("accounts", "releases", "agreements")]
    if not dated:
        (drill / "undated.yaml").write_text("looks: 0\n")
        more = (*more, f"--settings={drill / 'undated.yaml'}")
    found: dict[str, Any] = json.loads(
        call("scan", f"--usage={drill / 'usage'}", *tables, f"--out={out}", "--json", *more)
    )
    return found


def run_score(drill: Path, out: Path) -> dict[str, Any]:
    """A scan held against the truth of its exercise, as `score --json` prints it."""
    found: dict[str, Any] = json.loads(call("score", f"--truth={drill / 'truth'}", f"--scan={out}", "--json"))
    return found


@dataclass(frozen=True)
class Named:
    """Accounts that a scan names: accused ones, and those that only a group for review holds."""

    accused: frozenset[str]
    reviewed: frozenset[str]

    @classmethod
    def of(cls, found: "Look") -> "Named":
        """Of a look's groups."""
        accused, asked = (
            frozenset[str]().union(*(who for verdict, who in found if verdict == wanted))
            for wanted in ("extraction", "review")
        )
        return cls(accused, asked - accused)


Look = list[tuple[str, frozenset[str]]]
"""What a scan found: the verdict and the members of each group; who is only suspected is no member."""


def found_groups(out: Path) -> Look:
    """What the scan at `out` found."""
    columns = ["campaign_id", "account_id", "role"]
    who: dict[str, set[str]] = {}
    for m in pq.read_table(out / "members.parquet", columns=columns).to_pylist():
        if m["role"] in ACCUSED_ROLES:
            who.setdefault(m["campaign_id"], set()).add(m["account_id"])
    table = pq.read_table(out / "campaigns.parquet", columns=["campaign_id", "verdict"]).to_pylist()
    return [(c["verdict"], frozenset(who.get(c["campaign_id"], ()))) for c in table]


def named(out: Path) -> Named:
    """Whom the scan at `out` accuses or would have a person look at."""
    return Named.of(found_groups(out))


@dataclass(frozen=True)
class Planted:
    """One group of an exercise's truth."""

    group_id: str
    name: str
    tier: str
    unauthorised: bool
    accounts: frozenset[str]


def planted(drill: Path) -> list[Planted]:
    """The groups of an exercise, campaigns first."""
    members: dict[str, set[str]] = {}
    for row in pq.read_table(drill / "truth" / "accounts.parquet").to_pylist():
        if row["group_id"] is not None:
            members.setdefault(row["group_id"], set()).add(row["account_id"])
    groups = [
        Planted(
            g["group_id"],
            g["class"],
            g["tier"] or "",
            g["unauthorised"],
            frozenset(members.get(g["group_id"], ())),
        )
        for g in pq.read_table(drill / "truth" / "groups.parquet").to_pylist()
    ]
    return sorted(groups, key=lambda g: (not g.unauthorised, g.name, g.tier, g.group_id))


def campaign_alone(
    kind: str, seed: int, options: argparse.Namespace, knobs: Mapping[str, object]
) -> tuple[frozenset[str], Named]:
    """Make and scan the exercise of one class with these knobs turned; its guilty accounts, and whom the scan names.

    `options` has exchanges, accounts and tier.
    """
    with tempfile.TemporaryDirectory() as folder:
        drill, out = Path(folder) / "drill", Path(folder) / "scan"
        make_drill(
            drill,
            f"class:{kind}",
            seed,
            f"--exchanges={options.exchanges}",
            f"--accounts={options.accounts}",
            f"--tier={options.tier}",
            *(f"--knob={kind}.{name}={value}" for name, value in knobs.items()),
        )
        run_scan(drill, out, dated=False)
        guilty: frozenset[str] = frozenset().union(*(g.accounts for g in planted(drill) if g.unauthorised))
        return guilty, named(out)


def everyone(drill: Path) -> frozenset[str]:
    """All accounts of an exercise."""
    column = pq.read_table(drill / "accounts.parquet", columns=["account_id"])["account_id"]
    return frozenset(column.to_pylist())


def upper_bound(events: int, trials: int) -> float:
    """Clopper-Pearson upper 95% bound of a rate."""
    return 1.0 if events >= trials else float(stats.beta.ppf(0.95, events + 1, trials - events))


def show(header: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> None:
    """Print a table; the first `left` columns are texts, the others figures."""
    cells = [list(header), *([str(c) for c in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print(
            "  ".join(
                c.ljust(w) if i < left else c.rjust(w)
                for i, (c, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        )


def percent(part: float, whole: float) -> str:
    """A share for a person; a dash of nothing."""
    return f"{100 * part / whole:.1f}%" if whole else "-"


@cache
def made_by() -> dict[str, str | None]:
    """Versions of what is measured, of its commit (None outside of git; `+`: changed since) and of its settings."""
    asked = ("rev-parse", "--short=10", "HEAD"), ("status", "--porcelain", "--", "src")
    told = [
        subprocess.run(["git", *what], check=False, capture_output=True, text=True, cwd=RESULTS.parents[1])
        for what in asked
    ]
    commit, changed = (None if one.returncode else one.stdout.strip() for one in told)
    return {
        "stillwatch": stillwatch.__version__,
        "commit": None if commit is None else commit + ("+" if changed else ""),
        "settings": SETTINGS_VERSION,
    }


def earlier(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The report of an earlier run; empty where there was none. One with other settings ends the benchmark."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return {}
    report: dict[str, Any] = json.loads(path.read_text())
    if report["settings"] != settings:
        raise SystemExit(f"{path} was made with {report['settings']}; give the same, or leave out --add")
    return report


def write(name: str, report: dict[str, Any]) -> None:
    """Keep a report, and what it was made by, as benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}.json"
    target.write_text(json.dumps({"made_by": made_by()} | report, indent=1) + "\n")
    print(f"written: {target}")
