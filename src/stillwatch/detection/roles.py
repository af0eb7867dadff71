"""Stage 7: what each account of a judged group is: a member, one that relays, or only suspected."""

import numpy as np

from stillwatch.detection.candidates import Judged

RELAY_SHARE = 0.6
"""A member with a smaller share of its texts in the campaign mixes it with other traffic."""


def roles(judged: Judged) -> list[tuple[str, float]]:
    """(role, probability) for each account of `judged.group.accounts`.

    An account's probability is the group's times how surely it belongs: tied by texts and infrastructure, by
    one of them, or only linked, or put aside as something else. Who is exempt is not accused, and keeps the probability
    that the evidence gives.
    """
    group = judged.group
    exempt = np.isin(group.accounts, list(judged.exempt))
    found = []
    for share, kinds, belongs_firmly, is_exempt in zip(
        group.content_share, group.infrastructure_kinds, judged.belong, exempt, strict=True
    ):
        if not belongs_firmly:
            found.append(("suspected", 0.3 * judged.probability))
            continue
        belongs = 0.99 if share > 0 and kinds > 0 else 0.97
        relayed = judged.case.told_by_texts and 0 < share < RELAY_SHARE
        role = "suspected" if is_exempt else "relay" if relayed else "member"
        found.append((role, belongs * judged.probability))
    return found
