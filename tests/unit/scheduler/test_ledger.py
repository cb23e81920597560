"""The tokens of the day in a file: a scheduler that starts anew gives nobody a second day's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memcube.actors.llm import LLMConfig, Prompt, Spent
from memcube.actors.scheduler.config import SchedulerConfig
from memcube.actors.scheduler.desk import Desk
from memcube.actors.scheduler.job import Job, Outcome
from memcube.actors.scheduler.ledger import BUCKET_S, Ledger
from memcube.actors.scheduler.scheduler import Scheduler
from memcube.model.errors import DeadlineError, ExhaustedError, InternalError

pytestmark = pytest.mark.anyio
LLM = LLMConfig("http://model/v1", "m")
CONFIG = SchedulerConfig(tokens_per_day={"acme": 100})


def spend(core: Scheduler, tokens: int, now_s: float) -> None:
    """A question that took so many tokens."""
    job = Job("acme", "ask", "query", True)
    core.submit(job, now_s)
    assert core.next_job(now_s, now_s) is job
    core.end(job, Outcome(spent=Spent(1, tokens, 0)), now_s, now_s)


def test_a_quota_is_counted_on_after_a_restart(tmp_path: Path) -> None:
    """Until a day after each part of it was taken, whatever the new process's clock counts from."""
    ledger, unix_s = Ledger(tmp_path / "tokens.json"), time.time()
    first = Scheduler(CONFIG, LLM, frozenset())
    spend(first, 60, 1000.0)
    assert first.quotas_changed
    ledger.save(first.quotas(1000.0, unix_s))
    assert not first.quotas_changed
    second = Scheduler(CONFIG, LLM, frozenset())
    second.load_quotas(ledger.load(), 5.0, unix_s + 3600)
    spend(second, 60, 6.0)
    with pytest.raises(ExhaustedError, match="tokens") as caught:
        second.submit(Job("acme", "ask", "query", True), 7.0)
    assert caught.value.retry_after_s == pytest.approx(23 * 3600, abs=10)
    assert sum(tokens for _, tokens in second.quotas(8.0, unix_s + 3603)["acme"]) == 120


def test_the_file_stays_small_and_a_damaged_one_keeps_nobody_from_working(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is near in time is one entry; no JSON, another version, strange numbers: put aside, and reported."""
    path, now_s = tmp_path / "tokens.json", time.time()
    ledger = Ledger(path)
    ledger.save({"acme": [(now_s - 10_000 + n, 1.0) for n in range(10_000)]})
    entries = ledger.load()["acme"]
    assert sum(tokens for _, tokens in entries) == 10_000 and len(entries) <= 10_000 / BUCKET_S + 2
    assert path.stat().st_mode & 0o777 == 0o600
    for damage in ("{", '{"version": 2, "tenants": {}}', '{"version": 1, "tenants": {"a": [[1, -5]]}}', "[]", "\x00"):
        path.write_text(damage)
        assert Ledger(path).load() == {}
        assert "damaged" in caplog.text
    assert Ledger(tmp_path / "none.json").load() == {}
    Ledger(tmp_path / "no" / "folder.json").save({"acme": [(now_s, 1.0)]})
    assert "not kept" in caplog.text


async def test_a_desk_keeps_it(site: Callable[..., Any], tmp_path: Path) -> None:
    """When it is stopped at the latest; the next one refuses what is beyond the day's."""
    path = tmp_path / "tokens.json"
    async with site(tokens_per_day={"t": 10}) as s:
        s.desk = desk = Desk(s.config, LLM, frozenset(), s.router, s.crew, s.vault.pending, Ledger(path))
        await desk.start()
        await desk.ask("t", Prompt((), "query"), 5.0)
        await desk.stop()
        s.desk = desk = Desk(s.config, LLM, frozenset(), s.router, s.crew, s.vault.pending, Ledger(path))
        await desk.start()
        with pytest.raises(ExhaustedError, match="tokens"):
            await desk.ask("t", Prompt((), "query"), 5.0)


async def test_a_failed_question_tells_what_it_cost(site: Callable[..., Any]) -> None:
    """Beside its error, whether the model failed or was late."""
    async with site(max_readers=1) as s:
        s.model.error = InternalError("x")
        asked = await s.desk.asked("t", Prompt((), "query"), 5.0)
        assert isinstance(asked.error, InternalError) and asked.spent.tokens_in == 10
        s.model.error = None

        async def late(prompt: Prompt, within_s: float, check: Any, bill: Any) -> Any:
            bill.add(Spent(1, 7, 0))
            await asyncio.sleep(within_s)
            raise DeadlineError("the model", within_s)

        s.model.ask = late
        asked = await s.desk.asked("t", Prompt((), "query"), 0.1)
        assert isinstance(asked.error, DeadlineError) and asked.spent.tokens_in == 7


def test_documents_are_shared_by_the_time_they_take() -> None:
    """Whose documents take a minute each has fewer of them read than whose take a second."""
    core = Scheduler(SchedulerConfig(), LLMConfig(), frozenset())
    for tenant in ("slow", "quick"):
        for _ in range(20):
            core.submit(Job(tenant, "convert", "convert", False), 0.0)
    now_s, done = 0.0, []
    while len(done) < 22 and (job := core.next_job(now_s, now_s)) is not None:
        now_s += 60.0 if job.tenant == "slow" else 1.0
        done.append(job.tenant)
        core.end(job, Outcome(), now_s, now_s)
    assert done.count("quick") >= 19
