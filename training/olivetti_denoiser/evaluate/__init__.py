"""Evaluation: measuring, tables, plots, baselines and published denoisers."""
