"""Measuring: metrics, tables, plots, baselines and published denoisers."""
