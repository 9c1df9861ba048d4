"""Cases of the corpus that redraft refuses, and what it says.

A case of `REFUSED` is outside the language: something writes where nobody could follow it. A case
of `NOT_YET` stops at second or third order only. Either way the error is a `TransformError` that
names a place and a remedy, or the number is right: a wrong number fails, and so does a crash.
"""

import redraft as rd

REFUSED = {
    "arrays.write_through_helper": "assignment into the argument",
    "arrays.dict_of_made_arrays_written": "assignment into the argument",
    "containers.aliased_list": "may share memory with",
    "containers.list_passed_to_helper_that_appends": "assignment into the argument",
    "functions.closure_with_nonlocal": "`nonlocal` around values",
    "functions.closure_list_is_shared": "assignment into the argument",
    "functions.methods_of_dataclass": "property",
    "functions.object_made_inside": "no derivative is known for",
    "functions.operator_overload_of_user": "operator",
}
NOT_YET = {
    "arrays.augmented_slices": "may share memory with",
    "arrays.prefix_sums": "may share memory with",
    "little.gram_schmidt": "an augmented assignment",
}


def checked(check, case, problem, orders):
    """Run a check; a case of the lists above may be refused, in the words that stand there."""
    words = REFUSED.get(str(case)) or (NOT_YET.get(str(case)) if orders > 1 else None)
    try:
        check(problem)
    except rd.TransformError as error:
        if words is None:
            raise
        assert words in error.msg, error.msg
        assert error.lineno is not None
        assert any(note.startswith("hint: ") for note in error.__notes__)
