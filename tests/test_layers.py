"""Imports only go down, and what is heavy is imported late."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import redraft as rd

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "runtime": set(),
    "transpile": {"runtime"},  # names only: generated code calls runtime
    "redraft": {"transpile", "runtime"},
    "tools": {"redraft", "transpile", "runtime"},
}
MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
HEAVY = {"tensorflow", "jax", "scipy", "rich", "click", "sklearn", "autograd", "matplotlib"}

each_module = pytest.mark.parametrize(
    "path", MODULES, ids=[str(path.relative_to(ROOT)) for path in MODULES]
)


def package(path):
    """The part of redraft that a file belongs to."""
    return path.relative_to(ROOT).parts[0]


def imports(tree):
    """Dotted names of all modules that a tree imports, with whether it happens on import."""
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in late
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) not in late


def our_packages(tree, only_early=False):
    """Which parts of redraft a tree imports."""
    found = set()
    for name, early in imports(tree):
        parts = name.split(".")
        if parts[0] == "redraft" and (early or not only_early):
            found.add(parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else "redraft")
    return found


@each_module
def test_layers(path):
    """The run-time look-up of derivatives may import the compiler, late; nothing else goes up."""
    here = package(path)
    tree = ast.parse(path.read_text())
    extra = our_packages(tree, only_early=here == "runtime") - MAY_IMPORT[here] - {here}
    assert not extra, f"{path} imports {sorted(extra)}; see README, Layers"


@each_module
def test_imports_are_absolute(path):
    relative = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert not relative, f"{path}: relative imports in lines {relative}"


@each_module
def test_tensorflow_stays_in_its_modules(path):
    if package(path) == "runtime" and path.name.startswith("tf_"):
        return
    names = {name.split(".")[0] for name, _ in imports(ast.parse(path.read_text()))}
    assert "tensorflow" not in names


@each_module
def test_module_says_what_it_is_for(path):
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def modules_after(code):
    """Which modules a fresh process has imported after some code."""
    home = str(Path(rd.__file__).resolve().parent.parent)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {home!r})\n{code}\n"
               "print(*sorted({name.split('.')[0] for name in sys.modules}))"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_is_light():
    assert not modules_after("import redraft") & HEAVY


def test_numpy_on_arrays_does_not_import_tensorflow():
    found = modules_after(
        "import numpy as np, redraft.numpy as rnp\nx = np.ones(3)\n"
        "rnp.sum(rnp.sin(x) + rnp.linalg.norm(x)); rnp.stack([x, x]); rnp.methods.reshape(x, (3, 1))\n"
        "rnp.operator.getitem(x, [0, 1]); rnp.rt.unbroadcast(x, x[:1]); rnp.add(x, y := 1.0)"
    )
    assert not found & HEAVY


def test_tensors_without_tensorflow_are_refused(monkeypatch):
    from redraft.runtime import tensors

    for name in list(sys.modules):
        if name.startswith("redraft.runtime.tf_"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("redraft.runtime.tf_arrays", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(tensors.MissingTensorFlow, match=r"pip install 'redraft\[jit\]'"):
        tensors.require_tensorflow()


def test_first_gradient_is_light(tmp_path):
    (tmp_path / "little_model.py").write_text(
        "import numpy as np\ndef f(x):\n    return np.sum(np.tanh(x))\n"
    )
    found = modules_after(
        f"sys.path.insert(0, {str(tmp_path)!r})\nimport redraft as rd, little_model, numpy as np\n"
        "rd.grad(little_model.f)(np.ones(3))"
    )
    assert not found & HEAVY


# Tests that hide each other --------------------------------------------------------------------


@pytest.mark.parametrize("path", TESTS, ids=[path.name for path in TESTS])
def test_no_two_tests_share_a_name(path):
    """A namesake further down would silently replace a test."""
    tree = ast.parse(path.read_text())
    for scope in (tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))):
        names = Counter(node.name for node in scope.body if isinstance(node, ast.FunctionDef))
        assert not [name for name, count in names.items() if count > 1]


@pytest.mark.parametrize("path", TESTS, ids=[path.name for path in TESTS])
def test_methods_of_test_classes_are_tests(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    assert method.name.startswith(("test_", "_", "setup", "teardown"))


def test_every_package_is_installed():
    """setup.cfg lists the packages by hand; a new folder must not be forgotten."""
    listed = (ROOT / "setup.cfg").read_text()
    for name in ("runtime", "transpile", "tools"):
        for path in (ROOT / name).rglob("*.py"):
            folder = ".".join(("redraft", *path.parent.relative_to(ROOT).parts))
            assert f"\n    {folder}\n" in listed, f"setup.cfg does not list {folder}"
