"""Records whose rows have another identity under this version get it, and keep the old hash."""

from __future__ import annotations

from pathlib import Path

from benchmark.suite.records import records
from benchmark.suite.rows.row import Row


def migrate(results: Path) -> int:
    """Give every record in ``results`` its row's identity and hash of now.

    The old hash stays in the record as ``old_row_hash``; nothing else changes but the file's name.

    Returns:
        How many records changed.

    Raises:
        UserError: a record is broken, or two records turn out to be the same run.
    """
    changed = 0
    for old in records.load(results, earlier=True):
        row = Row(**old["row"])
        if (old["row_hash"], old.get("identity")) == (row.hash, row.identity):
            continue
        record = {**old, "identity": row.identity, "row_hash": row.hash}
        if old["row_hash"] != row.hash:
            record["old_row_hash"] = old["row_hash"]
        records.save(results, record, overwrite=old["row_hash"] == row.hash)
        if old["row_hash"] != row.hash:
            records.remove(results, old)
        changed += 1
    return changed
