"""Bundles through other languages, the command line, and the benchmark in its quick form."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "tests" / "end_to_end" / "node"
GOLDEN = ROOT / "protos" / "golden" / "mip"
CHECK = """
const { open, verify, items } = require(process.argv[1]);
const { readFileSync } = require("fs");
const folder = process.argv[2];
const vectors = JSON.parse(readFileSync(`${folder}/vectors.json`));
const found = vectors.bundles.map(({ file, known }) => {
  try {
    const bundle = open(`${folder}/${file}`);
    const report = verify(bundle, vectors.trusted, known);
    const memories = Object.fromEntries([...items(bundle)].map((one) => [one.header.id, one.fields.memory ?? ""]));
    return { report, memories };
  } catch (error) {
    return { refused: error.constructor.name };
  }
});
console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Node, and the TypeScript reader made JavaScript by the compiler, which also checks its types."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        assert "CI" not in os.environ, "CI must have Node"
        pytest.skip("Node is not installed")
    compiler = NODE / "node_modules" / ".bin" / "tsc"
    lock, installed = NODE / "package-lock.json", NODE / "node_modules" / ".package-lock.json"
    if not compiler.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, check=False, cwd=NODE, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
    made = tmp_path_factory.mktemp("reader")
    command = [str(compiler), "-p", str(ROOT / "interchange" / "node"), "--outDir", str(made)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return node, made / "mip.js"


def test_the_typescript_reader_agrees_with_the_golden_vectors(reader: tuple[str, Path]) -> None:
    """It accepts what is good, finds in it what stands in it, and refuses the rest with an error of its own."""
    node, script = reader
    command = [node, "-e", CHECK, str(script), str(GOLDEN)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    cases: list[dict[str, Any]] = json.loads((GOLDEN / "vectors.json").read_text(encoding="utf-8"))["bundles"]
    for case, seen in zip(cases, json.loads(ran.stdout), strict=True):
        wanted = {"report": case["report"], "memories": case["memories"]} if case["good"] else {"refused": "MipError"}
        assert seen == wanted, case["file"]


def test_the_typescript_reader_has_a_command_line(reader: tuple[str, Path]) -> None:
    """Status 0 for what is good, 1 for what is not, 2 for a wrong command."""
    node, script = reader
    key = json.loads((GOLDEN / "vectors.json").read_text(encoding="utf-8"))["trusted"][0]
    for bundle, status in (("whole.tar", 0), ("bad-one-bit.tar", 1), ("", 2)):
        command = [node, str(script), "verify", *([str(GOLDEN / bundle)] if bundle else []), "--key", key]
        assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == status


def test_the_command_line_pulls_verifies_converts_and_pushes(system: Any, tmp_path: Path) -> None:
    """A cube as a bundle, checked on this machine, made a tar file, and taken into another cube."""

    def memcube(*words: str, status: int = 0) -> Any:
        command = [sys.executable, "-m", "memcube.client.cli", *words, "--json"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)

    server = ["--server", system.grpc]
    memcube("add", "My bicycle is red", "--cube", "mip-cli", *server)
    pulled = memcube("mip", "pull", str(tmp_path / "b"), "--cube", "mip-cli", *server)
    key = memcube("mip", "key", *server)["key"]
    assert memcube("mip", "verify", str(tmp_path / "b"), "--key", key)["bundle"] == pulled["bundle"]
    seen = memcube("mip", "inspect", str(tmp_path / "b"))
    assert [one["memory"] for one in seen["items"]] == ["My bicycle is red"]
    memcube("mip", "convert", str(tmp_path / "b"), str(tmp_path / "b.tar"))
    pushed = memcube("mip", "push", str(tmp_path / "b.tar"), "--cube", "mip-cli-2", *server)
    assert (pushed["added"], pushed["cube_id"]) == (1, "mip-cli-2")
    found = memcube("search", "bicycle", "--cube", "mip-cli-2", *server)
    assert [one["memory"] for one in found["results"]] == ["My bicycle is red"]
    wrong = memcube("mip", "verify", str(GOLDEN / "whole.tar"), "--key", key, status=5)
    assert wrong["error"]["type"] == "UntrustedError"


@pytest.mark.timeout(300)
def test_the_benchmark_of_interchange_in_its_quick_form() -> None:
    """Hundreds of corruptions are refused, pushes that are killed go on, a delta is small."""
    script = ROOT / "benchmarks" / "interchange.py"
    ran = subprocess.run(
        [sys.executable, str(script), "--quick"], capture_output=True, text=True, timeout=280, check=False
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    result = json.loads(ran.stdout.strip().splitlines()[-1])
    assert result["corruptions"] == result["corruptions_refused"] > 300
    assert (result["resumes"], result["bytes_resent"]) == (4, 0)
    assert result["details"]["resume"]["killed"] == {"client": 2, "gateway": 2}
    assert result["delta_share"] < 0.05
    assert result["peak_rss_bytes"] < 256 << 20
