"""Scenarios: which campaigns, look-alikes and totals an exercise has."""

from dataclasses import dataclass, replace

from stillwatch.drill import lookalikes
from stillwatch.drill.campaigns import classes as campaigns
from stillwatch.drill.campaigns.knobs import Knobs
from stillwatch.records.errors import InputError, or_the_like

_EVERY = tuple(lookalikes.CLASSES)


@dataclass(frozen=True)
class Part:
    """One campaign of a scenario. `knobs`: instead of the class's own; `exact`: they are not varied by seed."""

    kind: str
    tier: str = "plain"
    knobs: Knobs | None = None
    exact: bool = False


@dataclass(frozen=True)
class Scenario:
    """An exercise: totals, campaigns, look-alikes; `group_scale` makes all groups larger or smaller."""

    name: str
    title: str
    exchanges: int
    accounts: int
    days: int
    campaigns: tuple[Part, ...]
    lookalikes: tuple[str, ...]
    group_scale: float = 1.0


_DEFAULT = (
    Part("template_harvest"),
    Part("reasoning_elicitation"),
    Part("load_balanced", "adaptive"),
    Part("release_pivot", "adaptive"),
    Part("account_replacement"),
    Part("reward_model_grading", "expert"),
)


def _published(scale: float) -> Scenario:
    """Three campaigns with the figures of February 2026 (24,000 accounts and over 16M exchanges at scale 1).

    Source: Anthropic, "Detecting and preventing distillation attacks", 23 Feb 2026. The split of the accounts over
    the campaigns is not published, but that the second had hundreds; the rest is an assumption of ours.
    """

    def sized(accounts: int, exchanges: int, **more: float) -> Knobs:
        n = max(20, round(accounts * scale))
        return replace(Knobs(**more), accounts=n, volume_mean=max(exchanges * scale / n, 4.0))  # type: ignore[arg-type]

    rubric = sized(1_500, 155_000, templates=3, sync=0.9, shared_payment_rate=0.7, answer_tokens=700)
    agentic = sized(
        450,
        3_450_000,
        templates=6,
        tools_mean=8,
        clients=8,
        cloud_share=0.35,
        app_share=0.1,
        residential_share=0.3,
        shared_payment_rate=0.4,
        volume_cv=0.25,
        turns_mean=1.5,
        system_share=0.4,
    )
    coding = sized(
        22_050,
        13_100_000,
        templates=5,
        tools_mean=7,
        pivot_share=0.5,
        turns_mean=1.5,
        volume_cv=0.1,
        system_share=0.4,
        signup_bursts=8,
        signup_days=3,
    )
    parts = (
        Part("published_reasoning", knobs=rubric, exact=True),
        Part("published_agentic", knobs=agentic, exact=True),
        Part("published_coding", knobs=coding, exact=True),
    )
    campaign = sum(p.knobs.accounts * p.knobs.volume_mean for p in parts if p.knobs)
    members = sum(p.knobs.accounts for p in parts if p.knobs)
    return Scenario(
        "published-2026",
        "Three campaigns with the published figures of February 2026",
        round(13_400_000 * scale + campaign),
        round(100_000 * scale + members),
        14,
        parts,
        _EVERY,
        max(100_000 * scale / 12_000, 0.15),
    )


def _named() -> dict[str, Scenario]:
    listed = (
        Scenario(
            "default",
            "Six campaigns at mixed craft, and every look-alike",
            300_000,
            12_000,
            14,
            _DEFAULT,
            _EVERY,
        ),
        Scenario("quiet", "No campaign; every look-alike", 200_000, 9_000, 14, (), _EVERY),
        Scenario(
            "small",
            "Two campaigns and some look-alikes, for a quick try",
            15_000,
            800,
            7,
            (Part("template_harvest"), Part("reasoning_elicitation", "adaptive")),
            ("benchmark_harness", "popular_client", "reseller", "class", "synthetic_data", "partner"),
            0.25,
        ),
        Scenario(
            "all",
            "Every class of campaign, and every look-alike",
            600_000,
            24_000,
            14,
            tuple(Part(c) for c in campaigns.CLASSES if not c.startswith("published_")),
            _EVERY,
        ),
    )
    return {s.name: s for s in listed}


def names() -> list[str]:
    """Names of all scenarios."""
    classes = [
        f"class:{c}" for c in (*campaigns.CLASSES, *lookalikes.CLASSES) if not c.startswith("published_")
    ]
    return [*_named(), "published-2026", *classes]


def find(name: str, *, scale: float = 1.0, tier: str | None = None) -> Scenario:
    """The scenario of this name, its groups scaled; `tier` puts every campaign at one level of craft.

    Raises InputError for a name that is not known.
    """
    if name == "published-2026":
        found = _published(scale)
    elif name in _named():
        s = _named()[name]
        found = replace(
            s,
            exchanges=round(s.exchanges * scale),
            accounts=max(round(s.accounts * scale), 50),
            group_scale=s.group_scale * scale,
        )
    elif name.startswith("class:") and name in names():
        kind = name.removeprefix("class:")
        parts = (Part(kind),) if kind in campaigns.CLASSES else ()
        extra = () if parts else (kind,)
        found = Scenario(
            name, f"One class: {kind}", round(60_000 * scale), round(3_000 * scale), 14, parts, extra, scale
        )
    else:
        raise InputError(
            f"no scenario {name!r}",
            where="--scenario",
            mend="see stillwatch drill --list" + or_the_like(name, names()),
        )
    if tier:
        found = replace(found, campaigns=tuple(replace(p, tier=tier) for p in found.campaigns))
    return found
