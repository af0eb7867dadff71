"""The report of a scan for a person: one HTML file that needs no network, no script and no colour to be read.

Text from logs is hostile. Every value passes through Jinja2's autoescape and through `wording.clean`
(one hook for all of them, so that no field can be forgotten), and the page's own policy (Content Security
Policy level 3) allows only the scripts and styles whose digests it lists, and no connection at all.
"""

import base64
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stillwatch.detection.explanation import figures, wording
from stillwatch.detection.explanation.embedding import chart_data
from stillwatch.detection.explanation.redaction import mask, redact
from stillwatch.detection.explanation.story import (
    Examined,
    ReadableTemplate,
    Rival,
    SharedThing,
    Story,
)
from stillwatch.records.errors import InputError
from stillwatch.records.findings import ACCUSED_ROLES, Member, Reason
from stillwatch.records.rejects import commonest

OPENING = (
    "Statistical evidence about accounts, not a finding about any person, company or country; "
    "human review and appeal are required.",
    "Calibrated on simulated exercises; recalibrate on your own reviewed cases.",
)
"""The two sentences that every report opens with."""

MOST_MEMBERS = 200  # rows of one group; all of them together stay below MOST_MEMBER_ROWS
MOST_MEMBER_ROWS = 20_000
FEWEST_MEMBERS = 20
MOST_THINGS = 60
MOST_TEMPLATES = 5
MOST_EXAMPLES = 5
LONGEST_EXAMPLE = 600
LONGEST_TEMPLATE = 3000

_PACKAGE = "stillwatch.detection.explanation"
_SCRIPTS = ("vendor/uplot-1.6.32.iife.min.js", "vendor/cytoscape-3.34.4.min.js", "templates/report.js")
_STYLES = ("vendor/uplot-1.6.32.min.css", "templates/report.css")
# cytoscape adds this style by itself unless an element with that id is there; the policy would refuse it.
_CYTOSCAPE_STYLE = (
    "__________cytoscape_stylesheet",
    ".__________cytoscape_container { position: relative; }",
)


@dataclass(frozen=True)
class _Verdict:
    rank: int
    css: str
    text: str


class _Verdicts(dict[str, _Verdict]):
    def __missing__(self, name: str) -> _Verdict:
        return _Verdict(1, "review", name)


_VERDICTS = _Verdicts(
    extraction=_Verdict(0, "extraction", "Accused: extraction"),
    review=_Verdict(1, "review", "For review"),
    legitimate=_Verdict(2, "legitimate", "Cleared"),
)


@dataclass(frozen=True)
class _Style:
    id: str
    text: Markup


@dataclass(frozen=True)
class _Piece:
    text: str
    slot: bool


@dataclass(frozen=True)
class _Template:
    pieces: tuple[_Piece, ...]
    exchanges: int
    accounts: int


@dataclass(frozen=True)
class _Rival:
    kind: str
    log10_likelihood: float
    statement: str
    bar: Markup


@dataclass(frozen=True)
class _Group:
    """One story as the templates want it: ordered, cut and drawn."""

    number: int
    story: Story
    rank: int
    supporting: Sequence[Reason]
    opposing: Sequence[Reason]
    accused: int = 0
    open: bool = False
    odds: Markup = field(default_factory=Markup)
    members: Sequence[Member] = ()
    rivals: Sequence[_Rival] = ()
    things: Sequence[SharedThing] = ()
    kinds: Sequence[str] = ()
    templates: Sequence[_Template] = ()
    examples: Sequence[str] = ()
    timeline: figures.Timeline | None = None
    timeline_svg: Markup = field(default_factory=Markup)
    graph: figures.Graph | None = None
    graph_svg: Markup = field(default_factory=Markup)
    graph_words: str = ""
    static_accounts: int = 0  # drawn without a script, when fewer than the sample
    data: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class _Page:
    policy: str
    styles: Sequence[_Style]
    scripts: Sequence[Markup]
    opening: Sequence[str]
    verdicts: Mapping[str, _Verdict]
    groups: Sequence[_Group]
    accused: Sequence[_Group]
    review: Sequence[_Group]
    cleared: Sequence[_Group]
    accused_accounts: int
    rejected_rows: int
    rejected: Sequence[tuple[str, int]]
    dropped: Sequence[tuple[str, int]]
    absent: Sequence[tuple[str, str]]
    settings: Sequence[tuple[str, str]]
    examples_note: str


def write_report(path: Path | str, stories: Sequence[Story], examined: Examined) -> None:
    """Write `report.html` at `path`: the groups of `stories`, and what was `examined` as a whole.

    The groups are ordered by verdict, probability and id, so the order of `stories` does not matter, and the
    same input gives the same bytes. Examples are redacted here as well, unless `examined.raw_examples`.
    Written aside and renamed. Raises `InputError` when the folder cannot be written to.
    """
    target = Path(path)
    page = _page(stories, examined)
    stream = _environment().get_template("report.html").stream(page=page, examined=examined)
    stream.enable_buffering(64)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    aside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(stream)
        aside.chmod(0o644)
        aside.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        aside.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> InputError:
    return InputError(
        f"the report cannot be written ({error.strerror or error})",
        where=str(target),
        mend="name a folder in --out that exists and can be written to",
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE, "templates"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": wording.count,
        "icon": figures.legend_icon,
        "p_value": wording.p_value,
        "plural": wording.plural,
        "prior": wording.prior,
        "probability": wording.probability,
        "short": wording.short,
        "signed": wording.signed,
        "statistic": wording.statistic,
        "time": wording.time,
        "words": lambda name: str(name).replace("_", " "),
    }
    return environment


def _finalize(value: object) -> object:
    """Clean every text that a template prints; markup of our own making is left as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else wording.clean(value)


@cache
def _asset(name: str) -> str:
    return (resources.files(_PACKAGE) / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """The digest of an inline script or style, as a Content Security Policy writes it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _page(stories: Sequence[Story], examined: Examined) -> _Page:
    ordered = sorted(stories, key=_order)
    full = sum(1 for story in ordered if story.campaign.verdict != "legitimate")
    most_members = max(FEWEST_MEMBERS, min(MOST_MEMBERS, MOST_MEMBER_ROWS // max(full, 1)))
    groups = [_group(i + 1, story, examined, most_members) for i, story in enumerate(ordered)]
    accused = [group for group in groups if group.story.campaign.verdict == "extraction"]
    styles = [(_CYTOSCAPE_STYLE[0], _CYTOSCAPE_STYLE[1]), *(("", _asset(name)) for name in _STYLES)]
    scripts = (
        [_asset(name) for name in _SCRIPTS] if any(group.data for group in groups) else [_asset(_SCRIPTS[-1])]
    )
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_source, scripts))}; "
        f"style-src {' '.join(_source(text) for _, text in styles)}; base-uri 'none'; form-action 'none'"
    )
    return _Page(
        policy=policy,
        styles=[_Style(name, Markup(text)) for name, text in styles],  # noqa: S704 (our own files)
        scripts=[Markup(text) for text in scripts],  # noqa: S704 (our own files)
        opening=OPENING,
        verdicts=MappingProxyType(_VERDICTS),
        groups=groups,
        accused=accused,
        review=[g for g in groups if g.story.campaign.verdict not in ("extraction", "legitimate")],
        cleared=[g for g in groups if g.story.campaign.verdict == "legitimate"],
        accused_accounts=len(
            {m.account_id for g in accused for m in g.story.members if m.role in ACCUSED_ROLES}
        ),
        rejected_rows=sum(examined.rejected.values()),
        rejected=commonest(examined.rejected),
        dropped=commonest(examined.dropped),
        absent=sorted(examined.absent_columns.items()),
        settings=[
            ("prior", wording.prior(examined.prior)),
            *(
                (name, _setting(value))
                for name, value in sorted(examined.settings.items())
                if name != "prior"
            ),
        ],
        examples_note=(
            "Raw text, as it was asked for. Reading it is an access to users' content."
            if examined.raw_examples
            else "Redacted: what could identify somebody is replaced by its kind in brackets. "
            "The option --raw-examples of stillwatch scan shows the raw text."
        ),
    )


def _order(story: Story) -> tuple[int, float, int, str]:
    campaign = story.campaign
    rank = _VERDICTS[campaign.verdict].rank
    return (rank, _falling(campaign.probability), -campaign.accounts, campaign.campaign_id)


def _falling(value: float) -> float:
    """A key that sorts the largest first and what is no number last."""
    return math.inf if math.isnan(value) else -value


def _setting(value: object) -> str:
    return (
        value or "none"
        if isinstance(value, str)
        else json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    )


def _group(number: int, story: Story, examined: Examined, most_members: int) -> _Group:
    campaign = story.campaign
    supporting = [reason for reason in campaign.reasons if reason.supports]
    opposing = [reason for reason in campaign.reasons if not reason.supports]
    rank = _VERDICTS[campaign.verdict].rank
    if campaign.verdict == "legitimate":
        return _Group(number, story, rank, supporting, opposing)
    line = figures.timeline(story)
    drawn = figures.graph(story)
    roles = {"member": 0, "relay": 0}
    members = sorted(
        story.members,
        key=lambda m: (roles.get(m.role, 1), _falling(m.probability), -m.exchanges, m.account_id),
    )
    things = sorted(story.things, key=lambda thing: (-thing.accounts, thing.outside, thing.thing_id))
    return _Group(
        number,
        story,
        rank,
        supporting,
        opposing,
        accused=sum(m.role in ACCUSED_ROLES for m in story.members) if rank == 0 else 0,
        open=number == 1,
        odds=figures.odds_svg(examined.prior, campaign.probability),
        members=members[:most_members],
        rivals=_rivals(story.rivals),
        things=things[:MOST_THINGS],
        kinds=figures.kinds(things),
        templates=[_template(item) for item in story.templates[:MOST_TEMPLATES]],
        examples=[
            wording.clean(text if examined.raw_examples else redact(text), LONGEST_EXAMPLE)
            for text in story.examples[:MOST_EXAMPLES]
        ],
        timeline=line,
        timeline_svg=figures.timeline_svg(line, campaign.detected_at) if line else Markup(),
        graph=drawn,
        graph_svg=figures.graph_svg(drawn) if drawn else Markup(),
        graph_words=figures.describe(drawn) if drawn else "",
        static_accounts=figures.STATIC_ACCOUNTS
        if drawn and len(drawn.accounts) > figures.STATIC_ACCOUNTS
        else 0,
        data=chart_data(story, line, drawn),
    )


def _rivals(rivals: Sequence[Rival]) -> list[_Rival]:
    """Best first, with a bar that shrinks to nothing at 10^-6 of the best one's likelihood."""
    best_first = sorted(rivals, key=lambda rival: (_falling(rival.log10_likelihood), rival.kind))
    return [
        _Rival(r.kind, r.log10_likelihood, r.statement, figures.bar_svg(1 + r.log10_likelihood / 6))
        for r in best_first
    ]


def _template(item: ReadableTemplate) -> _Template:
    """Secrets and addresses are masked in a template too, though many accounts share its words."""
    pieces, left = [], LONGEST_TEMPLATE
    for text, slot in item.pieces:
        if left <= 0:
            pieces.append(_Piece("… (the rest is cut)", slot=False))
            break
        shown = mask(text)
        shown = wording.clean(shown, left)
        left -= len(shown)
        pieces.append(_Piece(shown or "…" if slot else shown, slot))
    return _Template(tuple(pieces), item.exchanges, item.accounts)
