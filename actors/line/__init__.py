"""A direct line between two processes of one machine: bytes to bytes, over a Unix socket."""

from memcube.actors.line.line import Answerer, Line, serve_line

__all__ = ["Answerer", "Line", "serve_line"]
