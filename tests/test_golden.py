"""Golden files: what was reviewed is what is generated, and it is right."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from oracle import in_jax
from test_layers import imports

import redraft as rd
from redraft.tools import golden
from redraft.tools.differences import flat
from redraft.tools.golden import code_lines, find_cases, judged, judged_module
from redraft.tools.golden_chain import arguments, entry, in_axes, is_chain
from redraft.tools.target import load_file
from redraft.transpile.back.module import module_text

ROOT = Path(__file__).resolve().parent.parent / "golden"
CASES = find_cases((), ROOT)
FILES = [(case, transform) for case in CASES for transform in case.transforms]
# JAX has no in-place update and no class of the user's as a container, and in `kinks` its NaN leaks
# from the side that is not taken.
NOT_IN_JAX = {"dataclass_params", "kinks", "method", "store_elements", "store_slices"}
# functions that redraft wraps; tests/test_custom_derivatives.py and others compare such ones with JAX's
NOT_IN_JAX |= {"log_posterior"}  # SciPy's distributions; test_densities.py compares them
NOT_IN_JAX |= {"checkpoint_loop", "custom_gradient", "custom_jvp", "custom_vjp", "stop_gradient"}

KNOWN_AT_RUN_TIME = {"monte_carlo", "function_argument", "tree_update"}
CALL_THE_HOST = ("host_call", "printed_loop")

GRADIENTS = [case for case in CASES if "grad" in case.transforms]
CHAINS = [(case, transform) for case, transform in FILES if is_chain(transform)]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_golden_file = pytest.mark.parametrize(
    "case, transform", FILES, ids=[f"{case.name}-{transform}" for case, transform in FILES]
)


def test_there_are_enough_cases():
    assert len(CASES) >= 28
    assert {t for case in CASES for t in case.transforms} >= {
        "grad", "value_and_grad", "vjp", "jvp", "jit", "vmap", "vmap,grad", "jacfwd", "jacrev", "hessian",
    }  # fmt: skip
    assert sum("jit" in case.transforms for case in CASES) >= 6
    assert sum("vmap" in case.transforms for case in CASES) >= 12


@each_case
def test_case_is_small_and_says_what_it_teaches(case):
    text = (case.folder / "original.py").read_text()
    assert text.startswith('"""') and len(case.original.__doc__.splitlines()) == 1
    assert code_lines(text) <= 35


@each_golden_file
def test_generated_text_is_the_reviewed_text(case, transform):
    change = case.change(transform)
    assert not change, f"bless with: redraft golden update {case.name}\n{change}"


@each_golden_file
def test_reviewed_text_is_right(case, transform):
    """A blessed mistake still fails: the file itself is imported and checked."""
    module = load_file(case.path(transform), f"golden_{case.name}_{transform}")
    assert judged_module(case, transform, module) == ""


@pytest.mark.parametrize(
    "case", [c for c in GRADIENTS if c.name not in NOT_IN_JAX], ids=lambda c: c.name
)
def test_reviewed_gradient_agrees_with_jax(case):
    jax.config.update("jax_enable_x64", True)
    module = load_file(case.path("grad"), f"golden_{case.name}_for_jax")
    got = flat(getattr(module, case.generated("grad").name)(*case.all_arguments))
    function, args = in_jax(case.function), case.arguments
    args = tuple(in_jax(arg) if callable(arg) else arg for arg in args)
    want = jax.grad(function, case.argnums)(*args)
    want = np.concatenate([np.ravel(leaf) for leaf in jax.tree_util.tree_leaves(want)])
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11)


DERIVATIVES_OF_BATCHES = [
    (case, transform)
    for case, transform in CHAINS
    if transform != "vmap" and case.name not in NOT_IN_JAX
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case, transform", DERIVATIVES_OF_BATCHES, ids=lambda p: getattr(p, "name", p)
)
def test_reviewed_chain_agrees_with_jax(case, transform):
    """Example by example, since JAX cannot batch Python's branches and loops."""
    jax.config.update("jax_enable_x64", True)
    module = load_file(case.path(transform), f"golden_{case.name}_chain_for_jax")
    args, axes = arguments(case, transform), in_axes(case)
    got = entry(case, transform, module)(*args)
    *batched, derivative = transform.split(",")
    oracle = getattr(jax, derivative)(in_jax(case.function), case.argnums)
    if not batched:
        np.testing.assert_allclose(flat(got), flat_of_jax(oracle(*args)), rtol=1e-9, atol=1e-11)
        return
    axes = axes if isinstance(axes, tuple) else (axes,) * len(args)
    for i in range(next(len(x) for x, axis in zip(args, axes, strict=True) if axis is not None)):
        one = [x if axis is None else x[i] for x, axis in zip(args, axes, strict=True)]
        mine = jax.tree_util.tree_map(lambda leaf, i=i: leaf[i], got)
        np.testing.assert_allclose(flat(mine), flat_of_jax(oracle(*one)), rtol=1e-9, atol=1e-11)


def flat_of_jax(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree_util.tree_leaves(tree)])


@pytest.mark.parametrize("case, transform", CHAINS, ids=lambda p: getattr(p, "name", p))
def test_standalone_chain_needs_numpy_alone(case, transform):
    if case.name in CALL_THE_HOST:
        with pytest.raises(rd.TransformError, match="a callback is called by redraft"):
            module_text(case.generated(transform), standalone=True)
        return
    text = module_text(case.generated(transform), standalone=True)
    assert not {name for name, _ in imports(ast.parse(text)) if name.startswith("redraft")}
    assert judged(case, transform, text) == ""


@pytest.mark.parametrize("case", GRADIENTS, ids=lambda case: case.name)
def test_standalone_gradient_needs_numpy_alone(case):
    """The same functions with the helpers of the runtime beside them."""
    if case.name in KNOWN_AT_RUN_TIME:
        with pytest.raises(rd.TransformError, match="known at run time only"):
            module_text(case.generated("grad"), standalone=True)
        return
    if case.name in CALL_THE_HOST:
        with pytest.raises(rd.TransformError, match="a callback is called by redraft"):
            module_text(case.generated("grad"), standalone=True)
        return
    text = module_text(case.generated("grad"), standalone=True)
    tops = {name.split(".")[0] for name, early in imports(ast.parse(text)) if early}
    needed = {"numpy", "scipy"} if case.name == "log_posterior" else {"numpy"}  # special functions
    assert tops - sys.stdlib_module_names <= needed
    assert not {name for name, _ in imports(ast.parse(text)) if name.startswith("redraft")}
    assert judged(case, "grad", text) == ""


@each_golden_file
def test_file_says_where_it_comes_from(case, transform):
    header = case.reviewed(transform).split("\n\n")[0]
    assert header.startswith("# redraft: ")
    assert f"redraft golden update {case.name}" in header


def test_no_generated_file_is_left_over():
    wanted = {case.path(transform) for case, transform in FILES}
    found = {path for path in ROOT.glob("*/*.py") if path.name != "original.py"}
    assert found == wanted


def test_a_fresh_process_generates_the_same_bytes():
    """Neither the order of hashes nor what was generated before changes the text."""
    code = (
        "import sys, pathlib\n"
        "from redraft.tools.golden import find_cases\n"
        "cases = find_cases((), pathlib.Path(sys.argv[1]))[::-1]\n"
        "print([(c.name, t, c.text(t)) for c in cases for t in c.transforms])"
    )
    home = str(Path(rd.__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": home, "PYTHONHASHSEED": "1234"}
    done = subprocess.run([sys.executable, "-c", code, str(ROOT)],
                          capture_output=True, text=True, env=environment)  # fmt: skip
    assert done.returncode == 0, done.stderr
    texts = {(name, transform): text for name, transform, text in eval(done.stdout)}
    for case, transform in FILES:
        assert texts[case.name, transform] == case.text(transform)


RUN_TWICE = {"checkpoint", "checkpoint_loop", "checkpoint_policy"}  # what they are for


def test_gradients_are_short():
    """At most 2.5 lines of gradient for a line of source, over all cases that run once."""
    source = generated = 0
    for case in GRADIENTS:
        if case.name in RUN_TWICE:
            continue
        text = (case.folder / "original.py").read_text()
        source += code_lines(source_functions(text))
        generated += code_lines(case.generated("grad").text)
    assert generated <= 2.5 * source, f"{generated} lines for {source}"


def source_functions(text):
    """The functions and classes of an original, without imports and example arguments."""
    lines = text.splitlines(keepends=True)
    kept = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name not in ("arguments", "batch"):
            kept += lines[node.lineno - 1 : node.end_lineno]
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    kept += [line[4:] for line in lines[inner.lineno - 1 : inner.end_lineno]]
    return "".join(kept)


# The commands ----------------------------------------------------------------------------------


@pytest.fixture
def little(tmp_path, monkeypatch):
    """A golden folder with one case that nobody has reviewed."""
    folder = tmp_path / "golden" / "square"
    folder.mkdir(parents=True)
    (folder / "original.py").write_text(
        '"""Squares."""\n\nimport numpy as np\n\n\ndef square(x):\n    return np.sum(x * x)\n\n\n'
        "def arguments():\n    return (np.array([0.3, 1.2]),)\n"
    )
    monkeypatch.delenv("CI", raising=False)
    return find_cases((), tmp_path / "golden")


def test_update_writes_and_check_agrees(little, capsys):
    assert golden.check(little) == 1
    assert golden.update(little) == 0
    assert "+def square_grad(x):" in capsys.readouterr().out
    assert golden.check(little) == 0
    assert golden.diff(little) == 0
    assert "1 files of 1 cases are as reviewed" in capsys.readouterr().out


def test_check_finds_a_change(little, capsys):
    golden.update(little)
    path = little[0].path("grad")
    path.write_text(path.read_text() + "# changed\n")
    capsys.readouterr()
    assert golden.check(little) == 1
    assert "changed: golden/square/grad.py" in capsys.readouterr().out
    assert golden.diff(little) == 0
    assert "-# changed" in capsys.readouterr().out


def test_update_refuses_wrong_numbers(little, capsys, monkeypatch):
    wrong = little[0].text("grad").replace("return ", "return 1.5 * ")
    monkeypatch.setattr(golden.Case, "text", lambda self, transform: wrong)
    assert golden.update(little) == 1
    assert "central differences" in capsys.readouterr().err
    assert not little[0].path("grad").exists()
    assert judged(little[0], "grad", "raise ValueError('no')") == "ValueError: no"


def test_wrong_batches_are_found(tmp_path):
    folder = tmp_path / "golden" / "square"
    folder.mkdir(parents=True)
    (folder / "original.py").write_text(
        '"""Squares."""\n\nTRANSFORMS = ("vmap", "vmap,grad")\n\n\ndef square(x):\n    return x * x\n\n\n'
        "def batch():\n    import numpy as np\n\n    return (np.array([0.3, 1.2]),)\n"
    )
    [case] = find_cases((), tmp_path / "golden")
    for transform in case.transforms:
        text = case.text(transform)
        assert judged(case, transform, text) == ""
        assert "example 0 of" in judged(case, transform, text.replace("return ", "return 1.1 * "))
        assert "has the shapes [(2,)], not [()]" in judged(
            case, transform, text.replace("return ", "return np.ones((2, 1)) + ").replace(
                "\n\n\ndef", "\n\nimport numpy as np\n\n\ndef")
        )  # fmt: skip


def test_update_never_runs_under_ci(little, capsys, monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert golden.update(little) == 1
    assert "refused" in capsys.readouterr().err
    assert not little[0].path("grad").exists()


def test_code_lines():
    text = '"""Doc\n\nstring."""\n\ndef f(x):  # comment\n    # comment\n    """Doc."""\n\n'
    text += "    return (\n        x\n    )\n"
    assert code_lines(text) == 4
