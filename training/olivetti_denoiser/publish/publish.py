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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from olivetti_denoiser import hub
from olivetti_denoiser.errors import DamagedFileError, PublishError, RefusedError
from olivetti_denoiser.model_folder import (
    CARD,
    LEGACY_MODEL,
    METRICS,
    WEIGHTS,
    mean_test_psnr,
    split_of,
)
from olivetti_denoiser.publish.staging import Stage, dataset_card

GIT_FILE = ".gitattributes"  # the Hub's own, in every repository
ATTEMPTS = 3  # when another publisher commits in between
PSNR_TOLERANCE = 1e-3  # dB; the same weights differ by less from one machine to another
PREDICTION_TOLERANCE = 1e-6

TAG = re.compile(r"v\d+\.\d+\.\d+(-[\w.]+)?")


# What comes with a message of our own; anything else is the client's and gets one.
OURS = (ValueError, PermissionError, ConnectionError, DamagedFileError, PublishError)


class _MovedError(RuntimeError):
    """Another commit arrived between the look and the commit."""


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
    with tempfile.TemporaryDirectory(prefix="publish-") as work:
        staged = Stage(Path(folder), names, Path(work))
        say(staged.listing())
        if dry_run:
            say("Dry run: nothing was touched.")
            return Report(psnr=(staged.psnr, None))
        return _Run(staged, names, tag, private, allow_regression, say).go()


class _Run:
    """One publication, from the first look at the Hub to the last check."""

    def __init__(self, staged: Stage, names, tag, private, allow_regression, say):
        from huggingface_hub import HfApi

        self.staged, self.names, self.tag = staged, names, tag
        self.private, self.allow_regression, self.say = private, allow_regression, say
        self.api = HfApi()
        self.report = Report(tag=tag, psnr=(staged.psnr, None))
        # A trusted publisher's token (https://huggingface.co/docs/hub/trusted-publishers) writes to
        # one repository: a workflow runs the same command once for each.
        resource = os.environ.get("HF_OIDC_RESOURCE")
        own = {kind: hub.ADDRESSES[kind] + name for kind, name in names.items()}
        self.mine = [kind for kind in names if resource in (None, "", own[kind])]
        if not self.mine:
            raise ValueError(
                f"HF_OIDC_RESOURCE must be one of {', '.join(own.values())}. Received: {resource}"
            )

    def go(self) -> Report:
        kind = "model"
        try:
            for kind in self.mine:
                self._ensure(kind)
            kind = "model"
            if kind in self.mine:
                self._look(self._head(kind))
            elif "space" in self.mine:  # it serves what another step published
                self._record(kind, self._head(kind), changed=False)
            for kind in self.mine:
                getattr(self, f"_publish_{kind}")()
        except RefusedError:
            raise
        except Exception as error:
            clear = error if type(error) in OURS else hub.explained(error, self.names[kind], kind)
            if not any(self.report.changed.values()):
                raise clear from error
            raise PublishError(f"{clear} {self._standing()}") from error
        for kind in self.mine:
            self.report.addresses[kind] = hub.address(self.names[kind], kind)
            self.say(f"{kind:8}{self.report.addresses[kind]}")
        return self.report

    # Before anything changes

    def _ensure(self, kind: str) -> None:
        """Make sure that the repository exists, with the asked privacy, and can be written."""
        from huggingface_hub.errors import RepositoryNotFoundError

        name = self.names[kind]
        sdk = {"space_sdk": "gradio"} if kind == "space" else {}

        def look_or_create():
            try:
                return self.api.repo_info(name, repo_type=kind)
            except RepositoryNotFoundError:
                self.api.create_repo(name, repo_type=kind, private=self.private or None, **sdk)
                self.say(f"{kind} {name}: created")
                return self.api.repo_info(name, repo_type=kind)

        info = hub.patiently(look_or_create)
        self._check_write(kind)
        if self.private and not info.private:
            raise ValueError(
                f"{kind} {name} exists and is public; make it private on its settings page or "
                f"leave --private out. Received: --private"
            )

    def _check_write(self, kind: str) -> None:
        """Ask for the right to write to every repository before the first one changes."""
        try:
            hub.patiently(lambda: self.api.auth_check(self.names[kind], repo_type=kind, write=True))
        except Exception as error:
            if hub.status_of(error) in (401, 403):
                raise hub.explained(error, self.names[kind], kind) from error

    def _head(self, kind: str) -> str:
        return hub.patiently(lambda: self.api.repo_info(self.names[kind], repo_type=kind).sha)

    def _listing(self, kind: str, commit: str) -> dict[str, str]:
        """Return the id of every file of a commit: its SHA-256 if it is large, else git's."""
        tree = hub.patiently(
            lambda: list(
                self.api.list_repo_tree(
                    self.names[kind], repo_type=kind, revision=commit, recursive=True
                )
            )
        )
        files = [item for item in tree if hasattr(item, "blob_id")]
        return {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}

    def _look(self, head: str) -> None:
        """Refuse a worse model, one measured on other faces, or a tag that is taken."""
        mine, (theirs, measured_on) = self.staged.psnr, self._published_figures(head)
        if theirs is not None:
            verdict = f"test PSNR {mine:.3f} dB, published {theirs:.3f} dB"
            if self.report.psnr != (mine, theirs):
                self.say(verdict)
            self.report.psnr = (mine, theirs)
            other_faces = None not in (measured_on, self.staged.measured_on) and (
                measured_on != self.staged.measured_on
            )
            if other_faces and not self.allow_regression:
                raise RefusedError(
                    f"refused: {verdict}, but on other faces: the splits' checksums are "
                    f"{self.staged.measured_on[:12]}… and {measured_on[:12]}…; "
                    "--allow-regression publishes it all the same"
                )
            if mine < theirs - PSNR_TOLERANCE and not self.allow_regression:
                raise RefusedError(
                    f"refused: {verdict} at {self.names['model']} {head[:7]}; "
                    "--allow-regression publishes it all the same"
                )
        if self.tag is not None:
            commit = self._tags().get(self.tag)
            if commit is not None and (
                commit != head or self._changes("model", self._listing("model", head))[0]
            ):
                raise ValueError(
                    f"{self.names['model']} has a tag of this name already, on other files at "
                    f"{commit[:7]}; choose another. Received: --tag {self.tag}"
                )

    def _published_figures(self, head: str) -> tuple[float | None, str | None]:
        """Return the published model's test PSNR and its split's checksum."""
        if METRICS not in self._listing("model", head):
            return None, None
        folder = hub.download(self.names["model"], METRICS, revision=head)
        theirs = mean_test_psnr(folder)
        if theirs is None and not self.allow_regression:
            raise ValueError(
                f"the published {METRICS} holds no test PSNR to compare with; "
                f"--allow-regression publishes all the same. Received: {self.names['model']}"
            )
        return theirs, split_of(folder)

    def _tags(self) -> dict[str, str]:
        refs = hub.patiently(lambda: self.api.list_repo_refs(self.names["model"]))
        return {tag.name: tag.target_commit for tag in refs.tags}

    # The three repositories

    def _publish_model(self) -> None:
        self._commit("model", f"Publish {self.tag or 'the model'}", look=self._look)
        commit, name = self.report.commits["model"], self.names["model"]
        if self.tag is not None and self.tag not in self._tags():
            hub.patiently(
                lambda: self.api.create_tag(name, tag=self.tag, revision=commit, exist_ok=True)
            )
        if self.tag is not None and (stands := self._tags().get(self.tag)) != commit:
            raise PublishError(f"the tag {self.tag} of {name} went to {stands}, not to {commit}.")
        self._compare_prediction()

    def _compare_prediction(self) -> None:
        """Pull the published model back and let it restore a picture."""
        from olivetti_denoiser.denoiser import Denoiser

        name, commit = self.names["model"], self.report.commits["model"]
        picture = np.random.RandomState(0).rand(64, 64).astype(np.float32)
        here = Denoiser.from_pretrained(self.staged.files["model"][WEIGHTS].parent)
        with tempfile.TemporaryDirectory(prefix="pulled-") as cache:
            there = Denoiser.from_pretrained(name, revision=commit, cache_dir=cache)
            gap = float(np.abs(here(picture) - there(picture)).max())
        if not gap <= PREDICTION_TOLERANCE:
            raise PublishError(f"{name} at {commit} restores a picture otherwise, by {gap:g}.")
        self.say(f"model {name}: pulled back at {commit[:7]}, same prediction")

    def _publish_dataset(self) -> None:
        from olivetti_denoiser.data.faces import reference_split, split_checksum

        name, split = self.names["dataset"], self.staged.split
        self._refresh_dataset_card()
        self._commit("dataset", "Publish the card", only=(CARD,))
        commit = self.report.commits["dataset"]
        wanted = split_checksum(split)
        paths = self._listing("dataset", commit)
        if any(path.endswith(".parquet") for path in paths):
            try:
                if split_checksum(reference_split(name, revision=commit)) == wanted:
                    return self.say(f"dataset {name}: the pictures are those, {wanted[:12]}…")
            except ValueError:
                self.say(f"dataset {name}: other pictures are there and will be replaced")
        pushed = hub.patiently(
            lambda: split.push_to_hub(name, commit_message="Publish the reference split"),
            also=(412,),  # it looks for the newest commit each time
        )
        self._record("dataset", pushed.oid, changed=True)
        reference_split(name, revision=pushed.oid)  # raises unless it is the split, byte for byte
        self.say(f"dataset {name}: pulled back at {pushed.oid[:7]}, checksum {wanted[:12]}…")

    def _refresh_dataset_card(self) -> None:
        """Keep push_to_hub's description of the files in the card, if there is one."""
        from huggingface_hub import DatasetCard

        name, head = self.names["dataset"], self._head("dataset")
        if CARD in self._listing("dataset", head):
            folder = hub.download(name, CARD, revision=head, kind="dataset")
            published = DatasetCard.load(folder / CARD, ignore_metadata_errors=True).data.to_dict()
            card = dataset_card(self.staged.split, self.names, published)
            self.staged.files["dataset"][CARD].write_text(str(card), encoding="utf-8")

    def _publish_space(self) -> None:
        self._commit("space", f"Serve {self.names['model']} at {self.report.commits['model'][:7]}")
        name = self.names["space"]
        wanted = {
            "MODEL_ID": self.names["model"],
            "MODEL_REVISION": self.report.commits["model"],
        }
        known = hub.patiently(lambda: self.api.get_space_variables(name))
        for key, value in wanted.items():  # each change restarts the Space
            if key not in known or known[key].value != value:
                hub.patiently(lambda k=key, v=value: self.api.add_space_variable(name, k, v))
                self.report.changed["space"] = True
        self.say(f"space {name}: MODEL_REVISION={wanted['MODEL_REVISION'][:7]}")

    # One commit

    def _changes(self, kind: str, listing: Mapping[str, str], only: tuple[str, ...] = ()):
        """Return the files to add and those to delete for a commit with this listing."""
        files = self.staged.files[kind]
        if only:
            files = {path: files[path] for path in only}
        changed = {
            path: source
            for path, source in files.items()
            if listing.get(path) not in hub.content_ids(source.read_bytes())
        }
        # Its bytes name the backend that wrote it; the same weights need no second one.
        if LEGACY_MODEL in listing and not {WEIGHTS, "config.json"} & changed.keys():
            changed.pop(LEGACY_MODEL, None)
        gone = [] if only else [path for path in listing if path not in files and path != GIT_FILE]
        return changed, gone

    def _commit(self, kind: str, message: str, *, look=None, only: tuple[str, ...] = ()) -> None:
        """Bring a repository to the staged files in one commit, and check what it lists then."""
        for _ in range(ATTEMPTS):
            head = self._head(kind)
            changed, gone = self._changes(kind, self._listing(kind, head), only)
            if look is not None:
                look(head)
            if not changed and not gone:
                self._record(kind, head, changed=self.report.changed.get(kind, False))
                self.say(f"{kind} {self.names[kind]}: nothing to change at {head[:7]}")
                return
            self.say(f"{kind} {self.names[kind]}: {len(changed)} files to upload")
            try:
                commit = self._send(kind, message, head, changed, gone)
            except _MovedError:
                # Somebody else's commit, or this one, whose answer was lost: look again.
                self.report.changed[kind] = self._moved_by_me(kind, only)
                continue
            self._record(kind, commit, changed=True)
            left, _ = self._changes(kind, self._listing(kind, commit), only)
            if left:
                raise PublishError(
                    f"{self.names[kind]} at {commit} lists other checksums than those of "
                    f"{', '.join(sorted(left))}."
                )
            self.say(f"{kind} {self.names[kind]}: {commit[:7]}, checksums verified")
            return
        raise PublishError(
            f"others keep committing to {self.names[kind]}; run the same command again."
        )

    def _moved_by_me(self, kind: str, only: tuple[str, ...]) -> bool:
        changed, gone = self._changes(kind, self._listing(kind, self._head(kind)), only)
        return not changed and not gone

    def _send(self, kind: str, message: str, parent: str, changed, gone) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        def send():
            operations = [CommitOperationAdd(path, source) for path, source in changed.items()]
            operations += [CommitOperationDelete(path) for path in gone]
            try:
                return self.api.create_commit(
                    self.names[kind],
                    operations,
                    commit_message=message,
                    repo_type=kind,
                    parent_commit=parent,
                )
            except Exception as error:
                if hub.status_of(error) == 412:
                    raise _MovedError(str(error)) from None
                if type(error) is ValueError:  # the Hub found fault with the card
                    raise ValueError(f"{hub.first_line(error)} Received: {kind} {CARD}") from None
                raise

        return hub.patiently(send).oid

    def _record(self, kind: str, commit: str, *, changed: bool) -> None:
        self.report.commits[kind] = commit
        self.report.changed[kind] = changed

    def _standing(self) -> str:
        """Return which commits of this run stand, and how to go on."""
        stands = [
            f"{kind} {self.names[kind]} stands at {self.report.commits[kind]}"
            for kind, changed in self.report.changed.items()
            if changed
        ]
        rest = [kind for kind in self.mine if kind not in self.report.commits]
        left = f"; not published: {', '.join(rest)}" if rest else ""
        return f"{', '.join(stands)}{left}. Run the same command again to go on."
