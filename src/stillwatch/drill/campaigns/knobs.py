"""What can be turned on a campaign, and the three levels of craft."""

from dataclasses import dataclass, replace

TIERS = ("plain", "adaptive", "expert")


@dataclass(frozen=True)
class Knobs:
    """One campaign's properties. Shares are 0 to 1. A benchmark turns one and leaves the rest."""

    accounts: int = 120  # accounts of the campaign, over all labs
    volume_mean: float = 60.0  # campaign exchanges per account
    volume_cv: float = 0.08  # their coefficient of variation (ordinary people: above 2)
    templates: int = 3  # wordings in common use
    paraphrase_rate: float = 0.0  # share of requests in a wording of their own
    elicitation_rate: float = 1.0  # share of requests inside a wording; the others are bare items
    slot_share: float = 0.5  # share of a request's text that is the item
    reuse_rate: float = 0.0  # share of items that were asked before
    languages: int = 1  # languages of the requests, one drawn for each item
    language: int = -1  # the first of them, by its number in the list of languages; -1: drawn by seed
    turns_mean: float = 1.0  # exchanges per conversation
    shared_payment_rate: float = 0.5  # share of paying accounts whose card others of the campaign use too
    accounts_per_card: int = 8  # of those with a shared card
    accounts_per_phone: int = 1  # above 1: accounts that are verified by one and the same telephone
    virtual_card_share: float = 0.5  # share of cards that are virtual
    disposable_mail_share: float = 0.4  # share of accounts at the campaign's own mail domains
    verified_share: float = 0.04  # share of accounts that the provider verified
    free_share: float = 0.15  # share of accounts on the free plan
    signup_days: float = 2.0  # width of a burst of sign-ups
    signup_bursts: int = 3  # how many such bursts
    young_share: float = 0.95  # share of accounts made in those bursts; others are old
    app_share: float = 0.0  # share of accounts in the app
    cloud_share: float = 0.1  # share of accounts at a third party's cloud
    residential_share: float = 0.1  # share of accounts behind residential proxies with ever-new addresses
    accounts_per_address: int = 6  # of those on hosting networks, about; 0: each has one of its own
    unique_fingerprint_share: float = 0.0  # share of accounts with a TLS fingerprint of their own
    clients: int = 2  # client programs in use
    credential_count: int = 1  # keys per account, at least
    night_share: float = 0.9  # 1: day and night alike; 0: office hours
    sync: float = 0.7  # share of requests that follow the group's common bursts
    burst_strength: float = 0.9  # how uneven those bursts are
    relay_share: float = 0.0  # share of the accounts' traffic that is other people's, passed on
    pivot_share: float = 0.1  # share of accounts that move to a new model within 24 hours
    downgrade_share: float = 0.0  # share of accounts that move to an older model after the first blocks
    generations: int = 1  # 2 or more: accounts are blocked and replaced so often
    spike_days: float = 0.0  # above 0: most traffic inside so many days
    slow_start_share: float = 0.0  # share of the traffic spread before the spike
    refused_share: float = 0.02  # share of requests that the model declines
    replay_blocks: int = 0  # different reasoning blocks that are replayed over and over
    tools_mean: float = 0.0  # tools that a request defines
    system_share: float = 0.0  # share of accounts that send the campaign's own system prompt
    in_prompt: float = 0.0  # 1: wordings stand in the system prompt, and the items alone are asked
    any_task: float = 0.0  # 1: items are what people ask, of any subject, instead of a list of one kind
    own_use: float = 0.0  # ordinary exchanges per account beside the campaign
    shared_identity_rate: float = 0.4  # over labs: share of accounts with the same mail or telephone
    labs_spanned: int = 1  # above 1: in as many labs as there are
    covered_share: float = 0.0  # above 0: an agreement covers this share of the traffic
    answer_tokens: float = 650.0  # median length of answers


def tiered(knobs: Knobs, tier: str) -> Knobs:
    """The knobs at a level of craft: `plain` as they are; `adaptive` and `expert` hide more."""
    if tier == "adaptive":
        return replace(
            knobs,
            volume_cv=max(knobs.volume_cv, 0.5),
            paraphrase_rate=max(knobs.paraphrase_rate, 0.5),
            templates=max(knobs.templates, 8),
            shared_payment_rate=knobs.shared_payment_rate * 0.4,
            accounts_per_card=max(2, knobs.accounts_per_card // 2),
            virtual_card_share=max(knobs.virtual_card_share, 0.6),
            disposable_mail_share=knobs.disposable_mail_share * 0.4,
            signup_days=knobs.signup_days * 6,
            signup_bursts=knobs.signup_bursts + 2,
            young_share=knobs.young_share * 0.75,
            residential_share=max(knobs.residential_share, 0.7),
            accounts_per_address=2,
            unique_fingerprint_share=max(knobs.unique_fingerprint_share, 0.8),
            clients=max(knobs.clients, 6),
            night_share=knobs.night_share * 0.7,
            sync=knobs.sync * 0.6,
            relay_share=max(knobs.relay_share, 0.25),
            verified_share=max(knobs.verified_share, 0.08),
        )
    if tier == "expert":
        return replace(
            knobs,
            volume_mean=min(knobs.volume_mean, 14.0),
            volume_cv=max(knobs.volume_cv, 1.0),
            paraphrase_rate=max(knobs.paraphrase_rate, 0.9),
            templates=max(knobs.templates, 25),
            elicitation_rate=knobs.elicitation_rate * 0.85,
            slot_share=max(knobs.slot_share, 0.65),
            shared_payment_rate=0.0,
            virtual_card_share=0.12,
            disposable_mail_share=0.0,
            signup_days=max(knobs.signup_days, 60.0),
            signup_bursts=knobs.signup_bursts + 6,
            young_share=knobs.young_share * 0.35,
            residential_share=1.0,
            unique_fingerprint_share=0.0,
            clients=60,
            night_share=knobs.night_share * 0.35,
            sync=knobs.sync * 0.3,
            burst_strength=knobs.burst_strength * 0.7,
            relay_share=max(knobs.relay_share, 0.45),
            verified_share=max(knobs.verified_share, 0.15),
            system_share=knobs.system_share * 0.3,
            own_use=max(knobs.own_use, 2.0),
        )
    return knobs
