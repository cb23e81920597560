"""The shortest use of MemCube from Python: add, search, correct, look back.

    python examples/quickstart.py

``Memory()`` joins the system that runs on this machine and starts one where none does; ``memcube down`` stops it.
"""

from memcube.client import Memory

with Memory() as memory:
    added = memory.add("I moved to Lisbon in March", user_id="alice", tags=["home"])
    memory.add(
        [
            {
                "role": "user",
                "content": "Book the vegetarian menu for Friday.",
                "timestamp": "2026-05-06T09:30:00+01:00",
            },
            {"role": "assistant", "content": "Booked for Friday at 8 pm."},
        ],
        user_id="alice",
        session_id="dinner",
    )

    for hit in memory.search("where do I live?", user_id="alice", top_k=3)["results"]:
        print(f"{hit['score']:.2f}  {hit['memory']}  {hit['score_parts']}")

    memory_id = added["results"][0]["id"]
    memory.update(memory_id, "I moved to Porto in June", metadata={"corrected": True})
    for change in memory.history(memory_id):
        print(change["event"], change["old_memory"], "→", change["new_memory"])

    at_home = memory.get_all(user_id="alice", filters={"OR": [{"tags": {"contains": "home"}}, {"corrected": True}]})
    print(at_home["total"], "memory about home")
