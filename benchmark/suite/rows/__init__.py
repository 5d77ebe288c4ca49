"""Rows: what is trained and measured, from names, configs and options."""
