"""INNA as a PyTorch user would write it: what `step_cost.py` compares with.

Equation (2.13) of the thesis, line by line, in the papers' phase variable psi, as an
ordinary `torch.optim.Optimizer`: parameter by parameter, with operations in place.
"""

from collections.abc import Iterable

import torch


class INNA(torch.optim.Optimizer):
    """INNA with the papers' initialization of psi."""

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        lr: float,
        alpha: float = 0.5,
        beta: float = 0.1,
    ) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "beta": beta})

    @torch.no_grad()
    def step(self) -> None:
        """One update, from the gradients that the parameters hold."""
        for group in self.param_groups:
            lr, alpha, beta = group["lr"], group["alpha"], group["beta"]
            for theta in group["params"]:
                g, state = theta.grad, self.state[theta]
                if not state:
                    state["psi"] = (1 - alpha * beta) * theta - (beta**2 - beta) * g
                psi = state["psi"]
                # What both variables move by, from the old values of both.
                move = theta.mul(1 / beta - alpha).sub_(psi, alpha=1 / beta)
                psi.add_(move, alpha=lr)
                theta.add_(move.sub_(g, alpha=beta), alpha=lr)
