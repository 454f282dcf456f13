"""How XLA compiles for the tests: fast, since most programs here run once or twice.

To test what XLA makes by default, set `XLA_FLAGS` to `DEVICES`.
"""

import importlib.metadata
import importlib.util

DEVICES = "--xla_force_host_platform_device_count=8"
_FLAGS = [
    DEVICES,
    "--xla_backend_optimization_level=0",
    "--xla_cpu_parallel_codegen_split_count=1",
]
# An update compiles in half to a quarter of the time.  Later versions have no other
# emitters, nor has libtpu, and they end the process at a flag that they do not know.
_VERSION = tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:2]))
if _VERSION < (0, 11) and not importlib.util.find_spec("libtpu"):
    _FLAGS += ["--xla_cpu_use_fusion_emitters=false"]
XLA_FLAGS = " ".join(_FLAGS)
