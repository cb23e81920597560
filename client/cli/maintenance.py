"""Commands that work on files of this machine's system run in a process of their own.

They need the vault's and the gateway's code, which the client does not import:
``python -m memcube.deployments.maintenance`` prints one JSON document and ends with 0, or with an error's document.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from memcube.model.errors import InternalError
from memcube.model.plain import error_from_plain

__all__ = ["maintain"]

TIMEOUT_S = 3600.0


def maintain(*arguments: str) -> Any:
    """Run one maintenance command and return its document; raises the error that it ended with."""
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "memcube.deployments.maintenance", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=TIMEOUT_S,
        check=False,
    )
    try:
        answer = json.loads(ended.stdout)
    except ValueError as error:
        raise InternalError(f"maintenance ended with {ended.returncode}") from error
    if isinstance(answer, dict) and "error" in answer:
        raise error_from_plain(answer["error"])
    return answer
