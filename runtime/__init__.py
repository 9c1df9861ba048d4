"""What generated code may call, as `rt`: small plain helpers that need NumPy and nothing else."""

# ruff: noqa: F401  (this is the list of what generated code may call)

from redraft.runtime.elementwise import (
    power_dx,
    safe_inverse,
    safe_log,
    sign,
    sign_slope,
    sinc_derivative,
    unimag,
    where_between,
    where_greater,
)
from redraft.runtime.indexing import (
    add_at,
    item,
    scatter,
    undiag,
    undiagonal,
    unitem,
    untake,
    untake_along_axis,
    untrace,
)
from redraft.runtime.linalg import (
    cofactors,
    dot_bar_x,
    dot_bar_y,
    einsum_spread,
    inner_bar_x,
    inner_bar_y,
    kron_bar_x,
    kron_bar_y,
    lower_half,
    matmul_bar_x,
    matmul_bar_y,
    outer_of_columns,
    solve_columns,
    solve_transposed,
    symmetric,
    tensordot_bar_x,
    tensordot_bar_y,
    times_columns,
    vector_only,
)
from redraft.runtime.reduce import (
    at_extremes,
    count_numbers,
    median_weights,
    products_after,
    products_before,
    recurrence,
    reverse_recurrence,
    shift,
    to_extremes,
    undiff,
    unweights,
    weights_like,
)
from redraft.runtime.shapes import (
    astype_dot,
    broadcast_like,
    cast_like,
    count,
    filled,
    fractions,
    if_float,
    stack_like,
    unbroadcast,
    unconcatenate,
    unjoin,
    unpad,
    unreduce,
    unrepeat,
    unstack,
    unstack_like,
    unsum,
    untile,
    untranspose,
)
from redraft.runtime.special import digamma, polygamma

# The compiler's helpers
from redraft.runtime.cotangents import (  # noqa: E402
    add,
    add_field,
    all_floats,
    as_gradient,
    cleared,
    fits,
    gather_bar,
    item_bar,
    like,
    own,
    pack,
    refuse_in_place,
    refuse_view,
    seed,
    seed_holomorphic,
    snapshot,
    stack_items,
    stack_items_last,
    unitem_bar,
    zeros_like,
)
from redraft.runtime.tree import leaves, register  # noqa: E402
from redraft.runtime.apply import (  # noqa: E402
    call_bwd,
    call_fwd,
    call_jvp,
    call_star,
    method_fwd,
    method_jvp,
    star_fwd,
    star_jvp,
)
from redraft.runtime.cotangents import Struct  # noqa: E402
