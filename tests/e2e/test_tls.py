# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS and credentials between a node, the command line and servers: what is asked for is done, and what is wrong is said."""
import contextlib
import os
import shutil
import ssl
import subprocess
import tempfile

from cli import CONNECTION, USAGE, Nacre
from harness import Both, NatsServer, Node, check, equal, free_port, wait_for


def certificates(home, **names):
    """Of one authority: one for each, NAME.pem and NAME.key, which bears those names. What is called old has expired."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=home, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.pem")
    for name, borne in names.items():
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        with open(os.path.join(home, f"{name}.ext"), "w", encoding="utf-8") as f:
            f.write(f"subjectAltName={borne}\n")
        openssl("x509", "-req", "-days", "-1" if name.startswith("old") else "2", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


@contextlib.contextmanager
def directory():
    home = tempfile.mkdtemp(prefix="nacre-tls-")
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def asking(home, name, verify=False):
    """A server with that certificate; `verify`: it wants one of its clients, too."""
    return NatsServer(f'tls {{ cert_file: "{home}/{name}.pem", key_file: "{home}/{name}.key", ca_file: "{home}/ca.pem", verify: {str(verify).lower()} }}', scheme="tls")


async def refused_on_both_sides(server, says, env, code=CONNECTION, url=None):
    """The node says so, and does not serve; the command line says so, and ends with that code."""
    node = Node(server, env={**env, "NACRE_NATS_URL": url or server.url}, start=False)
    try:
        node.spawn()
        wait_for(lambda: says in node.log_text(), 20, f"the node says {says!r}")
        check(" ready: " not in node.log_text() and "nats: connected" not in node.log_text(), node.log_text())
        if code == USAGE:
            equal(node.process.wait(20), USAGE, node.log_text())
        ended = await Nacre(url or server.url, **env).fails(code, says, "info", "--timeout", "5s")
        check("secret" not in node.log_text() + ended.err, node.log_text() + ended.err)
    finally:
        node.remove()


async def test_tls_that_a_url_asks_for_is_never_done_without():
    """A server that has none, or somebody on the way who takes it away, is sent no credentials."""
    server = NatsServer()
    try:
        for url in (f"tls://127.0.0.1:{server.port}", f"tls://shop:secret@127.0.0.1:{server.port}"):
            await refused_on_both_sides(server, "Secure Connection not available", {}, url=url)
        node = Node(server, env={"NACRE_NATS_URL": f"nats://127.0.0.1:{server.port}, tls://127.0.0.1:1"}, start=False)
        node.spawn()
        wait_for(lambda: f"Secure Connection not available at 127.0.0.1:{server.port}" in node.log_text(), 20, "one is enough for all")
        node.remove()
    finally:
        server.remove()


async def test_schemes_that_are_not_spoken_are_refused():
    for scheme in ("ws", "wss", "http"):
        node = Node(env={"NACRE_NATS_URL": f"{scheme}://127.0.0.1:1"}, start=False)
        try:
            code, log = node.refuses()
            equal((code, "neither nats nor tls" in log), (USAGE, True), log)
        finally:
            node.remove()
        await Nacre(f"{scheme}://127.0.0.1:1").fails(USAGE, "url: nats:// or tls://", "info")


async def test_what_is_wrong_with_a_certificate_is_said():
    with directory() as home:
        certificates(home, good="IP:127.0.0.1", other="DNS:elsewhere", old="IP:127.0.0.1")
        ca = {"NATS_CA": f"{home}/ca.pem"}
        for name, env, says in [("other", ca, "IP address mismatch:depth=0:cert=/CN=other"), ("old", ca, "certificate has expired:depth=0:cert=/CN=old"),
                                ("good", {}, "unable to get local issuer certificate:depth=0:cert=/CN=good:issuer=/CN=test ca")]:
            server = asking(home, name)
            try:
                await refused_on_both_sides(server, says, env)
            finally:
                server.remove()


async def test_a_certificate_that_a_server_misses_is_said():
    with directory() as home:
        certificates(home, good="IP:127.0.0.1")
        server = asking(home, "good", verify=True)
        try:
            await refused_on_both_sides(server, "if it asks for a certificate", {"NATS_CA": f"{home}/ca.pem"})
        finally:
            server.remove()


async def test_files_of_tls_that_do_not_hold_are_named():
    with directory() as home:
        certificates(home, good="IP:127.0.0.1", client="DNS:client")
        ca, cert = {"NATS_CA": f"{home}/ca.pem"}, {"NATS_CERT": f"{home}/client.pem"}
        server = asking(home, "good")
        try:
            for env, says in [({"NATS_CA": f"{home}/ca.key"}, f"Error loading trusted certificates '{home}/ca.key'"),
                              ({**ca, **cert, "NATS_KEY": f"{home}/good.key"}, f"Error loading private key '{home}/good.key': key values mismatch")]:
                await refused_on_both_sides(server, says, env, USAGE)
        finally:
            server.remove()


async def test_tls_with_client_certificate():
    with tempfile.TemporaryDirectory(prefix="nacre-tls-") as home:
        certificates(home, server="IP:127.0.0.1,DNS:localhost", client="DNS:client")
        config = f'tls {{ cert_file: "{home}/server.pem", key_file: "{home}/server.key", ca_file: "{home}/ca.pem", verify: true }}'
        context = ssl.create_default_context(cafile=f"{home}/ca.pem")
        context.load_cert_chain(f"{home}/client.pem", f"{home}/client.key")
        env = {"NATS_CA": f"{home}/ca.pem", "NATS_CERT": f"{home}/client.pem", "NATS_KEY": f"{home}/client.key"}
        async with Both(config, scheme="tls", user={"tls": context}, env=env) as b:
            equal((await b.client.append("s"))["seq"], 1)


async def joined_by_address(borne, said):
    """A node whose server, reached as localhost, tells it of another by its address alone, and ends; what it says then of the other,
    whose certificate bears the name `borne`."""
    home = tempfile.mkdtemp(prefix="nacre-tls-")
    servers, node = [], None
    try:
        certificates(home, s0="DNS:localhost", s1=f"DNS:{borne}")
        routes = [free_port(), free_port()]
        for i, port in enumerate(routes):
            tls = f'tls {{ cert_file: "{home}/s{i}.pem", key_file: "{home}/s{i}.key" }}'
            joined = f"cluster {{ name: c, listen: 127.0.0.1:{port}, routes: ['nats-route://127.0.0.1:{routes[1 - i]}'] }}"
            servers.append(NatsServer(f"server_name: s{i}\n{tls}\n{joined}", scheme="tls"))
        node = Node(servers[0], env={"NACRE_NATS_URL": f"tls://localhost:{servers[0].port}", "NATS_CA": f"{home}/ca.pem"})
        wait_for(lambda: "Route connection created" in open(os.path.join(servers[0].home, "server.log")).read(), 20, "the servers are joined")
        servers[0].stop()
        wait_for(lambda: said(node.log_text()), 20, "it says so: " + node.log_text()[-300:])
        return node.log_text()
    finally:
        if node:
            node.remove()
        for server in servers:
            server.remove()
        shutil.rmtree(home, ignore_errors=True)


async def test_tls_with_a_server_that_is_known_by_its_address_alone():
    """Its certificate has to bear the name by which the node reached the one that told of it."""
    await joined_by_address("localhost", lambda log: "nats: reconnected" in log)


async def test_tls_with_a_server_that_is_known_by_its_address_and_bears_another_name_is_refused():
    log = await joined_by_address("elsewhere", lambda log: "not connected: SSL" in log)
    check("nats: reconnected" not in log, log)


async def test_credentials_that_cannot_be_sent_or_read_are_said():
    with directory() as home:
        with open(f"{home}/user.creds", "w", encoding="utf-8") as f:
            f.write("a secret without a seed\n")
        server = NatsServer('authorization { user: u, password: "a\\"b" }')
        try:
            await refused_on_both_sides(server, "a quotation mark, a backslash or a control character", {"NATS_USER": "u", "NATS_PASSWORD": 'a"secret'}, USAGE)
            await refused_on_both_sides(server, f"no nkey user seed found in '{home}/user.creds'", {"NATS_CREDS": f"{home}/user.creds"})
        finally:
            server.remove()
