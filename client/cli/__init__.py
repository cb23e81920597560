"""The ``memcube`` command. ``main`` is its entry point."""

from memcube.client.cli.app import main

__all__ = ["main"]
