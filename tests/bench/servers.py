# SPDX-License-Identifier: GPL-3.0-or-later
"""How the nats-servers of benchmarks are set: as they come, or as docs/operations.md recommends; Nacre's and JetStream's alike."""
import os

more_config = ""  # lines for each of them
leaf = False  # Nacre's have a port for leaf nodes, which tells a node who listens to its feed


def set_as_recommended():
    """Those that are started from now on."""
    global more_config, leaf
    leaf = True
    more_config = "disable_sublist_cache: true\n"
    os.environ["GOGC"] = "400"
