"""Language models: what is asked of one, and the client of an OpenAI-compatible endpoint. Nothing needs one to work.

The client comes from ``memcube.actors.llm.client``, asked for by name: it loads httpx.
"""

from memcube.actors.llm.bill import Bill
from memcube.actors.llm.config import LLMConfig
from memcube.actors.llm.prompt import Message, Prompt, Reply, Spent

__all__ = ["Bill", "LLMConfig", "Message", "Prompt", "Reply", "Spent"]
