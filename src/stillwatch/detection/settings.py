"""Named settings of a scan, each with its reason. run.json lists them; changing one changes the version of results."""

from dataclasses import asdict, dataclass

SETTINGS_VERSION = "2026.11.26"


ALONE = 0.25
"""Of what its features say, so much is believed of a single account."""
HEAVY = 0.5
"""The same of one that is judged by itself and sent much: its figures are of many exchanges, but it is one draw."""


@dataclass(frozen=True)
class Settings:
    """Everything a scan can be told. Defaults are the ones that the measurements in docs/ were made with."""

    prior: float = 0.01
    """Probability, before any evidence, that a candidate group is unauthorised extraction."""
    seed: int = 20260223
    """Seed of Leiden and of the reference draws; the same seed and input give the same output."""
    content_accounts: int = 3
    """A text object (phrase, prefix, system prompt) counts once this many accounts used it."""
    infrastructure_accounts: int = 2
    """A shared card or address counts from two accounts on: two is already sharing."""
    looked_at: int = 256
    """Exchanges of an account that are looked at one by one; of more a sample of half, a quarter, ... stands for all, so
    that cost and memory follow accounts. Counts by hour, models and means of access stay whole."""
    neighbours: int = 15
    """Most similar accounts that each account is joined with: enough that a campaign of thousands stays in one piece."""
    text_part: int = 600
    """Accounts in one community of texts, at most about: a high resolution of modularity keeps small campaigns from being
    swallowed, and the parts of large ones are put together again."""
    popular_share: float = 0.01
    """Addresses and fingerprints used by more than this share of accounts (and over 50) link nobody."""
    popular_floor: int = 50
    group_accounts: int = 4
    """The smallest group that is examined as a group; one campaign in public ran 4 requests an account."""
    tie_share: float = 0.05
    """An account is tied to a group's texts when at least this share of its exchanges are among them."""
    resolution: float = 0.15625
    """Weight of edges for each pair of an account and an object from which infrastructure keeps accounts together."""
    reference_draws: int = 200
    """Random sets of outside accounts behind each drawn null; synchrony, which is dear, takes 40."""
    family_wise_error: float = 0.05
    """Chance of a single false significance among all groups and families of one scan, at most (weighted Bonferroni)."""
    planned_scans: int = 1
    """Scans over which `family_wise_error` is to hold, when a log is scanned again as it grows: 90 for three months of days.
    Each scan has its part (Bonferroni, valid however the scans depend on each other)."""
    accuse_probability: float = 0.9
    """Verdict `extraction` from this probability on; below it a person looks."""
    review_probability: float = 0.1
    """Verdict `review` from this probability on."""
    looks: int = 32
    """Looks at the past over the whole time, at most, to date accusations; each is a scan. 0: none, and `detected_at` stays
    empty."""
    left_out: str = ""
    """A family of evidence that forms no group, is not tested and is not weighed, to see what the others would say without
    it; empty for none."""
    min_exchanges: int = 40
    """Fewer exchanges than this in a group are too few to accuse on: data_state `insufficient`."""
    few_accounts: float = 15.0
    """A group of so many accounts weighs half of what its features say; larger ones approach the whole."""
    tempering: float = 2.4
    """Power on the likelihood of features. Dependence asks for less than one, the cautious lines of rivals.yaml for
    more. This and `few_accounts` had the least log loss over the groups of seventeen development exercises (with version 4
    of rivals.yaml); around them it is flat. What they are worth on exercises not seen: benchmarks/calibration.py."""

    def power(self, accounts: int, *, heavy: bool = False) -> float:
        """`tempering` for a group of so many accounts: shares of few are noisy, five strangers are easily all unverified.

        Of one account it is ALONE of the whole, HEAVY of it for a `heavy` one: its figures are shares of its own exchanges.
        """
        if accounts == 1:
            return (HEAVY if heavy else ALONE) * self.tempering
        return self.tempering * accounts / (accounts + self.few_accounts)

    def as_dict(self) -> dict[str, object]:
        """The settings by name, with their version."""
        return {"version": SETTINGS_VERSION, **asdict(self)}
