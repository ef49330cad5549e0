"""The splits: their bytes never change, their parts are disjoint, their noise is 20 dB."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from olivetti_denoiser.data.faces import (
    SPLIT_CHECKSUM,
    SUBJECTS_CHECKSUM,
    Faces,
    as_arrays,
    load_split,
    other_faces,
    reference_split,
    split_checksum,
    split_name,
    subject_split,
)
from olivetti_denoiser.errors import FacesUnavailableError

# In the original file's numbering, in the order of the split.
TEST_IDS = [105, 123, 78, 367, 254, 234, 153, 223, 76, 295]
TEST_IDS += [139, 313, 165, 362, 274, 221, 220, 275, 49, 180]


def test_the_bytes_of_the_split_are_those_that_every_figure_was_computed_from(faces):
    assert SPLIT_CHECKSUM == "bea2b578848afac06c5f00fdfc8a701ee569d4e1f162f99df172043c6a67ce1d"
    assert split_checksum(faces) == SPLIT_CHECKSUM


def test_the_test_faces_are_the_twenty(test_faces):
    assert test_faces.face_id.tolist() == TEST_IDS


def test_the_three_parts_are_disjoint_and_cover_the_set(train_faces, test_faces):
    others = other_faces()
    parts = [set(part.face_id.tolist()) for part in (train_faces, test_faces, others)]
    assert [len(part) for part in parts] == [80, 20, 300]
    assert set.union(*parts) == set(range(400))


def test_faces_are_of_the_person_that_their_number_says(train_faces, test_faces):
    for part in (train_faces, test_faces, other_faces()):
        np.testing.assert_array_equal(part.subject, part.face_id // 10)


def test_drawing_again_gives_the_same_bytes(faces):
    assert split_checksum(reference_split()) == split_checksum(faces)
    np.testing.assert_array_equal(other_faces().noisy, other_faces().noisy)


def test_the_noise_is_gaussian_of_a_tenth_of_the_range_then_clipped(train_faces, test_faces):
    for part in (train_faces, test_faces, other_faces()):
        middle = (part.clean > 0.4) & (part.clean < 0.6)  # four sigma from either end
        noise = (part.noisy - part.clean)[middle]
        assert noise.std() == pytest.approx(0.1, rel=0.02)
        assert noise.mean() == pytest.approx(0.0, abs=2e-3)
        decibels = -10 * np.log10(np.square(part.noisy - part.clean).mean())
        assert decibels == pytest.approx(20.0, abs=0.15)


@pytest.fixture(scope="module")
def by_people(faces):
    """The split by people, as arrays of each part."""
    return {name: as_arrays(part) for name, part in subject_split().items()}


def test_the_bytes_of_the_split_by_people_never_change(faces):
    pinned = "957564749f546c121edf1f7495a3d243b5e4e01670a2dc00ccf3aeaf9c179cbe"
    assert pinned == SUBJECTS_CHECKSUM == split_checksum(subject_split())


def test_the_split_by_people_shares_no_person(by_people):
    train, test = by_people["train"], by_people["test"]
    assert (len(train.clean), len(test.clean)) == (80, 20)
    assert (len(set(train.subject)), len(set(test.subject))) == (32, 8)
    assert not set(train.subject) & set(test.subject)
    assert len({*train.face_id, *test.face_id}) == 100
    decibels = -10 * np.log10(np.square(test.noisy - test.clean).mean())
    assert decibels == pytest.approx(20.0, abs=0.15)


def test_the_faces_held_out_of_it_for_validation_are_of_other_people_too(by_people):
    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.train.fit import carve_validation

    learned, held_out = carve_validation(by_people["train"], TrainingConfig().validation_faces)
    assert not set(learned.subject) & set(held_out.subject)


def test_its_other_faces_are_of_the_people_in_its_test_part(by_people):
    others = other_faces("subjects")
    assert len(others.clean) == 60
    assert set(others.subject) == set(by_people["test"].subject)
    assert not set(others.face_id) & set(by_people["test"].face_id)


def test_a_split_is_known_by_its_name_and_its_checksum(faces):
    assert split_checksum(load_split()) == split_checksum(load_split("reference")) == SPLIT_CHECKSUM
    assert split_checksum(load_split("subjects")) == SUBJECTS_CHECKSUM
    assert [split_name(known) for known in (SPLIT_CHECKSUM, SUBJECTS_CHECKSUM, "0" * 64)] == [
        "reference", "subjects", None,
    ]  # fmt: skip


def test_an_unknown_split_is_refused_by_the_names_of_those_there_are():
    with pytest.raises(ValueError, match=r"are reference and subjects\. Received: split='people'"):
        load_split("people")
    with pytest.raises(ValueError, match=r"are reference and subjects\. Received: split='people'"):
        other_faces("people")
    with pytest.raises(ValueError, match=r"holds the reference split.*Received: split='subjects'"):
        load_split("subjects", "ada/faces")


def test_rows_are_eight_bit_gray_pictures(faces):
    assert set(faces) == {"train", "test"}
    for part in faces.values():
        assert set(part.column_names) == {"clean", "noisy", "subject", "face_id"}
        for column in ("clean", "noisy"):
            picture = part[0][column]
            assert (picture.mode, picture.size) == ("L", (64, 64))


def test_arrays_are_floats_in_the_unit_range_on_the_8_bit_grid(train_faces):
    assert isinstance(train_faces, Faces)
    for pictures in (train_faces.clean, train_faces.noisy):
        assert pictures.shape == (80, 64, 64, 1)
        assert pictures.dtype == np.float32
        assert pictures.min() >= 0.0
        assert pictures.max() <= 1.0
        np.testing.assert_allclose(pictures * 255, np.rint(pictures * 255), atol=1e-4)


def test_taking_rows_takes_them_of_every_column(train_faces):
    taken = train_faces.take([3, 1])
    for column, whole in zip(taken, train_faces, strict=True):
        np.testing.assert_array_equal(column, whole[[3, 1]])


def test_the_checksum_sees_a_single_changed_pixel(faces):
    from PIL import Image

    def change(row, index):
        if index == 7:
            pixels = np.array(row["noisy"])
            pixels[5, 5] ^= 1
            row["noisy"] = Image.fromarray(pixels)
        return row

    changed = faces["test"].map(change, with_indices=True, keep_in_memory=True)
    changed = changed.cast(faces["test"].features)
    assert split_checksum({"train": faces["train"], "test": changed}) != SPLIT_CHECKSUM


def test_a_split_without_a_column_is_refused_by_name(faces):
    with pytest.raises(ValueError, match=r"noisy missing\. Received: columns="):
        as_arrays(faces["test"].remove_columns("noisy"))


def test_a_split_of_other_sizes_is_refused():
    from datasets import Dataset
    from PIL import Image

    small = [Image.new("L", (32, 48))]
    rows = Dataset.from_dict(
        {"clean": small, "noisy": small, "subject": [0], "face_id": [0]},
    )
    with pytest.raises(
        ValueError, match=r"pictures must be 64×64\. Received: clean of \[\(48, 32\)"
    ):
        as_arrays(rows)


def test_no_cache_and_no_network_is_one_message_that_says_what_to_do(tmp_path):
    """In a process whose every request goes to a port where nothing listens."""
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), nowhere)
    environment = {**os.environ, **proxies, "no_proxy": "", "NO_PROXY": ""}
    environment |= {"SCIKIT_LEARN_DATA": str(tmp_path)}
    script = (
        "from olivetti_denoiser.data.faces import reference_split\n"
        "from olivetti_denoiser.errors import FacesUnavailableError\n"
        "try:\n"
        "    reference_split()\n"
        "except FacesUnavailableError as error:\n"
        "    print(error)\n"
        "    raise SystemExit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "neither in scikit-learn's cache" in done.stdout
    assert str(tmp_path) in done.stdout
    assert "SCIKIT_LEARN_DATA" in done.stdout
    assert "olivetti_py3.pkz" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


NOT_THE_FACES = {
    "an empty file": b"",
    "the page of a portal": b"<!DOCTYPE html><html>Please log in</html>",
    "a pickle of an old scikit-learn": b"csklearn.externals.joblib.numpy_pickle\nNDArrayWrapper\n.",
    "pictures of another size": np.zeros((400, 1024), np.uint8),
    "400 other pictures": np.random.default_rng(0).integers(0, 243, (400, 4096), np.uint8),
    "numbers that are none": np.full((400, 4096), np.nan, np.float32),
}


@pytest.mark.parametrize("what", NOT_THE_FACES)
def test_a_cache_that_holds_something_else_is_named_with_the_cure(what, tmp_path, monkeypatch):
    joblib = pytest.importorskip("joblib")
    file = tmp_path / "olivetti_py3.pkz"
    if isinstance(held := NOT_THE_FACES[what], bytes):
        file.write_bytes(held)
    else:
        joblib.dump(held, file)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    with pytest.raises(FacesUnavailableError) as refusal:
        load_split()
    assert f"The file {file} does not hold the Olivetti faces" in str(refusal.value)
    assert "delete it" in str(refusal.value) and "--dataset OWNER/NAME" in str(refusal.value)
    assert file.exists()  # it may be somebody's only copy of something


def test_training_on_a_cache_that_holds_something_else_ends_in_one_line(
    tmp_path, monkeypatch, capsys
):
    from olivetti_denoiser.cli.main import main

    (tmp_path / "olivetti_py3.pkz").write_bytes(b"")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert main(["train", "--output", str(tmp_path / "model")]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("denoiser: The file ") and not (tmp_path / "model").exists()
