"""One trainer: phases and steps, exact resume, recorded frozen features, the cost of it all."""
