"""A client of OCI registries, as the distribution specification has it: blobs and manifests, pushed and pulled.

Every byte that comes is held against the digest by which it was asked for. Registries on this machine are spoken to
over HTTP, all others over HTTPS. Credentials come from ``MEMCUBE_OCI_USER`` and ``MEMCUBE_OCI_PASSWORD``, else from
Docker's ``config.json``; they go to the registry, and to the token service that it names, if that one speaks HTTPS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from memcube.model.errors import (
    DeadlineError,
    InvalidArgumentError,
    MemCubeError,
    NotFoundError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
)

__all__ = ["MANIFEST", "Registry"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TIMEOUT_S = 60.0
MAX_MANIFEST_BYTES = 4 << 20
CHUNK_BYTES = 8 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Registry:
    """One repository of one registry."""

    def __init__(self, host: str, repository: str) -> None:
        self.host, self.repository = host, repository
        self._local = host.partition(":")[0] in ("localhost", "127.0.0.1")
        base = f"{'http' if self._local else 'https'}://{host}"
        self._http = httpx.Client(base_url=base, timeout=TIMEOUT_S, follow_redirects=True, trust_env=not self._local)
        self._auth = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has the blob."""
        return self._ask("HEAD", f"blobs/{digest}", (200, 404)).status_code == 200

    def put_blob(self, digest: str, path: Path) -> None:
        """Push a blob from a file, in chunks, unless it is there."""
        if self.has_blob(digest):
            return
        size = path.stat().st_size
        answer = self._ask("POST", "blobs/uploads/", (202,))
        place = self._place(answer)
        with path.open("rb") as file:
            at = 0
            while size - at > CHUNK_BYTES:
                chunk = file.read(CHUNK_BYTES)
                headers = {"Content-Range": f"{at}-{at + len(chunk) - 1}", "Content-Type": "application/octet-stream"}
                answer = self._ask("PATCH", place, (202,), content=chunk, headers=headers)
                place, at = self._place(answer), at + len(chunk)
            rest = file.read()
        mark = "&" if "?" in place else "?"
        headers = {"Content-Type": "application/octet-stream"}
        if at:
            headers["Content-Range"] = f"{at}-{at + len(rest) - 1}"
        self._ask("PUT", f"{place}{mark}digest={digest}", (201,), content=rest, headers=headers)

    def put_manifest(self, body: bytes, reference: str, media_type: str = MANIFEST) -> bool:
        """Push a manifest under a tag or its digest; whether the registry keeps account of its ``subject``."""
        answer = self._ask("PUT", f"manifests/{reference}", (201,), content=body, headers={"Content-Type": media_type})
        return "oci-subject" in answer.headers

    def manifest(self, reference: str) -> tuple[bytes, str]:
        """A manifest's bytes and digest; one that was asked for by digest is held against it. Raises NotFoundError."""
        answer = self._ask("GET", f"manifests/{reference}", (200,), headers={"Accept": f"{MANIFEST}, {INDEX}"})
        body = answer.content
        if len(body) > MAX_MANIFEST_BYTES:
            raise TooLargeError(f"manifest {reference}", len(body), MAX_MANIFEST_BYTES)
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        if _DIGEST.fullmatch(reference) and digest != reference:
            raise InvalidArgumentError(f"manifest {reference}", f"has the digest {digest}")
        return body, digest

    def referrers(self, digest: str) -> list[dict[str, Any]]:
        """Manifests that name this one as their subject: by the referrers API, else by the tag that stands for it."""
        answer = self._ask("GET", f"referrers/{digest}", (200, 404, 405, 400))
        if answer.status_code != 200:
            try:
                body, _ = self.manifest(digest.replace(":", "-"))
            except NotFoundError:
                return []
        else:
            body = answer.content
        try:
            found = json.loads(body)["manifests"]
            return [one for one in found if isinstance(one, dict) and _DIGEST.fullmatch(str(one.get("digest")))]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidArgumentError(f"referrers of {digest}", "is no index") from error

    def fetch_blob(self, digest: str, size: int, target: Path) -> None:
        """Pull a blob to a file, held against its digest and size; a wrong one leaves no file."""
        found, read = hashlib.sha256(), 0
        target.parent.mkdir(parents=True, exist_ok=True)
        made = target.with_name(target.name + ".part")
        try:
            with made.open("wb") as file:
                for step in self._steps(f"blobs/{digest}"):
                    read += len(step)
                    if read > size:
                        raise TooLargeError(f"blob {digest}", read, size)
                    found.update(step)
                    file.write(step)
            if read != size or "sha256:" + found.hexdigest() != digest:
                raise InvalidArgumentError(f"blob {digest}", "does not have the bytes that its digest names")
            made.rename(target)
        finally:
            made.unlink(missing_ok=True)

    def _steps(self, path: str) -> Iterator[bytes]:
        self._ask("HEAD", path, (200,))  # logs in where that is needed, and finds out what is missing
        with self._told(path), self._http.stream("GET", self._url(path), headers=self._headers({})) as answer:
            if answer.status_code != 200:
                raise NotFoundError("blob", f"{self.host}/{self.repository}/{path}")
            yield from answer.iter_bytes(1 << 20)

    def _url(self, path: str) -> str:
        return path if path.startswith(("http://", "https://", "/")) else f"/v2/{self.repository}/{path}"

    def _headers(self, given: dict[str, str]) -> dict[str, str]:
        return {**given, **({"Authorization": self._auth} if self._auth else {})}

    def _ask(
        self, verb: str, path: str, good: tuple[int, ...], content: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        for again in (True, False):
            with self._told(path):
                answer = self._http.request(
                    verb, self._url(path), content=content or None, headers=self._headers(headers or {})
                )
            if answer.status_code == 401 and again and self._log_in(answer.headers.get("www-authenticate", "")):
                continue
            break
        if answer.status_code in good:
            return answer
        where = f"{self.host}/{self.repository}/{path}"[:200]
        if answer.status_code == 404:
            raise NotFoundError("manifest or blob", where)
        if answer.status_code in (401, 403):
            raise UnauthenticatedError(f"the registry refuses {verb} {where} ({answer.status_code})")
        if answer.status_code == 429 or answer.status_code >= 500:
            raise UnavailableError(f"{where} ({answer.status_code})")
        raise InvalidArgumentError(where, f"the registry answers {answer.status_code}: {answer.text[:200]}")

    def _place(self, answer: httpx.Response) -> str:
        """Where an upload goes on; it has to stay with the registry, as the credentials do."""
        place: str = urljoin(str(answer.request.url), answer.headers.get("location", ""))
        if urlsplit(place).netloc != urlsplit(str(self._http.base_url)).netloc:
            raise InvalidArgumentError("registry", f"sends an upload to another host: {urlsplit(place).netloc[:100]}")
        return place

    def _log_in(self, challenge: str) -> bool:
        """Answer a registry's question who we are; False where there is no answer."""
        kind, _, rest = challenge.partition(" ")
        told = dict(_CHALLENGE.findall(rest))
        user = _credentials(self.host)
        basic = "Basic " + base64.b64encode(user.encode()).decode() if user else ""
        if kind.lower() == "basic":
            self._auth = basic
            return bool(basic)
        realm = told.get("realm", "")
        if kind.lower() != "bearer" or not realm.startswith("https://" if not self._local else "http"):
            return False
        asked = {name: told[name] for name in ("service", "scope") if name in told}
        with self._told(realm):
            answer = self._http.get(realm, params=asked, headers={"Authorization": basic} if basic else {})
        try:
            plain = answer.json()
            token = plain.get("token") or plain.get("access_token")
        except (ValueError, AttributeError):
            token = None
        self._auth = f"Bearer {token}" if isinstance(token, str) else ""
        return bool(self._auth)

    def _told(self, what: str) -> _Told:
        return _Told(f"{self.host}/{self.repository}/{what}"[:200])


class _Told:
    """Turns what httpx raises into our errors."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, MemCubeError):
            return
        if isinstance(error, httpx.TimeoutException):
            raise DeadlineError(self._what, TIMEOUT_S) from error
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            raise UnavailableError(f"{self._what} ({error})"[:300]) from error


def _credentials(host: str) -> str:
    """ "user:password" for a registry; empty for none."""
    if os.environ.get("MEMCUBE_OCI_USER"):
        return f"{os.environ['MEMCUBE_OCI_USER']}:{os.environ.get('MEMCUBE_OCI_PASSWORD', '')}"
    folder = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
    try:
        known = json.loads((folder / "config.json").read_text())["auths"][host]["auth"]
        return base64.b64decode(known).decode()
    except (OSError, ValueError, KeyError, TypeError):
        return ""
