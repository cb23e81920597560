"""Governance as users meet it: the command line and both SDKs against a real gateway, without Ray."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from memcube.client import AsyncMemory, Memory
from memcube.client.cli.app import app
from memcube.client.cli.output import exit_status
from memcube.model.errors import InvalidArgumentError, MemCubeError, NotFoundError

from ...support.plain_gateway import Gateway


class Shell:
    """The command line in this process: a process a command takes seconds where there are many."""

    def __init__(self, server: str) -> None:
        self._server = server

    def run(self, *words: str, given: str | None = None, fails: int = 0) -> str:
        """What a command says, on both streams; it has to end with the status ``fails``."""
        where = [] if "attenuate" in words else ["--server", self._server]
        ran = CliRunner().invoke(app, [*words, *where], input=given)
        status = exit_status(ran.exception) if isinstance(ran.exception, MemCubeError) else ran.exit_code
        assert status == fails, (words, ran.output, ran.exception)
        return f"{ran.output}{ran.exception or ''}"

    def json(self, *words: str) -> Any:
        """The document that a command prints."""
        return json.loads(self.run(*words, "--json"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """ "host:port" of a gateway that the tests of this file share."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    yield gateway.address
    gateway.close()


@pytest.fixture
def shell(server: str) -> Shell:
    """The command line of the shared gateway."""
    return Shell(server)


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A user of each test's own."""
    return f"user-{len(request.node.name)}"


def test_policies_from_the_command_line(shell: Shell, user: str) -> None:
    """Checked, put in force, explained, and taken away; what is no good changes nothing."""
    name, cube = f"p-{user}", f"user:{user}"
    shell.run("add", "-u", user, "the secret plan is to sail")
    text = f'forbid(principal, action == Action::"search", resource == Cube::"{cube}");'
    assert "fly" in shell.run("policies", "put", name, "-", "--check", given=text.replace("search", "fly"), fails=2)
    shell.run("policies", "put", name, "-", given=text)
    try:
        shell.run("policies", "put", name, "-", given="forbid(", fails=2)
        assert f'Cube::"{cube}"' in shell.run("policies", "list")
        assert "entity Item" in shell.run("policies", "list", "--schema")
        assert f"policy {name}" in shell.run("policies", "explain", "search", "--cube", cube, fails=3)
        assert shell.json("policies", "explain", "get", "--cube", cube)["allowed"] is True
        assert shell.json("search", "-u", user, "plan")["results"] == []
    finally:
        shell.run("policies", "delete", name)
    assert len(shell.json("search", "-u", user, "plan")["results"]) == 1


def test_members_shares_quotas_and_grants_from_the_command_line(shell: Shell, user: str) -> None:
    """Each is made, shown in a table and as JSON, and goes again; a grant is narrowed offline."""
    cube = f"user:{user}"
    shell.run("add", "-u", user, "the secret plan is to sail")
    for made, listed, gone in (
        (("users", "put", user, "--agent", "--role", "reader"), ("users", "list"), ("users", "delete", user)),
        (("roles", "put", user, "--verb", "search"), ("roles", "list"), ("roles", "delete", user)),
        (("teams", "put", user, "--member", "bob"), ("teams", "list"), ("teams", "delete", user)),
    ):
        shell.run(*made)
        assert user in shell.run(*listed)
        assert user in [one["id"] for one in shell.json(*listed)["results"]]
        shell.run(*gone)
    share = shell.json("shares", "add", "--cube", cube, "--with-user", "bob", "--filter", '{"tags": "x"}')["share"]
    assert share["filter"] == {"tags": {"eq": "x"}}
    assert share["id"] in [one["id"] for one in shell.json("shares", "list", "--cube", cube)["results"]]
    shell.run("shares", "revoke", share["id"])
    quota = shell.json("quotas", "put", "operations", "1000000", "--for", "principal", "--subject", user)["quota"]
    assert quota["id"] in shell.run("quotas", "list")
    shell.run("quotas", "delete", quota["id"])
    issued = shell.json("grants", "issue", "--agent", "bot", "--cubes", cube, "--verb", "search")
    token = issued["token"]
    assert "the secret plan" in shell.run("search", "-u", user, "plan", "--api-key", token)
    assert "acts for local" in shell.run("whoami", "--api-key", token)
    narrow = shell.json("grants", "attenuate", token, "--cubes", "user:nobody")["token"]
    shell.run("search", "--cube", cube, "plan", "--api-key", narrow, fails=3)
    assert issued["grant"]["id"] in shell.run("grants", "list")
    shell.run("grants", "revoke", issued["grant"]["id"])
    shell.run("search", "-u", user, "plan", "--api-key", token, fails=5)


def test_both_sdks_govern(server: str, user: str) -> None:
    """The same methods with the same results; a sub-agent's client does what its grant says and no more."""
    cube = f"user:{user}"
    with Memory(server) as memory:
        memory.add("the secret plan is to sail", user_id=user)
        assert memory.governance.whoami()["credential"] == "local"
        issued = memory.governance.issue_grant(agent="bot", cubes=[cube], verbs=["search"])
    with Memory(server, api_key=issued["token"]) as bot:
        assert bot.search("plan", user_id=user)["results"]
        with pytest.raises(NotFoundError):
            bot.add("no", cube_id=cube)
        assert bot.governance.explain("add", cube_id=cube)["allowed"] is False

    async def governed() -> None:
        async with AsyncMemory(server) as client:
            asked = {"principal": "nobody", "roles": ["reader"], "cubes": [cube]}
            found = await client.governance.explain("search", cube_id=cube, item={"tags": ["a"]}, **asked)
            assert found["allowed"] is True
            with pytest.raises(InvalidArgumentError):
                await client.governance.put_policy(f"p-{user}", "nonsense")
            grants = (await client.governance.grants())["results"]
            assert issued["grant"]["id"] in [one["id"] for one in grants]
            await client.governance.revoke_grant(issued["grant"]["id"])

    asyncio.run(governed())
