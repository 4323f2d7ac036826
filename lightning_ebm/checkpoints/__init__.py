"""Checkpoints: what may be kept in one, and how one from anywhere is opened."""
