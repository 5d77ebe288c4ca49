"""What a user can mend: printed as one line, exit code 2."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")  # as torch says it

LONGEST = 1500  # characters of a message


class UserError(Exception):
    """Bad input, in one line that says what is wrong and what to do about it.

    As text it is one line whatever it quotes: characters that would break it, or that a terminal
    would obey, stand escaped, and the middle of an endless one is left out.
    """

    def __str__(self) -> str:
        text = super().__str__()
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class DiskFull(UserError):
    """There is no room for what was to be written."""


def is_full(error: BaseException | None) -> bool:
    """Whether an exception, or what it comes from, is a full disk, or the user's share of it."""
    if isinstance(error, UserError) or error is None:
        return isinstance(error, DiskFull)
    return (isinstance(error, OSError) and error.errno in FULL) or is_full(error.__cause__)


def unwritable(what: object, error: OSError, then: str = "") -> UserError:
    """The line for something that could not be written, of its own kind where the disk is full."""
    kind = DiskFull if is_full(error) else UserError
    return kind(f"cannot write {what}: {error.strerror or error}{then}")


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """A full disk inside is one line that names ``folder``, whatever file it was.

    Threads that write logs die of it without a word: who waits for them meets the same exception.

    Raises:
        DiskFull: in place of what the system or a part of this package says.
    """
    say = threading.excepthook
    threading.excepthook = lambda args: None if is_full(args.exc_value) else say(args)
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        raise DiskFull(
            f"no space left for {folder}: free some, then give the same command again"
        ) from error
    finally:
        threading.excepthook = say


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that there is no memory left, of this machine or of a GPU."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)
    )


def mendable(error: Exception) -> Exception:
    """A UserError in place of an exception whose cause a user can mend; else itself."""
    if out_of_memory(error):
        return UserError(
            "there is not enough memory for it: take a smaller network or mini-batch, or fewer "
            "workers"
        )
    if is_full(error) and isinstance(error, OSError):
        return DiskFull(f"no space left for {error.filename or 'what was to be written'}")
    return error
