"""Interchange at the gateway: bundles pushed into cubes and pulled out of them; ``MIP.md``, section 12."""
