"""Cards and other instruments of payment in common."""

from stillwatch.detection.behaviours._sharing import sharing_test
from stillwatch.detection.behaviours.base import INFRASTRUCTURE, Behaviour

BEHAVIOUR = Behaviour(
    name="shared_payment",
    title="Shared payment",
    family=INFRASTRUCTURE,
    field_numbers=(8,),
    statistic="share of accounts that pay with an instrument which another account of the group uses",
    null="pairs share an instrument as often as pairs outside the group (binomial, accounts chosen by texts alone)",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (shared payment methods)",
    examine=sharing_test({"payment": "a means of payment"}),
)
