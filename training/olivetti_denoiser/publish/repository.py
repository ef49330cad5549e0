"""One repository on the Hub: what it holds, and how it is brought to hold something else.

>>> repository = Repository(HfApi(), "model", "owner/olivetti-denoiser")
>>> commit, changed = repository.update(lambda head: Path("stage"), "Publish the model")

A repository changes in one commit that names its parent, and is read again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser import hub
from olivetti_denoiser.errors import PublishError
from olivetti_denoiser.release import CARD

if TYPE_CHECKING:
    from huggingface_hub import HfApi

GIT_FILE = ".gitattributes"  # the Hub's own, in every repository
ATTEMPTS = 3  # when another publisher commits in between


class MovedError(RuntimeError):
    """Another commit arrived after the repository was read and before the commit was made."""


class Repository:
    """A model, dataset or Space repository.

    Args:
        api: The client.
        kind: "model", "dataset" or "space".
        name: OWNER/NAME.
        say: Receives each line of progress.
    """

    def __init__(
        self, api: HfApi, kind: str, name: str, say: Callable[[str], None] = lambda line: None
    ):
        self.api, self.kind, self.name, self.say = api, kind, name, say

    def __str__(self) -> str:
        """Return what messages call it."""
        return f"{self.kind} {self.name}"

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return hub.address(self.name, self.kind)

    def ensure(self, *, private: bool = False, sdks: Sequence[str] = ()) -> str | None:
        """Make sure that it exists, with the asked privacy, and that it can be written to.

        Args:
            private: Make it private where it does not exist yet.
            sdks: Kinds of a Space that does not exist yet, best first; the next one is taken where
                the account's plan has none of the kind before.

        Returns:
            A Space's kind, else None.

        Raises:
            ValueError: it exists and is public, though `private` was asked for.
            PermissionError: the token may not write to it.
        """
        from huggingface_hub.errors import RepositoryNotFoundError

        def look_or_create():
            try:
                return self.api.repo_info(self.name, repo_type=self.kind)
            except RepositoryNotFoundError:
                self._create(private, sdks)
                return self.api.repo_info(self.name, repo_type=self.kind)

        info = hub.patiently(look_or_create)
        self._check_write()
        if private and not info.private:
            raise ValueError(
                f"{self} exists and is public; make it private on its settings page or "
                f"leave --private out. Received: --private"
            )
        return getattr(info, "sdk", None)

    def head(self) -> str | None:
        """Return the newest commit of the default branch; None where it does not exist."""
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            return hub.patiently(lambda: self.api.repo_info(self.name, repo_type=self.kind).sha)
        except RepositoryNotFoundError:
            return None

    def tags(self) -> dict[str, str]:
        """Return the commit of every tag."""
        refs = hub.patiently(lambda: self.api.list_repo_refs(self.name, repo_type=self.kind))
        return {tag.name: tag.target_commit for tag in refs.tags}

    def tag(self, tag: str, commit: str) -> None:
        """Put a tag on a commit.

        Raises:
            PublishError: the tag stands on another commit.
        """
        if tag not in self.tags():
            hub.patiently(
                lambda: self.api.create_tag(
                    self.name, tag=tag, revision=commit, repo_type=self.kind, exist_ok=True
                )
            )
        if (stands := self.tags().get(tag)) != commit:
            raise PublishError(f"the tag {tag} of {self.name} went to {stands}, not to {commit}.")

    def differences(self, commit: str, folder: Path) -> tuple[list[str], list[str]]:
        """Compare a commit's checksums with a folder.

        Returns:
            The files of the folder that the commit lacks or has with another content, and the files
            that the commit has and the folder lacks.
        """
        found = hub.patiently(
            lambda: self.api.verify_repo_checksums(
                self.name, repo_type=self.kind, revision=commit, local_dir=folder
            )
        )
        other = [*(mismatch["path"] for mismatch in found.mismatches), *found.extra_paths]
        return sorted(other), [path for path in found.missing_paths if path != GIT_FILE]

    def update(
        self,
        stage: Callable[[str], Path],
        message: str,
        *,
        keep: Callable[[str], bool] = lambda path: False,
    ) -> tuple[str, bool]:
        """Bring it to the files of a folder in one commit, and check what it lists then.

        Args:
            stage: Called with the newest commit before each attempt, returns the folder; may raise.
            message: The commit's.
            keep: Whether a file stays that the folder lacks, by its path; else it is deleted.

        Returns:
            The commit that holds the files, and whether this call made it.

        Raises:
            PublishError: other publishers keep committing, or the commit lists other checksums.
        """
        first = None
        for _ in range(ATTEMPTS):
            head = self.head()
            first = first or head
            folder = stage(head)
            changed, others = self.differences(head, folder)
            gone = [path for path in others if not keep(path)]
            if not changed and not gone:
                if head == first:
                    self.say(f"{self}: nothing to change at {head[:7]}")
                return head, head != first
            self.say(f"{self}: {len(changed)} files to upload")
            try:
                commit = self._commit(message, head, folder, changed, gone)
            except MovedError:  # another publisher's commit, or this one, whose answer was lost
                continue
            left, _ = self.differences(commit, folder)
            if left:
                raise PublishError(
                    f"{self.name} at {commit} lists other checksums than those of "
                    f"{', '.join(left)}."
                )
            self.say(f"{self}: {commit[:7]}, checksums verified")
            return commit, True
        raise PublishError(
            f"other publishers keep committing to {self.name}; run the same command again."
        )

    def _create(self, private, sdks):
        for position, sdk in enumerate(sdks or (None,), start=1):
            options = {"space_sdk": sdk} if sdk else {}
            try:
                self.api.create_repo(
                    self.name, repo_type=self.kind, private=private or None, **options
                )
            except Exception as error:
                if hub.status_of(error) != 402 or position >= len(sdks):
                    raise
                self.say(f"{self}: {sdks[position]}, as the account's plan has no {sdk} Space")
            else:
                return self.say(f"{self}: created")

    def _check_write(self):
        """Ask for the right to write before anything changes."""
        try:
            hub.patiently(lambda: self.api.auth_check(self.name, repo_type=self.kind, write=True))
        except Exception as error:
            if hub.status_of(error) in (401, 403):
                raise hub.explained(error, self.name, self.kind) from error

    def _commit(self, message, parent, folder, changed, gone):
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        def send():
            operations = [CommitOperationAdd(path, folder / path) for path in changed]
            operations += [CommitOperationDelete(path) for path in gone]
            try:
                return self.api.create_commit(
                    self.name,
                    operations,
                    commit_message=message,
                    repo_type=self.kind,
                    parent_commit=parent,
                )
            except Exception as error:
                if hub.status_of(error) == 412:
                    raise MovedError(str(error)) from None
                if type(error) is ValueError:  # the Hub found fault with the card
                    raise ValueError(
                        f"{hub.first_line(error)} Received: {self.kind} {CARD}"
                    ) from None
                raise

        return hub.patiently(send).oid
