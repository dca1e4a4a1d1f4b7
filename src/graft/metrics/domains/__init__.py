"""How far apart two domains are: in features, in shares of classes, in sets of classes."""
