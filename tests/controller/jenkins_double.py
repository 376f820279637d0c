"""An HTTP server with what the gateway needs of a Jenkins: sign-in by token, crumbs, /scriptText, the list of plugins.

Its /scriptText runs no Groovy: it does with the stage's file what its `stages` say, as a stage would leave it.
"""

import base64
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

CRUMB = "not-a-real-crumb"


class Double:
    def __init__(self):
        self.user, self.token = "_jenkins-bootstrap", "not-a-real-token"
        self.up, self.status, self.wants_crumb = True, {}, True
        self.stages = lambda name, file: {"stage": name, "seconds": 0.25, "changed": True, "changes": ["something"]}
        self.scripts, self.ran = [], []
        self.answer = None
        self.url = ""

    def run(self, script):
        self.scripts.append(script)
        if self.answer is not None:
            return self.answer
        file, result = (Path(text) for text in re.findall(r"Paths\.get\('([^']*)'\)", script))
        name = result.name.removesuffix(".json")
        self.ran.append(name)
        said = self.stages(name, file)
        if said is not None:
            result.write_text(json.dumps(said))
        return f"what a stage prints\njenkins-bootstrap-result {json.dumps(said or {})}\n"


def handler(double):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def say(self, status, text, kind="application/json", jenkins=True):
            raw = text.encode()
            self.send_response(status)
            if jenkins:
                self.send_header("X-Jenkins", "2.516.2")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def refused(self, path):
            wanted = base64.b64encode(f"{double.user}:{double.token}".encode()).decode()
            if self.headers.get("Authorization") != f"Basic {wanted}":
                self.say(401, "<html>Invalid password/token</html>", "text/html")
                return True
            if path in double.status:
                self.say(double.status[path], "<html>not-a-real-secret-canary</html>", "text/html")
                return True
            return False

        def do_GET(self):
            path = self.path.partition("?")[0]
            if path == "/login":
                self.say(200 if double.up else 503, "<html></html>", "text/html", jenkins=double.up)
            elif not self.refused(path):
                answers = {
                    "/crumbIssuer/api/json": {"crumb": CRUMB, "crumbRequestField": "Jenkins-Crumb"},
                    "/api/json": {"mode": "NORMAL"},
                    "/pluginManager/api/json": {
                        "plugins": [
                            {"shortName": "github", "version": "1.45.0", "active": False},
                            {"shortName": "ec2", "version": "2059", "active": True},
                        ]
                    },
                }
                self.say(200 if path in answers else 404, json.dumps(answers.get(path, {})))

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if self.refused(self.path):
                return
            if double.wants_crumb and self.headers.get("Jenkins-Crumb") != CRUMB:
                self.say(403, "<html>No valid crumb was included in the request</html>", "text/html")
                return
            self.say(200, double.run(parse_qs(body)["script"][0]), "text/plain")

    return Handler


@contextmanager
def serving(double):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(double))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
