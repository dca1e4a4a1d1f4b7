"""What tasks share that find something at places of a picture."""
