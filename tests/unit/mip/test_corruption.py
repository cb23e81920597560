"""Whatever is changed in a bundle is noticed, and whatever is out to harm its reader is refused, small and fast."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from interchange_bundles import items, write_bundle
from interchange_forgeries import forgeries
from interchange_payloads import payloads

from memcube.interchange.mip import Signer, convert, derive, open_bundle, verify
from memcube.model.errors import InvalidArgumentError, MemCubeError, UntrustedError

REDACTOR, STRANGER = Signer.from_seed(b"2" * 32), Signer.from_seed(b"3" * 32)


def drop_some(one):  # type: ignore[no-untyped-def]
    """Fields that are redacted: of every fourth memory."""
    return frozenset({"memory", "info"}) if int(one.item.id[-2:]) % 4 == 0 else frozenset()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a whole bundle, a redacted one, a selection, and a tar file."""
    folder = tmp_path_factory.mktemp("mip")
    signer = Signer.from_seed(b"1" * 32)
    write_bundle(folder / "whole", signer, items(24), seq=24, full=True)
    with open_bundle(folder / "whole") as bundle:
        derive(bundle, folder / "redacted", REDACTOR, drop=drop_some, reason="r", by="b")
        derive(bundle, folder / "selected", REDACTOR, keep=lambda one: int(one.item.id[-2:]) % 5 < 2)
    convert(folder / "whole", folder / "whole.tar")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_redacted_and_selected_bundles_prove_where_they_come_from(made: Path, signer: Signer) -> None:
    """Both keys have to be trusted; what was left out is told in numbers; the root is the one that was signed."""
    keys = [signer.public, REDACTOR.public]
    whole = verify(made / "whole", keys)
    redacted, selected = verify(made / "redacted", keys), verify(made / "selected", keys)
    assert {one.descriptor.items.root for one in (whole, redacted, selected)} == {whole.descriptor.items.root}
    assert (redacted.present, redacted.redacted, redacted.withheld) == (24, 12, 0)
    assert (selected.present, selected.count) == (10, 24)
    assert redacted.origin_key == signer.public
    assert redacted.key == REDACTOR.public
    with open_bundle(made / "redacted") as bundle:
        texts = {one.item.id[-2:]: one.item.memory for one in bundle.items()}
        assert [number for number, text in texts.items() if not text] == ["00", "04", "08", "12", "16", "20"]
        everything = b"".join(b"".join(bundle.source.steps(layer)) for layer in bundle.manifest.layers)
    with open_bundle(made / "whole") as bundle:
        gone = [one.item.memory.encode() for one in bundle.items() if not texts[one.item.id[-2:]]]
    assert not [text for text in gone if text in everything]
    for one in keys:
        with pytest.raises(UntrustedError):
            verify(made / "redacted", [one])


@pytest.mark.parametrize("kind", ["whole", "redacted", "selected"])
def test_every_flipped_bit_is_noticed(made: Path, signer: Signer, kind: str, tmp_path: Path) -> None:
    """A hundred of each kind of bundle, in all files alike."""
    folder = shutil.copytree(made / kind, tmp_path / "b")
    keys, random = [signer.public, REDACTOR.public], Random(kind)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for _ in range(100):
        path = random.choice(files)
        data = path.read_bytes()
        changed = bytearray(data)
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(MemCubeError):
            verify(folder, keys)
        path.write_bytes(data)
    verify(folder, keys)


def test_archives_that_are_cut_or_changed_are_noticed(made: Path, signer: Signer, tmp_path: Path) -> None:
    """Bits and lengths of a tar file."""
    data, random = (made / "whole.tar").read_bytes(), Random(5)
    target = tmp_path / "b.tar"
    for _ in range(60):
        changed = bytearray(data)
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
        target.write_bytes(changed)
        with pytest.raises(MemCubeError):
            verify(target, [signer.public])
        target.write_bytes(data[: random.randrange(len(data))])
        with pytest.raises((InvalidArgumentError, UntrustedError)):
            verify(target, [signer.public])


def test_swapped_and_missing_blobs_are_noticed(made: Path, signer: Signer, tmp_path: Path) -> None:
    """One blob in the place of another, one that is cut, one that is gone, a bundle's index for another's."""
    folder = shutil.copytree(made / "whole", tmp_path / "b")
    blobs, random = sorted((folder / "blobs/sha256").iterdir()), Random(6)
    for _ in range(20):
        one, other = random.sample(blobs, 2)
        data = one.read_bytes(), other.read_bytes()
        one.write_bytes(data[1])
        other.write_bytes(data[0])
        with pytest.raises(MemCubeError):
            verify(folder, [signer.public])
        one.write_bytes(data[0][:-1])
        other.write_bytes(data[1])
        with pytest.raises(MemCubeError):
            verify(folder, [signer.public])
        one.unlink()
        with pytest.raises(MemCubeError):
            verify(folder, [signer.public])
        one.write_bytes(data[0])
    shutil.copy(made / "redacted" / "index.json", folder / "index.json")
    with pytest.raises(InvalidArgumentError):
        verify(folder, [signer.public, REDACTOR.public])


def test_forged_redactions_are_refused(made: Path, signer: Signer, tmp_path: Path) -> None:
    """Every kind of forgery, signed by a redactor who is trusted as well as by a stranger."""
    keys = [signer.public, REDACTOR.public]
    kinds = set()
    makers = forgeries(made / "redacted", made / "selected", REDACTOR, STRANGER, tmp_path, Random(1))
    for name, folder in islice(makers, 68):
        kinds.add(name)
        with pytest.raises(MemCubeError):
            verify(folder, keys)
        shutil.rmtree(folder)
    assert len(kinds) > 20


def test_hostile_bundles_are_refused_in_little_memory_and_time(tmp_path: Path, signer: Signer) -> None:
    """More than fifty, each with a typed error, all of them by one process of less than 256 MiB, 2 s each."""
    write_bundle(tmp_path / "sound", signer, items(24), seq=24)
    places = {
        name: str(make(tmp_path / f"p{n}"))
        for n, (name, make) in enumerate(payloads(tmp_path / "sound", signer).items())
    }
    assert len(places) > 50
    code = (
        "import json, sys, time\n"
        "from memcube.interchange.mip import PublicKey, verify\n"
        "from memcube.model.errors import MemCubeError\n"
        "accepted, slow, keys = [], [], [PublicKey.parse(sys.argv[1])]\n"
        "for name, place in json.load(sys.stdin).items():\n"
        "    began = time.process_time()\n"
        "    try: verify(place, keys); accepted.append(name)\n"
        "    except MemCubeError: pass\n"
        "    if time.process_time() - began > 2: slow.append(name)\n"
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(json.dumps([accepted, slow, int(peak)]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(signer.public)],
        input=json.dumps(places), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    accepted, slow, peak_kib = json.loads(ran.stdout)
    assert (accepted, slow) == ([], [])
    assert peak_kib < 256 * 1024
