"""Objects that the disclosure rules let pass: one of each type at least, as hypothesis draws them."""

import hashlib
import uuid

from hypothesis import strategies as st

from stillwatch.intelligence.extension import EXTENSION, LINEAGE, PSEUDONYM, SUSPECT, TEMPLATE
from stillwatch.intelligence.rules import Rules
from stillwatch.intelligence.sigma import VALUES
from stillwatch.intelligence.vocabulary import INDICATOR_NAMES
from stillwatch.records.signatures import Signature

AMBER = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
DAY = "2026-09-01T00:00:00.000Z"
INSTANT = "2026-09-01T13:37:42.123456Z"
TYPES = Rules.default().types


def ids(kind):
    return st.integers(0, 2**128 - 1).map(lambda n: f"{kind}--{uuid.UUID(int=n, version=4)}")


def among(*path):
    """One of the values that the rules list at a place."""
    rule = TYPES
    for step in path:
        rule = rule[step]
    return st.sampled_from(rule["one_of"])


def head(kind, time=DAY):
    return {
        "type": st.just(kind),
        "spec_version": st.just("2.1"),
        "id": ids(kind),
        "created": st.just(time),
        "modified": st.just(time),
    }


def extended(extension, **fields):
    inside = st.fixed_dictionaries({"extension_type": st.just("property-extension"), **fields})
    return st.fixed_dictionaries({extension: inside})


MARKED = {"object_marking_refs": st.just([AMBER])}
OF = TYPES["campaign"]["extensions"]["fields"][EXTENSION]["fields"]
CAMPAIGNS = st.fixed_dictionaries(
    head("campaign")
    | MARKED
    | {
        "created_by_ref": ids("identity"),
        "name": among("campaign", "name"),
        "first_seen": st.just("2026-08-01T00:00:00.000Z"),
        "last_seen": st.just(DAY),
        "confidence": among("campaign", "confidence"),
        "labels": st.just(["adversarial-distillation"]),
        "external_references": st.lists(
            st.sampled_from(TYPES["campaign"]["external_references"]["list"]["one_of"]),
            min_size=1,
            max_size=3,
            unique_by=str,
        ),
        "extensions": extended(
            EXTENSION,
            accounts=st.sampled_from(OF["accounts"]["one_of"]),
            exchanges=st.sampled_from(OF["exchanges"]["one_of"]),
            strength=st.sampled_from(OF["strength"]["one_of"]),
            relays=st.booleans(),
            legal_basis=st.sampled_from(OF["legal_basis"]["one_of"]),
            benign_explanations=st.just("weighed and found worse"),
        ),
    },
    optional={"revoked": st.booleans()},
)
IDENTITIES = st.fixed_dictionaries(
    head("identity", INSTANT) | {"name": st.just("Anonymous member")},
    optional=MARKED
    | {
        "identity_class": st.just("organization"),
        "extensions": extended(PSEUDONYM, epoch=st.just("3"), public_key=st.just("A" * 43 + "=")),
    },
)
GROUPINGS = st.fixed_dictionaries(
    head("grouping")
    | MARKED
    | {
        "created_by_ref": ids("identity"),
        "context": st.just("suspicious-activity"),
        "object_refs": st.lists(ids("user-account"), min_size=5, max_size=5, unique=True)
        | st.lists(ids("user-account"), min_size=10, max_size=10, unique=True),
    }
)
ACCOUNTS = st.fixed_dictionaries(
    {
        "type": st.just("user-account"),
        "id": ids("user-account"),
        "user_id": st.integers(0, 2**128 - 1).map(lambda n: f"handle-{n:032x}"),
    },
    optional=MARKED | {"spec_version": st.just("2.1")},
)
ADDRESSES = st.tuples(st.sampled_from([8, 45, 93, 185, 203, 223]), *[st.integers(1, 254)] * 3).map(
    lambda four: ".".join(map(str, four))
)
PATTERNS = st.one_of(
    ADDRESSES.map(lambda a: f"[ipv4-addr:value = '{a}']"),
    st.lists(ADDRESSES, min_size=1, max_size=4).map(
        lambda many: "[ipv4-addr:value IN (" + ", ".join(f"'{a}'" for a in many) + ")]"
    ),
    st.one_of(st.integers(1, 64_511), st.integers(65_536, 999_999)).map(
        lambda n: f"[autonomous-system:number = {n} OR domain-name:value = 'a.example']"
    ),
    st.integers(0, 2**256 - 1).map(lambda n: f"[file:hashes.'SHA-256' = '{n:064x}']"),
)
PLAIN = head("indicator", INSTANT) | {"valid_from": st.just(INSTANT)}
OPTIONAL = MARKED | {
    "name": st.sampled_from(INDICATOR_NAMES),
    "indicator_types": st.just(["malicious-activity"]),
    "valid_until": st.just("2027-01-01T00:00:00Z"),
    "confidence": st.sampled_from([0, 15, 100]),
    "revoked": st.booleans(),
}
INDICATORS = st.fixed_dictionaries(
    PLAIN | {"pattern": PATTERNS, "pattern_type": st.just("stix")},
    optional=OPTIONAL | {"pattern_version": st.just("2.1")},
)
TEMPLATES = st.fixed_dictionaries(
    PLAIN
    | {
        "pattern": st.binary(max_size=8).map(
            lambda drawn: str(Signature(4, "input", "16-31", hashlib.sha512(drawn).digest()))
        ),
        "pattern_type": st.just("stillwatch-template"),
        "extensions": extended(TEMPLATE, accounts=st.just("10-99"), format=st.just("stillwatch-template/1")),
    },
    optional=OPTIONAL,
)
SIGMAS = st.fixed_dictionaries(
    PLAIN
    | {
        "pattern": st.sampled_from(
            [(column, value) for column, values in VALUES.items() for value in sorted(values)]
        ).map(
            lambda one: (
                f"title: {INDICATOR_NAMES[2]}\nlogsource:\n  product: stillwatch\n  service: usage\n"
                f"detection:\n  selection:\n    {one[0]}: '{one[1]}'\n    max_tokens|gte: 1000\n"
                "  condition: selection\n"
            )
        ),
        "pattern_type": st.just("sigma"),
    },
    optional=OPTIONAL,
)
DIGESTS = st.binary(max_size=8).map(lambda drawn: hashlib.sha256(drawn).hexdigest())
SOFTWARE = st.one_of(
    *(
        st.fixed_dictionaries(
            {
                "type": st.just("software"),
                "id": ids("software"),
                "name": st.just("Suspect model"),
                "extensions": extended(SUSPECT, **dict.fromkeys(said, DIGESTS)),
            },
            optional=MARKED,
        )
        for said in (("weights_sha256",), ("endpoint_sha256",), ("endpoint_sha256", "weights_sha256"))
    ),
    st.fixed_dictionaries(
        {"type": st.just("software"), "id": ids("software"), "name": st.just("Model of a member")},
        optional=MARKED,
    ),
)
RELATIONSHIPS = st.one_of(
    st.fixed_dictionaries(
        head("relationship", INSTANT)
        | {
            "relationship_type": st.just("indicates"),
            "source_ref": ids("indicator"),
            "target_ref": ids("campaign"),
        }
    ),
    *(
        st.fixed_dictionaries(
            head("relationship", INSTANT)
            | {
                "relationship_type": st.just("derived-from"),
                "source_ref": ids("software"),
                "target_ref": ids("software"),
                "extensions": extended(
                    LINEAGE,
                    test=st.just(test),
                    grade=st.just(grade),
                    strength=st.just("strong"),
                    p_value=st.just("0.001 to 0.05"),
                    p_floor=st.just("0.001 to 0.05"),
                    correction=st.just("none"),
                    prompt_set_sha256=DIGESTS,
                    reference_models=st.just("10-99"),
                ),
            }
        )
        for test, grade in (("similarity", "similarity"), ("keyed marks", "keyed"))
    ),
    st.fixed_dictionaries(
        head("relationship", INSTANT)
        | {
            "relationship_type": st.just("related-to"),
            "source_ref": st.one_of(ids("grouping"), ids("software")),
            "target_ref": st.one_of(ids("campaign"), ids("indicator")),
        },
        optional=MARKED,
    ),
)
SIGHTINGS = st.fixed_dictionaries(
    head("sighting", INSTANT) | {"sighting_of_ref": st.one_of(ids("campaign"), ids("indicator"))},
    optional={
        "count": st.sampled_from([1, 10, 1000]),
        "first_seen": st.just(DAY),
        "last_seen": st.just(DAY),
        "where_sighted_refs": st.lists(ids("identity"), min_size=1, max_size=1),
    },
)
OPINIONS = st.fixed_dictionaries(
    head("opinion", INSTANT)
    | {
        "opinion": st.sampled_from(["agree", "strongly-disagree"]),
        "object_refs": st.lists(ids("indicator"), min_size=1, max_size=2, unique=True),
    },
    optional={"explanation": st.just("false-positive")},
)
ACTIONS = st.fixed_dictionaries(head("course-of-action", INSTANT) | {"name": st.just("Throttle")})

OBJECTS = st.one_of(
    CAMPAIGNS,
    IDENTITIES,
    GROUPINGS,
    ACCOUNTS,
    INDICATORS,
    TEMPLATES,
    SIGMAS,
    SOFTWARE,
    RELATIONSHIPS,
    SIGHTINGS,
    OPINIONS,
    ACTIONS,
)
