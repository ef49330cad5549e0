"""Publishing: whole repositories or none, one clear line for each fault, and no second commit."""

from __future__ import annotations

import contextlib
import io
import shutil
import threading

import pytest

from local_hub import LocalHub
from network_folders import MODEL, make_release
from olivetti_denoiser.errors import PublishError, RefusedError
from olivetti_denoiser.publish.publish import publish
from olivetti_denoiser.release import CARD, PLACES, files_of

EVERYTHING = {"model": "alice/m", "dataset": "alice/d", "space": "alice/s", "tag": "v1.0.0"}


class Desk:
    """A Hub, somebody's connection to it, and what was printed while publishing there."""

    def __init__(self, hub, home):
        self.hub, self.home, self.printed = hub, home, ""
        self.token = hub.user("alice")

    def publish(self, folder, **options):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            commits = publish(folder, **{"model": "alice/m"} | options)
        self.printed = printed.getvalue()
        return commits

    def model(self, name="alice/m"):
        return self.hub.repository(name)


@pytest.fixture
def desk(tmp_path):
    """Alice's desk, with a Hub of its own."""
    with LocalHub() as hub, pytest.MonkeyPatch.context() as patch:
        desk = Desk(hub, tmp_path)
        hub.connect(patch, desk.token, tmp_path)
        yield desk


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Releases by name: "old" (29 dB), "new" (29.5 dB), and each network of the latter alone."""
    folder = tmp_path_factory.mktemp("folders")
    made = {"old": make_release(folder / "old", psnr=29.0), "both": make_release(folder / "new")}
    made["gray"] = make_release(folder / "gray", "gray")
    made["colour"] = made["both"] / "colour"
    return made | {"bundled": MODEL}


def content(hub, name="alice/m"):
    """Return the files of a model repository, but for cards and the Hub's own."""
    files = hub.repository(name).head.files
    return {
        path: hub.read(name, path)
        for path in files
        if path != ".gitattributes" and CARD not in path
    }


def expected(folders, gray, colour):
    """Return the files of the networks of two releases, but for cards."""
    sources = {"": folders[gray], "colour/": folders[colour] / "colour"}
    return {
        place + path: file.read_bytes()
        for place, folder in sources.items()
        for path, file in files_of(folder).items()
        if path != CARD
    }


# Where it strikes, what goes wrong there, how it must end, and how it ends without the fault.
FAULTS = {
    "may not create": ("create", {"status": 403}, PermissionError),
    "may not write": ("may-change", {"status": 403}, PermissionError),
    "storage refuses": ("lfs-put", {"status": 403, "after": 3, "times": 99}, PermissionError),
    "storage is busy, the client tries again": ("lfs-put", {"status": 503}, None),
    "busy, which the client does not repeat": ("create", {"status": 503}, None),
    "rate limit": ("commit", {"status": 429, "pause": 1}, None),
    "busy for good": ("commit", {"status": 503, "times": 99}, ConnectionError),
    "another commit came in between": ("commit", {"status": 412}, None),
    "connection dies half way": ("commit", {"action": "drop"}, None),
    "commit is made and its answer lost": ("commit", {"action": "lost"}, None),
    "tag is made and its answer lost": ("tag", {"action": "lost"}, None),
    "a bit flips in what is pulled back": ("storage-get", {"action": "flip"}, None),
}


@pytest.mark.parametrize("case", FAULTS)
def test_upload_fault(desk, folders, case):
    """A fault ends in success or in one clear line, the repository whole either way."""
    operation, options, error = FAULTS[case]
    desk.hub.fault(operation, **options)
    ends = pytest.raises(error) if error else contextlib.nullcontext()
    with ends as raised:
        desk.publish(folders["both"], tag="v1.0.0")
    if error:
        assert "\n" not in str(raised.value) and desk.token not in str(raised.value)
        found = desk.hub.repositories.get(("models", "alice/m"))
        assert found is None or found.head.files.keys() == {".gitattributes"}
        desk.hub.clear_faults()
    if error or "lost" in case:
        desk.publish(folders["both"], tag="v1.0.0")
    assert [commit.title for commit in desk.model().commits] == ["initial commit", "Publish v1.0.0"]
    assert desk.model().tags == {"v1.0.0": desk.model().head.oid}
    assert content(desk.hub) == expected(folders, "both", "both")


@pytest.mark.smoke
def test_model_dataset_and_space(faces, desk, folders):
    """A dry run touches nothing, one run makes one commit each, and a second run none."""
    from huggingface_hub import DatasetCard, ModelCard

    from olivetti_denoiser.data.faces import SPLIT_CHECKSUM, reference_split, split_checksum
    from olivetti_denoiser.publish.card import render_card

    hub = desk.hub
    desk.publish(folders["both"], **EVERYTHING, dry_run=True)
    plan = desk.printed
    assert hub.log == []
    first = desk.publish(folders["both"], **EVERYTHING)
    pages = ("/datasets/alice/d", "/alice/m", "/spaces/alice/s")
    shown = [line.split()[-1] for line in desk.printed.splitlines()[-3:]]
    assert shown == [hub.endpoint + page for page in pages]
    second = desk.publish(folders["both"], **EVERYTHING)
    assert second == first
    for kind, name in (("models", "alice/m"), ("datasets", "alice/d"), ("spaces", "alice/s")):
        repository = hub.repository(name, kind)
        assert len(repository.commits) == 2  # the Hub's own first one, and ours
        for path, entry in repository.head.files.items():
            assert path == ".gitattributes" or f"{entry.size:>10,}  {path}\n" in plan
    assert desk.model().tags == {"v1.0.0": first["model"]}

    # The cards are those that the folder's metrics give, and the Hub takes them.
    for place in PLACES.values():
        card = hub.read("alice/m", place + CARD).decode()
        assert card == render_card(folders["both"] / place, "alice/m", "alice/d")
        assert ModelCard(card).data.datasets == ["alice/d"] and "OWNER/" not in card
    assert hub.count("validate-yaml") >= 3 and hub.count("validate-yaml", 400) == 0

    # The dataset is the split, byte for byte, with credit and warnings.
    assert split_checksum(reference_split("alice/d")) == SPLIT_CHECKSUM
    card = DatasetCard(hub.read("alice/d", CARD, "datasets").decode())
    assert "identifiable people" in card.text and "AT&T Laboratories Cambridge" in card.text

    # The Space has all that it runs, and serves the commit that was just published.
    space = hub.repository("alice/s", "spaces")
    values = {key: variable["value"] for key, variable in space.variables.items()}
    assert values == {"MODEL_ID": "alice/m", "MODEL_REVISION": first["model"]}
    paths = set(space.head.files)
    assert {
        "app.py",
        "requirements.txt",
        "olivetti_denoiser/denoiser.py",
        "page/serving.py",
    } < paths
    bundled = {path.removeprefix("model_card/") for path in paths if path.startswith("model_card/")}
    shown = (".json", ".onnx", ".png")
    assert bundled == {path for path in desk.model().head.files if path.endswith(shown)}
    assert sum(path.startswith("examples/face_") for path in paths) == 4
    assert not [path for path in paths if path.startswith("browser/") or "__pycache__" in path]
    card = hub.read("alice/s", CARD, "spaces").decode()
    assert "models:\n- alice/m\n" in card and "datasets:\n- alice/d\n" in card
    assert not any(desk.token.encode() in blob for blob in hub.blobs.values())


# What stands there, what is published: from where each network comes in the end, or a refusal.
STARTS = {
    ("nothing", "gray"): ("gray", "bundled"),  # the first publication is whole
    ("nothing", "colour"): ("bundled", "both"),
    ("old gray", "colour"): ("old", "both"),  # a retraining of one network leaves the other alone
    ("old gray", "both"): ("both", "both"),
    ("old both", "gray"): ("gray", "old"),
    ("old both", "colour"): ("old", "both"),
    ("old colour", "both"): "publish to the repository of the gray network",
    ("without onnx", "colour"): "lacks onnx/estimator.onnx, onnx/restorer.onnx",
    ("without onnx", "gray"): ("gray", "bundled"),
}


@pytest.mark.parametrize(("start", "name"), STARTS)
def test_a_folder_replaces_what_it_holds(desk, folders, tmp_path, start, name):
    """Files that only an earlier release had are gone, those of the other network stay."""
    from olivetti_denoiser.publish.card import render_card

    if start != "nothing":
        there = tmp_path / "there"
        shutil.copytree(folders["old"] / ("colour" if start == "old colour" else ""), there)
        (there / "onnx" / "model.onnx").write_bytes(b"\0whole")  # earlier releases had it
        if start in ("old gray", "without onnx"):
            shutil.rmtree(there / "colour")
        if start == "without onnx":
            shutil.rmtree(there / "onnx")
        desk.hub.add_model("alice/m", there)
    want = STARTS[start, name]
    if isinstance(want, str):
        with pytest.raises(ValueError, match=want):
            desk.publish(folders[name])
        assert desk.model().head.title == "an earlier release"
        return
    desk.publish(folders[name])
    stays = {"onnx/model.onnx": b"\0whole"} if want[0] == "old" else {}
    assert content(desk.hub) == expected(folders, *want) | stays
    assert len(desk.model().commits) == 2
    both = tmp_path / "both"  # on whose cards is what stands there now
    shutil.copytree(folders[want[0]], both, ignore=shutil.ignore_patterns("colour"))
    shutil.copytree(folders[want[1]] / "colour", both / "colour")
    for place in (
        [""] if want[1] == "old" else ["", "colour/"]
    ):  # a network that stays keeps its own
        card = desk.hub.read("alice/m", place + CARD).decode()
        assert card == render_card(both / place, "alice/m")


def test_the_gate(desk, folders, tmp_path):
    """Neither network may be worse, nor measured on other pictures, unless that is allowed."""
    from olivetti_denoiser.data.faces import SUBJECTS_CHECKSUM

    desk.publish(folders["both"])
    mixed = shutil.copytree(folders["old"], tmp_path / "mixed")
    shutil.rmtree(mixed / "colour")
    shutil.copytree(make_release(tmp_path / "better", "colour", psnr=30.5), mixed / "colour")
    with pytest.raises(RefusedError, match="because of the gray network at alice/m") as refused:
        desk.publish(mixed)
    for figures in ("29.000 dB, published 29.500 dB", "30.500 dB, published 29.500 dB"):
        assert figures in str(refused.value)
    worse = make_release(tmp_path / "worse", "colour", psnr=28.9)
    with pytest.raises(RefusedError, match="the colour pictures of"):
        desk.publish(worse)
    other = make_release(tmp_path / "other", "gray", psnr=30.9, checksum=SUBJECTS_CHECKSUM)
    with pytest.raises(RefusedError, match="but on other pictures"):
        desk.publish(other)
    with pytest.raises(ValueError, match=r"leave --dataset out.*a model of the subjects split"):
        desk.publish(other, dataset="alice/d", dry_run=True)
    assert len(desk.model().commits) == 2
    desk.publish(worse, tag="v1.0.1", allow_regression=True)
    assert desk.model().tags == {"v1.0.1": desk.model().head.oid}
    assert desk.model().head.title == "Publish v1.0.1"


def test_arguments_are_refused_before_anything_is_touched(desk, folders, tmp_path):
    desk.publish(folders["both"], tag="v1.0.0")
    head = desk.model().head
    better = make_release(tmp_path / "better", psnr=29.9)
    for options, words in (
        ({"private": True}, "is public"),
        ({"tag": "v1.0.0"}, "--tag v1.0.0"),  # stands on other files
        ({"tag": "1"}, "vX.Y.Z"),
        ({"model": "m"}, "OWNER/NAME"),
    ):
        with pytest.raises(ValueError, match=words):
            desk.publish(better, **options)
    (better / "history.csv").write_text(f"epoch,loss\n0,{desk.token}\n")
    with pytest.raises(ValueError, match=r"access token.*history\.csv"):
        desk.publish(better)
    assert desk.model().head == head


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
        publish(folder, model="alice/m", dry_run=True)


def test_two_networks_for_colour_are_no_release(folders, tmp_path):
    folder = shutil.copytree(folders["colour"], tmp_path / "model")
    shutil.copytree(folders["colour"], folder / "colour")
    with pytest.raises(ValueError, match="a colour and a colour one"):
        publish(folder, model="alice/m", dry_run=True)


def test_stopped_half_way(faces, desk, folders):
    """The Space's refusal says what stands, and the same command goes on from there."""
    hub = desk.hub
    hub.fault("commit", status=412, only="/datasets/")
    hub.fault("commit", status=403, only="/spaces/")
    with pytest.raises(PublishError) as stopped:
        desk.publish(folders["both"], **EVERYTHING)
    model, data = desk.model(), hub.repository("alice/d", "datasets")
    space = hub.repository("alice/s", "spaces")
    for words in (
        f"model alice/m stands at {model.head.oid}",
        f"dataset alice/d stands at {data.head.oid}",
        "not published: space",
    ):
        assert words in str(stopped.value)
    assert "\n" not in str(stopped.value) and space.head.files.keys() == {".gitattributes"}
    desk.publish(folders["both"], **EVERYTHING)
    assert len(model.commits) == len(data.commits) == len(space.commits) == 2
    assert space.variables["MODEL_REVISION"]["value"] == model.head.oid


def test_trusted_publisher(faces, desk, folders, monkeypatch):
    """Without any stored token, each repository is written to with a token of its own."""
    from huggingface_hub import HfApi

    HfApi().create_repo("alice/m")  # as an owner does on the website
    HfApi().create_repo("alice/s", repo_type="space", space_sdk="gradio")
    desk.hub.trusted["identity"] = "alice"
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("HF_OIDC_ID_TOKEN", "identity")
    desk.publish(folders["both"], model="alice/m", space="alice/s", tag="v1.0.0")
    assert "hf_jwt_" not in desk.printed
    model, space = desk.model(), desk.hub.repository("alice/s", "spaces")
    assert len(model.commits) == len(space.commits) == 2
    assert model.tags == {"v1.0.0": model.head.oid}
    assert space.variables["MODEL_REVISION"]["value"] == model.head.oid


@pytest.mark.parametrize(("slow", "commits"), [("old", 2), ("both", 3)], ids=["worse", "better"])
def test_two_publishers_at_once(desk, folders, tmp_path, slow, commits):
    """The second commit looks again: a worse model is refused, a better one wins."""
    quick = folders["both"] if slow == "old" else folders["old"]
    ended = []

    def late():
        try:
            publish(folders[slow], model="alice/m")
        except RefusedError as error:
            ended.append(error)

    desk.hub.fault("commit", action="stall")
    thread = threading.Thread(target=late)
    thread.start()
    assert desk.hub.stalled.wait(60)
    desk.publish(quick)
    desk.hub.clear_faults()
    thread.join(60)
    assert bool(ended) == (slow == "old")
    assert len(desk.model().commits) == commits
    assert content(desk.hub) == expected(folders, "both", "both")


def test_published_through_xet_and_pulled_back(folders, tmp_path):
    """Then one network changes its half and the cards, in one commit."""
    import numpy as np

    from olivetti_denoiser.denoiser import Denoiser

    picture = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    (tmp_path / "store").mkdir()
    with LocalHub(xet=tmp_path / "store") as hub, pytest.MonkeyPatch.context() as patch:
        desk = Desk(hub, tmp_path)
        hub.connect(patch, desk.token, tmp_path / "home")
        hub.fault("commit", action="lost")
        desk.publish(folders["old"])
        assert hub.count("lfs-put") == 0 < hub.count("xet-token")
        hub.connect(patch, None, tmp_path / "visitor")
        there = Denoiser.from_pretrained("alice/m")
        np.testing.assert_array_equal(
            there(picture), Denoiser.from_pretrained(folders["old"])(picture)
        )
        before = dict(desk.model().head.files)
        hub.connect(patch, desk.token, tmp_path / "home")
        desk.publish(folders["colour"])
    after = desk.model().head.files
    changed = {path for path, entry in after.items() if before[path] != entry}
    assert before.keys() == after.keys()
    cards = {CARD, f"colour/{CARD}"}
    assert changed == cards | {"colour/metrics.json", "colour/history.csv"}
    assert desk.model().head.title == "Publish the colour network"
