"""MemScheduler: who may use readers and language models now. The tasks themselves live in each cube's file."""
