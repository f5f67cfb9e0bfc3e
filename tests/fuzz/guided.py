"""Row I18 with a fuzzer that watches which lines an input reaches (atheris).

    python -m tests.fuzz.guided            60 seconds, seed 20
    python -m tests.fuzz.guided 600 7      ten minutes, seed 7

A release run. Ends with 0 when every input of ``grammar`` held, and prints how many there were;
what did not hold is shown with its bytes. Needs ``pip install atheris``, which the tests do not.
"""

import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SECONDS, SEED = 60, 20
# What it starts from: the first byte chooses the parser.
_FIRST = (
    b"\x00+86 138-0000-0000",
    "\x001380000000٠".encode(),
    b"\x01012345",
    "\x01１２３４５６".encode(),
    b"\x026GSY03dzGtyy0mE3Y0k99UVbQAF_btwnZR3PP_TAxxQ",
    b"\x03wechatMini",
    b"\x04Bob@Example.com",
    b'\x05{"username":"demo","password":"x"}',
    b"\x06a=1&b=%E5%B0%8F",
    b'\x07--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n',
)


def main(words: Sequence[str]) -> None:
    """Fuzz for so many seconds; the process ends by itself."""
    seconds = int(words[0]) if words else SECONDS
    seed = int(words[1]) if len(words) > 1 else SEED
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["denglu.domain", "denglu.api.body", "multipart"]):
        grammar: Any = importlib.import_module("tests.fuzz.grammar")

    def text(raw: bytes) -> str:
        return raw.decode("utf-8", "surrogateescape")

    held = (
        lambda raw: grammar.hold_mobile(text(raw)),
        lambda raw: grammar.hold_code(text(raw)),
        lambda raw: grammar.hold_token(raw.decode("latin-1")),
        lambda raw: grammar.hold_group(text(raw)),
        lambda raw: grammar.hold_identifier(text(raw)),
        lambda raw: grammar.hold_body(b"application/json", raw),
        lambda raw: grammar.hold_body(b"application/x-www-form-urlencoded", raw),
        lambda raw: grammar.hold_body(b"multipart/form-data; boundary=b", raw),
    )

    def one_input(raw: bytes) -> None:
        if raw:
            held[raw[0] % len(held)](raw[1:])

    folder = Path(tempfile.mkdtemp(prefix="denglu-fuzz-"))
    for number, first in enumerate(_FIRST):
        (folder / f"first-{number}").write_bytes(first)
    options = [f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=2048"]
    options += ["-print_final_stats=1", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(folder)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
