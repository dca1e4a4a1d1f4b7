"""What formats share that read folders of files, a class each."""
