"""The disclosure rules of this package, applied before anything is written that could leave."""

from functools import cache

from stillwatch.intelligence.checking import Checker, Refusal
from stillwatch.records.errors import InputError


class DisclosureError(InputError):
    """Something may not leave; `refusals` names each object, field and rule."""

    def __init__(self, refusals: list[Refusal]) -> None:
        self.refusals = refusals
        first = refusals[0]
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        super().__init__(
            f"the disclosure rules refuse {first.field}: {first.rule}{more}",
            where=first.object_id,
            mend=first.mend,
        )


@cache
def _checker() -> Checker:
    # No clock: what is written has to be the same whenever it is. A node checks again, with one, before anything leaves.
    return Checker()


def refusals(item: object) -> list[Refusal]:
    """Everything in an object or bundle (as parsed from JSON) that the rules do not allow."""
    return _checker().refusals(item)


def require(item: object) -> None:
    """Raise `DisclosureError` if anything in the object or bundle may not leave."""
    found = refusals(item)
    if found:
        raise DisclosureError(found)
