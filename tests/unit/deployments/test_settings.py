"""The settings file: what it says is what the parts are told, and what is wrong in it is named before anything starts."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest

from memcube.deployments.config import SystemConfig
from memcube.deployments.settings import SETTINGS_FILE, Settings, default_frames, read_settings
from memcube.model.errors import InvalidArgumentError

ROOT = Path(__file__).parents[3]
FULL = """
[gateway]
request_bytes = 1048576
default_timeout_s = 5
[gateway.bounds]
rate_per_s = 0
burst = 7
[directory]
cubes_per_frame = 8
[router]
lane_calls = 9
[frame]
checkpoint_idle_s = 1.5
[embedder]
kind = "none"
threads = 2
[reranker]
threads = 3
"""


def options(**given: Any) -> argparse.Namespace:
    """What the supervisor's command line states: any free ports, and nothing else but ``given``."""
    usual = {"host": None, "port": 0, "http_port": 0, "frames": None, "embedder": None, "address": ""}
    return argparse.Namespace(**{**usual, **given})


def refused(home: Path, text: str) -> InvalidArgumentError:
    """The refusal of a system with these settings."""
    (home / SETTINGS_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidArgumentError) as caught:
        SystemConfig.from_options(home, options())
    assert str(home / SETTINGS_FILE) in caught.value.problem
    return caught.value


def test_without_a_file_all_is_as_the_parts_have_it(tmp_path: Path) -> None:
    """Frames as the machine allows."""
    assert read_settings(tmp_path) == Settings()
    assert SystemConfig.from_options(tmp_path, options()).frames == default_frames()


def test_every_section_reaches_its_part(tmp_path: Path) -> None:
    """What is left out keeps its default."""
    (tmp_path / SETTINGS_FILE).write_text(FULL)
    settings = SystemConfig.from_options(tmp_path, options()).settings
    assert (settings.gateway.request_bytes, settings.gateway.default_timeout_s) == (1 << 20, 5.0)
    assert (settings.gateway.bounds.rate_per_s, settings.gateway.bounds.burst) == (0.0, 7)
    assert settings.gateway.bounds.in_flight == Settings().gateway.bounds.in_flight
    assert (settings.directory.cubes_per_frame, settings.directory.max_frames) == (8, default_frames())
    assert (settings.router.lane_calls, settings.frame.checkpoint_idle_s) == (9, 1.5)
    assert (settings.embedder.kind, settings.embedder.threads) == ("none", 2)
    assert (settings.reranker.kind, settings.reranker.threads) == ("none", 3)
    assert settings.gateway.keys_path == str(tmp_path / "keys.json")


def test_the_command_line_comes_first(tmp_path: Path) -> None:
    """Frames, host and embedder; the embedder's other settings stay."""
    text = '[gateway]\nhost = "::1"\n[directory]\nmax_frames = 3\n[embedder]\nkind = "none"\nthreads = 2\n'
    (tmp_path / SETTINGS_FILE).write_text(text)
    config = SystemConfig.from_options(
        tmp_path, options(host="127.0.0.1", frames=5, embedder="openai:http://localhost/v1#m")
    )
    assert (config.settings.gateway.host, config.frames) == ("127.0.0.1", 5)
    embedder = config.settings.embedder
    assert (embedder.kind, embedder.model, embedder.base_url, embedder.threads) == (
        "openai", "m", "http://localhost/v1", 2,
    )  # fmt: skip


@pytest.mark.parametrize("frames", [0, 10_001])
def test_frames_are_within_bounds(tmp_path: Path, frames: int) -> None:
    """Each is a process."""
    with pytest.raises(InvalidArgumentError) as caught:
        SystemConfig.from_options(tmp_path, options(frames=frames))
    assert caught.value.field == "directory.max_frames"


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("[directry]\n", "directry", "is no setting; memcube.toml has gateway, directory"),
        ("[directory]\nmax_framez = 3\n", "directory.max_framez", "is no setting; directory has max_frames"),
        ("[gateway.bounds]\nbursts = 3\n", "gateway.bounds.bursts", "gateway.bounds has rate_per_s, burst"),
        ("[embedder]\nthread = 3\n", "embedder.thread", "embedder has kind"),
        ('[directory]\nmax_frames = "3"\n', "directory.max_frames", "integer"),
        ("[directory]\nmax_frames = true\n", "directory.max_frames", "integer"),
        ("[router]\nlane_calls = 0\n", "router.lane_calls", "0 is not above 0"),
        ("[frame]\nembed_delay_s = -1\n", "frame.embed_delay_s", "-1 is not above 0"),
        ("[frame]\nlease_s = nan\n", "frame.lease_s", "finite"),
        ("[frame]\nlease_s = 2026-01-01\n", "frame.lease_s", "number"),
        ("[gateway]\ngrpc_port = 70000\n", "gateway.grpc_port", "no port"),
        ("[gateway.bounds]\nburst = 0\n", "gateway.bounds.burst", "0"),
        ('[embedder]\nkind = "best"\n', "embedder.kind", "minilm"),
        ("[frame]\nslots = 2\n", "frame.slots", "cubes_per_frame"),
        ("[frame]\nfine_reading = true\n", "frame.fine_reading", "llm.base_url"),
        ("[scheduler]\nmin_readers = 3\n", "scheduler.max_readers", "less than min_readers"),
        ("[scheduler.weights]\nacme = 0\n", "scheduler.weights.acme", "0 is not above 0"),
        ('[gateway]\nkeys_path = "x"\n', "gateway.keys_path", "memcube keys"),
        ("directory = 3\n", "directory", "object"),
        ("[directory\n", SETTINGS_FILE, "is no TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, field: str, said: str) -> None:
    """The setting, what is wrong with it, and the file."""
    error = refused(tmp_path, text)
    assert error.field == field
    assert said in error.problem


def test_a_file_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    """Whoever wrote it wants it heeded."""
    (tmp_path / SETTINGS_FILE).mkdir()
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        read_settings(tmp_path)
    (tmp_path / SETTINGS_FILE).rmdir()
    (tmp_path / SETTINGS_FILE).write_bytes(b"\xff")
    with pytest.raises(InvalidArgumentError, match="is no TOML"):
        read_settings(tmp_path)


def test_the_pages_settings_are_taken(tmp_path: Path) -> None:
    """The page's example holds, and shows every section."""
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    (shown,) = [block for page in pages for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]
    (tmp_path / SETTINGS_FILE).write_text(shown, encoding="utf-8")
    assert read_settings(tmp_path) != Settings()
    for section in Settings.model_fields:
        assert f"[{section}]" in shown
