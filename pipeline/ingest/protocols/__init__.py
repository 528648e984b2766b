"""What devices send that know nothing of us, as rows of our columns: a file for each protocol.

A protocol changes units and names and nothing else; whether a row can be used is decided where all rows
are. A time that is not given stays missing, and one without an offset stays without: none is made up.
"""

from __future__ import annotations

from pipeline.ingest.protocols.osmand import OSMAND
from pipeline.ingest.protocols.owntracks import OWNTRACKS
from pipeline.ingest.protocols.protocol import Protocol

#: Each is taken at the path of its name. A new one is an entry here.
PROTOCOLS: tuple[Protocol, ...] = (OSMAND, OWNTRACKS)
