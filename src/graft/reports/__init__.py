"""What a study shows: statistics, the verdict in words, tables, figures, the page."""
