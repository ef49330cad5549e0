"""`python -m olivetti_denoiser` is the command line of `cli.main`."""

import sys

from olivetti_denoiser.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
