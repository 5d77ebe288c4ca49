"""The one exception for what a user can mend: printed as one line, exit code 2."""


class UserError(Exception):
    """Bad input, in one line that says what is wrong and what to do about it."""
