"""Turn early exits into structured control flow.

Before::                          After::

    for x in xs:                      ans = None
        if x > 3:                     stop = False
            break                     for x in xs:
        y = y * x                         if x > 3:
    return y                                  stop = True
                                          else:
                                              y = y * x
                                          if stop:
                                              break
                                      return y

After this pass a function has one ``return``, at its end; a ``break`` stands only in a last
``if flag: break`` of a loop; there is no ``continue`` and no ``else`` of a loop. A function without
early exits is left as it is.
"""

from __future__ import annotations

from typing import Any

import gast

from redraft.transpile.core import FUNCTIONS, constant, name, store

ANS, RETURNED = "ans.r", "returned.r"


def structure_exits(body: list[gast.stmt]) -> list[gast.stmt]:
    """Return `body` with one return, at the end."""
    return _Exits(body).function(body)


class _Exits:
    def __init__(self, body: list[gast.stmt]) -> None:
        self.count = 0
        self.flag_return = _needs_return_flag(body, in_loop=False)

    def function(self, body: list[gast.stmt]) -> list[gast.stmt]:
        if not any(_exits(s, gast.Return) for s in body):
            end = gast.Return(constant(None))
            return self.block(body, None) + [_at(end, body[-1])]
        head, last = body[:-1], body[-1]
        if isinstance(last, gast.Return) and not any(_exits(s, gast.Return) for s in head):
            return self.block(head, None) + [_with_value(last)]
        always = always_exits(body)
        out = [] if always and not self.flag_return else [self._set(ANS, None, body[0])]
        for line in out:
            line.unset = always  # it is there for the loops that may be left: nobody reads it
        if self.flag_return:
            out.append(self._set(RETURNED, False, body[0]))
        out += self.block(body, None)
        return [*out, _at(gast.Return(name(ANS)), last)]

    def block(self, body: list[gast.stmt], loop: Any) -> list[gast.stmt]:
        out: list[gast.stmt] = []
        for position, statement in enumerate(body):
            rest = body[position + 1 :]
            if isinstance(statement, (gast.Return, gast.Break, gast.Continue)):
                return out + self.exit(statement, loop)
            if isinstance(statement, gast.If) and _exits(statement):
                return out + self.branch(statement, rest, loop)
            if isinstance(statement, (gast.For, gast.While)):
                loop_code, flags = self.loop(statement, loop)
                out += loop_code
                if flags and rest:
                    return out + [self.guard(flags, self.block(rest, loop), statement)]
            elif isinstance(statement, gast.With):
                flags = self.flags([statement], loop)
                statement.body = self.block(statement.body, loop)
                out.append(statement)
                if rest and flags:
                    return out + [self.guard(flags, self.block(rest, loop), statement)]
            else:
                if isinstance(statement, gast.If):  # loops inside it may have exits of their own
                    statement.body = self.block(statement.body, loop)
                    statement.orelse = self.block(statement.orelse, loop)
                out.append(statement)
        return out

    def exit(self, statement: gast.stmt, loop: Any) -> list[gast.stmt]:
        if isinstance(statement, gast.Return):
            value = _with_value(statement).value
            assign = gast.copy_location(gast.Assign([store(ANS)], value, None), statement)
            return [assign, *([self._set(RETURNED, True, statement)] if self.flag_return else [])]
        if isinstance(statement, gast.Break):
            return [self._set(loop["stop"], True, statement)]
        return [self._set(loop["skip"], True, statement)] if loop["flag_skip"] else []

    def branch(self, statement: gast.If, rest: list[gast.stmt], loop: Any) -> list[gast.stmt]:
        if always_exits(statement.body):
            statement.orelse = statement.orelse + rest
            rest = []
        elif always_exits(statement.orelse):
            statement.body = statement.body + rest
            rest = []
        flags = self.flags([statement], loop)
        statement.body = self.block(statement.body, loop) or [_at(gast.Pass(), statement)]
        statement.orelse = self.block(statement.orelse, loop)
        if not rest:
            return [statement]
        return [statement, self.guard(flags, self.block(rest, loop), rest[0])]

    def flags(self, body: list[gast.stmt], loop: Any) -> list[str]:
        """Flags that the exits in `body` may set."""
        found = []
        if any(_exits(s, gast.Return) for s in body):
            found.append(RETURNED)
        if any(_exits(s, gast.Break) for s in body):
            found.append(loop["stop"])
        if any(_exits(s, gast.Continue) for s in body):
            found.append(loop["skip"])
        return found

    def loop(self, statement: Any, outer: Any) -> tuple[list[gast.stmt], list[str]]:
        self.count += 1
        body = statement.body
        has_break = any(_exits(s, gast.Break) for s in body)
        has_return = any(_exits(s, gast.Return) for s in body)
        context = {"stop": f"stop.l{self.count}", "skip": f"skip.l{self.count}"}
        context["flag_skip"] = _needs_flag(body, gast.Continue)
        orelse, statement.orelse = statement.orelse, []
        new = self.block(body, context)
        if context["flag_skip"]:
            new.insert(0, self._set(context["skip"], False, statement))
        flags = [context["stop"]] * has_break + [RETURNED] * has_return
        if flags:
            test = (
                name(flags[0]) if len(flags) == 1 else gast.BoolOp(gast.Or(), [*map(name, flags)])
            )
            new.append(_at(gast.If(test, [_at(gast.Break(), statement)], []), statement))
        statement.body = new or [_at(gast.Pass(), statement)]
        out = [self._set(context["stop"], False, statement)] * has_break + [statement]
        leaving = [RETURNED] * has_return
        if orelse:
            leaving += [f for f in self.flags(orelse, outer) if f not in leaving]
            after = self.block(orelse, outer)
            out += [self.guard(flags, after, orelse[0])] if flags else after
        return out, leaving

    def guard(self, flags: list[str], body: list[gast.stmt], place: Any) -> gast.stmt:
        if not flags:
            return _at(gast.If(constant(True), body, []), place)
        test = name(flags[0]) if len(flags) == 1 else gast.BoolOp(gast.Or(), [*map(name, flags)])
        test = gast.UnaryOp(gast.Not(), test)
        return _at(gast.If(test, body or [_at(gast.Pass(), place)], []), place)

    def _set(self, flag: str, value: Any, place: Any) -> gast.stmt:
        return _at(gast.Assign([store(flag)], constant(value), None), place)


def _at(node: Any, place: Any) -> Any:
    gast.copy_location(node, place)
    node.made = True
    return node


def _with_value(node: gast.Return) -> gast.Return:
    if node.value is None:
        node.value = constant(None)
    return node


def _exits(node: Any, kind: Any = (gast.Return, gast.Break, gast.Continue)) -> bool:
    """Does the statement hold an exit of this kind that leaves it?"""
    if isinstance(node, kind):
        return True
    if isinstance(node, (FUNCTIONS, gast.ClassDef)):
        return False
    if isinstance(node, (gast.For, gast.While)):
        leaving = gast.Return
        if kind is not leaving and not (isinstance(kind, tuple) and leaving in kind):
            return any(_exits(s, kind) for s in node.orelse)
        if any(_exits(s, leaving) for s in node.body):
            return True
        return any(_exits(s, kind) for s in node.orelse)
    blocks = [getattr(node, f, None) or [] for f in ("body", "orelse", "finalbody")]
    blocks += [h.body for h in getattr(node, "handlers", None) or ()]
    return any(_exits(s, kind) for b in blocks if isinstance(b, list) for s in b)


def leaves_statement(statement: gast.stmt) -> bool:
    """Does a statement hold a ``return``, ``break`` or ``continue`` that leaves it?"""
    return _exits(statement)


def always_exits(body: list[gast.stmt]) -> bool:
    """Does every way through a block end in an exit?"""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, gast.If):
        return always_exits(last.body) and always_exits(last.orelse)
    if isinstance(last, gast.With):
        return always_exits(last.body)
    return isinstance(last, (gast.Return, gast.Break, gast.Continue, gast.Raise))


def _needs_flag(body: list[gast.stmt], kind: Any) -> bool:
    """Is there an exit after which nesting alone cannot keep the rest from running?"""
    for position, statement in enumerate(body):
        if isinstance(statement, gast.With) and _exits(statement, kind):
            return True
        if isinstance(statement, (gast.For, gast.While)) and any(
            _exits(s, kind) for s in statement.orelse
        ):
            return True
        if isinstance(statement, gast.If) and _exits(statement, kind):
            settled = always_exits(statement.body) or always_exits(statement.orelse)
            rest = body[position + 1 :]
            if rest and not settled:
                return True
            if _needs_flag(statement.body, kind) or _needs_flag(statement.orelse, kind):
                return True
            if rest and settled and not always_exits(statement.body + rest):
                inner = statement.orelse if always_exits(statement.body) else statement.body
                if any(_exits(s, kind) for s in inner):
                    return True
    return False


def _needs_return_flag(body: list[gast.stmt], in_loop: bool) -> bool:
    if _needs_flag(body, gast.Return):
        return True
    for statement in body:
        if isinstance(statement, (gast.For, gast.While)) and _exits(statement, gast.Return):
            return True
        if isinstance(statement, (gast.If, gast.With)):
            inner = statement.body + getattr(statement, "orelse", [])
            if _needs_return_flag(inner, in_loop):
                return True
    return False
