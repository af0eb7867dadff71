"""Texts: language packs, ordinary prompts, work lists and template wordings."""
