"""The report's drawings as static SVG: they need no script, print well and carry no meaning by colour alone.

All texts go through `wording.clean` and are escaped; all numbers are written with a fixed precision, so
that the same story gives the same bytes.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from stillwatch.detection.explanation.story import SharedThing, Story
from stillwatch.detection.explanation.wording import clean, count, epoch, plural, seconds, short

MOST_BARS = 240  # one bar is then at least 3 px wide in the report's column
MOST_LINKS = 300  # beyond this a drawing of links is a smear, and the layout takes seconds
MOST_ACCOUNTS = 60
STATIC_ACCOUNTS = 24
_BIN_HOURS = (1, 2, 3, 6, 12, 24, 48, 168, 336, 720, 2160, 8760)


def _star() -> tuple[tuple[float, float], ...]:
    points = []
    for i in range(10):
        radius = 1.0 if i % 2 == 0 else 0.45
        angle = math.pi * (i / 5 - 0.5)
        points.append((round(radius * math.cos(angle), 3), round(radius * math.sin(angle), 3)))
    return tuple(points)


def _cross(half: float) -> tuple[tuple[float, float], ...]:
    corner = ((-half, -1), (half, -1), (half, -half))
    turns = ((1, 0), (0, 1), (-1, 0), (0, -1))  # cosine and sine of each quarter turn
    return tuple((x * c - y * s, x * s + y * c) for c, s in turns for x, y in corner)


SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    "payment": ((0, -1), (1, 0), (0, 1), (-1, 0)),
    "address": ((0, -1), (1, 0.85), (-1, 0.85)),
    "network": ((0, -1), (1, -0.25), (0.62, 0.95), (-0.62, 0.95), (-1, -0.25)),
    "fingerprint": ((-0.5, -0.9), (0.5, -0.9), (1, 0), (0.5, 0.9), (-0.5, 0.9), (-1, 0)),
    "telephone": _star(),
    "mail": ((-0.5, -0.7), (1, -0.7), (0.5, 0.7), (-1, 0.7)),
    "template": ((-1, -0.7), (1, -0.7), (1, 0.7), (-1, 0.7)),
    "system prompt": ((-1, -0.8), (1, -0.8), (0.4, 0), (1, 0.8), (-1, 0.8), (-0.4, 0)),
    "sign-up address": ((-1, -0.85), (1, -0.85), (0, 1)),
    "client": ((-0.4, -1), (0.4, -1), (1, -0.4), (1, 0.4), (0.4, 1), (-0.4, 1), (-1, 0.4), (-1, -0.4)),
    "credential": ((-1, -0.7), (0.2, -0.7), (1, 0), (0.2, 0.7), (-1, 0.7)),
    "replayed block": ((-0.8, -1), (0.8, -1), (0.15, 0), (0.8, 1), (-0.8, 1), (-0.15, 0)),
    "other": _cross(0.35),
}
"""The outline of each kind of shared thing, in a square from -1 to 1. Accounts are circles."""


def shape_of(kind: str) -> str:
    """The name of the outline for a kind of thing; kinds without one of their own share a cross."""
    return kind if kind in SHAPES else "other"


def polygon(kind: str, x: float, y: float, radius: float) -> Markup:
    """The outline of a kind of thing, centred at (x, y)."""
    points = " ".join(f"{x + radius * px:.1f},{y + radius * py:.1f}" for px, py in SHAPES[shape_of(kind)])
    return Markup('<polygon class="thing" points="{}"/>').format(points)


def legend_icon(kind: str) -> Markup:
    """A small drawing of a kind's shape, for tables and legends."""
    inner = Markup('<circle class="account" cx="8" cy="8" r="5"/>')
    inner = inner if kind == "account" else polygon(kind, 8, 8, 7)
    return Markup(
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">{}</svg>'
    ).format(inner)


@dataclass(frozen=True)
class Timeline:
    """Exchanges in bins of `width_hours`: `starts` in seconds since the epoch, and `values`."""

    starts: tuple[int, ...]
    values: tuple[int, ...]
    width_hours: int
    peak: str
    active: str


def timeline(story: Story) -> Timeline | None:
    """Sum a story's hours into at most `MOST_BARS` bins; None when it has no hours."""
    # Whole numbers of Python's own kind, whatever array library the caller took them from.
    pairs = [(int(t), int(v)) for t, v in zip(story.hours, story.exchanges_by_hour, strict=False)]
    if not pairs:
        return None
    first = min(t for t, _ in pairs)
    span = (max(t for t, _ in pairs) - first) // 3600 + 1
    width = next((w for w in _BIN_HOURS if span <= w * MOST_BARS), math.ceil(span / MOST_BARS))
    bins: dict[int, int] = defaultdict(int)
    for when, value in pairs:
        bins[(when - first) // (3600 * width)] += value
    last = max(bins)
    values = tuple(bins.get(i, 0) for i in range(last + 1))
    starts = tuple(first + i * 3600 * width for i in range(last + 1))
    top = max(range(len(values)), key=lambda i: (values[i], -i))
    unit = plural(width, "hour")
    busy = sum(1 for _, v in pairs if v > 0)
    return Timeline(
        starts,
        values,
        width,
        f"The peak is {plural(values[top], 'exchange')} in the {unit} from {epoch(starts[top])}.",
        f"Active in {count(busy)} of {plural(span, 'hour')}.",
    )


def _ceiling(value: int) -> int:
    """The next 1, 2 or 5 times a power of ten."""
    power = int("1" + "0" * (len(str(max(value, 1))) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def timeline_svg(line: Timeline, detected_at: datetime | None) -> Markup:
    """Bars of exchanges over time, with the time of detection as a labelled dashed line."""
    width, height, left, bottom, head = 920, 190, 64, 28, 22
    plot_w, plot_h = width - left - 12, height - bottom - head
    top = _ceiling(max(line.values))
    step = plot_w / len(line.values)
    bars = "".join(
        f"M{left + i * step:.1f} {head + plot_h}v{-plot_h * v / top:.1f}h{max(step - 0.6, 0.6):.1f}"
        f"v{plot_h * v / top:.1f}z"
        for i, v in enumerate(line.values)
        if v > 0
    )
    marks = [
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
            '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
        ).format(left, left + plot_w, y, y, left - 8, y + 4, count(value))
        for value in (0, top / 2, top)
        for y in (head + plot_h * (1 - value / top),)
        if value == int(value)
    ]
    span = len(line.values)
    marks += [
        Markup('<text class="tick" x="{:.1f}" y="{}">{}</text>').format(
            left + i * step, height - 8, epoch(line.starts[i]).removesuffix(" UTC")
        )
        for i in sorted({0, span // 4, span // 2, 3 * span // 4})
    ]
    if detected_at is not None:
        at = (seconds(detected_at) - line.starts[0]) / (line.width_hours * 3600)
        if 0 <= at <= span:
            x = left + at * step
            end = x > left + plot_w * 0.75
            marks.append(
                Markup(
                    '<line class="event" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>'
                    '<text class="tick" x="{3:.1f}" y="{4}" text-anchor="{5}">first detectable</text>'
                ).format(
                    x, head - 4, head + plot_h, x - 5 if end else x + 5, head - 7, "end" if end else "start"
                )
            )
    label = f"Exchanges over time, {plural(line.width_hours, 'hour')} a bar. {line.peak} {line.active}"
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}" aria-label="{}">{}'
        '<path class="bars" d="{}"/></svg>'
    ).format(width, height, label, Markup("").join(marks), bars)


def odds_svg(prior: float, probability: float) -> Markup:
    """The way from the prior to the probability on a scale of log10 odds, which is the Bayes factor."""
    width, height, edge, low, high, y = 340, 58, 18, -6.0, 6.0, 24

    def x(p: float) -> float:
        bounded = min(max(p, 1e-12), 1 - 1e-12) if math.isfinite(p) else 0.5
        odds = math.log10(bounded / (1 - bounded))
        return edge + (width - 2 * edge) * (min(max(odds, low), high) - low) / (high - low)

    ticks = [
        Markup(
            '<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>'
            '<text class="tick" x="{0:.1f}" y="{3}" text-anchor="middle">{4}</text>'
        ).format(x(p), y - 4, y + 4, height - 8, label)
        for p, label in (
            (1e-6, "1 : 1M"),
            (1 / 1001, "1 : 1,000"),
            (0.5, "1 : 1"),
            (1000 / 1001, "1,000 : 1"),
        )
    ]
    start, end = x(prior), x(probability)
    return Markup(
        '<svg class="odds" role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}" '
        'aria-label="On a scale of odds, the evidence moves the prior (ring) to the probability (dot).">'
        '<line class="axis" x1="{e}" x2="{r}" y1="{y}" y2="{y}"/>{ticks}'
        '<line class="shift" x1="{s:.1f}" x2="{t:.1f}" y1="{y}" y2="{y}"/>'
        '<circle class="ring" cx="{s:.1f}" cy="{y}" r="5"/>'
        '<circle class="dot" cx="{t:.1f}" cy="{y}" r="6"/></svg>'
    ).format(w=width, h=height, e=edge, r=width - edge, y=y, ticks=Markup("").join(ticks), s=start, t=end)


def bar_svg(share: float) -> Markup:
    """A small horizontal bar for a share between 0 and 1."""
    filled = 120 * min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    return Markup(
        '<svg class="bar" viewBox="0 0 120 10" width="120" height="10" aria-hidden="true">'
        '<rect class="trough" width="120" height="10"/><rect class="fill" width="{:.1f}" height="10"/></svg>'
    ).format(filled)


@dataclass(frozen=True)
class Graph:
    """A sample of a story's links: accounts and things that take part in it, in a fixed order."""

    accounts: tuple[str, ...]
    things: tuple[SharedThing, ...]
    links: tuple[tuple[str, str], ...]
    of_links: int


def graph(story: Story) -> Graph | None:
    """Sample links thing by thing in turn, so that one large thing does not crowd out the others.

    None when no link joins a thing that the story describes.
    """
    things = {thing.thing_id: thing for thing in story.things}
    by_thing: dict[str, list[str]] = defaultdict(list)
    known = sorted({link for link in story.links if link[1] in things})
    for account, thing_id in known:
        by_thing[thing_id].append(account)
    degree: dict[str, int] = defaultdict(int)
    for account, _ in known:
        degree[account] += 1
    queues = [
        [(account, thing_id) for account in sorted(accounts, key=lambda a: (-degree[a], a))]
        for thing_id, accounts in sorted(by_thing.items())
    ]
    chosen: list[tuple[str, str]] = []
    accounts_seen: set[str] = set()
    for rank in range(max((len(q) for q in queues), default=0)):
        for queue in queues:
            if rank >= len(queue) or len(chosen) >= MOST_LINKS:
                continue
            account = queue[rank][0]
            if account in accounts_seen or len(accounts_seen) < MOST_ACCOUNTS:
                accounts_seen.add(account)
                chosen.append(queue[rank])
    if not chosen:
        return None
    used = {thing_id for _, thing_id in chosen}
    return Graph(
        tuple(sorted(accounts_seen)),
        tuple(thing for thing_id, thing in sorted(things.items()) if thing_id in used),
        tuple(sorted(chosen)),
        len(known),
    )


def graph_svg(drawn: Graph) -> Markup:
    """The same links without a script: accounts on the left, things on the right, a line for each link."""
    accounts = drawn.accounts[:STATIC_ACCOUNTS]
    things = drawn.things[:STATIC_ACCOUNTS]
    height = 28 + 22 * max(len(accounts), len(things))

    def places(items: Sequence[str]) -> dict[str, float]:
        gap = (height - 28) / len(items)
        return {item: 14 + gap * (i + 0.5) for i, item in enumerate(items)}

    account_y, thing_y = places(accounts), places([thing.thing_id for thing in things])
    parts = [
        Markup('<line class="link" x1="170" x2="400" y1="{:.1f}" y2="{:.1f}"/>').format(
            account_y[a], thing_y[t]
        )
        for a, t in drawn.links
        if a in account_y and t in thing_y
    ]
    parts += [
        Markup(
            '<circle class="account" cx="170" cy="{0:.1f}" r="5"/>'
            '<text class="tick" x="160" y="{1:.1f}" text-anchor="end">{2}</text>'
        ).format(account_y[a], account_y[a] + 4, clean(short(a, 22)))
        for a in accounts
    ]
    parts += [
        Markup('{}<text class="tick" x="415" y="{:.1f}">{}: {}</text>').format(
            polygon(thing.kind, 400, thing_y[thing.thing_id], 8),
            thing_y[thing.thing_id] + 4,
            clean(short(thing.kind, 20)),
            clean(short(thing.label, 22)),
        )
        for thing in things
    ]
    return Markup('<svg class="chart" role="img" viewBox="0 0 640 {}" aria-label="{}">{}</svg>').format(
        height, describe(drawn), Markup("").join(parts)
    )


def describe(drawn: Graph) -> str:
    """One sentence that says what the graph holds."""
    sample = f", a sample of {plural(drawn.of_links, 'link')}" if len(drawn.links) < drawn.of_links else ""
    return (
        f"{plural(len(drawn.accounts), 'account')} joined to {plural(len(drawn.things), 'shared thing')} "
        f"by {plural(len(drawn.links), 'link')}{sample}."
    )


def kinds(things: Iterable[SharedThing]) -> list[str]:
    """The kinds of thing present, in the order of their first appearance."""
    return list(dict.fromkeys(thing.kind for thing in things))


__all__ = [
    "SHAPES",
    "Graph",
    "Timeline",
    "bar_svg",
    "describe",
    "graph",
    "graph_svg",
    "kinds",
    "legend_icon",
    "odds_svg",
    "polygon",
    "shape_of",
    "timeline",
    "timeline_svg",
]
