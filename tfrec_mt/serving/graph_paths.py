"""Checks that the graph of a SavedModel names only files of its loader and of its assets."""

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from tfrec_mt.errors import DataError
from tfrec_mt.serving.harmless_ops import ASSET_OPS, CHECKPOINT_OPS

# What the saver appends to the path that it is given.
_SUFFIX = re.compile(rb"(\.part|/part|_temp(_[0-9a-f]{32})?/part)")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_INIT_SIGNATURE = "__saved_model_init_op"
_INIT_OPS = ("saved_model_main_op", "legacy_init_op")

# What names a file in the main graph; in a function, it is the position of an argument.
_SAVER, _ASSET = "saver", "asset"
_KIND_OF = dict.fromkeys(CHECKPOINT_OPS, _SAVER) | dict.fromkeys(ASSET_OPS, _ASSET)
_PATHS_OF = CHECKPOINT_OPS | ASSET_OPS


class _Graph:
    """The main graph of a SavedModel, or one of its functions.

    Args:
      name: For errors.
      nodes: Its nodes.
      given: What names a file, by the name of the node or argument that stands for it.
    """

    def __init__(self, name: str, nodes: Iterable[Any], given: dict[str, Any]) -> None:
        self.name, self.given = name, given
        self.nodes: dict[str, Any] = {}
        for node in nodes:
            if node.name in self.nodes:
                raise DataError(f"{name}: two nodes are called {node.name!r}")
            self.nodes[node.name] = node
        # kind of a path, and what names it
        self.needs: set[tuple[str, Any]] = set()
        # nodes through which each kind of file is reached
        self.reaching: dict[str, set[str]] = {_SAVER: set(), _ASSET: set()}
        self.calls = [
            (node, name)
            for node in self.nodes.values()
            for attribute in node.attr.values()
            for name in _functions(attribute)
        ]

    def origins(self, node: Any, place: int) -> set[Any]:
        """What names the file whose path is an input of a node.

        Raises:
          DataError: The graph itself does.
        """
        found, seen, left = set(), set(), [_data(node)[place] if place < len(_data(node)) else ""]
        while left:
            name = _node_name(left.pop())
            if name in self.given:
                found.add(self.given[name])
            elif name not in seen:
                seen.add(name)
                left += self._sources(name) or [""]  # what is not there names no file
            if not name:
                raise self.refused(node)
        if not found:
            raise self.refused(node)
        return found

    def _sources(self, name: str) -> list[str]:
        """Inputs from which a node makes a path; none if it makes no path."""
        node = self.nodes.get(name)
        inputs = [] if node is None else _data(node)
        if node is None or not inputs:
            return []
        if node.op in ("Identity", "ShardedFilename"):
            return inputs[:1]
        if node.op == "Pack":
            return inputs
        if node.op == "StringJoin" and all(map(self._is_suffix, inputs[1:])):
            return inputs[:1]
        if node.op == "ReadVariableOp":  # the main graph keeps the path of an asset in a variable
            variable = _node_name(inputs[0])
            return [
                _data(other)[1]
                for other in self.nodes.values()
                if other.op == "AssignVariableOp" and _node_name(_data(other)[0]) == variable
            ]
        return []

    def _is_suffix(self, name: str) -> bool:
        node = self.nodes.get(_node_name(name))
        if node is not None and node.op in ("Select", "SelectV2"):
            texts = [self.nodes.get(_node_name(branch)) for branch in _data(node)[1:]]
        else:
            texts = [node]
        return all(
            text is not None
            and text.op == "Const"
            and len(text.attr["value"].tensor.string_val) == 1
            and _SUFFIX.fullmatch(text.attr["value"].tensor.string_val[0]) is not None
            for text in texts
        )

    def before(self, names: Iterable[str]) -> set[str]:
        """The named nodes and all that run before them."""
        found: set[str] = set()
        left = [_node_name(name) for name in names]
        while left:
            name = left.pop()
            if name not in found and name in self.nodes:
                found.add(name)
                left += [_node_name(one) for one in self.nodes[name].input]
        return found

    def refused(self, node: Any) -> DataError:
        return DataError(
            f"{self.name}: node {node.name!r} ({node.op}) names a file by itself; expected files "
            "of its own variables/ and assets/ alone"
        )


def check_paths(meta_graph: Any) -> None:
    """Checks that ops which read or write files do so for the loader, the saver and tables alone.

    Checkpoints are read and written by what `saver_def` names, with the path that the loader gives;
    nothing that a signature, an initialiser or a caller can run reaches these ops. Tables are
    filled from assets.

    Raises:
      DataError: Names the node that does otherwise.
    """
    saver = meta_graph.saver_def
    given = {_node_name(asset.tensor_info.name): _ASSET for asset in meta_graph.asset_file_def}
    if saver.filename_tensor_name:
        given[_node_name(saver.filename_tensor_name)] = _SAVER
    main = _Graph("main graph", meta_graph.graph_def.node, given)
    library = meta_graph.graph_def.library
    functions: dict[str, _Graph] = {}
    for function in library.function:
        name = function.signature.name
        places = {arg.name: place for place, arg in enumerate(function.signature.input_arg)}
        if name in functions or places.keys() & {node.name for node in function.node_def}:
            raise DataError(f"{name}: a function or an argument of it has the name of another")
        functions[name] = _Graph(name, function.node_def, places)
    _find_needs(main, functions)
    for kind, origin in main.needs:
        if kind != origin:
            raise DataError(
                f"main graph: the path of a file comes from the {origin}, not the {kind}"
            )
    _check_saver(main, meta_graph)
    for function in library.function:
        if functions[function.signature.name].needs and "api_implements" in function.attr:
            raise DataError(f"{function.signature.name}: TensorFlow may call it in place of others")
    gradients = [g.gradient_func for g in library.gradient]
    gradients += [g.gradient_func for g in library.registered_gradients]
    for name in gradients:
        if name in functions and functions[name].needs:
            raise DataError(f"{name}: a gradient that reads or writes files")
    _check_callable(meta_graph, functions)


def _find_needs(main: _Graph, functions: dict[str, _Graph]) -> None:
    """Follows paths from the ops that need them to the callers of the functions they are in."""
    graphs = [main, *functions.values()]
    for graph in graphs:
        for node in graph.nodes.values():
            for place in _PATHS_OF.get(node.op, ()):
                graph.needs |= {(_KIND_OF[node.op], o) for o in graph.origins(node, place)}
                graph.reaching[_KIND_OF[node.op]].add(node.name)
    changed = True
    while changed:
        changed = False
        for graph in graphs:
            for node, name in graph.calls:
                called = functions.get(name)
                if called is None or not called.needs:
                    continue
                if node.op not in _CALLS:
                    raise graph.refused(node)
                found = {
                    (kind, origin)
                    for kind, place in called.needs
                    for origin in graph.origins(node, place)
                }
                for kind, _ in found:
                    graph.reaching[kind].add(node.name)
                changed |= not found <= graph.needs
                graph.needs |= found


def _check_saver(main: _Graph, meta_graph: Any) -> None:
    """Checks that only the saver reads or writes checkpoints, and no signature fills tables."""
    saver = meta_graph.saver_def
    own = main.before([saver.save_tensor_name, saver.restore_op_name])
    answers: list[str] = []
    starts: list[str] = []
    for key, signature in meta_graph.signature_def.items():
        outputs = [info.name for info in signature.outputs.values()]
        (starts if key == _INIT_SIGNATURE else answers).extend(outputs)
    for key, collection in meta_graph.collection_def.items():
        starts += collection.node_list.value if key in _INIT_OPS else ()
    in_answers = main.before(answers)
    run_by_others = in_answers | main.before(starts)
    for name in sorted(main.reaching[_SAVER]):
        if name not in own or name in run_by_others:
            raise main.refused(main.nodes[name])
    for name in sorted(main.reaching[_ASSET] & in_answers):
        raise main.refused(main.nodes[name])


def _check_callable(meta_graph: Any, functions: dict[str, _Graph]) -> None:
    """Checks what the functions of the object graph, which anyone may call, read and write."""
    objects = meta_graph.object_graph_def
    arguments = {
        function.signature.name: len(function.signature.input_arg)
        for function in meta_graph.graph_def.library.function
    }
    named = {*objects.concrete_functions}
    for node in objects.nodes:
        named |= {*node.function.concrete_functions}
        named.add(node.bare_concrete_function.concrete_function_name)
    for name in sorted(named & functions.keys()):
        known = name in objects.concrete_functions
        bound = [*objects.concrete_functions[name].bound_inputs] if known else []
        for kind, place in functions[name].needs:
            at = place - (arguments[name] - len(bound))
            node = objects.nodes[bound[at]] if 0 <= at < len(bound) else None
            if kind == _SAVER or node is None or node.WhichOneof("kind") != "asset":
                raise DataError(f"{name}: a function to call that reads or writes a file")


def _functions(attribute: Any) -> Iterator[str]:
    """Names of the functions that an attribute of a node holds."""
    for function in itertools.chain([attribute.func], attribute.list.func):
        if function.name:
            yield function.name
            for inner in function.attr.values():
                yield from _functions(inner)


def _data(node: Any) -> list[str]:
    return [name for name in node.input if not name.startswith("^")]


def _node_name(name: str) -> str:
    return name.lstrip("^").partition(":")[0]
