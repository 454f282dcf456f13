"""Double precision for a part of a test."""

import jax

# The context, not the global flag: inside another such context the flag's value cannot
# be told from the context's, and putting it back would leave it set.
if hasattr(jax, "enable_x64"):
    enable_x64 = jax.enable_x64
else:
    from jax.experimental import enable_x64 as enable_x64
