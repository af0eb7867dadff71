"""Rows into records: every column of the usage table from the schedule, by chunks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stillwatch.drill import strings
from stillwatch.drill.places import NETWORK_NAMES, as_text
from stillwatch.drill.prompts.packs import packs
from stillwatch.drill.randomness import U64, Arr, below, key, mix, normal, uniform
from stillwatch.drill.setting import Setting
from stillwatch.drill.strings import TEXT, choose, column, hex_digests, scatter, take
from stillwatch.drill.traffic import Rows, Speech, Stream
from stillwatch.records.schema import STATUSES, SURFACES, USAGE

APP, API, CLOUD = (SURFACES.index(s) for s in ("app", "api", "cloud"))
_STATUS = {s: i for i, s in enumerate(STATUSES)}
_FINISH = column(["stop", "length", "tool_calls", "content_filter"])
_ANSWERS = column(
    [
        "Certainly. Here is an overview.",
        "Here is a first version that you can adapt.",
        "There are several points to consider.",
        "In short: it depends on the context.",
        "I can help with that.",
        "Below you will find the result.",
    ]
)
# Request settings that client programs send: (max_tokens, temperature, streamed); None is not sent.
PROFILES: tuple[tuple[int | None, float | None, bool], ...] = (
    (None, None, True),
    (1024, 0.7, False),
    (4096, None, True),
    (2048, 1.0, False),
    (None, 0.0, False),
    (8192, 0.2, True),
)


@dataclass(frozen=True)
class Schedule:
    """All exchanges in order of time, as compact columns; `stream` numbers the streams, `number` is a row's id."""

    time: Arr
    account: Arr
    session: Arr
    turn: Arr
    stream: Arr
    item: Arr
    blocked: Arr
    number: Arr

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def assemble(cls, streams: Sequence[Stream], seed: int) -> "Schedule":
        """One schedule from all streams, sorted by time, ties in random order."""
        time = np.concatenate([s.time for s in streams]).astype(np.int64)
        order = np.argsort(time, kind="stable").astype(np.uint32)
        ordered = time[order]
        del time
        same = np.flatnonzero(ordered[1:] == ordered[:-1])
        if len(same):  # rows of one microsecond, in the order of a hash instead of the order of streams
            rows = np.unique(np.concatenate([same, same + 1]))
            tie = mix(order[rows], key(seed, "ties"))
            order[rows] = order[rows][np.lexsort((tie, ordered[rows]))]
        sizes = np.array([len(s) for s in streams])
        base, n = 0, len(order)
        session = np.empty(n, np.int32)
        at = 0
        begins: dict[str, int] = {}
        for s in (s for s in streams if len(s)):
            if not s.series or s.series not in begins:
                begins[s.series] = base
                alike = [o for o in streams if len(o) and o.series == s.series] if s.series else [s]
                base += max(int(o.session.max()) for o in alike) + 1
            session[at : at + len(s)] = s.session + begins[s.series]
            at += len(s)
        blocked = np.concatenate(
            [np.zeros(len(s), bool) if s.blocked is None else s.blocked for s in streams]
        )
        return cls(
            ordered,
            np.concatenate([s.account for s in streams]).astype(np.int32)[order],
            session[order],
            np.concatenate([s.turn for s in streams]).astype(np.int16)[order],
            np.repeat(np.arange(len(streams), dtype=np.int16), sizes)[order],
            np.concatenate([s.item for s in streams]).astype(np.int32)[order],
            blocked[order],
            order,
        )


class Renderer:
    """Writes out rows of a schedule as tables of the usage schema; equal whatever the chunks."""

    def __init__(
        self, setting: Setting, accounts: Any, streams: Sequence[Stream], *, output_text: float = 0.03
    ) -> None:
        self.setting, self.accounts, self.streams = setting, accounts, streams
        self.output_text = output_text
        people = setting.people
        self._agents = column(setting.clients.agents)
        self._prints = column(setting.clients.prints)
        self._systems = column(people.systems or [""])
        self._models = column(list(setting.models.names))
        self._per_char = np.array([packs()[name].tokens_per_char for name in setting.languages])
        seed, lab = setting.seed, setting.lab
        self._row = key(seed, lab, "row")
        self._secrets = {
            name: key(seed, lab, name) for name in ("event", "credential", "conversation", "end user")
        }
        self._account_ids = account_ids(setting, accounts)

    def event_ids(self, number: Arr) -> pa.Array:
        """Ids of exchanges by their number."""
        return hex_digests(number, self._secrets["event"])

    def table(self, s: Schedule, low: int, high: int) -> pa.Table:
        """Rows `low` to `high` (not included) of the schedule."""
        cut = slice(low, high)
        number, account = s.number[cut], s.account[cut]
        a = self.accounts[account]
        keys = mix(number, self._row)
        session = mix(s.session[cut], self._row ^ np.uint64(0x5E55))
        time, turn = s.time[cut], s.turn[cut]
        said = self._speak(s, cut, a, keys, session)
        n = len(a)
        pool, code = self._addresses(a, time, session, keys)
        second = uniform(mix(session, 3)) < a["second_share"]
        size = np.where(uniform(session, 4) < a["size_share"], a["size"], below(session, 5, 3))
        older = time >= a["retreat"]
        model = self.setting.models.choose(size, time, a["adopt"], older)
        status = self._status(s.blocked[cut], said.refused, keys)
        text_length = np.asarray(pa.compute.utf8_length(said.text)).astype(float)
        system = said.system if said.system is not None else take(self._systems, a["system"])
        system_length = np.asarray(pa.compute.utf8_length(system).fill_null(0)).astype(float)
        spread = said.answer_spread
        per_char = self._per_char[a["language"]]
        given = np.maximum(np.exp(np.log(said.answer_tokens) + a["chatty"] + spread * normal(keys, 8)), 1.0)
        limits = np.array([p[0] or 16000 for p in PROFILES])[a["profile"]]
        limits = np.where(a["surface"] == APP, 16000, limits)
        done = status == _STATUS["ok"]
        tokens_out = np.where(
            done,
            np.minimum(given, limits),
            np.where(status == _STATUS["refused"], np.minimum(given, 45 + given % 40), 0),
        )
        history = (turn - 1) * (180 + 160 * uniform(session, 9))
        tokens_in = np.maximum(
            (text_length * per_char + system_length * 0.25) * (0.93 + 0.14 * uniform(keys, 10)) + history + 3,
            1,
        )
        thinks = (size == 0) | (uniform(keys, 12) < 0.2)
        reasoning = np.where(thinks & done, tokens_out * np.exp(0.5 + 0.6 * normal(keys, 13)), 0)
        tools = self._tools(said.tools, keys)
        columns = {
            "event_id": self.event_ids(number),
            "time": pa.array(time, pa.timestamp("us", tz="UTC")),
            "account_id": take(self._account_ids, account),
            "credential_id": self._credentials(account, a, session),
            "end_user_id": self._end_users(said.end_user, account, a, session),
            "surface": take(column(list(SURFACES)), a["surface"].astype(np.int64)),
            "operation": pa.repeat(pa.scalar("chat", TEXT), n),
            "model": take(self._models, model),
            "conversation_id": choose(
                a["conversations"],
                hex_digests(s.session[cut], self._secrets["conversation"], 24),
                strings.nothing(n),
            ),
            "turn": pa.array(turn, pa.int32()),
            "client_address": strings.addresses(code),
            "client_asn": pa.array(self.setting.places.asn[pool], pa.int64()),
            "client_network": take(NETWORK_NAMES, self.setting.places.network[pool]),
            "client_country": as_text(self.setting.places.country[pool]),
            "user_agent": take(self._agents, np.where(second, a["agent2"], a["agent"])),
            "tls_ja4": take(self._prints, np.where(second, a["ja42"], a["ja4"])),
            "input_tokens": pa.array(tokens_in.astype(np.int64)),
            "output_tokens": pa.array(tokens_out.astype(np.int64)),
            "reasoning_tokens": pa.array(reasoning.astype(np.int64)),
            **self._settings(a, tools),
            "system_text": system,
            "input_text": said.text,
            "output_text": choose(
                uniform(keys, 15) < self.output_text,
                take(_ANSWERS, below(keys, 16, len(_ANSWERS))),
                strings.nothing(n),
            ),
            "status": take(column(list(STATUSES)), status),
            "finish_reason": take(_FINISH, self._finish(status, given, limits, tools, keys)),
            "duration_s": pa.array(
                np.round(
                    np.where(
                        done,
                        0.35 + (tokens_out + reasoning) / np.exp(4.2 + 0.25 * normal(keys, 17)),
                        0.08 + 0.4 * uniform(keys, 18),
                    ),
                    3,
                )
            ),
        }
        return pa.table([columns[c.name].cast(c.type) for c in USAGE.columns], schema=USAGE.schema)

    def _speak(self, s: Schedule, cut: slice, a: Any, keys: U64, session: U64) -> Speech:
        """The words of all streams present, put back into the rows' order."""
        stream = s.stream[cut]
        n = len(stream)
        text, system, out = (
            [],
            [],
            Speech(
                pa.nulls(0),
                answer_tokens=np.zeros(n),
                tools=np.zeros(n),
                refused=np.zeros(n),
                end_user=np.full(n, -2),
            ),
        )
        spread = np.zeros(n)
        for k in np.unique(stream):
            rows = np.flatnonzero(stream == k)
            at = rows + cut.start
            own = a[rows]
            said = self.streams[k].voice.speak(
                Rows(own, s.account[at], s.item[at], session[rows], s.turn[at], s.time[at], keys[rows])
            )
            text.append((rows, said.text))
            system.append(
                (rows, said.system if said.system is not None else take(self._systems, own["system"]))
            )
            for name in ("answer_tokens", "tools", "refused"):
                getattr(out, name)[rows] = getattr(said, name)
            spread[rows] = said.answer_spread
            if said.end_user is not None and out.end_user is not None:
                out.end_user[rows] = said.end_user
        out.text, out.system = scatter(text, n), scatter(system, n)
        out.answer_spread = spread  # type: ignore[assignment]
        return out

    def _addresses(self, a: Any, time: Arr, session: U64, keys: U64) -> tuple[Arr, U64]:
        """Network row and address code of each request."""
        away = (uniform(session, 1) < a["alt_share"]) & (time >= a["alt_from"]) & (time < a["alt_to"])
        pool = np.where(away, a["alt_pool"], a["main_pool"]).astype(np.int64)
        base = np.where(away, a["alt_key"], a["main_key"])
        lease = np.where(a["lease"] > 0, time // np.maximum(a["lease"], 1), 0).astype(np.uint64)
        held = np.where(lease > 0, mix(base ^ lease, 2), base)
        held = np.where(
            a["rotation"] == 1,
            mix(session ^ base, 3),
            np.where(a["rotation"] == 2, mix(keys ^ base, 4), held),
        )
        return pool, self.setting.places.codes(pool, held)

    @staticmethod
    def _status(blocked: Arr, refused: float | Arr, keys: U64) -> Arr:
        u = uniform(keys, 7)
        refuse = np.asarray(refused)
        status = np.where(u < refuse, _STATUS["refused"], _STATUS["ok"])
        status = np.where((u >= refuse) & (u < refuse + 0.007), _STATUS["rate_limited"], status)
        status = np.where((u >= refuse + 0.007) & (u < refuse + 0.012), _STATUS["error"], status)
        return np.where(blocked | (u > 0.9997), _STATUS["blocked"], status)

    @staticmethod
    def _tools(mean: float | Arr, keys: U64) -> Arr:
        m = np.asarray(mean, dtype=float)
        wobble = np.maximum(np.round(m * (0.6 + 0.8 * uniform(keys >> np.uint64(3), 19))), 1)
        # Programs of all kinds define tools now and then.
        stray = (uniform(keys, 20) < 0.05) * (1 + below(keys, 21, 6))
        return np.where(m > 0, wobble, stray).astype(np.int64)

    def _credentials(self, account: Arr, a: Any, session: U64) -> pa.Array:
        which = (session >> np.uint64(20)) % a["credentials"].astype(np.uint64)
        return hex_digests(account.astype(np.uint64) * np.uint64(64) + which, self._secrets["credential"], 24)

    def _end_users(self, given: Arr | None, account: Arr, a: Any, session: U64) -> pa.Array:
        own = np.where(
            a["end_users"] > 0,
            (uniform(session, 22) ** 2 * np.maximum(a["end_users"], 1)).astype(np.int64),
            -1,
        )
        user = own if given is None else np.where(given > -2, given, own)
        ids = hex_digests(
            account.astype(np.uint64) * np.uint64(1 << 24) + user.astype(np.uint64),
            self._secrets["end user"],
            20,
        )
        return choose(user >= 0, ids, strings.nothing(len(user)))

    @staticmethod
    def _settings(a: Any, tools: Arr) -> dict[str, pa.Array]:
        profile, app = a["profile"].astype(np.int64), a["surface"] == APP
        limit = np.array([p[0] or 0 for p in PROFILES])[profile]
        heat = np.array([-1.0 if p[1] is None else p[1] for p in PROFILES])[profile]
        stream = np.array([p[2] for p in PROFILES])[profile]
        n = len(a)
        return {
            "max_tokens": pa.array(limit, mask=(limit == 0) | app),
            "temperature": pa.array(heat, mask=(heat < 0) | app),
            "choice_count": pa.array(np.ones(n, np.int32)),
            "stream": pa.array(stream | app),
            "logprobs": pa.array(np.zeros(n, bool)),
            "tool_count": pa.array(np.where(app, 0, tools).astype(np.int32)),
        }

    @staticmethod
    def _finish(status: Arr, given: Arr, limits: Arr, tools: Arr, keys: U64) -> Arr:
        reason = np.where(given >= limits, 1, np.where((tools > 0) & (uniform(keys, 23) < 0.5), 2, 0))
        reason = np.where(status == _STATUS["refused"], np.where(uniform(keys, 24) < 0.3, 3, 0), reason)
        return np.where(np.isin(status, [_STATUS["ok"], _STATUS["refused"]]), reason, -1)


def account_ids(setting: Setting, accounts: Any) -> pa.Array:
    """Account ids: digests under this lab's key."""
    return hex_digests(accounts["number"], key(setting.seed, setting.lab, "account"), 24)
