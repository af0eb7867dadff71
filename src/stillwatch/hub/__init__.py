"""The forum's side of the exchange: TAXII server, store, push, transparency log."""
