"""The splits: their bytes never change, their parts are disjoint, their noise is 20 dB."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import (
    SPLIT_CHECKSUM,
    SUBJECTS_CHECKSUM,
    as_arrays,
    load_split,
    other_faces,
    split_checksum,
    split_name,
)
from olivetti_denoiser.data.fetch import CACHED, fetch_faces
from olivetti_denoiser.errors import FacesUnavailableError

CHECKSUMS = {"reference": SPLIT_CHECKSUM, "subjects": SUBJECTS_CHECKSUM}


def test_the_bytes_of_the_splits_never_change(faces):
    for name, checksum in CHECKSUMS.items():
        assert split_checksum(load_split(name)) == checksum
        assert split_name(checksum) == name
    assert split_checksum(faces) == SPLIT_CHECKSUM
    assert split_name("0" * 64) is None


@pytest.fixture(scope="module", params=CHECKSUMS)
def parts(request, some_faces):
    """The parts of a split and the faces beside it, by their names, and the split's name."""
    split = {name: as_arrays(part) for name, part in load_split(request.param).items()}
    return split | {"outside": other_faces(request.param)}, request.param


def test_the_parts_are_disjoint_and_of_their_people(parts):
    parts, name = parts
    ids = [set(part.face_id) for part in parts.values()]
    assert [len(part) for part in ids] == [80, 20, 300 if name == "reference" else 60]
    assert len(set.union(*ids)) == sum(map(len, ids))
    train, test, outside = (set(part.subject) for part in parts.values())
    for part in parts.values():
        np.testing.assert_array_equal(part.subject, part.face_id // 10)
    if name == "subjects":
        assert (len(train), len(test), train & test, outside) == (32, 8, set(), test)
        held_out = parts["train"].take(slice(-TrainingConfig().validation_faces, None))
        learned = parts["train"].take(slice(None, -TrainingConfig().validation_faces))
        assert not set(learned.subject) & set(held_out.subject)


def test_the_noise_is_gaussian_of_a_tenth_then_clipped_and_the_same_when_drawn_again(parts):
    parts, name = parts
    for part in parts.values():
        for pictures in (part.clean, part.noisy):
            assert (pictures.shape[1:], pictures.dtype) == ((64, 64, 1), np.float32)
            np.testing.assert_allclose(pictures * 255, np.rint(pictures * 255), atol=1e-4)
        middle = abs(part.clean - 0.5) < 0.1  # four sigma from either end
        noise = (part.noisy - part.clean)[middle]
        assert noise.std() == pytest.approx(0.1, rel=0.03)
        assert noise.mean() == pytest.approx(0.0, abs=3e-3)
    np.testing.assert_array_equal(parts["outside"].noisy, other_faces(name).noisy)


def test_an_unknown_split_is_refused_by_the_names_of_those_there_are():
    for function in (load_split, other_faces):
        with pytest.raises(ValueError, match=r"reference and subjects\. Received: split='people'"):
            function("people")
    with pytest.raises(ValueError, match=r"holds the reference split.*Received: split='subjects'"):
        load_split("subjects", "ada/faces")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html>Please log in", "does not hold the Olivetti"),  # the page of a portal
        (np.random.default_rng(0).integers(0, 243, (400, 4096)), "does not hold the Olivetti"),
        (None, "is missing, and its download fails"),
    ],
)
def test_where_the_faces_are_not_at_hand_the_file_and_the_cure_are_named(
    content, words, tmp_path, monkeypatch
):
    file = tmp_path / CACHED
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        pytest.importorskip("joblib").dump(content, file)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    with pytest.raises(FacesUnavailableError, match=words) as refusal:
        fetch_faces()
    for named in (str(file), "SCIKIT_LEARN_DATA", "--dataset OWNER/NAME"):
        assert named in str(refusal.value)
    assert file.exists() == (content is not None)  # it may be somebody's only copy of something
