"""The queue of large pictures."""

from __future__ import annotations

import pytest

from page.lane import Lane


def test_a_lane_refuses_more_than_may_wait_and_who_leaves_gives_the_place_away():
    lane = Lane(at_once=1, waiting=1)
    with lane.turn(lambda: None):
        for _ in range(2):  # the second visitor finds the place of the first
            with pytest.raises(ConnectionError), lane.turn(left):
                pass
    with pytest.raises(ConnectionError), lane.turn(left):  # a turn that comes too late
        pass
    full = Lane(at_once=1, waiting=0)
    for _ in range(2):  # the turn is given back
        with full.turn(lambda: None), pytest.raises(ValueError, match="again"), full.turn(left):
            pass


def left():
    raise ConnectionError
