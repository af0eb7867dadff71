import threading
import time


def within(seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def test_what_is_committed_here_is_told_at_once(hub, anna, parts):
    heads = []
    stop = hub.wait(heads.append)
    anna.post(parts.indicator(), parts.indicator())
    assert heads == [2]
    stop()
    anna.post(parts.indicator())
    assert heads == [2]


def test_what_others_commit_is_told(hub, store, anna, parts):
    other = store.open()
    heads = []
    other.wait(heads.append)
    anna.post(parts.indicator())
    within(5, lambda: heads == [1])
    anna.post(parts.indicator())
    within(5, lambda: heads == [1, 2])


def test_a_callback_that_fails_harms_nobody(hub, store, anna, parts):
    heads = []
    hub.wait(lambda head: 1 // 0)
    hub.wait(heads.append)
    assert anna.post(parts.indicator()).success_count == 1
    assert heads == [1]
    assert "ZeroDivisionError" in store.told.getvalue()


def test_heads_go_up_whoever_commits(hub, anna, bert, parts):
    heads = []
    hub.wait(heads.append)
    threads = [
        threading.Thread(target=lambda who=who: [who.post(parts.indicator()) for _ in range(10)])
        for who in (anna, bert)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heads[-1] == 20
    assert heads == sorted(set(heads))
