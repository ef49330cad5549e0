"""The queue of large pictures."""

from __future__ import annotations

import pytest

from page.lane import Lane


def test_a_lane_refuses_more_than_may_wait():
    lane = Lane(at_once=1, waiting=0)
    with lane.turn(here), pytest.raises(ValueError, match="try again"), lane.turn(here):
        pass
    with lane.turn(here):
        pass


def test_who_leaves_while_waiting_gives_the_place_to_the_next():
    lane = Lane(at_once=1, waiting=1)
    with lane.turn(here):
        for _ in range(2):  # the second one finds the place of the first
            with pytest.raises(ConnectionError), lane.turn(left):
                pass
    with pytest.raises(ConnectionError), lane.turn(left):  # a turn that comes too late
        pass
    with lane.turn(here):
        pass


def here():
    """What a visitor who is still there has to say."""


def left():
    raise ConnectionError
