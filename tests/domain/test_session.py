"""Sessions: until when a token is good, what a refresh leads to, and why a session is over."""

from dataclasses import replace

import pytest

from denglu.domain.errors import Reason, Refusal
from denglu.domain.session import (
    EndReason,
    Found,
    Kind,
    Lives,
    RefreshStep,
    SessionPolicy,
    TokenRecord,
    check_access,
    check_alive,
    first_lives,
    judge_refresh,
    next_lives,
)
from tests.domain.people import MEMBER, NOW, SESSION

POLICY = SessionPolicy()
DAY = 86400
ACCESS = TokenRecord(Kind.access, 1, None, None)
REFRESH = TokenRecord(Kind.refresh, 1, None, None)


def access(generation: int = 1, **session: object) -> Found:
    changed = replace(SESSION, **session)  # type: ignore[arg-type]
    return Found(replace(ACCESS, generation=generation), changed, MEMBER)


def refresh(
    generation: int, *, of: int, rotated: int | None = None, used: int | None = None
) -> Found:
    """The refresh token of a generation of a session that is at generation ``of``."""
    record = TokenRecord(Kind.refresh, generation, rotated, used)
    return Found(record, replace(SESSION, generation=of), MEMBER)


def refusal(found: Found | None, now: int = NOW) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_access(found, POLICY, now)
    return caught.value


# Lives.


def test_T05_a_login_gives_two_hours_thirty_days_and_ninety_in_all() -> None:
    assert first_lives(POLICY, NOW) == (Lives(NOW + 7200, NOW + 30 * DAY), NOW + 90 * DAY)


@pytest.mark.parametrize(
    ("left", "lives"),
    [
        (60 * DAY, Lives(NOW + 7200, NOW + 30 * DAY)),
        (30 * DAY, Lives(NOW + 7200, NOW + 30 * DAY)),
        (30 * DAY - 1, Lives(NOW + 7200, NOW + 30 * DAY - 1)),
        (7200, Lives(NOW + 7200, NOW + 7200)),
        (7199, Lives(NOW + 7199, NOW + 7199)),
        (1, Lives(NOW + 1, NOW + 1)),
    ],
)
def test_T05_a_refresh_never_reaches_past_the_end_of_all(left: int, lives: Lives) -> None:
    assert next_lives(POLICY, NOW + left, NOW) == lives


# Access tokens.


@pytest.mark.parametrize(
    ("second", "good"), [(0, True), (7199, True), (7200, False), (7201, False)]
)
def test_T05_an_access_token_is_good_to_the_second(second: int, good: bool) -> None:
    if good:
        assert check_access(access(), POLICY, NOW + second) == access()
    else:
        assert refusal(access(), NOW + second).reason is Reason.token_expired


@pytest.mark.parametrize("found", [None, replace(access(), token=REFRESH)])
def test_T04_what_is_no_access_token_is_invalid(found: Found | None) -> None:
    assert refusal(found).reason is Reason.token_invalid


@pytest.mark.parametrize(
    ("behind", "seconds", "good"),
    [(1, 0, True), (1, 9, True), (1, 10, False), (1, 11, False), (2, 0, False), (5, 3, False)],
)
def test_R03_the_access_token_before_is_good_for_ten_seconds(
    behind: int, seconds: int, good: bool
) -> None:
    rotated = replace(SESSION, generation=10, rotated_at=NOW)
    found = Found(replace(ACCESS, generation=10 - behind), rotated, MEMBER)
    if good:
        assert check_access(found, POLICY, NOW + seconds) == found
    else:
        assert refusal(found, NOW + seconds).reason is Reason.token_expired


@pytest.mark.parametrize(
    "reason",
    [
        EndReason.logged_out,
        EndReason.reused,
        EndReason.password_changed,
        EndReason.disabled,
        EndReason.revoked,
    ],
)
@pytest.mark.parametrize("second", [0, 8000])
def test_T06_an_ended_session_says_why_whatever_the_hour(reason: EndReason, second: int) -> None:
    ended = access(ended_at=NOW - 5, end_reason=reason.value)
    refused = refusal(ended, NOW + second)
    assert refused.reason is Reason.session_ended
    assert refused.details == {"end_reason": reason.value, "ended_at": NOW - 5}


def test_a_replaced_session_says_when_and_by_which_kind_of_device() -> None:
    ended = access(ended_at=NOW - 5, end_reason="replaced", ended_by="iPad")
    refused = refusal(ended)
    assert refused.reason is Reason.session_replaced
    assert refused.details == {"end_reason": "replaced", "ended_at": NOW - 5, "device": "iPad"}


def test_an_ended_session_says_why_to_its_older_tokens_too() -> None:
    ended = access(generation=1, ended_at=NOW, end_reason="logged_out")
    ended = replace(ended, session=replace(ended.session, generation=9))
    assert refusal(ended).reason is Reason.session_ended


@pytest.mark.parametrize(
    ("record", "reason"),
    [(ACCESS, Reason.token_expired), (REFRESH, Reason.refresh_expired)],
)
def test_T05_a_session_that_ran_out_says_the_same_after_the_sweep(
    record: TokenRecord, reason: Reason
) -> None:
    ended = access(ended_at=NOW, end_reason="expired")
    with pytest.raises(Refusal) as caught:
        check_alive(replace(ended, token=record))
    assert caught.value.reason is reason


@pytest.mark.parametrize("status", [0, -1])
def test_T08_a_member_who_is_not_enabled_has_no_session(status: int) -> None:
    found = replace(access(), member=replace(MEMBER, status=status))
    refused = refusal(found)
    assert refused.reason is Reason.session_ended
    assert refused.details == {"end_reason": "disabled"}


# Refresh tokens.

STEPS = [
    # The newest one rotates, whenever it comes.
    (refresh(1, of=1), 0, RefreshStep.rotate),
    (refresh(1, of=1), 30 * DAY - 1, RefreshStep.rotate),
    (refresh(3, of=3), 0, RefreshStep.rotate),
    # R03: the parent repeats while its child was never used, however late.
    (refresh(1, of=2, rotated=NOW), 0, RefreshStep.repeat),
    (refresh(1, of=2, rotated=NOW), 30, RefreshStep.repeat),
    (refresh(1, of=2, rotated=NOW), 29 * DAY, RefreshStep.repeat),
    # R04: and until ten seconds after the first use of the child.
    (refresh(1, of=2, rotated=NOW, used=NOW), 9, RefreshStep.repeat),
    (refresh(1, of=2, rotated=NOW, used=NOW), 10, RefreshStep.reuse),
    (refresh(1, of=2, rotated=NOW, used=NOW), 11, RefreshStep.reuse),
    (refresh(1, of=2, rotated=NOW, used=NOW + 500), 509, RefreshStep.repeat),
    (refresh(1, of=2, rotated=NOW, used=NOW + 500), 510, RefreshStep.reuse),
    # The later of the two counts, also when a clock was set back in between.
    (refresh(1, of=2, rotated=NOW + 20, used=NOW), 29, RefreshStep.repeat),
    (refresh(1, of=2, rotated=NOW + 20, used=NOW), 30, RefreshStep.reuse),
    # R05: the grandparent is like a parent whose child was used at the second rotation.
    (refresh(1, of=3, rotated=NOW, used=NOW + 2), 3, RefreshStep.repeat),
    (refresh(1, of=3, rotated=NOW, used=NOW + 2), 12, RefreshStep.reuse),
    (refresh(1, of=9, rotated=NOW, used=NOW + 1), 11, RefreshStep.reuse),
]


@pytest.mark.parametrize(("found", "second", "step"), STEPS)
def test_R03_R04_R05_what_a_refresh_token_leads_to(
    found: Found, second: int, step: RefreshStep
) -> None:
    assert judge_refresh(found, POLICY, NOW + second) is step


@pytest.mark.parametrize("generation", [1, 2])
def test_T05_a_refresh_life_ends_to_the_second(generation: int) -> None:
    found = refresh(generation, of=2, rotated=NOW)
    judge_refresh(found, POLICY, NOW + 30 * DAY - 1)
    for second in (30 * DAY, 30 * DAY + 1):
        with pytest.raises(Refusal) as caught:
            judge_refresh(found, POLICY, NOW + second)
        assert caught.value.reason is Reason.refresh_expired


@pytest.mark.parametrize("used", [None, NOW])
def test_R04_without_a_window_every_older_token_is_reuse(used: int | None) -> None:
    strict = SessionPolicy(window=0)
    found = refresh(1, of=2, rotated=NOW, used=used)
    assert judge_refresh(found, strict, NOW) is RefreshStep.reuse
    assert judge_refresh(refresh(2, of=2), strict, NOW) is RefreshStep.rotate


def test_a_session_shows_no_nonce() -> None:
    assert "nonce" not in repr(SESSION)
