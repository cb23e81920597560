"""Redactions and selections that are not what they say, signed by strangers and by redactors who are trusted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from interchange_bundles import Parts, assemble, parts_of

from memcube.interchange.mip import Signer
from memcube.interchange.mip.dsse import seal, statement
from memcube.interchange.mip.fields import digest_of
from memcube.interchange.mip.manifest import blob_of
from memcube.interchange.mip.media import ORIGIN
from memcube.interchange.mip.tree import Tree, leaf_hash

__all__ = ["forgeries"]

Change = Callable[[Parts, Random], None]


def _pick(parts: Parts, random: Random) -> int:
    return random.randrange(len(parts.items))


def _drop_field(parts: Parts, random: Random) -> None:
    _header, disclosures = parts.items[_pick(parts, random)]
    disclosures.pop(random.randrange(len(disclosures)))


def _change_header(parts: Parts, random: Random) -> None:
    at = _pick(parts, random)
    header, disclosures = parts.items[at]
    plain = json.loads(header)
    plain["version"] += 1
    parts.items[at] = (json.dumps(plain, separators=(",", ":")).encode(), disclosures)


def _change_value(parts: Parts, random: Random) -> None:
    _, disclosures = parts.items[_pick(parts, random)]
    salt, name, _ = json.loads(disclosures[0])
    disclosures[0] = json.dumps([salt, name, "what was never said"], separators=(",", ":")).encode()


def _move_field(parts: Parts, random: Random) -> None:
    first, second = random.sample(range(len(parts.items)), 2)
    parts.items[first][1].append(parts.items[second][1].pop())


def _swap_fields(parts: Parts, random: Random) -> None:
    first, second = random.sample(range(len(parts.items)), 2)
    one, other = parts.items[first][1], parts.items[second][1]
    one[0], other[0] = other[0], one[0]


def _repeat_field(parts: Parts, random: Random) -> None:
    _, disclosures = parts.items[_pick(parts, random)]
    disclosures.append(disclosures[0])


def _certificate(at: int, header: bytes, field: str) -> bytes:
    plain = {"at": at, "leaf": leaf_hash(header).hex(), "field": field, "reason": "r", "by": "b", "time": "t"}
    return json.dumps(plain, separators=(",", ":")).encode()


def _put_certificate(parts: Parts, at: int, line: bytes) -> None:
    parts.redactions.append(line)
    parts.redactions.sort(key=lambda one: json.loads(one)["at"])
    parts.descriptor["derived"]["redactions"] = len(parts.redactions)


def _certify_nothing(parts: Parts, random: Random) -> None:
    at = _pick(parts, random)
    _put_certificate(parts, at, _certificate(at, parts.items[at][0], digest_of(b"nothing")))


def _certify_present(parts: Parts, random: Random) -> None:
    at = _pick(parts, random)
    header, disclosures = parts.items[at]
    _put_certificate(parts, at, _certificate(at, header, digest_of(disclosures[0])))


def _certify_twice(parts: Parts, random: Random) -> None:
    line = random.choice(parts.redactions)
    _put_certificate(parts, 0, line)
    # One field fewer is there, so that the numbers fit.
    _drop_field(parts, random)


def _certify_another_leaf(parts: Parts, random: Random) -> None:
    place = random.randrange(len(parts.redactions))
    plain = json.loads(parts.redactions[place])
    plain["leaf"] = "0" * 64
    parts.redactions[place] = json.dumps(plain, separators=(",", ":")).encode()


def _lose_certificate(parts: Parts, random: Random) -> None:
    parts.redactions.pop(random.randrange(len(parts.redactions)))
    parts.descriptor["derived"]["redactions"] = len(parts.redactions)


def _add_item(parts: Parts, random: Random) -> None:
    header = json.dumps({"id": "zz", "version": 1, "type": "UserMemory", "_sd": []}, separators=(",", ":")).encode()
    parts.items.append((header, []))
    parts.descriptor["items"]["present"] += 1
    parts.descriptor["items"]["count"] += 1


def _remove_item(parts: Parts, random: Random) -> None:
    parts.items.pop(_pick(parts, random))
    parts.descriptor["items"]["present"] -= 1


def _reorder_items(parts: Parts, random: Random) -> None:
    at = random.randrange(len(parts.items) - 1)
    parts.items[at], parts.items[at + 1] = parts.items[at + 1], parts.items[at]


def _change_gap(parts: Parts, random: Random) -> None:
    place = random.randrange(len(parts.gaps))
    plain = json.loads(parts.gaps[place])
    digits = plain["hash"]
    plain["hash"] = ("0" if digits[0] != "0" else "1") + digits[1:]
    parts.gaps[place] = json.dumps(plain, separators=(",", ":")).encode()


def _widen_gap(parts: Parts, random: Random) -> None:
    place = random.randrange(len(parts.gaps))
    plain = json.loads(parts.gaps[place])
    plain["size"] *= 2
    parts.gaps[place] = json.dumps(plain, separators=(",", ":")).encode()


def _own_root(parts: Parts, random: Random) -> None:
    _change_header(parts, random)
    tree = Tree()
    for header, _ in parts.items:
        tree.add(leaf_hash(header))
    parts.descriptor["items"]["root"] = tree.root


def _raise_epoch(parts: Parts, random: Random) -> None:
    parts.descriptor["epoch"] += random.randrange(1, 9)


def _other_cube(parts: Parts, random: Random) -> None:
    parts.descriptor["cube"]["id"] = f"user:m{random.randrange(99)}"


def _claim_whole(parts: Parts, random: Random) -> None:
    del parts.descriptor["derived"], parts.descriptor["critical"]


def _claim_decoys(parts: Parts, random: Random) -> None:
    parts.descriptor["items"]["decoys"] = 8
    _drop_field(parts, random)


REDACTED: tuple[Change, ...] = (
    _drop_field, _change_header, _change_value, _move_field, _swap_fields, _repeat_field, _certify_nothing,
    _certify_present, _certify_twice, _certify_another_leaf, _lose_certificate, _add_item, _remove_item,
    _reorder_items, _own_root, _raise_epoch, _other_cube, _claim_whole, _claim_decoys,
)  # fmt: skip
SELECTED: tuple[Change, ...] = (
    _drop_field, _change_header, _change_value, _move_field, _add_item, _remove_item, _change_gap, _widen_gap,
    _raise_epoch, _other_cube, _claim_whole, _claim_decoys,
)  # fmt: skip


def forgeries(
    redacted: Path, selected: Path, redactor: Signer, stranger: Signer, folder: Path, random: Random
) -> Iterator[tuple[str, Path]]:
    """Forgeries without end, kind after kind: changed by a redactor who is trusted, or by a stranger."""
    number = 0
    while True:
        for source, changes in ((redacted, REDACTED), (selected, SELECTED)):
            for change in changes:
                parts = parts_of(source)
                change(parts, random)
                number += 1
                name = f"redaction:{change.__name__.strip('_')}"
                yield name, assemble(folder / f"forged-{number}", redactor, parts)
        for name, signed in _by_strangers(redacted, stranger, redactor, folder, number):
            number += 1
            yield name, signed


def _by_strangers(
    source: Path, stranger: Signer, redactor: Signer, folder: Path, number: int
) -> Iterator[tuple[str, Path]]:
    parts = parts_of(source)
    yield "redaction:by a stranger", assemble(folder / f"stranger-{number}", stranger, parts)
    yield (
        "redaction:signature of another bundle",
        assemble(folder / f"subject-{number}", redactor, parts_of(source), subject="sha256:" + "0" * 64),
    )
    # An origin of the stranger's own, which says what the changed tree needs.
    parts = parts_of(source)
    _own_root(parts, Random(number))
    said = {
        "mip": parts.descriptor["mip"],
        "descriptor": "sha256:" + "0" * 64,
        "cube": parts.descriptor["cube"]["id"],
        "epoch": parts.descriptor["epoch"],
        "seq": parts.descriptor["seq"],
        "parent": None,
        "items": {name: parts.descriptor["items"][name] for name in ("count", "disclosures", "decoys", "root")},
    }
    origin = seal(statement("sha256:" + "1" * 64, said), stranger)
    parts.descriptor["derived"]["origin"] = blob_of(origin, ORIGIN).digest
    yield (
        "redaction:origin of a stranger",
        assemble(folder / f"origin-{number}", redactor, replace(parts, origin=origin)),
    )
