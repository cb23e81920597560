"""Reranking: the pool between the gateway and the cross-encoder that Serve runs."""
