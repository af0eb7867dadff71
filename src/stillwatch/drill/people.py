"""Accounts as one structured array, and how ordinary ones are drawn."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stillwatch.drill.clients import Clients
from stillwatch.drill.clock import DAY, HOUR, Clock
from stillwatch.drill.places import CODES, OFFSETS, WEIGHTS, Places, languages_of
from stillwatch.drill.randomness import Arr
from stillwatch.records.schema import PAYMENT_KINDS, PLANS, SURFACES

# One account. Text is kept as numbers into the vocabularies of People; -1 is null. `main` and `alt` are the
# two places that it works from; an address follows from (network row, key, lease number).
ACCOUNT = np.dtype(
    [
        ("number", "u8"),  # raw identity: its digest is the account_id
        ("country", "i2"),
        ("offset", "f4"),  # hours from UTC of the person's day
        ("language", "i1"),
        ("persona", "i1"),
        ("surface", "i1"),
        ("plan", "i1"),
        ("organisation", "i4"),
        ("verified", "?"),
        ("domain", "i4"),
        ("mail", "u8"),
        ("phone", "u8"),  # 0: none
        ("payment", "u8"),  # 0: none
        ("payment_kind", "i1"),
        ("billing", "i2"),
        ("created", "i8"),
        ("main_pool", "i4"),
        ("main_key", "u8"),
        ("lease", "i8"),  # microseconds that an address is kept; 0: for good
        ("alt_pool", "i4"),
        ("alt_key", "u8"),
        ("alt_share", "f4"),
        ("alt_from", "i8"),
        ("alt_to", "i8"),
        ("rotation", "i1"),  # 0: addresses last for leases; 1: a new one each session; 2: each request
        ("agent", "i4"),
        ("ja4", "i4"),
        ("agent2", "i4"),
        ("ja42", "i4"),
        ("second_share", "f4"),
        ("size", "i1"),  # preferred model size
        ("size_share", "f4"),
        ("adopt", "i8"),  # microseconds after a release until it is used
        ("profile", "i1"),  # request settings, see render.PROFILES
        ("system", "i4"),
        ("conversations", "?"),
        ("end_users", "i4"),  # 0: none passed on
        ("credentials", "i1"),
        ("retreat", "i8"),  # from when on it asks for the oldest model of its size
        ("chatty", "f4"),  # log of how long this person's answers are, against others
    ]
)
_S = {name: i for i, name in enumerate(SURFACES)}
_P = {name: i for i, name in enumerate(PLANS)}
_K = {name: i for i, name in enumerate(PAYMENT_KINDS)}
SURFACE, PLAN, PAYMENT = _S, _P, _K

_MAIL = (
    "mail.example",
    "inbox.example",
    "post.example",
    "webmail.example",
    "letters.example",
    "quickmail.example",
)
_ORG_A = (
    "North",
    "Blue",
    "Clear",
    "Silver",
    "Open",
    "Bright",
    "River",
    "Stone",
    "Green",
    "Prime",
    "Delta",
    "Solar",
    "Urban",
    "Atlas",
    "Cedar",
    "Lumen",
    "Vertex",
    "Harbor",
    "Summit",
    "Pioneer",
)
_ORG_B = (
    "bridge",
    "field",
    "wave",
    "path",
    "light",
    "point",
    "works",
    "gate",
    "stream",
    "forge",
    "leaf",
    "port",
    "grid",
    "loop",
    "nest",
    "craft",
)
_ORG_C = (
    "Labs",
    "Systems",
    "Analytics",
    "Health",
    "Logistics",
    "Media",
    "Finance",
    "Software",
    "Consulting",
    "Retail",
    "Energy",
    "Learning",
    "Robotics",
    "Legal",
    "Studio",
    "Foods",
)


@dataclass
class People:
    """Vocabularies that accounts' numbers point into, and draws of ordinary people."""

    seed: int
    clock: Clock
    places: Places
    clients: Clients
    languages: tuple[str, ...]
    organisations: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def intern(self, what: str, text: str) -> int:
        """The number of `text` in the vocabulary `what` (organisations, domains, systems), new or known."""
        if (what, text) not in self._seen:
            words: list[str] = getattr(self, what)
            self._seen[what, text] = len(words)
            words.append(text)
        return self._seen[what, text]

    def organisation(self, rng: np.random.Generator) -> int:
        """A new declared organisation."""
        name = " ".join(
            [str(rng.choice(_ORG_A)) + str(rng.choice(_ORG_B)), str(rng.choice(_ORG_C))]
            + (
                [str(rng.choice(("Ltd", "GmbH", "Inc", "SA", "BV", "KK", "Pty")))]
                if rng.random() < 0.5
                else []
            )
        )
        return self.intern("organisations", name)

    def domain(self, rng: np.random.Generator, organisation: int) -> int:
        """A mail domain for a declared organisation."""
        word = self.organisations[organisation].split()[0].lower()
        return self.intern("domains", f"{word}{int(rng.integers(1000))}.example")

    def language(self, rng: np.random.Generator) -> int:
        """A language as common as among the population's people."""
        country = rng.choice(len(CODES), 1, p=WEIGHTS)
        return int(languages_of(rng, country, self.languages)[0])

    def named(self, rng: np.random.Generator, a: Any) -> Arr:
        """Which accounts declare an organisation: as often as others of their plan and surface do."""
        business = np.isin(a["plan"], [_P["enterprise"], _P["startup"]])
        return np.asarray(
            rng.random(len(a)) < np.where(business, 0.95, np.where(a["surface"] == _S["app"], 0.03, 0.25))
        )

    def keys(self, rng: np.random.Generator, n: int) -> Arr:
        """`n` raw identities, all different for any practical size."""
        return rng.integers(1, np.iinfo(np.uint64).max, n, dtype=np.uint64)

    def draw(
        self, rng: np.random.Generator, n: int, *, surface: str | None = None, plan: str | None = None
    ) -> Any:
        """`n` ordinary accounts: a structured array of dtype ACCOUNT.

        `surface` and `plan` fix those; all else follows from them as in the whole population.
        """
        a = np.zeros(n, ACCOUNT)
        a["number"] = self.keys(rng, n)
        a["country"] = rng.choice(len(CODES), n, p=WEIGHTS)
        a["billing"] = np.where(rng.random(n) < 0.04, rng.choice(len(CODES), n, p=WEIGHTS), a["country"])
        a["offset"] = OFFSETS[a["country"]] + rng.normal(0, 1.2, n)
        a["language"] = languages_of(rng, a["country"], self.languages)
        a["persona"] = rng.choice(4, n, p=[0.34, 0.3, 0.3, 0.06])
        a["surface"] = _S[surface] if surface else rng.choice(3, n, p=[0.3, 0.64, 0.06])
        a["plan"] = _P[plan] if plan else self._plans(rng, a["surface"])
        self._money(rng, a)
        self._identity(rng, a)
        self._network(rng, a)
        for s, name in enumerate(SURFACES):
            rows = np.flatnonzero(a["surface"] == s)
            a["agent"][rows], a["ja4"][rows] = self.clients.draw(rng, name, len(rows))
            a["agent2"][rows], a["ja42"][rows] = self.clients.draw(rng, name, len(rows))
        a["second_share"] = np.where(rng.random(n) < 0.35, rng.beta(1.5, 4, n), 0.0)
        api = a["surface"] != _S["app"]
        a["size"] = np.where(
            api, rng.choice(3, n, p=[0.4, 0.33, 0.27]), rng.choice(3, n, p=[0.5, 0.38, 0.12])
        )
        a["size_share"] = rng.beta(6, 1.5, n)
        # Organic adoption: a few try a release at once, half within about five days, some never.
        a["adopt"] = np.where(
            rng.random(n) < 0.12, 10 * 365 * DAY, rng.lognormal(np.log(5 * 24.0), 1.4, n) * HOUR
        )
        a["profile"] = rng.choice(6, n, p=[0.3, 0.22, 0.16, 0.14, 0.1, 0.08])
        a["system"] = np.where(api & (rng.random(n) < 0.55), self._systems(rng, n), -1)
        a["conversations"] = ~api | (rng.random(n) < 0.45)
        a["end_users"] = np.where(api & (rng.random(n) < 0.06), rng.integers(2, 40, n), 0)
        a["credentials"] = np.where(rng.random(n) < 0.8, 1, rng.integers(2, 5, n))
        a["retreat"] = np.where(rng.random(n) < 0.06, np.iinfo(np.int64).min, np.iinfo(np.int64).max)
        a["chatty"] = rng.normal(0, 0.35, n)
        for name in ("agent", "agent2"):  # some clients send no name
            a[name] = np.where(rng.random(n) < 0.02, -1, a[name])
        return a

    def _plans(self, rng: np.random.Generator, surface: Arr) -> Arr:
        n = len(surface)
        app = rng.choice(6, n, p=[0.63, 0.31, 0.03, 0.025, 0.002, 0.003])
        api = rng.choice(6, n, p=[0.2, 0.6, 0.1, 0.02, 0.02, 0.06])
        return np.where(surface == _S["app"], app, api)

    def _money(self, rng: np.random.Generator, a: Any) -> None:
        n = len(a)
        kind = rng.choice([_K["card"], _K["prepaid_card"], _K["virtual_card"]], n, p=[0.86, 0.05, 0.09])
        kind = np.where((a["plan"] == _P["enterprise"]) & (rng.random(n) < 0.7), _K["invoice"], kind)
        kind = np.where(a["surface"] == _S["cloud"], _K["cloud_marketplace"], kind)
        free = np.isin(a["plan"], [_P["free"], _P["research"]]) | (
            (a["plan"] == _P["education"]) & (rng.random(n) < 0.8)
        )
        a["payment_kind"] = np.where(free, _K["none"], kind)
        a["payment"] = np.where(free, 0, self.keys(rng, n))

    def _identity(self, rng: np.random.Generator, a: Any) -> None:
        n = len(a)
        named = self.named(rng, a)
        a["organisation"] = -1
        for i in np.flatnonzero(named):
            a["organisation"][i] = self.organisation(rng)
        a["verified"] = rng.random(n) < np.where(
            a["plan"] == _P["enterprise"], 0.85, np.where(a["surface"] == _S["app"], 0.05, 0.22)
        )
        share = np.array([0.42, 0.22, 0.14, 0.1, 0.08, 0.04])
        public = np.array([self.intern("domains", d) for d in _MAIL])
        a["domain"] = rng.choice(public, n, p=share)
        for i in np.flatnonzero(named & (rng.random(n) < 0.7)):
            a["domain"][i] = self.domain(rng, a["organisation"][i])
        a["mail"] = self.keys(rng, n)
        a["phone"] = np.where(rng.random(n) < 0.72, self.keys(rng, n), 0)
        # Most accounts are older than the window; an organic stream of new ones goes on inside it.
        age = rng.gamma(1.3, 320.0, n) * DAY
        inside = rng.random(n) < min(0.012 * self.clock.days, 0.3)
        room = max(self.clock.days - 1, 1) * DAY
        a["created"] = np.where(
            inside, self.clock.start + (rng.random(n) * room), self.clock.start - age
        ).astype(np.int64)

    def _network(self, rng: np.random.Generator, a: Any) -> None:
        n = len(a)
        app = a["surface"] == _S["app"]
        kinds = np.where(
            app,
            rng.choice(5, n, p=[0.62, 0.2, 0.1, 0.03, 0.05]),
            rng.choice(5, n, p=[0.34, 0.03, 0.2, 0.03, 0.4]),
        )
        names = ("residential", "mobile", "business", "education", "hosting")
        for i, name in enumerate(names):
            rows = np.flatnonzero(kinds == i)
            a["main_pool"][rows] = self.places.draw(rng, name, a["country"][rows])
        a["main_key"] = self.keys(rng, n)
        a["lease"] = np.where(
            kinds == 0,
            (rng.lognormal(np.log(20.0), 1.2, n) * DAY),
            np.where(kinds == 1, (rng.lognormal(np.log(5.0), 1.0, n) * HOUR), 0),
        ).astype(np.int64)
        second = np.where(
            app, rng.choice(4, n, p=[0.55, 0.15, 0.2, 0.1]), rng.choice(4, n, p=[0.15, 0.25, 0.1, 0.5])
        )
        for i, name in enumerate(("mobile", "business", "residential", "hosting")):
            rows = np.flatnonzero(second == i)
            a["alt_pool"][rows] = self.places.draw(rng, name, a["country"][rows])
        a["alt_key"] = self.keys(rng, n)
        a["alt_share"] = np.where(rng.random(n) < 0.55, rng.beta(1.4, 3.5, n), 0.0)
        a["alt_from"], a["alt_to"] = np.iinfo(np.int64).min, np.iinfo(np.int64).max

    def _systems(self, rng: np.random.Generator, n: int) -> Arr:
        """System prompts: a head that many share (defaults of tutorials and kits), and a long tail of own ones."""
        shared = [self.intern("systems", s) for s in _SHARED_SYSTEMS]
        out = rng.choice(shared, n, p=_zipf(len(shared)))
        for i in np.flatnonzero(rng.random(n) < 0.7):
            text = (
                f"You are {rng.choice(_ROLES)} for {rng.choice(_ORG_A)}{rng.choice(_ORG_B)} {rng.choice(_ORG_C)}. "
                f"{rng.choice(_RULES)} {rng.choice(_RULES)} {rng.choice(_TONES)}"
            )
            out[i] = self.intern("systems", text)
        return out


def _zipf(n: int) -> Arr:
    w = 1.0 / np.arange(1, n + 1)
    return np.asarray(w / w.sum())


_SHARED_SYSTEMS = (
    "You are a helpful assistant.",
    "You are a helpful, concise assistant. Answer in the user's language.",
    "You are an expert programmer. Answer with code first, then explain.",
    "You are a friendly chatbot. Keep answers short.",
    "You are a careful translator. Return only the translation.",
    "You extract structured data. Reply with valid JSON only.",
)
_ROLES = (
    "a support agent",
    "a sales assistant",
    "an internal search assistant",
    "a writing coach",
    "a data analyst",
    "a scheduling helper",
    "a code reviewer",
    "a tutor",
    "a billing assistant",
    "a travel planner",
    "a legal intake assistant",
    "a recipe helper",
    "a triage nurse's assistant",
    "an onboarding guide",
    "a product copywriter",
)
_RULES = (
    "Never mention competitors.",
    "Ask one question when the request is unclear.",
    "Cite the document that you used.",
    "Use metric units.",
    "Refuse requests about other customers.",
    "Use the tone of our style guide.",
    "Answer in at most three paragraphs.",
    "Give prices in the customer's currency.",
    "Hand over to a person when the customer is upset.",
    "Return Markdown.",
    "Do not guess order numbers.",
    "Quote the policy section.",
    "Prefer bullet points.",
    "Write for readers aged twelve and up.",
)
_TONES = ("Be warm.", "Be brief.", "Be formal.", "Stay neutral.", "Sound like a colleague.", "Be precise.")


def before(rng: np.random.Generator, times: Arr, limit: Arr | int, spread: float = 20.0 * DAY) -> Arr:
    """`times` with those after `limit` moved before it by random amounts (exponential, mean `spread` us), so that no two
    fall on the limit itself."""
    earlier = np.asarray(limit) - (rng.exponential(spread, len(times))).astype(np.int64) - 1
    return np.where(times >= limit, earlier, times).astype(np.int64)
