"""Running rows, searches and boards."""
