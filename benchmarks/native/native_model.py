"""`NativeModel`: a SavedModel in TensorFlow's own C++ runtime, without Python and Keras."""

import hashlib
import json
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import named_tensor_pb2

_SOURCE = Path(__file__).with_name("saved_model_runner.cc")
_BUILD = Path("build")


class NativeModelError(RuntimeError):
    """An error reported by the runtime."""


def runner() -> Path:
    """Path of the program, compiled on first use against the installed TensorFlow.

    Raises:
      CalledProcessError: It does not compile.
      FileNotFoundError: There is no g++.
    """
    key = hashlib.sha256(_SOURCE.read_bytes() + tf.__version__.encode()).hexdigest()[:12]
    program = _BUILD.resolve() / f"saved_model_runner-{key}"
    if not program.exists():
        _BUILD.mkdir(exist_ok=True)
        library = Path(tf.sysconfig.get_lib())
        with tempfile.TemporaryDirectory(dir=_BUILD) as folder:
            made = Path(folder) / "runner"
            command = [
                *("g++", "-O2", "-w", *tf.sysconfig.get_compile_flags(), "-std=c++17"),
                *(str(_SOURCE), "-o", str(made), f"-L{library}", "-Wl,--no-as-needed"),
                *("-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"),
                f"-Wl,-rpath,{library}",
            ]
            subprocess.run(command, check=True)
            made.rename(program)
    return program


class NativeModel:
    """A running C++ process that serves one SavedModel.

    Args:
      version: Its folder.
      threads: Threads of the runtime; by default one a core.

    Attributes:
      load_seconds: What loading took.

    Raises:
      NativeModelError: It does not load.
    """

    def __init__(self, version: Path, threads: int | None = None) -> None:
        command = [str(runner()), str(version), *([str(threads)] if threads else [])]
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.load_seconds: float = self._read()["load"]

    def __enter__(self) -> "NativeModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs one request and returns the outputs by name."""
        found = Path(self._folder.name) / "answer"
        self._ask("answer", signature, self._request(inputs), found)
        return _read_tensors(found)

    def times(self, signature: str, inputs: Mapping[str, np.ndarray], count: int) -> list[float]:
        """Runs one request `count` times and returns the seconds of each run."""
        answer = self._ask("time", signature, self._request(inputs), count)
        return [float(seconds) for seconds in answer["seconds"]]

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def _request(self, inputs: Mapping[str, np.ndarray]) -> Path:
        path = Path(self._folder.name) / "request"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for name, values in inputs.items():
                tensor = tf.make_tensor_proto(values)
                named = named_tensor_pb2.NamedTensorProto(name=name, tensor=tensor)
                writer.write(named.SerializeToString())
        return path

    def _ask(self, *words: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            command = shlex.join(map(str, self._process.args))  # type: ignore[arg-type]
            raise NativeModelError(f"{command} ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise NativeModelError(answer["error"])
        return answer


def _read_tensors(path: Path) -> dict[str, np.ndarray]:
    tensors = {}
    for record in tf.data.TFRecordDataset(str(path)):
        named = named_tensor_pb2.NamedTensorProto.FromString(record.numpy())
        tensors[named.name] = tf.make_ndarray(named.tensor)
    return tensors
