"""Training that survives the loss of a worker: it saves its state, and goes on from there.

Run: redraft launch --workers 2 examples/resume.py CHECKPOINTS

The first worker writes a file every 10 steps. If a worker is lost, the others end with `rd.WorkerLost`; run
the same command again, and at most the steps since the last file are done again, with the same numbers.
"""

import os
import sys
from pathlib import Path

import numpy as np
from checkpoints import restore, save
from digits import initial_params
from digits_workers import EPOCHS, batches, images_and_labels, train

import redraft as rd

EVERY = 10


def of_first_worker(arrays):
    """The arrays of the first worker, in all workers: they need not share a disk."""
    mine = rd.local_device_count()
    is_first = np.arange(mine) + rd.process_index() * mine == 0
    share = rd.pmap(
        lambda arrays, here: rd.psum([np.where(here, x, np.zeros_like(x)) for x in arrays], "i"),
        axis_name="i",
        in_axes=(None, 0),
        out_axes=None,
    )
    return share(arrays, is_first)


def main(folder):
    """Train from the last step that was saved."""
    x, y = images_and_labels()
    params = initial_params(np.random.default_rng(0))
    done, found = restore(folder)
    if found is not None:
        params = list(zip(found[::2], found[1::2], strict=True))
    flat = [np.asarray(done), *(part for pair in params for part in pair)]
    done, *flat = map(np.asarray, of_first_worker(flat))
    params = rd.replicate(list(zip(flat[::2], flat[1::2], strict=True)))
    print(f"process {os.getpid()} starts at step {done}", flush=True)
    steps = (shares for epoch in range(EPOCHS) for shares in batches(x, y, epoch))
    value = None
    for step, (xs, ys) in enumerate(steps, 1):
        if step <= done:
            continue
        value, params = train(params, xs, ys)
        if step % EVERY == 0 and rd.process_index() == 0:
            save(folder, step, [part for pair in rd.unreplicate(params) for part in pair])
    if rd.process_index() == 0 and value is not None:
        print(f"step {step}  loss {value[0]:.15f}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except rd.WorkerLost as error:
        sys.exit(f"rd.WorkerLost: {error}")
