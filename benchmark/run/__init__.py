"""Rows and runs: a row is a resolved configuration, a run is a row with a seed."""
