"""A registry for tests: the OCI distribution specification's pushes, pulls and referrers over real HTTP, in memory.

Where the ``docker-registry`` program is installed (Debian's package of the CNCF's), the tests use that one as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROGRAM = os.environ.get("MEMCUBE_TEST_REGISTRY") or shutil.which("docker-registry")
"""The real registry, where there is one."""


class MemoryRegistry:
    """Blobs and manifests in memory. ``token`` is asked for by the Bearer way where it is not empty."""

    def __init__(self, token: str = "") -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[bytes, str]] = {}
        self.tags: dict[str, str] = {}
        self.uploads: dict[str, bytearray] = {}
        self.token = token
        self.pushed_bytes = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        """Its "host:port"."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class RealRegistry:
    """The ``docker-registry`` program on a free port, its files in ``folder``."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(folder)}},
            "http": {"addr": self.host},
        }
        (folder / "config.yml").write_text(json.dumps(config))
        self._process = subprocess.Popen(
            [PROGRAM, "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(self.host.rpartition(":")[2]))) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the registry did not start")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


def _handler(registry: MemoryRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            """Nothing."""

        def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            if url.path == "/token":
                self._send(200, json.dumps({"token": registry.token}).encode())
                return
            if registry.token and self.headers.get("Authorization") != f"Bearer {registry.token}":
                realm = f'Bearer realm="http://{registry.host}/token",service="test"'
                self._send(401, b"", WWW_Authenticate=realm)
                return
            match = re.fullmatch(r"/v2/(.+?)/(blobs/uploads|blobs|manifests|referrers)/(.*)", url.path)
            if match is None:
                self._send(404)
                return
            getattr(self, "_" + match[2].replace("/", "_"))(match[1], match[3], body, parse_qs(url.query))

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _any

        def _blobs_uploads(self, name: str, rest: str, body: bytes, query: dict[str, list[str]]) -> None:
            where = f"/v2/{name}/blobs/uploads/"
            if self.command == "POST":
                rest = uuid.uuid4().hex
                registry.uploads[rest] = bytearray()
                self._send(202, Location=where + rest)
                return
            registry.uploads[rest] += body
            registry.pushed_bytes += len(body)
            if self.command == "PATCH":
                self._send(202, Location=where + rest, Range=f"0-{len(registry.uploads[rest]) - 1}")
                return
            data = bytes(registry.uploads.pop(rest))
            digest = query["digest"][0]
            if digest != "sha256:" + hashlib.sha256(data).hexdigest():
                self._send(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
                return
            registry.blobs[digest] = data
            self._send(201, Location=f"/v2/{name}/blobs/{digest}")

        def _blobs(self, name: str, digest: str, body: bytes, query: dict[str, list[str]]) -> None:
            data = registry.blobs.get(digest)
            self._send(404 if data is None else 200, data or b"")

        def _manifests(self, name: str, reference: str, body: bytes, query: dict[str, list[str]]) -> None:
            if self.command == "PUT":
                digest = "sha256:" + hashlib.sha256(body).hexdigest()
                told = json.loads(body)
                missing = [one for one in told.get("layers", []) if one["digest"] not in registry.blobs]
                if missing:
                    self._send(404, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}')
                    return
                registry.manifests[digest] = (body, self.headers["Content-Type"])
                if not reference.startswith("sha256:"):
                    registry.tags[reference] = digest
                subject = told.get("subject")
                self._send(201, **({"OCI_Subject": subject["digest"]} if subject else {}))
                return
            found = registry.manifests.get(registry.tags.get(reference, reference))
            if found is None:
                self._send(404)
            else:
                self._send(200, found[0], Content_Type=found[1])

        def _referrers(self, name: str, digest: str, body: bytes, query: dict[str, list[str]]) -> None:
            found = []
            for known, (data, media) in registry.manifests.items():
                if json.loads(data).get("subject", {}).get("digest") == digest:
                    found.append({"mediaType": media, "digest": known, "size": len(data)})
            self._send(200, json.dumps({"schemaVersion": 2, "manifests": found}).encode())

    return Handler
