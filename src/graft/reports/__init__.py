"""Reports of a study: statistics, the verdict in words, tables, figures, the page."""
