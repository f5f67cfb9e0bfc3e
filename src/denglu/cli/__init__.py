"""The commands: a skin over ``flows.administer``, ``server`` and ``doctor``.

Commands print data on standard output and faults, one line each, on standard error. What is
slow to load (pydantic, SQLAlchemy, uvicorn) is imported where it is used, so that help and
mistyped commands answer at once.
"""

from denglu.cli.entry import main

__all__ = ["main"]
