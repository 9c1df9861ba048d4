"""Transforming and calling from several threads at once."""

import linecache
import sys
import threading

import numpy as np
import pytest
from corpus import CASES
from limits import REFUSED
from oracle import Problem, assert_close, pulled

import redraft as rd

THREADS = 8
X = np.array([0.3, -0.7, 1.2])


@pytest.fixture(autouse=True)
def switch_often():
    """Let Python change threads often, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(*jobs):
    """Run the jobs at the same time; return their results, or raise the first error."""
    barrier = threading.Barrier(len(jobs))
    results: list = [None] * len(jobs)
    errors: list = []

    def run(position, job):
        barrier.wait()
        try:
            results[position] = job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=item) for item in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def new_function(number):
    """Return a function that nobody has transformed, x -> sum(sin(x) ** 2 * (number + 2))."""
    text = (
        "def helper(x):\n"
        "    return np.sin(x) * np.sin(x)\n"
        "def f(x):\n"
        "    total = 0.0\n"
        "    for v in x:\n"
        f"        total = total + helper(v) * ({number} + 2)\n"
        "    return total\n"
    )
    filename = f"<thread {number}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    namespace = {"np": np}
    exec(compile(text, filename, "exec"), namespace)
    return namespace["f"]


def slope(number, x=X):
    return (number + 2) * np.sin(2 * x)


def test_one_new_function_in_many_threads():
    """All threads ask for the same derivative that does not exist yet."""
    for trial in range(3):
        f = new_function(1000 + trial)
        results = together(*[lambda f=f: rd.grad(f)(X)] * THREADS)
        for result in results:
            assert_close(result, slope(1000 + trial), "the same function")


def test_one_transformed_function_called_first_by_many_threads():
    """The object exists, its source does not yet."""
    d = rd.grad(new_function(2000))
    for result in together(*[lambda: d(X)] * THREADS):
        assert_close(result, slope(2000), "the same object")


def test_different_functions_in_many_threads():
    """Functions of one name and text, but of different constants, do not mix."""
    functions = [new_function(n) for n in range(THREADS)]
    jobs = [lambda f=f: rd.grad(f)(X) for f in functions]
    for n, result in enumerate(together(*jobs)):
        assert_close(result, slope(n), f"function {n}")


def test_different_modes_of_one_function():
    f = new_function(3000)
    v = np.ones(3)
    got = together(
        lambda: rd.grad(f)(X),
        lambda: rd.jvp(f, (X,), (v,))[1],
        lambda: rd.vjp(f, X)[1](1.0)[0],
        lambda: rd.value_and_grad(f)(X)[1],
        lambda: rd.jvp(rd.grad(f), (X,), (v,))[1],
        lambda: rd.grad(lambda x: rd.jvp(f, (x,), (v,))[1])(X),
        lambda: rd.source(rd.grad(f)),
    )
    curvature = 2 * 3002 * np.cos(2 * X)
    assert_close(got[0], slope(3000), "grad")
    assert_close(got[1], float(np.sum(slope(3000))), "jvp")
    assert_close(got[2], slope(3000), "vjp")
    assert_close(got[3], slope(3000), "value_and_grad")
    assert_close(got[4], curvature, "forward over reverse")
    assert_close(got[5], curvature, "reverse over forward")
    assert "def " in got[6]


def test_calls_do_not_share_state():
    """Many calls of one derivative at once, each with its own argument and trip count."""

    def f(x, n):
        y = x
        for _ in range(n):
            y = np.sin(y) * x
        return np.sum(y)

    d = rd.grad(f)
    points = [X * (k + 1) / 4 for k in range(THREADS)]
    want = [d(point, k) for k, point in enumerate(points)]
    jobs = [lambda k=k: [d(points[k], k) for _ in range(30)] for k in range(THREADS)]
    for k, results in enumerate(together(*jobs)):
        for result in results:
            assert_close(result, want[k], f"thread {k}", rtol=0, atol=0)


def test_pullbacks_travel_between_threads():
    """A pullback made in one thread is called in others."""
    _, pullback = rd.vjp(lambda x: np.sin(x) * x, X)
    want = np.cos(X) * X + np.sin(X)
    jobs = [lambda k=k: pullback(np.full(3, k + 1.0))[0] for k in range(THREADS)]
    for k, result in enumerate(together(*jobs)):
        assert_close(result, (k + 1) * want, f"thread {k}")


def test_refusals_in_many_threads():
    """An error in one thread is not another thread's result."""

    def bad(x):
        return np.sum(np.nextafter(x, 2.0) * x)

    def job(k):
        if k % 2:
            with pytest.raises(rd.TransformError):
                rd.grad(bad)(X)
            return None
        return rd.grad(new_function(4000 + k))(X)

    for k, result in enumerate(together(*[lambda k=k: job(k) for k in range(THREADS)])):
        if result is not None:
            assert_close(result, slope(4000 + k), f"thread {k}")


def test_corpus_in_two_threads():
    """Part of the corpus, transformed by two threads in opposite order."""
    cases = [case for case in CASES if str(case) not in REFUSED][::9]
    problems = [Problem(c.function, c.args, c.static, str(c)) for c in cases]

    def run(order):
        return {p.name: pulled(p, *p.fresh())[1] for p in order}

    forward, backward = together(lambda: run(problems), lambda: run(problems[::-1]))
    for name, grad in forward.items():
        assert_close(backward[name], grad, name, rtol=1e-13)
