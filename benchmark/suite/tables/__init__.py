"""Tables, boards and plots: pure functions of records, published cells and manifests. No torch."""

from benchmark.suite.tables.write import (
    write_board,
    write_boards,
    write_costs,
    write_experiments,
    write_leaderboard,
    write_plots,
    write_robustness,
    write_tables,
)

__all__ = [
    "write_board",
    "write_boards",
    "write_costs",
    "write_experiments",
    "write_leaderboard",
    "write_plots",
    "write_robustness",
    "write_tables",
]
