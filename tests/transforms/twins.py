"""Slow reference twins: the papers' pseudo-code, line by line, in NumPy float64.

Each takes `gradient(theta, k)` (the gradient on mini-batch k) and returns the list
of iterates theta_0, theta_1, ...  Line and equation numbers are the thesis's.
Complex numbers stand for pairs of real ones.
"""

import jax.numpy as jnp
import numpy as np


def inner(x, y):
    return np.vdot(x, y).real


def inna(gradient, theta, steps, gamma, alpha, beta, speed):
    """(2.13), Algorithm 1, in the papers' phase variable psi."""
    # Velocity -speed * g_0: speed 1 is the initialization of section 2.6.2.1.
    psi = (1 - alpha * beta) * theta - (beta**2 - speed * beta) * gradient(theta, 0)
    iterates = [theta]
    for k in range(steps):
        v = gradient(theta, k)
        common = (1 / beta - alpha) * theta - psi / beta
        theta = theta + gamma(k) * (common - beta * v)
        psi = psi + gamma(k) * common
        iterates.append(theta)
    return iterates


def damped_momentum(gradient, theta, steps, eta, mu, c):
    """A share of the fresh gradient, the rest from the average of the past ones."""
    average = np.zeros(theta.shape)
    iterates = [theta]
    for k in range(steps):
        g = gradient(theta, k)
        theta = theta - eta(k) / (1 - mu) * (c * g + (1 - c) * average)
        average = mu * average + (1 - mu) * g
        iterates.append(theta)
    return iterates


def innaprop(gradient, theta, steps, gamma, alpha, beta, sigma, eps, weight_decay):
    """Algorithm 1 of arXiv:2410.05871, AdamW-like indices from 1."""
    psi = (1 - alpha * beta) * theta
    v = np.zeros(theta.shape)
    iterates = [theta]
    for k in range(1, steps + 1):
        g = gradient(theta, k - 1)
        step = gamma(k - 1)
        theta = (1 - weight_decay * step) * theta
        v = sigma * v + (1 - sigma) * np.abs(g) ** 2
        v_hat = v / (1 - sigma**k)
        psi = (1 - step / beta) * psi + step * (1 / beta - alpha) * theta
        theta = (
            (1 + step * (1 - alpha * beta) / (beta - step)) * theta
            - step / (beta - step) * psi
            - step * beta * g / (np.sqrt(v_hat) + eps)
        )
        iterates.append(theta)
    return iterates


def step_tuned_sgd(gradient, theta, steps, alpha, nu, beta, m, M, delta):
    """Algorithm 3; also returns the sequence of gamma_k."""
    G, gamma = np.zeros_like(theta), 1.0
    iterates, gammas = [theta], [gamma]
    for k in range(steps):
        step = alpha(k) * gamma / ((k + 1) ** (0.5 + delta) if delta is not None else 1)
        first = gradient(theta, k)
        half = theta - step * first  # line 6
        second = gradient(half, k)
        new = half - step * second  # line 7
        d_theta = half - theta  # line 8
        d_g = second - first  # line 9
        G = beta * G + (1 - beta) * d_g  # line 10
        G_hat = G / (1 - beta ** (k + 1))  # line 11
        if inner(G_hat, d_theta) > 0:
            gamma = inner(d_theta, d_theta) / inner(G_hat, d_theta)
        else:
            gamma = nu
        gamma = min(max(gamma, m), M)  # line 17
        theta = new
        iterates += [half, theta]
        gammas.append(gamma)
    return iterates, gammas


def barzilai_borwein(gradient, theta, steps, alpha, nu, absolute=False):
    """Algorithm 2, and the absolute-value variant of Figure 4.2."""
    iterates = [theta, theta - alpha * gradient(theta, 0)]
    for k in range(1, steps):
        theta, last = iterates[-1], iterates[-2]
        d_g = gradient(theta, k) - gradient(last, k - 1)
        d_theta = theta - last
        curvature = inner(d_g, d_theta)
        if curvature > 0 or (absolute and curvature < 0):
            gamma = inner(d_theta, d_theta) / abs(curvature)
        else:
            gamma = nu
        iterates.append(theta - alpha * gamma * gradient(theta, k))
    return iterates


def gradient_variation_sgd(
    gradient, theta, steps, alpha, nu, m, M, delta, *, full=None, curvature=None
):
    """Algorithm 4; Algorithm 5 given `full(theta, k)`; 6 given `curvature(theta, k)`.

    Two slips of the thesis are mended: Delta theta_{B_k} in the tests of lines 9 and
    10 is Delta theta_k, and Algorithm 6's (k-1)^(1/2+delta), zero at k = 1, is the
    factor of the step that was made, k^(1/2+delta).
    """
    gamma = 1.0
    iterates = [theta, theta - alpha * gamma * gradient(theta, 0)]
    for k in range(1, steps):
        theta, last = iterates[-1], iterates[-2]
        d_theta = theta - last
        if full is not None:
            G = full(theta, k) - full(last, k - 1)
        elif curvature is not None:
            G = -alpha / k ** (0.5 + delta) * gamma * curvature(last, k - 1)
        else:
            G = gradient(theta, k) - gradient(last, k - 1)
        if inner(G, d_theta) > 0:
            gamma = inner(d_theta, d_theta) / inner(G, d_theta)
        else:
            gamma = nu
        gamma = min(max(gamma, m), M)
        step = alpha / (k + 1) ** (0.5 + delta) * gamma
        iterates.append(theta - step * gradient(theta, k))
    return iterates


def inna_in_low_precision(gradient, theta, steps, gamma, alpha, beta, dtype):
    """(2.13) with params of `dtype`; psi and the arithmetic are float32."""
    theta, psi = jnp.asarray(theta, dtype), None
    iterates = [np.asarray(theta, np.float64)]
    for k in range(steps):
        v = jnp.asarray(gradient(iterates[-1], k), dtype).astype(jnp.float32)
        wide = theta.astype(jnp.float32)
        if psi is None:
            psi = (1 - alpha * beta) * wide - (beta**2 - beta) * v
        common = (1 / beta - alpha) * wide - psi / beta
        theta = theta + (gamma * (common - beta * v)).astype(dtype)
        psi = psi + gamma * common
        iterates.append(np.asarray(theta, np.float64))
    return iterates


class LeastSquares:
    """A sum of smooth non-convex terms phi(a_n . theta - b_n), drawn with a seed.

    phi(t) = t^2 / (1 + t^2) (section 4.7), plus a quadratic that keeps iterates
    bounded.  `gradient(theta, k)` is that of mini-batch k, `full` that of all terms,
    at any k.
    """

    def __init__(self, scale=1.0, seed=0, terms=40, size=6, batch=10):
        self.scale = scale
        rng = np.random.default_rng(seed)
        self.A = rng.normal(size=(terms, size))
        self.b = self.A @ rng.normal(size=size) + rng.normal(size=terms)
        self.batches = [rng.choice(terms, batch, replace=False) for _ in range(400)]
        self.start = rng.normal(size=size)

    def _gradient(self, theta, rows):
        A, t = self.A[rows], self.A[rows] @ theta - self.b[rows]
        slopes = 2 * t / (1 + t**2) ** 2
        return self.scale * (A.T @ slopes / len(rows) + 0.1 * theta)

    def _hessian(self, theta, rows):
        A, t = self.A[rows], self.A[rows] @ theta - self.b[rows]
        weights = (2 - 6 * t**2) / (1 + t**2) ** 3
        hessian = A.T @ (weights[:, None] * A) / len(rows) + 0.1 * np.eye(len(theta))
        return self.scale * hessian

    def gradient(self, theta, k):
        return self._gradient(theta, self.batches[k])

    def full(self, theta, k=0):
        return self._gradient(theta, np.arange(len(self.b)))

    def curvature(self, theta, k=0):
        """The mean over a fixed set of mini-batches of Hessian times gradient."""
        return np.mean(
            [self._hessian(theta, B) @ self._gradient(theta, B) for B in self.batches],
            axis=0,
        )
