"""Data on the move: a whole database copied to another one, and backups of an SQLite file.

Nothing here knows members or sessions: tables are what ``store.schema`` declares.
"""
