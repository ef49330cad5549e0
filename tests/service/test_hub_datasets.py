"""Datasets of pictures on a Hub: opened, streamed into patches at one commit, errors that help."""

from __future__ import annotations

import json

import pytest

from local_hub import LocalHub

PUBLISH = """
import numpy as np
from datasets import Dataset, DatasetDict, Features, Image, Value

pictures = list(np.random.default_rng(0).integers(0, 256, (40, 70, 70), dtype=np.uint8))
features = Features({"photo": Image(), "label": Value("int64")})
whole = Dataset.from_dict({"photo": pictures, "label": list(range(40))}, features=features)
parts = {"train": whole.select(range(30)), "test": whole.select(range(30, 40))}
DatasetDict(parts).push_to_hub("alice/photos")
whole.push_to_hub("alice/several", "old")
whole.push_to_hub("alice/several", "new")
columns = ("clean", "noisy", "subject", "face_id")
Dataset.from_dict({name: [1] for name in columns}).push_to_hub("alice/faces")
"""
READ = """
import json, sys
from olivetti_denoiser.data.patches import prepare
from olivetti_denoiser.data.image_dataset import open_pictures

def said(dataset, **options):
    try:
        pictures = open_pictures(dataset, **options)
    except Exception as error:
        return [type(error).__name__, str(error)]
    return pictures and [pictures.source["column"], sorted(pictures.parts)]

folder, *names = sys.argv[1:]
seen = {name: said(f"alice/{name}") for name in names}
seen["split"] = said("alice/photos", split="validation")
prepared = prepare("alice/photos", folder, wanted=100, validation=2, report=lambda line: None)
print(json.dumps(seen | {"prepared": prepared.summary}))
"""
REFUSED = {
    "several": ["'new'", "'old'", "--dataset OWNER/NAME:SUBSET"],
    "nothing": ["no dataset repository alice/nothing", "does not exist"],
    "split": ["no split 'validation'; it has train, test", "Received: alice/photos"],
}


@pytest.mark.smoke
def test_any_image_dataset_of_the_hub_is_opened_and_streamed(tmp_path):
    with LocalHub() as hub:
        alice, bob = hub.user("alice"), hub.user("bob")
        hub.run("-c", PUBLISH, token=alice, home=tmp_path)
        photos = hub.repository("alice/photos", "datasets")

        def read(*names):
            command = ("-c", READ, str(tmp_path / "pictures"), *names)
            said = hub.run(*command, token=bob, home=tmp_path)
            return json.loads(said.splitlines()[-1])

        seen = read("photos", "several:new", "faces", "several", "nothing")
        photos.gated = True
        gated = read("photos")
    assert seen["photos"] == ["photo", ["test", "train"]]
    assert seen["several:new"] == ["photo", ["train"]]
    assert seen["faces"] is None  # a copy of the reference split
    for name, said in REFUSED.items():
        kind, text = seen[name]
        assert (kind, "\n" in text) == ("ValueError", False)
        for part in said:
            assert part in text
    summary = seen["prepared"]
    assert (summary["dataset"], summary["revision"]) == ("alice/photos", photos.head.oid)
    assert (summary["read"], summary["broken"], summary["pictures"]["test"]) == (40, 0, 10)
    assert gated["photos"][0] == "PermissionError" and "refuses access" in gated["photos"][1]
    assert gated["prepared"] == summary  # patches that are complete need no Hub
