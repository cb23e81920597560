"""KV blocks and adapters are used for what they were made from, never for a name."""

from __future__ import annotations

from typing import Any

import pytest

from memcube.interchange.mip import Base, KvRecord, LoraRecord, Verdict, kv_ruling, lora_ruling
from memcube.model.errors import InvalidArgumentError

DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
RECORD: dict[str, Any] = {
    "weights_digest": DIGEST, "config_digest": DIGEST, "revision": "main", "tokenizer_digest": DIGEST,
    "chat_template_digest": DIGEST, "adapter_digests": [DIGEST], "dtype": "F16",
    "kv_quant": {"scheme": "none", "scale_digest": ""}, "n_layers": 24, "n_kv_heads": 2, "head_dim": 64,
    "attention": "GQA", "layout": "L,2,H,T,D", "page_size": 16,
    "rope": {"type": "default", "theta": 1e6, "scaling": "", "positions": "0-41", "applied": "post"},
    "token_ids_digest": DIGEST, "n_tokens": 42, "parent_prefix": DIGEST,
    "engine": {"name": "transformers", "version": "5.1"}, "shards": {"tp": 1, "pp": 1, "map": ""},
    "source_items": ["leaf"],
}  # fmt: skip
MUTATIONS: dict[str, tuple[Any, Verdict]] = {
    "weights_digest": (OTHER, Verdict.RECOMPUTE),
    "config_digest": (OTHER, Verdict.RECOMPUTE),
    "revision": ("v2", Verdict.CONVERTIBLE),
    "tokenizer_digest": (OTHER, Verdict.RECOMPUTE),
    "chat_template_digest": (OTHER, Verdict.RECOMPUTE),
    "adapter_digests": ([], Verdict.RECOMPUTE),
    "dtype": ("BF16", Verdict.RECOMPUTE),
    "kv_quant.scheme": ("int8", Verdict.RECOMPUTE),
    "kv_quant.scale_digest": (OTHER, Verdict.RECOMPUTE),
    "n_layers": (28, Verdict.RECOMPUTE),
    "n_kv_heads": (4, Verdict.RECOMPUTE),
    "head_dim": (128, Verdict.RECOMPUTE),
    "attention": ("MHA", Verdict.RECOMPUTE),
    "layout": ("2,L,T,H,D", Verdict.CONVERTIBLE),
    "page_size": (32, Verdict.CONVERTIBLE),
    "rope.theta": (1e4, Verdict.RECOMPUTE),
    "rope.positions": ("1-42", Verdict.RECOMPUTE),
    "rope.applied": ("pre", Verdict.RECOMPUTE),
    "token_ids_digest": (OTHER, Verdict.RECOMPUTE),
    "n_tokens": (43, Verdict.RECOMPUTE),
    "parent_prefix": ("", Verdict.RECOMPUTE),
    "engine.name": ("vllm", Verdict.CONVERTIBLE),
    "engine.version": ("5.2", Verdict.CONVERTIBLE),
    "shards.tp": (2, Verdict.CONVERTIBLE),
    "x.unknown": ("something", Verdict.RECOMPUTE),
}


def changed(**values: Any) -> KvRecord:
    """The record with some fields changed, by their dotted names."""
    plain = {name: dict(value) if isinstance(value, dict) else value for name, value in RECORD.items()}
    for name, value in values.items():
        outer, _, inner = name.partition(".")
        if inner and outer in plain:
            plain[outer][inner] = value
        else:
            plain[name] = value
    return KvRecord.read(plain)


def test_equal_records_are_exact() -> None:
    """Also after a way over JSON."""
    assert kv_ruling(changed(), KvRecord.read(changed().plain())).verdict is Verdict.EXACT


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_field_that_differs_is_never_exact(name: str) -> None:
    """More than twenty single changes, either way round; the ruling names the field."""
    value, wanted = MUTATIONS[name]
    ruling = kv_ruling(changed(**{name: value}), changed())
    assert ruling.verdict is wanted
    assert ruling.fields == (name,) or name == "parent_prefix"
    assert kv_ruling(changed(), changed(**{name: value})).verdict is not Verdict.EXACT


def test_what_is_not_said_is_not_the_same() -> None:
    """Two records that both say nothing of the weights, the engine or the tokens are not equal."""
    for name in ("weights_digest", "tokenizer_digest", "engine.version", "token_ids_digest", "dtype"):
        one = changed(**{name: ""})
        assert kv_ruling(one, one).verdict is Verdict.RECOMPUTE
    assert kv_ruling(KvRecord(), KvRecord()).verdict is Verdict.REFUSE


def test_refused_where_nothing_can_be_made_of_it() -> None:
    """No source items, a critical field that nobody knows, a record that is none."""
    assert kv_ruling(changed(weights_digest=OTHER, source_items=[]), changed()).verdict is Verdict.REFUSE
    assert kv_ruling(changed(critical=["x.must"]), changed()).verdict is Verdict.REFUSE
    for wrong in ({"n_layers": "24"}, {"weights_digest": "the usual"}, {"rope": {"theta": float("nan")}}):
        with pytest.raises(InvalidArgumentError, match=r"^kv\."):
            KvRecord.read({**RECORD, **wrong})


def test_numbers_may_be_widened_only() -> None:
    """F16 to F32 holds every number; the other way does not."""
    assert kv_ruling(changed(dtype="F16"), changed(dtype="F32")).verdict is Verdict.CONVERTIBLE
    assert kv_ruling(changed(dtype="F32"), changed(dtype="F16")).verdict is Verdict.RECOMPUTE


def test_adapters_belong_to_their_base() -> None:
    """Same base exactly; another only by training anew, or not at all; merged weights never."""
    base = Base(DIGEST, ("q_proj", "v_proj"), "F32")
    good: dict[str, Any] = {
        "weights_digest": DIGEST,
        "r": 8,
        "alpha": 16.0,
        "target_modules": ["q_proj"],
        "dtype": "F32",
    }
    assert lora_ruling(LoraRecord.read(good), base).verdict is Verdict.EXACT
    assert lora_ruling(LoraRecord.read({**good, "dtype": "F16"}), base).verdict is Verdict.CONVERTIBLE
    for wrong in ({"weights_digest": OTHER}, {"target_modules": ["gate"]}, {"r": 0}, {"dtype": ""}):
        assert lora_ruling(LoraRecord.read({**good, **wrong}), base).verdict is Verdict.REFUSE
        again = LoraRecord.read({**good, **wrong, "lineage_root": "root"})
        assert lora_ruling(again, base).verdict is Verdict.RECOMPUTE
    for never in ({"merged": True}, {"peft_type": "IA3"}, {"critical": ["x"]}):
        assert lora_ruling(LoraRecord.read({**good, **never, "lineage_root": "r"}), base).verdict is Verdict.REFUSE
