"""A list of messages of one tenant in a file of JSON: what is checked, read whole and replaced whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from memcube.actors.vault.paths import make_folder, tenant_folder, write_durably
from memcube.actors.vault.sql_errors import vault_error
from memcube.model.errors import DamagedError, InvalidArgumentError

__all__ = ["Shape", "TenantFile"]

One = TypeVar("One", bound=Message)


@dataclass(frozen=True, slots=True)
class Shape(Generic[One]):
    """What such a file holds: ``whole`` is the message whose field ``field`` is the list, ``check`` raises
    InvalidArgumentError for one that may not be in it, ``words`` are what they are called; at most ``most``."""

    whole: type[Message]
    field: str
    check: Callable[[One], None]
    words: str
    most: int


class TenantFile(Generic[One]):
    """The list of one tenant on disk. Written by one gateway, read by anyone; blocking."""

    def __init__(self, folder: Path, tenant: str, shape: Shape[One]) -> None:
        self.path = folder / f"{tenant_folder(tenant)}.json"
        self._shape = shape

    def load(self) -> list[One]:
        """All of them; none where there is no file. Raises DamagedError for a file that holds something else, never
        takes it for empty."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise vault_error(error, self.path) from error
        try:
            found: list[Any] = list(getattr(json_format.Parse(text, self._shape.whole()), self._shape.field))
            for one in found:
                self._shape.check(one)
        except (json_format.ParseError, UnicodeDecodeError, InvalidArgumentError) as error:
            raise DamagedError(str(self.path), f"it holds no {self._shape.words}: {error}") from error
        return found

    def save(self, all_of_them: Sequence[One]) -> None:
        """Replace all, durably. Raises InvalidArgumentError for too many, StorageFullError."""
        shape = self._shape
        if len(all_of_them) > shape.most:
            raise InvalidArgumentError(shape.field, f"{len(all_of_them)} {shape.words} are more than {shape.most}")
        text = json_format.MessageToJson(shape.whole(**{shape.field: all_of_them}), ensure_ascii=False)
        try:
            make_folder(self.path.parent)
            os.close(write_durably(self.path, text.encode()))
        except OSError as error:
            raise vault_error(error, self.path) from error
