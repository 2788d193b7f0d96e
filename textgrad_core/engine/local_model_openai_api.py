"""TextGrad's place for `ChatExternalClient`."""

from textgrad_core.engine.chat import ChatExternalClient

__all__ = ["ChatExternalClient"]
