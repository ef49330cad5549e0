"""Training: batches, augmentation, losses, optimizer, callbacks, checkpoints."""
