"""The way to Redis is slow, silent or cut: for a whole pool, a process, or some of its connections."""

from __future__ import annotations

from typing import Any

from faulttools import Course, FaultTools
from network import Network, local_ports


class NetworkFaults(FaultTools):
    """Nothing is lost by these, and no reader is told that it may have missed something.

    They meet the second pool of each kind, which has a proxy before Redis."""

    DECK = {
        "connections delayed": 2,
        "connections stalled": 2,
        "connections cut": 2,
        "edge pool slow": 2,
    }
    LONG = {"work pool cut off beyond its leases": 1}

    def _either(self) -> tuple[Network, list[int]]:
        """One of the two, and its processes."""
        network, service = self.random.choice([
            (self.system.work_network, self.system.works[1]), (self.system.edge_network, self.system.edges[1])])
        return network, self.system.processes_of([service])

    def _slow(self, network: Network, least: float, most: float, seconds: float) -> Course:
        network.order(delay=[least, most], seed=self.random.randrange(1 << 31))
        return seconds, lambda: network.order(delay=None)

    def _connections_delayed(self) -> Course:
        """Each connection by another time, so that what two of them bring comes in another order."""
        network, _ = self._either()
        return self._slow(network, 0.0, self.random.choice([0.01, 0.05, 0.2]), self._some(0.5, 3.0))

    def _edge_pool_slow(self) -> Course:
        """It is behind the other one, for readers that change between the two."""
        delay = self.random.choice([0.03, 0.1, 0.3])
        return self._slow(self.system.edge_network, delay, delay * 1.2, self._some(1.0, 8.0))

    def _some_ports(self) -> tuple[Network, list[int]]:
        """All connections of a process, or some of them."""
        network, pids = self._either()
        pid = self._pick(pids)
        ports = local_ports(pid) if pid is not None else []
        if ports and self.random.random() < 0.5:
            ports = self.random.sample(ports, self.random.randint(1, len(ports)))
        return network, ports

    def _connections_stalled(self) -> Course:
        network, ports = self._some_ports()
        if not ports:
            return None, None
        network.order(ports, stall=True)
        return self._some(0.1, 3.0), lambda: network.order(ports, stall=False)

    def _connections_cut(self) -> Course:
        """At once, or in the middle of what the server says next."""
        network, ports = self._some_ports()
        if not ports:
            return None, None
        cut: Any = self.random.choice([True, self.random.randint(0, 20), self.random.randint(20, 4000)])
        network.order(ports, cut=cut)
        return 0.0, None

    def _work_pool_cut_off_beyond_its_leases(self) -> Course:
        """Workers and supervisor; afterwards the connections go on, or are cut."""
        network, is_cut = self.system.work_network, self.random.random() < 0.5
        network.order(stall=True)

        def heal() -> None:
            if is_cut:
                network.order(cut=True)
            network.order(stall=False)

        return self.random.uniform(4.0, 12.0), heal
