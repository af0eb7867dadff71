"""Append-only logs that can be checked: Merkle trees, tiles, signed notes, cosignatures, signed envelopes."""
