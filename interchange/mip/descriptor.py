"""The descriptor: what a bundle says of itself, its manifest's config; section 4 of MIP.md."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memcube.interchange.mip.keys import PublicKey
from memcube.interchange.mip.media import CRITICAL, VERSION
from memcube.interchange.mip.strict import dumps, loads_object
from memcube.interchange.mip.tree import EMPTY_ROOT
from memcube.model.errors import InvalidArgumentError
from memcube.model.times import parse_time, utc_now

__all__ = ["CubeAbout", "Derived", "Descriptor", "ItemsAbout", "SeqRange"]

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**53)]
_BY_THE_LETTER = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class CubeAbout(BaseModel):
    """The cube that the memories are of, as its users know it."""

    model_config = _BY_THE_LETTER
    id: Annotated[str, Field(min_length=1, max_length=256)]
    description: str = ""
    config: dict[str, Any] = Field(default_factory=dict)


class SeqRange(BaseModel):
    """The events that led to this state: those of the cube's journal after ``from``, up to ``to``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)
    from_: Count = Field(default=0, alias="from")
    to: Count = 0

    @classmethod
    def of(cls, start: int, end: int) -> SeqRange:
        """The events after ``start``, up to ``end``."""
        return cls.model_validate({"from": start, "to": end})


class ItemsAbout(BaseModel):
    """The tree over the items: how many leaves, its root, how many disclosures hang on them all together.

    ``decoys``: the digests in a header are filled up to a multiple of so many, 0 for none. ``present``: of the
    leaves, those that are in the bundle.
    """

    model_config = _BY_THE_LETTER
    count: Count = 0
    present: Count = 0
    disclosures: Count = 0
    decoys: Annotated[int, Field(ge=0, le=64)] = 0
    root: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = EMPTY_ROOT


class Derived(BaseModel):
    """That something was left out of a bundle that another, or the same, key had signed: the blob of that envelope."""

    model_config = _BY_THE_LETTER
    kind: Literal["redaction", "selection"]
    origin: Digest
    gaps: bool = False
    redactions: Count = 0


class Descriptor(BaseModel):
    """See the module. Members that this version does not know are kept, unless ``critical`` names them.

    Made by callers with ``cube`` at least; the writer fills in what it counts.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)

    mip: Annotated[str, Field(pattern=r"^1\.[0-9]{1,4}$")] = VERSION
    cube: CubeAbout
    issuer: str = ""
    epoch: Count = 1
    seq: SeqRange = SeqRange()
    parent: Digest | None = None
    created_at: str = ""
    items: ItemsAbout = ItemsAbout()
    deleted: Count = 0
    policy: Digest | None = None
    derived: Derived | None = None
    critical: tuple[Annotated[str, Field(max_length=256)], ...] = Field(default=(), max_length=64, strict=False)
    generator: Annotated[str, Field(max_length=256)] = ""

    @property
    def key(self) -> PublicKey:
        """Whose bundle it is by its own word; raises InvalidArgumentError("bundle.descriptor.issuer")."""
        try:
            return PublicKey.parse(self.issuer)
        except InvalidArgumentError as error:
            raise InvalidArgumentError("bundle.descriptor.issuer", error.problem) from error

    @property
    def time(self) -> datetime:
        """When it was made."""
        return parse_time("bundle.descriptor.created_at", self.created_at)

    def encoded(self) -> bytes:
        """As it is written. Members that say nothing are left out."""
        plain = self.model_dump(by_alias=True, exclude_none=True)
        return dumps({name: value for name, value in plain.items() if value not in ("", (), {})})

    @classmethod
    def read(cls, data: bytes) -> Descriptor:
        """What ``encoded`` wrote. Raises InvalidArgumentError("bundle.descriptor…"), also for what is critical and not
        understood."""
        what = "bundle.descriptor"
        document = loads_object(data, what)
        try:
            descriptor = cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join([what, *map(str, first["loc"])])
            raise InvalidArgumentError(place[:200], first["msg"]) from error
        if "mip" not in document:
            raise InvalidArgumentError(f"{what}.mip", "is missing")
        check_critical(descriptor.critical, what)
        descriptor.key  # noqa: B018 - it raises
        descriptor.time  # noqa: B018
        return descriptor

    def filled(self, key: PublicKey, **counted: Any) -> Descriptor:
        """The same with what the writer knows: whose it is, when it was made, what it holds."""
        made = self.created_at or utc_now().isoformat(timespec="seconds").replace("+00:00", "Z")
        return self.model_copy(update={"issuer": str(key), "created_at": made, **counted})


def check_critical(names: Iterable[Any], what: str, known: frozenset[str] = CRITICAL) -> None:
    """Refuse what must be understood and is not: InvalidArgumentError("….critical")."""
    for name in names:
        if name not in known:
            raise InvalidArgumentError(f"{what}.critical", f"names {str(name)[:64]!r}, which is not understood here")
