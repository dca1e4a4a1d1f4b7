"""Formulas: losses and labels of techniques as pure functions of tensors, one file each."""
