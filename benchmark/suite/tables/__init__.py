"""A paper's tables from records and published cells. Nothing here needs torch."""
