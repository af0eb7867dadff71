"""Data inside the report's script elements: what the charts draw, written so that it is never more than data."""

import json
import re
from typing import Any

from markupsafe import Markup

from stillwatch.detection.explanation import figures, wording
from stillwatch.detection.explanation.story import Story


def chart_data(story: Story, line: figures.Timeline | None, drawn: figures.Graph | None) -> Markup:
    """What the scripts draw for one card, as JSON for a script element; empty when there is nothing to draw."""
    if line is None and drawn is None:
        return Markup()
    detected = story.campaign.detected_at
    data: dict[str, Any] = {"timeline": None, "graph": None}
    if line is not None:
        data["timeline"] = {
            "starts": line.starts,
            "values": line.values,
            "detected": wording.seconds(detected) if detected else None,
        }
    if drawn is not None:
        # Ids of the data are our own numbers: what came from the logs is only ever a label.
        accounts = {account: f"a{i}" for i, account in enumerate(drawn.accounts)}
        things = {thing.thing_id: f"t{i}" for i, thing in enumerate(drawn.things)}
        data["graph"] = {
            "nodes": [
                {
                    "id": things[t.thing_id],
                    "shape": figures.shape_of(t.kind),
                    "label": _label(f"{t.kind}: {t.label}"),
                }
                for t in drawn.things
            ]
            + [{"id": i, "shape": "account", "name": _label(account)} for account, i in accounts.items()],
            "links": [(accounts[a], things[t]) for a, t in drawn.links],
            "shapes": {
                kind: " ".join(f"{x:g} {y:g}" for x, y in figures.SHAPES[kind])
                for kind in sorted({figures.shape_of(t.kind) for t in drawn.things})
            },
        }
    return Markup(embed(data))  # noqa: S704 (escaped by _embed)


def _label(text: str) -> str:
    return wording.clean(wording.short(text, 48))


def embed(data: object) -> str:
    """JSON in ASCII that cannot end its script element, whatever it holds (HTML standard, 4.12.1.3)."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda found: f"\\u{ord(found.group()):04x}", text)
