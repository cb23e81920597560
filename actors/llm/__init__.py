"""Language models: what is asked of one, and the client of an OpenAI-compatible endpoint. Nothing needs one to work."""

from memcube.actors.llm.config import LLMConfig
from memcube.actors.llm.decompose import answer_prompt, decompose_prompt, read_answer, read_decomposition
from memcube.actors.llm.prompt import Message, Prompt, Reply, Spent

__all__ = [
    "LLMConfig",
    "Message",
    "Prompt",
    "Reply",
    "Spent",
    "answer_prompt",
    "decompose_prompt",
    "read_answer",
    "read_decomposition",
]
