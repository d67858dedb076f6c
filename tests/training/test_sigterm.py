import os
import signal
import threading

from tfrec_mt.training.worker import SigtermRequest


def test_it_is_noted_inside_and_handled_as_before_outside() -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        with SigtermRequest() as request:
            assert not request.received
            os.kill(os.getpid(), signal.SIGTERM)
            assert request.received
        assert received == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_runs_without() -> None:
    outcome: list[bool] = []

    def block() -> None:
        with SigtermRequest() as request:
            outcome.append(request.received)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert outcome == [False]
