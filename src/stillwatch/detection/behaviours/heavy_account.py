"""One account with the volume of many."""

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import View


def of_account(view: View, code: int) -> Observation:
    """How many exchanges an account has, and how many accounts have as many."""
    volume = view.totals["n"]
    as_busy = int((view.active & (volume >= volume[code])).sum())
    return Observation(
        statistic=float(volume[code]),
        p_value=None,
        statement=f"The account sent {int(volume[code]):,} requests; {as_busy:,} of {view.population:,} accounts sent as"
        " many.",
        supports=as_busy / view.population < 0.01,
    )


def examine(case: Case) -> Observation | None:
    """The volume of an account that acts alone; in a group volumes are compared with each other instead."""
    return of_account(case.view, int(case.members[0])) if len(case.members) == 1 else None


BEHAVIOUR = Behaviour(
    name="heavy_account",
    title="One account with the volume of many",
    family=TIMING,
    field_numbers=(14,),
    statistic="exchanges of an account that acts alone",
    null="none: such accounts are chosen for the number of their marked texts, so their volume proves nothing more",
    atlas="AML.T0024.002",
    reference="Juuti et al. 2019 (PRADA: extraction through one client)",
    examine=examine,
)
