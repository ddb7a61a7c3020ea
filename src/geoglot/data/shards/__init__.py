"""Samples in shards: webdataset tar and Parquet, written whole or not at all, streamed in an order that can be resumed."""

from geoglot.data.shards.manifest import Manifest, open_shards
from geoglot.data.shards.mix import Mixture
from geoglot.data.shards.pack import Encoding
from geoglot.data.shards.prefetch import prefetch
from geoglot.data.shards.stream import Listed, Stream, parts
from geoglot.data.shards.writer import write

__all__ = ["Encoding", "Listed", "Manifest", "Mixture", "Stream", "open_shards", "parts", "prefetch", "write"]
