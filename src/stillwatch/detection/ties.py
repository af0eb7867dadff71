"""Stage 7: who of a group of system prompts is tied to others of it by more than that?

Whoever uses an application sends its prompt: a class, a launch's first customers, and a campaign among them. They may be
new, unverified and busy at the same hours. What they do not have in common are cards, telephones, mail addresses and keys.
"""

import numpy as np

from stillwatch.detection.behaviours._sharing import shared
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Bools

KINDS = ("payment", "telephone", "mail", "credential")
"""What strangers who use one application do not share. Addresses are left out: a school has one."""
FIGURES = ("shared_payment", "undeclared_sharing")
"""Figures that such ties decide."""


def tied(case: Case) -> Bools:
    """Along `group.accounts`: members that share one of KINDS with another member."""
    acc, _ = shared(case, KINDS, case.members)
    return np.asarray(np.isin(case.group.accounts, acc) & case.group.firm)
