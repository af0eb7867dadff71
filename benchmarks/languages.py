"""Is `scan` even between languages: in what it finds, and in whom it burdens without cause?

    python benchmarks/languages.py [--classes reasoning_elicitation] [--seeds 9011] [--quiet-seeds 9021] [--add]

First the same campaign (all but its words alike) is drawn in each language: the share of its accounts that are
accused. Then exercises without any campaign: the share of people whose account writes a language that a scan accuses
or puts up for review, and its ratio to the share among those who write English, with an upper 95% bound that has to be
at most 1.25. `ordinary` counts people outside every group; `harmless` counts members of look-alike groups too, who come
in groups of one language, so that its bound is too tight. Under the usual prior hardly anybody is named. So the same is
counted under a prior of one half, which names a hundred times as many on the same scale: were a language taken for
evidence, it would show there.

The bound `by exercise` is that of a bootstrap over exercises, since people of one group are named together. The other
conditions on the sum of both counts (Clopper-Pearson for the share of one of two Poisson counts; Przyborowski
and Wilenski, Biometrika 31, 1940). Where nobody is named it is infinite, and where few are it cannot be at most 1.25 even
with equal rates: `needed` is how many people who write the language (with English in proportion) an exercise needs
before equal rates can pass, at the rate seen over all languages, or, with nobody named, at least, at the upper bound of
that rate.

Writes benchmarks/results/languages.json. With --add, exercises of an earlier run with the same settings count too and
are not made again. Development used seeds 61 to 69.
"""

import argparse
import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
from scipy import stats

from _common import (
    Named,
    campaign_alone,
    earlier,
    percent,
    show,
    upper_bound,
    write,
)
from _exercise import Exercise
from stillwatch.detection.settings import Settings as Judging
from stillwatch.drill.exercise import Settings, make
from stillwatch.drill.prompts.packs import language_names
from stillwatch.drill.render import account_ids

LANGUAGES = ("en", "zh", "ar", "es", "hi")
WHO = ("ordinary", "harmless")
BAR = 1.25
Quiet = dict[str, Any]
"""An exercise without a campaign: its seed, and counts of people by language for each prior and `WHO`."""


def ratio_bound(events: float, people: int, base_events: float, base_people: int) -> float:
    """Upper 95% bound of a rate over a base rate, given both counts; infinite where the base has no event."""
    if not base_events or not people or not base_people:
        return math.inf
    share = float(stats.beta.ppf(0.95, events + 1, base_events))
    return share / (1 - share) * base_people / people


def people_needed(rate: float, people: int, base_people: int) -> float:
    """People of a language that make `ratio_bound` at most `BAR` when both rates are `rate`, English in proportion."""
    if not rate or not people or not base_people:
        return math.inf
    low, high = 0.0, 1.0
    while ratio_bound(high * people, people, high * base_people, base_people) > BAR:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        passed = ratio_bound(middle * people, people, middle * base_people, base_people) <= BAR
        low, high = (low, middle) if passed else (middle, high)
    return high * people / rate


def over_exercises(counts: list[dict[str, Any]], language: str) -> float | None:
    """Upper 95% bound of the ratio by a bootstrap over exercises: people of one group are named together.

    counts: `named` and `people` by language, of each exercise. None where a draw names nobody who writes English.
    """
    rng = np.random.default_rng(0)
    table = np.array(
        [[c[what].get(t, 0) for t in (language, "en") for what in ("named", "people")] for c in counts], float
    )
    drawn = table[rng.integers(0, len(table), (4000, len(table)))].sum(axis=1)
    if not drawn[:, [1, 2]].all():
        return None
    ratio = drawn[:, 0] / drawn[:, 1] * drawn[:, 3] / drawn[:, 2]
    return float(np.quantile(ratio, 0.95))


def campaigns(seeds: list[int], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Recall of each class, seed and language."""
    rows = []
    numbers = language_names()
    for kind in options.classes:
        for seed in seeds:
            for language in LANGUAGES:
                knobs = {"language": numbers.index(language)}
                guilty, found = campaign_alone(kind, seed, options, knobs)
                rows.append(
                    {
                        "class": kind,
                        "seed": seed,
                        "language": language,
                        "accounts": len(guilty),
                        "accused": len(found.accused & guilty),
                        "reviewed": len(found.reviewed & guilty),
                    }
                )
                print(f"{kind}, seed {seed}, {language}: {rows[-1]['accused']} of {len(guilty)}", flush=True)
    return rows


def written(settings: Settings) -> dict[str, str]:
    """The language that each account of an exercise writes: made again in memory, as no table tells it."""
    exercise = make(settings)
    ids = account_ids(exercise.setting, exercise.accounts).to_pylist()
    return dict(zip(ids, (language_names()[i] for i in exercise.accounts["language"]), strict=True))


def quiet(seed: int, options: argparse.Namespace) -> Quiet:
    """One exercise without a campaign: people, and of these accused and named, by language, under each prior."""
    size = (options.quiet_exchanges, options.quiet_accounts)
    exercise = Exercise.made("quiet", seed, [f"--exchanges={size[0]}", f"--accounts={size[1]}"])
    grouped = frozenset().union(*(g.accounts for g in exercise.groups))
    language_of = written(Settings("quiet", *size, seed=seed))
    counts = []
    for prior in options.quiet_priors:
        found = Named.of(exercise.look(Judging(prior=prior)))
        for who in WHO:
            here = {a: tongue for a, tongue in language_of.items() if who == "harmless" or a not in grouped}
            counts.append(
                {
                    "prior": prior,
                    "who": who,
                    "people": Counter(here.values()),
                    "accused": Counter(t for a, t in here.items() if a in found.accused),
                    "named": Counter(t for a, t in here.items() if a in found.accused or a in found.reviewed),
                }
            )
    return {"seed": seed, "counts": counts}


def burdens(exercises: list[Quiet]) -> list[dict[str, Any]]:
    """People of each language over all exercises, how many are named, and the ratio to English with its bounds."""
    kinds: dict[tuple[float, str], list[dict[str, Any]]] = defaultdict(list)
    for count in (c for exercise in exercises for c in exercise["counts"]):
        kinds[count["prior"], count["who"]].append(count)
    rows = []
    for (prior, who), counts in kinds.items():
        people, accused, of = (
            sum((Counter(c[what]) for c in counts), Counter()) for what in ("people", "accused", "named")
        )
        everyone, all_named = people.total(), of.total()
        rate = all_named / everyone if all_named else upper_bound(0, everyone)
        for language in LANGUAGES:
            n, x = people[language], of[language]
            base = (of["en"], people["en"])
            bound = ratio_bound(x, n, *base)
            needed = people_needed(rate, n, base[1])
            rows.append(
                {
                    "prior": prior,
                    "who": who,
                    "language": language,
                    "people": n,
                    "accused": accused[language],
                    "accused_or_reviewed": x,
                    "ratio": x / n * base[1] / base[0] if n and base[0] else None,
                    "ratio_at_most": bound if math.isfinite(bound) else None,
                    "ratio_at_most_over_exercises": over_exercises(counts, language),
                    "needed": math.ceil(needed) if math.isfinite(needed) else None,
                    "needed_is_a_lower_bound": not all_named,
                }
            )
    return rows


def tell(found: list[dict[str, Any]], people: list[dict[str, Any]]) -> None:
    """Print both tables."""
    print("\nCampaign accounts accused, by language")
    kinds = dict.fromkeys(row["class"] for row in found)
    lines = []
    for kind in kinds:
        for language in LANGUAGES:
            rows = [r for r in found if (r["class"], r["language"]) == (kind, language)]
            accounts, accused, reviewed = (
                sum(r[k] for r in rows) for k in ("accounts", "accused", "reviewed")
            )
            lines.append([kind, language, accounts, accused, reviewed, percent(accused, accounts)])
    show(["class", "language", "accounts", "accused", "reviewed", "recall"], lines, left=2)
    print(f"\nHarmless people named, by language (bound to be at most {BAR})")
    show(
        [
            "prior",
            "who",
            "language",
            "people",
            "accused",
            "or reviewed",
            "ratio to en",
            "at most",
            "by exercise",
            "needed",
        ],
        [
            [
                str(r["prior"]),
                r["who"],
                r["language"],
                r["people"],
                r["accused"],
                r["accused_or_reviewed"],
                "-" if r["ratio"] is None else f"{r['ratio']:.2f}",
                ""
                if r["language"] == "en"
                else "no bound"
                if r["ratio_at_most"] is None
                else f"{r['ratio_at_most']:.2f}",
                ""
                if r["language"] == "en" or r["ratio_at_most_over_exercises"] is None
                else f"{r['ratio_at_most_over_exercises']:.2f}",
                ""
                if r["language"] == "en" or r["needed"] is None
                else f"{'over ' if r['needed_is_a_lower_bound'] else ''}{r['needed']:,}",
            ]
            for r in people
        ],
        left=3,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classes", nargs="+", default=["reasoning_elicitation", "template_harvest"])
    parser.add_argument("--tier", default="plain")
    parser.add_argument("--exchanges", type=int, default=40_000, help="of each campaign's exercise")
    parser.add_argument("--accounts", type=int, default=2_000, help="of each campaign's exercise")
    parser.add_argument("--seeds", type=int, nargs="*", default=[9011, 9012, 9013])
    parser.add_argument("--quiet-exchanges", type=int, default=200_000)
    parser.add_argument("--quiet-accounts", type=int, default=9_000)
    parser.add_argument("--quiet-priors", type=float, nargs="+", default=[0.01, 0.5])
    parser.add_argument("--quiet-seeds", type=int, nargs="*", default=list(range(9021, 9031)))
    parser.add_argument("--add", action="store_true", help="count exercises of an earlier run too")
    options = parser.parse_args()
    settings = {k: v for k, v in vars(options).items() if k not in ("seeds", "quiet_seeds", "add")}
    kept = earlier("languages", settings) if options.add else {}
    found, exercises = kept.get("campaigns", []), kept.get("exercises", [])
    found += campaigns([s for s in options.seeds if s not in {row["seed"] for row in found}], options)
    for seed in (s for s in options.quiet_seeds if s not in {e["seed"] for e in exercises}):
        exercises.append(quiet(seed, options))
        print(f"quiet, seed {seed}", flush=True)
    people = burdens(exercises)
    tell(found, people)
    report = {"bar": BAR, "campaigns": found, "people": people, "exercises": exercises}
    write("languages", {"settings": settings} | report)


if __name__ == "__main__":
    main()
