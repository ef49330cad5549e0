"""One repository on the Hub: its files and tags, and its update in one commit.

>>> repository = Repository("model", "owner/olivetti-denoiser")
>>> commit, made = repository.update(lambda head: Path("stage"), "Publish it", keep=stays)

A repository changes in one commit that names its parent, and is read again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from olivetti_denoiser import hub
from olivetti_denoiser.errors import PublishError
from olivetti_denoiser.publish.credentials import token_for

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")

GIT_FILE = ".gitattributes"  # the Hub's own, in every repository
ATTEMPTS = 3  # when another publisher commits in between


@dataclass
class Repository:
    """A model, dataset or Space repository.

    Attributes:
        kind: "model", "dataset" or "space".
        name: OWNER/NAME.
    """

    kind: str
    name: str

    @cached_property
    def api(self) -> HfApi:
        """The client, with the token for this repository."""
        from huggingface_hub import HfApi

        return HfApi(token=token_for(self.kind, self.name))

    def __str__(self) -> str:
        """Return the repository's name in messages."""
        return f"{self.kind} {self.name}"

    def ensure(self, *, private: bool, sdk: str | None = None) -> str | None:
        """Make sure that it exists, with the asked privacy, and that it can be written to.

        Args:
            private: Make it private where it does not exist yet.
            sdk: Kind of a Space that does not exist yet, "gradio" or "static".

        Returns:
            A Space's kind, else None.

        Raises:
            ValueError: It exists and is public, though `private` was asked for.
        """
        self._ask(self.api.create_repo, private=private or None, space_sdk=sdk, exist_ok=True)
        try:
            self._ask(self.api.auth_check, write=True)
        except Exception as error:
            if hub.status_of(error) in (401, 403):  # else the commit will tell
                raise
        info = self.info()
        if private and not info.private:
            raise ValueError(
                f"{self} exists and is public; make it private on its settings page or "
                f"leave --private out. Received: --private"
            )
        return getattr(info, "sdk", None)

    def info(self) -> Any:
        """Return the Hub's facts about the repository; None where it does not exist."""
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            return self._ask(self.api.repo_info)
        except RepositoryNotFoundError:
            return None

    def commit_of(self, tag: str) -> str | None:
        """Return the commit that a tag stands on; None where there is no such tag."""
        tags = self._ask(self.api.list_repo_refs).tags
        return {found.name: found.target_commit for found in tags}.get(tag)

    def put_tag(self, tag: str, commit: str) -> None:
        """Put a tag on a commit.

        Raises:
            PublishError: The tag stands on another commit.
        """
        self._ask(self.api.create_tag, tag=tag, revision=commit, exist_ok=True)
        if (stands := self.commit_of(tag)) != commit:
            raise PublishError(f"the tag {tag} of {self.name} went to {stands}, not to {commit}.")

    def differences(self, commit: str, folder: Path) -> tuple[list[str], list[str]]:
        """Compare a commit's checksums with a folder.

        Returns:
            The files of the folder that the commit lacks or has with another content, and the files
            that the commit has and the folder lacks.
        """
        found = self._ask(self.api.verify_repo_checksums, revision=commit, local_dir=folder)
        changed = [*(mismatch["path"] for mismatch in found.mismatches), *found.extra_paths]
        return sorted(changed), [path for path in found.missing_paths if path != GIT_FILE]

    def update(
        self,
        stage: Callable[[str], Path],
        message: str,
        *,
        keep: Callable[[str], bool],
        tag: str | None = None,
    ) -> tuple[str, bool]:
        """Replace the repository's files by a folder's in one commit, and check the new checksums.

        Args:
            stage: Called with the newest commit before each attempt, returns the folder; may raise.
            message: The message of the commit.
            keep: Tells, given the path of a published file that the folder lacks, whether it stays;
                other such files are deleted.
            tag: A tag that the commit is to get.

        Returns:
            The commit that holds the files, and whether this call made it.

        Raises:
            ValueError: The tag stands on other files; or the Hub finds fault with the card.
            PublishError: Other publishers keep committing, or the commit lists other checksums.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        first = None
        for _ in range(ATTEMPTS):
            head = self.info().sha
            first = first or head
            folder = stage(head)
            changed, absent = self.differences(head, folder)
            gone = [path for path in absent if not keep(path)]
            tagged = self.commit_of(tag) if tag else None
            if tagged and (tagged != head or changed or gone):
                raise ValueError(
                    f"{self.name} has a tag of this name already, on other files at "
                    f"{tagged[:7]}; choose another. Received: --tag {tag}"
                )
            if not changed and not gone:
                print(f"{self}: nothing to change at {head[:7]}")
                return head, head != first
            print(f"{self}: {len(changed)} files to upload")
            try:
                commit = self._ask(
                    self.api.create_commit,
                    operations=[
                        *(CommitOperationAdd(path, folder / path) for path in changed),
                        *(CommitOperationDelete(path) for path in gone),
                    ],
                    commit_message=message,
                    parent_commit=head,
                ).oid
            except Exception as error:
                if hub.status_of(error) != 412:
                    raise
                continue  # another publisher's commit, or this one, whose answer was lost
            if left := self.differences(commit, folder)[0]:
                raise PublishError(
                    f"{self.name} at {commit} lists other checksums than those of "
                    f"{', '.join(left)}."
                )
            print(f"{self}: {commit[:7]}, checksums verified")
            return commit, True
        raise PublishError(
            f"other publishers keep committing to {self.name}; run the same command again."
        )

    def _ask(self, method: Callable[..., T], **options: Any) -> T:
        """Call a method of the client for this repository, again while the Hub is busy."""
        return hub.patiently(partial(method, self.name, repo_type=self.kind, **options))
