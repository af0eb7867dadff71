"""Countries, their clocks and languages, and the networks that requests come from."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillwatch.drill.randomness import U64, Arr, generator, mix
from stillwatch.drill.strings import column
from stillwatch.records.schema import NETWORKS

# country: weight in the population, hours from UTC, languages with weights
COUNTRIES: dict[str, tuple[float, float, dict[str, float]]] = {
    "US": (21.0, -6, {"en": 0.9, "es": 0.08, "zh": 0.02}),
    "IN": (13.0, 5.5, {"en": 0.62, "hi": 0.38}),
    "BR": (5.5, -3, {"pt": 0.93, "en": 0.07}),
    "JP": (4.8, 9, {"ja": 0.95, "en": 0.05}),
    "DE": (4.2, 1, {"de": 0.8, "en": 0.17, "ru": 0.03}),
    "GB": (4.6, 0, {"en": 0.96, "hi": 0.02, "fr": 0.02}),
    "FR": (3.6, 1, {"fr": 0.88, "en": 0.09, "ar": 0.03}),
    "ID": (3.0, 7, {"en": 1.0}),
    "CA": (2.8, -5, {"en": 0.76, "fr": 0.2, "zh": 0.04}),
    "KR": (2.2, 9, {"en": 0.8, "ja": 0.2}),
    "MX": (2.4, -6, {"es": 0.93, "en": 0.07}),
    "ES": (2.3, 1, {"es": 0.92, "en": 0.08}),
    "IT": (2.0, 1, {"en": 0.6, "fr": 0.4}),
    "AU": (1.9, 10, {"en": 0.95, "zh": 0.05}),
    "SG": (1.4, 8, {"en": 0.7, "zh": 0.3}),
    "TW": (1.6, 8, {"zh": 0.95, "en": 0.05}),
    "HK": (1.1, 8, {"zh": 0.7, "en": 0.3}),
    "MY": (1.0, 8, {"en": 0.7, "zh": 0.3}),
    "CN": (1.4, 8, {"zh": 0.95, "en": 0.05}),
    "RU": (1.3, 3, {"ru": 0.95, "en": 0.05}),
    "KZ": (0.4, 5, {"ru": 1.0}),
    "UA": (0.7, 2, {"ru": 0.5, "en": 0.5}),
    "PL": (1.4, 1, {"en": 0.8, "de": 0.2}),
    "NL": (1.3, 1, {"en": 0.85, "de": 0.15}),
    "TR": (1.3, 3, {"en": 0.7, "ar": 0.1, "de": 0.2}),
    "EG": (1.0, 2, {"ar": 0.85, "en": 0.15}),
    "SA": (0.9, 3, {"ar": 0.85, "en": 0.15}),
    "AE": (0.8, 4, {"ar": 0.4, "en": 0.5, "hi": 0.1}),
    "MA": (0.5, 1, {"ar": 0.5, "fr": 0.5}),
    "NG": (1.0, 1, {"en": 1.0}),
    "KE": (0.6, 3, {"en": 1.0}),
    "ZA": (0.8, 2, {"en": 1.0}),
    "AR": (1.1, -3, {"es": 0.96, "en": 0.04}),
    "CO": (1.0, -5, {"es": 0.96, "en": 0.04}),
    "CL": (0.6, -4, {"es": 0.97, "en": 0.03}),
    "PE": (0.5, -5, {"es": 1.0}),
    "PT": (0.6, 0, {"pt": 0.92, "en": 0.08}),
    "VN": (1.1, 7, {"en": 1.0}),
    "PH": (1.3, 8, {"en": 1.0}),
    "PK": (1.0, 5, {"en": 0.8, "hi": 0.2}),
    "CH": (0.7, 1, {"de": 0.65, "fr": 0.25, "en": 0.1}),
    "AT": (0.5, 1, {"de": 0.95, "en": 0.05}),
    "SE": (0.7, 1, {"en": 0.95, "de": 0.05}),
    "BE": (0.6, 1, {"fr": 0.55, "en": 0.3, "de": 0.15}),
}
CODES = tuple(COUNTRIES)
COUNTRY_NAMES = column(list(CODES))
OFFSETS = np.array([COUNTRIES[c][1] for c in CODES])
WEIGHTS = np.array([COUNTRIES[c][0] for c in CODES]) / sum(COUNTRIES[c][0] for c in CODES)
NETWORK_NAMES = column(list(NETWORKS))
_NET = {name: i for i, name in enumerate(NETWORKS)}
_FIRST = [i for i in range(1, 223) if i not in (10, 100, 127, 169, 172, 192, 198, 203)]
_HOSTS = ("US", "DE", "SG", "NL", "JP", "GB", "IN", "BR")

# Kind of network: networks a country, addresses in each. Mobile carriers and VPN services put many
# strangers behind few addresses; homes, offices and campuses have one each.
_KINDS = {
    "residential": (5, 1 << 20),
    "mobile": (3, 1 << 9),
    "business": (3, 1 << 19),
    "education": (3, 1 << 12),
}


@dataclass(frozen=True)
class Places:
    """Every network of the exercise, as columns; a network is named by its row number."""

    asn: Arr
    network: Arr  # index into NETWORKS
    country: Arr  # index into CODES
    base: U64
    size: U64
    v6: Arr  # share of the network's homes that speak IPv6
    by_kind: dict[tuple[str, int], Arr]  # (network kind, country) -> rows; country -1: anywhere

    @classmethod
    def make(cls, seed: int) -> "Places":
        """Networks of every country under this seed: numbers and address blocks differ from seed to seed."""
        rng = generator(seed, "places")
        spec: list[tuple[str, int, int, float]] = []
        for kind, (count, size) in _KINDS.items():
            v6 = {"residential": 0.2, "mobile": 0.15}.get(kind, 0.0)
            spec += [(kind, c, size, v6) for c in range(len(CODES)) for _ in range(count)]
        spec += [("hosting", CODES.index(c), 1 << 18, 0.0) for c in _HOSTS for _ in range(6)]
        spec += [
            ("vpn", CODES.index(c), 24, 0.0) for c in (*_HOSTS, "CA", "FR", "CH", "SE") for _ in range(5)
        ]
        n = len(spec)
        blocks = rng.permutation(
            np.array([(f << 24) + (b << 20) for f in _FIRST for b in range(16)], np.uint64)
        )[:n]
        asn = rng.permutation(np.arange(1000, 64000))[:n].astype(np.int64)
        network = np.array([_NET[s[0]] for s in spec])
        country = np.array([s[1] for s in spec])
        by_kind: dict[tuple[str, int], Arr] = {}
        for kind, code in _NET.items():
            rows = np.flatnonzero(network == code)
            by_kind[kind, -1] = rows
            for c in np.unique(country[rows]):
                by_kind[kind, int(c)] = rows[country[rows] == c]
        return cls(
            asn,
            network,
            country,
            blocks,
            np.array([s[2] for s in spec], np.uint64),
            np.array([s[3] for s in spec]),
            by_kind,
        )

    def draw(self, rng: np.random.Generator, kind: str, countries: Arr) -> Arr:
        """A network of this kind for each row, in its country where there is one; popular ones more often."""
        out = np.empty(len(countries), np.int64)
        for c in np.unique(countries):
            rows = np.flatnonzero(countries == c)
            pool = self.by_kind.get((kind, int(c)), self.by_kind[kind, -1])
            weight = 1.0 / np.arange(1, len(pool) + 1)
            out[rows] = rng.choice(pool, len(rows), p=weight / weight.sum())
        return out

    def codes(self, pool: Arr, keys: U64) -> U64:
        """Address codes (see strings.addresses) of network rows and 64-bit keys: equal keys, equal address."""
        inside = self.base[pool] + mix(keys, 11) % self.size[pool]
        six = (mix(keys, 13) >> np.uint64(11)).astype(float) * 2.0**-53 < self.v6[pool]
        high = (self.asn[pool].astype(np.uint64) << np.uint64(40)) | (np.uint64(1) << np.uint64(60))
        return np.where(six, high | (mix(keys, 17) >> np.uint64(24)), inside)


def languages_of(rng: np.random.Generator, countries: Arr, known: tuple[str, ...]) -> Arr:
    """A language (index into `known`) for a person of each country; English where no other is known."""
    out = np.empty(len(countries), np.int8)
    for c in np.unique(countries):
        rows = np.flatnonzero(countries == c)
        share = {k: v for k, v in COUNTRIES[CODES[c]][2].items() if k in known} or {known[0]: 1.0}
        p = np.array(list(share.values()))
        out[rows] = rng.choice([known.index(k) for k in share], len(rows), p=p / p.sum())
    return out


def as_text(country: Arr) -> pa.Array:
    """Country codes as text."""
    return COUNTRY_NAMES.take(pa.array(country.astype(np.int64)))
