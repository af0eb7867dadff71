"""The classes of campaigns: one for each behaviour of the field, declared as data.

Behaviour numbers are those of the list "behaviours that a detector must cover" in docs/field.
"""

from dataclasses import dataclass

from stillwatch.drill.campaigns.knobs import Knobs


@dataclass(frozen=True)
class CampaignClass:
    """One class: `contents` are (kind of wording, kind of item, share of the requests)."""

    name: str
    title: str
    behaviours: tuple[int, ...]
    description: str
    contents: tuple[tuple[str, str, float], ...]
    knobs: Knobs


_ALL = (
    CampaignClass(
        "template_harvest",
        "One template, many small accounts",
        (1, 6, 8),
        "Many accounts fill one template with items of a divided list, a few requests each.",
        (("answering", "question", 1.0),),
        Knobs(accounts=260, volume_mean=18, volume_cv=0.12, templates=1),
    ),
    CampaignClass(
        "reasoning_elicitation",
        "Forced step-by-step reasoning",
        (2, 6),
        "A fixed prompt makes the model write its reasoning out, over questions of all kinds.",
        (("reasoning", "question", 0.8), ("reasoning", "code", 0.2)),
        Knobs(accounts=140, volume_mean=55, templates=2, answer_tokens=1100),
    ),
    CampaignClass(
        "reasoning_pretext",
        "Hidden reasoning under a pretext",
        (2,),
        "Made-up debug sessions, and answers already given, are the pretext for the model's hidden reasoning.",
        (("pretext", "question", 0.5), ("afterthought", "question", 0.5)),
        Knobs(accounts=100, volume_mean=40, templates=3, answer_tokens=900, refused_share=0.15),
    ),
    CampaignClass(
        "language_coercion",
        "Coerced language of reasoning",
        (2, 5),
        "The reasoning has to be in the language of each request, over many tasks and languages.",
        (("coercing", "question", 0.7), ("coercing", "passage", 0.3)),
        Knobs(accounts=110, volume_mean=45, templates=2, languages=6, answer_tokens=900),
    ),
    CampaignClass(
        "reward_model_grading",
        "The model as a reward model",
        (3,),
        "Answers are scored against rubrics at scale.",
        (("grading", "answer", 1.0),),
        Knobs(accounts=90, volume_mean=80, templates=4, slot_share=0.75, answer_tokens=90),
    ),
    CampaignClass(
        "agentic_coding",
        "Agentic coding harvested in bulk",
        (4, 7),
        "Coding and tool tasks with long answers, through agent programs.",
        (("coding", "code", 0.7), ("tools", "screen", 0.3)),
        Knobs(
            accounts=110,
            volume_mean=75,
            templates=4,
            tools_mean=9,
            system_share=0.6,
            turns_mean=1.6,
            answer_tokens=1400,
        ),
    ),
    CampaignClass(
        "safety_rewrites",
        "Sets of censorship-safe rewrites",
        (4,),
        "Sensitive texts are turned into acceptable ones, pair by pair.",
        (("rewriting", "passage", 1.0),),
        Knobs(
            accounts=80, volume_mean=60, templates=3, slot_share=0.7, refused_share=0.12, answer_tokens=350
        ),
    ),
    CampaignClass(
        "narrow_capability",
        "Narrow concentration on one capability",
        (5,),
        "All requests train one capability: here, tests and patches for code.",
        (("coding", "code", 1.0),),
        Knobs(accounts=100, volume_mean=50, templates=2),
    ),
    CampaignClass(
        "multilingual_sweep",
        "Broad sweep over languages",
        (2, 5),
        "The same forced reasoning in many languages, over broad topics.",
        (("reasoning", "question", 0.6), ("answering", "question", 0.4)),
        Knobs(accounts=150, volume_mean=45, languages=10, templates=2),
    ),
    CampaignClass(
        "divided_work_list",
        "A divided work list",
        (6,),
        "Accounts share one long list; no item is asked twice over all of them.",
        (("answering", "question", 0.5), ("answering", "passage", 0.5)),
        Knobs(accounts=130, volume_mean=60, templates=6, slot_share=0.7, sync=0.5),
    ),
    CampaignClass(
        "load_balanced",
        "Load balancing over a pool",
        (7, 8),
        "A dispatcher gives every account the same load, day and night.",
        (("answering", "question", 0.6), ("coding", "code", 0.4)),
        Knobs(accounts=180, volume_mean=65, volume_cv=0.03, night_share=1.0, sync=0.95, templates=5),
    ),
    CampaignClass(
        "bulk_signup",
        "Bulk sign-ups with shared means",
        (8,),
        "Accounts made in bursts with few cards, disposable mail and one client program.",
        (("answering", "question", 1.0),),
        Knobs(
            accounts=220,
            volume_mean=22,
            shared_payment_rate=0.9,
            accounts_per_card=20,
            virtual_card_share=0.9,
            disposable_mail_share=0.9,
            signup_days=0.4,
            signup_bursts=4,
            young_share=1.0,
            clients=1,
            credential_count=1,
        ),
    ),
    CampaignClass(
        "release_pivot",
        "A move to the new model within a day",
        (9,),
        "Half the traffic moves to a new model within 24 hours of its release; after blocks, to an older one.",
        (("coding", "code", 0.8), ("answering", "question", 0.2)),
        Knobs(
            accounts=130, volume_mean=70, pivot_share=0.5, downgrade_share=0.1, tools_mean=5, turns_mean=1.4
        ),
    ),
    CampaignClass(
        "diluted_relay",
        "Distillation inside relayed traffic",
        (10,),
        "Accounts pass on other people's requests, with the campaign's own between them.",
        (("reasoning", "question", 0.5), ("answering", "question", 0.5)),
        Knobs(accounts=60, volume_mean=70, relay_share=0.7, templates=5, residential_share=0.4),
    ),
    CampaignClass(
        "account_replacement",
        "Accounts replaced after blocks",
        (11, 9),
        "Blocked accounts are replaced within a day; the same list goes on.",
        (("answering", "question", 0.7), ("reasoning", "question", 0.3)),
        Knobs(accounts=180, volume_mean=35, generations=4, downgrade_share=0.3),
    ),
    CampaignClass(
        "technique_search",
        "Search for techniques",
        (12,),
        "A few accounts try thousands of elicitation variants, mostly refused.",
        (("reasoning", "question", 0.6), ("replay", "sealed", 0.2), ("rewriting", "passage", 0.2)),
        Knobs(
            accounts=14,
            volume_mean=420,
            templates=3000,
            paraphrase_rate=1.0,
            refused_share=0.72,
            answer_tokens=160,
        ),
    ),
    CampaignClass(
        "block_replay",
        "Reasoning blocks replayed",
        (13,),
        "Sealed reasoning of one conversation is pasted into others, with a request to transcribe it.",
        (("replay", "sealed", 1.0),),
        Knobs(
            accounts=300,
            volume_mean=5,
            volume_cv=0.35,
            templates=3,
            replay_blocks=40,
            app_share=0.4,
            refused_share=0.25,
        ),
    ),
    CampaignClass(
        "spike",
        "Slow start, short spike",
        (14,),
        "A trickle for days, then everything within two; new accounts at full rate at once.",
        (("replay", "sealed", 0.4), ("reasoning", "question", 0.6)),
        Knobs(
            accounts=400,
            volume_mean=6,
            volume_cv=0.4,
            spike_days=2.0,
            slow_start_share=0.07,
            templates=2,
            app_share=0.5,
        ),
    ),
    CampaignClass(
        "multi_lab",
        "One campaign over several providers",
        (15, 1, 6),
        "One list divided over providers, too small at each to be seen alone.",
        (("answering", "question", 0.5), ("reasoning", "question", 0.5)),
        Knobs(accounts=240, volume_mean=14, labs_spanned=99, templates=2),
    ),
    CampaignClass(
        "agreement_exceeded",
        "An agreement exceeded",
        (1, 6),
        "A partner with a written agreement goes on far beyond its limit, with undeclared accounts.",
        (("answering", "question", 1.0),),
        Knobs(
            accounts=40,
            volume_mean=120,
            covered_share=0.3,
            verified_share=0.2,
            templates=2,
            shared_payment_rate=0.8,
        ),
    ),
)
# The three campaigns of the scenario published-2026; the scenario gives their knobs.
_PUBLISHED = (
    CampaignClass(
        "published_reasoning",
        "Published figures: reasoning, rubrics and rewrites",
        (2, 3, 4, 7, 8),
        "Over 150,000 exchanges: reasoning, rubric grading and rewrites, with synchronised traffic and shared payment.",
        (("reasoning", "question", 0.5), ("grading", "answer", 0.35), ("rewriting", "passage", 0.15)),
        Knobs(),
    ),
    CampaignClass(
        "published_agentic",
        "Published figures: agents, tools and vision",
        (4, 8),
        "Over 3.4M exchanges from hundreds of accounts over varied pathways: agentic, tool and vision tasks.",
        (("tools", "screen", 0.45), ("coding", "code", 0.4), ("reasoning", "question", 0.15)),
        Knobs(),
    ),
    CampaignClass(
        "published_coding",
        "Published figures: agentic coding and the pivot",
        (4, 7, 9),
        "Over 13M exchanges of agentic coding; half the traffic moves to a new model within 24 hours.",
        (("coding", "code", 0.8), ("tools", "screen", 0.2)),
        Knobs(),
    ),
)
CLASSES = {c.name: c for c in (*_ALL, *_PUBLISHED)}
