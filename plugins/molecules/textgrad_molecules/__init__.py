"""Dock and improve molecules: AutoDock Vina and QED as a textual loss."""
