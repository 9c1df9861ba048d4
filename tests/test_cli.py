"""The command line: what it prints, where, and with which exit status."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import redraft as rd
from redraft.tools import cli, terminal
from redraft.tools.chain import parse_argnums, parse_axes
from redraft.tools.rules import coverage
from redraft.tools.target import TargetError, find_target

MODEL = '''\
"""A model for the tests."""

import math
from dataclasses import dataclass

import numpy as np
from neighbour import shift

SCALE = 2.5
GRID = np.array([1.0, 2.0, 4.0])


@dataclass
class Line:
    slope: float
    offset: float


def softplus(x):
    """A helper with a helper."""
    return np.log1p(np.exp(shift(x)))


def loss(params, x, scale):
    h = x
    for W, b in params:
        h = np.tanh(h @ W + b)
    return np.mean(softplus(h)) * SCALE * scale + math.pi


def line_loss(line, x):
    error = line.slope * x + line.offset - GRID
    return np.sum(error**2)


def swapped(x):
    x[0] = 2.0 * x[1]
    return np.sum(x)


class Model:
    width = 3.0

    @staticmethod
    def energy(x):
        return np.sum(np.cos(x) * SCALE)


number = 5
'''
NEIGHBOUR = '''\
"""A neighbour of the model."""


def shift(x):
    return x - 0.5
'''
PARAMS = [(np.array([[0.3, -0.2], [0.5, 0.1]]), np.array([0.1, 0.2]))]
X = np.array([[1.0, 2.0], [-0.5, 0.3], [0.2, 0.7]])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a model in it; what the tests import from there is forgotten afterwards."""
    (tmp_path / "model_of_test.py").write_text(MODEL)
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR)
    (tmp_path / "broken.py").write_text("def f(x:\n    return x\n")
    (tmp_path / "raises.py").write_text("import numpy\n1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def run(capsys):
    """Run the command line in this process; return status, standard output and error."""

    def run(*args):
        with pytest.raises(SystemExit) as stopped:
            cli.main(list(args), prog_name="redraft")
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return run


def child(*args, **options):
    """Run Python in a fresh process that finds this redraft."""
    home = str(Path(rd.__file__).resolve().parent.parent)
    environment = {**os.environ, "PYTHONPATH": home, **options.pop("env", {})}
    command = [sys.executable, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)


def run_alone(path, *lines):
    """Run lines of code after importing a module where nobody can import redraft."""
    code = [
        "import sys; sys.modules['redraft'] = None",
        f"sys.path.insert(0, {str(path.parent)!r})",
        "import numpy as np",
        f"import {path.stem} as module",
        *lines,
    ]
    command = [sys.executable, "-I", "-c", "\n".join(code)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Derivatives -----------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", ["grad", "value_and_grad", "jvp"])
def test_prints_the_source_of_a_derivative(folder, run, transform):
    status, out, err = run(transform, "model_of_test.py:loss")
    assert (status, err) == (0, "")
    assert f"def loss_{transform}(" in out
    compile(out, "out", "exec")


def test_vjp_prints_a_pair(folder, run):
    status, out, _ = run("vjp", "model_of_test.py:loss")
    assert status == 0
    assert re.search(r"^def loss_fwd\w*\(", out, re.M)  # the name may say with respect to what
    assert re.search(r"^def loss_bwd\w*\(", out, re.M)


def test_prints_what_source_returns(folder, run):
    _, out, _ = run("grad", "model_of_test.py:loss")
    assert out.strip() == rd.source(rd.grad(sys.modules["model_of_test"].loss)).strip()


@pytest.mark.parametrize("argnums", ["0,2", "params,scale", "0,scale", "params,-1"])
def test_argnums_are_positions_or_names(folder, run, argnums):
    status, out, _ = run("grad", "model_of_test.py:loss", "--argnums", argnums)
    assert status == 0
    _, positions, _ = run("grad", "model_of_test.py:loss", "--argnums", "0,2")
    assert out == positions


def test_target_may_be_a_module_or_a_dotted_path(folder, run):
    status, out, _ = run("grad", "model_of_test:Model.energy")
    assert status == 0
    assert "def energy_grad(" in out


def test_example_arguments_give_ranks(folder, run):
    example = "([(np.ones((2, 2)), np.ones(2))], np.ones((3, 2)), 1.0)"
    status, out, _ = run("grad", "model_of_test.py:loss", "--args", example)
    assert status == 0
    assert "def loss_grad(" in out


def test_output_is_a_module(folder, run):
    status, out, err = run("grad", "model_of_test.py:loss", "-o", "dloss.py")
    assert (status, out) == (0, "")
    assert "wrote dloss.py" in err
    text = (folder / "dloss.py").read_text()
    assert text.startswith("# redraft: ")
    assert "redraft grad model_of_test.py:loss" in text.split("\n\n")[0]
    done = child("-c", "import dloss; print(callable(dloss.loss_grad))", cwd=folder)
    assert done.stdout == "True\n", done.stderr


def written_alone(folder, run, target):
    """Write a standalone module, and check that it imports nothing of ours."""
    status, _, err = run("grad", target, "--standalone", "-o", "alone.py")
    assert status == 0, err
    text = (folder / "alone.py").read_text()
    assert not re.search(r"^\s*(import|from) (redraft|optree|model_of|neighbour)", text, re.M), text
    return folder / "alone.py"


def test_standalone_module_includes_helpers(folder, run):
    path = written_alone(folder, run, "model_of_test.py:loss")
    out = run_alone(
        path,
        "params = [(np.array([[0.3, -0.2], [0.5, 0.1]]), np.array([0.1, 0.2]))]",
        "x = np.array([[1.0, 2.0], [-0.5, 0.3], [0.2, 0.7]])",
        "[(W_bar, b_bar)] = module.loss_grad(params, x, 1.5)",
        "print(W_bar.tolist(), ';', b_bar.tolist())",
    )
    [(W_bar, b_bar)] = rd.grad(sys.modules["model_of_test"].loss)(PARAMS, X, 1.5)
    W_got, b_got = (np.array(eval(part)) for part in out.split(";"))
    np.testing.assert_allclose(W_got, W_bar, rtol=1e-12)
    np.testing.assert_allclose(b_got, b_bar, rtol=1e-12)


def test_standalone_module_includes_data(folder, run):
    path = written_alone(folder, run, "model_of_test.py:line_loss")
    out = run_alone(
        path,
        "from dataclasses import dataclass",
        "@dataclass",
        "class Line:",
        "    slope: float",
        "    offset: float",
        "line = getattr(module, 'Line', Line)(2.0, 0.5)",
        "bar = module.line_loss_grad(line, np.ones(3))",
        "print([float(bar.slope), float(bar.offset)])",
    )
    np.testing.assert_allclose(eval(out), [1.0, 1.0], rtol=1e-12)


# Batches and chains of transformations ---------------------------------------------------------

EXAMPLE = "([(np.ones((2, 2)), np.ones(2))], np.ones((5, 3, 2)), 1.0)"
IN_AXES = ("--in-axes", "(None, 0, None)")


def test_vmap_prints_a_batched_function(folder, run):
    status, out, err = run("vmap", "model_of_test.py:loss", *IN_AXES, "--args", EXAMPLE)
    assert (status, err) == (0, "")
    assert "def loss_vmap(params, x, scale):" in out
    assert "h = np.tanh(h @ W + b)" in out and "rt." not in out


def test_vmap_without_arguments_is_right_for_any_rank(folder, run):
    assert run("vmap", "model_of_test.py:Model.energy", "-o", "batched.py")[0] == 0
    done = child("-c", "import numpy as np, batched as b\n"
                 "print([np.shape(b.energy_vmap(np.ones((4, 3, 2)[:n]))) for n in (1, 2, 3)])",
                 cwd=folder)  # fmt: skip
    assert done.stdout == "[(4,), (4,), (4,)]\n", done.stderr


@pytest.mark.parametrize("chain, options", [
    ("vmap,grad", IN_AXES), ("vmap,value_and_grad", IN_AXES),
    ("vmap,jit,grad", IN_AXES), ("vmap,vmap", (*IN_AXES, "--in-axes", "(None, 0, None)")),
])  # fmt: skip
def test_a_chain_is_applied_right_to_left(folder, run, chain, options):
    example = EXAMPLE.replace("(5, 3, 2)", "(4, 5, 3, 2)" if chain == "vmap,vmap" else "(5, 3, 2)")
    status, out, err = run(chain, "model_of_test.py:loss", *options, "--args", example)
    assert (status, err) == (0, "")
    names = [name for name in chain.split(",")[::-1] if name != "jit"]
    assert f"def {'_'.join(['loss', *names])}(" in out


@pytest.mark.parametrize(
    "chain", ["jacfwd", "jacrev", "jacobian", "hessian", "jvp,vmap", "grad,grad"]
)
def test_other_derivatives(folder, run, chain):
    status, out, err = run(chain, "model_of_test.py:Model.energy", "--args", "np.ones(3)")
    assert (status, err) == (0, "")
    compile(out, "out", "exec")
    assert "def energy_" in out


def test_options_go_to_the_elements_in_order(folder, run):
    (folder / "kernel.py").write_text("def kernel(x, y):\n    return x * y\n")
    axes = ("--in-axes", "(0, None)", "--in-axes", "(None, 0)")
    args = ("--args", "(np.ones(3), np.ones(4))")
    status, _, err = run("vmap,vmap", "kernel.py:kernel", *axes, *args, "-o", "table.py")
    assert status == 0, err
    header = (folder / "table.py").read_text().split("\n\n")[0]
    assert "vmap,vmap kernel.py:kernel --in-axes '(0, None)' --in-axes '(None, 0)' --args" in header
    code = "import numpy as np, table as t\nprint(t.kernel_vmap_vmap(np.arange(3.), np.arange(4.)).shape)"
    done = child("-c", code, cwd=folder)
    assert done.stdout == "(3, 4)\n", done.stderr
    other = run("vmap,vmap", "kernel.py:kernel", *axes[::-1][1::2], *args)
    assert other[0] == 2  # one tuple for both: the outer one leaves nothing for the inner one


def test_jit_of_a_chain_prints_staged_source(folder, run):
    status, out, err = run(
        "jit,vmap,grad", "model_of_test.py:Model.energy", "--args", "np.ones((4, 3))"
    )
    assert (status, err) == (0, "")
    assert "def energy_grad_vmap(x):" in out and "op.mul(" in out


def test_pmap_prints_the_parts(folder, run):
    (folder / "step.py").write_text(
        "import numpy as np\nimport redraft as rd\n\n\ndef step(x):\n"
        "    mean = rd.pmean(x, 'i')\n    x = np.tanh(x - mean)\n    return np.sin(x) * x + x**2\n"
    )
    status, out, err = run("pmap", "step.py:step", "--axis-name", "i")
    assert (status, err) == (0, "")
    assert out.index("def step_island_1(") < out.index("def step(x):")
    assert "mean = rd.pmean(x, 'i')\n    return step_island_1(" in out
    assert run("pmap", "step.py:step", "-o", "parts.txt")[0] == 0
    assert (folder / "parts.txt").read_text() == out
    status, out, err = run("pmap,grad", "model_of_test.py:Model.energy")
    assert (status, err) == (0, "")
    assert "def energy_grad(" in out


def test_standalone_batched_module_needs_numpy_alone(folder, run):
    target = ("vmap,grad", "model_of_test.py:loss", *IN_AXES, "--args", EXAMPLE, "--standalone")
    assert run(*target, "-o", "alone.py")[0] == 0
    text = (folder / "alone.py").read_text()
    assert not re.search(r"^\s*(import|from) (redraft|optree|model_of|neighbour)", text, re.M), text
    out = run_alone(
        folder / "alone.py",
        "params = [(np.array([[0.3, -0.2], [0.5, 0.1]]), np.array([0.1, 0.2]))]",
        "xs = np.arange(12.0).reshape(2, 3, 2) / 10",
        "[(W_bar, b_bar)] = module.loss_grad_vmap(params, xs, 1.5)",
        "print(W_bar.tolist(), ';', b_bar.tolist())",
    )
    got = [np.array(eval(part)) for part in out.split(";")]
    gradient = rd.grad(sys.modules["model_of_test"].loss)
    each = [gradient(PARAMS, x, 1.5)[0] for x in np.arange(12.0).reshape(2, 3, 2) / 10]
    np.testing.assert_allclose(got[0], [W_bar for W_bar, _ in each], rtol=1e-12)
    np.testing.assert_allclose(got[1], [b_bar for _, b_bar in each], rtol=1e-12)


@pytest.mark.parametrize("command, message", [
    (["vmap,grda"], "there is no transformation `grda`; did you mean `grad`?"),
    (["vmap,"], "there is no transformation ``; they are grad, "),
    (["vmpa"], "there is no command or transformation `vmpa`; did you mean `vmap`?"),
    (["vmap,jvp"], "`jvp` makes a function with other parameters"),
    (["grad", "--in-axes", "0"], "nothing in `grad` takes --in-axes; `vmap` does"),
    (["vmap", "--argnums", "0"], "nothing in `vmap` takes --argnums; the derivatives do"),
    (["vmap,grad", "--emit", "hlo"], "nothing in `vmap,grad` takes --emit; `jit` does"),
    (["vmap", "--in-axes", "(0,"], "cannot read --in-axes `(0,`: write an axis, None, or"),
    (["vmap", "--out-axes", "x"], "cannot read --out-axes `x`"),
    (["vmap", "--in-axes", "'x'"], "vmap in_axes must be an int, None, a tuple"),
    (["vmap", "--axis-size", "many"], "--axis-size must be a number, not `many`"),
    (["vmap", "--in-axes", "(0, 0)"], "`loss` misses the argument `scale`"),
    (["vmap", "--in-axes", '{"nobody": 0}'], "in_axes names `nobody`, which is no parameter"),
    (["vmap,grad,vmap", *["--in-axes", "0"] * 3], "3 times --in-axes for 2 transformations"),
    (["vmap", "--args", "(np.ones(3), np.ones(4), np.ones(3))"], "inconsistent sizes"),
    (["jit,vmap", "--standalone"], "what `jit` traces cannot be a standalone module"),
    (["pmap", "--standalone"], "what `pmap` traces cannot be a standalone module"),
    (["pmap", "--args", "np.ones(3)"], "`pmap` takes no --args"),
    (["grad,pmap"], "`pmap` can only stand first in a chain"),
])  # fmt: skip
def test_wrong_chain(folder, run, command, message):
    status, out, err = run(command[0], "model_of_test.py:loss", *command[1:])
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("redraft: error: ") and err.count("\n") == 1


def test_refusal_says_that_arguments_would_help(folder, run):
    (folder / "mean.py").write_text(
        "import numpy as np\n\n\ndef mean(x, y):\n    return np.average(x, weights=y)\n"
    )
    status, _, err = run("vmap", "mean.py:mean")
    assert status == 1
    assert err.endswith("hint: with --args EXPRESSION the ranks of the arguments are known\n")
    assert run("vmap", "mean.py:mean", "--args", "(np.ones((3, 2)), np.ones((3, 2)))")[0] == 0


# Output on a terminal and in a pipe ------------------------------------------------------------


def test_a_pipe_gets_plain_text(folder):
    done = child("-m", "redraft.tools.cli", "grad", "model_of_test.py:loss", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    compile(done.stdout, "out", "exec")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_gets_colours_and_the_same_text(monkeypatch, capfd):
    import pty

    text = "def f(x):\n    return x  # " + "a long comment " * 20 + "\n"
    code = "import sys; from redraft.tools import terminal; terminal.print_python(sys.argv[1])"
    master, slave = pty.openpty()
    home = str(Path(rd.__file__).resolve().parent.parent)
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI")}
    environment |= {"PYTHONPATH": home, "TERM": "xterm-256color"}
    process = subprocess.Popen([sys.executable, "-c", code, text], stdout=slave, env=environment)
    os.close(slave)
    out = b""
    try:
        while part := os.read(master, 4096):
            out += part
    except OSError:  # Linux reports the end of the other side this way
        pass
    os.close(master)
    assert process.wait() == 0
    shown = out.decode().replace("\r\n", "\n")
    assert "\x1b[" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).strip() == text.strip()


# Wrong targets: one line, exit status 2 --------------------------------------------------------


@pytest.mark.parametrize("target, message", [
    ("nofile.py:loss", "there is no file nofile.py"),
    ("no_such_module_here:loss", "there is no module no_such_module_here"),
    ("no.such.module:loss", "there is no module no.such.module"),
    ("model_of_test.py:los", "model_of_test.py has no `los`; did you mean `loss`?"),
    ("model_of_test.py:Model.enrgy", "has no `enrgy`; did you mean `energy`?"),
    ("model_of_test.py:number", "`number` of model_of_test.py is no function but a int"),
    ("model_of_test.py:Model", "`Model` of model_of_test.py is no function but a type"),
    ("model_of_test.py", "is not of the form path.py:function or module:function"),
    ("model_of_test.py:", "is not of the form"),
    (":loss", "is not of the form"),
    ("broken.py:f", "cannot import broken.py: "),
    ("raises.py:f", "cannot import raises.py: ZeroDivisionError: division by zero"),
    ("json:dumps.", "has no ``"),
])  # fmt: skip
def test_wrong_target(folder, run, target, message):
    status, out, err = run("grad", target)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("redraft: error: ") and err.count("\n") == 1


@pytest.mark.parametrize("argnums", ["7", "nobody", "params,nobody", "-9", ","])
def test_wrong_argnums(folder, run, argnums):
    status, out, err = run("grad", "model_of_test.py:loss", "--argnums", argnums)
    assert (status, out) == (2, "")
    assert err.startswith("redraft: error: ") and err.count("\n") == 1


def test_wrong_example_arguments(folder, run):
    status, _, err = run("grad", "model_of_test.py:loss", "--args", "np.nonesuch(3)")
    assert status == 2
    assert "cannot evaluate --args `np.nonesuch(3)`: AttributeError" in err


def test_output_that_cannot_be_written(folder, run):
    status, _, err = run("grad", "model_of_test.py:loss", "-o", "no/such/folder.py")
    assert status == 2
    assert "cannot write no/such/folder.py" in err


def test_refusal_shows_file_line_caret_and_hint(folder, run):
    status, out, err = run("grad", "model_of_test.py:swapped")
    assert (status, out) == (1, "")
    assert re.search(r'File ".*model_of_test.py", line \d+\n +x\[0\] = 2.0 \* x\[1\]\n +\^+', err)
    assert re.search(r"^TransformError: .+\nhint: .+$", err, re.M)
    assert "Traceback" not in err


# The other commands ----------------------------------------------------------------------------


def test_rules_come_from_the_registry(run):
    status, out, _ = run("rules")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].split() == ["function", "jvp", "vjp", "vmap", "TF/XLA", "notes"]
    assert len(lines) == len(coverage()) + 1
    assert any(re.match(r"np\.tanh\(x\) +x +x +yes +yes", line) for line in lines)
    assert any(re.match(r"np\.floor\(.*\) +zero +zero +yes +yes", line) for line in lines)


def test_rules_in_markdown(run):
    status, out, _ = run("rules", "--markdown")
    assert status == 0
    lines = out.splitlines()
    assert lines[:2] == [
        "| function | jvp | vjp | vmap | TF/XLA | notes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    assert all(re.fullmatch(r"\|( (\\\||[^|])* \|){6}", line) for line in lines)


def test_show_prints_a_stage(folder, run):
    status, out, _ = run("show", "model_of_test.py:loss")
    assert status == 0
    for stage in out.split():
        status, text, err = run("show", "model_of_test.py:loss", "--after", stage)
        assert status == 0, err
        assert "def " in text


def test_show_prints_a_stage_of_what_a_chain_writes(folder, run):
    of = ("--of", "vmap,grad", *IN_AXES, "--args", EXAMPLE)
    for stage in run("show", "model_of_test.py:loss", *of)[1].split():
        status, text, err = run("show", "model_of_test.py:loss", *of, "--after", stage)
        assert status == 0, err
        assert "def loss_grad_vmap(params, x, scale):" in text
    for wrong in (of[2:], ("--of", "vmpa"), ("--of", "grad", *IN_AXES), ("--of", "jit,grad")):
        status, out, err = run("show", "model_of_test.py:loss", *wrong, "--after", "lower")
        assert (status, out) == (2, "") and err.count("\n") == 1


def test_show_knows_its_stages(folder, run):
    status, _, err = run("show", "model_of_test.py:loss", "--after", "nowhere")
    assert status == 2
    assert "there is no stage `nowhere`" in err


@pytest.mark.parametrize("command", [
    [], ["grad"], ["value_and_grad"], ["vjp"], ["jvp"], ["jacfwd"], ["jacrev"], ["hessian"],
    ["vmap"], ["jit"], ["pmap"], ["vmap,grad"], ["rules"], ["show"],
    ["golden"], ["golden", "check"], ["golden", "update"], ["golden", "diff"],
])  # fmt: skip
def test_help_has_examples(run, command):
    status, out, _ = run(*command, "--help")
    assert status == 0
    assert "Examples:" in out
    assert re.search(r"^ +redraft ", out, re.M)


# Pieces ----------------------------------------------------------------------------------------


def test_parse_argnums():
    assert parse_argnums("0") == 0
    assert parse_argnums("-1") == -1
    assert parse_argnums("0, 2") == (0, 2)
    assert parse_argnums("0,") == (0,)
    assert parse_argnums("params") == "params"
    assert parse_argnums("params,1") == ("params", 1)


def test_parse_axes():
    assert parse_axes("0") == 0
    assert parse_axes("None") is None
    assert parse_axes("(None, 0)") == parse_axes("None, 0") == (None, 0)
    assert parse_axes('{"x": 0, "params": [None, -1]}') == {"x": 0, "params": [None, -1]}


def test_find_target_in_an_installed_module():
    assert find_target("json:dumps").__name__ == "dumps"
    with pytest.raises(TargetError, match="is no function but a module"):
        find_target("os:path")


def test_diff_names_the_file():
    assert terminal.diff("a\n", "a\n", "x.py") == ""
    assert terminal.diff("a\n", "b\n", "x.py").splitlines()[:2] == ["--- a/x.py", "+++ b/x.py"]
