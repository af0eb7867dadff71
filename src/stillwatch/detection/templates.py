"""Stage 2: the template screen. Which accounts use a text object so much that chance does not explain it?

Every object is screened, the largest too: a cap on bucket sizes would hide the largest campaigns. What everybody says
surprises nobody, however many say it. A template that half of all traffic is built on surprises only for accounts that
send it fourteen times and nothing else.
"""

import numpy as np
from scipy import stats

from stillwatch.detection.evidence import Bools, Floats, View
from stillwatch.detection.settings import Settings

SURPRISE = 4.0
"""A text edge needs odds of one in 10^4: so often would the account use the object this much if it drew its texts
from everybody's."""
SURPRISE_CAP = 8.0
"""More than this is not told apart: one account's habit must not outweigh many accounts' agreement."""


def surprise(view: View) -> Floats:
    """For each (account, text object): -log10 of the chance to use the object so often, drawing from all texts.

    Binomial tail with the object's share of everybody else's texts.
    """
    texts = view.totals["texts"][view.share_acc]
    count = view.share * texts
    everybody = float(view.totals["texts"].sum())
    carried = np.bincount(view.share_obj, weights=count, minlength=len(view.evidence.obj_kind))
    rate = (carried[view.share_obj] - count + 0.5) / np.maximum(everybody - texts + 1.0, 1.0)
    return np.asarray(-stats.binom.logsf(np.round(count) - 1, texts, np.minimum(rate, 1.0)) / np.log(10))


def screen(view: View, settings: Settings) -> tuple[Bools, Floats]:
    """Along `view.share_*`: does the account's use of the object pass, and its surprise, capped."""
    found = surprise(view)
    return np.asarray((view.share >= settings.tie_share) & (found >= SURPRISE)), np.minimum(
        found, SURPRISE_CAP
    )
