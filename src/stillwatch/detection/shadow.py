"""Shadow mode: a second set of settings judges the same evidence, and the live verdicts are untouched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stillwatch.detection.comparison import Comparison, compare, seen
from stillwatch.detection.exemptions import Exemptions
from stillwatch.detection.judging import Judging, Verdict
from stillwatch.detection.preparation import Clock, Prepared
from stillwatch.detection.settings import Settings
from stillwatch.detection.settings_file import changed


@dataclass(frozen=True)
class Shadow:
    """What the shadow settings found, and how that differs from the live verdicts."""

    settings: Settings
    found: list[Verdict]
    comparison: Comparison

    def as_dict(self) -> dict[str, Any]:
        """What run.json says: the settings, counts (A live, B shadow), and the difference in one line."""
        return {
            "settings": self.settings.as_dict(),
            "settings_changed": changed(self.settings),
            **self.comparison.brief(),
            "difference": self.comparison.sentence("the live settings", "the shadow settings"),
        }


def compare_with(
    live: Sequence[Verdict], prepared: Prepared, settings: Settings, exemptions: Exemptions, clock: Clock
) -> Shadow:
    """Judge with other settings, under the same exemptions, and hold what they find against the live verdicts."""
    with clock.stage("shadow ledger"):
        judging = Judging.of(prepared, settings, exemptions)
    found = judging.verdicts(clock, "shadow ")
    return Shadow(settings, found, compare([seen(v.judged) for v in live], [seen(v.judged) for v in found]))
