"""Visitors who wait together, and the queue of large pictures."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from olivetti_denoiser.noise import from_uint8, to_uint8
from page.batching import Batcher, Lane

FACE = np.zeros((64, 64), np.uint8)


def test_those_who_wait_share_a_pass():
    gate, sizes = threading.Event(), []

    def slow(batch):
        sizes.append(len(batch))
        gate.wait(10)
        return to_uint8(1 - from_uint8(batch))

    restore = Batcher(slow, at_once=4)
    pictures = [np.full((8, 8), level, np.uint8) for level in range(10)]
    answers = {}

    def visit(number):
        answers[number] = restore(pictures[number])

    visitors = [threading.Thread(target=visit, args=[number]) for number in range(10)]
    for visitor in visitors:
        visitor.start()
        while not sizes:
            time.sleep(0.001)
    time.sleep(0.1)
    gate.set()
    for visitor in visitors:
        visitor.join(10)
    assert all(np.array_equal(answers[n], 255 - pictures[n]) for n in range(10))
    assert sizes[0] == 1
    assert sorted(sizes[1:], reverse=True) == [4, 4, 1]
    assert sum(sizes) == 10


def test_a_failed_pass_tells_everyone_and_blocks_nobody():
    restore = Batcher(lambda batch: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            restore(FACE)


def test_a_picture_that_fails_is_no_harm_to_others():
    gate, started = threading.Event(), threading.Event()

    def restore(batch):
        started.set()
        gate.wait(10)
        if (batch == 13).any():
            raise ValueError("thirteen")
        return batch

    batcher, answers = Batcher(restore), {}

    def visit(number):
        try:
            answers[number] = batcher(np.full((8, 8), number, np.uint8))
        except ValueError as error:
            answers[number] = str(error)

    visitors = [threading.Thread(target=visit, args=[number]) for number in range(10, 16)]
    for visitor in visitors:
        visitor.start()
        started.wait(10)
    time.sleep(0.1)
    gate.set()
    for visitor in visitors:
        visitor.join(10)
    assert answers.pop(13) == "thirteen"
    assert all((answer == number).all() for number, answer in answers.items()) and len(answers) == 5


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
