"""``<home>/memcube.toml``: what may be set of a system beyond the options of ``memcube up``.

A section is a part's own configuration class, so a setting exists when its field does, with its default and its
meaning. Read by the supervisor before anything starts: what is unknown or out of range is refused by name.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memcube.actors.cube.config import FrameConfig
from memcube.actors.directory.config import DirectoryConfig, RouterConfig
from memcube.actors.gateway.config import GatewayConfig
from memcube.actors.gateway.limits import Bounds
from memcube.actors.governance.audit_recorder import AuditConfig
from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.llm import LLMConfig
from memcube.actors.redaction import RedactionConfig
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.store.config import StoreConfig
from memcube.deployments.embedder.config import EmbedderConfig
from memcube.deployments.encryption import EncryptionConfig
from memcube.deployments.reranker.config import RerankerConfig
from memcube.model.errors import InvalidArgumentError, MemCubeError

__all__ = ["SETTINGS_FILE", "Settings", "default_frames", "read_settings"]

SETTINGS_FILE = "memcube.toml"
MOST_FRAMES, LEAST_FRAMES = 32, 4
BYTES_A_FRAME = 256 * 2**20
"""Memory of the machine for which one frame is allowed: a frame takes 60 MB and its cube's size."""

DERIVED = {
    "gateway.keys_path": "is keys.json in the home, see 'memcube keys'",
    "gateway.governance_path": "is vault/governance in the home",
    "interchange.root": "is vault/interchange in the home",
    "frame.slots": "follows from directory.cubes_per_frame",
    "frame.fine_reading": "follows from llm.base_url",
    "frame.organizing": "follows from llm.base_url",
    "frame.holds_path": "is in the vault",
    "frame.redaction": "is the section [redaction]",
    "frame.tokens_path": "is in the vault",
}
MAY_BE_ZERO = {
    "gateway.grpc_port",
    "gateway.http_port",
    "gateway.drain_s",
    "gateway.connection_age_s",
    "gateway.bounds.rate_per_s",
    "gateway.tenant.operations_per_minute",
    "gateway.tenant.bytes_per_day",
    "gateway.tenant.memories_per_day",
    "directory.spare_slots",
    "directory.min_residency_s",
    "directory.busy_s",
    "frame.embed_delay_s",
    "frame.read_settle_s",
    "frame.read_latest_s",
    "scheduler.min_readers",
    "embedder.dimension",
    "llm.requests_per_minute",
    "llm.tokens_per_minute",
}
"""Zero means "none", "any" or "at once" there; everywhere else a number is above it."""


def default_frames() -> int:
    """Frames that this machine's memory allows, within bounds."""
    return int(min(MOST_FRAMES, max(LEAST_FRAMES, psutil.virtual_memory().total // BYTES_A_FRAME)))


class Settings(BaseModel):
    """The file's sections; what it leaves out is as the classes have it, and ``max_frames`` as the machine allows."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    gateway: GatewayConfig = Field(default_factory=GatewayConfig)
    directory: DirectoryConfig = Field(default_factory=lambda: DirectoryConfig(max_frames=default_frames()))
    router: RouterConfig = Field(default_factory=RouterConfig)
    frame: FrameConfig = Field(default_factory=FrameConfig)
    embedder: EmbedderConfig = Field(default_factory=EmbedderConfig)
    llm: LLMConfig = Field(default_factory=LLMConfig)
    scheduler: SchedulerConfig = Field(default_factory=SchedulerConfig)
    reranker: RerankerConfig = Field(default_factory=RerankerConfig)
    interchange: InterchangeConfig = Field(default_factory=InterchangeConfig)
    audit: AuditConfig = Field(default_factory=AuditConfig)
    encryption: EncryptionConfig = Field(default_factory=EncryptionConfig)
    store: StoreConfig = Field(default_factory=StoreConfig)
    redaction: RedactionConfig = Field(default_factory=RedactionConfig)


def read_settings(home: Path) -> Settings:
    """The settings of this home, the defaults where there is no file.

    Raises InvalidArgumentError whose field is the setting, e.g. ``gateway.bounds.burst``.
    """
    path = home / SETTINGS_FILE
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise InvalidArgumentError(SETTINGS_FILE, f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidArgumentError(SETTINGS_FILE, f"{path} is no TOML: {error}") from error
    try:
        settings = _settings_of(given)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(error.field, f"{error.problem} (in {path})") from error
    return settings


def _settings_of(given: dict[str, Any]) -> Settings:
    for name, value in _leaves(given):
        derived = next((known for known in DERIVED if f"{name}.".startswith(f"{known}.")), None)
        if derived is not None:
            raise InvalidArgumentError(name, DERIVED[derived])
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and (value < 0 or (not value and name not in MAY_BE_ZERO)):
            raise InvalidArgumentError(name, f"{value} is not above 0")
    directory = given.setdefault("directory", {})
    if isinstance(directory, dict):
        directory.setdefault("max_frames", default_frames())
    try:
        # As JSON: strict pydantic takes a mapping for a dataclass there only. Dates become texts, and are refused.
        return Settings.model_validate_json(json.dumps(given, default=str))
    except ValidationError as error:
        raise _refusal(error) from error


def _leaves(given: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _refusal(failure: ValidationError) -> MemCubeError:
    """The first thing that is wrong, by the setting's path."""
    first = failure.errors()[0]
    raised = first.get("ctx", {}).get("error")
    if isinstance(raised, MemCubeError):
        return raised
    *inside, _ = path = [str(part) for part in first["loc"]]
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = ", ".join(_names(inside))
        return InvalidArgumentError(".".join(path), f"is no setting; {'.'.join(inside) or SETTINGS_FILE} has {known}")
    problem = str(first["msg"])
    return InvalidArgumentError(".".join(path), problem[:1].lower() + problem[1:])


def _names(path: list[str]) -> list[str]:
    """What may stand in a section."""
    if path == ["gateway", "bounds"]:
        kind: Any = Bounds
    else:
        kind = Settings.model_fields[path[0]].annotation if path else Settings
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(kind.model_fields)
    return [name for name in names if ".".join([*path, name]) not in DERIVED]
