"""The command line: `denoiser COMMAND`, one file for each group of commands.

Every group has a function `register`, which adds its commands and their options; `main` calls them.
"""
