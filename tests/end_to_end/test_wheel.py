"""The wheel that users get: it has everything that is imported, and nothing else, from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
USE = """
import importlib.util, sys
import memcube.client, memcube.client.cli, memcube.model.errors, memcube.deployments.config
import memcube.actors.cube.cube, memcube.actors.vault.sqlite_vault, memcube.actors.gateway.server
import memcube.protos.memcube.v1.service_pb2_grpc
assert importlib.util.find_spec("actors") is None, "a generic name at the top level"
print(memcube.client.__file__)
"""


def test_the_wheel_is_whole(tmp_path: Path) -> None:
    """Built from this checkout and unpacked elsewhere, every part is importable; stubs, protos and types are in."""
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path), "."]
    # A copy, so that the build leaves nothing in the checkout.
    copy = tmp_path / "copy"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(build, cwd=copy, check=True, timeout=240)
    [wheel] = tmp_path.glob("memcube-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"memcube"}
    for wanted in ("memcube/protos/memcube/v1/service.proto", "memcube/client/py.typed", "memcube/client/cli/app.py"):
        assert wanted in names
    assert "memcube/__init__.py" not in names
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    ran = subprocess.run(
        [sys.executable, "-P", "-c", USE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().startswith(str(tmp_path / "site"))
