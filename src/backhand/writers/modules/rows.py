"""`rows(x)` for `x.reshape(-1, x.shape[-1])`, which derivatives of matrix products say twice."""

import ast

ROWS = '''\
def rows(x):
    """An array as a matrix: a row for each place along the axes before the last one."""
    return x.reshape(-1, x.shape[-1])
'''


def with_rows(expression: ast.expr) -> ast.expr:
    """The expression with a call of `rows` wherever it says as much."""
    found: ast.expr = _Rows().visit(expression)
    return found


class _Rows(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "reshape":
            given = node.func.value
            x = ast.unparse(given)
            if ast.unparse(node) == f"{x}.reshape(-1, {x}.shape[-1])":
                return ast.Call(ast.Name("rows", ast.Load()), [given], [])
        return node
