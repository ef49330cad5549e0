"""Measuring: figures, tables, plots, baselines and published denoisers."""
