"""Hugging Face dataset repositories: ``hf://owner/name``, with ``@revision`` for one state of it.

A dump is one commit, so it is there whole or not at all. A load takes one commit's files, whatever is pushed meanwhile,
and verifies them before anything is read. The token is the one that ``hf auth login`` or ``HF_TOKEN`` gives.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from memcube.interchange.index import INDEX, digest_of_file, files_in, read_index
from memcube.interchange.package import is_bundle, safe_name
from memcube.model.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    MemCubeError,
    MissingExtraError,
    NotFoundError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)

__all__ = ["HuggingFaceTarget"]

MAX_FILES = 100_000
_ADDRESS = re.compile(r"hf://(?:datasets/)?(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(?:@(?P<revision>[\w./-]{1,128}))?")
_BESIDE = (".gitattributes", "README.md")
"""Files of the repository itself."""


class HuggingFaceTarget:
    """See ``Target``."""

    def __init__(self, address: str, field: str = "target") -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise InvalidArgumentError(field, f"{address[:100]!r} is no hf://owner/name@revision")
        self._repo, self._revision = match["repo"], match["revision"] or "main"
        try:
            import huggingface_hub
        except ImportError as error:
            raise MissingExtraError("hf:// addresses", "hf") from error
        self._hub: Any = huggingface_hub
        self._api: Any = huggingface_hub.HfApi()

    def send(self, folder: Path) -> str:
        """See ``Target``; a missing repository is made, as a private one."""
        add = self._hub.CommitOperationAdd
        operations = [add(path_in_repo=name, path_or_fileobj=str(path)) for name, path in files_in(folder)]
        try:
            self._api.create_repo(self._repo, repo_type="dataset", private=True, exist_ok=True)
            there = set(self._names(self._revision))
            if there & {INDEX, "index.json"}:
                raise AlreadyExistsError("dump", f"hf://{self._repo}@{self._revision}")
            made = self._api.create_commit(
                self._repo,
                operations,
                commit_message=f"MemCube dump of {len(operations)} files",
                repo_type="dataset",
                revision=self._revision,
            )
        except Exception as error:
            raise self._failure(error) from error
        return f"hf://{self._repo}@{made.oid}"

    def fetch(self, into: Path) -> Path:
        """See ``Target``."""
        try:
            info = self._api.repo_info(self._repo, repo_type="dataset", revision=self._revision)
            names = [name for name in self._names(info.sha) if name not in _BESIDE]
            for name in names:
                target = into / safe_name(name, name)
                got = self._hub.hf_hub_download(
                    self._repo, name, repo_type="dataset", revision=info.sha, cache_dir=str(into.parent / "hf-cache")
                )
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(got, target)
        except Exception as error:
            raise self._failure(error) from error
        if not is_bundle(into):
            self._verify(into)
        return into

    def _names(self, revision: str) -> list[str]:
        names = list(self._api.list_repo_files(self._repo, repo_type="dataset", revision=revision))
        if len(names) > MAX_FILES:
            raise TooLargeError(f"hf://{self._repo}", len(names), MAX_FILES, "files")
        return [str(name) for name in names]

    def _verify(self, into: Path) -> None:
        """Each file against the index, where there is one; a repository of others has none."""
        if not (into / INDEX).is_file():
            return
        for entry in read_index((into / INDEX).read_bytes()):
            path = into / entry.name
            if not path.is_file() or digest_of_file(path) != entry.sha256:
                raise InvalidArgumentError(entry.name, "does not have the digest that the index names")

    def _failure(self, error: Exception) -> MemCubeError:
        if isinstance(error, MemCubeError):
            return error
        where = f"hf://{self._repo}"
        status = getattr(getattr(error, "response", None), "status_code", 0)
        kind = type(error).__name__
        if kind in ("RepositoryNotFoundError", "RevisionNotFoundError", "EntryNotFoundError") or status == 404:
            return NotFoundError("dataset repository", f"{self._repo}@{self._revision}")
        if status in (401, 403):
            return UnauthenticatedError(f"{where} refuses this token ({status})")
        if isinstance(error, ValueError):
            return InvalidArgumentError(where, f"{error}"[:200])
        return UnavailableError(f"{where} ({kind}: {error})"[:300])
