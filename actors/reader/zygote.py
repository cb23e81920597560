"""The process that reads documents: it loads the converters once, and forks a child with limits for each document.

A document is somebody's bytes in the hands of large parsers. A child has no environment, no files to write, no
network where the kernel allows to take it away (and none that Python would open anywhere), so much memory, so many
seconds; whatever becomes of it, this process and the one that asked go on. ``convert`` starts it and speaks with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import os
import resource
import signal
import socket
import sys
from time import monotonic
from typing import Any

from memcube.actors.reader import formats
from memcube.actors.reader.converted import exactly, receive, send
from memcube.model.errors import InvalidArgumentError, TooLargeError

__all__ = ["main"]

MEMORY_BYTES = 1024 * 1024 * 1024
"""What a child may take beyond what this process has."""
IDLE_S = 1800.0
"""Without a document for so long it ends, and gives its 130 MB back."""
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
_FORBIDDEN = (
    "socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "os.system", "os.remove", "os.rename",
    "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "shutil.", "urllib.",
    "http.", "ftplib.", "smtplib.", "webbrowser.",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_READABLE = tuple({os.path.realpath(folder) + os.sep for folder in (sys.prefix, sys.base_prefix, *sys.path) if folder})
"""Python's own folders: modules that are loaded late."""


def main(fd: int) -> None:
    """Serve on this socket, ``sys.argv``'s, until its other end is closed."""
    control = socket.socket(fileno=fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are not waited for
    # Before any thread there is: a namespace is a process's of one thread.
    alone = ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0
    formats.load()
    gc.collect()
    gc.freeze()  # what children share with this process stays shared
    send(control, {"ready": True, "network": not alone})
    control.settimeout(IDLE_S)
    while True:
        try:
            asked, fds, _, _ = socket.recv_fds(control, 1, 1)
        except TimeoutError:
            return  # ``convert`` starts another one when a document comes
        if not asked:
            return
        if os.fork() == 0:
            control.close()
            status = 1
            with contextlib.suppress(BaseException):
                _serve(socket.socket(fileno=fds[0]))
                status = 0
            os._exit(status)
        os.close(fds[0])


def _serve(line: socket.socket) -> None:
    """Read one document, and say what it says or why not."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 60)
    asked: Any = receive(line, monotonic() + 60)
    within_s = float(asked["within_s"])
    signal.setitimer(signal.ITIMER_REAL, within_s)
    data = exactly(line, int(asked["size"]), monotonic() + within_s)
    if data is None:
        return
    line.settimeout(None)
    _limit(within_s)
    try:
        done = formats.read(str(asked["kind"]), data, lambda told: send(line, {"told": told}))
        answer: dict[str, Any] = {"title": done.title, "text": done.text, "notes": list(done.notes)}
    except TooLargeError as error:
        answer = {"size": error.size, "limit": error.limit, "unit": error.unit}
    except InvalidArgumentError as error:
        answer = {"problem": error.problem}
    except MemoryError:
        answer = {"problem": f"needs more than {MEMORY_BYTES >> 20} MB of memory to be read"}
    except RecursionError:
        answer = {"problem": "is nested too deeply to be read"}
    except Exception as error:  # noqa: BLE001 - parsers raise what they like; all of it means the same
        answer = {"problem": f"could not be read: {type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    send(line, answer)


def _limit(within_s: float) -> None:
    """Take away what reading a document does not need, for good."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        taken = int(statm.read().split()[0]) * resource.getpagesize()
    seconds = math.ceil(within_s)
    for what, most in (
        (resource.RLIMIT_AS, taken + MEMORY_BYTES), (resource.RLIMIT_CPU, seconds + 1), (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_NPROC, 0),
    ):  # fmt: skip
        resource.setrlimit(what, (most, most))
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN) or (event == "open" and not _may_open(arguments[0], arguments[2])):
        raise PermissionError(f"{event} is not allowed while a document is read")


def _may_open(path: Any, flags: Any) -> bool:
    if not isinstance(flags, int) or flags & _WRITING:
        return False
    return isinstance(path, str | bytes) and os.path.realpath(os.fsdecode(path)).startswith(_READABLE)
