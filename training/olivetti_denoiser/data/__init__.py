"""The faces, datasets of pictures, patches of them, and test sets."""
