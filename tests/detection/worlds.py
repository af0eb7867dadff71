"""Small worlds of accounts and exchanges, written down by hand, as the tables that stage 1 hands to the statistics.

A world knows no keyed hashes and no engine: a text object is a pair (kind, name), and `relations` computes from
its exchanges what the docstring of `Relations` says, in plain Python.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
from scipy import stats

from stillwatch.detection.behaviours import Behaviour, Observation
from stillwatch.detection.carried import CONTENT_KINDS
from stillwatch.detection.case import Case, Population
from stillwatch.detection.evidence import KINDS, Evidence
from stillwatch.detection.gathering import gather
from stillwatch.detection.groups import Group, form_groups
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.ledger import EXCHANGE_KINDS, NOVELTY_KINDS, Exchanges, Relations
from stillwatch.detection.sampling import luck_limit
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view
from stillwatch.records.schema import ACCOUNTS
from stillwatch.records.sketches import MARKS, luck

MONDAY = 496_560
"""Midnight of a Monday in August 2026, in hours since the epoch: the worlds' first hour."""
DAYS = 7
MODEL = "m-1"
LEDGER_COUNTS = (
    "n", "texts", "tools", "tools_known", "later_turns", "turns_known", "net_education", "blocked", "refused",
    "status_known", "symbolic",
)  # fmt: skip


@dataclass(frozen=True)
class Exchange:
    """One exchange; `objects` are its text objects by kind (prefix, phrase, ...), `item` its whole text."""

    account: int
    hour: int
    second: int
    objects: tuple[tuple[str, str], ...] = ()
    item: str | None = None
    marks: tuple[str, ...] = ()
    model: str = MODEL
    address: str | None = None
    fingerprint: str | None = None
    client: str | None = None
    credential: str | None = None
    end_user: str | None = None
    network: str | None = None
    status: str | None = "ok"
    symbolic: bool = False
    script: str | None = None
    tools: bool | None = False
    later_turn: bool | None = False
    text: bool = True

    @property
    def event_id(self) -> str:
        """The same for the same exchange in whatever order it was said."""
        return f"{self.hour}-{self.second}-{self.account}"

    @property
    def time(self) -> int:
        """Microseconds since the epoch."""
        return self.hour * HOUR_US + self.second * 1_000_000

    def content(self) -> list[tuple[str, str]]:
        """Every text object, the whole item included."""
        return [*self.objects, *([("item", self.item)] if self.item is not None else [])]


def name_of(account: int) -> str:
    return f"account-{account:05d}"


def utc(hour: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


@dataclass
class World:
    """Accounts (facts by number) and exchanges in the order in which they were said."""

    facts: dict[int, dict[str, object]] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)

    def account(self, number: int, **facts: object) -> int:
        """Add columns of the accounts table for an account; `created` is an hour."""
        if "created" in facts:
            facts["created_at"] = utc(facts.pop("created"))
        self.facts.setdefault(number, {}).update(facts)
        return number

    def say(self, account: int, hour: int, **what: object) -> None:
        """Add an exchange; seconds follow the account's exchanges in that hour."""
        self.exchanges.append(Exchange(account, hour, len(self.exchanges) % 3600, **what))

    def change(self, where, **what: object) -> None:
        """Change every exchange for which `where` is true."""
        self.exchanges = [replace(e, **what) if where(e) else e for e in self.exchanges]

    def before(self, hour: int) -> "World":
        """What `--until hour` leaves of this world."""
        facts = {
            number: row
            for number, row in self.facts.items()
            if "created_at" not in row or row["created_at"] < utc(hour)
        }
        return World(facts, [e for e in self.exchanges if e.hour < hour], self.settings)

    def shuffled(self, rng: np.random.Generator) -> "World":
        """The same rows in another order of rows, and so with other row numbers."""
        order = rng.permutation(len(self.exchanges))
        facts = list(self.facts.items())
        rng.shuffle(facts)
        return World(dict(facts), [self.exchanges[i] for i in order], self.settings)

    def accounts_table(self) -> pa.Table | None:
        """The accounts table, as records read it; None without a single row."""
        if not self.facts:
            return None
        rows = [{"account_id": name_of(number), **row} for number, row in self.facts.items()]
        return pa.Table.from_pylist(rows, schema=ACCOUNTS.schema)

    def relations(self, salt: int = 0) -> Relations:
        """Stage 1's tables. `salt` plays the local key: other values for the same text objects."""
        return _relations(self, salt)

    def evidence(self, salt: int = 0) -> Evidence:
        """What the statistics read."""
        return gather(self.relations(salt), self.accounts_table(), self.settings.looked_at)


def _value(kind: str, name: str, salt: int) -> int:
    """A number for a text object that depends on the salt, like a keyed hash; equal inputs, equal numbers."""
    digest = hashlib.blake2b(f"{salt}/{kind}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _relations(world: World, salt: int) -> Relations:
    numbers = sorted({e.account for e in world.exchanges})
    code = {number: i for i, number in enumerate(numbers)}
    rows = list(enumerate(world.exchanges))

    ledger: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    times: dict[tuple[int, int], list[int]] = defaultdict(list)
    models: Counter[tuple[int, str, int]] = Counter()
    first_use: dict[str, dict[tuple[int, str], int]] = {kind: {} for kind in NOVELTY_KINDS}
    users: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for _, e in rows:
        acc, key = code[e.account], (code[e.account], e.hour)
        ledger[key].update(_counts(e))
        times[key].append(e.time)
        models[acc, e.model, e.hour] += 1
        for kind in NOVELTY_KINDS:
            value = getattr(e, kind)
            if value is not None:
                first_use[kind][acc, value] = min(e.hour, first_use[kind].get((acc, value), e.hour))
    lucks = luck(pa.array([e.event_id for _, e in rows], pa.large_string())).tolist()
    so_far: Counter[int] = Counter()
    limits = {}
    for acc, hour in sorted(ledger):
        so_far[acc] += ledger[acc, hour]["n"]
        (limits[acc, hour],) = luck_limit(np.array([so_far[acc]]), world.settings.looked_at).tolist()
    looked_at = [
        (row, e)
        for row, e in rows
        if (e.text or e.content()) and lucks[row] < limits[code[e.account], e.hour]
    ]
    for _, e in looked_at:
        for thing in e.content():
            acc = code[e.account]
            users[thing][acc] = min(e.hour, users[thing].get(acc, e.hour))

    ready = {}
    for thing, hours in users.items():
        needed = (
            world.settings.infrastructure_accounts if thing[0] == "item" else world.settings.content_accounts
        )
        if len(hours) >= needed:
            ready[thing] = sorted(hours.values())[needed - 1]
    things = {thing: place for place, thing in enumerate(ready)}
    carried = [[things[thing] for thing in e.content() if thing in ready] for _, e in looked_at]
    names = sorted({e.model for _, e in looked_at})

    fresh: Counter[tuple[str, int, int]] = Counter()
    shared = []
    for kind, uses in first_use.items():
        holders = Counter(thing for _, thing in uses)
        for (acc, thing), hour in uses.items():
            fresh[kind, acc, hour] += 1
            if kind in EXCHANGE_KINDS and holders[thing] >= world.settings.infrastructure_accounts:
                shared.append((kind, acc, thing, hour))

    keys = sorted(ledger)
    columns = (
        *LEDGER_COUNTS, *(f"mark_{m}" for m in MARKS),
    )  # fmt: skip
    return Relations(
        accounts=pa.table(
            {
                "account_id": pa.array([name_of(n) for n in numbers], pa.large_string()),
                "acc": pa.array(range(len(numbers)), pa.int32()),
            }
        ),
        ledger=pa.table(
            {
                "acc": pa.array([k[0] for k in keys], pa.int32()),
                "hour": pa.array([k[1] for k in keys], pa.int32()),
                **{c: pa.array([ledger[k][c] for k in keys], pa.int64()) for c in columns},
                "first": _stamps(min(times[k]) for k in keys),
                "last": _stamps(max(times[k]) for k in keys),
            }
        ),
        novelty=_table(
            [(*k, n) for k, n in fresh.items()],
            kind=pa.string(),
            acc=pa.int32(),
            hour=pa.int32(),
            fresh=pa.int64(),
        ),
        objects=_table(
            [
                (CONTENT_KINDS.index(kind), _value(kind, name, salt), ready[kind, name])
                for kind, name in things
            ],
            kind=pa.int8(),
            value=pa.int64(),
            ready=pa.int32(),
        ),
        exchanges=Exchanges(
            row=np.array([row for row, _ in looked_at], np.int64),
            time=np.array([e.time for _, e in looked_at], np.int64),
            luck=np.array([lucks[row] for row, _ in looked_at], np.int64),
            acc=np.array([code[e.account] for _, e in looked_at], np.int32),
            model=np.array([names.index(e.model) for _, e in looked_at], np.int32),
            marks=np.array([sum(MARKS[m].mask for m in set(e.marks)) for _, e in looked_at], np.int64),
            text=np.array([e.text for _, e in looked_at], np.bool_),
            tools=np.array([_flag(e.tools) for _, e in looked_at], np.int8),
            later=np.array([_flag(e.later_turn) for _, e in looked_at], np.int8),
            start=np.r_[0, np.cumsum([len(each) for each in carried], dtype=np.int64)],
            carried=np.array([thing for each in carried for thing in each], np.int32),
            models=tuple(names),
        ),
        shared=_table(shared, kind=pa.string(), acc=pa.int32(), value=pa.large_string(), hour=pa.int32()),
        models=_table(
            [(acc, model, hour, n) for (acc, model, hour), n in models.items()],
            acc=pa.int32(),
            model=pa.large_string(),
            hour=pa.int32(),
            n=pa.int64(),
        ),
        duplicates=pa.table({"event_id": pa.array([], pa.large_string())}),
    )


def _flag(value: bool | None) -> int:
    return -1 if value is None else int(value)


def _counts(e: Exchange) -> Counter[str]:
    found = Counter(
        n=1,
        texts=int(e.text),
        tools=int(bool(e.tools)),
        tools_known=int(e.tools is not None),
        later_turns=int(bool(e.later_turn)),
        turns_known=int(e.later_turn is not None),
        net_education=int(e.network == "education"),
        blocked=int(e.status == "blocked"),
        refused=int(e.status == "refused"),
        status_known=int(e.status is not None),
        symbolic=int(e.symbolic),
    )
    found.update({f"mark_{m}": 1 for m in e.marks})
    return found


def _stamps(values: Iterable[int]) -> pa.Array:
    return pa.array(list(values), pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _table(rows: list[tuple], **types: pa.DataType) -> pa.Table:
    parts = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    return pa.table({name: pa.array(part, of) for (name, of), part in zip(types.items(), parts, strict=True)})


# --- groups by hand, for tests of one behaviour -------------------------------------------------------------------


def text_objects(world: World, evidence: Evidence, *things: tuple[str, str]) -> np.ndarray:
    """Codes of these text objects in `evidence`, which was made from `world`."""
    wanted = {(kind, name) for kind, name in things}
    rows = np.repeat(evidence.ex_row, np.diff(evidence.tie_start))
    kinds = evidence.obj_kind[evidence.tie_obj]
    carried = [dict(e.content()) for e in world.exchanges]
    return np.unique(
        [
            obj
            for row, kind, obj in zip(rows.tolist(), kinds.tolist(), evidence.tie_obj.tolist(), strict=True)
            if (KINDS[kind], carried[row].get(KINDS[kind])) in wanted
        ]
    ).astype(np.int64)


def case(
    world: World,
    members: Iterable[int],
    *things: tuple[str, str],
    releases: dict[str, int] | None = None,
    population: Population | None = None,
    origin: str | None = None,
) -> Case:
    """A group of these accounts that these text objects hold together, ready to be examined; without any, infrastructure.

    With `origin` "infrastructure" the text objects are described and chose nobody.
    """
    origin = origin or ("texts" if things else "infrastructure")
    if population is None:
        population = populate(world, releases)
    seen = population.view
    evidence = seen.evidence
    code = {name: i for i, name in enumerate(evidence.accounts.ids)}
    accounts = np.array(sorted(code[name_of(m)] for m in members), dtype=np.int64)
    objects = text_objects(world, evidence, *things) if things else np.zeros(0, np.int64)
    tied = seen.exchanges_with(objects, np.arange(len(seen.active)))
    who, share = seen.text_share(tied)
    content = np.zeros(len(seen.active))
    content[who] = share
    links = seen.link_obj[seen.links_by_account.places(accounts)]
    group = Group(
        origin=origin,
        accounts=accounts,
        content_share=content[accounts],
        infrastructure_kinds=np.zeros(len(accounts), np.int64),
        firm=np.ones(len(accounts), bool),
        by_text=np.full(len(accounts), origin == "texts"),
        likeness=3.0 if origin == "texts" else 0.0,
        text_objects=objects,
        infrastructure_objects=np.unique(links),
        exchanges=tied[np.isin(evidence.ex_acc[tied], accounts)],
    )
    return Case(group, population)


def outside(case: Case) -> np.ndarray:
    """Codes of active accounts that have nothing to do with the group, found by passing over everybody."""
    return np.setdiff1d(np.flatnonzero(case.view.active), case.inside)


def populate(
    world: World, releases: dict[str, int] | None = None, settings: Settings | None = None
) -> Population:
    """All that `world` says, before no hour in particular."""
    return Population(view(world.evidence()), settings or world.settings, releases or {})


# --- people -------------------------------------------------------------------------------------------------------


def people(world: World, rng: np.random.Generator, numbers: Iterable[int], mean: float = 12.0) -> None:
    """Ordinary accounts: heavy-tailed volumes, a daily rhythm of their own, some cards, addresses and texts in common.

    Everything about an account is drawn by itself, so that any set of them is a fair null for any behaviour.
    """

    def one(kind: str, number: int, shared: float, pool: int) -> str:
        """A thing of the account's own or, with probability `shared`, one of a few that others may draw too."""
        return f"{kind}-of-many-{rng.integers(pool)}" if rng.random() < shared else f"{kind}-{number}"

    for number in numbers:
        world.account(
            number,
            created=MONDAY - int(rng.integers(-24, 24 * 300)),
            plan=str(rng.choice(["free", "paid", "paid", "enterprise"])),
            verified=bool(rng.random() < 0.5),
            payment_kind=str(rng.choice(["card", "card", "virtual_card", "invoice", "none"])),
            payment_fingerprint=one("card", number, 0.15, 12),
            email_fingerprint=one("mail", number, 0.1, 12),
            phone_fingerprint=f"phone-{number}",
            signup_address=f"signup-{number}",
        )
        count = int(min(max(1, rng.lognormal(np.log(mean), 0.9)), 150))
        middle, moves = rng.integers(0, 24), rng.random() < 0.1
        home = one("home", number, 0.15, 12)
        habit = str(rng.choice(list(MARKS))) if rng.random() < 0.6 else None
        for k in range(count):
            hour = MONDAY + 24 * int(rng.integers(DAYS)) + int(rng.normal(middle, 4)) % 24
            world.say(
                number,
                hour,
                item=f"viral-{rng.integers(30)}" if rng.random() < 0.2 else f"own-{number}-{k}",
                address=f"away-{number}-{k}" if moves else home,
                model=str(rng.choice([MODEL, MODEL, "m-2"])),
                marks=(habit,) if habit is not None and rng.random() < 0.5 else (),
            )


def with_template(world: World, members: Iterable[int], name: str, share: float = 1.0) -> None:
    """Put a prefix and a suffix of this name on every member's exchanges (the first `share` of each one's)."""
    members = set(members)
    of_member = Counter(e.account for e in world.exchanges)
    said: Counter[int] = Counter()
    made = []
    for e in world.exchanges:
        said[e.account] += 1
        if e.account in members and said[e.account] <= max(1, share * of_member[e.account]):
            made.append(replace(e, objects=(*e.objects, ("prefix", name), ("suffix", name))))
        else:
            made.append(e)
    world.exchanges = made


def apart(world: World) -> None:
    """Take away the cards, mail and addresses that strangers happen to have in common: they would join rooms."""
    for number in world.facts:
        world.account(number, payment_fingerprint=None, email_fingerprint=None)
    world.change(lambda _: True, address=None)


def template(name: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """The text objects of `with_template`."""
    return ("prefix", name), ("suffix", name)


PHRASES = (("phrase", "t"),)


def strangers(seed: int = 1, n: int = 300) -> World:
    """People who have nothing in common but what chance gives; their own cards and addresses are apart."""
    world = World()
    people(world, np.random.default_rng([2, seed]), range(n))
    apart(world)
    return world


def harvesters(
    world: World,
    numbers: Iterable[int],
    *things: tuple[str, str],
    texts: int = 12,
    mixed: int = 0,
    column: str | None = None,
    of_each: int = 5,
) -> None:
    """Accounts that send texts with these objects (and others mixed in), some sharing a thing of `column`."""
    for k, number in enumerate(numbers):
        world.account(number, created=MONDAY - 40)
        if column:
            world.account(number, **{column: f"{column}-{min(numbers)}-{k // of_each}"})
        for i in range(texts):
            world.say(number, MONDAY + (3 * i + k) % 160, objects=things, item=f"task-{number}-{i}")
        for i in range(mixed):
            world.say(number, MONDAY + (5 * i + k) % 160, item=f"mixed-{number}-{i}")


CAMPAIGN = range(1000, 1020)


def planted(seed: int = 1, strangers: int = 150) -> World:
    """Strangers, and twenty accounts that differ from them by one template ("t") on all of their exchanges."""
    rng = np.random.default_rng([6, seed])
    world = World()
    people(world, rng, range(strangers))
    people(world, rng, CAMPAIGN)
    with_template(world, CAMPAIGN, "t")
    return world


def examined(
    behaviour: Behaviour, world: World, *, releases: dict[str, int] | None = None
) -> Observation | None:
    """What a behaviour says of the campaign that `planted` made."""
    return behaviour.examine(case(world, CAMPAIGN, *template("t"), releases=releases))


NULL_WORLDS = 25
NULL_GROUPS = 4
NULL_MEMBERS = 16
STRANGERS = 220
RELEASE = MONDAY + 72
"""The hour at which m-2 comes out in the worlds without a campaign."""


def _null_members(seed: int) -> list[list[int]]:
    """Disjoint sets of strangers, taken at random."""
    order = np.random.default_rng([8, seed]).permutation(STRANGERS)[: NULL_GROUPS * NULL_MEMBERS]
    return order.reshape(NULL_GROUPS, NULL_MEMBERS).tolist()


@cache
def template_nulls() -> tuple[Case, ...]:
    """Groups without a campaign, formed by texts: sets of strangers that use one template, and nothing besides."""
    found = []
    for seed in range(NULL_WORLDS):
        rng = np.random.default_rng([7, seed])
        world = World()
        people(world, rng, range(STRANGERS))
        for group, members in enumerate(_null_members(seed)):
            with_template(world, members, f"t{group}")
        population = populate(world, {"m-2": RELEASE})
        found += [
            case(world, members, *template(f"t{group}"), population=population)
            for group, members in enumerate(_null_members(seed))
        ]
    return tuple(found)


@cache
def formed_nulls() -> tuple[Case, ...]:
    """The groups that a scan forms of larger sets of strangers who use one template: it leaves out some of them.

    Volumes are those of people, with tails as heavy as Pareto's.
    """
    found = []
    for seed in range(NULL_WORLDS):
        rng = np.random.default_rng([9, seed])
        world = World()
        users = set(rng.permutation(400)[:60].tolist())
        for number in range(400):
            world.account(number, created=MONDAY - int(rng.integers(24 * 120)))
            own = template("t") if number in users else template(f"own-{rng.integers(100)}")
            for k in range(int(min(2 * (rng.pareto(1.3) + 1), 400))):
                world.say(number, MONDAY + int(rng.integers(168)), objects=own, item=f"{number}-{k}")
        population = populate(world)
        codes = {name: code for code, name in enumerate(population.view.evidence.accounts.ids)}
        wanted = [codes[name_of(number)] for number in users]
        groups = form_groups(population.cores)
        most = max(groups, key=lambda group: int(np.isin(group.members, wanted).sum()))
        assert np.isin(most.members, wanted).sum() >= 30
        found.append(Case(most, population))
    return tuple(found)


@cache
def room_nulls() -> tuple[Case, ...]:
    """Groups without a campaign, formed by infrastructure: strangers with one telephone, and nothing besides.

    The objects that each is examined for are a template that three strangers in ten use, whoever they are.
    """
    found = []
    for seed in range(NULL_WORLDS):
        rng = np.random.default_rng([9, seed])
        world = World()
        people(world, rng, range(STRANGERS))
        users = np.flatnonzero(rng.random(STRANGERS) < 0.3).tolist()
        with_template(world, users, "t")
        for room, members in enumerate(_null_members(seed)):
            for member in members:
                world.account(member, phone_fingerprint=f"room-{room}")
        apart(world)
        population = populate(world)
        found += [
            case(world, members, *template("t"), population=population, origin="infrastructure")
            for members in _null_members(seed)
        ]
    return tuple(found)


def chatter(world: World, rng: np.random.Generator, numbers: Iterable[int], common: int = 100) -> None:
    """Texts with one of so many common phrases each, some of them far more common; nobody has phrases of their own."""
    for number in numbers:
        for k in range(int(rng.integers(6, 16))):
            phrase = f"common-{int(common * rng.random() ** 1.5)}"
            world.say(
                number,
                MONDAY + int(rng.integers(24 * DAYS)),
                objects=(("phrase", phrase),),
                item=f"own-{number}-{k}",
            )


@cache
def chance_nulls() -> tuple[Case, ...]:
    """Groups without a campaign, formed by texts: of accounts alike by chance, the largest community of every other text.

    The resolution is lower than a scan's, which would leave pairs in a world so small.
    """
    found = []
    for seed in range(4 * NULL_WORLDS):
        world = World(settings=Settings(text_part=36))
        chatter(world, np.random.default_rng([10, seed]), range(STRANGERS))
        population = populate(world)
        core = max(population.halves.cores, key=len)
        numbers = [int(name.rpartition("-")[2]) for name in population.view.evidence.accounts.ids[core]]
        found.append(case(world, numbers, ("phrase", "common-0"), population=population))
    return tuple(found)


def most_rejected(trials: int, level: float) -> int:
    """So many of `trials` true nulls may be rejected at `level`: more happens to one valid test in 1000."""
    return int(stats.binom.ppf(0.999, trials, level))


def rejected(behaviour: Behaviour, cases: tuple[Case, ...]) -> list[tuple[float, int, int]]:
    """(level, how many of these true nulls are rejected at it, how many may be), for three levels.

    At least four cases in five must have been tested, so that a behaviour which is silent does not pass.
    """
    seen = [behaviour.examine(c) for c in cases]
    p = np.array([s.p_value for s in seen if s is not None and s.p_value is not None])
    assert len(p) >= 0.8 * len(cases), f"{behaviour.name} tested {len(p)} of {len(cases)} cases"
    assert ((p > 0) & (p <= 1)).all()
    return [(level, int((p <= level).sum()), most_rejected(len(p), level)) for level in (0.05, 0.01, 0.001)]


def lone(suspect: bool, number: int = 5000) -> World:
    """Strangers, and one account of six hundred requests at all hours: a day old on a virtual card, or an old customer."""
    world = World()
    people(world, np.random.default_rng(11), range(250))
    apart(world)
    facts = (
        {"created": MONDAY - 20, "verified": False, "plan": "paid", "payment_kind": "virtual_card"}
        if suspect
        else {"created": MONDAY - 24 * 700, "verified": True, "plan": "enterprise", "payment_kind": "invoice"}
    )
    world.account(number, **facts)
    for i in range(600):
        world.say(number, MONDAY + (7 * i) % 160, item=f"lone-{i}")
    return world


def harvest(numbers: Iterable[int], mixed: int = 0, texts: int = 16) -> World:
    """Strangers, and a campaign that shows what campaigns show: template, marks, balance, cards, new accounts."""
    world = World()
    people(world, np.random.default_rng(11), range(250))
    apart(world)
    for k, number in enumerate(numbers):
        world.account(
            number,
            created=MONDAY - 24 * 5 + k % 20,
            plan="paid",
            organisation="Acme",
            verified=False,
            payment_kind="virtual_card",
            payment_fingerprint=f"virtual-{k // 5}",
        )
        for i in range(texts):
            world.say(
                number,
                MONDAY + 40 + (7 * i) % 110,
                objects=template("t"),
                item=f"task-{number}-{i}",
                marks=("reasoning_elicitation",),
            )
        for i in range(mixed):
            world.say(number, MONDAY + 40 + (5 * i) % 110, item=f"mixed-{number}-{i}")
    return world
