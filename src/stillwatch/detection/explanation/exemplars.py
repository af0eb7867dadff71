"""What a group wrote: its templates in the words of its texts, and examples."""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Sequence
from itertools import islice, pairwise

import numpy as np

from stillwatch.detection.candidates import Judged
from stillwatch.detection.evidence import Ints
from stillwatch.detection.explanation.redaction import redact
from stillwatch.detection.explanation.story import ReadableTemplate
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.texts import Found, Wanted
from stillwatch.detection.tied import PROMPT_KINDS
from stillwatch.records.sketches import Key, split_words

EQUALITY = Key(bytes(16))
"""Words of a few texts are compared with each other here and their hashes are not kept: any key will do."""
SAMPLE_TEXTS = 40
LITERAL_SHARE = 0.6
TEMPLATES = 2
EXAMPLES = 3


def readable(texts: Sequence[str], exchanges: int, accounts: int) -> ReadableTemplate | None:
    """What these texts have in common, in the words of one of them; the rest as slots.

    A word is literal when the text's word pair around it stands in 60% of the texts or more.
    """
    if len(texts) < 2:
        return None
    split = [split_words(text, EQUALITY) for text in texts]
    seen: Counter[tuple[int, int]] = Counter()
    for words in split:
        hashes = [int(w[2]) for w in words]
        seen.update(set(pairwise(hashes)))
    need = LITERAL_SHARE * len(texts)

    def literal(i: int) -> list[bool]:
        hashes = [int(w[2]) for w in split[i]]
        pair = [seen[p] >= need for p in pairwise(hashes)]
        return [(k > 0 and pair[k - 1]) or (k < len(pair) and pair[k]) for k in range(len(hashes))]

    best = max(range(len(texts)), key=lambda i: (sum(literal(i)), -len(texts[i]), texts[i]))
    pieces: list[tuple[str, bool]] = []
    end = 0
    text = texts[best]
    for (start, stop, _), common in zip(split[best], literal(best), strict=True):
        if not common:
            if not pieces or not pieces[-1][1]:
                pieces.append(("…", True))
        else:
            gap = text[end:start] if pieces and not pieces[-1][1] else " " if pieces else ""
            if pieces and not pieces[-1][1]:
                pieces[-1] = (pieces[-1][0] + gap + text[start:stop], False)
            else:
                pieces.append((gap + text[start:stop], False))
        end = stop
    if not any(not slot for _, slot in pieces):
        return None
    return ReadableTemplate(tuple(pieces), exchanges, accounts)


def _samples(judged: Judged) -> Iterator[tuple[Ints, int, int]]:
    """Exchanges to read a template from, with how many it stands for, and accounts: what most carry first.

    What was sampled for the greater part already is left out.
    """
    view, group = judged.case.view, judged.group
    evidence = view.evidence
    carrier, objects = view.objects_of(judged.case.own)
    # What formed the group is shown: its system prompts, or what is asked.
    of_prompts = group.origin == SYSTEM_PROMPT
    plain = (np.isin(evidence.obj_kind[objects], PROMPT_KINDS) == of_prompts) & np.isin(
        objects, group.text_objects
    )
    carrier, objects = carrier[plain], objects[plain]
    # Exchange by exchange they lie already.
    first = np.diff(carrier, prepend=-1) != 0
    sent, order = carrier[first], np.argsort(objects, kind="stable")
    of = (np.cumsum(first) - 1)[order]
    counts = np.diff(np.flatnonzero(np.diff(objects[order], prepend=-1)), append=len(order))
    stops = np.cumsum(counts)
    covered = np.zeros(len(sent), dtype=bool)
    for place in np.argsort(-counts, kind="stable").tolist():
        here = of[stops[place] - counts[place] : stops[place]]
        if covered[here].mean() > 0.5:
            continue
        covered[here] = True
        hits = sent[here]
        _, one_each = np.unique(evidence.ex_acc[hits], return_index=True)
        exchanges = round(float(view.stands_for[evidence.ex_acc[hits]].sum()))
        yield hits[np.sort(one_each)][:SAMPLE_TEXTS], exchanges, len(one_each)


def exemplars(
    judged: Judged, *, raw: bool
) -> Generator[Wanted, Found, tuple[tuple[ReadableTemplate, ...], tuple[str, ...]]]:
    """Templates and examples of a group; asks for texts as it goes. `raw` leaves examples unredacted."""
    evidence = judged.case.view.evidence
    own = judged.case.own
    _, one_each = np.unique(evidence.ex_acc[own], return_index=True)
    chosen = evidence.ex_row[own[np.sort(one_each)][:EXAMPLES]]
    column = "system_text" if judged.group.origin == SYSTEM_PROMPT else "input_text"
    examples: list[str] | None = None
    templates: list[ReadableTemplate] = []
    coming, at_once = _samples(judged), TEMPLATES
    while len(templates) < TEMPLATES:
        samples = list(islice(coming, at_once))
        if examples is not None and not samples:
            break
        wanted = defaultdict(list, {column: [evidence.ex_row[sample] for sample, _, _ in samples]})
        if examples is None:
            wanted["input_text"].append(chosen)
        words = yield {name: np.concatenate(rows) for name, rows in wanted.items() if rows}
        # Of exchanges that came as sketches there is no text.
        if examples is None:
            examples = [words["input_text"][int(row)] for row in chosen if int(row) in words["input_text"]]
        for sample, exchanges, accounts in samples:
            told = [words[column][int(row)] for row in evidence.ex_row[sample] if int(row) in words[column]]
            shape = readable(told, exchanges, accounts)
            if shape is not None and len(templates) < TEMPLATES:
                templates.append(shape)
        # There may be thousands of which nothing can be read.
        at_once *= 2
    return tuple(templates), tuple(text if raw else redact(text) for text in examples or ())
