"""What does each kind of craft cost a campaign's finder? Recall over the levels of one knob at a time.

    python benchmarks/craft.py [--campaign template_harvest] [--knobs relay_share accounts] [--seeds 9061]

One campaign among ordinary people, all of its knobs at the class's own values (number and volume of accounts: see
--base-accounts and --base-volume, which leave room for every level) but the one that is turned. `infrastructure` turns
three at once: the share of accounts with a shared card, how many accounts sit at one address, and the share behind
residential proxies; `in_prompt` keeps the template in the system prompt, in ever more wordings, and `any_task` asks whatever
people ask beside it. Prints for each level the share of campaign accounts that are accused and that are at least up for
review, and writes benchmarks/results/craft-CLASS-TIER[-KNOBS].json. `--knobs crowd --exchanges 60000 --accounts 12000` is
four requests each of 4,000 accounts within two days; `--knobs alone` one account that harvests by itself, which is never
accused and at most up for review; `--knobs clean` a campaign, by its number of accounts, each of which has a card, an
address and a TLS fingerprint of its own, on ordinary cards; `--knobs aged` such with old accounts, verified like others.
Development used seeds 7 to 9, 21 to 24 and 61 to 69.
"""

import argparse
from typing import Any

from _common import campaign_alone, percent, show, write

CURVES: dict[str, tuple[dict[str, float], ...]] = {
    "relay_share": tuple({"relay_share": x} for x in (0.0, 0.25, 0.5, 0.75, 0.9)),
    "paraphrase_rate": tuple({"paraphrase_rate": x} for x in (0.0, 0.25, 0.5, 0.75, 1.0)),
    "accounts": tuple({"accounts": x} for x in (8, 16, 40, 100, 250)),
    "volume_mean": tuple({"volume_mean": x} for x in (4, 8, 16, 32, 64)),
    "in_prompt": tuple({"in_prompt": 1, "paraphrase_rate": x} for x in (0.0, 0.5, 1.0)),
    "any_task": tuple({"in_prompt": 1, "any_task": 1, "paraphrase_rate": x} for x in (0.0, 0.5, 1.0)),
    "infrastructure": tuple(
        {"shared_payment_rate": card, "accounts_per_address": address, "residential_share": proxied}
        for card, address, proxied in (
            (0.8, 12, 0.0),
            (0.5, 6, 0.1),
            (0.3, 3, 0.4),
            (0.1, 2, 0.7),
            (0.0, 1, 1.0),
        )
    ),
}
"""Knob (or knobs turned together) -> its levels."""
CLEAN: dict[str, float] = {
    "shared_payment_rate": 0,
    "accounts_per_address": 0,
    "residential_share": 0,
    "unique_fingerprint_share": 1,
    "clients": 60,
    "virtual_card_share": 0.05,
    "disposable_mail_share": 0,
    "signup_days": 90,
}
AGED: dict[str, float] = CLEAN | {"young_share": 0.3, "verified_share": 0.15}
EXTREMES: dict[str, tuple[dict[str, float], ...]] = {
    "crowd": ({"accounts": 4_000, "volume_mean": 4, "spike_days": 2},),
    "alone": tuple({"accounts": 1, "volume_mean": x} for x in (500, 2_000, 8_000)),
    "clean": tuple({"accounts": x} | CLEAN for x in (40, 100, 250)),
    "aged": tuple({"accounts": x} | AGED for x in (40, 100, 250)),
}
"""Four requests each of 4,000 accounts within two days, for `--exchanges 60000 --accounts 12000`; one account alone; and
campaigns whose accounts share nothing: made over months, and old and verified like other people's."""


def one(seed: int, turned: dict[str, float], options: argparse.Namespace) -> dict[str, Any]:
    """The campaign with these knobs turned, under one seed."""
    knobs = {"accounts": options.base_accounts, "volume_mean": options.base_volume} | turned
    guilty, found = campaign_alone(options.campaign, seed, options, knobs)
    return {
        "seed": seed,
        "planted": len(guilty),
        "accused": len(found.accused & guilty),
        "reviewed": len(found.reviewed & guilty),
        "harmless_accused": len(found.accused - guilty),
        "harmless_reviewed": len(found.reviewed - found.accused - guilty),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--campaign", default="template_harvest", metavar="CLASS")
    parser.add_argument("--tier", default="plain", help="of the knobs that are not turned")
    parser.add_argument(
        "--knobs", nargs="+", default=list(CURVES), choices=[*CURVES, *EXTREMES], metavar="KNOB"
    )
    parser.add_argument("--base-accounts", type=int, default=60)
    parser.add_argument("--base-volume", type=float, default=20)
    parser.add_argument("--exchanges", type=int, default=40_000)
    parser.add_argument("--accounts", type=int, default=2_500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[9061, 9062, 9063])
    options = parser.parse_args()
    curves: list[dict[str, Any]] = []
    for name in options.knobs:
        for turned in (CURVES | EXTREMES)[name]:
            runs = [one(seed, turned, options) for seed in options.seeds]
            total = {k: sum(run[k] for run in runs) for k in runs[0] if k != "seed"}
            curves.append({"knob": name, "level": turned, **total, "runs": runs})
        print(f"{name}: done", flush=True)
    show(
        [
            *("knob", "level", "planted", "accused", "recall", "accused or reviewed"),
            *("harmless accused", "harmless reviewed"),
        ],
        [
            [
                row["knob"],
                ", ".join(f"{value:g}" for value in list(row["level"].values())[:3]),
                row["planted"],
                row["accused"],
                percent(row["accused"], row["planted"]),
                percent(row["accused"] + row["reviewed"], row["planted"]),
                row["harmless_accused"],
                row["harmless_reviewed"],
            ]
            for row in curves
        ],
        left=2,
    )
    part = "" if options.knobs == list(CURVES) else "-" + "-".join(options.knobs)
    write(f"craft-{options.campaign}-{options.tier}{part}", {"settings": vars(options), "levels": curves})


if __name__ == "__main__":
    main()
