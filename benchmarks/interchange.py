"""Do bundles keep their promises? Corruptions are refused, pushes go on where they were, deltas are small, and a million
memories pass through in bounded memory.

``corruptions``: flipped bits, cut and swapped blobs, forged redactions, replays of older epochs, and hostile bundles,
each held against a verifier that trusts the keys. ``resumes``: a push of some 12 MB over gRPC is broken off with kill -9,
of the client and of the gateway by turns, at random bytes; ``bytes_resent`` are those that had been acknowledged to the
client before and were sent again. ``delta_share``: bytes of a second export after 1 % of the memories changed, all over
the cube, in terms of the first. ``import_items_per_s``: memories from a bundle into a new cube, through gateway, child
process, cube and its fsyncs. ``peak_rss_bytes``: the most that a process took that exported, verified or imported
``items`` memories at the level of the format.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import report
from interchange_bundles import CUBE, item, items, write_bundle
from interchange_forgeries import forgeries
from interchange_payloads import payloads
from interchange_resume import resumes

from memcube.interchange.mip import Known, Signer, convert, derive, open_bundle, verify, write_delta
from memcube.model.errors import MemCubeError

ORIGIN, REDACTOR, STRANGER = (Signer.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
KEYS = [ORIGIN.public, REDACTOR.public]
FULL = {"flips": 10_000, "truncations": 1_000, "swaps": 500, "forgeries": 1_000, "replays": 500, "resumes": 50}
QUICK = {"flips": 150, "truncations": 40, "swaps": 30, "forgeries": 40, "replays": 30, "resumes": 4}
CHILD = Path(__file__).with_name("interchange_child.py")


class Tally:
    """What was tried, kind by kind, and what got through."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.accepted: list[str] = []
        self.slowest_s = 0.0

    def refuse(self, kind: str, check: Callable[[], object]) -> None:
        """One corruption: it has to raise an error of ours."""
        self.tried[kind] += 1
        began = time.process_time()
        try:
            check()
            self.accepted.append(kind)
        except MemCubeError:
            pass
        self.slowest_s = max(self.slowest_s, time.process_time() - began)


def corrupt(work: Path, counts: dict[str, int], random: Random) -> Tally:
    """Try to get each kind of corruption past the verifier."""
    tally = Tally()
    write_bundle(work / "whole", ORIGIN, items(40), seq=40, epoch=5, full=True)
    with open_bundle(work / "whole") as bundle:
        derive(
            bundle, work / "redacted", REDACTOR, reason="r", by="b",
            drop=lambda one: frozenset({"memory", "info"}) if int(one.item.id[-2:]) % 4 == 0 else frozenset(),
        )  # fmt: skip
        derive(bundle, work / "selected", REDACTOR, keep=lambda one: int(one.item.id[-2:]) % 5 < 2)
    convert(work / "whole", work / "whole.tar")
    for name in ("whole", "redacted", "selected", "whole.tar"):
        verify(work / name, KEYS)
    folders = [work / name for name in ("whole", "redacted", "selected")]
    _flip(tally, folders, work / "whole.tar", counts["flips"], random)
    _truncate(tally, folders, work / "whole.tar", counts["truncations"], random)
    _swap(tally, folders, counts["swaps"], random)
    made = forgeries(work / "redacted", work / "selected", REDACTOR, STRANGER, work, random)
    for kind, forged in islice(made, counts["forgeries"]):
        tally.refuse(kind.partition(":")[0], lambda forged=forged: verify(forged, KEYS))  # type: ignore[misc]
        shutil.rmtree(forged)
    for _ in range(counts["replays"]):
        epoch = random.randrange(5, 9)
        seq = random.randrange(0, 99) if epoch > 5 else random.randrange(41, 99)
        known = Known(epoch, seq, "sha256:" + "0" * 64)
        tally.refuse("replay", lambda known=known: verify(work / "whole", KEYS, known=known))  # type: ignore[misc]
    for number, make in enumerate(payloads(work / "whole", ORIGIN).values()):
        path = make(work / f"payload-{number}")
        tally.refuse("hostile", lambda path=path: verify(path, KEYS))  # type: ignore[misc]
    return tally


def _changed(tally: Tally, kind: str, path: Path, data: bytes, check: Path) -> None:
    before = path.read_bytes()
    path.write_bytes(data)
    tally.refuse(kind, lambda: verify(check, KEYS))
    path.write_bytes(before)


def _flip(tally: Tally, folders: list[Path], tar: Path, count: int, random: Random) -> None:
    places = [(path, folder) for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    sizes = [path.stat().st_size for path, _ in places]
    for number in range(count):
        # A third of them where most bytes are, a third in any file, a third in the archive.
        place = (
            (tar, tar)
            if number % 3 == 0
            else random.choice(places)
            if number % 3 == 1
            else random.choices(places, sizes)[0]
        )
        data = bytearray(place[0].read_bytes())
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        _changed(tally, "flip", place[0], bytes(data), place[1])


def _truncate(tally: Tally, folders: list[Path], tar: Path, count: int, random: Random) -> None:
    places = [(path, folder) for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    for number in range(count):
        path, check = (tar, tar) if number % 2 else random.choice(places)
        data = path.read_bytes()
        _changed(tally, "truncation", path, data[: random.randrange(len(data))], check)


def _swap(tally: Tally, folders: list[Path], count: int, random: Random) -> None:
    for _ in range(count):
        folder = random.choice(folders)
        one, other = random.sample(sorted((folder / "blobs/sha256").iterdir()), 2)
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        tally.refuse("swap", lambda folder=folder: verify(folder, KEYS))  # type: ignore[misc]
        one.write_bytes(first)
        other.write_bytes(second)


def delta(work: Path, count: int) -> dict[str, float]:
    """A second export after 1 % of the memories changed: as a delta, and by chunks where the change is in one place."""

    def changed(every: Callable[[int], bool]) -> Iterator[Any]:
        return (item(number, 2 if every(number) else 1) for number in range(count))

    write_bundle(work / "before", ORIGIN, items(count), seq=1)
    write_bundle(work / "after", ORIGIN, changed(lambda number: number % 100 == 42), seq=2)
    start = count // 3
    write_bundle(work / "near", ORIGIN, changed(lambda number: start <= number < start + count // 100), seq=2)
    with (
        open_bundle(work / "before") as before,
        open_bundle(work / "after") as after,
        open_bundle(work / "near") as near,
    ):
        write_delta(before, after, work / "delta", ORIGIN)
        verify(work / "delta", KEYS, known=Known(3, 1, before.digest))
        had = {layer.digest for layer in before.manifest.layers}
        new = sum(layer.size for layer in near.manifest.layers if layer.digest not in had)
        with open_bundle(work / "delta") as one:
            return {
                "delta_share": round(one.size_bytes / after.size_bytes, 5),
                "chunk_share": round(new / near.size_bytes, 5),
            }


def in_child(job: str, *arguments: str) -> dict[str, Any]:
    """One job of ``interchange_child.py``: its figures, with the most memory that its process took."""
    ran = subprocess.run([sys.executable, str(CHILD), job, *arguments], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def main() -> int:
    """Measure everything; 1 where a promise is broken."""
    parser = report.options("Do bundles keep their promises? See the top of the script.")
    parser.add_argument("--items", type=int, help="memories at the level of the format; 1,000,000")
    parser.add_argument("--system-items", type=int, help="memories through a gateway into a cube; 50,000")
    chosen = parser.parse_args()
    random = Random(chosen.seed)
    counts = QUICK if chosen.quick else FULL
    many = chosen.items or (3_000 if chosen.quick else 1_000_000)
    through = chosen.system_items or (400 if chosen.quick else 50_000)
    with tempfile.TemporaryDirectory(prefix="mip-") as name:
        work = Path(name)
        (work / "corrupt").mkdir()
        tally = corrupt(work / "corrupt", counts, random)
        (work / "delta").mkdir()
        shares = delta(work / "delta", 2_000 if chosen.quick else 50_000)
        shutil.rmtree(work / "delta")
        resumed = resumes(work / "resume", counts["resumes"], random, 1 if chosen.quick else 12)
        exported = in_child("export", str(work / "large"), str(many))
        imported = in_child("import", str(work / "large"), str(ORIGIN.public))
        shutil.rmtree(work / "large")
        system = in_child("system", str(work / "system"), str(through))
    report.table(
        "Corruptions", ["kind", "tried", "accepted"],
        [[kind, tried, tally.accepted.count(kind)] for kind, tried in sorted(tally.tried.items())],
    )  # fmt: skip
    peak = max(exported["peak_rss_bytes"], imported["peak_rss_bytes"])
    report.table(
        "A bundle of many", ["", "memories", "a second", "peak MiB"],
        [
            ["exported", many, exported["items_per_s"], exported["peak_rss_bytes"] >> 20],
            ["verified and read", many, imported["items_per_s"], imported["peak_rss_bytes"] >> 20],
            ["through a gateway into a cube", through, system["import_items_per_s"], system["peak_rss_bytes"] >> 20],
            ["out of a cube", through, system["export_items_per_s"], ""],
        ],
    )  # fmt: skip
    report.table(
        "Pushes broken off", ["", ""],
        [["resumes", resumed["resumes"]], ["acknowledged bytes sent again", resumed["bytes_resent"]]],
    )  # fmt: skip
    result = {
        "corruptions": sum(tally.tried.values()),
        "corruptions_refused": sum(tally.tried.values()) - len(tally.accepted),
        "resumes": resumed["resumes"],
        "bytes_resent": resumed["bytes_resent"],
        "delta_share": shares["delta_share"],
        "import_items_per_s": system["import_items_per_s"],
        "peak_rss_bytes": peak,
        "items": many,
        "details": {
            "corruptions": dict(tally.tried),
            "accepted": tally.accepted[:20],
            "slowest_refusal_s": round(tally.slowest_s, 3),
            "chunk_share": shares["chunk_share"],
            "resume": resumed,
            "format_export_items_per_s": exported["items_per_s"],
            "format_import_items_per_s": imported["items_per_s"],
            "bundle_bytes": exported["bundle_bytes"],
            "system": system,
            "cube": CUBE,
        },
    }
    report.finish(result, chosen)
    broken = tally.accepted or resumed["bytes_resent"] or shares["delta_share"] > 0.05 or resumed["wrong"]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
