"""Tries the API with what Schemathesis makes of the API's own description.

    python3 .ci/schemathesis/run.py TARGET_FOLDER TENANTRY

Starts `tenantry dev` in a folder of its own, on any free port, makes an organization with a manager and a customer, and something of each
kind in it, and has Schemathesis go through all operations as each of the two. It ends with 0 if nothing was found. Schemathesis lives in
the target folder, at the versions of requirements.txt beside this file.
"""

import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
# How long the server may take to start, in seconds; the first time it fetches PostgreSQL and Temporal.
PATIENCE = 300
# How many requests are made up for an operation, and how many walks along links.
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "20")
QUOTE = """\
document: {dsl: '1.0.3', namespace: acme, name: quote, version: '1.0.0'}
do:
  - price: {set: {total: '${ .amount * 2 }'}}
"""


def schemathesis(target):
    """The program, installed if these versions are not yet."""
    if sys.version_info < (3, 10):
        sys.exit("schemathesis needs Python 3.10 or later")
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = target / "schemathesis" / digest
    program = folder / "bin" / "schemathesis"
    if not (folder / "installed").exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        except subprocess.CalledProcessError:
            sys.exit("python3 lacks its module venv, which has a package of its own on some systems (python3-venv)")
        pip = [folder / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "--no-deps", "--requirement", REQUIREMENTS], check=True)
        (folder / "installed").touch()
    return program


class Server:
    """A server of its own, from nothing."""

    def __init__(self, tenantry, folder):
        self.log = folder / "log"
        self.ready = folder / "ready.json"
        command = [tenantry, "dev", "--home", folder / "home", "--http-addr", "127.0.0.1:0", "--ready-file", self.ready]
        command += ["--trusted-proxies", "127.0.0.0/8"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TENANTRY_")}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def wait(self):
        """Where it serves, and its admin's key."""
        for _ in range(PATIENCE * 10):
            if self.process.poll() is not None:
                sys.exit(f"the server ended:\n{self.log.read_text()}")
            if self.ready.exists():
                ready = json.loads(self.ready.read_text())
                return ready["url"], ready["admin_api_key"]
            time.sleep(0.1)
        sys.exit(f"the server does not start:\n{self.log.read_text()}")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def errors(self):
        """What it wrote of faults of its own."""
        return [line for line in self.log.read_text().splitlines() if " ERROR " in line]


class Caller:
    """Somebody with a key."""

    def __init__(self, url, key):
        self.url, self.key = url, key

    def ask(self, method, path, body=None, content_type="application/json"):
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        headers = {"authorization": f"Bearer {self.key}", "content-type": content_type}
        request = urllib.request.Request(
            f"{self.url}/api/v0{path}", method=method, headers=headers, data=data and data.encode()
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.read().decode()}")

    def member(self, org, role):
        """A new user of this role."""
        user = {"email": f"{role}@acme.example", "name": f"A {role}", "role": role}
        user = self.ask("POST", f"/organizations/{org}/users", user)
        key = self.ask("POST", f"/users/{user['id']}/api-keys", {"name": "schemathesis"})
        return Caller(self.url, key["secret"])


def tenant(admin):
    """An organization with a manager and a customer, and something of each kind in it."""
    org = admin.ask("POST", "/organizations", {"slug": "acme", "name": "Acme"})["slug"]
    while admin.ask("GET", f"/organizations/{org}")["status"] != "active":
        time.sleep(0.1)
    many = {"users": 10000, "api_keys": 10000, "workflows": 10000, "schedules": 10000, "starts_per_second": 10000}
    admin.ask("PUT", f"/organizations/{org}/quotas", many)
    manager, customer = admin.member(org, "manager"), admin.member(org, "customer")
    manager.ask("PUT", "/workflows/quote", QUOTE, "application/yaml")
    manager.ask("POST", "/schedules", {"workflow": "quote", "spec": {"every_seconds": 86400}})
    customer.ask("POST", "/workflows/quote/executions", {"input": {"amount": 3}})
    return org, {"manager": manager, "customer": customer}


def main():
    target, tenantry = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    program = schemathesis(target)
    seed = os.environ.get("SCHEMATHESIS_SEED", str(random.randrange(1 << 32)))
    failed = []
    with tempfile.TemporaryDirectory(prefix="tenantry-schemathesis-") as folder:
        server = Server(tenantry, pathlib.Path(folder))
        try:
            url, key = server.wait()
            org, callers = tenant(Caller(url, key))
            for number, (role, caller) in enumerate(callers.items(), start=1):
                print(f"as {role}: SCHEMATHESIS_SEED={seed} repeats this", flush=True)
                command = [program, "--config-file", HERE / "config.toml", "run", f"{url}/api/v0/openapi.json"]
                command += ["--seed", seed, "--max-examples", EXAMPLES, "--no-color"]
                # From an address of its own, of which each may present so many keys in a minute that are worth nothing.
                command += ["--header", f"X-Forwarded-For: 192.0.2.{number}"]
                environment = {**os.environ, "TENANTRY_API_KEY": caller.key, "TENANTRY_ORG": org}
                if subprocess.run(command, env=environment, cwd=folder).returncode != 0:
                    failed.append(role)
        finally:
            server.stop()
        errors = server.errors()
    if errors:
        print("the server wrote of faults of its own:", *errors[:20], sep="\n")
    if failed or errors:
        sys.exit(f"schemathesis found something as {' and '.join(failed)}" if failed else 1)


main()
