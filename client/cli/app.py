"""The command line as a whole: its commands, and how it ends.

A failure is one red line on standard error (with ``--json`` one JSON object on standard output) and an exit status
by kind; see ``output.EXIT_STATUS``. A traceback is shown for defects of ours only.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, cast

import typer

from memcube.client.cli import (
    audit,
    changing,
    doctor,
    governance,
    grants,
    keys,
    market,
    memories,
    mip,
    moving,
    privacy,
    sharing,
    system,
    tasks,
    topics,
)
from memcube.client.cli.naming import in_options
from memcube.client.cli.output import fail
from memcube.model.errors import InvalidArgumentError, MemCubeError

__all__ = ["app", "main"]

app = typer.Typer(
    name="memcube",
    help="A memory for AI agents: add what was said, find it again, correct it, see its history.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
memories.register(app)
changing.register(app)
moving.register(app)
system.register(app)
app.command("whoami")(governance.whoami)
for _name in ("policies", "users", "teams", "roles"):
    app.add_typer(getattr(governance, _name), name=_name)
app.add_typer(sharing.shares, name="shares")
app.add_typer(sharing.quotas, name="quotas")
app.add_typer(grants.app, name="grants")
app.add_typer(keys.app, name="keys")
app.add_typer(tasks.app, name="tasks")
app.add_typer(topics.app, name="topics")
app.add_typer(mip.app, name="mip")
app.add_typer(market.app, name="market")
app.add_typer(audit.app, name="audit")
app.add_typer(privacy.holds, name="holds")
app.add_typer(privacy.retention, name="retention")
app.add_typer(doctor.app, name="doctor")
app.command("provenance")(audit.provenance)
app.command("erase")(privacy.erase)
app.command("encrypt")(doctor.encrypt)


@app.callback()
def everywhere(
    tls: Annotated[
        str, typer.Option("--tls", help="Speak TLS: 1 trusts what this machine trusts, a file its authority.")
    ] = "",
    client_cert: Annotated[str, typer.Option("--client-cert", help="The certificate to show, in PEM.")] = "",
    client_key: Annotated[str, typer.Option("--client-key", help="Its key, where it is in another file.")] = "",
) -> None:
    """A memory for AI agents: add what was said, find it again, correct it, see its history."""
    said = {"MEMCUBE_TLS": tls, "MEMCUBE_CLIENT_CERT": client_cert, "MEMCUBE_CLIENT_KEY": client_key}
    os.environ.update({name: value for name, value in said.items() if value})


UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])
"""What a wrong command line raises; typer does not export it by name."""
INTERRUPTED = 130


def main() -> None:
    """Run the command that ``sys.argv`` states and exit."""
    as_json = "--json" in sys.argv
    try:
        status = typer.main.get_command(app).main(standalone_mode=False)
    except MemCubeError as error:
        status = fail(in_options(error), as_json)
    except UsageError as error:
        wrong: Any = error
        if as_json:
            status = fail(InvalidArgumentError("command line", wrong.format_message()), as_json)
        else:
            wrong.show()
            status = 2
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except BrokenPipeError:
        # The reader (a pager, head) has seen enough.
        sys.stderr.close()
        status = 0
    sys.exit(status if isinstance(status, int) else 0)
