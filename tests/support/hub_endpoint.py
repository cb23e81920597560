"""A stand-in for the Hugging Face hub for tests: what ``huggingface_hub`` asks of it for small dataset repositories,
over real HTTP. It is not the hub: large files (LFS, Xet) and permissions are not in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


class Hub:
    """Repositories as lists of commits, each a whole state: name to bytes."""

    def __init__(self) -> None:
        self.repos: dict[str, list[dict[str, bytes]]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def state(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """A commit's id and files."""
        commits = self.repos.get(repo)
        if commits is None:
            return None
        ids = [f"{place:040x}" for place in range(len(commits))]
        place = len(commits) - 1 if revision == "main" else ids.index(revision)
        return ids[place], commits[place]


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
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

        def _json(self, value: Any) -> None:
            self._send(200, json.dumps(value).encode(), Content_Type="application/json")

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path)
            if path == "/api/repos/create":
                told = json.loads(body)
                repo = f"{told['organization']}/{told['name']}" if told.get("organization") else f"me/{told['name']}"
                hub.repos.setdefault(repo, [{}])
                self._json({"url": f"{hub.url}/datasets/{repo}", "name": repo})
                return
            match = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(preupload|commit|revision|tree)/([^/]+)(/.*)?", path)
            if match is not None:
                getattr(self, "_" + match[2])(match[1], match[3], body)
                return
            match = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            found = hub.state(match[1], match[2]) if match else None
            if match is None or found is None or match[3] not in found[1]:
                self._send(404, b"{}", X_Error_Code="EntryNotFound" if found else "RepoNotFound")
                return
            data = found[1][match[3]]
            self._send(200, data, ETag=f'"{hashlib.sha1(data).hexdigest()}"', X_Repo_Commit=found[0])

        do_GET = do_HEAD = do_POST = _any

        def _preupload(self, repo: str, revision: str, body: bytes) -> None:
            files = [{"path": one["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                     for one in json.loads(body)["files"]]  # fmt: skip
            self._json({"files": files})

        def _commit(self, repo: str, revision: str, body: bytes) -> None:
            files = dict(hub.repos[repo][-1])
            for line in body.splitlines():
                told = json.loads(line)
                if told["key"] == "file":
                    files[told["value"]["path"]] = base64.b64decode(told["value"]["content"])
            hub.repos[repo].append(files)
            oid = f"{len(hub.repos[repo]) - 1:040x}"
            self._json({"commitUrl": f"{hub.url}/datasets/{repo}/commit/{oid}", "commitOid": oid, "success": True})

        def _revision(self, repo: str, revision: str, body: bytes) -> None:
            found = hub.state(repo, revision)
            if found is None:
                self._send(404, b"{}", X_Error_Code="RepoNotFound")
                return
            names = [{"rfilename": name} for name in sorted(found[1])]
            self._json({"id": repo, "sha": found[0], "siblings": names, "private": True, "tags": []})

        def _tree(self, repo: str, revision: str, body: bytes) -> None:
            found = hub.state(repo, revision)
            files = [] if found is None else sorted(found[1].items())
            self._json([{"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in files])

    return Handler
