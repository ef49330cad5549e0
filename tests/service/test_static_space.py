"""Publishing a static Space: to whom it is given, and what is in it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil

import pytest
import yaml

from checkout import ROOT
from local_hub import LocalHub
from olivetti_denoiser.publish.publish import publish
from static_space import build_page, headers_of

NAMES = {"model": "alice/m", "space": "alice/s"}
MODEL = ROOT / "model_card"


def with_space(folder):
    """Return where the package looks for its files, a copy of the page's sources first."""
    left_out = shutil.ignore_patterns("dist", "__pycache__")
    shutil.copytree(ROOT / "space", folder / "space", ignore=left_out)
    return "olivetti_denoiser.bundled.PLACES", (folder, ROOT)


@pytest.fixture(scope="module")
def published(faces, tmp_path_factory):
    """A Hub with a model and a Space by a free account, and what was printed."""
    folder = tmp_path_factory.mktemp("built")
    with LocalHub() as hub, pytest.MonkeyPatch.context() as patch:
        patch.setattr(*with_space(folder))
        build_page(folder / "space" / "browser" / "dist")
        hub.connect(patch, hub.user("alice", paid=False), folder / "home")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            publish(MODEL, **NAMES, tag="v1.0.0")
        yield hub, printed.getvalue()


def test_a_free_account_gets_a_static_space_that_it_keeps(published):
    hub, printed = published
    assert hub.repository("alice/s", "spaces").sdk == "static"
    assert "static, as the account's plan has no gradio Space" in printed
    publish(MODEL, **NAMES, tag="v1.0.0")
    assert len(hub.repository("alice/m").commits) == 2
    assert len(hub.repository("alice/s", "spaces").commits) == 2


@pytest.mark.smoke
def test_its_files_are_those_that_the_page_lists(published):
    hub, _ = published
    card = hub.read("alice/s", "README.md", "spaces").decode()
    metadata = yaml.safe_load(card.split("---")[1])
    assert (metadata["sdk"], metadata["app_file"]) == ("static", "index.html")
    assert metadata["models"] == ["alice/m"]
    own = (ROOT / "space" / "browser" / "README.md").read_text(encoding="utf-8")
    assert metadata["custom_headers"] == headers_of(own) != {}
    space, model = hub.repository("alice/s", "spaces"), hub.repository("alice/m")
    values = {key: variable["value"] for key, variable in space.variables.items()}
    assert values == {"MODEL_ID": "alice/m", "MODEL_REVISION": model.tags["v1.0.0"]}
    content = json.loads(hub.read("alice/s", "content.json", "spaces"))
    assert {*content["files"], ".gitattributes", "README.md"} == set(space.head.files)
    assert sum("examples/face_" in path for path in content["examples"]["demo"]) == 4
    score = r"the built-in networks, \d\d\.\d\d dB on the test faces"
    assert re.fullmatch(score, content["builtIn"])
    for name in ("estimator.onnx", "restorer.onnx"):
        for place, folder in (("", "model"), ("colour/", "colour")):
            same = hub.read("alice/m", f"{place}onnx/{name}")
            assert hub.read("alice/s", f"{folder}/{name}", "spaces") == same


def test_without_the_built_page_one_line_says_what_to_do(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(*with_space(tmp_path))
    with LocalHub() as hub:
        hub.connect(monkeypatch, hub.user("alice", paid=False), tmp_path / "home")
        with pytest.raises(ValueError, match="run `make browser`, which needs Node"):
            publish(MODEL, **NAMES)
        assert hub.repositories == {}
