"""Templates as Python that does little else than put strings together: what a report prints hundreds of times for each capture.

Jinja's own code asks for every value, one by one, whether it is to be made printable, escaped, wrapped as markup, and hands every
piece up through each template that another one extends. Here one function does the first three, and what stands together is
joined at once. What is printed is the same, and no template can do without it: `Environment.code_generator_class` is Jinja's own
place for this.

An attribute that is missing is an error at once, and never looked for as a key. What is called is called: nothing here wants to be
handed the context.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import Markup, escape

from preserve.formats.printable import printable

_PLAIN = re.compile(r"[ !#-%(-;=?-~]*")
"""ASCII that shows as itself and that no markup is made of."""
_PRINTED = "environment.printed("


def printed(value: Any) -> str:
    """What a template prints of a value: text from anywhere, on one line, with nothing in it that acts; markup as it is."""
    kind = type(value)
    if kind is str:
        text: str = value
        return text if _PLAIN.fullmatch(text) else escape(printable(text))
    if kind is Markup:
        markup: Markup = value
        return markup
    if kind is int:
        return str(value)
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return escape(printable(value))
    return escape(value)


class _Joining(CodeGenerator):
    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 -- Jinja's name
        if frame.require_output_check or not frame.eval_ctx.autoescape:
            super().visit_Output(node, frame)  # beside the blocks of a template that extends another: nothing is printed there
            return
        several = len(node.nodes) > 1
        self.writeline("yield " if frame.buffer is None else f"{frame.buffer}.append(", node)
        self.write('"".join((' if several else "(")
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData):
                self.write(repr(child.data))
            else:
                self.write(_PRINTED)
                self.visit(child, frame)
                self.write(")")
            self.write(", " if several else "")
        self.write("))" if several else ")")
        self.write("" if frame.buffer is None else ")")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802 -- the same
        if forward_caller or node.dyn_args is not None or node.dyn_kwargs is not None:
            super().visit_Call(node, frame, forward_caller)
            return
        self.write("(")
        self.visit(node.node, frame)
        self.write(")(")
        for argument in node.args:
            self.visit(argument, frame)
            self.write(", ")
        for named in node.kwargs:
            self.write(f"{named.key}=")
            self.visit(named.value, frame)
            self.write(", ")
        self.write(")")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 -- the same
        self.write("(")
        self.visit(node.node, frame)
        self.write(f").{node.attr}")


class Compiled(Environment):
    """An environment whose templates are compiled so. Everything printed goes through `printed`."""

    code_generator_class = _Joining
    printed: Any = staticmethod(printed)
