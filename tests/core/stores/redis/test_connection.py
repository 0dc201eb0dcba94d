"""What a server of one's own may refuse: real servers, each in the state that a sentence is needed for."""

import contextlib
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import numpy as np
import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.corpus.types import texts
from core.errors import TesseraError
from core.labs.redis_status import server_facts
from core.methods.answer_cache import AnswerCache
from core.stores.base import SearchRequest
from core.stores.redis.answer_keys import flush
from core.stores.redis.base import RedisFlat
from core.stores.redis.connection import Connection, connection, translated, translating_errors
from core.stores.redis.server import binaries


@pytest.fixture
def serve(tmp_path):
    """Starts a server with given options; returns its port."""
    started = []

    def start(*options, search=True):
        server, module = binaries()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        loaded = ["--loadmodule", str(module)] if search else []
        command = [str(server), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
        process = subprocess.Popen([*command, *loaded, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.02)
        raise TimeoutError

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def use(serve, monkeypatch):
    """Makes a server the one in REDIS_URL."""

    def point(*options, user="", **more):
        monkeypatch.setenv("REDIS_URL", f"redis://{user}127.0.0.1:{serve(*options, **more)}/0")
        return connection()

    return point


@pytest.fixture
def build(tmp_path, tiny_corpus, tiny_encoder):
    def create():
        return RedisFlat.create(tmp_path / "index", tiny_corpus.passages, vectors())

    def vectors():
        return tiny_encoder.encode_passages(texts(tiny_corpus.passages))

    return create


def test_redis_url_wins_over_the_embedded_server(use, build, tiny_encoder):
    own = use()
    assert own.embedded is None and not server_facts(own).embedded
    store = build()
    query = SearchRequest(k=1, vector=tiny_encoder.encode_query("Who built the lighthouse?"))
    assert store.search(query)[0].passage_id == "p0"
    assert server_facts(own).indexes[0].documents == 11


@pytest.mark.parametrize(
    ("user", "says"), [(":wrong@", "refuses the password"), ("", "asks for a password"), (":right@", "")]
)
def test_a_wrong_password(use, user, says):
    own = use("--requirepass", "right", user=user)
    if not says:
        assert own.client().ping()
        return
    with pytest.raises(TesseraError, match=says) as caught:
        own.client()
    assert "REDIS_URL" in caught.value.remedy and "wrong" not in str(caught.value)


def test_nobody_listens(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("REDIS_URL", f"redis://:secret@127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(TesseraError, match="does not answer") as caught:
        connection().client()
    assert "secret" not in str(caught.value)


def test_a_server_without_search(use, build):
    use(search=False)
    with pytest.raises(TesseraError, match="no search module"):
        build()


def test_a_server_whose_memory_is_full_keeps_nothing_half(use, build, tmp_path):
    use("--maxmemory", "1mb")
    with pytest.raises(TesseraError, match="no memory left"):
        build()
    assert not (tmp_path / "index" / "redis.json").exists()


def test_a_replica_only_reads(use, build, serve):
    primary = serve()
    use("--replicaof", f"127.0.0.1 {primary}")
    with pytest.raises(TesseraError, match="only reads") as caught:
        build()
    assert "primary" in caught.value.remedy


def test_a_server_that_went_away_and_came_back(serve, use, build, tiny_encoder):
    own = use()
    client = own.client()
    with pytest.raises(redis.ConnectionError):
        client.shutdown(nosave=True, now=True)
        client.ping()
    with pytest.raises(TesseraError, match="does not answer"):
        build()


def certificate(folder):
    """A self-signed certificate for 127.0.0.1; returns its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "public.pem", folder / "private.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return public, private


class Terminator(socketserver.ThreadingTCPServer):
    """Takes TLS off and passes on what is within: the server from the wheel has no TLS of its own."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, public, private, port):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(public, private)
        self.behind = port
        super().__init__(("127.0.0.1", 0), None)

    def finish_request(self, request, client_address):
        with (
            contextlib.suppress(OSError),
            self.context.wrap_socket(request, server_side=True) as front,
            socket.create_connection(("127.0.0.1", self.behind)) as back,
        ):
            threading.Thread(target=pump, args=(back, front), daemon=True).start()
            pump(front, back)


def pump(source, sink):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)


def test_rediss_is_encrypted_and_checks_the_certificate(serve, build, tmp_path, monkeypatch):
    public, private = certificate(tmp_path)
    proxy = Terminator(public, private, serve("--requirepass", "right"))
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    address = f"rediss://:right@127.0.0.1:{proxy.server_address[1]}"
    try:
        monkeypatch.setenv("REDIS_URL", f"{address}?ssl_ca_certs={public}")
        assert build().stats().documents == 11
        monkeypatch.setenv("REDIS_URL", address)
        with pytest.raises(TesseraError, match=r"(?i)certificate"):
            connection().client()
    finally:
        proxy.shutdown()
        proxy.server_close()


@pytest.mark.parametrize("url", ["http://localhost", "redis://localhost:port", "localhost:6379"])
def test_an_address_that_is_none(url, tmp_path):
    with pytest.raises(TesseraError, match="REDIS_URL"):
        Connection(url, tmp_path).client()


def test_a_node_of_a_cluster_is_spoken_to_as_one(use, build, tiny_encoder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bus = free.getsockname()[1]
    own = use("--cluster-enabled", "yes", "--cluster-port", str(bus))
    port = int(own.url.rpartition(":")[2].partition("/")[0])
    with redis.Redis(port=port) as plain:
        plain.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        deadline = time.monotonic() + 60
        while plain.execute_command("CLUSTER INFO")["cluster_state"] != "ok" and time.monotonic() < deadline:
            time.sleep(0.05)
    assert type(own.client()).__name__ == "RedisCluster"
    store = build()
    query = SearchRequest(
        k=2, vector=tiny_encoder.encode_query("lighthouse"), text="bell", options={"keyword_percent": 9}
    )
    assert len(store.search(query)) == 2
    assert server_facts(own).indexes[0].documents == 11
    cache = AnswerCache(own, "notes", "scope", tiny_encoder)
    cache.keep("Who?", tiny_encoder.encode_query("Who?"), "Oren Pask", (), 5.0)
    assert cache.exact("who")
    assert flush(own, "notes") == 1
    assert np.isfinite([hit.score for hit in store.search(query)]).all()


@pytest.mark.parametrize(
    ("error", "says", "remedy"),
    [
        (redis.ResponseError("MISCONF Redis is configured to save RDB snapshots"), "disk", "room"),
        (redis.BusyLoadingError("LOADING Redis is loading the dataset in memory"), "still reading", "Wait"),
        (redis.ResponseError("NOPERM this user has no permissions"), "allow", "FT"),
        (redis.TimeoutError("Timeout reading from socket"), "does not answer", "REDIS_URL"),
        (redis.ResponseError("something new"), "something new", "version"),
        (redis.ResponseError("Command # 2 (HSET k my-data) of pipeline caused error: odd"), "refused: odd", "version"),
    ],
)
def test_what_redis_says_becomes_a_sentence(error, says, remedy, tmp_path):
    own = Connection("redis://:secret@host:1234", tmp_path)
    with pytest.raises(TesseraError, match=says) as caught, translating_errors(own):
        raise error
    assert remedy in caught.value.remedy and "host:1234" in caught.value.what and "secret" not in str(caught.value)


def test_a_full_disk_under_the_embedded_server_is_named(tmp_path):
    embedded = Connection("", tmp_path)
    (tmp_path / "redis.log").write_text(
        "1:M 01 Jan 2026 # Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...\n"
    )
    error = translated(embedded, redis.ConnectionError("Connection closed by server."))
    assert "disk is full" in error.what and "room" in error.remedy


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_fills_up_costs_nothing_that_was_acknowledged(small_disk):
    own = Connection("", small_disk / "redis")
    written = 0
    with pytest.raises(TesseraError, match="disk is full"), translating_errors(own):
        while written < 100:
            own.client().set(f"key{written}", "x" * 100_000)
            written += 1
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    with translating_errors(own):
        assert own.client().dbsize() == written > 10
    own.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:geh/eim@127.0.0.1:6379",
        "redis://:geh#eim@127.0.0.1:6379",
        "redis://:geh?eim@127.0.0.1:6379",
        "redis://:geheim@127.0.0.1:port",
        "redis://:geheim@127.0.0.1:6379?colour=geheim",
        "redis://:geheim@127.0.0.1:6379?db=geheim",
        "http://:geheim@127.0.0.1:6379",
        "geheim",
    ],
)
def test_an_address_that_cannot_be_read_is_a_sentence_without_it(url, tmp_path):
    with pytest.raises(TesseraError, match="REDIS_URL cannot be read") as caught:
        Connection(url, tmp_path).client()
    assert "geh" not in str(caught.value) and "eim" not in str(caught.value)
