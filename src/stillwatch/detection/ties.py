"""Stage 7: who of a group of system prompts is tied to others of it by more than that?

Whoever uses an application sends its prompt: a class, a launch's first customers, and a campaign among them. They may be
new, unverified and busy at the same hours. What they do not have in common are cards, telephones, mail addresses and keys.
"""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stillwatch.detection.case import Case
from stillwatch.detection.evidence import KINDS, Bools

TYING = ("payment", "telephone", "mail", "credential")
"""What strangers who use one application do not share. Addresses are left out: a school has one."""
FEW = 3
"""Accounts that hang together by such ties, from which they are counted: two may be a couple."""
FIGURES = ("shared_payment", "undeclared_sharing")
"""Figures that such ties decide."""


def tied(case: Case) -> Bools:
    """Along `group.accounts`: members that hang together, FEW or more, by things of TYING that mostly this group holds."""
    view, members = case.view, case.members
    codes = [KINDS.index(kind) for kind in TYING]
    objects = case.group.infrastructure_objects
    objects = objects[np.isin(view.evidence.obj_kind[objects], codes)]
    links = view.links_by_account.places(members)
    links = links[np.isin(view.link_obj[links], objects)]
    people, a = np.unique(view.link_acc[links], return_inverse=True)
    things, o = np.unique(view.link_obj[links], return_inverse=True)
    size = len(people) + len(things)
    if not size:
        return np.zeros(len(case.group.accounts), dtype=bool)
    graph = coo_matrix((np.ones(len(a), dtype=np.int8), (a, o + len(people))), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    many = np.bincount(part[: len(people)], minlength=size)[part[: len(people)]] >= FEW
    return np.asarray(np.isin(case.group.accounts, people[many]) & case.group.firm)
