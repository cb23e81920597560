"""Whether a KV block or a LoRA adapter may be used here: by what it was made from, never by a model's name.

Section 7 of MIP.md. A record says everything on which the numbers depend. What is not said counts as different.

    EXACT        every field is the same: use the numbers as they are
    CONVERTIBLE  the same numbers, laid out or widened otherwise: convert, check bit for bit, use
    RECOMPUTE    other numbers: make them anew from the text of ``source_items``
    REFUSE       neither: there is nothing to make them from, or the record is none
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memcube.model.errors import InvalidArgumentError

__all__ = ["Base", "KvRecord", "LoraRecord", "Ruling", "Verdict", "kv_ruling", "lora_ruling"]

Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]
Short = Annotated[str, Field(max_length=256)]
_EXTENSIBLE = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)
_WIDENS = {("F16", "F32"), ("BF16", "F32"), ("F16", "F64"), ("BF16", "F64"), ("F32", "F64")}
"""Types of numbers that the other one holds exactly."""


class Verdict(StrEnum):
    """See the module."""

    EXACT = "exact"
    CONVERTIBLE = "convertible"
    RECOMPUTE = "recompute"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, and the fields that it rests on: those that differ or are not said."""

    verdict: Verdict
    fields: tuple[str, ...] = ()


class Rope(BaseModel):
    """Rotary positions: ``positions`` is "start-end" of the block, ``applied`` whether keys were turned yet."""

    model_config = _EXTENSIBLE
    type: Short = ""
    theta: float = 0.0
    scaling: Short = ""
    positions: Short = ""
    applied: Literal["pre", "post", ""] = ""


class Quant(BaseModel):
    """How numbers were quantised: nothing, or a scheme and the digest of its scales."""

    model_config = _EXTENSIBLE
    scheme: Short = "none"
    scale_digest: Digest = ""


class Engine(BaseModel):
    """What computed it."""

    model_config = _EXTENSIBLE
    name: Short = ""
    version: Short = ""


class Shards(BaseModel):
    """Tensor and pipeline parallelism of the block."""

    model_config = _EXTENSIBLE
    tp: Annotated[int, Field(ge=1)] = 1
    pp: Annotated[int, Field(ge=1)] = 1
    map: Short = ""


class KvRecord(BaseModel):
    """All that the numbers of a KV block depend on. An empty text or a zero means "not said"."""

    model_config = _EXTENSIBLE
    weights_digest: Digest = ""
    config_digest: Digest = ""
    revision: Short = ""
    tokenizer_digest: Digest = ""
    chat_template_digest: Digest = ""
    adapter_digests: Annotated[tuple[Digest, ...], Field(strict=False)] = ()
    dtype: Short = ""
    kv_quant: Quant = Quant()
    n_layers: Annotated[int, Field(ge=0)] = 0
    n_kv_heads: Annotated[int, Field(ge=0)] = 0
    head_dim: Annotated[int, Field(ge=0)] = 0
    attention: Short = ""
    layout: Short = ""
    page_size: Annotated[int, Field(ge=0)] = 0
    rope: Rope = Rope()
    token_ids_digest: Digest = ""
    n_tokens: Annotated[int, Field(ge=0)] = 0
    parent_prefix: Digest = ""
    engine: Engine = Engine()
    shards: Shards = Shards()
    source_items: Annotated[tuple[Short, ...], Field(strict=False)] = ()
    critical: Annotated[tuple[Short, ...], Field(strict=False)] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> KvRecord:
        """The record that ``plain`` wrote; raises InvalidArgumentError("kv.…")."""
        found: KvRecord = _read(cls, plain, "kv")
        return found


class LoraRecord(BaseModel):
    """All that decides whether an adapter fits a base model."""

    model_config = _EXTENSIBLE
    weights_digest: Digest = ""
    peft_type: Short = "LORA"
    r: Annotated[int, Field(ge=0)] = 0
    alpha: Annotated[float, Field(ge=0)] = 0.0
    target_modules: Annotated[tuple[Short, ...], Field(strict=False)] = ()
    dtype: Short = ""
    merged: bool = False
    lineage_root: Short = ""
    eval_card: dict[str, Any] = Field(default_factory=dict)
    spectral_signature: Annotated[tuple[float, ...], Field(strict=False)] = ()
    critical: Annotated[tuple[Short, ...], Field(strict=False)] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> LoraRecord:
        """The record that ``plain`` wrote; raises InvalidArgumentError("lora.…")."""
        found: LoraRecord = _read(cls, plain, "lora")
        return found


@dataclass(frozen=True, slots=True)
class Base:
    """A base model here: the digest of its weights, the names of its modules, and what it computes in."""

    weights_digest: str
    modules: Sequence[str]
    dtype: str


def _read(kind: Any, plain: Mapping[str, Any], what: str) -> Any:
    try:
        return kind.model_validate({name: value for name, value in plain.items() if name != "tensors"})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidArgumentError(".".join([what, *map(str, first["loc"])])[:200], first["msg"]) from error


_IGNORED = frozenset({"source_items", "critical"})
"""They say where a block comes from, nothing of its numbers."""
_NEEDED = (
    "weights_digest", "config_digest", "tokenizer_digest", "dtype", "n_layers", "n_kv_heads", "head_dim", "attention",
    "layout", "token_ids_digest", "n_tokens", "engine.name", "engine.version",
)  # fmt: skip
"""Without these nobody can say that two blocks are the same."""
_RELAYED = frozenset({"layout", "page_size", "shards.tp", "shards.pp", "shards.map", "engine.name", "engine.version"})
_RELAYED_TOO = frozenset({"revision"})
"""A name of what the digests say already."""


def kv_ruling(record: KvRecord, here: KvRecord) -> Ruling:
    """Whether the block of ``record`` can stand for what ``here`` would compute: the record of the same tokens on this
    machine's model, engine and settings."""
    unknown = [name for name in record.critical if name not in KvRecord.model_fields]
    if unknown:
        return Ruling(Verdict.REFUSE, tuple(unknown))
    theirs, ours = _flat(record.plain()), _flat(here.plain())
    differ = [name for name in sorted({*theirs, *ours} - _IGNORED) if theirs.get(name) != ours.get(name)]
    unsaid = [name for name in _NEEDED if not theirs.get(name) or not ours.get(name)]
    if not differ and not unsaid:
        return Ruling(Verdict.EXACT)
    others = [name for name in differ if name not in _RELAYED | _RELAYED_TOO]
    if others == ["dtype"] and (record.dtype, here.dtype) in _WIDENS:
        others = []
    if not others and not unsaid:
        return Ruling(Verdict.CONVERTIBLE, tuple(differ))
    verdict = Verdict.RECOMPUTE if record.source_items else Verdict.REFUSE
    return Ruling(verdict, tuple(dict.fromkeys([*differ, *unsaid])))


def lora_ruling(record: LoraRecord, base: Base) -> Ruling:
    """Whether an adapter may be put on this base model. Another base is another model: RECOMPUTE is to train anew, and
    needs the lineage of what it was trained on."""
    unknown = [name for name in record.critical if name not in LoraRecord.model_fields]
    if record.merged:
        unknown.append("merged")
    if record.peft_type != "LORA":
        unknown.append("peft_type")
    if unknown:
        return Ruling(Verdict.REFUSE, tuple(unknown))
    wrong = [name for name in ("weights_digest", "r", "alpha", "target_modules", "dtype") if not getattr(record, name)]
    if record.weights_digest != base.weights_digest:
        wrong.append("weights_digest")
    if not {*record.target_modules} <= {*base.modules}:
        wrong.append("target_modules")
    if wrong:
        verdict = Verdict.RECOMPUTE if record.lineage_root else Verdict.REFUSE
        return Ruling(verdict, tuple(dict.fromkeys(wrong)))
    if record.dtype == base.dtype:
        return Ruling(Verdict.EXACT)
    if (record.dtype, base.dtype) in _WIDENS:
        return Ruling(Verdict.CONVERTIBLE, ("dtype",))
    return Ruling(Verdict.RECOMPUTE if record.lineage_root else Verdict.REFUSE, ("dtype",))


def _flat(plain: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in plain.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found
