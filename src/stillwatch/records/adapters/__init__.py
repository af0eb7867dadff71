"""Adapters: usage records from the logs of other systems, one module for each system."""
