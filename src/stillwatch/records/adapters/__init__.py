"""records/adapters"""
