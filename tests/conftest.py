"""For all tiers: which tests go to the same worker where a run has several (``make test``), and which begin first."""

from __future__ import annotations

from typing import Any

# Hypothesis' plugin imports it at the end of a run that did not use it. pytest would then rewrite its modules deep in
# its own hooks, where Python 3.11's parser may fail ("AST constructor recursion depth mismatch").
import hypothesis  # noqa: F401
import pytest

SHARING = ("tests/cluster", "tests/end_to_end")
"""Their tests use one Ray, one system: each worker with such a test starts its own, so they all go to one."""
APART = (
    "tests/cluster/test_rpc_faults.py",
    "tests/end_to_end/test_chaos_quick.py",
    "tests/end_to_end/test_demo.py",
    "tests/end_to_end/test_dependencies_quick.py",
    "tests/end_to_end/test_isolation.py",
    "tests/end_to_end/test_joined_cluster.py",
    "tests/end_to_end/test_maintenance.py",
    "tests/end_to_end/test_storage.py",
    "tests/end_to_end/test_wheel.py",
)
"""Of these tiers, the files that start what they need themselves."""
ONE_BY_ONE = ("tests/end_to_end/test_start.py",)
"""Of these, the files whose tests share nothing with each other either, and take long."""


def group_of(test: str) -> str:
    """The group of a test, by its id: what is in one group runs in one worker, one after the other."""
    file = test.partition("::")[0]
    tier = file.rpartition("/")[0]
    if file in ONE_BY_ONE:
        return test
    return tier if tier in SHARING and file not in APART else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Groups go to whichever worker is free, in the order of the folders: the tiers that wait for processes first, so
    that the many short files of the unit tier fill the gaps at the end."""
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        """Groups by ``group_of``."""

        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    config.option.loadscopereorder = False
    return ByGroup(config, log)
