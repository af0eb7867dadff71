"""Client programs: user agents with the TLS fingerprints that go with them, by popularity."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from stillwatch.drill.randomness import Arr, generator

_DESKTOP = (
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    "X11; CrOS x86_64 14541.0.0",
)
_SDKS = (
    ("openclient-python", "1.{}.{}", "py"),
    ("python-requests", "2.{}.{}", "py"),
    ("python-httpx", "0.{}.{}", "py"),
    ("axios", "1.{}.{}", "node"),
    ("openclient-node", "4.{}.{}", "node"),
    ("node-fetch", "3.{}.{}", "node"),
    ("Go-http-client", "2.{}", "go"),
    ("okhttp", "4.{}.{}", "java"),
    ("Java-http-client", "21.{}.{}", "java"),
    ("curl", "8.{}.{}", "openssl"),
    ("reqwest", "0.{}.{}", "rust"),
    ("chainkit", "0.{}.{}", "py"),
    ("agentloop-cli", "0.{}.{}", "node"),
    ("aiohttp", "3.{}.{}", "py"),
    ("dart-io", "3.{}", "dart"),
    ("GuzzleHttp", "7.{}", "openssl"),
)


def _ja4(seed: int, name: str, app: bool) -> str:
    """A fingerprint in JA4 form (FoxIO, JA4 TLS client): the same name gives the same one."""
    h = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).hexdigest()
    ciphers, extensions = 10 + int(h[0], 16) % 8, 9 + int(h[1], 16) % 9
    return (
        f"t13d{ciphers:02d}{extensions:02d}{'h2' if app or int(h[2], 16) > 4 else 'h1'}_{h[3:15]}_{h[15:27]}"
    )


@dataclass
class Clients:
    """Vocabularies of user agents and fingerprints, and which of them go together.

    `app` and `api`: (user agent, fingerprint, weight) as columns. `add_*` give new entries a number.
    """

    seed: int
    agents: list[str] = field(default_factory=list)
    prints: list[str] = field(default_factory=list)
    _agent_at: dict[str, int] = field(default_factory=dict)
    _print_at: dict[str, int] = field(default_factory=dict)
    tables: dict[str, tuple[Arr, Arr, Arr]] = field(default_factory=dict)

    @classmethod
    def make(cls, seed: int) -> "Clients":
        """Clients under this seed: versions and fingerprints differ from seed to seed."""
        self, rng = cls(seed), generator(seed, "clients")
        app: list[tuple[str, str]] = []
        major = int(rng.integers(128, 150))
        for v in range(6):
            for i, os in enumerate(_DESKTOP):
                app.append(
                    (
                        f"Mozilla/5.0 ({os}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major - v}.0.0.0 Safari/537.36",
                        f"chrome{(major - v) // 3}",
                    )
                )
                if i < 3:
                    app.append(
                        (
                            f"Mozilla/5.0 ({os}; rv:{major - v}.0) Gecko/20100101 Firefox/{major - v}.0",
                            f"firefox{(major - v) // 4}",
                        )
                    )
            app.append(
                (
                    f"Mozilla/5.0 (Macintosh) AppleWebKit/605.1 (KHTML) Version/{18 - v // 2}.{v % 2} Safari/605.1",
                    f"safari{v // 2}",
                )
            )
            app += [
                (f"AssistantApp/1.{40 - v}.{p} (iOS {18 - v // 3}.{v % 3})", f"ios{v // 3}") for p in (0, 2)
            ]
            app += [
                (f"AssistantApp/1.{40 - v}.{p} (Android {15 - v // 2})", f"android{v // 2}") for p in (0, 1)
            ]
        api: list[tuple[str, str]] = []
        for name, form, runtime in _SDKS:
            top = int(rng.integers(8, 60))
            for v in range(8):
                numbers = (max(top - v // 3, 0), int(rng.integers(0, 12)))
                version = form.format(*numbers[: form.count("{}")])
                for build in range(2):
                    suffix = (
                        f" Python/3.{13 - (v + build) % 4}"
                        if runtime == "py"
                        else (f" node/{22 - 2 * ((v + build) % 3)}" if runtime == "node" else "")
                    )
                    api.append((f"{name}/{version}{suffix}", f"{runtime}{(v + build) % 4}"))
        for surface, listed in (("app", app), ("api", api)):
            rows = [listed[i] for i in rng.permutation(len(listed))]
            weight = 1.0 / np.arange(1, len(rows) + 1) ** 0.9
            ua = np.array([self.agent(a) for a, _ in rows], np.int32)
            ja4 = np.array([self.print_(_ja4(seed, f, surface == "app")) for _, f in rows], np.int32)
            self.tables[surface] = (ua, ja4, weight / weight.sum())
        self.tables["cloud"] = self.tables["api"]
        return self

    def agent(self, text: str) -> int:
        """The number of this user agent, new or known."""
        if text not in self._agent_at:
            self._agent_at[text] = len(self.agents)
            self.agents.append(text)
        return self._agent_at[text]

    def print_(self, text: str) -> int:
        """The number of this fingerprint, new or known."""
        if text not in self._print_at:
            self._print_at[text] = len(self.prints)
            self.prints.append(text)
        return self._print_at[text]

    def fresh_print(self, name: str) -> int:
        """A fingerprint that only this `name` has (a randomised or hand-made TLS stack)."""
        return self.print_(_ja4(self.seed, f"own/{name}", False))

    def draw(self, rng: np.random.Generator, surface: str, n: int) -> tuple[Arr, Arr]:
        """User agent and fingerprint numbers of `n` clients on this surface, by popularity."""
        ua, ja4, p = self.tables[surface]
        at = rng.choice(len(ua), n, p=p)
        return ua[at], ja4[at]
