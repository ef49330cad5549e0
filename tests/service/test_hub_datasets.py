"""Datasets of pictures on a Hub: opened, streamed into patches at one commit, errors that help."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, Features, Image, Value

from olivetti_denoiser.data.image_dataset import open_pictures
from olivetti_denoiser.data.patches import prepare


@pytest.fixture(autouse=True)
def published(hub, tmp_path, monkeypatch):
    """Datasets of alice's; from then on this process is connected as bob."""
    pictures = list(np.random.default_rng(0).integers(0, 256, (40, 70, 70), dtype=np.uint8))
    features = Features({"photo": Image(), "label": Value("int64")})
    whole = Dataset.from_dict({"photo": pictures, "label": list(range(40))}, features=features)
    parts = {"train": whole.select(range(30)), "test": whole.select(range(30, 40))}
    faces = {name: [1] for name in ("clean", "noisy", "subject", "face_id")}
    monkeypatch.setattr("datasets.config.HF_ENDPOINT", hub.endpoint)
    DatasetDict(parts).push_to_hub("alice/photos")
    whole.push_to_hub("alice/several", "old")
    whole.push_to_hub("alice/several", "new")
    Dataset.from_dict(faces).push_to_hub("alice/faces")
    hub.connect(monkeypatch, hub.user("bob"), tmp_path)


@pytest.mark.smoke
def test_any_image_dataset_of_the_hub_is_opened_and_streamed(hub, tmp_path):
    photos = open_pictures("alice/photos")
    assert (photos.source["column"], sorted(photos.parts)) == ("photo", ["test", "train"])
    assert open_pictures("alice/several:new").source["column"] == "photo"
    assert open_pictures("alice/faces") is None  # a copy of the reference split
    for name, split, words in (
        ("alice/several", None, r"'new'.*'old'.*--dataset OWNER/NAME:SUBSET"),
        ("alice/nothing", None, "no dataset repository alice/nothing.*does not exist"),
        ("alice/photos", "validation", "'validation'; it has train, test.*Received: alice/photos"),
    ):
        with pytest.raises(ValueError, match=words) as refused:
            open_pictures(name, split=split)
        assert "\n" not in str(refused.value)

    def prepared():
        folder = tmp_path / "pictures"
        return prepare("alice/photos", folder, wanted=100, validation=2, report=print).summary

    summary, repository = prepared(), hub.repository("alice/photos", "datasets")
    assert (summary["dataset"], summary["revision"]) == ("alice/photos", repository.head.oid)
    assert (summary["read"], summary["broken"], summary["pictures"]["test"]) == (40, 0, 10)
    repository.gated = True
    with pytest.raises(PermissionError, match="refuses access"):
        open_pictures("alice/photos")
    assert prepared() == summary  # patches that are complete need no Hub
