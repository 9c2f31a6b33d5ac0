"""``python -m spinemap_exact`` is the command line."""

import sys

from spinemap_exact.cli import main

sys.exit(main())
