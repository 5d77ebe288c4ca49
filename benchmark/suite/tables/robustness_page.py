"""The page robustness.md: a table for each network and data set, and what masking explains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from benchmark.suite.records import published
from benchmark.suite.tables.intervals import sample_mean, sample_sd
from benchmark.suite.tables.markup import markdown, markdown_table
from benchmark.suite.tables.robustness_board import Attacked, Way, followed, in_order

SQUARE = re.compile(r"Square Linf eps ([\d.]+); (\d+) queries")
WHITE_BOX = re.compile(r"white-box gradient attack|same attack")
WORDS = {"true": "true gradient", "own": "own feedback", "bp": "gradient of bp", "": ""}
NAMES = {"none": "no attack", "fgsm": "FGSM", "pgd": "PGD", "square": "Square"}
TEXT = """\
# Robustness

Generated from `results/robustness/` and `results/records/` by `make leaderboard`; do not edit.
`make robust` measures; the same numbers and more are in `robustness.csv`.

- Accuracy in percent, mean ± sample standard deviation over the seeds, on test images spread evenly
  over the whole test set. An image withstands an attack if it is right without it too. Seeds that
  ended at chance are counted as failed and left out.
- Pixels are in [0, 1] and stay there. An attack moves each by eps at most. **FGSM** is one step of
  eps along the signs of the gradient (Goodfellow et al. 2015); **PGD** 20 steps from a random
  point, 2.5 eps long together (Madry et al. 2018); **Square** tries squares at random and sees the
  scores alone (Andriushchenko et al. 2020); the csv counts its queries.
- **true gradient**: that of the loss, through the forward weights, whatever the rule learns by.
  **gradient of bp**: that of another network, trained by backprop from another seed.
- **own feedback**: the signal that the rule's own feedback gives the input. Through B of all layers
  for `fa` and the rules of sign symmetry (there with the signs of W, in the first layer too);
  (dh_1/dx)^T B_1 e for `dfa`; -F e for `pepita` and its relatives, the difference of their two
  inputs; (dh_1/dx)^T (h_1 - t_1) for target propagation. Not offered: for `bp`, whose feedback is
  the true gradient; for learned feedback, where the first layer's B learns nothing; for all others.
- With one hidden layer, as `pepita_conv` has it, fa is dfa up to the draw of B, and dtp is bp with
  a scaled hidden update.
- **noise**: Gaussian, its deviation; **blur**: Gaussian, its deviation in pixels; **contrast**: the
  share that is kept of a pixel's distance from the mean.

What withstands PGD through a rule's own feedback, but not through the true gradient, is gradient
masking and no robustness: the feedback points elsewhere, and the direction that harms is there all
the same (Athalye, Carlini & Wagner 2018). Attacks by scores alone and by another network's gradient
show it too, for they need no gradient of the network.
"""


def to_markdown(rows: Iterable[Attacked]) -> str:
    """The page."""
    parts = [TEXT]
    groups = {key: list(group) for key, group in groupby(rows, key=lambda row: row.group)}
    for (dataset, network, epochs, images), group in groups.items():
        parts.append(f"## {markdown(dataset)}, {markdown(network)}\n")
        parts.append(f"{epochs} epochs, {images} images.\n")
        parts.append(_table(group) + "\n")
        if said := list(_masking(group)):
            parts.append("\n".join(["Masking:", "", *said]) + "\n")
        if lines := [line for row in group for line in _beside(row)]:
            parts.append("Published, on other networks and at budgets of their own:\n")
            header = ["algorithm", "paper", "network", "attack", "published", "measured"]
            parts.append(markdown_table(header, lines) + "\n")
    return "\n".join(parts)


def _table(group: Sequence[Attacked]) -> str:
    header, lines = table(group)
    return markdown_table([markdown(text) for text in header], lines)


def table(group: Sequence[Attacked]) -> tuple[list[str], list[list[str]]]:
    """Header and lines, as text: a line for each attack, a column for each row."""
    header = ["attack", "follows", *(_label(row, group) for row in group)]
    lines = [
        [_attack(way), WORDS.get(followed(way), followed(way)), *(_cell(row, way) for row in group)]
        for way in in_order(way for row in group for way in row.acc)
    ]
    return header, lines


def _label(row: Attacked, group: Sequence[Attacked]) -> str:
    """The rule; what tells it from others of its name; how many seeds."""
    twins = [other.variant for other in group if other.rule == row.rule]
    name = row.rule
    if len(twins) > 1:
        unique = row.variant and twins.count(row.variant) == 1
        name = f"{name} ({row.variant if unique else row.record['row_hash']})"
    failures = f", {row.n_failed} failed" if row.n_failed else ""
    return f"{name} ({row.n_seeds}{failures})"


def _attack(way: Way) -> str:
    name = NAMES.get(way[0], way[0])
    return f"{name} {way[1]:g}" if way[1] else name


def _cell(row: Attacked, way: Way) -> str:
    values = list(row.acc.get(way, {}).values())
    mean, sd = sample_mean(values), sample_sd(values)
    if mean is None:
        return ""
    return f"{mean:.1f}" if sd is None else f"{mean:.1f} ± {sd:.1f}"


def _mean(row: Attacked, way: Way) -> float | None:
    return sample_mean(list(row.acc.get(way, {}).values()))


def _masking(group: Sequence[Attacked]) -> Iterator[str]:
    """A sentence for each rule with feedback of its own, at the eps where it misleads most."""
    for row in group:
        found = []
        for attack, eps, through, _ in row.acc:
            own, true = (_mean(row, ("pgd", eps, t, 0)) for t in ("own", "true"))
            if attack == "pgd" and through == "own" and own is not None and true is not None:
                found.append((own - true, eps, own, true))
        if not found:
            continue
        masked, eps, own, true = max(found)
        said = (
            f"- `{row.rule}`: at eps {eps:g} PGD leaves {own:.1f} % through its own feedback and "
            f"{true:.1f} % through the true gradient: {masked:.1f} points are masking."
        )
        most = max((way[3] for way in row.acc if way[0] == "square"), default=0)
        blind = _mean(row, ("square", eps, "scores", most))
        yield said + ("" if blind is None else f" Square leaves {blind:.1f} %.")


def _beside(row: Attacked) -> Iterator[list[str]]:
    """The published accuracies under attack of a row's rule and data set, with ours."""
    for cell in published.cells().values():
        same = (cell.dataset.lower(), cell.algorithm.lower()) == (row.group[0], row.rule)
        if cell.metric != "adv_acc" or not same:
            continue
        ours = _measured(row, cell.variant)
        if ours:
            texts = [row.rule, cell.paper, cell.architecture, cell.variant]
            dagger = " †" if cell.status == "unverified" else ""
            yield [*map(markdown, texts), f"{cell.value}{dagger}", ours]


def _measured(row: Attacked, variant: str) -> str:
    """What we have beside a published attack; empty where we have not tried it."""
    if found := SQUARE.match(variant):
        return _cell(row, ("square", float(found[1]), "scores", int(found[2])))
    if not WHITE_BOX.search(variant):
        return ""
    eps = max((way[1] for way in row.acc if way[0] == "pgd"), default=0.0)
    cells = {t: _cell(row, ("pgd", eps, t, 0)) for t in ("own", "true")}
    said = ", ".join(f"{cell} ({WORDS[t]})" for t, cell in cells.items() if cell)
    return said and f"PGD {eps:g}: {said}"
