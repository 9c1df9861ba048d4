"""The corpus crossed with the transformations: every case, every mode, up to its order."""

import pytest
from corpus import CASES
from limits import checked
from oracle import (
    Problem,
    check_float32,
    check_gradient,
    check_jax,
    check_jvp,
    check_second_order,
    check_third_order,
    check_transposed,
    check_value,
    is_smooth,
)


def each(cases, **options):
    return pytest.mark.parametrize("case", list(cases), ids=str, **options)


def spread(cases, step):
    """Every `step`-th case by default, and the others with `-m slow`."""
    marked = [
        case if i % step == 0 else pytest.param(case, marks=pytest.mark.slow)
        for i, case in enumerate(cases)
    ]
    return pytest.mark.parametrize("case", marked, ids=str)


def problem(case):
    return Problem(case.function, case.args, case.static, str(case))


def is_transformed(case):
    return str(case).startswith("transformed.")


def test_names_are_unique():
    """No case shadows another one, in a file or between files."""
    names = [case.function.__name__ for case in CASES]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    assert len(CASES) >= 400


def test_enough_cases_run_in_jax():
    assert sum(case.jax for case in CASES) >= 300


@pytest.mark.slow
@each(case for case in CASES if not is_transformed(case))
def test_case_is_smooth(case):
    """The example arguments keep away from kinks, so that differences can judge."""
    assert is_smooth(problem(case))


@each(CASES)
def test_value_is_unchanged(case):
    checked(check_value, case, problem(case), 1)


@each(CASES)
def test_gradient_against_differences(case):
    checked(check_gradient, case, problem(case), 1)


@each(CASES)
def test_tangent_against_differences(case):
    checked(check_jvp, case, problem(case), 1)


@each(CASES)
def test_forward_and_reverse_are_transposed(case):
    checked(check_transposed, case, problem(case), 1)


@spread([case for case in CASES if case.order >= 2], 3)
def test_second_order_in_all_modes(case):
    checked(check_second_order, case, problem(case), 2)


@spread([case for case in CASES if case.order >= 3], 4)
def test_third_order_in_all_modes(case):
    checked(check_third_order, case, problem(case), 2)


@each(case for case in CASES if case.single)
def test_float32_stays_float32(case):
    checked(check_float32, case, problem(case), 1)


@each(case for case in CASES if case.jax)
def test_gradient_against_jax(case):
    checked(check_jax, case, problem(case), 1)
