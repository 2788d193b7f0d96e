"""Figures as planning systems draw them."""
