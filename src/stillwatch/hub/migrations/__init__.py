"""The schema's history: numbered files, each applied once, never changed afterwards.

Their SQL is SQLite's where that differs; the other store translates types (see `database.py`).
"""
