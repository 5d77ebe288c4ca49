"""What a step costs, beside bare PyTorch loops and beside its matrix products."""
