"""A real standalone cluster: a master and two workers, each with an executor of its own."""
