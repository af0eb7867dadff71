"""The tables beside usage: accounts, releases, agreements, identifiers and the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from stillwatch.drill import strings
from stillwatch.drill.people import People
from stillwatch.drill.places import as_text
from stillwatch.drill.randomness import Arr, key, mix
from stillwatch.drill.render import Schedule, account_ids
from stillwatch.drill.setting import Setting
from stillwatch.drill.strings import TEXT, column, hex_digests, take
from stillwatch.drill.traffic import Group, Stream
from stillwatch.records.schema import ACCOUNTS, AGREEMENTS, PAYMENT_KINDS, PLANS, RELEASES, TIME

TRUTH_ACCOUNTS = pa.schema([("account_id", TEXT), ("group_id", TEXT), ("class", TEXT), ("tier", TEXT)])
TRUTH_EXCHANGES = pa.schema([("event_id", TEXT), ("group_id", TEXT), ("extracting", pa.bool_())])
TRUTH_GROUPS = pa.schema(
    [
        ("group_id", TEXT),
        ("class", TEXT),
        ("tier", TEXT),
        ("unauthorised", pa.bool_()),
        ("expected_kind_of_use", TEXT),
        ("first_time", TIME),
        ("last_time", TIME),
    ]
)
IDENTIFIERS = pa.schema([("account_id", TEXT), ("type", TEXT), ("value", TEXT)])


def _signup(setting: Setting, a: Any) -> pa.Array:
    """Sign-up addresses: the main place's address on that day."""
    lease = np.where(a["lease"] > 0, a["created"] // np.maximum(a["lease"], 1), 0).astype(np.uint64)
    held = np.where(lease > 0, mix(a["main_key"] ^ lease, 2), a["main_key"])
    held = np.where(a["rotation"] > 0, mix(a["number"] ^ a["main_key"], 3), held)
    return strings.addresses(setting.places.codes(a["main_pool"].astype(np.int64), held))


def _nullable(digests: pa.Array, present: Arr) -> pa.Array:
    return strings.choose(present, digests, strings.nothing(len(digests)))


def accounts_table(setting: Setting, accounts: Any) -> pa.Table:
    """The accounts table, ordered by account_id (a digest, so the order tells nothing)."""
    a, people, lab = accounts, setting.people, setting.lab
    secret = {name: key(setting.seed, lab, "fingerprint", name) for name in ("mail", "phone", "payment")}
    columns = {
        "account_id": account_ids(setting, a),
        "created_at": pa.array(a["created"], TIME),
        "plan": take(column(list(PLANS)), a["plan"].astype(np.int64)),
        "organisation": take(column(people.organisations or [""]), a["organisation"].astype(np.int64)),
        "verified": pa.array(a["verified"]),
        "email_domain": take(column(people.domains), a["domain"].astype(np.int64)),
        "email_fingerprint": hex_digests(a["mail"], secret["mail"]),
        "phone_fingerprint": _nullable(hex_digests(a["phone"], secret["phone"]), a["phone"] > 0),
        "payment_fingerprint": _nullable(hex_digests(a["payment"], secret["payment"]), a["payment"] > 0),
        "payment_kind": take(column(list(PAYMENT_KINDS)), a["payment_kind"].astype(np.int64)),
        "billing_country": as_text(a["billing"]),
        "signup_address": _signup(setting, a),
        "signup_asn": pa.array(setting.places.asn[a["main_pool"]], pa.int64()),
    }
    table = pa.table([columns[c.name].cast(c.type) for c in ACCOUNTS.columns], schema=ACCOUNTS.schema)
    return table.sort_by("account_id")


def releases_table(setting: Setting) -> pa.Table:
    """The releases table."""
    m = setting.models
    return pa.table([column(list(m.names)), pa.array(m.released, TIME)], schema=RELEASES.schema)


def agreements_table(people: People, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """The agreements table; `rows` hold an organisation's number."""
    out = [{**r, "organisation": people.organisations[r["organisation"]]} for r in rows]
    ready = sorted(
        ({c.name: r.get(c.name) for c in AGREEMENTS.columns} for r in out),
        key=lambda r: str(r["agreement_id"]),
    )
    return pa.Table.from_pylist(ready, schema=AGREEMENTS.schema)


def truth_accounts(
    setting: Setting, accounts: Any, members: Sequence[tuple[Arr, str | None, str, str]]
) -> pa.Table:
    """Which account belongs to which group; ordinary look-alikes (VPN users, families) have no group."""
    ids = account_ids(setting, accounts)
    parts = [
        pa.table(
            [take(ids, n), *(pa.repeat(pa.scalar(v, TEXT), len(n)) for v in (group, kind, tier))],
            schema=TRUTH_ACCOUNTS,
        )
        for n, group, kind, tier in members
    ]
    return pa.concat_tables([TRUTH_ACCOUNTS.empty_table(), *parts]).sort_by(
        [("account_id", "ascending"), ("class", "ascending")]
    )


def truth_groups(schedule: Schedule, streams: Sequence[Stream], groups: Sequence[Group]) -> pa.Table:
    """The groups with the first and last time of their own exchanges (relayed ones left out)."""
    first = np.full(len(streams), np.iinfo(np.int64).max)
    last = np.full(len(streams), np.iinfo(np.int64).min)
    for low in range(0, len(schedule), 1 << 22):  # pieces keep the memory small
        cut = slice(low, low + (1 << 22))
        np.minimum.at(first, schedule.stream[cut], schedule.time[cut])
        np.maximum.at(last, schedule.stream[cut], schedule.time[cut])
    rows = []
    for g in groups:
        own = [
            i
            for i, s in enumerate(streams)
            if s.group == g.group_id and len(s) and (s.extracting or not g.unauthorised)
        ]
        if own:
            rows.append((g, int(min(first[own])), int(max(last[own]))))
    rows.sort(key=lambda r: r[0].group_id)
    return pa.table(
        [
            column([g.group_id for g, _, _ in rows]),
            column([g.kind for g, _, _ in rows]),
            column([g.tier for g, _, _ in rows]),
            pa.array([g.unauthorised for g, _, _ in rows], pa.bool_()),
            column([g.expected for g, _, _ in rows]),
            pa.array([f for _, f, _ in rows], TIME),
            pa.array([x for _, _, x in rows], TIME),
        ],
        schema=TRUTH_GROUPS,
    )


def identifiers_table(setting: Setting, accounts: Any) -> pa.Table:
    """Raw identifiers as a provider's identity system holds them: mail, phone, payment, address."""
    a = accounts
    ids = account_ids(setting, a)
    common = key(0, "identifiers")  # equal raw identities give equal values at every lab
    domains = take(column(setting.people.domains), a["domain"].astype(np.int64))
    mail = strings.join("u", hex_digests(a["mail"], common, 12), "@", domains)
    digits = [
        column([f"{v:04d}" for v in (mix(a[f], s) % np.uint64(10_000)).tolist()])
        for f, s in (("phone", 1), ("phone", 2), ("payment", 3), ("payment", 4), ("payment", 5))
    ]
    phone = strings.join("+9990", digits[0], digits[1])  # +999 is assigned to no country (ITU-T E.164)
    payment = strings.join("9999", digits[2], digits[3], digits[4])  # no issuer has 9999 (ISO/IEC 7812)
    every = np.arange(len(a))
    parts = []
    for kind, values, rows in (
        ("mail", mail, every),
        ("phone", phone, np.flatnonzero(a["phone"])),
        ("payment", payment, np.flatnonzero(a["payment"])),
        ("address", _signup(setting, a), every),
    ):
        parts.append(
            pa.table(
                [take(ids, rows), pa.repeat(pa.scalar(kind, TEXT), len(rows)), take(values, rows)],
                schema=IDENTIFIERS,
            )
        )
    return pa.concat_tables(parts).sort_by([("account_id", "ascending"), ("type", "ascending")])
