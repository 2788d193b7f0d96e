"""The inner optimiser: fluence from weights, with a certified gap."""
