"""The table in README.md is what there is: each defect's test exists, and each test's defect is in the table."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent
ROW = re.compile(r"^\| (?P<numbers>[^|]*\d[^|]*) \| (?P<defect>[^|]+) \| (?P<where>[^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"def test_(?:[a-z]\w*?_)?(\d{2,4})_")


def test_every_row_has_its_test_or_says_why_not() -> None:
    """A row that names a file has a test there by one of its numbers; any other says 'not yet' or 'does not apply'."""
    rows = list(ROW.finditer((FOLDER / "README.md").read_text(encoding="utf-8")))
    assert len(rows) >= 45
    for row in rows:
        numbers = set(re.findall(r"#(\d+)", row["numbers"]))
        files = re.findall(r"`(test_\w+\.py)`", row["where"])
        if not files:
            assert row["where"].startswith(("not yet", "does not apply")), row[0]
        for file in files:
            named = set(NAMED.findall((FOLDER / file).read_text(encoding="utf-8")))
            assert numbers & named, row[0]


def test_every_numbered_test_is_in_the_table() -> None:
    """No test goes by a number that the table does not explain."""
    listed = set(re.findall(r"#(\d+)", (FOLDER / "README.md").read_text(encoding="utf-8")))
    for file in FOLDER.glob("test_*.py"):
        assert set(NAMED.findall(file.read_text(encoding="utf-8"))) <= listed, file.name
