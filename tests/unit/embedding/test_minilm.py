"""The ONNX graph is all-MiniLM-L6-v2: held to BERT written out in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memcube.deployments.embedder.config import EmbedderConfig, load_model
from memcube.deployments.embedder.onnx_model import MAX_TOKENS, OnnxMiniLM, graph_file, model_folder
from memcube.model.errors import InvalidArgumentError, MissingExtraError

TEXTS = [
    "Where does Alice live now?",
    "Alice moved to Lisbon in March, and she likes the light there more than she thought she would.",
    "我搬到里斯本了",
    "x",
    "word " * 600,
    "",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> OnnxMiniLM:
    """The model, its graph built in a fresh folder."""
    return OnnxMiniLM(1, cache=tmp_path_factory.mktemp("models"))


def reference(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The sentence vector by the book: BERT's encoder (Devlin et al. 2018), mean pooled, of length 1."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    folder = model_folder()
    weights = load_file(folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    ids = torch.tensor(tokenizer.encode(text).ids)
    functional = torch.nn.functional

    def norm(x: Any, name: str) -> Any:
        return functional.layer_norm(x, (384,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

    def dense(x: Any, name: str) -> Any:
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    embeddings = weights["embeddings.word_embeddings.weight"][ids]
    embeddings = embeddings + weights["embeddings.position_embeddings.weight"][: len(ids)]
    hidden = norm(embeddings + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(6):
        base = f"encoder.layer.{layer}"
        q, k, v = (
            dense(hidden, f"{base}.attention.self.{part}").view(len(ids), 12, 32).transpose(0, 1)
            for part in ("query", "key", "value")
        )
        mixed = torch.softmax(q @ k.transpose(1, 2) / 32**0.5, -1) @ v
        attended = dense(mixed.transpose(0, 1).reshape(len(ids), 384), f"{base}.attention.output.dense")
        middle = norm(attended + hidden, f"{base}.attention.output.LayerNorm")
        wide = functional.gelu(dense(middle, f"{base}.intermediate.dense"))
        hidden = norm(dense(wide, f"{base}.output.dense") + middle, f"{base}.output.LayerNorm")
    vector: np.ndarray[Any, np.dtype[np.float32]] = functional.normalize(hidden.mean(0), dim=0).numpy()
    return vector


def test_equals_the_model_by_the_book(model: OnnxMiniLM) -> None:
    """Fused operators and a batch of unlike lengths change no vector by more than 1e-5."""
    vectors = model.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, reference(text), atol=1e-5)


def test_a_vector_does_not_depend_on_its_batch(model: OnnxMiniLM) -> None:
    """Alone or among others, first or last: the same vector, of length 1."""
    together = model.encode(TEXTS * 3)
    for i, text in enumerate(TEXTS):
        alone = model.encode([text])[0]
        np.testing.assert_allclose(together[i], alone, atol=1e-5)
        np.testing.assert_allclose(together[-len(TEXTS) + i], alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_nothing_in_nothing_out(model: OnnxMiniLM) -> None:
    """An empty list has an empty matrix of the right width."""
    assert model.encode([]).shape == (0, 384)


def test_means_what_it_should(model: OnnxMiniLM) -> None:
    """A paraphrase is nearer than another subject; Chinese of the same meaning is not (the model knows none)."""
    question, paraphrase, other, chinese = model.encode(
        ["Where does she live?", "Her home is in Lisbon.", "The printer is out of paper.", "她住在里斯本。"]
    )
    assert question @ paraphrase > question @ other + 0.15
    assert paraphrase @ chinese < 0.3


def test_the_graph_is_built_once_and_named_by_its_weights(tmp_path: Path) -> None:
    """A second start reads the file; a half-written file of a killed process is not taken for it."""
    (tmp_path / "killed.tmp").write_bytes(b"half")
    first = graph_file(model_folder(), tmp_path)
    written = first.stat().st_mtime_ns
    assert graph_file(model_folder(), tmp_path) == first
    assert first.stat().st_mtime_ns == written
    assert OnnxMiniLM(1, cache=tmp_path).model_id.endswith(first.stem.removeprefix("minilm-"))


def test_the_factory_names_what_is_missing() -> None:
    """A configuration that cannot work says which field or extra is the reason."""
    assert load_model(EmbedderConfig(kind="none")) is None
    for config, field in (
        (EmbedderConfig(kind="sentence"), "embedder.model"),
        (EmbedderConfig(kind="openai", model="m"), "embedder.base_url"),
        (EmbedderConfig(kind="openai", base_url="http://127.0.0.1:1/v1"), "embedder.model"),
    ):
        with pytest.raises(InvalidArgumentError) as refused:
            load_model(config)
        assert refused.value.field == field
    with pytest.raises(MissingExtraError) as missing:
        load_model(EmbedderConfig(kind="sentence", model="any"))
    assert missing.value.extra == "sentence"
