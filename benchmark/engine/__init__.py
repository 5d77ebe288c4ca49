"""What turns an Algorithm into training: updates, epochs, checkpoints, processes."""
