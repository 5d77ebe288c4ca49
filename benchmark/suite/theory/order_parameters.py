"""Order parameters of a two-layer student that learns online by adaptive feedback alignment.

A student  y = sum_k v_k g(lambda_k), lambda_k = w_k x / sqrt(N), learns from a teacher of the same
form (v*, w*) on fresh Gaussian inputs, g(z) = erf(z / sqrt 2). The error e = y - y* reaches the
hidden units through w_k F (Srinivasan et al. 2023); one step changes

    w_k by -(eta / sqrt N) r_k e g'(lambda_k) x,      r_k = w_k F / N
    v_k by -(eta / N) e g(lambda_k)

For N -> infinity, with time steps / N, the overlaps of w_1 .. w_K, w*_1 .. w*_M and F follow
ordinary differential equations with closed Gaussian integrals (Saad & Solla 1995).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """A student of K units, a teacher of M units, and the projection F.

    Attributes:
        overlaps: ``[K + M + 1, K + M + 1]``, scalar products / N of w_1 .. w_K, w*_1 .. w*_M, F.
        v: ``[K]``, the student's second layer.
        teacher: ``[M]``, the teacher's second layer.
    """

    overlaps: Array
    v: Array
    teacher: Array

    @property
    def r(self) -> Array:
        """w_k F / N: how the error reaches the hidden units, ``[K]``."""
        return self.overlaps[: len(self.v), -1]

    def error(self) -> float:
        """Generalization error <e^2> / 2."""
        c = np.concatenate([self.v, -self.teacher])
        return float(c @ gg(self.overlaps[:-1, :-1]) @ c / 2)


def gg(C: Array) -> Array:
    """<g(a) g(b)> for all pairs of fields with covariance C."""
    scale = np.sqrt(1 + np.diag(C))
    return 2 / np.pi * np.arcsin(C / np.outer(scale, scale))


def dg_z_g(C: Array, a: int, b: int, c: int) -> float:
    """<g'(a) b g(c)>."""
    root = np.sqrt((1 + C[a, a]) * (1 + C[c, c]) - C[a, c] ** 2)
    return 2 / np.pi * (C[b, c] * (1 + C[a, a]) - C[a, b] * C[a, c]) / (1 + C[a, a]) / root


def dg_dg_gg(C: Array, a: int, b: int, fields: list[int], c: Array) -> float:
    """<g'(a) g'(b) (sum_i c_i g(z_i))^2> over the ``fields`` z_i."""
    A, B, D = 1 + C[a, a], 1 + C[b, b], C[a, b]
    det = A * B - D**2
    p, q = C[a, fields], C[b, fields]
    inner = (
        det * C[np.ix_(fields, fields)]
        - A * np.outer(q, q)
        - B * np.outer(p, p)
        + D * (np.outer(p, q) + np.outer(q, p))
    )
    scale = np.sqrt(det + np.diag(inner))
    angles = np.arcsin(inner / np.outer(scale, scale))
    return 4 / np.pi**2 / np.sqrt(det) * float(c @ angles @ c)


def flow(system: System, eta: float) -> tuple[Array, Array]:
    """Time derivatives of the overlaps and of v."""
    C, K, n = system.overlaps, len(system.v), len(system.overlaps)
    fields = list(range(n - 1))
    c = np.concatenate([system.v, -system.teacher])
    drift = np.zeros((K, n))  # <e g'(lambda_k) z> for every field z
    for k, z in itertools.product(range(K), range(n)):
        drift[k, z] = sum(c[i] * dg_z_g(C, k, z, i) for i in fields)
    drift *= -eta * system.r[:, None]
    change = np.zeros_like(C)
    change[:K] += drift
    change[:, :K] += drift.T
    for k, m in itertools.product(range(K), range(K)):
        noise = dg_dg_gg(C, k, m, fields, c)
        change[k, m] += eta**2 * system.r[k] * system.r[m] * noise
    return change, -eta * (gg(C[:-1, :-1])[:K] @ c)
