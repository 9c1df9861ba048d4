"""Solvers that get a function: root finding, minima, differential equations (runtime/host_functions.py).

`rt.call_host` calls what a solver, or a derivative of one, was made into; its derivatives and batches are calls of
`rt.call_host` again. The other rows make these, and put what the user's function reads into one vector.
"""

from __future__ import annotations

from redraft.transpile.primitives.batching import Batching
from redraft.transpile.primitives.table import BindError, Call, definition, no_derivative, primitive


def pulled(call: Call, i: int) -> str:
    """The cotangent of argument `i`."""
    args = ", ".join(f"args_{k}" for k in range(call.count("args")))
    return f"rt.call_host(rt.pulled(function, {i}), {args}, ans, ans_bar)"


def pushed(call: Call, i: int) -> str:
    """What the tangent of argument `i` gives."""
    args = ", ".join(f"args_{k}" for k in range(call.count("args")))
    return f"rt.call_host(rt.pushed(function, {i}), {args}, ans, args_{i}_dot)"


def batched(b: Batching) -> str:
    """One call for all examples."""
    names = b.parts("args")
    axes = "".join(f"{name in b.batched}, " for name in names)
    return f"rt.call_host(rt.batched(function, ({axes})), {', '.join(names)})"


primitive(
    "rt.call_host(function, *args)", shape_only="function", vjp={"args": pulled}, jvp={"args": pushed},
    batch=batched, tf="tf_host.applied(function, *args)",
)  # fmt: skip
for _name in ("pulled", "pushed"):
    no_derivative(
        f"rt.{_name}(function, wrt)", batch=f"rt.{_name}(function, wrt)",
        tf=f"tf_solvers.plainly('{_name}', function, wrt)",
    )  # fmt: skip
no_derivative(
    "rt.batched(function, axes)", batch="rt.batched(function, axes)",
    tf="tf_solvers.plainly('batched', function, axes)",
)  # fmt: skip


def of_first_example(name: str) -> object:
    """What is made of a function and its arguments, for a batch of arguments."""

    def rule(b: Batching) -> str:
        if "fun" in b.batched:
            raise b.refuse("a function that differs between examples; pass what it reads in `args`")
        flags = "".join(f"{part in b.batched}, " for part in b.parts("args"))
        args = f"rt.first_examples(args, ({flags}))"
        if "args_items" in b.batched:
            args = "rt.first_examples(args, (True,) * len(args))"
        elif "args" in b.batched:
            args = "rt.first_examples((args,), (True,))"
        rest = ", ".join(p if p != "args" else args for p in b.row.parameters)
        return f"rt.{name}({rest})"

    return rule


for _name, _parameters in (
    ("root_solver", "kind, fun, args, options"), ("ode_solver", "kind, fun, args, options"),
    ("function_of_data", "fun, args, derivative"),
):  # fmt: skip
    no_derivative(
        f"rt.{_name}({_parameters})", sequences="args", batch=of_first_example(_name),
        tf=f"tf_solvers.plainly('{_name}', {_parameters})",
    )  # fmt: skip


no_derivative(
    "rt.ode_steps(solver, y0, t0, end, data)",
    batch="rt.ode_steps_of_batch(solver)",
    no_tf="the number of steps of scipy.integrate.solve_ivp depends on values; give `t_eval`",
)
no_derivative(
    "rt.first_examples(args, batched)", sequences="args",
    tf="tf_solvers.plainly('first_examples', args, batched)",
)  # fmt: skip


def of_items(*sequences: str) -> object:
    """The same function, with one more batch axis in front of the items."""

    def rule(b: Batching) -> str:
        lead = b.constant("lead")
        for sequence in sequences:
            if sequence not in b.batched and b.concerns(sequence):
                b.items(sequence)
        if b.concerns("items"):
            lead += 1
            b.spread("flat")
        return f"{b.row.name}({', '.join(p for p in b.row.parameters if p != 'lead')}, {lead})"

    return rule


primitive(
    "rt.flattened(items, lead=0)", sequences="items", batch=of_items("items"),
    vjp={"items": "rt.unflattened(items, ans_bar, lead)"},
    jvp={"items": "rt.flattened_like(items, items_dot, lead)"},
    tf="tf_solvers.flattened(items, lead)",
)  # fmt: skip
primitive(
    "rt.flattened_like(items, bars, lead=0)", sequences=("items", "bars"), shape_only="items",
    batch=of_items("items", "bars"),
    vjp={"bars": "rt.unflattened(items, ans_bar, lead)"},
    jvp={"bars": "rt.flattened_like(items, bars_dot, lead)"},
    tf="tf_solvers.flattened_like(items, bars, lead)",
)  # fmt: skip
primitive(
    "rt.unflattened(items, flat, lead=0)", sequences="items", shape_only="items", gives="list",
    batch=of_items("items"),
    vjp={"flat": "rt.flattened_like(items, ans_bar, lead)"},
    jvp={"flat": "rt.unflattened(items, flat_dot, lead)"},
    tf="tf_solvers.unflattened(items, flat, lead)",
)  # fmt: skip


def refused(call: Call) -> str:
    """There is no derivative with respect to this option."""
    raise BindError(
        f"there is no derivative with respect to `{call.constant('name')}`; make constant ones outside of "
        "the function, or write them as tuples"
    )


def only_of_one(b: Batching) -> str:
    """The options must be the same for all examples."""
    if b.concerns("held"):
        raise b.refuse(f"`{b.constant('name')}` that differs between examples")
    return "rt.unmoved(x, held, name)"


primitive(
    "rt.unmoved(x, held, name)", sequences="held", vjp={"x": "ans_bar", "held": refused},
    jvp={"x": "x_dot", "held": refused}, batch=only_of_one, tf="x",
)  # fmt: skip

for _text in (
    'root(fun, x0, args=(), method="hybr", jac=None, tol=None, callback=None, options=None)',
    "fsolve(func, x0, args=(), fprime=None, full_output=0, col_deriv=0, xtol=1.49012e-08, maxfev=0, "
    "band=None, epsfcn=None, factor=100, diag=None)",
    "root_scalar(f, args=(), method=None, bracket=None, fprime=None, fprime2=None, x0=None, x1=None, "
    "xtol=None, rtol=None, maxiter=None, options=None)",
    "brentq(f, a, b, args=(), xtol=2e-12, rtol=8.881784197001252e-16, maxiter=100, full_output=False, disp=True)",
    "newton(func, x0, fprime=None, args=(), tol=1.48e-08, maxiter=50, fprime2=None, x1=None, rtol=0.0, "
    "full_output=False, disp=True)",
    'fixed_point(func, x0, args=(), xtol=1e-08, maxiter=500, method="del2")',
    "minimize(fun, x0, args=(), method=None, jac=None, hess=None, hessp=None, bounds=None, constraints=(), "
    "tol=None, callback=None, options=None)",
    "minimize_scalar(fun, bracket=None, bounds=None, args=(), method=None, tol=None, options=None)",
    "least_squares(fun, x0, jac='2-point', bounds=None, method='trf', ftol=1e-08, xtol=1e-08, gtol=1e-08, "
    "x_scale=1.0, loss='linear', f_scale=1.0, diff_step=None, tr_solver=None, tr_options=None, "
    "jac_sparsity=None, max_nfev=None, verbose=0, args=())",
):
    definition(f"scipy.optimize.{_text}", f"optimize.{_text.partition('(')[0]}", wrt="args")
definition(
    "scipy.integrate.odeint(func, y0, t, args=(), Dfun=None, col_deriv=0, full_output=0, ml=None, mu=None, "
    "rtol=None, atol=None, tcrit=None, h0=0.0, hmax=0.0, hmin=0.0, ixpr=0, mxstep=0, mxhnil=0, mxordn=12, "
    "mxords=5, printmessg=0, tfirst=False)",
    "integrate.odeint", wrt=("y0", "t", "args"),
)  # fmt: skip
definition(
    "scipy.integrate.solve_ivp(fun, t_span, y0, method='RK45', t_eval=None, dense_output=False, events=None, "
    "vectorized=False, args=None, rtol=None, atol=None, max_step=None, first_step=None)",
    "integrate.solve_ivp", wrt=("t_span", "y0", "t_eval", "args"),
)  # fmt: skip
