"""all-MiniLM-L6-v2 as we build it gives the vectors that its authors' code gives, alone or in company."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memcube.deployments.embedder.minilm import packaged_model
from memcube.deployments.embedder.onnx_model import OnnxMiniLM, graph_file

REFERENCE = json.loads((Path(__file__).parent / "reference.json").read_text(encoding="utf-8"))
"""The first numbers of the vectors that transformers 5.23 with torch 2.13 gives, mean pooled and normalised."""
TEXTS = [row["text"] for row in REFERENCE]


def test_vectors_are_those_of_the_reference(minilm: OnnxMiniLM) -> None:
    """English, Chinese, empty, odd and over-long texts, within 1e-5."""
    vectors = minilm.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.abs(vectors[:, :24] - [row["start"] for row in REFERENCE]).max() < 1e-5
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5


def test_meaning_is_close_and_chinese_is_not_known(minilm: OnnxMiniLM) -> None:
    """A question is near its answer; the same in Chinese is not, which is why recall leans on words there."""
    question, answer, chinese, other = minilm.encode(
        [
            "Where does Alice live now?",
            "Alice moved to Lisbon in March.",
            "爱丽丝三月搬到了里斯本。",
            "Water boils at 100 C.",
        ]
    )
    assert question @ answer > 0.6
    assert question @ other < 0.2
    assert answer @ chinese < 0.3


def test_torch_gives_the_same_vectors(minilm: OnnxMiniLM) -> None:
    """The engines may be swapped: same id, same numbers within 1e-5."""
    pytest.importorskip("torch")
    from memcube.deployments.embedder.torch_model import TorchMiniLM

    other = TorchMiniLM(1)
    assert other.model_id == minilm.model_id
    assert np.abs(other.encode(TEXTS) - minilm.encode(TEXTS)).max() < 1e-5
    assert other.encode([]).shape == (0, 384)


def test_company_and_order_do_not_matter(minilm: OnnxMiniLM) -> None:
    """A text's vector is the same alone, among texts of other lengths, and in another order."""
    texts = TEXTS + [f"text {i} " * i for i in range(1, 40)]
    together = minilm.encode(texts)
    alone = np.concatenate([minilm.encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(minilm.encode(texts[::-1])[::-1] - together).max() < 1e-5


def test_same_text_same_vector(minilm: OnnxMiniLM) -> None:
    """Encoding is deterministic to the bit."""
    assert minilm.encode(TEXTS[:2]).tobytes() == minilm.encode(TEXTS[:2]).tobytes()


def test_nothing_gives_nothing(minilm: OnnxMiniLM) -> None:
    """An empty list is an empty matrix."""
    assert minilm.encode([]).shape == (0, 384)


def test_only_the_first_256_tokens_count(minilm: OnnxMiniLM) -> None:
    """What comes after them is cut, however much it is, and cheaply."""
    start = "word " * 254
    vectors = minilm.encode([start, start + "lisbon " * 300, start + "x" * 3_000_000])
    assert np.abs(vectors - vectors[0]).max() < 1e-6
    assert np.abs(minilm.encode(["word " * 253 + "lisbon"])[0] - vectors[0]).max() > 1e-3


def test_texts_of_like_length_share_a_pass() -> None:
    """A lone text is not padded; many are grouped by length, within the tokens a pass may have."""
    model = packaged_model()
    (alone,) = model.batches(["Where did Caroline go camping in June?"])
    assert alone.mask.all()
    texts = ["a " * (1 + i % 200) for i in range(300)]
    batches = list(model.batches(texts))
    assert sorted(row for batch in batches for row in batch.rows) == list(range(300))
    assert max(batch.ids.size for batch in batches) <= 512
    assert sum(int(batch.mask.sum()) for batch in batches) / sum(batch.ids.size for batch in batches) > 0.9


def test_the_graph_is_built_once(minilm: OnnxMiniLM, cache: Path) -> None:
    """The next start finds the file and leaves it alone."""
    (path,) = cache.iterdir()
    before = path.stat()
    assert graph_file(packaged_model(), cache) == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_a_damaged_graph_is_built_anew(minilm: OnnxMiniLM, cache: Path, tmp_path: Path) -> None:
    """One flipped bit in the file's middle is noticed, and mended."""
    (path,) = cache.iterdir()
    copy = tmp_path / path.name
    shutil.copyfile(path, copy)
    with copy.open("r+b") as file:
        file.seek(40_000_000)
        flipped = bytes([file.read(1)[0] ^ 1])
        file.seek(40_000_000)
        file.write(flipped)
    mended = graph_file(packaged_model(), tmp_path)
    assert mended == copy
    assert mended.read_bytes() == path.read_bytes()
    assert list(tmp_path.iterdir()) == [copy]


def test_two_processes_at_once_build_one_graph(tmp_path: Path) -> None:
    """Both get a whole file, and nothing is left lying about."""
    code = (
        "import sys; from pathlib import Path;"
        "from memcube.deployments.embedder.onnx_model import OnnxMiniLM;"
        "print(OnnxMiniLM(1, Path(sys.argv[1])).encode(['hello']).sum())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert said[0] == said[1] != ""
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".onnx"


def test_embedding_writes_nothing_outside_the_home_and_reports_to_nobody(tmp_path: Path) -> None:
    """onnxruntime keeps a device id and a queue of events in ~/.cache unless told not to before it is imported."""
    code = (
        "from memcube.deployments.embedder.onnx_model import OnnxMiniLM; OnnxMiniLM().encode(['hello']);"
        "import time; time.sleep(0.5)"
    )
    elsewhere = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    elsewhere |= {"HOME": str(tmp_path), "MEMCUBE_HOME": str(tmp_path / "home")}
    subprocess.run([sys.executable, "-c", code], env=elsewhere, check=True, timeout=120)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
