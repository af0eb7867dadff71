"""A member's side of the exchange: keys, publishing, following, verifying, and what scans and guards take."""
