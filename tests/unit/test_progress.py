"""How long a picture still takes: foretold from the parts that are done."""

from __future__ import annotations

import pytest

from page.progress import TimeLeft


def words_of(seconds, total):
    """What is said after each part, parts being done at these seconds."""
    clock = iter(seconds)
    left = TimeLeft(clock=lambda: next(clock))
    return [left.words(done + 1, total) for done in range(len(seconds))]


def test_equal_parts_are_foretold_exactly_and_the_first_one_does_not_count():
    first, *rest = words_of([100.0, 102.0, 104.0, 106.0], total=10)
    assert first == "tile 1 of 10"
    assert rest == [f"tile {n} of 10, about {2 * (10 - n)} s left" for n in (2, 3, 4)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "almost done"), (2.0, "about 16 s left"), (60.0, "about 8 min left")],
)
def test_long_times_are_told_in_minutes_and_short_ones_not_at_all(seconds, words):
    assert words_of([0.0, seconds], total=10)[-1] == f"tile 2 of 10, {words}"


def test_a_total_that_is_reached_at_once_is_no_division_by_nothing():
    assert words_of([0.0], total=1) == ["tile 1 of 1"]
    assert words_of([0.0, 0.0], total=2)[-1].endswith("almost done")
