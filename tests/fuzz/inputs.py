"""Generated content, and mutations of real files."""

import copy
import json
import random

from hypothesis import strategies as st

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from([
        "", "../../x", "a/b", "a|b`c", "<script>", "<!-- leaderboard:end -->", "a\nb", "\x1b[2J",
        "$x_{1$", "\\end{table}", "nan", "1e400", "null", "mine:Rule", "x" * 300, "\ud800", "0x1F",
    ]),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-3, 20), st.floats(),
    st.sampled_from([10**500, -(10**30), 2**63, 2**53 + 1, 1e308, 7.5, -0.0, 10**12]),
)  # fmt: skip
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BYTES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=80).map(lambda text: text.encode("utf-16", "surrogatepass")),
    st.text(max_size=80).map(lambda text: text.encode("latin-1", "replace")),
    st.sampled_from([b"", b"[" * 3000, b'{"a":' * 2000, b"\xef\xbb\xbf{}",
                     b"&a [*a]", b"9" * 10_000, b"\0"]),
)  # fmt: skip


@st.composite
def mutated(draw, content):
    """A tree with one to three of its places replaced, dropped, or filled with something else."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(content))
        parent, key = places[draw(st.integers(0, len(places) - 1))]
        what = draw(st.sampled_from(["replace", "replace", "drop", "add", "swap"]))
        if what == "drop":
            del parent[key]
        elif what == "add" and isinstance(parent, dict):
            parent[draw(TEXTS)] = draw(TREES)
        elif what == "swap":
            other, place = places[draw(st.integers(0, len(places) - 1))]
            parent[key] = copy.deepcopy(other[place])
        else:
            parent[key] = draw(TREES)
        if not content:
            break
    return content


def _places(content):
    """(container, key) of each place in a tree; of long lists the ends."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(items):
        if isinstance(content, list) and 2 <= key < len(content) - 2:
            continue
        yield content, key
        if isinstance(value, dict | list):
            yield from _places(value)


def as_json(content):
    """JSON as Python writes it, NaN and Infinity included."""
    return json.dumps(content).encode("utf-8", "surrogatepass")


@st.composite
def damaged(draw, content):
    """Bytes cut off, flipped, zeroed, doubled, or with others put in; the rest as it was."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        what = draw(st.sampled_from(["cut", "flip", "zero", "put", "double", "noise"]))
        if what == "cut":
            del content[place:]
        elif what == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif what == "zero":
            content[place : place + 8] = bytes(len(content[place : place + 8]))
        elif what == "put":
            content[place:place] = draw(st.binary(max_size=6))
        elif what == "double":
            content += content[place : place + 64]
        elif what == "noise":
            noise = random.Random(draw(st.integers(0, 99))).randbytes(16)
            content[place : place + 16] = noise[: len(content[place : place + 16])]
    return bytes(content)
