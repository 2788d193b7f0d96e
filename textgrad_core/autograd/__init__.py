"""The graph: operations, and feedback flowing back through them."""
