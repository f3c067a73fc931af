"""Hypothesis strategies that draw valid vgspec documents: for testing the compiler, and tools built on it.

    from hypothesis import given
    from vgspec import load_spec
    from vgspec.testing import specs

    @given(specs())
    def test_my_tool(document):
        assert load_spec(document).ok

`specs` draws whole documents (a ``dict``), `widened` makes one wider, `items` draws one layer that fits a tensor,
`mutated` a document with something wrong. Needs the extra ``vgspec[testing]``.
"""

from vgspec.testing.documents import mutated, specs, widened
from vgspec.testing.layers import TEMPLATES, Template, items

__all__ = ["TEMPLATES", "Template", "items", "mutated", "specs", "widened"]
