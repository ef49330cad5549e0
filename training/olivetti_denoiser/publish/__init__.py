"""The model folder with its card, and publishing to the Hub."""
