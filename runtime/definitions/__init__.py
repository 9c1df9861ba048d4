"""Functions of NumPy's and SciPy's that are defined by plain Python: what transformations rewrite in their place.

A definition gives the values of the original, for arrays of any shape, in terms of functions that have
rules. Derivatives, batches and compiled versions come from its source as from a user's function, so it
branches on shapes and options alone, never on values, and changes no argument.
"""
