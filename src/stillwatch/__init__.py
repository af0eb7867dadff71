"""Stillwatch finds, explains and shares adversarial distillation of language models."""

__version__ = "0.1.0"
