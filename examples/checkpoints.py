"""Files with the arrays of a training's steps, which a crash leaves whole or not at all.

Used by resume.py. A file gets its name when all of it is on the disk.
"""

import os

import numpy as np

KEPT = 2


def save(folder, step, arrays):
    """Write the arrays of a step: all of the file, or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "unfinished"
    with unfinished.open("wb") as file:
        np.savez(file, *arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / f"{step:08}.npz")
    place = os.open(folder, os.O_RDONLY)
    os.fsync(place)  # the new name is on the disk, too
    os.close(place)
    for old in saved(folder)[:-KEPT]:
        old.unlink()


def saved(folder):
    """The files of all steps that are there, oldest first."""
    return sorted(folder.glob("[0-9]*.npz"))


def restore(folder):
    """The last step that was saved and its arrays; step 0 and None before the first."""
    files = saved(folder)
    if not files:
        return 0, None
    with np.load(files[-1]) as file:
        return int(files[-1].stem), list(file.values())
