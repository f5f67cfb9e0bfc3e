"""The tables of error codes in docs/sms.md, made from the catalogues.

``python -m denglu.doctor.sms_table docs/sms.md`` writes them anew between their marks.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from denglu.doctor.sms_codes import CATALOGUES, OWN, OWN_CODES
from denglu.sms.codes import ProviderCode

BEGIN = "<!-- Made by `python -m denglu.doctor.sms_table docs/sms.md`. -->"
END = "<!-- End of the tables. -->"


def tables() -> str:
    """A Markdown table for each gateway; codes that two have in common stand in the first."""
    shown: set[ProviderCode] = set()
    parts = []
    for name, catalogue in {OWN: OWN_CODES, **CATALOGUES}.items():
        codes = [code for code in catalogue if code not in shown]
        shown.update(codes)
        parts.append(f"### Codes of {name}\n\n{_table(codes)}")
    return "\n\n".join(parts)


def renewed(document: str) -> str:
    """The document with the tables as they should be."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


def _table(codes: Iterable[ProviderCode]) -> str:
    head = "| code | what happens | 含义与处理 | meaning, and what to do |\n|---|---|---|---|"
    rows = (
        f"| `{code.code}` | {_fate(code)} | {_cell(code.zh)} | {_cell(code.en)} |" for code in codes
    )
    return "\n".join([head, *rows])


def _fate(code: ProviderCode) -> str:
    if code.trouble.elsewhere:
        return "next gateway"
    return "nothing more" if code.trouble.surely_not_sent else "it may be under way"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text("utf-8")), "utf-8")
