"""INNA as a PyTorch user would write it, for comparison in `step_cost.py`.

It is equation (2.13) of the thesis, line by line, in the papers' phase variable psi.
It is an ordinary `torch.optim.Optimizer`: parameter by parameter, in place.
"""

from collections.abc import Iterable

import torch


class INNA(torch.optim.Optimizer):
    """INNA with the papers' initialization of psi.

    With `foreach` each operation is one call for all parameters, as PyTorch's own
    optimizers do on a GPU.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        lr: float,
        alpha: float = 0.5,
        beta: float = 0.1,
        *,
        foreach: bool = False,
    ) -> None:
        self.foreach = foreach
        super().__init__(params, {"lr": lr, "alpha": alpha, "beta": beta})

    @torch.no_grad()
    def step(self) -> None:
        """One update, from the gradients that the parameters hold."""
        for group in self.param_groups:
            lr, alpha, beta = group["lr"], group["alpha"], group["beta"]
            if self.foreach:
                self._all_at_once(group["params"], lr, alpha, beta)
                continue
            for theta in group["params"]:
                g, state = theta.grad, self.state[theta]
                if not state:
                    state["psi"] = (1 - alpha * beta) * theta - (beta**2 - beta) * g
                psi = state["psi"]
                # What both variables move by, from the old values of both.
                move = theta.mul(1 / beta - alpha).sub_(psi, alpha=1 / beta)
                psi.add_(move, alpha=lr)
                theta.add_(move.sub_(g, alpha=beta), alpha=lr)

    def _all_at_once(
        self, params: list[torch.Tensor], lr: float, alpha: float, beta: float
    ) -> None:
        """The same update, operation by operation on lists of tensors."""
        grads = [theta.grad for theta in params]
        for theta, g in zip(params, grads, strict=True):
            if not self.state[theta]:
                psi = (1 - alpha * beta) * theta - (beta**2 - beta) * g
                self.state[theta]["psi"] = psi
        psis = [self.state[theta]["psi"] for theta in params]
        move = torch._foreach_mul(params, 1 / beta - alpha)
        torch._foreach_add_(move, psis, alpha=-1 / beta)
        torch._foreach_add_(psis, move, alpha=lr)
        torch._foreach_add_(move, grads, alpha=-beta)
        torch._foreach_add_(params, move, alpha=lr)
