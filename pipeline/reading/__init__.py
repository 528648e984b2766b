"""Files of pings and confirmations, Parquet, NDJSON or CSV, as columns with a reason per unusable row."""

from pipeline.reading.challenges import Challenges
from pipeline.reading.device_ids import DeviceIds
from pipeline.reading.opening import open_stream
from pipeline.reading.rows import REASONS, RawChunk, RawRows, StreamFile

__all__ = ["REASONS", "Challenges", "DeviceIds", "RawChunk", "RawRows", "StreamFile", "open_stream"]
