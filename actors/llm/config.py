"""Which language model to use, if any: section ``[llm]`` of the settings."""

from __future__ import annotations

from dataclasses import dataclass

from memcube.model.errors import InvalidArgumentError

__all__ = ["LLMConfig"]


@dataclass(frozen=True, slots=True)
class LLMConfig:
    """An OpenAI-compatible endpoint; empty ``base_url``: none, and everything works without."""

    base_url: str = ""
    """Up to and including ``/v1``."""
    model: str = ""
    """Name of the chat model."""
    vision_model: str = ""
    """Name of a model that sees, for captions of images; empty: images are kept as what is known of them."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the endpoint's key, read by the reader processes; the key is never stored."""
    timeout_s: float = 60.0
    """Bound of one call, its retries included."""
    requests_per_minute: int = 0
    """Most calls a minute, of all tenants together; 0: as many as the endpoint takes."""
    tokens_per_minute: int = 0
    """Most tokens a minute, in and out; 0: as many as the endpoint takes."""
    calls_at_once: int = 8
    """Most calls on their way at the same time."""

    def __post_init__(self) -> None:
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise InvalidArgumentError("llm.base_url", "is no http(s) address, e.g. https://host/v1")
        if bool(self.base_url) != bool(self.model):
            raise InvalidArgumentError("llm.model", "and llm.base_url go together: set both, or neither")

    @property
    def configured(self) -> bool:
        """Whether there is a model to ask."""
        return bool(self.base_url)
