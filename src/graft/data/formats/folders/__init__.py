"""What formats share that read folders of files, one folder per class."""
