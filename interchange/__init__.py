"""The Memory Interchange Protocol's files, and memory from and to the formats of others: plain, without Ray or gRPC.

Client and actors both use it: a bundle is checked with the same code wherever it is. ``MIP.md`` is the specification.
"""
