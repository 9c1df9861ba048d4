"""Solvers of SciPy's with derivatives; called by runtime/host_functions.py when a program meets one."""
