"""MemFeedback: what a user says of memories, and what follows for them: by rules, and by a language model."""
