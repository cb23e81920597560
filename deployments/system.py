"""The one wiring place: Ray is there; this makes the directory, the frames, the embedder and the gateway in it.

    relay, scheduler (starts readers) ──┐
    directory (starts frames) ──────────┼── gateway    all at once: each is a process whose start costs 0.7 CPU-seconds
    Serve: embedder, reranker ──────────┘

Names are fixed (namespace "memcube"; "directory", "embedder", "gateway", "frame-N"; Serve's "memcube-embedder"), so
that every part finds the others by itself, before and after any of them was restarted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from memcube.actors.cube.actor import FrameRecipe
from memcube.actors.directory.actor import connect_router, start_directory
from memcube.actors.directory.config import RouterConfig
from memcube.actors.directory.wire import DIRECTORY, NAMESPACE
from memcube.actors.embedding.actor import EmbedderRelay
from memcube.actors.embedding.client import APPLICATION, RELAY, EmbedderClient, RelayClient
from memcube.actors.gateway.actor import Addresses, Gateway
from memcube.actors.gateway.seam import Neighbours, Router
from memcube.actors.governance.actor import GOVERNOR, GovernorClient, start_governor
from memcube.actors.governance.audit_recorder import AuditConfig
from memcube.actors.governance.audit_records import Records
from memcube.actors.governance.erasure import Purges
from memcube.actors.governance.erasure_files import purge_files
from memcube.actors.interchange.config import InterchangeConfig
from memcube.actors.reranking.actor import APPLICATION as RERANKER_APPLICATION
from memcube.actors.reranking.actor import RerankerActor
from memcube.actors.reranking.client import RERANKER, RerankerClient
from memcube.actors.scheduler.actor import SchedulerRecipe, start_scheduler
from memcube.actors.scheduler.client import SCHEDULER, SchedulerClient
from memcube.actors.store.actor import StoreRecipe, start_store
from memcube.actors.store.client import STORE, StoreClient
from memcube.actors.store.hints import HintingRouter
from memcube.actors.store.hub import Hub
from memcube.actors.vault.sqlite_vault import SqliteVault
from memcube.deployments.config import SystemConfig
from memcube.deployments.embedder.config import EmbedderConfig
from memcube.deployments.encryption import EncryptionConfig, keystore, open_vault
from memcube.deployments.reading import kinds_with_model, reader_recipe
from memcube.deployments.reranker.config import RerankerConfig
from memcube.model.errors import DeadlineError, InternalError, MemCubeError, UnavailableError

__all__ = ["GATEWAY", "System", "start_system", "stop_joined_system"]

log = logging.getLogger("memcube.supervisor")

GATEWAY = "gateway"
FRAME_PREFIX = "frame-"
READER_PREFIX = "reader-"
START_S = 120.0
DRAIN_S = 10.0
DOOR_S = 7.0

Step = Callable[[str], AbstractContextManager[None]]
"""Tells whoever waits what is waited for: a context around each step."""


@dataclass(frozen=True, slots=True)
class System:
    """A system that runs. ``grpc`` and ``http`` are the gateway's "host:port"."""

    grpc: str
    http: str
    config: SystemConfig

    def stop(self) -> None:
        """Stop in order: no new calls, those in flight answered, cubes folded into their files, let go.

        All of it has ``DRAIN_S``, the gateway ``DOOR_S`` of them; what runs on is ended anyway: whatever was
        acknowledged is durable since then. Where Ray is lost this may take for ever: the supervisor bounds it.
        """
        _drain()
        if self.config.address:
            _remove()


def start_system(config: SystemConfig, step: Step) -> System:
    """Make all parts in the Ray that this process is connected to, and wait until they serve.

    Raises what a part could not start for (a taken port, a missing model), DeadlineError after ``START_S``.
    """
    settings = config.settings
    config.vault.mkdir(parents=True, exist_ok=True, mode=0o700)
    joined = bool(config.address)
    embedding = settings.embedder.kind != "none"
    served = [_Background(step, "embedder", partial(_serve_embedder, settings.embedder))] if embedding else []
    if settings.reranker.kind != "none":
        served.append(_Background(step, "reranker", partial(_serve_reranker, settings.reranker)))
        ray.remote(RerankerActor).options(
            name=RERANKER, max_restarts=-1, max_task_retries=0, **_actor_options(joined)
        ).remote(settings.reranker.replicas)
    # Fine reading is made a task where someone does it: not without a language model.
    fine = settings.llm.configured
    recipe = FrameRecipe(
        partial(open_vault, config.vault, settings.encryption),
        RelayClient if embedding else None,
        replace(
            settings.frame,
            fine_reading=fine,
            organizing=fine,
            holds_path=str(config.vault / "governance" / "holds"),
            redaction=settings.redaction,
            tokens_path=str(config.vault / "governance" / "tokens"),
        ),
        SchedulerClient,
    )
    directory = start_directory(recipe, settings.directory)
    if embedding:
        _actor(EmbedderRelay, RELAY, joined).remote()
    scheduler = start_scheduler(
        SchedulerRecipe(
            partial(open_vault, config.vault, settings.encryption),
            reader_recipe(settings.router, settings.llm),
            kinds_with_model(settings.llm),
            settings.llm,
            settings.scheduler,
            config.vault / "tokens.json",
        ),
        **_actor_options(joined),
    )
    governor = start_governor(config.vault / "governance", **_actor_options(joined))
    store = start_store(StoreRecipe(config.vault / "store", settings.store), **_actor_options(joined))
    gateway = _actor(Gateway, GATEWAY, joined).remote(
        settings.gateway,
        partial(
            _neighbours,
            settings.router,
            embedding,
            settings.reranker.kind != "none",
            partial(_records, config.vault, settings.audit, settings.encryption),
            replace(settings.interchange, root=str(config.vault / "interchange")),
        ),
    )
    with step("gateway"):
        addresses: Addresses = _get(gateway.ready.remote(), "the gateway")
    with step("directory and frames"):
        _wait_for_frame(directory)
    for background in served:
        background.wait()
    with step("scheduler"):
        _get(scheduler.ready.remote(), "the scheduler")
    with step("governor"):
        _get(governor.ready.remote(), "the governor")
    with step("store"):
        _get(store.ready.remote(), "the store")
    return System(addresses.grpc, addresses.http, config)


def stop_joined_system() -> None:
    """Stop the system in the cluster that this process has joined, and remove exactly what is ours from it."""
    _drain()
    _remove()


def _neighbours(
    router: RouterConfig,
    embedding: bool,
    reranking: bool,
    records: Callable[[Router], Records],
    interchange: InterchangeConfig,
) -> Neighbours:
    """What the gateway speaks with; runs in its process, and again after each of its restarts."""
    hub = Hub(StoreClient())
    cubes = HintingRouter(connect_router(router), hub.touched)
    return Neighbours(
        cubes,
        embedder=EmbedderClient() if embedding else None,
        scheduler=SchedulerClient(),
        reranker=RerankerClient() if reranking else None,
        governor=GovernorClient(),
        records=records(cubes),
        store=hub,
        interchange=interchange,
    )


def _records(vault: Path, audit: AuditConfig, encryption: EncryptionConfig, router: Router) -> Records:
    """What is kept, proven and erased; in the gateway's process."""
    purges = Purges(
        keys=keystore(vault, encryption), files=partial(purge_files, vault), compact=SqliteVault(vault).compact
    )
    return Records(vault, router, audit, purges)


def _actor_options(joined: bool) -> dict[str, Any]:
    """How our actors live: until they are stopped, whoever holds a handle. In a cluster of others they stay on this
    node: the vault's files and the gateway's address are here."""
    options: dict[str, Any] = {"namespace": NAMESPACE, "num_cpus": 0, "lifetime": "detached"}
    if joined:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = ray.get_runtime_context().get_node_id()
        options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(here, soft=False)
    return options


def _actor(kind: type, name: str, joined: bool) -> Any:
    return ray.remote(kind).options(name=name, max_restarts=-1, max_task_retries=0, **_actor_options(joined))


class _Background:
    """A model starts beside the rest: Serve's controller and its replica are two processes more."""

    def __init__(self, step: Step, what: str, start: Callable[[], None]) -> None:
        self._step = step
        self._what = what
        self._start = start
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until it serves; raises what kept it from that."""
        self._thread.join(START_S)
        if self._thread.is_alive():
            raise DeadlineError(f"the {self._what}", START_S)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with self._step(self._what):
                self._start()
        except Exception as error:  # noqa: BLE001 - carried to the thread that waits
            self._error = error


_SERVING = threading.Lock()
"""Serve is started once, whichever model comes first, and takes one model after the other: what it makes of an
application passes through state of the whole process, on which two threads at once trip."""


def _serve(app: Callable[[], Any], name: str) -> None:
    from ray import serve
    from ray.serve.schema import LoggingConfig

    # No proxy: nothing is asked over HTTP, the gateway and the pools hold handles.
    with _SERVING:
        serve.start(proxy_location="Disabled", logging_config=LoggingConfig(log_level="WARNING"))
        serve.run(app(), name=name, route_prefix=None)


def _serve_embedder(config: EmbedderConfig) -> None:
    from memcube.deployments.embedder.deployment import embedder_app

    _serve(partial(embedder_app, config), APPLICATION)


def _serve_reranker(config: RerankerConfig) -> None:
    from memcube.deployments.reranker.deployment import reranker_app

    _serve(partial(reranker_app, config), RERANKER_APPLICATION)


def _wait_for_frame(directory: Any) -> None:
    """Until one frame can host a cube: the first call of a user shall not wait for its process."""
    deadline = time.monotonic() + START_S
    while _get(directory.status.remote(), "the directory").frames < 1:
        if time.monotonic() >= deadline:
            raise DeadlineError("the first frame", START_S)
        time.sleep(0.05)


def _get(reference: Any, what: str) -> Any:
    try:
        return ray.get(reference, timeout=START_S)
    except GetTimeoutError as error:
        raise DeadlineError(what, START_S) from error
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, MemCubeError):
            raise cause from error
        raise InternalError(f"{what} did not start: {cause!r}") from error
    except RayActorError as error:
        raise UnavailableError(f"{what} ({error})") from error


def _drain() -> None:
    """Close the gateway's door, then let every frame fold its cube into its file."""
    began = time.monotonic()
    ours = _ours()
    if GATEWAY in ours:
        _quietly(GATEWAY, ours[GATEWAY].drain.remote(), began + DOOR_S)
        ray.kill(ours[GATEWAY], no_restart=True)
    # Its readers give back what they have, which their cubes have to hear.
    if SCHEDULER in ours:
        _quietly(SCHEDULER, ours[SCHEDULER].drain.remote(), began + DOOR_S)
        ray.kill(ours[SCHEDULER], no_restart=True)
    if GOVERNOR in ours:
        _quietly(GOVERNOR, ours[GOVERNOR].drain.remote(), began + DOOR_S)
        ray.kill(ours[GOVERNOR], no_restart=True)
    if STORE in ours:
        _quietly(STORE, ours[STORE].drain.remote(), began + DOOR_S)
        ray.kill(ours[STORE], no_restart=True)
    # Without the directory nobody pages cubes in again behind the frames that let go.
    if DIRECTORY in ours:
        ray.kill(ours[DIRECTORY], no_restart=True)
    clearing = {name: actor.clear.remote() for name, actor in ours.items() if name.startswith(FRAME_PREFIX)}
    for name, reference in clearing.items():
        _quietly(name, reference, began + DRAIN_S)
    log.info("drained in %.1f s", time.monotonic() - began)


def _quietly(name: str, reference: Any, deadline: float) -> None:
    try:
        ray.get(reference, timeout=max(0.0, deadline - time.monotonic()))
    except RayError as error:
        log.warning("%s did not stop in order: %s", name, error)


def _remove() -> None:
    """End our actors and our Serve application; those of others go on."""
    from ray import serve

    for actor in _ours().values():
        ray.kill(actor, no_restart=True)
    for application in {APPLICATION, RERANKER_APPLICATION} & set(serve.status().applications):
        serve.delete(application)


def _ours() -> dict[str, Any]:
    """The handles of our actors that exist now."""
    found = {}
    for named in ray.util.list_named_actors(all_namespaces=True):
        name = named["name"]
        if named["namespace"] == NAMESPACE and (
            name in (GATEWAY, DIRECTORY, RELAY, RERANKER, SCHEDULER, GOVERNOR, STORE)
            or name.startswith((FRAME_PREFIX, READER_PREFIX))
        ):
            try:
                found[name] = ray.get_actor(name, NAMESPACE)
            except ValueError:
                log.info("%s ended meanwhile", name)
    return found
