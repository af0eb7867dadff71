"""Network addresses and client fingerprints in common."""

from stillwatch.detection.behaviours._sharing import sharing_test
from stillwatch.detection.behaviours.base import INFRASTRUCTURE, Behaviour

BEHAVIOUR = Behaviour(
    name="shared_address",
    title="Shared addresses and fingerprints",
    family=INFRASTRUCTURE,
    field_numbers=(8, 10),
    statistic="share of accounts with an address, sign-up address or rare TLS fingerprint of another of the group",
    null="pairs share one as often as pairs outside (binomial, accounts chosen by texts alone, corrected for kinds)",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (proxy networks); Stringhini et al. 2015 (EvilCohort)",
    examine=sharing_test(
        {
            "address": "a client address",
            "signup": "a sign-up address",
            "fingerprint": "a rare TLS fingerprint",
        }
    ),
)
