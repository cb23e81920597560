"""Is a changed audit log always found, and is anything left of an erased user? A part of ``governance.py``.

Audit: a log of 1,000 entries is copied, and each entry in turn deleted, changed, swapped with its neighbour, and
doubled; then the copy is cut at each length, which only a head that was kept before can tell. Every forger has the
file and its checksums, not the private key.

Erasure: users with words of their own in cubes of their own and in shared ones, in the clear and encrypted, changed,
deleted, merged and derived; one is erased, and every file of the home is searched for each word and each vector.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import tempfile
import time
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import report

from memcube.actors.cube.about import new_about
from memcube.actors.cube.call import Call
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.cube import Cube
from memcube.actors.cube.state import rebuild_record
from memcube.actors.cube.subject import subject_of
from memcube.actors.directory.local import LocalRouter
from memcube.actors.governance.audit_key import AuditKey
from memcube.actors.governance.audit_log import AuditLog, Origin
from memcube.actors.governance.audit_recorder import AuditConfig, Recorder
from memcube.actors.governance.audit_records import Records
from memcube.actors.governance.audit_spool import Spool
from memcube.actors.governance.erasure import Purges
from memcube.actors.governance.keystore import Keystore
from memcube.actors.vault.base import Rebuild, Vault
from memcube.actors.vault.sealed_vault import SealedVault
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.client.audit import verify_entries
from memcube.model.ids import CubeRef, Principal
from memcube.protos.memcube.v1 import audit_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

ENTRIES, QUICK_ENTRIES = 1000, 60
USERS, TEXTS = 4, 12
MODEL = "words"
SIZE = 64
ADMIN = Principal("acme", "admin", ("admin",))


def measure(*, quick: bool = False, seed: int = 0) -> dict[str, Any]:
    """``audit_tampers``, ``audit_tampers_found``, ``audit_cuts``, ``audit_cuts_found``, ``audit_us_a_call``;
    ``erasure_searched``, ``erasure_remains``, ``erasure_s``."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        return {
            **audit(root, QUICK_ENTRIES if quick else ENTRIES),
            "audit_us_a_call": telling(root),
            **erasure(root, seed),
        }


def audit(root: Path, count: int) -> dict[str, int]:
    """Every way to tamper with one entry, at every entry, and every way to cut."""
    key = AuditKey(root / "home")
    log = AuditLog(root / "log.db", "acme", key)
    for first in range(0, count, 50):
        entries = [
            audit_pb2.AuditEntry(verb="add", principal_id=f"p{n % 7}", resource=f"memory:{n}", outcome="OK")
            for n in range(first, min(first + 50, count))
        ]
        log.append([(Origin("s", first + n), entry) for n, entry in enumerate(entries)])
    leaves = [body for first in range(0, count, 1000) for _, body in log.read(first, 1000)]
    head = log.head()
    log.close()
    assert verify_entries(leaves, [head], key.public).sound
    tampers = found = 0
    for at in range(count):
        for forged in _tampered(leaves, at):
            tampers += 1
            found += not verify_entries(forged, [head], key.public).sound
    cuts = cut_found = 0
    for at in range(count):
        # Who cuts may take an older signed head with it: only the one that was kept elsewhere tells.
        cuts += 1
        cut_found += not verify_entries(leaves[:at], [], key.public, [head]).sound
    return {"audit_tampers": tampers, "audit_tampers_found": found, "audit_cuts": cuts, "audit_cuts_found": cut_found}


def _tampered(leaves: list[bytes], at: int) -> list[list[bytes]]:
    entry = audit_pb2.AuditEntry.FromString(leaves[at])
    entry.principal_id = "someone else"
    changed = entry.SerializeToString()
    other = at + 1 if at + 1 < len(leaves) else at - 1
    swapped = [*leaves]
    swapped[at], swapped[other] = swapped[other], swapped[at]
    return [
        [*leaves[:at], *leaves[at + 1 :]],
        [*leaves[:at], changed, *leaves[at + 1 :]],
        swapped,
        [*leaves[:at], leaves[at], *leaves[at:]],
    ]


def telling(root: Path) -> float:
    """Microseconds of a processor that telling of one read costs on its way."""
    told = Recorder(Spool(root / "spool"), AuditKey(root / "home"), AuditConfig(reads=True))
    body = pb.SearchRequest(scope=pb.Scope(user_id="alice"), query="where do I live?").SerializeToString()
    began = time.process_time()
    for _ in range(5000):
        told.end(told.begin("acme", "alice", "search", body, "grpc"), "OK")
    return round((time.process_time() - began) / 5000 * 1e6, 1)


class Home:
    """A home with several users' memories."""

    def __init__(self, root: Path, *, encrypted: bool, seed: int) -> None:
        self.root = root
        self.words = {f"user{n}": [f"w{seed}x{n}y{place}zq" for place in range(TEXTS)] for n in range(USERS)}
        self.keys = Keystore(root / "vault" / "governance" / "keys", bytes(range(32))) if encrypted else None
        self.rng = random.Random(seed)

    def vault(self) -> Vault:
        """As the frames open it."""
        if self.keys is None:
            return SqliteVault(self.root / "vault", rebuild_record)
        return SealedVault(self._files, self.keys, subject_of, rebuild_record)

    def _files(self, rebuild: Rebuild | None) -> SqliteVault:
        return SqliteVault(self.root / "vault", rebuild)

    def vector(self, text: str) -> npt.NDArray[np.float32]:
        """A vector of a text's own."""
        return np.random.default_rng(zlib.crc32(text.encode())).normal(size=SIZE).astype(np.float32)

    def fill(self) -> None:
        """Adds, changes and deletes, each with its vectors: cubes of each user, and one of all."""
        for n, (user, words) in enumerate(self.words.items()):
            for cube_id, scope in ((f"user:{user}", pb.Scope(user_id=user)), ("team", _team(user))):
                self._use(cube_id, scope, words, f"{n}{cube_id}")

    def _use(self, cube_id: str, scope: pb.Scope, words: list[str], key: str) -> None:
        ref = CubeRef("acme", cube_id)
        cube = Cube.open(self.vault().attach(ref, new_about(ref)), MODEL)
        messages = [pb.Message(content=f"I told you about {word}") for word in words]
        added = _do(cube, "add", pb.AddRequest(scope=scope, messages=messages), f"{key}a")
        ids = [item.id for item in pb.AddResponse.FromString(added).items]
        self._embed(cube)
        _do(cube, "update", pb.UpdateRequest(id=ids[0], memory=f"Now it is {words[0]} again"), f"{key}u")
        _do(cube, "delete", pb.DeleteRequest(id=ids[1]), f"{key}d")
        self._embed(cube)
        cube.close()

    def _embed(self, cube: Cube) -> None:
        pending = cube.pending_texts(1000)
        if pending:
            contents = [content for content, _ in pending]
            matrix = np.stack([self.vector(text) for _, text in pending])
            cube.view.store.commit(cube.plan_vectors(MODEL, contents, matrix))
            cube.apply_vectors(MODEL, contents, matrix)

    def needles(self, user: str) -> list[bytes]:
        """Each word, and the middle of each vector, of a user."""
        words = [word.encode() for word in self.words[user]]
        texts = [f"I told you about {word}" for word in self.words[user]]
        return words + [self.vector(text).astype("<f2").tobytes()[24:64] for text in texts]

    def traces(self, user: str) -> int:
        """In how many places of how many files they are."""
        files = [path.read_bytes() for path in self.root.rglob("*") if path.is_file()]
        return sum(data.count(needle) for data in files for needle in self.needles(user))

    async def erase(self, user: str) -> None:
        """As the gateway does it."""
        router = LocalRouter(self.vault(), frame=FrameConfig(holds_path=str(self.root / "vault/governance/holds")))
        records = Records(self.root / "vault", router, purges=Purges(keys=self.keys))
        request = audit_pb2.EraseRequest(user_id=user, idempotency_key="e")
        await records.erasures.erase(ADMIN, request)
        await router.close()
        await records.close()


def _team(user: str) -> pb.Scope:
    return pb.Scope(cube_id="team", user_id=user)


def _do(cube: Cube, verb: str, request: Any, key: str) -> bytes:
    plan = cube.plan([Call(verb, request.SerializeToString(), ADMIN, key)])
    cube.view.store.commit(plan.commit)
    (answer,) = cube.apply(plan)
    assert answer.ok, answer.body
    return answer.body


def erasure(root: Path, seed: int) -> dict[str, float]:
    """Erase one user in the clear and encrypted; in the encrypted home also in a copy made before."""
    searched = remains = 0
    took_s = 0.0
    for encrypted in (False, True):
        home = Home(root / f"home-{encrypted}", encrypted=encrypted, seed=seed)
        home.fill()
        before = home.traces("user0")
        if not encrypted and not before:
            raise RuntimeError("the search finds nothing before the erasure: it proves nothing")
        copy = root / f"copy-{encrypted}"
        if encrypted:
            shutil.copytree(home.root / "vault" / "cubes", copy)
        began = time.perf_counter()
        asyncio.run(home.erase("user0"))
        took_s += time.perf_counter() - began
        searched += len(home.needles("user0"))
        remains += home.traces("user0")
        if not encrypted and not home.traces("user1"):
            raise RuntimeError("another user's memories are gone too")
        if encrypted:
            remains += _readable(home, copy)
            searched += TEXTS
    return {"erasure_searched": searched, "erasure_remains": remains, "erasure_s": round(took_s, 2)}


def _readable(home: Home, copy: Path) -> int:
    """How many of the erased user's memories the keys that are left can still open, in a copy made before."""
    shutil.rmtree(home.root / "vault" / "cubes")
    shutil.copytree(copy, home.root / "vault" / "cubes")
    home.keys = Keystore(home.root / "vault" / "governance" / "keys", bytes(range(32)))
    count = 0
    for cube_id in ("user:user0", "team"):
        store = home.vault().attach(CubeRef("acme", cube_id))
        words = [word.encode() for word in home.words["user0"]]
        pieces = [record.body for record in (*store.load().items, *store.events())]
        count += sum(any(word in piece for word in words) for piece in pieces)
        store.close()
    return count


def main() -> None:
    """Measure and print."""
    chosen = report.options(str(__doc__).splitlines()[0]).parse_args()
    found = partial(measure, seed=chosen.seed)(quick=chosen.quick)
    report.table("records", ["figure", "value"], [*found.items()])
    report.finish(found, chosen)
    if found["audit_tampers_found"] < found["audit_tampers"] or found["erasure_remains"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
