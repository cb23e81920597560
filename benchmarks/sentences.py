"""Made-up memories and questions of everyday length (about 11 words), all different, from one seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["memories", "questions"]

NAMES = [
    "Alice",
    "Bruno",
    "Chiara",
    "Dmitri",
    "Elena",
    "Farid",
    "Greta",
    "Hiro",
    "Ines",
    "Jonas",
    "Keira",
    "Luis",
    "Mina",
    "Noor",
    "Oscar",
    "Priya",
]
VERBS = [
    "bought",
    "sold",
    "repaired",
    "painted",
    "borrowed",
    "lost",
    "found",
    "baked",
    "carried",
    "wrapped",
    "photographed",
    "described",
    "planned",
    "cancelled",
    "rented",
    "recommended",
    "cleaned",
    "forgot",
    "ordered",
    "compared",
    "measured",
    "hid",
    "built",
    "designed",
]
KINDS = [
    "red",
    "blue",
    "green",
    "old",
    "wooden",
    "broken",
    "tiny",
    "heavy",
    "expensive",
    "borrowed",
    "handmade",
    "plastic",
    "silver",
    "striped",
    "second-hand",
    "yellow",
    "electric",
    "folding",
    "leather",
    "antique",
    "cheap",
    "waterproof",
    "velvet",
    "round",
]
THINGS = [
    "kayak",
    "lamp",
    "guitar",
    "bicycle",
    "tent",
    "camera",
    "cake",
    "carpet",
    "violin",
    "clock",
    "sofa",
    "coat",
    "telescope",
    "map",
    "bookshelf",
    "piano",
    "helmet",
    "rucksack",
    "blender",
    "mirror",
    "notebook",
    "watch",
    "ladder",
    "drone",
    "vase",
    "puzzle",
    "suitcase",
    "printer",
    "canoe",
    "necklace",
    "heater",
    "chessboard",
    "skateboard",
    "umbrella",
    "painting",
    "wallet",
    "keyboard",
    "teapot",
    "aquarium",
    "saddle",
]
PLACES = [
    "Lisbon",
    "Porto",
    "Oslo",
    "Kyoto",
    "Lima",
    "Cairo",
    "Austin",
    "Leeds",
    "Turin",
    "Gdansk",
    "Bergen",
    "Quito",
    "Nairobi",
    "Perth",
    "Lyon",
    "Izmir",
    "Halifax",
    "Tampere",
    "Cork",
    "Bilbao",
    "Ghent",
    "Basel",
    "Split",
    "Varna",
]
TIMES = [
    "in March",
    "last summer",
    "before breakfast",
    "after the concert",
    "on her birthday",
    "during the strike",
    "at midnight",
    "two weeks ago",
    "over the holidays",
    "on the way home",
    "after the exam",
    "in the rain",
    "before the wedding",
    "every Sunday",
    "at the market",
    "while waiting for the train",
]


def memories(seed: int) -> Iterator[str]:
    """One sentence after another; none comes twice."""
    chance = random.Random(seed)
    seen: set[str] = set()
    while True:
        first, second = chance.sample(NAMES, 2)
        sentence = (
            f"{first} {chance.choice(VERBS)} the {chance.choice(KINDS)} {chance.choice(THINGS)} with {second} in "
            f"{chance.choice(PLACES)} {chance.choice(TIMES)}"
        )
        if sentence not in seen:
            seen.add(sentence)
            yield sentence


def questions(seed: int) -> Iterator[str]:
    """One question after another; none comes twice, so that no cache of queries can answer."""
    chance = random.Random(seed)
    seen: set[str] = set()
    while True:
        question = (
            f"Why was the {chance.choice(KINDS)} {chance.choice(THINGS)} {chance.choice(VERBS)} by "
            f"{chance.choice(NAMES)} in {chance.choice(PLACES)}?"
        )
        if question not in seen:
            seen.add(question)
            yield question
