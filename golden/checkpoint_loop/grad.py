# redraft: gradient of checkpoint_loop (original.py:8) with respect to w.
# Generated, do not edit. Regenerate: redraft golden update checkpoint_loop

import numpy as np
from redraft import runtime as rt


def steps_inner_fwd_x_w(first, length, x, w):
    """Value of steps_inner (original.py:11), and what steps_inner_bwd_x_w needs of it."""
    seen = []
    tape = []
    for j in range(length):
        t0 = np.sin(x)
        tape.append((t0, x))
        x = t0 * w
        seen.append(np.sum(x))
    return (x, w, seen), (tape, w)


def steps_inner_bwd_x_w(saved, t_bar):
    """Cotangents of x and w from that of the result of steps_inner (original.py:11)."""
    tape, w = saved
    x_bar, w_bar, seen_bar = t_bar  # 11  for _ in range(n): x = np.sin(x) * w seen.append(np.sum...
    seen_bar = rt.own(seen_bar)
    for t0, x in reversed(tape):
        x_bar = x_bar + seen_bar.pop()        # 13  seen.append(np.sum(x))
        w_bar = w_bar + rt.unbroadcast(x_bar * t0, w)  # 12  x = np.sin(x) * w
        x_bar = rt.unbroadcast(x_bar * w * np.cos(x), x)
    return x_bar, w_bar


def steps_fwd_x_w(first, length, x, w):
    """Value of steps (original.py:11), and what steps_bwd_x_w needs of it."""
    ans, _ = steps_inner_fwd_x_w(first, length, x, w)
    return ans, (first, length, x, w)


def steps_bwd_x_w(saved, ans_bar):
    """Cotangents of x and w from that of the result of steps (original.py:11), run again."""
    saved, ans_bar = rt.barrier((saved, ans_bar))
    first, length, x, w = saved
    _, saved = steps_inner_fwd_x_w(first, length, x, w)
    return steps_inner_bwd_x_w(saved, ans_bar)


def checkpoint_loop_grad(w, x, n):
    """Gradient of checkpoint_loop (original.py:8) with respect to w."""
    # forward
    w_saved = w
    seen = []
    count = len(range(n))
    segment = rt.segment_length(count, None)
    tape = []
    for k in range(count // segment):
        t0, t_saved = steps_fwd_x_w(k * segment, segment, x, w)
        x, w, seen_new = t0
        seen.extend(seen_new)
        tape.append((seen_new, t_saved))
    tape_1 = []
    for _ in range(min(count % segment, 1)):
        t0, t_saved = steps_fwd_x_w(count - count % segment, count % segment, x, w)
        x, w, seen_new = t0
        seen.extend(seen_new)
        tape_1.append((seen_new, t_saved))
    # backward
    t0_bar = rt.seed(np.sum(x) + seen[0])     # 14  return np.sum(x) + seen[0]
    seen_bar = rt.zeros_like(seen)
    seen_bar[0] += t0_bar
    x_bar = np.full_like(x, t0_bar)           # 11  for _ in range(n):
    w_bar = rt.zeros_like(w)
    for seen_new, t_saved in reversed(tape_1):
        kept = len(seen_bar) - len(seen_new)
        seen_new_bar = seen_bar[kept:]
        seen_bar = seen_bar[:kept]
        x_bar, w_bar = steps_bwd_x_w(t_saved, (x_bar, w_bar, seen_new_bar))
    for seen_new, t_saved in reversed(tape):
        kept = len(seen_bar) - len(seen_new)
        seen_new_bar = seen_bar[kept:]
        seen_bar = seen_bar[:kept]
        x_bar, w_bar = steps_bwd_x_w(t_saved, (x_bar, w_bar, seen_new_bar))
    return rt.like(w_bar, w_saved)
