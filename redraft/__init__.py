"""redraft: rewrite plain Python/NumPy functions into readable derivatives."""

import os as _os
from pathlib import Path as _Path

# In a checkout the compiler's folders stand beside this one (setup.cfg maps them onto the package).
_root = _Path(__file__).resolve().parent.parent
if (_root / "transpile" / "api.py").exists():
    __path__.append(str(_root))

from redraft import config, debug, random, tree, tree_util  # noqa: E402
from redraft.runtime.callbacks import (  # noqa: E402
    effects_barrier,
    io_callback,
    pure_callback,
)
from redraft.runtime.checkpoint import checkpoint_name  # noqa: E402
from redraft.runtime.collectives import (  # noqa: E402
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    pmax,
    pmean,
    pmin,
    ppermute,
    psum,
    psum_scatter,
)
from redraft.runtime.devices import (  # noqa: E402
    device_count,
    devices,
    local_device_count,
    local_devices,
    process_count,
    process_index,
)
from redraft.runtime.meshes import Mesh, make_mesh  # noqa: E402
from redraft.runtime.placed import replicate, unreplicate  # noqa: E402
from redraft.runtime.sharded import ShardedArray  # noqa: E402
from redraft.runtime.shardings import (  # noqa: E402
    NamedSharding,
    PartitionSpec,
    device_put,
)
from redraft.runtime.shardings import PartitionSpec as P  # noqa: E402
from redraft.runtime.specs import ShapeDtypeStruct  # noqa: E402
from redraft.runtime.stop_gradient import stop_gradient  # noqa: E402
from redraft.runtime.tree_util import register_pytree_node  # noqa: E402
from redraft.runtime.workers import WorkerLost  # noqa: E402
from redraft.transpile.api import grad, jvp, source, value_and_grad, vjp  # noqa: E402
from redraft.transpile.check_grads import check_grads  # noqa: E402
from redraft.transpile.checkpoint import (  # noqa: E402
    checkpoint,
    checkpoint_policies,
    remat,
)
from redraft.transpile.closure_convert import closure_convert  # noqa: E402
from redraft.transpile.custom import primitive  # noqa: E402
from redraft.transpile.custom_rules import custom_gradient, custom_jvp, custom_vjp  # noqa: E402
from redraft.transpile.debug import debug_nans  # noqa: E402
from redraft.transpile.errors import SourceError, TransformError  # noqa: E402
from redraft.transpile.eval_shape import eval_shape  # noqa: E402
from redraft.transpile.fwd_and_bwd import fwd_and_bwd  # noqa: E402
from redraft.transpile.jacobian import hessian, jacfwd, jacrev  # noqa: E402
from redraft.transpile.jacobian import jacrev as jacobian  # noqa: E402
from redraft.transpile.jit import jit  # noqa: E402
from redraft.transpile.linear_transpose import linear_transpose  # noqa: E402
from redraft.transpile.linearize import linearize  # noqa: E402
from redraft.transpile.make_source import make_source  # noqa: E402
from redraft.transpile.pmap import pmap  # noqa: E402
from redraft.transpile.primitives.table import TableError  # noqa: E402
from redraft.transpile.scopes import (  # noqa: E402
    checkpoint_loop,
    insert_grad_of,
    named_call,
    named_scope,
    while_bound,
)
from redraft.transpile.vmap import vmap, vmap_by_loop  # noqa: E402

__all__ = [
    "Mesh",
    "NamedSharding",
    "P",
    "PartitionSpec",
    "ShapeDtypeStruct",
    "ShardedArray",
    "SourceError",
    "TableError",
    "TransformError",
    "WorkerLost",
    "all_gather",
    "all_to_all",
    "axis_index",
    "axis_size",
    "check_grads",
    "checkpoint",
    "checkpoint_loop",
    "checkpoint_name",
    "checkpoint_policies",
    "closure_convert",
    "config",
    "custom_gradient",
    "custom_jvp",
    "custom_vjp",
    "debug",
    "debug_nans",
    "device_count",
    "device_put",
    "devices",
    "effects_barrier",
    "eval_shape",
    "fwd_and_bwd",
    "grad",
    "hessian",
    "insert_grad_of",
    "io_callback",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linear_transpose",
    "linearize",
    "local_device_count",
    "local_devices",
    "make_mesh",
    "make_source",
    "named_call",
    "named_scope",
    "pmap",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "primitive",
    "process_count",
    "process_index",
    "psum",
    "psum_scatter",
    "pure_callback",
    "random",
    "register_pytree_node",
    "remat",
    "replicate",
    "source",
    "stop_gradient",
    "tree",
    "tree_util",
    "unreplicate",
    "value_and_grad",
    "vjp",
    "vmap",
    "vmap_by_loop",
    "while_bound",
]
for _transform in (
    grad, value_and_grad, jvp, vjp, linearize, vmap, jacfwd, jacrev, hessian, insert_grad_of,
    while_bound, closure_convert,
):  # fmt: skip
    _transform.redraft_transform = _transform.__name__  # how the front end recognises them
if _os.environ.get("REDRAFT_DEBUG_NANS", "").lower() in ("1", "true", "on", "yes"):
    debug_nans(True)
