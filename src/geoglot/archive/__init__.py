"""The index of a scene collection: ingest, store, query. Importing it opens nothing and loads no model."""

from geoglot.archive.archive import Archive
from geoglot.archive.hits import Hit, Hits
from geoglot.archive.indexing import Plan, index, plan
from geoglot.archive.ingest import Report

__all__ = ["Archive", "Hit", "Hits", "Plan", "Report", "index", "plan"]
