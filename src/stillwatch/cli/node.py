"""`stillwatch node`: a member's side of the exchange."""

from stillwatch.cli import node_exchange, node_replies
from stillwatch.cli.node_parts import node

__all__ = ["node", "node_exchange", "node_replies"]
