"""From files, arrays and outlines to the class of each pixel."""
