"""What do template signatures match, what do they match wrongly, what do they tell, and how fast are they?

    python benchmarks/signatures.py [--seeds 12001 12002] [--prompts PATH] [--quick] [--only PART ...]

Recall: templates of the drill (every kind and language) and, where PATH is there, real prompts (a Parquet file with a
column `text`) as frames of one to three slots. Each is signed from 40 texts of ten accounts; other texts of it are matched,
by the share of their words that stands in slots, by how many constant pairs of words the template has, and with light
paraphrase: of the constant words a share is drawn anew for each text, and of these a third is replaced by a word of another
template of the language, a third dropped and a third put behind the next word.

False matches: the same texts against signatures of all other templates (relatives are drawn from one stock of phrases),
real prompts, and everything in an exercise, by class, against what the scan of another provider signed.

Between providers: an exercise of two providers, where every campaign works at both with the same templates and accounts of
its own (`--labs 2 --knob labs_spanned=2`). One scans with `--epoch-key`, the other without signatures, and with them, of one
member and of two or more. Guessing: see `_guessing.py`. Speed: in one run with the sketching of the same texts.
Development used seeds 52 and 53.

Prints the tables and writes benchmarks/results/signatures.json; with --only (recall, between, guessing, speed) what is not
named stays as an earlier run wrote it.
"""

import argparse
import base64
import json
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import _guessing as guessing
from _common import earlier, everyone, make_drill, named, percent, planted, run_scan, show, upper_bound, write
from _templates import FACTS, KEY, of_drills, of_prompts, real_prompts, recall
from stillwatch.records.signatures import AGREE, Matcher, Signature
from stillwatch.records.sketches import sketch

PARTS = ["recall", "between", "guessing", "speed"]
LENGTHS = (13, 25, 49, 97)
UNKNOWN = (1, 2, 3, 5)


def texts_by_class(lab: Path, matcher: Matcher) -> dict[str, list[int]]:
    """(texts that match, texts) of an exercise by class; of campaigns the exchanges of their own alone."""
    truth = {r["event_id"]: r for r in pq.read_table(lab / "truth" / "exchanges.parquet").to_pylist()}
    groups = {g.group_id: g for g in planted(lab)}
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for file in sorted((lab / "usage").glob("*.parquet")):
        table = pq.read_table(file, columns=["event_id", "input_text", "system_text"])
        hit = np.zeros(table.num_rows, bool)
        for part in sorted(matcher.parts):
            hit[matcher.match(table[f"{part}_text"], part, 2)[0]] = True
        known = pc.is_valid(table["input_text"]).to_numpy()
        for event, matched, there in zip(table["event_id"].to_pylist(), hit, known, strict=True):
            if not there:
                continue
            one = truth.get(event)
            name = "ordinary"
            if one is not None:
                group = groups[one["group_id"]]
                name = group.name
                if group.unauthorised and not one["extracting"]:
                    name = "other traffic of campaigns' accounts"
            found[name][0] += bool(matched)
            found[name][1] += 1
    return dict(found)


def shared(folder: Path, scan: Path, behind: str) -> tuple[Path, list[Signature]]:
    """A file of the signatures in a scan's bundle, as `--signatures` takes it."""
    objects = json.loads((scan / "bundle.json").read_text())["objects"]
    kept = [o for o in objects if o["type"] == "indicator"]
    path = folder / f"{behind}.jsonl"
    secret = base64.b64encode(KEY.secret).decode()
    rows = [
        {
            "id": o["id"],
            "signature": o["pattern"],
            "key": secret,
            "valid_until": None,
            "corroboration": behind,
        }
        for o in kept
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, [Signature.parse(o["pattern"]) for o in kept]


def between_providers(seed: int, exchanges: int, accounts: int) -> dict[str, Any]:
    """One exercise of two providers: whom the signatures of the first hit at the second, and what becomes of verdicts."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        drill, epoch = folder / "drill", folder / "epoch.json"
        secret = base64.b64encode(KEY.secret).decode()
        epoch.write_text(json.dumps({"number": 1, "template_key": secret}))
        sizes = (f"--exchanges={exchanges}", f"--accounts={accounts}")
        make_drill(drill, "all", seed, *sizes, "--labs=2", "--knob=labs_spanned=2")
        first, second = drill / "lab-1", drill / "lab-2"
        run = run_scan(first, folder / "first", f"--epoch-key={epoch}", dated=False)
        one, signatures = shared(folder, folder / "first", "1")
        more, _ = shared(folder, folder / "first", "2 or more")
        matcher = Matcher([(s, KEY) for s in signatures])
        run_scan(second, folder / "without", dated=False)
        told = run_scan(second, folder / "one", f"--signatures={one}", dated=False)["signatures"]
        told_more = run_scan(second, folder / "more", f"--signatures={more}", dated=False)["signatures"]
        scans = {name: named(folder / name) for name in ("without", "one", "more")}
        hit = set(pq.read_table(folder / "one" / "signature_hits.parquet")["account_id"].to_pylist())
        accused_there = named(folder / "first").accused
        there: Counter[str] = Counter()
        for group in planted(first):
            there[group.name] += len(group.accounts & accused_there)
        at_first = texts_by_class(first, matcher)
        classes: dict[str, dict[str, Any]] = {}
        members: set[str] = set()
        texts = texts_by_class(second, matcher)
        for group in planted(second):
            members |= group.accounts
            classes[group.name] = {
                "campaign": group.unauthorised,
                "accounts": len(group.accounts),
                "hit": len(group.accounts & hit),
                "accused_at_the_first": there[group.name],
                # Its own texts are matched where it was signed.
                "signed": group.unauthorised and at_first[group.name][0] > 0.02 * at_first[group.name][1],
                "texts": texts.get(group.name, [0, 0]),
                **{f"accused_{name}": len(group.accounts & scan.accused) for name, scan in scans.items()},
            }
        ordinary = everyone(second) - members
        classes["ordinary"] = {
            "campaign": False,
            "accounts": len(ordinary),
            "hit": len(ordinary & hit),
            "texts": texts["ordinary"],
            **{f"accused_{name}": len(ordinary & scan.accused) for name, scan in scans.items()},
        }
        return {
            "seed": seed,
            "signatures": len(signatures),
            "not_signed": run["templates"]["not_signed"],
            "signatures_that_hit": told["hit"],
            "groups_corroborated": {"one": len(told["corroborated"]), "more": len(told_more["corroborated"])},
            "classes": classes,
        }


def summed(runs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Classes over all runs."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        for name, row in run["classes"].items():
            total = found.setdefault(
                name, {"campaign": row["campaign"], "signed_runs": 0, "signed_accounts": 0, "signed_hit": 0}
            )
            signed = row.get("signed", False)
            total["signed_runs"] += signed
            total["signed_accounts"] += row["accounts"] * signed
            total["signed_hit"] += row["hit"] * signed
            for key in ("accounts", "hit", "accused_without", "accused_one", "accused_more"):
                total[key] = total.get(key, 0) + row[key]
            matched, texts = total.get("texts", (0, 0))
            total["texts"] = (matched + row["texts"][0], texts + row["texts"][1])
    for row in found.values():
        row["upper_95_accounts"] = round(upper_bound(row["hit"], row["accounts"]), 5)
        row["upper_95_texts"] = round(upper_bound(*row["texts"]), 6)
    return found


def speed(count: int, seed: int) -> dict[str, Any]:
    """Texts a second on one thread: sketched, and matched against signatures; in turns, the best of three."""
    source = of_drills(seed, 1)
    texts = pa.array([source[i % len(source)].text(i % len(FACTS))[0] for i in range(count)])
    rng = np.random.default_rng(seed)
    best: dict[str, float] = {}

    def timed(name: str, work: Any) -> None:
        begin = time.perf_counter()
        work()
        best[name] = min(best.get(name, 1e9), time.perf_counter() - begin)

    matchers = {
        n: Matcher([(Signature(1, "input", "16-31", rng.bytes(64)), KEY) for _ in range(n)])
        for n in (1, 1_000, 10_000)
    }
    few = texts.slice(0, 10)
    sketch(few, None, KEY, threads=1)
    matchers[1].match(few, "input")
    for _ in range(3):
        timed("sketch", lambda: sketch(texts, None, KEY, threads=1))
        for n, matcher in matchers.items():
            timed(f"match {n}", lambda matcher=matcher: matcher.match(texts, "input"))
    rates = {name: round(count / seconds) for name, seconds in best.items()}
    return {
        "texts": count,
        "texts_per_second": rates,
        "of_sketching": {name: round(rate / rates["sketch"], 3) for name, rate in rates.items()},
    }


def guesses(prompts: list[str], seed: int, count: int) -> dict[str, Any]:
    """What the holder of the key can guess."""
    said = prompts or [t.text(2)[0] for t in of_drills(seed, 4)]
    common = [w for w, _ in Counter(w for p in said for w in guessing.plain(p)).most_common(10_000)]
    found: dict[str, Any] = {"dictionary": len(common), "speed": guessing.rate(seed), "by_words": {}}
    for length in LENGTHS:
        pool = guessing.frames(said, common, length, count, seed)
        if pool:
            found["by_words"][str(length)] = {
                "frame_known": {
                    f"{n}": guessing.known_frame(pool, _dictionary(pool, common, n), UNKNOWN, seed)
                    for n in (1_000, len(common))
                },
                "nothing_known": guessing.pairs_alone(pool, (1_000, 3_000), seed),
            }
    return found


def _dictionary(pool: list[list[str]], common: list[str], n: int) -> list[str]:
    """The n most frequent words and, in place of the least frequent of them, those of the templates."""
    own = {w for said in pool for w in said}
    rest = [w for w in common if w not in own]
    return sorted(own | set(rest[: max(n - len(own), 0)]))


def report(found: dict[str, Any]) -> None:
    """Print the tables."""
    for origin, curves in found["recall"].items():
        print(
            f"\n{origin}: {curves['signed']} of {curves['templates']} templates are long enough to be signed"
        )
        for name in ("slots", "length", "paraphrase", "pairs_of_text_and_other_signature"):
            rows = [
                (k, v["texts"], v["matched"], f"{v['rate']:.4f}", v["upper_95"])
                for k, v in curves[name].items()
            ]
            show([name, "texts", "matched", "rate", "upper 95% bound"], rows)
    rows = [
        (
            name,
            "campaign" if row["campaign"] else "",
            row["accounts"],
            percent(row["hit"], row["accounts"]),
            percent(row["signed_hit"], row["signed_accounts"]),
            f"{row['upper_95_accounts']:.4f}",
            percent(*row["texts"]),
            *(row[f"accused_{scan}"] for scan in ("without", "one", "more")),
        )
        for name, row in sorted(found["classes"].items(), key=lambda item: (not item[1]["campaign"], item[0]))
    ]
    print("\nbetween two providers: accounts at the second that signatures of the first hit")
    show(
        [
            "class",
            "",
            "accounts",
            "hit",
            "where signed",
            "upper 95%",
            "texts",
            "accused",
            "with one",
            "with more",
        ],
        rows,
        left=2,
    )
    print("\nguessing", json.dumps(found["guessing"], indent=1))
    print("\nspeed", json.dumps(found["speed"], indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[12001, 12002])
    default = Path(__file__).parents[2] / "shared/data/prompts/prompts.parquet"
    parser.add_argument("--prompts", type=Path, default=default)
    parser.add_argument("--exchanges", type=int, default=160_000, help="of both providers together")
    parser.add_argument("--accounts", type=int, default=10_000, help="likewise")
    parser.add_argument("--quick", action="store_true", help="a look at one seed and a few templates")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.exchanges, options.accounts = options.seeds[:1], 60_000, 5_000
    prompts = real_prompts(options.prompts)
    small = options.quick
    seed = options.seeds[0]
    name = "signatures-quick" if small else "signatures"
    settings = {k: v for k, v in vars(options).items() if k not in ("prompts", "only")}
    settings |= {"prompts": len(prompts), "agree": AGREE}
    found: dict[str, Any] = earlier(name, settings) if options.only != PARTS else {}
    if options.only != PARTS and not found:
        parser.error("--only needs the results of an earlier run")
    if "recall" in options.only:
        curves = {"drill": recall(of_drills(seed, 1 if small else 3), 1 if small else 4, prompts)}
        if prompts:
            real = of_prompts(prompts, seed, 100 if small else 400)
            curves["prompts"] = recall(real, 1 if small else 4, prompts)
        found["recall"] = curves
        print("recall: done", flush=True)
    if "between" in options.only:
        runs = [between_providers(seed, options.exchanges, options.accounts) for seed in options.seeds]
        found |= {"runs": runs, "classes": summed(runs)}
        print("between providers: done", flush=True)
    if "guessing" in options.only:
        found["guessing"] = guesses(prompts, seed, 4 if small else 20)
    if "speed" in options.only:
        found["speed"] = speed(5_000 if small else 40_000, seed)
    report(found)
    parts = {k: v for k, v in found.items() if k not in ("made_by", "settings")}
    write(name, {"settings": settings, **parts})


if __name__ == "__main__":
    main()
