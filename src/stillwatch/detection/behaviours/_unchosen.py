"""Accounts that texts did not choose: of these what they send can be tested."""

from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Ints


def not_by_texts(case: Case) -> Ints | None:
    """Accounts whose texts are draws of their own under the null, or None where texts had a part in choosing them.

    In a group of texts they are not: one template is one draw, however many accounts repeat it.
    """
    return case.by_infrastructure
