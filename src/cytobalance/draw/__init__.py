"""Pictures: sheets of cells, charts, and the report's page."""
