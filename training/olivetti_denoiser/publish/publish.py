"""Publish a model folder to the Hub: the model, its dataset and its Space.

    denoiser publish model_card --model owner/olivetti-denoiser --tag v1.0.0
    >>> report = publish("model_card", model="owner/olivetti-denoiser", tag="v1.0.0")

Every repository changes in one commit that names its parent, so a run that is cut short, or that
races with another, leaves each repository as it was or as it should be, and running the same
command again goes on from there. What has not changed is not committed again.
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
from olivetti_denoiser.figures import GateFigure, gate_figure, read_metrics
from olivetti_denoiser.model_folder import (
    CARD,
    METRICS,
    WEIGHTS,
)
from olivetti_denoiser.publish.repository import Repository
from olivetti_denoiser.publish.space_files import AUTO, GRADIO, STATIC
from olivetti_denoiser.publish.staging import Stage, dataset_card

PSNR_TOLERANCE = 1e-3  # dB; the same weights differ by less from one machine to another
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
        psnr: Mean PSNR on the test faces in dB, of this model and of the one it replaced.
    """

    commits: dict[str, str] = field(default_factory=dict)
    changed: dict[str, bool] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    tag: str | None = None
    psnr: tuple[float, float | None] | None = None


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
    """Publish a model folder, and with it the dataset and the Space if they are named.

    Args:
        folder: The model folder, such as `model_card`.
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
        RefusedError: the published model is better, or its figures are of another split, so that
            nothing can be compared; nothing was touched.
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
        say(staged.listing())
        if dry_run:
            say("Dry run: nothing was touched.")
            return Report(psnr=(staged.figure.psnr, None))
        return _Run(staged, names, space_sdk, tag, private, allow_regression, say).go()


def _refuse_worse(mine: GateFigure, theirs: GateFigure, verdict: str) -> None:
    """Refuse a model whose figure is worse than the published one's, or of other pictures."""
    despite = "--allow-regression publishes it all the same"
    if not mine.compares_with(theirs):
        of = [f"{one.pictures} ({(one.checksum or 'unknown')[:12]})" for one in (mine, theirs)]
        raise RefusedError(
            f"refused: {verdict}, but on other pictures, by their checksums: {of[0]} and {of[1]}; "
            f"{despite}"
        )
    if mine.psnr < theirs.psnr - PSNR_TOLERANCE:
        raise RefusedError(f"refused: {verdict}; {despite}")


class _Run:
    """One publication, from the first look at the Hub to the last check."""

    def __init__(self, staged: Stage, names, space_sdk, tag, private, allow_regression, say):
        from huggingface_hub import HfApi

        api = HfApi()
        self.staged, self.space_sdk, self.tag = staged, space_sdk, tag
        self.private, self.allow_regression, self.say = private, allow_regression, say
        self.repositories = {kind: Repository(api, kind, name, say) for kind, name in names.items()}
        self.report = Report(tag=tag, psnr=(staged.figure.psnr, None))
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
            for kind in self.writable:
                if kind == "space":
                    self._ensure_space(self.repositories[kind])
                else:
                    self.repositories[kind].ensure(private=self.private)
            kind = "model"
            if kind in self.writable:
                self._check_model(self.repositories[kind].head())
            elif "space" in self.writable:  # it serves what another step published
                self._record(kind, self.repositories[kind].head(), changed=False)
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

    def _ensure_space(self, space: Repository) -> None:
        """Make sure that the Space exists, and take the files of its kind."""
        try:
            sdk = space.ensure(private=self.private, sdks=self.staged.space_kinds)
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
        self.staged.choose_space(sdk)

    def _check_model(self, head: str) -> None:
        """Refuse a worse model, one measured on other pictures, or a tag that is taken."""
        model = self.repositories["model"]
        mine, theirs = self.staged.figure, self._published_figure(model, head)
        if theirs is not None:
            verdict = f"{mine.pictures}: {mine.psnr:.3f} dB, published {theirs.psnr:.3f} dB"
            if self.report.psnr != (mine.psnr, theirs.psnr):
                self.say(verdict)
            self.report.psnr = (mine.psnr, theirs.psnr)
            if not self.allow_regression:
                _refuse_worse(mine, theirs, f"{verdict} at {model.name} {head[:7]}")
        if self.tag is not None:
            commit = model.tags().get(self.tag)
            if commit is not None and (
                commit != head or model.changes(self.staged.files["model"], model.listing(head))[0]
            ):
                raise ValueError(
                    f"{model.name} has a tag of this name already, on other files at "
                    f"{commit[:7]}; choose another. Received: --tag {self.tag}"
                )

    def _published_figure(self, model: Repository, head: str) -> GateFigure | None:
        """Return what the published model is judged by, or None where there is none."""
        if METRICS not in model.listing(head):
            return None
        try:
            figure = gate_figure(read_metrics(hub.download(model.name, METRICS, revision=head)))
        except ValueError:
            figure = None
        if figure is None and not self.allow_regression:
            raise ValueError(
                f"the published {METRICS} holds no PSNR to compare with; "
                f"--allow-regression publishes all the same. Received: {model.name}"
            )
        return figure

    def _publish_model(self, model: Repository) -> None:
        self._update(model, f"Publish {self.tag or 'the model'}", check=self._check_model)
        commit = self.report.commits["model"]
        if self.tag is not None:
            model.tag(self.tag, commit)
        self._compare_prediction(model, commit)

    def _compare_prediction(self, model: Repository, commit: str) -> None:
        """Pull the published model back and let it restore a picture."""
        from olivetti_denoiser.denoiser import Denoiser

        picture = np.random.RandomState(0).rand(64, 64).astype(np.float32)
        here = Denoiser.from_pretrained(self.staged.files["model"][WEIGHTS].parent)
        with tempfile.TemporaryDirectory(prefix="pulled-") as cache:
            there = Denoiser.from_pretrained(model.name, revision=commit, cache_dir=cache)
            gap = float(np.abs(here(picture) - there(picture)).max())
        if not gap <= PREDICTION_TOLERANCE:
            raise PublishError(
                f"{model.name} at {commit} restores a picture otherwise, by {gap:g}."
            )
        self.say(f"{model}: pulled back at {commit[:7]}, same prediction")

    def _publish_dataset(self, dataset: Repository) -> None:
        from olivetti_denoiser.data.faces import reference_split, split_checksum

        split = self.staged.split
        self._refresh_dataset_card(dataset)
        card = {CARD: self.staged.files["dataset"][CARD]}
        self._update(dataset, "Publish the card", files=card, keep_others=True)
        commit = self.report.commits["dataset"]
        wanted = split_checksum(split)
        if any(path.endswith(".parquet") for path in dataset.listing(commit)):
            try:
                if split_checksum(reference_split(dataset.name, revision=commit)) == wanted:
                    return self.say(f"{dataset}: the pictures are those, {wanted[:12]}…")
            except ValueError:
                self.say(f"{dataset}: other pictures are there and will be replaced")
        pushed = hub.patiently(
            lambda: split.push_to_hub(dataset.name, commit_message="Publish the reference split"),
            also=(412,),  # it looks for the newest commit each time
        )
        self._record("dataset", pushed.oid, changed=True)
        reference_split(dataset.name, revision=pushed.oid)  # raises unless it is the split
        self.say(f"{dataset}: pulled back at {pushed.oid[:7]}, checksum {wanted[:12]}…")

    def _refresh_dataset_card(self, dataset: Repository) -> None:
        """Keep push_to_hub's description of the files in the card, if there is one."""
        from huggingface_hub import DatasetCard

        head = dataset.head()
        if CARD in dataset.listing(head):
            folder = hub.download(dataset.name, CARD, revision=head, kind="dataset")
            published = DatasetCard.load(folder / CARD, ignore_metadata_errors=True).data.to_dict()
            names = {kind: repository.name for kind, repository in self.repositories.items()}
            card = dataset_card(self.staged.split, names, published)
            self.staged.files["dataset"][CARD].write_text(str(card), encoding="utf-8")

    def _publish_space(self, space: Repository) -> None:
        model, commit = self.repositories["model"].name, self.report.commits["model"]
        self._update(space, f"Serve {model} at {commit[:7]}")
        wanted = {"MODEL_ID": model, "MODEL_REVISION": commit}
        known = hub.patiently(lambda: space.api.get_space_variables(space.name))
        for key, value in wanted.items():  # each change restarts the Space
            if key not in known or known[key].value != value:
                hub.patiently(partial(space.api.add_space_variable, space.name, key, value))
                self.report.changed["space"] = True
        self.say(f"{space}: MODEL_REVISION={commit[:7]}")

    def _update(self, repository: Repository, message: str, files=None, **options) -> None:
        """Bring a repository to its staged files, and keep in mind what was done."""
        kind = repository.kind
        files = self.staged.files[kind] if files is None else files
        commit, changed = repository.update(files, message, **options)
        self._record(kind, commit, changed=changed or self.report.changed.get(kind, False))

    def _record(self, kind: str, commit: str, *, changed: bool) -> None:
        self.report.commits[kind] = commit
        self.report.changed[kind] = changed

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
