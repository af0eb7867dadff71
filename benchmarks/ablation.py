"""What the scan leans on: each family of evidence removed in turn, and each elicitation technique unknown in turn.

    python benchmarks/ablation.py [--scenario all] [--tier adaptive] [--seeds 9201 9202] [--marks-only]

Each exercise is read once and judged many times. A family that is removed forms no group, is not tested and is not weighed
(the setting `left_out`). A technique that is left out is known to nobody: the marks of its patterns are wiped
from the evidence, of campaigns and of everybody else, as if they had never been written. Recall is the share of the
accounts of all campaigns that is accused; of a technique the share of the accounts of the campaigns whose class uses it,
by the truth. What a mark's figure then reads, nothing, speaks against extraction. `no marks at all` wipes every mark.
Without `likeness of texts` the phrases are wiped: accounts are alike only by whole beginnings and ends of texts and by
replayed blocks, to the letter. (The test of a divided work list counts phrases too, and falls silent.) `89 of 90 parts of
the error rate`: it is held over 90 daily scans.

Prints the tables, and writes benchmarks/results/ablation-SCENARIO-TIER.json. Development used seeds 51 to 69.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from _common import percent, show, write
from _exercise import Exercise
from stillwatch.detection.evidence import KINDS, Evidence
from stillwatch.detection.settings import Settings
from stillwatch.drill.campaigns.classes import CLASSES
from stillwatch.records.findings import FAMILIES
from stillwatch.records.sketches import MARKS

TECHNIQUES = {
    "reasoning elicitation": ("reasoning_elicitation", "reasoning_after_the_fact", "fake_debug"),
    "rubric grading": ("rubric_grading",),
    "replayed blocks": ("replayed_block",),
    "language of thought": ("thinking_language_coercion",),
    "safe rewrites": ("safety_rewrite",),
}
"""Marks by technique: all that the statistics read of it."""
WORDINGS = {
    "reasoning elicitation": ("reasoning", "pretext", "afterthought"),
    "rubric grading": ("grading",),
    "replayed blocks": ("replay",),
    "language of thought": ("coercing",),
    "safe rewrites": ("rewriting",),
}
"""Kinds of wordings of exercises by technique."""
EVERYTHING = "nothing"
NO_MARKS = "no marks at all"
NO_LIKENESS = "likeness of texts"
DAILY = "89 of 90 parts of the error rate"


def users_of(exercise: Exercise, technique: str) -> frozenset[str]:
    """Accounts of campaigns whose class uses a technique, by the truth."""
    return frozenset().union(
        *(
            g.accounts
            for g in exercise.groups
            if g.unauthorised and any(kind in WORDINGS[technique] for kind, _, _ in CLASSES[g.name].contents)
        )
    )


def without_ties(evidence: Evidence, kind: str) -> Evidence:
    """The evidence without text objects of a kind."""
    kept = evidence.obj_kind[evidence.tie_obj] != KINDS.index(kind)
    start = np.r_[0, np.cumsum(kept)][evidence.tie_start]
    return replace(evidence, tie_start=start, tie_obj=evidence.tie_obj[kept])


def without(evidence: Evidence, *techniques: str) -> Evidence:
    """The evidence as it is to whoever never wrote the patterns of these techniques."""
    names = [name for technique in techniques for name in TECHNIQUES[technique]]
    ledger = dict(evidence.ledger)
    for name in names:
        ledger[f"mark_{name}"] = np.zeros_like(ledger[f"mark_{name}"])
    kept = ~np.int64(sum(MARKS[name].mask for name in names))
    wiped = replace(evidence, ledger=ledger, ex_marks=evidence.ex_marks & kept)
    # That a block is replayed is seen by its tags, which are patterns too.
    return without_ties(wiped, "block") if "replayed blocks" in techniques else wiped


def one(scenario: str, seed: int, size: Sequence[str], *, marks_only: bool) -> list[dict[str, Any]]:
    """All variants on one exercise: accused, guilty, harmless, and look-alike groups half of which are accused."""
    exercise = Exercise.made(scenario, seed, size)
    guilty = frozenset().union(*(g.accounts for g in exercise.groups if g.unauthorised))
    plain = Settings()
    variants = [(EVERYTHING, plain, exercise.evidence, guilty)]
    if not marks_only:
        variants += [(name, replace(plain, left_out=name), exercise.evidence, guilty) for name in FAMILIES]
        variants.append((NO_LIKENESS, plain, without_ties(exercise.evidence, "phrase"), guilty))
    for name in TECHNIQUES:
        if users := users_of(exercise, name):
            variants.append((name, plain, without(exercise.evidence, name), users))
    variants.append((DAILY, replace(plain, planned_scans=90), exercise.evidence, guilty))
    variants.append((NO_MARKS, plain, without(exercise.evidence, *TECHNIQUES), guilty))
    known = exercise.accused(plain)
    rows = []
    for name, settings, evidence, asked in variants:
        found = known if name == EVERYTHING else exercise.accused(settings, evidence)
        rows.append(
            {
                "seed": seed,
                "left_out": name,
                "asked": len(asked),
                "found": len(found & asked),
                "found_with_everything": len(known & asked),
                "accused": len(found),
                "harmless": len(found - guilty),
                "look_alikes_accused": sum(
                    2 * len(found & g.accounts) >= len(g.accounts)
                    for g in exercise.groups
                    if not g.unauthorised
                ),
            }
        )
        print(f"{seed} without {name}: {percent(len(found & asked), len(asked))}", flush=True)
    return rows


def main() -> None:
    """Run, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="all")
    parser.add_argument("--tier", default="adaptive")
    parser.add_argument("--exchanges", type=int, default=400_000)
    parser.add_argument("--accounts", type=int, default=16_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[9201, 9202])
    parser.add_argument("--marks-only", action="store_true", help="leave out no family and no likeness")
    options = parser.parse_args()
    size = [f"--exchanges={options.exchanges}", f"--accounts={options.accounts}", f"--tier={options.tier}"]
    rows = [
        row
        for seed in options.seeds
        for row in one(options.scenario, seed, size, marks_only=options.marks_only)
    ]
    names = list(dict.fromkeys(row["left_out"] for row in rows))
    table = []
    for name in names:
        own = [row for row in rows if row["left_out"] == name]
        sums = {k: sum(row[k] for row in own) for k in own[0] if k not in ("seed", "left_out")}
        table.append({"left_out": name, **sums})
    print()
    show(
        (
            "left out",
            "campaign accounts",
            "found",
            "with everything",
            "guilty of accused",
            "look-alikes accused",
        ),
        (
            (
                row["left_out"],
                row["asked"],
                percent(row["found"], row["asked"]),
                percent(row["found_with_everything"], row["asked"]),
                percent(row["accused"] - row["harmless"], row["accused"]),
                row["look_alikes_accused"],
            )
            for row in table
        ),
    )
    write(
        f"ablation-{options.scenario}-{options.tier}",
        {"options": vars(options), "over_seeds": table, "by_seed": rows},
    )


if __name__ == "__main__":
    main()
