"""Data: from files, tables, arrays and frames to named splits of samples, checked."""
