"""How fast are sketches, beside datasketch and rensa, and how well do phrases find texts of one template?

    python benchmarks/sketches.py [--texts 200000] [--prompts PATH] [--threads 2]

Speed: texts of about 300 characters, cut and joined from the prompts (a Parquet file with a column `text`; without one,
from words of several languages), through all of `sketch()`: every column, marks too. The two
libraries get the same texts and word pairs made with the same lower-casing and splitting, 128 permutations. Each figure is
the best of three runs, in wall-clock seconds and in processor seconds, since other work on the machine falsifies the first.

Recall: pairs of texts from one template, whose slots (10, 20, 35, 50 percent of the words) hold other words, taken from
other prompts; and pairs of texts whose sentences are three of eight, in any order, around other words. A pair is found when
it shares a sampled phrase, or, for comparison, a band of min-wise hashes (Broder 1997; 128 lanes). Beside it how many
of a million pairs of unrelated prompts are found.

Prints the tables and writes benchmarks/results/sketches.json.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasketch import MinHash
from rensa import RMinHash

from stillwatch.records.sketches import MARKS, Key, sketch, words

RESULT = Path(__file__).parent / "results" / "sketches.json"
KEY = Key(bytes(range(16)))
LENGTH = 300
SLOTS = (10, 20, 35, 50)
IDEOGRAPHS = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
SAMPLE = """
    write explain list compare the a of short story about harbour engine river market poem function returns sorted
    numbers between with three examples and why does light bend in water translate following sentence into polite
    请 解释 为什么 写 一个 关于 城市 的 故事 并 给出 例子 напиши краткий рассказ о море и объясни почему
    escribe una carta breve para pedir explicaciones schreibe einen kurzen brief an den vermieter
    résume cet article en trois phrases
"""


def prompts(path: Path) -> tuple[list[str], str]:
    """The prompts to mix texts from, and where they come from."""
    if path.is_file():
        return [t for t in pq.read_table(path)["text"].to_pylist() if t and t.strip()], path.name
    source = random.Random(11)
    return [
        " ".join(source.choices(SAMPLE.split(), k=source.randrange(8, 90))) for _ in range(5000)
    ], "made up"


def texts_of(pool: list[str], count: int) -> list[str]:
    """Texts of LENGTH characters on average, from 200 to 400."""
    source = random.Random(1)
    result = []
    for _ in range(count):
        text = source.choice(pool)
        while len(text) < 400:
            text += " " + source.choice(pool)
        result.append(text[: source.randint(200, 400)])
    return result


def best(work: Callable[[], Any], runs: int = 3) -> tuple[float, float]:
    """Least wall-clock seconds and least processor seconds of some runs."""
    walls, processors = [], []
    for _ in range(runs):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def pairs_of(text: str) -> list[str]:
    split = text.lower().split()
    return [f"{a} {b}" for a, b in pairwise(split)] or split


def datasketch_all(texts: list[str]) -> None:
    for text in texts:
        minhash = MinHash(num_perm=128)
        minhash.update_batch([p.encode() for p in pairs_of(text)])


def rensa_all(texts: list[str]) -> None:
    for text in texts:
        minhash = RMinHash(num_perm=128, seed=42)
        minhash.update(pairs_of(text))


def speeds(pool: list[str], count: int, threads: int) -> dict[str, dict[str, float]]:
    texts = texts_of(pool, count)
    array = pa.array(texts)
    few = texts[: min(count, 5000)]
    sketch(array.slice(0, 10), None, KEY)
    found: dict[str, dict[str, float]] = {}

    def add(name: str, work: Callable[[], Any], rows: int) -> None:
        wall, processor = best(work)
        found[name] = {"texts_per_second": rows / wall, "texts_per_processor_second": rows / processor}

    add("stillwatch sketch(), 1 thread", lambda: sketch(array, None, KEY, threads=1), count)
    add(f"stillwatch sketch(), {threads} threads", lambda: sketch(array, None, KEY, threads=threads), count)
    # Without spaces every character is a token: five times as many.
    unspaced = pa.array(["".join(random.Random(i).choices(IDEOGRAPHS, k=LENGTH)) for i in range(count // 10)])
    add(
        f"the same, {LENGTH} ideographs a text",
        lambda: sketch(unspaced, None, KEY, threads=threads),
        len(unspaced),
    )
    add("stillwatch words(), 1 thread", lambda: words(array, KEY, threads=1), count)
    add("rensa, minima only", lambda: rensa_all(few), len(few))
    add("datasketch, minima only", lambda: datasketch_all(few), len(few))
    return found


def first_call() -> dict[str, float]:
    """Seconds from the start of Python to the end of the first sketch: without compiled code kept, and with it."""
    code = (
        "import pyarrow as pa, time; t = time.perf_counter()\n"
        "from stillwatch.records.sketches import Key, sketch, words\n"
        "a = pa.array(['a b c']); sketch(a, a, Key(bytes(16))); words(a, Key(bytes(16)))\n"
        "print(time.perf_counter() - t)"
    )
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            float(
                subprocess.run(
                    [sys.executable, "-c", code],
                    env={**os.environ, "NUMBA_CACHE_DIR": folder},
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            )
            for _ in range(2)
        ]
    return {"compiling": runs[0], "compiled": runs[1]}


def variants(pool: list[str], share: int, source: random.Random) -> list[tuple[str, str]]:
    """Pairs of texts from one template; `share` percent of the words differ, in runs of one to four words."""
    result = []
    long = [p.split() for p in pool if len(p.split()) >= 20]
    fill = [w for p in long for w in p]
    for _ in range(600):
        frame = source.choice(long)[:60]
        wanted = round(len(frame) * share / 100)
        slots: set[int] = set()
        while len(slots) < wanted:
            at = source.randrange(len(frame))
            slots.update(range(at, min(at + source.randint(1, 4), len(frame), at + wanted - len(slots))))
        one, other = (
            [source.choice(fill) if i in slots else w for i, w in enumerate(frame)] for _ in range(2)
        )
        result.append((" ".join(one), " ".join(other)))
    return result


def sentences(pool: list[str], source: random.Random) -> list[tuple[str, str]]:
    """Pairs of texts that each put three of eight sentences, in any order, around a prompt of their own."""
    long = [p.split() for p in pool if len(p.split()) >= 12]
    result = []
    for _ in range(600):
        stock = [" ".join(source.choice(long)[:8]) + "." for _ in range(8)]
        one, other = (" ".join([*source.sample(stock, 3), source.choice(pool)]) for _ in range(2))
        result.append((one, other))
    return result


def bands(texts: list[str], number: int, rows: int) -> list[set[Any]]:
    """Bands of `rows` minima of pairs of words, in numpy."""
    multipliers = np.random.default_rng(5).integers(1, 1 << 32, (2, number * rows), dtype=np.uint32)
    offsets, hashes = words(pa.array(texts), KEY)
    result: list[set[Any]] = []
    for i in range(len(texts)):
        tokens = hashes[offsets[i] : offsets[i + 1]]
        pairs = (tokens[:-1] * np.uint64(0x9E3779B97F4A7C15)) ^ tokens[1:] if len(tokens) > 1 else tokens
        shingles = (pairs >> np.uint64(32)).astype(np.uint32)
        if not len(shingles):
            result.append(set())
            continue
        least = (shingles[:, None] * (multipliers[0] | np.uint32(1)) + multipliers[1]).min(axis=0)
        result.append({(k, least[k * rows : (k + 1) * rows].tobytes()) for k in range(number)})
    return result


def own_phrases(texts: list[str]) -> list[set[Any]]:
    return [set(row or []) for row in sketch(pa.array(texts), None, KEY)["phrases"].to_pylist()]


def chance(every: list[set[Any]]) -> float:
    """Share of pairs of unrelated texts that have something in common."""
    holders: dict[Any, list[int]] = {}
    for i, found in enumerate(every):
        for item in found:
            holders.setdefault(item, []).append(i)
    pairs = {(x, y) for h in holders.values() for n, x in enumerate(h) for y in h[n + 1 :]}
    return len(pairs) / (len(every) * (len(every) - 1) / 2)


def recalls(pool: list[str]) -> dict[str, dict[str, float]]:
    source = random.Random(3)
    tried: dict[str, Callable[[list[str]], list[set[Any]]]] = {
        "sketch(): sampled phrases": own_phrases,
        "bands of pairs, 42x3": lambda t: bands(t, 42, 3),
        "bands of pairs, 64x2": lambda t: bands(t, 64, 2),
    }
    unrelated = source.sample(sorted(set(pool)), min(1500, len(set(pool))))
    by_kind = {f"recall at {share}%": variants(pool, share, source) for share in SLOTS}
    by_kind["recall of sentences"] = sentences(pool, source)
    result = {}
    for name, make in tried.items():
        row = {}
        for kind, pairs in by_kind.items():
            left, right = make([p[0] for p in pairs]), make([p[1] for p in pairs])
            row[kind] = float(np.mean([bool(x & y) for x, y in zip(left, right, strict=True)]))
        row["unrelated pairs in a million"] = chance(make(unrelated)) * 1e6
        result[name] = row
    return result


def table(title: str, rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{title}")
    columns = list(next(iter(rows.values())))
    print(" " * 34 + "".join(f"{c:>30}" for c in columns))
    for name, row in rows.items():
        print(
            f"{name:<34}"
            + "".join(f"{row[c]:>30,.3f}" if row[c] < 100 else f"{row[c]:>30,.0f}" for c in columns)
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2)
    default = Path(__file__).parents[2] / "shared/data/prompts/prompts.parquet"
    parser.add_argument("--prompts", type=Path, default=default)
    options = parser.parse_args()
    pool, origin = prompts(options.prompts)
    print(f"prompts: {len(pool)} ({origin})")
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"load average {load:.1f}: other work runs here, wall-clock figures will be too low")
    start = first_call()
    print(
        f"first sketch: {start['compiling']:.1f} s compiling, {start['compiled']:.1f} s with compiled code kept"
    )
    speed = speeds(pool, options.texts, options.threads)
    table("Speed", speed)
    recall = recalls(pool)
    table("Same template found, by share of words in slots", recall)
    marks = sketch(pa.array(pool), None, KEY)["marks"].to_numpy()
    false = {name: float(np.mean(marks & mark.mask != 0)) for name, mark in MARKS.items()}
    any_mark = float(np.mean(marks != 0))
    print(f"\nprompts of ordinary use with a mark: {any_mark:.5f} of {len(pool)}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(
        json.dumps(
            {
                "prompts": origin,
                "texts": options.texts,
                "cores": os.cpu_count(),
                "load_average_before": load,
                "first_call_seconds": start,
                "speed": speed,
                "recall": recall,
                "share_of_prompts_with_mark": {"any": any_mark, **false},
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
