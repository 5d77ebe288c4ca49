"""What several algorithms share, a file for each family."""
