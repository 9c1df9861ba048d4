"""A worker that is lost in one of several ways; the others tell what they see, and when.

A program for `redraft launch`: ``faults.py HOW WHO``, with the number of the worker that it happens to.
"""

import os
import signal
import sys
import time

import numpy as np

import redraft as rd

how, who = sys.argv[1], int(sys.argv[2])
me = rd.process_index()
if how == "start" and me == who:
    sys.exit(0)
if how == "meet" and me == who:
    from redraft.runtime.cluster import cluster
    from redraft.runtime.rendezvous import meet

    meet(cluster(), 30)
    os.kill(os.getpid(), signal.SIGKILL)
begin = time.monotonic()
try:
    rd.devices()
except rd.WorkerLost as error:
    print(f"told after {time.monotonic() - begin:.1f} s: {error}", flush=True)
    sys.exit(5)


def rounds(x):
    for _ in range(200):
        x = np.sin(x) + rd.pmean(x, "i")
    return x


step = rd.pmap(rounds, axis_name="i")
x = np.ones((rd.local_device_count(), 3))
for count in range(100):
    if count == 3 and me == who:
        print("now", flush=True)
        if how in ("kill", "between"):
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif how == "raise":
            raise ZeroDivisionError("of its own")
    if count == 3 and me != who and how == "between":
        time.sleep(5)
    begin = time.monotonic()
    try:
        step(x)
    except rd.WorkerLost as error:
        print(f"told after {time.monotonic() - begin:.1f} s: {error}", flush=True)
        sys.exit(5)
print("not noticed")
