"""The loop: propose, check, evaluate, accept, remember."""
