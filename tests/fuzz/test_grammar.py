"""Row I18 with Hypothesis: 2,000 examples for each parser, and for what was written for it."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from hypothesis import example, given, settings
from hypothesis import strategies as st

from denglu.domain.groups import DOCUMENT_GROUPS
from denglu.domain.member import read_identifier
from denglu.domain.mobile import canonical_mobile
from denglu.domain.session import Kind
from tests.fuzz import grammar

EXAMPLES = 2_000
many = settings(max_examples=EXAMPLES, deadline=None)

# Letters near the border of what is a number, a name or a token, and any others.
DIGITS = "0123456789０１²¹٠١๐+-_ .\u00a0\u2010\u2011\u2013\u3000\n\r\t\x00"
NAMES = "aAiIıİßſﬁΣσς\u0345\u0301\u200b\u00a8\u212a\u00a0Ｂ@. \t"
near_digits = st.text(alphabet=DIGITS, max_size=40)
near_names = st.text(alphabet=NAMES, max_size=12)
# Half characters too: a name is judged before a body says that they are none.
any_text = st.text(st.characters(), max_size=60)
mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
countries = st.sampled_from(["", "86", "+86", "0086", " +86 ", "+86-"])
spoilt_mobiles = st.builds(
    lambda mobile, at, other: mobile[:at] + other + mobile[at + 1 :],
    mobiles,
    st.integers(0, 10),
    st.sampled_from(DIGITS),
)
group_names = st.sampled_from([group.name for group in DOCUMENT_GROUPS])
ends = st.sampled_from(["", " ", "\n", "\x00", "s"])
spoilt_groups = st.builds(str.__add__, group_names.map(str.upper) | group_names, ends)
gaps = st.lists(
    st.text(alphabet=" -\u00a0\u2010\u2011\u2013", max_size=1), min_size=11, max_size=11
)


@many
@given(spoilt_mobiles | near_digits | any_text)
def test_I18_a_mobile_is_read_or_not(raw: str) -> None:
    grammar.hold_mobile(raw)


@many
@given(mobiles, countries, gaps)
def test_I18_every_spelling_of_a_mobile_is_one_key(
    mobile: str, country: str, between: list[str]
) -> None:
    spelling = country + "".join(map(str.__add__, mobile, between))
    assert canonical_mobile(spelling) == mobile
    assert read_identifier(spelling).canonical == mobile


@many
@given(
    near_digits
    | any_text
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.lists(st.text(), max_size=2)
    | st.binary(max_size=8),
    st.sampled_from([4, 6, 8]),
)
def test_I18_a_code_is_read_or_not(value: object, length: int) -> None:
    grammar.hold_code(value, length)


@many
@given(st.integers(4, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 10**n - 1))))
def test_I18_a_code_that_was_written_is_read_as_itself(drawn: tuple[int, int]) -> None:
    length, number = drawn
    grammar.hold_code(f"{number:0{length}d}", length)
    grammar.hold_code(number, length)


@many
@given(st.from_regex(r"[A-Za-z0-9_-]{42,44}", fullmatch=True) | any_text)
def test_I18_a_text_is_no_token(text: str) -> None:
    grammar.hold_token(text)


@many
@given(
    st.sampled_from(Kind),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 2**63 - 1),
    st.integers(1, 2**31 - 1),
)
def test_I18_a_token_that_was_made_is_read(
    kind: Kind, nonce: bytes, session_id: int, generation: int
) -> None:
    grammar.hold_made_token(kind, nonce, session_id, generation)


@many
@given(spoilt_groups | any_text)
def test_I18_a_group_is_found_or_not(name: str) -> None:
    grammar.hold_group(name)


@many
@given(near_names | any_text | near_digits)
def test_I18_a_login_name_has_one_key(raw: str) -> None:
    grammar.hold_identifier(raw)


MEDIA = st.sampled_from(
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=b",
        b'multipart/form-data; boundary="b b"',
        b"multipart/form-data",
        b"text/plain",
        b"",
    ]
)
TOKENS_OF_BODIES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b":", b",", b'"a"', b"1e999", b"NaN", b"\\ud800", b"--b", b"--b--",
     b"\r\n", b'Content-Disposition: form-data; name="a"', b"; filename=x", b"&", b"=", b"%zz",
     b"%00", b"+", b"a", b"\xff", b"\x00", b"\xef\xbb\xbf", b"9" * 5000, b"[" * 100]
)  # fmt: skip
bodies = st.binary(max_size=200) | st.lists(TOKENS_OF_BODIES, max_size=40).map(b"".join)


@many
@given(MEDIA | st.binary(max_size=40), bodies)
@example(b"multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n--b--\r\n")
def test_I18_a_body_is_fields_or_a_refusal(content_type: bytes, body: bytes) -> None:
    grammar.hold_body(content_type, body)


names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
# What a body can carry: no half characters.
values = st.text(max_size=40)


@many
@given(st.dictionaries(names, values, min_size=1, max_size=8))
def test_I18_fields_that_were_written_are_read_as_they_were(fields: dict[str, str]) -> None:
    found = grammar.read(
        (b"application/json", json.dumps(fields).encode()),
        (b"application/json", json.dumps(fields, ensure_ascii=False).encode()),
        (b"application/x-www-form-urlencoded", urlencode(fields).encode()),
        (b"multipart/form-data; boundary=bound", multipart(fields)),
    )
    assert found == [fields] * 4


def multipart(fields: Mapping[str, str]) -> bytes:
    """The fields as parts; the boundary is none of their lines."""
    parts = "".join(
        f'--bound\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return f"{parts}--bound--\r\n".encode()
