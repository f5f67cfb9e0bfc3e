"""The tables of docs/settings.md, made from the declarations.

``python -m denglu.settings.table docs/settings.md`` writes them anew between their marks.
"""

import sys
from pathlib import Path

from denglu.settings.about import Section
from denglu.settings.model import SECTIONS, about, shown, variable

BEGIN = "<!-- The tables are made by `python -m denglu.settings.table docs/settings.md`. -->"
END = "<!-- End of the tables. -->"
_HEAD = ("Setting", "Default", "In `rageframe`", "Allowed", "Why")


def tables() -> str:
    """One Markdown table for every section, with a heading each."""
    return "\n\n".join(_table(section) for section in SECTIONS)


def renewed(document: str) -> str:
    """The document with the tables as they should be."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def _table(section: type[Section]) -> str:
    title = (section.__doc__ or "").partition("\n")[0].rstrip(".")
    rows = [_HEAD, ("---",) * len(_HEAD), *(_row(name) for name in section.model_fields)]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str) -> tuple[str, ...]:
    facts = about(name)
    own = facts.default_text or _code(shown(name, _default(name)))
    other = "" if facts.rageframe is None else _code(shown(name, facts.rageframe))
    filed = " or `…_FILE`" if facts.filed else ""
    return (f"`{variable(name)}`{filed}", own, other, facts.allowed, facts.why)


def _default(name: str) -> object:
    section = next(section for section in SECTIONS if name in section.model_fields)
    return section.model_fields[name].get_default(call_default_factory=True)


def _code(text: str) -> str:
    return f"`{text}`" if text else "none"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text("utf-8")), "utf-8")
