"""Look-alikes that are bulk work with good reason: backfills, labels, own synthetic data, partners."""

from typing import Any

import numpy as np

from stillwatch.drill.clock import DAY, HOUR
from stillwatch.drill.lookalikes.base import LookAlike, LookAlikeKnobs, Scene
from stillwatch.drill.setting import Setting


def _settled(
    scene: Scene,
    k: LookAlikeKnobs,
    *,
    network: str = "hosting",
    verified: bool = True,
    plan: str | None = None,
) -> Any:
    one_card = bool(scene.rng.random() < 0.8)
    drawn = scene.people(k.accounts, plan=plan)
    a = scene.company(drawn, network=network, verified=verified, one_card=one_card)
    scene.old(a, scene.start - int(scene.rng.uniform(1, 300)) * DAY)
    agents, prints = scene.setting.clients.draw(scene.rng, "api", 1)
    a["agent"], a["ja4"], a["second_share"] = agents[0], prints[0], 0.0
    return a


def _backfill(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = _settled(scene, k)
    numbers = scene.cast.add(a)
    voice = scene.templated(
        "answering" if rng.random() < 0.5 else "labelling", "passage", answer_tokens=120.0
    )
    low = scene.moment(0.05, 0.6)
    high = min(low + int(rng.uniform(10, 60)) * HOUR, scene.end)
    scene.flat(voice, numbers, scene.volumes(k, len(a)), low, high, scene.group(numbers))
    scene.own_use(a, numbers, k.own_use)


def _classification(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = _settled(scene, k, verified=bool(rng.random() < 0.6))
    numbers = scene.cast.add(a)
    voice = scene.templated("labelling", "passage", answer_tokens=6.0, answer_spread=0.3, templates=2)
    rhythm = setting.clock.rhythm(2, float(a["offset"][0])) if rng.random() < 0.5 else None
    scene.flat(
        voice, numbers, scene.volumes(k, len(a)), scene.start, scene.end, scene.group(numbers), 0.8, rhythm
    )
    scene.own_use(a, numbers, k.own_use)


def _labelling(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = _settled(scene, k, network="business")
    a["persona"] = 0
    numbers = scene.cast.add(a)
    voice = scene.templated("grading", "answer", templates=2, answer_tokens=60.0)
    scene.organic(voice, a, numbers, scene.volumes(k, len(a)), scene.group(numbers), turns=1.0)
    scene.own_use(a, numbers, k.own_use)


def _synthetic(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = _settled(scene, k, verified=bool(rng.random() < 0.75))
    numbers = scene.cast.add(a)
    voice = scene.templated("answering", "question", templates=int(rng.integers(1, 5)), answer_tokens=420.0)
    low, high = scene.moment(0.0, 0.3), scene.moment(0.6, 1.0)
    scene.flat(voice, numbers, scene.volumes(k, len(a)), low, high, scene.group(numbers), 0.7)
    scene.own_use(a, numbers, k.own_use)


def _partner(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = _settled(scene, k, plan="enterprise")
    a["verified"] = True
    numbers = scene.cast.add(a)
    voice = scene.templated("reasoning", "question", templates=int(rng.integers(1, 4)), answer_tokens=1000.0)
    volumes = scene.volumes(k, len(a))
    scene.flat(voice, numbers, volumes, scene.start, scene.end, scene.group(numbers), 0.8)
    scene.own_use(a, numbers, k.own_use)
    scene.cast.agreements.append(
        {
            "agreement_id": "a" + rng.bytes(6).hex(),
            "organisation": int(a["organisation"][0]),
            "purpose": "distillation",
            "starts_at": scene.start - int(rng.uniform(30, 200)) * DAY,
            "ends_at": scene.end + int(rng.uniform(30, 300)) * DAY,
            "max_exchanges": int(volumes.sum() * rng.uniform(2, 6)) + 1000 if rng.random() < 0.7 else None,
        }
    )


K = LookAlikeKnobs
WORK = (
    LookAlike(
        "rag_backfill",
        "Backfill of a search index",
        "One organisation sends its documents through one template within hours.",
        "batch",
        K(accounts=3, volume_mean=2600, volume_cv=0.3, own_use=3),
        _backfill,
    ),
    LookAlike(
        "batch_classification",
        "Batch classification",
        "One organisation tags its records, with very short answers.",
        "batch",
        K(accounts=4, volume_mean=1500, volume_cv=0.4, own_use=3),
        _classification,
    ),
    LookAlike(
        "labelling",
        "Labelling",
        "A team of annotators grades its own answers in office hours.",
        "batch",
        K(accounts=18, volume_mean=160, volume_cv=0.4, own_use=3),
        _labelling,
    ),
    LookAlike(
        "synthetic_data",
        "Synthetic data for own use",
        "One organisation with one card: a divided list, nothing asked twice, round the clock.",
        "batch",
        K(accounts=6, volume_mean=1100, volume_cv=0.15, own_use=2),
        _synthetic,
    ),
    LookAlike(
        "partner",
        "Partner with an agreement to distil",
        "A verified partner inside its written agreement.",
        "authorised",
        K(accounts=14, volume_mean=420, volume_cv=0.1, own_use=1),
        _partner,
    ),
)
