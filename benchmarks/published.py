"""The published campaigns of February 2026 inside a large provider's traffic, with sketches in place of texts, end to end.

    python benchmarks/published.py [--scale 1] [--exchanges 60000000] [--seed 8701] [--undated] [--drill FOLDER]

Makes the scenario published-2026 at this scale (at 1: 24,000 accounts with 16.7M exchanges in three campaigns, and every
class of look-alikes) with so many ordinary exchanges beside it that there are --exchanges in all, writes it with sketches in
place of texts, scans it as a user would, and scores the scan. Prints and writes benchmarks/results/published.json: seconds
by stage, peak memory of each command (resident set), bytes on disk, how many campaign accounts were found, how many of the
accused are guilty, and how many look-alike groups were accused. `--scale 0.01` shows in minutes that all of it works;
results of a smaller size go to published-EXCHANGES.json.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from _common import COMMAND, peak_and_seconds, run_score, show, write
from stillwatch.drill import scenarios
from stillwatch.records.sketches.key import BYTES

WHOLE = 60_000_000
SCENARIO = "published-2026"


def accounts_for(scale: float, exchanges: int) -> int:
    """Accounts in all where ordinary people are as active as in the scenario: more traffic is more people."""
    found = scenarios.find(SCENARIO, scale=scale)
    members = sum(p.knobs.accounts for p in found.campaigns if p.knobs)
    theirs = sum(p.knobs.accounts * p.knobs.volume_mean for p in found.campaigns if p.knobs)
    grown = (exchanges - theirs) / (found.exchanges - theirs)
    return round(members + (found.accounts - members) * grown)


def made(drill: Path, key: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Write the exercise; what it has, and what that took."""
    told, peak, seconds = peak_and_seconds(
        [
            *COMMAND,
            "drill",
            f"--out={drill}",
            f"--scenario={SCENARIO}",
            f"--scale={options.scale}",
            f"--exchanges={options.exchanges}",
            f"--accounts={options.accounts}",
            f"--seed={options.seed}",
            "--sketches",
            f"--key={key}",
            "--json",
        ]
    )
    summary = json.loads(told)
    return {
        "seconds": round(seconds, 1),
        "peak_mib": peak,
        "exchanges": summary["exchanges"],
        "accounts": summary["accounts"],
        "extracting": summary["extracting"],
    }


def scanned(drill: Path, key: Path, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Scan the exercise; what run.json tells, and what that took."""
    command = [*COMMAND, "scan", f"--usage={drill / 'usage'}", f"--key={key}", f"--out={out}", "--json"]
    command += [f"--{name}={drill / name}.parquet" for name in ("accounts", "releases", "agreements")]
    command += [f"--{name}={value}" for name in ("memory", "threads") if (value := getattr(options, name))]
    if options.undated:
        (out.parent / "undated.yaml").write_text("looks: 0\n")
        command.append(f"--settings={out.parent / 'undated.yaml'}")
    told, peak, seconds = peak_and_seconds(command)
    run = json.loads(told)
    return {
        "seconds": round(seconds, 1),
        "peak_mib": peak,
        "stages": run["seconds"],
        "exchanges": run["rows"]["scanned"],
        "sketched": run["sketched"]["exchanges"],
        "groups": run["groups"],
        "threads": run["resources"]["threads"],
        "memory": run["resources"]["memory"],
    }


def of_score(score: dict[str, Any]) -> dict[str, Any]:
    """What of a score is kept: the totals, and the campaigns one by one."""
    totals = ("guilty", "guilty_accused", "recall", "accused", "precision", "ordinary_accused")
    return {
        **{name: score[name] for name in totals},
        "look_alikes": sum(not g["unauthorised"] for g in score["groups"]),
        "look_alikes_accused": score["look_alikes_accused"],
        "campaigns": [g for g in score["groups"] if g["unauthorised"]],
    }


def report(found: dict[str, Any]) -> None:
    """Print what was found and what it took."""
    make, scan, score = found["drill"], found["scan"], found["score"]
    show(
        ("stage", "seconds", "peak MiB"),
        [
            *([("drill", f"{make['seconds']:,.1f}", f"{make['peak_mib']:,}")] if "seconds" in make else []),
            *((f"scan: {name}", f"{seconds:,.1f}", "") for name, seconds in scan["stages"].items()),
            ("scan", f"{scan['seconds']:,.1f}", f"{scan['peak_mib']:,}"),
        ],
    )
    print(
        f"{scan['exchanges']:,} exchanges of {make['accounts']:,} accounts, {make['extracting']:,} of them extracting;"
        f" {found['bytes'] / 2**30:.2f} GiB of usage, {found['bytes'] / make['exchanges']:.0f} bytes an exchange;"
        f" {scan['exchanges'] / scan['seconds']:,.0f} exchanges a second"
    )
    for one in score["campaigns"]:
        print(f"{one['name']}: {one['accused']:,} of {one['accounts']:,} accounts accused, {one['verdict']}")
    print(
        f"found: {score['guilty_accused']:,} of {score['guilty']:,} campaign accounts accused"
        f" ({100 * score['recall']:.1f}%); {100 * score['precision']:.1f}% of {score['accused']:,} accused are guilty;"
        f" look-alike groups accused: {score['look_alikes_accused']} of {score['look_alikes']}; ordinary accounts"
        f" accused: {score['ordinary_accused']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of the campaigns and look-alikes")
    parser.add_argument("--exchanges", type=int, help=f"in all; {WHOLE} times the scale when not given")
    parser.add_argument("--accounts", type=int, help="in all; as many as fit the exchanges when not given")
    parser.add_argument("--seed", type=int, default=8701)
    parser.add_argument("--undated", action="store_true", help="do not date accusations")
    parser.add_argument("--memory", help="as scan takes it")
    parser.add_argument("--threads", type=int, help="as scan takes it")
    parser.add_argument(
        "--drill", type=Path, help="keep the exercise and its key there, or take the one that lies there"
    )
    options = parser.parse_args()
    options.exchanges = options.exchanges or round(WHOLE * options.scale)
    options.accounts = options.accounts or accounts_for(options.scale, options.exchanges)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) if options.drill is None else options.drill
        drill, key = home / "drill", home / "key"
        if drill.exists():
            summary = json.loads((drill / "drill.json").read_text())
            make = {name: summary[name] for name in ("exchanges", "accounts", "extracting")}
        else:
            home.mkdir(parents=True, exist_ok=True)
            key.write_bytes(os.urandom(BYTES))
            make = made(drill, key, options)
        out = Path(folder) / "scan"
        found = {
            "settings": {
                name: getattr(options, name)
                for name in ("scale", "exchanges", "accounts", "seed", "undated", "memory", "threads")
            },
            "drill": make,
            "bytes": sum(file.stat().st_size for file in (drill / "usage").iterdir()),
            "scan": scanned(drill, key, out, options),
            "score": of_score(run_score(drill, out)),
        }
    report(found)
    write("published" if options.exchanges >= WHOLE else f"published-{options.exchanges}", found)


if __name__ == "__main__":
    main()
