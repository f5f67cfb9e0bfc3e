"""Plugins: what they may add (``specs``), and how they are found and loaded (``loading``).

A plugin is a module or an object behind an entry point of the group ``denglu.plugins``; it is
switched on by its name in ``DENGLU_PLUGINS``.
"""

from denglu.plugins.specs import Desk, Schema, Specs, hookimpl, hookspec

__all__ = ["Desk", "Schema", "Specs", "hookimpl", "hookspec"]
