"""Changes of a node's database, in order of their numbers."""
