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


# Cases that `vmap` refuses for some or all choices of batched arguments, and what it says: the
# functions that `rd.vmap_by_loop` is for.
VMAP_REFUSED: dict[str, str | tuple[str, ...]] = {
    "arrays.add_at": "`at` has no Python source and no rule",
    "arrays.augmented_mask": "a store at a batched array of indices is not supported",
    "arrays.boolean_index": "a batched mask as an index would give results of different lengths",
    "arrays.dict_of_made_arrays_written": "this store into a part of a container is not supported under vmap",
    "arrays.list_of_made_arrays_written": "this store into a part of a container is not supported under vmap",
    "arrays.write_chained_index": "a store at two indices after each other",
    "arrays.write_diagonal": "a store at several indices of unknown kind is not supported",
    "branches.defined_in_one_branch": "`extra` has no value for the examples that did not take the branch or",
    "branches.defined_in_one_branch_not_taken": "`extra` has no value for the examples that did not take the branch or",
    "branches.raise_not_reached": "`raise` under a batched condition would concern every example",
    "branches.value_of_and_or": "`and`/`or` of batched values gives one of its operands",
    "branches.walrus_in_comprehension": "`:=` where it may not be reached, or beside the value that the variable",
    "bystanders.assert_messages": "`an f-string` of batched values is not supported",
    "bystanders.global_statement": "`global` is not supported under vmap",
    "bystanders.inactive_class": "`classdef` is not supported under vmap",
    "bystanders.isinstance_checks": "the type of one example is not that of the batch",
    "bystanders.logging_of_active_values": "`debug` has no Python source and no rule",
    "bystanders.print_in_the_forward_part": "`print` of a batched value would print the whole batch",
    "bystanders.stop_gradient_by_conversion": "np.nonzero: no batching rule",
    "bystanders.string_formatting": "`an f-string` of batched values is not supported",
    "bystanders.try_without_active": "`try` is not supported under vmap",
    "bystanders.with_without_active": "there is no element 'missing'",
    "containers.aliased_list": "a list or dict that something else may hold, too, is changed or replaced",
    "containers.dict_augmented": "`d` changes in place, and `d`, which may share its memory, is copied",
    "containers.dict_call_and_update": "`update` of a dict with batched parts is not supported",
    "containers.dict_get_and_membership": "`get` of a key that may be missing",
    "containers.dict_of_lists": "a batched index into a dict",
    "containers.list_append_for_its_effect": "a list that grows or shrinks for some examples only",
    "containers.list_append_or_value": "a list that grows or shrinks for some examples only",
    "containers.list_appended_through_map": "`map` over batched values is not supported",
    "containers.list_concatenation": "some elements of this list are batched and others are not",
    "containers.list_item_read_before_and_after_pop": "`pop` within an expression is not supported under vmap",
    "containers.list_of_lists_grown": "a change of a part of a container",
    "containers.list_passed_to_helper_that_appends": "a list or dict that something else may hold, too, is changed or replaced",
    "containers.parts_of_constants_written": "a change of a part of a container",
    "containers.places_sorted_by_values": "`call` of batched values is not supported",
    "containers.sorted_lists": "`sorted` over batched values is not supported",
    "effects.methods_change_their_object": "the method `scaled` has no batching rule",
    "effects.object_of_the_module_changes": "`scaled` has no Python source and no rule",
    "effects.pop_after_a_read": "`pop` within an expression is not supported under vmap",
    "effects.queue_of_constants": "`pop` within an expression is not supported under vmap",
    "effects.truth_of_a_list_that_shrinks": "a list that grows or shrinks for some examples only",
    "effects.walrus_after_a_read": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_behind_and_not_reached": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_behind_and_reached": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_behind_both": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_behind_or_not_reached": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_behind_or_reached": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_between_reads_in_display": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_argument_of_method": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_arguments": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_augmented_assignment": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_augmented_item": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_branches_of_conditional": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_chain_not_reached": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_chain_reached": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_condition_of_conditional": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_dict": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_element": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_elif": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_filter_behind_and": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_generator_for_all": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_generator_for_any": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_lambda": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_middle_of_chain": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_nested_function": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_number_of_branch": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_return": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_slice": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_subscript": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_target": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_target_of_nested_function": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_text": "`an f-string` of batched values is not supported",
    "effects.walrus_in_value_of_or": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_while_behind_and": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_while_with_continue": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_in_while_with_return": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_of_flags_decides_nothing": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_of_integers_in_loop": "`:=` where it may not be reached, or beside the value that the variable",
    "effects.walrus_under_not": "`:=` where it may not be reached, or beside the value that the variable",
    "functions.bound_method_as_value": "this call of a batched value calls something that is not known when the",
    "functions.callable_dataclass": "this call of a batched value calls something that is not known when the",
    "functions.closure_list_is_shared": "there is no element 0",
    "functions.closure_with_nonlocal": "`nonlocal` is not supported under vmap",
    "functions.composed_functions": "this call of a batched value calls something that is not known when the",
    "functions.constant_plain_object": "the method `step` has no batching rule",
    "functions.decorated_helper": "`call` of batched values is not supported",
    "functions.function_as_argument": "a `lambda` that is passed on under vmap",
    "functions.function_repeated": "a `lambda` that is passed on and reads the batched `x`",
    "functions.function_returned": "`scale` is a nested function of another function, with batched variables",
    "functions.functions_in_dict": "a `lambda` that is passed on and reads the batched `x`",
    "functions.functions_returned_in_tuple": "a `lambda` that is passed on and reads the batched `x`",
    "functions.lambda_immediately_called": "this call of a batched value calls something that is not known when the",
    "functions.lambdas_in_list_bind_late": "a `lambda` that is passed on under vmap",
    "functions.lambdas_with_default_binding": "a `lambda` that is passed on and reads the batched `x`",
    "functions.list_of_callables": "this call of a batched value calls something that is not known when the",
    "functions.map_of_two": "`map` over batched values is not supported",
    "functions.method_of_constant_object": "`Affine` has no Python source and no rule",
    "functions.object_made_inside": "`identity` has no Python source and no rule",
    "functions.operator_overload_of_user": "a object with batched parts",
    "functions.partial_keywords": (
        "`partial` has no Python source and no rule",
        "this call of a batched value calls something that is not known when the",
    ),
    "functions.partial_of_numpy": "this call of a batched value calls something that is not known when the",
    "functions.partial_positional": "`partial` has no Python source and no rule",
    "functions.recursion_on_value": "a recursion that each example ends on its own would never end",
    "functions.reduce_with_lambda": "`reduce` over batched values is not supported",
    "functions.reduce_with_start": "`reduce` over batched values is not supported",
    "functions.star_call": "`call` of batched values is not supported",
    "little.euler_with_list_of_states": "a list or dict that something else may hold, too, is changed or replaced",
    "little.rk4_lotka_volterra": "`rhs` is a nested function of another function, with batched variables",
    "loops.loop_index_afterwards": "`i` counts the rounds of a loop that examples leave at different times,",
    "loops.loop_over_functions": "this call of a batched value calls something that is not known when the",
    "loops.loop_over_lambdas": "a `lambda` that is passed on under vmap",
    "loops.while_with_list_as_queue": "`pop` of a entries with batched parts is not supported",
    "transformed.derivative_passed_around": "a derivative or a pullback that is passed on",
    "transformed.grad_of_primitive": "this call of a batched value calls something that is not known when the",
    "transformed.grad_of_recursion": "the result of this recursive function is batched in one call",
    "transformed.jvp_inside": "this `rd.jvp` is not supported under vmap",
    "transformed.jvp_of_starred_arguments": "this `rd.jvp` is not supported under vmap",
    "transformed.jvp_of_tuples_made_before": "this `rd.jvp` is not supported under vmap",
    "transformed.transformed_in_a_list": "a `lambda` that is passed on under vmap",
    "transformed.vjp_of_starred_arguments": "`starred` of batched values is not supported",
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
