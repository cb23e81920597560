"""cluster.yaml is a cluster that Ray's launcher accepts, and installs and starts what this repository has."""

from __future__ import annotations

import json
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCHEMA = Path(str(find_spec("ray").origin)).parent / "autoscaler" / "ray-schema.json"  # type: ignore[union-attr]


@pytest.fixture
def cluster() -> dict[str, Any]:
    """The file, parsed."""
    plain: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text(encoding="utf-8"))
    return plain


def test_rays_schema_accepts_it(cluster: dict[str, Any]) -> None:
    """Ray's own schema finds nothing wrong."""
    jsonschema.validate(cluster, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_rays_schema_would_refuse_a_wrong_one(cluster: dict[str, Any]) -> None:
    """The schema is strict enough to notice a misspelt field: the test above can fail."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**cluster, "setup_comands": []}, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_launcher_prepares_it(cluster: dict[str, Any]) -> None:
    """With addresses put in, the launcher's own preparation yields one head and two workers."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    cluster["provider"] |= {"head_ip": "192.0.2.1", "worker_ips": ["192.0.2.2", "192.0.2.3"]}
    prepared = prepare_config(cluster)
    validate_config({**prepared, "cluster_synced_files": prepared.get("cluster_synced_files", [])})
    types = prepared["available_node_types"]
    assert sum(kind["min_workers"] for name, kind in types.items() if name != prepared["head_node_type"]) in (0, 2)
    assert prepared["max_workers"] == 2


def test_its_commands_name_what_exists(cluster: dict[str, Any]) -> None:
    """It mounts this checkout, uses its constraints, and starts the system on the head only."""
    assert cluster["file_mounts"]["~/memcube"] == "."
    assert (ROOT / "constraints.txt").is_file()
    installs = [command for command in cluster["setup_commands"] if "pip install" in command]
    assert all("-c ~/memcube/constraints.txt" in command for command in installs)
    heads = [shlex.split(command) for command in cluster["head_start_ray_commands"]]
    assert heads[-1][-4:] == ["~/memcube-venv/bin/memcube", "up", "--address", "auto"]
    assert not any("memcube up" in command for command in cluster["worker_start_ray_commands"])
