"""MemOperator: what memories say together; preferences first: which texts state one, which agree, which replace which."""
