"""Campaigns of adversarial distillation, as exercises: what to recognise, with the truth known."""
