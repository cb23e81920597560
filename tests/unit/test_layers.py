"""Imports point one way, and the light parts stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "protos": set(),
    "model": {"protos"},
    "interchange": {"model", "protos"},
    "client": {"interchange", "model", "protos"},
    "actors": {"interchange", "model", "protos"},
    "deployments": {"actors", "interchange", "model", "protos"},
}
"""What each layer may import of the others."""
SHELLS = {"ray", "grpc", "torch", "pymilvus", "transformers", "uvicorn", "fastapi"}
"""Never imported by a core of these folders: they are plain Python and tested in microseconds."""
CORES = ("cube", "vault", "recall", "reader", "operator", "governance", "llm")
IMPORT_S = 0.5


def imports_of(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("layer", ALLOWED)
def test_imports_point_one_way(layer: str) -> None:
    """deployments → actors → interchange → model → protos, client → interchange; nothing imports deployments."""
    wrong = []
    for path in (ROOT / layer).rglob("*.py"):
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] == "memcube" and len(parts) > 1 and parts[1] not in ALLOWED[layer] | {layer}:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("concept", CORES)
def test_cores_are_plain(concept: str) -> None:
    """Outside an actor.py, these folders import neither Ray nor a server nor a model library."""
    wrong = []
    for path in (ROOT / "actors" / concept).rglob("*.py"):
        if path.name != "actor.py":
            wrong += [f"{path.name}: {name}" for name in imports_of(path) if name.split(".")[0] in SHELLS]
    assert wrong == []


def loaded_by(statement: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter has loaded after ``statement``."""
    code = f"{statement}\nimport sys; print(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(ran.stdout.split())


def test_the_client_is_light() -> None:
    """Importing the SDK, and the command line, loads neither Ray nor torch nor numpy."""
    loaded = loaded_by("import memcube.client, memcube.client.cli")
    assert loaded & {"ray", "torch", "numpy", "onnxruntime", "transformers"} == set()
    assert {"grpc", "memcube"} <= loaded


def test_the_client_is_imported_fast() -> None:
    """``import memcube.client`` takes under half a second of a processor: on the clock it depends on who else works."""
    code = "import time; t = time.process_time(); import memcube.client; print(time.process_time() - t)"
    took = []
    for _ in range(3):
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        took.append(float(ran.stdout))
    assert min(took) < IMPORT_S


def test_cores_load_without_ray() -> None:
    """The cube, the vault, recall and the reader run on a machine without Ray, and load no model library."""
    modules = [
        "memcube.actors.cube.cube",
        "memcube.actors.vault",
        "memcube.actors.recall.index",
        "memcube.actors.reader.fast",
        "memcube.actors.governance.access",
    ]
    loaded = loaded_by(f"import {', '.join(modules)}")
    assert loaded & {"ray", "torch", "grpc", "onnxruntime", "transformers", "fastapi"} == set()


def test_no_file_is_long() -> None:
    """One noun a file: none has more than 400 lines."""
    long = []
    for layer in ("model", "actors", "deployments", "client", "interchange"):
        for path in (ROOT / layer).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > 400:
                long.append(f"{path.relative_to(ROOT)}: {lines}")
    assert long == []
