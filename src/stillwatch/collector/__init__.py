"""The collector: takes usage over HTTP as gateways send it, and appends it to a folder of Parquet files.

A row that was acknowledged is on disk: it goes through a journal first (journal.py), which becomes Parquet (store.py).
"""
