"""all-MiniLM-L6-v2 on the CPU through onnxruntime: the default embedder, without torch and without a download."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from memcube.deployments.embedder.minilm import DIMENSION, PackagedModel, packaged_model

__all__ = ["OnnxMiniLM", "graph_file"]

GRAPH = "g1"
"""Of ``minilm_graph``; raise it when the graph changes, and cached files of the old one are left alone."""


def graph_file(model: PackagedModel, cache: Path) -> Path:
    """The ONNX file of ``model``, built into ``cache`` when there is no intact one.

    Its name holds the weights' digest and its own: a damaged file is seen and built anew. Written aside and renamed,
    so that two processes at once do no harm.
    """
    start = f"minilm-{model.digest}-{GRAPH}-"
    for found in cache.glob(f"{start}*.onnx"):
        if found.stem.removeprefix(start) == _digest(found.read_bytes()):
            return found
    from memcube.deployments.embedder.minilm_graph import build_graph

    content = build_graph(model.folder).SerializeToString(deterministic=True)
    cache.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=cache, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        target = cache / f"{start}{_digest(content)}.onnx"
        os.replace(aside, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        raise
    return target


class OnnxMiniLM:
    """Sentence vectors of 384 numbers and length 1. ``encode`` may be called by several threads at once.

    ``cache`` is where the ONNX file is kept: ``models`` in MEMCUBE_HOME (default ~/.memcube) unless told.
    """

    remote = False

    def __init__(self, threads: int = 1, cache: Path | None = None) -> None:
        # Read when it is imported. Else it writes a device id into ~/.cache, and tells its makers of each process;
        # its own ``disable_telemetry_events`` comes too late for both.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        self._model = packaged_model()
        self.model_id = self._model.name
        home = Path(os.environ.get("MEMCUBE_HOME", "~/.memcube")).expanduser()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads would take the core that the gateway and the frames need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = graph_file(self._model, cache or home / "models")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def encode(self, texts: Sequence[str], within_s: float | None = None) -> npt.NDArray[np.float32]:
        """The vectors of ``texts``, float32 (n, 384), in their order. ``within_s`` has no say: nothing is waited for."""
        vectors = np.empty((len(texts), DIMENSION), np.float32)
        for batch in self._model.batches(texts):
            vectors[batch.rows] = self._session.run(["vectors"], {"input_ids": batch.ids, "mask": batch.mask})[0]
        return vectors


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
