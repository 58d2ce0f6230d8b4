"""After ingest: relabel, find duplicates, group and merge the cells."""
