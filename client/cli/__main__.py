"""``python -m memcube.client.cli``: the ``memcube`` command without its entry point."""

from memcube.client.cli.app import main

main()
