"""Publish a release to the Hub: the networks, their dataset and their Space.

    denoiser publish model_card --model owner/olivetti-denoiser --tag v1.0.0
    >>> commits = publish("model_card", model="owner/olivetti-denoiser", tag="v1.0.0")

A folder replaces the networks that it holds and leaves the other one as it is published, see
`staging`. Every repository changes in one commit that names its parent, so a run that is cut short,
or that races with another, leaves each repository as it was or as it should be, and running the
same command again goes on from there. What has not changed is not committed again.
"""

from __future__ import annotations

import re
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from olivetti_denoiser import hub
from olivetti_denoiser.errors import DamagedFileError, PublishError, RefusedError
from olivetti_denoiser.publish.gate import judge
from olivetti_denoiser.publish.repository import Repository
from olivetti_denoiser.publish.space_files import GRADIO, SHOWN, STATIC
from olivetti_denoiser.publish.staging import Stage, published_networks, restored
from olivetti_denoiser.publish.static_space import built_page
from olivetti_denoiser.release import MODEL_FILES, ONNX_FILES, PLACES

TAG = re.compile(r"v\d+\.\d+\.\d+(-[\w.]+)?")
# Errors whose message is written for users already; one of the client's is put into words first.
IN_WORDS = (ValueError, PermissionError, ConnectionError, DamagedFileError, PublishError)


def publish(
    folder: str | Path,
    *,
    model: str,
    dataset: str | None = None,
    space: str | None = None,
    tag: str | None = None,
    private: bool = False,
    dry_run: bool = False,
    allow_regression: bool = False,
) -> dict[str, str]:
    """Publish a release, and with it the dataset and the Space if they are named; print how.

    Args:
        folder: A release such as `model_card`, or the model folder of one network.
        model: OWNER/NAME of the model repository.
        dataset: OWNER/NAME of the dataset repository; None leaves the dataset alone.
        space: OWNER/NAME of the Space; None leaves the Space alone. A new Space is one of Gradio,
            or a static one where the account's plan has none of Gradio; an existing one keeps its
            kind.
        tag: Tag for the model's commit, vX.Y.Z.
        private: Make repositories that do not exist yet private.
        dry_run: List every file, its size and its repository, and touch nothing.
        allow_regression: Publish even if the published model is better.

    Returns:
        The commit that stands, for each kind: "model", "dataset", "space"; none after a dry run.

    Raises:
        ValueError: An argument, the folder or a card is wrong; nothing was touched.
        RefusedError: A published network is better than the one to replace it, or its metrics are
            of other pictures, so that nothing can be compared; nothing was touched.
        PermissionError, ConnectionError: See `hub`; nothing was touched.
        PublishError: A run that stopped half way; says which commits stand.
    """
    names = {"dataset": dataset, "model": model, "space": space}  # in publishing order
    names = {kind: hub.check_repo_id(name) for kind, name in names.items() if name}
    if tag is not None and not TAG.fullmatch(tag):
        raise ValueError(f"a tag reads vX.Y.Z. Received: {tag!r}")
    with tempfile.TemporaryDirectory(prefix="publish-") as work:
        stage = Stage(Path(folder), names, Path(work))
        if not dry_run:
            return _Run(stage, tag, private, allow_regression).go()
        stage.compose({})
        if space:
            stage.compose_space(GRADIO)
        print(stage.listing())
        if space:
            print("The Space may become a static one instead: the account's plan decides.")
        print("Dry run: nothing was touched.")
        return {}


class _Run:
    """One publication, from the first look at the Hub to the last check."""

    def __init__(self, stage: Stage, tag: str | None, private: bool, allow_regression: bool):
        self.stage, self.tag = stage, tag
        self.private, self.allow_regression = private, allow_regression
        self.repositories = {kind: Repository(kind, name) for kind, name in stage.names.items()}
        self.commits: dict[str, str] = {}  # that stand, by the kind of repository
        self.changed: set[str] = set()  # kinds of the repositories that this run has changed
        self.composed_at: str | None = ""  # the model's commit beside which its files were made
        self.sdk: str | None = None  # the kind of the Space

    def go(self) -> dict[str, str]:
        kind, names = "model", self.stage.names
        try:
            model = self.repositories["model"].info()
            self._compose(model and model.sha)
            for kind in reversed([*names]):  # a Space that cannot be made is no half release
                self._ensure(self.repositories[kind])
            for kind in names:
                self._publish(self.repositories[kind])
        except RefusedError:
            raise
        except Exception as error:
            clear = error
            if type(error) not in IN_WORDS:
                clear = hub.explained(error, names[kind], kind)
            if not self.changed:
                raise clear from error
            raise PublishError(f"{clear} {self._standing()}") from error
        for kind, name in names.items():
            print(f"{kind:8}{hub.address(name, kind)}")
        return self.commits

    def _compose(self, head: str | None) -> None:
        """Look at what is published of the model, judge by it, and make the files beside it."""
        if head == self.composed_at:
            return
        model, published, self.composed_at = self.repositories["model"], {}, head
        if head is not None:
            there = hub.download(model.name, *SHOWN, revision=head, token=model.api.token)
            published = published_networks(there, model.name)
        self.stage.compose(published)
        judge(
            self.stage.networks,
            published,
            f"{model.name} at {(head or '')[:7]}",
            allow_regression=self.allow_regression,
        )

    def _ensure(self, repository: Repository) -> None:
        """Make sure that a repository exists; of the Space, make the files of its kind."""
        if repository.kind != "space":
            repository.ensure(private=self.private)
            return
        try:
            self.sdk = repository.ensure(private=self.private, sdk=GRADIO)
        except Exception as error:
            if hub.status_of(error) != 402:
                raise
            built_page()  # says how to build the page that this account may have
            print(f"{repository}: {STATIC}, as the account's plan has no {GRADIO} Space")
            self.sdk = repository.ensure(private=self.private, sdk=STATIC)
        self.stage.compose_space(self.sdk)

    def _publish(self, repository: Repository) -> None:
        """Bring one repository to its files, and look at it again."""
        kind, stage = repository.kind, self.stage
        model = self.commits.get("model", "")
        networks = f"the {' and the '.join(stage.networks)} network"
        message = {
            "dataset": "Publish the reference split",
            "model": f"Publish {self.tag or networks}",
            "space": f"Serve {stage.names['model']} at {model[:7]}",
        }[kind]

        def compose(head: str) -> Path:
            if kind == "model":
                self._compose(head)
            if kind == "space":
                stage.compose_space(self.sdk)
            return stage.folders[kind]

        tag = self.tag if kind == "model" else None
        keep = partial(stage.stays, kind)
        commit, changed = repository.update(compose, message, keep=keep, tag=tag)
        self.commits[kind] = commit
        if changed:
            self.changed.add(kind)
        if tag is not None:
            repository.put_tag(tag, commit)
        if kind == "model":
            self._compare_prediction(repository, commit)
        if kind == "space":
            self._set_variables(repository, model)

    def _compare_prediction(self, model: Repository, commit: str) -> None:
        """Pull the published networks back and let them restore a picture."""
        names = [*MODEL_FILES, *ONNX_FILES]
        paths = [PLACES[network] + name for network in self.stage.added for name in names]
        with tempfile.TemporaryDirectory(prefix="pulled-") as cache:
            pulled = hub.download(
                model.name, *paths, revision=commit, token=model.api.token, cache_dir=cache
            )
            for name, network in self.stage.added.items():
                if not np.array_equal(restored(network.folder), restored(pulled / PLACES[name])):
                    raise PublishError(
                        f"the {name} network of {model.name} at {commit} restores a picture "
                        "otherwise."
                    )
        print(f"{model}: pulled back at {commit[:7]}, same prediction")

    def _set_variables(self, space: Repository, commit: str) -> None:
        """Let the Space serve the model's commit; each change restarts it."""
        known = hub.patiently(lambda: space.api.get_space_variables(space.name))
        wanted = {"MODEL_ID": self.stage.names["model"], "MODEL_REVISION": commit}
        for key, value in wanted.items():
            if key not in known or known[key].value != value:
                hub.patiently(partial(space.api.add_space_variable, space.name, key, value))
                self.changed.add("space")
        print(f"{space}: MODEL_REVISION={commit[:7]}")

    def _standing(self) -> str:
        """Return which commits of this run stand, and how to go on."""
        stands = [
            f"{self.repositories[kind]} stands at {commit}"
            for kind, commit in self.commits.items()
            if kind in self.changed
        ]
        rest = [kind for kind in self.stage.names if kind not in self.commits]
        left = f"; not published: {', '.join(rest)}" if rest else ""
        return f"{', '.join(stands)}{left}. Run the same command again to go on."
