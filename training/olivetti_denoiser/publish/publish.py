"""Publish a release to the Hub: the networks, their dataset and their Space.

    denoiser publish model_card --model owner/olivetti-denoiser --tag v1.0.0
    >>> report = publish("model_card", model="owner/olivetti-denoiser", tag="v1.0.0")

A folder replaces the networks that it holds and leaves the other one as it is published, see
`staging`. Every repository changes in one commit that names its parent, so a run that is cut short,
or that races with another, leaves each repository as it was or as it should be, and running the
same command again goes on from there. What has not changed is not committed again.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from olivetti_denoiser import hub
from olivetti_denoiser.errors import DamagedFileError, PublishError, RefusedError
from olivetti_denoiser.publish.dataset import publish_card, publish_pictures
from olivetti_denoiser.publish.gate import judge
from olivetti_denoiser.publish.repository import Repository
from olivetti_denoiser.publish.space_files import AUTO, GRADIO, SHOWN, STATIC
from olivetti_denoiser.publish.staging import Stage, restored
from olivetti_denoiser.release import (
    MODEL_FILES,
    ONNX_FILES,
    PLACES,
)

PREDICTION_TOLERANCE = 1e-6

TAG = re.compile(r"v\d+\.\d+\.\d+(-[\w.]+)?")


# Errors whose message is written for users already; one of the client's is put into words first.
IN_WORDS = (ValueError, PermissionError, ConnectionError, DamagedFileError, PublishError)


@dataclass
class Report:
    """What `publish` did.

    Attributes:
        commits: The commit that stands, for each kind: "model", "dataset", "space".
        changed: Whether this run made that commit.
        addresses: Where a browser finds each repository.
        tag: The tag on the model's commit, or None.
        psnr: What each network is judged by in dB, and that of the one it replaced or None.
    """

    commits: dict[str, str] = field(default_factory=dict)
    changed: dict[str, bool] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    tag: str | None = None
    psnr: dict[str, tuple[float, float | None]] = field(default_factory=dict)


def publish(
    folder: str | Path,
    *,
    model: str,
    dataset: str | None = None,
    space: str | None = None,
    space_sdk: str = AUTO,
    tag: str | None = None,
    private: bool = False,
    dry_run: bool = False,
    allow_regression: bool = False,
    say: Callable[[str], None] = print,
) -> Report:
    """Publish a release, and with it the dataset and the Space if they are named.

    Args:
        folder: A release such as `model_card`, or the model folder of one network.
        model: OWNER/NAME of the model repository.
        dataset: OWNER/NAME of the dataset repository; None leaves the dataset alone.
        space: OWNER/NAME of the Space; None leaves the Space alone.
        space_sdk: Kind of a Space that does not exist yet: "gradio", "static", or "auto" for
            Gradio where the account's plan has it and static where it has not. An existing Space
            keeps its kind.
        tag: Tag for the model's commit, vX.Y.Z.
        private: Make repositories that do not exist yet private.
        dry_run: List every file, its size and its repository, and touch nothing.
        allow_regression: Publish even if the published model is better.
        say: Receives each line of progress.

    Returns:
        What was done, with the three addresses.

    Raises:
        ValueError: an argument, the folder or a card is wrong; nothing was touched.
        RefusedError: a published network is better than the one to replace it, or its figures are
            of other pictures, so that nothing can be compared; nothing was touched.
        PermissionError, ConnectionError: see `hub`; nothing was touched.
        PublishError: a run that stopped half way; says which commits stand.
    """
    names = {"dataset": dataset, "model": model, "space": space}  # in publishing order
    names = {kind: hub.check_repo_id(name) for kind, name in names.items() if name}
    if tag is not None and not TAG.fullmatch(tag):
        raise ValueError(f"a tag reads vX.Y.Z. Received: {tag!r}")
    if space_sdk not in (AUTO, GRADIO, STATIC):
        raise ValueError(f"a Space is auto, gradio or static. Received: {space_sdk!r}")
    with tempfile.TemporaryDirectory(prefix="publish-") as work:
        staged = Stage(Path(folder), names, Path(work), space_sdk)
        if dry_run:
            staged.compose(None)
            say(staged.listing())
            say("Dry run: nothing was touched.")
            return Report()
        return _Run(staged, names, space_sdk, tag, private, allow_regression, say).go()


class _Run:
    """One publication, from the first look at the Hub to the last check."""

    def __init__(self, staged: Stage, names, space_sdk, tag, private, allow_regression, say):
        from huggingface_hub import HfApi

        api = HfApi()
        self.staged, self.space_sdk, self.tag = staged, space_sdk, tag
        self.private, self.allow_regression, self.say = private, allow_regression, say
        self.repositories = {kind: Repository(api, kind, name, say) for kind, name in names.items()}
        self.report = Report(tag=tag)
        self.composed: list[str | None] = []  # the commits beside which files were made
        # A trusted publisher's token (https://huggingface.co/docs/hub/trusted-publishers) writes to
        # one repository: a workflow runs the same command once for each.
        resource = os.environ.get("HF_OIDC_RESOURCE")
        own = {kind: hub.ADDRESSES[kind] + name for kind, name in names.items()}
        self.writable = [kind for kind in names if resource in (None, "", own[kind])]
        if not self.writable:
            raise ValueError(
                f"HF_OIDC_RESOURCE must be one of {', '.join(own.values())}. Received: {resource}"
            )

    def go(self) -> Report:
        kind = "model"
        try:
            if {"model", "space"} & set(self.writable):
                self._compose(self.repositories[kind].head())
            for kind in self.writable:
                if kind != "space":
                    self.repositories[kind].ensure(private=self.private)
                else:
                    self._ensure_space(self.repositories[kind])
            if "model" in self.writable:
                self._check_tag(self.repositories["model"])
            for kind in self.writable:
                getattr(self, f"_publish_{kind}")(self.repositories[kind])
        except RefusedError:
            raise
        except Exception as error:
            clear = error
            if type(error) not in IN_WORDS:
                clear = hub.explained(error, self.repositories[kind].name, kind)
            if not any(self.report.changed.values()):
                raise clear from error
            raise PublishError(f"{clear} {self._standing()}") from error
        for kind in self.writable:
            self.report.addresses[kind] = self.repositories[kind].address
            self.say(f"{kind:8}{self.report.addresses[kind]}")
        return self.report

    def _compose(self, head: str | None) -> None:
        """Look at what is published of the model, judge by it, and make the files beside it."""
        if head in self.composed[-1:]:
            return
        model, parent = self.repositories["model"], None
        if head is not None:
            whole = PLACES.keys() <= self.staged.networks.keys()  # nothing stays but for the gate
            parent = hub.download(model.name, *(("*.json",) if whole else SHOWN), revision=head)
        self.staged.compose(parent)
        self.report.psnr = judge(
            self.staged.networks,
            parent,
            f"{model.name} at {(head or '')[:7]}",
            allow_regression=self.allow_regression,
            say=self.say,
        )
        if not self.composed:
            self.say(self.staged.listing())
        self.composed.append(head)
        if "model" not in self.writable:  # another step has published it
            self._record("model", head, changed=False)

    def _check_tag(self, model: Repository) -> None:
        """Refuse a tag that stands on other files."""
        commit = model.tags().get(self.tag)
        if commit is not None:
            other, gone = model.differences(commit, self.staged.folder("model"))
            if commit != model.head() or other or not all(map(self.staged.stays, gone)):
                raise ValueError(
                    f"{model.name} has a tag of this name already, on other files at "
                    f"{commit[:7]}; choose another. Received: --tag {self.tag}"
                )

    def _ensure_space(self, space: Repository) -> None:
        """Make sure that the Space exists, and take the files of its kind."""
        try:
            sdk = space.ensure(private=self.private, sdks=list(self.staged.spaces))
        except Exception as error:
            if hub.status_of(error) == 402 and self.staged.no_static:
                raise ValueError(
                    f"the account's plan has no Gradio Space, and {self.staged.no_static}"
                ) from error
            raise
        if sdk != self.space_sdk and (self.space_sdk, sdk) not in ((AUTO, GRADIO), (AUTO, STATIC)):
            raise ValueError(
                f"{space} exists and is of the kind {sdk}, which it keeps; publish to another one "
                f"or leave --space-sdk out. Received: --space-sdk {self.space_sdk}"
            )
        self.space_sdk = sdk
        self.staged.folder("space", sdk)  # raises where it cannot be made

    def _publish_model(self, model: Repository) -> None:
        def stage(head: str) -> Path:
            self._compose(head)
            return self.staged.folder("model")

        what = self.tag or f"the {' and the '.join(self.staged.networks)} network"
        commit, changed = model.update(stage, f"Publish {what}", keep=self.staged.stays)
        self._record("model", commit, changed)
        if self.tag is not None:
            model.tag(self.tag, commit)
        self._compare_prediction(model, commit)

    def _compare_prediction(self, model: Repository, commit: str) -> None:
        """Pull the published networks back and let them restore a picture."""
        with tempfile.TemporaryDirectory(prefix="pulled-") as cache:
            names = [*MODEL_FILES, *ONNX_FILES]
            paths = [PLACES[network] + name for network in self.staged.added for name in names]
            pulled = hub.download(model.name, *paths, revision=commit, cache_dir=cache)
            for network, folder in self.staged.added.items():
                there = restored(pulled / PLACES[network])
                gap = float(np.abs(self.staged.expected[folder] - there).max())
                if not gap <= PREDICTION_TOLERANCE:
                    raise PublishError(
                        f"the {network} network of {model.name} at {commit} restores a picture "
                        f"otherwise, by {gap:g}."
                    )
        self.say(f"{model}: pulled back at {commit[:7]}, same prediction")

    def _publish_dataset(self, dataset: Repository) -> None:
        names = {kind: repository.name for kind, repository in self.repositories.items()}
        commit, changed = publish_card(dataset, self.staged.split, names)
        self._record("dataset", commit, changed)
        newest = publish_pictures(dataset, self.staged.split, commit)
        self._record("dataset", newest, changed or newest != commit)

    def _publish_space(self, space: Repository) -> None:
        model, commit = self.repositories["model"].name, self.report.commits["model"]
        if commit is None:
            raise ValueError(f"there is no such model to serve yet. Received: --model {model}")
        folder = self.staged.folder("space", self.space_sdk)
        served, changed = space.update(lambda head: folder, f"Serve {model} at {commit[:7]}")
        self._record("space", served, changed)
        wanted = {"MODEL_ID": model, "MODEL_REVISION": commit}
        known = hub.patiently(lambda: space.api.get_space_variables(space.name))
        for key, value in wanted.items():  # each change restarts the Space
            if key not in known or known[key].value != value:
                hub.patiently(partial(space.api.add_space_variable, space.name, key, value))
                self.report.changed["space"] = True
        self.say(f"{space}: MODEL_REVISION={commit[:7]}")

    def _record(self, kind: str, commit: str, changed: bool) -> None:
        """Keep in mind which commit stands, and whether this run made it."""
        self.report.commits[kind], self.report.changed[kind] = commit, changed

    def _standing(self) -> str:
        """Return which commits of this run stand, and how to go on."""
        stands = [
            f"{self.repositories[kind]} stands at {self.report.commits[kind]}"
            for kind, changed in self.report.changed.items()
            if changed
        ]
        rest = [kind for kind in self.writable if kind not in self.report.commits]
        left = f"; not published: {', '.join(rest)}" if rest else ""
        return f"{', '.join(stands)}{left}. Run the same command again to go on."
