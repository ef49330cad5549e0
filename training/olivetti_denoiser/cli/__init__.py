"""The command line: `denoiser COMMAND`, one file for each group of commands.

Every group has a function `register`, which adds its commands and their options; `main` calls them.
"""

from olivetti_denoiser.streams import open_closed_streams, print_any_character

open_closed_streams()
print_any_character()  # before anything prints, so that no help text and no table ends a command
