"""Silence is what does not move on while one looks; no clock and no pause of one's own makes it."""

from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.billing.silence import SilenceWatch

LOOK_SECONDS = 4.0


def watch_of(*looks: tuple[float, dict[str, int | None]]) -> SilenceWatch:
    watch = SilenceWatch(LOOK_SECONDS)
    for monotonic, beats in looks:
        watch.look(beats, monotonic)
    return watch


def test_silence_begins_with_the_first_look_that_saw_the_beat() -> None:
    assert watch_of((100.0, {"a": 1})).silent_seconds("a") == 0.0
    assert watch_of((100.0, {"a": 1}), (102.0, {"a": 1})).silent_seconds("a") == 2.0
    late = watch_of((100.0, {}), (102.0, {"a": 1}), (105.0, {"a": 1}))
    assert late.silent_seconds("a") == 3.0


def test_beat_that_moves_on_ends_the_silence() -> None:
    watch = watch_of((0.0, {"a": 1}), (2.0, {"a": 1}), (4.0, {"a": 2}))
    assert watch.silent_seconds("a") == 0.0
    watch.look({"a": 2}, 6.0)
    assert watch.silent_seconds("a") == 2.0


def test_beat_that_goes_back_is_a_sign_of_life_too() -> None:
    assert watch_of((0.0, {"a": 9}), (4.0, {"a": 5})).silent_seconds("a") == 0.0


def test_owner_without_a_beat_is_gone_at_once_and_silent_for_as_long_as_it_is_seen() -> None:
    watch = watch_of((0.0, {"a": None, "b": 1}), (3.0, {"a": None, "b": 1}))
    assert watch.gone(10.0) == {"a": None}
    assert watch.silent_seconds("a") == 3.0


def test_gone_is_told_with_the_beat_that_it_was_judged_by() -> None:
    watch = watch_of((0.0, {"a": 7, "b": 1}), (4.0, {"a": 7, "b": 2}))
    assert watch.gone(4.0) == {"a": 7}
    assert watch.gone(4.1) == {}


def test_owner_that_is_not_named_any_more_is_forgotten() -> None:
    watch = watch_of((0.0, {"a": 1}), (4.0, {"a": 1}), (8.0, {}), (12.0, {"a": 1}))
    assert watch.silent_seconds("a") == 0.0
    assert watch.silent_seconds("never seen") == 0.0


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=20))
def test_no_pause_counts_for_more_than_one_look(pauses: list[float]) -> None:
    watch, monotonic, expected = watch_of((0.0, {"a": 1})), 0.0, 0.0
    for pause in pauses:
        before, monotonic = monotonic, monotonic + pause
        watch.look({"a": 1}, monotonic)
        expected += min(monotonic - before, LOOK_SECONDS)
    assert watch.silent_seconds("a") == expected
