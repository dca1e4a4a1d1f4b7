"""YOLOX: an anchor-free detector (Ge et al.: YOLOX, arXiv:2107.08430).

A trunk yields feature maps at strides 8, 16 and 32 (`darknet.py`, or any network with a pyramid);
a neck lets them exchange features (`neck.py`); a decoupled head predicts a box, an objectness
and classes in each grid cell (`predictor.py`); SimOTA chooses the cells that are to find an object
(`assignment.py`), and `losses.py` compares. `detector.py` joins them. Modules have the names of the
official implementation, so that its checkpoints open.
"""
