"""Uses that look like extraction and are not: every class that must not be accused."""

from stillwatch.drill.lookalikes.base import LookAlike, LookAlikeKnobs
from stillwatch.drill.lookalikes.cohorts import COHORTS
from stillwatch.drill.lookalikes.programs import PROGRAMS
from stillwatch.drill.lookalikes.work import WORK

CLASSES: dict[str, LookAlike] = {c.name: c for c in (*PROGRAMS, *COHORTS, *WORK)}

__all__ = ["CLASSES", "LookAlike", "LookAlikeKnobs"]
