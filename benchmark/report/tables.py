"""The leaderboard as text: csv, markdown page, README excerpt, terminal."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from benchmark.report.files import replace_between

FAR = 1.0  # percent points between measured and published that deserve a mark

PROTOCOL = f"""\
# Leaderboard

Generated from `results/records/`; do not edit. The same numbers and more are in `leaderboard.csv`.

- **Test accuracy** (percent) is that of the last epoch: nothing is selected on test data. **split**
  counts the images trained on, held out of the training set for validation, and tested on.
- `98.01 ± 0.09 (5)` is the mean ± sample standard deviation over 5 seeds. Seeds that diverged are
  counted and left out of the mean: `98.01 ± 0.09 (4; 1 diverged)`.
- **vs bp** is the difference from backprop on the same data, split, augmentation, architecture and
  number of epochs, with Welch's 95 % confidence interval over seeds where both have two or more.
  Where backprop was run with several settings, the one with the best validation accuracy counts.
  What is tuned for each algorithm (optimizer, batch size, input scaling, dropout, initial weights)
  may differ.
- **published** is the cell of a paper that the row is set beside, as accuracy (100 - error where
  the paper gives errors). † marks a number quoted from memory and not verified; ! marks a measured
  accuracy more than {FAR:g} point away. Papers' protocols differ: some select on the test set.
- **seconds** is the training time of one seed on the device named.
"""
README_NOTE = f"""\
Test accuracy (percent) at the last epoch, mean ± sample standard deviation (seeds), after
training on so many images. Where an algorithm has several rows, the one with the best validation
accuracy stands here, and the one that held no images out for validation. † not verified; ! more
than {FAR:g} point from the published number. All rows: `results/leaderboard.md`."""


def to_csv(frame: pd.DataFrame) -> str:
    """The table as csv, numbers to two decimals, what is unknown left empty."""
    return frame.to_csv(index=False, float_format="%.2f", lineterminator="\n")


def to_page(frame: pd.DataFrame) -> str:
    """The page ``leaderboard.md``: the protocol, then a table for each dataset and network."""
    parts = [PROTOCOL]
    for dataset, of_dataset in frame.groupby("dataset"):
        parts.append(f"## {dataset}\n")
        for network, lines in of_dataset.groupby("network"):
            table = pd.DataFrame(
                {
                    "algorithm": lines["algorithm"],
                    "variant": lines["variant"],
                    "epochs": lines["epochs"],
                    "split": lines["split"],
                    "test accuracy": _accuracy(lines),
                    "vs bp": _versus_bp(lines),
                    "published": _published(lines),
                    "measured - published": _versus_published(lines),
                    "seconds": _seconds(lines),
                    "device": lines["device"],
                    "source": lines["source"],
                    "row": "`" + lines["row_hash"] + "`",
                }
            )
            parts.append(f"### {dataset}, {network}\n\n{_markdown(table)}\n")
    return "\n".join(parts)


def to_readme(frame: pd.DataFrame) -> str:
    """One line per dataset, network and algorithm: the variant with the best validation.

    And a line for a variant without validation images, which no other can be ranked against.
    """
    by_validation = frame.sort_values("val_acc_mean", ascending=False, kind="stable")
    ranked = by_validation.assign(unheld=frame["split"].str.contains(" / 0 / "))
    best = ranked.drop_duplicates(["dataset", "network", "algorithm", "unheld"]).sort_index()
    return f"{README_NOTE}\n\n{_markdown(_compact(best))}"


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
            "published": _published(lines) + _far(lines),
            "seconds": _seconds(lines),
        }
    )


def _markdown(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, disable_numparse=True)


def _accuracy(lines: pd.DataFrame) -> list[str]:
    cells = []
    columns = ["n_seeds", "n_diverged", "test_acc_mean", "test_acc_sd"]
    for n, n_diverged, mean, sd in zip(*(lines[c] for c in columns), strict=True):
        counts = [str(n - n_diverged)] if n > n_diverged else []
        counts += [f"{n_diverged} diverged"] if n_diverged else []
        cells.append(f"{_plus_minus(mean, sd) or '-'} ({'; '.join(counts)})")
    return cells


def _versus_bp(lines: pd.DataFrame) -> list[str]:
    pairs = zip(lines["diff_bp"], lines["diff_bp_ci95"], strict=True)
    return [_plus_minus(difference, half_width, "+.2f") for difference, half_width in pairs]


def _published(lines: pd.DataFrame) -> pd.Series:
    pairs = zip(lines["published"], lines["published_sd"], strict=True)
    text = [_plus_minus(published, sd) for published, sd in pairs]
    mark = (lines["published_status"] == "unverified").map({True: " †", False: ""})
    return pd.Series(text, lines.index, dtype=str) + mark


def _versus_published(lines: pd.DataFrame) -> pd.Series:
    text = [_plus_minus(difference, math.nan, "+.2f") for difference in lines["diff_published"]]
    return pd.Series(text, lines.index, dtype=str) + _far(lines)


def _far(lines: pd.DataFrame) -> pd.Series:
    return (lines["diff_published"].astype(float).abs() > FAR).map({True: " !", False: ""})


def _seconds(lines: pd.DataFrame) -> list[str]:
    return [
        "" if math.isnan(s) else f"{s:.0f}" if s >= 10 else f"{s:.1f}" for s in lines["seconds"]
    ]


def _plus_minus(mean: float, spread: float, form: str = ".2f") -> str:
    if math.isnan(mean):
        return ""
    return f"{mean:{form}}" if math.isnan(spread) else f"{mean:{form}} ± {spread:.2f}"
