"""Everything about tables of results; the library itself never imports it."""
