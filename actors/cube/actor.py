"""The Ray shell of a frame: the detached actors ``frame-0``, ``frame-1``, … of the namespace ``memcube``.

The directory starts them. Imports neither torch nor pymilvus nor ray.serve: each would be paid for in every frame.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field

import ray

from memcube.actors.cube import frame
from memcube.actors.cube.config import FrameConfig
from memcube.actors.cube.known_model import EmbedsTexts
from memcube.actors.vault.base import Vault

__all__ = ["FrameRecipe", "MemCube", "MemCubeActor"]


@dataclass(frozen=True, slots=True)
class FrameRecipe:
    """What a frame is made of, as callables that make it inside its process: module-level functions or partials."""

    open_vault: Callable[[], Vault]
    open_embedder: Callable[[], EmbedsTexts] | None = None
    config: FrameConfig = field(default_factory=FrameConfig)


class MemCube(frame.MemCube):
    """The frame, with a constructor that Ray can run again in a new process."""

    def __init__(self, recipe: FrameRecipe) -> None:
        # What is imported stays: collections need not look at it, and pauses stay short beside a large cube.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        embedder = recipe.open_embedder() if recipe.open_embedder is not None else None
        # Ray ships this class by value, where the cell behind a bare super() is another class.
        frame.MemCube.__init__(self, recipe.open_vault(), embedder, recipe.config)


MemCubeActor = ray.remote(MemCube)
"""Made by ``actors.directory.ray_fleet``; state comes from the vault, so a restarted one is an empty one."""
