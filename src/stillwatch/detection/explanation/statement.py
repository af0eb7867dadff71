"""What is said first of a group, in two or three sentences."""

from stillwatch.detection.behaviours import REGISTRY, Observation
from stillwatch.detection.candidates import EXTRACTION, Judged
from stillwatch.detection.explanation.wording import factor
from stillwatch.detection.groups import SYSTEM_PROMPT

KIND_WORDS = {
    "extraction": "unauthorised extraction",
    "evaluation": "an evaluation or safety study",
    "batch": "one organisation's batch work",
    "reseller": "a reseller or gateway",
    "agent": "automated agents or builds",
    "shared_client": "strangers who use the same client or prompt",
    "cohort": "a class, course, company or event",
    "authorised": "use that an agreement covers",
    "unknown": "unrelated people",
}
NOTED = 0.05
"""Figures that would come about by chance more often than this are not offered as reasons."""


def noted(seen: Observation) -> bool:
    """Does it support extraction, by more than a figure that is significant but small?"""
    return seen.supports and (seen.p_value is None or seen.p_value <= NOTED)


def _undecided(judged: Judged, rival: str) -> str:
    """Why a group is for review and not accused."""
    settings = judged.case.population.settings
    if judged.data_state == "insufficient":
        return f"They did too little to accuse anybody of (fewer than {settings.min_exchanges} exchanges)"
    if judged.probability < settings.accuse_probability:
        return f"The evidence does not decide between extraction and {rival}"
    if judged.single:
        return "Extraction explains it best, but what one account sends is never evidence of two families"
    if len(judged.significant) < 2:
        families = "; ".join(sorted(judged.significant)) or "none"
        return (
            "Extraction explains it best, but an accusation needs significant evidence of two families, and there is"
            f" that of {len(judged.significant)} ({families})"
        )
    return "Extraction would explain the whole best, but the notes say why nobody is accused"


def statement(judged: Judged) -> str:
    """Two or three sentences: how many, what they have in common, and what decides."""
    accounts, exchanges = len(judged.group.members), int(judged.own_exchanges[judged.group.firm].sum())
    of_prompts = judged.group.origin == SYSTEM_PROMPT
    together = "with system prompts that are alike" if of_prompts else "that belong together"
    head = (
        f"One account by itself sent {exchanges:,} exchanges."
        if judged.single
        else f"{accounts} accounts sent {exchanges:,} exchanges {together}."
    )
    if aside := int((judged.group.firm & judged.aside).sum()):
        untied = ", or nothing but the prompt ties them to the others" if of_prompts else ""
        head += f" Of these {aside} are only suspected: by themselves extraction does not clearly explain them{untied}."
    supporting = [REGISTRY[name].title.lower() for name, seen in judged.observations.items() if noted(seen)]
    signs = f" Signs: {', '.join(supporting)}." if supporting else " No sign of extraction was found."
    rival = KIND_WORDS[judged.weighing.best_benign]
    if judged.exempt and judged.verdict == "legitimate":
        return f"{head}{signs} Exemptions cover all who would be accused, so nobody is; the evidence is as it was."
    if judged.kind_of_use == "authorised":
        return f"{head} An agreement covers the use."
    if judged.verdict == EXTRACTION:
        families = "; ".join(sorted(judged.significant))
        return (
            f"{head}{signs} Evidence of {len(judged.significant)} families ({families}) is significant; the best other"
            f" explanation is {rival}, and the evidence is {factor(judged.weighing.log10_bayes_factor)} times as"
            " probable under extraction as under the other uses together."
        )
    if judged.verdict == "review":
        return f"{head}{signs} {_undecided(judged, rival)}; a person should look."
    return f"{head}{signs} The best explanation is {KIND_WORDS[judged.kind_of_use]}."
