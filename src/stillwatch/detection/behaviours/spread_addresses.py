"""Few requests over many addresses: proxies."""

import numpy as np

from stillwatch.detection.behaviours._matched import alike
from stillwatch.detection.behaviours.base import INFRASTRUCTURE, Behaviour, Observation, most
from stillwatch.detection.case import Case, draw_tail


def examine(case: Case) -> Observation | None:
    """New addresses for each exchange, against outside accounts with as many exchanges."""
    view = case.view
    if "address" not in view.kinds_shown:
        return None
    chosen = case.by_content if case.by_content is not None else case.members
    n = view.totals["n"]
    ratio = case.population.address_rates[1]
    own = chosen[n[chosen] >= 5]
    pool = case.pool("five exchanges, by exchanges", lambda: n, lambda: n >= 5)
    if len(own) < 4 or len(pool) < 30:
        return None
    observed = float(ratio[own].mean())
    reference = alike(pool, n[own])
    sets = reference.draws(case.population.settings.reference_draws, case.generator(4))
    drawn = reference.widened(np.concatenate([ratio[some].mean(axis=1) for some in sets]))
    p = draw_tail(observed, drawn)
    return Observation(
        statistic=observed,
        p_value=p if case.by_content is not None else None,
        statement=f"The accounts show {observed:.2f} new addresses for each exchange; outside accounts with as many"
        f" exchanges show {drawn.mean():.2f}. Build machines change addresses too.",
        supports=observed >= 0.2 and p < 0.05,
        examples=most(own, ratio[own]),
    )


BEHAVIOUR = Behaviour(
    name="spread_addresses",
    title="Ever-new addresses",
    family=INFRASTRUCTURE,
    field_numbers=(8, 10),
    statistic="distinct client addresses for each exchange, mean over accounts",
    null="sets of outside accounts with as many exchanges",
    atlas="AML.T0024.002",
    reference="Anthropic, 10 Sep 2026 (residential proxies)",
    examine=examine,
)
