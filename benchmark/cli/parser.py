"""Options whose errors are one line."""

from argparse import ArgumentParser

from benchmark.errors import UserError


class Parser(ArgumentParser):
    """Raises UserError where argparse would print its usage and leave."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UserError(message)
