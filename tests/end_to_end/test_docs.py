"""What README and the pages of docs/ show works as shown: their Python, shell and REST, and the example."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from local_system import LocalSystem

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
SHOWN = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
"""README and the pages that it links to, README first."""
FOLDERS = "actors|client|deployments|model|protos|tests|benchmarks|examples|interchange|ranking"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language in README and docs/."""
    return re.findall(rf"```{language}\n(.*?)```", SHOWN, re.DOTALL)


def run_python(code: str, home: Path) -> str:
    """Run a program of the docs as a user would: in its own process, joining the home's system."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "MEMCUBE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_pages_python_runs_and_says_what_it_should(system: LocalSystem) -> None:
    """Copied from the page into a file, it recalls and corrects."""
    said = "".join(run_python(code, system.home) for code in blocks("python"))
    for memory in (
        "moved to Lisbon in March",
        "moved to Porto in June",
        "rent of the flat is 900",
        "NO_REPLY says",
        "[said] The meeting moved to Friday",
    ):
        assert memory in said


def test_the_example_runs(system: LocalSystem) -> None:
    """examples/quickstart.py does what it says."""
    assert "Porto" in run_python((ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8"), system.home)


def test_readmes_commands_run(system: LocalSystem) -> None:
    """Every memcube line of the daily-use block but up and down, against a running system."""
    daily = next(block for block in blocks("bash") if "memcube up" in block)
    lines = [line for line in daily.splitlines() if line.startswith("memcube ")]
    commands = [shlex.split(line, comments=True)[1:] for line in lines]
    ran = [command for command in commands if command[0] not in ("up", "down")]
    assert len(ran) >= 4
    for command in ran:
        done = system.run(*command)
        assert done.returncode == 0, done.stderr
        if command[0] == "search":
            assert "Lisbon" in done.stdout


def test_the_pages_rest_calls_run(system: LocalSystem) -> None:
    """The curl lines, with this system's port."""
    (rest,) = [block for block in blocks("bash") if "curl" in block]
    script = rest.replace("localhost:7438", system.http)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Lisbon") >= 2


def test_every_command_is_in_the_pages(system: LocalSystem) -> None:
    """A command that no page names is one that nobody finds."""
    help_text = system.run("--help").stdout
    commands = set(re.findall(r"^│ (\w+)  ", help_text, re.MULTILINE))
    assert {"up", "add", "search", "repair", "keys"} <= commands
    assert [command for command in commands if f"`memcube {command}`" not in SHOWN] == []


def test_every_error_is_in_the_pages() -> None:
    """Clients in other languages read the table."""
    from memcube.model.errors import ERRORS

    assert [name for name in ERRORS if f"`{name}`" not in SHOWN] == []


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", *PAGES])
def test_the_files_that_the_pages_name_exist(page: str) -> None:
    """A page that names or links to a file or a heading that moved misleads its reader."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {ROOT / name for name in re.findall(rf"`((?:{FOLDERS})/[\w./-]*[\w/])`", text)}
    links = {link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}
    named |= {(ROOT / page).parent / link.partition("#")[0] for link in links if not link.startswith("#")}
    assert named
    assert [str(path) for path in sorted(named) if not path.exists()] == []
    for target, _, heading in (link.partition("#") for link in links):
        assert not heading or heading in headings((ROOT / page).parent / target if target else ROOT / page)


def test_readme_links_to_every_page() -> None:
    """What is not linked to is not found; a page of docs/ leads back."""
    for page in PAGES[1:]:
        assert f"({page}" in (ROOT / "README.md").read_text(encoding="utf-8")
        assert "(../README.md)" in (ROOT / page).read_text(encoding="utf-8")


def headings(page: Path) -> set[str]:
    """The names by which links go to a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
