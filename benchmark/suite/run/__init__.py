"""Runs: a row is trained with a seed, tested and recorded; searches; runs again."""
