"""Publishing: whole repositories or none, one clear line for each fault, and no second commit."""

from __future__ import annotations

import contextlib
import shutil

import numpy as np
import pytest

from local_hub import LocalHub
from network_folders import MODEL, make_release
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.errors import PublishError, RefusedError
from olivetti_denoiser.publish.publish import publish
from olivetti_denoiser.release import CARD, PLACES, files_of

NAME = "alice/m"
EVERYTHING = {"model": NAME, "dataset": "alice/d", "space": "alice/s", "tag": "v1.0.0"}


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Releases by name: "old" (29 dB), "both" (29.5 dB), and each network of the latter alone."""
    folder = tmp_path_factory.mktemp("folders")
    made = {"old": make_release(folder / "old", psnr=29.0), "both": make_release(folder / "new")}
    made["gray"] = make_release(folder / "gray", "gray")
    made["colour"] = made["both"] / "colour"
    return made | {"bundled": MODEL}


def content(hub):
    """Return the files of the model repository, but for cards and the Hub's own."""
    files = hub.repository(NAME).head.files
    return {path: files[path] for path in files if path != ".gitattributes" and CARD not in path}


def expected(folders, gray, colour):
    """Return the files of the networks of two releases, but for cards."""
    sources = {"": folders[gray], "colour/": folders[colour] / "colour"}
    return {
        place + path: file.read_bytes()
        for place, folder in sources.items()
        for path, file in files_of(folder).items()
        if path != CARD
    }


# Where it strikes, what goes wrong there, and how it must end.
FAULTS = {
    "may not create": ("create", {"status": 403}, PermissionError),
    "may not write": ("may_change", {"status": 403}, PermissionError),
    "storage refuses, in a thread": ("lfs_put", {"status": 403}, PermissionError),
    "busy, which the client does not repeat": ("create", {"status": 503}, None),
    "busy for good": ("commit", {"status": 503, "times": 99}, ConnectionError),
    "another commit came in between": ("commit", {"status": 412}, None),
    "connection dies half way": ("commit", {"action": "drop"}, None),
    "commit is made and its answer lost": ("commit", {"action": "lost"}, None),
    "tag is made and its answer lost": ("tag", {"action": "lost"}, None),
}


@pytest.mark.parametrize("case", FAULTS)
def test_upload_fault(hub, folders, case):
    """A fault ends in success or in one clear line, the repository whole either way."""
    operation, options, error = FAULTS[case]
    hub.fault(operation, **options)
    with pytest.raises(error) if error else contextlib.nullcontext() as raised:
        publish(folders["both"], model=NAME, tag="v1.0.0")
    if error:
        assert "\n" not in str(raised.value) and "hf_" not in str(raised.value)
        found = hub.repositories.get(("models", NAME))
        assert found is None or found.head.files.keys() == {".gitattributes"}
        hub.clear_faults()
    publish(folders["both"], model=NAME, tag="v1.0.0")
    model = hub.repository(NAME)
    assert [commit.title for commit in model.commits] == ["initial commit", "Publish v1.0.0"]
    assert model.tags == {"v1.0.0": model.head.oid}
    assert content(hub) == expected(folders, "both", "both")


def test_published_through_xet_and_pulled_back(folders, tmp_path, monkeypatch):
    """As with the client that people have; the answer to the commit is lost on the way."""
    (tmp_path / "store").mkdir()
    with LocalHub(xet=tmp_path / "store") as hub:
        hub.connect(monkeypatch, hub.user("alice"), tmp_path / "home")
        hub.fault("commit", action="lost")
        publish(folders["old"], model=NAME)
        publish(folders["colour"], model=NAME)
        large = [path for path in expected(folders, "old", "both") if path.endswith(".onnx")]
        assert len(large) == 4
        assert (
            hub.xet_hashes.keys()
            == hub.uploads.keys()
            >= {hub.repository(NAME).head.listing[path]["lfs"]["oid"] for path in large}
        )
        assert content(hub) == expected(folders, "old", "both")
        hub.connect(monkeypatch, None, tmp_path / "visitor")
        pulled = Denoiser.from_pretrained(NAME)
    there = Denoiser.from_pretrained(folders["old"])
    picture = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    np.testing.assert_array_equal(pulled(picture), there(picture))


@pytest.mark.smoke
def test_model_dataset_and_space(faces, hub, folders, capsys):
    """A dry run touches nothing, one run makes one commit each, and a second run none."""
    from huggingface_hub import DatasetCard, ModelCard, SpaceCard

    from olivetti_denoiser.data.faces import SPLIT_CHECKSUM, reference_split, split_checksum
    from olivetti_denoiser.publish.card import render_card

    publish(folders["both"], **EVERYTHING, dry_run=True)
    plan = capsys.readouterr().out
    assert hub.repositories == {}
    commits = publish(folders["both"], **EVERYTHING)
    pages = ("/datasets/alice/d", "/alice/m", "/spaces/alice/s")
    shown = [line.split()[-1] for line in capsys.readouterr().out.splitlines()[-3:]]
    assert shown == [hub.endpoint + page for page in pages]
    assert publish(folders["both"], **EVERYTHING) == commits
    model, space = hub.repository(NAME), hub.repository("alice/s", "spaces")
    for repository in (model, space, hub.repository("alice/d", "datasets")):
        assert len(repository.commits) == 2  # the Hub's own first one, and ours
        for path, content in repository.head.files.items():
            assert path == ".gitattributes" or f"{len(content):>10,}  {path}\n" in plan
    assert model.tags == {"v1.0.0": commits["model"]}
    for place in PLACES.values():
        card = hub.read(NAME, place + CARD).decode()
        assert card == render_card(folders["both"] / place, NAME, "alice/d")
        assert ModelCard(card).data.datasets == ["alice/d"] and "OWNER/" not in card

    # The dataset is the split, byte for byte, with credit and warnings.
    assert split_checksum(reference_split("alice/d")) == SPLIT_CHECKSUM
    card = DatasetCard(hub.read("alice/d", CARD, "datasets").decode())
    assert "identifiable people" in card.text and "AT&T Laboratories Cambridge" in card.text

    # The Space has all that it runs, and serves the commit that was just published.
    values = {key: variable["value"] for key, variable in space.variables.items()}
    assert values == {"MODEL_ID": NAME, "MODEL_REVISION": commits["model"]}
    paths = set(space.head.files)
    needed = {"app.py", "requirements.txt", "olivetti_denoiser/denoiser.py", "page/serving.py"}
    assert needed < paths
    bundled = {path.removeprefix("model_card/") for path in paths if path.startswith("model_card/")}
    assert bundled == {
        path for path in model.head.files if path.endswith((".json", ".onnx", ".png"))
    }
    assert sum(path.startswith("examples/face_") for path in paths) == 4
    assert not [path for path in paths if path.startswith("browser/") or "__pycache__" in path]
    card = SpaceCard(hub.read("alice/s", CARD, "spaces").decode()).data
    assert (card.models, card.datasets) == ([NAME], ["alice/d"])
    assert len(card.short_description) <= 60  # which the Hub refuses otherwise


# What stands there, what is published: from where each network comes in the end, or a refusal.
STARTS = {
    ("nothing", "gray"): ("gray", "bundled"),  # the first publication is whole
    ("nothing", "colour"): ("bundled", "both"),
    ("old gray", "colour"): ("old", "both"),  # a retraining of one network leaves the other alone
    ("old both", "gray"): ("gray", "old"),
    ("old both", "colour"): ("old", "both"),
    ("old colour", "both"): "publish to the repository of the gray network",
    ("without onnx", "colour"): "lacks onnx/estimator.onnx, onnx/restorer.onnx",
    ("without onnx", "gray"): ("gray", "bundled"),
}


@pytest.mark.parametrize(("start", "name"), STARTS)
def test_a_folder_replaces_what_it_holds(hub, folders, tmp_path, start, name):
    """Files that only an earlier release had are gone, those of the other network stay."""
    from olivetti_denoiser.publish.card import render_card

    if start != "nothing":
        there = tmp_path / "there"
        shutil.copytree(folders["old"] / ("colour" if start == "old colour" else ""), there)
        (there / "onnx" / "model.onnx").write_bytes(b"whole")  # earlier releases had it
        if start in ("old gray", "without onnx"):
            shutil.rmtree(there / "colour")
        if start == "without onnx":
            shutil.rmtree(there / "onnx")
        hub.add_model(NAME, there)
    want = STARTS[start, name]
    if isinstance(want, str):
        with pytest.raises(ValueError, match=want):
            publish(folders[name], model=NAME)
        assert hub.repository(NAME).head.title == "an earlier release"
        return
    publish(folders[name], model=NAME)
    stays = {"onnx/model.onnx": b"whole"} if want[0] == "old" else {}
    assert content(hub) == expected(folders, *want) | stays
    assert len(hub.repository(NAME).commits) == 2
    both = tmp_path / "both"  # on whose cards is what stands there now
    shutil.copytree(folders[want[0]], both, ignore=shutil.ignore_patterns("colour"))
    shutil.copytree(folders[want[1]] / "colour", both / "colour")
    for place in [""] if want[1] == "old" else PLACES.values():  # what stays keeps its own card
        assert hub.read(NAME, place + CARD).decode() == render_card(both / place, NAME)


def test_the_gate(hub, folders, tmp_path):
    """Neither network may be worse, nor measured on other pictures, unless that is allowed."""
    from olivetti_denoiser.data.faces import SUBJECTS_CHECKSUM

    publish(folders["both"], model=NAME)
    mixed = make_release(tmp_path / "mixed", "gray", psnr=29.0)
    make_release(mixed / "colour", "colour", psnr=30.5)
    with pytest.raises(RefusedError, match="because of the gray network at alice/m") as refused:
        publish(mixed, model=NAME)
    for figures in ("29.000 dB, published 29.500 dB", "30.500 dB, published 29.500 dB"):
        assert figures in str(refused.value)
    worse = make_release(tmp_path / "worse", "colour", psnr=28.9)
    with pytest.raises(RefusedError, match="the colour pictures of"):
        publish(worse, model=NAME)
    other = make_release(tmp_path / "other", "gray", psnr=30.9, checksum=SUBJECTS_CHECKSUM)
    with pytest.raises(RefusedError, match="but on other pictures"):
        publish(other, model=NAME)
    with pytest.raises(ValueError, match=r"leave --dataset out.*a model of the subjects split"):
        publish(other, model=NAME, dataset="alice/d", dry_run=True)
    model = hub.repository(NAME)
    assert len(model.commits) == 2
    publish(worse, model=NAME, tag="v1.0.1", allow_regression=True)
    assert model.tags == {"v1.0.1": model.head.oid} and model.head.title == "Publish v1.0.1"


def test_arguments_are_refused_before_anything_is_touched(hub, folders, tmp_path):
    publish(folders["both"], model=NAME, tag="v1.0.0")
    head = hub.repository(NAME).head
    better = make_release(tmp_path / "better", psnr=29.9)
    for options, words in (
        ({"private": True}, "is public"),
        ({"tag": "v1.0.0"}, "--tag v1.0.0"),  # stands on other files
        ({"tag": "1"}, "vX.Y.Z"),
        ({"model": "m"}, "OWNER/NAME"),
    ):
        with pytest.raises(ValueError, match=words):
            publish(better, **{"model": NAME} | options)
    (better / "history.csv").write_text(f"epoch,loss\n0,hf_{'x' * 34}\n")
    with pytest.raises(ValueError, match=r"access token.*history\.csv"):
        publish(better, model=NAME)
    assert hub.repository(NAME).head == head


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("onnx/restorer.onnx", "onnx/restorer.onnx missing.*denoiser export"),
        ("best_model.h5", "best_model.h5 missing"),  # of a gray network only
        ("colour/comparison.png", "comparison.png missing"),  # a plot that its card shows
        ("colour/metrics.json", "no metrics can be read"),
    ],
)
def test_a_folder_that_is_not_whole_says_what_it_lacks(folders, tmp_path, lost, words):
    folder = shutil.copytree(folders["both"], tmp_path / "model")
    (folder / lost).unlink()
    with pytest.raises(ValueError, match=rf"{words}.*Received: "):
        publish(folder, model=NAME, dry_run=True)


def test_stopped_half_way(faces, hub, folders):
    """The Space's refusal says what stands, and the same command goes on from there."""
    hub.fault("commit", status=403, only="/spaces/")
    with pytest.raises(PublishError) as stopped:
        publish(folders["both"], **EVERYTHING)
    model, data = hub.repository(NAME), hub.repository("alice/d", "datasets")
    space = hub.repository("alice/s", "spaces")
    for words in (
        f"model alice/m stands at {model.head.oid}",
        f"dataset alice/d stands at {data.head.oid}",
        "not published: space",
    ):
        assert words in str(stopped.value)
    assert "\n" not in str(stopped.value) and space.head.files.keys() == {".gitattributes"}
    publish(folders["both"], **EVERYTHING)
    assert len(model.commits) == len(data.commits) == len(space.commits) == 2
    assert space.variables["MODEL_REVISION"]["value"] == model.head.oid


def test_trusted_publisher(faces, hub, folders, monkeypatch, capsys):
    """Without any stored token, each repository is written to with a token of its own."""
    from huggingface_hub import HfApi

    HfApi().create_repo(NAME)  # as an owner does on the website
    HfApi().create_repo("alice/s", repo_type="space", space_sdk="gradio")
    hub.trusted["identity"] = "alice"
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("HF_OIDC_ID_TOKEN", "identity")
    monkeypatch.setenv("HF_OIDC_RESOURCE", NAME)  # as for a run over one repository
    publish(folders["both"], model=NAME, space="alice/s", tag="v1.0.0")
    assert "hf_jwt_" not in capsys.readouterr().out
    model, space = hub.repository(NAME), hub.repository("alice/s", "spaces")
    assert len(model.commits) == len(space.commits) == 2
    assert space.variables["MODEL_REVISION"]["value"] == model.tags["v1.0.0"]


def test_a_better_network_is_published_meanwhile(hub, folders, monkeypatch):
    """The second commit looks again, so that the worse network is refused."""
    from huggingface_hub import HfApi

    commit = HfApi.create_commit

    def late(*arguments, **options):
        monkeypatch.setattr(HfApi, "create_commit", commit)
        publish(folders["both"], model=NAME)
        return commit(*arguments, **options)

    monkeypatch.setattr(HfApi, "create_commit", late)
    with pytest.raises(RefusedError, match=r"29\.000 dB, published 29\.500 dB"):
        publish(folders["old"], model=NAME)
    assert len(hub.repository(NAME).commits) == 2
    assert content(hub) == expected(folders, "both", "both")
