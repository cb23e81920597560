"""mem0 behind a pipe: ``versus.py`` runs this file in a virtual environment of its own, where mem0's pins hold.

JSON lines on standard input and output. The caller sends ``{"do": "add" | "search" | "config", …}``; mem0's embeddings
come from the caller, so that all systems use the very same model: this side writes ``{"embed": [text, …]}`` and
reads ``{"vectors": base64 of float32}``. The answer to a command has ``ms``, the time that mem0's own method took,
with what the caller took to embed (``embed_ms``) in it. Imports nothing of this project.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import sys
import time
from array import array
from importlib import metadata
from pathlib import Path
from typing import Any

DIMENSION = 384
TELL = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)  # whatever mem0 prints must not look like an answer


def tell(answer: dict[str, Any]) -> None:
    """Write one line to the caller."""
    TELL.write(json.dumps(answer) + "\n")
    TELL.flush()


class CallersEmbedder:
    """The shape of mem0's embedders; the caller does the work."""

    def __init__(self) -> None:
        self.took_ms = 0.0

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """One text's vector."""
        return self.embed_batch([text])[0]

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        """The texts' vectors."""
        begun = time.perf_counter()
        tell({"embed": texts})
        flat = array("f", base64.b64decode(json.loads(sys.stdin.readline())["vectors"])).tolist()
        self.took_ms += 1000 * (time.perf_counter() - begun)
        return [flat[DIMENSION * n : DIMENSION * (n + 1)] for n in range(len(texts))]


def open_memory(folder: Path) -> tuple[Any, dict[str, Any]]:
    """mem0's ``Memory`` with its defaults, but for the folder and the embedder; and its configuration in words."""
    os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": str(folder), "OPENAI_API_KEY": "none: nothing calls it"}
    Memory = importlib.import_module("mem0").Memory  # its environment, not ours, has it

    store = {"collection_name": "versus", "path": str(folder / "qdrant"), "embedding_model_dims": DIMENSION}
    config = {
        "vector_store": {"provider": "qdrant", "config": store},
        "history_db_path": str(folder / "history.db"),
    }
    memory = Memory.from_config(config)
    memory.embedding_model = CallersEmbedder()
    optional = {}
    for package in ("fastembed", "spacy"):
        try:
            optional[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            optional[package] = "absent"
    words = {
        "mem0ai": metadata.version("mem0ai"),
        "qdrant_client": metadata.version("qdrant-client"),
        "vector_store": "qdrant, local folder, dense vectors (mem0's default)",
        "keyword_search": f"fastembed {optional['fastembed']} (an extra that downloads a model; without it dense only)",
        "entities": f"spacy {optional['spacy']} (an extra that downloads a model)",
        "infer": False,
        "telemetry": False,
    }
    return memory, words


def main() -> None:
    """Serve the caller until its end of the pipe closes."""
    memory, words = open_memory(Path(sys.argv[1]))
    embedder = memory.embedding_model
    tell({"config": words})
    while line := sys.stdin.readline():
        asked = json.loads(line)
        embedder.took_ms = 0.0
        begun = time.perf_counter()
        if asked["do"] == "add":
            message = {"role": "user", "content": asked["content"], "name": asked["speaker"]}
            made = memory.add([message], user_id=asked["user"], metadata=asked["metadata"], infer=False)
            answer: dict[str, Any] = {"ids": [one["id"] for one in made["results"]]}
        else:
            found = memory.search(
                asked["query"], filters={"user_id": asked["user"]}, top_k=asked["top_k"], threshold=asked["threshold"]
            )
            answer = {"ids": [one["id"] for one in found["results"]]}
        tell(answer | {"ms": 1000 * (time.perf_counter() - begun), "embed_ms": embedder.took_ms})


if __name__ == "__main__":
    main()
