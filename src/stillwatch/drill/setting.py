"""Everything that classes of users and campaigns are built from: one provider's world."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stillwatch.drill.clients import Clients
from stillwatch.drill.clock import Clock
from stillwatch.drill.models import Models
from stillwatch.drill.people import People
from stillwatch.drill.places import Places
from stillwatch.drill.prompts.ordinary import OrdinaryPrompts, viral_prompts
from stillwatch.drill.prompts.packs import language_names
from stillwatch.drill.randomness import Arr, generator


@dataclass(frozen=True)
class Setting:
    """One provider (lab) of an exercise. Labs of one exercise share the networks, clients and calendar."""

    seed: int
    lab: int
    clock: Clock
    places: Places
    clients: Clients
    people: People
    models: Models
    prompts: OrdinaryPrompts
    languages: tuple[str, ...]

    @classmethod
    def make(
        cls,
        seed: int,
        start: int,
        days: int,
        *,
        lab: int = 0,
        arrivals: Arr | None = None,
        library: Sequence[str] = (),
    ) -> "Setting":
        """A provider's world under this seed."""
        clock = Clock.make(seed, start, days, arrivals)
        places, clients, names = Places.make(seed), Clients.make(seed), language_names()
        viral = viral_prompts(generator(seed, "viral"), names)
        return cls(
            seed,
            lab,
            clock,
            places,
            clients,
            People(seed, clock, places, clients, names),
            Models.make(seed, clock),
            OrdinaryPrompts(names, library, viral),
            names,
        )

    def rng(self, *names: object) -> np.random.Generator:
        """A generator for one purpose at this lab."""
        return generator(self.seed, "lab", self.lab, *names)

    def actor_rng(self, *names: object) -> np.random.Generator:
        """A generator for one purpose that is the same at every lab: what one actor brings along."""
        return generator(self.seed, "actor", *names)
