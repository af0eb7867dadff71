"""Narrow concentration on a capability, or a broad sweep over scripts."""

from stillwatch.detection.behaviours._matched import matched
from stillwatch.detection.behaviours.base import CONTENT, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail
from stillwatch.detection.evidence import Bools, Ints
from stillwatch.detection.orders import strata
from stillwatch.detection.view import View

TEXTS = 5
"""Texts from which on an account shows what it is used for."""
NARROW = 0.7
"""An account is narrow when this share of its texts is of one kind."""
BROAD = 3
"""Scripts in one account. Two are common: a language of one's own and a common one, or loan words."""


def aspects(view: View) -> dict[str, tuple[Bools, Bools]]:
    """Wording of each aspect that the data show -> (accounts that it is known of, those that have it)."""
    total = view.totals
    texts = total["texts"] >= TEXTS
    tools = total["tools_known"] >= TEXTS
    found = {}
    if texts.any():
        found["send mostly texts full of signs, like code"] = (
            texts,
            texts & (total["symbolic"] >= NARROW * total["texts"]),
        )
        found[f"write {BROAD} scripts or more, as translators do"] = (
            texts,
            texts & (view.novelty["script"] >= BROAD),
        )
    if tools.any():
        found["define tools in most requests"] = (
            tools,
            tools & (total["tools"] >= NARROW * total["tools_known"]),
        )
    return found


def _rate(case: Case, accounts: Ints, wording: str, known: Bools, having: Bools) -> float | None:
    """Mean, over these accounts, of how many in outside accounts of as much use have it: more use shows more scripts."""
    volumes = case.view.totals["n"]
    pool = case.pool(f"{wording}: known, by volume", lambda: strata(volumes), lambda: known)
    if len(accounts) < 4 or len(pool) < 30:
        return None
    like = matched(pool, volumes[accounts])
    running = case.population.once(f"{wording}: running", lambda: pool.order.running(having))
    found = pool.sums(running, like.low, like.high)
    return float(((found + 0.5) / (like.high - like.low + 1)).mean())


def examine(case: Case) -> Observation | None:
    """The aspect that most sets the members apart; one script, whichever it is, never counts for anything."""
    chosen = case.by_infrastructure
    best: tuple[float, float, float, float, str, tuple[int, ...]] | None = None
    tried = 0
    for wording, (known, having) in case.population.once("aspects", lambda: aspects(case.view)).items():
        own = case.members[known[case.members]]
        rate = _rate(case, own, wording, known, having)
        if rate is None or 2 * len(own) < len(case.members):
            continue
        tried += 1
        share = float(having[own].mean())
        tail = 1.0
        if chosen is not None:
            tested = chosen[known[chosen]]
            of_tested = _rate(case, tested, wording, known, having)
            if of_tested is not None:
                tail = binomial_tail(int(having[tested].sum()), len(tested), of_tested)
        text = (
            f"{percent(share)} of {len(own)} accounts {wording}; of outside accounts with as many requests"
            f" {percent(rate)} do."
        )
        seen = (tail, rate - share, share, rate, text, most(own, having[own]))
        best = seen if best is None else min(best, seen)
    if best is None:
        return None
    tail, _, share, rate, text, examples = best
    return Observation(
        statistic=share,
        p_value=None if chosen is None else min(1.0, tail * tried),
        statement=text
        + (" The group was chosen by what it sends, so this is no test." if chosen is None else ""),
        supports=share >= 0.3 and share > 3 * rate,
        examples=examples,
    )


BEHAVIOUR = Behaviour(
    name="capability_focus",
    title="One capability, or many languages",
    family=CONTENT,
    field_numbers=(4, 5),
    statistic="share of accounts of which 70% of texts look like code, or 70% of requests define tools, or which write three"
    " scripts or more (kana and Chinese characters are one); the one of these that differs most from outside. Which scripts"
    " they are is not looked at",
    null="accounts do so as often as accounts outside with as many requests (binomial, corrected for what was tried), in"
    " groups that texts had no part in choosing; elsewhere there is no test",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (a few capabilities); Google GTIG, Feb 2026 (many tasks and languages)",
    examine=examine,
)
