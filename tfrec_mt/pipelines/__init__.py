"""Binaries: flags, one frozen config, one library call."""

from tfrec_mt.quiet_start import import_tensorflow

import_tensorflow()  # here, before anyone else does: its notes would bury ours
