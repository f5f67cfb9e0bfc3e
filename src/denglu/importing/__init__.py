"""Members of another server brought here: read there, never written there.

A run brings what is new or changed since the last one; what it brought is noted in the target row
by row, in the transaction that brings it, so whoever is killed goes on by starting again.
"""
