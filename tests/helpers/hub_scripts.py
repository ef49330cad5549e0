"""What the Hub's tests run in fresh processes: `python tests/helpers/hub_scripts.py NAME FOLDER`.

Each script talks to the Hub that HF_ENDPOINT names and prints one line of JSON, its last.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

from network_folders import make_network, make_release

SOON = {"Retry-After": "0"}

# Name of the case: (operation, what goes wrong there, how it must end).
UPLOAD_FAULTS = {
    # No right to it: one line, and nothing was touched.
    "create-401": ("create", {"status": 401}, "PermissionError"),
    "create-403": ("create", {"status": 403}, "PermissionError"),
    "may-not-write": ("may-change", {"status": 403}, "PermissionError"),
    "lfs-put-403": ("lfs-put", {"status": 403}, "PermissionError"),
    "commit-403": ("commit", {"status": 403}, "PermissionError"),
    # An answer that nobody expects there.
    "create-412": ("create", {"status": 412}, "OSError"),
    # A busy Hub: what the client does not repeat, and what it does.
    "create-503": ("create", {"status": 503, "headers": SOON}, "done"),
    "create-409": ("create", {"status": 409, "headers": SOON}, "done"),
    "preupload-503": ("preupload", {"status": 503, "headers": SOON}, "done"),
    "lfs-put-503": ("lfs-put", {"status": 503, "headers": SOON}, "done"),
    "commit-409": ("commit", {"status": 409, "headers": SOON}, "done"),
    "commit-429": ("commit", {"status": 429, "headers": {"Retry-After": "1"}}, "done"),
    "commit-503-for-good": (
        "commit",
        {"status": 503, "times": 99, "headers": SOON},
        "ConnectionError",
    ),
    "tag-503": ("tag", {"status": 503, "headers": SOON}, "done"),
    # Another commit came in between.
    "commit-412": ("commit", {"status": 412}, "done"),
    # The connection dies before the work, half way, or after it.
    "lfs-put-dropped": ("lfs-put", {"action": "drop"}, "done"),
    "commit-dropped": ("commit", {"action": "drop"}, "done"),
    "commit-answer-lost": ("commit", {"action": "lost"}, "done"),
    "create-answer-lost": ("create", {"action": "lost"}, "done"),
    "tag-answer-lost": ("tag", {"action": "lost"}, "done"),
    # A damaged download of what was published.
    "pulled-back-flipped": ("storage-get", {"action": "flip"}, "done"),
}

DOWNLOAD_FAULTS = {
    "no-fault": ([], {}, "done"),
    "by-tag": ([], {"revision": "v1.0.0"}, "done"),
    "by-branch": ([], {"revision": "main"}, "done"),
    "dropped": ([("storage-get", {"action": "drop"})], {}, "done"),
    "truncated": ([("storage-get", {"action": "short"})], {}, "done"),
    "small-file-truncated": ([("resolve", {"action": "short", "only": "config"})], {}, "done"),
    "one-bit-flipped": ([("storage-get", {"action": "flip"})], {}, "done"),
    "small-file-flipped": ([("resolve", {"action": "flip", "only": "config"})], {}, "done"),
    "flipped-for-good": ([("storage-get", {"action": "flip", "times": 9})], {}, "DamagedFileError"),
    "info-503": ([("info", {"status": 503})], {}, "done"),
    "info-429": ([("info", {"status": 429, "headers": {"Retry-After": "1"}})], {}, "done"),
    "token-refused": ([], {"token": "hf_wrong"}, "PermissionError"),
    "forbidden": ([("info", {"status": 403})], {}, "PermissionError"),
    "no-repository": ([], {"repo_id": "alice/nothing"}, "ValueError"),
    "private-without-token": ([], {"repo_id": "alice/private", "token": False}, "ValueError"),
    "no-revision": ([], {"revision": "v9.9.9"}, "ValueError"),
    "no-model": ([], {"repo_id": "alice/empty"}, "ValueError"),
    "no-such-folder": ([], {"repo_id": "./nowhere"}, "ValueError"),
    "nothing-cached": ([], {"local_files_only": True}, "ConnectionError"),
    "part-cached": ([], {"cache": "part", "local_files_only": True}, "ConnectionError"),
    "cached-one-by-one": (
        [],
        {"cache": "one-by-one", "local_files_only": True},
        "ConnectionError",
    ),
    "completed": ([], {"cache": "part"}, "done"),
    "cached": ([], {"cache": "kept", "local_files_only": True}, "done"),
    "damaged-in-cache": ([], {"cache": "damaged", "local_files_only": True}, "DamagedFileError"),
    "repaired-in-cache": ([], {"cache": "damaged"}, "done"),
}


def ask(method: str, faults: list[dict]) -> None:
    """Switch faults on (POST) or off (DELETE)."""
    request = urllib.request.Request(
        os.environ["HF_ENDPOINT"] + "/_faults", json.dumps(faults).encode(), method=method
    )
    urllib.request.urlopen(request).read()


def files_of(repo_id: str) -> list[str]:
    """Return a repository's files, none if there is no repository."""
    from huggingface_hub import HfApi

    api = HfApi()
    return api.list_repo_files(repo_id) if api.repo_exists(repo_id) else []


def attempt(work) -> dict:
    """Return how a piece of work ended."""
    start = time.monotonic()
    try:
        work()
        outcome = {"end": "done", "message": ""}
    except Exception as error:
        outcome = {"end": type(error).__name__, "message": str(error)}
    ask("DELETE", [])
    return outcome | {"seconds": time.monotonic() - start}


def wire(folder: Path) -> dict:
    """Exercise each request that the local Hub answers, and tell what the client made of it."""
    from huggingface_hub import (
        CommitOperationAdd,
        CommitOperationDelete,
        HfApi,
        get_cached_repo_tree,
        hf_hub_download,
        snapshot_download,
    )
    from huggingface_hub.errors import HfHubHTTPError

    api, name, seen = HfApi(), "alice/m", {}

    def status(work):
        try:
            work()
        except HfHubHTTPError as error:
            return [type(error).__name__, error.response.status_code]

    def commit(files: dict[str, bytes], **options) -> str:
        operations = [CommitOperationAdd(path, content) for path, content in files.items()]
        return api.create_commit(name, operations, commit_message="one", **options).oid

    def infos(*paths: str) -> list:
        return api.get_paths_info(name, list(paths))

    seen["me"] = [api.whoami()["name"], api.whoami()["auth"]["accessToken"]["role"]]
    seen["url"] = api.create_repo(name, private=True).repo_id
    seen["exists"] = status(lambda: api.create_repo(name))
    seen["namespace"] = status(lambda: api.create_repo("bob/m"))
    files = {"README.md": b"---\nlicense: mit\n---\n", "a/big.h5": bytes(5000), "a/b/c.txt": b"c"}
    first = commit(files)
    seen["unchanged"] = commit(files) == first
    seen["stale"] = status(lambda: commit({"x": b"x"}, parent_commit="0" * 40))
    api.create_tag(name, tag="v1.0.0", revision=first)
    seen["tag twice"] = status(lambda: api.create_tag(name, tag="v1.0.0"))
    api.create_branch(name, branch="next")
    refs = api.list_repo_refs(name)
    seen["refs"] = [sorted(b.name for b in refs.branches), [t.name for t in refs.tags]]
    seen["tree"] = [item.path for item in api.list_repo_tree(name, recursive=True)]
    seen["paths"] = [type(info).__name__ for info in infos("a/big.h5", "a", "none")]
    seen["lfs"] = infos("a/big.h5")[0].lfs.size
    snapshot_download(name, revision="v1.0.0")
    seen["verified"] = len(api.verify_repo_checksums(name, revision="v1.0.0").mismatches)
    seen["cached tree"] = len(get_cached_repo_tree(name, revision=first))
    api.create_commit(name, [CommitOperationDelete("a/b/")], commit_message="less")
    seen["left"] = api.list_repo_files(name)
    seen["history"] = [made.title for made in api.list_repo_commits(name)]
    seen["auth"] = status(lambda: api.auth_check(name, write=True))
    try:
        commit({"README.md": b"---\nlicense: [\n---\n"})
    except ValueError as error:
        seen["bad card"] = str(error).splitlines()[0]
    seen["no file"] = status(lambda: hf_hub_download(name, "none"))
    seen["no revision"] = status(lambda: hf_hub_download(name, "README.md", revision="v2"))
    seen["no repository"] = status(lambda: hf_hub_download("alice/none", "README.md"))
    seen["anonymous"] = status(lambda: HfApi(token=False).repo_info(name))
    seen["stranger"] = status(lambda: HfApi(token=os.environ["STRANGER"]).repo_info(name))
    reader = HfApi(token=os.environ["READER"])
    seen["reader"] = status(lambda: reader.create_tag(name, tag="v2"))
    seen["bad token"] = status(lambda: HfApi(token="hf_bad").repo_info(name))  # noqa: S106
    api.create_repo("alice/s", repo_type="space", space_sdk="gradio")
    api.add_space_variable("alice/s", "A", "1")
    api.add_space_secret("alice/s", "B", "2")
    seen["variables"] = {k: v.value for k, v in api.get_space_variables("alice/s").items()}
    seen["secrets"] = list(api.get_space_secrets("alice/s"))
    sdk = api.repo_info("alice/s", repo_type="space").sdk
    seen["runtime"] = [api.get_space_runtime("alice/s").stage, sdk]
    return seen


def upload_faults(folder: Path) -> dict:
    """Publish to a new repository under each fault; after a failure or a loss, again without."""
    from olivetti_denoiser.publish.publish import publish

    source = make_network(folder / "model")
    results = {}
    for name, (operation, options, _) in UPLOAD_FAULTS.items():

        def work(name=name):
            publish(source, model=f"alice/{name}", tag="v1.0.0", say=lambda line: None)

        ask("POST", [{"operation": operation, **options}])
        results[name] = attempt(work) | {"files": files_of(f"alice/{name}")}
        if results[name]["end"] != "done" or "lost" in name:
            results[name]["again"] = attempt(work)
    return results


def download_faults(folder: Path) -> dict:
    """Load a published denoiser under each fault."""
    import numpy as np
    from huggingface_hub import HfApi, hf_hub_download

    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.publish.publish import publish

    source = make_network(folder / "model")
    publish(source, model="alice/model", tag="v1.0.0", say=lambda line: None)
    HfApi().create_repo("alice/empty")
    HfApi().create_repo("alice/private", private=True)
    picture = np.random.RandomState(1).rand(64, 64).astype(np.float32)
    expected = Denoiser.from_pretrained(source)(picture)
    for cache in ("kept", "damaged", "part"):
        Denoiser.from_pretrained("alice/model", cache_dir=folder / cache)
    next((folder / "part").glob("*/snapshots/*/onnx/restorer.onnx")).unlink()
    for name in ("config.json", "onnx/restorer.onnx"):
        hf_hub_download("alice/model", name, cache_dir=folder / "one-by-one")
    weights = next((folder / "damaged").glob("*/snapshots/*/onnx/restorer.onnx")).resolve()
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)

    results = {}
    for name, (faults, options, _) in DOWNLOAD_FAULTS.items():
        options = {"cache": name, "repo_id": "alice/model"} | options
        cache, repo_id = folder / options.pop("cache"), options.pop("repo_id")

        def work(repo_id=repo_id, cache=cache, options=options):
            denoiser = Denoiser.from_pretrained(repo_id, cache_dir=cache, **options)
            np.testing.assert_array_equal(denoiser(picture), expected)

        ask("POST", [{"operation": operation, **more} for operation, more in faults])
        results[name] = attempt(work)
    (cached,) = (folder / "no-fault").glob("*/snapshots/*")
    files = (path for path in cached.rglob("*") if path.is_file())
    results["files"] = sorted(path.relative_to(cached).as_posix() for path in files)
    return results


def create_empty(folder: Path) -> dict:
    """Create a model repository and a Space, as an owner does on the website."""
    from huggingface_hub import HfApi

    HfApi().create_repo("alice/m")
    HfApi().create_repo("alice/s", repo_type="space", space_sdk="gradio")
    return {}


def publish_orders(folder: Path) -> list[dict]:
    """Publish as ORDERS says, a JSON list of options of `make_network` and of `publish`."""
    return [publish_one(folder, order) for order in json.loads(os.environ["ORDERS"])]


def publish_one(folder: Path, order: dict) -> dict:
    """Publish once and return what was reported."""
    from olivetti_denoiser.publish.publish import publish

    made = order.get("folder", {})
    source = folder / order.get("name", "-".join(["model", *map(str, made.values())]))
    if not source.is_dir():
        (make_release if made.get("network") == "both" else make_network)(source, **made)
    lines = []
    try:
        report = publish(source, say=lines.append, **order["options"])
    except (ValueError, RuntimeError, OSError) as error:
        return {"end": type(error).__name__, "message": str(error), "lines": lines}
    return {
        "end": "done",
        "lines": lines,
        "commits": report.commits,
        "changed": report.changed,
        "addresses": report.addresses,
        "psnr": report.psnr,
    }


def upload(repo_id: str, files: Path | dict[str, Path]) -> None:
    """Make a repository with the released files of a folder at its root, as earlier releases."""
    from huggingface_hub import CommitOperationAdd, HfApi

    from olivetti_denoiser.release import files_of

    files = files if isinstance(files, dict) else files_of(files)
    HfApi().create_repo(repo_id)
    operations = [CommitOperationAdd(path, file) for path, file in files.items()]
    HfApi().create_commit(repo_id, operations, commit_message="an earlier release")


def publish_to_every_start(folder: Path) -> dict:
    """Publish each kind of folder to each kind of repository; tell how each case ended."""
    import shutil

    from olivetti_denoiser.publish.publish import publish
    from olivetti_denoiser.release import files_of

    old = make_release(folder / "old", psnr=29.0, seed=1)
    new = make_release(folder / "new", psnr=29.5, seed=2)
    shutil.copytree(new, folder / "gray", ignore=shutil.ignore_patterns("colour"))
    what = {"gray": folder / "gray", "colour": new / "colour", "both": new}
    for place in (old, old / "colour"):  # what earlier releases had, and later ones do not
        (place / "onnx" / "model.onnx").write_bytes(b"\0whole")
        (place / "losses.png").write_bytes(b"\0plot")
    in_colour = files_of(old / "colour")
    starts = {
        "empty": {},
        "old gray": files_of(old),
        "old colour": in_colour,
        "both": files_of(old) | {f"colour/{path}": file for path, file in in_colour.items()},
        "without onnx": {path: file for path, file in files_of(old).items() if "onnx" not in path},
    }
    results = {}
    for start, files in starts.items():
        for name, source in what.items():
            repository = f"alice/{start}-{name}".replace(" ", "-")
            if files:
                upload(repository, files)
            lines = []
            results[f"{start}, {name}"] = attempt(
                lambda source=source, repository=repository, lines=lines: publish(
                    source, model=repository, say=lines.append
                )
            ) | {"lines": lines}
    return results


def pull_back(folder: Path) -> dict:
    """Load what `train` and `publish` made as a developer does, and compare it with the folder."""
    import numpy as np

    from olivetti_denoiser.data.faces import as_arrays, reference_split
    from olivetti_denoiser.denoiser import Denoiser

    noisy = as_arrays(reference_split("alice/d")["test"]).noisy
    here = Denoiser.from_pretrained(folder / "model")(noisy)
    there = Denoiser.from_pretrained("alice/m", revision="v1.0.0")(noisy)
    np.save(folder / "restored.npy", here)
    plain = Denoiser.from_pretrained(folder / "model")(noisy[:1], mirror=False)
    np.save(folder / "plain.npy", plain)  # what the old format holds
    return {"gap": float(np.abs(here - there).max()), "change": float(np.abs(here - noisy).max())}


def pull_back_with_keras(folder: Path) -> dict:
    """Load it as Keras, TensorFlow and `datasets` do, with none of our code."""
    import keras
    import numpy as np
    import tensorflow as tf
    from datasets import load_dataset
    from huggingface_hub import DatasetCard, ModelCard, hf_hub_download

    split = load_dataset("alice/d")
    noisy = np.stack([np.asarray(picture) for picture in split["test"]["noisy"]])
    noisy = noisy[..., None].astype(np.float32) / 255
    expected, plain = (np.load(folder / name) for name in ("restored.npy", "plain.npy"))

    def gap(model, pictures, expected):
        restored = np.clip(np.asarray(model.predict(pictures, verbose=0)), 0, 1)
        return float(np.abs(restored - expected).max())

    first = tf.keras.models.load_model(hf_hub_download("alice/m", "best_model.h5"), compile=False)
    results = {
        "hf": gap(keras.saving.load_model("hf://alice/m"), noisy, expected),
        "h5": gap(first, noisy[:1], plain),
        "h5 shape": list(first.predict(noisy[:1], verbose=0).shape),
        "cards": [
            ModelCard.load("alice/m").data.model_name,
            DatasetCard.load("alice/d").data.license,
        ],
    }
    from olivetti_denoiser.data.faces import split_checksum

    return results | {"checksum": split_checksum(split)}


def restore(folder: Path) -> dict:
    """Restore a picture with the model folder, as an array of 8 bits."""
    import numpy as np
    from PIL import Image

    from olivetti_denoiser.denoiser import Denoiser

    noisy = np.asarray(Image.open(folder / "noisy.png").convert("L"))
    np.save(folder / "here.npy", Denoiser.from_pretrained(folder / "model")(noisy))
    return {}


def fetch_space(folder: Path) -> dict:
    """Download the Space into an empty folder, and tell its variables."""
    from huggingface_hub import HfApi, snapshot_download

    snapshot_download("alice/s", repo_type="space", local_dir=folder / "space")
    variables = HfApi().get_space_variables("alice/s")
    return {key: variable.value for key, variable in variables.items()}


def hub_down(folder: Path) -> dict:
    """Load from a Hub that refuses connections, with a cache (from a run before) and without."""
    from olivetti_denoiser.denoiser import Denoiser
    from page.serving import load_networks

    results = {
        "cached": attempt_down(lambda: Denoiser.from_pretrained("alice/model")),
        "cached-tag": attempt_down(
            lambda: Denoiser.from_pretrained("alice/model", revision="v1.0.0")
        ),
        "nothing-cached": attempt_down(lambda: Denoiser.from_pretrained("alice/other")),
    }
    from olivetti_denoiser.publish.publish import publish

    results["publish"] = attempt_down(
        lambda: publish(folder / "model", model="alice/other", say=lambda line: None)
    )
    served = load_networks({"MODEL_ID": "alice/other"}, folder / "model", 20)
    return results | {"served": served.words}


def attempt_down(work) -> dict:
    try:
        work()
        return {"end": "done", "message": ""}
    except Exception as error:
        return {"end": type(error).__name__, "message": str(error)}


def serving(folder: Path) -> dict:
    """Choose the model to serve: published, unknown, stalled, none."""
    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.publish.publish import publish
    from page.serving import load_networks

    source = make_network(folder / "model")
    publish(source, model="alice/model", tag="v1.0.0", say=lambda line: None)
    Denoiser.from_pretrained("alice/model", revision="v1.0.0")
    Denoiser.from_pretrained("alice/model")

    def serve(name, revision="", seconds=60.0):
        variables = {"MODEL_ID": name, "MODEL_REVISION": revision}
        return load_networks(variables, source, seconds).words

    results = {"published": serve("alice/model", "v1.0.0")}
    results["unknown"] = serve("alice/none")
    results["unset"] = serve("")
    upload("alice/colour", make_network(folder / "colour", "colour"))
    results["old colour"] = serve("alice/colour")
    ask("POST", [{"operation": "info", "action": "stall"}])
    start = time.monotonic()
    results["stalled"] = serve("alice/model", seconds=1.5)
    results["seconds"] = time.monotonic() - start
    ask("DELETE", [])
    return results


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]))))
