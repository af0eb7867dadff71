"""Telephones, mail addresses and credentials in common."""

from stillwatch.detection.behaviours._sharing import sharing_test
from stillwatch.detection.behaviours.base import INFRASTRUCTURE, Behaviour

BEHAVIOUR = Behaviour(
    name="shared_contact",
    title="Shared telephone, mail or credential",
    family=INFRASTRUCTURE,
    field_numbers=(8,),
    statistic="share of accounts with a telephone, mail address or credential of another account of the group",
    null="pairs share one as often as pairs outside (binomial, accounts chosen by texts alone, corrected for kinds)",
    atlas="AML.T0024.002",
    reference="Anthropic, 10 Sep 2026 (disposable identities)",
    examine=sharing_test(
        {"telephone": "a telephone number", "mail": "a mail address", "credential": "a credential"}
    ),
)
