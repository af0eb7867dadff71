"""Cores of groups: accounts whose texts or system prompts are alike, or that hold the same cards and addresses."""

from functools import cached_property

from stillwatch.detection.communities import Halves, alike_in_texts, merged, tied_by_infrastructure
from stillwatch.detection.evidence import Bools, Ints
from stillwatch.detection.framing import of_one_frame
from stillwatch.detection.linking import infrastructure_edges, linking_objects
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import SYSTEM_KINDS, Likening, Similarity, vectors
from stillwatch.detection.view import View
from stillwatch.detection.workers import spread
from stillwatch.records.findings import CONTENT


class Cores:
    """The communities around which a view's groups form. None of the four kinds depends on another."""

    def __init__(self, view: View, settings: Settings, likening: Likening = vectors) -> None:
        """`likening` says which accounts are alike in what they ask."""
        self.view, self.settings, self.likening = view, settings, likening

    @cached_property
    def usable(self) -> Bools:
        """By object code: may it link accounts?"""
        return linking_objects(self.view, self.settings)

    @cached_property
    def texts(self) -> Similarity:
        """How alike accounts' texts are."""
        return self.likening(self.view, self.settings)

    @cached_property
    def prompts(self) -> Similarity:
        """How alike the system prompts are that come with them."""
        return self.likening(self.view, self.settings, kinds=SYSTEM_KINDS)

    @cached_property
    def of_texts(self) -> list[Ints]:
        """Accounts whose texts are alike."""
        return of_one_frame(self.texts, merged(self.texts, alike_in_texts(self.texts, self.settings)))

    @cached_property
    def of_prompts(self) -> list[Ints]:
        """Accounts whose system prompts are alike."""
        return merged(self.prompts, alike_in_texts(self.prompts, self.settings))

    @cached_property
    def of_means(self) -> list[Ints]:
        """Accounts that hold the same cards, addresses and the like."""
        return tied_by_infrastructure(infrastructure_edges(self.view, self.usable), self.settings)

    @cached_property
    def of_halves(self) -> list[Ints]:
        """Accounts whose texts are alike, by the first half of each one's."""
        return Halves.cores_of(self.likening(self.view, self.settings, 0), self.settings)

    def find(self, processes: int) -> None:
        """Find all side by side on so many processes; with one, each is found when it is asked for."""
        if processes < 2:
            return
        names = ["of_means"]
        if self.settings.left_out != CONTENT:
            names = ["of_texts", "of_halves", "of_means", "of_prompts"]  # the longest first
            for asked_again in ("texts", "prompts"):
                getattr(self, asked_again)
        for number, found in spread(lambda number: getattr(self, names[number]), len(names), processes):
            vars(self)[names[number]] = found
