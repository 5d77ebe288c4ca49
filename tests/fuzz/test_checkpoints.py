"""Damaged checkpoints: refused in one line, or read bit for bit as they were written."""

import hashlib
import pickle
import warnings
from io import BytesIO
from zipfile import ZipFile

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark.engine.checkpoint import DIGITS, PARTS, CheckpointFile, to_resume
from benchmark.errors import UserError

RUN = "0123456789ab-s0"


def contents():
    weights = torch.randn(30, 20, generator=torch.Generator().manual_seed(0))
    state = {"W": weights, "b": weights[0].clone(), "n": torch.tensor(3)}
    return {**{part: [0] for part in PARTS}, "run": RUN, "state_dict": state}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "last.ckpt"
    CheckpointFile().save_checkpoint(contents(), path)
    return path, path.read_bytes()


places, lengths = st.floats(0, 1, exclude_max=True), st.integers(1, 200)
damages = st.one_of(
    st.tuples(st.just("flip"), places, st.integers(0, 7)),
    st.tuples(st.just("zero"), places, lengths),
    st.tuples(st.just("cut"), places, lengths),
    st.tuples(st.just("end"), places, st.none()),
    st.tuples(st.just("insert"), places, st.binary(min_size=1, max_size=50)),
    st.tuples(st.just("swap"), st.tuples(places, places), lengths),
)


def damage(whole: bytes, kind: str, where, what) -> bytes:
    found = bytearray(whole)
    at, *other = (int(place * len(found)) for place in (where if kind == "swap" else (where,)))
    if kind == "flip":
        found[at] ^= 1 << what
    elif kind == "zero":
        found[at : at + what] = bytes(len(found[at : at + what]))
    elif kind == "cut":
        del found[at : at + what]
    elif kind == "end":
        del found[at:]
    elif kind == "insert":
        found[at:at] = what
    else:
        (to,) = other
        a, b = bytes(found[at : at + what]), bytes(found[to : to + what])
        found[at : at + what], found[to : to + what] = b[: len(a)], a[: len(b)]
    return bytes(found)


def outcome(path) -> bool:
    """Whether the checkpoint is taken; a refusal is one line that names it and says what to do."""
    try:
        return to_resume(path, RUN) == path
    except UserError as error:
        line = str(error)
        assert str(path) in line and "delete it" in line and "\n" not in line
        return False


@given(st.lists(damages, min_size=1, max_size=3))
def test_random_damage(written, done):
    path, whole = written
    found = whole
    for one in done:
        found = damage(found, *one) if found else found
    path.write_bytes(found)
    assert outcome(path) == (found == whole)


def with_other_parts(whole: bytes, changed) -> bytes:
    """The well-formed zip of a checkpoint with some parts changed, all checksums of its own right.

    Args:
        whole: the checkpoint.
        changed: gives the new bytes of the n-th part.
    """
    into = BytesIO()
    with ZipFile(BytesIO(whole[:-DIGITS])) as old, ZipFile(into, "w") as new:
        for n, name in enumerate(old.namelist()):
            new.writestr(name, changed(n, old.read(name)))
    return into.getvalue()


@given(st.integers(0, 20), damages, st.booleans())
def test_other_contents_of_a_well_formed_file(written, which, how, signed):
    """Without the right sum behind it, it is refused; with it, no fault has more than a line."""
    path, whole = written

    def changed(n, part):
        return damage(part, *how) if part and n == which else part

    found = with_other_parts(whole, changed)
    sha256 = hashlib.sha256(found).hexdigest().encode() if signed else whole[-DIGITS:]
    path.write_bytes(found + sha256)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, on pickles of another protocol
        taken = outcome(path)
    assert signed or not taken


@given(st.recursive(st.none() | st.integers() | st.text() | st.binary(), st.lists))
def test_pickles_of_another_kind(written, thing):
    path, _ = written
    path.write_bytes(pickle.dumps(thing))
    assert not outcome(path)
    CheckpointFile().save_checkpoint(thing, path)
    assert not outcome(path)
