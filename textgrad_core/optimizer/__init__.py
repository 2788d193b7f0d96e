"""Optimizers: feedback in, new values out."""
