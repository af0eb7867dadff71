"""Stories made by hand for the report's tests: believable ones, and ones whose every text is hostile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stillwatch.detection.explanation.story import Examined, ReadableTemplate, Rival, SharedThing, Story
from stillwatch.records.findings import Campaign, Member, Reason

START = datetime(2026, 9, 1, tzinfo=UTC)


def reasons(verdict: str) -> tuple[Reason, ...]:
    found = (
        Reason(
            "template_many_accounts",
            "content",
            "412 accounts sent one template. Outside the group 3 accounts of 11,588 used it.",
            412.0,
            3.2e-81,
            True,
        ),
        Reason(
            "divided_work_list",
            "content",
            "No item was asked twice by two accounts: 0 repeats in 61,240 requests, where chance gives 1,906.",
            0.0,
            1.4e-9,
            True,
        ),
        Reason(
            "co_timing",
            "timing and volume",
            "Their activity rises and falls together: mean correlation of residuals 0.41, benign groups 0.02.",
            0.41,
            0.0,
            True,
        ),
        Reason(
            "shared_payment",
            "identity and infrastructure",
            "38 payment instruments serve 412 accounts.",
            10.8,
            2.0e-5,
            True,
        ),
        Reason(
            "account_age",
            "identity and infrastructure",
            "31 of the accounts are older than a year, which fits a campaign made of new accounts badly.",
            31.0,
            None,
            False,
        ),
    )
    return (
        found if verdict != "legitimate" else (found[0], replace(found[4], statement="Verified, one firm."))
    )


def story(number: int, verdict: str = "extraction", accounts: int = 40, *, hours: int = 24 * 14) -> Story:
    """One believable group; everything in it follows from its number."""
    name = f"c-{number:05d}"
    probability = {"extraction": 0.9971, "review": 0.34, "legitimate": 0.002}[verdict] - number * 1e-6
    ids = tuple(f"acct-{number:04d}-{i:06d}" for i in range(accounts))
    kinds = ("payment", "address", "fingerprint", "template", "mail", "system prompt", "telephone", "client")
    things = tuple(
        SharedThing(
            f"thing-{number}-{i}", kind, f"{kind[:4]}…{number * 7 + i:04x}", min(accounts, 30 - 3 * i), i
        )
        for i, kind in enumerate(kinds)
    )
    links = tuple(
        (account, thing.thing_id)
        for i, account in enumerate(ids[:600])
        for j, thing in enumerate(things)
        if (i * 7 + j * 3) % 11 < 3
    )
    first = int(START.timestamp())
    shape = tuple((h * 37 + number) % 101 if 40 < h % 168 < 150 else h % 3 for h in range(hours))
    campaign = Campaign(
        campaign_id=name,
        verdict=verdict,
        kind_of_use={"extraction": "extraction", "review": "unknown", "legitimate": "shared_client"}[verdict],
        data_state="sufficient",
        probability=probability,
        log10_bayes_factor={"extraction": 4.53, "review": 1.7, "legitimate": -0.7}[verdict],
        accounts=accounts,
        exchanges=sum(shape),
        first_time=START,
        last_time=START + timedelta(hours=hours),
        detected_at=START + timedelta(hours=57) if verdict == "extraction" else None,
        reasons=reasons(verdict),
    )
    pieces = (
        (
            "You are a careful tutor. Think step by step and show every thought before the answer.\nProblem: ",
            False,
        ),
        ("sentence", True),
        ("\nGrade the answer from 1 to 5 with the rubric: ", False),
        ("number", True),
    )
    return Story(
        campaign=campaign,
        statement=f"{accounts} accounts sent one template with a divided list of problems over 14 days. "
        "They share payment and rise and fall together; no benign use explains this as well.",
        members=tuple(
            Member(
                name, account, "relay" if i % 9 == 8 else "member", 0.99 - i / (accounts * 10), 150 + i % 7
            )
            for i, account in enumerate(ids)
        ),
        hours=tuple(first + 3600 * h for h in range(hours)),
        exchanges_by_hour=shape,
        things=things,
        links=links,
        templates=(ReadableTemplate(pieces, 61_240, accounts),),
        examples=("Problem: Maria Keller, maria@example.org, pays 1,250 for 3 books. Show every thought.",),
        rivals=(
            Rival("extraction", 0.0, "Explains the template, the divided list and the shared payment."),
            Rival("batch", -4.6, "Explains the even volumes, not the many unrelated accounts."),
            Rival("evaluation", -6.2, "A benchmark would repeat its items over accounts."),
        ),
        notes=("Agreement A-17 allows 5,000 exchanges; the accounts made 61,240.",),
    )


def examined(**changes: object) -> Examined:
    whole = Examined(
        accounts=12_000,
        exchanges=301_455,
        rejected={"time out of range": 12, "no account_id": 3},
        dropped={"accounts.verified: not true or false": 7},
        first_time="2026-09-01 00:00 UTC",
        last_time="2026-09-15 00:00 UTC",
        prior=0.01,
        absent_columns={"tls_ja4": "shared rare client fingerprints are not examined"},
        settings={"engine": "duckdb", "seed": 7, "families_needed": 2},
        version="0.1.0",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def few() -> list[Story]:
    """Two accusations, one review, two cleared."""
    return [
        story(1, accounts=412),
        story(2, accounts=18),
        story(3, "review", accounts=9),
        story(4, "legitimate", accounts=75),
        story(5, "legitimate", accounts=6),
    ]


def hostile(text: str) -> tuple[list[Story], Examined]:
    """A report's input with `text` in every field that holds text."""
    out = []
    for verdict in ("extraction", "review", "legitimate"):
        base = story(1, verdict, accounts=6, hours=50)
        campaign = replace(
            base.campaign,
            campaign_id=text,
            kind_of_use=text,
            data_state=text,
            reasons=tuple(Reason(text, text, text, 1.0, 0.5, supports) for supports in (True, False)),
        )
        things = tuple(SharedThing(f"{text}{i}", text, text, 3, 1) for i in range(3))
        out.append(
            Story(
                campaign=campaign,
                statement=text,
                members=tuple(Member(text, f"{text}{i}", text, 0.5, 3) for i in range(3)),
                hours=base.hours,
                exchanges_by_hour=base.exchanges_by_hour,
                things=things,
                links=tuple((f"{text}{i}", f"{text}{j}") for i in range(3) for j in range(3)),
                templates=(ReadableTemplate(((text, False), (text, True)), 3, 2),),
                examples=(text,),
                rivals=(Rival(text, -1.0, text),),
                notes=(text,),
            )
        )
    strange = replace(out[1], campaign=replace(out[1].campaign, verdict=text))
    whole = examined(
        rejected={text: 1},
        first_time=text,
        last_time=text,
        absent_columns={text: text},
        settings={text: text, "nested": {"list": [text]}},
        version=text,
        raw_examples=True,
    )
    return [*out, strange], whole
