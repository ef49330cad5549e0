"""Training: batches, losses, optimizer, validation, checkpoints, several devices."""
