"""For all tiers."""

# Hypothesis' plugin imports it at the end of a run that did not use it. pytest would then rewrite its modules deep in
# its own hooks, where Python 3.11's parser may fail ("AST constructor recursion depth mismatch").
import hypothesis  # noqa: F401
