"""A PyTorch Lightning benchmark of the alternatives to backpropagation."""

__version__ = "0.1.0"
