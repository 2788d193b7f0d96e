"""A run folder as one self-contained page."""
