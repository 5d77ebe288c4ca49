"""The leaderboard as text: csv, markdown page, README excerpt, terminal."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from benchmark.suite.records.files import replace_between
from benchmark.suite.tables.markup import markdown
from benchmark.suite.tables.plausibility import COLUMNS, LEGEND

SEEDS = 2  # at least, to stand in the README
WITH_A_BOARD = ("equal", "depth")  # of their own

PROTOCOL = """\
# Leaderboard

Generated from `results/records/`; do not edit. The same numbers and more are in `leaderboard.csv`.

- **Test accuracy** (percent) is that of the last epoch: nothing is selected on test data. **split**
  counts the images trained on, held out of the training set for validation, and tested on.
- `98.01 ± 0.09 (5)` is the mean ± sample standard deviation over 5 seeds. Seeds that failed
  (diverged, or ended at chance: at most 1.25 times the accuracy of guessing) are counted and left
  out of the mean: `98.01 ± 0.09 (5, 1 failed)`.
- **vs bp** is the difference from backprop on the same data, split, augmentation, architecture and
  number of epochs: the mean ± half width of its 95 % confidence interval, paired by seed (equal
  seeds share initial weights, order and augmentation), by Welch where fewer than two seeds are
  shared. Without ± there is one seed. Where backprop was run with several settings, the one with
  the best validation accuracy counts. What is tuned for each algorithm (optimizer, batch size,
  input scaling, dropout, initial weights) may differ.
- **published** is the cell of a paper that the row is set beside, as accuracy (100 - error where
  the paper gives errors) ± the paper's own deviation; `30 of 300 epochs` where the row is short of
  the paper's budget. † marks a number that is not verified. Papers' protocols differ: some select
  on the test set. What is reproduced is told in `tables/`.
- **slowness** is s, in epochs, of acc_max e / (s + e), fitted to the validation accuracy (the
  training accuracy where no images were held out) over the epochs e before the first decay of the
  learning rate (Dellaferrera & Kreiman 2022). The mean over the seeds.
- **seconds** is the training time of one seed on the device named.
- Accuracy under attack, of the runs that were attacked, stands in `robustness.md`.
"""
README_NOTE = """\
Test accuracy (percent) at the last epoch: mean ± sample standard deviation (seeds; those that
diverged or ended at chance are counted as failed and left out of the mean). **vs bp**: mean ± half
width of the 95 % interval of the difference from backprop, paired by seed. **published**: ± is the
paper's own deviation; † not verified. Each table holds one network, data set, split and number of
epochs. Of an algorithm's variants the one with the best validation accuracy stands here; all, where
no images were held out. Rows of a single seed stand in `results/leaderboard.md` only."""
ONE_HIDDEN = """\
One hidden layer does not tell these rules apart: with it `ifa` **is** `dfa`, `fa` is `dfa` up to
the draw of B, and `dtp` is `bp` with a scaled hidden update; what differs is their settings."""
ALONE = "Rules without another on the same network, data and number of epochs:"


def to_csv(frame: pd.DataFrame) -> str:
    """The table as csv, numbers to two decimals, what is unknown left empty."""
    return frame.to_csv(index=False, float_format="%.2f", lineterminator="\n")


def to_page(frame: pd.DataFrame) -> str:
    """The page ``leaderboard.md``: the protocol, then a table for each dataset and network."""
    parts = [PROTOCOL + LEGEND]
    for dataset, of_dataset in frame.groupby("dataset"):
        parts.append(f"## {markdown(str(dataset))}\n")
        for network, lines in of_dataset.groupby("network"):
            table = pd.DataFrame(
                {
                    "algorithm": lines["algorithm"],
                    "variant": lines["variant"],
                    **{column: lines[column] for column in COLUMNS},
                    "epochs": lines["epochs"],
                    "split": lines["split"],
                    "test accuracy": _accuracy(lines),
                    "vs bp": _versus_bp(lines),
                    "published": _published(lines),
                    "measured - published": _versus_published(lines),
                    "slowness": ["" if math.isnan(s) else f"{s:.2f}" for s in lines["slowness"]],
                    "seconds": _seconds(lines),
                    "device": lines["device"],
                    "source": lines["source"],
                    "row": lines["row_hash"],
                }
            )
            parts.append(
                f"### {markdown(str(dataset))}, {markdown(str(network))}\n\n{_markdown(table)}\n"
            )
    return "\n".join(parts)


def to_readme(frame: pd.DataFrame) -> str:
    """A table for each network, data set, split and budget; those with one hidden layer after the
    others, and at last what is alone there."""
    deep, shallow, alone = [README_NOTE], [ONE_HIDDEN], []
    for _, lines in _ranked(frame).groupby(["dataset", "network", "epochs", "split"]):
        if lines["algorithm"].nunique() == 1:
            alone.append(lines)
        else:
            (shallow if lines["hidden_layers"].eq(1).any() else deep).append(_group(lines))
    parts = deep + shallow * (len(shallow) > 1)
    if alone:
        table = _compact(pd.concat(alone)).drop(columns=["vs bp", "seconds"])
        parts += [ALONE, _markdown(table)]
    return "\n\n".join(parts)


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows for the README: several seeds, not labelled short, one of an algorithm's variants.

    All variants stay where no images were held out, since nothing ranks them.
    """
    unfit = frame["variant"].str.contains("short") | frame["variant"].isin(WITH_A_BOARD)
    several = frame[(frame["n_seeds"] >= SEEDS) & ~unfit]
    by_validation = several.sort_values("val_acc_mean", ascending=False, kind="stable")
    key = by_validation[["dataset", "network", "algorithm", "epochs", "split"]]
    unheld = by_validation["split"].str.contains(" / 0 / ")
    return by_validation[unheld | ~key.duplicated()].sort_index()


def _group(lines: pd.DataFrame) -> str:
    first = lines.iloc[0]
    names, images = f"{first['dataset']}, {first['network']}", first["split"].split(" / ")[0]
    passes = "1 epoch" if first["epochs"] == 1 else f"{first['epochs']} epochs"
    table = _compact(lines)[["algorithm", "test accuracy", "vs bp", "published"]]
    return f"**{markdown(names)}**: {passes} on {images} images\n\n{_markdown(table)}"


def rows_table(frame: pd.DataFrame, row_hashes: Collection[str]) -> str:
    """These rows as a compact table for the terminal."""
    lines = frame[frame["row_hash"].isin(list(row_hashes))]
    return _compact(lines).to_markdown(index=False, tablefmt="simple", disable_numparse=True)


def update_readme(readme: Path, frame: pd.DataFrame) -> None:
    """Replace what stands between the leaderboard marks of ``readme``.

    Raises:
        UserError: the file or the marks are missing, or it cannot be written.
    """
    replace_between(readme, "leaderboard", to_readme(frame))


def _compact(lines: pd.DataFrame) -> pd.DataFrame:
    variant = lines["variant"].map(lambda text: f" ({text})" if text else "")
    return pd.DataFrame(
        {
            "dataset": lines["dataset"],
            "network": lines["network"],
            "algorithm": lines["algorithm"] + variant,
            "images": lines["split"].str.split(" / ").str[0],
            "epochs": lines["epochs"],
            "test accuracy": _accuracy(lines),
            "vs bp": _versus_bp(lines),
            "published": _published(lines),
            "seconds": _seconds(lines),
        }
    )


def _markdown(table: pd.DataFrame) -> str:
    cells = table.astype(str).map(markdown)
    return cells.to_markdown(index=False, disable_numparse=True)


def _accuracy(lines: pd.DataFrame) -> list[str]:
    cells = []
    columns = ["n_seeds", "n_failed", "test_acc_mean", "test_acc_sd"]
    for n, n_failed, mean, sd in zip(*(lines[c] for c in columns), strict=True):
        counts = f"{n}, {n_failed} failed" if n_failed else f"{n}"
        cells.append(f"{_plus_minus(mean, sd) or '-'} ({counts})")
    return cells


def _versus_bp(lines: pd.DataFrame) -> list[str]:
    pairs = zip(lines["diff_bp"], lines["diff_bp_ci95"], strict=True)
    return [_plus_minus(difference, half_width, "+.2f") for difference, half_width in pairs]


def _published(lines: pd.DataFrame) -> list[str]:
    cells = []
    columns = ["published", "published_sd", "published_status", "epochs", "published_epochs"]
    for value, sd, status, epochs, budget in zip(*(lines[c] for c in columns), strict=True):
        if not pd.isna(budget) and epochs < budget:
            cells.append(f"{epochs} of {budget} epochs")
        else:
            cells.append(_plus_minus(value, sd) + " †" * (status == "unverified"))
    return cells


def _versus_published(lines: pd.DataFrame) -> list[str]:
    return [_plus_minus(difference, math.nan, "+.2f") for difference in lines["diff_published"]]


def _seconds(lines: pd.DataFrame) -> list[str]:
    return [
        "" if math.isnan(s) else f"{s:.0f}" if s >= 10 else f"{s:.1f}" for s in lines["seconds"]
    ]


def _plus_minus(mean: float, spread: float, form: str = ".2f") -> str:
    if math.isnan(mean):
        return ""
    return f"{mean:{form}}" if math.isnan(spread) else f"{mean:{form}} ± {spread:.2f}"
