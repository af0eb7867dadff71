"""Look-alikes that are people who belong together: classes, courses, hackathons, companies."""

import numpy as np

from stillwatch.drill.clock import DAY, HOUR
from stillwatch.drill.lookalikes.base import LookAlike, LookAlikeKnobs, Scene
from stillwatch.drill.people import PAYMENT, PLAN
from stillwatch.drill.setting import Setting
from stillwatch.drill.voices import Ordinary


def _class(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts, surface="app", plan="education")
    a = scene.company(a, one_card=False, verified=bool(rng.random() < 0.6), network="education")
    a["alt_share"] = rng.beta(2, 2, len(a))  # half the work is done at home
    homes = setting.places.draw(rng, "residential", a["country"])
    a["alt_pool"], a["alt_key"] = homes, setting.people.keys(rng, len(a))
    term = scene.start - int(rng.uniform(3, 60)) * DAY
    a["created"] = term + (rng.gamma(1.0, 20, len(a)) * HOUR).astype(np.int64)
    scene.old(a, scene.start + DAY // 2)
    numbers = scene.cast.add(a)
    group = scene.group(numbers)
    due = [scene.moment(0.25, 0.5), scene.moment(0.65, 0.95)]
    for deadline in due:
        wording = ("reasoning", "answering", "coding")[int(rng.integers(3))]
        voice = scene.templated(
            wording, "code" if wording == "coding" else "question", fixed=k.items or int(rng.integers(4, 12))
        )
        low = np.full(len(a), deadline - int(rng.uniform(1, 4) * DAY))
        scene.organic(
            voice,
            a,
            numbers,
            scene.volumes(k, len(a)) // 2 + 1,
            group,
            3.0,
            low,
            np.full(len(a), min(deadline, scene.end)),
            per_account=True,
        )
    scene.own_use(a, numbers, k.own_use)


def _course(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts, surface=None)
    begin = scene.start - int(rng.uniform(0, 25)) * DAY
    fresh = rng.random(len(a)) < 0.6
    a["created"] = np.where(fresh, begin + rng.normal(0, 2, len(a)) * DAY, a["created"]).astype(np.int64)
    scene.old(a, scene.start + 2 * DAY)
    numbers = scene.cast.add(a)
    group = scene.group(numbers)
    for week in range(max(1, setting.clock.days // 7)):
        voice = scene.templated(
            ("reasoning", "coding", "answering")[week % 3],
            ("question", "code", "question")[week % 3],
            fixed=k.items or int(rng.integers(5, 15)),
        )
        low = np.full(len(a), scene.start + week * 7 * DAY)
        volumes = scene.volumes(k, len(a)) * 7 // max(setting.clock.days, 7)
        scene.organic(voice, a, numbers, volumes, group, 3.0, low, low + 7 * DAY, per_account=True)
    scene.own_use(a, numbers, k.own_use)


def _hackathon(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts)
    a = scene.company(a, one_card=False, verified=False, network="business")
    a["organisation"] = np.where(
        rng.random(len(a)) < 0.4, [setting.people.organisation(rng) for _ in range(len(a))], -1
    )
    a["plan"] = np.where(rng.random(len(a)) < 0.6, PLAN["startup"], PLAN["free"])
    a["payment"], a["payment_kind"] = 0, PAYMENT["none"]
    a["offset"] += rng.normal(0, 1, len(a))
    begin = scene.moment(0.2, 0.75)
    a["created"] = begin + (rng.normal(0, 3, len(a)) * HOUR).astype(np.int64) - 3 * HOUR
    a["persona"] = rng.choice([1, 3], len(a))
    numbers = scene.cast.add(a)
    low = np.maximum(np.full(len(a), begin), a["created"] + HOUR)
    high = np.minimum(low + int(rng.uniform(30, 54)) * HOUR, scene.end)
    # Everyone gets the organisers' starter prompt; then each team goes its own way.
    kit = scene.templated("coding", "code", templates=2, language=0, tools=5.0, answer_tokens=900.0)
    group, volumes = scene.group(numbers), scene.volumes(k, len(a))
    scene.organic(kit, a, numbers, volumes // 3 + 1, group, 4.0, low, high)
    scene.organic(Ordinary(setting.prompts, code=0.8), a, numbers, volumes * 2 // 3, group, 5.0, low, high)
    scene.own_use(a, numbers, k.own_use)


def _company(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts, surface=None, plan="enterprise")
    a = scene.company(a)
    a["payment_kind"] = PAYMENT["invoice"]
    a["persona"], a["lease"] = 0, 0
    a["offset"] = a["offset"][0] + rng.normal(0, 0.7, len(a))
    rolled_out = scene.start - int(rng.uniform(-3, 200) * DAY)
    a["created"] = rolled_out + (rng.gamma(1.0, 12, len(a)) * HOUR).astype(np.int64)
    scene.old(a, scene.end - 3 * DAY)
    numbers = scene.cast.add(a)
    group, volumes = scene.group(numbers), scene.volumes(k, len(a))
    wording = ("answering", "labelling", "rewriting")[int(rng.integers(3))]
    house = scene.templated(wording, "passage", templates=3)
    scene.organic(house, a, numbers, volumes // 2 + 1, group)
    scene.organic(Ordinary(setting.prompts), a, numbers, volumes // 2, group)


K = LookAlikeKnobs
COHORTS = (
    LookAlike(
        "class",
        "Class from one campus",
        "Students on education plans with the same assignment, one campus address and a deadline.",
        "cohort",
        K(accounts=70, volume_mean=14, volume_cv=0.9),
        _class,
    ),
    LookAlike(
        "course",
        "Online course",
        "Learners everywhere do the same weekly exercises; many asked to show their steps.",
        "cohort",
        K(accounts=130, volume_mean=14, volume_cv=0.9),
        _course,
    ),
    LookAlike(
        "hackathon",
        "Hackathon",
        "A weekend of new accounts at one address, without payment, day and night.",
        "cohort",
        K(accounts=55, volume_mean=36, volume_cv=0.9, own_use=2),
        _hackathon,
    ),
    LookAlike(
        "company",
        "Company behind one address and one card",
        "Many verified accounts of one firm: one address, one invoice, house templates, office hours.",
        "cohort",
        K(accounts=90, volume_mean=34, volume_cv=1.0, own_use=0),
        _company,
    ),
)
