"""Isolation: where programs nobody trusts are run."""
