"""MemStore: durable topics, subscriptions that watch or share work, cubes as sources, and the market."""
