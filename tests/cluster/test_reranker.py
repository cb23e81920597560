"""The reranker on a real Ray: the pool, Serve, a tiny cross-encoder with random weights, and a replica that dies."""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import ray

from memcube.actors.gateway.reranking import rerank
from memcube.actors.reranking.actor import APPLICATION, RerankerActor
from memcube.actors.reranking.client import NAMESPACE, RERANKER, RerankerClient
from memcube.deployments.reranker.config import RerankerConfig, load_model
from memcube.model.errors import MemCubeError, UnavailableError
from memcube.protos.memcube.v1 import item_pb2
from memcube.protos.memcube.v1 import service_pb2 as pb

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_cross_encoder import make_cross_encoder

if not find_spec("sentence_transformers"):
    pytest.skip("sentence-transformers is not installed: pip install 'memcube[sentence]'", allow_module_level=True)

with warnings.catch_warnings():
    # Ray Serve's own models use what pydantic has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ray import serve

    from memcube.deployments.reranker.deployment import reranker_app

PATIENCE_S = 40.0
TEXTS = ["green tea", "the cook is one", "launch number two .", "black tea when"]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RerankerConfig:
    """A model of our own in a folder."""
    folder = make_cross_encoder(tmp_path_factory.mktemp("model"))
    return RerankerConfig(kind="cross-encoder", model=folder, max_tokens=64, batch=2)


@pytest.fixture(scope="module")
def system(ray_cluster: None, config: RerankerConfig) -> Iterator[None]:
    """The application and its pool in the run's Ray."""
    serve.start(proxy_location="Disabled")
    serve.run(reranker_app(config), name=APPLICATION, route_prefix=None)
    pool = ray.remote(RerankerActor).options(name=RERANKER, num_cpus=0, max_restarts=-1, max_task_retries=0).remote()
    yield
    ray.kill(pool)
    serve.shutdown()


def test_scores_are_the_models_own_whoever_shares_the_call(system: None, config: RerankerConfig) -> None:
    """Through pool and Serve each question gets what the model gives it alone; the hits' order follows."""
    model = load_model(config)
    assert model is not None

    async def body() -> None:
        client = RerankerClient()
        questions = ["who is the cook ?", "tea", "when is the launch ?"] * 3
        answers = await asyncio.gather(*(client.rerank("t", question, TEXTS, 20) for question in questions))
        for question, scores in zip(questions, answers, strict=True):
            assert scores == pytest.approx(model.score([(question, text) for text in TEXTS]), abs=1e-5)
        assert client.state().state == "ready"
        hits = [
            pb.Hit(item=item_pb2.Item(id=text, memory=text), parts=[pb.ScorePart(name="lexical", value=1)])
            for text in TEXTS
        ]
        ordered, note, took_ms = await rerank(client, "t", questions[0], hits, 40)
        assert note == ""
        assert took_ms > 0
        best = max(zip(answers[0], TEXTS, strict=True))[1]
        assert ordered[0].item.memory == best

    asyncio.run(body())


def test_a_replica_that_dies_is_told_and_comes_back(system: None) -> None:
    """A typed error within its time, the status says so, and later calls are answered again by themselves."""

    async def body() -> None:
        client = RerankerClient()
        await client.rerank("t", "tea", TEXTS, 20)
        for actor in ray.util.list_named_actors(all_namespaces=True):
            if "ServeReplica" in actor["name"] and "reranker" in actor["name"]:
                ray.kill(ray.get_actor(actor["name"], actor["namespace"]), no_restart=True)
        end = time.monotonic() + PATIENCE_S
        errors = []
        while True:
            try:
                assert len(await client.rerank("t", "tea", TEXTS, 5)) == len(TEXTS)
                break
            except MemCubeError as error:
                errors.append(error)
                assert client.state().state == "degraded"
                assert time.monotonic() < end, error
                await asyncio.sleep(0.5)
        assert client.state().state == "ready"

    asyncio.run(body())


def test_a_pool_that_is_not_there_is_unavailable(system: None) -> None:
    """Where no reranker was started the client says so at once."""

    async def body() -> None:
        ray.kill(ray.get_actor(RERANKER, NAMESPACE), no_restart=True)
        with pytest.raises(UnavailableError):
            await RerankerClient().rerank("t", "tea", TEXTS, 5)

    asyncio.run(body())
