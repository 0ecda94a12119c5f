"""Carries out the faults of a schedule, each to its end: what was ended is started again, what was held is let go."""

from __future__ import annotations

import signal

import psutil

from tests.faults.harness.brokers import freeze
from tests.faults.harness.service import Service
from tests.faults.soak.platform import Platform
from tests.faults.soak.schedule import (
    BLACK_HOLE,
    BROKER_FREEZE,
    BROKER_KILL,
    CUT,
    FREEZE,
    KILL,
    REDIS_KILL,
    SLOW,
    TERMINATE,
    Step,
)
from tests.support.polling import until

EXIT_S = 30
READY_S = 90.0


class Chaos:
    """Hurts one platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def carry_out(self, step: Step) -> None:
        """Returns when the fault is over and everything runs; fails the test where it did not bite."""
        around = {
            BROKER_KILL: self._kill_broker,
            BROKER_FREEZE: self._freeze_broker,
            CUT: self._cut,
            SLOW: self._slow,
            BLACK_HOLE: self._black_hole,
            REDIS_KILL: self._kill_redis,
        }
        if step.kind:
            {KILL: self._kill, TERMINATE: self._terminate, FREEZE: self._freeze}[step.fault](step)
        else:
            around[step.fault](step.seconds)

    def _kill(self, step: Step) -> None:
        self._platform.services[step.kind].kill()
        self._again(step.kind)

    def _terminate(self, step: Step) -> None:
        service = self._platform.services[step.kind]
        service.terminate()
        code = service.wait(EXIT_S)
        assert code == 0, f"{step.kind} ended with {code}: {service.told()}"
        self._again(step.kind)

    def _again(self, kind: str) -> None:
        service = self._platform.start(kind)
        until(lambda: self._platform.services[kind].ready() or self._platform.tend(), READY_S, f"{kind} is ready")
        assert self._platform.services[kind].running(), service.told()

    def _freeze(self, step: Step) -> None:
        service = self._platform.services[step.kind]
        service.send(signal.SIGSTOP)
        until(lambda: _stopped(service), 5, f"{step.kind} stops")
        self._platform.wait(step.seconds)
        assert _stopped(service)
        service.send(signal.SIGCONT)

    def _kill_broker(self, _: float) -> None:
        self._platform.broker.kill()
        self._platform.broker.start()

    def _freeze_broker(self, seconds: float) -> None:
        freeze(self._platform.broker, seconds)

    def _cut(self, seconds: float) -> None:
        rules, before = self._platform.proxy.rules, self._platform.proxy.counters["resets"]
        rules.reset_every_s = 0.5
        self._platform.wait(seconds)
        rules.reset_every_s = 0.0
        assert self._platform.proxy.counters["resets"] > before, "no connection was cut"

    def _slow(self, seconds: float) -> None:
        rules, before = self._platform.proxy.rules, self._platform.proxy.counters["delayed"]
        rules.delay_s, rules.jitter_s = 0.2, 0.05
        self._platform.wait(seconds)
        rules.delay_s = rules.jitter_s = 0.0
        assert self._platform.proxy.counters["delayed"] > before, "nothing was delayed"

    def _black_hole(self, seconds: float) -> None:
        rules, before = self._platform.proxy.rules, self._platform.proxy.counters["swallowed"]
        rules.blackhole = True
        self._platform.wait(seconds)
        rules.blackhole = False
        until(lambda: self._platform.proxy.counters["swallowed"] > before, 5, "something fell into the black hole")

    def _kill_redis(self, seconds: float) -> None:
        self._platform.redis.kill()
        self._platform.wait(seconds)
        self._platform.redis.start()


def _stopped(service: Service) -> bool:
    return psutil.Process(service.pid).status() == psutil.STATUS_STOPPED
